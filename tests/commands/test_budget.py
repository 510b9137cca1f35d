"""Locks held to the budget of their targets: `check` from the lock alone, a host with sizes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.commands.downloads import Downloads, hold
from accelock.errors import BudgetError
from accelock.locks.budget import Download
from accelock.locks.model import Lock, Pin, TargetLock
from accelock.settings.config import Config, TargetSettings
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion, parse_target
from tests.commands.heres import no_network
from tests.commands.poetry_locks import PYPROJECT, PoetryFolder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from accelock.locks.markers import Place
    from accelock.targets import Target

CATALOGUE = load_catalogue()
CPU = parse_target("cpu", CATALOGUE.targets)
LINUX, MAC = PLATFORMS["linux-x86_64"], PLATFORMS["macos-arm64"]
SIZES = {LINUX: 300_000_000, MAC: 100_000_000}
NUMPY, TORCH = Pin("numpy", "2.0"), Pin("torch", "2.8.0")


class Known(Downloads):
    """Knows the size of torch by platform, and no other."""

    def of(self, pins: Iterable[Pin], target: Target, place: Place) -> dict[str, Download]:
        assert (target, place.python) == (CPU, PythonVersion(3, 10))
        sizes = {"torch": SIZES[place.platform]}
        return {p.name: Download(p, f"{p}.whl", sizes.get(p.name)) for p in pins}


def held(own: TargetSettings, *pins: Pin) -> tuple[list[str], list[str]]:
    """Return what each target downloads, and what was warned of."""
    settings = Settings(CATALOGUE, Config((CPU,), by_target=MappingProxyType({"cpu": own})))
    supported = (PythonVersion(3, 10), PythonVersion(3, 14))
    lock = Lock("", {CPU: TargetLock(CPU, "f", pins, (MAC, LINUX), supported=supported)})
    warned: list[str] = []
    costs = hold(lock, Known(no_network, settings), warned.append)
    return list(map(str, costs.values())), warned


def test_the_platform_that_downloads_most_counts() -> None:
    said = ["cpu downloads 300.0 MB on linux-x86_64, Python 3.10"]
    assert held(TargetSettings(max_mb=300), TORCH) == (said, [])


def test_more_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BudgetError) as caught:
        held(TargetSettings(max_mb=299.9), TORCH)
    assert "cpu downloads 300.0 MB on linux-x86_64, Python 3.10, above" in str(caught.value)
    assert "Nothing was written: require less" in str(caught.value)


def test_what_has_no_size_is_said_and_does_not_count() -> None:
    (said,), (warned,) = held(TargetSettings(max_mb=300), TORCH, NUMPY)
    assert said.startswith("cpu downloads at least 300.0 MB, 1 not known")
    assert warned == (
        "cpu: no index publishes the size of numpy 2.0 (macos-arm64, linux-x86_64); max-mb does "
        "not count it."
    )


def test_without_a_limit_no_size_is_asked() -> None:
    assert held(TargetSettings(deny=("jax",)), TORCH) == ([], [])


def test_what_is_denied_is_said_before_a_size_is_asked() -> None:
    with pytest.raises(BudgetError, match=r"torch 2.8.0 \(torch\) is locked for cpu on"):
        held(TargetSettings(max_mb=1, deny=("torch",)), TORCH)


def test_check_reads_deny_from_poetry_lock(tmp_path: Path) -> None:
    table = '\n[tool.accelock.target.cu126]\ndeny = ["NVIDIA_*", "filelock"]\nmax-mb = 0.001\n'
    folder = PoetryFolder(tmp_path, PYPROJECT + table)
    folder.named("cu126", "torch")["dependencies"] = {"nvidia-cudnn-cu12": "9.5.1.17"}
    found = [each for each in folder.write().check().findings if each.code == "denied"]
    assert [(each.file, each.what) for each in found] == [
        (
            "poetry.lock",
            (
                "filelock 3.18.0 (filelock) is locked for cu126 on linux-x86_64, linux-aarch64, "
                "windows-x86_64: the lock does not tell what requires it"
            ),
        ),
        (
            "poetry.lock",
            (
                "nvidia-cudnn-cu12 9.5.1.17 (nvidia-*) is locked for cu126 on linux-x86_64, "
                "linux-aarch64, windows-x86_64: torch 2.6.0+cu126 (pyproject.toml) requires "
                "nvidia-cudnn-cu12"
            ),
        ),
    ]


def test_a_lock_in_which_no_target_differs_is_every_targets(tmp_path: Path) -> None:
    table = '\n[tool.accelock.target.cu126]\ndeny = ["filelock"]\n'
    folder = PoetryFolder(tmp_path, PYPROJECT + table).write()
    text = (
        '[[package]]\nname = "filelock"\nversion = "3.18.0"\ngroups = ["main"]\n'
        '[metadata]\nlock-version = "2.1"\npython-versions = "^3.9"\n'
    )
    folder.put("poetry.lock", text)
    (found,) = folder.check().findings
    assert (found.code, found.file) == ("denied", "poetry.lock")
    assert found.what.startswith("filelock 3.18.0 (filelock) is locked for cu126 on linux-x86_64")
