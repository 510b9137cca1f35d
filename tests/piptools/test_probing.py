"""What compiles does not look at the machine: no probe is run, no driver's command started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.piptools.support_project import Project
from tests.support.fakes import fakes, on_posix

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = ("-t", "cpu", "-t", "cu126", "--platform", "linux-x86_64")

pytestmark = on_posix


def test_compile_and_rewrite_start_no_probe(project: Project, tmp_path: Path) -> None:
    commands = fakes(tmp_path)
    looked_at = Project(project.folder, {**project.env, "PATH": commands.path})
    looked_at.write(requirements_in="torch==2.6.0\n", plain_txt="torch==2.6.0\n")
    looked_at.compile(*TARGETS)
    assert commands.asked() == []
    assert "all targets together" in looked_at.compile("-v", *TARGETS).stderr
    assert commands.asked() == []
    done = looked_at.accelock("rewrite", *TARGETS[:2], "plain.txt")
    assert (done.returncode, "torch==2.6.0+cpu" in done.stdout) == (0, True), done.stderr
    assert commands.asked() == []
    looked_at.accelock("detect")
    assert commands.asked() != []
