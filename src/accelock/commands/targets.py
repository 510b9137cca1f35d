"""`accelock targets`: what the indexes have of a package for each target, and what runs it.

The JSON: `format` (1), `platform` (of the machine, null where it has no name), and `packages`: a
list of `name`, `family`, and `targets`: a list of `target`, `declared` (by pyproject.toml), `fits`,
`reason` and `cause` (whether the machine runs it, and why, as in `why --json`), `url` (of the
family's index or page), `builds`: a list of `platform`, `version` (the newest, without a label),
`pythons` (version specifiers, PEP 440) and `index` (where they are); `driver` (null, or the lowest
on `linux` and `windows`), `compute_capabilities`: a list of `machine`, `lowest`, `highest` (null
where it is not known) and `without`; `gfx` (AMD architectures), and `fault` (why the index could
not be read, else null).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock import toml
from accelock.catalogue.source import TARGET_FIELD, redact
from accelock.commands.screen import aligned
from accelock.errors import SourceError, UnknownWordError
from accelock.hardware.choice import fit
from accelock.hardware.machine import spell_driver
from accelock.hardware.vendor import Fit, LockedTarget, Reason
from accelock.resolve.newest import NewestReader
from accelock.resolve.routing import Routing
from accelock.settings.poetry_project import read_project
from accelock.targets import PLATFORMS, PYTHONS, Kind, parse_target, sort_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from accelock.catalogue import Catalogue
    from accelock.catalogue.hardware import CapabilityRange, HardwareTables
    from accelock.commands.context import Context
    from accelock.commands.downloads import Fetching
    from accelock.resolve.newest import Newest
    from accelock.resolve.routing import Accelerated
    from accelock.targets import Platform, PythonVersion, Target

FORMAT = 1
TORCH = "torch"  # whose wheels the tables of compute capabilities are about
_MACHINES = ("x86_64", "aarch64")
_NEWEST_MAJOR = 99  # of a compute capability: the tables' word for one that is not known


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What there is of a package for a target; `fault` says why its index could not be read."""

    target: Target
    is_declared: bool
    url: str
    fit: Fit
    builds: tuple[Newest, ...]
    drivers: Mapping[str, str]
    capabilities: tuple[CapabilityRange, ...]
    gfx: tuple[str, ...]
    fault: str | None

    def on(self, platform: Platform) -> Newest | None:
        """Return what there is on a platform, or None."""
        return next((each for each in self.builds if each.platform == platform), None)

    @property
    def pythons(self) -> str:
        """Return, in words, the Pythons of the newest version that any platform has."""
        newest = max((each.version for each in self.builds), default=None)
        of_it = (each.pythons for each in self.builds if each.version == newest)
        found = sorted({python for pythons in of_it for python in pythons})
        if not found:
            return ""
        if found[-1] == PYTHONS[-1]:
            return "any" if found[0] == PYTHONS[0] else f"{found[0]}+"
        return f"{found[0]}-{found[-1]}" if len(found) > 1 else str(found[0])

    @property
    def gpus(self) -> str:
        """Return, in words, the GPUs that it is built for; of CUDA those on x86_64."""
        row = next((each for each in self.capabilities if each.machine == _MACHINES[0]), None)
        if row is None:
            return f"gfx {' '.join(each[len('gfx') :] for each in self.gfx)}" if self.gfx else ""
        lowest = _spell(row.lowest)
        if _highest(row) is None:
            return f"{lowest} and newer"
        but = f" but {', '.join(map(_spell, sorted(row.without)))}" if row.without else ""
        return f"{lowest} to {_highest(row)}{but}"

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "target": self.target.name,
            "declared": self.is_declared,
            "fits": self.fit.fits,
            "reason": self.fit.reason,
            "cause": self.fit.cause.value if self.fit.cause else None,
            "url": self.url,
            "builds": [
                {
                    "platform": each.platform.name,
                    "version": str(each.version),
                    "pythons": _specifier(each.pythons),
                    "index": each.index,
                }
                for each in self.builds
            ],
            "driver": dict(self.drivers) or None,
            "compute_capabilities": [
                {
                    "machine": row.machine,
                    "lowest": _spell(row.lowest),
                    "highest": _highest(row),
                    "without": [_spell(each) for each in sorted(row.without)],
                }
                for row in self.capabilities
            ],
            "gfx": list(self.gfx),
            "fault": self.fault,
        }


