"""Reading a TOML file that a user may have edited: plain data, or an error with its line."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r"line (\d+)")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


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
        return _loads(text)
    except ValueError as error:
        conflict = _CONFLICT.search(text)
        if conflict is not None:
            line = text.count("\n", 0, conflict.start()) + 1
            raise TomlError(f"{where}, line {line}: has an unresolved merge conflict") from error
        line_of = _LINE.search(str(error))
        place = f"{where}, line {line_of[1]}" if line_of else where
        raise TomlError(f"{place}: is not valid TOML ({error})") from error


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
