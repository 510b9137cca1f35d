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
from accelock.catalogue.source import sources_from_environment, sources_from_options
from accelock.errors import AccelockError, ConfigError, UsageError
from accelock.hardware.choice import newest_that_runs
from accelock.resolve.substitution import Substitution
from accelock.settings.config import Config
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
    catalogue, config = load_catalogue(), config or Config()
    targets = _targets(options, config, catalogue)
    if not targets and options != Options():
        raise OptionError(
            "--platform, --source, --python-version, --allow-downloads and --offline need a "
            "target: "
            "give one with -t (for example -t cpu), or declare `targets` in [tool.accelock]."
        )
    if not targets:
        return None
    catalogue = config.extend(catalogue)
    named = tuple(dict.fromkeys(map(parse_platform, options.platforms)))
    pythons = _pythons(options, config)
    pairs = [(t, platform) for t in targets for platform in named or config.platforms_of(t)]
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
            (target.name, platform.name)
            for target, platform in pairs
            if named or config.declares_platforms(target)
        ),
        sources=chosen,
        written=written,
        fixed=fixed,
        declared_sources=said,
        cpuonly=frozenset(name for name, rule in config.packages.items() if rule.cpuonly),
        levels=config.levels,
        lockstep=config.lockstep,
        allow_downloads=options.allow_downloads or config.allow_downloads,
        offline=options.offline,
        host_python=not (options.pythons or config.pythons),
        dependencies={target.name: config.dependencies_of(target) for target in targets},
        pinned_alone=frozenset(filter(catalogue.in_lockstep, config.pinned_alone)),
        substitution=Substitution.of(config.unsubstituted, config.substituted_always),
        say=say,
        say_progress=say_progress,
        show_bytes=show_bytes,
    )


def _targets(options: Options, config: Config, catalogue: Catalogue) -> tuple[Target, ...]:
    if not options.targets:
        return config.targets
    runs = functools.partial(newest_that_runs, catalogue=catalogue, declared=config.targets)
    words = dict.fromkeys(options.targets)
    return tuple(parse_target(word, catalogue.targets, runs) for word in words)


def _pythons(options: Options, config: Config) -> tuple[PythonVersion, ...]:
    if options.pythons:
        try:
            return tuple(sorted({PythonVersion.parse(word) for word in options.pythons}))
        except AccelockError as error:
            raise OptionError(f"--python-version: {error}") from error
    return tuple(sorted(config.pythons)) or (PythonVersion.host(),)


def _check_existing(targets: tuple[Target, ...], pairs: list[tuple[Target, Platform]]) -> None:
    for target in targets:
        own = [platform for other, platform in pairs if other == target]
        if not any(target.exists_on(platform) for platform in own):
            names = ", ".join(platform.name for platform in own)
            raise AccelockError(
                f"The target {target.name} exists on none of its platforms ({names}): there are "
                f"no {target.kind.name} builds for them. Name a platform that has it, for "
                f"example --platform linux-x86_64 or "
                f'[tool.accelock.target."{target.name}"] platforms = ["linux-x86_64"].'
            )


def _sources(
    options: Options, config: Config, catalogue: Catalogue, environ: Mapping[str, str]
) -> tuple[dict[str, Source], dict[str, Source], frozenset[str], frozenset[str]]:
    """Return where to read, what to write, and the families for which the user chose each."""
    written = {family.name: Source(family.index) for family in catalogue.families}
    try:
        given = sources_from_options(options.sources, catalogue)
    except ConfigError as error:
        raise OptionError(str(error)) from error
    from_environment = sources_from_environment(environ, catalogue)
    written |= config.sources
    written = {name: each.but_for(config.exceptions(name)) for name, each in written.items()}
    written |= given
    said = frozenset({*config.sources, *given})
    return {**written, **from_environment, **given}, written, said | {*from_environment}, said
