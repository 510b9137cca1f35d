"""Files that were made for one platform or one Python, turned for others: never a wrong lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import lines_of
from tests.piptools.support_rewrite import (
    platforms_of,
    refused,
    rewrite,
    says,
    turned,
    versions,
)
from tests.support.elsewhere import pip_elsewhere
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

    Serving = Callable[..., Project]

PYTHON = ("--python-version", "3.11")
TORCH = ("filelock==3.18.0", "fsspec==2025.5.1", "jinja2==3.1.6", "MarkupSafe==3.0.2")
FROZEN = "\n".join(
    (
        *("click==8.2.1", *TORCH, "h11==0.16.0", "mpmath==1.3.0", "networkx==3.5"),
        *("nvidia-nccl-cu12==2.27.3", "sympy==1.13.3", "torch==2.8.0", "triton==3.4.0"),
        *("typing_extensions==4.14.0", "uvicorn==0.34.3", "uvloop==0.21.0", ""),
    )
)


@pytest.fixture
def serving(
    serve: Callable[..., IndexServer], project_at: Callable[[IndexServer], Project]
) -> Serving:
    """A project whose PyPI has more distributions."""

    def make(*distributions: Distribution) -> Project:
        return project_at(serve(pytorch_site().with_files("/simple", *distributions)))

    return make


def test_a_freeze_of_linux_leaves_uvloop_out_where_nothing_asks_for_it(project: Project) -> None:
    text = turned(project, FROZEN, "-t", "cpu", *PYTHON)
    assert 'uvloop==0.21.0 ; sys_platform != "win32"' in lines_of(text)
    assert 'colorama==0.4.6 ; sys_platform == "win32"' in lines_of(text)
    assert "triton" not in text


def test_what_such_a_file_cannot_tell_is_said(project: Project) -> None:
    """`pywin32 ; sys_platform == "win32"` in the inputs leaves no trace in a file of Linux."""
    project.put("given.txt", FROZEN)
    said = rewrite(project, "-t", "cpu", *PYTHON, "given.txt", "-o", "out.txt").stderr
    note = "NOTE: given.txt does not say which platforms it was made for, and is turned for"
    assert f"{note} linux-x86_64, linux-aarch64, macos-arm64, windows-x86_64. " in said
    assert note not in rewrite(project, "-t", "cpu", *PYTHON, "out.txt").stderr.replace(
        "out.txt", "given.txt"
    )
    named = ("--platform", "linux-x86_64")
    assert note not in rewrite(project, "-t", "cpu", *named, *PYTHON, "given.txt").stderr


def test_an_sdist_that_is_for_other_platforms_does_not_make_it_right(serving: Serving) -> None:
    # As on PyPI: uvloop has an sdist, and it does not build on Windows.
    text = turned(serving(sdist("uvloop", "0.21.0")), FROZEN, "-t", "cpu", *PYTHON)
    assert 'uvloop==0.21.0 ; sys_platform != "win32"' in lines_of(text)


def test_an_sdist_that_serves_all_platforms_does(serving: Serving) -> None:
    project = serving(sdist("native", "1.0"), wheel("native", "1.0", "py3-none-win_amd64"))
    text = turned(project, f"{FROZEN}native==1.0\n", "-t", "cpu", *PYTHON)
    assert "native==1.0" in lines_of(text)


def test_a_frozen_pin_that_the_user_asked_for_stays_where_nothing_else_asks(
    project: Project,
) -> None:
    # click asks for colorama on Windows alone; it was installed on Linux, and exists there.
    text = turned(project, f"{FROZEN}colorama==0.4.6\n", "-t", "cpu", *PYTHON)
    assert "colorama==0.4.6" in lines_of(text)


def test_a_package_of_one_platform_that_nothing_explains_asks_for_a_platform(
    serving: Serving,
) -> None:
    project = serving(wheel("linux-only", "1.0", "py3-none-manylinux2014_x86_64"))
    project.put("given.txt", f"{FROZEN}linux-only==1.0\n")
    said = refused(project, "-q", "-t", "cpu", *PYTHON, "given.txt")
    assert "No matching distribution found for linux-only" in said
    assert "\ngiven.txt does not say which platforms it was made for. " in said
    assert "--platform linux-x86_64" in said
    text = rewrite(
        project, "-q", "-t", "cpu", *PYTHON, "--platform=linux-x86_64", "given.txt"
    ).stdout
    assert {"linux-only==1.0", "uvloop==0.21.0", "torch==2.8.0+cpu"} <= set(lines_of(text))


def test_a_platform_that_the_user_named_gets_no_such_advice(serving: Serving) -> None:
    project = serving(wheel("linux-only", "1.0", "py3-none-manylinux2014_x86_64"))
    project.put("given.txt", f"{FROZEN}linux-only==1.0\n")
    said = refused(project, "-q", "-t", "cpu", "--platform=osx-arm64", *PYTHON, "given.txt")
    assert "does not say which platforms" not in said


SERVER = (
    wheel(
        "server",
        "1.0",
        requires=(
            'unixloop; sys_platform != "win32" and extra == "fast"',
            'winloop; sys_platform == "win32" and extra == "fast"',
            'parser; extra == "fast"',
            'server[fast]; extra == "all"',
            'reloader; extra == "all"',
            'other; extra == "strange"',
            'parser; extra == "strange"',
        ),
        extras=("fast", "all", "strange"),
    ),
    *(wheel(name, "1.0") for name in ("unixloop", "winloop", "parser", "reloader", "other")),
    wheel("parser", "2.0"),
)
STRIPPED = (
    "parser==1.0\n    # via server\nserver==1.0\n    # via -r requirements.in\n"
    "torch==2.8.0\n    # via -r requirements.in\nunixloop==1.0\n    # via server\n"
)


def test_a_stripped_extra_is_recognised_with_what_it_asks_for_elsewhere(serving: Serving) -> None:
    project = serving(*SERVER)
    project.put("given.txt", STRIPPED)
    done = rewrite(project, "-t", "cpu", "given.txt", "-o", "out.txt")
    lines = lines_of(project.read("out.txt"))
    assert {"parser==1.0", "server==1.0"} <= set(lines)
    assert 'unixloop==1.0 ; sys_platform != "win32"' in lines
    assert 'winloop==1.0 ; sys_platform == "win32"' in lines
    assert "Added for server on windows-x86_64: winloop 1.0." in done.stderr
    assert not any(line.startswith(("reloader", "other")) for line in lines)


def test_an_extra_of_extras_is_recognised_too(serving: Serving) -> None:
    given = f"reloader==1.0\n    # via server\n{STRIPPED}"
    text = turned(serving(*SERVER), given, "-t", "cpu")
    found = versions(text, "windows-x86_64", "3.11")
    assert {"parser": "1.0", "reloader": "1.0", "winloop": "1.0"}.items() <= found.items()


def test_a_pin_that_no_whole_extra_explains_stays_where_it_can_be_asked_for(
    serving: Serving,
) -> None:
    given = STRIPPED.replace("parser==1.0\n    # via server\n", "")
    lines = lines_of(turned(serving(*SERVER), given, "-t", "cpu"))
    assert 'unixloop==1.0 ; sys_platform != "win32"' in lines
    assert not any(line.startswith(("winloop", "parser")) for line in lines)


def test_pins_go_with_the_platform_that_asked_for_them(serving: Serving) -> None:
    project = serving(
        wheel("keys", "1.0", requires=('bus; sys_platform == "linux"',)),
        wheel("bus", "1.0", requires=("wire",)),
        wheel("wire", "1.0"),
    )
    given = (
        "bus==1.0\n    # via keys\nkeys==1.0\n    # via -r a.in\n"
        "torch==2.8.0\n    # via -r a.in\nwire==1.0\n    # via bus\n"
    )
    text = turned(project, given, "-t", "cpu", "--platform", "macos-arm64")
    assert not {"bus", "wire"} & versions(text, "macos-arm64").keys()
    both = turned(project, given, "-t", "cpu")
    assert 'bus==1.0 ; sys_platform == "linux"' in lines_of(both)
    assert 'wire==1.0 ; sys_platform == "linux"' in lines_of(both)


UNIVERSAL = """\
networkx==3.4.2 ; python_full_version < '3.11'
    # via torch
