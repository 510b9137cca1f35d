"""What a server serves: indexes (PEP 503, PEP 691) and find-links pages, as plain values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.support.wheels import Distribution

Format = Literal["html", "json", "negotiate"]
Hashes = Literal["all", "none", "partial"]
CoreMetadata = Literal["on", "off", "wrong", "unhashed", "gone"]
Links = Literal["root", "relative", "absolute", "other-host"]
Fault = Literal["truncated", "short", "garbage", "login-page", "broken-json", "unavailable", "drop"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a part of a site answers.

    format: HTML, JSON, or what the Accept header likes better.
    hashes: `partial` leaves out those of aarch64 files, as one PyTorch release really did.
    metadata: PEP 658. `wrong` gives a hash of other bytes, `unhashed` says `true`, `gone` promises
        and answers as for an absent file.
    ranges: whether a Range header is honoured.
    links: how a page spells the address of a file.
    absent: the status for a project that the index lacks (PyTorch's answers 403).
    login: user and password that basic authentication asks for.
    delay: seconds before an answer.
    fault: `truncated` ends a page inside an anchor, honestly sized; `short` sends fewer bytes than
        Content-Length says; `garbage` is no markup at all; `login-page` is HTML of something else;
        `broken-json` has the content type of JSON; `unavailable` is 503; `drop` closes the
        connection without an answer.
    requires_python, upload_time: whether a page has these attributes.
    etag: whether files have an ETag (RFC 9110), as those of PyTorch's and PyPI's hosts do.
    moved: the address of another server, which a redirect leads to, at the same path.
    """

    format: Format = "negotiate"
    hashes: Hashes = "all"
    metadata: CoreMetadata = "on"
    ranges: bool = True
    links: Links = "root"
    absent: Literal[403, 404] = 404
    login: tuple[str, str] | None = None
    delay: float = 0
    fault: Fault | None = None
    requires_python: bool = True
    upload_time: bool = False
    etag: bool = False
    moved: str | None = None


@dataclass(frozen=True, slots=True)
class HostedFile:
    """A distribution and the path under which the server has it, without quoting."""

    path: str
    distribution: Distribution
    yanked: str | None = None
    upload_time: str = "2024-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Index:
    """A repository: `path` is its root, without a slash at the end."""

    path: str
    projects: Mapping[str, tuple[HostedFile, ...]]

    @classmethod
    def of(cls, path: str, files: Iterable[HostedFile]) -> Index:
        projects: defaultdict[str, list[HostedFile]] = defaultdict(list)
        for file in files:
            projects[file.distribution.project].append(file)
        return cls(path, {name: tuple(projects[name]) for name in sorted(projects)})

    @property
    def files(self) -> tuple[HostedFile, ...]:
        return tuple(file for files in self.projects.values() for file in files)


@dataclass(frozen=True, slots=True)
class FindLinks:
    """A flat page of files."""

    path: str
    files: tuple[HostedFile, ...]


@dataclass(frozen=True)
class Site:
    """Indexes, find-links pages, and options by path prefix: the longest one has the last word."""

    indexes: tuple[Index, ...] = ()
    pages: tuple[FindLinks, ...] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def configured(self, prefix: str = "/", **options: Any) -> Site:
        """Return this site with other options under a prefix.

        The prefix is `/` for everything, or the path of an index, a project's page or a file.
        """
        replace(Options(), **options)  # a misspelt option is a TypeError here, where it was written
        changed = {**self.changes.get(prefix, {}), **options}
        return replace(self, changes={**self.changes, prefix: changed})

    def options(self, path: str) -> Options:
        """The options for a path of the server."""
        merged: dict[str, Any] = {}
        for prefix in sorted(self.changes, key=len):
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                merged |= self.changes[prefix]
        return replace(Options(), **merged)

    def with_files(self, index: str, *distributions: Distribution) -> Site:
        """Return this site with more files in an index, which is made where there is none."""
        added = tuple(HostedFile(f"{index}/{each.filename}", each) for each in distributions)
        old = [each for each in self.indexes if each.path == index]
        files = (*(old[0].files if old else ()), *added)
        kept = tuple(each for each in self.indexes if each.path != index)
        return replace(self, indexes=(*kept, Index.of(index, files)))

    def without(self, index: str, project: str) -> Site:
        """Return this site with one project less in an index."""

        def pruned(each: Index) -> Index:
            left = {name: files for name, files in each.projects.items() if name != project}
            return Index(each.path, left) if each.path == index else each

        return replace(self, indexes=tuple(map(pruned, self.indexes)))

    def index(self, path: str) -> Index:
        """The index at a path; KeyError when there is none."""
        return {each.path: each for each in self.indexes}[path]

    def find(self, index: str, filename: str) -> Distribution:
        """One file of an index; KeyError when it lacks it."""
        files = {each.distribution.filename: each.distribution for each in self.index(index).files}
        return files[filename]

    def hosted(self) -> dict[str, HostedFile]:
        """Every file by its path."""
        listed = [each.files for each in self.indexes] + [each.files for each in self.pages]
        return {file.path: file for files in listed for file in files}
