"""[tool.accelock] of a project that is moved in: what it lacks is added, and nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.catalogue.source import Source
from accelock.moving_in.lines import line_of
from accelock.moving_in.model import Observation, Reading
from accelock.moving_in.pyproject import (
    FILE,
    Edit,
    TextFile,
    below,
    key_of,
    table_of,
    targets_table,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
