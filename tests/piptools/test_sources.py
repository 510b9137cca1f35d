"""Where a family is read, and what a file says about it."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import Project, options_of
from tests.piptools.support_sites import with_mirror, with_whole_page
from tests.support.pytorch_site import pytorch_site
from tests.support.sites import HostedFile, Index
from tests.support.wheels import Distribution

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.server import IndexServer
    from tests.support.sites import Site

pytestmark = pytest.mark.internals

LINUX = ("-q", "-t", "cpu", "--platform=linux-x86_64")
CATALOGUE = "https://download.pytorch.org/whl"
SECRET = "s3cret-t0ken"
# What the command `keyring` does for pip, of one user: newer pips ask for JSON.
KEYRING = f"""\
#!/bin/sh
case "$*" in
    "get "*" user") echo '{SECRET}' ;;
    *" --output=json get "*" user") echo '{{"username": "user", "password": "{SECRET}"}}' ;;
    *) exit 1 ;;
esac
"""
MANY = {"/cli": "2.5.1", "/env": "2.6.0", "/toml": "2.7.1", "/input": "2.8.0"}


@pytest.fixture
def mirrors(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> tuple[Project, IndexServer]:
    """A project, and a server with a mirror per place that can name one, each with its version."""
    site = pytorch_site()
    for prefix, torch in MANY.items():
        site = with_mirror(site, prefix, torch)
    server = serve(site)
    return project_at(server), server


class TestPrecedence:
    """Command line, environment, pyproject.toml, input: the first that there is."""

    @pytest.mark.parametrize("first", list(MANY))
    def test_of_the_places(self, mirrors: tuple[Project, IndexServer], first: str) -> None:
        project, server = mirrors
        places = list(MANY)[list(MANY).index(first) :]
        urls = {place: f"{server.url}{place}/whl/{{target}}" for place in places}
        table = f'[tool.accelock.sources]\npytorch = "{urls["/toml"]}"\n' if "/toml" in urls else ""
        project.write(
            requirements_in=f"--extra-index-url {server.url}/input/whl/cpu\ntorch\n",
            pyproject_toml=table or "[project]\n",
        )
        option = ("--source", f"pytorch={urls['/cli']}") if "/cli" in urls else ()
        project.compile(*LINUX, *option, ACCELOCK_SOURCE_PYTORCH=urls.get("/env", ""))

        assert project.pins()["torch"] == f"{MANY[first]}+cpu"

    def test_what_is_written_is_never_from_the_environment(
        self, mirrors: tuple[Project, IndexServer]
    ) -> None:
        project, server = mirrors
        written = f"{server.url}/toml/whl"
        project.write(
            requirements_in="torch\n",
            pyproject_toml=f'[tool.accelock.sources]\npytorch = "{written}/{{target}}"\n',
        )
        project.compile(*LINUX, ACCELOCK_SOURCE_PYTORCH=f"{server.url}/env/whl/{{target}}")

        assert project.pins()["torch"] == "2.6.0+cpu"
        assert f"--extra-index-url {written}/cpu" in options_of(project.read())
        assert "/env/" not in project.read()

    @pytest.mark.parametrize(
        ("named", "torch", "said"),
        [("nightly/cpu", "torch", 1), ("nightly/cpu", "", 0), ("cpu", "torch", 0)],
    )
    def test_a_mirror_of_another_kind_is_told(
        self, mirrors: tuple[Project, IndexServer], named: str, torch: str, said: int
    ) -> None:
        """The file would name an index that does not have what it pins."""
        project, server = mirrors
        project.write(requirements_in=f"--extra-index-url {CATALOGUE}/{named}\ntqdm\n{torch}\n")
        done = project.compile(*LINUX, ACCELOCK_SOURCE_PYTORCH=f"{server.url}/env/whl/{{target}}")

        told = f"names {CATALOGUE}/nightly/{{target}}. One of them has nightly builds"
        assert done.stderr.count(told) == said
        assert done.stderr.count("nightly") == 2 * said

    def test_the_catalogues_index_is_written_where_nothing_else_is(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile(*LINUX)

        assert f"--extra-index-url {CATALOGUE}/cpu" in options_of(project.read())
        assert "/whl/" not in project.read().replace(CATALOGUE, "")

    def test_the_command_lines_source_is_written(
        self, mirrors: tuple[Project, IndexServer]
    ) -> None:
        project, server = mirrors
        url = f"{server.url}/cli/whl/{{target}}"
        project.write(requirements_in="torch\n").compile(*LINUX, "--source", f"pytorch={url}")

        text = project.read()
        assert f"--extra-index-url {server.url}/cli/whl/cpu" in options_of(text)
        assert f"'--source=pytorch={url}'" in text.splitlines()[4]

    def test_no_family_url_of_a_loser_stays_global(
        self, mirrors: tuple[Project, IndexServer]
    ) -> None:
        project, server = mirrors
        url = f"{server.url}/cli/whl/{{target}}"
        project.write(requirements_in=f"--extra-index-url {server.url}/whl/cpu\ntorch\n")
        project.compile(*LINUX, "--source", f"pytorch={url}")

        assert project.pins()["filelock"] == "3.18.0"
        assert options_of(project.read()) == [
            f"--index-url {server.url}/simple",
            f"--extra-index-url {server.url}/cli/whl/cpu",
        ]


class TestFindLinksPage:
    @pytest.fixture
    def whole(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> tuple[Project, IndexServer]:
        server = serve(with_whole_page())
        return project_at(server), server

    @pytest.mark.parametrize(
        ("target", "place"),
        [("cpu", "option"), ("cu126", "option"), ("rocm6.3", "table"), ("cu126", "environment")],
    )
    def test_one_page_with_all_variants_is_no_mix(
        self, whole: tuple[Project, IndexServer], target: str, place: str
    ) -> None:
        """Plain pip takes torch+cu126 beside torchvision+rocm6.3 of this page."""
        project, server = whole
        page = f"{server.url}/whl/torch_stable.html"
        project.write(requirements_in="torchvision\ntorch\n")
        if place == "table":
            project.write(pyproject_toml=f'[tool.accelock.sources]\npytorch = "{page}"\n')
        project.compile(
            *("-q", "-t", target, "--platform=linux-x86_64"),
            *((f"--source=pytorch={page}",) if place == "option" else ()),
            ACCELOCK_SOURCE_PYTORCH=page if place == "environment" else "",
        )

        pins = project.pins()
        assert pins["torch"] == f"2.8.0+{target}"
        assert pins["torchvision"] == f"0.23.0+{target}"
        assert pins["filelock"] == "3.18.0"
        catalogues = f"--extra-index-url {CATALOGUE}/{target}"
        assert options_of(project.read()) == [
            f"--index-url {server.url}/simple",
            catalogues if place == "environment" else f"--find-links {page}",
        ]

    def test_each_target_has_its_own_builds(self, whole: tuple[Project, IndexServer]) -> None:
        project, server = whole
        page = f"pytorch={server.url}/whl/torch_stable.html"
        project.write(requirements_in="torch\n")
        project.compile("-q", "-t", "cpu", "-t", "cu118", "--source", page)

        assert project.pins("requirements.cpu.txt", "macos-arm64")["torch"] == "2.7.1"
        assert project.pins("requirements.cu118.txt")["torch"] == "2.7.1+cu118"
        assert len(server.pages("/whl/torch_stable.html")) == 1

    def test_hashes_come_from_the_sibling_index(self, project: Project, index: IndexServer) -> None:
        page = f"pytorch={index.url}/whl/torch_stable.html"
        project.write(requirements_in="torch\n")
        project.compile(*LINUX, "--generate-hashes", "--source", page)

        wheels = {
            file.distribution.hash
            for file in pytorch_site().index("/whl/cpu").projects["torch"]
            if "2.8.0+cpu" in file.distribution.filename
            and "linux_2_28_x86_64" in file.distribution.filename
        }
        assert project.hashes()["torch"] == wheels
        assert not index.bodies()


class TestMirror:
    def test_of_another_shape(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        files = pytorch_site().index("/whl/cpu").projects["torch"]
        server = serve(pytorch_site().with_files("/cpu/simple", *(f.distribution for f in files)))
        project = project_at(server)
        project.write(requirements_in="torch\n")
        project.compile(*LINUX, "--source", f"pytorch={server.url}/{{target}}/simple/")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert f"--extra-index-url {server.url}/cpu/simple" in options_of(project.read())

    def test_a_family_that_is_split_over_it(self, project: Project, index: IndexServer) -> None:
        """A mirror of torch alone: what it lacks of NVIDIA's libraries is on PyPI."""
        del index
        project.write(requirements_in="torch==2.8.0\n")
        project.compile("-q", "-t", "cu126", "--platform=linux-x86_64")

        assert project.pins()["nvidia-cudnn-cu12"] == "9.10.2.21"


