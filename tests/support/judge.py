"""A second opinion on compiled files: it knows `packaging` and the index, and nothing of accelock.

Cell by cell: one version a name, the target's label, a file that fits and whose hash is there, and
every requirement of every wheel met, those of its extras too. Of a source distribution that has no
wheel it knows the version and the hash alone.
"""

from __future__ import annotations

import functools
import io
import re
import ssl
import zipfile
from dataclasses import dataclass, field
from email import message_from_bytes
from html.parser import HTMLParser
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from packaging import tags
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

SYSTEMS = {
    "linux-x86_64": ("linux", "Linux", "posix", "x86_64"),
    "linux-aarch64": ("linux", "Linux", "posix", "aarch64"),
    "macos-arm64": ("darwin", "Darwin", "posix", "arm64"),
    "windows-x86_64": ("win32", "Windows", "nt", "AMD64"),
}
LABELLED = frozenset({"torch", "torchvision", "torchaudio"})
parsed = functools.cache(parse_wheel_filename)
# One context for all: each would read all certificates again.
_TLS = HTTPSHandler(context=ssl.create_default_context())
_OPEN = build_opener(ProxyHandler({}), _TLS).open


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.found = base, list[tuple[str, SpecifierSet]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (href := given.get("href")):
            self.found.append((urljoin(self.base, href), _pythons(given)))


@dataclass
class Judge:
    """Reads the files of one index server; `faults` are in words."""

    python: str
    _pages: dict[str, list[str]] = field(default_factory=dict)
    _requires: dict[str, list[Requirement]] = field(default_factory=dict)
    _tags: dict[str, set[tags.Tag]] = field(default_factory=dict)
    _versions: dict[tuple[str, ...], dict[str, list[tuple[str, Version]]]] = field(
        default_factory=dict
    )

    def faults(self, text: str, target: str, indexes: list[str]) -> list[str]:
        """Return what is wrong with a compiled file, on each platform that its header names.

        `indexes` are those that it was made from.
        """
        (header,) = re.findall(r"^# accelock: platforms (.+)$", text, re.MULTILINE)
        return [
            f"{platform}: {fault}"
            for platform in header.split()
            for fault in self.of_cell(text, target, platform, indexes)
        ]

    def of_cell(self, text: str, target: str, platform: str, indexes: list[str]) -> Iterator[str]:
        """Yield what is wrong with a compiled file on one platform."""
        environment = self.environment(platform)
        pins: dict[str, Requirement] = {}
        hashes: dict[str, set[str]] = {}
        for block in re.findall(r"^[A-Za-z0-9].*(?:\n    --hash.*)*", text, re.MULTILINE):
            line = block.split("\n")[0].split("  #")[0].rstrip("\\ ")
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            name = str(canonicalize_name(requirement.name))
            if name in pins:
                yield f"{name} is there twice: {pins[name]} and {requirement}"
            pins[name] = requirement
            hashes[name] = set(re.findall(r"--hash=sha256:(\w+)", block))
        for name, requirement in pins.items():
            yield from self._of_pin(name, requirement, hashes[name], target, indexes, platform)
        yield from self._unmet(pins, indexes, platform)

    def _of_pin(
        self,
        name: str,
        pin: Requirement,
        hashes: set[str],
        target: str,
        indexes: list[str],
        platform: str,
    ) -> Iterator[str]:
        fitting = self.tags(platform)
        there = self._fitting(name, pin, indexes, platform)
        if not there:
            yield f"no file fits {pin}"
            return
        _url, version = there[0]
        if version.local not in {None, target}:
            yield f"{pin} has another target's label"
        if name in LABELLED and version.local is None and platform != "macos-arm64":
            fits_label = [
                u
                for u, v in self.wheels(name, indexes)
                if v.public == version.public
                and v.local == target
                and fitting & parsed(_name(u))[3]
            ]
            if fits_label:
                yield f"{pin} has no label, and {_name(fits_label[0])} is there"
        if hashes and not any(
            urlsplit(url).fragment.partition("=")[2] in hashes for url, _version in there
        ):
            yield f"{pin} has no hash of a file that fits"

    def _fitting(
        self, name: str, pin: Requirement, indexes: list[str], platform: str
    ) -> list[tuple[str, Version]]:
        """Return the files of a pin that a platform can install: wheels, else what is built."""
        fitting, wanted = self.tags(platform), _versions(pin)
        there = [
            (url, version)
            for each in wanted
            for url, version in self._by_version(name, indexes).get(each, ())
            if fitting & parsed(_name(url))[3]
        ]
        return there or [
            (url, version) for url, version in self._sdists(name, indexes) if str(version) in wanted
        ]

    def _unmet(
        self, pins: dict[str, Requirement], indexes: list[str], platform: str
    ) -> Iterator[str]:
        """Yield what a pin requires that the others are not, its extras' requirements too."""
        environment = self.environment(platform)
        agenda = [(name, extra) for name, pin in pins.items() for extra in ("", *pin.extras)]
        seen = set(agenda)
        while agenda:
            name, extra = agenda.pop()
            files = self._fitting(name, pins[name], indexes, platform)
            for requirement in self.requires(files[0][0]) if files else ():
                marker, other = requirement.marker, str(canonicalize_name(requirement.name))
                if marker and not marker.evaluate({**environment, "extra": extra}):
                    continue
                if other not in pins:
                    yield f"{pins[name]} requires {requirement}, which is not there"
                elif not any(
                    requirement.specifier.contains(version, prereleases=True)
                    for version in _versions(pins[other])
                ):
                    yield f"{pins[name]} requires {requirement}, and {pins[other]} is there"
                else:
                    new = {(other, each) for each in requirement.extras} - seen
                    seen |= new
                    agenda += new

    def wheels(self, name: str, indexes: list[str]) -> Iterator[tuple[str, Version]]:
        """Yield the URL and version of a project's wheels for the Python, at each index."""
        for url in self._files(name, indexes):
            try:
                found, version, _build, _tags = parsed(_name(url))
            except InvalidWheelFilename:
                continue
            if found == name:
                yield url, version

    def _by_version(self, name: str, indexes: list[str]) -> dict[str, list[tuple[str, Version]]]:
        key = (name, *indexes)
        if key not in self._versions:
            found = self._versions[key] = {}
            for url, version in self.wheels(name, indexes):
                found.setdefault(str(version), []).append((url, version))
        return self._versions[key]

    def _sdists(self, name: str, indexes: list[str]) -> Iterator[tuple[str, Version]]:
        for url in self._files(name, indexes):
            try:
                found, version = parse_sdist_filename(_name(url))
            except InvalidSdistFilename:
                continue
            if found == name:
                yield url, version

    def _files(self, name: str, indexes: list[str]) -> Iterator[str]:
        for index in indexes:
            yield from self._page(f"{index.rstrip('/')}/{name}/")

    def _page(self, url: str) -> list[str]:
        if url not in self._pages:
            parser = _Links(url)
            try:
                with _OPEN(url) as answer:
                    parser.feed(answer.read().decode())
            except HTTPError:
                pass
            here = f"{self.python}.0"
            self._pages[url] = [link for link, pythons in parser.found if here in pythons]
        return self._pages[url]

    def requires(self, url: str) -> list[Requirement]:
        """Return what a wheel requires, by its PEP 658 file or its own METADATA."""
        bare = url.partition("#")[0]
        if bare not in self._requires:
            contents = _metadata(bare) if bare.endswith(".whl") else b""
            lines = message_from_bytes(contents).get_all("Requires-Dist") or []
            self._requires[bare] = [Requirement(line) for line in lines]
        return self._requires[bare]

    def environment(self, platform: str) -> dict[str, str]:
        """Return PEP 508's environment."""
        system, name, os_name, machine = SYSTEMS[platform]
        return {
            "sys_platform": system,
            "platform_system": name,
            "os_name": os_name,
            "platform_machine": machine,
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
        }

    def tags(self, platform: str) -> set[tags.Tag]:
        """Return the tags of a machine of today (glibc 2.28, macOS 14)."""
        if platform in self._tags:
            return self._tags[platform]
        major, minor = map(int, self.python.split("."))
        machine = platform.partition("-")[2]
        if platform.startswith("linux"):
            names = [f"manylinux_2_{n}_{machine}" for n in range(28, 4, -1)]
            names += [f"manylinux{n}_{machine}" for n in ("2014", "2010", "1")]
            names.append(f"linux_{machine}")
        elif platform.startswith("macos"):
            names = list(tags.mac_platforms((14, 0), "arm64"))
        else:
            names = ["win_amd64"]
        version = (major, minor)
        own = tags.cpython_tags(version, abis=[f"cp{major}{minor}"], platforms=names)
        shared = tags.compatible_tags(version, f"cp{major}{minor}", platforms=names)
        self._tags[platform] = {*own, *shared}
        return self._tags[platform]


class _Remote(io.RawIOBase):
    """A file at a URL, read piece by piece where the server has it so: a wheel may have GBs."""

    def __init__(self, url: str) -> None:
        self.url, self.position, self.whole = url, 0, b""
        with _OPEN(Request(url, headers={"Range": "bytes=0-0"})) as answer:
            if answer.status == HTTPStatus.PARTIAL_CONTENT:
                self.size = int(answer.headers["Content-Range"].rpartition("/")[2])
            else:
                self.whole = answer.read()
                self.size = len(self.whole)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = start + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        end = min(self.position + len(buffer), self.size)
        if end <= self.position:
            return 0
        piece = self.whole[self.position : end]
        if not piece:
            asked = Request(self.url, headers={"Range": f"bytes={self.position}-{end - 1}"})
            with _OPEN(asked) as answer:
                piece = answer.read()
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)


def _metadata(url: str) -> bytes:
    """Return a wheel's METADATA: the file beside it, which no index need tell of, or its own."""
    try:
        with _OPEN(f"{url}.metadata") as answer:
            return bytes(answer.read())
    except HTTPError:
        remote = io.BufferedReader(_Remote(url), buffer_size=1 << 16)
        with remote, zipfile.ZipFile(remote) as wheel:
            own = re.compile(r"[^/]+\.dist-info/METADATA")  # setuptools has those of others below
            (name,) = filter(own.fullmatch, wheel.namelist())
            return wheel.read(name)


def _pythons(link: dict[str, str | None]) -> SpecifierSet:
    """Return the Pythons that a link is for: all of them where it says it in no valid way."""
    try:
        return SpecifierSet(link.get("data-requires-python") or "")
    except InvalidSpecifier:
        return SpecifierSet()


def _versions(pin: Requirement) -> set[str]:
    """Return the version of a pin, which a wheel's URL has in its name."""
    if pin.url is not None:
        return {str(parsed(_name(pin.url))[1])}
    return {clause.version for clause in pin.specifier}


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]
