"""Changing a pyproject.toml: comments and layout stay, and nothing but what was asked for changes.

What is there is edited in place: values with tomlkit, whole tables as the lines that they are. What
is new comes at the end of the file as text, so that no line before it moves.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from accelock import toml
from accelock.errors import AccelockError
from accelock.locks import journal
from accelock.moving_in.lines import blocks, without

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Collection, Iterable, Mapping, Sequence

FILE = "pyproject.toml"
#: The keys of a TOML document from the root, and the numbers of items.
Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")  # TOML 1.0: other keys are quoted


@dataclass(frozen=True, slots=True)
class TextFile:
    """The text of a file with plain newlines, and how its own end."""

    path: pathlib.Path
    text: str
    newline: str = "\n"

    @classmethod
    def read(cls, path: pathlib.Path) -> TextFile:
        """Return the file's text.

        :raises AccelockError: it cannot be read.
        """
        try:
            text = path.read_bytes().decode()
        except OSError as error:
            raise AccelockError(f"{path}: cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            told = f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8"
            raise AccelockError(told) from error
        return cls(path, text.replace("\r\n", "\n"), "\r\n" if "\r\n" in text else "\n")

    @property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.text.replace("\n", self.newline).encode()

    @property
    def data(self) -> dict[str, Any]:
        """Return what it says as TOML.

        :raises AccelockError: it is no TOML.
        """
        return toml.parse(self.text, str(self.path))

    def appended(self, block: str) -> TextFile:
        """Return the file with lines of TOML at its end.

        :raises AccelockError: they do not fit what stands before; the message has them.
        """
        whole = f"{self.text.rstrip()}\n\n{block}" if self.text.strip() else block
        try:
            toml.parse(whole, str(self.path))
        except toml.TomlError as error:
            raise AccelockError(
                f"{self.path}: accelock cannot add these lines to it ({error}). Nothing was "
                f"changed; add them by hand:\n{block}"
            ) from error
        return replace(self, text=whole)

    def write(self) -> None:
        """Write the file, whole or not at all.

        :raises OutputError: it cannot be written.
        """
        journal.write_all({self.path: self.content})


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one value of a TOML document.

    :param value: what it is from now on; None takes it out.
    :param is_new_item: the value is a further item of the array at `path`.
    """

    path: Path
    value: Any = None
    is_new_item: bool = False


def with_targets(file: TextFile, targets: Sequence[str]) -> TextFile:
    """Return the file with a [tool.accelock] table.

    :raises AccelockError: the file's own layout leaves no place for it.
    """
    return file.appended(targets_table(targets))


def targets_table(targets: Sequence[str]) -> str:
    """Return a [tool.accelock] table as text."""
    return f"[tool.accelock]\ntargets = {value_of(list(targets))}\n"


def edited(file: TextFile, edits: Iterable[Edit]) -> TextFile:
    """Return the file with these changes, and with no other.

    :raises AccelockError: it is written in a way in which they cannot be made safely.
    """
    made = list(_whole_tables(file.data, edits))
    wanted = copy.deepcopy(file.data)
    _apply(wanted, made)
    text, rest = _without_tables(file.text, made)
    try:
        document = tomlkit.parse(text)
        _apply(document, rest)
        new = replace(file, text=tomlkit.dumps(document))
        is_right = _plain(new.data) == _plain(wanted)
    except (TOMLKitError, LookupError, AttributeError, TypeError) as error:
        raise AccelockError(_unsafe(file)) from error
    if not is_right:
        raise AccelockError(_unsafe(file))
    return new


def below(data: Any, *path: str | int) -> Any:
    """Return what stands at a path of keys, an empty table where nothing does."""
    for key in path:
        data = data.get(key, {}) if hasattr(data, "get") else {}
    return data


def table_at(data: Any, *path: str | int) -> dict[str, Any]:
    """Return the table at a path of keys, an empty one where there is none."""
    found = below(data, *path)
    return found if isinstance(found, dict) else {}


def inline(values: Mapping[str, Any]) -> Any:
    """Return a table that stands in one line, for tomlkit."""
    table = tomlkit.inline_table()
    table.update(values)
    return table


def key_of(name: str) -> str:
    """Return a key as TOML writes it."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def table_of(target: str) -> str:
    """Return the dotted name of a target's table."""
    return f"tool.accelock.target.{key_of(target)}"


