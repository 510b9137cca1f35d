"""Requirements that say where they are: paths, URLs, editables. A rewrite leaves them as they are.

The exception is a wheel of a family by its URL (`torch @ https://.../torch-2.6.0%2Bcpu-....whl`):
it is one build, and has to be turned like a pin.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from accelock.locks.lines import logical_lines
from accelock.locks.options import without_flags

if TYPE_CHECKING:
    from accelock.catalogue import Catalogue
    from accelock.locks.requirements import Pin


def is_located(pin: Pin, catalogue: Catalogue) -> bool:
    """Return whether a line stays as it is: a path or a URL that is no family's wheel."""
    return pin.url is not None and not (_is_of_family(pin, catalogue) and wheel_version(pin))


def is_named(pin: Pin) -> bool:
    """Return whether a line has the form ``name @ URL`` (PEP 508)."""
    return bool(pin.name) and "@" in pin.raw.partition(pin.url or "\0")[0]


def bare(pin: Pin) -> str:
    """Return a line without its options and its comment."""
    line = next(iter(logical_lines(pin.raw)))
    return without_flags(line.text)[0]


def version_of(pin: Pin) -> str | None:
    """Return the version that a line pins, by itself or by the wheel that it names."""
    return pin.version or wheel_version(pin)


def wheel_version(pin: Pin) -> str | None:
    """Return the version in the file name of the wheel that a URL names."""
    filename = unquote(basename(urlsplit(pin.url or "").path))
    try:
        return str(parse_wheel_filename(filename)[1])
    except InvalidWheelFilename:
        return None


def _is_of_family(pin: Pin, catalogue: Catalogue) -> bool:
    found = catalogue.family_of(pin.name) if pin.name else None
    return found is not None and found[1].labelled
