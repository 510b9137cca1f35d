"""What a format of conda's is: one value with the names of its files, how to write and to read it.

A new format is a module with such a value, and its line in `formats/__init__.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accelock.conda.header import Stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from accelock.conda.plan import Environment
    from accelock.conda.record import Record
    from accelock.conda.solved import Solved
    from accelock.targets import Platform, Target

__all__ = ["LOCK_SUFFIX", "Body", "File", "Format", "Part", "environment_name", "joined"]

#: mamba takes any other name for an environment without packages, and makes that with exit code 0.
LOCK_SUFFIX = "-lock.yml"


@dataclass(frozen=True, slots=True)
class Part:
    """What one file holds: one environment, one on one platform, or all; `project` is its name."""

    solved: tuple[Solved, ...]
    platform: Platform | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A file's own lines, and lines for people, which stand above them as comments."""

    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A format of conda's files, each of which begins with our stamp in comments (`#`).

    `name` stands in the stamp and in `--format`, and `says` in its help. `holds` is what one file
    is for. `file_name` takes a target (None: there are none), a group and, where a file is for one,
    a platform. `body` renders, and `read` gives the packages by platform: it takes the text and the
    file's name, for messages. `is_source` tells that users write such files themselves, which are
    not written over. `suffix` is an end of the name that its readers insist on, for `why_suffix`.
    """

    name: str
    says: str
    holds: Literal["environment", "platform", "project"]
    file_name: Callable[[Target | str | None, str | None, Platform | None], str]
    body: Callable[[Part], Body]
    read: Callable[[str, str], Mapping[Platform, tuple[Record, ...]]] | None = None
    on_request: bool = True
    is_source: bool = False
    suffix: str = ""
    why_suffix: str = ""

    @property
    def option(self) -> str:
        """Return how to ask `accelock conda lock` for it."""
        return f" --format {self.name}" if self.on_request else ""

    def files(self, environments: Iterable[Environment]) -> Iterator[File]:
        """Return the files that a project's environments have in this format."""
        everything = tuple(environments)
        if self.holds == "project":
            yield File(self, None, None, None, everything)
            return
        for each in everything:
            for platform in each.platforms if self.holds == "platform" else (None,):
                yield File(self, each.target, each.group, platform, (each,))

    def render(self, part: Part) -> str:
        """Return the text of one file, its stamp included."""
        body = self.body(part)
        first = part.solved[0] if self.holds != "project" else None
        target = first.target.name if first is not None and first.target is not None else None
        inputs = {
            self.key(solved, platform): digest
            for solved in part.solved
            for platform, digest in solved.digests.items()
            if part.platform in (None, platform)
        }
        stamp = Stamp(self.name, target, first.group if first is not None else None, inputs)
        return stamp.on(body.text, body.notes, self.option)

    def key(self, of: Environment | Solved, platform: Platform) -> str:
        """Return what a stamp calls an environment's solve for one platform."""
        subdir = platform.conda_subdir
        if self.holds != "project":
            return subdir
        return f"{environment_name(of.target, of.group)}/{subdir}"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a project in one format, and the environments that it holds."""

    format: Format
    target: Target | None
    group: str | None
    platform: Platform | None
    environments: tuple[Environment, ...]

    @property
    def name(self) -> str:
        """Return the file's name in the project's folder."""
        return self.format.file_name(self.target, self.group, self.platform)

    def is_of(self, stamp: Stamp) -> bool:
        """Tell whether a stamp is of this file, whatever the name under which it was found."""
        target = self.target.name if self.target is not None else None
        return (
            (stamp.kind, stamp.target, stamp.group) == (self.format.name, target, self.group)
            and (self.platform is None or self.platform.conda_subdir in stamp.inputs)
        )  # fmt: skip

    def keys(self, of: Environment) -> dict[str, str]:
        """Return what the stamp calls each platform of an environment, with its conda subdir."""
        platforms = of.platforms if self.platform is None else (self.platform,)
        return {self.format.key(of, each): each.conda_subdir for each in platforms}

    def render(self, solved: Sequence[Solved], project: str | None = None) -> str:
        """Return its text, its stamp included.

        :param solved: the environments that it holds.
        :param project: the project's name, where it has one.
        """
        return self.format.render(Part(tuple(solved), self.platform, project))


def environment_name(target: Target | str | None, group: str | None = None) -> str:
    """Return the name of an environment where one file has several: small letters, digits and -."""
    first = str(target) if target is not None else "default"
    return (f"{first}-{group}" if group is not None else first).replace(".", "-")


def joined(first: str, target: Target | str | None, group: str | None) -> str:
    """Return the words that there are of them, with `-` between: `conda-cpu-dev`."""
    return "-".join((first, *(str(word) for word in (target, group) if word is not None)))
