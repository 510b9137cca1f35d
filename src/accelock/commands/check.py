"""`accelock check`: check that every lock is fresh and complete; offline, for CI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.commands.check_compiled import (
    Governed,
    InputTexts,
    by_series,
    check_lockstep,
    check_missing,
    governing,
    unstamped,
)
from accelock.commands.check_others import check_pylocks, check_uv
from accelock.commands.check_poetry import check_poetry_lock, is_locked_by_poetry, missing_lock
from accelock.commands.findings import Finding, Level, Report
from accelock.errors import AccelockError, OutputError
from accelock.locks import compiled as files
from accelock.locks import inputs, journal, pylock
from accelock.locks.poetry_lock import KIND as LOCK
from accelock.locks.stamp import CONDA_PREFIX, CONDA_SUFFIXES
from accelock.settings.project import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelock.locks.compiled import Compiled

# ruff: noqa: PLC0415 - what reads conda files is loaded where there is one, or where one is named

_COMPILE = "accelock compile requirements.in"
_NO_INPUTS = frozenset({"MANIFEST.in"})  # setuptools': which files a source distribution has


def check(directory: Path, words: Sequence[str] = ()) -> Report:
    """Check requirements files, poetry.lock and conda files, and finish what was interrupted.

    `directory` is the project's: where pyproject.toml is, and where the commands are run. `words`
    are files or folders as a user names them; without them every file with a stamp counts that is
    in the directory or one level below it, and the directory's poetry.lock, conda files and
    uv.lock. Nothing is read from the network.

    Raises ConfigError for a faulty [tool.accelock].
    """
    run = _Run(directory, tuple(words), Settings.of(directory))
    recovered = tuple(_recover(run.folders()))
    locks = ((each, check_poetry_lock(each, run.settings_of(each))) for each in run.locks())
    locked, conda = run.joined(locks), run.joined(run.of_conda())
    pylocks = run.joined(run.of_pylocks())
    uv = Report() if words else check_uv(directory, run.settings.catalogue)
    compiled, unreadable = run.read()
    if not (compiled or unreadable or locked.files):
        is_apart = run.words and (pylocks.files or pylocks.findings)
        is_uvs = uv.files and not run.settings.config.targets
        none = () if is_apart or is_uvs else _no_pip_lock(run, conda)
        found = (*recovered, *none, *conda.findings, *pylocks.findings, *uv.findings)
        return Report((*conda.files, *pylocks.files, *uv.files), found)
    told = {finding.file for finding in unreadable}
    governed = tuple(_governed(compiled, run))
    each = [finding for one in governed for finding in one.findings()]
    together = [finding for finding in _of_all(governed, run) if finding.file not in told]
    found = (*recovered, *unreadable, *each, *together, *locked.findings)
    names = (*(one.name for one in compiled), *locked.files, *conda.files, *pylocks.files)
    findings = (*found, *conda.findings, *pylocks.findings, *uv.findings)
    return Report((*names, *uv.files), findings)


@dataclass(frozen=True, slots=True)
class _Run:
    directory: Path
    words: tuple[str, ...]
    settings: Settings

    def paths(self) -> list[Path]:
        """Return the files to look at: those named, or those that may have a stamp."""
        if not self.words:
            return list(files.find(self.directory))
        words = [word for word in self.words if not self._is_elsewhere(word)]
        return list(dict.fromkeys(path for word in words for path in self._named(word)))

    def locks(self) -> list[Path]:
        """Return the folders whose poetry.lock to look at, if there is one."""
        if not self.words:
            return [self.directory]
        paths = [self.directory / word for word in self.words]
        named = [path if path.is_dir() else path.parent for path in paths if _may_have_lock(path)]
        return list(dict.fromkeys(named))

    def sidecars(self) -> dict[Path, frozenset[str] | None]:
        """Return the folders whose conda files to look at, with their names (None: all)."""
        if not self.words:
            return {self.directory: None}
        from accelock.commands.check_conda import is_sidecar

        found: dict[Path, frozenset[str] | None] = {}
        for word in self.words:
            path = self.directory / word
            if path.is_dir():
                found[path] = None
            elif is_sidecar(path) and found.get(path.parent, frozenset()) is not None:
                found[path.parent] = (found.get(path.parent) or frozenset()) | {path.name}
        return found

    def _is_elsewhere(self, word: str) -> bool:
        """Tell whether a word is no requirements file: a lock of Poetry's, PEP 751's or conda's."""
        from accelock.commands.check_conda import is_sidecar

        name = Path(word).name
        return name == LOCK or pylock.is_named(name) or is_sidecar(self.directory / word)

    def _named(self, word: str) -> Iterable[Path]:
        """Return what a word means: as in `accelock sync`, also a name that every target has."""
        path = self.directory / word
        if path.is_dir():
            return files.find(path)
        found = {} if path.exists() else files.layers(path, self.settings.catalogue.targets)
        return found.values() or [path]

    def folders(self) -> list[Path]:
        """Return where a journal may stand."""
        if not self.words:
            return files.folders(self.directory)
        named = [self.directory / word for word in self.words]
        return [self.directory, *(path if path.is_dir() else path.parent for path in named)]

    def read(self) -> tuple[tuple[Compiled, ...], tuple[Finding, ...]]:
        """Return the files with a stamp, and what is wrong with the others."""
        compiled: list[Compiled] = []
        faults: list[Finding] = []
        for path in self.paths():
            name = files.shown(path, self.directory)
            try:
                found = files.read(path, name, self.settings.catalogue.targets)
            except AccelockError as error:
                faults.append(_unreadable(name, error))
                continue
            if found is not None:
                compiled.append(found)
            elif self.words:
                faults.append(unstamped(name))
        return tuple(compiled), tuple(faults)

    def settings_of(self, folder: Path) -> Settings:
        """Return the settings of the project in a folder."""
        return self.settings if folder == self.directory else Settings.of(folder)

    def of_conda(self) -> Iterator[tuple[Path, Report]]:
        """Check the conda files of each folder against the pyproject.toml beside them."""
        for folder, names in self.sidecars().items():
            config = self.settings_of(folder).config
            likely = (p for p in folder.iterdir() if p.suffix in CONDA_SUFFIXES and p.is_file())
            if (
                names is not None
                or config.conda is not None
                or any(files.is_ours(path, CONDA_PREFIX) for path in likely)
            ):
                from accelock.commands.check_conda import check_sidecars

                yield folder, check_sidecars(folder, config, names)

    def of_pylocks(self) -> Iterator[tuple[Path, Report]]:
        """Check the pylock files of each folder against the locks that they were made from."""
        named: dict[Path, frozenset[str] | None] = {} if self.words else {self.directory: None}
        for path in (self.directory / word for word in self.words):
            if path.is_dir():
                named[path] = None
            elif pylock.is_named(path.name) and named.get(path.parent, frozenset()) is not None:
                named[path.parent] = (named.get(path.parent) or frozenset()) | {path.name}
        for folder, names in named.items():
            yield folder, check_pylocks(folder, self.settings_of(folder), names)

    def joined(self, reports: Iterable[tuple[Path, Report]]) -> Report:
        """Return the reports of folders as one, with each file as it is called from here."""
        names: list[str] = []
        found: list[Finding] = []
        for folder, report in reports:
            names += [files.shown(folder / name, self.directory) for name in report.files]
            for each in report.findings:
                name = files.shown(folder / each.file, self.directory) if each.file else None
                found.append(replace(each, file=name))
        return Report(tuple(names), tuple(found))


