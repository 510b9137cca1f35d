"""The formats of conda's files, by name: the two that are always written, and those on request."""

from __future__ import annotations

from accelock.conda.formats.environment import ENVIRONMENT
from accelock.conda.formats.lock import EXPLICIT, LOCK
from accelock.conda.formats.model import File, Format
from accelock.conda.formats.pixi import PIXI

__all__ = ["ENVIRONMENT", "FORMATS", "LOCK", "File", "Format", "on_request"]

#: A format that is added here is written, kept fresh and checked as all others are.
FORMATS: dict[str, Format] = {each.name: each for each in (ENVIRONMENT, LOCK, EXPLICIT, PIXI)}


def on_request() -> tuple[str, ...]:
    """Return the words that `--format` takes."""
    return tuple(name for name, each in FORMATS.items() if each.on_request)
