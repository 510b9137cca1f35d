"""Compiled requirements files as locks: found by their names, and by accelock's stamp in them."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.catalogue.source import TARGET_FIELD, Source, fields_in
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import requirements, stamp
from accelock.locks.model import MAIN, Lock, Pin, TargetLock
from accelock.targets import PythonVersion, Target, parse_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from accelock.catalogue import Family
    from accelock.locks.requirements import RequirementsFile
    from accelock.locks.stamp import Stamp
    from accelock.settings.project import Settings
    from accelock.targets import Platform

KIND = "requirements files"
_SHA256 = "sha256:"
_INDEX_FLAGS = ("--index-url", "--extra-index-url", "--find-links")
_HEAD = 65536  # bytes; the stamp stands below pip-tools' header, and other .txt files may be huge
# pip-tools' header, or the line of `accelock rewrite`, which keeps the header of another tool.
# Files of accelock's first versions say `turned to`.
_COMMANDS = (
    re.compile(r"^# (?:rewritten for|turned to) a target by: (.+)$", re.MULTILINE),
    re.compile(r"^# by the following command:\n#\n#    (.+)$", re.MULTILINE),
)


class UnreadableError(AccelockError):
    """A file is not there, or the system does not let us read it."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A file with a stamp. `name` is its path for people: with `/`, relative where it was."""

    path: Path
    name: str
    text: str
    stamp: Stamp
    target: Target
    platforms: tuple[Platform, ...]
    pythons: tuple[PythonVersion, ...]
    requirements: RequirementsFile
    #: Where its command is to be run, as a user names that; None: here.
    folder: str | None = None

    @property
    def is_as_compiled(self) -> bool:
        """Tell whether nobody changed the pins, hashes or options since the file was written."""
        return self.stamp.describes(self.text)

    @property
    def command(self) -> str | None:
        """Return the command line at the top, by which the file was made."""
        return _command_of(self.requirements)

    def lock(self, settings: Settings) -> TargetLock:
        """Return what it has for its target."""
        lines = self.requirements
        indexes = _Indexes(lines, self.target, settings)
        return TargetLock(
            target=self.target,
            file=self.name,
            pins=pins_of(lines, self.name, self.target, settings),
            platforms=self.platforms,
            pythons=self.pythons,
            index=next(iter(indexes.of_no_family("--index-url")), None),
            extra_indexes=(
                *indexes.of_no_family("--extra-index-url"),
                *filter(_is_page, indexes.of_no_family("--find-links")),
            ),
            nameless=tuple(line.raw.strip() for line in lines.pins if not line.name),
        )


def read(path: Path, name: str, known: Collection[str]) -> Compiled | None:
    """Return a compiled file, or None where it has no stamp of ours.

    `known` are the catalogue's targets. Raises UnreadableError, and StampError or
    RequirementsError for a file whose stamp or lines are damaged.
    """
    try:
        if not is_stamped(path):
            return None
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UnreadableError(f"{name}: cannot be read ({error.strerror})") from error
    found = stamp.read(text, name)
    if found is None:
        return None
    try:
        target = parse_target(found.target or "", known)
        platforms = tuple(map(parse_platform, found.platforms))
        pythons = tuple(map(PythonVersion.parse, found.python))
    except AccelockError as error:
        raise stamp.StampError(
            f"{name}: its stamp is damaged, or a newer accelock wrote it: {error}"
        ) from error
    content = requirements.parse(text, name)
    return Compiled(path, name, text, found, target, platforms, pythons, content)


def read_lock(path: Path, settings: Settings) -> Lock | None:
    """Return what the files of a name have (requirements.txt, requirements.cpu.txt, ...).

    None where there is none of a target. Raises AccelockError: a file is damaged, or cannot be
    read.
    """
    found = {
        target: read_file(each, shown(each, path.parent), target, settings)
        for target, each in files_of(path, settings).items()
    }
    return Lock(KIND, found) if found else None


def files_of(path: Path, settings: Settings) -> dict[Target, Path]:
    """Return each target's file of a name, in the order of the declared targets, then by name.

    It has our stamp, or is named after a declared target; the file of that name itself is what its
    stamp says.
    """
    known, declared = settings.catalogue.targets, settings.config.targets
    found = {
        target: each
        for target, each in layers(path, known).items()
        if target in declared or is_ours(each)
    }
    plain = read(path, path.name, known) if path.is_file() else None
    if plain is not None:
        found.setdefault(plain.target, path)
    ranks = {target: rank for rank, target in enumerate(declared)}
    order = sorted(found, key=lambda target: (ranks.get(target, len(ranks)), target.name))
    return {target: found[target] for target in order}


def read_file(path: Path, name: str, target: Target, settings: Settings) -> TargetLock:
    """Return what one file has for a target, stamped or not.

    Raises AccelockError: it is damaged, or cannot be read.
    """
    compiled = read(path, name, settings.catalogue.targets)
    if compiled is not None:
        return replace(compiled.lock(settings), target=target)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UnreadableError(f"{name}: cannot be read ({error.strerror})") from error
    content = requirements.parse(text, name)
    return TargetLock(target, name, pins_of(content, name, target, settings))


def pins_of(
    content: RequirementsFile, name: str, target: Target, settings: Settings
) -> tuple[Pin, ...]:
    """Return the pins of a file's lines; one whose name nothing tells is none.

    :param name: the file's, for people.
    """
    indexes = _Indexes(content, target, settings)
    return tuple(
        Pin(
            name=line.name,
            version=line.version,
            markers={MAIN: line.marker},
            index=indexes.of(line.name),
            hashes=frozenset(
                each.removeprefix(_SHA256) for each in line.hashes if each.startswith(_SHA256)
            ),
            via=line.via,
            where=f"{name}, line {line.lineno}",
            url=line.url,
            editable=line.editable,
        )
        for line in content.pins
        if line.name
    )


