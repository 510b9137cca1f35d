"""`poetry accelock init`: the table, and sources for a Poetry without accelock."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from tests.poetry.support_project import on_linux, parsed

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

TARGETS = 'targets = ["cpu", "cu126"]\n'


class TestByHand:
    @staticmethod
    def sourced(project: Project) -> None:
        more = (
            '[tool.poetry.dependencies]\ntorch = { source = "pytorch-cpu" }\n'
            '[[tool.poetry.source]]\nname = "pytorch-cpu"\n'
            f'url = "{project.server.url}/whl/cpu"\npriority = "explicit"\n'
        )
        project.write_pyproject(["torch<2.7"], targets=(), source="", more=more)

    def test_it_is_shown_and_written(self, project: Project) -> None:
        self.sourced(project)
        before = project.read("pyproject.toml")
        looked = project.poetry("accelock", "init", "cu126").stdout
        assert project.read("pyproject.toml") == before
        assert "pytorch-cpu, " in looked
        assert '-torch = { source = "pytorch-cpu" }' in looked
        assert "Nothing was written. To write it: poetry accelock init --write cu126" in looked

        said = project.poetry("accelock", "init", "--write", "cu126").stdout
        assert "Written: pyproject.toml.\nNow run: poetry lock" in said
        tool = parsed(project.read("pyproject.toml"))["tool"]
        assert tool["accelock"]["targets"] == ["cu126", "cpu"]
        assert "pytorch-cpu" not in project.read("pyproject.toml")
        project.poetry("lock")
        assert project.pins("cu126")["torch"].endswith("+cu126")

    def test_what_a_person_has_to_decide(self, project: Project) -> None:
        self.sourced(project)
        text = project.read("pyproject.toml")
        other = '[[tool.poetry.source]]\nname = "other"\nurl = "https://m.example/whl/cu126"\n'
        project.put("pyproject.toml", text + other)
        before = project.files()
        done = project.poetry("accelock", "init", "--write", code=1)
        assert "nothing was changed: decide first" in " ".join(done.stderr.split())
        assert project.files() == before


class TestTable:
    def test_it_comes_last_and_nothing_else_moves(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        old = "# mine\n" + project.read("pyproject.toml").rstrip() + "  # the end"
        project.put("pyproject.toml", old)

        done = project.poetry("accelock", "init", "cu126", "cpu")

        table = '[tool.accelock]\ntargets = ["cu126", "cpu"]\n'
        assert project.read("pyproject.toml") == f"{old}\n\n{table}"
        assert "declares cu126, cpu." in done.stdout
        assert "poetry lock" in done.stdout

    def test_windows_newlines_stay(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        old = project.read("pyproject.toml").replace("\n", "\r\n")
        project.put("pyproject.toml", old)

        project.poetry("accelock", "init", "cpu")

        new = project.read("pyproject.toml")
        assert new.startswith(old.rstrip())
        assert new.count("\n") == new.count("\r\n")

    def test_a_target_that_is_none(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        assert "did you mean 'cu126'?" in project.refused("accelock", "init", "cpu", "cuda12.6")

    def test_there_is_a_table(self, project: Project) -> None:
        project.write_pyproject()
        said = project.refused("accelock", "init")
        assert "[tool.accelock] exists already, with targets = ['cpu', 'cu126']" in said
        said = project.refused("accelock", "init", "cpu", "--fallback")
        assert "Edit it there" in said

    def test_there_is_a_table_of_something_else(self, project: Project) -> None:
        project.write_pyproject(targets=())
        assert "with no targets (sources)" in project.refused("accelock", "init", "cpu")

    @on_linux
    def test_what_this_machine_has(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        smi = project.put("bin/nvidia-smi", "#!/bin/sh\necho 560.35.03\n")
        smi.chmod(smi.stat().st_mode | stat.S_IXUSR)
        path = f"{smi.parent}{os.pathsep}{project.env['PATH']}"

        done = project.poetry("accelock", "init", PATH=path, ACCELOCK_TARGET="xpu")

        first, second = parsed(project.read("pyproject.toml"))["tool"]["accelock"]["targets"]
        assert first == "cpu"
        assert second.startswith("cu")
        assert "NVIDIA driver" in done.stdout

    def test_a_machine_without_a_gpu(self, project: Project) -> None:
        project.write_pyproject(targets=(), source="")
        done = project.poetry("accelock", "init", CUDA_VISIBLE_DEVICES="-1")
        targets = parsed(project.read("pyproject.toml"))["tool"]["accelock"]["targets"]
        assert targets[0] == "cpu"
        assert targets == ["cpu"] or "no GPU" not in done.stdout

    def test_no_place_for_it(self, project: Project) -> None:
        project.put("pyproject.toml", "tool = { poetry = { package-mode = false } }\n")
        said = project.refused("accelock", "init", "cpu")
        assert "add them by hand: [tool.accelock]" in said


class TestFallback:
    def test_what_it_adds(self, project: Project) -> None:
        project.write_pyproject(["tqdm", "torch>=2.5", "Torchvision; python_version > '3'"])
        old = project.read("pyproject.toml")

        done = project.poetry("accelock", "init", "--fallback")

        assert (
            project.read("pyproject.toml")
            == f"""{old.rstrip()}

