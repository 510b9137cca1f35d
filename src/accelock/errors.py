"""Every way in which accelock fails on purpose.

One root, so that a door (the console application, the Poetry plugin) can turn all of them into a
line on stderr and an exit code. `str(error)` is the complete message for a user: what happened,
where, and what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "AccelockError",
    "BudgetError",
    "ConfigError",
    "LockstepError",
    "MetadataError",
    "MissingExtraError",
    "OfflineError",
    "OutputError",
    "ResolutionError",
    "SourceError",
    "UnknownWordError",
    "UsageError",
    "nearest_word",
]

NEAR = 0.67
"""The least likeness (`difflib`'s ratio) of a word that is offered instead of another.

"gpu" is as near to "cpu" as to "xpu", by 2/3, and neither is what was meant.
"""


class AccelockError(Exception):
    """Base of all; `str(e)` is the complete message for a user, without a traceback.

    `exit_code` is what the process ends with when nothing catches the error.
    """

    exit_code: int = 1


class ConfigError(AccelockError):
    """A `[tool.accelock]` table, or the file around it, is not what it should be.

    Takes every fault that was found and the file that has them; `faults` keeps them one by one,
    each already naming its key path.
    """

    def __init__(self, faults: Iterable[str], where: str) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        self.where = where
        if len(self.faults) == 1:
            message = f"{where}: {self.faults[0]}"
        else:
            lines = "".join(f"\n  - {fault}" for fault in self.faults)
            message = f"{where}: {len(self.faults)} faults:{lines}"
        super().__init__(message)


class BudgetError(AccelockError):
    """A target would have what the project denies it, or download more than it allows.

    Takes all faults, and what to do about them.
    """

    def __init__(self, faults: Sequence[str], todo: str) -> None:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(
            f"this lock is not what the project allows:{lines}\nNothing was written: {todo}."
        )


class OfflineError(AccelockError):
    """What an offline run needs is not in the cache. Unlike a SourceError, nothing passes over it.

    Takes the message, which names what is missing.
    """


class UsageError(AccelockError):
    """A word of the command line, or of a variable, is none that can stand there; or one lacks."""

    exit_code = 2


class UnknownWordError(UsageError):
    """A target, platform, family or version that accelock does not know.

    In a file it is one of the file's faults: a ConfigError. Takes the kind of word ("target"), the
    word as it was given, the valid ones in the order in which to list them, the nearest of them
    where the caller knows better than the spelling ("" if none is), what else
    there is to say of the word, which stands behind it, and how to choose from the list.
    """

    def __init__(
        self,
        what: str,
        word: str,
        valid: Sequence[str],
        *,
        nearest: str | None = None,
        note: str = "",
        advice: str = "",
    ) -> None:
        self.what = what
        self.word = word
        self.valid: tuple[str, ...] = tuple(valid)
        self.nearest = nearest_word(word, self.valid) if nearest is None else nearest or None
        if self.nearest is not None:
            hint = f"did you mean {self.nearest!r}?"
        elif self.valid:
            hint = f"choose one of: {', '.join(self.valid)}{f'. {advice}' if advice else ''}"
        else:
            hint = f"there is no {what} to choose from"
        super().__init__(f"unknown {what} {word!r}{f' ({note})' if note else ''}; {hint}")


class SourceError(AccelockError):
    """An index or a find-links page could not be read, or is not what it should be."""


class MetadataError(AccelockError):
    """The core metadata of a file could not be had, or is not what its hash says."""


class ResolutionError(AccelockError):
    """No set of versions satisfies what was asked for on some cell."""


class LockstepError(ResolutionError):
    """No single public version of a lockstep package exists on every cell."""


class OutputError(AccelockError):
    """A file could not be written; every file is as it was."""


class MissingExtraError(AccelockError):
    """A feature needs one of accelock's extras, which is not installed."""

    def __init__(self, extra: str, feature: str) -> None:
        self.extra = extra
        self.feature = feature
        super().__init__(self._told(plugin=False))

    def for_plugin(self) -> str:
        """Return the message for who has accelock as Poetry's plugin."""
        return self._told(plugin=True)

    def _told(self, *, plugin: bool) -> str:
        from accelock.installation import command_for  # noqa: PLC0415 - it reads metadata

        command = command_for(self.extra, plugin=plugin)
        return (
            f"{self.feature} needs the extra {self.extra!r}, which is not installed. Run: {command}"
        )


def nearest_word(word: str, valid: Iterable[str]) -> str | None:
    """Return the word of `valid` that is spelt most like `word`, or None where none is near.

    Upper and lower case are the same here. Ties go to the first one of `valid`.
    """
    best, score = None, NEAR
    for candidate in valid:
        ratio = difflib.SequenceMatcher(None, word.lower(), candidate.lower()).ratio()
        if ratio > score:
            best, score = candidate, ratio
    return best
