"""Findings about the lock: those of `check`, and what makes it dangerous to install from."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock import __version__
from accelock.errors import AccelockError
from accelock.locks import toml
from accelock.report import files
from accelock.report.findings import Finding, Level
from accelock.report.poetry_project import read_project
from accelock.report.project import of_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.report.files import Compiled
    from accelock.report.here import Here

_PYPROJECT = "pyproject.toml"
_EXPLICIT = "explicit"
_UNSAFE = "# The following packages are considered to be unsafe in a requirements file:"


def check_lock(here: Here) -> Iterator[Finding]:
    """Yield what `check` has no word for, because it is no fault of the lock itself."""
    known = here.project.catalogue.targets
    for path in files.find(here.directory):
        compiled = None
        with contextlib.suppress(AccelockError):  # `check` says which file cannot be read
            compiled = files.read(path, files.shown(path, here.directory), known)
        if compiled is not None:
            yield from _newer(compiled)
            yield from _exposed(compiled, here)
    yield from _poetry_sources(here)


def _newer(compiled: Compiled) -> Iterator[Finding]:
    try:
        is_newer = Version(compiled.stamp.version) > Version(__version__)
    except InvalidVersion:
        return
    if is_newer:
        what = f"it was made by accelock {compiled.stamp.version}, and this is {__version__}"
        yield Finding("older-accelock", Level.WARNING, compiled.name, what, "upgrade accelock")


def _exposed(compiled: Compiled, here: Here) -> Iterator[Finding]:
    """Yield what of a file without hashes lets an index answer for packages that are not its own.

    pip takes the newest file of any of its indexes: dependency confusion.
    """
    content = compiled.requirements
    bare = [pin for pin in content.pins if not pin.hashes and pin.url is None]
    extra = (*content.values("--extra-index-url"), *content.values("--find-links"))
    ours = sorted(
        {pin.name for _family, pin in of_families(compiled, here.project)} & {p.name for p in bare}
    )
    others = [pin.name for pin in bare if pin.name not in ours]
    if bare:
        others += _left_out(content.text)
    todo = "compile with --generate-hashes --allow-unsafe"
    if ours:
        what = f"{_counted(ours)} without a hash: what is installed is what the index has that day"
        yield Finding("unhashed", Level.WARNING, compiled.name, what, todo)
    if extra and others:
        what = (
            f"{_counted(others)} without a hash beside an extra index ({len(extra)}), which pip "
            "asks for every package: it may answer for one that is not its own"
        )
        yield Finding("index-confusion", Level.WARNING, compiled.name, what, todo)


def _left_out(text: str) -> list[str]:
    """Return the packages that pip-tools leaves out without --allow-unsafe, and names in comments.

    pip installs the newest that any index of the file has of them.
    """
    _, _, below = text.partition(_UNSAFE)
    lines = (line.removeprefix("#").strip() for line in below.splitlines() if line[:1] == "#")
    return [line for line in lines if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)]


def _counted(names: list[str]) -> str:
    head = ", ".join(names[:3])
    return f"{head} and {len(names) - 3} more are" if len(names) > 3 else f"{head} {_is(names)}"  # noqa: PLR2004


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _poetry_sources(here: Here) -> Iterator[Finding]:
    """Yield a source of pyproject.toml that Poetry asks for every package, and is a family's."""
    try:
        pyproject = toml.read(here.directory / _PYPROJECT, _PYPROJECT) or {}
    except AccelockError as error:
        yield Finding("damaged", Level.ERROR, None, str(error), "repair it first")
        return
    for source in read_project(pyproject).sources:
        families = here.project.catalogue.families
        if source.priority.lower() != _EXPLICIT and any(f.recognise(source.url) for f in families):
            what = (
                f"the source {source.name} is {source.priority}: Poetry asks it for every package, "
                "and it may answer for one that is not its own"
            )
            todo = 'set priority = "explicit", or drop it: accelock knows where the family is'
            yield Finding("index-confusion", Level.WARNING, _PYPROJECT, what, todo)
