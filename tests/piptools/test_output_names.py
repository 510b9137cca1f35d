"""Where the files of the targets go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from accelock.catalogue import load_catalogue
from accelock.hosts.piptools.files import output_names, pins_to_keep
from accelock.targets import Target, parse_target

if TYPE_CHECKING:
    from pathlib import Path

    from tests.piptools.support_project import Project


def targets(*names: str) -> list[Target]:
    return [parse_target(name, load_catalogue().targets) for name in names]


@pytest.mark.parametrize(
    ("base", "names", "expected"),
    [
        ("requirements.txt", ["cpu"], ["requirements.txt"]),
        ("requirements.txt", ["cpu", "cu126"], ["requirements.cpu.txt", "requirements.cu126.txt"]),
        ("locks/dev.txt", ["cpu", "rocm6.3"], ["locks/dev.cpu.txt", "locks/dev.rocm6.3.txt"]),
        ("lock", ["cpu", "cu126"], ["lock.cpu", "lock.cu126"]),
        ("a.b.txt", ["cpu", "cu126"], ["a.b.cpu.txt", "a.b.cu126.txt"]),
        ("lock-{target}.txt", ["cpu"], ["lock-cpu.txt"]),
        ("{target}/lock.txt", ["cpu", "cu126"], ["cpu/lock.txt", "cu126/lock.txt"]),
        ("-", ["cpu"], ["-"]),
        ("<stdout>", ["cpu"], ["-"]),
    ],
)
def test_names(base: str, names: list[str], expected: list[str]) -> None:
    found = output_names(base, targets(*names))

    assert found == dict(zip(names, expected, strict=True))


def test_several_targets_cannot_share_standard_output() -> None:
    with pytest.raises(click.UsageError, match="cpu, cu126"):
        output_names("-", targets("cpu", "cu126"))


class TestPinsToKeep:
    def test_are_in_the_targets_own_file(self, tmp_path: Path) -> None:
        own = tmp_path / "requirements.cpu.txt"

        assert pins_to_keep(str(tmp_path / "requirements.txt"), {"cpu": str(own)}) == {
            "cpu": str(own)
        }

    def test_are_in_the_one_file_that_there_was(self, tmp_path: Path) -> None:
        base = tmp_path / "requirements.txt"
        base.write_text("# accelock: version 0.1.0; target cpu; python 3.12\ntorch==2.8.0+cpu\n")
        cpu, cuda = (tmp_path / f"requirements.{name}.txt" for name in ("cpu", "cu126"))
        cuda.write_text("torch==2.7.1+cu126\n")

        keep = pins_to_keep(str(base), {"cpu": str(cpu), "cu126": str(cuda)})

        assert keep == {"cpu": str(base), "cu126": str(cuda)}

    def test_are_nowhere_on_standard_output(self) -> None:
        assert pins_to_keep("-", {"cpu": "-"}) == {"cpu": "-"}


PLATFORM = ("-q", "--platform", "linux-x86_64")


def written(project: Project) -> set[str]:
    return {name for name in project.files() if not name.endswith(".in")}


def test_one_target_takes_pip_compiles_own_name(project: Project) -> None:
    project.write(dev_in="tqdm\n").compile(*PLATFORM, "-t", "cpu", "dev.in")

    assert written(project) == {"dev.txt"}


def test_several_targets_take_a_name_each(project: Project) -> None:
    project.write(requirements_in="tqdm\n")
    project.compile(*PLATFORM, "-t", "cpu", "-t", "rocm6.3", "-t", "cpu")

    assert written(project) == {"requirements.cpu.txt", "requirements.rocm6.3.txt"}
    assert "target rocm6.3" in project.read("requirements.rocm6.3.txt")


def test_several_targets_with_an_output_file(project: Project) -> None:
    project.write(requirements_in="tqdm\n")
    project.put("locks/.keep", "")
    project.compile(*PLATFORM, "-t", "cpu", "-t", "cu126", "-o", "locks/all.txt")

    assert written(project) == {"locks/.keep", "locks/all.cpu.txt", "locks/all.cu126.txt"}


def test_the_field_in_the_name(project: Project) -> None:
    project.write(requirements_in="tqdm\n")
    project.compile(*PLATFORM, "-t", "cpu", "-t", "cu126", "--output-file=lock-{target}.txt")

    assert written(project) == {"lock-cpu.txt", "lock-cu126.txt"}


def test_targets_of_the_table(project: Project) -> None:
    table = '[tool.accelock]\ntargets = ["cpu", "cu126"]\nplatforms = ["linux-x86_64"]\n'
    project.write(requirements_in="tqdm\n", pyproject_toml=table).compile("requirements.in")

    assert written(project) == {
        "pyproject.toml",
        "requirements.cpu.txt",
        "requirements.cu126.txt",
    }


def test_a_target_on_the_command_line_is_the_only_one(project: Project) -> None:
    table = '[tool.accelock]\ntargets = ["cpu", "cu126"]\nplatforms = ["linux-x86_64"]\n'
    project.write(requirements_in="tqdm\n", pyproject_toml=table)
    project.compile("-t", "cu118", "requirements.in")

    assert written(project) == {"pyproject.toml", "requirements.txt"}
    assert "target cu118" in project.read()


def test_a_table_without_targets_changes_nothing(project: Project) -> None:
    table = '[tool.accelock]\nplatforms = ["linux-x86_64"]\n'
    project.write(requirements_in="tqdm\n", pyproject_toml=table).compile("requirements.in")

    assert "accelock" not in project.read().replace("pip-compile", "")
