"""Attackers on every index: nothing of theirs is locked, or taken by pip from what was written.

What an attacker has where is in `tests/support/attacks.py`. What counts is what plain pip takes
(`pip install --dry-run --report`) from a compiled file, by the sha256 of each file.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelock.hosts.piptools.sync_calls import Calls
from accelock.settings.project import Settings
from accelock.targets import parse_target
from tests.piptools.conftest import environment
from tests.piptools.support_project import Project
from tests.piptools.support_rewrite import rewrite
from tests.support import attacks
from tests.support.attacks import EVIL, KEPT_OUT_OF_SYNC, PLACEMENTS, Placement, with_other_bytes
from tests.support.environments import run_python
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.sites import HostedFile, Index, Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


pytestmark = pytest.mark.internals

LINUX = "--platform=linux-x86_64"
HASHED, BARE, TURNED = "requirements.txt", "bare.txt", "turned.txt"
MOVED = "moved.txt"  # what `init` moved in, and compile locked


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with IndexServer(attacks.attacked_site()) as server:
        yield server


@pytest.fixture(scope="module")
def attacked(server: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a third index, on its command line, and files of each kind."""
    env = environment(tmp_path_factory.mktemp("home"), server)
    project = Project(tmp_path_factory.mktemp("attacked"), env)
    table = f'[tool.accelock]\ntargets = ["{attacks.TARGET}"]\nplatforms = ["linux-x86_64"]\n'
    source = f'[tool.accelock.sources]\npytorch = "{server.url}/whl/{{target}}"\n'
    project.write(pyproject_toml=table + source)
    # As many a project has it, for pip alone: it is the family's index, and no other package's.
    line = f"--extra-index-url {server.url}{attacks.FAMILYS}"
    project.write(requirements_in="\n".join((line, *attacks.ASKED)))
    words = ("-q", "--strip-extras", "--allow-unsafe", f"--extra-index-url={server.url}/third")
    project.compile(*words)
    project.compile(*words, "--no-generate-hashes", "-o", BARE, "requirements.in")
    frozen = "".join(f"{name}=={version}\n" for name, version in project.pins().items())
    project.put("frozen.txt", frozen.replace(f"+{attacks.TARGET}", ""))
    rewrite(project, "-q", "--generate-hashes", *words[3:], "-o", TURNED, "frozen.txt")
    (project.folder / "frozen.txt").unlink()
    project.put(MOVED, moved_in(tmp_path_factory.mktemp("by-hand"), server))
    done = project.accelock("pylock", "-o", "pylock.toml")
    assert done.returncode == 0, done.stderr
    return project


def moved_in(folder: Path, server: IndexServer) -> str:
    """Return what is compiled of a set-up that was made by hand, once `init` has moved it in."""
    project = Project(folder, environment(folder / "home", server))
    options = [f"--extra-index-url {server.url}{each}" for each in (attacks.FAMILYS, attacks.THIRD)]
    labelled = f"torch==2.8.0+{attacks.TARGET}"
    project.write(requirements_in="\n".join((*options, labelled, *attacks.ASKED[1:])))
    done = project.accelock("init", "--write")
    assert done.returncode == 0, done.stderr
    assert "torch==2.8.0\n" in project.read("requirements.in")
    project.compile("-q", "--strip-extras", "--allow-unsafe", LINUX)
    return project.read()


def taken(project: Project, *words: str) -> dict[str, str]:
    """Return what pip would install: name -> sha256 of the file."""
    done = dry_run(project, *words)
    assert done.returncode == 0, done.stderr
    items = json.loads(done.stdout)["install"]
    return {e["metadata"]["name"].lower(): _sha256(e["download_info"]) for e in items}


