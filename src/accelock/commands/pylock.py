"""`accelock pylock`: what is locked, as a pylock.toml (PEP 751) for each target.

Each pin's files are looked for where the lock has them from, and held against its hashes.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cleo.helpers import option
from cleo.io.outputs.output import Type

from accelock.catalogue.source import Source
from accelock.commands.base import LOCK, ContextCommand
from accelock.commands.downloads import Downloads, Fetching
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import journal, pylock, pylock_file
from accelock.locks.compiled import shown
from accelock.locks.direct import table_of
from accelock.locks.pylock import Package
from accelock.targets import newest_of, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cleo.io.inputs.option import Option

    from accelock.commands.context import Context
    from accelock.locks.markers import Place
    from accelock.locks.model import Lock, Pin, TargetLock
    from accelock.sources.model import IndexFile

_LEFT = (
    "nothing was written. To replace it, use --force or -o with its name; to keep it, choose "
    "another name (-o pylock.NAME.toml)"
)


class PylockCommand(ContextCommand):
    """Writes what is locked as a pylock file for each target, or none."""

    name = "pylock"
    help = (
        "Writes pylock.<target>.toml for every target of poetry.lock or of the compiled files: "
        "all of them, or none. It keeps every version. It finds the files of each pin on the "
        "indexes, compares them with the hashes in the lock, and downloads none. pip 26.1 and uv "
        "install such a file: `pip install -r pylock.cpu.toml`. With -o pylock.toml, one file has "
        "all targets, each as an extra: `pip install -r 'pylock.toml[cu126]'`. The first target "
        "needs no extra. `accelock check` reports a stale file."
    )
    options: ClassVar[list[Option]] = [
        option("target", "t", "Write only this target of the lock.", flag=False, multiple=True),
        option(
            "output-file",
            "o",
            "Another name than pylock.{target}.toml; without {target}, one file with all targets.",
            flag=False,
        ),
        option(
            "only",
            None,
            "Include only this group of poetry.lock, such as main.",
            flag=False,
            multiple=True,
        ),
        option("force", None, "Overwrite a file of the same name that accelock did not make."),
        LOCK,
    ]

    def handle(self) -> int:
        """Write the files and return 0."""
        context = self.context()
        asked = PylockRequest(
            targets=tuple(self.option("target")),
            output=self._word("output-file"),
            groups=tuple(self.option("only")),
            is_forced=self.option("force"),
        )
        written = write(context, asked, self.fetching)
        for note in written.notes:
            self.io.write_error_line(f"note: {note}", type=Type.RAW)
        self.show(f"{name} written" for name in written.files)
        return 0


@dataclass(frozen=True, slots=True)
class PylockRequest:
    """What is to be written: of which targets and groups (empty: all), and where."""

    targets: tuple[str, ...] = ()
    output: str | None = None
    groups: tuple[str, ...] = ()
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The names of the files that were written, and what else there is to say."""

    files: tuple[str, ...]
    notes: tuple[str, ...]


def write(context: Context, asked: PylockRequest, open_reader: Callable[[], Fetching]) -> Written:
    """Write the files of the targets that are asked for, all or none.

    :raises AccelockError: there is no lock, a pin's files are not found, or a file of another tool
        is in the way.
    """
    lock = context.open_lock()
    if lock.kind == pylock_file.KIND:
        raise AccelockError(
            f"{', '.join(lock.files)}: this is a pylock file already; name the lock from which to "
            "make one (--lock): poetry.lock or requirements.txt"
        )
    chosen = _chosen(lock, asked, context)
    paths: dict[Path, list[TargetLock]] = {}
    for each in chosen:
        paths.setdefault(_path(each, asked, context), []).append(each)
    opened = functools.cache(open_reader)
    files: dict[Path, bytes] = {}
    notes: dict[str, None] = {}
    for path, locks in paths.items():
        finders = [_Finder.of(each, context, opened, asked.groups) for each in locks]
        data = _document(path, finders, context, asked)
        pylock.validate(data, f"{path.name}: it would not be")
        files[path] = pylock.dumps(data).encode()
        notes |= dict.fromkeys(note for finder in finders for note in finder.notes())
    journal.write_all(files, context.directory)
    return Written(tuple(shown(path, context.directory) for path in files), tuple(notes))


