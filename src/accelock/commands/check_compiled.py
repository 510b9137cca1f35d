"""What is wrong with compiled requirements files: each for itself, and beside each other.

Whether one is fresh and complete, its digests decide.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.catalogue.source import TARGET_FIELD
from accelock.commands.findings import Finding, Level
from accelock.locks import compiled as files
from accelock.locks import inputs
from accelock.locks.budget import denied
from accelock.locks.markers import Place
from accelock.locks.model import Lock, conflicts, foreign_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.locks.compiled import Compiled
    from accelock.locks.model import TargetLock
    from accelock.settings.project import Settings
    from accelock.targets import Target

    SettingsOf = Callable[[Path], Mapping[str, str]]

_STDIN = "-"
_TARGET_OPTION = re.compile(r"(?:^|\s)(?:-t|--target\b)")
_TABLES = "[tool.accelock] or [tool.pip-tools] in pyproject.toml"


@dataclass(frozen=True, slots=True)
class InputTexts:
    """The inputs of a file as they are now: those read, and those that cannot be."""

    texts: Mapping[str, str]
    missing: tuple[str, ...]
    remote: tuple[str, ...]

    @classmethod
    def of(cls, compiled: Compiled) -> InputTexts:
        """Read the inputs that a stamp names; their paths are relative to the real folder."""
        texts: dict[str, str] = {}
        missing: list[str] = []
        for name in compiled.stamp.inputs:
            if name != _STDIN and "://" not in name:
                try:
                    texts[name] = inputs.text_of(compiled.path.resolve().parent / name)
                except OSError:
                    missing.append(name)
        remote = tuple(name for name in compiled.stamp.inputs if "://" in name)
        return cls(texts, tuple(missing), remote)


@dataclass(frozen=True, slots=True)
class Governed:
    """A file, its inputs, and the folder and settings that it follows.

    `tables` are those of that folder's pyproject.toml that steer a compile. `others` are the names
    of other files that are for the same target and input.
    """

    compiled: Compiled
    inputs: InputTexts
    folder: Path
    settings: Settings
    tables: Mapping[str, str]
    others: tuple[str, ...] = ()
    lock: TargetLock = field(init=False)

    def __post_init__(self) -> None:
        """Read the pins once: several checks ask for them."""
        object.__setattr__(self, "lock", self.compiled.lock(self.settings))

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the file itself."""
        yield from self._of_inputs()
        name = self.compiled.name
        if not self.compiled.is_as_compiled:
            what = (
                "its pins, hashes or options changed after it was compiled: somebody edited or "
                "damaged it"
            )
            if bare := self._without_label():
                what += (
                    f". On Linux, {bare} is PyPI's build; Dependabot and Renovate drop the label"
                )
            todo = f"change the inputs instead, and {_recompile(self.compiled)}"
            yield Finding("edited", Level.ERROR, name, what, todo)
        for each in conflicts(Lock(files.KIND, {self.compiled.target: self.lock})):
            what = f"{each}, which pip refuses"
            yield Finding("two-versions", Level.ERROR, name, what, _recompile(self.compiled))
        for what in denied(self.lock, self.settings.config.of(self.lock.target)):
            todo = f"require something that does without it, and {_recompile(self.compiled)}"
            yield Finding("denied", Level.ERROR, name, what, todo)
        for what in foreign_pairs(self.lock, self.settings.catalogue):
            todo = f"pin one of the two in the inputs, and {_recompile(self.compiled)}"
            yield Finding("foreign-pair", Level.ERROR, name, what, todo)

    def _without_label(self) -> str:
        """Return the pins that a bot may have raised: such as torch==2.8.1 beside torchvision+cpu.

        On Linux every build of such a package for a target has a label; what has none is PyPI's.
        """
        linux = [p for p in _places(self.lock) if p.platform.sys_platform == "linux"]
        pins = [pin for place in linux for pin in self.lock.at(place).values() if not pin.label]
        known = ((pin, self.settings.catalogue.family_of(pin.name)) for pin in pins)
        bare = (f"{pin.name}=={pin.version}" for pin, each in known if each and each[1].labelled)
        return ", ".join(dict.fromkeys(bare))

    def _of_inputs(self) -> Iterator[Finding]:
        compiled, found = self.compiled, self.inputs
        if found.missing:
            what = f"it was compiled from {', '.join(found.missing)}, which cannot be read"
            todo = f"restore the input, or {_recompile(compiled)}"
            yield Finding("missing-input", Level.ERROR, compiled.name, what, todo)
        if _STDIN in compiled.stamp.inputs:
            what = (
                "it was made from standard input or by rewrite, so accelock cannot tell "
                "whether it is fresh"
            )
            todo = "to have it checked, compile it from files"
            yield Finding("stdin-input", Level.WARNING, compiled.name, what, todo)
        if found.remote:
            names = ", ".join(found.remote)
            what = (
                f"it was compiled from {names}, which check does not read, because it works offline"
            )
            todo = "to have it checked, keep a copy in the project"
            yield Finding("remote-input", Level.WARNING, compiled.name, what, todo)
        if _are_all(found, compiled) and not _is_fresh(compiled, found, self.tables):
            yield self._stale()

    def _stale(self) -> Finding:
        compiled = self.compiled
        if self._is_left_over():
            target = compiled.target
            what = f"it is for {target}, which pyproject.toml does not declare, and is stale"
            return Finding("undeclared", Level.ERROR, compiled.name, what, "remove it")
        todo = _recompile(compiled)
        if self.others:  # requirements.txt of one target, next to requirements.cpu.txt
            names = ", ".join(self.others)
            todo += f"; or, if {names} replaces it, remove it"
        what = f"it is stale: {self._changed()} changed after it was compiled"
        return Finding("stale", Level.ERROR, compiled.name, what, todo)

    def _changed(self) -> str:
        """Return what changed: in an older file, of which nothing tells it, what may have."""
        now = inputs.parts(self.inputs.texts.items(), self.tables)
        changed = self.compiled.stamp.changed(now)
        if changed:
            tables = [name for name in changed if name.startswith("[")]
            words = [name for name in changed if name not in tables]
            if tables:
                words.append(f"{' and '.join(tables)} in pyproject.toml")
            return " and ".join(words)
        texts = ", ".join(self.inputs.texts)
        return f"{texts}, or {_TABLES}," if texts else _TABLES

    def _is_left_over(self) -> bool:
        """Tell whether no run writes a file again: its target came from the table, and left it."""
        compiled = self.compiled
        is_declared = compiled.target in self.settings.config.targets
        if is_declared or files.template(compiled.name, compiled.target) is None:
            return False
        # Of a command that stands for it (CUSTOM_COMPILE_COMMAND), nothing is known.
        command = compiled.command or ""
        return command.startswith("accelock compile") and not _TARGET_OPTION.search(command)


