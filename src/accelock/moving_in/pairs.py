"""A requirements.in for each accelerator (requirements-cpu.in, requirements-gpu.in), as one file.

What all of them ask for goes into one requirements.in. What one asks for alone is what
`[tool.accelock.target.X.dependencies]` is there for; where anything else differs, they stay.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from accelock.locks import requirements
from accelock.locks.requirements import logical_lines
from accelock.moving_in.by_hand import WORD, target_of
from accelock.moving_in.dependencies import table_value
from accelock.moving_in.lines import without
from accelock.moving_in.model import Observation, Reading
from accelock.moving_in.pyproject import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelock.catalogue import Catalogue
    from accelock.locks.requirements import Line
    from accelock.moving_in.inputs import Input

_REFERENCE = re.compile(r"(-r|-c|--requirement|--constraint)[ =]\s*(?P<path>\S+)$")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a pair, and the word in its name that tells it from the others."""

    input: Input
    word: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.input.name


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files or more whose names differ in such a word alone, and the one that they become."""

    base: str
    members: tuple[Member, ...]

    def read(
        self, catalogue: Catalogue, meant: Mapping[str, str], inputs: Mapping[str, Input]
    ) -> Reading:
        """Return what the files come to together.

        :param meant: by word, such as `gpu`, the target that it stands for in this project.
        :param inputs: all that there are: the file that they become may be there, and be included.
        """
        found = Reading()
        for member in self.members:
            found.add([Reading(list(member.input.findings), sources=member.input.sources)])
        targets = {m.name: self._target(m, catalogue, meant, found) for m in self.members}
        for name, count in Counter(targets.values()).items():
            if name is not None and count > 1:
                self._stop(found, self.members[0].name, 1, f"two files of a pair are for {name}")
        for member in self.members:
            if (target := targets[member.name]) is not None:
                what, todo = f"the part of a pair for {target}", f"{self.base}; the file goes"
                found.take(Observation(member.name, 1, what, todo), target)
                found.renamed[member.name] = self.base
                compiled = PurePosixPath(self.base).with_suffix(f".{target}.txt").as_posix()
                found.renamed[PurePosixPath(member.name).with_suffix(".txt").as_posix()] = compiled
        if not found.open:
            self._merge(found, {m: str(targets[m.name]) for m in self.members}, inputs)
        return found

    def _stop(self, found: Reading, file: str, line: int, what: str) -> None:
        others = ", ".join(member.name for member in self.members if member.name != file)
        todo = f"so it stays separate from {others}; change that by hand"
        found.take(Observation(file, line, what, todo, is_open=True))

    @staticmethod
    def _target(
        member: Member, catalogue: Catalogue, meant: Mapping[str, str], found: Reading
    ) -> str | None:
        """Return the target that a file is for, by what it says, or by its name."""
        said, named = member.input.targets, target_of(member.word, catalogue)
        if len(said) > 1 or (said and named and named not in said):
            line = min(finding.line for finding in said.values())
            todo = f"the name of the file says {member.word}; correct that by hand"
            found.take(Observation(member.name, line, f"for {', '.join(said)}", todo, is_open=True))
            return None
        if said or named:
            return next(iter(said), named)
        if member.word in meant:
            return meant[member.word]
        what = (
            f"the part of a pair for {member.word}, and accelock cannot tell which target that is"
        )
        todo = "name the targets: accelock init cpu cu126 (the CUDA of the torch in its lock)"
        found.take(Observation(member.name, 1, what, todo, is_open=True))
        return None

    def _merge(
        self, found: Reading, targets: Mapping[Member, str], inputs: Mapping[str, Input]
    ) -> None:
        """Write the common lines into one file, and what is left to its target's table."""
        lines = {member: _keyed(member.input.clean, self) for member in self.members}
        common = set.intersection(*(set(each) for each in lines.values()))
        for member, target in targets.items():
            for key, line in lines[member].items():
                if key not in common:
                    self._of_one_target(found, member, target, line)
        base = inputs.get(self.base)
        included = f"-r {PurePosixPath(self.base).name}"
        if base is not None and included not in common:
            self._stop(found, self.base, 1, f"is there, and not all of the pair have {included!r}")
        elif base is not None and base.findings:
            self._stop(found, self.base, base.findings[0].line, "says itself what it is for")
        if found.open:
            return
        first = self.members[0]
        text = _only(first.input.clean, common - ({included} if base else set()), self)
        if base is not None:
            there = {line for line in text.splitlines() if line.strip()}
            text = f"{base.clean.rstrip()}\n{text}" if there else base.clean
        found.edits[self.base] = text
        found.edits.update(dict.fromkeys(m.name for m in self.members if m.name != self.base))
        found.locked.append(self.base)

    def _of_one_target(self, found: Reading, member: Member, target: str, line: Line) -> None:
        """Note a line that one file has alone, or has otherwise than the others."""
        pins = requirements.parse(line.text, member.name).pins
        asked, options = requirements.without_flags(line.text)
        number = line.first
        if not pins or pins[0].url or options or not pins[0].name:
            self._stop(found, member.name, number, f"{line.text}, which not all of the pair have")
            return
        what = f"{line.text}, which not all of the pair have"
        finding = Observation(member.name, number, what, f"[{table_of(target)}.dependencies]")
        found.depend(target, pins[0].name, table_value(Requirement(asked)), finding)