def value_of(value: Any) -> str:
    """Return a value as TOML has it in one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {value_of(each)}" for key, each in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(value_of, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _unsafe(file: TextFile) -> str:
    return (
        f"{file.path}: accelock cannot change it safely in the way in which it is written. "
        "Nothing was changed. Write its tables with headers of their own "
        "([tool.poetry.dependencies]), with one dependency a line, and run this again."
    )


def _whole_tables(data: Any, edits: Iterable[Edit]) -> Iterable[Edit]:
    """Return the changes, where a table whose last key goes is one that goes itself."""
    found = list(edits)
    gone = {edit.path for edit in found if edit.value is None}
    new = {edit.path[:-1] for edit in found if edit.value is not None}
    while True:
        parents = {path[:-1] for path in gone if len(path) > 2} - gone - new  # noqa: PLR2004
        empty = {p for p in parents if _is_gone(_at(data, p), p, gone)}
        if not empty:
            break
        gone |= empty
    whole = [Edit(path) for path in gone if not any(path[:n] in gone for n in range(len(path)))]
    return [*whole, *(edit for edit in found if edit.value is not None)]


def _is_gone(table: Any, path: Path, gone: Collection[Path]) -> bool:
    return isinstance(table, dict) and all((*path, key) in gone for key in table)


def _at(data: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        data = data[key]
    return data


def _apply(data: Any, edits: Iterable[Edit]) -> None:
    """Make the changes in plain data, or in a document of tomlkit; last items of arrays first."""
    last_first = sorted(edits, key=lambda e: [(type(k) is int, k) for k in e.path], reverse=True)
    for edit in last_first:
        table, key = _at(data, edit.path[:-1]), edit.path[-1]
        if edit.is_new_item:
            table[key].append(edit.value)
        elif edit.value is None:
            del table[key]
        elif hasattr(data, "as_string"):
            _set(table, key, edit.value)
        else:
            table[key] = edit.value


def _set(table: Any, key: Any, value: Any) -> None:
    """Change a value of a document of tomlkit; comments between the items of an array stay."""
    old = table[key] if isinstance(table, list) or key in table else None
    if isinstance(old, Table):
        _fill(old, value)
    elif isinstance(old, list) and isinstance(value, list) and len(old) == len(value):
        for number, each in enumerate(value):
            if old[number] != each:
                old[number] = _styled(each)
    else:
        table[key] = _styled(value)


def _fill(table: Any, value: Any) -> None:
    """Give a table with a header of its own other values; a version alone stays in it."""
    wanted = value if isinstance(value, dict) else {"version": value}
    for key in [key for key in table if key not in wanted]:
        del table[key]
    for key, each in wanted.items():
        if table.get(key) != each:
            table[key] = each


def _styled(value: Any) -> Any:
    if isinstance(value, dict):
        return inline(value)
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        array = tomlkit.array()
        for each in value:
            array.append(inline(each))
        return array.multiline(multiline=True)
    return value


def _without_tables(text: str, edits: Iterable[Edit]) -> tuple[str, list[Edit]]:
    """Take out the tables that have headers, as lines; return the changes that are left to make."""
    lines = text.splitlines(keepends=True)
    there = list(blocks(lines))
    gone: set[int] = set()
    rest: list[Edit] = []
    for edit in edits:
        number = edit.path[-1]
        path = edit.path[:-1] if isinstance(number, int) else edit.path
        found = [block for block in there if block.path[: len(path)] == path]
        if isinstance(number, int):
            found = [b for b in found if b.is_array and b.path == path][number : number + 1]
        if edit.value is not None or not found:
            rest.append(edit)
            continue
        gone.update(n for block in found for n in range(block.told, block.stop))
    return "".join(without(lines, gone)), rest


def _plain(data: Any) -> Any:
    """Return data in which a table with a version alone is that version, and no table is empty."""
    if isinstance(data, list):
        return [_plain(each) for each in data]
    if not isinstance(data, dict):
        return data
    kept = {key: _plain(value) for key, value in data.items()}
    kept = {key: value for key, value in kept.items() if value not in ({}, [])}
    return kept["version"] if set(kept) == {"version"} else kept
