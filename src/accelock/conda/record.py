"""What a conda solver is asked for, and what it chose: plain values, and the graph of packages.

The graph goes by names; versions play no part, for an environment has each package once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda.channels import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from accelock.conda.spec import Spec
    from accelock.targets import Platform, Target


@dataclass(frozen=True, slots=True)
class Record:
    """One package of a solved environment (conda's `repodata_record`).

    `channel` is the base URL of the channel and `url` the package's, both without credentials;
    `subdir` is a platform's or `noarch`. `md5` and `sha256` are in hex, `size` is in bytes,
    `timestamp` in milliseconds since 1970. `depends` and `constrains` are MatchSpecs as the channel
    has them. `noarch` is `python` or `generic`, and None for a package of one platform.
    `python_site_packages_path` is where a python has the modules of others (CEP 17), relative to
    the prefix; None is its default, and unknown where the record was read from a lock.
    """

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    channel: str
    url: str
    filename: str
    md5: str
    sha256: str
    size: int | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    license: str | None = None
    timestamp: int | None = None
    noarch: str | None = None
    python_site_packages_path: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.build}"


@dataclass(frozen=True, slots=True)
class VirtualPackage:
    """A property of the system that packages may depend on, such as `__glibc` 2.28 (CEP 30)."""

    name: str
    version: str
    build: str = "0"

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.build}"


@dataclass(frozen=True, slots=True)
class Request:
    """One environment to solve.

    `specs` are to be installed; `constraints` install nothing, but hold for whatever is. `locked`
    are the records of an earlier solution, which stay wherever they can.
    """

    platform: Platform
    specs: tuple[Spec, ...]
    constraints: tuple[Spec, ...] = ()
    virtual_packages: tuple[VirtualPackage, ...] = ()
    locked: tuple[Record, ...] = ()


def dependency_names(record: Record) -> tuple[str, ...]:
    """Return the names that a package depends on, without virtual packages (`__glibc`)."""
    names = (depend.split()[0].rpartition("::")[2] for depend in record.depends if depend.strip())
    return tuple(dict.fromkeys(name for name in names if not name.startswith("__")))


def depends_on_python(record: Record) -> bool:
    """Tell whether a package is for Python, and not merely of a Python project's name."""
    return not {"python", "python_abi"}.isdisjoint(dependency_names(record))


def leaves(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the packages that no other one depends on, in the order of names."""
    everything = sorted(records, key=lambda record: record.name)
    needed = {
        name for record in everything for name in dependency_names(record) if name != record.name
    }
    return tuple(record for record in everything if record.name not in needed)


def topological(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the packages so that each stands behind what it depends on, else by name.

    Of packages that depend on each other (pip and python) the one of the later name comes first.
    """
    named = {record.name: record for record in records}
    done: dict[str, Record] = {}
    begun: set[str] = set()
    # Depth first with a stack of our own: chains of dependencies are longer than Python's.
    stack = [(name, False) for name in sorted(named, reverse=True)]
    while stack:
        name, is_entered = stack.pop()
        if is_entered:
            done[name] = named[name]
        elif name not in begun:
            begun.add(name)
            stack.append((name, True))
            below = sorted(set(dependency_names(named[name])) & named.keys(), reverse=True)
            stack.extend((each, False) for each in below if each not in begun)
    return tuple(done.values())


def chain(records: Iterable[Record], name: str, asked: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names from a package that is asked for down to `name`: why it is there.

    The shortest such chain, the first one by names. Without `asked`, it begins where nothing
    depends on it. It is `name` alone where nobody brings it.
    """
    named = {record.name: record for record in records}
    roots = sorted(set(asked) & named.keys()) or [leaf.name for leaf in leaves(named.values())]
    paths: dict[str, tuple[str, ...]] = {root: (root,) for root in roots}
    front = list(roots)
    while front and name not in paths:
        following: list[str] = []
        for above in front:
            for below in sorted(set(dependency_names(named[above])) & named.keys()):
                if below not in paths:
                    paths[below] = (*paths[above], below)
                    following.append(below)
        front = following
    return paths.get(name, (name,))


@dataclass(frozen=True, slots=True)
class Solved:
    """The environment of one target and group on all its platforms.

    `target` is None where the project declares none. `records` has what was chosen, `asked` what
    the project asked for, and `digests` the digest of the inputs, each by platform; a platform that
    was left out because a channel lacks it has a digest alone, so that it stays left out. `bound`
    are the conda names of what pip pins too: environment.yml has their versions. `hardware` are the
    packages of which the channels have builds for other hardware too: it has their builds.
    """

    target: Target | None
    group: str | None
    channels: tuple[str, ...]
    records: Mapping[Platform, tuple[Record, ...]]
    asked: Mapping[Platform, tuple[Spec, ...]]
    digests: Mapping[Platform, str]
    bound: frozenset[str] = frozenset()
    hardware: frozenset[str] = frozenset()

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return the platforms in the order in which files have them, that of conda's names."""
        return tuple(sorted(self.records, key=lambda platform: platform.conda_subdir))

    @property
    def public_channels(self) -> tuple[str, ...]:
        """Return the channels as a file may say them."""
        return tuple(strip_credentials(channel) for channel in self.channels)

    def on(self, platform: Platform) -> dict[str, Record]:
        """Return the packages of one platform by name, in the order of names."""
        found = self.records[platform]
        return {each.name: each for each in sorted(found, key=lambda record: record.name)}
