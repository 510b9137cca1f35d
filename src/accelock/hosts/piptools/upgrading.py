"""`--upgrade-package torch` where the pins of what torch requires would hold it.

pip-tools lets go of the pin of the package alone, and keeps all others as constraints. A torch that
requires its libraries by exact version (nvidia-*, triton, sympy) then stays where it is for ever,
without a word. Here a package of a family moves as far as it can with no other one going down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from accelock.hosts.piptools.state import Run


def names_of(words: Iterable[str]) -> frozenset[str]:
    """Return the canonical names that ``--upgrade-package`` options name."""
    named = (install_req_from_line(word).name for word in words)
    return frozenset(canonicalize_name(name) for name in named if name)


def held(
    run: Run,
    attempt: Callable[[Collection[Any]], Mapping[str, str]],
    pins: Mapping[str, Any],
) -> list[Any]:
    """Return constraints that hold the packages to upgrade at the versions that they can have.

    Once a run: the cells that follow are bound to them by lockstep. Empty where nothing is to be
    upgraded, or nothing can be.
    """
    names = names_left(run)
    if not names:
        return []
    floors = list(_floors(run, pins))
    try:
        found = attempt(floors)
    except InstallationError:
        return []
    return [
        install_req_from_line(f"{name}=={Version(found[name]).public}", constraint=True)
        for name in names
        if name in found
    ]


def names_left(run: Run) -> list[str]:
    """Return the packages that are to be upgraded and that no cell before this one decides."""
    return [name for name in sorted(run.upgraded) if _is_free(run, name)]


def _is_free(run: Run, name: str) -> bool:
    """Return whether a package belongs to a family's release and is not settled yet."""
    found = run.shelves.find(name)
    if found is None or not found.package.lockstep:
        return False
    return run.active is None or name not in run.active.bound


def _floors(run: Run, pins: Mapping[str, Any]) -> Iterator[Any]:
    """Yield pins as lower bounds; a family's own libraries go wherever its packages go.

    A lower bound has no local version (PEP 440); one by ``===``, of a text, stays a pin.
    """
    for name, pin in pins.items():
        found = run.shelves.find(name)
        if found is None or not found.package.runtime:
            for specifier in pin.req.specifier:
                floor = str(specifier)
                if specifier.operator == "==":
                    floor = f">={Version(specifier.version).public}"
                yield install_req_from_line(f"{name}{floor}", constraint=True)