[tool.poetry.dependencies]
torch = {{ source = "accelock-pytorch-cpu" }}
torchvision = {{ source = "accelock-pytorch-cpu" }}

# For a Poetry without accelock: the first target's builds (poetry accelock init --fallback).
[[tool.poetry.source]]
name = "accelock-pytorch-cpu"
url = "{project.server.url}/whl/cpu"
priority = "explicit"
"""
        )
        assert "accelock-pytorch-cpu as the source of torch, torchvision" in done.stdout

    def test_poetrys_own_tables_in_every_group(self, project: Project) -> None:
        project.put("pyproject.toml", LEGACY.replace("{more}", project.primary))

        project.poetry("accelock", "init", "cu126", "cpu", "--fallback")

        new = project.read("pyproject.toml")
        assert plain(new).startswith(plain(LEGACY_AFTER))
        assert 'name = "accelock-pytorch-cu126"' in new
        assert "https://download.pytorch.org/whl/cu126" in new

    def test_groups_of_pep_735(self, project: Project) -> None:
        project.write_pyproject(
            ["tqdm"], more='[dependency-groups]\nGPU = ["torch", { include-group = "x" }]\nx = []'
        )
        project.poetry("accelock", "init", "--fallback")
        table = "[tool.poetry.group.GPU.dependencies]\ntorch = { source = "
        assert f'{table}"accelock-pytorch-cpu" }}\n' in project.read("pyproject.toml")

    def test_a_second_time_changes_nothing(self, project: Project) -> None:
        project.write_pyproject().poetry("accelock", "init", "--fallback")
        before = project.files()
        assert "nothing was changed" in project.poetry("accelock", "init", "--fallback").stdout
        assert project.files() == before

    def test_another_first_target(self, project: Project) -> None:
        project.write_pyproject().poetry("accelock", "init", "--fallback")
        old = project.read("pyproject.toml")
        project.replace("'cpu', 'cu126'", "'cu126', 'cpu'")

        project.poetry("accelock", "init", "--fallback")

        new = project.read("pyproject.toml")
        assert "accelock-pytorch-cpu" not in new
        assert new.count("accelock-pytorch-cu126") == old.count("accelock-pytorch-cpu") == 2
        assert f"{project.server.url}/whl/cu126" in new

    def test_cpu_builds_everywhere(self, project: Project) -> None:
        project.write_pyproject(
            targets=("cu126", "cpu"), more="[tool.accelock.packages]\ntorch = { cpuonly = true }"
        )
        project.poetry("accelock", "init", "--fallback")
        assert 'name = "accelock-pytorch-cpu"' in project.read("pyproject.toml")

    def test_by_hand_stays(self, project: Project) -> None:
        mine = '[tool.poetry.dependencies]\ntorch = { source = "local" }'
        project.write_pyproject(["torch", "torchvision"], more=mine)
        done = project.poetry("accelock", "init", "--fallback")
        assert 'torch = { source = "local" }\n' in project.read("pyproject.toml")
        assert "names where torch comes from by hand" in done.stdout


class TestRefusals:
    def test_only_through_others_by_the_lock(self, project: Project) -> None:
        project.write_pyproject(["lightning"]).poetry("lock")
        said = project.refused("accelock", "init", "--fallback")
        assert "torch comes in only through other packages (lightning)" in said
        assert "poetry add torch" in said
        assert 'Repository "accelock-pytorch-cpu" does not exist' in said

    def test_only_through_others_without_a_lock(self, project: Project) -> None:
        project.write_pyproject(["lightning"])
        assert "poetry add torch" in project.refused("accelock", "init", "--fallback")

    def test_one_of_two_only_through_others(self, project: Project) -> None:
        project.write_pyproject(["torch"])
        project.put(
            "poetry.lock",
            '[[package]]\nname = "timm"\n[package.dependencies]\nTorchVision = "*"\n'
            '[[package]]\nname = "torchvision"\n[[package]]\nname = "torch"\n',
        )
        said = project.refused("accelock", "init", "--fallback")
        assert "torchvision comes in only through other packages (timm)" in said

    def test_then_no_table_is_written_either(self, project: Project) -> None:
        project.write_pyproject(["lightning"], targets=(), source="")
        project.refused("accelock", "init", "cpu", "--fallback")

    def test_one_page_for_all_targets(self, project: Project) -> None:
        project.write_pyproject(source="{url}/whl/torch_stable.html")
        assert "has the builds of all targets" in project.refused("accelock", "init", "--fallback")

    def test_a_source_of_the_user_with_that_url(self, project: Project) -> None:
        mine = f'[[tool.poetry.source]]\nname = "mine"\nurl = "{project.server.url}/whl/cpu/"'
        project.write_pyproject(more=f'{mine}\npriority = "explicit"')
        said = project.refused("accelock", "init", "--fallback")
        assert "mine has the URL of accelock-pytorch-cpu already" in said

    def test_a_layout_that_cannot_be_edited(self, project: Project) -> None:
        project.put(
            "pyproject.toml",
            '[project]\nname = "app"\nversion = "1"\ndependencies = ["torch"]\n'
            '[tool.poetry]\npackage-mode = false\nsource = [{ name = "a", url = "http://x/" }]\n'
            f"[tool.accelock]\n{TARGETS}",
        )
        said = project.refused("accelock", "init", "--fallback")
        assert "Nothing was changed; add them by hand" in said

    def test_a_table_with_faults(self, project: Project) -> None:
        project.write_pyproject(targets=("cpu", "cu999x"))
        assert "tool.accelock.targets[1]" in project.refused("accelock", "init", "--fallback")


def plain(text: str) -> str:
    """Return TOML without the spaces of inline tables: releases of tomlkit differ in them."""
    return re.sub(r" *([{},]) *", r"\1", text)


LEGACY = """\
[tool.poetry]
name = "app"
version = "1.0"
description = ""
authors = []

