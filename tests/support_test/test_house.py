"""Which module may import which, read from the sources: the layers of docs/how-it-works.md."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import accelock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PACKAGE = Path(accelock.__file__).parent
# What alone may import each tool, so that a release of it is met in one place.
HOMES = {
    "pip": "accelock.hosts.piptools",
    "piptools": "accelock.hosts.piptools",
    "poetry": "accelock.hosts.poetry",
    "rattler": "accelock.conda.rattler",
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def imported(text: str, *, typing: bool = True, deferred: bool = True) -> Iterator[str]:
    """Give what a source imports: `module`, and `module.name` for a name from a module.

    :param typing: with what only a type checker imports.
    :param deferred: with what is imported when a function is called.
    """

    def visit(nodes: Iterable[ast.AST]) -> Iterator[str]:
        for node in nodes:
            match node:
                case ast.Import(names=names):
                    yield from (each.name for each in names)
                case ast.ImportFrom(module=module, names=names, level=level):
                    assert level == 0, "a relative import, which ruff refuses"
                    assert module is not None
                    yield from (f"{module}.{each.name}" for each in names)
                case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise) if not typing:
                    yield from visit(otherwise)
                case ast.FunctionDef() | ast.AsyncFunctionDef() if not deferred:
                    pass
                case _:
                    yield from visit(ast.iter_child_nodes(node))

    return visit(ast.parse(text).body)


@cache
def imports_of(name: str) -> tuple[str, ...]:
    return tuple(imported(MODULES[name].read_text(encoding="utf-8")))


def importing(tool: str) -> list[str]:
    return [name for name in MODULES if any(is_in(each, tool) for each in imports_of(name))]


def run_time_imports(*, deferred: bool) -> dict[str, set[str]]:
    """Return, for each of our modules, those of ours that it imports when it runs."""
    graph = {}
    for name, path in MODULES.items():
        found = imported(path.read_text(encoding="utf-8"), typing=False, deferred=deferred)
        # What is imported from a module is a module itself, or a name in it.
        ours = (each if each in MODULES else each.rpartition(".")[0] for each in found)
        graph[name] = {each for each in ours if each in MODULES and each != name}
    return graph


def circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Return the largest sets of modules of which each reaches each other."""
    reached = {name: reachable(graph, name) for name in graph}
    return {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph[ahead.pop()] - found:
            found.add(name)
            ahead.append(name)
    return found


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("import pip._internal.index as index", {}, ["pip._internal.index"]),
        ("from a.b import c, d", {}, ["a.b.c", "a.b.d"]),
        ("class A:\n    def f(self):\n        import rattler", {}, ["rattler"]),
        (
            "try:\n    import rattler\nexcept ImportError:\n    pass",
            {"deferred": False},
            ["rattler"],
        ),
        ("def f():\n    import rattler", {"deferred": False}, []),
        ("if TYPE_CHECKING:\n    import poetry", {}, ["poetry"]),
        ("if TYPE_CHECKING:\n    import poetry\nelse:\n    import pip", {"typing": False}, ["pip"]),
    ],
)
def test_the_reader_of_imports(text: str, options: dict[str, bool], expected: list[str]) -> None:
    assert list(imported(text, **options)) == expected


def test_the_finder_of_circles() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "f"}, "f": {"e"}}
    assert circles(graph) == {frozenset("bc"), frozenset("ef")}


@pytest.mark.parametrize("tool", HOMES)
def test_a_tool_is_imported_in_its_home_alone(tool: str) -> None:
    found = importing(tool)
    assert found, f"nothing imports {tool}: the test looks in the wrong place"
    assert [name for name in found if not is_in(name, HOMES[tool])] == []


@pytest.mark.parametrize("other", ["accelock.hosts", "pip", "piptools", "poetry"])
def test_the_core_that_decides_knows_no_host(other: str) -> None:
    core = [name for name in MODULES if is_in(name, "accelock.resolve")]
    assert core
    assert [name for name in importing(other) if name in core] == []


def test_the_hosts_do_not_import_each_other() -> None:
    hosts = ("accelock.hosts.piptools", "accelock.hosts.poetry")
    for ours, other in (hosts, hosts[::-1]):
        assert [name for name in importing(other) if is_in(name, ours)] == []


def test_no_circle_while_modules_load() -> None:
    assert circles(run_time_imports(deferred=False)) == set()


def test_no_circle_in_what_functions_import_either() -> None:
    assert circles(run_time_imports(deferred=True)) == set()


def test_a_name_of_a_class_is_there_once() -> None:
    """One word has one meaning: who reads `Plan` anywhere knows which."""
    found: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name)

    assert {name: where for name, where in found.items() if len(where) > 1} == {}