def find_pairs(inputs: Mapping[str, Input]) -> tuple[Pair, ...]:
    """Return the files that belong together by their names."""
    groups: dict[str, list[Member]] = {}
    for name, each in sorted(inputs.items()):
        path = PurePosixPath(name)
        words = WORD.findall(path.stem)
        if len(words) == 1:
            base = path.with_name(f"{_common_stem(path.stem)}.in").as_posix()
            groups.setdefault(base, []).append(Member(each, words[0].lower()))
    return tuple(
        Pair(base, tuple(sorted(members, key=lambda member: member.word != "cpu")))
        for base, members in groups.items()
        if len(members) > 1
    )


def meant_by(pairs: Iterable[Pair], words: Sequence[str]) -> dict[str, str]:
    """Return the target that each word in names stands for, where it is one in all files.

    :param words: the targets that the user names: one that is not cpu is meant by all others.
    """
    members = [member for pair in pairs for member in pair.members]
    accelerated = [word for word in words if word != "cpu"]
    found: dict[str, str] = {}
    for word in {member.word for member in members}:
        said = {target for m in members if m.word == word for target in m.input.targets}
        if len(said or accelerated) == 1:
            found[word] = (list(said) or accelerated)[0]
    return found


def blocked(pairs: Iterable[Pair], inputs: Mapping[str, Input]) -> Iterator[Observation]:
    """Yield the lines of other files that name a file of a pair, which would be gone."""
    gone = {member.name: pair for pair in pairs for member in pair.members}
    for name, each in inputs.items():
        if name in gone:
            continue
        for line in logical_lines(each.text):
            path = _referred(line.text)
            if path and (pair := gone.get(_beside(name, path))):
                what = f"{line.text}, a file of a pair"
                yield Observation(
                    name, line.first, what, f"name {pair.base} here first", is_open=True
                )


def also_compiled(
    pairs: Iterable[Pair], inputs: Mapping[str, Input], targets: Iterable[str]
) -> Iterator[Observation]:
    """Yield the other inputs that do not have the lines of a pair, and are to have its packages.

    :param targets: those with dependencies of their own, which count in each compile.
    """
    tables = ", ".join(f"[{table_of(target)}.dependencies]" for target in targets)
    of_pairs = {member.name for pair in pairs for member in pair.members}
    bases = {pair.base for pair in pairs}
    for name, each in inputs.items():
        if tables and name not in of_pairs | bases and not layers(name, each.text) & bases:
            yield Observation(name, 1, "no file of a pair", f"its compiled files have {tables} too")


def layers(name: str, text: str) -> set[str]:
    """Return the inputs that one is built on: what it includes, and what its constraints are of."""
    paths = (_referred(line.text) for line in logical_lines(text))
    found = (PurePosixPath(_beside(name, path)) for path in paths if path)
    return {path.with_suffix(".in").as_posix() for path in found}


def _keyed(text: str, pair: Pair) -> dict[str, Line]:
    """Return the lines of a text by what they say, whatever spaces and comments they have."""
    return {_key(line, pair): line for line in logical_lines(text)}


def _key(line: Line, pair: Pair) -> str:
    if line.text.startswith("-"):
        reference = _REFERENCE.match(line.text)
        if reference is None:
            return " ".join(line.text.split())
        long = reference[1].startswith("--")
        flag = f"-{reference[1][2]}" if long else reference[1]
        return f"{flag} {_in_common(reference['path'], pair)}"
    pin = requirements.parse(line.text).pins[0]
    options = requirements.without_flags(line.text)[1]
    return repr((pin.name, pin.extras, pin.specifier, pin.marker, pin.url, options))


def _in_common(path: str, pair: Pair) -> str:
    """Return what a reference to a file of the same accelerator is in the file of all of them."""
    words = {member.word for member in pair.members}
    at = PurePosixPath(path)
    found = WORD.findall(at.stem)
    if len(found) != 1 or found[0].lower() not in words:
        return path
    return at.with_name(f"{_common_stem(at.stem)}{at.suffix}").as_posix()


def _common_stem(stem: str) -> str:
    """Return a name without the word for an accelerator and the sign before it."""
    return re.sub(r"[-_.]?\0", "", WORD.sub("\0", stem, count=1)).strip("-_.") or "requirements"


def _only(text: str, keys: set[str], pair: Pair) -> str:
    """Return a text without the lines that say anything else; references are those in common."""
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for line in logical_lines(text):
        key = _key(line, pair)
        numbers = range(line.first - 1, line.last)
        if key not in keys:
            gone.update(numbers)
        elif _referred(line.text):
            end = lines[line.first - 1]
            lines[line.first - 1] = key + end[len(end.rstrip("\r\n")) :]
    return "".join(without(lines, gone))


def _referred(text: str) -> str | None:
    reference = _REFERENCE.match(text)
    return reference["path"] if reference else None


def _beside(name: str, path: str) -> str:
    return PurePosixPath(name).with_name(path).as_posix() if "/" not in path else path
