"""What the readers return: findings, what they come to in [tool.accelock], and the new texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, order=True)
class Observation:
    """Something that a project says of hardware by hand, or that is in the way of moving it in.

    :param file: its name, as a posix path from the project's folder.
    :param line: counts from 1.
    :param what: what stands there.
    :param becomes: what comes in its place, or what there is to do.
    :param is_open: nothing may be changed before a person has decided it.
    """

    file: str
    line: int
    what: str
    becomes: str
    is_open: bool = False

    def __str__(self) -> str:
        """Return the line for a user, which may hold the credentials of a URL."""
        return f"{self.file}:{self.line}: {self.what}: {self.becomes}"


@dataclass
class Reading:
    """What some files say by hand, and what becomes of it.

    :param targets: each with the finding that says so first.
    :param sources: family -> where it is read, as `[tool.accelock.sources]` has it, with the
        finding; the family's own index is not among them.
    :param dependencies: target -> name -> values, as `[tool.accelock.target.X.dependencies]` has
        them, each with its finding; two of them contradict one another.
    :param edits: file -> its new text, or None: it goes.
    :param locked: the files that are compiled from now on.
    :param renamed: a file that goes, or that was compiled from it -> the one in its place.
    """

    findings: list[Observation] = field(default_factory=list)
    targets: dict[str, Observation] = field(default_factory=dict)
    sources: dict[str, dict[str, Observation]] = field(default_factory=dict)
    dependencies: dict[str, dict[str, list[tuple[Any, Observation]]]] = field(default_factory=dict)
    edits: dict[str, str | None] = field(default_factory=dict)
    locked: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def take(self, finding: Observation, target: str | None = None) -> None:
        """Add a finding, and the target that it is for."""
        self.findings.append(finding)
        if target is not None:
            self.targets.setdefault(target, finding)

    def depend(self, target: str, name: str, value: Any, finding: Observation) -> None:
        """Let a target ask for a package, beside what all ask for."""
        self.findings.append(finding)
        values = self.dependencies.setdefault(target, {}).setdefault(name, [])
        if all(value != known for known, _ in values):
            values.append((value, finding))

    def add(self, others: Iterable[Reading]) -> None:
        """Add what other readings have."""
        for other in others:
            self.findings += other.findings
            for target, finding in other.targets.items():
                self.targets.setdefault(target, finding)
            for family, templates in other.sources.items():
                for template, finding in templates.items():
                    self.sources.setdefault(family, {}).setdefault(template, finding)
            for target, names in other.dependencies.items():
                for name, values in names.items():
                    known = self.dependencies.setdefault(target, {}).setdefault(name, [])
                    known += [each for each in values if each[0] not in [v for v, _ in known]]
            self.edits.update(other.edits)
            self.locked += other.locked
            self.renamed.update(other.renamed)

    @property
    def open(self) -> list[Observation]:
        """Return what a person has to decide first."""
        return [finding for finding in self.findings if finding.is_open]
