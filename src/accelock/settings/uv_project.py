"""The targets of a uv project: its extras or groups that conflict, one for each accelerator."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from accelock import toml
from accelock.errors import UnknownWordError
from accelock.targets import Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def uv_targets(directory: Path, known: Collection[str]) -> tuple[Target, ...]:
    """Return the targets that `[tool.uv] conflicts` of a pyproject.toml names, in its order.

    uv's documentation has an extra for each build of torch (`cpu`, `cu128`), of which a machine
    takes one: what conflicts in one set, and is called like targets.

    :param known: the names of the targets that the catalogue has.
    :raises TomlError: the file cannot be read, or is no TOML.
    """
    path = directory / "pyproject.toml"
    found: dict[Target, None] = {}
    for each in _conflicting(toml.read(path, str(path)) or {}):
        if (target := target_named(each, known)) is not None:
            found[target] = None
    return tuple(found)


def target_named(name: str, known: Collection[str]) -> Target | None:
    """Return the target that an extra or a group is called like; it has no dot (PEP 685)."""
    with contextlib.suppress(UnknownWordError):
        return parse_target(name.replace("-", "."), known)  # rocm6-3 is rocm6.3
    return None


def _conflicting(data: Any) -> Iterator[str]:
    """Yield the extras and groups of all sets of conflicts."""
    for key in ("tool", "uv"):
        data = data.get(key) if isinstance(data, dict) else None
    sets = data.get("conflicts") if isinstance(data, dict) else None
    for members in sets if isinstance(sets, list) else ():
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict):
                names = (member.get(kind) for kind in ("extra", "group"))
                yield from (name for name in names if isinstance(name, str))
