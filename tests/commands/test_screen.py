"""What the commands show on a terminal, and that nothing else gets it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from accelock import cli
from accelock.commands.check import check
from accelock.commands.diff import diff
from accelock.commands.doctor import diagnose
from accelock.commands.screen import Screen, said
from accelock.commands.why import why
from tests.commands.heres import EMPTY, gpu_box, here, no_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.commands.projects import Project

COLOUR = re.compile(r"\x1b\[[\d;]*m")
RED, YELLOW, GREEN = "\x1b[31;1m", "\x1b[33;1m", "\x1b[32;1m"


def plain(lines: Iterator[str]) -> list[str]:
    return [COLOUR.sub("", line) for line in lines]


def stale(project: Project) -> Project:
    project.write("requirements.in", "torch<3\n")
    return project


@pytest.mark.parametrize("width", [80, 40])
def test_everything_fits_the_terminal(width: int, project: Project) -> None:
    at, screen = gpu_box(stale(project).folder), Screen(width)
    for found in (
        check(project.folder),
        diagnose(at, EMPTY),
        why(at),
        diff(at, ("cpu", "cu126"), no_network),
    ):
        long = [line for line in plain(found.on_screen(screen)) if len(line) > width]
        assert [line for line in long if " " in line.strip()] == []


def test_a_finding_says_where_then_what_then_what_to_do(project: Project) -> None:
    lines = [*check(stale(project).folder).on_screen(Screen(200))]
    assert lines[0] == f"{RED}error\x1b[39;22m  \x1b[1mrequirements.cpu.txt\x1b[22m"
    assert lines[1].startswith("  it is stale: requirements.in")
    assert lines[1].endswith(" [stale]")
    assert lines[2].startswith("  to do: run: accelock compile")
    assert plain(iter(lines))[-3:] == [
        "  error  requirements.cpu.txt",
        "  error  requirements.cu126.txt",
        "2 files checked: 2 errors",
    ]


def test_doctor_lists_what_is_well_too(project: Project) -> None:
    at = gpu_box(project.folder)
    lines = plain(diagnose(at, EMPTY).on_screen(Screen(200)))
    assert lines[:4] == [
        "ok       machine      linux-x86_64, driver 580.82.07, NVIDIA H100 80GB HBM3",
        f"ok       target       {at.choice()}",
        "warning  lock         requirements.cpu.txt, requirements.cu126.txt",
        f"ok       environment  {EMPTY.name}",
    ]
    assert lines[-1] == "4 warnings"
    nothing = plain(diagnose(at, None).on_screen(Screen(200)))
    assert "warning  environment  none is active" in nothing


def test_why_is_a_table(project: Project) -> None:
    lines = [*why(here(project.folder)).on_screen(Screen(80))]
    (chosen,) = [line for line in lines if f"{GREEN}chosen" in line]
    assert plain(iter([chosen])) == ["  cpu    chosen   runs on every machine [torch 2.6.0+cpu]"]
    assert any(f"{YELLOW}skipped" in line for line in lines)
    assert "locked in: requirements.cpu.txt, requirements.cu126.txt" in lines


def test_diff_is_a_table(project: Project) -> None:
    found = diff(here(project.folder), ("cpu", "cu126"), no_network)
    lines = plain(found.on_screen(Screen(80)))
    assert "  ? MB  nvidia-cudnn-cu12  9.5.1.17" in lines
    assert "to download (the same in both: 1)" in lines
    assert "  ? MB  ? MB  torch  2.6.0+cpu -> 2.6.0+cu126" in lines


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, "? MB"), (12, "12 B"), (11_500, "12 kB"), (9_900_000, "9.9 MB"),
        (766_700_000, "767 MB"), (2_411_300_000, "2.4 GB"),
    ],
)  # fmt: skip
def test_sizes_are_as_people_say_them(size: int | None, words: str) -> None:
    assert said(size) == words


def test_sizes_are_aligned_to_the_right() -> None:
    rows = [("9.9 MB", "a", "1"), ("767 MB", "bcd", "2")]
    assert [*Screen(80).table(rows)] == ["  9.9 MB  a    1", "  767 MB  bcd  2"]
    rows = [("1.5 MB", "a", "1"), ("12 kB", "b", "2")]
    assert [*Screen(80).table(rows)][1] == "   12 kB  b  2"


def test_a_narrow_terminal_has_the_last_column_below() -> None:
    lines = [*Screen(20).table([("one", "a text that is long")])]
    assert lines == ["  one", "    a text that is", "    long"]


def test_nothing_but_a_terminal_gets_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(stale(project).folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = {}
    for word in ("--ansi", "--no-ansi", "--json", "-n"):
        assert cli.main(["check", word]) == 1
        shown[word] = capsys.readouterr().out
    assert shown["--ansi"].startswith(RED)
    assert shown["--no-ansi"] == shown["-n"]  # which is no terminal
    assert shown["-n"].startswith("requirements.cpu.txt: error: it is stale")
    assert "\x1b" not in shown["--json"] + shown["-n"]
