"""Counted at the server: what a run asks for, however many cells it has."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_sites import on_pypi
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

EVERYTHING = (
    *("-q", "--generate-hashes", "--allow-unsafe"),
    *("-t", "cpu", "-t", "cu126", "-t", "cu118", "-t", "rocm6.3"),
    *("--python-version=3.10", "--python-version=3.12"),
)
INPUT = "torchvision\npandas\nuvicorn[standard]\nlightning\n"


# Runs the command, counts the pages that pip and we parse, and says so as its last line.
COUNTING = """\
import collections, json, sys
from pip._internal.index import package_finder
from accelock import cli
from accelock.sources import reader

parsed = collections.Counter()

def count(module, name, url_of):
    original = getattr(module, name)
    def parse(*args):
        parsed[url_of(args)] += 1
        return original(*args)
    setattr(module, name, parse)

count(package_finder, "parse_links", lambda args: args[0].url)
count(reader, "parse_page", lambda args: args[2])
code = cli.main(sys.argv[1:])
print(json.dumps(parsed))
sys.exit(code)
"""


# The same of how often pip filters and sorts the files of a project.
SORTING = """\
import collections, json, sys
from pip._internal.index.package_finder import CandidateEvaluator
from accelock import cli

sorted_ = collections.Counter()
original = CandidateEvaluator.get_applicable_candidates

def count(self, candidates):
    sorted_[self._project_name] += 1
    return original(self, candidates)

CandidateEvaluator.get_applicable_candidates = count
code = cli.main(sys.argv[1:])
print(json.dumps(sorted_))
sys.exit(code)
"""


def repeated(paths: list[str]) -> dict[str, int]:
    return {path: times for path, times in Counter(paths).items() if times > 1}


def test_each_page_and_each_metadata_once_a_run(project: Project, index: IndexServer) -> None:
    """Twenty cells, one request for each page and for the metadata of each file.

    A page is parsed once too, by pip, which would do it once for each cell and resolver, or by us.
    """
    project.write(requirements_in=INPUT)
    done = project.python("-c", COUNTING, "compile", *EVERYTHING)
    assert done.returncode == 0, done.stderr

    assert repeated([request.path for request in index.pages()]) == {}
    assert repeated([request.path for request in index.metadata()]) == {}
    assert index.bodies() == ()
    parsed = json.loads(done.stdout.splitlines()[-1])
    assert {url for url, times in parsed.items() if times > 1} == set()
    assert f"{index.url}/simple/tqdm/" in parsed
    assert f"{index.url}/whl/cu126/torch/" in parsed


def test_more_cells_ask_for_no_ordinary_page_again(project: Project, index: IndexServer) -> None:
    def ordinary() -> list[str]:
        return sorted(each.path for each in index.pages() if each.path.startswith("/simple"))

    project.write(requirements_in="pandas\ntqdm\ntorch\n")
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64")
    one = ordinary()
    index.reset()
    (project.folder / "requirements.txt").unlink()
    project.compile("-q", "-t", "cpu", "-t", "cu118", "--platform=linux-64", "--platform=win-64")

    both = [path for path in ordinary() if "nvidia" not in path]
    assert repeated(both) == {}
    # From Python 3.12 on torch requires setuptools itself, and not only triton does.
    new = {path for path in set(both) - set(one) if "setuptools" not in path}
    assert new == {"/simple/colorama/"}
    assert set(one) <= set(both)


def test_more_targets_have_pip_choose_no_more(project: Project) -> None:
    def chosen(*targets: str) -> int:
        (project.folder / "requirements.txt").unlink(missing_ok=True)
        words = ("compile", "-q", "--platform=linux-x86_64", *targets)
        done = project.python("-c", SORTING, *words, "requirements.in")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout.splitlines()[-1])["tqdm"])

    project.write(requirements_in="torch\npandas\ntqdm\n")
    two = chosen("-tcpu", "-tcu118")
    for path in project.folder.glob("requirements.*.txt"):
        path.unlink()

    assert chosen("-tcpu", "-tcu118", "-tcu126", "-trocm6.3") == two


def test_backtracking_asks_for_nothing_twice(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="torchvision\ntorch<2.8\nlightning\nnumpy<2.2\n")
    project.compile("-q", "-t", "cpu", "-t", "cu126")

    assert repeated([request.path for request in index.requests]) == {}


def test_a_second_run(project: Project, index: IndexServer) -> None:
    project.write(requirements_in=INPUT).compile(*EVERYTHING)
    index.reset()
    project.compile(*EVERYTHING)

    assert repeated([request.path for request in index.requests]) == {}
    assert index.metadata() == (), "kept between runs, that of ordinary wheels too"
    assert index.bodies() == ()


def test_pages_are_asked_for_several_at_once(project: Project, index: IndexServer) -> None:
    """Those of what a wheel requires, and those of all that is locked."""
    index.configure("/simple", delay=0.2)
    project.write(requirements_in="pandas\n")
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64")
    assert index.most_at_once > 1
    index.reset()
    before = project.read("requirements.txt")
    project.compile("-q", "-t", "cpu", "--platform=linux-x86_64")
    assert index.most_at_once > 1
    assert project.read("requirements.txt") == before


def test_no_metadata_files_at_all(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """Then it is read out of the wheels by ranges: each wheel once, and none of them whole."""
    server = serve(pytorch_site().configured("/", metadata="off"))
    project = project_at(server)
    project.write(requirements_in="torch\ntqdm\n").compile("-q", "-t", "cpu", "-t", "cu126")

    assert server.metadata() == ()
    assert server.bodies() == ()
    ranges = Counter(request.path for request in server.ranges())
    assert ranges
    assert max(ranges.values()) <= 3, "the end of the zip file, its directory, METADATA"


def test_a_mirror_without_ranges_downloads_ordinary_wheels_alone(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    server = serve(on_pypi().configured("/packages", metadata="off", ranges=False))
    server.configure("/simple", metadata="off")
    project = project_at(server)
    project.write(requirements_in="torch\ntqdm\n").compile("-q", "-t", "cpu")

    bodies = Counter(request.path for request in server.bodies())
    assert bodies
    assert set(bodies.values()) == {1}
    assert not [path for path in bodies if path.startswith("/whl")]


def test_a_dead_index_is_asked_once(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    server = serve(pytorch_site().configured("/whl", fault="unavailable"))
    project = project_at(server)
    project.write(requirements_in="torch\n")
    project.refused("-q", "-t", "cpu", "-t", "cu126", "--pip-args=--retries 0")

    assert len(server.pages("/whl/cpu/torch/")) == 1


def test_the_sdist_is_fetched_once(project: Project, index: IndexServer) -> None:
    project.write(requirements_in="dynamic-sdist\nstatic-sdist\n")
    project.compile("-q", "-t", "cpu", "-t", "cu126", "--generate-hashes")

    fetched = Counter(request.path.rpartition("/")[2] for request in index.bodies())
    assert fetched == {"dynamic_sdist-1.0.tar.gz": 1, "static_sdist-1.0.tar.gz": 1}