def dry_run(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    command = ("install", "-q", "--dry-run", "--ignore-installed", "--report=-", *words)
    return run_python("-m", "pip", *command, cwd=project.folder, env=project.env)


def _sha256(info: dict[str, Any]) -> str:
    found: str = info["archive_info"]["hashes"]["sha256"]
    return found


@pytest.fixture(scope="module")
def by_pip(attacked: Project) -> dict[str, dict[str, str]]:
    """What plain pip takes by each file with hashes."""
    return {name: taken(attacked, "-r", name) for name in (HASHED, TURNED, MOVED)}


@pytest.fixture(scope="module")
def by_sync(attacked: Project, server: IndexServer) -> dict[str, str]:
    """What pip takes of a file without hashes, as `accelock sync` calls it."""
    found: dict[str, str] = {}
    target = parse_target(attacks.TARGET, {attacks.TARGET})
    calls = Calls(Settings.of(attacked.folder), (str(attacked.folder / BARE),), target)
    text = attacked.read(BARE)
    (attacked.folder / "lines.txt").write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    )

    def pip(command: Sequence[str], **_options: object) -> None:
        found.update(taken(attacked, *command[4:]))

    urls = (f"{server.url}/third", f"{server.url}{attacks.FAMILYS}")
    flags = ["--index-url", f"{server.url}/simple"]
    flags += [word for url in urls for word in ("--extra-index-url", url)]
    whole = str(attacked.folder / "lines.txt")
    calls.split(pip)(["python", "-m", "pip", "install", "-r", whole, *flags])
    return found


def test_the_attacks_are_real(attacked: Project) -> None:
    """Plain pip, given the same names and indexes, takes dozens of the attackers' files."""
    found = taken(attacked, "-r", BARE)
    assert len({*found.values()} & EVIL.keys()) >= len(attacks.ORDINARY)
    assert len(PLACEMENTS) >= 80
    known = attacks.FAMILY | attacks.ORIGINALS | attacks.ORDINARY
    pinned = {name: pin.partition("+")[0] for name, pin in attacked.pins(BARE).items()}
    assert {name: pinned[name] for name in known} == known, "labels and bytes are of these versions"


def test_an_index_in_the_environment(attacked: Project, server: IndexServer) -> None:
    """What pip asks for every package is asked for nothing of a family."""
    words = ("-q", "--strip-extras", "--allow-unsafe", "-o", "environment.txt", "requirements.in")
    attacked.compile(*words, PIP_EXTRA_INDEX_URL=f"{server.url}/third")
    text = attacked.read("environment.txt")
    assert not [name for sha256, name in EVIL.items() if sha256 in text]


