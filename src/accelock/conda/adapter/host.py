"""rattler as it is here: imported, probed, run, and given an HTTP client."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
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

from accelock.conda import access
from accelock.conda.errors import RattlerError, without_credentials
from accelock.errors import AccelockError, MissingExtraError

try:
    import rattler
    from rattler import exceptions
    from rattler.networking import middleware
except ModuleNotFoundError:  # the extra `conda` is not installed; `require` says so
    rattler = exceptions = middleware = None

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from accelock.conda.record import Record

__all__ = ["cache", "client", "exceptions", "package_cache", "package_folder", "rattler",
           "require", "run", "telling"]  # fmt: skip

_RETRIES = 3
_SETTLING = 0.05  # seconds; a thread of rattler's needs far less to let go of the interpreter
# What is used of rattler, as far as its releases differ in it: 0.26 has all of this.
_USED = (
    "Client", "Gateway", "GenericVirtualPackage", "MatchSpec", "PackageName", "PackageRecord",
    "RepoDataRecord", "Version", "install", "solve",
)  # fmt: skip
_USED_TO_SOLVE = ("channel_relations", "constraints", "locked_packages", "virtual_packages")

_T = TypeVar("_T")


def require(feature: str) -> None:
    """Raise MissingExtraError where the extra is not installed; to be asked before any work.

    Raises AccelockError for a py-rattler that is too old, or has moved what is used of it.
    """
    if rattler is None or importlib.util.find_spec("yaml") is None:
        raise MissingExtraError("conda", feature)
    _probe()
    _let_settle()


@functools.cache
def _probe() -> None:
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


@functools.cache
def _let_settle() -> None:
    """Have this process wait a moment before it ends.

    A thread of rattler's that still holds on to the interpreter while it is being torn down makes
    the process crash (SIGSEGV, one run in three that ends right after an error; py-rattler 0.28).
    """
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


def cache() -> str | None:
    """Return the folder for what channels answer; None: rattler's own.

    rattler's installer asks its variable, and its Gateway does not (up to 0.28 at least).
    """
    return os.environ.get("RATTLER_CACHE_DIR") or None


def package_cache() -> Path:
    """Return the folder in which rattler unpacks packages: that of its variable, else its own."""
    if folder := cache():
        return Path(folder) / "pkgs"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rattler" / "cache" / "pkgs"


def package_folder(record: Record) -> Path:
    """Return where rattler has a package once it is unpacked (0.26 to 0.28)."""
    return package_cache() / f"{record.name}-{record.version}-{record.build}"


def client(channels: Sequence[str], timeout: float) -> Any:
    """Return an HTTP client that knows the credentials of these channels, and rattler's own.

    The ways to give credentials to rattler itself work too: `rattler auth login`, netrc, and
    `RATTLER_AUTH_FILE`.
    """
    middlewares = [middleware.RetryMiddleware(_RETRIES)]
    mirrors = access.mirrors(channels)
    if mirrors:
        middlewares.append(middleware.MirrorMiddleware(mirrors))
    logins = access.logins(channels)
    if logins:
        middlewares.append(middleware.AddHeadersMiddleware(_headers(logins)))
    middlewares += [middleware.AuthenticationMiddleware(), middleware.OciMiddleware()]
    middlewares += [middleware.GCSMiddleware(), middleware.S3Middleware()]
    with telling():
        return rattler.Client(middlewares, timeout=math.ceil(timeout))


def _headers(logins: Sequence[access.Login]) -> Callable[[str, str], dict[str, str] | None]:
    def headers(host: str, path: str) -> dict[str, str] | None:
        return next((login.headers for login in logins if login.is_for(host, path)), None)

    return headers