def _may_have_lock(path: Path) -> bool:
    return path.is_dir() or path.name == LOCK


def _governed(compiled: Sequence[Compiled], run: _Run) -> Iterator[Governed]:
    here = run.directory.resolve()
    settings = {here: run.settings}
    tables_of = cache(inputs.settings_of)  # of a folder, however many files follow it
    groups = by_series(compiled)
    for each in compiled:
        found = InputTexts.of(each)
        folder = governing(each, found, run.directory, tables_of)
        if folder not in settings:
            settings[folder] = Settings.of(folder)
        group = groups[files.series(each.name, each.target)]
        others = (o.name for o in group if o.target == each.target and o is not each)
        called = None if folder == here else files.shown(folder, here)
        own = replace(each, folder=called)
        yield Governed(own, found, folder, settings[folder], tables_of(folder), tuple(others))


def _of_all(governed: Sequence[Governed], run: _Run) -> Iterator[Finding]:
    """Check the files of each project beside each other."""
    here, there = run.directory.resolve(), {one.compiled.name for one in governed}
    for folder in dict.fromkeys(one.folder for one in governed):
        own = [one for one in governed if one.folder == folder]
        settings = own[0].settings
        # Of a project above, other files may be out of sight.
        if not run.words and folder.is_relative_to(here):
            compiled = [one.compiled for one in own]
            missing = check_missing(compiled, settings.config.targets, run.directory)
            yield from (each for each in missing if each.file not in there)
        yield from check_lockstep(own, settings)


