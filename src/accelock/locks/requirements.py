"""Reading a compiled requirements file, whoever made it, without pip.

The rules are those of pip's requirements file format: continuation lines, comments after white
space, options on lines of their own, hashes behind a requirement. Annotations are read in the
styles of pip-compile and uv. Environment variables (`${NAME}`) stay as they are written.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from posixpath import basename
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet

_EDITABLE = re.compile(r"(-e|--editable)(?P<attached>=?)\s*")
_NAMED = re.compile(r"[a-z0-9][a-z0-9._-]*\s*(\[[^\]]*\])?\s*($|[@;(<>=!~])", re.IGNORECASE)
_QUOTED = re.compile(r"""^(["'])(.*)\1$""")
_EXTRAS = re.compile(r"\[([^\]]*)\]$")
_SHELL = re.compile(r"[^!#-&(-\[\]-~ \t\n]")  # quotes, backslashes, and what is not ASCII
_COMMENT = re.compile(r"(^|\s+)(#.*)$")
_ANNOTATION = re.compile(r"\s+#|#\s*via\b")  # indented, or in pip-compile's words
_UNSAFE = "# The following packages are considered to be unsafe in a requirements file:"
_BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONG = {
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
}


class RequirementsError(AccelockError):
    """A line of a requirements file can be read neither as a requirement nor as an option."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option that stands on a line of its own: its flag in the long form, and its value.

    `raw` has the physical lines; a line with several options yields several of these.
    """

    flag: str
    value: str | None
    raw: str
    lineno: int


@dataclass(frozen=True, slots=True)
class RequirementLine:
    """One requirement of a compiled file.

    `name` is canonical (PEP 503), and empty where a path or a URL does not tell it. `version` is
    the pinned one, or that of the wheel that a URL names; None for every other path or URL, and for
    a requirement that is no pin: `specifier` has what it asks for. `marker`
    is in the normal form of `packaging`. `raw` has the physical lines of the requirement, with an
    inline comment; `annotation` has its comments, stripped. Line numbers count from 1;
    `last_lineno` is that of the annotation's last line.
    """

    name: str
    extras: tuple[str, ...]
    version: str | None
    marker: str | None
    hashes: tuple[str, ...]
    raw: str
    annotation: str
    lineno: int
    last_lineno: int
    specifier: str = ""
    url: str | None = None
    editable: bool = False

    @property
    def via(self) -> tuple[str, ...]:
        """Who asks for it, as the annotation says: names, `-r requirements.in`, `-c ...`."""
        lines = [line.lstrip("#").strip() for line in self.annotation.splitlines()]
        told = ",".join(line for line in lines if not line.startswith("from "))
        found = re.match(r"via\b(.*)", told)
        return tuple(word.strip() for word in found[1].split(",") if word.strip()) if found else ()


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A compiled file: the comment lines at its top, its options and requirements, in order."""

    header: tuple[str, ...]
    options: tuple[Option, ...]
    pins: tuple[RequirementLine, ...]
    text: str
    newline: str

    def named(self, name: str) -> tuple[RequirementLine, ...]:
        """Return the pins of one project: several where markers tell them apart."""
        wanted = canonicalize_name(name)
        return tuple(pin for pin in self.pins if pin.name == wanted)

    def values(self, flag: str) -> tuple[str, ...]:
        """Return the values of the option `flag` (in its long form), in the order of the file."""
        return tuple(o.value for o in self.options if o.flag == flag and o.value is not None)


def parse(text: str, where: str = "the requirements file") -> RequirementsFile:
    """Read the text of a requirements file.

    Raises RequirementsError, which names `where`, the line and its number, for what is neither a
    requirement (PEP 508, a path, a URL) nor an option.
    """
    bare = text.removeprefix("\ufeff")
    found = [_read(line, where) for line in logical_lines(bare)]
    return RequirementsFile(
        header=_header(bare),
        options=tuple(
            option for options in found if isinstance(options, list) for option in options
        ),
        pins=tuple(pin for pin in found if isinstance(pin, RequirementLine)),
        text=text,
        newline="\r\n" if "\r\n" in bare else "\n",
    )


def left_out(text: str) -> list[str]:
    """Return the packages that pip-tools leaves out without --allow-unsafe, and names in comments.

    pip installs the newest that any index of the file has of them.
    """
    _, _, below = text.partition(_UNSAFE)
    lines = (line.removeprefix("#").strip() for line in below.splitlines() if line[:1] == "#")
    return [line for line in lines if _BARE_NAME.fullmatch(line)]


def _read(line: Line, where: str) -> RequirementLine | list[Option]:
    try:
        if line.text.startswith("-") and not _EDITABLE.match(line.text):
            found = list(flags(line.text))
            for _flag, value in found:
                urlsplit(value or "")  # of which some are none: https://[
            return [Option(*each, line.raw, line.first) for each in found]
        return _pin(line)
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise RequirementsError(
            f"{where}, line {line.first}: {line.text!r} is neither a requirement nor an option "
            f"({reason})"
        ) from error


def _header(text: str) -> tuple[str, ...]:
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return tuple(lines[:end])


def _pin(line: Line) -> RequirementLine:
    editable = _EDITABLE.match(line.text)
    text, options = without_flags(line.text[editable.end() :] if editable else line.text)
    blank = RequirementLine(
        name="",
        extras=(),
        version=None,
        marker=None,
        hashes=tuple(value for flag, value in flags(options) if flag == "--hash" and value),
        raw=line.raw,
        annotation="\n".join(line.comments),
        lineno=line.first,
        last_lineno=line.last,
        editable=editable is not None,
    )
    if _NAMED.match(text) and not editable:
        return _named(blank, text)
    return _located(blank, _QUOTED.sub(r"\2", text))


def _named(blank: RequirementLine, text: str) -> RequirementLine:
    """Fill in what a PEP 508 requirement says."""
    requirement = Requirement(text)
    return replace(
        blank,
        name=canonicalize_name(requirement.name),
        extras=tuple(sorted(requirement.extras)),
        version=_version_in(requirement.url) or _pinned(requirement.specifier),
        marker=None if requirement.marker is None else str(requirement.marker),
        specifier=str(requirement.specifier),
        url=requirement.url,
    )


def _pinned(specifiers: SpecifierSet) -> str | None:
    """Return the one version that is asked for, as it is written."""
    exact = [s for s in specifiers if s.operator in {"==", "==="}]
    pinned = len(specifiers) == 1 and len(exact) == 1 and not exact[0].version.endswith(".*")
    return exact[0].version if pinned else None


def _located(blank: RequirementLine, text: str) -> RequirementLine:
    """Fill in what a path or a URL says, which may be nothing but where it is."""
    location, _, marker = re.sub(r"\s*;\s+|\s+;\s*", "\0", text, count=1).partition("\0")
    if not re.search(r"[/\\:.]", location):
        raise ValueError("expected a name, a path or a URL")
    extras = _EXTRAS.search(location)
    return replace(
        blank,
        name=_name_in(location.removesuffix(extras[0]) if extras else location),
        version=_version_in(location.removesuffix(extras[0]) if extras else location),
        extras=tuple(sorted(word.strip() for word in extras[1].split(","))) if extras else (),
        marker=str(Marker(marker)) if marker else None,
        url=location,
    )


def _version_in(location: str | None) -> str | None:
    """Return the version of the wheel that a location names, or None."""
    filename = unquote(basename(urlsplit((location or "").replace("\\", "/")).path))
    try:
        return str(parse_wheel_filename(filename)[1])
    except ValueError:
        return None


def _name_in(location: str) -> str:
    """Return the canonical name that a location's `#egg=` or file name tells, or ""."""
    parts = urlsplit(location.replace("\\", "/"))
    if egg := re.search(r"(?:^|&)egg=([A-Za-z0-9._-]+)", parts.fragment):
        return canonicalize_name(egg[1])
    filename = unquote(basename(parts.path))
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0]
        return parse_sdist_filename(filename)[0]
    except ValueError:
        return ""


