"""What the solve of one environment depends on, put together in one place.

The command that solves and the check that never does both ask here, so that they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.conda import guarantee, overlap
from accelock.conda.header import Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.conda.config import CondaConfig
    from accelock.conda.pins import Pins
    from accelock.conda.spec import Spec
    from accelock.settings.settings import Config
    from accelock.targets import Platform, Target

__all__ = ["inputs_of"]


def inputs_of(
    conda: CondaConfig,
    config: Config,
    target: Target | None,
    platform: Platform,
    group: str | None = None,
    pins: Pins | None = None,
    names: Iterable[str] = (),
    python: Spec | None = None,
) -> Inputs:
    """Return what the solve of one environment on one platform depends on.

    :param pins: pip's pins on this platform.
    :param names: the packages of the solution, or of the lock that is looked at.
    :param python: what `python.constraint` says.

    Raises GuaranteeError for a target that has no builds on the platform.
    """
    system = guarantee.virtual_packages(target, platform, config.levels)
    constraints = (*guarantee.constraints(target, platform), *guarantee.rule(target))
    return Inputs(
        channels=conda.channels,
        specs=conda.specs_for(target, platform, group),
        constraints=(*constraints, python) if python else constraints,
        virtual_packages=tuple(map(str, system)),
        pins=overlap.relevant(pins, names),
        overlap=conda.overlap,
    )
