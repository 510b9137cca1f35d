"""Where the family is read from, what the lock says of it, and what it must never say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_cases import BACKEND, ONLY_HERE, PATH_DEPENDENCY
from tests.poetry.support_project import TARGETS, on_linux
from tests.poetry.support_site import poetry_site
from tests.support.sites import Index, Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer

LINUX = 'platforms = ["linux-x86_64"]'
OWN = '[tool.accelock.packages]\ntorch = { source = "own" }\n'
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"


@pytest.fixture
def own(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Project:
    """A project with a server of its own, which the test may change."""
    return project_at(serve(poetry_site()))


def source_of(project: Project, target: str, name: str = "torch") -> dict[str, str]:
    (found,) = [each["source"] for each in project.view(target) if each["name"] == name]
    return dict(found)


class TestFindLinks:
    """The page has no hashes and no metadata: both come from the indexes beside it."""

    @pytest.fixture
    def linked(self, project: Project) -> Project:
        project.write_pyproject(
            ["torch", "torchvision"], table=LINUX, source="{url}/whl/torch_stable.html"
        ).poetry("lock")
        return project

    def test_it_is_locked_without_a_download(self, linked: Project) -> None:
        assert linked.server.bodies_of_wheels() == ()
        for target in TARGETS:
            assert linked.pins(target)["torch"] == f"2.8.0+{target}"
            assert linked.pins(target)["torchvision"] == f"0.23.0+{target}"
            assert source_of(linked, target) == {
                "type": "legacy",
                "url": f"{linked.server.url}/whl/torch_stable.html",
                "reference": f"accelock-pytorch-{target}",
            }

    @on_linux
    def test_it_is_installed(self, linked: Project) -> None:
        for target in TARGETS:
            assert linked.install(target=target) == linked.pins(target)


@on_linux
@pytest.mark.parametrize(
    "options",
    [
        {"links": "other-host"},
        {"links": "relative", "requires_python": True},
        {"format": "json", "absent": 404},
        {"metadata": "off"},
        {"metadata": "wrong"},
    ],
    ids=str,
)
def test_a_mirror_in_its_own_way(own: Project, options: dict[str, object]) -> None:
    own.server.configure("/whl", **options)
    own.write_pyproject(["torch<2.7"], table=LINUX).poetry("lock")

    assert own.server.bodies_of_wheels() == ()
    assert own.install(target="cu126") == own.pins("cu126")


class TestPrivate:
    @pytest.fixture
    def private(self, own: Project) -> Project:
        own.server.configure("/whl", login=("someone", "s3cret"))
        return own.write_pyproject(table=LINUX)

    @on_linux
    def test_credentials_of_poetrys_config(self, private: Project) -> None:
        for target in TARGETS:
            name = f"http-basic.accelock-pytorch-{target}"
            private.poetry("config", name, "someone", "s3cret")
        private.poetry("lock")

        assert "s3cret" not in private.read()
        assert "someone" not in private.read()
        assert private.install(target="cu126") == private.pins("cu126")

    @on_linux
    def test_credentials_of_the_environment(self, private: Project) -> None:
        login = {
            f"POETRY_HTTP_BASIC_ACCELOCK_PYTORCH_{target.upper()}_{key}": value
            for target in TARGETS
            for key, value in (("USERNAME", "someone"), ("PASSWORD", "s3cret"))
        }
        private.poetry("lock", environ=login)

        assert "s3cret" not in private.read()
        assert private.install(target="cpu", **login) == private.pins("cpu")

    @on_linux
    def test_credentials_in_the_table(self, private: Project) -> None:
        private.replace('pytorch = "http://', 'pytorch = "http://someone:s3cret@')
        done = private.poetry("lock", "-vv")

        assert "s3cret" not in private.read()
        assert "s3cret" not in done.stdout + done.stderr
        assert source_of(private, "cpu")["url"] == f"{private.server.url}/whl/cpu"
        assert private.install(target="cu126") == private.pins("cu126")

    @pytest.mark.parametrize("password", [None, "wr0ng"])
    def test_without_the_right_ones_it_stops(self, private: Project, password: str | None) -> None:
        if password:
            private.poetry("config", "http-basic.accelock-pytorch-cpu", "someone", password)

        said = private.refused("lock")
        assert "/whl/cpu/torch" in said
        assert "401" in said
        assert "http-basic.accelock-FAMILY-TARGET" in said
        assert "wr0ng" not in said


class TestEnvironment:
    @on_linux
    def test_it_is_read_and_never_written(self, project: Project) -> None:
        project.write_pyproject(table=LINUX, source="https://torch.example/whl/{{target}}")
        local = {"ACCELOCK_SOURCE_PYTORCH": f"{project.server.url}/whl/{{target}}"}
        project.poetry("lock", environ=local)

        assert "/whl/" not in project.read().replace("https://torch.example/whl/", "")
        assert source_of(project, "cu126")["url"] == "https://torch.example/whl/cu126"
        assert project.install(target="cu126", **local) == project.pins("cu126")
        project.poetry("check", "--lock")

    def test_the_bytes_are_those_of_a_lock_without_it(self, own: Project) -> None:
        own.write_pyproject(table=LINUX).poetry("lock")
        without = own.read()
        (own.folder / "poetry.lock").unlink()
        own.poetry("lock", ACCELOCK_SOURCE_PYTORCH=f"{own.server.other_url}/whl/{{target}}")

        assert own.read() == without

    def test_a_faulty_one_is_named(self, project: Project) -> None:
        project.write_pyproject(table=LINUX)

        said = project.refused("lock", ACCELOCK_SOURCE_PYTORCH="not an address")
        assert "ACCELOCK_SOURCE_PYTORCH" in said


class TestUsersOwnSources:
    @staticmethod
    def source(project: Project, name: str, path: str) -> str:
        return (
            f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{project.server.url}{path}"\n'
            'priority = "explicit"\n'
        )

    @on_linux
    def test_of_the_same_address_gives_the_name(self, project: Project) -> None:
        more = self.source(project, "my-torch", "/whl/cpu/")
        project.write_pyproject(["torch", "tqdm"], table=LINUX, more=more).poetry("lock")

        assert source_of(project, "cpu")["reference"] == "my-torch"
        assert source_of(project, "cu126")["reference"] == "accelock-pytorch-cu126"
        for target in TARGETS:
            assert project.install(target=target) == project.pins(target)
        before = project.read()
        project.poetry("lock")
        assert project.read() == before

    @on_linux
    def test_a_poetry_without_the_plugin_then_installs_the_leader(self, project: Project) -> None:
        more = self.source(project, "my-torch", "/whl/cpu")
        project.write_pyproject(table=LINUX, more=more).poetry("lock")
        project.make_environment()
        project.poetry("install", plugins=False)

        assert project.installed() == project.pins("cpu")

    def test_its_credentials_are_used(self, own: Project) -> None:
        own.server.configure("/whl/cpu", login=("someone", "s3cret"))
        own.write_pyproject(table=LINUX, more=self.source(own, "my-torch", "/whl/cpu"))
        own.poetry("config", "http-basic.my-torch", "someone", "s3cret")
        own.poetry("lock")

        assert source_of(own, "cpu")["reference"] == "my-torch"

    def test_our_name_with_another_address_is_refused(self, project: Project) -> None:
        more = self.source(project, "accelock-pytorch-cu126", "/elsewhere")
        project.write_pyproject(table=LINUX, more=more)

        said = project.refused("lock")
        assert "a source named accelock-pytorch-cu126" in said
        assert "/elsewhere" in said
        assert "Rename your source" in said

    @on_linux
    def test_a_source_by_hand_wins_and_it_is_said(self, project: Project) -> None:
        more = self.source(project, "mine", "/whl/cu118")
        more += '[tool.poetry.dependencies]\ntorch = { source = "mine" }\n'
        project.write_pyproject(["torch", "tqdm"], table=LINUX, more=OWN + more)
        done = project.poetry("lock")

        assert done.stderr.count("torch has source 'mine' by hand") == 1
        for target in TARGETS:
            assert project.pins(target)["torch"] == "2.7.1+cu118"
            assert source_of(project, target)["reference"] == "mine"
        assert project.install(target="cpu") == project.pins("cpu")

    @on_linux
    @pytest.mark.parametrize("kind", ["url", "path", "git"])
    def test_an_address_or_a_file_wins_and_it_is_said(self, project: Project, kind: str) -> None:
        name = f"torch-2.6.0+cpu-{TAG}-{TAG}-linux_x86_64.whl"
        address = f"{project.server.url}/whl/cpu/{name}"
        if kind == "path":
            project.server.site.find("/whl/cpu", name).save(project.folder)
            address = name
        if kind == "git":
            if shutil.which("git") is None:
                pytest.skip("git is not here")
            address, name = repository(project.folder.parent / "torch"), "torch"
        more = f'[tool.poetry.dependencies]\ntorch = {{ {kind} = "{address}" }}\n'
        project.write_pyproject(
            ["torch", "torchvision"], table=LINUX, more=OWN + more, python=ONLY_HERE
        )
        done = project.poetry("lock")

        said = [line for line in done.stderr.splitlines() if "by hand" in line]
        assert len(said) == 1
        assert name in said[0]
        for target in TARGETS:
            assert project.pins(target)["torch"] == ("2.6.0" if kind == "git" else "2.6.0+cpu")
            assert project.pins(target)["torchvision"] == f"0.21.0+{target}"
        assert project.install(target="cpu") == project.pins("cpu")

    def test_an_address_is_said_without_its_login(self, own: Project) -> None:
        name = f"torch-2.6.0+cpu-{TAG}-{TAG}-linux_x86_64.whl"
        own.server.configure("/whl/cpu", login=("someone", "s3cret"))
        host = own.server.url.partition("//")[2]
        torch = f"torch @ http://someone:s3cret@{host}/whl/cpu/{name}"
        own.write_pyproject([torch], table=LINUX, python=ONLY_HERE, more=OWN)
        done = own.poetry("lock")

        assert f"torch is http://****@{host}/whl/cpu/{name} by hand" in done.stderr
        assert "s3cret" not in done.stdout + done.stderr


def repository(folder: Path) -> str:
    """Make a git repository with a torch that somebody changed; return its address."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PATH_DEPENDENCY.partition("[tool.accelock]")[0])
    (folder / "backend.py").write_text(BACKEND)
    for name in ("pyproject.toml", "backend.py"):
        file = folder / name
        text = file.read_text().replace("near", "torch").replace('"torch", "tqdm"', '"tqdm"')
        text = text.replace("Requires-Dist: torch\\n", "").replace("0.1", "2.6.0")
        file.write_text(text)
    git = ("git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "--all"), ("commit", "-q", "-m", "One")):
        subprocess.run([*git, *words], check=True)
    return folder.as_uri()


class TestFaults:
    @pytest.mark.parametrize("fault", ["unavailable", "truncated", "garbage", "login-page"])
    def test_a_broken_page_stops_the_lock(self, own: Project, fault: str) -> None:
        own.write_pyproject(table=LINUX)
        own.server.configure("/whl/cu126", fault=fault)

        assert f"{own.server.url}/whl/cu126/torch" in own.refused("lock")

    def test_a_slow_index_is_waited_for(self, own: Project) -> None:
        """Longer than Poetry would: its own sources are quicker than pages of all of torch."""
        own.server.configure("/whl/cu126/torch", delay=1.5)
        own.write_pyproject(["torch"], table=LINUX).poetry("lock", POETRY_REQUESTS_TIMEOUT="1")

        assert own.pins("cu126")["torch"] == "2.8.0+cu126"

    def test_it_leaves_the_old_lock(self, own: Project) -> None:
        own.write_pyproject(["torch>=2.5"], table=LINUX).poetry("lock")
        own.server.configure("/whl/cu126", fault="drop")
        before = own.read()
        own.replace("torch>=2.5", "torch>=2.6")

        assert "/whl/cu126/torch" in own.refused("lock", "--no-cache")
        assert own.read() == before


class TestUnpublishedHashes:
    def test_such_a_version_is_passed_over_and_it_is_said(self, own: Project) -> None:
        for name in own.server.site.index("/whl/cu126").projects:
            if name == "torch":
                own.server.configure("/whl/cu126/torch", hashes="none")
                own.server.configure("/whl/torch", hashes="none")
        own.write_pyproject(["torch"], table=LINUX)

        said = own.refused("lock")
        assert "sha256" in said
        assert "`allow-downloads = true` in [tool.accelock]" in said
        assert "--allow-downloads" not in said
        assert own.server.bodies_of_wheels() == ()

    def test_the_reason_that_can_be_helped_is_in_the_error(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        """The first platform of cpu lacks a hash; the others have no wheel at all."""
        site = Site()
        for target in TARGETS:
            wheels = [
                wheel("torch", f"2.3.1+{target}", f"cp3{n}-cp3{n}-manylinux_2_28_x86_64")
                for n in (10, 11, 12, 13)
            ]
            site = site.with_files(f"/whl/{target}", *wheels)
        project = project_at(serve(site.configured("/whl/cpu/torch", hashes="none")))
        project.write_pyproject(["torch==2.3.1"])

        error = project.refused("lock").partition("cannot be locked for cpu, linux-x86_64:")[2]
        assert "torch 2.3.1 exists, but its index publishes no sha256" in error

    @pytest.fixture
    def bare(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> Project:
        """Nobody publishes a hash of torch 2.8.0+cu126; of the older ones the other page does."""
        site = poetry_site()
        root = [f for f in site.index("/whl").files if "torch-2.8.0" not in f.path]
        others = [each for each in site.indexes if each.path != "/whl"]
        site = replace(site, indexes=(*others, Index.of("/whl", root)))
        return project_at(serve(site.configured("/whl/cu126/torch", hashes="none")))

    SAID = "torch 2.8.0 is skipped: its index publishes no sha256 for cu126"

    @pytest.mark.parametrize(("third", "said"), [((), 1), (("cu118",), 0)])
    def test_it_is_said_where_an_older_one_is_taken(
        self, bare: Project, third: tuple[str, ...], said: int
    ) -> None:
        """Not where another target has no such version at all: a download would not bring it."""
        bare.write_pyproject(["torch"], targets=(*TARGETS, *third), table=LINUX)
        done = bare.poetry("lock")

        assert bare.pins("cu126")["torch"] == "2.7.1+cu126"
        assert done.stderr.count(self.SAID) == said
        assert bare.server.bodies_of_wheels() == ()

    @pytest.mark.parametrize(
        ("requires", "targets", "torch"),
        [
            (["torch<2.8"], ["cu126"], "2.7.1"),
            (["torch", "triton<3.3"], TARGETS, "2.6.0"),
        ],
        ids=str,
    )
    def test_it_is_not_said_where_a_newer_one_is_not_wanted(
        self, bare: Project, requires: list[str], targets: tuple[str, ...], torch: str
    ) -> None:
        """A download would change nothing: the project, or the rest of the graph, is the reason."""
        bare.write_pyproject(requires, targets=targets, table=LINUX)
        done = bare.poetry("lock")

        assert bare.pins("cu126")["torch"] == f"{torch}+cu126"
        assert "is skipped" not in done.stderr

    def test_nor_where_the_lock_keeps_what_it_has(self, bare: Project) -> None:
        bare.write_pyproject(["torch<2.8"], table=LINUX).poetry("lock")
        bare.replace("torch<2.8", "torch")

        assert "is skipped" not in bare.poetry("lock").stderr
        assert bare.pins("cu126")["torch"] == "2.7.1+cu126"
        assert self.SAID in bare.poetry("update", "--lock", "torch").stderr

    def test_with_consent_they_are_downloaded_and_the_size_is_said(self, own: Project) -> None:
        own.server.configure("/whl/cu126/torch", hashes="none")
        own.server.configure("/whl/torch", hashes="none")
        own.server.configure(etag=True)
        table = f"allow-downloads = true\n{LINUX}"
        own.write_pyproject(["torch<2.7"], table=table, python=ONLY_HERE)
        done = own.poetry("lock")

        assert "Downloading 1 file(s), 0.0 MB, to hash them" in done.stderr
        assert "[=" not in done.stderr  # the bar is for a terminal
        wheel = f"/whl/cu126/torch-2.6.0+cu126-{TAG}-{TAG}-manylinux_2_28_x86_64.whl"
        # Not those of the Pythons that the project does not support.
        assert [each.path for each in own.server.bodies_of_wheels()] == [wheel]
        own.server.reset()
        (own.folder / "poetry.lock").unlink()
        own.poetry("lock")
        assert own.server.bodies_of_wheels() == ()  # they are in the persistent cache

    @on_linux
    def test_an_installation_hashes_nothing(self, own: Project) -> None:
        """Poetry's Chooser asks for a file's hash, where a lock has it long since."""
        own.server.configure("/whl/cu126/torch", hashes="none")
        own.server.configure("/whl/torch", hashes="none")
        table = f"allow-downloads = true\n{LINUX}"
        own.write_pyproject(["torch<2.7"], table=table).poetry("lock")
        shutil.rmtree(own.folder.parent / "home")
        own.server.reset()
        done = own.make_environment().poetry("install", ACCELOCK_TARGET="cu126")

        assert own.installed() == own.pins("cu126")
        bodies = [each.path for each in own.server.bodies_of_wheels() if "/torch-" in each.path]
        wheel = f"/whl/cu126/torch-2.6.0+cu126-{TAG}-{TAG}-manylinux_2_28_x86_64.whl"
        assert bodies == [wheel]
        assert "to hash them" not in done.stderr

    def test_a_terminal_has_a_bar_for_each_file(self, own: Project) -> None:
        own.server.configure("/whl/cu126/torch", hashes="none")
        own.server.configure("/whl/torch", hashes="none")
        own.write_pyproject(["torch<2.7"], table=f"allow-downloads = true\n{LINUX}")
        done = own.poetry("lock", "--ansi")

        finished = [line for line in done.stderr.splitlines() if line.endswith("100% of 0.0 MB")]
        assert len(finished) == len(own.server.bodies_of_wheels()) == 4
