"""What a run says on standard error about choices that the user did not make."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.host import pins, specifiers_of, version_of
from accelock.hosts.piptools.inputs import local_projects
from accelock.resolve.lockstep import decide, passed_over
from accelock.resolve.messages import left_out, pinned_alone_message, same_for_all_message
from accelock.settings.settings import ignored_table
from accelock.sources.model import ParsedName, parse_filename
from accelock.targets import Levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.resolve.search import Result
    from accelock.targets import Cell


def say(run: Run, captures: Mapping[Cell, Capture], result: Result[Capture]) -> None:
    """Say what was left out or passed over, and what was built on this machine."""
    words = result.question.words
    said = {(c.target, c.platform): left_out(c, why, words) for c, why in result.left_out.items()}
    for warning in said.values():
        run.plan.say(f"WARNING: {warning}")
    for note in result.notes:
        run.plan.say(f"NOTE: {note}")
    _absent(run)
    _same_for_all(run, captures)
    say_built(run)
    _ignored_tables(run, captures)
    _unhashed(run, captures, result)
    _mixed_sources(run, captures)
    _pinned_alone(run, captures)
    _passed_over_for_levels(run, captures)


def _absent(run: Run) -> None:
    missing: dict[str, list[str]] = {}
    for target, platform in run.plan.absent:
        missing.setdefault(target.name, []).append(platform.name)
    for name, platforms in missing.items():
        run.plan.say_progress(f"{name} does not exist on {', '.join(platforms)}: left out there.")


def _same_for_all(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it where several targets have no package that differs, nor a constraint on one."""
    names = {name for capture in captures.values() for name in pins(capture)}
    names |= {each.name for capture in captures.values() for each in capture.constraints}
    if any(capture.substituted for capture in captures.values()):
        return
    if len(run.plan.targets) > 1 and not any(run.routed.find(name) for name in names if name):
        said = same_for_all_message([target.name for target in run.plan.targets])
        run.plan.say_progress(f"NOTE: {said}")


def say_built(run: Run) -> None:
    """Say which metadata is this machine's, where it was applied to other platforms too."""
    if len({cell.platform for cell in run.plan.cells}) == 1:
        return
    for name, version in sorted(run.memo.built):
        run.plan.say(
            f"WARNING: the metadata of {name} {version} was built on this machine, because it has "
            "no wheel and no static metadata (PEP 643); accelock applied its markers to every "
            "platform."
        )


