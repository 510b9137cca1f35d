"""A dependency in Poetry's tables, without what it says by hand: its source, a label, an extra."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from accelock.moving_in.by_hand import build_of, is_pep_440, without_label
from accelock.settings.poetry_project import alternatives
from accelock.targets import PLATFORMS, PYTHONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from accelock.catalogue import Catalogue

_EXTRA_TERM = re.compile(
    r"""\s*\(?\s*extra\s*(?P<operator>==|!=)\s*["'](?P<name>[^"']+)["']\s*\)?\s*"""
)
_RELEASE = re.compile(r"\d+(\.\d+)*([a-z]+\d+)?(\.post\d+)?(\.dev\d+)?")
_VARIABLE = re.compile(r"""(?<!["'\w])[a-z_]{3,}(?!["'\w])""")
_UNSAYABLE = frozenset({"url", "git", "path", "file", "python", "platform", "allow-prereleases"})


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a dependency, as plain TOML data, and what it said by hand.

    :param value: what is left: a version, or a table.
    :param source: the source that it named, of those that go.
    :param target: of that source's index, or of the build that it named.
    :param extras: the extras per accelerator that it was for.
    """

    value: Any
    source: str | None
    target: str | None
    extras: tuple[str, ...]

    @property
    def by_hand(self) -> str:
        """Return what it said that goes, for a finding; nothing where it stays as it is."""
        if self.source is not None:
            return f"its source {self.source}"
        if self.target is not None:
            return f"its build for {self.target}"
        return f"the extra {' and '.join(self.extras)}" if self.extras else ""


def read_constraint(
    name: str,
    value: Any,
    sources: Mapping[str, str | None],
    extras: Collection[str],
    catalogue: Catalogue,
) -> Constraint:
    """Return a constraint without what it says by hand.

    :param value: a version, or a table.
    :param sources: the names of the sources that go, in lower case -> target.
    :param extras: those that stand for accelerators; no term of a marker on them stays.
    """
    table = dict(value) if isinstance(value, dict) else {"version": value}
    in_family = catalogue.family_of(name) is not None
    source = str(table.get("source", "")).lower()
    is_own = in_family and source in sources
    target = sources[source] if is_own else None
    if is_own:
        del table["source"]
    version, url = str(table.get("version", "")), table.get("url")
    build = build_of(name, version, str(url) if url else None, catalogue)
    if build is not None and build.is_listed:
        target = build.target
        if url:
            del table["url"]
            table["version"] = str(build.public)
        else:
            table["version"] = without_label(version)
    found, marker = _without_extras(str(table.get("markers", "")), extras)
    if found:
        table["markers"] = marker
        table = {key: each for key, each in table.items() if key != "markers" or each}
    left: Any = table["version"] if set(table) == {"version"} else table
    return Constraint(left, source if is_own else None, target, found)


def _without_extras(marker: str, extras: Collection[str]) -> tuple[tuple[str, ...], str]:
    """Return the extras that a marker asks for, and the marker without its terms on any of them."""
    terms = re.split(r"\s+and\s+", marker)
    matched = [_EXTRA_TERM.fullmatch(term) for term in terms]
    named = [m for m in matched if m is not None and m["name"] in extras]
    if not named or re.search(r"\s+or\s+", marker):
        return (), marker
    kept = [t for t, m in zip(terms, matched, strict=True) if m is None or m["name"] not in extras]
    return tuple(m["name"] for m in named if m["operator"] == "=="), " and ".join(kept)


def asks_for(marker: str) -> tuple[str, ...]:
    """Return the extras that a marker is for: `extra == "cpu"`."""
    return tuple(
        m["name"]
        for m in map(_EXTRA_TERM.fullmatch, re.split(r"\s+(?:and|or)\s+", marker))
        if m is not None and m["operator"] == "=="
    )


def requirement_of(name: str, value: Any) -> Requirement | None:
    """Return a dependency of Poetry's in the words of PEP 508, None where it cannot be said there.

    What is optional, and is asked for by an extra that goes, is asked for.
    """
    table = value if isinstance(value, dict) else {"version": value}
    if _UNSAYABLE & set(table) or table.keys() & {"source"}:
        return None
    version = _pep_440(str(table.get("version", "*")))
    if version is None:
        return None
    try:
        requirement = Requirement(name)
        requirement.specifier = SpecifierSet(version)
        requirement.extras = set(table.get("extras", ()))
        requirement.marker = Marker(table["markers"]) if table.get("markers") else None
    except ValueError:
        return None
    return requirement


def _pep_440(version: str) -> str | None:
    text = version.strip()
    if text in ("", "*"):
        return ""
    if _RELEASE.fullmatch(text):
        return f"=={text}"
    either = alternatives(text)
    return either[0] if len(either) == 1 and is_pep_440(either[0]) else None


def systems(constraint: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the systems (`sys_platform`) that a constraint is for; None where that is not plain.

    What it says of anything else than systems and processors is not plain.
    """
    marker, platform = str(constraint.get("markers", "")), constraint.get("platform")
    if set(_VARIABLE.findall(marker)) - {"sys_platform", "platform_machine", "platform_system"}:
        return None
    try:
        read = Marker(marker) if marker else None
    except ValueError:
        return None
    there = {each: each.marker_environment(PYTHONS[-1]) for each in PLATFORMS.values()}
    mine = {p for p, here in there.items() if read is None or read.evaluate(here)}
    found = {each.sys_platform for each in mine}
    if {p for p in there if p.sys_platform in found} != mine:  # some processors of a system
        return None
    return frozenset(found if platform is None else found & {str(platform)})


def joined(values: list[Any]) -> Any:
    """Return the value of a dependency that has these constraints: one, where they are the same.

    But for their systems, of which none is left out.
    """
    tables = constraints(values)
    where = [systems(each) for each in tables]
    plain = [{k: v for k, v in t.items() if k not in ("markers", "platform")} for t in tables]
    if len(values) > 1 and None not in where and all(each == plain[0] for each in plain):
        every = {each.sys_platform for each in PLATFORMS.values()}
        if set().union(*(each or () for each in where)) == every:
            return plain[0]["version"] if set(plain[0]) == {"version"} else plain[0]
    return values[0] if len(values) == 1 else tables


def plain_requirement(text: Any, catalogue: Catalogue) -> tuple[Any, str | None]:
    """Return a requirement (PEP 508) without the build that it names, and that build's target."""
    try:
        requirement = Requirement(text)
    except (ValueError, TypeError):  # an include of another group
        return text, None
    build = build_of(requirement.name, str(requirement.specifier), requirement.url, catalogue)
    if build is None or not build.is_listed:
        return text, None
    if build.public is not None:
        requirement.url = None
        requirement.specifier = SpecifierSet(f"=={build.public}")
        return str(requirement), build.target
    before, semicolon, marker = text.partition(";")
    return f"{without_label(before)}{semicolon}{marker}", build.target


def table_value(requirement: Requirement) -> Any:
    """Return a requirement as the value of a name in a target's table of dependencies."""
    version = str(requirement.specifier) or "*"
    if not requirement.extras and requirement.marker is None:
        return version
    extras = {"extras": sorted(requirement.extras)} if requirement.extras else {}
    marker = {"markers": str(requirement.marker)} if requirement.marker else {}
    return {"version": version, **extras, **marker}


def constraints(value: Any) -> list[dict[str, Any]]:
    """Return the constraints of a dependency of Poetry's, each as a table."""
    values = value if isinstance(value, list) else [value]
    return [dict(each) if isinstance(each, dict) else {"version": each} for each in values]


def requirements(texts: Any) -> Iterator[Requirement]:
    """Yield the requirements of an array; what is none is for others to refuse."""
    for text in texts if isinstance(texts, list) else []:
        with contextlib.suppress(ValueError, TypeError):
            yield Requirement(text)
