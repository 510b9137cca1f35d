"""What `accelock check` finds in the conda sidecars: offline, without rattler or a YAML parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.commands.findings import Finding, Level, Report
from accelock.conda.formats import FORMATS, LOCK
from accelock.conda.formats.model import COMMAND, read_stamp
from accelock.conda.project import project_of
from accelock.errors import AccelockError, ConfigError
from accelock.locks.compiled import is_ours
from accelock.locks.conda_lock import packages_in
from accelock.locks.stamp import CONDA_PREFIX, CONDA_SUFFIXES, StampError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.conda.formats import File
    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.locks.stamp import Stamp
    from accelock.settings.config import Config

__all__ = ["check_sidecars", "is_sidecar"]

_AGAIN = f"run: {COMMAND}"


@dataclass(frozen=True, slots=True)
class _Sidecar:
    name: str
    text: str
    stamp: Stamp


def check_sidecars(directory: Path, config: Config, names: frozenset[str] | None = None) -> Report:
    """Check the conda sidecars of a project: fresh, whole, there, and of the right name.

    :param directory: where pyproject.toml is.
    :param config: its table, or the defaults where there is none.
    :param names: those that a user named; None: all.
    :raises ConfigError: [tool.accelock.conda] is faulty.
    """
    checked = _check(directory, config)
    if names is None:
        return checked
    kept = tuple(name for name in checked.files if name in names)
    told = [finding for finding in checked.findings if finding.file in names]
    unknown = names - set(kept) - {finding.file for finding in told}
    told += [_unknown(directory / name) for name in sorted(unknown)]
    return Report(kept, tuple(told))


def _check(directory: Path, config: Config) -> Report:
    found, faults = _find(directory)
    project = project_of(directory, config)
    if project is None:
        names = tuple(sorted(found))
        return Report(names, (*faults, *(_undeclared(found[name]) for name in names)))
    run = _Run(project, found, project.environments())
    damaged = {fault.file for fault in faults}
    findings = [finding for finding in run.findings() if finding.file not in damaged]
    return Report(tuple(sorted(found)), (*faults, *findings))


def is_sidecar(path: Path) -> bool:
    """Tell whether a file, there or not, is one of conda's, and no requirements file."""
    names = {each.file_name(None) for each in FORMATS.values() if each.is_source}
    return path.suffix in (".yml", ".yaml") or path.name in names or is_ours(path, CONDA_PREFIX)


def _unknown(path: Path) -> Finding:
    """Return what is wrong with a file that was named, and of which nothing is known."""
    if _text(path) is None:
        return Finding("unreadable", Level.ERROR, path.name, "cannot be read", "name another file")
    what = "it has no accelock stamp, so accelock cannot tell whether it is fresh"
    return Finding(
        "unstamped-sidecar", Level.ERROR, path.name, what, ("name a file that accelock made")
    )


