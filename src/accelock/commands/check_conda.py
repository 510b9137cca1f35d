"""What `accelock check` finds in the conda sidecars: offline, without rattler or a YAML parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.commands.findings import Finding, Level
from accelock.conda import header, naming
from accelock.conda.config import parse_conda
from accelock.conda.plan import Project, environments
from accelock.errors import AccelockError, ConfigError
from accelock.locks.conda_lock import packages_in
from accelock.targets import CONDA_ALIASES, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.conda.header import Stamp
    from accelock.conda.plan import Environment
    from accelock.settings.settings import Config
    from accelock.targets import Platform

__all__ = ["Sidecars", "check_sidecars", "is_sidecar", "unknown_sidecar"]

_HEAD = 8192  # bytes; the stamp is at the top
_SUFFIXES = (".yml", ".yaml", ".txt", ".lock")
_AGAIN = f"run: {header.COMMAND}"
_ON_REQUEST = ("explicit", "pixi")


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The sidecars that were looked at, by name, and what is wrong with them."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Sidecar:
    name: str
    text: str
    stamp: Stamp


def check_sidecars(directory: Path, config: Config) -> Sidecars:
    """Check the conda sidecars of a project: fresh, whole, there, and of the right name.

    `directory` is where pyproject.toml is, and `config` its table, or the defaults where there is
    none. Raises ConfigError for a faulty [tool.accelock.conda].
    """
    found, faults = _find(directory)
    if config.conda is None:
        names = tuple(sorted(found))
        return Sidecars(names, (*faults, *(_undeclared(found[name]) for name in names)))
    where = str(config.path or directory / "pyproject.toml")
    conda = parse_conda(config.conda, where, config)
    project = Project(directory, config, conda, lambda name: _text(directory / name))
    run = _Run(project, found, environments(config, conda))
    damaged = {fault.file for fault in faults}
    findings = [finding for finding in run.findings() if finding.file not in damaged]
    return Sidecars(tuple(sorted(found)), (*faults, *findings))


def is_sidecar(path: Path) -> bool:
    """Tell whether a file, there or not, is one of conda's, and no requirements file."""
    return path.suffix in (".yml", ".yaml") or path.name == naming.PIXI or _is_stamped(path)


def unknown_sidecar(path: Path) -> Finding:
    """Return what is wrong with a file that was named, and of which nothing is known."""
    if _text(path) is None:
        return Finding("unreadable", Level.ERROR, path.name, "cannot be read", "name another file")
    what = "it has no stamp of accelock's, so that nothing tells whether it is fresh"
    return Finding("unstamped-sidecar", Level.ERROR, path.name, what, "name a file of accelock's")


@dataclass(frozen=True, slots=True)
class _Run:
    project: Project
    found: Mapping[str, _Sidecar]
    environments: tuple[Environment, ...]

    def findings(self) -> Iterator[Finding]:
        for environment in self.environments:
            for name_of in (naming.environment, naming.lock):
                name = name_of(environment.target, environment.group)
                if name not in self.found:
                    yield self._missing(name, environment)
        for sidecar in self.found.values():
            if not self._is_declared(sidecar.stamp):
                yield _undeclared(sidecar)
            elif sidecar.name == _name(sidecar.stamp):
                yield from self._content(sidecar)
            else:
                yield _misnamed(sidecar)

    def _is_declared(self, stamp: Stamp) -> bool:
        if stamp.kind == "pixi":
            return True
        platform = _platform(stamp) if stamp.kind == "explicit" else None
        return any(
            _is_of(stamp, each) and (platform is None or platform in each.platforms)
            for each in self.environments
        )

    def _missing(self, name: str, environment: Environment) -> Finding:
        if _text(self.project.directory / name) is not None:
            what = "it has no stamp of accelock's, so that nothing tells whether it is fresh"
            todo = f"another tool may have written it; move it away and {_AGAIN}"
            return Finding("unstamped-sidecar", Level.ERROR, name, what, todo)
        whose = _whose(environment.target, environment.group)
        what = f"[tool.accelock.conda] asks for it{whose}, and it is not there"
        return Finding("missing-sidecar", Level.ERROR, name, what, _AGAIN)

    def _content(self, sidecar: _Sidecar) -> Iterator[Finding]:
        if not sidecar.stamp.describes(sidecar.text):
            what = "it was edited by hand, or merged badly: its lines are not those written"
            todo = f"put it into [tool.accelock.conda] and {_again(sidecar.stamp)}"
            yield Finding("edited-sidecar", Level.ERROR, sidecar.name, what, todo)
        try:
            stale = self._stale(sidecar.stamp)
        except ConfigError:
            raise
        except AccelockError as error:  # a lock of pip's that cannot be read, or is not there
            yield Finding("sidecar-pins", Level.ERROR, sidecar.name, str(error), "repair it first")
            return
        if stale:
            what = f"it is stale: what it was solved from changed ({', '.join(stale)})"
            yield Finding("stale-sidecar", Level.ERROR, sidecar.name, what, _again(sidecar.stamp))

    def _stale(self, stamp: Stamp) -> tuple[str, ...]:
        """Return the platforms whose inputs are no longer those of the stamp."""
        wanted = {
            key: digest
            for environment in self.environments
            if stamp.kind == "pixi" or _is_of(stamp, environment)
            for key, digest in self._digests(environment, stamp).items()
        }
        return stamp.stale(wanted)

    def _digests(self, environment: Environment, stamp: Stamp) -> dict[str, str]:
        """Return what a stamp should have for an environment; what cannot be told is taken so."""
        lock = self.found.get(naming.lock(environment.target, environment.group))
        names = packages_in(lock.text) if lock is not None else {}
        found = {}
        for platform in environment.platforms:
            key = _key(environment, platform, stamp)
            if key in stamp.inputs and lock is None:
                found[key] = stamp.inputs[key]
            elif key in stamp.inputs or self._has_to_have(environment, stamp):
                known = names.get(platform.conda_subdir, ())
                found[key] = self.project.inputs(environment, platform, known).digest()
        return found

    def _has_to_have(self, environment: Environment, stamp: Stamp) -> bool:
        """Tell whether a platform has to be there: one of the default list may be left out."""
        config, target = self.project.config, environment.target
        declared = config.declares_platforms(target) if target else config.platforms_declared
        return declared and stamp.kind != "explicit"


