"""That no two versions of a package are wanted in one environment: pure, over a solution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from poetry.core.version.markers import BaseMarker

    from accelock.hosts.poetry.merging import Solved

_EXTRA = re.compile(r"""extra [!=]= ["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Versions of one package that one environment would get together."""

    name: str
    versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {' and '.join(self.versions)}"


def duplicates(solved: Solved, environments: Iterable[Mapping[str, Any]]) -> tuple[Duplicate, ...]:
    """Return the packages that an environment (PEP 508) would get in several versions.

    :param environments: those that the solution is for. Each is tried without extras, and with
        every extra that a marker names.
    """
    by_name: dict[str, dict[str, list[BaseMarker]]] = {}
    for package, info in solved.items():
        versions = by_name.setdefault(package.name, {})
        versions.setdefault(package.version.text, []).extend(info.markers.values())
    several = {name: versions for name, versions in by_name.items() if len(versions) > 1}
    places = list(environments) if several else []
    return tuple(
        Duplicate(name, found)
        for name, versions in several.items()
        if (found := next(_together(versions, places), None)) is not None
    )


def _together(
    versions: Mapping[str, Iterable[BaseMarker]], environments: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, ...]]:
    texts = (str(marker) for markers in versions.values() for marker in markers)
    extras = ["", *dict.fromkeys(name for text in texts for name in _EXTRA.findall(text))]
    for environment in environments:
        for extra in extras:
            here = {**environment, "extra": extra}
            true = [v for v, ms in versions.items() if any(m.validate(here) for m in ms)]
            if len(true) > 1:
                yield tuple(true)
