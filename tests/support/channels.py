"""Tiny conda channels, valid in every byte, made without any build tool; and a server for them.

The same arguments give the same bytes on every machine, so that a test may name hashes.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import re
import struct
import tarfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote, urlsplit

from tests.support.answers import Answer, basic
from tests.support.server import IndexServer
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.support.server import Handler

MILLISECONDS = 1_704_067_200_000  # 2024-01-01
PLACEHOLDER = "/opt/placeholder_placehold_placehold_placehold"
_BLOCK = 1 << 17  # bytes; RFC 8878 allows no larger ones

Suffix = Literal[".conda", ".tar.bz2"]


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a channel; `content` is the archive, `record` what repodata says of it.

    `files` are texts by path; what is in `bin/` can be executed, and PLACEHOLDER in it becomes the
    prefix, as does a longer one (`_placehold` behind it); a text with a NUL is binary. `links` are
    symbolic links, with what they point to. `named` are paths under another name in paths.json.
    `info` are further files of `info/`. `more` goes into the record as it stands
    (`track_features`, `features`, faults).
    """

    name: str
    version: str
    build: str = "0"
    subdir: str = "linux-64"
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    build_number: int = 0
    noarch: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    suffix: Suffix = ".conda"
    more: Mapping[str, object] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}-{self.build}{self.suffix}"

    @property
    def index(self) -> dict[str, object]:
        """What `info/index.json` and repodata say alike."""
        said = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": self.build_number,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "license": "BSD-3-Clause",
            "subdir": self.subdir,
            "timestamp": MILLISECONDS,
        }
        return said | ({"noarch": self.noarch} if self.noarch else {}) | dict(self.more)

    @property
    def content(self) -> bytes:
        paths = [path_entry(path, text) for path, text in sorted(self.files.items())]
        paths += [{"_path": path, "path_type": "softlink"} for path in sorted(self.links)]
        for entry in paths:
            entry["_path"] = self.named.get(str(entry["_path"]), entry["_path"])
        members = {path: text.encode() for path, text in self.files.items()}
        info = {
            "info/index.json": json.dumps(self.index).encode(),
            "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
            "info/files": "".join(f"{path}\n" for path in sorted(self.files)).encode(),
            "info/about.json": b"{}",
            **{f"info/{name}": text.encode() for name, text in self.info.items()},
        }
        if self.suffix == ".tar.bz2":
            return bz2.compress(tarred({**info, **members}, self.links))
        stem = self.filename.removesuffix(self.suffix)
        return zipped(
            {
                "metadata.json": b'{"conda_pkg_format_version": 2}',
                f"pkg-{stem}.tar.zst": zstd_stored(tarred(members, self.links)),
                f"info-{stem}.tar.zst": zstd_stored(tarred(info)),
            }
        )

    @property
    def record(self) -> dict[str, object]:
        content = self.content
        return {
            **self.index,
            "md5": hashlib.md5(content).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            **self.more,
        }


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: its packages, and the subdirs that it has beside those of its packages."""

    packages: tuple[Package, ...]
    subdirs: tuple[str, ...] = ("noarch",)

    @classmethod
    def of(cls, *packages: Package | Iterable[Package]) -> Channel:
        every: list[Package] = []
        for each in packages:
            every.extend([each] if isinstance(each, Package) else each)
        return cls(tuple(every))

    def with_packages(self, *packages: Package) -> Channel:
        return replace(self, packages=(*self.packages, *packages))

    def without(self, name: str) -> Channel:
        return replace(self, packages=tuple(p for p in self.packages if p.name != name))

    def files(self) -> dict[str, bytes]:
        """Every file of the channel by its path."""
        subdirs = sorted({*self.subdirs, *(package.subdir for package in self.packages)})
        found = {f"{subdir}/repodata.json": self.repodata(subdir) for subdir in subdirs}
        for package in self.packages:
            found[f"{package.subdir}/{package.filename}"] = package.content
        return found

    def repodata(self, subdir: str) -> bytes:
        """A subdir's repodata.json (CEP 36)."""
        kinds: dict[str, dict[str, object]] = {".tar.bz2": {}, ".conda": {}}
        for package in self.packages:
            if package.subdir == subdir:
                kinds[package.suffix][package.filename] = package.record
        document = {
            "info": {"subdir": subdir},
            "packages": kinds[".tar.bz2"],
            "packages.conda": kinds[".conda"],
            "removed": [],
            "repodata_version": 1,
        }
        return json.dumps(document).encode()

    def save(self, folder: Path) -> str:
        """Write the channel to a folder, and return its file URL."""
        for path, content in self.files().items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return folder.as_uri()


