"""The names that accelock gives to sources, in a poetry.lock and in pyproject.toml."""

from __future__ import annotations

PREFIX = "accelock-"


def own_name(family: str, target: str) -> str:
    """Return the name of a family's source for a target, where the user has not named it."""
    return f"{PREFIX}{family}-{target}"


def target_of(name: str, family: str) -> str | None:
    """Return the target that a name of ours is for, or None where it is no name of ours.

    Poetry compares the names of sources without regard to case.
    """
    head = own_name(family, "")
    return name.lower().removeprefix(head) if name.lower().startswith(head) else None
