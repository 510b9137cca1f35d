"""How a target and a group make the names of files and of environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelock.targets import Target

__all__ = ["LOCK_SUFFIX", "joined"]

#: mamba takes any other name for an environment without packages, and makes that with exit code 0.
LOCK_SUFFIX = "-lock.yml"


def joined(first: str, target: Target | str | None, group: str | None) -> str:
    """Return the words that there are of them, with `-` between: `conda-cpu-dev`."""
    return "-".join((first, *(str(word) for word in (target, group) if word is not None)))
