"""TOML that a user may have edited: plain data, or an error with its line; and tables key by key.

Of a table every fault is noted, under its dotted path, and offers the nearest valid word; one run
reports all of them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from accelock.errors import AccelockError, nearest_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

if sys.version_info >= (3, 11):  # many times faster than tomlkit, which Python 3.10 is left with
    from tomllib import loads as _loads
else:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    def _loads(text: str) -> dict[str, Any]:
        try:
            return tomlkit.parse(text).unwrap()
        except TOMLKitError as error:
            raise ValueError(str(error)) from error


__all__ = [
    "Table", "TomlError", "dotted", "kind_of", "line_of", "loads", "not_declared", "parse", "read",
]  # fmt: skip

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")  # TOML 1.0: other keys are quoted
_LINE = re.compile(r"line (\d+)")
_NUL = re.compile(r"\\u0000|\\U00000000")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_T = TypeVar("_T")


def loads(text: str) -> dict[str, Any]:
    """Return the data of TOML text; ValueError says what is wrong, and in which line."""
    if _NUL.search(text):
        raise ValueError("it has a NUL, which no name, path or URL has")
    try:
        return _loads(text)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


class TomlError(AccelockError):
    """A file cannot be read, or is no TOML."""


def read(path: Path, where: str) -> dict[str, Any] | None:
    """Return a TOML file's data, or None where there is no such file.

    :param where: the file, for messages.
    :raises TomlError: it cannot be read, or is no TOML; the message names the line.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TomlError(f"{where}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TomlError(f"{where}: is not UTF-8 at byte {error.start}") from error
    return parse(text, where)


def parse(text: str, where: str) -> dict[str, Any]:
    """Return the data of TOML text.

    :raises TomlError: it is none; the message names the line.
    """
    try:
        return loads(text)
    except ValueError as error:
        conflict = _CONFLICT.search(text)
        if conflict is not None:
            line = text.count("\n", 0, conflict.start()) + 1
            raise TomlError(f"{where}, line {line}: has an unresolved merge conflict") from error
        raise TomlError(f"{where}{line_of(error, text)}: is not valid TOML ({error})") from error


def line_of(error: ValueError, text: str) -> str:
    """Return where in a text `loads` met a fault, to stand behind its name: `, line 3` or ``."""
    if "at end of document" in str(error):  # tomllib's words for the last line
        return f", line {text.rstrip().count(chr(10)) + 1}"
    found = _LINE.search(str(error))
    return f", line {found[1]}" if found else ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file, its dotted path, and where faults go: one list for the whole file."""

    values: Mapping[str, object]
    path: str
    faults: list[str]

    def fault(self, key: str | None, message: str) -> None:
        """Report a fault of `key`, or of the whole table."""
        self.faults.append(f"{self._path(key) if key is not None else self.path}: {message}")

    def only(self, valid: Sequence[str]) -> None:
        """Report every key that is not `valid`."""
        for key in self.values:
            if key not in valid:
                near = nearest_word(key, valid)
                hint = f"did you mean {near!r}?" if near else f"the keys are: {', '.join(valid)}"
                self.fault(key, f"unknown key; {hint}")

    def parsed(self, key: str, text: str, parse: Callable[[str], _T]) -> _T | None:
        """Return what `parse` makes of `text`, or None after reporting why it refused."""
        try:
            return parse(text)
        except AccelockError as error:
            self.fault(key, str(error))
            return None

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a boolean, or the default where it is missing or none."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fault(key, f"must be true or false, not {kind_of(value)}")
            return default
        return value

    def text(self, key: str, parse: Callable[[str], _T]) -> _T | None:
        """Return the parsed string, or None where it is missing or at fault."""
        if key not in self.values:
            return None
        value = self.values[key]
        if isinstance(value, str):
            return self.parsed(key, value, parse)
        self.fault(key, f"must be a string, not {kind_of(value)}")
        return None

    def words(self, key: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        """Return the parsed items of an array of strings that are all different."""
        if key not in self.values:
            return ()
        value = self.values[key]
        if not isinstance(value, list):
            self.fault(key, f"must be an array of strings, not {kind_of(value)}")
            return ()
        if not value:
            self.fault(key, "is empty; name at least one, or remove the key")
        items: list[_T] = []
        array = Table(
            {f"{key}[{place}]": item for place, item in enumerate(value)}, self.path, self.faults
        )
        for place in array.values:
            item = array.text(place, parse)
            if item in items:
                array.fault(place, f"names {item} a second time")
            elif item is not None:
                items.append(item)
        return tuple(items)

    def table(self, key: str, *, rather: str = "") -> Table:
        """Return a table below this one; an empty one where there is none.

        `rather` is what a user may have meant who wrote anything else there.
        """
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            self.fault(key, f"must be a table, not {kind_of(value)}{rather}")
            value = {}
        return Table(value, self._path(key), self.faults)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Return each key of a table of tables."""
        for key in self.values:
            faults = len(self.faults)
            table = self.table(key)
            if len(self.faults) == faults:
                yield key, table

    def array(self, key: str) -> Iterator[Table]:
        """Return the tables of an array of tables, which may be missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.fault(key, f"must be an array of tables ([[...]]), not {kind_of(value)}")
            return
        items = {f"{key}[{place}]": item for place, item in enumerate(value)}
        for _place, table in Table(items, self.path, self.faults).tables():
            yield table

    def _path(self, key: str) -> str:
        bare = _BARE_KEY.fullmatch(key.partition("[")[0])
        written = key if bare else f'"{key}"'
        return f"{self.path}.{written}"


def kind_of(value: object) -> str:
    """Name the TOML type of a value."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a float"),
        (str, "a string"),
        (list, "an array"),
        (Mapping, "a table"),
    )
    return next((name for type_, name in kinds if isinstance(value, type_)), "a date or a time")


def dotted(name: str, values: Mapping[str, object], declared: list[str]) -> str | None:
    """Return the target that TOML took for nested tables: `rocm6.3` for 3 in rocm6."""
    for target in declared:
        first, _, rest = target.partition(".")
        if rest and first == name and rest.partition(".")[0] in values:
            return target
    return None


def not_declared(name: str, declared: list[str]) -> str:
    """Return the fault of a table that is named after a target which the project has not."""
    if not declared:
        return f"{name!r} is not one of tool.accelock.targets, which is missing"
    near = nearest_word(name, declared)
    hint = f"did you mean {near!r}?" if near else f"they are: {', '.join(declared)}"
    return f"{name!r} is not one of tool.accelock.targets; {hint}"