class ChannelServer(IndexServer):
    """Serves channels by name while the `with` block lasts, and counts what it is asked for.

    `login` asks for basic authentication, `token` for `/t/<token>/` before the channel's name.
    `failing` are paths that answer with a status of their own, `moved` those that are at another
    URL, and `zst` has repodata compressed too, as most channels do. Repodata takes `delay` seconds.
    """

    def __init__(self, **channels: Channel) -> None:
        super().__init__(Site())
        self._contents = {name: channel.files() for name, channel in channels.items()}
        self.login: tuple[str, str] | None = None
        self.token: str | None = None
        self.failing: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.zst = False
        self.delay = 0.0

    def put(self, name: str, channel: Channel) -> None:
        """Replace a channel, or add one."""
        self._contents[name] = channel.files()

    def spoil(self, name: str, path: str, content: bytes) -> None:
        """Serve other bytes for one file of a channel."""
        self._contents[name][path] = content

    def channel(self, name: str) -> str:
        """The URL of a channel, without credentials."""
        return f"{self.url}/{name}"

    def secret(self, name: str) -> str:
        """The URL of a channel with the credentials that the server asks for."""
        host = self.url.removeprefix("http://")
        user = f"{':'.join(quote(word, safe='') for word in self.login)}@" if self.login else ""
        token = f"/t/{self.token}" if self.token else ""
        return f"http://{user}{host}{token}/{name}"

    def repodata(self) -> Counter[str]:
        """How often repodata was sent in any of its forms, by its path."""
        sent = (request for request in self.requests if request.status == 200 and request.body)
        return Counter(request.path for request in sent if "/repodata" in request.path)

    def packages(self) -> tuple[str, ...]:
        """The archives that were sent, by their names."""
        names = (request.path.rpartition("/")[2] for request in self.requests if request.body)
        return tuple(name for name in names if name.endswith((".conda", ".tar.bz2")))

    def answer(self, handler: Handler) -> Answer | None:
        path = unquote(urlsplit(handler.path).path)
        if self.login and handler.headers.get("Authorization") != basic(self.login):
            return Answer(401, b"", headers={"WWW-Authenticate": 'Basic realm="channel"'})
        if self.token:
            if not path.startswith(f"/t/{self.token}/"):
                return Answer(403, b"")
            path = path.removeprefix(f"/t/{self.token}")
        if path in self.failing:
            return Answer(self.failing[path], b"")
        if path in self.moved:
            return Answer(302, b"", headers={"Location": self.moved[path]})
        if "/repodata" in path:
            time.sleep(self.delay)
        content = self._content(*path.strip("/").partition("/"))
        if content is None:
            return Answer(404, b"404 Not Found")
        return Answer(200, content, "application/octet-stream")

    def _content(self, name: str, _: str, inner: str) -> bytes | None:
        found = self._contents.get(name, {})
        if self.zst and inner.endswith("/repodata.json.zst"):
            return zstd_stored(found[inner.removesuffix(".zst")])
        return found.get(inner)


def every_platform(
    name: str, version: str, subdirs: Sequence[str], build: str = "0", depends: Sequence[str] = ()
) -> tuple[Package, ...]:
    """The same package for several subdirs."""
    return tuple(Package(name, version, build, subdir, tuple(depends)) for subdir in subdirs)


def path_entry(path: str, text: str) -> dict[str, object]:
    """One file of `info/paths.json`."""
    content = text.encode()
    entry: dict[str, object] = {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    if found := re.search(rf"{PLACEHOLDER}(_placehold)*", text):
        mode = "binary" if "\0" in text else "text"
        entry |= {"file_mode": mode, "prefix_placeholder": found[0]}
    return entry


def tarred(members: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(members.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755 if path.startswith("bin/") else 0o644
            entry.mtime = MILLISECONDS // 1000
            archive.addfile(entry, io.BytesIO(content))
        for path, target in sorted((links or {}).items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            entry.mtime = MILLISECONDS // 1000
            archive.addfile(entry)
    return stream.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path, content in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), content)
    return stream.getvalue()


def zstd_stored(content: bytes) -> bytes:
    """A zstd frame (RFC 8878) whose blocks are stored: not every Python has a compressor."""
    # One segment, and the size of the content in eight bytes: no window, checksum or dictionary.
    frame = struct.pack("<IBQ", 0xFD2FB528, 0b1110_0000, len(content))
    places = range(0, len(content), _BLOCK) or (0,)
    for place in places:
        block = content[place : place + _BLOCK]
        is_last = place + _BLOCK >= len(content)
        header = len(block) << 3 | int(is_last)  # type 0, stored, in the two bits between
        frame += header.to_bytes(3, "little") + block
    return frame
