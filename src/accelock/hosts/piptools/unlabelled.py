"""Builds without a label, which plain pip would take from another index in a file without hashes.

A CUDA build of torch 2.5.1 for Linux on Arm carries no label, and PyPI has a CPU build of the same
version there. pip asks all indexes of a file alike, and prefers the one of the two whose tag is
better. A direct URL (PEP 508) leaves it no choice.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pip._internal.models.link import Link
from pip._vendor.packaging.requirements import Requirement

from accelock.catalogue import redact
from accelock.errors import SourceError
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell


def force(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Name the file of each pin of which another index has another build of the same version.

    What is written is a URL below the source that the file names, with the file's sha256 where the
    index publishes it. Where the file does not lie there, and in a rewrite, which keeps the lines
    of a file, the run says that it needs hashes instead.
    """
    for cell, capture in captures.items():
        if capture.hashes:
            continue
        for pin in tuple(capture.results):
            file = _at_risk(run, cell, pin)
            rival = _rival(run, capture, cell, file) if file is not None else None
            if file is None or rival is None:
                continue
            url = None if run.reports_moves else _written(run, cell, file)
            if url is not None:
                capture.results = {*capture.results - {pin}, _direct(pin, url)}
                text = "its line names the file (--generate-hashes would leave it a version)"
                run.plan.say_progress(f"{_warned(pin, cell, rival)}; {text}.")
            elif run.first_time(said := _warned(pin, cell, rival)):
                run.plan.say(f"WARNING: {said}, which plain pip may take: use --generate-hashes.")


def _warned(pin: Any, cell: Cell, rival: IndexFile) -> str:
    return (
        f"{pin.req} has no label on {cell}, and {redact(rival.page_url)} has another build of "
        "that version"
    )


def _at_risk(run: Run, cell: Cell, pin: Any) -> IndexFile | None:
    """Return the file of a pin that no label tells from another variant of the same version.

    For cpu none is needed: where its builds have no label, PyPI's are for the CPU too (macOS; and
    Linux on Arm until torchvision 0.24.1, the last one without, read in November 2026).
    """
    found = run.shelves.find(pin.name) if pin.name else None
    if found is None or not found.package.labelled or pin.link is None or pin.original_link:
        return None
    file = run.files.get(pin.link.url_without_fragment)
    if file is None or file.label is not None:
        return None
    return None if run.shelves.variant(found.family, cell.target).kind is Kind.CPU else file


def _rival(run: Run, capture: Capture, cell: Cell, file: IndexFile) -> IndexFile | None:
    """Return another file of the same public version that pip finds at the file's other indexes."""
    tags = frozenset(cell.platform.tags(cell.python, run.plan.levels))
    for other in _of_indexes(run, capture, file.name):
        is_same = file.sha256 is not None and other.sha256 == file.sha256
        if other.public == file.public and other.fits(tags) and not other.yanked and not is_same:
            return other
    return None


def _of_indexes(run: Run, capture: Capture, name: str) -> Iterator[IndexFile]:
    """Yield what the user's own indexes have of a project; one that cannot be read has nothing."""
    if run.reader is None:
        raise RuntimeError("the reader is there once the inputs have been read")
    for url in capture.writer["index_urls"]:
        with contextlib.suppress(SourceError):
            yield from run.reader.project(url, name).files
    for place in capture.writer["find_links"]:
        with contextlib.suppress(SourceError):
            yield from run.reader.find_links(place).files_of(name)


def _written(run: Run, cell: Cell, file: IndexFile) -> str | None:
    """Return the file's URL at the source that the compiled file names, or None."""
    family = run.shelves.find(file.name).family  # type: ignore[union-attr]  # it is on its shelf
    read, written = run.plan.sources[family.name], run.plan.written[family.name]
    digest = f"#sha256={file.sha256}" if file.sha256 else ""
    if read == written:
        parts = urlsplit(file.url)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        return urlunsplit(bare) + digest
    variant = run.shelves.variant(family, cell.target)
    base = f"{read.url(variant)}/"
    if read.is_find_links or written.is_find_links or not file.url.startswith(base):
        return None
    at = written.without_credentials.url(variant)
    return f"{at}/{file.url.removeprefix(base)}{digest}"


def _direct(pin: Any, url: str) -> Any:
    """Return a pin as a direct reference, with all that pip-tools annotates it with."""
    forced = copy.copy(pin)
    extras = f"[{','.join(sorted(pin.extras))}]" if pin.extras else ""
    forced.req = Requirement(f"{pin.name}{extras} @ {url}")
    forced.link = forced.original_link = Link(url)
    return forced
