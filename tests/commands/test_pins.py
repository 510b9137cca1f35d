from __future__ import annotations

import pytest

from accelock.commands.check import check
from accelock.commands.findings import Level
from tests.commands.projects import (
    ALL,
    CPU,
    CU126,
    CUDA_PLATFORMS,
    SITE,
    TABLE,
    Project,
    codes,
    only,
    with_stamp_edited,
)

# Whole?


def test_an_edited_pin(project: Project) -> None:
    path = project.folder / "requirements.cpu.txt"
    project.write(path.name, path.read_text().replace("filelock==3.18.0", "filelock==3.19.0"))
    finding = only(check(project.folder), "edited")
    assert (finding.level, finding.file) == (Level.ERROR, path.name)
    assert "label" not in finding.what


def test_a_label_that_a_bot_has_dropped(project: Project) -> None:
    path = project.folder / "requirements.cu126.txt"
    project.write(path.name, path.read_text().replace("torch==2.6.0+cu126", "torch==2.6.1"))
    found = {each.code: each for each in check(project.folder).findings}
    assert found["edited"].what.endswith(
        ". On Linux, torch==2.6.1 is PyPI's build; Dependabot and Renovate drop the label"
    )


def test_releases_that_do_not_go_together(project: Project) -> None:
    foreign = CPU + "torchaudio==2.11.0+cpu\n"
    project.compiled("requirements.cpu.txt", "cpu", foreign)
    finding = only(check(project.folder), "foreign-pair")
    assert (finding.level, finding.file) == (Level.ERROR, "requirements.cpu.txt")
    assert "torchaudio 2.11.0 does not go with torch 2.6.0" in finding.what


def test_a_damaged_stamp(project: Project) -> None:
    path = project.folder / "requirements.cpu.txt"
    project.write(path.name, with_stamp_edited(path.read_text()))
    report = check(project.folder)
    assert codes(report) == [("damaged", path.name)]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("target", "platforms", "python"),
    [("gpu", ALL, ["3.11"]), ("cpu", ["amiga"], ["3.11"]), ("cpu", ALL, ["4"])],
)
def test_a_stamp_of_another_age(
    project: Project, target: str, platforms: list[str], python: list[str]
) -> None:
    project.compiled("requirements.cpu.txt", target, CPU, (), platforms, python)
    report = check(project.folder, ["requirements.cpu.txt"])
    assert "newer accelock" in only(report, "damaged").what


def test_a_line_that_is_no_requirement(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", CPU + "<<<<<<< HEAD\n")
    assert ("damaged", "requirements.cpu.txt") in codes(check(project.folder))


HASH = f" \\\n    --hash=sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch==2.6.0+cpu", "torch==2.6.0"),
        ("torch==2.6.0+cpu", "torch==2.6.0+cu126"),
        ("filelock==3.18.0" + HASH, "filelock==3.18.0"),
        (f"filelock==3.18.0{HASH}", f"filelock==3.18.0{HASH[:-1]}1"),
        ('torch==2.6.0 ; sys_platform == "darwin"\n', ""),
        (' ; sys_platform != "darwin"', ""),
        ("--extra-index-url", "# --extra-index-url"),
        (f"{SITE}/whl/cpu", f"{SITE}/whl/cu126"),
        ("filelock==3.18.0", "--no-index\nfilelock==3.18.0"),
    ],
)
def test_whatever_is_edited_by_hand(project: Project, old: str, new: str) -> None:
    """A label, a hash, a line, a marker, an index: the digest of the body decides them all."""
    path = project.compiled("requirements.cpu.txt", "cpu", CPU.replace("3.18.0", f"3.18.0{HASH}"))
    text = path.read_text()
    assert check(project.folder).findings == ()
    assert old in text
    project.write(path.name, text.replace(old, new))
    finding = check(project.folder).findings[0]
    assert (finding.code, finding.level, finding.file) == ("edited", Level.ERROR, path.name)
    assert finding.todo == "change the inputs instead, and run: accelock compile -t cpu"


@pytest.mark.parametrize("line", ["", "# a note of mine\n"])
def test_comments_and_blank_lines_are_free(project: Project, line: str) -> None:
    path = project.folder / "requirements.cpu.txt"
    project.write(path.name, f"{path.read_text()}\n{line}")
    assert check(project.folder).findings == ()


def test_two_versions_that_hold_on_one_machine(project: Project) -> None:
    body = CPU.replace('torch==2.6.0 ; sys_platform == "darwin"', "torch==2.5.1")
    project.compiled("requirements.cpu.txt", "cpu", body)
    finding = next(f for f in check(project.folder).findings if f.code == "two-versions")
    assert (finding.level, finding.file) == (Level.ERROR, "requirements.cpu.txt")
    assert finding.what.startswith(
        "torch is locked as 2.5.1 and as 2.6.0+cpu for cpu on linux-x86_64, Python 3.11"
    )


def test_a_url_with_its_hash_needs_no_other(project: Project) -> None:
    url = f"{SITE}/six-1.17.0-py3-none-any.whl#sha256={'0' * 64}"
    body = f"filelock==3.18.0 --hash=sha256:{'0' * 64}\nsix @ {url}\n"
    project.compiled("requirements.cpu.txt", "cpu", body)
    assert check(project.folder).findings == ()


# What is as it should be


@pytest.mark.parametrize("where", ["comment", "table"])
def test_a_family_that_is_marked_cpuonly(project: Project, where: str) -> None:
    if where == "comment":
        project.write("requirements.in", "torch  # cpuonly\n")
    else:
        project.write("pyproject.toml", TABLE + "[tool.accelock.packages]\ntorch.cpuonly = true\n")
    project.compiled("requirements.cpu.txt", "cpu", CPU)
    body = CPU.replace(
        'torch==2.6.0 ; sys_platform == "darwin"\n    # via -r requirements.in\n', ""
    )
    project.compiled("requirements.cu126.txt", "cu126", body, platforms=CUDA_PLATFORMS)
    assert check(project.folder).findings == ()


NO_MAC = CPU.replace('torch==2.6.0 ; sys_platform == "darwin"\n    # via -r requirements.in\n', "")


def test_a_platform_that_the_input_leaves_out(project: Project) -> None:
    project.write("requirements.in", 'torch ; sys_platform != "darwin"\n')
    project.compiled("requirements.cpu.txt", "cpu", NO_MAC)
    project.compiled("requirements.cu126.txt", "cu126", CU126, platforms=CUDA_PLATFORMS)
    assert check(project.folder).findings == ()


def test_a_platform_that_another_package_may_leave_out(project: Project) -> None:
    body = NO_MAC.replace("via -r requirements.in", "via lightning")
    project.compiled("requirements.cpu.txt", "cpu", body)
    assert check(project.folder).findings == ()


def test_a_constraint_asks_for_nothing(project: Project) -> None:
    project.write("requirements.in", "datasets\n-c limits.txt\n")
    project.write("limits.txt", "torch==2.6.0\n")
    body = NO_MAC.replace(
        "# via -r requirements.in", "# via\n    #   -c limits.txt\n    #   datasets"
    )
    project.compiled("requirements.cpu.txt", "cpu", body, ["limits.txt", "requirements.in"])
    assert check(project.folder, ["requirements.cpu.txt"]).findings == ()


def test_a_marker_that_no_platform_can_answer(project: Project) -> None:
    body = CPU.replace("filelock==3.18.0", 'torchvision==0.21.0+cpu ; platform_release >= "5"')
    project.compiled("requirements.cpu.txt", "cpu", body)
    assert check(project.folder).findings == ()
