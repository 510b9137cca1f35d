"""A second opinion on compiled files: it knows `packaging` and the index, and nothing of accelock.

Cell by cell: one version a name, the target's label, a file that fits and whose hash is there, and
every requirement of every wheel met.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import ProxyHandler, build_opener

from packaging import tags
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

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
_OPEN = build_opener(ProxyHandler({})).open


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.found = base, list[tuple[str, bool]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (href := given.get("href")):
            has = any(key in given for key in ("data-core-metadata", "data-dist-info-metadata"))
            self.found.append((urljoin(self.base, href), has))


@dataclass
class Judge:
    """Reads the files of one index server; `faults` are in words."""

    python: str
    _pages: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    _requires: dict[str, list[Requirement]] = field(default_factory=dict)

    def faults(self, text: str, target: str, indexes: list[str]) -> list[str]:
        """Return what is wrong with a compiled file, on each platform that its header names.

        `indexes` are those that it was made from.
        """
        (header,) = re.findall(r"^# accelock: platforms (.+)$", text, re.MULTILINE)
        return [
            f"{platform}: {fault}"
            for platform in header.split()
            for fault in self._of_cell(text, target, platform, indexes)
        ]

    def _of_cell(self, text: str, target: str, platform: str, indexes: list[str]) -> Iterator[str]:
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
            yield from self._of_pin(
                name, requirement, pins, hashes[name], target, indexes, platform
            )

    def _of_pin(
        self,
        name: str,
        pin: Requirement,
        pins: dict[str, Requirement],
        hashes: set[str],
        target: str,
        indexes: list[str],
        platform: str,
    ) -> Iterator[str]:
        fitting, environment = self.tags(platform), self.environment(platform)
        wanted = _versions(pin)
        there = [
            (url, version, has)
            for url, version, has in self.wheels(name, indexes)
            if str(version) in wanted and fitting & parse_wheel_filename(_name(url))[3]
        ]
        if not there:
            yield f"no file fits {pin}"
            return
        version = there[0][1]
        if version.local not in {None, target}:
            yield f"{pin} has another target's label"
        labelled = any(
            v.local == target
            for _u, v, _h in self.wheels(name, indexes)
            if v.public == version.public
        )
        if name in LABELLED and version.local is None and labelled and platform != "macos-arm64":
            fits_label = [
                u
                for u, v, _h in self.wheels(name, indexes)
                if v.public == version.public
                and v.local == target
                and fitting & parse_wheel_filename(_name(u))[3]
            ]
            if fits_label:
                yield f"{pin} has no label, and {_name(fits_label[0])} is there"
        if hashes and not any(
            urlsplit(url).fragment.partition("=")[2] in hashes for url, _version, _has in there
        ):
            yield f"{pin} has no hash of a file that fits"
        for requirement in self.requires(there[0][0], has=there[0][2]):
            other = canonicalize_name(requirement.name)
            if requirement.marker and not requirement.marker.evaluate({**environment, "extra": ""}):
                continue
            if other not in pins:
                yield f"{pin} requires {requirement}, which is not there"
            elif not any(
                requirement.specifier.contains(version, prereleases=True)
                for version in _versions(pins[other])
            ):
                yield f"{pin} requires {requirement}, and {pins[other]} is there"

    def wheels(self, name: str, indexes: list[str]) -> Iterator[tuple[str, Version, bool]]:
        """Yield the wheels of a project at each index: URL, version, and whether it has PEP 658."""
        for index in indexes:
            for url, has in self._page(f"{index.rstrip('/')}/{name}/"):
                try:
                    found, version, _build, _tags = parse_wheel_filename(_name(url))
                except InvalidWheelFilename:
                    continue
                if found == name:
                    yield url, version, has

    def _page(self, url: str) -> list[tuple[str, bool]]:
        if url not in self._pages:
            parser = _Links(url)
            try:
                with _OPEN(url) as answer:
                    parser.feed(answer.read().decode())
            except HTTPError:
                pass
            self._pages[url] = parser.found
        return self._pages[url]

    def requires(self, url: str, *, has: bool) -> list[Requirement]:
        """Return what a wheel requires by its PEP 658 file; nothing where there is none."""
        bare = url.partition("#")[0]
        if bare not in self._requires:
            lines: list[str] = []
            if has:
                with _OPEN(f"{bare}.metadata") as answer:
                    lines = message_from_bytes(answer.read()).get_all("Requires-Dist") or []
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
        return {*own, *shared}


def _versions(pin: Requirement) -> set[str]:
    """Return the version of a pin, which a wheel's URL has in its name."""
    if pin.url is not None:
        return {str(parse_wheel_filename(_name(pin.url))[1])}
    return {clause.version for clause in pin.specifier}


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]
