"""Whether a compiled file still says what its inputs ask for: one digest, computed offline.

What counts is the text of every input file and the tables of pyproject.toml that steer a compile.
Sources from the environment do not.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# [tool.accelock.conda] has files of its own, each with its own digest.
_ELSEWHERE = frozenset({"conda"})


def text_of(path: Path) -> str:
    """Return the text of an input file (UTF-8, a BOM and the kind of newline folded away).

    :raises OSError: it cannot be read.
    """
    return "\n".join(path.read_text(encoding="utf-8-sig", errors="replace").splitlines())


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
        document = tomlkit.parse((directory / "pyproject.toml").read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ParseError):
        return ()
    tool = document.unwrap().get("tool", {})
    tables: dict[str, Any] = {
        name: tool[name] for name in ("accelock", "pip-tools") if name in tool
    }
    if isinstance(tables.get("accelock"), dict):
        tables["accelock"] = _without(tables["accelock"], _ELSEWHERE)
    return tuple(json.dumps({name: tables[name]}, sort_keys=True, default=str) for name in tables)


def _without(table: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in names}
