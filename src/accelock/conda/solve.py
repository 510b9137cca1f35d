"""Solving: any number of environments over the same channels, each of which is fetched once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from accelock.conda import builds
from accelock.conda import rattler as adapter
from accelock.conda.errors import (
    UnsatisfiableError,
    broken_record,
    unreadable,
    without_credentials,
    without_repetition,
)
from accelock.conda.urls import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from accelock.conda.errors import ChannelError
    from accelock.conda.record import Record, Request
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = ["NOARCH", "Solver"]

NOARCH = "noarch"
_ANSWER = 300  # seconds for one file of repodata: the largest have some 50 MB


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
            found: dict[str, list[Any]] = {name: [] for name in unread}
            for record in adapter.run(self._query(unread, platform)):
                found[record.name.normalized].append(record)
            for name, every in found.items():
                is_hardware = any(builds.kind_of(str(each.build), each.depends) for each in every)
                key = platform.conda_subdir, name
                self._hardware[key] = tuple(map(adapter.record_of, every)) if is_hardware else ()
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

    def solve(self, request: Request) -> tuple[Record, ...]:
        """Return the environment for a request, in the order of names.

        Raises UnsatisfiableError with rattler's own account, ChannelError for a channel that cannot
        be read or a record in it that is broken.
        """
        return tuple(
            sorted(
                map(adapter.record_of, adapter.run(self._solve(request))), key=lambda one: one.name
            )
        )

    async def _solve(self, request: Request) -> list[Any]:
        locked = await self._still_there(request)
        try:
            solved: list[Any] = await adapter.rattler.solve(
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
        except adapter.exceptions.SolverError as error:
            told = without_repetition(without_credentials(str(error)).strip())
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
        found = await self._query(names, request.platform)
        channels = {spec.name: spec.channel for spec in request.specs}
        return [
            record
            for record in found
            if (old := wanted.get(strip_credentials(record.url))) is not None
            and adapter.hex_of(record.sha256) in ("", old.sha256)
            and adapter.is_from(record, channels.get(old.name))
        ]

    async def _query(self, names: Collection[str], platform: Platform) -> list[Any]:
        try:
            found = await self._gateway.query(
                list(self.channels),
                [platform.conda_subdir, NOARCH],
                [adapter.rattler.MatchSpec(name) for name in names],
                recursive=False,
                channel_relations="disabled",
            )
        except adapter.exceptions.GatewayError as error:
            raise await self._explained(error, names, platform) from None
        return [record for records in found for record in records]

    async def _explained(
        self, error: Exception, names: Iterable[str], platform: Platform
    ) -> ChannelError:
        """Return an error that says where it is; of a broken record rattler names only the fault.

        Looks at one name after the other, from what was asked for to what that depends on.
        """
        told = without_credentials(str(error)).strip()
        if "records" not in told:
            return unreadable(told, self.channels)
        queue = dict.fromkeys(names)
        seen: set[str] = set()
        while queue:
            name = next(iter(queue))
            del queue[name]
            seen.add(name)
            for channel in self.channels:
                broken, needed = await self._look(channel, name, platform)
                if broken:
                    return broken_record(channel, name, platform, told)
                queue.update(dict.fromkeys(each for each in needed if each not in seen))
        return unreadable(told, self.channels)

    async def _look(self, channel: str, name: str, platform: Platform) -> tuple[bool, set[str]]:
        """Tell whether a package's records are broken, and return the names that they need."""
        subdirs = [platform.conda_subdir, NOARCH]
        try:
            found = await self._gateway.query(
                [channel], subdirs, [adapter.rattler.MatchSpec(name)], recursive=False,
                channel_relations="disabled",
            )  # fmt: skip
        except adapter.exceptions.GatewayError:
            return True, set()
        depends = (text for records in found for record in records for text in record.depends)
        return False, {text.split()[0] for text in depends if not text.startswith("__")}

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
        listed = await asyncio.gather(*told, return_exceptions=True)
        return {pair: _listed(each) for pair, each in zip(pairs, listed, strict=True)}

    async def _list_one(self, channel: str, subdir: str) -> frozenset[str]:
        asked = self._gateway.names([channel], [subdir], channel_relations="disabled")
        try:
            # Of our own: the client's timeout is for one try, of which there are several.
            names = await asyncio.wait_for(asked, self._timeout)
        except adapter.exceptions.GatewayError as error:
            raise unreadable(without_credentials(str(error)).strip(), [channel]) from None
        except asyncio.TimeoutError:
            raise unreadable(f"no answer in {self._timeout:g} s", [channel]) from None
        return frozenset(name.normalized for name in names)


def _listed(answer: frozenset[str] | BaseException) -> frozenset[str]:
    if isinstance(answer, BaseException):
        raise answer
    return answer