class TestAfterTheLock:
    """The index, or a mirror that stands in its place, has something else than was locked."""

    @pytest.fixture
    def locked(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> tuple[Project, IndexServer]:
        server = serve(pytorch_site())
        project = project_at(server).write(requirements_in="torch==2.8.0\ntqdm==4.67.1\n")
        project.compile("-q", "-t", "cpu", LINUX, f"--source=pytorch={server.url}/whl/{{target}}")
        return project, server

    @pytest.mark.parametrize("name", ["torch", "tqdm"])
    @pytest.mark.parametrize("says", ["the old hash", "its own hash"])
    def test_other_bytes(self, locked: tuple[Project, IndexServer], name: str, says: str) -> None:
        project, server = locked
        server.site = with_other_bytes(server.site, name, says)
        done = dry_run(project, "-r", HASHED)
        assert done.returncode != 0
        assert "hash" in done.stderr.lower()

    def test_a_newer_version_and_a_label(self, locked: tuple[Project, IndexServer]) -> None:
        project, server = locked
        before = taken(project, "-r", HASHED)
        for name, version in attacks.ORDINARY.items():
            for evil in (f"{version}+evil", "9999.0"):
                server.site = server.site.with_files("/whl/cpu", wheel(name, evil))
        assert taken(project, "-r", HASHED) == before

    @pytest.mark.parametrize(
        ("name", "what", "says"),
        [
            ("torch", "page", "its own hash"),
            ("torch", "wheel", "its own hash"),
            ("tqdm", "page", "its own hash"),
            ("tqdm", "wheel", "its own hash"),
            ("torch", "wheel", ""),
        ],
    )
    def test_a_redirect_to_another_host(
        self,
        locked: tuple[Project, IndexServer],
        serve: Callable[[Site], IndexServer],
        name: str,
        what: str,
        says: str,
    ) -> None:
        """The hash decides, and not who sends the file."""
        project, server = locked
        site = server.site
        elsewhere = serve(with_other_bytes(site, name, says) if says else site)
        path = "/whl/cpu" if name == "torch" else "/simple"
        files = site.index(path).projects[name]
        paths = [f"{path}/{name}/"] if what == "page" else [each.path for each in files]
        for each in paths:
            server.configure(each, moved=elsewhere.other_url)
        done = install_from(project, HASHED)
        assert elsewhere.requests
        assert (done.returncode != 0) is bool(says), done.stderr
        assert ("hash" in done.stderr.lower()) is bool(says)


def install_from(project: Project, name: str) -> subprocess.CompletedProcess[str]:
    """Install what a file has into a folder: unlike a dry run, pip fetches every wheel for that."""
    command = ("install", "-q", "--no-deps", "--target=installed", "-r", name)
    return run_python("-m", "pip", *command, cwd=project.folder, env=project.env)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("change", [(b"Name: odd", b"Name: tqdm"), (b": 1.0", b": 9999.0")])
def test_metadata_of_another_project(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    change: tuple[bytes, bytes],
    *,
    ranges: bool,
) -> None:
    """A metadata file of something else is not believed: the wheel says itself what it is.

    Where the wheel cannot be asked, it is not locked.
    """
    odd = wheel("odd", "1.0")
    odd = replace(odd, metadata=odd.metadata.replace(*change))
    site = pytorch_site().with_files("/simple", odd).configured("/", ranges=ranges)
    project = project_at(serve(site)).write(requirements_in="odd\n")
    if ranges:
        project.compile("-q", "-t", "cpu", LINUX)
        assert project.pins() == {"odd": "1.0"}
    else:
        assert "odd" in project.refused("-q", "-t", "cpu", LINUX)


def test_a_page_that_is_led_to_another_project(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """Files of another name count for nothing, wherever they are."""
    evil = wheel("evil", "9999.0")
    hosted = HostedFile(f"/simple/{evil.filename}", evil)
    elsewhere = serve(Site((Index("/simple", {"tqdm": (hosted,)}),)))
    server = serve(pytorch_site())
    server.configure("/simple/tqdm/", moved=elsewhere.other_url)
    project = project_at(server).write(requirements_in="tqdm\n")
    said = project.refused("-q", "-t", "cpu", LINUX)
    assert elsewhere.requests
    assert "tqdm" in said


@pytest.mark.parametrize("path", ["/simple/tqdm/", "/whl/cpu/torch/"])
def test_a_login_stays_with_its_host(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    path: str,
) -> None:
    site = pytorch_site()
    server, elsewhere = serve(site.configured("/", login=("me", "s3cret"))), serve(site)
    server.configure(path, moved=elsewhere.other_url)
    project = project_at(server).write(requirements_in="torch==2.8.0\ntqdm==4.67.1\n")
    secret = server.url.replace("//", "//me:s3cret@")
    project.compile(
        *("-q", "-t", "cpu", LINUX),
        PIP_INDEX_URL=f"{secret}/simple",
        ACCELOCK_SOURCE_PYTORCH=f"{secret}/whl/{{target}}",
    )
    assert project.pins()["torch"] == "2.8.0+cpu"
    assert path in {each.path for each in elsewhere.requests}
    assert not [each for each in elsewhere.requests if each.login]
    assert [each for each in server.requests if each.login]


@pytest.mark.parametrize("placed", PLACEMENTS, ids=str)
class TestNothingOfTheirs:
    def test_is_locked(self, attacked: Project, placed: Placement) -> None:
        for name in (HASHED, TURNED, MOVED, "pylock.toml"):
            assert placed.file.sha256 not in attacked.read(name)
        for name in (HASHED, BARE, TURNED, MOVED):
            pinned = attacked.pins(name).get(placed.file.project)
            assert pinned != placed.file.version or placed.name.endswith("-bytes")

    def test_is_taken_by_pip(self, by_pip: dict[str, dict[str, str]], placed: Placement) -> None:
        for found in by_pip.values():
            assert found
            assert placed.file.sha256 not in found.values()


@pytest.mark.parametrize("placed", KEPT_OUT_OF_SYNC, ids=str)
def test_sync_takes_nothing_of_theirs(by_sync: dict[str, str], placed: Placement) -> None:
    assert by_sync
    assert placed.file.sha256 not in by_sync.values()
