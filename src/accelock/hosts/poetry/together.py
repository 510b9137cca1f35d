"""The slices of a lock, and what keeps their versions together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poetry.core.constraints.version import Version as PoetryVersion

from accelock.errors import AccelockError, LockstepError
from accelock.hosts.poetry import labels
from accelock.hosts.poetry.asks import Asks
from accelock.hosts.poetry.slices import Slice, first_slices, split, without
from accelock.resolve import relaxing
from accelock.resolve.lockstep import CellDroppedError, Lockstep
from accelock.resolve.messages import Words
from accelock.targets import CPU, Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from packaging.version import Version
    from poetry.core.packages.dependency import Dependency

    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.supply import Supply
    from accelock.resolve.relaxing import Trial
    from accelock.targets import Platform, Target

    # What cells are bound to: the public versions, by package.
    Bound = dict[Cell, dict[str, frozenset[Version]]]

# Poetry's own commands take no options of ours.
WORDS = Words(
    downloads=(
        "allow the download of whole wheels with `allow-downloads = true` in [tool.accelock]"
    ),
    platforms="as `platforms` in [tool.accelock]",
)


class _EveryPython(Cell):
    """A cell of a slice, which is solved for all Pythons of the project: messages name none."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.target}, {self.platform}"


class Together:
    """The slices that are to be solved, and the lockstep over them.

    :param requires: the project's own dependencies, of all groups.
    :param locked: the public versions that are to stay if they can, by name.
    :raises AccelockError: a target exists on none of its platforms.
    """

    def __init__(
        self,
        project: Project,
        supply: Supply,
        requires: Iterable[Any],
        locked: Mapping[str, Version] | None = None,
    ) -> None:
        self.project = project
        self.locked = dict(locked or {})
        self.supply = supply
        # Copies: while a slice is solved, those of other platforms are relaxed in place.
        self.asks = Asks(
            tuple(each.clone() for each in requires),
            project.pythons,
            project.poetry.package.python_constraint,
        )
        self.everywhere: set[str] = set()
        self._dropped: dict[Target, list[str]] = {}
        self.slices: dict[Target, tuple[Slice, ...]] = {
            target: first_slices(target, project.config.platforms_of(target))
            for target in project.targets
        }
        for target, slices in self.slices.items():
            if not slices:
                raise AccelockError(
                    f"{project.where}: the target {target.name} exists on none of the platforms "
                    "of [tool.accelock]. Add one that has it, or remove the target."
                )
        self.lockstep = self._lockstep()

    def absent(self) -> list[str]:
        """Return, a line per target, on which of the project's platforms it does not exist."""
        missing = {
            target.name: [
                p.name for p in self.project.config.platforms_of(target) if not target.exists_on(p)
            ]
            for target in self.slices
        }
        return [
            f"{name} does not exist on {', '.join(platforms)}: left out there."
            for name, platforms in missing.items()
            if platforms
        ]

    def described(self, whole: Slice) -> str:
        """Return what messages call a slice."""
        config, target = self.project.config, whole.target
        return whole.described([p for p in config.platforms_of(target) if target.exists_on(p)])

    def platforms(self) -> set[Platform]:
        """Return the platforms of all slices."""
        slices = (whole for found in self.slices.values() for whole in found)
        return {platform for whole in slices for platform in whole.platforms}

    def allowed(self, name: str, whole: Slice) -> frozenset[Version]:
        """Return the public versions that lockstep leaves a slice, on one of its platforms or more.

        :raises CellDroppedError: a default platform is in the way.
        :raises LockstepError: there is no common version.
        """
        return frozenset().union(*(self.lockstep.allowed(name, c) for c in self._cells(whole)))

    def bounds(self, name: str, whole: Slice) -> tuple[frozenset[Version], frozenset[Version]]:
        """Return the public versions that are ruled out for a slice, and those it is bound to.

        The latter are empty where nothing binds it.
        """
        cells = self._cells(whole)
        excluded = frozenset.intersection(*(self.lockstep.excluded(name, c) for c in cells))
        return excluded, frozenset().union(*(self.lockstep.settled(name, c) for c in cells))

    def settle(self, versions: Mapping[str, frozenset[Version]], whole: Slice) -> None:
        """Bind the slices that follow to the public versions that a slice took."""
        self.lockstep.settle(versions, self._cells(whole))

    def rule_out(self, alone: Mapping[str, frozenset[Version]], bound: Bound) -> bool:
        """Rule out what slices were bound to and one of them, by itself, did not take.

        :param alone: the public versions that it took.
        :param bound: what its cells were bound to, by `binding`.
        :returns: False where it took all of that.
        """
        refused = [
            (name, version, cell)
            for cell, settled in bound.items()
            for name, versions in settled.items()
            for version in versions - alone.get(name, versions)
        ]
        for name, version, cell in refused:
            self.lockstep.exclude(name, version, cell)
        return bool(refused)

    def binding(self, whole: Slice) -> Bound:
        """Return what slices solved before bind a slice to."""
        found = {cell: self.lockstep.binding(cell) for cell in self._cells(whole)}
        return {cell: settled for cell, settled in found.items() if settled}

    def needs(self, name: str, version: Version, platform: Platform) -> bool:
        """Return whether a platform may come to need a version of a package.

        Not where a marker of the user's keeps the package out, or asks for another version. That
        another package asks for it there shows in the result only: then it is among `everywhere`.
        """
        if name in self.everywhere or not self.asks.names(name):
            return True
        cell = self.cell(CPU, platform)
        return self.asks.asks(name, cell) and version in self.asks.wanted(name, cell).filter(
            [version]
        )

    def cell(self, target: Target, platform: Platform) -> Cell:
        """Return the cell of a target and a platform, on all Pythons of the project."""
        return _EveryPython(target, platform, self.project.pythons[-1])

    def _cells(self, whole: Slice) -> list[Cell]:
        return [self.cell(whole.target, platform) for platform in whole.platforms]

    def _lockstep(self) -> Lockstep:
        """Return the lockstep over all platforms of all slices."""
        cells = tuple(
            self.cell(target, platform)
            for target, slices in self.slices.items()
            for whole in slices
            for platform in whole.platforms
        )
        supply, config = self.supply, self.project.config
        return Lockstep(
            cells=cells,
            together=config.lockstep,
            available=lambda name, cell: supply.versions(name, cell.target, cell.platform),
            wanted=self.asks.wanted,  # type: ignore[arg-type]  # pip's SpecifierSet, or as good
            may_drop=lambda cell: not config.declares_platforms(cell.target),
            unhashed=lambda name, cell: supply.unhashed(name, cell.target, cell.platform),
            source=supply.shelf.describe,
            preferred=lambda name, _cell: self.locked.get(name),
            asks=self.asks.asks,
            companions=self.project.catalogue.companions,
            words=WORDS,
        )

    def drop(self, error: CellDroppedError) -> str:
        """Leave a default platform out of a target; return the warning that says so.

        :raises LockstepError: the target has no other platform.
        """
        cell = error.cell
        self.slices[cell.target] = tuple(
            part
            for whole in self.slices[cell.target]
            for part in (
                without(whole, cell.platform) if cell.platform in whole.platforms else (whole,)
            )
        )
        reasons = self._dropped.setdefault(cell.target, [])
        reasons.append(str(error).replace(str(cell), cell.target.name))
        if not self.slices[cell.target]:
            # All of them: the one that can be helped need not be the last platform's.
            raise LockstepError("\n".join(dict.fromkeys(reasons))) from error
        self.lockstep = self._lockstep()
        return (
            f"{cell.platform.name} is left out of {cell.target.name}: {error} (It is one of the "
            "default platforms; name those that you need in [tool.accelock] `platforms`.)"
        )

    def make_way(self, whole: Slice, solve: Callable[[Slice], Trial | None]) -> str | None:
        """Find out whether platforms are the reason that a slice has no solution by itself.

        :param solve: solves a slice again, while some platforms have no say.
        :returns: the reason, where the user named the platforms that are in the way.
        :raises CellDroppedError: default platforms are in the way, and are to be left out.
        """
        cells = {self.cell(whole.target, each): each for each in whole.platforms}

        def without_waived() -> Trial | None:
            there = (p for cell, p in cells.items() if cell not in self.lockstep.waived)
            return solve(Slice(whole.target, tuple(there)))

        return relaxing.make_way(self.lockstep, list(cells), without_waived)

    def cut(self, whole: Slice, odd: Collection[str]) -> bool:
        """Give some platforms of a slice one of their own; False where there is nothing to cut."""
        parts = split(whole, odd)
        if not odd or len(parts) == 1:
            return False
        slices = self.slices[whole.target]
        at = slices.index(whole)
        self.slices[whole.target] = (*slices[:at], *parts, *slices[at + 1 :])
        return True


