"""How long pip may look for a solution that keeps pins.

pip's resolver takes about one round for each package where nothing is in the way, some hundreds in
a large project, and any number where it goes back and forth. It gives up after 200000 (the local
`limit_how_complex_resolution_can_be` of its `Resolver.resolve`, pip 24.0 to 26.3), which is many
minutes: pins that nearly fit can lead there although without them there is a solution in seconds.
Pins are wishes, so that the search that keeps them ends much earlier.

It is rounds that are counted, not seconds: what is locked must not depend on the machine's speed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._internal.resolution.resolvelib import resolver as pips
from pip._vendor.resolvelib import ResolutionTooDeep, Resolver

from accelock.hosts.piptools.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator

#: For one attempt: far more than one without a conflict takes, and seconds.
MOST = 2_000
#: For all attempts at one cell together: which pins are in the way may take many of them.
MOST_OF_ALL = 10 * MOST


class TooManyRoundsError(InstallationError):  # type: ignore[misc]
    """No solution with these pins was found in so many rounds; there may be one."""


class Rounds:
    """The rounds that the search for one cell's pins has left."""

    def __init__(self) -> None:
        self._left = MOST_OF_ALL

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """Let pip's resolver take so many rounds and no more.

        :raises TooManyRoundsError: it would need more, or none are left to begin with.
        """
        most = min(MOST, self._left)
        if most <= 0:
            raise TooManyRoundsError("no rounds are left")
        with Patches() as patches:
            # What `Resolver.resolve` of pip 24.0 to 26.3 makes anew for each solution.
            patches.replace(pips, "RLResolver", self._resolver_class(most))
            yield

    def _resolver_class(self, most: int) -> type[Any]:
        rounds = self

        class LimitedResolver(Resolver):  # type: ignore[misc]
            def resolve(self, requirements: Any, max_rounds: int = most) -> Any:
                rounds._count(self.reporter)
                try:
                    return super().resolve(requirements, max_rounds=min(most, max_rounds))
                except ResolutionTooDeep as error:
                    raise TooManyRoundsError(f"{most} rounds") from error

        return LimitedResolver

    def _count(self, reporter: Any) -> None:
        """Take each round that pip reports off those that are left."""
        theirs = reporter.starting_round

        def starting_round(index: int) -> Any:
            self._left -= 1
            return theirs(index)

        reporter.starting_round = starting_round
