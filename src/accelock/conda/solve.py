"""The adapter to rattler, and its only importer: solving, and linking what was solved.

Everything behind it takes and returns our own values. It works with py-rattler from 0.26 on, whose
releases differ in small things: the types of build strings and of requested specs.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import math
import time
from typing import TYPE_CHECKING, Any, TypeVar

from accelock.conda import access
from accelock.conda.errors import (
    InstallError,
    UnsatisfiableError,
    broken_record,
    unreadable,
    without_credentials,
)
from accelock.conda.record import Record
from accelock.conda.urls import strip_credentials
from accelock.errors import MissingExtraError

try:
    import rattler
    from rattler import exceptions
    from rattler.networking import middleware
except ModuleNotFoundError:  # the extra `conda` is not installed; `require` says so
    rattler = exceptions = middleware = None

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from pathlib import Path

    from accelock.conda.errors import ChannelError
    from accelock.conda.request import Request, VirtualPackage
    from accelock.conda.spec import Spec
    from accelock.target import Platform

__all__ = ["Solver", "link", "require"]

NOARCH = "noarch"
_RETRIES = 3
_ANSWER = 300  # seconds for one file of repodata: the largest have some 50 MB
_ARCHIVE = 3600  # seconds for one package: the largest have some 2 GB
_SETTLING = 0.05  # seconds; a thread of rattler's needs far less to let go of the interpreter

_T = TypeVar("_T")


class Solver:
    """Solves any number of environments over the same channels; each is fetched once.

    :param channels: names and URLs, best first. URLs may have credentials: rattler gets them apart
        from the URLs, so that they reach no record, no cache and no message.
    :param show_progress: whether rattler draws its bars of what is fetched.
    :param timeout: how long to wait for a file of a channel, in seconds.

    Raises MissingExtraError where rattler is not installed.
    """

    def __init__(
        self, channels: Sequence[str], *, show_progress: bool = False, timeout: float = _ANSWER
    ) -> None:
        require("solving conda environments")
        self.channels = tuple(strip_credentials(channel) for channel in channels)
        self._timeout = timeout
        self._client = _client(channels, timeout)
        self._gateway = rattler.Gateway(client=self._client, show_progress=show_progress)
        self._names: dict[tuple[str, str], frozenset[str]] = {}

    def prefetch(self, platforms: Collection[Platform]) -> None:
        """Read which packages there are for these platforms, all of them at a time.

        Raises ChannelError for a channel that cannot be read.
        """
        subdirs = (NOARCH, *sorted({platform.conda_subdir for platform in platforms}))
        pairs = [(channel, subdir) for channel in self.channels for subdir in subdirs]
        self._names.update(_run(self._list_all(pairs)))

    def lacking(self, platform: Platform) -> tuple[str, ...]:
        """Return the channels that have nothing that is built for `platform`."""
        return tuple(name for name in self.channels if not self._list(name, platform.conda_subdir))

    def names(self, platform: Platform) -> frozenset[str]:
        """Return the names of all packages that there are for a platform, `noarch` included."""
        subdirs = (platform.conda_subdir, NOARCH)
        return frozenset().union(
            *(self._list(channel, subdir) for channel in self.channels for subdir in subdirs)
        )

    def solve(self, request: Request) -> tuple[Record, ...]:
        """Return the environment for a request, in the order of names.

        Raises UnsatisfiableError with rattler's own account, ChannelError for a channel that cannot
        be read or a record in it that is broken.
        """
        return tuple(sorted(map(_record, _run(self._solve(request))), key=lambda one: one.name))

    async def _solve(self, request: Request) -> list[Any]:
        locked = await self._still_there(request)
        try:
            solved: list[Any] = await rattler.solve(
                sources=list(self.channels),
                specs=_match_specs(request.specs),
                gateway=self._gateway,
                platforms=[request.platform.conda_subdir, NOARCH],
                locked_packages=locked,
                virtual_packages=[_virtual(package) for package in request.virtual_packages],
                constraints=_match_specs(request.constraints),
                # Only the channels that the project names: no channel may add others (CEP 42).
                channel_relations="disabled",
            )
        except exceptions.SolverError as error:
            told = without_credentials(str(error)).strip()
            raise UnsatisfiableError(told, request.specs) from None
        except exceptions.GatewayError as error:
            raise await self._explained(error, request) from None
        return solved

    async def _still_there(self, request: Request) -> list[Any]:
        """Return the locked packages as the channels have them today.

        A lock does not hold all that a solver has to know (what a package constrains), and a
        package that its channel has withdrawn must not stay.
        """
        if not request.locked:
            return []
        wanted = {record.url: record for record in request.locked}
        names = sorted({record.name for record in request.locked})
        found = await self._query(names, request)
        return [
            record
            for record in found
            if (old := wanted.get(strip_credentials(record.url))) is not None
            and _hex(record.sha256) in ("", old.sha256)
        ]

    async def _query(self, names: Collection[str], request: Request) -> list[Any]:
        try:
            found = await self._gateway.query(
                list(self.channels),
                [request.platform.conda_subdir, NOARCH],
                [rattler.MatchSpec(name) for name in names],
                recursive=False,
                channel_relations="disabled",
            )
        except exceptions.GatewayError as error:
            raise await self._explained(error, request) from None
        return [record for records in found for record in records]

    async def _explained(self, error: Exception, request: Request) -> ChannelError:
        """Return an error that says where it is; of a broken record rattler names only the fault.

        Looks at one name after the other, from what was asked for to what that depends on.
        """
        told = without_credentials(str(error)).strip()
        if "records" not in told:
            return unreadable(told, self.channels)
        queue = dict.fromkeys(spec.name for spec in request.specs)
        for record in request.locked:
            queue.setdefault(record.name)
        seen: set[str] = set()
        while queue:
            name = next(iter(queue))
            del queue[name]
            seen.add(name)
            for channel in self.channels:
                broken, needed = await self._look(channel, name, request.platform)
                if broken:
                    return broken_record(channel, name, request.platform, told)
                queue.update(dict.fromkeys(each for each in needed if each not in seen))
        return unreadable(told, self.channels)

    async def _look(self, channel: str, name: str, platform: Platform) -> tuple[bool, set[str]]:
        """Tell whether a package's records are broken, and return the names that they need."""
        subdirs = [platform.conda_subdir, NOARCH]
        try:
            found = await self._gateway.query(
                [channel], subdirs, [rattler.MatchSpec(name)], recursive=False,
                channel_relations="disabled",
            )  # fmt: skip
        except exceptions.GatewayError:
            return True, set()
        depends = (text for records in found for record in records for text in record.depends)
        return False, {text.split()[0] for text in depends if not text.startswith("__")}

    def _list(self, channel: str, subdir: str) -> frozenset[str]:
        key = (channel, subdir)
        if key not in self._names:
            self._names.update(_run(self._list_all([key])))
        return self._names[key]

    async def _list_all(
        self, pairs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], frozenset[str]]:
        listed = await asyncio.gather(*(self._list_one(*pair) for pair in pairs))
        return dict(zip(pairs, listed, strict=True))

    async def _list_one(self, channel: str, subdir: str) -> frozenset[str]:
        asked = self._gateway.names([channel], [subdir], channel_relations="disabled")
        try:
            # Of our own: the client's timeout is for one try, of which there are several.
            names = await asyncio.wait_for(asked, self._timeout)
        except exceptions.GatewayError as error:
            raise unreadable(without_credentials(str(error)).strip(), [channel]) from None
        except asyncio.TimeoutError:
            raise unreadable(f"no answer in {self._timeout:g} s", [channel]) from None
        return frozenset(name.normalized for name in names)


