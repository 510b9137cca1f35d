"""Editing a compiled requirements file in place: other lines for some packages, the rest as it is.

Pure text: which lines to replace, add or drop was decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.lock.requirements import Pin, RequirementsFile


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change in a compiled file.

    :param replaced: name -> its new blocks of lines, in place of all its old ones.
    :param added: name -> its blocks of lines; a package that the file does not have.
    :param dropped: names whose lines go.
    :param dropped_options: physical option lines that go (another target's index).
    :param options: option lines to have, before the first requirement.
    :param comments: comment lines to have at the end of the header.
    """

    replaced: Mapping[str, Sequence[str]] = field(default_factory=dict)
    added: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    dropped_options: frozenset[str] = frozenset()
    options: Sequence[str] = ()
    comments: Sequence[str] = ()


def apply(file: RequirementsFile, edit: Edit) -> str:
    """Return the text of the file with the edit made; its kind of newline is kept."""
    lines = file.text.removeprefix("\ufeff").splitlines()
    spans = _spans(file, edit)
    places = _places(file, edit)
    first = min((pin.lineno for pin in file.pins), default=len(lines) + 1)
    result: list[str] = []
    position = 1
    while position <= len(lines) + 1:
        if position == len(file.header) + 1:
            result.extend(edit.comments)
        if position == _options_line(file, first):
            _add_options(result, edit.options, lines[position - 1 : position])
        for name in places.get(position, ()):
            result.extend(_flat(edit.added[name]))
        if position in spans:
            end, new = spans[position]
            result.extend(new)
            position = end + 1
            continue
        if position <= len(lines):
            result.append(lines[position - 1])
        position += 1
    text = "\n".join(result).rstrip("\n") + "\n"
    return text.replace("\n", file.newline)


def _spans(file: RequirementsFile, edit: Edit) -> dict[int, tuple[int, list[str]]]:
    """Return what stands for the lines from each number on: (last line, new lines)."""
    spans: dict[int, tuple[int, list[str]]] = {}
    done: set[str] = set()
    for pin in file.pins:
        if pin.name in edit.dropped:
            spans[pin.lineno] = (pin.last_lineno, [])
        elif pin.name in edit.replaced:
            new = [] if pin.name in done else _flat(edit.replaced[pin.name])
            spans[pin.lineno] = (pin.last_lineno, new)
            done.add(pin.name)
    for option in file.options:
        if option.raw in edit.dropped_options:
            spans[option.lineno] = (option.lineno + option.raw.count("\n"), [])
    return spans


def _places(file: RequirementsFile, edit: Edit) -> dict[int, list[str]]:
    """Return which added packages stand before which line.

    In a sorted file each stands where it sorts; in any other, behind the last requirement.
    """
    named = [pin for pin in file.pins if pin.name and not pin.editable and pin.url is None]
    in_order = [pin.name for pin in named] == sorted(pin.name for pin in named)
    end = max((pin.last_lineno for pin in file.pins), default=len(file.text.splitlines())) + 1
    places: dict[int, list[str]] = {}
    for name in sorted(edit.added):
        after = _first_behind(named, name) if in_order else None
        places.setdefault(end if after is None else after.lineno, []).append(name)
    return places


def _first_behind(pins: Iterable[Pin], name: str) -> Pin | None:
    return next((pin for pin in pins if pin.name > name), None)


def _options_line(file: RequirementsFile, first: int) -> int:
    """Return the line before which new options stand: behind the old ones, or the header."""
    old = [option for option in file.options if option.lineno < first]
    if old:
        return old[-1].lineno + old[-1].raw.count("\n") + 1
    return len(file.header) + 1


def _add_options(result: list[str], options: Sequence[str], below: Sequence[str]) -> None:
    result.extend(options)
    if options and below and below[0].strip():
        result.append("")


def _flat(blocks: Sequence[str]) -> list[str]:
    return [line for block in blocks for line in block.splitlines()]
