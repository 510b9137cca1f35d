"""Which machines are containers, and when a choice of cpu in one is warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.hardware import Choice, Rule, choose
from accelock.hardware.choice import CONTAINER_WARNING, Candidate
from accelock.hardware.vendor import Reason
from accelock.targets import CPU, PLATFORMS, parse_target
from tests.hardware.machines import DOCKER, Commands, look, nvml, with_driver, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.hardware.context import Output

CATALOGUE = load_catalogue()
CU126 = parse_target("cu126", CATALOGUE.targets)
A100 = ("NVIDIA A100-SXM4-80GB", "8.0")
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
CONTAINERS = [
    DOCKER,
    {"run/.containerenv": 'engine="podman-5.2"\n'},
    {"proc/1/cgroup": "0::/system.slice/docker-4c01db0b339c.scope\n"},
    {"proc/1/cgroup": "11:memory:/kubepods/besteffort/pod3d/4c01db0b339c\n"},
    {"proc/1/cgroup": "0::/user.slice/libpod-4c01db0b339c.scope\n"},
    {"proc/1/cgroup": "4:cpuset:/lxc/build-17\n"},
]


def chosen(
    words: str,
    root: Path,
    environ: Mapping[str, str] | None = None,
    answers: Mapping[str, str | Output] | None = None,
) -> Choice:
    return choose(
        [parse_target(word, CATALOGUE.targets) for word in words.split()],
        environ=environ or {},
        catalogue=CATALOGUE,
        platform=PLATFORMS["linux-x86_64"],
        root=root,
        run=Commands(answers or {}),
    )


@pytest.mark.parametrize("files", CONTAINERS, ids=lambda files: next(iter(files.items())))
def test_a_container_is_known_by_its_files(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert look(write(tmp_path, files)).container is not None


@pytest.mark.parametrize("files", [{}, {"proc/1/cgroup": "0::/init.scope\n"}])
def test_a_machine_is_no_container(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert look(write(tmp_path, files)).container is None


def test_a_cgroup_that_cannot_be_read_is_no_container(tmp_path: Path) -> None:
    (tmp_path / "proc/1/cgroup").mkdir(parents=True)
    assert look(tmp_path).container is None


@pytest.mark.parametrize(
    ("causes", "is_warned"),
    [
        ([Reason.NO_DRIVER], True),
        ([Reason.NO_GPU], True),
        ([Reason.NO_DRIVER, Reason.NO_GPU], True),
        ([Reason.NO_DRIVER, Reason.NO_BUILDS], True),  # cu118 and cu126 on linux-aarch64
        ([Reason.NO_DRIVER, Reason.NOT_LOCKED], True),
        ([Reason.NO_BUILDS], False),
        ([Reason.NOT_LOCKED], False),
        ([], False),
        *(
            (causes, False)
            for told in (
                Reason.OLD_DRIVER,
                Reason.NO_CODE,
                Reason.HIDDEN,
                Reason.JETSON,
                Reason.UNKNOWN,
            )
            for causes in ([told], [Reason.NO_GPU, told])
        ),
    ],
)
def test_it_is_warned_of_what_a_container_may_not_show(
    causes: list[Reason], *, is_warned: bool
) -> None:
    unfit = [Candidate(CU126, fits=False, reason="", cause=cause) for cause in causes]
    candidates = (*unfit, Candidate(CPU, fits=True, reason="", taken=True))
    choice = Choice(CPU, "", candidates, Rule.LAST_RESORT, in_container=True)
    assert bool(choice.container_warning) is is_warned
    assert not Choice(CPU, "", candidates, Rule.LAST_RESORT).container_warning
    assert not Choice(CPU, "", candidates, Rule.TOLD, in_container=True).container_warning


def test_cpu_for_want_of_a_gpu_is_warned_of_in_a_container(tmp_path: Path) -> None:
    assert chosen("cpu cu126", write(tmp_path, DOCKER)).container_warning
    assert chosen("cpu cu126 rocm6.3 xpu", tmp_path).container_warning
    assert "ACCELOCK_TARGET" in CONTAINER_WARNING


def test_it_is_not_outside_one(tmp_path: Path) -> None:
    assert not chosen("cpu cu126", tmp_path).container_warning


def test_kubernetes_is_known_by_its_variable_alone(tmp_path: Path) -> None:
    """With cgroup v2 no file tells of it, where containerd is the runtime."""
    root = write(tmp_path, {"proc/1/cgroup": "0::/\n"})
    assert chosen("cpu cu126", root, KUBERNETES).container_warning
    assert not chosen("cpu cu126", root).container_warning


def test_nor_where_somebody_chose_cpu(tmp_path: Path) -> None:
    root = write(tmp_path, DOCKER)
    assert not chosen("cpu cu126", root, {"ACCELOCK_TARGET": "cpu"}).container_warning


def test_nor_where_there_was_nothing_to_choose(tmp_path: Path) -> None:
    assert not chosen("cpu", write(tmp_path, DOCKER)).container_warning


def test_nor_where_the_gpu_is_seen(tmp_path: Path) -> None:
    root = with_driver(write(tmp_path, DOCKER), "570.86.15")
    choice = chosen("cpu cu126", root)
    assert choice.target.name == "cu126"
    assert choice.in_container
    assert not choice.container_warning


@pytest.mark.parametrize(
    ("driver", "environ"),
    [("470.57.02", {}), ("570.86.15", {"CUDA_VISIBLE_DEVICES": ""})],
    ids=["old driver", "hidden"],
)
def test_nor_where_the_gpu_is_seen_and_not_taken(
    tmp_path: Path, driver: str, environ: Mapping[str, str]
) -> None:
    root = with_driver(write(tmp_path, DOCKER), driver)
    choice = chosen("cpu cu126", root, environ, {"NVML": nvml(driver, A100)})
    assert choice.target.name == "cpu"
    assert not choice.container_warning
