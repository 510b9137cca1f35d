"""Which pip and pip-tools are taken, and how others are refused."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import accelock.hosts.piptools
from accelock.errors import AccelockError, MissingExtraError
from accelock.hosts.piptools import probe
from tests.support.environments import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.piptools.support_project import Project

# Old versions of these tools use what newer ones of their own libraries deprecate.
pytestmark = [pytest.mark.internals, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
# Moves one internal away, or changes what is installed, and runs the command.
BROKEN = """\
import importlib, importlib.metadata, sys

{change}

from accelock.cli import main

sys.exit(main({words!r}))
"""
# What accelock and all that it depends on are imported as, without the extra.
WITHOUT_EXTRA = """
    packaging cleo tomlkit mousebender remotezip crashtest rapidfuzz requests urllib3 idna certifi
    charset_normalizer platformdirs
"""
FOLDER = Path(probe.__file__).parent


def run_changed(project: Project, change: str, *words: str) -> subprocess.CompletedProcess[str]:
    code = BROKEN.format(change=change, words=list(words))
    return run(sys.executable, "-c", code, cwd=project.folder, env=project.env)


def assert_refused(project: Project, change: str, *said: str) -> None:
    project.write(requirements_in="torch\n", requirements_txt="torch==2.6.0+cpu\n")
    before = project.files()
    done = run_changed(project, change, "compile", "-q", "-t", "cpu", "requirements.in")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("ERROR: ")
    assert "Traceback" not in done.stderr
    assert [word for word in said if word not in done.stderr] == []
    assert project.files() == before


def test_these_are_taken() -> None:
    probe.require_pip_tools("accelock compile")


@pytest.mark.parametrize(("module", "path"), probe.PROBES, ids="{0}".format)
def test_every_probe_finds_what_it_names(module: str, path: str) -> None:
    """Each is there in this pair, and is missed when it is gone."""
    assert probe._present(module, path)
    assert not probe._present(module, f"{path}_gone")
    assert not probe._present(f"{module}_gone", path)


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("pip._internal.index.collector", "_get_index_content"),
        ("pip._internal.operations.prepare", "RequirementPreparer._fetch_metadata_only"),
        ("pip._vendor.packaging.markers", "default_environment"),
        ("piptools.writer", "OutputWriter._sort_key"),
    ],
)
def test_a_moved_internal_is_refused_by_name(project: Project, module: str, path: str) -> None:
    owner, _, name = path.rpartition(".")
    change = f"delattr(importlib.import_module({module!r}){'.' + owner if owner else ''}, {name!r})"

    assert_refused(
        project, change, f"{module}.{path}", f"pip {metadata.version('pip')}", "accelock"
    )


@pytest.mark.parametrize(
    ("name", "version", "floor"),
    [("pip", "23.3.2", "pip>=24.0"), ("pip-tools", "7.2.0", "pip-tools>=7.3")],
)
def test_too_old(project: Project, name: str, version: str, floor: str) -> None:
    change = (
        "version = importlib.metadata.version\n"
        "importlib.metadata.version = "
        f"lambda name: {version!r} if name == {name!r} else version(name)"
    )

    assert_refused(project, change, f"{name} {version}", floor)


@pytest.mark.parametrize("module", ["piptools", "pip"])
def test_not_installed(project: Project, module: str) -> None:
    change = f"sys.modules[{module!r}] = None"

    assert_refused(project, change, "the extra 'pip-tools', which is not", "[pip-tools]'")


@pytest.mark.parametrize("name", ["compile", "sync", "rewrite"])
def test_each_command_says_what_needs_the_extra(project: Project, name: str) -> None:
    done = run_changed(project, "sys.modules['piptools'] = None", name, "--help")

    assert done.returncode == 1
    assert f"accelock {name} needs the extra 'pip-tools'" in done.stderr


def test_an_environment_without_pip_tools(project: Project, tmp_path: Path) -> None:
    """A real one: accelock and what it depends on, and nothing else."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in WITHOUT_EXTRA.split():
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found = origin.parent if origin.name == "__init__.py" else origin
            (bare / found.name).symlink_to(found)
    (bare / "accelock").symlink_to(Path(accelock.__file__).parent)
    env = {**project.env, "PYTHONPATH": str(bare)}
    project.write(requirements_in="torch\n")
    words = ("-S", "-m", "accelock")

    done = run(sys.executable, *words, "compile", "-t", "cpu", cwd=project.folder, env=env)
    assert done.returncode == 1, done.stdout
    assert "Run: pip install 'accelock[pip-tools]'" in done.stderr
    assert set(project.files()) == {"requirements.in"}


def test_missing_extra_is_an_error_of_ours() -> None:
    error = MissingExtraError("pip-tools", "accelock compile")

    assert isinstance(error, AccelockError)
    assert error.exit_code == 1


def imported() -> Iterator[tuple[str, str, str]]:
    """Yield (file, module, name) of all that this package imports of pip and pip-tools."""
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if isinstance(node, ast.ImportFrom) and re.match(r"pip(tools)?(\.|$)", module):
                yield from ((path.name, module, alias.name) for alias in node.names)


def test_no_other_folder_imports_pip() -> None:
    source = FOLDER.parent
    own = [path for path in source.rglob("*.py") if FOLDER not in path.parents]
    bad = [
        path.name
        for path in own
        if re.search(r"(?m)^\s*(from|import) pip(tools)?\b", path.read_text(encoding="utf-8"))
    ]
    assert bad == []


def test_every_import_is_probed() -> None:
    """A name that a new pip has moved must be refused by name, not by an ImportError."""
    probed = {f"{module}.{path}" for module, path in probe.PROBES}
    whole = {each.partition(".")[0] for each in probed} | {module for module, _ in probe.PROBES}

    missing = sorted(
        {
            f"{module}.{name}"
            for _file, module, name in imported()
            if not any(
                each == f"{module}.{name}" or each.startswith(f"{module}.{name}.")
                for each in (*probed, *whole)
            )
        }
    )
    assert missing == []
