"""One package's line of environment.yml: what keeps another solve to what was asked and chosen."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from accelock.conda import builds

if TYPE_CHECKING:
    from collections.abc import Collection

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Target

__all__ = ["Entry", "entry_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A MatchSpec that holds on all platforms at once; `str` is how environment.yml has it.

    `loose` says what it cannot hold, so that another solve may choose that anew.
    """

    name: str
    versions: tuple[str, ...]
    build: str | None
    channel: str | None
    loose: tuple[str, ...] = ()

    def __str__(self) -> str:
        called = f"{self.channel}::{self.name}" if self.channel else self.name
        if len(self.versions) == 1:
            return f"{called}={self.versions[0]}{f'={self.build}' if self.build else ''}"
        either = "|".join(f"=={version}" for version in self.versions)
        return f"{called} {either}{f' {self.build}' if self.build else ''}"


def entry_of(
    records: Collection[Record],
    asked: Collection[Spec],
    target: Target | None,
    *,
    has_others: bool = False,
) -> Entry:
    """Return the entry of the package whose records on all platforms these are.

    :param asked: what was asked of it, on any of the platforms.
    :param has_others: whether there are builds of it for other hardware, whatever its own say.
    """
    chosen = [record.build for record in records]
    needed = _builds(chosen, asked, target, has_others=has_others)
    build = builds.joined(filter(None, needed), chosen)
    channels = sorted({spec.channel.rstrip("/") for spec in asked if spec.channel})
    # Without it another solve takes the first channel that has the version.
    channel = channels[0] if channels and len({each.channel for each in records}) == 1 else None
    loose = []
    if None in needed or (needed and build is None):
        loose.append("no one glob fits its builds")
    if channels and channel is None:
        loose.append("no one channel has it")
    return Entry(
        name=next(iter(records)).name,
        versions=tuple(sorted({record.version for record in records})),
        build=build,
        channel=channel,
        loose=tuple(loose),
    )


def _builds(
    chosen: Collection[str],
    asked: Collection[Spec],
    target: Target | None,
    *,
    has_others: bool,
) -> list[str | None]:
    """Return the patterns that the builds are held to; None for each that does not fit them all.

    The first is what they compute on, or their one name where they do not say it, and then come
    those that were asked for.
    """
    needed: list[str | None] = []
    if any(map(builds.is_hardware_build, chosen)):
        needed.append(builds.glob(chosen, target))
    elif has_others:
        needed.append(next(iter(chosen)) if len(set(chosen)) == 1 else None)
    patterns = sorted({spec.build for spec in asked if spec.build is not None})
    return needed + [
        pattern if all(fnmatchcase(build, pattern) for build in chosen) else None
        for pattern in patterns
    ]