def governing(
    compiled: Compiled, found: InputTexts, directory: Path, settings_of: SettingsOf
) -> Path:
    """Return the folder whose pyproject.toml a file was compiled with, as far as that can be told.

    A compile follows the one of where it runs. The stamp does not name that, but the command at the
    file's top names the inputs as they are called from there. Where it does not (another command
    stands for it, or no input was named), it is `directory`, where `check` runs, or a folder above
    the file: the one with which the file is fresh; of a stale file, `directory` where that is above
    it, else the nearest.
    """
    here, base = directory.resolve(), compiled.path.resolve().parent
    above = list(_above(base, settings_of))
    told = [each for each in dict.fromkeys([*above, here, base]) if _names(compiled, base, each)]
    for each in told or dict.fromkeys([*above, here]):
        if _is_fresh(compiled, found, settings_of(each)):
            return each
    if told:
        return told[0]
    return here if here in above or not above else above[-1]


def _names(compiled: Compiled, base: Path, folder: Path) -> bool:
    """Tell whether the command of a file names an input as it is called from a folder."""
    words = {os.path.normpath(word) for word in (compiled.command or "").split()}
    local = (name for name in compiled.stamp.inputs if name != _STDIN and "://" not in name)
    try:
        return any(os.path.relpath(base / name, folder) in words for name in local)
    except ValueError:  # another drive of Windows
        return False


def _above(folder: Path, settings_of: SettingsOf) -> Iterator[Path]:
    """Yield the folders upward that have a pyproject.toml, to the first that steers a compile."""
    for each in (folder, *folder.parents):
        if (each / inputs.PYPROJECT).is_file():
            yield each
            if settings_of(each):
                return


def _is_fresh(compiled: Compiled, found: InputTexts, tables: Mapping[str, str]) -> bool:
    """Tell whether inputs and settings are still those that were compiled.

    Where an input cannot be read, nothing tells that.
    """
    now = inputs.digest(found.texts.items(), tables)
    return _are_all(found, compiled) and now == compiled.stamp.digest


def _are_all(found: InputTexts, compiled: Compiled) -> bool:
    return len(found.texts) == len(compiled.stamp.inputs)


def _recompile(compiled: Compiled) -> str:
    """Say how to make the file again, by its own header where that tells it."""
    if not compiled.command:
        return "compile it again"
    where = f"in {compiled.folder}, " if compiled.folder else ""
    return f"{where}run: {compiled.command}"


# Beside each other


def by_series(compiled: Iterable[Compiled]) -> dict[str, list[Compiled]]:
    """Return the files grouped by what they have in common but the target."""
    groups: dict[str, list[Compiled]] = {}
    for each in compiled:
        groups.setdefault(files.series(each.name, each.target), []).append(each)
    return groups


