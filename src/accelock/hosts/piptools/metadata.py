"""Core metadata of files, once a run: the hooks on pip's ``RequirementPreparer``.

What is kept is the bytes of METADATA, and pip builds its own distribution object of them in each
cell: with Pythons below 3.11 pip's object is a ``pkg_resources`` one that caches the requirements
whose markers held when it was first asked, which would carry one cell's markers into the next.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import HashMismatch
from pip._internal.metadata import get_metadata_distribution
from pip._internal.operations import prepare
from pip._internal.utils.packaging import get_requirement
from pip._vendor.packaging.utils import canonicalize_name

from accelock.errors import MetadataError, SourceError
from accelock.hosts.piptools import pages
from accelock.sources.model import IndexFile, parse_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.state import Run
    from accelock.sources.reader import IndexReader

# PEP 643: in core metadata 2.2 and later, a field that is not marked dynamic is what the built
# wheel will have.
_STATIC_SINCE = (2, 2)
_NEEDED_STATIC = frozenset({"requires-dist", "requires-python", "provides-extra"})


def install(run: Run, patches: Patches) -> None:
    """Put the hooks in place for the time of ``patches``."""
    preparer = prepare.RequirementPreparer
    patches.wrap(preparer, "_fetch_metadata_only", lambda old: _fetch_metadata_only(run, old))
    patches.wrap(preparer, "prepare_linked_requirement", lambda old: _prepare_linked(run, old))
    # pip before 25.1 downloads the whole resolved set at the end of `resolve()`: GBs, for nothing.
    patches.wrap(preparer, "prepare_linked_requirements_more", lambda old: _prepare_more(run, old))
    patches.wrap(prepare, "_get_prepared_distribution", lambda old: _get_prepared(run, old))


def _prepare_more(run: Run, original: Callable[..., None]) -> Callable[..., None]:
    """Download nothing whose metadata is already known, but for what a build is to run with."""

    def prepare_more(self: Any, *args: Any, **kwargs: Any) -> None:
        if run.active is None:
            original(self, *args, **kwargs)

    return prepare_more


def _fetch_metadata_only(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    """Read a wheel's metadata without its body: PEP 658 first, then by ranges.

    An accelerated wheel, which may have GBs, is never downloaded for it: where neither way works,
    the run stops. Any other wheel is then left to pip, which downloads it.
    """

    def fetch(self: Any, req: Any) -> Any:
        if run.active is None or run.reader is None:
            return original(self, req)
        file = run.files.get(req.link.url_without_fragment)
        if file is not None:
            return _distribution(run.routed.metadata(file).raw, req)
        is_remote = req.link.is_wheel and not req.link.is_file
        if is_remote and req.link.metadata_file_data is not None:
            # Not by pip, which asks for it again in each run.
            with contextlib.suppress(MetadataError, SourceError):
                return _distribution(run.reader.metadata(index_file(req.link)).raw, req)
        try:
            dist = original(self, req)
        except HashMismatch:  # of the PEP 658 file: what the wheel itself says is as good
            dist = None
        if dist is not None or not is_remote:
            return dist
        contents = _by_ranges(run.reader, req.link)
        return None if contents is None else _distribution(contents, req)

    return fetch


def index_file(link: Any) -> IndexFile:
    """Return the wheel of an index that a link of pip's leads to.

    :raises MetadataError: its name is no wheel's.
    """
    parsed = parse_filename(link.filename)
    if parsed is None:
        raise MetadataError(f"{link.filename} is not a wheel")
    published = link.metadata_file_data
    return IndexFile(
        filename=link.filename,
        url=link.url_without_fragment,
        name=parsed.name,
        version=parsed.version,
        tags=parsed.tags,
        sha256=pages.sha256_of(link),
        core_metadata=None if published is None else dict(published.hashes or {}),
    )


def _by_ranges(reader: IndexReader, link: Any) -> bytes | None:
    with contextlib.suppress(MetadataError, SourceError):
        for file in reader.find_links(link.url_without_fragment).files:
            return reader.metadata(replace(file, sha256=pages.sha256_of(link))).raw
    return None


def _prepare_linked(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    """Prepare each link once a run; later cells get a distribution of the same METADATA."""

    def prepare_linked(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        if run.active is None:
            return original(self, req, *args, **kwargs)
        key = key_of(req.link)
        known = run.memo.metadata.get(key)
        if known is not None:
            return _distribution(known, req)
        dist = original(self, req, *args, **kwargs)
        contents = _metadata_of(dist)
        if contents is not None:
            run.memo.metadata[key] = contents
        # What it requires is looked up next, one page after the other. A requirement that is none
        # is pip's to judge: it goes on to another version.
        with contextlib.suppress(ValueError):
            required = [each.name for each in dist.iter_dependencies()]
            pages.prefetch(run, run.active.capture.finder, required)
        return dist

    return prepare_linked


def key_of(link: Any) -> str:
    """Return what the metadata of a file is known by."""
    return f"{link.url_without_fragment}#{link.subdirectory_fragment or ''}"


def _get_prepared(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    """Use an sdist's static metadata; build it on the host, outside of any cell, where it has none.

    PEP 643 static metadata holds for every platform. Metadata that has to be built is the host's;
    its markers are applied to every cell, which is right for all but the rare package that computes
    its requirements. That is said for each package of which it ends up in a file.
    """

    def get_prepared(req: Any, *args: Any, **kwargs: Any) -> Any:
        if run.active is None or (req.link is not None and req.link.is_wheel):
            return original(req, *args, **kwargs)
        static = None if req.editable else _static_metadata(req.source_dir)
        known = static or run.memo.metadata.get(f"editable {req.source_dir}")
        if known is not None:
            return _distribution(known, req)
        with host(run):
            dist = original(req, *args, **kwargs)
        contents = _metadata_of(dist)
        if req.editable and contents is not None:
            run.memo.metadata[f"editable {req.source_dir}"] = contents
        run.memo.built[canonicalize_name(dist.raw_name), str(dist.version)] = str(req.link)
        return dist

    return get_prepared


@contextlib.contextmanager
def host(run: Run) -> Iterator[None]:
    """Leave the cell for a while: a build backend is to see the machine that it runs on."""
    active, run.active = run.active, None
    try:
        yield
    finally:
        run.active = active


def _distribution(contents: bytes, req: Any) -> Any:
    """Return pip's distribution of METADATA that pip itself did not prepare."""
    name = req.name or _header(contents, "Name")
    if req.req is None:  # a path (`./seed`): pip learns its name from the metadata that it prepares
        req.req = get_requirement(f"{name}=={_header(contents, 'Version')}")
    return get_metadata_distribution(contents, req.link.filename, canonicalize_name(name))


def _header(contents: bytes, field: str) -> str:
    return str(BytesParser().parsebytes(contents, headersonly=True)[field])


def _metadata_of(dist: Any) -> bytes | None:
    """Return the METADATA of pip's distribution, or None of a legacy egg-info one."""
    with contextlib.suppress(Exception):  # pip raises another error per backend and version
        text = dist.read_text("METADATA")
        if text and "\nName:" in "\n" + text:
            return str(text).encode()
    return None


def _static_metadata(source_dir: str | None) -> bytes | None:
    """Return an unpacked sdist's PKG-INFO if it is static in all that a resolver asks of it."""
    path = Path(source_dir or "") / "PKG-INFO"
    if not source_dir or not path.is_file():
        return None
    contents = path.read_bytes()
    headers = BytesParser().parsebytes(contents, headersonly=True)
    version = tuple(int(part) for part in headers.get("Metadata-Version", "1.0").split(".")[:2])
    dynamic = {value.strip().lower() for value in headers.get_all("Dynamic", [])}
    return None if version < _STATIC_SINCE or dynamic & _NEEDED_STATIC else contents
