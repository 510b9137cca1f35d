"""Lockstep on the conda side: a family's packages have one version on every target, as by pip.

A package that the catalogue holds to one version over all targets (torch and those released with
it, which conda calls pytorch, torchvision, ...) is bound to the version that the first solve gives,
and that is one of those of which every target has a build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock.conda.cell import fits
from accelock.conda.errors import UnsatisfiableError
from accelock.conda.names import load_names
from accelock.conda.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelock.catalogue import Catalogue
    from accelock.conda.cell import BoundError
    from accelock.conda.config import CondaConfig
    from accelock.conda.plan import Environment
    from accelock.conda.record import Record
    from accelock.conda.solve import Solver
    from accelock.settings.settings import Config
    from accelock.targets import Platform, Target

__all__ = ["Lockstep"]

_TRIES = 20  # versions that are given up before it is an error


@dataclass(slots=True)
class Lockstep:
    """The versions that the environments of a group share, as far as they are known.

    `notes` say which targets go their own way.
    """

    solver: Solver
    config: Config
    conda: CondaConfig
    catalogue: Catalogue
    notes: list[str] = field(default_factory=list)
    _names: tuple[str, ...] = ()
    _cells: Sequence[tuple[Environment, Platform]] = ()
    _available: dict[str, dict[tuple[Environment, Platform], frozenset[str]]] = field(
        default_factory=dict
    )
    _fixed: dict[str | None, dict[str, str]] = field(default_factory=dict)
    _bound: dict[str | None, dict[str, str]] = field(default_factory=dict)
    _excluded: dict[str | None, dict[str, set[str]]] = field(default_factory=dict)

    def start(
        self,
        cells: Sequence[tuple[Environment, Platform]],
        fresh: Mapping[Environment, Mapping[Platform, Iterable[Record]]],
    ) -> None:
        """Look up what there is for the cells that are to be solved.

        :param fresh: what the other environments hold, which bind these.
        """
        self._cells = cells
        if not self.config.lockstep or len(self.config.targets) < 2:  # noqa: PLR2004 - one is alone
            return
        self._names = tuple(self._family())
        for name in self._names:
            self._available[name] = {
                cell: found
                for cell in cells
                if self._follows(cell[0]) and (found := self._versions(name, *cell))
            }
        for target in self.config.targets:
            if word := self._own_word(target):
                self.notes.append(
                    f"NOTE: {target} asks for a {word} of its own, which need not be the version "
                    "of the other targets"
                )
        for each, records in fresh.items():
            for locked in records.values():
                self._bind(self._fixed, each, locked)

    def constraints(self, each: Environment) -> tuple[Spec, ...]:
        """Return what holds for the family: the version, or those to choose from."""
        found = []
        for name in self._names if self._follows(each) else ():
            known = {**self._bound.get(each.group, {}), **self._fixed.get(each.group, {})}
            version = known.get(name)
            if version is not None:
                found.append(Spec(name, f"=={version}"))
            elif shared := self._shared(name, each.group):
                found.append(Spec(name, "|".join(f"=={each}" for each in sorted(shared))))
        return tuple(found)

    def bind(self, each: Environment, records: Iterable[Record]) -> None:
        """Hold the other targets to the versions that one has."""
        self._bind(self._bound, each, records)

    def exclude(self, each: Environment, platform: Platform, error: BoundError) -> str:
        """Give up the versions that a cell cannot have, and say so.

        Raises UnsatisfiableError where no version is left to try.
        """
        group = each.group
        bound = {**self._bound.pop(group, {}), **self._fixed.pop(group, {})}
        refused = {
            name: bound[name] for name, free in error.free.items() if bound.get(name, free) != free
        }
        excluded = self._excluded.setdefault(group, {})
        for name, version in refused.items():
            excluded.setdefault(name, set()).add(version)
        tries = sum(map(len, excluded.values()))
        lost = [name for name in refused if not self._shared(name, group)]
        if not refused or lost or tries > _TRIES:
            raise UnsatisfiableError(self._told(lost or list(error.free), group, error))
        what = ", ".join(f"{name} {version}" for name, version in refused.items())
        return f"{each.target}, {platform} cannot have {what}; all targets try another version"

    def _told(self, names: Sequence[str], group: str | None, error: BoundError) -> str:
        lines = [
            f"\n  - {each.target}, {platform}: {name} up to {max(found, key=_order)}"
            for name in names
            for (each, platform), found in self._available.get(name, {}).items()
            if each.group == group
        ]
        called = " and ".join(names) or "the family"
        return (
            f"{called}: no one version can be had on every target (lockstep):{''.join(lines)}\n"
            f"{error}\nAsk for a version that all have, take a target out, let one have its own "
            "([tool.accelock.conda.target.<name>.dependencies]), or set lockstep = false."
        )

    def _family(self) -> Iterator[str]:
        """Return conda's names of the packages that share a version, and have hardware builds."""
        for family in self.config.extend(self.catalogue).families:
            for package in family.packages:
                if package.lockstep and package.labelled and not package.is_glob:
                    mapped = load_names().get(package.name)
                    yield from mapped.conda if mapped is not None else (package.name,)

    def _follows(self, each: Environment) -> bool:
        return each.target is not None and self._own_word(each.target) is None

    def _own_word(self, target: Target) -> str | None:
        """Return what a target alone asks of the family, which takes the family out for it."""
        own = (dependency.spec.name for dependency in self.conda.targets.get(target.name, ()))
        return next((name for name in own if name in self._names), None)

    def _versions(self, name: str, each: Environment, platform: Platform) -> frozenset[str]:
        """Return the versions of which a cell has a build, all Pythons together."""
        records = self.solver.hardware([name], platform).get(name, ())
        if each.target is None:
            return frozenset()
        return frozenset(record.version for record in records if fits(record, each.target, {}))

    def _shared(self, name: str, group: str | None) -> frozenset[str]:
        """Return the versions that all cells have which must not be left out; none: any will do."""
        every = [
            found
            for (each, platform), found in self._available.get(name, {}).items()
            if each.group == group and self._is_required(each, platform)
        ]
        shared = frozenset.intersection(*every) if every else frozenset()
        return shared - self._excluded.get(group, {}).get(name, set())

    def _is_required(self, each: Environment, platform: Platform) -> bool:
        named = each.target is not None and self.config.declares_platforms(each.target)
        return named or platform == each.platforms[0]

    def _bind(
        self,
        into: dict[str | None, dict[str, str]],
        each: Environment,
        records: Iterable[Record],
    ) -> None:
        for record in records:
            if record.name in self._names and self._follows(each):
                into.setdefault(each.group, {}).setdefault(record.name, record.version)


def _order(version: str) -> tuple[bool, Version | str]:
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, version
