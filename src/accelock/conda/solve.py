"""Solving: any number of environments over the same channels, each of which is fetched once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from accelock.conda import builds, patience
from accelock.conda import rattler as adapter
from accelock.conda.channels import strip_credentials, without_credentials
from accelock.errors import ResolutionError, SourceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterable, Iterator, Sequence

    from accelock.conda.record import Record, Request
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

NOARCH = "noarch"
_BATCH = 100  # names whose records are looked at together
_ANSWER = 300  # seconds for one file of repodata: the largest have some 50 MB

_T = TypeVar("_T")


class ChannelError(SourceError):
    """A channel could not be read, or is not what it should be."""


class UnsatisfiableError(ResolutionError):
    """No set of packages satisfies a request.

    `specs` are the requirements that cannot be had together, as few of them as were found.
    """

    def __init__(self, message: str, specs: tuple[Spec, ...] = ()) -> None:
        self.specs = specs
        super().__init__(message)


class Solver:
    """Solves any number of environments over the same channels; each is fetched once.

    :param channels: names and URLs, best first. URLs may have credentials: rattler gets them apart
        from the URLs, so that they reach no record, no cache and no message.
    :param show_progress: whether rattler draws its bars of what is fetched.
    :param timeout: how long a file of a channel may take, in seconds. A server that sends next to
        nothing is waited for `patience.PATIENCE` seconds.

    Raises MissingExtraError where rattler is not installed.
    """

    def __init__(
        self, channels: Sequence[str], *, show_progress: bool = False, timeout: float = _ANSWER
    ) -> None:
        adapter.require("solving conda environments")
        self.channels = tuple(strip_credentials(channel) for channel in channels)
        self._timeout = timeout
        self._client = adapter.client(channels, timeout)
        self._gateway = adapter.rattler.Gateway(
            cache_dir=adapter.cache(), client=self._client, show_progress=show_progress
        )
        self._names: dict[tuple[str, str], frozenset[str]] = {}
        self._hardware: dict[tuple[str, str], tuple[Record, ...]] = {}

    def prefetch(self, platforms: Collection[Platform]) -> None:
        """Read which packages there are for these platforms, all of them at a time.

        Raises ChannelError for a channel that cannot be read.
        """
        subdirs = (NOARCH, *sorted({platform.conda_subdir for platform in platforms}))
        pairs = [(channel, subdir) for channel in self.channels for subdir in subdirs]
        self._names.update(adapter.run(self._list_all(pairs)))

    def lacking(self, platform: Platform) -> tuple[str, ...]:
        """Return the channels that have nothing that is built for `platform`."""
        return tuple(name for name in self.channels if not self._list(name, platform.conda_subdir))

    def names(self, platform: Platform) -> frozenset[str]:
        """Return the names of all packages that there are for a platform, `noarch` included."""
        subdirs = (platform.conda_subdir, NOARCH)
        return frozenset().union(
            *(self._list(channel, subdir) for channel in self.channels for subdir in subdirs)
        )

    def hardware(
        self, names: Collection[str], platform: Platform, specs: Iterable[Spec] = ()
    ) -> dict[str, tuple[Record, ...]]:
        """Return all records of those packages that come in builds for some hardware, by name.

        They are of the one channel that a solve takes a package from: that of its spec, else the
        first that has it. Parts of CUDA itself are left out: their builds tell no hardware from
        another. Raises ChannelError.
        """
        wanted = sorted({name for name in names if builds.kind_of_name(name) is None})
        unread = [name for name in wanted if (platform.conda_subdir, name) not in self._hardware]
        if unread:
            for some in _batches(unread):
                found: dict[str, list[Any]] = {name: [] for name in some}
                for record in adapter.run(self._records(some, platform)):
                    found[record.name.normalized].append(record)
                for name, every in found.items():
                    kinds = (builds.kind_of(str(each.build), each.depends) for each in every)
                    told = tuple(map(adapter.record_of, every)) if any(kinds) else ()
                    self._hardware[platform.conda_subdir, name] = told
        channels = {spec.name: spec.channel for spec in specs if spec.channel}
        return {
            name: self._of_one_channel(records, channels.get(name))
            for name in wanted
            if (records := self._hardware[platform.conda_subdir, name])
        }

    def _of_one_channel(self, records: tuple[Record, ...], named: str | None) -> tuple[Record, ...]:
        found = {record.channel for record in records}
        for channel in (named,) if named else self.channels:
            own = {each for each in found if adapter.is_channel(each, channel)}
            if own:
                return tuple(record for record in records if record.channel in own)
        return ()

    def forget(self, platform: Platform) -> None:
        """Give back the memory of a platform's records, of which a large channel has a gigabyte."""
        for channel in self.channels:
            self._gateway.clear_repodata_cache(channel, [platform.conda_subdir])
        for key in [key for key in self._hardware if key[0] == platform.conda_subdir]:
            del self._hardware[key]
        adapter.give_back()

    def solve(self, request: Request) -> tuple[Record, ...]:
        """Return the environment for a request, in the order of names.

        Raises UnsatisfiableError with rattler's own account, ChannelError for a channel that cannot
        be read or a record in it that is broken.
        """
        solved = map(adapter.record_of, adapter.run(self._solve(request)))
        found = tuple(sorted(solved, key=lambda record: record.name))
        adapter.give_back()
        return found

    async def _solve(self, request: Request) -> list[Any]:
        locked = await self._still_there(request)
        try:
            work = adapter.rattler.solve(
                sources=list(self.channels),
                specs=adapter.match_specs(request.specs),
                gateway=self._gateway,
                platforms=[request.platform.conda_subdir, NOARCH],
                locked_packages=locked,
                virtual_packages=[adapter.virtual(package) for package in request.virtual_packages],
                constraints=adapter.match_specs(request.constraints),
                # Only the channels that the project names: no channel may add others (CEP 42).
                channel_relations="disabled",
            )
            solved: list[Any] = await _watched(work, self.channels)
        except adapter.exceptions.SolverError as error:
            told = _without_repetition(without_credentials(str(error)).strip())
            raise UnsatisfiableError(told, request.specs) from None
        except adapter.exceptions.GatewayError as error:
            names = [spec.name for spec in request.specs]
            names += [record.name for record in request.locked]
            raise await self._explained(error, names, request.platform) from None
        return solved

    async def _still_there(self, request: Request) -> list[Any]:
        """Return the locked packages as the channels have them today.

        A lock does not hold all that a solver has to know (what a package constrains), and a
        package that its channel has withdrawn must not stay. Nor must one of another channel than
        the one that is asked for: rattler does not ask that of a locked package (up to 0.28).
        """
        if not request.locked:
            return []
        wanted = {record.url: record for record in request.locked}
        names = sorted({record.name for record in request.locked})
        channels = {spec.name: spec.channel for spec in request.specs}
        return [
            record
            for some in _batches(names)
            for record in await self._records(some, request.platform)
            if (old := wanted.get(strip_credentials(record.url))) is not None
            and adapter.hex_of(record.sha256) in ("", old.sha256)
            and adapter.is_from(record, channels.get(old.name))
        ]

    async def _records(self, names: Collection[str], platform: Platform) -> list[Any]:
        try:
            return await self._query(names, platform)
        except adapter.exceptions.GatewayError as error:
            raise await self._explained(error, names, platform) from None

    async def _query(
        self, names: Collection[str], platform: Platform, channels: Sequence[str] = ()
    ) -> list[Any]:
        asked = channels or self.channels
        work = self._gateway.query(
            list(asked),
            [platform.conda_subdir, NOARCH],
            [adapter.rattler.MatchSpec(name) for name in names],
            recursive=False,
            channel_relations="disabled",
        )
        return [record for records in await _watched(work, asked) for record in records]

    async def _explained(
        self, error: Exception, names: Iterable[str], platform: Platform
    ) -> ChannelError:
        """Return an error that says where it is; of a broken record rattler names only the fault.

        Looks at one name after the other, from what was asked for to what that depends on.
        """
        told = without_credentials(str(error)).strip()
        if "records" not in told:
            return _unreadable(told, self.channels)
        queue = dict.fromkeys(names)
        seen: set[str] = set()
        while queue:
            name = next(iter(queue))
            del queue[name]
            seen.add(name)
            for channel in self.channels:
                try:
                    found = await self._query([name], platform, [channel])
                except adapter.exceptions.GatewayError:
                    return _broken_record(channel, name, platform, told)
                needed = {text.split()[0] for record in found for text in record.depends}
                queue |= {each: None for each in needed - seen if not each.startswith("__")}
        return _unreadable(told, self.channels)

    def _list(self, channel: str, subdir: str) -> frozenset[str]:
        key = (channel, subdir)
        if key not in self._names:
            self._names.update(adapter.run(self._list_all([key])))
        return self._names[key]

    async def _list_all(
        self, pairs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], frozenset[str]]:
        # One fails, and the others are waited for: a thread of rattler's that has its answer once
        # the event loop is closed writes a traceback to stderr.
        told = (self._list_one(*pair) for pair in pairs)
        listed = dict(zip(pairs, await asyncio.gather(*told, return_exceptions=True), strict=True))
        for each in listed.values():
            if isinstance(each, BaseException):
                raise each
        return cast("dict[tuple[str, str], frozenset[str]]", listed)

    async def _list_one(self, channel: str, subdir: str) -> frozenset[str]:
        asked = self._gateway.names([channel], [subdir], channel_relations="disabled")
        try:
            # Of our own: the client's timeout is for one try, of which there are several.
            names = await asyncio.wait_for(_watched(asked, [channel], subdir), self._timeout)
        except adapter.exceptions.GatewayError as error:
            raise _unreadable(without_credentials(str(error)).strip(), [channel]) from None
        except asyncio.TimeoutError:
            raise _unreadable(f"no answer in {self._timeout:g} s", [channel]) from None
        return frozenset(name.normalized for name in names)