def _recover(folders: Iterable[Path]) -> Iterator[Finding]:
    """Finish or take back what interrupted runs left, and say so."""
    for folder in {folder.resolve(): folder for folder in folders}.values():
        try:
            done = journal.recover(folder)
        except OutputError as error:
            todo = "compile again"
            yield Finding("interrupted-write", Level.ERROR, None, str(error), todo)
            continue
        for recovery in done:
            todo = "nothing is left to do" if recovery.outcome == "completed" else "compile again"
            yield Finding("interrupted-write", Level.WARNING, None, str(recovery), todo)


def _unreadable(name: str, error: AccelockError) -> Finding:
    what = str(error).removeprefix(f"{name}: ")
    if isinstance(error, files.UnreadableError):
        return Finding("unreadable", Level.ERROR, name, what, "name a compiled file")
    return Finding("damaged", Level.ERROR, name, what, "compile it again")


def _no_pip_lock(run: _Run, conda: Report) -> Iterator[Finding]:
    """Yield what to say where there is no requirements file with a stamp, and no poetry.lock.

    A project may have conda files alone, and a user may ask for these alone.
    """
    if run.words and (conda.files or conda.findings):
        return
    config = run.settings.config
    if config.conda is None or (config.targets and _is_for_pip(run.directory)):
        yield from _none_at_all(run)


def _is_for_pip(directory: Path) -> bool:
    """Tell whether a project has something to compile or to lock."""
    inputs = {path.name for folder in files.folders(directory) for path in folder.glob("*.in")}
    return bool(inputs - _NO_INPUTS) or is_locked_by_poetry(directory)


def _none_at_all(run: _Run) -> Iterator[Finding]:
    """Yield what to say where there is no file with a stamp."""
    declared = run.settings.config.targets
    known = run.settings.catalogue.targets
    bare = files.layers(run.directory / "requirements.txt", known)
    if any(target in bare for target in declared):
        for target in declared:
            if target in bare:
                yield unstamped(files.shown(bare[target], run.directory))
        return
    if declared and not run.words and is_locked_by_poetry(run.directory):
        yield missing_lock()
        return
    where = "there is no compiled file with an accelock stamp here or one folder below"
    if declared:
        names = ", ".join(target.name for target in declared)
        what = f"{where}, and [tool.accelock] declares targets ({names})"
        yield Finding("no-file", Level.ERROR, None, what, f"run: {_COMPILE}")
    else:
        todo = f"to make one, run: {_COMPILE} with a target (-t cpu)"
        yield Finding("no-file", Level.WARNING, None, where, todo)
