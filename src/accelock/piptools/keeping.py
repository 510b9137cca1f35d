"""Which of a file's pins a new solution keeps: as many as it can have together.

pip-tools hands existing pins to pip as constraints. Where they conflict, it lets go of those that
pip names, and gives up where pip names one package that is not pinned (`BacktrackingResolver.
_do_resolve`, pip-tools 7.3.0 to 7.6.2): a torch that has to be older stops at each package whose
pinned version requires the newer one. Here the pins of those that ask are let go of too, and what
was let go of without need is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version
from pip._vendor.resolvelib import ResolutionImpossible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from accelock.piptools.asks import Asks


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

    def keep(self, pins: Mapping[str, Any]) -> dict[str, Any]:
        """Solve; return the pins that the solution lacks, by canonical name.

        :raises InstallationError: no solution, whatever pins are let go of.
        """
        kept, gone, disputed = dict(pins), dict[str, Any](), set[str]()
        found = None
        while found is None:
            found = self._solution(kept, gone, disputed)
        for name, pin in sorted(gone.items()):
            if _has(found, name, pin):
                kept[name] = pin
            elif len(gone) > 1:
                found = self._with(kept, name, pin) or found
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
            gone.update({name: kept.pop(name) for name in named})
            disputed.update(named)
            return None

    def _with(self, kept: dict[str, Any], name: str, pin: Any) -> Mapping[str, str] | None:
        """Take a pin back where there is a solution with it."""
        try:
            found = self._attempt((*kept.values(), pin))
        except InstallationError:
            return None
        kept[name] = pin
        return found

    def _in_the_way(
        self, error: InstallationError, kept: Mapping[str, Any], disputed: set[str]
    ) -> list[str]:
        """Return the pins to let go of: of the packages in conflict, else of those that ask.

        pip names only the last conflict that it ran into, and not always all that have a part in
        it: then it is the pins of whatever asks for a package that any conflict was about.
        """
        impossible = error.__cause__
        if not isinstance(impossible, ResolutionImpossible):
            return []
        causes = impossible.causes
        wanted = {canonicalize_name(cause.requirement.project_name) for cause in causes}
        asking = {canonicalize_name(c.parent.project_name) for c in causes if c.parent is not None}
        disputed |= wanted
        return (
            sorted(wanted & kept.keys())
            or sorted(asking & kept.keys())
            or sorted(name for name, pin in kept.items() if self._asks_for(name, pin, disputed))
        )

    def _asks_for(self, name: str, pin: Any, disputed: Collection[str]) -> bool:
        versions = (specifier.version for specifier in pin.req.specifier)
        asks = self._asks()
        return any(ask.name in disputed for each in versions for ask in asks.by(name, each))


def _has(found: Mapping[str, str], name: str, pin: Any) -> bool:
    """Return whether a package that is needed has its pinned version; one that is not, has."""
    if name not in found:
        return True
    version = Version(found[name])
    return any(
        Version(specifier.version) in {version, Version(version.public)}
        for specifier in pin.req.specifier
    )
