"""Which of a file's pins a new solution keeps: as many as it can have together.

Pins are wishes. Where they conflict, those of the packages in conflict are let go of, else those
of the packages that ask; and what was let go of without need is taken back. A torch that has to be
older takes with it the packages whose pinned version requires the newer one, and no others. Where
a host goes back and forth without an end in sight, all pins are let go of, and those that do no
harm are taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    Pins = Mapping[str, Version]


@dataclass(frozen=True, slots=True)
class PinConflict:
    """Why a host found no solution with some pins.

    :param error: the host's own, to be raised where no pin has a part in it.
    :param disputed: the packages of which no version is what all ask for, by canonical name.
    :param asking: those that ask for them; the project itself is none of them.
    :param is_endless: the host gave up before it came to an end, and nothing is to blame.
    """

    error: Exception
    disputed: frozenset[str] = frozenset()
    asking: frozenset[str] = frozenset()
    is_endless: bool = False


class PinRelaxer:
    """Solves with as many pins as there is a solution for.

    :param attempt: solves with these pins; returns the versions found, by canonical name.
    :param known: what the releases that were looked at so far require: the release's name and
        public version, and each requirement.
    """

    def __init__(
        self,
        attempt: Callable[[Pins], Pins | PinConflict],
        known: Callable[[], Iterable[tuple[str, str, Requirement]]],
    ) -> None:
        self._attempt = attempt
        self._known = known
        self._failed: list[frozenset[str]] = []

    def relax(self, pins: Pins) -> list[str]:
        """Solve; return the names of the pins that the solution lacks, in the order of their going.

        A pin of a package that the solution does not need is no loss.

        :param pins: by canonical name, label and all.
        :raises Exception: the host's: there is no solution, whatever pins are let go of.
        """
        kept, gone, disputed = dict(pins), dict[str, Version](), set[str]()
        while isinstance(found := self._try(kept), PinConflict):
            named = self._in_the_way(found, kept, disputed)
            if not named:
                raise found.error
            gone.update({name: kept.pop(name) for name in named})
            disputed.update(named)
        self._take_back(sorted(gone), kept, gone, found)
        return [name for name in gone if name not in kept]

    def _try(self, pins: Pins) -> Pins | PinConflict:
        found = self._attempt(pins)
        if isinstance(found, PinConflict):
            self._failed.append(frozenset(pins))
        return found

    def _take_back(
        self, names: Sequence[str], kept: dict[str, Version], gone: Pins, found: Pins
    ) -> Pins:
        """Keep pins after all that there is a solution with; return the last one found.

        They are tried together, and where that fails, by halves. Pins among which are all of an
        attempt that failed, as the file's all together, fail again.
        """
        lost = [name for name in names if not _has(found, name, gone[name])]
        kept.update({name: gone[name] for name in names if name not in lost})
        if not lost:
            return found
        more = {**kept, **{name: gone[name] for name in lost}}
        if not any(failed <= more.keys() for failed in self._failed):
            again = self._try(more)
            if not isinstance(again, PinConflict):
                kept.update(more)
                return again
        if len(lost) > 1:
            half = len(lost) // 2
            found = self._take_back(lost[:half], kept, gone, found)
            found = self._take_back(lost[half:], kept, gone, found)
        return found

    def _in_the_way(self, conflict: PinConflict, kept: Pins, disputed: set[str]) -> list[str]:
        """Return the pins to let go of: of the packages in conflict, else of those that ask.

        A host names only the last conflict that it ran into, and not always all that have a part
        in it: then it is the pins around any package that a conflict was about, and in the end all.
        """
        if conflict.is_endless:
            return sorted(kept)
        if not conflict.asking and not conflict.disputed & kept.keys():
            return []  # what the project asks for is not there, pins or no pins
        disputed |= conflict.disputed
        return (
            sorted(conflict.disputed & kept.keys())
            or sorted(conflict.asking & kept.keys())
            or sorted(set(self._around(kept, disputed)))
            or sorted(kept)
        )

    def _around(self, kept: Pins, disputed: Collection[str]) -> Iterator[str]:
        """Yield pins that ask for a package in dispute, or that one asks to be another version."""
        for parent, version, requirement in self._known():
            name = canonicalize_name(requirement.name)
            if name in disputed and parent in kept and kept[parent].public == version:
                yield parent
            fits = name not in kept or requirement.specifier.contains(kept[name], prereleases=True)
            if parent in disputed and not fits:
                yield name


def _has(found: Pins, name: str, pin: Version) -> bool:
    """Return whether a package that is needed has its pinned version; one that is not, has."""
    return name not in found or pin in {found[name], Version(found[name].public)}
