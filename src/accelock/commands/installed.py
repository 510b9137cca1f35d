"""What is installed in an environment, read from its metadata, and what of it is wrong.

Another target's builds, what they left, and packages that collide. Nothing of it is imported.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from accelock.commands.findings import Finding, Level
from accelock.errors import AccelockError
from accelock.hardware import run_command
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelock.commands.context import Context
    from accelock.hardware import Choice, Runner
    from accelock.locks.model import TargetLock

_ASK = "import json, sys; print(json.dumps([sys.version_info[:2], [p for p in sys.path if p]]))"
_AGAIN = "run: accelock sync (or poetry install)"
_LIMIT = 10.0  # seconds; a Python on a slow disk takes its time


@dataclass(frozen=True, slots=True)
class InstalledEnvironment:
    """An environment: what to call it, its Python, and the version of each package by name."""

    name: str
    python: PythonVersion
    packages: Mapping[str, str]

    @classmethod
    def own(cls) -> InstalledEnvironment:
        """Return the environment of this interpreter."""
        return cls(sys.prefix, PythonVersion.host(), read(path for path in sys.path if path))

    @classmethod
    def of(cls, python: str, name: str) -> InstalledEnvironment:
        """Return the environment of another interpreter.

        :raises AccelockError: it is none, or does not answer.
        """
        version, paths = ask_interpreter(python)
        return cls(name, version, read(paths))


def ask_interpreter(
    python: str, run: Runner = run_command
) -> tuple[PythonVersion, tuple[str, ...]]:
    """Return the version of an interpreter, and where it finds distributions.

    :raises AccelockError: it is none, or does not answer.
    """
    answer = run([python, "-c", _ASK], timeout=_LIMIT)
    try:
        (major, minor), paths = json.loads(answer.text.strip().rpartition("\n")[2])
        return PythonVersion(int(major), int(minor)), tuple(map(str, paths))
    except (ValueError, TypeError) as error:
        reason = answer.failure or "gave an answer that cannot be read"
        raise AccelockError(f"{python} is not a usable Python: it {reason}") from error


def read(paths: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution by canonical name; the first on the path counts."""
    # It loads `email`, and with that `socket`: nothing for a command that reads files alone.
    from importlib import metadata  # noqa: PLC0415

    found: dict[str, str] = {}
    for distribution in metadata.distributions(path=list(paths)):
        # A folder that an interrupted pip left has no metadata, or half of it.
        with contextlib.suppress(OSError, ValueError):
            fields = distribution.metadata
            if "Name" in fields and "Version" in fields:
                found.setdefault(canonicalize_name(fields["Name"]), fields["Version"])
    return found


def check(
    installed: Mapping[str, str], context: Context, choice: Choice | None
) -> Iterator[Finding]:
    """Yield what of an environment is not as the target's lock has it.

    :param installed: version by canonical name.
    """
    yield from _collisions(installed, context)
    yield from _mixed_builds(installed, context)
    for pair in context.settings.catalogue.foreign_pairs(installed):
        todo = "pin one of the two, and compile or lock again"
        yield Finding("foreign-pair", Level.ERROR, None, str(pair), todo)
    lock = context.lock.targets.get(choice.target) if context.lock and choice else None
    if lock is None or choice is None or context.machine.platform is None:
        return
    yield from _other_python(lock, context)
    locked = lock.every(context.place)
    wanted = {name: package.version for name, package in locked.items()}
    yield from _other_versions(installed, wanted, context, choice)
    yield from _leftovers(installed, wanted, context, choice)


def _other_python(lock: TargetLock, context: Context) -> Iterator[Finding]:
    if lock.pythons and context.python not in lock.pythons:
        has = ", ".join(map(str, lock.pythons))
        what = f"it is for Python {has}, and the environment has {context.python}"
        todo = (
            "create an environment with one of its Pythons, or compile the file for this one too "
            f"(--python-version {context.python})"
        )
        yield Finding("python-not-locked", Level.ERROR, lock.file, what, todo)


def _collisions(installed: Mapping[str, str], context: Context) -> Iterator[Finding]:
    for group in context.settings.catalogue.exclusive:
        found = sorted(set(group.names) & installed.keys())
        if len(found) > 1:
            what = (
                f"{' and '.join(found)} are installed together: each provides {group.imports} for "
                "other hardware, and they overwrite each other's files"
            )
            todo = "uninstall all of them, require only one, and install it again"
            yield Finding("collision", Level.ERROR, None, what, todo)


def _mixed_builds(installed: Mapping[str, str], context: Context) -> Iterator[Finding]:
    """Yield a family whose packages are builds for different targets: their ABIs differ."""
    for family in context.settings.catalogue.families:
        labels: dict[str, list[str]] = {}
        for name, version in sorted(installed.items()):
            package = family.exact(name)
            label = _local(version)
            if package is not None and label in family.targets and label is not None:
                labels.setdefault(label, []).append(name)
        if len(labels) > 1:
            told = "; ".join(f"{label}: {', '.join(names)}" for label, names in labels.items())
            what = (
                f"builds of the {family.name} family for several targets are installed together "
                f"({told})"
            )
            yield Finding("mixed-builds", Level.ERROR, None, what, _AGAIN)


def _other_versions(
    installed: Mapping[str, str], wanted: Mapping[str, str | None], context: Context, choice: Choice
) -> Iterator[Finding]:
    """Yield the labelled packages that are installed in another version or build."""
    for name, version in wanted.items():
        known = context.settings.catalogue.family_of(name)
        has = installed.get(name)
        if known is None or not known[1].labelled or has is None or version is None:
            continue
        if not _equal(has, version):
            what = f"{name} {has} is installed, and the lock has {version} for {choice}"
            yield Finding("other-build", Level.ERROR, None, what, _AGAIN)


def _leftovers(
    installed: Mapping[str, str], wanted: Mapping[str, str | None], context: Context, choice: Choice
) -> Iterator[Finding]:
    """Yield libraries that only another target's builds need, such as nvidia-* under cpu."""
    names = [
        name
        for name in sorted(installed)
        if name not in wanted
        and (known := context.settings.catalogue.family_of(name)) is not None
        and known[1].runtime
    ]
    if names:
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""  # noqa: PLR2004
        what = (
            f"{', '.join(names[:4])}{more}: installed, and not in the lock for {choice.target}: "
            "another target's builds left them behind"
        )
        yield Finding("left-over", Level.WARNING, None, what, _AGAIN)


def _local(version: str) -> str | None:
    try:
        return Version(version).local
    except ValueError:
        return None


def _equal(mine: str, theirs: str) -> bool:
    try:
        return Version(mine) == Version(theirs)
    except ValueError:
        return mine == theirs
