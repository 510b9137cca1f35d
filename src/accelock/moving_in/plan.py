"""The whole of a project: what its files say by hand, joined, and the files as they are to be."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from accelock.catalogue.source import Source
from accelock.errors import AccelockError
from accelock.locks.requirements import RequirementsError
from accelock.moving_in.choices import read_tables
from accelock.moving_in.elsewhere import read_elsewhere, read_uv
from accelock.moving_in.inputs import read_input
from accelock.moving_in.lines import line_of
from accelock.moving_in.model import Observation, Reading
from accelock.moving_in.pairs import also_compiled, blocked, find_pairs, layers, meant_by
from accelock.moving_in.poetry_tables import PoetryTables
from accelock.moving_in.pyproject import (
    FILE,
    Edit,
    TextFile,
    below,
    edited,
    key_of,
    table_of,
    targets_table,
    value_of,
)
from accelock.settings.poetry_project import is_poetry_project
from accelock.settings.settings import parse_config
from accelock.targets import sort_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.catalogue import Catalogue
    from accelock.moving_in.inputs import Input


_REQUIREMENTS = re.compile(r"require", re.IGNORECASE)


@dataclass(frozen=True)
class Proposal:
    """What moving a project in comes to.

    :param findings: by file and line; where one is open, nothing is to be changed.
    :param edits: file -> its new text, or None: it goes.
    :param next: the commands to run then.
    """

    findings: tuple[Observation, ...]
    edits: Mapping[str, str | None] = field(default_factory=dict)
    next: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Observation, ...]:
        """Return what a person has to decide first."""
        return tuple(finding for finding in self.findings if finding.is_open)


def plan(
    files: Mapping[str, TextFile],
    catalogue: Catalogue,
    words: Sequence[str] = (),
    others: Mapping[str, str] | None = None,
) -> Proposal:
    """Return what the files of a project say by hand, and what they are to be.

    :param files: by name: a pyproject.toml, and the inputs of pip-compile (`*.in`).
    :param words: targets to declare beside those that are found, the first ones.
    :param others: the texts of files that are only looked at, by name.
    :raises AccelockError: a file is none that can be read or changed, or [tool.accelock] has
        faults.
    """
    pyproject = files.get(FILE) or TextFile(pathlib.Path(FILE), "")
    data, is_poetry = pyproject.data, is_poetry_project(pyproject.data)
    told = [*words, *_declared(data, catalogue)]
    inputs = _inputs(files, catalogue)
    whole = Reading()
    whole.add(_readings(inputs, catalogue, told))
    tables = PoetryTables(pyproject.text, data, catalogue)
    read_tables(tables, told)
    whole.add([tables.reading])
    targets = list(dict.fromkeys([*words, *(t.name for t in sort_targets(whole.targets))]))
    new = AccelockTable(pyproject, whole, targets)
    changes = [*new.edits(), *tables.edits.values()]
    known = list(dict.fromkeys([*told, *targets]))
    whole.findings += read_elsewhere(
        others or {}, catalogue, known, whole.renamed, is_poetry=is_poetry
    )
    whole.findings += read_uv(pyproject.text, data, catalogue)
    if whole.open:
        return Proposal(tuple(sorted(whole.findings)))
    file = edited(pyproject, changes) if changes else pyproject
    file = file.appended(new.block) if new.block else file
    _declared(file.data, catalogue)
    texts = {name: each.text for name, each in files.items()}
    whole.edits |= {FILE: file.text} if file.text else {}
    changed = {name: text for name, text in whole.edits.items() if texts.get(name) != text}
    final = {**texts, **whole.edits}
    there = {n: t for n in [*inputs, *whole.locked] if (t := final[n]) is not None}
    commands = ["poetry lock"] if is_poetry else []
    commands += [f"accelock compile {name}" for name in _compiled(there, whole.locked)]
    return Proposal(tuple(sorted(whole.findings)), changed, tuple(commands or ["accelock compile"]))


def _declared(data: Any, catalogue: Catalogue) -> list[str]:
    """Return the targets that [tool.accelock] declares.

    :raises AccelockError: it has faults.
    """
    table = below(data, *TABLE)
    if not isinstance(table, dict):
        raise AccelockError(f"{FILE}: tool.accelock must be a table")
    return [target.name for target in parse_config(table, FILE, catalogue).targets]


def _inputs(files: Mapping[str, TextFile], catalogue: Catalogue) -> dict[str, Input]:
    """Return the inputs of pip-compile; a file that is no such thing and has no such name is none.

    :raises RequirementsError: one has a line that is no requirement.
    """
    inputs: dict[str, Input] = {}
    for name, file in files.items():
        if PurePosixPath(name).suffix == ".in":
            try:
                inputs[name] = read_input(name, file.text, catalogue)
            except RequirementsError:
                if _REQUIREMENTS.search(name):
                    raise
    return inputs


def _readings(
    inputs: Mapping[str, Input], catalogue: Catalogue, words: Sequence[str]
) -> Iterable[Reading]:
    """Return what the inputs say: pairs together, each other one by itself."""
    pairs = find_pairs(inputs)
    meant = meant_by(pairs, words)
    yield Reading(list(blocked(pairs, inputs)))
    read = [pair.read(catalogue, meant, inputs) for pair in pairs]
    yield from read
    own = dict.fromkeys(target for each in read for target in each.dependencies)
    yield Reading(list(also_compiled(pairs, inputs, own)))
    taken = {pair.base for pair in pairs} | {m.name for pair in pairs for m in pair.members}
    for name, each in inputs.items():
        if name not in taken:
            yield each.reading(tuple(words))


def _compiled(texts: Mapping[str, str], locked: Iterable[str]) -> list[str]:
    """Return the inputs to compile, each behind those that it has as a layer below it.

    :param texts: of the inputs, as they are to be.
    :param locked: those that are for targets; what is built on them is too.
    """
    below_it = {name: layers(name, text) & texts.keys() - {name} for name, text in texts.items()}
    found = set(locked)
    for _ in texts:
        found |= {name for name, under in below_it.items() if under & found}
    order: list[str] = []
    for _ in texts:
        order += [n for n in sorted(found - {*order}) if not below_it[n] & found - {*order}]
    return order


TABLE = ("tool", "accelock")


@dataclass
class AccelockTable:
    """[tool.accelock]: what is missing of it, and where it says otherwise.

    :param block: the lines that come to the end of the file.
    """

    file: TextFile
    whole: Reading
    targets: Sequence[str]
    block: str = ""

    def edits(self) -> list[Edit]:
        """Return the changes of the table that is there."""
        there = below(self.file.data, *TABLE)
        found: list[Edit] = []
        self._targets(there, found)
        self._sources(there, found)
        self._dependencies(there, found)
        return found

    def _stop(self, path: Sequence[str], what: str, finding: Observation | None) -> None:
        lines = self.file.text.splitlines()
        who = f"{finding.file}:{finding.line} asks" if finding is not None else "you ask"
        todo = f"{who} for it; correct one of them by hand"
        at = Observation(FILE, line_of(lines, path), what, todo, is_open=True)
        self.whole.take(at)

    def _targets(self, there: Mapping[str, Any], found: list[Edit]) -> None:
        declared = there.get("targets")
        if declared is None and there and self.targets:
            found.append(Edit((*TABLE, "targets"), list(self.targets)))
        elif declared is None and self.targets:
            self.block += targets_table(self.targets)
        else:
            for target in self.targets:
                if declared is not None and target not in declared:
                    what = f"[tool.accelock] targets = {value_of(declared)}, without {target}"
                    self._stop((*TABLE, "targets"), what, self.whole.targets.get(target))

    def _sources(self, there: Mapping[str, Any], found: list[Edit]) -> None:
        declared = below(there, "sources")
        lines = ""
        for family, templates in self.whole.sources.items():
            first, *others = templates
            if others:
                other = templates[others[0]]
                what = f"{family} has another index too, {others[0]}"
                todo = f"{templates[first].file}:{templates[first].line} has {first}; leave one"
                self.whole.take(Observation(other.file, other.line, what, todo, is_open=True))
            elif family not in declared:
                if declared:
                    found.append(Edit((*TABLE, "sources", family), first))
                else:
                    lines += f"{key_of(family)} = {value_of(first)}\n"
            elif (
                Source(str(declared[family])).without_credentials
                != Source(first).without_credentials
            ):
                path = (*TABLE, "sources", family)
                self._stop(path, f"sources.{family} = {declared[family]}", templates[first])
        if lines:
            self._add("[tool.accelock.sources]", lines)

    def _dependencies(self, there: Mapping[str, Any], found: list[Edit]) -> None:
        for target in self.targets:
            values = self.whole.dependencies.get(target, {})
            declared = below(there, "target", target, "dependencies")
            lines = ""
            for name, [(value, finding), *others] in values.items():
                path = (*TABLE, "target", target, "dependencies", name)
                if others:
                    what = f"{name} for {target} alone, once more: {value_of(others[0][0])}"
                    todo = f"{finding.file}:{finding.line} has {value_of(value)}; leave one"
                    at = others[0][1]
                    self.whole.take(Observation(at.file, at.line, what, todo, is_open=True))
                elif name in declared and declared[name] != value:
                    self._stop(path, f"{name} = {value_of(declared[name])}", finding)
                elif name not in declared and declared:
                    found.append(Edit(path, value))
                elif name not in declared:
                    lines += f"{key_of(name)} = {value_of(value)}\n"
            if lines:
                self._add(f"[{table_of(target)}.dependencies]", lines)

    def _add(self, header: str, lines: str) -> None:
        self.block += f"{chr(10) if self.block else ''}{header}\n{lines}"
