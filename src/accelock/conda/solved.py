"""What the solves of one environment gave: all that a writer needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda.urls import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform, Target

__all__ = ["Solved"]


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
        return {record.name: record for record in sorted(self.records[platform], key=_name)}


def _name(record: Record) -> str:
    return record.name
