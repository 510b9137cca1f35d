"""The compiled files of a project: found by their names, and by accelock's stamp in them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import header, requirements
from accelock.locks.markers import Place
from accelock.targets import PythonVersion, Target, parse_platform, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from accelock.locks.header import Stamp
    from accelock.locks.requirements import RequirementsFile

TARGET_FIELD = "{target}"
_HEAD = 65536  # bytes; the stamp stands below pip-tools' header, and other .txt files may be huge
# pip-tools' header, or the line of `accelock rewrite`, which keeps the header of another tool.
_COMMANDS = (
    re.compile(r"^# turned to a target by: (.+)$", re.MULTILINE),
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
    places: tuple[Place, ...]
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
        return command_of(self.requirements)


def command_of(content: RequirementsFile) -> str | None:
    """Return the command line in the header of a file, by which it was made."""
    top = "\n".join(content.header)
    found = (pattern.search(top) for pattern in _COMMANDS)
    return next((match[1].strip() for match in found if match), None)


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
    stamp = header.read(text, name)
    if stamp is None:
        return None
    target, places = _meaning(stamp, name, known)
    return Compiled(path, name, text, stamp, target, places, requirements.parse(text, name))


def _meaning(stamp: Stamp, name: str, known: Collection[str]) -> tuple[Target, tuple[Place, ...]]:
    try:
        target = parse_target(stamp.target, known)
        places = tuple(
            Place(parse_platform(platform), PythonVersion.parse(python))
            for platform in stamp.platforms
            for python in stamp.python
        )
    except AccelockError as error:
        raise header.StampError(
            f"{name}: its stamp is damaged, or of a newer accelock: {error}"
        ) from error
    return target, places


def is_stamped(path: Path) -> bool:
    """Tell whether a file has a line of a stamp near its top; OSError where it cannot be read."""
    with path.open("rb") as stream:
        return header.PREFIX.encode() in stream.read(_HEAD)


def is_ours(path: Path) -> bool:
    """Tell whether a file has a stamp; one that cannot be read has none that counts."""
    try:
        return is_stamped(path)
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