def link(
    records: Sequence[Record],
    prefix: Path,
    platform: Platform,
    channels: Sequence[str] = (),
    requested: Sequence[Spec] = (),
    reporter: Any = None,
) -> None:
    """Make a prefix hold exactly these packages: fetch, compare with the hashes, link, unlink.

    Scripts of packages are not run. What pip installed stays.

    :param channels: those of the project, for their credentials.
    :param requested: what the environment's own records are to say that the user asked for.
    :param reporter: an `InstallerReporter` of rattler's, which is told of the progress.

    Raises InstallError; by then some packages may have been linked.
    """
    require("installing conda environments")
    try:
        _run(_link(records, prefix, platform, _client(channels, _ARCHIVE), requested, reporter))
    except exceptions.InstallerError as error:
        raise InstallError(without_credentials(str(error)).strip()) from None


async def _link(
    records: Sequence[Record],
    prefix: Path,
    platform: Platform,
    client: Any,
    requested: Sequence[Spec],
    reporter: Any,
) -> None:
    install = functools.partial(
        rattler.install,
        [_to_rattler(record) for record in records],
        prefix,
        client=client,
        platform=_subdir(platform),
        reporter=reporter,
        show_progress=False,
        execute_link_scripts=False,
    )
    specs = _match_specs(requested)
    try:
        await install(requested_specs=specs)
    except TypeError:  # up to 0.28 at least, the specs are handed on as they are
        await install(requested_specs=[spec._match_spec for spec in specs])  # noqa: SLF001


