"""rattler as it is here: imported, probed, run, given an HTTP client; and values as it has them.

This is its only importer. It works with py-rattler from 0.26 on, whose releases differ in small
things: the types of build strings and of requested specs.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import functools
import importlib.util
import inspect
import math
import os
import signal
import sys
import time
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from accelock.conda.channels import logins, mirrors, strip_credentials, without_credentials
from accelock.conda.record import Record
from accelock.errors import AccelockError, MissingExtraError

try:
    import rattler
    from rattler import exceptions
    from rattler.networking import middleware
except ModuleNotFoundError:  # the extra `conda` is not installed; `require` says so
    rattler = exceptions = middleware = None

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

    from accelock.conda.record import VirtualPackage
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = [
    "admits", "cache", "client", "exceptions", "give_back", "handing_over", "hex_of", "is_channel",
    "is_from", "match_specs", "package_cache", "package_folder", "rattler", "record_of", "require",
    "run", "subdir", "telling", "to_rattler", "virtual",
]  # fmt: skip

_RETRIES = 3
_SETTLING = 0.05  # seconds; a thread of rattler's needs far less to let go of the interpreter
# What is used of rattler, as far as its releases differ in it: 0.26 has all of this.
_USED = (
    "Client", "Gateway", "GenericVirtualPackage", "MatchSpec", "PackageName", "PackageRecord",
    "RepoDataRecord", "Version", "install", "solve",
)  # fmt: skip
_USED_TO_SOLVE = ("channel_relations", "constraints", "locked_packages", "virtual_packages")

_T = TypeVar("_T")


class RattlerError(AccelockError):
    """py-rattler stopped for a reason of its own: its settings, its cache, its credentials."""


def require(feature: str) -> None:
    """Raise MissingExtraError where the extra is not installed; to be asked before any work.

    Raises AccelockError for a py-rattler that is too old, or has moved what is used of it.
    """
    if rattler is None or importlib.util.find_spec("yaml") is None:
        raise MissingExtraError("conda", feature)
    _probe()


@functools.cache
def _probe() -> None:
    """Look at what there is of rattler, and have this process wait a moment before it ends.

    A thread of rattler's that still holds on to the interpreter while it is being torn down makes
    the process crash (SIGSEGV, one run in three that ends right after an error; py-rattler 0.28).
    """
    version = metadata.version("py-rattler")
    missing = [name for name in _USED if not hasattr(rattler, name)]
    known = inspect.signature(rattler.solve).parameters if hasattr(rattler, "solve") else {}
    missing += [f"solve({name}=)" for name in _USED_TO_SOLVE if name not in known]
    if missing:
        raise AccelockError(
            f"py-rattler {version} is not supported: this accelock does not find "
            f"{', '.join(missing)} in it. Nothing was written. Install one that it knows, for "
            "example: python -m pip install 'py-rattler>=0.26,<0.29'; or upgrade accelock."
        )
    atexit.register(_settle)


def _settle() -> None:
    with contextlib.suppress(ValueError):  # another thread than the main one ends the process
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends anyway, and without a traceback
    time.sleep(_SETTLING)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine of rattler's to its end, and return what it gives.

    Raises RattlerError for what rattler raises elsewhere than expected.
    """
    with telling():
        return asyncio.run(work)


@contextmanager
def telling() -> Iterator[None]:
    """Turn what rattler raises elsewhere than expected into an error for the user."""
    expected = (exceptions.GatewayError, exceptions.InstallerError, exceptions.SolverError)
    kinds = tuple(
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind not in expected
    )
    try:
        yield
    except AccelockError:
        raise
    except kinds as error:
        told = without_credentials(str(error)).strip().replace("\nCaused by: ", "; ")
        raise RattlerError(
            f"py-rattler gave up: {told} ({type(error).__name__}). Look at its own settings: "
            "RATTLER_CACHE_DIR, RATTLER_AUTH_FILE, netrc, and the proxy's."
        ) from None