@dataclass(frozen=True, slots=True)
class Targets:
    """The answer, by package: its family, and what there is for each target.

    `machine` is what to call the one that is meant, `platform` its own; `levels` is, in words, the
    oldest system that wheels must run on.
    """

    machine: str
    platform: Platform | None
    levels: str
    packages: Mapping[str, tuple[str, tuple[TargetReport, ...]]]

    @property
    def exit_code(self) -> int:
        """Return 1 where an index could not be read."""
        return int(any(each.fault for _family, found in self.packages.values() for each in found))

    def lines(self) -> Iterator[str]:
        """Yield the answer as text."""
        for number, (name, (family, found)) in enumerate(self.packages.items()):
            if number:
                yield ""
            yield f"{name} ({family} family): the newest on each platform, {self.levels}"
            shown = [each for each in found if each.builds or each.fault or each.is_declared]
            yield from aligned(list(self._rows(shown)), indent="")
            if none := [each.target.name for each in found if each not in shown]:
                yield f"no {name}: {', '.join(none)}"
            yield from _faults(found)
        yield ""
        yield f"* {self.machine} runs it"
        if self.exit_code:
            yield "? the index could not be read"

    def dumps(self) -> str:
        """Return the answer as JSON."""
        document = {
            "format": FORMAT,
            "platform": self.platform.name if self.platform else None,
            "packages": [
                {"name": name, "family": family, "targets": [each.document() for each in found]}
                for name, (family, found) in self.packages.items()
            ],
        }
        return json.dumps(document, indent=2)

    def _rows(self, shown: Sequence[TargetReport]) -> Iterator[Sequence[str]]:
        platforms = [p for p in PLATFORMS.values() if any(each.on(p) for each in shown)]
        system = "windows" if self.platform and self.platform.os_name == "nt" else "linux"
        systems = (each.name.partition("-")[0] for each in platforms)
        machines = (each.name.partition("-")[2] for each in platforms)
        yield "", "", *systems, "", system, "", "of x86_64 wheels"
        yield "", "target", *machines, "Python", "driver", "declared", "GPUs"
        for each in shown:
            none = "?" if each.fault else "-"
            there = (each.on(platform) for platform in platforms)
            yield (
                "*" if each.fit.fits else "",
                each.target.name,
                *(str(newest.version) if newest else none for newest in there),
                each.pythons or none,
                each.drivers.get(system, ""),
                "yes" if each.is_declared else "",
                each.gpus,
            )


def targets(
    context: Context,
    words: Sequence[str],
    target_words: Sequence[str],
    open_reader: Callable[[], Fetching],
) -> Targets:
    """Return what there is of some packages for each target.

    :param words: packages of families; without any, those that the project asks for or has locked,
        and torch where there are none.
    :param target_words: targets; without any, all that builds are still made for, and those that
        the project declares.
    :param open_reader: called once it is known what to read.
    :raises UnknownWordError: a word is no package of a family, or no target.
    :raises AccelockError: the project's table, its lock or the machine's profile is broken.
    """
    catalogue, config = context.settings.catalogue, context.settings.config
    names = [_known(word, catalogue) for word in words] or _asked_for(context) or [TORCH]
    named = [parse_target(word, catalogue.targets).name for word in target_words]
    declared = {target.name for target in config.targets}
    current = catalogue.targets - catalogue.hardware.older
    chosen = sort_targets(frozenset(named) or current | declared)
    sources = context.settings.sources(context.around.environ)
    fetching = open_reader()
    routing = Routing(fetching.reader, catalogue, sources=sources, levels=config.levels)
    index = NewestReader(fetching.reader, fetching.indexes, routing, config.levels)
    index.prefetch(names, chosen)
    packages = {}
    for name in dict.fromkeys(names):
        found = index.routing.find(name)
        if found is not None:
            rows = (_of_target(found, name, each, index, context) for each in chosen)
            packages[name] = found.family.name, tuple(rows)
    levels = f"for glibc {_spell(config.levels.glibc)} and macOS {_spell(config.levels.macos)}"
    machine = context.machine_word or "this machine"
    return Targets(machine, context.wanted_platform, levels, packages)


def _faults(found: Iterable[TargetReport]) -> Iterator[str]:
    """Yield why indexes could not be read: once, where they differ by no more than the target."""
    alike: dict[str, list[TargetReport]] = {}
    for each in found:
        if each.fault is not None:
            alike.setdefault(each.fault.replace(each.target.name, TARGET_FIELD), []).append(each)
    for reason, those in alike.items():
        names = ", ".join(each.target.name for each in those)
        yield f"note: {names}: {reason if len(those) > 1 else those[0].fault}"


