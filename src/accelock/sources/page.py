"""From the body of an answer to `ProjectPage`: PEP 503 and 691 pages, and find-links pages."""

from __future__ import annotations

import contextlib
import html
import json
import re
import warnings
from email.message import Message
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urldefrag, urljoin, urlsplit

from mousebender import simple

from accelock.catalogue.source import redact
from accelock.errors import SourceError
from accelock.sources.http import ADVICE
from accelock.sources.model import IndexFile, ProjectPage, parse_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["ACCEPT", "JSON", "as_json", "cut_off", "is_html", "parse_page", "strange"]

# JSON first, as pip has it: mousebender's own ACCEPT_SUPPORTED says the same with other weights.
ACCEPT = simple.ACCEPT_SUPPORTED
JSON = simple.ACCEPT_JSON_V1

_HTML = ("text/html", "application/vnd.pypi.simple.v1+html")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HREF = re.compile(r"""(\bhref\s*=\s*)("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_SIGN = re.compile(
    r"pypi:repository-version"
    r"|<(?:title|h1)[^>]*>\s*(?:links for|simple index|index of|directory listing)",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(
    r"\.(whl|zip|tar|tgz|tbz|txz|gz|bz2|xz|egg|exe|msi|rpm|deb|dmg)\b", re.IGNORECASE
)


def parse_page(body: bytes, content_type: str, url: str, project: str | None) -> ProjectPage:
    """Return the files of a page.

    :param body: the bytes as they were received, decompressed.
    :param content_type: the header, which decides between HTML and JSON (PEP 691).
    :param url: where the page was read from in the end; relative links start there.
    :param project: the project whose page this is, or None for a find-links page of several.
    :raises SourceError: this is no such page, is cut off, or of a version that is not known.
    """
    with _shown(url):
        base, entries = _entries_of(body, content_type, url)
    return collect(entries, base, url, project)


def as_json(body: bytes, content_type: str, url: str) -> bytes:
    """Return a page as PEP 691 has it, of which `parse_page` makes the same files.

    :raises SourceError: this is no such page, is cut off, or of a version that is not known.
    """
    with _shown(url):
        base, entries = _entries_of(body, content_type, url)
    files = [{**entry, "url": _joined(base, entry["url"])} for entry in entries]
    return json.dumps({"meta": {"api-version": "1.0"}, "files": files}).encode()


def cut_off(body: bytes, content_type: str) -> str | None:
    """Say where an HTML page breaks off (`it ends within a tag`); None of a whole one, or of JSON.

    For pages that a host tool parses: half a page of HTML reads as one with fewer files.
    """
    return _ends_midway(_decode(body, content_type)) if is_html(content_type) else None


def strange(body: bytes, content_type: str, filenames: list[str]) -> str | None:
    """Say why an HTML page looks like no index page, as that of a form to sign in; else None.

    :param filenames: the last path components of its links.
    """
    return _foreign(_decode(body, content_type), filenames) if is_html(content_type) else None


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


@contextlib.contextmanager
def _shown(url: str) -> Iterator[None]:
    """Let a ValueError, which says what is wrong with a page, be an error for the user."""
    try:
        yield
    except ValueError as error:
        raise SourceError(f"{redact(url)} could not be read: {error}. {ADVICE}") from error


def _entries_of(
    body: bytes, content_type: str, url: str
) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Return what links are relative to, and the entries; ValueError says what is wrong."""
    if content_type.lower().startswith(simple.ACCEPT_JSON_V1):
        return url, _read_json(body)
    if not is_html(content_type):
        raise ValueError(f"it is not an index page; its type is {content_type or '(none)'}")
    text = _decode(body, content_type)
    entries = _read_links(text)
    if fault := _fault_of(text, [entry["filename"] for entry in entries]):
        raise ValueError(fault)
    return _base(text, url), entries


def is_html(content_type: str) -> bool:
    """Tell a page of HTML (PEP 503) by its header."""
    return content_type.lower().startswith(_HTML)


def _read_json(body: bytes) -> list[Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the page is not a complete JSON document ({error})") from error
    meta = document.get("meta") if isinstance(document, dict) else None
    version = meta.get("api-version") if isinstance(meta, dict) else None
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise ValueError(f"this is not a PEP 691 page of version 1 (it says {version!r})")
    files = document.get("files")
    if not isinstance(files, list) or not all(_is_entry(entry) for entry in files):
        raise ValueError("its list of files does not follow PEP 691")
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


def _joined(base: str, href: str) -> str:
    """Return an absolute URL; of what is none, one that is none from wherever it is read."""
    return urljoin(base, href) if _absolute(base, href) is not None else "//["


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


def _read_links(text: str) -> list[Mapping[str, Any]]:
    """Return the links of a page of HTML as PEP 691 file entries.

    :raises ValueError: the page says that it is of an API version that nobody here knows.
    """
    with warnings.catch_warnings():
        # A newer minor version is meant to be read like the ones before it (PEP 629).
        warnings.simplefilter("ignore", simple.APIVersionWarning)
        try:
            details = simple.from_project_details_html(_HREF.sub(_tidied, text), "page")
        except simple.UnsupportedAPIVersion as error:
            raise ValueError(str(error)) from error
    return cast("list[Mapping[str, Any]]", details["files"])


def _fault_of(text: str, filenames: list[str]) -> str | None:
    """Say what is wrong with a page as a whole: cut off, or no index page at all; else None.

    `filenames` are the last path components of its links.
    """
    if text.strip() and (cut := _end_missing(text) or _ends_midway(text)):
        return f"the page is cut off ({cut})"
    return _foreign(text, filenames)


def _foreign(text: str, filenames: list[str]) -> str | None:
    """Say why a page is no index page at all, as a form to sign in is none; else None.

    `filenames` are the last path components of its links.
    """
    if not text.strip():
        return "the page is empty"
    if any(_ARCHIVE.search(name) for name in filenames) or _SIGN.search(text):
        return None
    return "this is not an index page: it links to no distribution file"


def _ends_midway(text: str) -> str | None:
    """Say where a page breaks off, if it ends within a tag or a link; None of a whole page.

    HTML lets a page leave out `</body>` and `</html>`, and pip reads pages that close no tag at
    all: neither is a sign by itself.
    """
    lower = text.lower()
    if lower.rfind("<") > lower.rfind(">"):
        return "it ends within a tag"
    last = max(lower.rfind("<a "), lower.rfind("<a\n"), lower.rfind("<a\t"))
    if last >= 0 and "href" in lower[last:] and "</" in lower and "</" not in lower[last:]:
        return "it ends within a link"
    return None


def _end_missing(text: str) -> str | None:
    """Of the page of a family, whose sources are few and known, more is asked."""
    lower = text.lower()
    opened = "<html" in lower or "<body" in lower
    if opened and "</html" not in lower and "</body" not in lower:
        return "its end is missing"
    return None


def _tidied(match: re.Match[str]) -> str:
    """Empty or shorten one of the few hrefs that mousebender raises ValueError for.

    It splits every fragment at `=` and URLs by `urlparse`: `href="#top"` and `http://[` end the
    parse (mousebender 2025.1). It skips empty ones. Find-links pages are arbitrary HTML.
    """
    url = html.unescape(match[2].strip("\"'"))
    try:
        fragment = urlsplit(url).fragment
    except ValueError:
        return f'{match[1]}""'
    if fragment and "=" not in fragment:
        return f'{match[1]}"{html.escape(url.partition("#")[0])}"'
    return match[0]


class _BaseParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "base" and self.href is None:
            self.href = dict(attrs).get("href")


def _base(text: str, url: str) -> str:
    """Return what relative links start from: the first `<base href>`, which pip follows too."""
    if "<base" not in text.lower():
        return url
    parser = _BaseParser()
    parser.feed(text)
    return urljoin(url, parser.href) if parser.href else url
