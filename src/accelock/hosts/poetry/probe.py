"""Which Poetry this is, and whether it has what we meet of its insides."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from poetry.__version__ import __version__

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = __version__
# Private names, and public ones that Poetry does not document, which are the same in Poetry 2.0.1,
# 2.1.4, 2.3.4 and 2.5.1. Where one of them is gone our hooks would never be called, or would lock
# something else, and nobody would hear of it.
NEEDED = {
    "poetry.core.packages.dependency:Dependency": ("in_extras",),  # what `_in_extras` holds
    "poetry.installation.installer:Installer": ("_execute", "is_dry_run"),
    "poetry.packages.locker:Locker": (
        "lock_data",
        "locked_repository",
        "is_fresh",
        "_compute_lock_data",
        "_lock_packages",
        "_should_write",
        "_write_lock_data",
    ),
    "poetry.packages.transitive_package_info:TransitivePackageInfo": (),
    "poetry.puzzle.solver:Solver": ("solve", "provider"),
    "poetry.puzzle.transaction:Transaction": ("get_solved_packages",),
    "poetry.repositories.exceptions:PackageNotFoundError": (),
    "poetry.repositories.repository:Repository": (
        "_find_packages",
        "find_packages",
        "find_links_for_package",
        "package",
    ),
    "poetry.repositories.repository_pool:RepositoryPool": (
        "all_repositories",
        "find_packages",
        "get_priority",
        "package",
        "repository",
    ),
}


def check() -> None:
    """Look at the Poetry that runs, before anything else of ours is imported.

    :raises AccelockError: it is not one that accelock can work with; the message says why.
    """
    if VERSION.partition(".")[0] != "2":
        raise AccelockError(_unfit("accelock works with Poetry 2"))
    missing = ", ".join(_missing())
    if missing:
        raise AccelockError(_unfit(f"it has no {missing}, which accelock works with"))


def _missing() -> Iterator[str]:
    for path, names in NEEDED.items():
        module, _, kind = path.partition(":")
        try:
            found = getattr(import_module(module), kind)
        except (ImportError, AttributeError):
            yield kind
            continue
        yield from (f"{kind}.{name}" for name in names if not hasattr(found, name))


def _unfit(why: str) -> str:
    return (
        f"This is Poetry {VERSION}, and {why}. Nothing was changed. Install another version "
        '(`poetry self update`, or pip install "poetry>=2.0,<3"), or a newer accelock '
        "(`poetry self update accelock`)."
    )
