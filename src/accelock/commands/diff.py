"""`accelock diff A B`: what two targets differ in, and what each downloads.

The JSON: `format` (1), `a`, `b` (targets), `platform`, `python`, `files`, `only_a`, `only_b` (each
`name`, `version`, `file`, `bytes`), `changed` (each `name`, and the same four keys in `a` and in
`b`), `same` (how many packages), `total` (by target: `bytes`, and `unknown`, of how many the size
is not known), and `faults` (why not). Sizes are in bytes; null is not known.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.commands.downloads import Downloads
from accelock.commands.screen import Screen, said
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks.budget import Download, megabytes, spell_total, total
from accelock.locks.markers import Place
from accelock.targets import PLATFORMS, newest_of, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelock.commands.context import Context
    from accelock.commands.downloads import Fetching
    from accelock.locks.model import Lock, TargetLock

FORMAT = 1


@dataclass(frozen=True)
class Diff:
    """Two targets of a lock at one place: the downloads of each, by package."""

    first: TargetLock
    second: TargetLock
    place: Place
    a: Mapping[str, Download]
    b: Mapping[str, Download]
    faults: tuple[str, ...]

    @property
    def changed(self) -> list[str]:
        """Return the packages that both have, in other versions or other files."""
        return [name for name in self.a if name in self.b and _differ(self.a[name], self.b[name])]

    def only(self, mine: Mapping[str, Download], other: Mapping[str, Download]) -> list[Download]:
        """Return what one has and the other has not."""
        return [download for name, download in mine.items() if name not in other]

    def lines(self) -> Iterator[str]:
        """Yield the difference as text."""
        a, b = self.first.target.name, self.second.target.name
        names = ", ".join(dict.fromkeys([self.first.file, self.second.file]))
        yield f"{a} -> {b} on {self.place.platform}, Python {self.place.python} ({names})"
        for name, mine, other in ((a, self.a, self.b), (b, self.b, self.a)):
            yield from _part(f"only in {name}", self.only(mine, other))
        changed = self.changed
        yield f"other builds or versions: {len(changed) or 'none'}"
        for name in changed:
            yield f"  {_spelt(self.a[name])}  ->  {_spelt(self.b[name], named=False)}"
        yield f"the same: {len(self._same())}"
        totals = [total(each.values()) for each in (self.a, self.b)]
        yield "to download:"
        for name, (size, unknown) in zip((a, b), totals, strict=True):
            yield f"  {name}: {spell_total(size, unknown)}"
        for fault in self.faults:
            yield f"note: {fault}"

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield the difference for a terminal, with sizes as people say them."""
        yield from screen.wrapped(next(self.lines()))
        a, b = self.first.target.name, self.second.target.name
        for name, mine, other in ((a, self.a, self.b), (b, self.b, self.a)):
            if found := self.only(mine, other):
                yield ""
                yield screen.name(f"only in {name}")
                yield from screen.table(
                    [(said(each.size), each.pin.name, _version(each)) for each in found]
                )
        if changed := self.changed:
            yield ""
            yield screen.name(f"in both, {a} -> {b}")
            yield from screen.table(
                [
                    (said(one.size), said(two.size), name, f"{_version(one)} -> {_version(two)}")
                    for name in changed
                    for one, two in [(self.a[name], self.b[name])]
                ]
            )
        yield ""
        yield screen.name(f"to download (the same in both: {len(self._same())})")
        totals = ((name, total(each.values())) for name, each in ((a, self.a), (b, self.b)))
        yield from screen.table(
            [
                (said(size), f"{name}{f', and {unknown} of unknown size' if unknown else ''}")
                for name, (size, unknown) in totals
            ]
        )
        for fault in self.faults:
            yield from screen.wrapped(f"note: {fault}")

    def dumps(self) -> str:
        """Return the difference as JSON."""
        a, b = self.first.target.name, self.second.target.name
        totals = [total(each.values()) for each in (self.a, self.b)]
        document = {
            "format": FORMAT,
            "a": a,
            "b": b,
            "platform": self.place.platform.name,
            "python": str(self.place.python),
            "files": list(dict.fromkeys([self.first.file, self.second.file])),
            "only_a": [_json(each) for each in self.only(self.a, self.b)],
            "only_b": [_json(each) for each in self.only(self.b, self.a)],
            "changed": [
                {"name": n, "a": _json(self.a[n]), "b": _json(self.b[n])} for n in self.changed
            ],
            "same": len(self._same()),
            "total": {
                name: {"bytes": size, "unknown": unknown}
                for name, (size, unknown) in zip((a, b), totals, strict=True)
            },
            "faults": list(self.faults),
        }
        return json.dumps(document, indent=2)

    def _same(self) -> list[str]:
        changed = self.changed
        return [name for name in self.a if name in self.b and name not in changed]


