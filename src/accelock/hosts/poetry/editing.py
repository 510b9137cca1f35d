"""Changing a pyproject.toml: comments and layout stay, and nothing but what was asked for changes.

Poetry's own tables are edited in place with tomlkit. What is new comes at the end of the file as
text, so that no line before it moves.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from accelock import toml
from accelock.errors import AccelockError
from accelock.locks import journal, reference
from accelock.settings.poetry_project import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping, Sequence
    from pathlib import Path

    from accelock.hosts.poetry.fallback import Route
    from accelock.locks.reference import FamilySource
    from accelock.settings.poetry_project import Ask

_BARE = re.compile(r"[A-Za-z0-9_-]+")  # TOML 1.0: other keys are quoted
_POETRY = ("tool", "poetry")


@dataclass(frozen=True, slots=True)
class PyprojectFile:
    """The text of a pyproject.toml with plain newlines, and how its own end."""

    path: Path
    text: str
    newline: str = "\n"

    @classmethod
    def read(cls, path: Path) -> PyprojectFile:
        """Return the file's text.

        :raises AccelockError: it cannot be read.
        """
        try:
            text = path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise AccelockError(f"{path}: cannot be read ({error})") from error
        return cls(path, text.replace("\r\n", "\n"), "\r\n" if "\r\n" in text else "\n")

    @property
    def data(self) -> dict[str, Any]:
        """Return the file's data.

        :raises AccelockError: it is no TOML.
        """
        return toml.parse(self.text, str(self.path))

    def appended(self, block: str) -> PyprojectFile:
        """Return the file with lines at its end.

        :raises AccelockError: they do not fit what stands before; the message has them.
        """
        whole = f"{self.text.rstrip()}\n\n{block}" if self.text.strip() else block
        try:
            toml.parse(whole, str(self.path))
        except toml.TomlError as error:
            raise AccelockError(
                f"{self.path}: these lines cannot be added to it as it is written "
                f"({error}). Nothing was changed; add them by hand:\n{block}"
            ) from error
        return PyprojectFile(self.path, whole, self.newline)

    def write(self) -> None:
        """Write the file, whole or not at all.

        :raises OutputError: it cannot be written.
        """
        content = self.text.replace("\n", self.newline)
        journal.write_all({self.path: content.encode()})


def with_targets(file: PyprojectFile, targets: Sequence[str]) -> PyprojectFile:
    """Return the file with a [tool.accelock] table.

    :raises AccelockError: the file's own layout leaves no place for it.
    """
    return file.appended(f"[tool.accelock]\ntargets = {json.dumps(list(targets))}\n")


def with_routes(file: PyprojectFile, routes: Iterable[Route]) -> PyprojectFile:
    """Return the file with the sources of routes, each dependency naming its own.

    Sources of ours for another target become the leader's.

    :raises AccelockError: the file is written in a way that this cannot edit.
    """
    try:
        document = tomlkit.parse(file.text)
    except TOMLKitError as error:
        raise AccelockError(f"{file.path}: is not valid TOML ({error})") from error
    new: dict[str, list[tuple[str, str]]] = {}
    blocks: list[str] = []
    for route in routes:
        for ask in route.asks:
            if not _name_in_place(document, ask, route.source.name):
                new.setdefault(ask.group, []).append((ask.name, route.source.name))
        if not _source_in_place(document, route.source):
            blocks.append(_source_block(route.source))
    tables = [_table_block(document, group, lines) for group, lines in new.items()]
    edited = PyprojectFile(file.path, tomlkit.dumps(document), file.newline)
    block = "\n".join([*filter(None, tables), *blocks])
    whole = edited.appended(block) if block else edited
    _verify(file, whole)
    return whole


def _name_in_place(document: Any, ask: Ask, source: str) -> bool:
    """Let the entry of a dependency in Poetry's tables name a source; False without an entry."""
    tables = list(_tables(document, ask.group))
    found = [(t, key) for t in tables for key in t if canonicalize_name(key) == ask.name]
    for table, key in found:
        table[key] = _named(table[key], source)
    if tables and not found:
        tables[0][ask.name] = _inline(source=source)
    return bool(tables)


