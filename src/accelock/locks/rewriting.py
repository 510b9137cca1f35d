"""Editing a compiled requirements file in place: other lines for some packages, the rest as it is.

Pure text: which lines to replace, add or drop was decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.locks.requirements import Pin, RequirementsFile

UNSAFE_COMMENT = "# The following packages are considered to be unsafe in a requirements file:"
UNSAFE_NAMES = frozenset({"distribute", "pip", "setuptools"})


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change in a compiled file. Lines are numbered from 1.

    :param pins: the line that a requirement begins at -> the lines to have in its place, with its
        annotation; none where it goes.
    :param added: name -> the lines of a package that the file does not have.
    :param old_options: the line that options stand at -> the lines to have in its place.
    :param options: option lines to have besides, before the first requirement.
    :param comments: comment lines to have at the end of the header.
    """

    pins: Mapping[int, Sequence[str]] = field(default_factory=dict)
    added: Mapping[str, Sequence[str]] = field(default_factory=dict)
    old_options: Mapping[int, Sequence[str]] = field(default_factory=dict)
    options: Sequence[str] = ()
    comments: Sequence[str] = ()


def apply(file: RequirementsFile, edit: Edit) -> str:
    """Return the text of the file with the edit made; its kind of newline is kept."""
    lines = file.text.removeprefix("\ufeff").splitlines()
    spans = _spans(file, edit)
    before = _insertions(file, edit, lines)
    result: list[str] = []
    position = 1
    while position <= len(lines) + 1:
        result.extend(before.get(position, ()))
        if position in spans:
            last, new = spans[position]
            result.extend(new)
            position = last + 1
            continue
        if position <= len(lines):
            result.append(lines[position - 1])
        position += 1
    text = "\n".join(_without_gaps(result)) + "\n"
    return text.replace("\n", file.newline)


def _spans(file: RequirementsFile, edit: Edit) -> dict[int, tuple[int, Sequence[str]]]:
    """Return what stands for the lines from each number on: (last line, new lines)."""
    pins = {pin.lineno: pin.last_lineno for pin in file.pins}
    options = {option.lineno: option.lineno + option.raw.count("\n") for option in file.options}
    return {
        first: (last[first], new)
        for last, news in ((pins, edit.pins), (options, edit.old_options))
        for first, new in news.items()
    }


def _insertions(file: RequirementsFile, edit: Edit, lines: Sequence[str]) -> dict[int, list[str]]:
    """Return the lines to have before each line; those after the last line, behind all."""
    before: dict[int, list[str]] = {}
    before.setdefault(len(file.header) + 1, []).extend(edit.comments)
    place = _options_line(file)
    if edit.options:
        follows = lines[place - 1] if place <= len(lines) else ""
        before.setdefault(place, []).extend((*edit.options, *([""] if follows.strip() else ())))
    for name in sorted(edit.added):
        before.setdefault(_place(file, name, lines), []).extend(edit.added[name])
    return before


def _place(file: RequirementsFile, name: str, lines: Sequence[str]) -> int:
    """Return the line before which a new package stands.

    In a sorted file it stands where it sorts; in any other, behind the last requirement. Below
    pip-compile's comment on unsafe packages stand those, and no others.
    """
    unsafe = lines.index(UNSAFE_COMMENT) + 1 if UNSAFE_COMMENT in lines else len(lines) + 1
    pins = [pin for pin in file.pins if (pin.lineno > unsafe) == (name in UNSAFE_NAMES)]
    pins = pins if UNSAFE_COMMENT in lines else list(file.pins)
    end = max((pin.last_lineno for pin in pins), default=len(file.header)) + 1
    return _sorted_place(pins, name, end)


def _sorted_place(pins: Iterable[Pin], name: str, end: int) -> int:
    named = [pin for pin in pins if pin.name and not pin.editable and pin.url is None]
    if [pin.name for pin in named] != sorted(pin.name for pin in named):
        return end
    return next((pin.lineno for pin in named if pin.name > name), end)


def _options_line(file: RequirementsFile) -> int:
    """Return the line before which new options stand: behind the old ones, or the header."""
    first = min((pin.lineno for pin in file.pins), default=len(file.text.splitlines()) + 1)
    old = [option for option in file.options if option.lineno < first]
    if old:
        return old[-1].lineno + old[-1].raw.count("\n") + 1
    return len(file.header) + 1


def _without_gaps(lines: Sequence[str]) -> list[str]:
    """Return the lines without what is left over at either end where lines went.

    That is blank lines, and pip-compile's comment on unsafe packages with none below it.
    """
    kept = list(lines)
    while kept and (not kept[-1].strip() or kept[-1] == UNSAFE_COMMENT):
        kept.pop()
    while kept and not kept[0].strip():
        kept.pop(0)
    return kept
