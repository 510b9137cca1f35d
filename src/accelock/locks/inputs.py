"""What a lock was made from, as digests that are computed offline: input files and settings.

What counts is the text of every input file and the tables of pyproject.toml that steer a compile.
Sources from the environment do not. What writes a lock and `accelock check` read both here, so that
they agree.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from accelock import toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PYPROJECT = "pyproject.toml"
#: Behind the name of a file: its table of that name alone, in place of what else it says.
TABLE = "[tool.pip-tools]"
# [tool.accelock.conda] has files of its own, each with its own digest.
_ELSEWHERE = frozenset({"conda"})
# The tables of a pyproject.toml, and those below [tool], from which a project's requirements come.
_OF_PROJECT = ("build-system", "dependency-groups", "project")
_OF_BACKENDS = ("flit", "hatch", "pdm", "poetry", "setuptools")
_SHORT = 12  # hex digits: enough to tell which part changed, where the whole digest decides that
# The authority of a URL ends at its first slash (RFC 3986, 3.2); its userinfo at the last @.
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


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
        return _folded(text)
    tools = tables.get("tool")
    backends = _only(tools, _OF_BACKENDS) if isinstance(tools, dict) else {}
    return _stable({**_only(tables, _OF_PROJECT), "tool": backends})


def settings_of(directory: Path) -> dict[str, str]:
    """Return the tables of ``directory``'s pyproject.toml that steer a compile, as stable text.

    They are [tool.accelock] and [tool.pip-tools], by these names; no file, or no table, is no
    setting.
    """
    try:
        tables = _tables_of(directory / PYPROJECT, ("accelock", "pip-tools"))
    except OSError:
        return {}
    if isinstance(tables.get("accelock"), dict):
        tables["accelock"] = _of_pip(tables["accelock"])
    return {f"[tool.{name}]": _stable({name: table}) for name, table in tables.items()}


def settings_digest(table: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of the [tool.accelock] settings that a poetry.lock depends on.

    What is about other files does not count.
    """
    return _sha256(_stable(without_credentials(_of_pip(table))))


def digest(texts: Iterable[tuple[str, str]], settings: Mapping[str, str]) -> str:
    """Return the sha256, in hex, of (path, text) pairs and settings, in their order."""
    pairs = (part for path, text in texts for part in (path, _folded(text)))
    return _sha256("".join(f"{part}\0" for part in (*pairs, *settings.values())))


def parts(texts: Iterable[tuple[str, str]], settings: Mapping[str, str]) -> dict[str, str]:
    """Return a short digest of each input and each table of the settings, by name."""
    named = (*texts, *settings.items())
    return {name: _sha256(_folded(text))[:_SHORT] for name, text in named}


def without_credentials(value: Any) -> Any:
    """Return what a TOML file says with `user:password@` taken out of every URL in it.

    Credentials stay out of digests: a digest that is committed would let a password be guessed.
    """
    if isinstance(value, str):
        return _USERINFO.sub("", value)
    if isinstance(value, dict):
        return {key: without_credentials(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_credentials(each) for each in value]
    return value


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
        return toml.loads(text)
    except ValueError:
        return None


def _stable(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _folded(text: str) -> str:
    return "\n".join(text.splitlines())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _only(table: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}


def _of_pip(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in _ELSEWHERE}
