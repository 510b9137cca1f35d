"""What a Poetry project asks for itself: its dependencies and sources, in all of their spellings.

Pure: plain TOML data in, values out, and nothing of Poetry's imported. A dependency may stand in
``[project]`` (PEP 621), in ``[dependency-groups]`` (PEP 735; Poetry 2.2), or in Poetry's own
tables, which also add to the other two what those cannot say: ``source``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from accelock.targets import PYTHONS, PythonVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAIN = "main"
_BY_HAND = ("url", "git", "path", "file")
_COMMA = re.compile(r"\s*,\s*|\s+(?=[<>=!~^])")  # Poetry takes a space for one
_CARET = re.compile(r"\^\s*(\d+(?:\.\d+)*)")
_TILDE = re.compile(r"~(?!=)\s*(\d+)\.(\d+)((?:\.\d+)*)")
_MINOR = re.compile(r"={0,3}\s*(\d+\.\d+)(?:\.\*)?")


@dataclass(frozen=True, slots=True)
class RootDependency:
    """A dependency of a project in one of its groups.

    :param name: canonical.
    :param group: canonical; ``main`` where it is in none.
    :param sources: what Poetry's tables name as its ``source``; None stands for no source. There
        are several where it has several constraints.
    :param is_direct: it comes from a URL, a repository or a path.
    """

    name: str
    group: str
    sources: tuple[str | None, ...]
    is_direct: bool


@dataclass(frozen=True, slots=True)
class DeclaredSource:
    """A ``[[tool.poetry.source]]``; Poetry's default priority is ``primary``."""

    name: str
    url: str
    priority: str


@dataclass(frozen=True, slots=True)
class PoetryProject:
    """The parts of a pyproject.toml that say where packages come from."""

    asks: tuple[RootDependency, ...]
    sources: tuple[DeclaredSource, ...]

    def named(self, name: str) -> tuple[RootDependency, ...]:
        """Return the dependencies on a project, in all groups; `name` is canonical."""
        return tuple(ask for ask in self.asks if ask.name == name)

    def source(self, name: str) -> DeclaredSource | None:
        """Return the source of that name; Poetry compares without regard to case."""
        return next((each for each in self.sources if each.name.lower() == name.lower()), None)


def is_poetry_project(pyproject: Mapping[str, Any]) -> bool:
    """Tell whether Poetry is what a project is locked with: by its table, or its backend."""
    backend = _table(pyproject, "build-system").get("build-backend", "")
    return "poetry" in _table(pyproject, "tool") or str(backend).startswith("poetry")


def read_project(pyproject: Mapping[str, Any]) -> PoetryProject:
    """Return what a pyproject.toml asks for; what is not as it should be is Poetry's to refuse."""
    poetry = _table(pyproject, "tool", "poetry")
    declared = poetry.get("source", [])
    sources = tuple(
        DeclaredSource(str(s["name"]), str(s.get("url", "")), str(s.get("priority", "primary")))
        for s in (declared if isinstance(declared, list) else [])
        if isinstance(s, dict) and "name" in s
    )
    return PoetryProject(tuple(_asks(pyproject, poetry)), sources)


def project_name(pyproject: Mapping[str, Any]) -> str | None:
    """Return a project's name (PEP 621, else Poetry's), or None where nothing says it."""
    name = _table(pyproject, "project").get("name", _table(pyproject, "tool", "poetry").get("name"))
    return name if isinstance(name, str) and name else None


def declared_python(pyproject: Mapping[str, Any]) -> str:
    """Return the Pythons of a project: `requires-python` (PEP 621), else Poetry's dependency.

    It is empty where neither is there.
    """
    poetry = _table(pyproject, "tool", "poetry", "dependencies").get("python")
    said = _table(pyproject, "project").get("requires-python", poetry)
    return said.strip() if isinstance(said, str) else ""


