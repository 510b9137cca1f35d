"""What other tools list or lock, as the text of a requirements file: the input of `rewrite`.

Each format is recognised by its content. What `pip freeze`, pip-compile, uv and `poetry export`
write is such a file already. What a reader does not take over, it says.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from packaging.version import Version

from accelock import toml
from accelock.catalogue.source import Source
from accelock.errors import AccelockError
from accelock.locks import overlay, poetry_lock, pylock, pylock_file
from accelock.locks.direct import line_of
from accelock.locks.inputs import PYPROJECT
from accelock.locks.markers import Place
from accelock.locks.model import MAIN
from accelock.settings.poetry_project import supported_pythons
from accelock.sources.model import parse_filename
from accelock.targets import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accelock.locks.model import Pin
    from accelock.settings.project import Settings

_JSON = re.compile(r"\s*\[\s*\{")
_COLUMNS = re.compile(r"Package +Version\b.*\n(-+ -+[- ]*)(\n|$)")
_CONDA = re.compile(r"([^\s=#]+)=([^\s=]+)=(\S+)")
_BUILT = re.compile(r"\s*(\S+)\s*@\s*(file:\S+)")
_EDITABLE = "Editable project location"
_FROM_PYPI = "pypi"  # conda's word for a build that pip installed


@dataclass(frozen=True, slots=True)
class Foreign:
    """A text that pip reads, and what is to be said of it.

    :param kind: what the file was, in words; None where it is a requirements file.
    """

    text: str
    notes: tuple[str, ...] = ()
    kind: str | None = None


def as_requirements(
    text: str, name: str, folder: Path, settings: Settings, default_index: str = ""
) -> Foreign:
    """Return what a file says, as a requirements file.

    :param name: the file's, for people.
    :param folder: that from which its paths start; a pyproject.toml there says what is direct.
    :param default_index: that of pip, which no file needs to name.
    :raises AccelockError: it is damaged, or of a kind that cannot be read without its tool.
    """
    if _JSON.match(text):
        return _of_json(text, name)
    if columns := _COLUMNS.match(text):
        return _of_columns(text, columns[1], name)
    if re.search(r"^\[\[packages?\]\]", text, re.MULTILINE):
        found = _of_toml(text, name, folder, settings)
        line = f"--extra-index-url {default_index.rstrip('/')}\n"
        return replace(found, text=found.text.replace(line, "", 1))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(map(_CONDA.fullmatch, lines)):
        return _of_conda(text, name)
    if "@EXPLICIT" in lines:
        raise AccelockError(
            f"{name} lists conda's own packages by URL, and pip cannot install them; see: "
            "accelock conda capture --help"
        )
    return _of_freeze(text, name)


def _of_json(text: str, name: str) -> Foreign:
    """Read `pip list --format=json`."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AccelockError(
            f"{name}: it begins like JSON, but cannot be read as JSON: {error}"
        ) from error
    lines = []
    for number, entry in enumerate(entries, start=1):
        try:
            project, version = str(entry["name"]), str(Version(entry["version"]))
            lines.append(_listed(project, version, entry.get("editable_project_location")))
        except (TypeError, KeyError, ValueError) as error:  # noqa: PERF203 - it names the entry
            raise AccelockError(
                f"{name}, entry {number}: {json.dumps(entry)} has no name and version in the "
                "format of `pip list --format=json`"
            ) from error
    return Foreign(_joined(lines), kind="the output of pip list")


def _of_columns(text: str, ruler: str, name: str) -> Foreign:
    """Read the columns of `pip list`; lines keep their numbers."""
    spans = [(found.start(), found.end()) for found in re.finditer("-+", ruler)]
    header, _, *rows = text.splitlines()
    titles = [header[start:].split("  ")[0].strip() for start, _ in spans]
    place = titles.index(_EDITABLE) if _EDITABLE in titles else None
    lines = ["", ""]
    for number, row in enumerate(rows, start=3):
        # What pip says of itself stands below, on a line of its own.
        if not row.strip() or row.startswith(("[notice]", "WARNING:")):
            lines.append("")
            continue
        cells = [row[start:end].strip() for start, end in spans]
        if not all(cells[:2]) or any(row[end : end + 1].strip() for _, end in spans[:2]):
            raise AccelockError(
                f"{name}, line {number}: {row.strip()!r} does not fit the columns that the line "
                "of dashes marks. Use the unchanged output of `pip list`, or make the file with "
                "`pip list --format=freeze`"
            )
        location = row[spans[place][0] :].split("  ")[0].strip() if place is not None else None
        lines.append(_listed(cells[0], cells[1], location))
    return Foreign(_joined(lines), kind="the output of pip list")


def _listed(project: str, version: str, location: object) -> str:
    if isinstance(location, str) and location:
        # The list may be of a machine with the other kind of paths.
        path = PurePosixPath(location) if location[0] == "/" else PureWindowsPath(location)
        place = path.as_uri() if path.is_absolute() else quote(location)
        return f"-e {place}#egg={project}"
    return f"{project}=={version}"


def _of_conda(text: str, name: str) -> Foreign:
    """Read `conda list --export`, of which pip installs what it installed there."""
    lines, theirs = list[str](), list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _CONDA.fullmatch(line.strip())
        if found is None:
            raise AccelockError(
                f"{name}, line {number}: {line.strip()!r} is not name=version=build, as `conda "
                "list --export` prints it"
            )
        project, version, build = found.groups()
        if build.partition("_")[0] == _FROM_PYPI:
            lines.append(f"{project}=={version}")
        else:
            theirs.append(f"{project} {version} (line {number})")
    if not lines:
        raise AccelockError(
            f"{name}: conda installed all packages in it, and pip none; conda's names are not "
            "PyPI's. For conda's packages, see: accelock conda capture --help; for pip's "
            "packages, make the file with `pip list --format=freeze` in that environment"
        )
    note = f"{name}: conda's own packages stay with conda, and are left out: {', '.join(theirs)}."
    return Foreign(_joined(lines), (note,) if theirs else (), "the output of conda list")


