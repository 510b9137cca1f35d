from __future__ import annotations

from accelock.conda.formats.environment import ENVIRONMENT
from accelock.conda.formats.lock import EXPLICIT, LOCK
from accelock.conda.formats.model import environment_name
from accelock.conda.formats.pixi import PIXI
from tests.conda.records import CPU, CUDA, LINUX, MAC, render, solved


def test_names() -> None:
    assert ENVIRONMENT.file_name(CPU, None, None) == "environment-cpu.yml"
    assert ENVIRONMENT.file_name(CPU, "dev", None) == "environment-cpu-dev.yml"
    assert ENVIRONMENT.file_name(None, None, None) == "environment.yml"
    assert ENVIRONMENT.file_name(None, "dev", None) == "environment-dev.yml"
    assert LOCK.file_name("cu126", None, None) == LOCK.file_name(CUDA, None, None)
    assert LOCK.file_name(CUDA, None, None) == "conda-cu126-lock.yml"
    assert LOCK.file_name(CUDA, "dev", None) == "conda-cu126-dev-lock.yml"
    assert LOCK.file_name(None, None, None) == "conda-lock.yml"
    assert EXPLICIT.file_name(CPU, None, LINUX) == "conda-cpu-linux-64.txt"
    assert EXPLICIT.file_name(None, "dev", MAC) == "conda-dev-osx-arm64.txt"
    assert PIXI.file_name(None, None, None) == "pixi.lock"
    assert environment_name(None) == "default"
    assert environment_name("rocm6.3", "dev") == "rocm6-3-dev"
    whole = solved({"linux-x86_64": []})
    assert "name: vega-cpu\n" in render(ENVIRONMENT, whole, "vega")
    assert "name:" not in render(ENVIRONMENT, whole)


def test_mamba_takes_none_but_a_lock_for_one() -> None:
    for target in (None, CPU, CUDA, "rocm6.3"):
        for group in (None, "dev", "dev-tools"):
            assert LOCK.file_name(target, group, None).endswith("-lock.yml")
            assert not ENVIRONMENT.file_name(target, group, None).endswith("-lock.yml")
