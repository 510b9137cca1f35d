"""YAML: scalars quoted where a reader could take them for anything but strings, and reading it."""

from __future__ import annotations

import json
import re
from typing import Any

from accelock.errors import AccelockError, MissingExtraError

__all__ = ["YamlError", "load", "scalar"]

# What YAML 1.1 and 1.2 agree to be a string. A version such as 1.10 or 1e5 would be a number.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.+/@=*-]*(?:(?::/{2,3}|:)[A-Za-z0-9_.+/@%~=-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def scalar(text: str) -> str:
    """Return `text` as a YAML string on one line, with quotes where it needs them."""
    if _CONTROL.search(text):
        # YAML's double-quoted style has JSON's escapes, but none for a pair of surrogates.
        written = json.dumps(text, ensure_ascii=False)
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


class YamlError(AccelockError):
    """A text is no YAML; the message names the file and the line."""


def load(text: str, where: str) -> Any:
    """Return what a YAML text says, for a file of the name `where`.

    Raises YamlError, and MissingExtraError without PyYAML.
    """
    try:
        import yaml  # noqa: PLC0415 - of the extra, and only needed to read a file back
    except ImportError as error:
        raise MissingExtraError("conda", f"reading {where}") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built
    try:
        return yaml.load(text.removeprefix("\ufeff"), Loader=loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise YamlError(f"{where}{line}: is not valid YAML") from error
