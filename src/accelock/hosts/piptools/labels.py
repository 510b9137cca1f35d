"""Builds by their labels: those that an input names, and those that have none.

An input names a build by `torch==2.6.0+cu118`, or by its wheel, `torch @ https://.../whl/cu118/
torch-2.6.0%2Bcu118-cp312-cp312-linux_x86_64.whl`. The target's own is read as its public version,
so that it compiles for the other platforms too; another target's is an error.

A CUDA build of torch 2.5.1 for Linux on Arm carries no label, and PyPI has a CPU build of the same
version there. pip asks all indexes of a file alike, and prefers the one of the two whose tag is
better. A direct URL (PEP 508) leaves it no choice. Of a family without labels (llama-cpp-python)
every target has such a build, and PyPI the sources.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pip._internal.models.link import Link
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.specifiers import SpecifierSet

from accelock.catalogue import redact
from accelock.errors import AccelockError, SourceError
from accelock.resolve.serving import target_of_url
from accelock.sources.http import hide_credentials
from accelock.sources.model import parse_filename
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.resolve.routing import Accelerated, Routing
    from accelock.sources.model import IndexFile
    from accelock.targets import Cell, Target


def read_builds(requirements: list[Any], routing: Routing | None, target: Target) -> None:
    """Read the target's own builds among the requirements of an input as public versions.

    :param requirements: pip's `InstallRequirement`; those of no family stay as they are.
    :param routing: None in the first pass: which packages are cpuonly is not known yet.
    :raises AccelockError: one is another target's build.
    """
    for requirement in requirements:
        found = routing.find(requirement.name) if routing is not None and requirement.name else None
        if routing is None or found is None:
            continue
        if requirement.original_link is not None:
            _read_wheel(requirement, found, routing, target)
        elif requirement.req is not None and found.package.labelled:
            _strip_own_label(requirement, found, routing, target)


def judge(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Refuse the foreign builds that the metadata of others led to.

    :raises AccelockError: there is one.
    """
    for cell, capture in captures.items():
        for requirement in (*capture.results, *capture.unsafe_requirements):
            found = run.routed.find(requirement.name) if requirement.original_link else None
            if found is not None:
                _refuse_foreign(requirement, found, run.routed, cell.target)


def forget(pin: Any) -> None:
    """Turn an existing accelerated pin into a preference: no label, no other target's hashes."""
    versions = [(s.operator, str(s.version).partition("+")[0]) for s in pin.req.specifier]
    _respecify(pin, [f"{operator}{public}" for operator, public in versions])
    pin.hash_options = {}


def _read_wheel(requirement: Any, found: Accelerated, routing: Routing, target: Target) -> None:
    """Read the URL of a wheel that the family's own source lists; any other stays where it is."""
    _refuse_foreign(requirement, found, routing, target)
    link, family = requirement.link, found.family
    url, parsed = link.url_without_fragment, parse_filename(link.filename)
    if parsed is None or family.recognise(url.rpartition("/")[0]) is None:
        return
    listed = {file.filename for file in routing.listed(requirement.name, target)}
    if link.filename in listed and target_of_url(url, family) is not None:
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        requirement.req = Requirement(f"{requirement.name}{extras}=={parsed.version.public}")
        requirement.link = requirement.original_link = None


def _refuse_foreign(requirement: Any, found: Accelerated, routing: Routing, target: Target) -> None:
    """Refuse a wheel that its URL tells to be another target's."""
    url = requirement.link.url_without_fragment
    own = routing.variant(found.family, target).name
    of = target_of_url(url, found.family)
    if of in (None, own, found.family.label(routing.variant(found.family, target))):
        return
    why = "" if own == target.name else f" (its family is marked cpuonly, so it takes {own})"
    raise AccelockError(
        f"{requirement.comes_from or 'the input'}: {requirement.name} @ {hide_credentials(url)} "
        f"is a build for {of}, and the target is {target.name}{why}. Write its public version, "
        f"and each target gets its own build; or compile for the target of that build: -t {of}"
    )


def _strip_own_label(
    requirement: Any, found: Accelerated, routing: Routing, target: Target
) -> None:
    own = found.family.label(routing.variant(found.family, target))
    parts = []
    for specifier in requirement.req.specifier:
        public, plus, label = str(specifier.version).partition("+")
        if plus and label.lower() != own:
            why = (
                f" (its family is marked cpuonly, so it takes +{own})"
                if own not in (None, target.name)
                else ""
            )
            raise AccelockError(
                f"{requirement.comes_from or 'the input'}: {requirement.req} carries the label "
                f"+{label}, and the target is {target.name}{why}. Write the public version "
                f"(without +{label}), and each target gets its own build; or compile for the "
                f"target of that label: -t {label}"
            )
        # `===` compares to the letter: it would refuse the build that carries the label.
        operator = "==" if plus and specifier.operator == "===" else specifier.operator
        parts.append(f"{operator}{public}")
    _respecify(requirement, parts)


