"""`accelock init`: what a pyproject.toml says by hand, in Poetry's tables and in others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from accelock import toml

if TYPE_CHECKING:
    from tests.commands.moving import Moving

OWN = "https://download.pytorch.org/whl"
PROJECT = '[project]\nname = "app"\nversion = "1"\n'
POETRY = (
    '[tool.poetry]\nname = "app"\nversion = "1"\n\n[tool.poetry.dependencies]\npython = "^3.11"\n'
)


def source(target: str, url: str = OWN, more: str = 'priority = "explicit"\n') -> str:
    return f'\n[[tool.poetry.source]]\nname = "{target}"\nurl = "{url}/{target}"\n{more}'


def plain(text: str) -> str:
    """Return TOML without the spaces of inline tables: releases of tomlkit differ in them."""
    return re.sub(r" *([{},]) *", r"\1", text)


INLINE = '{ version = "1", source = "cpu" }'
IN_A_TABLE = f"[tool.poetry.dependencies]\ntorch = {INLINE}\n"
TORCH = 'cpu = ["torch"]\ncu126 = ["torch"]\n'
WITH_A_URL = 'cpu = ["torch", "x @ https://a.org/x.zip"]\ncu126 = []\n'
WITH_GIT = 'torch = "*"\nx = { git = "https://a.org/x" }\n'
GROUP = "[tool.poetry.group.{}.dependencies]\n"
NAMED = f'name="cpu"\nurl="{OWN}/cpu"'
LAYOUT = f"""\
# all of it
[tool.poetry]
name = "app"
version = "1"

[tool.poetry.dependencies] # what it needs
python = "^3.11"
torch = {{ version = "^2.5", source = "cpu" }}   # the newest
torchvision = [
    {{ version = "0.21.0+cpu", source = "cpu", platform = "linux" }},   # here
    {{ version = "0.21.0", platform = "darwin" }}, # there
]
numpy = "*" # kept

[tool.poetry.dependencies.torchaudio]
version = "*"
optional = true
source = "CPU"

# for us
[tool.poetry.group.dev.dependencies]
torch = {{ source = "cpu", version = "*", extras = ["opt-einsum"] }}
torchtext = {{ url = "{OWN}/cpu/torchtext-0.18.0%2Bcpu-cp311-cp311-linux_x86_64.whl" }}

# where torch is
# (not on PyPI)
[[tool.poetry.source]]
name = "cpu"
url = "{OWN}/cpu"
priority = "explicit"

# linters
[tool.ruff]
line-length = 100
"""
LAYOUT_AFTER = """\
# all of it
[tool.poetry]
name = "app"
version = "1"

[tool.poetry.dependencies] # what it needs
python = "^3.11"
torch = "^2.5"   # the newest
torchvision = [
    { version = "0.21.0", platform = "linux" },   # here
    { version = "0.21.0", platform = "darwin" }, # there
]
numpy = "*" # kept

[tool.poetry.dependencies.torchaudio]
version = "*"
optional = true

# for us
[tool.poetry.group.dev.dependencies]
torch = { version = "*", extras = ["opt-einsum"] }
torchtext = "0.18.0"

# linters
[tool.ruff]
line-length = 100

