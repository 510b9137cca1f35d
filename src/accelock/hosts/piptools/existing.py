"""The accelerated versions that the existing files have, whatever tool wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock.errors import AccelockError
from accelock.locks import requirements
from accelock.locks.journal import is_special

if TYPE_CHECKING:
    from collections.abc import Mapping


def public_versions(files: Mapping[str, str]) -> dict[tuple[str, str], Version]:
    """Return the public versions of the pins in each target's existing file.

    :param files: target name -> the file that its pins are read from, or ``-``.
    :returns: (target name, project name) -> version; of several lines the first.
    """
    found: dict[tuple[str, str], Version] = {}
    for target, name in files.items():
        for pin in _pins(Path(name)):
            version = _public(pin.version)
            if version is not None:
                found.setdefault((target, pin.name), version)
    return found


def _pins(path: Path) -> tuple[requirements.Pin, ...]:
    """Return a file's pins; none of a file that is broken, about which pip-tools has its say."""
    if is_special(path):
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
        return requirements.parse(text, str(path)).pins
    except (OSError, UnicodeDecodeError, AccelockError):
        return ()


def _public(version: str | None) -> Version | None:
    try:
        return Version(Version(version).public) if version else None
    except InvalidVersion:
        return None