def require(feature: str) -> None:
    """Raise MissingExtraError where rattler is not installed; to be asked before any work."""
    if rattler is None:
        raise MissingExtraError("conda", feature)
    _let_settle()


@functools.cache
def _let_settle() -> None:
    """Have this process wait a moment before it ends.

    A thread of rattler's that still holds on to the interpreter while it is being torn down makes
    the process crash (SIGSEGV, one run in three that ends right after an error; py-rattler 0.28).
    """
    atexit.register(time.sleep, _SETTLING)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def _client(channels: Sequence[str], timeout: float) -> Any:
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
    return rattler.Client(middlewares, timeout=math.ceil(timeout))


def _headers(logins: Sequence[access.Login]) -> Callable[[str, str], dict[str, str] | None]:
    def headers(host: str, path: str) -> dict[str, str] | None:
        return next((login.headers for login in logins if login.is_for(host, path)), None)

    return headers


def _match_specs(specs: Sequence[Spec]) -> list[Any]:
    # The order must not matter, and does: of equals, a solver takes the first.
    return [_match_spec(spec) for spec in sorted(specs, key=str)]


def _match_spec(spec: Spec) -> Any:
    if spec.build is not None and spec.build.startswith("^"):  # only a bracket can hold a pattern
        return rattler.MatchSpec(f"{spec.name}[build='{spec.build}']", strict=False)
    return rattler.MatchSpec(str(spec), strict=False)


def _virtual(package: VirtualPackage) -> Any:
    name, version = rattler.PackageName(package.name), rattler.Version(package.version)
    return rattler.GenericVirtualPackage(name, version, _build_string(package.build))


def _build_string(text: str) -> Any:
    kind = getattr(rattler, "BuildString", str)  # from 0.28 on
    return kind(text)


def _subdir(platform: Platform) -> Any:
    kind = getattr(rattler, "Subdir", None) or rattler.Platform  # the older name, up to 0.27
    return kind(platform.conda_subdir)


def _record(found: Any) -> Record:
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
        md5=_hex(found.md5),
        sha256=_hex(found.sha256),
        size=found.size,
        depends=tuple(found.depends),
        constrains=tuple(found.constrains),
        license=found.license,
        timestamp=round(timestamp.timestamp() * 1000) if timestamp else None,
        noarch="python" if noarch.python else "generic" if noarch.generic else None,
    )


def _to_rattler(record: Record) -> Any:
    package = rattler.PackageRecord(
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
    )
    return rattler.RepoDataRecord(package, record.filename, record.url, record.channel)


def _hex(digest: bytes | None) -> str:
    return digest.hex() if digest else ""