def give_back() -> None:
    """Give the memory back to the system that rattler has freed, where the C library keeps it.

    glibc does, for each thread of rattler's: 650 of 1,050 MB, of a channel with 900,000 records.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


def cache() -> Path:
    """Return the folder for what channels answer: that of rattler's variable, else its own.

    rattler's installer asks its variable, and its Gateway does not (up to 0.28 at least).
    """
    if folder := os.environ.get("RATTLER_CACHE_DIR"):
        return Path(folder)
    return _own_cache() / "repodata"


def package_cache() -> Path:
    """Return the folder in which rattler unpacks packages: that of its variable, else its own."""
    return Path(os.environ.get("RATTLER_CACHE_DIR") or _own_cache()) / "pkgs"


def _own_cache() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rattler" / "cache"


def package_folder(record: Record) -> Path:
    """Return where rattler has a package once it is unpacked (0.26 to 0.28)."""
    return package_cache() / f"{record.name}-{record.version}-{record.build}"


def client(channels: Sequence[str], timeout: float) -> Any:
    """Return an HTTP client that knows the credentials of these channels, and rattler's own.

    The ways to give credentials to rattler itself work too: `rattler auth login`, netrc, and
    `RATTLER_AUTH_FILE`.
    """
    middlewares = [middleware.RetryMiddleware(_RETRIES)]
    if with_token := mirrors(channels):
        middlewares.append(middleware.MirrorMiddleware(with_token))
    if with_password := logins(channels):

        def headers(host: str, path: str) -> dict[str, str] | None:
            return next((each.headers for each in with_password if each.is_for(host, path)), None)

        middlewares.append(middleware.AddHeadersMiddleware(headers))
    middlewares += [middleware.AuthenticationMiddleware(), middleware.OciMiddleware()]
    middlewares += [middleware.GCSMiddleware(), middleware.S3Middleware()]
    with telling():
        return rattler.Client(middlewares, timeout=math.ceil(timeout))


def match_specs(specs: Sequence[Spec]) -> list[Any]:
    """Return requirements as rattler has them, in an order of their own."""
    # The order must not matter, and does: of equals, a solver takes the first.
    return [_match_spec(spec) for spec in sorted(specs, key=str)]


async def handing_over(install: Callable[..., Awaitable[None]], requested: Sequence[Spec]) -> None:
    """Await rattler's `install` with requirements as this release of it takes them."""
    specs = match_specs(requested)
    try:
        await install(requested_specs=specs)
    except TypeError as error:
        # Up to 0.28 at least, it hands them on as they are; that is refused before all else.
        if "'PyMatchSpec'" not in str(error):
            raise
        await install(requested_specs=[spec._match_spec for spec in specs])  # noqa: SLF001


def _match_spec(spec: Spec) -> Any:
    if spec.build is not None and spec.build.startswith("^"):  # only a bracket can hold a pattern
        return rattler.MatchSpec(f"{spec.name}[build='{spec.build}']", strict=False)
    return rattler.MatchSpec(str(spec), strict=False)


def admits(depend: str, record: Record) -> bool:
    """Tell whether a dependency, as a channel has it, is met by a record of its name."""
    return _admits(depend, record.name, record.version, record.build)


@functools.lru_cache(maxsize=1 << 16)  # the builds of a package have few dependencies between them
def _admits(depend: str, name: str, version: str, build: str) -> bool:
    record = Record(name, version, build, 0, "noarch", "", "", "", "", "")
    return bool(rattler.MatchSpec(depend, strict=False).matches(_package_of(record)))


def virtual(package: VirtualPackage) -> Any:
    """Return a virtual package as rattler has it."""
    name, version = rattler.PackageName(package.name), rattler.Version(package.version)
    return rattler.GenericVirtualPackage(name, version, _build_string(package.build))


def _build_string(text: str) -> Any:
    kind = getattr(rattler, "BuildString", str)  # from 0.28 on
    return kind(text)


def subdir(platform: Platform) -> Any:
    """Return a platform as rattler has it."""
    # `Platform` is the older name, up to 0.27.
    kind = getattr(rattler, "Subdir", None) or rattler.Platform
    return kind(platform.conda_subdir)


def is_from(found: Any, channel: str | None) -> bool:
    """Tell whether what rattler found is of a channel, by its name or URL; None is: any."""
    found_in = strip_credentials(found.url).rsplit("/", 2)[0]
    return channel is None or is_channel(found_in, channel)


def is_channel(one: str, other: str) -> bool:
    """Tell whether two names or URLs are one channel's."""
    return bool(rattler.Channel(one).base_url == rattler.Channel(other).base_url)


def record_of(found: Any) -> Record:
    """Return what rattler found, without the credentials that its URL may carry."""
    url = strip_credentials(found.url)
    timestamp = found.timestamp
    noarch = found.noarch
    return Record(
        name=found.name.normalized,
        version=str(found.version),
        build=str(found.build),
        build_number=found.build_number,
        subdir=url.rsplit("/", 2)[1],
        channel=url.rsplit("/", 2)[0],
        url=url,
        filename=found.file_name,
        md5=hex_of(found.md5),
        sha256=hex_of(found.sha256),
        size=found.size,
        depends=tuple(found.depends),
        constrains=tuple(found.constrains),
        license=found.license,
        timestamp=round(timestamp.timestamp() * 1000) if timestamp else None,
        noarch="python" if noarch.python else "generic" if noarch.generic else None,
        python_site_packages_path=found.python_site_packages_path,
    )


def to_rattler(record: Record) -> Any:
    """Return a record as rattler has it, which installs it from its URL."""
    package = _package_of(record)
    return rattler.RepoDataRecord(package, record.filename, record.url, record.channel)


def _package_of(record: Record) -> Any:
    return rattler.PackageRecord(
        name=record.name,
        version=record.version,
        build=_build_string(record.build),
        build_number=record.build_number,
        subdir=record.subdir,
        noarch=record.noarch,
        depends=list(record.depends),
        constrains=list(record.constrains),
        sha256=bytes.fromhex(record.sha256) or None,
        md5=bytes.fromhex(record.md5) or None,
        size=record.size,
        license=record.license,
        python_site_packages_path=record.python_site_packages_path,
    )


def hex_of(digest: bytes | None) -> str:
    """Return a digest in hex; nothing of none."""
    return digest.hex() if digest else ""