networkx==3.5 ; python_full_version >= '3.11'
    # via torch
setuptools==70.2.0 ; python_full_version >= '3.12'
    # via torch
torch==2.7.1 ; python_full_version < '3.11'
    # via -r requirements.in
torch==2.8.0 ; python_full_version >= '3.11'
    # via -r requirements.in
"""


def test_lines_for_other_pythons_stay_and_torch_is_turned_whole(project: Project) -> None:
    lines = lines_of(turned(project, UNIVERSAL, "-t", "cpu", *PYTHON))
    assert lines[lines.index("networkx==3.4.2 ; python_full_version < '3.11'") + 1] == (
        "networkx==3.5 ; python_full_version >= '3.11'"
    )
    assert "setuptools==70.2.0 ; python_full_version >= '3.12'" in lines
    assert [line for line in lines if line.startswith("torch")] == [
        'torch==2.8.0 ; sys_platform == "darwin"',
        'torch==2.8.0+cpu ; sys_platform != "darwin"',
    ]


def test_several_pythons_are_turned_together(project: Project) -> None:
    both = ("--python-version", "3.10", "--python-version", "3.11")
    given = UNIVERSAL.replace("2.8.0", "2.7.1")
    text = turned(project, given, "-t", "cpu", *both)
    assert versions(text, "linux-x86_64", "3.10")["networkx"] == "3.4.2"
    assert versions(text, "linux-x86_64", "3.11")["networkx"] == "3.5"
    for python in ("3.10", "3.11"):
        assert says(text, "macos-arm64", python)["torch"] == ("2.7.1", set())


def test_a_pin_that_moves_keeps_apart_from_a_line_that_stays(serving: Serving) -> None:
    project = serving(wheel("networkx", "3.4.1"), wheel("asker", "1.0", requires=("networkx<3.5",)))
    given = f"asker==1.0\n    # via -r requirements.in\n{UNIVERSAL}"
    lines = lines_of(turned(project, given, "-t", "cpu", *PYTHON))
    assert [line for line in lines if line.startswith("networkx")] == [
        "networkx==3.4.2 ; python_full_version < '3.11'",
        'networkx==3.4.2 ; python_full_version >= "3.11"',
    ]


def test_a_file_for_another_python_is_refused(project: Project) -> None:
    marker = 'python_version >= "3.11" and python_version < "4.0"'
    project.put("given.txt", f"jinja2==3.1.5 ; {marker}\ntorch==2.8.0 ; {marker}\n")
    said = refused(project, "-q", "-t", "cpu", "--python-version", "3.10", "given.txt")
    assert "given.txt: no line with a requirement holds on linux-x86_64 (Python 3.10), " in said
    assert "--python-version" in said


def test_a_torch_for_other_platforms_is_refused(project: Project) -> None:
    project.put("given.txt", 'jinja2==3.1.5\ntorch==2.8.0 ; sys_platform == "linux"\n')
    said = refused(project, "-q", "-t", "cpu", "--platform", "macos-arm64", "given.txt")
    assert "given.txt: no line with a torch holds on macos-arm64 (Python" in said


def test_a_marker_of_the_users_stays(project: Project) -> None:
    given = 'torch==2.8.0 ; sys_platform == "linux"\njinja2==3.1.5 ; python_version > "3.0"\n'
    lines = lines_of(turned(project, given, "-t", "cpu", *PYTHON))
    assert 'torch==2.8.0+cpu ; sys_platform == "linux"' in lines
    assert 'jinja2==3.1.5 ; python_version > "3.0"' in lines


def test_markers_that_told_builds_apart_go_with_the_builds(
    index: IndexServer, project: Project
) -> None:
    """On a machine that the target does not have, pip has to fail, not to skip torch."""
    source = f"--source=pytorch={index.url}/whl/{{target}}"
    project.write(requirements_in="torch==2.8.0\n")
    project.compile("-q", "-t", "cpu", source, "requirements.in")
    assert 'torch==2.8.0+cpu ; sys_platform != "darwin"' in project.lines()
    text = turned(project, project.read(), "-t", "cu126", source)
    assert "torch==2.8.0+cu126" in lines_of(text)
    assert platforms_of(text) == ("linux-x86_64", "windows-x86_64")
    project.put("cuda.txt", text)
    done = pip_elsewhere("macos-arm64", "-r", "cuda.txt", cwd=project.folder, env=project.env)
    assert done.returncode == 1
    assert "No matching distribution found for torch==2.8.0+cu126" in done.stderr


def test_a_library_of_nvidias_that_torch_does_not_ask_for_stays(serving: Serving) -> None:
    project = serving(wheel("nvidia-ml-py", "12.575.51"))
    lines = lines_of(turned(project, f"{FROZEN}nvidia-ml-py==12.575.51\n", "-t", "cpu", *PYTHON))
    assert "nvidia-ml-py==12.575.51" in lines
    assert not any(line.startswith("nvidia-nccl") for line in lines)


def test_a_library_that_the_user_asked_for_stays(project: Project) -> None:
    given = "nvidia-nccl-cu12==2.27.3\n    # via -r a.in\ntorch==2.8.0\n    # via -r a.in\n"
    text = turned(project, given, "-t", "cpu", "--platform", "linux-x86_64")
    assert {"nvidia-nccl-cu12==2.27.3", "torch==2.8.0+cpu"} <= set(lines_of(text))


def test_a_release_stays_and_a_default_platform_without_it_is_left_out(project: Project) -> None:
    """The file may be of `torch==2.8.0`: an older one would not be what was asked for."""
    project.put("given.txt", "torch==2.8.0\n")
    done = rewrite(project, "-q", "-t", "cu126", "given.txt", "-o", "out.txt")
    assert "WARNING: linux-aarch64 is left out of cu126: torch cannot be locked" in done.stderr
    assert "torch==2.8.0+cu126" in lines_of(project.read("out.txt"))
    both = ("--platform", "linux-x86_64", "--platform", "linux-aarch64")
    done = rewrite(project, "-q", "-t", "cu126", *both, "given.txt", "-o", "out.txt")
    assert "torch==2.6.0+cu126" in lines_of(project.read("out.txt"))
    assert done.stderr.startswith(
        "torch 2.8.0 -> 2.6.0: cu126 has no torch 2.8.0 for linux-aarch64 (the newest that it has "
        "is 2.6.0).\n"
    )


def test_a_default_platform_without_builds_is_left_out_with_a_warning(project: Project) -> None:
    project.put("given.txt", "torch==2.7.1\n")
    done = rewrite(project, "-q", "-t", "cu118", "given.txt", "-o", "out.txt")
    assert "WARNING: linux-aarch64 is left out of cu118: torch cannot be locked" in done.stderr
    assert done.stderr.count("left out") == 1
    said = refused(project, "-q", "-t", "cu118", "--platform", "linux-aarch64", "given.txt")
    assert "torch cannot be locked for cu118, linux-aarch64" in said
