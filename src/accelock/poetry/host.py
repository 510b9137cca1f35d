"""Which Poetry this is, and whether it has what we meet of its insides."""

from __future__ import annotations

from typing import Any

from poetry.__version__ import __version__
from poetry.installation.installer import Installer
from poetry.packages.locker import Locker
from poetry.puzzle.solver import Solver
from poetry.repositories.repository import Repository
from poetry.repositories.repository_pool import RepositoryPool

from accelock.errors import AccelockError

VERSION = __version__
# Private names, and public ones that Poetry does not document, which are the same in Poetry 2.0.1,
# 2.1.4, 2.3.4 and 2.5.1. Where one of them is gone our hooks would never be called, or would lock
# something else, and nobody would hear of it.
NEEDED: dict[type[Any], tuple[str, ...]] = {
    Installer: ("_execute", "is_dry_run"),
    Locker: (
        "lock_data",
        "locked_repository",
        "is_fresh",
        "_compute_lock_data",
        "_should_write",
        "_write_lock_data",
    ),
    Repository: ("_find_packages", "find_packages", "find_links_for_package", "package"),
    RepositoryPool: ("all_repositories", "find_packages", "get_priority", "package", "repository"),
    Solver: ("solve", "provider"),
}


def check() -> None:
    """Look at the Poetry that runs.

    :raises AccelockError: it is not one that accelock can work with; the message says why.
    """
    if VERSION.partition(".")[0] != "2":
        raise AccelockError(_unfit("accelock works with Poetry 2"))
    missing = [
        f"{kind.__name__}.{name}"
        for kind, names in NEEDED.items()
        for name in names
        if not hasattr(kind, name)
    ]
    if missing:
        raise AccelockError(_unfit(f"it has no {', '.join(missing)}, which accelock works with"))


def _unfit(why: str) -> str:
    return (
        f"This is Poetry {VERSION}, and {why}. Nothing was changed. Use another version (`poetry "
        'self update`, or pip install "poetry>=2.0,<3"), or a newer accelock (`poetry self update '
        "accelock`)."
    )
