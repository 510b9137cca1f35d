"""The slices of a lock, and what keeps their versions together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError, LockstepError
from accelock.index.lockstep import Lockstep, Words
from accelock.poetry.slices import first_slices, split, without
from accelock.target import Cell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.version import Version

    from accelock.index.lockstep import CellDroppedError
    from accelock.poetry.project import Project
    from accelock.poetry.slices import Slice
    from accelock.poetry.supply import Supply
    from accelock.target import Target

# Poetry's own commands take no options of ours.
WORDS = Words(
    downloads=(
        "allow the download of whole wheels with `allow-downloads = true` in [tool.accelock]"
    ),
    platforms="as `platforms` in [tool.accelock]",
)


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
        self.requires = tuple(requires)
        self.warnings: list[str] = []
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

    def lockstep(self) -> Lockstep:
        """Return the lockstep over all platforms of all slices."""
        python = self.project.pythons[-1]
        cells = tuple(
            Cell(target, platform, python)
            for target, slices in self.slices.items()
            for whole in slices
            for platform in whole.platforms
        )
        supply, config = self.supply, self.project.config
        return Lockstep(
            cells=cells,
            together=config.lockstep,
            available=lambda name, cell: supply.versions(name, cell.target, cell.platform),
            wanted=lambda name, _cell: Wanted.of(name, self.requires),
            may_drop=lambda cell: not config.declares_platforms(cell.target),
            unhashed=lambda name, cell: supply.unhashed(name, cell.target, cell.platform),
            source=supply.shelf.describe,
            preferred=lambda name, _cell: self.locked.get(name),
            asks=lambda name, cell: _asks(name, cell, self.requires),
            words=WORDS,
        )

    def drop(self, error: CellDroppedError) -> None:
        """Leave a default platform out of a target, with a warning.

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
        if not self.slices[cell.target]:
            raise LockstepError(str(error).replace(str(cell), cell.target.name)) from error
        self.warnings.append(
            f"{cell.platform.name} is left out of {cell.target.name}: {error} (It is one of the "
            "default platforms; name those that you need in [tool.accelock] `platforms`.)"
        )

    def cut(self, whole: Slice, odd: Collection[str]) -> bool:
        """Give some platforms of a slice one of their own; False where there is nothing to cut."""
        parts = split(whole, odd)
        if not odd or len(parts) == 1:
            return False
        slices = self.slices[whole.target]
        at = slices.index(whole)
        self.slices[whole.target] = (*slices[:at], *parts, *slices[at + 1 :])
        return True


class Wanted:
    """What the project asks of a package, for `Lockstep`: Poetry's constraint in its words."""

    def __init__(self, constraint: Any) -> None:
        self._constraint = constraint

    @classmethod
    def of(cls, name: str, requires: Iterable[Any]) -> Any:
        """Return what all dependencies on a package ask for together."""
        found = None
        for dependency in requires:
            if dependency.name == name and not dependency.is_direct_origin():
                own = dependency.constraint
                found = own if found is None else found.intersect(own)
        return cls(found)

    def filter(self, versions: Iterable[Version]) -> list[Version]:
        """Return the versions that fit, as `SpecifierSet.filter` does."""
        from poetry.core.constraints.version import Version as PoetryVersion

        if self._constraint is None or self._constraint.is_empty():
            return list(versions)
        return [v for v in versions if self._constraint.allows(PoetryVersion.parse(str(v)))]

    def __str__(self) -> str:
        none = self._constraint is None or self._constraint.is_any()
        return "" if none else f" ({self._constraint})"


def _asks(name: str, cell: Cell, requires: Iterable[Any]) -> bool:
    environment = {**cell.platform.marker_environment(cell.python), "extra": ""}
    return any(
        dependency.name == name and dependency.marker.without_extras().validate(environment)
        for dependency in requires
    )
