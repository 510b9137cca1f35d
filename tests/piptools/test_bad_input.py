"""What cannot be done is said in one clear message, and every file stays as it was."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.piptools.support_sites import on_pypi, pure
from tests.support.pytorch_site import pytorch_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

LINUX = ("-q", "--platform=linux-x86_64")
OLD = "torch==2.6.0+cpu\ntqdm==4.66.5\n"
# pip waits up to half a minute for an index, five times: these tests do not.
ONCE = "--pip-args=--retries 0 --timeout 2"


@pytest.fixture
def torch(project: Project) -> Project:
    """A project that asks for torch, with compiled files that must stay as they are."""
    return old_files(project)


def old_files(project: Project) -> Project:
    project.write(requirements_in="torch\ntqdm\n", requirements_txt=OLD)
    for target in ("cpu", "cu126", "cu118"):
        project.put(f"requirements.{target}.txt", OLD)
    return project


@pytest.fixture
def serving(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[..., tuple[Project, IndexServer]]:
    """Make such a project whose server has other options under a path."""

    def make(prefix: str, **options: Any) -> tuple[Project, IndexServer]:
        server = serve(pytorch_site().configured(prefix, **options))
        return old_files(project_at(server)), server

    return make


class TestWords:
    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("cuda12.6", "did you mean 'cu126'"),
            ("cu12.6", "did you mean 'cu126'"),
            ("CPU", "did you mean 'cpu'"),
            ("gpu", "choose one of: cu1"),
            ("mps", "did you mean 'cpu'"),
            ("tpu", "cu126"),
            ("", "cu126"),
        ],
    )
    def test_an_unknown_target(self, torch: Project, word: str, said: str) -> None:
        message = torch.refused("-t", word, code=2)

        assert "unknown target" in message
        assert said in message

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("macos-arm", "did you mean 'macos-arm64'"),
            ("linux", "linux-64"),
            ("win32", "windows-x86_64"),
            ("linux/amd64", "did you mean 'linux-x86_64'"),
        ],
    )
    def test_an_unknown_platform(self, torch: Project, word: str, said: str) -> None:
        message = torch.refused("-t", "cpu", "--platform", word, code=2)

        assert "unknown platform" in message
        assert said in message

    def test_a_target_of_the_future_is_taken(self, torch: Project) -> None:
        """cu140 is well-formed and newer than all: its index answers for it."""
        message = torch.refused(*LINUX, "-t", "cu140")

        assert "cu140" in message
        assert "no wheel of torch" in message

    @pytest.mark.parametrize("declared", [False, True])
    def test_a_target_that_its_platforms_do_not_have(self, torch: Project, declared: bool) -> None:
        if declared:
            torch.write(pyproject_toml='[tool.accelock]\nplatforms = ["macos-arm64"]\n')
        words = () if declared else ("--platform=macos-arm64",)

        message = torch.refused("-t", "cu126", *words)

        assert "cu126" in message
        assert "macos-arm64" in message
        assert "--platform linux-x86_64" in message

    def test_several_targets_on_standard_output(self, torch: Project) -> None:
        assert "cpu, cu126" in torch.refused("-t", "cpu", "-t", "cu126", "-o", "-", code=2)

    def test_a_missing_input(self, torch: Project) -> None:
        assert "'gone.in' does not exist" in torch.refused("-t", "cpu", "gone.in", code=2)

    def test_an_unknown_option(self, torch: Project) -> None:
        assert "--taget" in torch.refused("--taget=cpu", code=2)

    def test_the_input_as_output(self, torch: Project) -> None:
        words = ("-t", "cpu", "-o", "requirements.in", "requirements.in")

        assert "must not be matched" in torch.refused(*words, code=2)

    def test_one_file_for_two_targets(self, torch: Project) -> None:
        (torch.folder / "requirements.cpu.txt").unlink()
        (torch.folder / "requirements.cpu.txt").symlink_to("requirements.cu126.txt")

        assert "this one file" in torch.refused(*LINUX, "-t", "cpu", "-t", "cu126")


class TestTable:
    def test_all_faults_at_once(self, torch: Project) -> None:
        torch.write(
            pyproject_toml='[tool.accelock]\ntargets = ["cpu", "cuda12.6"]\n'
            'platform = ["linux-64"]\nlockstep = "yes"\n'
        )

        message = torch.refused("-q")

        assert "3 faults" in message
        assert "tool.accelock.targets[1]" in message
        assert "'cu126'" in message
        assert "tool.accelock.platform: unknown key; did you mean 'platforms'?" in message
        assert "tool.accelock.lockstep" in message

    def test_also_where_the_target_is_given(self, torch: Project) -> None:
        torch.write(pyproject_toml='[tool.accelock]\ntargets = "cpu"\n')

        assert "pyproject.toml: tool.accelock.targets" in torch.refused("-q", "-t", "cpu")

    def test_no_toml_at_all(self, torch: Project) -> None:
        torch.write(pyproject_toml='[tool.accelock]\ntargets = ["cpu"\n')

        assert "pyproject.toml" in torch.refused("-q", "requirements.in")


class TestVersions:
    def test_one_that_the_target_stops_short_of(self, torch: Project) -> None:
        torch.write(requirements_in="torch==2.8.0\n")

        message = torch.refused(*LINUX, "-t", "cu118")

        assert "torch==2.8.0 cannot be locked for cu118, linux-x86_64" in message
        assert "newest torch is 2.7.1" in message

    def test_on_all_default_platforms(self, torch: Project) -> None:
        torch.write(requirements_in="torch==2.8.0\n")

        message = torch.refused("-q", "-t", "cu118")

        assert "torch==2.8.0 cannot be locked for cu118" in message
        assert "newest torch is 2.7.1" in message

    def test_another_targets_label(self, torch: Project) -> None:
        torch.write(requirements_in="torch==2.6.0+cu126\n")

        assert "the target is cpu" in torch.refused("-q", "-t", "cpu")

    def test_one_that_is_nowhere(self, torch: Project) -> None:
        torch.write(requirements_in="torch\ntqdm==99\n")

        message = torch.refused(*LINUX, "-t", "cpu")

        assert "tqdm==99" in message
        assert "4.67.1" in message

    @pytest.mark.parametrize(
        "text", ["torchvision==0.23.0\ntorch==2.7.1\n", "torch==2.7.1\ntorchvision==0.23.0\n"]
    )
    def test_a_conflict(self, torch: Project, text: str) -> None:
        """Both sides of it are named, whichever comes first."""
        torch.write(requirements_in=text)

        message = torch.refused(*LINUX, "-t", "cpu")

        assert "cannot be locked for cpu, linux-x86_64" in message
        assert "torchvision==0.23.0" in message
        assert "torch==2.7.1" in message
        assert "torchvision 0.23.0 requires torch==2.8.0" in message
        assert "no file of" not in message, "there is one of either"

    def test_a_conflict_in_one_cell(self, torch: Project) -> None:
        torch.write(requirements_in='torchvision==0.23.0\ntorch==2.7.1 ; sys_platform == "win32"\n')

        message = torch.refused("-q", "-t", "cpu")

        assert "The project requires torch on windows-x86_64" in message
        assert "torchvision 0.23.0 requires torch==2.8.0" in message
        assert "the project requires torch==2.7.1" in message

    def test_an_upgrade_to_one_that_is_nowhere(self, torch: Project) -> None:
        assert "torch==99" in torch.refused(*LINUX, "-t", "cpu", "-P", "torch==99")

    @pytest.mark.parametrize("text", ["torch =! 2\n", "torch==2.6.0+\n", "torch[\n"])
    def test_a_line_that_is_no_requirement(self, torch: Project, text: str) -> None:
        torch.write(requirements_in=f"tqdm\n{text}")

        assert "requirements.in" in torch.refused(*LINUX, "-t", "cpu")

    @pytest.mark.parametrize("name", ["requirements.in", "layer.in", "requirements.txt"])
    def test_bytes_that_are_no_text(self, torch: Project, name: str) -> None:
        torch.write(requirements_in="-r layer.in\n", layer_in="torch\n")
        (torch.folder / name).write_bytes(b"torch # caf\xe9\n")

        message = torch.refused(*LINUX, "-t", "cpu")

        assert f"{name} is not UTF-8" in message
        assert "coding" in message


# Prefix of the server's paths, options, and a word of the message.
FAULTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("/whl", {"fault": "unavailable"}, "503"),
    ("/whl", {"fault": "drop"}, "could not be read"),
    ("/whl", {"fault": "garbage"}, "/whl/cpu/torch/"),
    ("/whl", {"fault": "login-page"}, "/whl/cpu/torch/"),
    ("/whl", {"fault": "truncated"}, "/whl/cpu/torch/"),
    ("/whl", {"fault": "short"}, "cut off"),
    ("/whl", {"format": "json", "fault": "broken-json"}, "/whl/cpu/torch/"),
    ("/whl", {"format": "json", "fault": "truncated"}, "/whl/cpu/torch/"),
    ("/whl", {"delay": 4.0}, "no answer within 2 s"),
    ("/whl", {"login": ("user", "password")}, "401"),
    ("/whl", {"metadata": "wrong", "ranges": False}, "wrong sha256"),
    ("/whl", {"metadata": "gone", "ranges": False}, "metadata"),
    ("/whl", {"metadata": "off", "ranges": False}, "PEP 658"),
)


class TestFamilysIndex:
    @pytest.mark.parametrize(("prefix", "options", "said"), FAULTS, ids=str)
    def test_that_is_faulty(
        self,
        serving: Callable[..., tuple[Project, IndexServer]],
        prefix: str,
        options: dict[str, Any],
        said: str,
    ) -> None:
        project, server = serving(prefix, **options)

        message = project.refused(*LINUX, ONCE, "-t", "cpu", "-t", "cu126")

        assert said in message
        assert server.url in message
        assert not server.bodies_of_wheels()

    def test_that_is_not_there(self, torch: Project) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
        source = f"pytorch=http://127.0.0.1:{port}/whl/{{target}}"

        message = torch.refused(*LINUX, ONCE, "-t", "cpu", "--source", source)

        assert f"127.0.0.1:{port}" in message
        assert "refused" in message

    def test_that_lacks_the_project(self, torch: Project, index: IndexServer) -> None:
        source = f"pytorch={index.url}/nothing/{{target}}"

        message = torch.refused(*LINUX, "-t", "cpu", "--source", source)

        assert "no wheel of torch" in message

    def test_a_page_that_is_no_find_links_page(self, torch: Project, index: IndexServer) -> None:
        source = f"pytorch={index.url}/whl/nothing.html"

        message = torch.refused(*LINUX, "-t", "cpu", "--source", source)

        assert f"{index.url}/whl/nothing.html" in message

    def test_wrong_metadata_of_one_file_is_read_from_the_wheel(
        self, serving: Callable[..., tuple[Project, IndexServer]]
    ) -> None:
        """By ranges: a few KB, never the whole wheel."""
        project, server = serving("/whl", metadata="wrong")
        project.compile(*LINUX, "-t", "cpu", "-U")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert server.ranges()
        assert not server.bodies_of_wheels()


# Of the other index: pip says little more than "from versions: none" itself.
ORDINARY_FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"fault": "unavailable"}, "503"),
    ({"fault": "drop"}, "could not be read: connection error"),
    ({"fault": "garbage"}, "is not a page of a package index"),
    ({"fault": "login-page"}, "this is not an index page"),
    ({"format": "html", "fault": "truncated"}, "the page is cut off"),
    ({"format": "html", "fault": "short"}, "cut off"),
    ({"format": "json", "fault": "broken-json"}, "is not a page of a package index"),
    ({"format": "json", "fault": "truncated"}, "is not a page of a package index"),
    ({"delay": 4.0}, "could not be read: "),
    ({"login": ("user", "password")}, "401"),
)


class TestOrdinaryIndex:
    @pytest.mark.parametrize(("options", "said"), ORDINARY_FAULTS, ids=str)
    def test_that_is_faulty(
        self,
        serving: Callable[..., tuple[Project, IndexServer]],
        options: dict[str, Any],
        said: str,
    ) -> None:
        project, server = serving("/simple", **options)

        message = project.refused(*LINUX, ONCE, "-t", "cpu")

        assert said in message
        assert f"{server.url}/simple/tqdm/" in message

    def test_a_second_one_that_is_down(
        self, serving: Callable[..., tuple[Project, IndexServer]]
    ) -> None:
        """pip passes over it, so that only a failure that it may be the cause of names it."""
        project, server = serving("/down", fault="unavailable")
        project.write(requirements_in="colorama\ntqdm==99\n")
        second = ("--extra-index-url", f"{server.url}/down")

        message = project.refused(*LINUX, ONCE, "-t", "cpu", *second)

        assert server.pages("/down/colorama/")
        assert f"{server.url}/down/tqdm/ could not be read" in message
        assert "/down/colorama/" not in message

    def test_wrong_metadata_of_one_file_is_read_from_the_wheel(
        self, serving: Callable[..., tuple[Project, IndexServer]]
    ) -> None:
        """By ranges, as of a family's wheel; pip itself takes it for a wheel that is not right."""
        project, server = serving("/simple", metadata="wrong")
        project.compile(*LINUX, "-t", "cpu", "-U")

        assert project.pins()["tqdm"] == "4.67.1"
        assert server.ranges("/packages/tqdm-4.67.1-py3-none-any.whl")
        assert not server.bodies_of_wheels()


