"""What a pyproject.toml says by hand: Poetry's sources, pip-tools' indexes, labels of builds.

A source of a family goes, and what names it asks for the plain package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.locks import reference
from accelock.moving_in.by_hand import FamilyPlace, place_of
from accelock.moving_in.dependencies import (
    Constraint,
    constraints,
    joined,
    plain_requirement,
    read_constraint,
    requirement_of,
    requirements,
    systems,
    table_value,
)
from accelock.moving_in.lines import line_of
from accelock.moving_in.model import Observation, Reading
from accelock.moving_in.pyproject import FILE, Edit, Path, table_at, table_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.requirements import Requirement

    from accelock.catalogue import Catalogue

MAIN: Path = ("tool", "poetry", "dependencies")
EXTRAS: Path = ("project", "optional-dependencies")
GROUPS: Path = ("dependency-groups",)
_PIP_TOOLS: Path = ("tool", "pip-tools")
_SOURCES: Path = ("tool", "poetry", "source")


@dataclass
class PoetryTables:
    """A pyproject.toml as it is read: what was found, and the changes.

    :param sources: the names of the sources that go, in lower case -> target, where it is of one.
    :param extras: those that stand for accelerators -> target; they go.
    :param groups: likewise.
    """

    text: str
    data: dict[str, Any]
    catalogue: Catalogue
    reading: Reading = field(default_factory=Reading)
    edits: dict[Path, Edit] = field(default_factory=dict)
    sources: dict[str, str | None] = field(default_factory=dict)
    extras: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    # What the readers of a pyproject.toml note

    def say(self, path: Path, what: str, becomes: str, target: str | None = None) -> None:
        """Note what stands at a path, what it becomes, and the target that it is for."""
        self.reading.take(self._finding(path, what, becomes), target)

    def stop(self, path: Path, what: str, todo: str) -> None:
        """Note what a person has to decide."""
        self.reading.take(self._finding(path, what, todo, is_open=True))

    def change(self, path: Path, value: Any) -> None:
        """Give a path another value; None takes it out."""
        self.edits[path] = Edit(path, value)

    def for_target(self, target: str, name: str, asked: Requirement | None, path: Path) -> None:
        """Let one target ask for a requirement, None for one that cannot be said there."""
        table = f"[{table_of(target)}.dependencies]"
        if asked is None:
            self.stop(path, f"{name} for {target}", f"write it by hand into {table}")
        else:
            found = self._finding(path, f"{name}, because only {target} requires it", table)
            self.reading.depend(target, canonicalize_name(name), table_value(asked), found)

    def _finding(
        self, path: Path, what: str, becomes: str, *, is_open: bool = False
    ) -> Observation:
        return Observation(FILE, line_of(self.text.splitlines(), path), what, becomes, is_open)

    # Sources

    def read_sources(self) -> None:
        """Note the sources of families."""
        for number, source in enumerate(self._declared()):
            place = place_of(str(source.get("url", "")), self.catalogue)
            if place is None or reference.target_of(source["name"], place.family.name):
                continue
            self.sources[source["name"].lower()] = place.target
            parts = place.becomes
            if source.get("priority", "primary") not in ("explicit", "supplemental"):
                parts.append("all other packages then come from PyPI or your other sources")
            said = f"{source['name']}, {place.said}"
            becomes = f"{', '.join(parts) or 'nothing'}; the source goes"
            self.say((*_SOURCES, number), said, becomes, place.target)
            self._read_at(place)

    def read_pip_tools(self) -> None:
        """Take the indexes of families out of pip-tools' own settings."""
        for key, value in table_at(self.data, *_PIP_TOOLS).items():
            if key.replace("_", "-") not in ("index-url", "extra-index-url", "find-links"):
                continue
            urls = value if isinstance(value, list) else [value]
            places = [place_of(str(url), self.catalogue) for url in urls]
            for place in filter(None, places):
                becomes = f"{', '.join(place.becomes) or 'nothing'}; it goes"
                self.say((*_PIP_TOOLS, key), f"{key}, {place.said}", becomes, place.target)
                self._read_at(place)
            if any(places):
                left = [url for url, place in zip(urls, places, strict=True) if place is None]
                self.change((*_PIP_TOOLS, key), left or None)

    def _read_at(self, place: FamilyPlace) -> None:
        """Note where a family is read, which the last finding tells."""
        if place.source is not None:
            known = self.reading.sources.setdefault(place.family.name, {})
            known.setdefault(place.source, self.reading.findings[-1])

    def drop_sources(self) -> None:
        """Take out the sources that nothing names any more."""
        kept = {
            source_of(each)
            for _, table in self._tables(of_accelerators=True)
            for name, value in table.items()
            for each in constraints(value)
            if self.catalogue.family_of(name) is None
        }
        for number, source in enumerate(self._declared()):
            path, name = (*_SOURCES, number), source["name"].lower()
            if name in self.sources and name not in kept:
                self.change(path, None)
            elif name in self.sources:
                self.say(path, f"{source['name']} has other packages too", "the source stays")

    def _declared(self) -> list[dict[str, Any]]:
        declared = table_at(self.data, "tool", "poetry").get("source", [])
        there = declared if isinstance(declared, list) else []
        return [s for s in there if isinstance(s, dict) and isinstance(s.get("name"), str)]

    # Dependencies

    def read_dependencies(self) -> None:
        """Note what names such a source or a build, in all tables but those that go."""
        for path, table in self._tables():
            apart = self.of_some_extras if path == MAIN else set()
            for name, value in table.items():
                if name != "python" and name not in apart:
                    self._read((*path, name), name, value)
        arrays: dict[Path, Any] = {
            ("project", "dependencies"): table_at(self.data, "project").get("dependencies", [])
        }
        for root, gone in ((EXTRAS, self.extras), (GROUPS, self.groups)):
            table = table_at(self.data, *root)
            arrays |= {(*root, key): each for key, each in table.items() if key not in gone}
        for path, array in arrays.items():
            for number, text in enumerate(array if isinstance(array, list) else []):
                plain, target = plain_requirement(text, self.catalogue)
                if target is not None:
                    self.change((*path, number), plain)
                    self.say((*path, number), f"{text}, a build for {target}", plain, target)

    def asked(self) -> list[Requirement]:
        """Return the requirements of [project]."""
        return list(requirements(table_at(self.data, "project").get("dependencies", [])))

    @property
    def extras_of_poetry(self) -> dict[str, list[Any]]:
        """Return the extras in Poetry's own table, each with the dependencies that it names."""
        extras = table_at(self.data, "tool", "poetry", "extras")
        return {extra: names for extra, names in extras.items() if isinstance(names, list)}

    @property
    def of_some_extras(self) -> set[str]:
        """Return the dependencies that some of the extras that go name, and not all of them."""
        own = self.extras_of_poetry
        named = [set(own[extra]) for extra in self.extras if extra in own]
        return set[str]().union(*named) - set.intersection(*named) if named else set()

    def constraint(self, name: str, value: Any) -> Constraint:
        """Return a constraint of a dependency without what it says by hand."""
        return read_constraint(name, value, self.sources, self.extras, self.catalogue)

    def without_optional(self, name: str, value: Any) -> Any:
        """Return a value that is not optional, where it was that for the extras that go alone."""
        if not isinstance(value, dict) or "optional" not in value:
            return value
        using = {extra for extra, names in self.extras_of_poetry.items() if name in names}
        if not using or using - set(self.extras):
            return value
        left = {key: each for key, each in value.items() if key != "optional"}
        return left["version"] if set(left) == {"version"} else left

    def _tables(self, *, of_accelerators: bool = False) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield Poetry's tables of dependencies; those of groups that go too, where asked."""
        poetry = table_at(self.data, "tool", "poetry")
        groups = [n for n in table_at(poetry, "group") if of_accelerators or n not in self.groups]
        inner = [("group", name, "dependencies") for name in groups]
        for path in (("dependencies",), ("dev-dependencies",), *inner):
            yield ("tool", "poetry", *path), table_at(poetry, *path)

    def _read(self, path: Path, name: str, value: Any) -> None:
        asked = constraints(value)
        of_apple = [table for table in asked if self._is_apples(name, table, asked)]
        for table in of_apple:
            table.pop("source", None)
        found = [self.constraint(name, table) for table in asked]
        by = dict.fromkeys(each.by_hand for each in found if each.by_hand)
        left = self._joined(path, name, found) if by else None
        if left is None:
            return
        self.change(path, left if left != {} else None)
        becomes = "[project] requires it" if left == {} else f"{name} = {value_of(left)}"
        self.say(path, f"{name} by {', '.join(by)}", becomes)
        for each in found:
            if each.target is not None:
                self.reading.targets.setdefault(each.target, self.reading.findings[-1])
        if of_apple:
            self.say(path, f"{name} on macOS", 'the build for "cpu" that is there', "cpu")

    def _is_apples(self, name: str, constraint: Any, asked: Sequence[Any]) -> bool:
        """Tell whether this is what macOS alone gets from PyPI, beside a build for other systems.

        What PyPI has of a family for macOS is what the family has there for cpu.
        """
        return (
            self.catalogue.family_of(name) is not None
            and any(source_of(each) in self.sources for each in asked)
            and source_of(constraint) in ("", "pypi")
            and systems(constraint) == frozenset({"darwin"})
        )

    def _joined(self, path: Path, name: str, found: Sequence[Constraint]) -> Any:
        """Return one value for all targets, or None where a person has to decide."""
        values = [self.without_optional(name, each.value) for each in found]
        by_target: dict[str | None, list[Any]] = {}
        for each, value in zip(found, values, strict=True):
            target = each.target or next((self.extras[extra] for extra in each.extras), None)
            by_target.setdefault(target, []).append(value)
        if len(by_target.keys() - {None}) < 2:  # noqa: PLR2004 - others are for other platforms
            return joined([value for n, value in enumerate(values) if value not in values[:n]])
        lists = list(by_target.values())
        if None not in by_target and all(each == lists[0] for each in lists):
            return joined(lists[0])
        asked = {t: requirement_of(name, v[0]) for t, v in by_target.items() if len(v) == 1}
        if None in by_target or len(asked) < len(by_target) or None in asked.values():
            todo = "write by hand what each target gets: [tool.accelock.target.X.dependencies]"
            self.stop(path, f"the builds of {name} for several targets differ", todo)
            return None
        for target, requirement in asked.items():
            self.for_target(str(target), name, requirement, path)
        is_asked = canonicalize_name(name) in {canonicalize_name(r.name) for r in self.asked()}
        return {} if is_asked else "*"


def source_of(constraint: dict[str, Any]) -> str:
    """Return the source that a constraint names, in lower case, as Poetry compares them."""
    return str(constraint.get("source", "")).lower()
