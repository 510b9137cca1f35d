"""What one run of `accelock compile` knows while pip-tools' command runs cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accelock.hosts.piptools.pages import sha256_of
from accelock.sources.kept import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.hosts.piptools.candidates import Listing
    from accelock.hosts.piptools.inputs import Inputs
    from accelock.hosts.piptools.plan import Plan
    from accelock.resolve.lockstep import Decision
    from accelock.resolve.routing import Routing
    from accelock.sources.cache import Digests
    from accelock.sources.model import IndexFile
    from accelock.sources.reader import IndexReader
    from accelock.targets import Cell, PythonVersion


@dataclass
class Memo:
    """What is fetched, parsed or built once for the whole run, whatever the number of cells.

    pip does not cache parsed index pages (unless ``cache_link_parsing`` is on), nor the metadata of
    a wheel across resolvers, and evaluates the links of a project anew for each of them.

    :param pages: URL -> pip's page, or None of one that it could not fetch.
    :param unread: URL -> why it could not, but for a project that its index lacks.
    :param listings: (canonical name, what else decides which files there are) -> its links.
    :param bests: what decides which file is best -> pip's choice.
    """

    pages: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[Any]] = field(default_factory=dict)
    listings: dict[tuple[object, ...], Listing] = field(default_factory=dict)
    bests: dict[tuple[object, ...], Any] = field(default_factory=dict)
    metadata: dict[str, bytes] = field(default_factory=dict)
    markers: dict[tuple[object, ...], bool] = field(default_factory=dict)
    hashes: dict[tuple[object, ...], set[str]] = field(default_factory=dict)
    projects: dict[object, Any] = field(default_factory=dict)
    built: dict[tuple[str, str], str] = field(default_factory=dict)

    def looked_up(self, name: str, cell: Cell) -> list[list[Any]]:
        """Return each list of candidates that an ordinary project was found to have in a cell.

        One for each of the pages and kinds of files that the cell's commands looked at.
        """
        place = place_of_files(cell)
        return [each.looked_up(place) for key, each in self.listings.items() if key[0] == name]

    def published(self) -> frozenset[str]:
        """Return the hashes (``sha256:...``) of all files on the index pages that were read."""
        found = (sha256_of(link) for page in self.links.values() for link in page)
        return frozenset(f"sha256:{digest}" for digest in found if digest)


def place_of_files(cell: Cell) -> tuple[str, PythonVersion]:
    """Return what decides, of a cell, which of a project's files fit."""
    return cell.platform.name, cell.python


@dataclass
class Capture:
    """What pip-tools' command handed to its writer: the result of one cell, before any text.

    :param writer: the keyword arguments of ``OutputWriter``, ``dst_file`` among them.
    :param constraints: the root requirements and constraints that hold in the cell.
    :param substituted: the names of these that the cell has in the place of what the inputs say, or
        with an extra, each with the name that they say.
    :param excluded: why the cell, which is of a default platform, can have no such name.
    :param existing: the pins of an existing output file, by name.
    :param prereleases: whether the command line or an input allows all pre-releases.
    :param finder: pip's finder for the cell, with the indexes that its inputs name.
    """

    writer: dict[str, Any] = field(default_factory=dict)
    constraints: list[Any] = field(default_factory=list)
    substituted: dict[str, str] = field(default_factory=dict)
    excluded: str | None = None
    existing: dict[str, Any] = field(default_factory=dict)
    results: set[Any] = field(default_factory=set)
    unsafe_requirements: set[Any] = field(default_factory=set)
    unsafe_packages: set[str] = field(default_factory=set)
    markers: dict[str, Any] = field(default_factory=dict)
    hashes: dict[Any, set[str]] | None = None
    index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    prereleases: bool = False
    finder: Any = None


@dataclass
class Active:
    """The cell that pip-tools' command is being run for, and what it has to know of it.

    :param environment: the PEP 508 environment of the cell.
    :param probing: True in the first pass, which reads the inputs and resolves nothing.
    :param preferences: name -> public version that this cell takes if nothing is against it.
    :param moved: the names of which this run has already taken another version than their file had.
    :param bound: the packages in lockstep that cells solved before decide for this one.
    :param output: the file that pip-tools reads the existing pins from.
    :param heard: how pip explains that the last attempt at a solution failed.
    :param resolving: the inputs have been read, and pip is at work on a solution.
    """

    cell: Cell
    environment: Mapping[str, str]
    output: str | None
    probing: bool
    preferences: Mapping[str, str] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    capture: Capture = field(default_factory=Capture)
    heard: list[str] = field(default_factory=list)
    resolving: bool = False


@dataclass
class Run:
    """The whole run: its plan, what it has read, and the cell at work.

    :param decision: what the cell at work may take of the packages in lockstep.
    :param upgraded: the packages that ``--upgrade-package`` names.
    :param hashes_by_default: hashes are wanted where every line of a file can have one.
    :param existing: existing output file -> pip's requirements of its lines.
    :param solves: how often pip's resolver was asked.
    """

    plan: Plan
    inputs: Inputs
    memo: Memo = field(default_factory=Memo)
    active: Active | None = None
    session: Any = None
    reader: IndexReader | None = None
    digests: Digests | None = None
    routing: Routing | None = None
    decision: Decision | None = None
    kept: Pages = field(default_factory=lambda: Pages(kind="pip"))
    files: dict[str, IndexFile] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    reports_moves: bool = False
    hashes_by_default: bool = False
    upgraded: frozenset[str] = frozenset()
    existing: dict[str, list[Any]] = field(default_factory=dict)
    solves: int = 0

    def first_time(self, message: str) -> bool:
        """Return whether a message is new to this run, and remember it."""
        if message in self.said:
            return False
        self.said.add(message)
        return True

    @property
    def may_download(self) -> bool:
        """Return whether files may be downloaded to be hashed: the user asked for either."""
        return self.plan.allow_downloads or not self.hashes_by_default

    def sha256_of(self, files: Sequence[IndexFile]) -> dict[str, str]:
        """Return the sha256 of files by URL, which are downloaded for it: the user allowed that.

        :raises SourceError: one cannot be downloaded.
        """
        if self.reader is None:
            raise RuntimeError("the index is read before files are hashed")
        if self.digests is None:
            self.digests = self.reader.digests(self.plan.say, self.plan.show_bytes)
        return self.digests.of(files)

    @property
    def routed(self) -> Routing:
        """Return the accelerated files; there once the inputs have been read."""
        if self.routing is None:
            raise RuntimeError("the sources are known after the inputs have been read")
        return self.routing
