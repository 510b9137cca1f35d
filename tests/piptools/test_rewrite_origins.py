"""Where the pins of a file came from: paths of another machine, foreign hashes, uv's comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.piptools.support_project import lines_of
from tests.piptools.support_rewrite import refused, rewrite, says, turned, versions
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

LINUX = ("--platform", "linux-x86_64", "--python-version", "3.11")
# As `pip freeze` has it in an environment of conda's: where the package was built.
CONDA = """\
certifi @ file:///croot/certifi_1736000000000/work/certifi
numpy @ file:///croot/numpy_1707938167/work/dist/numpy-2.2.6-cp311-cp311-linux_x86_64.whl#sha256=00
six @ file:///tmp/build/80754af9/six_1644875935023/work
torch==2.8.0
"""


def test_a_freeze_of_conda_names_its_lines_and_a_way_out(project: Project) -> None:
    project.put("given.txt", CONDA)
    said = refused(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "given.txt")
    assert said == (
        "ERROR: given.txt, line 1: certifi @ file:///croot/certifi_1736000000000/work/certifi is "
        "a path on the machine that built the package, and does not exist here; so is line 3. "
        "Make the file with `pip list --format=freeze`, which prints versions instead, or "
        "write the versions.\n"
    )


def test_a_path_that_is_there_is_no_such_thing(project: Project) -> None:
    path = wheel("six", "1.17.0").save(project.folder)
    line = f"six @ {path.as_uri()}"
    assert line in turned(project, f"{line}\ntorch==2.8.0\n", "-t", "cpu", *LINUX).splitlines()


def test_pip_list_in_the_format_of_freeze_is_a_compiled_file(
    serve: Callable[..., IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    project = project_at(serve(pytorch_site().with_files("/simple", wheel("pip", "26.1"))))
    listed = (
        "filelock==3.18.0\nfsspec==2025.5.1\nJinja2==3.1.6\nMarkupSafe==3.0.2\nmpmath==1.3.0\n"
        "networkx==3.5\npip==26.1\nsetuptools==70.2.0\nsympy==1.13.3\ntorch==2.8.0+cu126\n"
        "typing_extensions==4.14.0\n"
    )
    text = turned(project, listed, "-t", "cpu", *LINUX)
    assert lines_of(text) == lines_of(listed.replace("+cu126", "+cpu"))


# Hashes of files that no index of the run has


EVIL = "sha256:" + "66" * 32


def hashed(distribution: Distribution, *more: str) -> str:
    hashes = "".join(f" \\\n    --hash={each}" for each in sorted((distribution.hash, *more)))
    return f"{distribution.project}=={distribution.version}{hashes}\n"


def test_a_hash_that_no_index_has_goes_and_that_is_said(project: Project) -> None:
    """It would let in a file of an index that the user never named."""
    einops = pytorch_site().find("/simple", "einops-0.8.1-py3-none-any.whl")
    given = turned(project, f"{hashed(einops)}torch==2.8.0\n", "-t", "cpu", *LINUX)
    project.put("given.txt", given.replace(hashed(einops), hashed(einops, EVIL)))
    done = rewrite(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "out.txt")
    assert EVIL not in project.read("out.txt")
    assert project.read("out.txt") == given
    assert done.stderr == (
        "Hashes of given.txt that belong to no file on the indexes of this run are left out: "
        "einops 0.8.1 (1).\n"
    )


def test_a_pin_of_which_no_index_has_a_file_is_refused(project: Project) -> None:
    """Its file is another one of the same name: the index that has it was not named."""
    given = f"torch==2.8.0\neinops==0.8.1 --hash={EVIL}\n"
    project.put("given.txt", given)
    said = refused(project, "-q", "-t", "cpu", *LINUX, "given.txt", "-o", "given.txt")
    assert said.startswith(
        "ERROR: given.txt, line 2: no file of einops 0.8.1 on the indexes of this run has a hash "
        "of that line. "
    )
    assert "--extra-index-url" in said


def test_the_index_that_has_such_a_file_can_be_named(
    serve: Callable[..., IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    own = wheel("einops", "0.8.1", note="of a private index")
    server = serve(pytorch_site().with_files("/private", own))
    project = project_at(server)
    project.put("given.txt", f"torch==2.8.0\neinops==0.8.1 --hash={own.hash}\n")
    words = ("--extra-index-url", f"{server.url}/private")
    done = rewrite(project, "-q", "-t", "cpu", *LINUX, *words, "given.txt")
    assert says(done.stdout, "linux-x86_64", "3.11")["einops"] == ("0.8.1", {own.hash})


# uv's `--emit-index-annotation`


def test_a_comment_on_another_targets_index_goes(project: Project) -> None:
    url = "https://download.pytorch.org/whl"
    given = (
        f"networkx==3.5\n    # via torch\n    # from {url}/cu126\n"
        "sympy==1.13.3\n    # via torch\n    # from https://index.test/simple\n"
        f"torch==2.8.0+cu126\n    # via -r requirements.in\n    # from {url}/cu126\n"
    )
    text = turned(project, given, "-t", "cpu", *LINUX)
    assert "cu126" not in text
    assert "networkx==3.5\n    # via torch\n" in text
    assert "sympy==1.13.3\n    # via torch\n    # from https://index.test/simple\n" in text
    again = turned(project, given, "-t", "cu126", *LINUX)
    assert f"networkx==3.5\n    # via torch\n    # from {url}/cu126\n" in again


# A version that the file itself pins


def test_no_platform_is_blamed_for_a_version_that_the_file_pins(project: Project) -> None:
    project.put("given.txt", "torch==2.6.0\n")
    done = rewrite(project, "-t", "cu126", "--python-version", "3.11", "given.txt", "-o", "out.txt")
    assert versions(project.read("out.txt"), "linux-x86_64", "3.11")["torch"] == "2.6.0+cu126"
    assert "is taken instead of" not in done.stderr


# Releases that belong together


def test_a_pair_of_releases_stays_a_pair(
    serve: Callable[..., IndexServer], project_at: Callable[[IndexServer], Project]
) -> None:
    """Since 2.11 torchaudio asks for no torch, and crashes with an older one."""
    audio = (
        wheel("torchaudio", f"{version}+cpu", "cp311-cp311-manylinux_2_28_x86_64", requires=needs)
        for version, needs in (("2.8.0", ("torch==2.8.0",)), ("2.11.0", ()))
    )
    project = project_at(serve(pytorch_site().with_files("/whl/cpu", *audio)))
    given = "torch==2.9.1\ntorchaudio==2.9.1\n"
    found = versions(turned(project, given, "-t", "cpu", *LINUX), "linux-x86_64", "3.11")
    assert (found["torch"], found["torchaudio"]) == ("2.8.0+cpu", "2.8.0+cpu")
