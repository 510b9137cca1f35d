"""Which of a file's pins a new solution keeps: as many as it can have together.

pip-tools hands existing pins to pip as constraints. Where they conflict, it lets go of those that
pip names, and gives up where pip names one package that is not pinned (`BacktrackingResolver.
_do_resolve`, pip-tools 7.3.0 to 7.6.2): a torch that has to be older stops at each package whose
pinned version requires the newer one. Here the pins of those that ask are let go of too, and what
was let go of without need is taken back. Where pip goes back and forth without an end in sight
(`rounds`), all pins are let go of, and those that do no harm are taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version
from pip._vendor.resolvelib import ResolutionImpossible

from accelock.hosts.piptools.rounds import TooManyRoundsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from accelock.hosts.piptools.asks import Asks


class Keeper:
    """Solves with as many pins as there is a solution for.

    :param attempt: solves with these pins as constraints; returns the versions found, by name.
    :param asks: what the distributions that were looked at so far ask for.
    """

    def __init__(
        self,
        attempt: Callable[[Collection[Any]], Mapping[str, str]],
        asks: Callable[[], Asks],
    ) -> None:
        self._attempt = attempt
        self._asks = asks
        self._failed: list[frozenset[str]] = []

    def keep(self, pins: Mapping[str, Any]) -> dict[str, Any]:
        """Solve; return the pins that the solution lacks, by canonical name.

        :raises InstallationError: no solution, whatever pins are let go of.
        """
        kept, gone, disputed = dict(pins), dict[str, Any](), set[str]()
        found = None
        while found is None:
            found = self._solution(kept, gone, disputed)
        self._take_back(sorted(gone), kept, gone, found)
        return {name: pin for name, pin in gone.items() if name not in kept}

    def _solution(
        self, kept: dict[str, Any], gone: dict[str, Any], disputed: set[str]
    ) -> Mapping[str, str] | None:
        """Return what is found with the pins that are kept; None where some had to be let go of."""
        try:
            return self._attempt(kept.values())
        except InstallationError as error:
            named = self._in_the_way(error, kept, disputed)
            if not named:
                raise
            self._failed.append(frozenset(kept))
            gone.update({name: kept.pop(name) for name in named})
            disputed.update(named)
            return None

    def _take_back(
        self,
        names: Sequence[str],
        kept: dict[str, Any],
        gone: Mapping[str, Any],
        found: Mapping[str, str],
    ) -> Mapping[str, str]:
        """Keep pins after all that there is a solution with; return the last one found.

        They are tried together, and where that fails, by halves.
        """
        pins = {name: gone[name] for name in names if not _has(found, name, gone[name])}
        kept.update({name: gone[name] for name in names if name not in pins})
        if not pins:
            return found
        again = self._again({**kept, **pins})
        if again is not None:
            kept.update(pins)
            return again
        if len(pins) > 1:
            half = len(pins) // 2
            found = self._take_back([*pins][:half], kept, gone, found)
            found = self._take_back([*pins][half:], kept, gone, found)
        return found

    def _again(self, pins: Mapping[str, Any]) -> Mapping[str, str] | None:
        """Return what is found with more pins than there was a solution with; None for nothing.

        Pins among which are all of an attempt that failed, as the file's all together, fail again.
        """
        if any(failed <= pins.keys() for failed in self._failed):
            return None
        try:
            return self._attempt(pins.values())
        except InstallationError:
            self._failed.append(frozenset(pins))
            return None

    def _in_the_way(
        self, error: InstallationError, kept: Mapping[str, Any], disputed: set[str]
    ) -> list[str]:
        """Return the pins to let go of: of the packages in conflict, else of those that ask.

        pip names only the last conflict that it ran into, and not always all that have a part in
        it: then it is the pins around any package that a conflict was about, and in the end all.
        """
        if isinstance(error, TooManyRoundsError):
            return sorted(kept)
        impossible = error.__cause__
        if not isinstance(impossible, ResolutionImpossible):
            return []
        causes = impossible.causes
        wanted = {canonicalize_name(cause.requirement.project_name) for cause in causes}
        asking = {canonicalize_name(c.parent.project_name) for c in causes if c.parent is not None}
        if not asking and not wanted & kept.keys():
            return []  # what the user asks for is not there, pins or no pins
        disputed |= wanted
        return (
            sorted(wanted & kept.keys())
            or sorted(asking & kept.keys())
            or sorted(self._around(kept, disputed))
            or sorted(kept)
        )

    def _around(self, kept: Mapping[str, Any], disputed: Collection[str]) -> Iterator[str]:
        """Yield pins that ask for a package in dispute, or that one asks to be another version."""
        asks = self._asks()
        against = {
            (ask.name, pin)
            for ask in asks.by_any(disputed)
            if (pin := _version(kept.get(ask.name)))
            and not ask.requirement.specifier.contains(pin, prereleases=True)
        }
        for name in kept:
            version = _version(kept[name])
            if version is not None and (
                (name, version) in against
                or any(ask.name in disputed for ask in asks.by(name, version))
            ):
                yield name


def _version(pin: Any) -> str | None:
    """Return the version of a pinned requirement; None where there is none."""
    return None if pin is None else next((each.version for each in pin.req.specifier), None)


def _has(found: Mapping[str, str], name: str, pin: Any) -> bool:
    """Return whether a package that is needed has its pinned version; one that is not, has."""
    if name not in found:
        return True
    version = Version(found[name])
    return any(
        Version(specifier.version) in {version, Version(version.public)}
        for specifier in pin.req.specifier
    )