class TestCredentials:
    @pytest.fixture
    def locked(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> tuple[Project, IndexServer]:
        server = serve(pytorch_site().configured("/whl", login=("user", SECRET)))
        return project_at(server), server

    @staticmethod
    def with_login(server: IndexServer) -> str:
        return f"{server.url.replace('//', f'//user:{SECRET}@')}/whl/{{target}}"

    def test_of_an_option_are_used_and_never_written(
        self, locked: tuple[Project, IndexServer]
    ) -> None:
        project, server = locked
        project.write(requirements_in="torch\n")
        done = project.compile(
            "-v", *LINUX[1:], "--generate-hashes", "--source", f"pytorch={self.with_login(server)}"
        )

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert SECRET not in project.read() + done.stderr + done.stdout
        assert f"--extra-index-url {server.url}/whl/cpu" in options_of(project.read())

    def test_of_the_table(self, locked: tuple[Project, IndexServer]) -> None:
        project, server = locked
        url = self.with_login(server)
        project.write(
            requirements_in="torch\n",
            pyproject_toml=f'[tool.accelock.sources]\npytorch = "{url}"\n',
        )
        done = project.compile(*LINUX, ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert SECRET not in project.read() + done.stderr

    def test_of_the_input(self, locked: tuple[Project, IndexServer]) -> None:
        project, server = locked
        url = self.with_login(server).replace("{target}", "cpu")
        project.write(requirements_in=f"--extra-index-url {url}\ntorch\n")
        done = project.compile(*LINUX, ACCELOCK_SOURCE_PYTORCH="")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert SECRET not in project.read() + done.stderr

    def test_of_netrc(self, locked: tuple[Project, IndexServer]) -> None:
        project, server = locked
        netrc = project.folder.parent / "netrc"
        netrc.write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
        project.write(requirements_in="torch\n").compile(*LINUX, NETRC=str(netrc))

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert server.url

    @pytest.mark.parametrize("indexes", ["", "--extra-index-url {url}/simple\n"])
    def test_of_keyring(self, locked: tuple[Project, IndexServer], indexes: str) -> None:
        """pip asks it for the credentials of those indexes alone that it knows to be one."""
        project, server = locked
        keyring = project.put("bin/keyring", KEYRING)
        keyring.chmod(0o755)
        project.write(requirements_in=f"{indexes.format(url=server.url)}torch\n")
        url = f"{server.url.replace('//', '//user@')}/whl/{{target}}"
        project.compile(
            *(*LINUX, "--source", f"pytorch={url}"),
            PATH=f"{keyring.parent}{os.pathsep}{project.env['PATH']}",
            PIP_KEYRING_PROVIDER="subprocess",
        )

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert SECRET not in project.read()

    def test_of_an_index_on_the_same_host(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> None:
        """As with one server for mirrors of both, whose login stands in pip's configuration."""
        server = serve(pytorch_site().configured("/", login=("user", SECRET)))
        project = project_at(server).write(requirements_in="torch\n")
        index = f"{server.url.replace('//', f'//user:{SECRET}@')}/simple"
        project.compile(*LINUX, PIP_INDEX_URL=index)

        assert project.pins()["torch"] == "2.8.0+cpu"

    def test_of_an_input_by_url_are_not_in_a_comment(
        self,
        serve: Callable[[Site], IndexServer],
        project_at: Callable[[IndexServer], Project],
    ) -> None:
        text = Distribution("layer.in", "layer", "1", b"tqdm\n", b"")
        site = pytorch_site()
        layer = Index("/inputs", {"layer": (HostedFile("/inputs/layer.in", text),)})
        server = serve(replace(site, indexes=(*site.indexes, layer)))
        project = project_at(server)
        url = f"{server.url.replace('//', f'//user:{SECRET}@')}/inputs/layer.in"
        project.write(requirements_in=f"-r {url}\n").compile(*LINUX)

        assert project.pins() == {"tqdm": "4.67.1"}
        assert project.read().count(f"****@127.0.0.1:{server.port}/inputs/layer.in") == 3
        assert SECRET not in project.read()

    @pytest.mark.parametrize("word", ["", "-v"])
    def test_are_not_in_an_error(self, locked: tuple[Project, IndexServer], word: str) -> None:
        project, server = locked
        project.write(requirements_in="torch\n")
        url = self.with_login(server).replace(SECRET, SECRET[::-1])
        done = project.compile(
            *filter(None, (word,)), *LINUX[1:], "--source", f"pytorch={url}", code=1
        )

        assert "401" in done.stderr
        assert SECRET[::-1] not in done.stderr
        assert base64.b64encode(SECRET.encode()).decode() not in done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pytorch", "write it as FAMILY=URL"),
        ("pytroch=https://mirror.example/whl/{target}", "did you mean 'pytorch'"),
        ("pytorch=", "must be an http, https or file URL"),
        ("pytorch=mirror.example/whl", "must be an http, https or file URL"),
        ("pytorch=https://mirror.example/{gpu}", "{target}"),
    ],
)
def test_a_word_that_is_no_source(project: Project, word: str, said: str) -> None:
    project.write(requirements_in="torch\n")

    assert said in project.refused(*LINUX, "--source", word, code=2)


def test_a_bad_source_in_the_environment(project: Project) -> None:
    project.write(requirements_in="torch\n")

    assert "ACCELOCK_SOURCE_PYTORCH" in project.refused(*LINUX, ACCELOCK_SOURCE_PYTORCH="nowhere")


@pytest.mark.parametrize("gap", ["", " "])
def test_a_marker_behind_an_index_is_no_part_of_it(
    project: Project, index: IndexServer, gap: str
) -> None:
    """pip knows no markers there; others write them, and mean that index."""
    line = f"--extra-index-url {index.url}/whl/cu118{gap}; sys_platform != 'darwin'"
    project.write(requirements_in=f"{line}\ntorch\n", pyproject_toml="[project]\n")
    project.compile(*LINUX)

    assert f"--extra-index-url {index.url}/whl/cpu" in options_of(project.read())
    assert "cu118" not in project.read()
