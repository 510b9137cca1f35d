"""Sources that a user sets outside any file: in the environment, and as options of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.catalogue.source import Source, redact
from accelock.errors import AccelockError, ConfigError, UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelock.catalogue.model import Catalogue

__all__ = ["sources_from_environment", "sources_from_options"]

_PREFIX = "ACCELOCK_SOURCE_"


def sources_from_environment(
    environ: Mapping[str, str], catalogue: Catalogue
) -> Mapping[str, Source]:
    """Return the sources that `ACCELOCK_SOURCE_<FAMILY>` variables set, by family name.

    An empty variable is no variable. Raises ConfigError with every fault.
    """
    families = {_variable(family.name): family.name for family in catalogue.families}
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or not text.strip():
            continue
        if name not in families:
            faults.append(str(UnknownWordError("variable", name, tuple(families))))
            continue
        try:
            sources[families[name]] = Source.parse(text)
        except AccelockError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigError(faults, "environment")
    return sources


def _variable(family: str) -> str:
    return _PREFIX + family.upper().replace("-", "_")


def sources_from_options(words: Iterable[str], catalogue: Catalogue) -> Mapping[str, Source]:
    """Return the sources of `--source FAMILY=URL` options, by family name; the last one wins.

    Raises ConfigError with every fault.
    """
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for word in words:
        name, equals, url = word.partition("=")
        if not equals or ":" in name:  # a URL alone, which may have an = of its own
            faults.append(f"{redact(word)}: write it as FAMILY=URL")
            continue
        try:
            sources[catalogue.family(name).name] = Source.parse(url)
        except AccelockError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigError(faults, "--source")
    return sources
