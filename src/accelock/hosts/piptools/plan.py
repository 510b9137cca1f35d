"""What one `accelock compile` is to do: targets, cells, sources and settings, by precedence.

Command line > ``ACCELOCK_SOURCE_<FAMILY>`` > pyproject > the inputs' own URLs > catalogue. A source
from the environment is where this run reads, and never what a file says.
"""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelock.catalogue import Catalogue, Source, load_catalogue
from accelock.errors import AccelockError, ConfigError, UsageError
from accelock.hardware.choice import newest_that_runs
from accelock.resolve.substitution import Substitution
from accelock.settings.settings import (
    Config,
    sources_from_environment,
    sources_from_options,
)
from accelock.targets import (
    CPU,
    DEFAULT_PLATFORMS,
    Cell,
    Levels,
    Platform,
    PythonVersion,
    Target,
    parse_platform,
    parse_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from packaging.requirements import Requirement


class OptionError(UsageError):
    """A word of the command line is not what its option takes, or needs another option."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beyond pip-compile's own options; words, not yet values."""

    targets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    allow_downloads: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Plan:
    """A run, decided: everything but what the inputs add to it.

    :param cells: the cells that exist, target by target (the leader first).
    :param absent: targets and platforms that do not exist together; said once.
    :param declared: (target name, platform name) of the platforms that the user named.
    :param sources: by family, where this run reads.
    :param written: by family, what a compiled file says (never from the environment).
    :param fixed: families whose source was chosen by the user, against which an URL in the input
        does not count.
    :param declared_sources: the same without the environment, which does not say what is written.
    :param dependencies: by target, what [tool.accelock.target.<target>.dependencies] asks for.
    :param pinned_alone: lockstep packages that some target pins for itself: it is out of lockstep.
    :param substitution: what targets have under other names than the inputs say, or with an extra.
    """

    catalogue: Catalogue
    targets: tuple[Target, ...]
    cells: tuple[Cell, ...]
    absent: tuple[tuple[Target, Platform], ...]
    declared: frozenset[tuple[str, str]]
    sources: Mapping[str, Source]
    written: Mapping[str, Source]
    fixed: frozenset[str]
    declared_sources: frozenset[str]
    cpuonly: frozenset[str]
    levels: Levels
    lockstep: bool
    allow_downloads: bool
    host_python: bool
    offline: bool = False
    dependencies: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    pinned_alone: frozenset[str] = frozenset()
    substitution: Substitution = field(default_factory=Substitution)
    say: Callable[[str], None] = field(default=lambda _text: None, compare=False)
    say_progress: Callable[[str], None] = field(default=lambda _text: None, compare=False)
    show_bytes: Callable[[int, int], None] = field(default=lambda _d, _t: None, compare=False)

    @property
    def many_pythons(self) -> bool:
        """Return whether the cells are for more than one Python."""
        return len({cell.python for cell in self.cells}) > 1

    @property
    def patch(self) -> int:
        """Return the patch release of its Python that each cell is solved for.

        Where no Python was asked for, it is that of the running one, as in pip-compile; else it is
        the first.
        """
        return sys.version_info[2] if self.host_python else 0

    def environment(self, cell: Cell) -> dict[str, str]:
        """Return the PEP 508 environment of a cell."""
        return cell.platform.marker_environment(cell.python, self.patch)

    def version_info(self, cell: Cell) -> tuple[int, int, int]:
        """Return the Python that Requires-Python is judged for: major, minor, patch."""
        return (cell.python.major, cell.python.minor, self.patch)

    @property
    def source_urls(self) -> frozenset[str]:
        """Return every URL of the families' sources, for each target: none is ever global.

        Those of cpu too: a `cpuonly` family is read and written there on every target.
        """
        both = (*self.sources.values(), *self.written.values())
        urls = {source.url(target) for source in both for target in {*self.targets, CPU}}
        return frozenset(urls | {f"{url}/" for url in urls})

    def cells_of(self, target: Target) -> tuple[Cell, ...]:
        """Return the cells of one target, in the order of its platforms."""
        return tuple(cell for cell in self.cells if cell.target == target)

    def is_required(self, cell: Cell) -> bool:
        """Return whether a cell has to be in the file: the others do their best.

        The user named its platform, or it is the first default one that its target has.
        """
        if (cell.target.name, cell.platform.name) in self.declared:
            return True
        first = next(p for p in DEFAULT_PLATFORMS if cell.target.exists_on(p))
        return cell.platform == first

    def with_sources(self, found: Mapping[str, Source]) -> Plan:
        """Return the plan with the sources that the inputs name, where none was chosen."""
        read, said = dict(self.sources), dict(self.written)
        for name, source in found.items():
            if name not in self.fixed:
                read[name] = source.but_for(read[name].exceptions)
            if name not in self.declared_sources:
                said[name] = source.but_for(said[name].exceptions)
        return replace(self, sources=read, written=said)


def make_plan(
    options: Options,
    config: Config | None,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = lambda _text: None,
    say_progress: Callable[[str], None] = lambda _text: None,
    show_bytes: Callable[[int, int], None] = lambda _done, _total: None,
) -> Plan | None:
    """Decide a run, or return None where neither a target nor a table asks for one.

    :raises UnknownWordError: a target or platform that does not exist.
    :raises OptionError: another word of the command line that is none.
    :raises AccelockError: a target that none of its platforms has.
    """
    catalogue = load_catalogue()
    targets = _targets(options, config, catalogue)
    if not targets and options != Options():
        raise OptionError(
            "--platform, --source, --python-version, --allow-downloads and --offline need a "
            "target: "
            "give one with -t (for example -t cpu), or declare `targets` in [tool.accelock]."
        )
    if not targets:
        return None
    rules = config.packages if config else {}
    catalogue = config.extend(catalogue) if config else catalogue
    asked = {target.name: _platforms(options, config, target) for target in targets}
    pythons = _pythons(options, config)
    pairs = [(target, platform) for target in targets for platform in asked[target.name][0]]
    _check_existing(targets, pairs)
    chosen, written, fixed, said = _sources(options, config, catalogue, environ)
    return Plan(
        catalogue=catalogue,
        targets=targets,
        cells=tuple(
            Cell(target, platform, python)
            for target, platform in pairs
            if target.exists_on(platform)
            for python in pythons
        ),
        absent=tuple(pair for pair in pairs if not pair[0].exists_on(pair[1])),
        declared=frozenset(
            (target.name, platform.name) for target, platform in pairs if asked[target.name][1]
        ),
        sources=chosen,
        written=written,
        fixed=fixed,
        declared_sources=said,
        cpuonly=frozenset(name for name, rule in rules.items() if rule.cpuonly),
        levels=config.levels if config else Levels(),
        lockstep=config.lockstep if config else True,
        allow_downloads=options.allow_downloads or bool(config and config.allow_downloads),
        offline=options.offline,
        host_python=not options.pythons and not (config and config.pythons),
        dependencies={t.name: config.dependencies_of(t) for t in targets} if config else {},
        pinned_alone=_out_of_lockstep(config, catalogue),
        substitution=(
            Substitution.of(config.unsubstituted, config.substituted_always)
            if config
            else Substitution.of(())
        ),
        say=say,
        say_progress=say_progress,
        show_bytes=show_bytes,
    )


def _out_of_lockstep(config: Config | None, catalogue: Catalogue) -> frozenset[str]:
    """Return the lockstep packages that some target pins for itself."""
    names = config.pinned_alone if config else frozenset[str]()
    found = {name: catalogue.family_of(name) for name in names}
    return frozenset(name for name, entry in found.items() if entry and entry[1].lockstep)


def _targets(options: Options, config: Config | None, catalogue: Catalogue) -> tuple[Target, ...]:
    if not options.targets:
        return config.targets if config else ()
    words = list(dict.fromkeys(options.targets))
    declared = config.targets if config else ()
    runs = functools.partial(newest_that_runs, catalogue=catalogue, declared=declared)
    return tuple(parse_target(word, catalogue.targets, runs) for word in words)


def _platforms(
    options: Options, config: Config | None, target: Target
) -> tuple[tuple[Platform, ...], bool]:
    """Return the platforms of a target, and whether the user named them."""
    if options.platforms:
        return tuple(dict.fromkeys(map(parse_platform, options.platforms))), True
    if config:
        return config.platforms_of(target), config.declares_platforms(target)
    return DEFAULT_PLATFORMS, False


def _pythons(options: Options, config: Config | None) -> tuple[PythonVersion, ...]:
    if options.pythons:
        try:
            return tuple(sorted({PythonVersion.parse(word) for word in options.pythons}))
        except AccelockError as error:
            raise OptionError(f"--python-version: {error}") from error
    if config and config.pythons:
        return tuple(sorted(config.pythons))
    return (PythonVersion.host(),)


def _check_existing(targets: tuple[Target, ...], pairs: list[tuple[Target, Platform]]) -> None:
    for target in targets:
        own = [platform for other, platform in pairs if other == target]
        if not any(target.exists_on(platform) for platform in own):
            names = ", ".join(platform.name for platform in own)
            raise AccelockError(
                f"The target {target.name} exists on none of its platforms ({names}): there are "
                f"no {target.kind.name} builds for them. Give it a platform that has it, for "
                f"example --platform linux-x86_64 or "
                f'[tool.accelock.target."{target.name}"] platforms = ["linux-x86_64"].'
            )


def _sources(
    options: Options, config: Config | None, catalogue: Catalogue, environ: Mapping[str, str]
) -> tuple[dict[str, Source], dict[str, Source], frozenset[str], frozenset[str]]:
    """Return where to read, what to write, and the families for which the user chose each."""
    written = {family.name: Source(family.index) for family in catalogue.families}
    try:
        given = sources_from_options(options.sources, catalogue)
    except ConfigError as error:
        raise OptionError(str(error)) from error
    from_environment = sources_from_environment(environ, catalogue)
    if config is not None:
        written |= config.sources
        written = {name: each.but_for(config.exceptions(name)) for name, each in written.items()}
    written |= given
    said = frozenset({*(config.sources if config else ()), *given})
    return {**written, **from_environment, **given}, written, said | {*from_environment}, said
