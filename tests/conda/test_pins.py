from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from accelock.conda.config import CondaConfig
from accelock.conda.overlap import pythons_in, read_pins
from accelock.conda.project import CondaProject
from accelock.errors import AccelockError, ConfigError
from accelock.locks import overlay
from accelock.locks.markers import Place
from accelock.locks.stamp import Stamp
from accelock.settings.config import Config
from accelock.targets import PythonVersion
from tests.conda.records import CPU, CUDA, LINUX, MAC

V311, V312 = PythonVersion(3, 11), PythonVersion(3, 12)
REQUIREMENTS = """\
--extra-index-url https://host.example/whl/cpu

numpy==2.1.3 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
tomli==2.0.1 ; python_version < "3.11"
torch==2.6.0 ; sys_platform == "darwin"
torch==2.6.0+cpu ; sys_platform != "darwin"
Typing_Extensions==4.12.2
uvloop==0.21.0 ; sys_platform == "linux"
scipy==1.15.0 ; python_version < "3.12"
scipy==1.16.0 ; python_version >= "3.12"
requests>=2
local @ file:///here
"""
LEADER: list[dict[str, Any]] = [
    {"name": "numpy", "version": "2.1.3", "groups": ["main", "dev"], "files": []},
    {"name": "pytest", "version": "8.3.0", "groups": ["dev"], "files": []},
    {"name": "torch", "version": "2.6.0+cpu", "groups": ["main"], "files": []},
    {
        "name": "uvloop",
        "version": "0.21.0",
        "groups": ["main", "dev"],
        "markers": {"main": 'sys_platform == "linux"', "dev": 'sys_platform == "darwin"'},
        "files": [],
    },
    {
        "name": "winloop",
        "version": "0.1.6",
        "groups": ["main"],
        "markers": 'sys_platform == "win32"',
        "files": [],
    },
]
CHANGE = overlay.Difference(
    ("torch",),
    (
        {"name": "torch", "version": "2.6.0+cu126", "groups": ["main"], "files": []},
        {"name": "triton", "version": "3.2.0", "groups": ["main"], "files": []},
    ),
)


def poetry_lock(*, with_cuda: bool = True) -> str:
    """Return a poetry.lock for cpu and, where asked, cu126."""
    targets = ("cpu", "cu126") if with_cuda else ("cpu",)
    changes = {"cu126": CHANGE} if with_cuda else {}
    platforms = dict.fromkeys(targets, ("linux-x86_64",))
    ours = overlay.write(LEADER, overlay.Overlay(targets, platforms, "", changes))
    lock = {
        "package": LEADER,
        "metadata": {"lock-version": "2.1", "accelock": ours["metadata"]},
        "accelock": ours["tables"],
    }
    return tomlkit.dumps(lock if with_cuda else {**lock, "accelock": {}})


POETRY = poetry_lock()


def test_a_compiled_file() -> None:
    found = read_pins(REQUIREMENTS, "requirements.cpu.txt", [Place(LINUX, V311)])
    assert found.where == "requirements.cpu.txt"
    assert found.versions == {
        "numpy": "2.1.3",
        "scipy": "1.15.0",
        "torch": "2.6.0",
        "typing-extensions": "4.12.2",
        "uvloop": "0.21.0",
    }
    mac = read_pins(REQUIREMENTS, "requirements.cpu.txt", [Place(MAC, V312)])
    assert mac.versions["torch"] == "2.6.0"
    assert mac.versions["scipy"] == "1.16.0"
    assert "uvloop" not in mac.versions


def test_what_pythons_do_not_agree_on_binds_nothing() -> None:
    places = [Place(LINUX, V311), Place(LINUX, V312)]
    found = read_pins(REQUIREMENTS, "r.txt", places)
    assert "scipy" not in found.versions
    assert found.versions["numpy"] == "2.1.3"


