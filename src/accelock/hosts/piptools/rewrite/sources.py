"""The option lines of a turned file: another target's index goes, this target's comes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from accelock.catalogue import Source
from accelock.hosts.piptools import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.hosts.piptools.engine import Compiled
    from accelock.locks.options import Option
    from accelock.locks.requirements import RequirementsFile

_SOURCES = frozenset({"--index-url", "--extra-index-url", "--find-links"})
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")  # as pip expands them in requirements files


def option_lines(
    file: RequirementsFile, compiled: Compiled
) -> tuple[Mapping[int, Sequence[str]], Sequence[str]]:
    """Return what stands for the old lines of a family's sources, and the lines to have besides.

    A line that the file has already stays. One that differs in the target alone is turned, so that
    its `${TOKEN}` stays in it.
    """
    (target,) = compiled.run.plan.targets
    indexes, pages = files.family_lines(compiled, target)
    wanted = [*(("--extra-index-url", u) for u in indexes), *(("--find-links", u) for u in pages)]
    old: dict[int, list[str]] = {}
    there: set[tuple[str, str]] = set()
    for option in file.options:
        if not _is_of_family(option, compiled):
            continue
        spelt = _turned(option, compiled)
        key = next((w for w in wanted if spelt and _is_same(spelt, w[1]) and w not in there), None)
        beside = _others(file, option, compiled)
        line = [] if key is None else [_line(option, key[0], spelt, alone=not beside)]
        there.update([] if key is None else [key])
        old[option.lineno] = [*old.get(option.lineno, beside), *line]
    changed = {
        option.lineno: old[option.lineno]
        for option in file.options
        if option.lineno in old and old[option.lineno] != option.raw.splitlines()
    }
    return changed, [f"{flag} {url}" for flag, url in wanted if (flag, url) not in there]


def _is_of_family(option: Option, compiled: Compiled) -> bool:
    if option.flag not in _SOURCES or option.value is None:
        return False
    plan = compiled.run.plan
    url = _expanded(option.value)
    return url in plan.source_urls or any(f.recognise(url) for f in plan.catalogue.families)


def _turned(option: Option, compiled: Compiled) -> str:
    """Return an option's URL as it is written, for the target of this run; empty if it has none."""
    (target,) = compiled.run.plan.targets
    for family in compiled.run.plan.catalogue.families:
        template = family.recognise(option.value or "")
        if template is not None:
            return Source(template).url(compiled.run.shelves.variant(family, target))
    return option.value or ""


def _is_same(spelt: str, url: str) -> bool:
    """Return whether a URL is one that the file is to name, but for its credentials."""
    return Source(_expanded(spelt)).without_credentials.template == Source(url).template


def _line(option: Option, flag: str, url: str, *, alone: bool) -> str:
    """Return the option's own line where it says just that; else a new one."""
    same = option.flag == flag and (option.value or "").rstrip("/") == url.rstrip("/")
    return option.raw if same and alone else f"{flag} {url}"


def _others(file: RequirementsFile, option: Option, compiled: Compiled) -> list[str]:
    """Return what else stands on the line of a family's option."""
    beside = [other for other in file.options if other.lineno == option.lineno]
    return [
        f"{other.flag} {other.value}" if other.value is not None else other.flag
        for other in beside
        if not _is_of_family(other, compiled)
    ]


def _expanded(value: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], value)
