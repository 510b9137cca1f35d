"""Cells that are verified by a walk get what pip's resolver would have found for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_sites import WHEREVER, binary, pure
from tests.piptools.test_every_cell import PROJECTS
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.piptools.support_project import Project
    from tests.support.sites import Site

# Runs the command with pip's resolver for each cell, and says how often it was asked.
SOLVING = """\
import sys
from pip._internal.resolution.resolvelib.resolver import Resolver
from accelock import cli
from accelock.hosts.piptools import verified

solves = []
resolve = Resolver.resolve
Resolver.resolve = lambda *args, **kwargs: solves.append(1) or resolve(*args, **kwargs)
if sys.argv.pop(1) == "solved":
    verified.solution = lambda *args: None
code = cli.main(sys.argv[1:])
print(len(solves))
sys.exit(code)
"""


WORDS = ("-q", "--allow-unsafe", "--strip-extras", "-t", "cpu", "-t", "cu126")


def run(project: Project, way: str, *words: str) -> tuple[str, int]:
    """Compile; return the files, and how often pip's resolver was asked."""
    done = project.python("-c", SOLVING, way, "compile", *WORDS, *words)
    assert done.returncode == 0, done.stderr
    texts = [project.read(f"requirements.{target}.txt") for target in ("cpu", "cu126")]
    return "".join(texts), int(done.stdout.splitlines()[-1])


def both(
    project: Project, steps: Sequence[tuple[str, ...]], *words: str
) -> dict[str, list[tuple[str, int]]]:
    """Compile in steps, each with other lines in the input, in both ways from nothing."""
    found: dict[str, list[tuple[str, int]]] = {}
    for way in ("solved", "verified"):
        for target in ("cpu", "cu126"):
            (project.folder / f"requirements.{target}.txt").unlink(missing_ok=True)
        for lines in steps:
            project.write(requirements_in="".join(f"{line}\n" for line in lines))
            found.setdefault(way, []).append(run(project, way, *words))
    return found


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "torch"])
def test_whole_projects(project: Project, name: str) -> None:
    """A first file, the same again, and one with a requirement more."""
    lines = PROJECTS[name].splitlines()
    steps = [(*lines,), (*lines,), (*lines, "uvicorn[standard]")]
    found = both(project, steps, "--generate-hashes")

    assert [text for text, _ in found["verified"]] == [text for text, _ in found["solved"]]
    assert found["verified"][1][1] == 0
    assert all(
        few < many for (_, few), (_, many) in zip(found["verified"], found["solved"], strict=True)
    )


@pytest.fixture(scope="module")
def awkward() -> Iterator[IndexServer]:
    """An index of what a walk has to leave to pip, or to read as pip does."""
    mac = 'tail==1 ; sys_platform == "darwin"'
    extras = ('tail<3 ; extra == "short"', 'held ; extra == "typo"', "base")
    files = [
        wheel("extras", "1", requires=extras, extras=["short"]),
        pure("asks-extras", "1", "extras[short,typo]"),
        *(pure("tail", version) for version in ("1", "2", "3", "4rc1")),
        *binary("by-system", "1", WHEREVER[0], requires=("tail<3",)),
        *binary("by-system", "1", *WHEREVER[1:], requires=(mac, 'tail ; os_name == "nt"')),
        *binary("grows", "1"),
        *binary("grows", "2", WHEREVER[0]),
        pure("base", "1", "grows"),
        sdist("built", "1", ["tail"], dynamic=True),
        sdist("static", "1", ["tail>=2"]),
        pure("only-pre", "1rc1", "tail>=4rc1"),
        pure("free", "1"),
        pure("free", "2", "held<2"),
        pure("held", "1"),
        pure("held", "2"),
        pure("withdrawn", "1"),
        pure("withdrawn", "2"),
        pure("newest", "1", python=">=3.8"),
        pure("newest", "2", python=">=4"),
    ]
    site = pytorch_site().with_files("/simple", *files)
    pypi = site.index("/simple")
    withdrawn = tuple(
        replace(each, yanked="broken" if each.distribution.version == "2" else None)
        for each in pypi.projects["withdrawn"]
    )
    pypi = replace(pypi, projects={**pypi.projects, "withdrawn": withdrawn})
    others = (each for each in site.indexes if each.path != pypi.path)
    with IndexServer(replace(site, indexes=(*others, pypi))) as server:
        yield server


STEPS = {
    "extras": ("asks-extras",),
    "files of one version that differ": ("by-system", "tail"),
    "a version that one platform lacks": ("base",),
    "metadata that is built": ("built", "tail"),
    "static metadata": ("static",),
    "pre-releases": ("only-pre",),
    "yanked": ("withdrawn==2",),
    "an order that counts": ("held", "free"),
    "Requires-Python": ("newest",),
    "an extra of the input": ("extras[short]", "extras[typo]"),
    "markers": ('tail<2 ; sys_platform == "darwin"', 'tail ; sys_platform != "darwin"'),
}
# What is read of pip's finder and of its metadata; the rest is the walk's own.
ON_EACH_PIP = ("files of one version that differ", "static metadata", "an extra of the input")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.internals] if name in ON_EACH_PIP else [])
        for name in STEPS
    ],
)
def test_awkward_packages(
    name: str, awkward: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    """From nothing, and again with torch beside it and a constraint."""
    lines = STEPS[name]
    project = project_at(awkward).write(limits_txt="tail<3\n")
    more = ("torch<2.7", *(("-c limits.txt",) if name != "pre-releases" else ()))
    steps = [lines, (*lines, *more)]
    found = both(project, steps)

    assert [text for text, _ in found["verified"]] == [text for text, _ in found["solved"]]


@pytest.mark.internals
def test_a_release_with_a_broken_requirement_is_what_it_is_to_pip(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """pip goes on to another version since 24.1."""
    odd = wheel("odd", "2", requires=("six",))
    metadata = odd.metadata.replace(b"Requires-Dist: six", b"Requires-Dist: six >=oops!!")
    odd = replace(odd, metadata=metadata)
    site = pytorch_site().with_files("/simple", wheel("odd", "1"), odd)
    project = project_at(serve(site.configured("/", ranges=False)))
    project.write(requirements_in="odd\n")
    assert project.pip_compile("-q", "-o", "theirs.txt", "requirements.in").returncode == 0
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64")

    assert project.pins() == project.pins("theirs.txt")


def test_a_pinned_source_distribution_is_built_and_nothing_is_solved(
    awkward: IndexServer, project_at: Callable[[IndexServer], Project]
) -> None:
    project = project_at(awkward).write(requirements_in="built\ntail\n")
    first, _ = run(project, "verified")
    again, solves = run(project, "verified")

    assert (again, solves) == (first, 0)
