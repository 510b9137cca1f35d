"""Reading an index again, with nothing of accelock: what its pages say of the files of a pin."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from email.parser import BytesParser
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import ProxyHandler, Request, build_opener, urlopen

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from pip._internal.models.index import PyPI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

SECONDS = 60
NEW_GLIBC = tuple(f"manylinux_2_{minor}" for minor in range(28, 4, -1))
GLIBC = (*NEW_GLIBC, "manylinux2014", "manylinux2010", "manylinux1", "linux")
PLATFORM_TAGS = {
    "linux-x86_64": tuple(f"{each}_x86_64" for each in GLIBC),
    "linux-aarch64": tuple(f"{each}_aarch64" for each in GLIBC),
    "macos-arm64": tuple(mac_platforms((14, 0), "arm64")),
    "windows-x86_64": ("win_amd64",),
}


@dataclass(frozen=True)
class Listed:
    """A file as a page lists it; `tags` is empty for a source distribution."""

    url: str
    version: Version
    tags: frozenset[Tag]
    sha256: str

    def fits(self, platform: str, python: tuple[int, int]) -> bool:
        return not self.tags or bool(self.tags & tags_of(platform, python))

    def requirements(self) -> list[Requirement]:
        """What its core metadata (PEP 658) asks for."""
        text = fetched(f"{self.url}.metadata")
        headers = BytesParser().parsebytes(text, headersonly=True)
        return [Requirement(str(line)) for line in headers.get_all("Requires-Dist", ())]


@functools.lru_cache
def tags_of(platform: str, python: tuple[int, int]) -> frozenset[Tag]:
    platforms = PLATFORM_TAGS[platform]
    interpreter = f"cp{python[0]}{python[1]}"
    return frozenset(
        (
            *cpython_tags(python, platforms=platforms),
            *compatible_tags(python, interpreter, platforms),
        )
    )


def listed(index: str, name: str) -> tuple[Listed, ...]:
    """Return the files of a project on an index; none where it has none."""
    page = f"{index.rstrip('/')}/{name}/"
    try:
        anchors = Anchors(page, fetched(page).decode())
    except HTTPError as error:
        if error.code in {403, 404}:
            return ()
        raise
    return tuple(anchors.files())


def on_pypi(name: str) -> tuple[Listed, ...]:
    return listed(PyPI.simple_url, name)


def why_no_pypi() -> str | None:
    """Say why PyPI cannot be asked, or None."""
    try:
        on_pypi("six")
    except OSError as error:
        return f"PyPI cannot be reached: {error}"
    return None


@functools.cache
def fetched(url: str) -> bytes:
    request = Request(url, headers={"Accept": "text/html"})
    local = urlsplit(url).hostname == "127.0.0.1"
    opening = build_opener(ProxyHandler({})).open if local else urlopen
    with opening(request, timeout=SECONDS) as answer:
        content: bytes = answer.read()
    return content


class Anchors(HTMLParser):
    """The links of a page."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self._page = page
        self._links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self._links.append(urljoin(self._page, href))

    def files(self) -> Iterator[Listed]:
        for link in self._links:
            url, fragment = urldefrag(link)
            sha256 = fragment.partition("sha256=")[2]
            filename = unquote(urlsplit(url).path.rpartition("/")[2])
            try:
                if filename.endswith(".whl"):
                    _name, version, _build, tags = parse_wheel_filename(filename)
                else:
                    (_name, version), tags = parse_sdist_filename(filename), frozenset()
            except (InvalidWheelFilename, InvalidSdistFilename):
                continue
            yield Listed(url, version, tags, sha256)