def _document(
    path: Path, finders: Sequence[_Finder], context: Context, asked: PylockRequest
) -> dict[str, Any]:
    """Return the data of a file of one target or several.

    :raises AccelockError: a pin's files are not found, or the targets are for different Pythons.
    """
    locks = [(_relative(each.lock.file, path, context), each.lock) for each in finders]
    if len({pylock.python_range(lock) for _, lock in locks}) > 1:
        raise AccelockError(
            f"{path.name}: the targets are locked for different Pythons, which one file cannot "
            f"say; write a file for each (-o {pylock.NAME})"
        )
    found = [(each.lock, each.packages(path.parent)) for each in finders]
    if len(found) == 1:
        return pylock.document(locks, found[0][1], groups=asked.groups)
    extras = [pylock_file.extra_of(lock.target) for lock, _ in found]
    return pylock.document(locks, pylock_file.joined(found), extras, asked.groups)


def _relative(name: str, path: Path, context: Context) -> str:
    """Return a lock's file as another file names it: relative to its folder, with `/`."""
    own = context.directory.resolve() / name
    return Path(os.path.relpath(own, path.parent.resolve())).as_posix()


def _chosen(lock: Lock, asked: PylockRequest, context: Context) -> list[TargetLock]:
    by_name = {target.name: each for target, each in lock.targets.items()}
    where = f"not in {', '.join(lock.files)}"
    for word in asked.targets:
        if word not in by_name:
            locked = functools.partial(newest_of, targets=lock.targets)
            parse_target(word, context.settings.catalogue.targets, locked)  # a slip is told as one
            raise UnknownWordError("target", word, list(by_name), note=where)
    chosen = [by_name[word] for word in dict.fromkeys(asked.targets)] or list(by_name.values())
    groups = dict.fromkeys(name for each in chosen for pin in each.pins for name in pin.markers)
    for word in asked.groups:
        if word not in groups:
            raise UnknownWordError("group", word, list(groups), note=where)
    return chosen


