"""Where a project's families are: the names of their sources, the credentials, and the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.catalogue import redact
from accelock.errors import AccelockError
from accelock.hosts.poetry.errors import shown
from accelock.locks import reference
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleo.io.io import IO
    from poetry.poetry import Poetry
    from poetry.repositories.repository import Repository

    from accelock.catalogue import Family
    from accelock.commands.downloads import Fetching
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.supply import Supply
    from accelock.sources.reader import IndexReader
    from accelock.targets import Target


def cpuonly(project: Project) -> frozenset[str]:
    """Return the names of the families of which every target takes the CPU build."""
    marked = [name for name, rule in project.config.packages.items() if rule.cpuonly]
    return project.catalogue.cpuonly_families(marked)


def variant(project: Project, family: Family, target: Target) -> Target:
    """Return the target whose builds a family takes: cpu, where it is marked cpuonly."""
    return CPU if family.name in cpuonly(project) else target


def own_name(project: Project, family: Family, target: Target) -> str:
    """Return the name of a family's source in a lock where the user has not named it."""
    return reference.own_name(family.name, variant(project, family, target).name)


def named(project: Project, name: str) -> tuple[Family, Target] | None:
    """Return the family and target of a source of ours in a lock; None for any other name."""
    if not name.lower().startswith(reference.PREFIX):
        return None
    for family in project.catalogue.families:
        for target in project.targets:
            if own_name(project, family, target) == name.lower():
                return family, target
    return None


def address(project: Project, family: Family, target: Target) -> str:
    """Return the URL of a family's source as a lock has it: without credentials."""
    source = project.written_source(family).without_credentials
    return source.url(variant(project, family, target))


def index_of(repository: Repository) -> str | None:
    """Return the URL of a repository's index (PEP 503 or 691); None of one that is no index."""
    from poetry.repositories.legacy_repository import LegacyRepository
    from poetry.repositories.pypi_repository import PyPiRepository
    from poetry.repositories.single_page_repository import SinglePageRepository

    if isinstance(repository, PyPiRepository):
        # With /simple in Poetry 2.0.1 to 2.5.1, which once was not so.
        return f"{repository.url.rstrip('/').removesuffix('/simple')}/simple"
    if isinstance(repository, LegacyRepository) and not isinstance(
        repository, SinglePageRepository
    ):
        return repository.url
    return None


def name_in_lock(
    project: Project, family: Family, target: Target, declared: Iterable[Repository]
) -> str:
    """Return the name of the user's own source with a family's URL, else ours.

    :param declared: Poetry's own repositories.
    :raises UserError: the user's source has our name and another URL.
    """
    own, url = own_name(project, family, target), address(project, family, target)
    for repository in declared:
        has = getattr(repository, "url", None)
        if has is not None and has.rstrip("/") == url:
            return repository.name
        if repository.name.lower() == own:
            with shown():
                raise AccelockError(
                    f"{project.where}: [[tool.poetry.source]] has a source named {own} with the "
                    f"URL {redact(str(has))}, and accelock uses that name for {redact(url)}. "
                    "Rename your source, or give it that URL."
                )
    return own


def register_credentials(project: Project) -> None:
    """Let ``poetry config http-basic.accelock-pytorch-cpu`` count for our sources' URLs.

    Poetry's Authenticator looks up by URL what ``repositories`` of its configuration names.
    """
    known = project.poetry.config.get("repositories", {}) or {}
    own = {
        own_name(project, family, target): {"url": _place(project, family, target)}
        for family in project.catalogue.families
        for target in project.targets
    }
    new = {name: value for name, value in own.items() if name not in known}
    project.poetry.config.merge({"repositories": {**known, **new}})


def _place(project: Project, family: Family, target: Target) -> str:
    """Return the URL below which a family is read: of pages per release of torch their folder."""
    url = project.source(family).url(variant(project, family, target))
    return url.rpartition("/")[0] if family.release_of else url


def fetching(poetry: Poetry, io: IO) -> Fetching:
    """Return what reads indexes as the project is set to: credentials, certificates, sources.

    For commands that lock nothing. Explicit sources are for some packages alone, and not there.
    """
    from accelock.commands.downloads import Fetching

    if (project := getattr(poetry.pool, "project", None)) is not None:
        register_credentials(project)
    indexes = filter(None, map(index_of, poetry.pool.repositories))
    return Fetching(_reader(poetry, io), tuple(indexes))


def _reader(poetry: Poetry, io: IO) -> IndexReader:
    """Return a reader of indexes with Poetry's own session."""
    from poetry.utils.authenticator import Authenticator

    from accelock.sources.reader import IndexReader

    session: Any = Authenticator(config=poetry.config, io=io)
    return IndexReader(session)


def make_supply(project: Project) -> Supply:
    """Return the accelerated files, read with Poetry's own session.

    :raises UserError: a source of the environment is none.
    """
    from accelock.hosts.poetry.supply import Supply
    from accelock.resolve.routing import Routing

    register_credentials(project)
    reader = _reader(project.poetry, project.io)
    with shown():
        routing = Routing(
            reader,
            project.catalogue,
            sources={f.name: project.source(f) for f in project.catalogue.families},
            levels=project.config.levels,
            cpuonly=cpuonly(project),
            hashed=not project.config.allow_downloads,
        )
    digests = reader.digests(project.say, project.show_bytes)
    return Supply(routing, reader, project.pythons, digests)