# Options


def flags(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options in `text` in the long form, each with its value where it has one.

    Raises ValueError for quotes that do not end, and for a word that belongs to no option.
    """
    # `shlex` looks at each letter: of twenty hashes for each pin, a second for a lock of 700.
    words = shlex.split(text) if _SHELL.search(text) else text.split()
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            raise ValueError(f"{word!r} belongs to no option")
        if word.startswith("--"):
            flag, sign, attached = word.partition("=")
            value = attached if sign else None
        else:
            flag, value = word[:2], word[2:] or None
        if value is None and words and not words[0].startswith("-"):
            value = words.pop(0)
        yield _LONG.get(flag, flag), value


def without_flags(text: str) -> tuple[str, str]:
    """Split a requirement from the options behind it, as pip does: at the first word with a `-`."""
    found = re.search(r"\s-", text)
    return (text[: found.start()].strip(), text[found.start() :].strip()) if found else (text, "")


# Lines


class Line(NamedTuple):
    """One logical line: `raw` as it stands, `text` without comment and continuation.

    `comments` are the inline comment and the annotation below; `first` and `last` are physical
    line numbers from 1, the annotation included.
    """

    text: str
    raw: str
    comments: tuple[str, ...]
    first: int
    last: int


def logical_lines(text: str) -> Iterator[Line]:
    """Yield the lines of `text` that hold a requirement or an option, in order."""
    physical = text.splitlines()
    start = 0
    while start < len(physical):
        stop = _end_of_continuation(physical, start)
        raw = physical[start:stop]
        joined, comment = without_comment("".join(map(_joinable, raw)))
        if not joined:
            start = stop
            continue
        below = _end_of_annotation(physical, stop)
        comments = (*filter(None, [comment]), *(line.strip() for line in physical[stop:below]))
        yield Line(joined, "\n".join(raw), comments, start + 1, below)
        start = below


def without_comment(line: str) -> tuple[str, str]:
    """Return what stands before the comment of a line, and the comment from its `#` on.

    A `#` without white space before it belongs to a URL.
    """
    found = _COMMENT.search(line)
    return (line[: found.start()].strip(), found[2].strip()) if found else (line.strip(), "")


def _end_of_continuation(physical: list[str], start: int) -> int:
    """Return the index after the logical line; a comment line ends a continuation, as in pip."""
    for index in range(start, len(physical)):
        line = physical[index]
        if not line.endswith("\\") or line.lstrip().startswith("#"):
            return index + 1
    return len(physical)


def _joinable(line: str) -> str:
    """Return a physical line without its backslash; a space tells a comment from a URL's `#`."""
    return f" {line}" if line.lstrip().startswith("#") else line.rstrip("\\")


def _end_of_annotation(physical: list[str], start: int) -> int:
    index = start
    while index < len(physical) and _ANNOTATION.match(physical[index]):
        index += 1
    return index
