"""The pins of the existing file, and `--upgrade-package`, as constraints of pip's resolver.

Where pins conflict, pip-tools lets go of those that pip names, and gives up where pip names one
package that is not pinned (`BacktrackingResolver._do_resolve`, pip-tools 7.3.0 to 7.6.2): a torch
that has to be older stops at each package whose pinned version requires the newer one. Here
`accelock.resolve.preferences` says which to let go of.

And pip-tools lets go of the pin of the package to upgrade alone: a torch that requires its
libraries by exact version (nvidia-*, triton, sympy) then stays where it is for ever, without a
word. Here a package of a family moves as far as it can with no other one going down.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version
from pip._internal.exceptions import InstallationError
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionImpossible

from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.rounds import TooManyRoundsError
from accelock.resolve.preferences import PinConflict, PinRelaxer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from accelock.hosts.piptools.state import Run


class Attempt(Protocol):
    """Lets pip solve with pins, and with what is held and never let go of: name -> version."""

    def __call__(self, pins: Collection[Any], held: Collection[Any] = ()) -> Mapping[str, str]:
        """Return the versions that pip found, by canonical name; InstallationError for none."""


def solve(run: Run, attempt: Attempt, pins: Mapping[str, Any]) -> list[Any]:
    """Solve with as many of a file's pins as there is a solution for; return the others.

    :param pins: pip's requirements, by canonical name.
    :raises InstallationError: no solution, whatever pins are let go of.
    """
    versions = {n: v for n, pin in pins.items() if (v := _version(pin)) is not None}
    held = _upgraded(run, attempt, pins)
    relaxer = PinRelaxer(
        functools.partial(_tried, attempt, pins, held),
        functools.partial(_known, run),
    )
    lost = relaxer.relax(versions)
    return [pins[name] for name in (*lost, *(pins.keys() - versions.keys()))]


def _version(pin: Any) -> Version | None:
    """Return the version of a pin; None of a text (`===`), which no file has any more."""
    with contextlib.suppress(ValueError):
        return Version(next(iter(pin.req.specifier)).version)
    return None


def _tried(
    attempt: Attempt, pins: Mapping[str, Any], held: Collection[Any], kept: Iterable[str]
) -> dict[str, Version] | PinConflict:
    """Return what pip found with the pins that are kept, or why it found nothing."""
    try:
        found = attempt([pins[name] for name in kept], held=held)
        return {name: Version(text) for name, text in found.items()}
    except InstallationError as error:
        impossible = error.__cause__
        if not isinstance(impossible, ResolutionImpossible):
            return PinConflict(error, is_endless=isinstance(error, TooManyRoundsError))
        causes = impossible.causes
        wanted = (canonicalize_name(cause.requirement.project_name) for cause in causes)
        asking = (canonicalize_name(c.parent.project_name) for c in causes if c.parent is not None)
        return PinConflict(error, frozenset(wanted), frozenset(asking))


def _known(run: Run) -> Iterator[tuple[str, str, Requirement]]:
    for (parent, version), asks in Dependencies.of(run.memo.metadata.values()).found.items():
        yield from ((parent, version, ask.requirement) for ask in asks)


def names_of(words: Iterable[str]) -> frozenset[str]:
    """Return the canonical names that ``--upgrade-package`` options name."""
    named = (install_req_from_line(word).name for word in words)
    return frozenset(canonicalize_name(name) for name in named if name)


def to_upgrade(run: Run) -> list[str]:
    """Return the packages to upgrade that no cell before the one at work decides."""
    bound = run.active.bound if run.active is not None else frozenset[str]()
    free = {name: run.routed.find(name) for name in sorted(run.upgraded - bound)}
    return [name for name, found in free.items() if found and found.package.lockstep]


def _upgraded(run: Run, attempt: Attempt, pins: Mapping[str, Any]) -> list[Any]:
    """Return constraints that hold the packages to upgrade at the versions that they can have.

    Once a run: the cells that follow are bound to them by lockstep. Empty where nothing is to be
    upgraded, or nothing can be.
    """
    names = to_upgrade(run)
    if not names:
        return []
    try:
        found = attempt([*_floors(run, pins)])
    except InstallationError:
        return []
    return [
        install_req_from_line(f"{name}=={Version(found[name]).public}", constraint=True)
        for name in names
        if name in found
    ]


def _floors(run: Run, pins: Mapping[str, Any]) -> Iterator[Any]:
    """Yield pins as lower bounds; a family's own libraries go wherever its packages go.

    A lower bound has no local version (PEP 440); one by ``===``, of a text, stays a pin.
    """
    for name, pin in pins.items():
        found = run.routed.find(name)
        if found is None or not found.package.runtime:
            for specifier in pin.req.specifier:
                floor = str(specifier)
                if specifier.operator == "==":
                    floor = f">={Version(specifier.version).public}"
                yield install_req_from_line(f"{name}{floor}", constraint=True)