def alternatives(constraint: str) -> tuple[str, ...]:
    """Return the alternatives of a constraint, PEP 440's with Poetry's `^`, `~` and `||`.

    Each is in the words that PEP 440 and conda share; `*` is any.
    """
    either = re.split(r"\s*\|\|?\s*", constraint.strip()) if constraint.strip() else ()
    return tuple(",".join(map(_term, filter(None, _COMMA.split(each)))) for each in either)


def supported_pythons(constraint: str) -> tuple[PythonVersion, ...]:
    """Return the minor versions of which a constraint of Poetry's allows any release.

    Of a constraint that cannot be read, or that says nothing, they are all.
    """
    either = [_specifiers(each) for each in alternatives(constraint)]
    found = (each for each in PYTHONS if any(_allows(one, each) for one in either))
    return tuple(found) or PYTHONS


def _specifiers(text: str) -> SpecifierSet:
    try:
        return SpecifierSet("" if text == "*" else text)
    except ValueError:
        return SpecifierSet()


def _term(term: str) -> str:
    """Return one term of Poetry's in the words of PEP 440."""
    if found := _CARET.fullmatch(term):
        return f">={found[1]},<{int(found[1].partition('.')[0]) + 1}"
    if found := _TILDE.fullmatch(term):
        return f">={found[1]}.{found[2]}{found[3]},<{found[1]}.{int(found[2]) + 1}"
    if found := _MINOR.fullmatch(term):
        return f"=={found[1]}.*"
    return term


def _allows(specifiers: SpecifierSet, python: PythonVersion) -> bool:
    patches = python.patches(str(specifiers))
    return any(specifiers.contains(python.release(patch)) for patch in patches)


def _asks(pyproject: Mapping[str, Any], poetry: Mapping[str, Any]) -> Iterator[RootDependency]:
    project = _table(pyproject, "project")
    tabled = _table(poetry, "dependencies")
    yield from _joined(MAIN, _main(project), tabled, is_mixed=bool(project.get("dynamic")))
    groups = {canonicalize_name(n): g for n, g in _table(pyproject, "dependency-groups").items()}
    tables = {canonicalize_name(n): g for n, g in _table(poetry, "group").items()}
    for name in dict.fromkeys([*groups, *tables]):
        table = _table(tables.get(name), "dependencies")
        yield from _joined(name, groups.get(name, []), table)
    yield from _joined("dev", [], _table(poetry, "dev-dependencies"))


def _main(project: Mapping[str, Any]) -> list[Any]:
    """Return the requirements of ``[project]``, with those of its extras."""
    extras = _table(project, "optional-dependencies").values()
    found = project.get("dependencies", [])
    lists = [found, *extras]
    return [each for part in lists if isinstance(part, list) for each in part]


def _joined(
    group: str, requirements: list[Any], table: Mapping[str, Any], *, is_mixed: bool = False
) -> Iterator[RootDependency]:
    """Yield a group's dependencies.

    Where there are requirements, Poetry's table only adds to them, unless the project says that
    some of them are `dynamic`.
    """
    tabled = {canonicalize_name(k): _constraints(v) for k, v in table.items() if k != "python"}
    parsed = {canonicalize_name(each.name): each for each in _parsed(requirements)}
    for name in dict.fromkeys([*parsed, *(tabled if is_mixed or not parsed else ())]):
        constraints = tabled.get(name, [])
        yield RootDependency(
            name=name,
            group=group,
            sources=tuple(_source(each) for each in constraints) or (None,),
            is_direct=any(set(_BY_HAND) & set(each) for each in constraints)
            or (name in parsed and parsed[name].url is not None),
        )


def _parsed(requirements: list[Any]) -> Iterator[Requirement]:
    for text in requirements:
        if isinstance(text, str):  # else an include of another group
            try:
                yield Requirement(text)
            except ValueError:
                continue


def _constraints(value: Any) -> list[Mapping[str, Any]]:
    """Return the constraints of a dependency of Poetry's: a version, a table, or several tables."""
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, dict) else {"version": each} for each in values]


def _source(constraint: Mapping[str, Any]) -> str | None:
    source = constraint.get("source")
    return source if isinstance(source, str) else None


def _table(data: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
