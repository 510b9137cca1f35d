"""Whether a compiled file still says what its inputs ask for: one digest, computed offline.

What counts is the text of every input file and the tables of pyproject.toml that steer a compile.
Sources from the environment do not. `accelock compile` and `accelock check` read both here, so that
they agree.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from accelock.locks.credentials import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: [tool.accelock.conda] has files of its own, each with its own digest.
ELSEWHERE = frozenset({"conda"})
PYPROJECT = "pyproject.toml"
#: Behind the name of a file: its table of that name alone, in place of what else it says.
TABLE = "[tool.pip-tools]"
# The tables of a pyproject.toml, and those below [tool], from which a project's requirements come.
_OF_PROJECT = ("build-system", "dependency-groups", "project")
_OF_BACKENDS = ("flit", "hatch", "pdm", "poetry", "setuptools")


def text_of(path: Path) -> str:
    """Return what counts of an input file (UTF-8, a BOM and the kind of newline folded away).

    Of a pyproject.toml it is what says the project's requirements: the settings of a linter do not
    make a compiled file stale. Of a name with `TABLE` behind it, it is that table.

    :raises OSError: it cannot be read.
    """
    if path.name.endswith(TABLE):
        return _stable(_tables_of(path.with_name(path.name.removesuffix(TABLE)), ("pip-tools",)))
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    tables = _parsed(text) if path.name == PYPROJECT else None
    if tables is None:
        return "\n".join(text.splitlines())
    tools = tables.get("tool")
    backends = _only(tools, _OF_BACKENDS) if isinstance(tools, dict) else {}
    return _stable({**_only(tables, _OF_PROJECT), "tool": backends})


def digest(texts: Iterable[tuple[str, str]], settings: Iterable[str]) -> str:
    """Return the sha256, in hex, of (path, text) pairs and settings, in their order."""
    state = hashlib.sha256()
    for path, text in texts:
        folded = "\n".join(text.splitlines())
        state.update(f"{path}\0{folded}\0".encode())
    for setting in settings:
        state.update(f"{setting}\0".encode())
    return state.hexdigest()


def settings_of(directory: Path) -> tuple[str, ...]:
    """Return the tables of ``directory``'s pyproject.toml that steer a compile, as stable text.

    They are [tool.accelock] and [tool.pip-tools]; no file, or no table, is no setting.
    """
    try:
        tables = _tables_of(directory / PYPROJECT, ("accelock", "pip-tools"))
    except OSError:
        return ()
    if isinstance(tables.get("accelock"), dict):
        tables["accelock"] = _without(tables["accelock"], ELSEWHERE)
    return tuple(_stable({name: table}) for name, table in tables.items())


def _tables_of(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return tables below [tool] of a TOML file, without the credentials in their URLs.

    :raises OSError: it cannot be read.
    """
    try:
        tool = (_parsed(path.read_text(encoding="utf-8-sig")) or {}).get("tool")
    except UnicodeDecodeError:
        return {}
    tables: dict[str, Any] = (
        without_credentials(_only(tool, names)) if isinstance(tool, dict) else {}
    )
    return tables


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomlkit.parse(text).unwrap()
    except TOMLKitError:
        return None


def _stable(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _only(table: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}


def _without(table: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in names}