def _named(value: Any, source: str) -> Any:
    if isinstance(value, str):
        return _inline(version=str(value), source=source)
    for each in value if isinstance(value, list) else [value]:
        if each.get("source") != source:
            each["source"] = source
    return value


def _tables(document: Any, group: str) -> Iterator[MutableMapping[str, Any]]:
    """Yield Poetry's tables of a group's dependencies, those that are there."""
    poetry = _below(document, *_POETRY)
    if group == MAIN:
        paths: list[tuple[str, ...]] = [("dependencies",)]
    else:
        keys = [key for key in _below(poetry, "group") if canonicalize_name(key) == group]
        paths = [("group", key, "dependencies") for key in keys]
        paths += [("dev-dependencies",)] if group == "dev" else []
    for path in paths:
        table = _below(poetry, *path[:-1])
        if path[-1] in table:
            yield table[path[-1]]


def _source_in_place(document: Any, source: FamilySource) -> bool:
    """Make the first source of ours for the family this one, and drop others; False without."""
    declared = _below(document, *_POETRY).get("source", [])
    family = source.family.name
    own = [n for n, each in enumerate(declared) if reference.target_of(each["name"], family)]
    for number in reversed(own[1:]):
        del declared[number]
    if own:
        wanted = {"name": source.name, "url": source.url, "priority": "explicit"}
        table = declared[own[0]]
        for key, value in wanted.items():
            if table.get(key) != value:
                table[key] = value
    return bool(own)


def _source_block(source: FamilySource) -> str:
    return (
        "# For a Poetry without accelock: the first target's builds (poetry accelock init "
        "--fallback).\n"
        "[[tool.poetry.source]]\n"
        f"name = {json.dumps(source.name)}\n"
        f"url = {json.dumps(source.url)}\n"
        'priority = "explicit"\n'
    )


def _table_block(document: Any, group: str, lines: list[tuple[str, str]]) -> str:
    path = "dependencies"
    if group != MAIN:
        names = [*_below(document, *_POETRY, "group"), *_below(document, "dependency-groups")]
        spelt = next((name for name in names if canonicalize_name(name) == group), group)
        path = f"group.{_key(spelt)}.dependencies"
    rows = "".join(f"{_key(name)} = {{ source = {json.dumps(s)} }}\n" for name, s in lines)
    return f"[tool.poetry.{path}]\n{rows}"


def _verify(old: PyprojectFile, new: PyprojectFile) -> None:
    """Check that only sources of ours differ: tomlkit has lost lines of unusual layouts before.

    :raises AccelockError: something else does.
    """
    if _without_ours(old.data) != _without_ours(new.data):
        raise AccelockError(
            f"{old.path}: it is written in a way in which no `source` can be added safely. Nothing "
            "was changed. Write [tool.poetry.dependencies] as a table of its own, with one "
            "dependency a line, and run this again."
        )


def _without_ours(data: Any) -> Any:
    """Return data without what names a source of ours, and without the tables that held it."""
    if isinstance(data, list):
        return [each for each in map(_without_ours, data) if each != {}]
    if not isinstance(data, dict):
        return data
    if _is_ours(data.get("name")) and "url" in data:
        return {}
    kept = {k: _without_ours(v) for k, v in data.items() if not (k == "source" and _is_ours(v))}
    kept = {key: value for key, value in kept.items() if value not in ({}, [])}
    return kept["version"] if set(kept) == {"version"} else kept


def _is_ours(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith(reference.PREFIX)


def _below(data: Any, *path: str) -> Any:
    for key in path:
        data = data.get(key, {}) if hasattr(data, "get") else {}
    return data


def _inline(**values: str) -> Any:
    table = tomlkit.inline_table()
    table.update(values)
    return table


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)