def _of_freeze(text: str, name: str) -> Foreign:
    """Read a requirements file; a wheel that conda built elsewhere is the version in its name."""
    lines, turned = text.splitlines(keepends=True), list[str]()
    for number, line in enumerate(lines):
        found = _BUILT.match(line)
        if found is None:
            continue
        try:
            path = urlsplit(found[2]).path
        except ValueError:  # file://[
            continue
        wheel = parse_filename(path.rpartition("/")[2])
        # Of os.path: a name that is too long is none.
        if wheel is None or wheel.tags is None or os.path.exists(url2pathname(path)):  # noqa: PTH110
            continue
        lines[number] = f"{found[1]}=={wheel.version}\n"
        turned.append(f"{found[1]} {wheel.version} (line {number + 1})")
    note = f"{name}: built on another machine, so taken by version: {', '.join(turned)}."
    return Foreign("".join(lines), (note,) if turned else ())


def _of_toml(text: str, name: str, folder: Path, settings: Settings) -> Foreign:
    """Read a pylock.toml or a poetry.lock.

    :raises AccelockError: it is damaged, has targets already, or is a uv.lock, whose markers are
        those of its edges.
    """
    data = toml.parse(text, name)
    if "lock-version" in data:
        return _of_pylock(data, name, folder, settings)
    metadata = data.get("metadata")
    if isinstance(metadata, dict) and "content-hash" in metadata:
        return _of_poetry(data, name, folder)
    raise AccelockError(
        f"{name} looks like a uv.lock, and rewrite cannot read one. Run: uv export -o "
        "exported.txt, and rewrite that file"
    )


def _of_pylock(data: dict[str, Any], name: str, folder: Path, settings: Settings) -> Foreign:
    file = pylock_file.of_data(data, folder / (Path(name).name), name)
    if len(targets := file.targets(settings)) > 1:
        raise AccelockError(
            f"{name} has {', '.join(map(str, targets))} already, each as an extra of it: pip "
            f"install -r '{name}[{targets[0]}]'"
        )
    return Foreign(_text(file.pins(), folder), kind="a pylock file")


def _of_poetry(data: Mapping[str, Any], name: str, folder: Path) -> Foreign:
    if overlay.read(data, name) is not None:
        raise AccelockError(
            f"{name} has targets already. To add targets, declare them in [tool.accelock] and "
            "lock again, or run: accelock pylock"
        )
    supported = supported_pythons(poetry_lock.pythons_of(data))
    universe = [Place(platform, each) for platform in PLATFORMS.values() for each in supported]
    locked = [poetry_lock.pin(entry, {}) for entry in overlay.packages(data, name)]
    left = [each for each in locked if each.optional or not any(map(each.holds, universe))]
    kept = [each for each in locked if each not in left]
    notes = []
    if left:
        names = ", ".join(dict.fromkeys(each.name for each in left))
        notes.append(f"{name}: packages that only extras require are left out: {names}.")
    project = toml.read(folder / PYPROJECT, PYPROJECT)
    asked = frozenset(poetry_lock.asked_in(project)) if project is not None else None
    if asked is None:
        notes.append(
            f"{name}: there is no {PYPROJECT} next to it, so accelock assumes that the project "
            "requires every package that no other package requires."
        )
    origins = _origins(kept, asked)
    pins = [replace(each, markers={MAIN: pylock.marker_of(each, universe)}) for each in kept]
    return Foreign(_text(pins, folder, origins), tuple(notes), "a poetry.lock")


def _origins(pins: Iterable[Pin], asked: frozenset[str] | None) -> dict[str, list[str]]:
    """Return who asks for each package, in the words of an annotation."""
    found: dict[str, list[str]] = {pin.name: [] for pin in pins}
    for pin in pins:
        for each in pin.requires:
            found.setdefault(each, []).append(pin.name)
    for name, parents in found.items():
        if name in asked if asked is not None else not parents:
            parents.insert(0, f"-r {PYPROJECT}")
    return found


def _text(
    pins: Sequence[Pin], folder: Path, origins: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return the text of a requirements file of pins, which have one marker each.

    :param origins: who asks for each package, by its name.
    """
    # Their logins are in netrc or keyring, as pip and Poetry have them.
    named = (Source(pin.index).without_credentials.template for pin in pins if pin.index)
    lines = [f"--extra-index-url {each.rstrip('/')}" for each in dict.fromkeys(named)]
    for pin in sorted(pins, key=lambda pin: pin.name):
        lines += _block(pin, folder, (origins or {}).get(pin.name, ()))
    return _joined(lines)


def _block(pin: Pin, folder: Path, origins: Sequence[str]) -> Iterator[str]:
    own = pin.markers[MAIN]
    hashes = [f"    --hash=sha256:{each}" for each in sorted(pin.hashes)]
    first = line_of(pin, folder) + (f" ; {own}" if own else "")
    whole = [first, *hashes]
    yield from (f"{each} \\" for each in whole[:-1])
    yield whole[-1]
    if origins:
        yield "    # via"
        yield from (f"    #   {each}" for each in dict.fromkeys(origins))


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
