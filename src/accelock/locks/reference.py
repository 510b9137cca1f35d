"""Where poetry.lock and pyproject.toml have a family's packages from: our names, and URLs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Collection

    from accelock.catalogue import Family
    from accelock.settings.poetry_project import RootDependency
    from accelock.settings.project import Settings
    from accelock.targets import Target

PREFIX = "accelock-"


def own_name(family: str, target: str) -> str:
    """Return the name of a family's source for a target, where the user has not named it."""
    return f"{PREFIX}{family}-{target}"


def target_of(name: str, family: str) -> str | None:
    """Return the target that a name of ours is for, or None where it is no name of ours.

    Poetry compares the names of sources without regard to case.
    """
    head = own_name(family, "")
    return name.lower().removeprefix(head) if name.lower().startswith(head) else None


@dataclass(frozen=True, slots=True)
class FamilySource:
    """A family's index for a target, as a lock and pyproject.toml name it."""

    family: Family
    name: str
    url: str

    @classmethod
    def of(cls, family: Family, target: Target, settings: Settings) -> FamilySource:
        """Return it; a family whose CPU builds are taken everywhere has that index alone."""
        variant = variant_of(family, target, settings)
        source = settings.config.source(family).without_credentials
        return cls(family, own_name(family.name, variant.name), source.url(variant))

    def is_at(self, url: str) -> bool:
        """Tell whether a URL is this index's."""
        return url.rstrip("/") == self.url


def variant_of(family: Family, target: Target, settings: Settings) -> Target:
    """Return the target whose builds a family takes: cpu, where it is marked `cpuonly`."""
    marked = [name for name, rule in settings.config.packages.items() if rule.cpuonly]
    return CPU if family.name in settings.catalogue.cpuonly_families(marked) else target


def is_own(name: str, settings: Settings) -> bool:
    """Tell whether a source has a name that accelock gives."""
    return any(target_of(name, family.name) for family in settings.catalogue.families)


def is_by_hand(ask: RootDependency, settings: Settings) -> bool:
    """Tell whether the user chose where a dependency comes from; that counts, and not we."""
    return ask.is_direct or any(name and not is_own(name, settings) for name in ask.sources)


def labelled(names: Collection[str], family: Family, settings: Settings) -> tuple[str, ...]:
    """Return the packages of a family whose builds without a label are another variant."""
    found = ((name, settings.catalogue.family_of(name)) for name in sorted(names))
    return tuple(n for n, entry in found if entry and entry[0] == family and entry[1].labelled)
