from __future__ import annotations

from accelock.conda import naming
from tests.conda.records import CPU, CUDA, LINUX, MAC


def test_names() -> None:
    assert naming.environment(CPU) == "environment-cpu.yml"
    assert naming.environment(CPU, "dev") == "environment-cpu-dev.yml"
    assert naming.environment(None) == "environment.yml"
    assert naming.environment(None, "dev") == "environment-dev.yml"
    assert naming.lock("cu126") == naming.lock(CUDA) == "conda-cu126-lock.yml"
    assert naming.lock(CUDA, "dev") == "conda-cu126-dev-lock.yml"
    assert naming.lock(None) == "conda-lock.yml"
    assert naming.explicit(CPU, LINUX) == "conda-cpu-linux-64.txt"
    assert naming.explicit(None, MAC, "dev") == "conda-dev-osx-arm64.txt"
    assert naming.pixi_environment(None) == "default"
    assert naming.pixi_environment("rocm6.3", "dev") == "rocm6-3-dev"
    assert naming.of_environment("vega", CPU, None) == "vega-cpu"
    assert naming.of_environment(None, CPU, None) is None


def test_only_locks_end_as_mamba_wants_a_lock_to() -> None:
    for target in (None, CPU):
        for group in (None, "dev"):
            assert naming.lock(target, group).endswith("-lock.yml")
            assert not naming.environment(target, group).endswith("-lock.yml")