def _ignored_tables(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it once of each directory among the requirements; the project itself is none of them."""
    for capture in captures.values():
        for ireq, directory in local_projects(capture):
            said = ignored_table(ireq.name, directory)
            if said and directory != Path.cwd() and run.first_time(said):
                run.plan.say(f"NOTE: {said}")


def _mixed_sources(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say it where nightly builds are read and the file names the stable ones, or the reverse.

    A mirror in the environment stands for what the file names, and does not stand for the other.
    """
    names = {name for capture in captures.values() for name in pins(capture)}
    families = {entry.family.name for name in names if (entry := run.routed.find(name))}
    for name in sorted(families):
        read, written = run.plan.sources[name], run.plan.written[name]
        if read.is_nightly != written.is_nightly:
            run.plan.say(
                f"WARNING: {name} was read at {read}, as the environment says, and the file names "
                f"{written}. One of them has nightly builds, and the other does not."
            )


def _pinned_alone(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say which targets are out of lockstep, because the project pins a version for them alone."""
    if len(run.plan.targets) == 1 or not run.plan.lockstep or not run.plan.pinned_alone:
        return
    for cell, capture in captures.items():
        own = {canonicalize_name(each.name) for each in run.plan.dependencies[cell.target.name]}
        for name, ireq in pins(capture).items():
            entry = run.routed.find(name)
            if name in own & run.plan.pinned_alone and entry and entry.package.lockstep:
                version = Version(version_of(ireq).public)
                said = pinned_alone_message(cell.target.name, name, str(version))
                if run.first_time(said):
                    run.plan.say(f"NOTE: {said}")


def _unhashed(run: Run, captures: Mapping[Cell, Capture], result: Result[Capture]) -> None:
    """Say which newer versions were passed over because nobody publishes their hashes."""
    alone = decide(result.question)
    for cell, capture in captures.items():
        for name, ireq in pins(capture).items():
            chosen = Version(version_of(ireq).public)
            newer = passed_over(result.question, alone, name, cell, chosen)
            if newer is not None and run.first_time(f"unhashed {name}"):
                run.plan.say(
                    f"NOTE: {name} {newer} is skipped: its index publishes no sha256 for {cell} "
                    "(--allow-downloads downloads the wheels to hash them)."
                )


_LEVEL = re.compile(r"(manylinux_2|macosx)_(\d+)(?:_\d+)?_")
_ANY = Levels(glibc=(2, 99), macos=(99, 0))


@dataclass
class _Files:
    """The files of projects that have wheels for newer systems; of others nothing is to be said."""

    levels: Levels
    of: dict[str, list[ParsedName]] = field(default_factory=lambda: defaultdict(list))

    def read(self, names: Iterable[str]) -> None:
        """Read the names of the files of one page."""
        names = list(names)
        if not any(self._needed(name) for name in names):
            return
        for parsed in filter(None, map(parse_filename, names)):
            self.of[str(parsed.name)].append(parsed)

    def _needed(self, text: str) -> str | None:
        """Return the level beyond the settings that a wheel's name or tag asks for, in words."""
        for system, number in _LEVEL.findall(text):
            level = int(number)
            if system == "macosx" and level > self.levels.macos[0]:
                return f"macOS {level}"
            if system != "macosx" and level > self.levels.glibc[1]:
                return f"glibc 2.{level}"
        return None

    def blocked(self, name: str, cell: Cell) -> dict[Version, str]:
        """Return the versions that only the settings keep from a cell, and what they ask for."""
        fits = frozenset(cell.platform.tags(cell.python, self.levels))
        newer = frozenset(cell.platform.tags(cell.python, _ANY)) - fits
        found: dict[Version, str] = {}
        usable = set()
        for each in self.of.get(name, ()):
            if each.tags is None or each.tags & fits:
                usable.add(each.version)
            for tag in sorted(each.tags & newer, key=str) if each.tags else ():
                if (needed := self._needed(f"{tag.platform}_")) is not None:
                    found.setdefault(each.version, needed)
        return {version: needed for version, needed in found.items() if version not in usable}

    def usable(self, name: str, cell: Cell, wanted: SpecifierSet) -> bool:
        """Tell whether a cell can take any wanted version of a project that is here."""
        fits = frozenset(cell.platform.tags(cell.python, self.levels))
        return any(
            each.version in wanted and (each.tags is None or bool(each.tags & fits))
            for each in self.of.get(name, ())
        )


def _passed_over_for_levels(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Say which newer version was passed over for which setting, once for each platform.

    `glibc = "2.28"` keeps a wheel for manylinux_2_34 out, and pip then takes an older version, or
    an older version of what requires it, without a word.
    """
    files = _Files(run.plan.levels)
    for links in run.memo.links.values():
        files.read(link.filename for link in links)
    if not files.of:
        return
    asks = Dependencies.of(run.memo.metadata.values())
    said: dict[str, dict[str, None]] = defaultdict(dict)
    for cell, capture in captures.items():
        setting = {"linux": "glibc", "darwin": "macos"}.get(cell.platform.sys_platform)
        for text in _passed_over(run, cell, capture, files, asks):
            level = ".".join(map(str, getattr(run.plan.levels, setting or "glibc")))
            said[f'{text}, and `{setting}` is "{level}"'][cell.platform.name] = None
    for text, platforms in said.items():
        run.plan.say(
            f"NOTE: on {', '.join(platforms)} {text} (a setting in [tool.accelock]: the oldest "
            "system that the file is for)."
        )


def _passed_over(
    run: Run, cell: Cell, capture: Capture, files: _Files, asks: Dependencies
) -> Iterator[str]:
    environment = run.plan.environment(cell)
    taken = pins(capture)
    for name, pin in taken.items():
        if run.routed.find(name) is not None:
            continue
        version = version_of(pin)
        wanted = _wanted(name, taken, capture, asks, environment)
        for newer, needed in sorted(files.blocked(name, cell).items(), reverse=True):
            if newer > version and newer in wanted:
                yield f"{name} {newer} is skipped, and {version} taken: its wheels need {needed}"
                break
        known = {Version(text) for parent, text in asks.found if parent == name and text}
        for newer in sorted((each for each in known if each > version), reverse=True):
            reason = newer in wanted and _blocked_by(name, newer, cell, files, asks, environment)
            if reason:
                yield f"{name} {newer} is skipped, and {version} taken: it needs {reason}"
                break


def _wanted(
    name: str,
    taken: Mapping[str, Any],
    capture: Capture,
    asks: Dependencies,
    environment: Mapping[str, str],
) -> SpecifierSet:
    """Return what the inputs and the other pins ask of a project."""
    wanted = specifiers_of(capture, name)
    for parent, pin in taken.items():
        for ask in asks.by(parent, str(version_of(pin))):
            if ask.name == name and ask.holds(environment):
                wanted &= SpecifierSet(str(ask.requirement.specifier))
    return wanted


def _blocked_by(
    name: str,
    version: Version,
    cell: Cell,
    files: _Files,
    asks: Dependencies,
    environment: Mapping[str, str],
) -> str | None:
    """Return which requirement of a version has no wheel for the cell's system, in words."""
    for ask in asks.by(name, str(version)):
        wanted = SpecifierSet(str(ask.requirement.specifier))
        beyond = [need for v, need in sorted(files.blocked(ask.name, cell).items()) if v in wanted]
        if beyond and ask.holds(environment) and not files.usable(ask.name, cell, wanted):
            return f"{ask.name}{ask.requirement.specifier}, whose wheels need {beyond[0]}"
    return None