def check_missing(
    compiled: Sequence[Compiled], declared: Sequence[Target], directory: Path
) -> Iterator[Finding]:
    """Yield the files that declared targets lack while other targets have theirs."""
    gone: dict[str, Target] = {}
    for group in by_series(compiled).values():
        gone.update(_gaps(group, declared))
    told = set(gone.values()) | {each.target for each in compiled}
    if compiled:
        first = compiled[0]
        base = files.series(first.name, first.target)
        for target in declared:
            if target not in told:
                gone[files.shown(files.layer(directory / base, target), directory)] = target
    for name, target in gone.items():
        others = ", ".join(dict.fromkeys(each.target.name for each in compiled))
        yield _absent(name, target, others, directory)


def _gaps(group: Sequence[Compiled], declared: Sequence[Target]) -> dict[str, Target]:
    """Return the names that a series lacks; a file for one target alone is no series."""
    templates = [files.template(each.name, each.target) for each in group]
    pattern = next((template for template in templates if template), None)
    if pattern is None:
        return {}
    present = {each.target for each in group}
    return {
        pattern.replace(TARGET_FIELD, target.name): target
        for target in declared
        if target not in present
    }


def _absent(name: str, target: Target, others: str, directory: Path) -> Finding:
    if (directory / name).exists():
        return unstamped(name)
    what = f"{target} is declared in [tool.accelock], and has no file; there are files for {others}"
    todo = f"compile for {target} too (accelock compile), or take it out of `targets`"
    return Finding("missing-file", Level.ERROR, name, what, todo)


def unstamped(name: str) -> Finding:
    """Return what is wrong with a file that another tool may have written over ours."""
    what = "it has no accelock stamp, so accelock cannot tell whether it is fresh and complete"
    todo = "compile it with accelock, without --no-header"
    return Finding("unstamped", Level.ERROR, name, what, todo)


def check_lockstep(governed: Sequence[Governed], settings: Settings) -> Iterator[Finding]:
    """Yield the lockstep packages whose public versions differ between targets of one input.

    Each file may be fresh all the same: they need not be of one run.
    """
    if not settings.config.lockstep:
        return
    ranks = {target: rank for rank, target in enumerate(settings.config.targets)}
    groups: dict[str, list[TargetLock]] = {}
    for each in governed:
        series = files.series(each.compiled.name, each.compiled.target)
        groups.setdefault(series, []).append(each.lock)
    for group in groups.values():
        leader = min(group, key=lambda lock: ranks.get(lock.target, len(ranks)))
        for other in group:
            if other.target != leader.target:
                yield from _differences(leader, other, settings)


def _differences(leader: TargetLock, other: TargetLock, settings: Settings) -> Iterator[Finding]:
    names = dict.fromkeys(pin.name for pin in leader.pins)
    known = {name: settings.catalogue.family_of(name) for name in names}
    for name in (name for name, entry in known.items() if entry and entry[1].lockstep):
        found = _difference(leader, other, name)
        if found is not None and not _are_apart(name, leader.target, other.target, settings):
            mine, theirs = found
            what = (
                f"{name} is {theirs} for {other.target} and {mine} for {leader.target} "
                f"({leader.file}); lockstep wants one public version"
            )
            todo = "compile all targets in one run, or set lockstep = false in [tool.accelock]"
            yield Finding("lockstep", Level.ERROR, other.file, what, todo)


def _are_apart(name: str, first: Target, second: Target, settings: Settings) -> bool:
    """Tell whether one of two targets is out of lockstep, because it alone pins a package.

    What belongs together has to differ with it: torchvision where torch is pinned.
    """
    own = settings.config.pins_of(first) | settings.config.pins_of(second)
    return bool(own & {name, *settings.catalogue.companions(name)})


def _difference(leader: TargetLock, other: TargetLock, name: str) -> tuple[str, str] | None:
    """Return two versions that differ at one place, or, where the files share none, at all.

    An input may ask for another version on another platform, which is no difference of targets.
    """
    mine, theirs = ({p: _public(lock, name, p) for p in _places(lock)} for lock in (leader, other))
    shared = [place for place in mine if place in theirs]
    for place in shared:
        if mine[place] and theirs[place] and mine[place] != theirs[place]:
            return ", ".join(sorted(mine[place])), ", ".join(sorted(theirs[place]))
    if not shared:
        all_mine, all_theirs = (set().union(*found.values()) for found in (mine, theirs))
        if all_mine and all_theirs and not all_mine & all_theirs:
            return ", ".join(sorted(all_mine)), ", ".join(sorted(all_theirs))
    return None


def _places(lock: TargetLock) -> list[Place]:
    return [Place(platform, python) for platform in lock.platforms or () for python in lock.pythons]


def _public(lock: TargetLock, name: str, place: Place) -> set[str]:
    """Return the versions that a package may have at a place, without labels."""
    here = (pin.parsed for pin in lock.pins if pin.name == name and pin.holds(place))
    return {version.public for version in here if version is not None}