class TestOutput:
    def test_a_directory(self, torch: Project) -> None:
        (torch.folder / "out.txt").mkdir()

        assert "out.txt" in torch.refused(*LINUX, "-t", "cpu", "-o", "out.txt")

    def test_a_folder_that_is_not_there(self, torch: Project, index: IndexServer) -> None:
        """It is said before anything is resolved, for which a long run is no time."""
        index.reset()
        assert "gone/out.txt" in torch.refused(*LINUX, "-t", "cpu", "-o", "gone/out.txt")
        assert index.pages() == ()

        torch.compile(*LINUX, "-t", "cpu", "-o", "gone/out.txt", "--dry-run")
        assert index.pages() != ()

    def test_a_folder_that_is_a_file(self, torch: Project) -> None:
        assert "out.txt" in torch.refused(*LINUX, "-t", "cpu", "-o", "requirements.in/out.txt")

    @pytest.mark.parametrize("targets", [("cpu",), ("cpu", "cu126")], ids=str)
    def test_a_folder_that_takes_no_files(self, torch: Project, targets: tuple[str, ...]) -> None:
        """No user can write there, the one who may write everywhere neither."""
        if not Path("/proc/self").is_dir():
            pytest.skip("there is no /proc on this machine")
        words = [word for target in targets for word in ("-t", target)]

        message = torch.refused(*LINUX, *words, "-o", "/proc/out.txt")

        assert "/proc/out" in message
        assert "cannot be written" in message
        assert "no file was changed" in message

    def test_a_loop_of_links(self, torch: Project) -> None:
        (torch.folder / "out.txt").symlink_to("out.txt")

        assert "out.txt" in torch.refused(*LINUX, "-t", "cpu", "-o", "out.txt")

    def test_one_of_several(self, torch: Project) -> None:
        """The others stay as they were."""
        (torch.folder / "requirements.cu118.txt").unlink()
        (torch.folder / "requirements.cu118.txt").mkdir()

        message = torch.refused(*LINUX, "-t", "cpu", "-t", "cu126", "-t", "cu118")

        assert "requirements.cu118.txt" in message


class TestMetadata:
    def test_that_cannot_be_parsed(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> None:
        project = old_files(
            project_at(serve(on_pypi(pure("broken", "1.0", "not a requirement !"))))
        )
        project.write(requirements_in="broken\n")

        message = project.refused(*LINUX, "-t", "cpu")

        assert "cpu, linux-x86_64" in message


class TestVerbose:
    @pytest.mark.parametrize("word", ["-v", "--verbose", "-vv"])
    def test_shows_where_it_comes_from(self, torch: Project, word: str) -> None:
        torch.write(requirements_in="torch==99\n")
        before = torch.files()
        done = torch.compile(word, "--platform=linux-x86_64", "-t", "cpu", code=1)

        assert "Traceback" in done.stderr
        assert "torch==99 cannot be locked" in done.stderr
        assert torch.files() == before
