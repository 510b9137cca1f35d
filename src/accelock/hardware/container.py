"""Containers: `docker build` sees no GPU, so that a GPU image would silently be a cpu image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.hardware.choice import Rule
from accelock.hardware.vendor import Reason

if TYPE_CHECKING:
    from accelock.hardware.choice import Choice

WARNING = (
    "This is a container in which no GPU was found, as in every image build. If the image is for a "
    "machine with one, set ACCELOCK_TARGET (for example: ENV ACCELOCK_TARGET=cu126)."
)
_OF_THE_LOCK = frozenset({Reason.NO_BUILDS, Reason.NOT_LOCKED})
_NOTHING_SEEN = frozenset({Reason.NO_DRIVER, Reason.NO_GPU})


def warns(choice: Choice) -> bool:
    """Tell whether a choice of cpu was made for want of a GPU that a container may not show.

    A target that has no builds for the platform, or is not locked for it, says nothing of GPUs. Any
    other reason tells of one: a driver that is too old, a GPU that is hidden or has no code.
    """
    if choice.rule is not Rule.LAST_RESORT or not choice.in_container:
        return False
    causes = {each.cause for each in choice.candidates if not each.fits} - _OF_THE_LOCK
    return bool(causes) and causes <= _NOTHING_SEEN