def _known(word: str, catalogue: Catalogue) -> str:
    """Return a package of a family by its canonical name; UnknownWordError offers the nearest."""
    if catalogue.family_of(word) is not None:
        return canonicalize_name(word)
    names = [
        each.name
        for family in catalogue.families
        for each in family.packages
        if not each.runtime and not each.is_glob
    ]
    note = "it is a target; write -t" if sort_targets([word]) else ""
    raise UnknownWordError("package of a family", word, names, note=note)


def _asked_for(context: Context) -> list[str]:
    """Return the families' packages that a project asks for, in its tables or by its lock."""
    pyproject = context.directory / "pyproject.toml"
    project = read_project(toml.read(pyproject, pyproject.name) or {})
    config = context.settings.config
    found = {ask.name for ask in project.asks}
    found |= {canonicalize_name(r.name) for t in config.targets for r in config.dependencies_of(t)}
    if context.lock is not None:
        found |= {pin.name for each in context.lock.targets.values() for pin in each.pins}
    return [
        package.name
        for family in context.settings.catalogue.families
        for package in family.packages
        if package.name in found and not package.runtime
    ]


def _of_target(
    entry: Accelerated, name: str, target: Target, index: NewestReader, context: Context
) -> TargetReport:
    builds: tuple[Newest, ...] = ()
    fault = None
    try:
        found = (index.newest(entry, name, target, platform) for platform in PLATFORMS.values())
        builds = tuple(filter(None, found))
    except SourceError as error:
        fault = str(error)
    tables, drivers = context.settings.catalogue.hardware, {}
    if floor := tables.driver_floor(target):
        windows = tables.driver_floor(target, "windows") or floor
        drivers = {"linux": spell_driver(floor), "windows": spell_driver(windows)}
    is_of_torch = entry.family.package(TORCH) is not None
    on_linux = (each for each in builds if each.platform.sys_platform == "linux")
    versions = {each.platform.machine: each.version for each in on_linux} if name == TORCH else {}
    return TargetReport(
        target=target,
        is_declared=target in context.settings.config.targets,
        url=redact(index.routing.url(entry.family, target)),
        fit=_fit(name, target, context, {each.platform: each.version for each in builds}, fault),
        builds=builds,
        drivers=drivers,
        capabilities=tuple(_capabilities(target, tables, versions)) if is_of_torch else (),
        gfx=tables.architectures(target) if is_of_torch else (),
        fault=fault,
    )


def _fit(
    name: str,
    target: Target,
    context: Context,
    versions: Mapping[Platform, Version],
    fault: str | None,
) -> Fit:
    """Return whether the machine runs the newest build for a target, if there is one for it."""
    platform = context.wanted_platform
    version = versions.get(platform) if platform else None
    tables = context.settings.catalogue.hardware
    locked = LockedTarget(torch=version if name == TORCH else None)
    found = fit(target, context.machine, tables, locked)
    if not found.fits or version is not None or fault is not None:
        return found
    return Fit.no(Reason.NO_BUILDS, f"there is no {name} for {context.where}")


def _capabilities(
    target: Target, tables: HardwareTables, versions: Mapping[str, Version]
) -> Iterator[CapabilityRange]:
    """Yield what is built for, by machine: of a version of torch, else of its newest releases."""
    if target.kind is not Kind.CUDA:
        return
    for machine in _MACHINES:
        version = versions.get(machine)
        if version is None:
            yield from tables.capability_ranges(target, machine)[-1:]
        elif (row := tables.capability_range(target, version, machine)) is not None:
            yield row


def _specifier(pythons: Sequence[PythonVersion]) -> str:
    """Return Pythons as version specifiers: `>=3.10,<3.15`, without an end where none is known."""
    between = PYTHONS[PYTHONS.index(pythons[0]) : PYTHONS.index(pythons[-1]) + 1]
    gaps = [f"!={python}.*" for python in between if python not in pythons]
    behind = PYTHONS[PYTHONS.index(pythons[-1]) + 1 :][:1]
    return ",".join([f">={pythons[0]}", *(f"<{python}" for python in behind), *gaps])


def _spell(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


def _highest(row: CapabilityRange) -> str | None:
    return _spell(row.highest) if row.highest[0] < _NEWEST_MAJOR else None