def _path(lock: TargetLock, asked: PylockRequest, context: Context) -> Path:
    """Return where a target's file goes.

    :raises AccelockError: another tool's file is there, which nothing says is to be replaced: that
        is `--force`, or `-o` with the very name.
    """
    name = pylock.file_name(asked.output or pylock.NAME, lock.target)
    path = context.directory / name
    if asked.is_forced or name == asked.output or not path.is_file():
        return path
    try:
        is_ours = pylock.read(path, name) is not None
    except AccelockError as error:
        raise AccelockError(f"{error}; {_LEFT}") from error
    if not is_ours:
        raise AccelockError(f"{name}: accelock did not make this file; {_LEFT}")
    return path


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the files of a target's pins, and says which it cannot.

    :param universe: every place that the lock is for.
    """

    lock: TargetLock
    context: Context
    downloads: Downloads
    universe: tuple[Place, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls,
        lock: TargetLock,
        context: Context,
        opened: Callable[[], Fetching],
        groups: tuple[str, ...],
    ) -> _Finder:
        """Return the finder of one target.

        :raises AccelockError: nothing tells what the lock is for, or what a line of it installs.
        """
        universe = pylock.places_of(lock)
        if not universe:
            raise AccelockError(
                f"{lock.file}: it has no accelock stamp, and so accelock cannot tell for which "
                "platforms and Pythons it was made. Run: accelock compile"
            )
        if lock.nameless:
            raise AccelockError(
                f"{lock.file}: {lock.nameless[0]!r} does not name its package, which "
                "a pylock file must have; write NAME @ URL, or end it with #egg=NAME. Nothing was "
                "written"
            )
        own = functools.partial(_with_indexes, lock, opened)
        downloads = Downloads(own, context.settings, is_strict=True)
        return cls(lock, context, downloads, universe, groups)

    def packages(self, folder: Path) -> list[Package]:
        """Return the packages of a file in a folder.

        :raises AccelockError: a pin's files are not found.
        """
        pins = [pin for pin in self.lock.pins if not pin.optional]
        self.downloads.prefetch(pins, self.lock.target)
        found = [self._package(pin, places, folder) for pin in pins if (places := self._at(pin))]
        self.downloads.keep_sizes()
        return found

    def notes(self) -> Iterator[str]:
        """Yield what is worth to be said of the file."""
        for fault in self.downloads.faults:
            yield f"sizes: {fault}"
        if extras := sorted({pin.name for pin in self.lock.pins if pin.optional}):
            yield f"what only extras ask for is not in it: {', '.join(extras)}"

    def _at(self, pin: Pin) -> list[Place]:
        groups = self.groups or None
        return [place for place in self.universe if pin.holds(place, groups=groups)]

    def _package(self, pin: Pin, places: Sequence[Place], folder: Path) -> Package:
        marker = pylock.marker_of(pin, self.universe, self.groups or None)
        if pin.url is not None:
            directory = self.context.directory
            return Package(pin, marker, direct=table_of(pin, directory, folder))
        index, kept = self._found(pin, places)
        sized = tuple(replace(each, size=self.downloads.size(each)) for each in kept)
        return Package(pin, marker, index and Source(index).without_credentials.template, sized)

    def _found(self, pin: Pin, places: Sequence[Place]) -> tuple[str | None, list[IndexFile]]:
        """Return the first index that has a file for every place, and its files.

        A family's page may have some of a package's wheels, and PyPI all (triton 3.2.0).

        :raises AccelockError: none has, or nothing tells the sha256 of a file.
        """
        faults: list[str] = []
        for index, files in self.downloads.files(pin, self.lock.target):
            kept, lacking = self._fitting(places, files)
            if lacking is not None:
                faults.append(self._missing(pin, lacking, files))
                continue
            if bare := [each for each in kept if not each.sha256]:
                raise AccelockError(
                    f"{pin.where}: no index publishes the sha256 of {bare[0].filename}, which a "
                    "pylock file must have. Nothing was written"
                )
            return index, kept
        raise AccelockError(faults[0] if faults else self._missing(pin, places[0], ()))

    def _fitting(
        self, places: Sequence[Place], files: Sequence[IndexFile]
    ) -> tuple[list[IndexFile], Place | None]:
        """Return the wheels that some place takes, and the source archive where one lacks any.

        Behind them the first place that has none of both, None where all have.
        """
        levels = self.context.settings.config.levels
        tags = {place: frozenset(place.platform.tags(place.python, levels)) for place in places}
        wheels = [each for each in files if any(each.fits(own) for own in tags.values())]
        bare = [place for place, own in tags.items() if not any(w.fits(own) for w in wheels)]
        sdists = [each for each in files if not each.is_wheel][:1]
        served = {place.platform for place in places if place not in bare}
        # Of a range of Pythons the newest ones may have no wheel yet.
        needs = bare if self.lock.pythons else [p for p in bare if p.platform not in served]
        lacking = needs[0] if needs and not sdists else None
        return [*wheels, *(sdists if bare else ())], lacking

    def _missing(self, pin: Pin, place: Place, files: Sequence[IndexFile]) -> str:
        where = self.downloads.looked_at(pin, self.lock.target)
        what = (
            "the files there fit other platforms or Pythons"
            if files
            else (
                "it is missing there, or has other hashes than in the lock"
                if pin.hashes
                else "it is not there"
            )
        )
        return (
            f"{pin.where}: {where} has no file of {pin} for {place.platform}, Python "
            f"{place.python}: {what}. Nothing was written. If the file is gone for good, lock "
            "again"
        )


def _with_indexes(lock: TargetLock, opened: Callable[[], Fetching]) -> Fetching:
    """Return what reads indexes, with those that a lock names before the user's own."""
    fetching = opened()
    default = (lock.index,) if lock.index else fetching.indexes[:1]
    indexes = (*default, *lock.extra_indexes, *fetching.indexes[1:])
    return Fetching(fetching.reader, tuple(dict.fromkeys(indexes)))