def diff(context: Context, words: tuple[str, str], open_reader: Callable[[], Fetching]) -> Diff:
    """Return what two targets of the lock differ in, on the platform that is meant.

    :param open_reader: called when the first page of an index is wanted.
    :raises UnknownWordError: the lock has no such target.
    :raises AccelockError: there is no lock, or a target is not locked for the platform.
    """
    lock = context.open_lock()
    first, second = (_target(word, lock, context) for word in words)
    place = _place(first, second, context)
    downloads = Downloads(open_reader, context.settings)
    a = downloads.of(first.at(place).values(), first.target, place)
    b = downloads.of(second.at(place).values(), second.target, place)
    return Diff(first, second, place, _sorted(a), _sorted(b), tuple(downloads.faults))


def _target(word: str, lock: Lock, context: Context) -> TargetLock:
    by_name = {target.name: each for target, each in lock.targets.items()}
    if word not in by_name:
        locked = functools.partial(newest_of, targets=lock.targets)
        parse_target(word, context.settings.catalogue.targets, locked)  # a slip is told as one
        raise UnknownWordError(
            "target", word, list(by_name), note=f"not in {', '.join(lock.files)}"
        )
    return by_name[word]


def _place(first: TargetLock, second: TargetLock, context: Context) -> Place:
    """Return this machine's platform, or the first that both targets have.

    :raises AccelockError: they share none, or the one that was asked for is none of them.
    """
    shared = [p for p in first.platforms or PLATFORMS.values() if second.is_for(p)]
    wanted = context.wanted_platform
    if wanted in shared and wanted is not None:
        return Place(wanted, context.python)
    if shared and context.machine_word is None:
        return Place(shared[0], context.python)
    has = ", ".join(platform.name for platform in shared) or "none"
    raise AccelockError(
        f"{first.target} and {second.target} are not both locked for {context.where}; both are "
        f"locked for: {has}"
    )


def _sorted(found: Mapping[str, Download]) -> dict[str, Download]:
    return {name: found[name] for name in sorted(found)}


def _differ(mine: Download, other: Download) -> bool:
    """Tell whether two downloads of a package differ, as far as is known.

    Unlabelled builds of one version may be other files on each target's page (torch 2.5.1 for Arm).
    """
    a, b = mine.pin, other.pin
    pairs = ((mine.filename, other.filename), (mine.size, other.size))
    return (a.version, a.url) != (b.version, b.url) or any(
        one is not None and two is not None and one != two for one, two in pairs
    )


def _part(title: str, downloads: list[Download]) -> Iterator[str]:
    size = spell_total(*total(downloads))
    yield f"{title}: {len(downloads)} ({size})" if downloads else f"{title}: none"
    for each in downloads:
        yield f"  {_spelt(each)}"


def _version(download: Download) -> str:
    return download.pin.version or download.pin.url or "?"


def _spelt(download: Download, *, named: bool = True) -> str:
    words = f"{download.pin.name} {_version(download)}" if named else _version(download)
    return f"{words}  {megabytes(download.size)}"


def _json(download: Download) -> dict[str, Any]:
    return {
        "name": download.pin.name,
        "version": download.pin.version,
        "file": download.filename,
        "bytes": download.size,
    }
