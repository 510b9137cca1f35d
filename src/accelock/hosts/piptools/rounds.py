"""How long pip may look for a solution.

pip's resolver takes about one round for each package where nothing is in the way, some hundreds in
a large project, and any number where it goes back and forth. It gives up after 200000 (the local
`limit_how_complex_resolution_can_be` of its `Resolver.resolve`, pip 24.0 to 26.3), which is many
minutes: pins that nearly fit can lead there although without them there is a solution in seconds.
Pins are wishes, so that the search that keeps them ends much earlier. Without pins it ends before
pip's own does, and says what pip went back and forth over.

It is rounds that are counted, not seconds: what is locked must not depend on the machine's speed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._internal.resolution.resolvelib import resolver as pips
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionTooDeep, Resolver

from accelock.hosts.piptools.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator

#: For one attempt without pins: what a large project full of conflicts takes; a minute or two.
MOST_WITHOUT = 20_000
#: For one attempt with pins: far more than one without a conflict takes, and seconds.
MOST = 2_000
#: For all attempts at one cell together: which pins are in the way may take many of them.
MOST_OF_ALL = 10 * MOST
# How many packages, and requirements of each, a message names.
_NAMED = 4


class TooManyRoundsError(InstallationError):  # type: ignore[misc]
    """No solution was found in so many rounds; there may be one."""


class Rounds:
    """The rounds that the search for one cell's solution has left."""

    def __init__(self) -> None:
        self._left = MOST_OF_ALL
        self._rejected: Counter[str] = Counter()
        self._asking: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def limited(self, *, with_pins: bool) -> Iterator[None]:
        """Let pip's resolver take so many rounds and no more.

        :raises TooManyRoundsError: it would need more, or none are left to begin with.
        """
        most = min(MOST, self._left) if with_pins else MOST_WITHOUT
        if most <= 0:
            raise TooManyRoundsError("no rounds are left")
        with Patches() as patches:
            # What `Resolver.resolve` of pip 24.0 to 26.3 makes anew for each solution.
            resolver = self._resolver_class(most, with_pins=with_pins)
            patches.replace(pips, "RLResolver", resolver)
            yield

    def _resolver_class(self, most: int, *, with_pins: bool) -> type[Any]:
        rounds = self

        class LimitedResolver(Resolver):  # type: ignore[misc]
            def resolve(self, requirements: Any, max_rounds: int = most) -> Any:
                rounds._listen(self.reporter, with_pins=with_pins)
                try:
                    return super().resolve(requirements, max_rounds=min(most, max_rounds))
                except ResolutionTooDeep as error:
                    raise TooManyRoundsError(rounds._explain(most)) from error

        return LimitedResolver

    def _listen(self, reporter: Any, *, with_pins: bool) -> None:
        """Count each round that pip reports, and what it takes back."""
        start, reject = reporter.starting_round, reporter.rejecting_candidate

        def starting_round(index: int) -> Any:
            self._left -= with_pins
            return start(index)

        def rejecting_candidate(criterion: Any, candidate: Any) -> Any:
            name = canonicalize_name(candidate.project_name)
            self._rejected[name] += 1
            asking = self._asking.setdefault(name, set())
            for each in criterion.information:
                parent = each.parent.project_name if each.parent is not None else "the input"
                asking.add(f"{each.requirement} by {parent}")
            return reject(criterion, candidate)

        reporter.starting_round = starting_round
        reporter.rejecting_candidate = rejecting_candidate

    def _explain(self, most: int) -> str:
        """Say what pip went back and forth over: the packages that it took back most often."""
        lines = [f"pip found none in {most} rounds. It went back and forth between versions of:"]
        for name, times in self._rejected.most_common(_NAMED):
            asking = sorted(self._asking[name])
            more = f" and {len(asking) - _NAMED} more" if len(asking) > _NAMED else ""
            lines.append(f"{name} ({times} times; {', '.join(asking[:_NAMED])}{more})")
        lines.append("Pin one of them, so that there is less to choose from.")
        return "\n  ".join(lines)
