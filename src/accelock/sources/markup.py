"""HTML pages, before mousebender reads them: `<base>`, odd links, and pages that are no index."""

from __future__ import annotations

import html
import re
import warnings
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

from mousebender import simple

if TYPE_CHECKING:
    from collections.abc import Mapping

_HREF = re.compile(r"""(\bhref\s*=\s*)("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_SIGN = re.compile(
    r"pypi:repository-version"
    r"|<(?:title|h1)[^>]*>\s*(?:links for|simple index|index of|directory listing)",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(
    r"\.(whl|zip|tar|tgz|tbz|txz|gz|bz2|xz|egg|exe|msi|rpm|deb|dmg)\b", re.IGNORECASE
)


def read_links(text: str, url: str) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the URL that the links are relative to, and the links as PEP 691 file entries.

    :raises ValueError: the page says that it is of an API version that nobody here knows.
    """
    with warnings.catch_warnings():
        # A newer minor version is meant to be read like the ones before it (PEP 629).
        warnings.simplefilter("ignore", simple.APIVersionWarning)
        try:
            details = simple.from_project_details_html(_tidy(text), "page")
        except simple.UnsupportedAPIVersion as error:
            raise ValueError(str(error)) from error
    return _base(text, url), cast("list[Mapping[str, Any]]", details["files"])


def fault_of(text: str, filenames: list[str]) -> str | None:
    """Say what is wrong with a page as a whole: cut off, or no index page at all; else None.

    `filenames` are the last path components of its links.
    """
    if text.strip() and (cut := _end_missing(text) or ends_midway(text)):
        return f"the page is cut off ({cut})"
    return foreign(text, filenames)


def foreign(text: str, filenames: list[str]) -> str | None:
    """Say why a page is no index page at all, as a form to sign in is none; else None.

    `filenames` are the last path components of its links.
    """
    if not text.strip():
        return "the page is empty"
    if any(_ARCHIVE.search(name) for name in filenames) or _SIGN.search(text):
        return None
    return "this is no index page: it links to no distribution file"


def ends_midway(text: str) -> str | None:
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


def _tidy(text: str) -> str:
    """Empty or shorten the few hrefs that mousebender raises ValueError for.

    It splits every fragment at `=` and URLs by `urlparse`: `href="#top"` and `http://[` end the
    parse (mousebender 2025.1). It skips empty ones. Find-links pages are arbitrary HTML.
    """
    return _HREF.sub(_tidy_href, text)


def _tidy_href(match: re.Match[str]) -> str:
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
