"""The names of a project's conda files, one place for writers and readers.

| | targets | no targets |
|---|---|---|
| portable environment | `environment-cpu.yml` | `environment.yml` |
| of the group `dev` | `environment-cpu-dev.yml` | `environment-dev.yml` |
| lock (conda-lock v1) | `conda-cpu-lock.yml` | `conda-lock.yml` |
| of the group `dev` | `conda-cpu-dev-lock.yml` | `conda-dev-lock.yml` |
| explicit, on request | `conda-cpu-linux-64.txt` | `conda-linux-64.txt` |
| pixi, on request | `pixi.lock` | `pixi.lock` |

A lock's name must end in `-lock.yml`: mamba takes any other name for an environment without
packages, and makes that with exit code 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelock.targets import Platform, Target

__all__ = [
    "LOCK_SUFFIX",
    "PIXI",
    "environment",
    "explicit",
    "lock",
    "of_environment",
    "pixi_environment",
]

LOCK_SUFFIX = "-lock.yml"
PIXI = "pixi.lock"


def environment(target: Target | str | None, group: str | None = None) -> str:
    """Return the name of the portable environment.yml of a target (None: there are no targets)."""
    return f"{_joined('environment', target, group)}.yml"


def lock(target: Target | str | None, group: str | None = None) -> str:
    """Return the name of the lock of a target for all platforms."""
    return f"{_joined('conda', target, group)}{LOCK_SUFFIX}"


def explicit(target: Target | str | None, platform: Platform, group: str | None = None) -> str:
    """Return the name of the explicit list of a target on one platform, by its conda subdir."""
    return f"{_joined('conda', target, group)}-{platform.conda_subdir}.txt"


def of_environment(project: str | None, target: Target | None, group: str | None) -> str | None:
    """Return what an environment is called within conda, or None where the project has no name."""
    return _joined(project, target, group) if project else None


def pixi_environment(target: Target | str | None, group: str | None = None) -> str:
    """Return the name of an environment in pixi.lock: small letters, digits and -, in pixi."""
    first = str(target) if target is not None else "default"
    return (f"{first}-{group}" if group is not None else first).replace(".", "-")


def _joined(first: str, target: Target | str | None, group: str | None) -> str:
    return "-".join((first, *(str(word) for word in (target, group) if word is not None)))