@dataclass(frozen=True, slots=True)
class _Run:
    project: CondaProject
    found: Mapping[str, _Sidecar]
    environments: tuple[CondaEnvironment, ...]

    def findings(self) -> Iterator[Finding]:
        for environment in self.environments:
            for each in FORMATS.values():
                for file in () if each.on_request else each.files([environment]):
                    if file.name not in self.found:
                        yield self._missing(file)
        for sidecar in self.found.values():
            own = self._file(sidecar.stamp)
            if own is None:
                yield _undeclared(sidecar)
            elif sidecar.name == own.name:
                yield from self._content(sidecar, own)
            else:
                yield _misnamed(sidecar, own)

    def _file(self, stamp: Stamp) -> File | None:
        """Return the file of the project that a stamp is of, whatever its name was."""
        every = (file for each in FORMATS.values() for file in each.files(self.environments))
        return next((file for file in every if file.is_of(stamp)), None)

    def _missing(self, file: File) -> Finding:
        name = file.name
        if _text(self.project.directory / name) is not None:
            what = "it has no accelock stamp, so accelock cannot tell whether it is fresh"
            todo = f"another tool may have written it: move it away, and {_AGAIN}"
            return Finding("unstamped-sidecar", Level.ERROR, name, what, todo)
        whose = _whose(file.target, file.group)
        what = f"[tool.accelock.conda] asks for it{whose}, and it does not exist"
        return Finding("missing-sidecar", Level.ERROR, name, what, _AGAIN)

    def _content(self, sidecar: _Sidecar, file: File) -> Iterator[Finding]:
        if not sidecar.stamp.describes(sidecar.text):
            what = "it was edited by hand or merged badly: it differs from what accelock wrote"
            todo = f"put it into [tool.accelock.conda] and {_again(sidecar.stamp)}"
            yield Finding("edited-sidecar", Level.ERROR, sidecar.name, what, todo)
        try:
            stale = self._stale(sidecar.stamp, file)
        except ConfigError:
            raise
        except AccelockError as error:  # a lock of pip's that cannot be read, or is not there
            yield Finding("sidecar-pins", Level.ERROR, sidecar.name, str(error), "repair it first")
            return
        if stale:
            what = f"it is stale: its inputs changed ({', '.join(stale)})"
            yield Finding("stale-sidecar", Level.ERROR, sidecar.name, what, _again(sidecar.stamp))

    def _stale(self, stamp: Stamp, file: File) -> tuple[str, ...]:
        """Return the platforms whose inputs are no longer those of the stamp."""
        wanted = {
            key: digest
            for environment in file.environments
            for key, digest in self._digests(environment, stamp, file).items()
        }
        return stamp.changed(wanted)

    def _digests(self, environment: CondaEnvironment, stamp: Stamp, file: File) -> dict[str, str]:
        """Return what a stamp should have for an environment; what cannot be told is taken so."""
        lock = self.found.get(LOCK.file_name(environment.target, environment.group))
        names = packages_in(lock.text) if lock is not None else {}
        found = {}
        for key, platform in file.keys(environment).items():
            if key in stamp.parts and lock is None:
                found[key] = stamp.parts[key]
            elif key in stamp.parts or self.project.names_platforms(environment):
                known = names.get(platform.conda_subdir, ())
                found[key] = self.project.digest(environment, platform, known)
        return found


def _misnamed(sidecar: _Sidecar, file: File) -> Finding:
    stamp, form = sidecar.stamp, file.format
    what = f"it is the {stamp.kind}{_whose(stamp.target, stamp.group)} under an old name"
    if form.why_end and not sidecar.name.endswith(form.end):
        what += f", and {form.why_end} {form.end}"
    todo = f"remove it; the name is {file.name} ({_again(stamp)})"
    return Finding("old-name", Level.ERROR, sidecar.name, what, todo)


def _find(directory: Path) -> tuple[dict[str, _Sidecar], tuple[Finding, ...]]:
    """Return the files of a directory that have our stamp, by name, and the damaged ones."""
    found: dict[str, _Sidecar] = {}
    faults = []
    for path in sorted(directory.iterdir()):
        if (
            path.suffix not in CONDA_SUFFIXES
            or not path.is_file()
            or not is_ours(path, CONDA_PREFIX)
        ):
            continue
        text = _text(path) or ""
        try:
            stamp = read_stamp(text, path.name)
        except StampError as error:
            what = str(error).removeprefix(f"{path.name}: ")
            faults.append(Finding("damaged-sidecar", Level.ERROR, path.name, what, _AGAIN))
            continue
        if stamp is not None:
            found[path.name] = _Sidecar(path.name, text, stamp)
    return found, tuple(faults)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None


def _undeclared(sidecar: _Sidecar) -> Finding:
    stamp = sidecar.stamp
    whose = _whose(stamp.target, stamp.group) or " of a project without targets"
    if stamp.kind in FORMATS and FORMATS[stamp.kind].holds == "platform":
        whose += f" on {', '.join(stamp.parts)}"
    what = f"it is the {stamp.kind}{whose}, which pyproject.toml does not declare"
    return Finding("undeclared-sidecar", Level.WARNING, sidecar.name, what, "remove it")


def _whose(target: object, group: str | None) -> str:
    of = f" for {target}" if target is not None else ""
    return f"{of} with the group {group}" if group is not None else of


def _again(stamp: Stamp) -> str:
    known = FORMATS.get(stamp.kind)
    return f"{_AGAIN}{known.option if known is not None else ''}"