def _respecify(requirement: Any, parts: list[str]) -> None:
    """Give a requirement of pip's other specifiers.

    pip keeps the inner object for all requirements of the same text (`get_requirement` has a
    cache), so that it must not be changed: other cells read it too.
    """
    requirement.req = copy.copy(requirement.req)
    requirement.req.specifier = SpecifierSet(",".join(parts))


def force(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Name the file of each pin of which another index has another build of the same version.

    What is written is a URL below the source that the file names, with the file's sha256 where the
    index publishes it. Where the file does not lie there, and in a rewrite, which keeps the lines
    of a family with labels, the run says that it needs hashes instead.

    Of a family without labels each pin names its file, hashes or not: pip-sync takes another
    target's build of the same version for what is asked for.

    :raises AccelockError: the file of such a pin cannot be named.
    """
    for cell, capture in captures.items():
        for pin in tuple(capture.results):
            file = _at_risk(run, cell, pin)
            if file is None:
                continue
            if not _has_labels(run, file):
                _name_file(run, cell, capture, pin, file)
            elif not capture.hashes and (rival := _rival(run, capture, cell, file)) is not None:
                url = None if run.reports_moves else _written(run, cell, file)
                _name_beside(run, cell, capture, pin, rival, url)


def _has_labels(run: Run, file: IndexFile) -> bool:
    found = run.routed.find(file.name)
    return found is not None and found.family.has_labels


def _name_file(run: Run, cell: Cell, capture: Capture, pin: Any, file: IndexFile) -> None:
    """Name the file of a pin of a family without labels."""
    if capture.hashes and file.sha256 is None and run.plan.allow_downloads:
        file = replace(file, sha256=run.sha256_of([file])[file.url])
    is_known = not capture.hashes or file.sha256 is not None
    said = (
        f"{pin.req} has no label on {cell}, so only its URL distinguishes it from the builds "
        "of other targets"
    )
    if is_known and (url := _written(run, cell, file)) is not None:
        direct = _direct(pin, url)
        capture.results = {*capture.results - {pin}, direct}
        if capture.hashes:
            capture.hashes = {**capture.hashes, direct: {f"sha256:{file.sha256}"}}
    elif not capture.hashes:
        raise AccelockError(
            f"{said}, and accelock cannot write its URL: it read the build from another source "
            "than the one that the file names. Use --generate-hashes, or name the source in "
            "[tool.accelock.sources]."
        )


def _name_beside(
    run: Run, cell: Cell, capture: Capture, pin: Any, rival: IndexFile, url: str | None
) -> None:
    """Name the file of a pin of which another index has another build; warn where that fails."""
    said = _warned(pin, cell, rival)
    if url is not None:
        capture.results = {*capture.results - {pin}, _direct(pin, url)}
        text = "its line names the file (with --generate-hashes, it names the version)"
        run.plan.say_progress(f"{said}; {text}.")
    elif run.first_time(said):
        run.plan.say(f"WARNING: {said}, and plain pip may install that one: use --generate-hashes.")


def _warned(pin: Any, cell: Cell, rival: IndexFile) -> str:
    return (
        f"{pin.req} has no label on {cell}, and {redact(rival.page_url)} has another build of "
        "that version"
    )


def _at_risk(run: Run, cell: Cell, pin: Any) -> IndexFile | None:
    """Return the file of a pin that no label tells from another variant of the same version.

    For cpu none is needed: where its builds have no label, PyPI's are for the CPU too (macOS; and
    Linux on Arm until torchvision 0.24.1, the last one without, read in November 2026). That is so
    of families with labels: of the others no build carries one.
    """
    found = run.routed.find(pin.name) if pin.name else None
    if found is None or not found.package.labelled or pin.link is None or pin.original_link:
        return None
    file = run.files.get(pin.link.url_without_fragment)
    if file is None or file.label is not None:
        return None
    is_for_cpu = run.routed.variant(found.family, cell.target).kind is Kind.CPU
    return None if is_for_cpu and found.family.has_labels else file


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
    family = run.routed.find(file.name).family  # type: ignore[union-attr]  # it has one
    read, written = run.plan.sources[family.name], run.plan.written[family.name]
    digest = f"#sha256={file.sha256}" if file.sha256 else ""
    if read == written:
        parts = urlsplit(file.url)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        return urlunsplit(bare) + digest
    variant = run.routed.variant(family, cell.target)
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