[tool.poetry.dependencies] # what it needs
python = ">=3.10,<3.14"
torch = "^2.5"     # the newest
torchvision = [
    { version = "*", platform = "linux" },   # here
    { version = "<1", platform = "darwin" }, # there
]

[tool.black]
line-length = 100

[tool.poetry.dependencies.torchaudio]
version = "*"
optional = true

[tool.poetry.dev-dependencies]
torch = { version = "*", extras = ["opt-einsum"] }

[tool.poetry.group.train]
optional = true

[tool.poetry.group.train.dependencies]
Torch = "*"

{more}"""
LEGACY_AFTER = """\
[tool.poetry]
name = "app"
version = "1.0"
description = ""
authors = []

[tool.poetry.dependencies] # what it needs
python = ">=3.10,<3.14"
torch = {version = "^2.5", source = "accelock-pytorch-cu126"}     # the newest
torchvision = [
    { version = "*", platform = "linux", source = "accelock-pytorch-cu126"},   # here
    { version = "<1", platform = "darwin", source = "accelock-pytorch-cu126"}, # there
]

[tool.black]
line-length = 100

[tool.poetry.dependencies.torchaudio]
version = "*"
optional = true
source = "accelock-pytorch-cu126"

[tool.poetry.dev-dependencies]
torch = { version = "*", extras = ["opt-einsum"] , source = "accelock-pytorch-cu126"}

[tool.poetry.group.train]
optional = true

[tool.poetry.group.train.dependencies]
Torch = {version = "*", source = "accelock-pytorch-cu126"}
"""
