"""From the body of an answer to `ProjectPage`: PEP 503 and 691 pages, and find-links pages."""

from __future__ import annotations

import json
import re
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit

from mousebender import simple

from accelock.catalogue.source import redact
from accelock.errors import SourceError
from accelock.sources.fetch import ADVICE
from accelock.sources.filename import parse_filename
from accelock.sources.markup import ends_midway, fault_of, foreign, read_links
from accelock.sources.model import IndexFile, ProjectPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ACCEPT", "cut_off", "parse_page", "strange"]

# JSON first, as pip has it: mousebender's own ACCEPT_SUPPORTED says the same with other weights.
ACCEPT = simple.ACCEPT_SUPPORTED

_HTML = ("text/html", "application/vnd.pypi.simple.v1+html")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_page(body: bytes, content_type: str, url: str, project: str | None) -> ProjectPage:
    """Return the files of a page.

    :param body: the bytes as they were received, decompressed.
    :param content_type: the header, which decides between HTML and JSON (PEP 691).
    :param url: where the page was read from in the end; relative links start there.
    :param project: the project whose page this is, or None for a find-links page of several.
    :raises SourceError: this is no such page, is cut off, or of a version that is not known.
    """
    try:
        base, entries = _read_entries(body, content_type, url)
    except ValueError as error:
        raise SourceError(f"{redact(url)} could not be read: {error}. {ADVICE}") from error
    return collect(entries, base, url, project)


def cut_off(body: bytes, content_type: str) -> str | None:
    """Say where an HTML page breaks off (`it ends within a tag`); None of a whole one, or of JSON.

    For pages that a host tool parses: half a page of HTML reads as one with fewer files.
    """
    return ends_midway(_decode(body, content_type)) if _is_html(content_type) else None


def strange(body: bytes, content_type: str, filenames: list[str]) -> str | None:
    """Say why an HTML page looks like no index page, as that of a form to sign in; else None.

    :param filenames: the last path components of its links.
    """
    return foreign(_decode(body, content_type), filenames) if _is_html(content_type) else None


def collect(
    entries: Iterable[Mapping[str, Any]], base: str, url: str, project: str | None
) -> ProjectPage:
    """Return the page of PEP 691 file entries; those that are no file of `project` are skipped."""
    files: list[IndexFile] = []
    skipped: list[str] = []
    for entry in entries:
        file = _file(entry, base, url, project)
        if file is None:
            skipped.append(entry["filename"])
        else:
            files.append(file)
    return ProjectPage(url, tuple(files), tuple(skipped))


def _read_entries(
    body: bytes, content_type: str, url: str
) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Return what links are relative to, and the entries; ValueError says what is wrong."""
    kind = content_type.lower()
    if kind.startswith(simple.ACCEPT_JSON_V1):
        return url, _read_json(body)
    if _is_html(content_type):
        return _read_html(body, content_type, url)
    raise ValueError(f"it is no index page but of type {content_type or '(none)'}")


def _is_html(content_type: str) -> bool:
    return content_type.lower().startswith(_HTML)


def _read_html(body: bytes, content_type: str, url: str) -> tuple[str, list[Mapping[str, Any]]]:
    text = _decode(body, content_type)
    base, entries = read_links(text, url)
    if fault := fault_of(text, [entry["filename"] for entry in entries]):
        raise ValueError(fault)
    return base, entries


def _read_json(body: bytes) -> list[Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the page is no whole JSON document ({error})") from error
    meta = document.get("meta") if isinstance(document, dict) else None
    version = meta.get("api-version") if isinstance(meta, dict) else None
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise ValueError(f"this is no PEP 691 page of version 1 (it says {version!r})")
    files = document.get("files")
    if not isinstance(files, list) or not all(_is_entry(entry) for entry in files):
        raise ValueError("its list of files is not as PEP 691 has it")
    return files


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("filename"), str)
        and isinstance(entry.get("url"), str)
        and isinstance(entry.get("hashes", {}), dict)
    )


def _decode(body: bytes, content_type: str) -> str:
    """Decode as pip does (the header's charset, else UTF-8), but never fail: names are ASCII."""
    header = Message()
    header["content-type"] = content_type
    charset = header.get_param("charset")
    try:
        return body.decode(charset if isinstance(charset, str) else "utf-8", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")


def _file(
    entry: Mapping[str, Any], base: str, page_url: str, project: str | None
) -> IndexFile | None:
    parsed = parse_filename(entry["filename"], project)
    if parsed is None or (project is not None and parsed.name != project):
        return None
    url = _absolute(base, entry["url"])
    if url is None or (urlsplit(url).scheme == "file" and not page_url.startswith("file:")):
        return None
    return IndexFile(
        filename=entry["filename"],
        url=url,
        name=parsed.name,
        version=parsed.version,
        tags=parsed.tags,
        sha256=_sha256(entry.get("hashes", {})),
        core_metadata=_core_metadata(entry),
        requires_python=_text(entry, "requires-python"),
        yanked=_text(entry, "yanked") or bool(entry.get("yanked")),
        size=_whole(entry, "size"),
        upload_time=_text(entry, "upload-time"),
        page_url=page_url,
    )


def _absolute(base: str, href: str) -> str | None:
    """Return an absolute URL without a fragment; None for one that names no file."""
    try:
        url = urldefrag(urljoin(base, href)).url
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return url if scheme in {"http", "https", "file"} else None


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value or None if isinstance(value, str) else None


def _whole(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) else None


def _sha256(hashes: Mapping[str, object]) -> str | None:
    """Return the sha256 of a file; a value that is none counts as absent.

    mousebender splits a fragment at its first `=` alone: `egg=x&sha256=..` arrives as one value.
    """
    for pair in "&".join(f"{kind}={value}" for kind, value in hashes.items()).split("&"):
        kind, _, digest = pair.partition("=")
        if kind == "sha256" and _SHA256.fullmatch(digest.lower()):
            return digest.lower()
    return None


def _core_metadata(entry: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the hashes of the PEP 658 file: the key of PEP 714 first, then the older one."""
    said = entry.get("core-metadata")
    if said is None:
        said = entry.get("dist-info-metadata")
    if not said or said == {"false": ""}:  # data-core-metadata="false"
        return None
    if not isinstance(said, dict):
        return {}
    return {kind.lower(): str(value).lower() for kind, value in said.items() if value}