@dataclass(frozen=True, slots=True)
class _Indexes:
    """Which line of a file leads to a family's builds."""

    content: RequirementsFile
    target: Target
    settings: Settings

    def of(self, name: str) -> str | None:
        """Return the URL for a family's package, without credentials; None for any other."""
        known = self.settings.catalogue.family_of(name)
        if known is None or known[1].lookup[0] != "family":
            return None
        sources = self._named(known[0])
        urls = (url for flag in _INDEX_FLAGS for url in self.content.values(flag))
        found = (
            url
            for url in urls
            if any(self._is_instance(url, each) for each in sources)
            or known[0].recognise(url) is not None
        )
        return next((Source(url).redacted for url in found), None)

    def of_no_family(self, flag: str) -> tuple[str, ...]:
        """Return the values of an option that lead to no family's builds."""
        families = self.settings.catalogue.families
        own = [source for family in families for source in self._named(family)]
        return tuple(
            url
            for url in self.content.values(flag)
            if not any(self._is_instance(url, each) for each in own)
            and not any(family.recognise(url) for family in families)
        )

    def _named(self, family: Family) -> tuple[Source, ...]:
        """Return the sources that the table, or the command line in the header, names."""
        own = self.settings.config.named_source(family, self.target)
        command = _command_of(self.content) or ""
        prefix = f"--source={family.name}="
        try:
            words = shlex.split(command) if command.startswith("accelock ") else []
        except ValueError:  # somebody edited the comment
            words = []
        given = [Source(w.removeprefix(prefix)) for w in words if w.startswith(prefix)]
        return (*((own,) if own else ()), *given)

    def _is_instance(self, url: str, source: Source) -> bool:
        return fields_in(source.without_credentials.url(self.target), url.rstrip("/")) is not None


def _is_page(url: str) -> bool:
    return "://" in url and Source(url).is_find_links


def _command_of(content: RequirementsFile) -> str | None:
    """Return the command line in the header of a file, by which it was made."""
    top = "\n".join(content.header)
    found = (pattern.search(top) for pattern in _COMMANDS)
    return next((match[1].strip() for match in found if match), None)


def is_stamped(path: Path, prefix: str = stamp.PREFIX) -> bool:
    """Tell whether a file has a line of a stamp near its top; OSError where it cannot be read."""
    with path.open("rb") as stream:
        return prefix.encode() in stream.read(_HEAD)


def is_ours(path: Path, prefix: str = stamp.PREFIX) -> bool:
    """Tell whether a file has a stamp; one that cannot be read has none that counts."""
    try:
        return is_stamped(path, prefix)
    except OSError:
        return False


def find(directory: Path) -> Iterator[Path]:
    """Yield the .txt files in which a stamp may stand: of a directory and one level below it.

    Hidden folders and virtual environments are passed over. A symbolic link to another one of the
    files is that file.
    """
    seen: set[Path] = set()
    for path in sorted(_texts(folders(directory)), key=lambda path: (path.is_symlink(), path)):
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield path


def folders(directory: Path) -> list[Path]:
    """Return a directory and the folders one level below it in which a project's files may be."""
    below = [
        path
        for path in _entries(directory)
        if path.is_dir() and not path.name.startswith(".") and not (path / "pyvenv.cfg").exists()
    ]
    return [directory, *below]


def _texts(directories: Iterable[Path]) -> Iterator[Path]:
    for directory in directories:
        yield from (p for p in _entries(directory) if p.suffix == ".txt" and p.is_file())


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def layers(path: Path, known: Collection[str]) -> dict[Target, Path]:
    """Return the files of each target that belong to a name: `requirements.cpu.txt`, ...

    `known` are the catalogue's targets. The files need not be compiled ones.
    """
    found: dict[Target, Path] = {}
    for other in _entries(path.parent):
        middle = other.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix)
        if other.name != f"{path.stem}.{middle}{path.suffix}" or not other.is_file():
            continue
        try:
            found[parse_target(middle, known)] = other
        except UnknownWordError:
            continue
    return found


def layer(path: Path, target: Target) -> Path:
    """Return where the file of a target stands that belongs to a name."""
    return path.with_name(f"{path.stem}.{target}{path.suffix}")


def template(name: str, target: Target) -> str | None:
    """Return a file's name with `{target}` in place of its target, or None where it has none.

    "requirements.cu126.txt" gives "requirements.{target}.txt", "cpu/all.txt" "{target}/all.txt".
    """
    whole_word = rf"(?<![A-Za-z0-9]){re.escape(target.name)}(?![A-Za-z0-9]|\.\d)"
    written = re.sub(whole_word, TARGET_FIELD, name)
    return written if written != name else None


def series(name: str, target: Target) -> str:
    """Return what the files of one input have in common, whatever their target.

    "requirements.txt" and "requirements.cu126.txt" belong together.
    """
    return (template(name, target) or name).replace(f".{TARGET_FIELD}", "")


def shown(path: Path, directory: Path) -> str:
    """Return a path for people: with `/`, and relative to the directory where it is inside."""
    try:
        relative = Path(os.path.relpath(path, directory))
    except ValueError:  # another drive of Windows
        return path.as_posix()
    return (path if ".." in relative.parts else relative).as_posix()