[tool.accelock]
targets = ["cpu"]
"""


class TestSources:
    def test_comments_and_order_stay(self, project: Moving) -> None:
        project.put("pyproject.toml", LAYOUT)
        said = project.written()

        assert plain(project.read("pyproject.toml")) == plain(LAYOUT_AFTER)
        assert 'pyproject.toml:8: torch by its source cpu: torch = "^2.5"' in said
        assert "pyproject.toml:15: torchaudio by its source cpu: " in "\n".join(said)
        assert "pyproject.toml:22: torch by its source cpu: " in "\n".join(said)
        index = (
            'pyproject.toml:27: cpu, the pytorch index of cpu: targets = ["cpu"]; the source goes'
        )
        assert index in said
        assert said[-1] == "Now run: poetry lock"
        (nothing,) = project.shown()
        assert nothing.startswith("Nothing in this project was set up for hardware by hand.")

    def test_a_mirror_that_is_the_primary_source(self, project: Moving) -> None:
        text = f'{POETRY}torch = "*"\n{source("cu126", "https://me:pw@corp/whl", "")}'
        project.put("pyproject.toml", text)
        said = "\n".join(project.written())
        assert "all other packages then come from PyPI or your other sources" in said
        assert "pw@" not in said
        assert project.data()["sources"] == {"pytorch": "https://me:pw@corp/whl/{target}"}

    def test_what_another_package_names_stays(self, project: Moving) -> None:
        text = f"{POETRY}torch = {INLINE}\nnumpy = {INLINE}\n{source('cpu')}"
        project.put("pyproject.toml", text)
        said = "\n".join(project.written())
        assert "cpu has other packages too: the source stays" in said
        assert "[[tool.poetry.source]]" in project.read("pyproject.toml")
        assert f'torch = "1"\nnumpy = {INLINE}\n' in project.read("pyproject.toml")

    def test_sources_of_ours_and_of_others_are_nothing(self, project: Moving) -> None:
        ours = source("cpu").replace('name = "cpu"', 'name = "accelock-pytorch-cpu"')
        project.put("pyproject.toml", POETRY + ours + source("simple", "https://corp"))
        assert "Nothing in this project" in project.shown()[0]

    def test_of_all_targets(self, project: Moving) -> None:
        page = f'\n[[tool.poetry.source]]\nname = "all"\nurl = "{OWN}"\npriority = "explicit"\n'
        project.put(
            "pyproject.toml", f'{POETRY}torch = {{ version = "*", source = "all" }}\n{page}'
        )
        assert "name the targets: accelock init cpu cu126" in project.refused()
        project.written("cpu", "cu126")
        assert project.data() == {"targets": ["cpu", "cu126"]}

    @pytest.mark.parametrize(
        ("others", "apples", "left"),
        [
            ("markers = \"sys_platform != 'darwin'\"", 'platform = "darwin"', '"^2.6"'),
            (
                "markers = \"sys_platform != 'darwin'\"",
                "source = 'pypi', markers = \"platform_system == 'Darwin'\"",
                '"^2.6"',
            ),
            (
                'platform = "linux"',
                'source = "PyPI", platform = "darwin"',
                '[{version = "^2.6",platform = "linux"},{version = "^2.6",platform = "darwin"}]',
            ),
        ],
    )
    def test_what_macos_has_of_pypi_is_the_cpus(
        self, project: Moving, others: str, apples: str, left: str
    ) -> None:
        listed = f'[{{ version = "^2.6", source = "cu126", {others} }}, '
        listed += f'{{ version = "^2.6", {apples} }}]'
        project.put("pyproject.toml", f"{POETRY}torch = {listed}\n{source('cu126')}")
        said = "\n".join(project.written())
        assert 'torch on macOS: the build for "cpu" that is there' in said
        assert project.data() == {"targets": ["cpu", "cu126"]}
        assert f"torch = {left}" in plain(project.read("pyproject.toml"))

    @pytest.mark.parametrize(
        "apples", ["python = '>=3.12'", "source = 'pypi', platform = 'linux'", "extras = ['a']"]
    )
    def test_what_is_not_macos_alone_stays(self, project: Moving, apples: str) -> None:
        listed = '[{ version = "^2.6", source = "cu126", platform = "linux" }, '
        listed += f'{{ version = "^2.6", {apples} }}]'
        project.put("pyproject.toml", f"{POETRY}torch = {listed}\n{source('cu126')}")
        project.written()
        assert project.data() == {"targets": ["cu126"]}
        assert apples in project.read("pyproject.toml")

    def test_by_platform_is_for_a_person_to_decide(self, project: Moving) -> None:
        torch = """torch = [
  { version = "2.6.0", source = "cpu", platform = "darwin" },
  { version = "2.6.0", source = "cu126", platform = "linux" },
]
"""
        project.put("pyproject.toml", POETRY + torch + source("cpu") + source("cu126"))
        said = project.refused("--write")
        assert "pyproject.toml:7: the builds of torch for several targets differ" in said

    @pytest.mark.parametrize(
        "text",
        [
            f'[tool.poetry]\nsource = [{{ name = "cpu", url = "{OWN}/cpu" }}]\n{IN_A_TABLE}',
            f"tool.poetry.dependencies.torch = {INLINE}\n{source('cpu')}",
            f'{POETRY}torch = "2.6.0+cpu"\n[[ tool . "poetry".source ]]\n{NAMED}\n',
        ],
    )
    def test_unusual_layouts_are_edited_right_or_not_at_all(
        self, project: Moving, text: str
    ) -> None:
        project.put("pyproject.toml", text)
        project.written()
        tool = toml.loads(project.read("pyproject.toml"))["tool"]
        assert tool["accelock"] == {"targets": ["cpu"]}
        assert not tool["poetry"].get("source")
        assert tool["poetry"]["dependencies"]["torch"] in ("1", "2.6.0", {"version": "1"})

    def test_what_would_be_damaged_stays(self, project: Moving) -> None:
        """What looks like a table is in a string: without it the file would be TOML, and wrong."""
        text = "\n[tool.x]\ntext = '''\n[[tool.poetry.source]]\nname = 'none'\n[end]\n'''\n"
        project.put("pyproject.toml", POETRY + 'torch = "2.6.0+cpu"\n' + text + source("cpu"))
        assert "accelock cannot change it safely" in project.refused("--write")


class TestExtrasAndGroups:
    def test_extras_of_the_project(self, project: Moving) -> None:
        extras = """