def test_a_poetry_lock_and_its_overlay() -> None:
    place = [Place(LINUX, V311)]
    found = read_pins(POETRY, "poetry.lock", place, CPU)
    assert found.versions == {"numpy": "2.1.3", "torch": "2.6.0", "uvloop": "0.21.0"}
    other = read_pins(POETRY, "poetry.lock", place, CUDA)
    assert other.versions == {**found.versions, "triton": "3.2.0"}
    assert read_pins(POETRY, "poetry.lock", place).versions == found.versions


def test_groups_of_a_poetry_lock() -> None:
    dev = read_pins(POETRY, "poetry.lock", [Place(MAC, V311)], CPU, "dev")
    assert dev.versions == {
        "numpy": "2.1.3",
        "pytest": "8.3.0",
        "torch": "2.6.0",
        "uvloop": "0.21.0",
    }
    assert "uvloop" not in read_pins(POETRY, "poetry.lock", [Place(MAC, V311)], CPU).versions


def test_locks_that_cannot_be_read() -> None:
    place = [Place(LINUX, V311)]
    with pytest.raises(AccelockError, match=r"poetry\.lock, line 1: is not valid TOML"):
        read_pins("= 1", "poetry.lock", place)
    with pytest.raises(AccelockError, match=r"r\.txt, line 1"):
        read_pins("numpy==\n", "r.txt", place)
    with pytest.raises(AccelockError, match="edited by hand"):
        read_pins(POETRY.replace("3.2.0", "3.2.1"), "poetry.lock", place, CUDA)
    with pytest.raises(AccelockError, match=r"locked for cpu, and not for cu126\. Run"):
        read_pins(poetry_lock(with_cuda=False), "poetry.lock", place, CUDA)


def test_the_pythons_of_a_stamp() -> None:
    stamp = Stamp("0.1.0", "cpu", ("linux-x86_64",), ("3.11",), (), "0" * 64, "0" * 64)
    text = "".join(f"{line}\n" for line in stamp.render()) + REQUIREMENTS
    assert pythons_in(text, "r.txt") == (V311,)
    assert pythons_in(REQUIREMENTS, "r.txt") == ()
    assert pythons_in(POETRY, "poetry.lock") == ()


def find(said: str | None, *there: str, several: bool = True, targets: bool = True) -> str | None:
    """Return whose pins count for cpu where a project has these files."""
    config = Config(targets=((CPU, CUDA) if several else (CPU,)) if targets else ())
    conda = CondaConfig(("conda-forge",), pins=said)
    project = CondaProject(Path(), config, conda, dict.fromkeys(there, "").get)
    return project.pip_lock(CPU if targets else None)


def test_whose_pins_count() -> None:
    assert find(None) is None
    assert find(None, "poetry.lock") == "poetry.lock"
    assert find(None, "requirements.cpu.txt") == "requirements.cpu.txt"
    assert find(None, "requirements.txt") is None
    assert find(None, "requirements.txt", several=False) == "requirements.txt"
    assert find(None, "requirements.txt", several=False, targets=False) == "requirements.txt"
    assert find("locks/{target}.txt") == "locks/cpu.txt"
    assert find("poetry.lock", "requirements.cpu.txt", "poetry.lock") == "poetry.lock"


def test_two_locks_are_for_the_user_to_choose_from() -> None:
    with pytest.raises(ConfigError) as caught:
        find(None, "requirements.cpu.txt", "poetry.lock")
    assert str(caught.value) == (
        "pyproject.toml: tool.accelock.conda.pins: there are poetry.lock and requirements.cpu.txt; "
        'choose whose pins count: pins = "poetry.lock", or pins = "requirements.{target}.txt"'
    )
    with pytest.raises(ConfigError, match=r'or pins = "requirements\.txt"'):
        find(None, "requirements.txt", "poetry.lock", several=False, targets=False)
    with pytest.raises(
        ConfigError, match=r"has the field \{target\}, and the project declares no targets"
    ):
        find("requirements.{target}.txt", targets=False)