def _is_of(stamp: Stamp, environment: Environment) -> bool:
    target = environment.target.name if environment.target is not None else None
    return (stamp.target, stamp.group) == (target, environment.group)


def _key(environment: Environment, platform: Platform, stamp: Stamp) -> str:
    """Return what a stamp calls a platform of an environment."""
    if stamp.kind != "pixi":
        return platform.conda_subdir
    name = naming.pixi_environment(environment.target, environment.group)
    return f"{name}/{platform.conda_subdir}"


def _name(stamp: Stamp) -> str | None:
    """Return the name that the file of a stamp has."""
    if stamp.kind == "pixi":
        return naming.PIXI
    if stamp.kind == "explicit":
        platform = _platform(stamp)
        return naming.explicit(stamp.target, platform, stamp.group) if platform else None
    name_of = naming.lock if stamp.kind == "lock" else naming.environment
    return name_of(stamp.target, stamp.group)


def _platform(stamp: Stamp) -> Platform | None:
    """Return the platform of an explicit list."""
    names = (CONDA_ALIASES.get(subdir, "") for subdir in stamp.inputs)
    return next((PLATFORMS[name] for name in names if name), None)


def _misnamed(sidecar: _Sidecar) -> Finding:
    stamp = sidecar.stamp
    what = f"it is the {stamp.kind}{_whose(stamp.target, stamp.group)} under an old name"
    if stamp.kind == "lock" and not sidecar.name.endswith(naming.LOCK_SUFFIX):
        what += f", and mamba takes none for a lock that does not end in {naming.LOCK_SUFFIX}"
    todo = f"remove it; the name is {_name(stamp)} ({_again(stamp)})"
    return Finding("old-name", Level.ERROR, sidecar.name, what, todo)


def _find(directory: Path) -> tuple[dict[str, _Sidecar], tuple[Finding, ...]]:
    """Return the files of a directory that have our stamp, by name, and the damaged ones."""
    found: dict[str, _Sidecar] = {}
    faults = []
    for path in sorted(directory.iterdir()):
        if path.suffix not in _SUFFIXES or not path.is_file() or not _is_stamped(path):
            continue
        text = _text(path) or ""
        try:
            stamp = header.read(text, path.name)
        except header.StampError as error:
            what = str(error).removeprefix(f"{path.name}: ")
            faults.append(Finding("damaged-sidecar", Level.ERROR, path.name, what, _AGAIN))
            continue
        if stamp is not None:
            found[path.name] = _Sidecar(path.name, text, stamp)
    return found, tuple(faults)


def _is_stamped(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return header.PREFIX.encode() in stream.read(_HEAD)
    except OSError:
        return False


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None


def _undeclared(sidecar: _Sidecar) -> Finding:
    stamp = sidecar.stamp
    whose = _whose(stamp.target, stamp.group) or " of a project without targets"
    if stamp.kind == "explicit":
        whose += f" on {', '.join(stamp.inputs)}"
    what = f"it is the {stamp.kind}{whose}, which pyproject.toml does not declare"
    return Finding("undeclared-sidecar", Level.WARNING, sidecar.name, what, "remove it")


def _whose(target: object, group: str | None) -> str:
    of = f" for {target}" if target is not None else ""
    return f"{of} with the group {group}" if group is not None else of


def _again(stamp: Stamp) -> str:
    option = f" --format {stamp.kind}" if stamp.kind in _ON_REQUEST else ""
    return f"{_AGAIN}{option}"