async def _watched(work: Awaitable[_T], channels: Sequence[str], of: str = "its repodata") -> _T:
    """Await what rattler reads of channels. Raises ChannelError where they send next to nothing."""
    life = patience.RepodataLife(adapter.cache(), patience.PATIENCE)
    try:
        return await patience.watched(work, life, patience.PATIENCE)
    except patience.StalledError as error:
        raise _unreadable(f"{of} stalled, {error}", channels) from None


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield names in parts: of each name there are hundreds of records, as objects of Python's."""
    return (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))


def _without_repetition(text: str) -> str:
    """Return what rattler says of an unsolvable request, with each thing said once.

    A constraint is told anew for every version that it forbids, of which python has hundreds.
    """
    kept: dict[str, str] = {}
    for line in text.splitlines():
        said = line.lstrip("│├└─ ")
        kept.setdefault(f"{len(line) - len(said)} {said}", line)
    return "\n".join(kept.values())


def _unreadable(told: str, channels: Sequence[str]) -> ChannelError:
    """Return the error for channels, one of which could not be read, with what rattler says."""
    named = channels[0] if len(channels) == 1 else f"one of {', '.join(channels)}"
    reason = told.replace("\nCaused by: ", "; ")
    return ChannelError(
        f"the channel {named} could not be read: {reason}. Check its name or address, and the "
        "network; where it wants credentials, give them to rattler (netrc, RATTLER_AUTH_FILE) or "
        "put them into the URL."
    )


def _broken_record(channel: str, name: str, platform: Platform, told: str) -> ChannelError:
    """Return the error for a package of which a channel has a record that cannot be read.

    :param told: what rattler says of it: the fault, without a name.
    """
    fault = told.partition("Caused by: ")[2].partition(" at line")[0] or told
    return ChannelError(
        f"the channel {channel} has a broken record of {name} for {platform.conda_subdir} or "
        f"noarch: {fault}. Tell its owner. No other version of it can be used either, because "
        "rattler reads all records of a package together."
    )
