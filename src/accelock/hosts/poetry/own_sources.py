"""Accelerated packages of which the project itself says where they come from.

`torch = { source = "pytorch-cpu" }`, as Poetry's documentation has it, or the URL of a wheel, gives
every target the builds of one. A source that has the target's own builds is its family's, under the
user's name; any other is refused, unless `[tool.accelock.packages]` says that it is meant.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from accelock.catalogue.source import Source, redact
from accelock.errors import AccelockError, UnknownWordError
from accelock.hosts.poetry import fallback, root, sources
from accelock.hosts.poetry.root import RootDependencies
from accelock.moving_in.lines import blocks
from accelock.sources.model import parse_filename
from accelock.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.catalogue import Family
    from accelock.hosts.poetry.project import Project
    from accelock.targets import Target


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Where a dependency of the project comes from by the project's own word.

    :param name: of the package.
    :param source: the name of the ``[[tool.poetry.source]]``; None for a URL or a file.
    :param url: of the source or the file.
    :param builds: the target whose builds are there, None where nothing tells.
    """

    name: str
    source: str | None
    url: str
    builds: str | None

    def fits(self, target: str) -> bool:
        """Tell whether a target gets its own builds.

        A file that does not say whose it is (a wheel made at home, a repository) is the user's.
        """
        return self.builds == target or (self.source is None and self.builds is None)

    def __str__(self) -> str:
        if self.source is None:
            return redact(self.url)
        return f"the source {self.source!r} ({redact(self.url)})"


def settle(package: Package, project: Project) -> None:
    """Let dependencies of a root package whose own source is their family's name none.

    :raises AccelockError: one gives a target the builds of another; the message has all of them.
    """
    asks = RootDependencies((), project.pythons, project.poetry.package.python_constraint)
    unfit: dict[OwnSource, list[str]] = {}
    mirrors: dict[str, Source] = {}
    for dependency in root.dependencies(package):
        entry = project.find(dependency.name)
        if entry is None or not entry[1].labelled:
            continue
        own = own_source(dependency, entry[0], project)
        if own is None:
            continue
        targets = [t for t in project.targets if _counts(dependency, t, project, asks)]
        wanted = {t.name: sources.variant(project, entry[0], t).name for t in targets}
        if others := [name for name, variant in wanted.items() if not own.fits(variant)]:
            known = unfit.setdefault(own, [])
            known += [name for name in others if name not in known]
        elif own.source is not None and targets:
            dependency.source_name = None
            mirrors[entry[0].name] = _mirror(entry[0], own, project)
    if unfit:
        raise AccelockError(_refusal(unfit, project))
    project.mirrors.update(mirrors)


def own_source(dependency: Dependency, family: Family, project: Project) -> OwnSource | None:
    """Return where a dependency on a package of a family comes from by itself; None if nowhere."""
    name = dependency.source_name
    if name is not None and not fallback.is_own(name, project):
        pool = project.poetry.pool
        url = str(getattr(pool.repository(name), "url", "")) if pool.has_repository(name) else ""
        return OwnSource(dependency.name, name, url, family.target_at(url))
    if not dependency.is_direct_origin():
        return None
    url = str(dependency.source_url)
    folder, _, filename = unquote(urlsplit(url).path).rpartition("/")
    file = parse_filename(filename)
    if file is None or file.tags is None:
        return OwnSource(dependency.name, None, url, None)
    if (label := file.version.local) is not None:
        return OwnSource(dependency.name, None, url, label if _is_target(label, family) else None)
    at = family.target_at(urlsplit(url)._replace(path=folder).geturl())
    return OwnSource(dependency.name, None, url, at)


def _is_target(label: str, family: Family) -> bool:
    with contextlib.suppress(UnknownWordError):
        parse_target(label, family.targets)
        return True
    return False


def _counts(
    dependency: Dependency, target: Target, project: Project, asks: RootDependencies
) -> bool:
    """Tell whether a dependency is for some platform that the target has."""
    platforms = project.config.platforms_of(target)
    return any(
        target.exists_on(platform) and asks.holds(dependency.marker, platform)
        for platform in platforms
    )


def _mirror(family: Family, own: OwnSource, project: Project) -> Source:
    """Return the source of all targets that one of the user's is an instance of.

    :raises AccelockError: the table names another one.
    """
    found = Source(family.recognise(own.url) or "")
    said = project.config.sources.get(family.name, found)
    if said.without_credentials != found.without_credentials:
        raise AccelockError(
            f"{project.where}: {own.name} comes from {own}, and [tool.accelock.sources] has "
            f"{family.name} at {said}. Remove one of the two:{_listed(_lines_of(own, project))}"
        )
    return found


def _refusal(unfit: Mapping[OwnSource, Sequence[str]], project: Project) -> str:
    """Say which targets would get the builds of another, and the lines to take out."""
    said = [
        f"{own.name} comes from {own}, "
        + (
            f"which has the builds of {own.builds}"
            if own.builds
            else ("whose builds accelock does not know")
        )
        + f", on {', '.join(targets)} too"
        for own, targets in unfit.items()
    ]
    lines = dict.fromkeys(line for own in unfit for line in _lines_of(own, project))
    names = list(dict.fromkeys(own.name for own in unfit))
    table = f"[tool.accelock.packages] {names[0]} = "
    return (
        f"{project.where}: {'; '.join(said)}. accelock has an index for each target. "
        f"Remove these lines, or let `accelock init` do it:{_listed(lines)}\n"
        f'If you mean it: {table}{{ source = "own" }} takes it from there on every target, and '
        f"{table}{{ cpuonly = true }} takes the family's CPU builds on every target. If it is a "
        "mirror, name it with {target} in [tool.accelock.sources]."
    )


def _listed(lines: Iterable[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)


def _lines_of(own: OwnSource, project: Project) -> list[str]:
    """Return the lines of pyproject.toml that make a package come from there, for a message."""
    try:
        lines = Path(project.where).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    if own.source is None:
        end = own.url.rpartition("/")[2]
        found = [
            f"line {number}: the address of {own.name} (write a version in its place)"
            for number, line in enumerate(lines, 1)
            if end in line or unquote(end) in line
        ]
        return found or [f"the address of {own.name} (write a version in its place)"]
    name = re.escape(own.source)
    key = re.compile(rf"""\bsource\s*=\s*["']{name}["']""", re.IGNORECASE)
    found = [
        f'line {number}: source = "{own.source}" of {own.name}'
        for number, line in enumerate(lines, 1)
        if key.search(line)
    ]
    found = found or [f'source = "{own.source}" of {own.name}']
    named = re.compile(rf"""\s*name\s*=\s*["']{name}["']""", re.IGNORECASE)
    for block in blocks(lines):
        is_source = block.path == ("tool", "poetry", "source")
        if is_source and any(map(named.match, lines[block.first : block.stop])):
            where = f"lines {block.first + 1} to {block.stop}"
            found.append(f"{where}: [[tool.poetry.source]] {own.source}")
    return found
