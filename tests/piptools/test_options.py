"""pip-compile's own options, for targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import options_of
from tests.piptools.support_sites import binary, on_pypi, pure
from tests.support.pytorch_site import pytorch_site
from tests.support.torch_releases import HERE
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

LINUX = ("-q", "--platform=linux-x86_64")


class TestLook:
    def test_no_header(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n").compile("-q", "-t", "cpu", "--no-header")

        text = project.read()
        assert text.startswith("--index-url ")
        assert "accelock" not in text

    def test_no_annotations(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile("-q", "-t", "cpu", "--no-annotate")

        assert "# via" not in project.read()

    def test_annotations_on_the_line(self, project: Project) -> None:
        project.write(requirements_in="torchvision\n")
        project.compile("-q", "-t", "cpu", "--annotation-style=line", "--no-generate-hashes")

        lines = project.read().splitlines()
        assert 'torch==2.8.0+cpu ; sys_platform != "darwin"  # via torchvision' in lines
        assert "jinja2==3.1.6             # via torch" in lines

    def test_newlines(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n").compile("-q", "-t", "cpu", "--newline=CRLF")

        assert project.read().count("\r\n") == project.read().count("\n")

    def test_a_command_of_ones_own(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", CUSTOM_COMPILE_COMMAND="make lock")

        header = project.read().splitlines()[:6]
        assert header[4] == "#    make lock"
        assert "# accelock: version" in project.read()


class TestExtras:
    def test_stripped(self, project: Project) -> None:
        project.write(requirements_in="uvicorn[standard]\ntorch[opt-einsum]\n")
        project.compile("-q", "-t", "cpu", "--strip-extras")

        lines = project.lines()
        assert "uvicorn==0.34.3" in lines
        assert 'uvloop==0.21.0 ; sys_platform != "win32"' in lines
        assert "opt-einsum==3.4.0" in lines
        assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in lines

    def test_kept(self, project: Project) -> None:
        project.write(requirements_in="uvicorn[standard]\ntorch[opt-einsum]\n")
        project.compile("-q", "-t", "cpu", "--no-strip-extras")

        lines = project.lines()
        assert "uvicorn[standard]==0.34.3" in lines
        assert 'torch[opt-einsum]==2.8.0+cpu ; sys_platform != "darwin"' in lines


class TestUnsafe:
    def test_named_and_not_pinned(self, project: Project) -> None:
        project.write(requirements_in="setuptools\ntqdm\n")
        project.compile("-q", "-t", "cpu", "-t", "cu126", "--no-allow-unsafe")

        for target in ("cpu", "cu126"):
            text = project.read(f"requirements.{target}.txt")
            assert text.endswith(
                "# The following packages are considered to be unsafe in a requirements file:\n"
                "# setuptools\n"
            )

    @pytest.mark.parametrize("words", [(), ("--allow-unsafe",)])
    def test_pinned_by_default(self, project: Project, words: tuple[str, ...]) -> None:
        project.write(requirements_in="setuptools ; sys_platform == 'win32'\ntqdm\n")
        project.compile("-q", "-t", "cpu", *words)

        assert 'setuptools==70.2.0 ; sys_platform == "win32"' in project.lines()

    def test_packages_of_ones_own(self, project: Project) -> None:
        project.write(requirements_in="torchvision\ntqdm\n")
        project.compile(*LINUX, "-t", "cpu", "--unsafe-package=torch", "--unsafe-package=tqdm")

        pins = project.pins()
        assert "torch" not in pins
        assert "torchvision" in pins
        assert project.read().endswith("# torch\n# tqdm\n")

    def test_packages_of_ones_own_allowed(self, project: Project) -> None:
        project.write(requirements_in="torchvision\n")
        project.compile("-q", "-t", "cpu", "--unsafe-package=torch", "--allow-unsafe")

        below = project.read().partition("considered to be unsafe")[2]
        assert 'torch==2.8.0 ; sys_platform == "darwin"' in below
        assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in below


class TestConfiguration:
    def test_pip_tools_table_counts(self, project: Project) -> None:
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.pip-tools]\nannotation-style = "line"\nstrip-extras = true\n'
            "generate-hashes = true\nallow-unsafe = true\nquiet = true\n"
            '[tool.accelock]\ntargets = ["cpu"]\n',
        )
        done = project.compile("requirements.in")

        assert project.hashes()["torch"]
        assert done.stderr == ""

    def test_both_tables_count_for_the_digest(self, project: Project) -> None:
        def digest() -> str:
            (line,) = (each for each in project.read().splitlines() if "settings" in each)
            return line

        project.write(requirements_in="tqdm\n").compile(*LINUX, "-t", "cpu")
        plain = digest()
        project.write(pyproject_toml="[tool.pip-tools]\nquiet = true\n")
        project.compile(*LINUX, "-t", "cpu")
        theirs = digest()
        project.write(pyproject_toml="[tool.other]\nquiet = true\n").compile(*LINUX, "-t", "cpu")

        assert digest() == plain != theirs

    def test_no_config_leaves_our_table(self, project: Project) -> None:
        """`--no-config` is about [tool.pip-tools]."""
        project.write(
            requirements_in="torch\n",
            pyproject_toml='[tool.pip-tools]\nheader = false\n[tool.accelock]\ntargets = ["cpu"]\n',
        )
        project.compile("-q", "--no-config", "requirements.in")

        assert "; target cpu; " in project.read()

    @pytest.mark.parametrize(
        ("name", "words"), [(".pip-tools.toml", ()), ("conf/x.toml", ("--config=conf/x.toml",))]
    )
    def test_another_file_with_the_table_is_an_input(
        self, project: Project, name: str, words: tuple[str, ...]
    ) -> None:
        table = "[tool.pip-tools]\nstrip-extras = true\n"
        project.write(requirements_in="tqdm\n").put(name, table)
        project.compile(*LINUX, "-t", "cpu", *words)

        assert f"# accelock: inputs {name}[tool.pip-tools] requirements.in; " in project.read()
        project.put(name, f"{table}# why\n[tool.other]\nquiet = true\n")
        assert project.accelock("check").returncode == 0
        project.put(name, f"{table}generate-hashes = true\n")
        assert (
            f"it is stale: {name}[tool.pip-tools] changed after" in project.accelock("check").stdout
        )

    def test_our_table_in_another_file(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n", requirements_txt="tqdm==1.0\n")
        project.put("conf.toml", '[tool.accelock]\ntargets = ["cpu"]\n')
        said = "accelock ignores [tool.accelock] in conf.toml"

        assert said in project.refused("--config=conf.toml")
        done = project.compile("-t", "cpu", *LINUX[1:], "--config=conf.toml")
        assert f"NOTE: {said}" in done.stderr


class TestIndexes:
    def test_index_url_and_extra(self, project: Project, index: IndexServer) -> None:
        project.write(requirements_in="torch\n")
        first, second = f"{index.other_url}/simple", f"{index.url}/simple"
        project.compile("-q", "-t", "cpu", "-i", first, "--extra-index-url", second)

        assert options_of(project.read()) == [
            f"--index-url {first}",
            f"--extra-index-url {second}",
            "--extra-index-url https://download.pytorch.org/whl/cpu",
        ]

    def test_find_links(self, project: Project) -> None:
        folder = project.folder.parent / "wheels"
        folder.mkdir()
        pure("local-only", "1.0").save(folder)
        project.write(requirements_in="local-only\ntorch\n")
        project.compile("-q", "-t", "cpu", "--generate-hashes", "-f", str(folder))

        assert project.pins()["local-only"] == "1.0"
        assert project.hashes()["local-only"] == {pure("local-only", "1.0").hash}
        assert f"--find-links {folder}" in options_of(project.read())

    def test_no_index(self, project: Project) -> None:
        folder = project.folder.parent / "wheels"
        folder.mkdir()
        pure("local-only", "1.0").save(folder)
        project.write(requirements_in="local-only\n")
        project.compile("-q", "-t", "cpu", "--no-index", "-f", str(folder), PIP_INDEX_URL="")

        assert project.pins() == {"local-only": "1.0"}

    def test_trusted_host(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n")
        project.compile("-q", "-t", "cpu", "--trusted-host", "127.0.0.1")

        assert "--trusted-host 127.0.0.1" in options_of(project.read())

    def test_pip_args(self, project: Project) -> None:
        project.write(requirements_in="tqdm\ntorch\n")
        project.compile("-q", "-t", "cpu", "--pip-args=--retries 0 --timeout 5")

        assert project.pins()["torch"] == "2.8.0+cpu"

    def test_only_binary(self, project: Project) -> None:
        project.write(requirements_in="static-sdist\n")

        assert "static-sdist" in project.refused(
            "-q", "-t", "cpu", "--pip-args=--only-binary=:all:"
        )


class TestPreReleases:
    @pytest.fixture
    def with_candidate(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> Project:
        """A release candidate of torch, on all platforms, and one of an ordinary package."""
        tags = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "win_amd64")
        built = binary("torch", "2.9.0rc1+cpu", *tags)
        macos = wheel("torch", "2.9.0rc1", f"{HERE}-none-macosx_11_0_arm64")
        site = pytorch_site().with_files("/whl/cpu", *built, macos)
        return project_at(serve(site.with_files("/simple", pure("tqdm", "5.0rc1"))))

    def test_are_not_taken(self, with_candidate: Project) -> None:
        with_candidate.write(requirements_in="torch\ntqdm\n").compile("-q", "-t", "cpu")

        assert with_candidate.pins()["torch"] == "2.8.0+cpu"
        assert with_candidate.pins()["tqdm"] == "4.67.1"

    @pytest.mark.parametrize("text", ["torch\ntqdm\n", "--pre\ntorch\ntqdm\n"])
    def test_are_taken_where_allowed(self, with_candidate: Project, text: str) -> None:
        words = [] if "--pre" in text else ["--pre"]
        with_candidate.write(requirements_in=text).compile("-q", "-t", "cpu", *words)

        assert with_candidate.pins()["tqdm"] == "5.0rc1"
        assert with_candidate.pins()["torch"] == "2.9.0rc1+cpu"
        assert with_candidate.pins(platform="macos-arm64")["torch"] == "2.9.0rc1"

    def test_by_their_own_name(self, with_candidate: Project) -> None:
        with_candidate.write(requirements_in="torch==2.9.0rc1\n").compile("-q", "-t", "cpu")

        assert with_candidate.pins()["torch"] == "2.9.0rc1+cpu"


def test_yanked_builds_are_left(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    site = on_pypi()
    indexes = tuple(
        replace(
            each,
            projects={
                name: tuple(
                    replace(file, yanked="broken")
                    if name == "torch" and "2.8.0" in file.distribution.filename
                    else file
                    for file in files
                )
                for name, files in each.projects.items()
            },
        )
        for each in site.indexes
    )
    project = project_at(serve(replace(site, indexes=indexes)))
    project.write(requirements_in="torch\n").compile("-q", "-t", "cpu")

    assert project.pins()["torch"] == "2.7.1+cpu"


def test_the_legacy_resolver_is_refused(project: Project) -> None:
    project.write(requirements_in="torch\n")

    assert "--resolver=legacy" in project.refused("-t", "cpu", "--resolver=legacy", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ["--platform=linux-x86_64"],
        ["--python-version=3.12"],
        ["--source=pytorch=https://mirror.example/whl/{target}"],
        ["--allow-downloads"],
    ],
)
def test_our_options_need_a_target(project: Project, words: list[str]) -> None:
    project.write(requirements_in="tqdm\n")

    said = project.refused(*words, "requirements.in", code=2)

    assert "-t cpu" in said
    assert "[tool.accelock]" in said
