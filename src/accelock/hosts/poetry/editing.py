"""Sources of ours in a pyproject.toml: comments and layout stay, and nothing else changes.

Poetry's own tables are edited in place with tomlkit. What is new comes at the end of the file as
text, so that no line before it moves.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from accelock.errors import AccelockError
from accelock.locks import reference
from accelock.moving_in.pyproject import below, inline, key_of
from accelock.settings.poetry_project import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

    from accelock.hosts.poetry.fallback import Route
    from accelock.locks.reference import FamilySource
    from accelock.moving_in.pyproject import TextFile
    from accelock.settings.poetry_project import RootDependency

_POETRY = ("tool", "poetry")


def with_routes(file: TextFile, routes: Iterable[Route]) -> TextFile:
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
    edited = replace(file, text=tomlkit.dumps(document))
    block = "\n".join([*filter(None, tables), *blocks])
    whole = edited.appended(block) if block else edited
    _verify(file, whole)
    return whole


def _name_in_place(document: Any, ask: RootDependency, source: str) -> bool:
    """Let the entry of a dependency in Poetry's tables name a source; False without an entry."""
    tables = list(_tables(document, ask.group))
    found = [(t, key) for t in tables for key in t if canonicalize_name(key) == ask.name]
    for table, key in found:
        table[key] = _named(table[key], source)
    if tables and not found:
        tables[0][ask.name] = inline({"source": source})
    return bool(tables)


def _named(value: Any, source: str) -> Any:
    if isinstance(value, str):
        return inline({"version": str(value), "source": source})
    for each in value if isinstance(value, list) else [value]:
        if each.get("source") != source:
            each["source"] = source
    return value


def _tables(document: Any, group: str) -> Iterator[MutableMapping[str, Any]]:
    """Yield Poetry's tables of a group's dependencies, those that are there."""
    poetry = below(document, *_POETRY)
    if group == MAIN:
        paths: list[tuple[str, ...]] = [("dependencies",)]
    else:
        keys = [key for key in below(poetry, "group") if canonicalize_name(key) == group]
        paths = [("group", key, "dependencies") for key in keys]
        paths += [("dev-dependencies",)] if group == "dev" else []
    for path in paths:
        table = below(poetry, *path[:-1])
        if path[-1] in table:
            yield table[path[-1]]


def _source_in_place(document: Any, source: FamilySource) -> bool:
    """Make the first source of ours for the family this one, and drop others; False without."""
    declared = below(document, *_POETRY).get("source", [])
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
        names = [*below(document, *_POETRY, "group"), *below(document, "dependency-groups")]
        spelt = next((name for name in names if canonicalize_name(name) == group), group)
        path = f"group.{key_of(spelt)}.dependencies"
    rows = "".join(f"{key_of(name)} = {{ source = {json.dumps(s)} }}\n" for name, s in lines)
    return f"[tool.poetry.{path}]\n{rows}"


def _verify(old: TextFile, new: TextFile) -> None:
    """Check that only sources of ours differ: tomlkit has lost lines of unusual layouts before.

    :raises AccelockError: something else does.
    """
    if _without_ours(old.data) != _without_ours(new.data):
        raise AccelockError(
            f"{old.path}: accelock cannot add a `source` safely to the way in which it is "
            "written. Nothing was changed. Write [tool.poetry.dependencies] as a table of its "
            "own, with one dependency a line, and run this again."
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