[project.optional-dependencies]
cpu = ["torch==2.6.0+cpu", "einops>=0.8"]  # slow
cu126 = ["torch==2.6.0+cu126", "einops>=0.8", "triton; os_name == 'posix'"]
plots = ["pandas"]
"""
        project.put("pyproject.toml", f'{PROJECT}dependencies = [\n    "numpy",  # a\n]\n{extras}')
        said = project.written()

        data = toml.loads(project.read("pyproject.toml"))
        assert data["project"]["dependencies"] == ["numpy", "torch==2.6.0", "einops>=0.8"]
        assert data["project"]["optional-dependencies"] == {"plots": ["pandas"]}
        assert project.data() == {
            "targets": ["cpu", "cu126"],
            "target": {
                "cu126": {
                    "dependencies": {"triton": {"version": "*", "markers": 'os_name == "posix"'}}
                }
            },
        }
        assert 'pyproject.toml:9: the extra cpu: targets = ["cpu"]; it goes' in said
        assert said[-1] == "Now run: accelock compile"

    def test_groups_of_pep_735(self, project: Moving) -> None:
        groups = '[dependency-groups]\ncpu = ["torch"]\ngpu = ["torch"]\nx = ["y"]\n'
        project.put("pyproject.toml", PROJECT + groups)
        assert "gpu, one of several for accelerators: accelock cannot tell its" in project.refused()
        project.written("cu126")
        data = toml.loads(project.read("pyproject.toml"))
        assert data["project"]["dependencies"] == ["torch"]
        assert data["dependency-groups"] == {"x": ["y"]}

    def test_what_an_extra_alone_asks_for_in_poetrys_tables(self, project: Moving) -> None:
        text = f"""{POETRY}torch = [
  {{ version = "2.6.0", source = "cpu", markers = "extra == 'cpu'" }},
  {{ version = "2.6.0", source = "cu126", markers = "extra == 'gpu'" }},
]
triton = {{ version = "^3.2", optional = true, markers = "extra == 'gpu'" }}