def common_versions(
    project: Project, supply: Supply, dependency: Dependency
) -> list[PoetryVersion]:
    """Return the versions, without labels, that all targets have of a package and a user allows.

    With `lockstep = false` too where the user names none: what Poetry then writes into
    pyproject.toml binds all targets. Those that the user names, a target may have alone.

    :raises AccelockError: there is none, or the user's carries another target's label.
    """
    name, wanted = dependency.name, labels.public_constraint(dependency, project)
    together = Together(project, supply, ())
    has = {cell: together.lockstep.fitting(name, cell) for cell in together.lockstep.cells}
    if not project.config.lockstep and not wanted.is_any():
        versions = frozenset().union(*has.values())
    else:
        try:
            versions = _in_common(together, name)
        except LockstepError as error:
            newest = _newest(has)
            if project.config.lockstep or len(newest) < len(project.targets):
                raise
            raise LockstepError(_no_bound(name, newest)) from error
    parsed = [PoetryVersion.parse(str(version)) for version in sorted(versions)]
    return [version for version in parsed if wanted.allows(version)]


def _in_common(together: Together, name: str) -> frozenset[Version]:
    while True:
        lockstep = together.lockstep
        lockstep.together = True  # whatever the project says
        try:
            return lockstep.allowed(name, lockstep.cells[0])
        except CellDroppedError as error:
            together.drop(error)


def _newest(has: Mapping[Cell, Collection[Version]]) -> dict[str, Version]:
    """Return the newest version of each target, on the platform where that is the oldest."""
    newest: dict[str, Version] = {}
    for cell, versions in has.items():
        if versions:
            own = max(versions)
            newest[cell.target.name] = min(own, newest.get(cell.target.name, own))
    return newest


def _no_bound(name: str, newest: Mapping[str, Version]) -> str:
    """Say that no version is there for all targets, where each could be locked by itself."""
    (first, version), *others = newest.items()
    up_to = "".join(f", {target} up to {each}" for target, each in others)
    return (
        f"no {name} is there for all targets and platforms: {first} has it up to {version}{up_to}. "
        f'Name the versions that you want, as in `poetry add "{name}>={min(newest.values())}"`.'
    )
