"""A finding, and a report of many: frozen values that print as lines or as JSON."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelock.commands.screen import Screen

_FORMAT = 1


class Level(enum.Enum):
    """How bad a finding is: an error fails the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    `code` is a word for scripts, which stays the same over releases; `file` a path with `/`, or
    None where no one file is at fault; `what` says what is wrong, `todo` what to do about it.
    """

    code: str
    level: Level
    file: str | None
    what: str
    todo: str

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        return f"{where}{self.level.value}: {self.what} [{self.code}]; {self.todo}"

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield the finding for a terminal: where, then what is wrong, then what to do."""
        where = f"  {screen.name(self.file)}" if self.file else ""
        yield f"{screen.word(self.level.value)}{where}"
        yield from screen.wrapped(f"{self.what} [{self.code}]", indent=2)
        yield from screen.wrapped(f"to do: {self.todo}", indent=2)

    def as_json(self) -> dict[str, str | None]:
        """Return the finding as a JSON object."""
        return {
            "code": self.code,
            "level": self.level.value,
            "file": self.file,
            "what": self.what,
            "todo": self.todo,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The files that were checked (paths with `/`), and what was found, in the order to print."""

    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 1 when there is an error among the findings, else 0."""
        return int(any(finding.level is Level.ERROR for finding in self.findings))

    def lines(self) -> Iterator[str]:
        """Yield the report as text: a line for each finding, then what was checked."""
        yield from map(str, self.findings)
        if self.files:
            count = len(self.files)
            noun = "file" if count == 1 else "files"
            told = self.counts or "fresh and complete"
            yield f"{count} {noun} checked ({', '.join(self.files)}): {told}"

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield the report for a terminal: each file with how it is, and each finding."""
        for number, finding in enumerate(self.findings):
            yield from [""] if number else []
            yield from finding.on_screen(screen)
        if self.files:
            yield from [""] if self.findings else []
            yield from screen.table([(worst(self.findings, name), name) for name in self.files])
            count = len(self.files)
            told = self.counts or "fresh and complete"
            yield f"{count} {'file' if count == 1 else 'files'} checked: {told}"

    def dumps(self) -> str:
        """Return the report as JSON: `format`, `files`, `findings`."""
        findings = [finding.as_json() for finding in self.findings]
        document = {"format": _FORMAT, "files": self.files, "findings": findings}
        return json.dumps(document, indent=2)

    @property
    def counts(self) -> str:
        """Return how many errors and warnings there are, in words; empty where there are none."""
        counts = {
            level: sum(finding.level is level for finding in self.findings) for level in Level
        }
        return ", ".join(
            f"{count} {level.value}{'' if count == 1 else 's'}"
            for level, count in counts.items()
            if count
        )


def worst(findings: Iterable[Finding], file: str) -> str:
    """Return how a file is: `error`, `warning`, or `ok` where nothing was found in it."""
    levels = {finding.level for finding in findings if finding.file == file}
    return next((level.value for level in Level if level in levels), "ok")
