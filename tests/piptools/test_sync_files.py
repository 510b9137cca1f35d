"""Which files `accelock sync` takes, on machines that are folders of the test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError, UnknownWordError
from accelock.hosts.piptools import sync_calls
from accelock.hosts.piptools.sync_files import Chooser
from accelock.locks.stamp import StampError
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion, parse_target
from tests.commands.projects import Project, with_stamp_edited
from tests.hardware.machines import Commands, nvml, with_driver
from tests.support.pylocks import needs_packaging

if TYPE_CHECKING:
    from accelock.hosts.piptools.sync_files import Selection
    from accelock.targets import Target

BODY = "filelock==3.18.0\n"
V100 = ("Tesla V100-SXM2-16GB", "7.0")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder)


def target(name: str) -> Target:
    return parse_target(name, load_catalogue().targets)


def select(
    *words: str,
    declared: str = "",
    root: Path = Path("/nowhere"),
    wanted: str = "",
    said: str | None = None,
    platform: str | None = "linux-x86_64",
    python: str | None = "3.11",
) -> Selection | None:
    config = Config(targets=tuple(map(target, declared.split())))
    settings = Settings(load_catalogue(), config)
    named = PLATFORMS[platform] if platform else None
    environ = {"ACCELOCK_TARGET": wanted}
    run = Commands({} if said is None else {"NVML": said})
    version = PythonVersion.parse(python) if python else None
    return Chooser(settings, environ, named, version, root, run).select(words)


def told(selection: Selection | None) -> tuple[tuple[str, ...], str]:
    assert selection is not None
    assert selection.choice is not None
    return selection.files, selection.choice.reason


# No file named


def test_the_only_file_there_is(project: Project) -> None:
    project.compiled("requirements.cu126.txt", "cu126", BODY)
    assert told(select()) == (("requirements.cu126.txt",), "the only target that is locked")


def test_the_only_file_under_its_plain_name(project: Project) -> None:
    project.compiled("requirements.txt", "cu126", BODY)
    selection = select()
    assert str(selection) == ("Syncing requirements.txt for cu126 (the only target that is locked)")


@pytest.mark.parametrize(("torch", "name"), [("2.9.1", "cu128"), ("2.11.0", "cu126")])
def test_the_locked_torch_and_the_gpus(
    project: Project, tmp_path: Path, torch: str, name: str
) -> None:
    for each in ("cpu", "cu126", "cu128"):
        project.compiled(f"requirements.{each}.txt", each, f"torch=={torch}+{each}\n")
    root, said = with_driver(tmp_path / "root", "580.82.07"), nvml("580.82.07", V100)
    files, reason = told(select(root=root, said=said))
    assert files == (f"requirements.{name}.txt",)
    assert "Tesla V100" in reason


def test_a_file_for_other_platforms_is_passed_over(project: Project, tmp_path: Path) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    project.compiled("requirements.cu126.txt", "cu126", BODY, platforms=["linux-aarch64"])
    files, reason = told(select(root=with_driver(tmp_path / "root", "580.82.07")))
    assert files == ("requirements.cpu.txt",)
    assert "cu126: the lock has it for linux-aarch64, and this is linux-x86_64" in reason


def test_a_platform_without_a_name_gets_no_cuda(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelock.hardware.detection.host_platform", lambda: None)
    root = with_driver(tmp_path / "root", "580.82.07")
    for name in ("cpu", "cu126"):
        project.write(f"requirements.{name}.txt", BODY)
    found = select(declared="cpu cu126", root=root, platform=None)
    assert told(found)[0] == ("requirements.cpu.txt",)
    project.compiled("requirements.cpu.txt", "cpu", BODY, platforms=["linux-x86_64"])
    with pytest.raises(AccelockError, match="cpu: the lock has it for linux-x86_64, and this is"):
        select(declared="cpu cu126", root=root, platform=None)


def test_the_driver_of_the_machine(project: Project, tmp_path: Path) -> None:
    for name in ("cpu", "cu118", "cu126", "cu130"):
        project.compiled(f"requirements.{name}.txt", name, BODY)
    files, reason = told(select(root=with_driver(tmp_path / "root", "550.54.15")))
    assert files == ("requirements.cu126.txt",)
    assert "550.54.15" in reason
    files, reason = told(select())
    assert files == ("requirements.cpu.txt",)
    assert "no NVIDIA driver" in reason


def test_declared_targets_come_first(project: Project, tmp_path: Path) -> None:
    for name in ("cpu", "cu118", "cu126"):
        project.compiled(f"requirements.{name}.txt", name, BODY)
    root = with_driver(tmp_path / "root", "550.54.15")
    assert told(select(declared="cpu cu118", root=root))[0] == ("requirements.cu118.txt",)
    assert told(select(declared="xpu", root=root))[0] == ("requirements.cu126.txt",)


def test_a_layer_comes_before_an_older_file_of_one_target(project: Project) -> None:
    project.compiled("requirements.txt", "cpu", BODY)
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    assert told(select())[0] == ("requirements.cpu.txt",)


def test_a_plain_file_beside_layers_is_another_matter(project: Project) -> None:
    project.write("requirements.txt", BODY)
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    assert told(select())[0] == ("requirements.cpu.txt",)


def test_a_declared_targets_file_needs_no_stamp(project: Project) -> None:
    project.write("requirements.cpu.txt", BODY)
    assert select() is None
    assert told(select(declared="cpu cu126"))[0] == ("requirements.cpu.txt",)


def test_plain_pip_sync(project: Project) -> None:
    assert select() is None
    project.write("requirements.txt", BODY)
    assert select() is None
    assert select(declared="cpu") is None


def test_nothing_compiled(project: Project) -> None:
    with pytest.raises(AccelockError, match=r"no requirements.txt here.* accelock compile"):
        select(declared="cpu")
    project.write("requirements.txt", BODY)
    with pytest.raises(AccelockError, match=r"no requirements\.cpu\.txt and no requirements\.xpu"):
        select(declared="cpu xpu")


def test_a_damaged_file(project: Project) -> None:
    path = project.compiled("requirements.txt", "cpu", BODY)
    project.write(path.name, with_stamp_edited(path.read_text()))
    with pytest.raises(StampError, match=r"requirements\.txt"):
        select()


# A file that is for other platforms

ELSEWHERE = ["macos-arm64", "linux-aarch64"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "the only target that is locked"),
        (("requirements.txt",), "the only target that is locked"),
        (("requirements.cpu.txt",), "named on the command line"),
    ],
)
def test_the_only_file_is_for_other_platforms(
    project: Project, words: tuple[str, ...], why: str
) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY, platforms=ELSEWHERE)
    with pytest.raises(AccelockError) as caught:
        select(*words)
    assert str(caught.value).startswith(
        f"cpu is chosen ({why}), and requirements.cpu.txt has it for macos-arm64, linux-aarch64, "
        "and this is linux-x86_64. Nothing was changed."
    )
    assert told(select(*words, platform="macos-arm64"))[0] == ("requirements.cpu.txt",)


def test_another_file_on_the_line_is_for_other_platforms(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    project.compiled("requirements-dev.cpu.txt", "cpu", BODY, platforms=ELSEWHERE)
    with pytest.raises(AccelockError, match=r"requirements-dev\.cpu\.txt has it for macos-arm64"):
        select("requirements.txt", "requirements-dev.txt")


def test_the_file_that_the_variable_says_is_for_other_platforms(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    project.compiled("requirements.cu126.txt", "cu126", BODY, platforms=["linux-aarch64"])
    with pytest.raises(AccelockError, match=r"cu126 is chosen \(ACCELOCK_TARGET says so\), and"):
        select(wanted="cu126")


def test_the_only_file_where_the_platform_has_no_name(project: Project) -> None:
    project.compiled("requirements.txt", "cpu", BODY)
    with pytest.raises(AccelockError, match=r"and this is \w+ on \w+\. Nothing was changed"):
        select(platform=None)


# A file that is for other Pythons


@pytest.mark.parametrize("words", [(), ("requirements.txt",), ("requirements.cpu.txt",)])
def test_the_only_file_is_for_other_pythons(project: Project, words: tuple[str, ...]) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY, python=["3.11", "3.12"])
    with pytest.raises(AccelockError) as caught:
        select(*words, python="3.10")
    assert str(caught.value) == (
        "requirements.cpu.txt was compiled for Python 3.11, 3.12, and the environment has Python "
        "3.10. Nothing was changed. Create an environment with one of these Pythons, or compile "
        "the file for this Python too (--python-version 3.10; give the option once for each "
        "Python)."
    )
    assert told(select(*words, python="3.12"))[0] == ("requirements.cpu.txt",)


def test_a_python_that_does_not_tell_its_version_is_left_to_pip_sync(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    assert told(select(python=None))[0] == ("requirements.cpu.txt",)


# The variable


def test_the_variable_chooses(project: Project) -> None:
    for name in ("cpu", "cu126"):
        project.compiled(f"requirements.{name}.txt", name, BODY)
    assert told(select(wanted="cu126"))[0] == ("requirements.cu126.txt",)
    with pytest.raises(UnknownWordError, match="did you mean 'cu126'"):
        select(wanted="cu162")


def test_the_variable_names_a_target_without_a_file(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    for declared in ("", "cpu cu126"):
        with pytest.raises(AccelockError, match=r"no requirements\.cu126\.txt\. Locked targets: "):
            select(declared=declared, wanted="cu126")


def test_the_variable_of_another_project(project: Project) -> None:
    project.compiled("requirements.txt", "cpu", BODY)
    assert told(select(declared="cpu", wanted="cu126"))[0] == ("requirements.txt",)


# Files named


def test_names_are_layers_where_they_do_not_exist(project: Project) -> None:
    for name in ("requirements", "requirements-dev", "docs/requirements"):
        for each in ("cpu", "cu126"):
            project.compiled(f"{name}.{each}.txt", each, BODY)
    project.write("plain.txt", BODY)
    words = ("requirements.txt", "plain.txt", "requirements-dev.txt", "docs/requirements.txt")
    files, _ = told(select(*words, wanted="cu126"))
    assert [Path(file).as_posix() for file in files] == [
        "requirements.cu126.txt",
        "plain.txt",
        "requirements-dev.cu126.txt",
        "docs/requirements.cu126.txt",
    ]


def test_one_file_tells_the_target_of_the_others(project: Project) -> None:
    for each in ("cpu", "cu126"):
        project.compiled(f"requirements.{each}.txt", each, BODY)
        project.compiled(f"requirements-dev.{each}.txt", each, BODY)
    files, reason = told(select("requirements.cu126.txt", "requirements-dev.txt"))
    assert files == ("requirements.cu126.txt", "requirements-dev.cu126.txt")
    assert reason == "another file on the command line is for it"


def test_files_of_two_targets_are_not_mixed(project: Project) -> None:
    project.compiled("requirements.cpu.txt", "cpu", BODY)
    project.compiled("requirements-dev.cu126.txt", "cu126", BODY)
    with pytest.raises(AccelockError, match="for different targets: cpu, cu126"):
        select("requirements.cpu.txt", "requirements-dev.cu126.txt")
    with pytest.raises(AccelockError, match=r"requirements-dev\.cpu\.txt does not exist: cpu"):
        select("requirements.cpu.txt", "requirements-dev.txt")


def test_files_of_others_are_left_to_pip_sync(project: Project) -> None:
    project.write("plain.txt", BODY)
    assert select("plain.txt", "absent.txt", "-") is None


# pylock files

TORCH = """\
lock-version = "1.0"
created-by = "other"
environments = ["sys_platform == 'linux' and platform_machine == 'x86_64'"]
requires-python = ">=3.11,<3.13"
[[packages]]
name = "torch"
version = "2.6.0"
"""


def pylock(project: Project, name: str, label: str = "", text: str = TORCH) -> None:
    file = f"torch-2.6.0{label}-py3-none-any.whl"
    table = f'{{name = "{file}", url = "https://example.org/x.whl", hashes = {{sha256 = "0"}}}}'
    body = text.replace('"2.6.0"', f'"2.6.0{label}"')
    project.write(name, f"{body}wheels = [{table}]\n")


@needs_packaging
class TestPylock:
    def test_one_of_another_tool_needs_no_target(self, project: Project) -> None:
        pylock(project, "pylock.toml")
        selection = select("pylock.toml")
        assert selection is not None
        assert str(selection) == "Syncing pylock.toml"
        assert selection.pylock is not None
        assert select() is None, "nothing says that it is meant"

    def test_the_label_tells_the_target(self, project: Project) -> None:
        pylock(project, "pylock.toml", "+cu126")
        assert str(select("pylock.toml")) == (
            "Syncing pylock.toml for cu126 (named on the command line)"
        )

    def test_the_machine_chooses_among_the_files_of_targets(
        self, project: Project, tmp_path: Path
    ) -> None:
        for name in ("cpu", "cu126"):
            pylock(project, f"pylock.{name}.toml", f"+{name}")
        root = with_driver(tmp_path / "root", "580.82.07")
        assert told(select("pylock.toml", root=root))[0] == ("pylock.cu126.toml",)
        assert told(select("pylock.toml"))[0] == ("pylock.cpu.toml",)
        assert told(select(root=root, declared="cpu cu126"))[0] == ("pylock.cu126.toml",)
        assert select(root=root) is None, "nothing says that they are meant"
        with pytest.raises(AccelockError, match=r"it is not in .*[.] Locked targets: cpu, cu126"):
            select("pylock.toml", wanted="cu118", declared="cpu cu126 cu118")

    def test_compiled_files_come_first(self, project: Project) -> None:
        pylock(project, "pylock.cpu.toml", "+cpu")
        project.compiled("requirements.cpu.txt", "cpu", BODY)
        assert told(select(declared="cpu"))[0] == ("requirements.cpu.txt",)

    @pytest.mark.parametrize(
        ("platform", "python", "said"),
        [
            ("macos-arm64", "3.11", "pylock.toml is for linux-x86_64, and this is macos-arm64"),
            ("linux-x86_64", "3.13", "for Python 3.11, 3.12, and the environment has Python 3.13"),
        ],
    )
    def test_elsewhere_it_is_refused(
        self, project: Project, platform: str, python: str, said: str
    ) -> None:
        pylock(project, "pylock.toml")
        with pytest.raises(AccelockError, match=said):
            select("pylock.toml", platform=platform, python=python)

    def test_it_stands_alone(self, project: Project) -> None:
        pylock(project, "pylock.toml")
        project.compiled("requirements.cpu.txt", "cpu", BODY)
        with pytest.raises(AccelockError, match="a complete lock: sync takes it alone"):
            select("pylock.toml", "requirements.cpu.txt")

    def test_a_folder_beside_files_with_hashes(self, project: Project, tmp_path: Path) -> None:
        pylock(project, "pylock.toml")
        text = (project.folder / "pylock.toml").read_text()
        project.write(
            "pylock.toml", f'{text}[[packages]]\nname = "app"\ndirectory = {{path = "."}}\n'
        )
        selection = select("pylock.toml")
        assert selection is not None
        assert selection.pylock is not None
        with pytest.raises(AccelockError, match=r"app has no hash.*Nothing was changed"):
            sync_calls.write_pylock(selection.pylock, None, tmp_path)