[tool.poetry.extras]
cpu = ["torch"]
gpu = ["torch", "triton"]
"""
        project.put("pyproject.toml", text + source("cpu") + source("cu126"))
        said = [line for line in project.written() if "triton" in line and line[0] not in "+- "]
        table = "[tool.accelock.target.cu126.dependencies]"
        assert said == [f"pyproject.toml:11: triton, because only cu126 requires it: {table}"]
        tool = toml.loads(project.read("pyproject.toml"))["tool"]
        assert tool["poetry"]["dependencies"] == {"python": "^3.11", "torch": "2.6.0"}
        assert tool["accelock"]["target"] == {"cu126": {"dependencies": {"triton": "<4,>=3.2"}}}

    def test_extras_that_have_nothing_of_hardware(self, project: Moving) -> None:
        extras = '[project.optional-dependencies]\ncpu-count = ["psutil"]\ngpu-count = ["x"]\n'
        project.put("pyproject.toml", PROJECT + extras)
        assert "Nothing in this project" in project.shown()[0]

    def test_an_extra_alone_is_an_option(self, project: Moving) -> None:
        extras = '[project.optional-dependencies]\ngpu = ["torch==2.6.0+cu126"]\n'
        project.put("pyproject.toml", PROJECT + extras)
        project.written()
        data = toml.loads(project.read("pyproject.toml"))
        assert data["project"]["optional-dependencies"] == {"gpu": ["torch==2.6.0"]}
        assert project.data() == {"targets": ["cu126"]}

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            (
                f'[project.optional-dependencies]\n{TORCH}all = ["app[cpu]"]\n',
                "app[cpu]: remove from it the extras that go",
            ),
            (
                f'[dependency-groups]\n{TORCH}all = [{{ include-group = "cpu" }}]\n',
                "includes cpu: remove from it the groups that go",
            ),
            (
                f"[project.optional-dependencies]\n{WITH_A_URL}",
                "only a version can be said for one target",
            ),
            (
                f"{GROUP.format('cpu')}{WITH_GIT}{GROUP.format('cu126')}",
                "x of the group cpu: write it as one plain version",
            ),
        ],
    )
    def test_what_cannot_be_moved_is_named(self, project: Moving, more: str, told: str) -> None:
        project.put("pyproject.toml", PROJECT + more)
        assert told in project.refused("--write")


class TestOthers:
    def test_settings_of_pip_tools(self, project: Moving) -> None:
        text = (
            "[tool.pip-tools]\nstrip-extras = true\n"
            f'extra-index-url = ["{OWN}/cu126", "https://corp/simple"]\n'
            f'find_links = ["{OWN}/cu126"]\n'
        )
        project.put("pyproject.toml", text)
        project.put("requirements.in", "torch==2.6.0+cu126\n")
        project.written()
        tool = toml.loads(project.read("pyproject.toml"))["tool"]
        assert tool["pip-tools"] == {
            "strip-extras": True,
            "extra-index-url": ["https://corp/simple"],
        }
        assert tool["accelock"] == {"targets": ["cu126"]}

    def test_labels_in_a_project_of_any_backend(self, project: Moving) -> None:
        dependencies = 'dependencies = ["torch==2.6.0+cpu", "torchaudio>1", "tqdm==1+cpu"]\n'
        project.put("pyproject.toml", PROJECT + dependencies)
        project.written()
        found = toml.loads(project.read("pyproject.toml"))["project"]["dependencies"]
        assert found == ["torch==2.6.0", "torchaudio>1", "tqdm==1+cpu"]

    @pytest.mark.parametrize("value", ["1", '"x"', "[1]", '[["x"]]', "[{ name = 1 }]", "{ a = 1 }"])
    @pytest.mark.parametrize(
        "key",
        [
            "project", "project.dependencies", "project.optional-dependencies",
            "project.optional-dependencies.cpu", "dependency-groups", "dependency-groups.cpu",
            "tool", "tool.poetry", "tool.poetry.source", "tool.poetry.dependencies",
            "tool.poetry.dependencies.torch", "tool.poetry.extras", "tool.poetry.extras.cpu",
            "tool.poetry.group", "tool.poetry.group.cpu", "tool.poetry.group.cpu.dependencies",
            "tool.pip-tools", "tool.uv", "tool.uv.sources", "tool.uv.index", "tool.accelock",
            "tool.accelock.targets", "tool.accelock.sources", "tool.accelock.target",
        ],
    )  # fmt: skip
    def test_what_is_of_another_kind_is_no_traceback(
        self, project: Moving, key: str, value: str
    ) -> None:
        """The tools refuse it; here it is left alone, or named."""
        project.put("pyproject.toml", f"{key} = {value}\n")
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n")
        assert project.ran() in (0, 1)
