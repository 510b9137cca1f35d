"""Tiny distributions that are valid in every byte: wheels (PEP 427) and sdists (PEP 517, PEP 643).

The same arguments give the same bytes on every machine, so that a test may name hashes.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOMENT = (2024, 1, 1, 0, 0, 0)
MOMENT_IN_SECONDS = 1_704_067_200
BACKEND = """\
[build-system]
requires = []
build-backend = "sdist_backend"
backend-path = ["."]
"""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One file as an index would hold it, with what an index says about it."""

    filename: str
    name: str
    version: str
    content: bytes = field(repr=False)
    metadata: bytes = field(repr=False)
    requires_python: str | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.content).hexdigest())

    @property
    def project(self) -> str:
        """The name as an index spells it (PEP 503)."""
        return canonicalize_name(self.name)

    @property
    def is_wheel(self) -> bool:
        return self.filename.endswith(".whl")

    @property
    def hash(self) -> str:
        """As pip writes it behind `--hash=`."""
        return f"sha256:{self.sha256}"

    def save(self, folder: Path) -> Path:
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


def wheel(
    name: str,
    version: str,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    requires_python: str | None = ">=3.8",
    extras: Sequence[str] = (),
    *,
    files: Mapping[str, str] | None = None,
    padding: int = 0,
    note: str = "",
) -> Distribution:
    """Build a wheel.

    `tag` is the end of the file name, compressed sets too (`cp312-cp312-linux_x86_64.win_amd64`).
    `files` are the modules by path (default: a package that has `__version__`). `padding` adds that
    many bytes that do not compress. `note` goes into WHEEL: with another note, the same name has
    other bytes, as it has on two indexes.
    """
    metadata = core_metadata(name, version, requires, requires_python, extras)
    folder = f"{escaped(name)}-{version}.dist-info"
    members = {path: text.encode() for path, text in (files or package(name, version)).items()}
    if padding:
        members[f"{escaped(name)}/padding.bin"] = noise(padding)
    members[f"{folder}/METADATA"] = metadata
    members[f"{folder}/WHEEL"] = wheel_file(tag, note)
    members[f"{folder}/RECORD"] = record(members, f"{folder}/RECORD")
    filename = f"{escaped(name)}-{version}-{tag}.whl"
    return Distribution(filename, name, version, zipped(members), metadata, requires_python)


WARNING = """
prepare = prepare_metadata_for_build_wheel


def prepare_metadata_for_build_wheel(*args, **kwargs):
    import warnings

    warnings.warn("License classifiers are deprecated.")
    return prepare(*args, **kwargs)
"""


def sdist(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    requires_python: str | None = ">=3.8",
    *,
    dynamic: bool = False,
    warns: bool = False,
    to_build: str = "",
    extras: Sequence[str] = (),
) -> Distribution:
    """Build an sdist with a backend of its own, so that building it asks no index for anything.

    But for `to_build`, a requirement of the build. Its PKG-INFO is static (PEP 643). With `dynamic`
    it leaves the requirements out and says so: only a build can tell them. With `warns` its backend
    warns, as setuptools does of old projects.
    """
    metadata = core_metadata(name, version, requires, requires_python, extras, kind="2.2")
    stem = f"{escaped(name)}-{version}"
    shown = (
        core_metadata(name, version, (), requires_python, kind="2.2", dynamic=("Requires-Dist",))
        if dynamic
        else metadata
    )
    payload = {
        "FOLDER": f"{stem}.dist-info".encode(),
        "METADATA": metadata,
        "WHEEL": wheel_file("py3-none-any", ""),
        **{path: text.encode() for path, text in package(name, version).items()},
    }
    members = {
        "PKG-INFO": shown,
        "pyproject.toml": BACKEND.replace("[]", f"[{to_build!r}]" if to_build else "[]").encode(),
        "sdist_backend.py": backend() + (WARNING.encode() if warns else b""),
        **{f"payload/{path}": content for path, content in payload.items()},
    }
    content = tarred({f"{stem}/{path}": data for path, data in members.items()})
    return Distribution(f"{stem}.tar.gz", name, version, content, shown, requires_python)


def core_metadata(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    *,
    kind: str = "2.1",
    dynamic: Sequence[str] = (),
) -> bytes:
    """Write a METADATA file of version `kind`."""
    lines = [f"Metadata-Version: {kind}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Dynamic: {header}" for header in dynamic]
    lines += ["Summary: A distribution made for a test."]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    return ("\n".join(lines) + "\n").encode()


def escaped(name: str) -> str:
    """Spell a project's name as file names do (the binary distribution format)."""
    return name.replace("-", "_").replace(".", "_")


def package(name: str, version: str) -> dict[str, str]:
    return {f"{escaped(name).lower()}/__init__.py": f"__version__ = {version!r}\n"}


def wheel_file(tag: str, note: str) -> bytes:
    generator = f"accelock tests {note}".strip()
    pure = "true" if tag.endswith("-none-any") else "false"
    tags = "".join(f"Tag: {each}\n" for each in sorted(map(str, parse_tag(tag))))
    return f"Wheel-Version: 1.0\nGenerator: {generator}\nRoot-Is-Purelib: {pure}\n{tags}".encode()


def record(members: Mapping[str, bytes], own: str) -> bytes:
    rows = []
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}\n")
    return "".join([*rows, f"{own},,\n"]).encode()


def zipped(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, on Windows too: the bytes must not depend on the host
            archive.writestr(entry, content)
    return stream.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mtime = MOMENT_IN_SECONDS
            archive.addfile(entry, io.BytesIO(content))
    # Stored, not compressed: the output of zlib differs between its builds.
    packed = gzip.compress(stream.getvalue(), compresslevel=0, mtime=MOMENT_IN_SECONDS)
    return packed[:8] + b"\0" + packed[9:]  # "extra flags": not the same in all Pythons


@functools.cache
def backend() -> bytes:
    return Path(__file__).with_name("sdist_backend.py").read_bytes()


@functools.cache
def noise(size: int) -> bytes:
    """Bytes that look random and are always the same."""
    seeds = (f"{size} {count}".encode() for count in range(size // 32 + 1))
    return b"".join(hashlib.sha256(seed).digest() for seed in seeds)[:size]
