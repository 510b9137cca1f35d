"""What the checks of one file and of many share: the project, and what a line of a file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from accelock.errors import MetadataError
from accelock.locks import markers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.catalogue import Catalogue, Family
    from accelock.locks.markers import Place
    from accelock.locks.requirements import Pin
    from accelock.report.files import Compiled
    from accelock.settings.settings import Config
    from accelock.targets import Target


@dataclass(frozen=True, slots=True)
class Project:
    """What is known beside the file: the catalogue with the project's own packages, and its table.

    `config` has the defaults where there is no [tool.accelock].
    """

    catalogue: Catalogue
    config: Config


def holds_at(pin: Pin, place: Place) -> bool:
    """Tell whether a line counts on a platform and Python; unknown markers are taken to."""
    try:
        return pin.marker is None or markers.may_hold(pin.marker, place)
    except MetadataError:
        return True


def public_version(pin: Pin) -> str | None:
    """Return the version without its label, normalised, or None where it has none."""
    version = _version(pin)
    return version.public if version else None


def label_of(pin: Pin) -> str:
    """Return the local version label, normalised, or an empty text where it has none."""
    version = _version(pin)
    return (version.local or "") if version else ""


def lockstep_names(compiled: Compiled, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the packages of a file that have one public version over all cells."""
    names = dict.fromkeys(pin.name for pin in compiled.requirements.pins)
    found = {name: catalogue.family_of(name) for name in names}
    return tuple(name for name, entry in found.items() if entry and entry[1].lockstep)


def are_apart(name: str, first: Target, second: Target, project: Project) -> bool:
    """Tell whether one of two targets is out of lockstep, because it alone pins a package.

    What belongs together has to differ with it: torchvision where torch is pinned.
    """
    own = project.config.pins_of(first) | project.config.pins_of(second)
    return bool(own & {name, *project.catalogue.companions(name)})


def of_families(compiled: Compiled, project: Project) -> Iterator[tuple[Family, Pin]]:
    """Yield the lines of packages that the catalogue knows, each with its family."""
    for pin in compiled.requirements.pins:
        entry = project.catalogue.family_of(pin.name) if pin.name else None
        if entry is not None:
            yield entry[0], pin


def _version(pin: Pin) -> Version | None:
    try:
        return Version(pin.version) if pin.version else None
    except InvalidVersion:
        return None
