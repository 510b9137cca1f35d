"""Packages that are built for one release of torch at a time, as PyG's are: which one to take.

torch is narrowed, before versions are decided, to the releases that all that the project asks for
is built for in a cell. The release that is decided is then the only one that the cell may take, and
the packages are read on its page.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelock.errors import ResolutionError
from accelock.resolve.lockstep import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.version import Version

    from accelock.resolve.host import Available, Demand, Host, Solution
    from accelock.resolve.lockstep import Decision
    from accelock.resolve.question import Question, Slot


@dataclass
class Releases:
    """What the project asks for that is built per release of another package.

    :param release_of: name -> the package for whose releases it is built; None for any other.
    :param asked: (name, cell) -> that package.
    """

    release_of: Callable[[str], str | None]
    asked: dict[Slot, str] = field(default_factory=dict)
    _builds: dict[Slot, frozenset[Version]] = field(default_factory=dict)
    _whole: dict[Slot, Available] = field(default_factory=dict)

    def learn(self, demands: Mapping[Slot, Demand]) -> set[str]:
        """Note what the project asks for, and return the packages for whose releases that is."""
        for (name, cell), demand in demands.items():
            of = self.release_of(name)
            if of is not None and demand.is_root and not demand.is_direct:
                self.asked[name, cell] = of
        return set(self.asked.values())

    def is_from_elsewhere(self, of: str) -> str:
        """Say that nothing tells the releases of a package that others are built for."""
        name = next(name for (name, _cell), its in self.asked.items() if its == of)
        return (
            f"{name} is built for one release of {of} at a time, and the project has {of} from "
            f"elsewhere than its family's source, so that nothing tells which. Take {of} from its "
            f"family, or give {name} another place too ([tool.accelock.packages] {name} = "
            '{ source = "own" }).'
        )

    def narrowed(
        self, of: Slot, available: Available, demands: Mapping[Slot, Demand], host: Host[Solution]
    ) -> Available:
        """Return what a cell has of torch, of the releases that all it asks for is built for.

        :raises SourceError: a page cannot be read.
        """
        package, cell = of
        names = self._names(of)
        if not names:
            return available
        self._whole[of] = available
        kept = frozenset(available.builds)
        for name in names:
            wanted = demands[name, cell].wanted
            found = host.builds_for(name, cell, available.builds)
            self._builds[name, cell] = frozenset(
                release for release, versions in found.items() if list(wanted.filter(versions))
            )
            kept &= self._builds[name, cell]
        return replace(
            available,
            builds={version: b for version, b in available.builds.items() if version in kept},
            unhashed=frozenset(),
            holes={version: gaps for version, gaps in available.holes.items() if version in kept},
            where=f"{available.where}, of the releases of {package} that {' and '.join(names)} "
            f"{'is' if len(names) == 1 else 'are'} built for",
        )

    def bound(self, decision: Decision) -> tuple[Decision, dict[str, Version]]:
        """Return a decision that leaves one release, and that release by target's name.

        :raises ResolutionError: the cells of a target have several.
        """
        releases: dict[str, Version] = {}
        allowed = dict(decision.allowed)
        for (name, cell), of in self.asked.items():
            pick = decision.picks.get((of, cell))
            if pick is None or cell in decision.left_out:
                continue
            if releases.setdefault(cell.target.name, pick) != pick:
                raise ResolutionError(
                    f"{name} is built for one release of {of} at a time, and for {cell.target} "
                    f"the project has {of} {releases[cell.target.name]} on one platform and {of} "
                    f"{pick} on another. Require one release of {of} on all platforms of the "
                    f"target, or require {name} only on the platforms that have it."
                )
            allowed[of, cell] = frozenset({pick})
        return replace(decision, allowed=allowed), releases

    def notes(self, question: Question, decision: Decision) -> Iterator[str]:
        """Yield what to say of a release that is not the newest, for want of builds for that."""
        available = {**question.available, **self._whole}
        whole = decide(replace(question, available=available, previous={}))
        said: dict[str, None] = {}
        for (_name, cell), of in self.asked.items():
            pick, newest = decision.picks.get((of, cell)), whole.picks.get((of, cell))
            if pick is None or newest is None or pick >= newest:
                continue
            if lacking := self._lacking(of, newest, question):
                said[f"{of} {pick} is taken instead of {newest}, because {lacking}."] = None
        yield from said

    def nearest(self, question: Question) -> Iterator[str]:
        """Yield, where no release fits, the newest that all is built for, or who lacks it."""
        for of in dict.fromkeys(self.asked.values()):
            places = [(of, cell) for cell in question.required if self._names((of, cell))]
            for place in places[:1]:
                demand = question.demands.get(place)
                wanted = question.anything if demand is None else demand.wanted
                release = max(wanted.filter(self._whole[place].builds), default=None)
                if release is not None and (lacking := self._lacking(of, release, question)):
                    yield f"{lacking} for {of} {release}."
            common = self._common([frozenset(question.available[each].builds) for each in places])
            names = dict.fromkeys(name for each in places for name in self._names(each))
            if common:
                yield (
                    f"{of} {max(common)} is the newest release that {' and '.join(names)} "
                    f"{'is' if len(names) == 1 else 'are'} built for everywhere."
                )
                continue
            for name in names:
                own = self._common(
                    [self._builds[name, c] for _of, c in places if (name, c) in self._builds]
                )
                last = f"{of} {max(own)} at the newest" if own else f"no one release of {of}"
                yield f"{name} is built for {last} everywhere."

    def _lacking(self, of: str, release: Version, question: Question) -> str:
        """Say which packages are not built for a release, and in which cell first; "" for none."""
        found: dict[str, str] = {}
        for (name, cell), builds in self._builds.items():
            is_asked = self.asked.get((name, cell)) == of and cell in question.required
            if is_asked and release not in builds:
                found.setdefault(name, f"{name} has no build on {cell}")
        return " and ".join(found.values())

    def _names(self, of: Slot) -> list[str]:
        return [name for (name, cell), its in self.asked.items() if (its, cell) == of]

    @staticmethod
    def _common(sets: Iterable[frozenset[Version]]) -> frozenset[Version]:
        found = list(sets)
        return frozenset.intersection(*found) if found else frozenset()
