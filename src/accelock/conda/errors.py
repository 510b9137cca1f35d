"""What can go wrong between a request for a conda environment and its files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.conda.urls import strip_credentials
from accelock.errors import AccelockError, ResolutionError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = [
    "ChannelError",
    "InstallError",
    "RattlerError",
    "UnsatisfiableError",
    "broken_record",
    "unreadable",
    "without_credentials",
    "without_repetition",
]

_TREE = "│├└─ "
_URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s'\"<>)]+", re.IGNORECASE)


class ChannelError(SourceError):
    """A channel could not be read, or is not what it should be."""


class UnsatisfiableError(ResolutionError):
    """No set of packages satisfies a request.

    `specs` are the requirements that cannot be had together, as few of them as were found.
    """

    def __init__(self, message: str, specs: tuple[Spec, ...] = ()) -> None:
        self.specs = specs
        super().__init__(message)


class InstallError(AccelockError):
    """A lock could not be installed; the message says what became of the prefix."""


class RattlerError(AccelockError):
    """py-rattler stopped for a reason of its own: its settings, its cache, its credentials."""


def without_credentials(text: str) -> str:
    """Return a message of a library without the secret parts of the URLs in it."""
    return _URL.sub(lambda found: strip_credentials(found[0]), text)


def without_repetition(text: str) -> str:
    """Return what rattler says of an unsolvable request, with each thing said once.

    A constraint is told anew for every version that it forbids, of which python has hundreds.
    """
    kept: dict[str, str] = {}
    for line in text.splitlines():
        said = line.lstrip(_TREE)
        depth = len(line) - len(said)
        kept.setdefault(f"{depth} {said}", line)
    return "\n".join(kept.values())


def unreadable(told: str, channels: Sequence[str]) -> ChannelError:
    """Return the error for channels, one of which could not be read.

    :param told: what rattler says of it.
    """
    named = channels[0] if len(channels) == 1 else f"one of {', '.join(channels)}"
    reason = told.replace("\nCaused by: ", "; ")
    return ChannelError(
        f"the channel {named} could not be read: {reason}. Check its name or address, and the "
        "network; where it wants credentials, give them to rattler (netrc, RATTLER_AUTH_FILE) or "
        "put them into the URL."
    )


def broken_record(channel: str, name: str, platform: Platform, told: str) -> ChannelError:
    """Return the error for a package of which a channel has a record that cannot be read.

    :param told: what rattler says of it: the fault, without a name.
    """
    fault = told.partition("Caused by: ")[2].partition(" at line")[0] or told
    return ChannelError(
        f"the channel {channel} has a broken record of {name} for {platform.conda_subdir} or "
        f"noarch: {fault}. Tell its owner; another version cannot be had either, for a package's "
        "records are read together."
    )
