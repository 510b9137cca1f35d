"""The pins of an existing file stay where they can: second runs, upgrades, switches of targets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.piptools.support_project import HERE
from tests.piptools.support_sites import on_pypi, pure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


LINUX = ("-q", "--strip-extras", "--platform=linux-x86_64")
ALL = ("-q", "--strip-extras")
LONG_AGO = 1_000_000_000  # seconds since 1970
# Runs the command with less patience, and says as its last line how many rounds pip took in all.
ROUNDS = """\
import sys
from pip._internal.resolution.resolvelib.reporter import PipReporter
from accelock import cli
from accelock.hosts.piptools import rounds

rounds.MOST, rounds.MOST_OF_ALL, rounds.MOST_WITHOUT = {most}, {of_all}, {without}
taken = []
PipReporter.starting_round = lambda self, index: taken.append(index)
code = cli.main(sys.argv[1:])
print(len(taken))
sys.exit(code)
"""
ASKING = ("one", "two", "three", "four", "five")


def age(project: Project, *names: str) -> None:
    for name in names:
        os.utime(project.folder / name, (LONG_AGO, LONG_AGO))


def public(pins: dict[str, str]) -> dict[str, str]:
    return {name: version.partition("+")[0] for name, version in pins.items()}


def older(project: Project, *words: str) -> None:
    """Compile a file with old versions of torch and of some others, then ask for less."""
    project.write(
        requirements_in="torch==2.6.0\ntorchvision\nfilelock<3.17\ntqdm<4.67\njinja2<3.1.6\n"
    )
    project.compile(*words)
    project.write(requirements_in="torch\ntorchvision\nfilelock\ntqdm\njinja2\n")


class TestSecondRun:
    @pytest.mark.internals
    @pytest.mark.parametrize(
        "words",
        [
            ("-t", "cpu", "-t", "cu126", "-t", "rocm6.3", "--generate-hashes"),
            ("-t", "cu126", "--annotation-style=line", "--no-header"),
            ("-t", "cpu", "--python-version=3.10", "--python-version=3.12", "--allow-unsafe"),
        ],
        ids=" ".join,
    )
    def test_changes_no_byte_and_renews_the_time(
        self, project: Project, words: tuple[str, ...]
    ) -> None:
        project.write(requirements_in="torchvision\npandas\nuvicorn[standard]\n")
        project.compile("-q", *words)
        before = project.files()
        outputs = [name for name in before if name.endswith(".txt")]
        age(project, *outputs)

        project.compile("-q", *words)

        assert project.files() == before
        for name in outputs:
            assert (project.folder / name).stat().st_mtime > LONG_AGO

    def test_keeps_old_versions(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu")
        before = project.pins()
        project.compile(*ALL, "-t", "cpu")

        assert project.pins() == before
        assert before["torch"] == "2.6.0+cpu"
        assert before["tqdm"] == "4.66.5"
        assert project.pins(platform="macos-arm64")["torch"] == "2.6.0"

    def test_keeps_what_differs_by_platform(self, project: Project) -> None:
        table = '[tool.accelock]\ntargets = ["cpu"]\nlockstep = false\n'
        project.write(
            requirements_in='torch\ntqdm<4.67 ; sys_platform == "win32"\ntqdm\n',
            pyproject_toml=table,
        )
        project.compile(*ALL)
        assert project.pins(platform="windows-x86_64")["tqdm"] == "4.66.5"
        before = project.read()
        project.compile(*ALL)

        assert project.read() == before

    def test_keeps_the_newlines(self, project: Project) -> None:
        project.write(requirements_in="torch\n").compile(*LINUX, "-t", "cpu", "--newline=CRLF")
        assert "\r\n" in project.read()
        project.compile(*LINUX, "-t", "cpu")

        assert project.read().count("\n") == project.read().count("\r\n")

    def test_keeps_the_mode(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n").compile(*LINUX, "-t", "cpu")
        path = project.folder / "requirements.txt"
        path.chmod(0o600)
        project.compile(*LINUX, "-t", "cpu")

        assert path.stat().st_mode & 0o777 == 0o600

    def test_writes_through_a_link(self, project: Project, tmp_path: Path) -> None:
        real = tmp_path / "real.txt"
        real.write_text("")
        link = project.folder / "requirements.txt"
        link.symlink_to(real)
        project.write(requirements_in="tqdm\n").compile(*LINUX, "-t", "cpu")

        assert link.is_symlink()
        assert "tqdm==4.67.1" in real.read_text()

    def test_a_link_is_fresh_by_both_names(self, project: Project) -> None:
        """The stamp leads to the inputs from where the file is, and not from where the link is."""
        (project.folder / "locks").mkdir()
        (project.folder / "locks/real.txt").write_text("")
        (project.folder / "r.txt").symlink_to("locks/real.txt")
        project.write(r_in="tqdm\n").compile(*LINUX, "-t", "cpu", "r.in")

        assert "# accelock: inputs ../r.in;" in project.read("locks/real.txt")
        for words in ((), ("r.txt",), ("locks/real.txt",)):
            assert project.accelock("check", *words).returncode == 0, words

    def test_a_folder_behind_a_link(self, project: Project, tmp_path: Path) -> None:
        (tmp_path / "far/deep").mkdir(parents=True)
        (tmp_path / "far/r.in").write_text("click\n")
        (tmp_path / "alias").symlink_to(project.folder)
        (project.folder / "out").symlink_to(tmp_path / "far/deep")
        project.write(r_in="tqdm\n")
        given_as = {"r.in": "../../project/r.in", "out/../r.in": "../r.in"}
        given_as[str(tmp_path / "alias/r.in")] = "../../project/r.in"
        for given, told in given_as.items():
            project.compile(*LINUX, "-t", "cpu", given, "-o", "out/x.txt")

            assert f"# accelock: inputs {told};" in project.read("out/x.txt")
            assert project.accelock("check", "out/x.txt").returncode == 0


class TestSwitchOfTarget:
    def test_keeps_public_versions(self, project: Project) -> None:
        words = (*LINUX, "--generate-hashes", "--allow-unsafe")  # torch's setuptools, from 3.12 on
        older(project, *words, "-t", "cpu")
        cpu, hashes = project.pins(), project.hashes()
        done = project.compile(*words, "-t", "cu126")

        assert done.stderr == ""
        cuda = project.pins()
        assert cuda["torch"] == "2.6.0+cu126"
        assert {name: public(cuda)[name] for name in cpu} == public(cpu)
        assert not project.hashes()["torch"] & hashes["torch"]
        assert project.hashes()["tqdm"] == hashes["tqdm"]
        assert "triton" in cuda

    def test_drops_what_only_the_old_target_had(self, project: Project) -> None:
        older(project, *LINUX, "-t", "cu126")
        project.compile(*LINUX, "-t", "cpu")

        pins = project.pins()
        assert pins["torch"] == "2.6.0+cpu"
        assert not [name for name in pins if name.startswith(("nvidia", "triton"))]
        assert "whl/cu126" not in project.read()

    def test_from_one_file_to_several(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu")
        before = project.pins()
        project.compile(*ALL, "-t", "cpu", "-t", "cu126")

        assert project.pins("requirements.cpu.txt") == before
        cuda = project.pins("requirements.cu126.txt")
        assert {name: public(cuda)[name] for name in before} == public(before)

    def test_a_new_target_beside_old_ones(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu", "-t", "cu126")
        before = project.pins("requirements.cpu.txt")
        project.compile(*ALL, "-t", "cpu", "-t", "cu126", "-t", "cu118")

        assert project.pins("requirements.cpu.txt") == before
        new = project.pins("requirements.cu118.txt")
        assert {name: public(new)[name] for name in before} == public(before)

    def test_a_version_that_the_new_target_lacks(self, project: Project) -> None:
        """torch 2.8.0 is not on cu118; what torch does not move stays as it was."""
        project.write(requirements_in="torch\ntorchvision\ntqdm<4.67\nfilelock<3.17\n")
        project.compile(*LINUX, "-t", "cpu")
        project.write(requirements_in="torch\ntorchvision\ntqdm\nfilelock\n")
        project.compile(*LINUX, "-t", "cu118")

        pins = project.pins()
        assert (pins["torch"], pins["torchvision"]) == ("2.7.1+cu118", "0.22.1+cu118")
        assert (pins["tqdm"], pins["filelock"]) == ("4.66.5", "3.16.1")

    @pytest.mark.internals
    def test_more_platforms(self, project: Project) -> None:
        older(project, *LINUX, "-t", "cpu", "--generate-hashes")
        before = public(project.pins())
        project.compile(*ALL, "-t", "cpu", "--generate-hashes")

        for platform in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"):
            pins = public(project.pins(platform=platform))
            assert {name: pins[name] for name in before} == before

    @pytest.mark.internals
    def test_from_plain_pip_compile(self, project: Project) -> None:
        project.write(requirements_in="torch==2.6.0\ntqdm<4.67\n")
        assert project.pip_compile("-q").returncode == 0
        assert "nvidia-cublas-cu12" in project.pins()
        project.write(requirements_in="torch\ntqdm\n").compile(*ALL, "-t", "cpu")

        assert public(project.pins())["torch"] == "2.6.0"
        assert project.pins()["tqdm"] == "4.66.5"
        assert "nvidia-cublas-cu12" not in project.pins()


class TestUpgrade:
    @pytest.mark.internals
    def test_torch_alone(self, project: Project) -> None:
        """What belongs to its release moves with it; nothing else does."""
        project.write(requirements_in="torch==2.6.0\nfilelock<3.17\ntqdm<4.67\njinja2<3.1.6\n")
        words = (*ALL, "--platform=linux-x86_64", "--platform=windows-x86_64", "-t", "cpu")
        project.compile(*words, "-t", "cu126")
        files = [f"requirements.{target}.txt" for target in ("cpu", "cu126")]
        before = [public(project.pins(name)) for name in files]
        project.write(requirements_in="torch\nfilelock\ntqdm\njinja2\n")
        project.compile(*words, "-t", "cu126", "-P", "torch")

        for name, old in zip(files, before, strict=True):
            new = public(project.pins(name))
            moved = {package for package in new if new[package] != old.get(package)}
            own = {n for n in moved if n.startswith(("nvidia-", "triton", "setuptools"))}
            assert new["torch"] == "2.8.0"
            assert moved - own == {"torch", "sympy"}, "2.8.0 requires a newer sympy"

    def test_what_must_move_with_it(self, project: Project) -> None:
        older(project, *LINUX, "-t", "cpu")
        before = public(project.pins())
        project.compile(*LINUX, "-t", "cpu", "-P", "torch==2.8.0")

        new = public(project.pins())
        moved = {package for package in new if new[package] != before[package]}
        assert moved == {"torch", "torchvision", "sympy"}

    def test_a_package_of_its_release_moves_too(self, project: Project) -> None:
        """torchvision's pin requires the old torch."""
        older(project, *LINUX, "-t", "cu126")
        project.compile(*LINUX, "-t", "cu126", "-P", "torch")

        pins = project.pins()
        assert (pins["torch"], pins["torchvision"]) == ("2.8.0+cu126", "0.23.0+cu126")
        assert (pins["filelock"], pins["tqdm"]) == ("3.16.1", "4.66.5")

    def test_beside_a_pin_with_a_label_of_its_own(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> None:
        """Of a company's own build, such as `locallib==1.0+local.1`."""
        project = project_at(serve(on_pypi(pure("locallib", "1.0+local.1"))))
        project.write(requirements_in="torch==2.6.0\nlocallib\n").compile(*LINUX, "-t", "cu126")
        project.write(requirements_in="torch\nlocallib\n")
        project.compile(*LINUX, "-t", "cu126", "-P", "torch")

        assert project.pins()["torch"] == "2.8.0+cu126"
        assert project.pins()["locallib"] == "1.0+local.1"

    def test_nothing_goes_down_for_it(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> None:
        """An old release of `needs` did not forbid torch 2.8.0."""
        old, new = pure("needs", "1.0", "torch"), pure("needs", "2.0", "torch<2.8")
        project = project_at(serve(on_pypi(old, new)))
        project.write(requirements_in="torch<2.7\nneeds\n").compile(*LINUX, "-t", "cpu")
        project.write(requirements_in="torch\nneeds\n").compile(*LINUX, "-t", "cpu", "-P", "torch")

        assert project.pins()["torch"] == "2.7.1+cpu"
        assert project.pins()["needs"] == "2.0"

    def test_to_a_version(self, project: Project) -> None:
        older(project, *LINUX, "-t", "cpu")
        project.compile(*LINUX, "-P", "torch==2.7.1", "-t", "cpu")

        assert project.pins()["torch"] == "2.7.1+cpu"
        assert project.pins()["filelock"] == "3.16.1"

    def test_to_a_version_with_the_targets_label(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu")
        project.compile(*ALL, "-P", "torch==2.7.1+cpu", "-t", "cpu")

        assert project.pins()["torch"] == "2.7.1+cpu"
        assert project.pins(platform="macos-arm64")["torch"] == "2.7.1"

    def test_another_package_leaves_torch(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu")
        before = project.pins()
        project.compile(*ALL, "-P", "tqdm", "-t", "cpu")

        assert {n for n, v in project.pins().items() if v != before.get(n)} == {"tqdm"}

    @pytest.mark.internals
    def test_everything(self, project: Project) -> None:
        older(project, *ALL, "-t", "cpu")
        project.compile(*ALL, "--upgrade", "-t", "cpu")

        pins = project.pins()
        assert (pins["torch"], pins["tqdm"], pins["filelock"]) == ("2.8.0+cpu", "4.67.1", "3.18.0")

    def test_a_line_that_left_the_input(self, project: Project) -> None:
        older(project, *LINUX, "-t", "cpu")
        project.write(requirements_in="tqdm\n").compile(*LINUX, "-t", "cpu")

        assert project.pins() == {"tqdm": "4.66.5"}
        assert "--extra-index-url" not in project.read()


@pytest.mark.internals
class TestManyRounds:
    """A pin that is in the way far from where it shows: pip tries 12 ** 5 sets of versions.

    Of the five that ask for `shared`, any four can be had together with its versions 1 to 5, and
    all of them with its version 6, which requires a newer `core`.
    """

    @pytest.fixture
    def deep(
        self, serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
    ) -> Project:
        files = [pure("shared", f"{n}") for n in range(1, 6)]
        files += [pure("shared", "6", "core>=2"), pure("core", "1"), pure("core", "2")]
        for number, name in enumerate(ASKING, 1):
            files += [pure(name, f"{n}", f"shared!={number}") for n in range(1, 13)]
        project = project_at(serve(on_pypi(*files)))
        project.write(
            requirements_in="\n".join(("core", "tqdm", "filelock", *ASKING)),
            requirements_txt="core==1\ntqdm==4.66.5\nfilelock==3.16.1\n",
        )
        return project

    def compile(
        self,
        project: Project,
        *words: str,
        most: int,
        of_all: int,
        without: int = 20_000,
        code: int = 0,
    ) -> int:
        """Return how many rounds it took."""
        limits = ROUNDS.format(most=most, of_all=of_all, without=without)
        done = project.python("-c", limits, "compile", *LINUX, *words, "-t", "cpu")
        assert done.returncode == code, done.stderr
        return int(done.stdout.splitlines()[-1])

    def test_pins_are_given_up_and_those_that_do_no_harm_kept(self, deep: Project) -> None:
        taken = self.compile(deep, most=100, of_all=1000)

        pins = deep.pins()
        assert (pins["core"], pins["shared"], pins["one"]) == ("2", "6", "12")
        assert (pins["tqdm"], pins["filelock"]) == ("4.66.5", "3.16.1")
        assert 200 < taken < 300, "the first attempt, and one with the pin of core alone"

    def test_in_the_end_there_are_no_rounds_left(self, deep: Project) -> None:
        taken = self.compile(deep, most=100, of_all=100)

        pins = deep.pins()
        assert (pins["core"], pins["shared"], pins["one"]) == ("2", "6", "12")
        assert (pins["tqdm"], pins["filelock"]) == ("4.67.1", "3.18.0")
        assert 100 < taken < 200, "the first attempt, and one without pins"

    def test_a_second_platform_follows_the_first_as_far_as_it_can(self, deep: Project) -> None:
        """On Linux `core` has to be the old one, with which there is no solution on macOS."""
        there = "".join(f'{name} ; sys_platform == "darwin"\n' for name in ASKING)
        deep.write(
            requirements_in=f'core<2 ; sys_platform == "linux"\ncore\ntqdm<4.67\n{there}',
            requirements_txt="",
        )
        self.compile(deep, "--platform=macos-arm64", most=100, of_all=1000)

        assert deep.pins() == {"core": "1", "tqdm": "4.66.5"}
        pins = deep.pins(platform="macos-arm64")
        assert (pins["core"], pins["shared"], pins["tqdm"]) == ("2", "6", "4.66.5")

    def test_without_pins_pip_takes_all_that_it_needs(self, deep: Project) -> None:
        few = "".join(f"{name}<4\n" for name in ASKING)
        deep.write(requirements_in=f"core<2\n{few}", requirements_txt="")
        taken = self.compile(deep, most=100, of_all=100, code=1)

        assert taken > 3**5

    def test_it_ends_and_says_what_it_went_back_and_forth_over(self, deep: Project) -> None:
        deep.write(requirements_in="\n".join(("core<2", *ASKING)), requirements_txt="")
        limits = ROUNDS.format(most=100, of_all=100, without=500)
        done = deep.python("-c", limits, "compile", *LINUX, "-t", "cpu")

        assert done.returncode == 1
        assert int(done.stdout.splitlines()[-1]) == 500
        assert "pip found no solution for cpu, linux-x86_64" in done.stderr
        assert (
            "pip found none in 500 rounds. It went back and forth between versions of:"
            in done.stderr
        )
        assert "core<2 by the input, core>=2 by shared" in done.stderr
        assert "Pin one of them, so that there is less to choose from." in done.stderr
        assert "Traceback" not in done.stderr


class TestEditedByHand:
    def test_an_edited_pin_counts(self, project: Project) -> None:
        project.write(requirements_in="tqdm\ntorch\n").compile(*LINUX, "-t", "cpu")
        text = project.read().replace("tqdm==4.67.1", "tqdm==4.66.5")
        project.put("requirements.txt", text.replace("torch==2.8.0+cpu", "torch==2.7.1"))
        project.compile(*LINUX, "-t", "cpu")

        assert project.pins()["tqdm"] == "4.66.5"
        assert project.pins()["torch"] == "2.7.1+cpu"

    @pytest.mark.parametrize(
        "text",
        [
            "# accelock: a broken stamp\ntqdm==4.66.5\n",
            "\ufeff# a byte order mark\r\ntqdm==4.66.5\r\n",
            "tqdm==4.66.5 --hash=sha256:" + "0" * 64 + "\n",
            "tqdm==4.66.5\nno-such-package==1.0\n",
            f'tqdm==4.66.5 ; python_version >= "{HERE}"\ntqdm==1.0 ; python_version < "3"\n',
            "--index-url https://nowhere.invalid/simple\ntqdm==4.66.5\n",
        ],
    )
    def test_what_can_be_read_counts(self, project: Project, text: str) -> None:
        project.write(requirements_in="tqdm\n", requirements_txt=text)
        project.compile(*LINUX, "-t", "cpu")

        assert project.pins() == {"tqdm": "4.66.5"}

    def test_a_pin_that_is_no_version_is_given_up(self, project: Project) -> None:
        """Of what another package asks for too, and on a second platform."""
        project.write(requirements_in="torch<2.7\n", requirements_txt="sympy===old\n")
        project.compile("-t", "cpu", "--platform=linux-x86_64", "--platform=macos-arm64")

        assert "===" not in project.read()

    def test_a_version_that_is_nowhere(self, project: Project) -> None:
        project.write(requirements_in="tqdm\ntorch\n", requirements_txt="tqdm==9\ntorch==9+cpu\n")
        project.compile(*LINUX, "-t", "cpu")

        assert project.pins()["tqdm"] == "4.67.1"
        assert project.pins()["torch"] == "2.8.0+cpu"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("<<<<<<< HEAD\ntqdm==4.66.5\n", "line 1 of requirements.txt"),
            ("tqdm ==== 4\n", "line 1 of requirements.txt"),
            ("tqdm==4.66.5\n-r gone.txt\n", "gone.txt"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, project: Project, text: str, said: str) -> None:
        project.write(requirements_in="tqdm\n", requirements_txt=text)

        message = project.refused(*LINUX, "-t", "cpu")

        assert said in message
        assert "no solution" not in message

    def test_an_empty_file(self, project: Project) -> None:
        project.write(requirements_in="tqdm\n", requirements_txt="").compile(*LINUX, "-t", "cpu")

        assert project.pins() == {"tqdm": "4.67.1"}
