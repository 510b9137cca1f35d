from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.machine import choose, container
from accelock.target import PLATFORMS, parse_target
from tests.machine.machines import Commands, with_driver, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.machine import Choice

CATALOGUE = load_catalogue()
DOCKER = {".dockerenv": ""}
CONTAINERS = [
    DOCKER,
    {"run/.containerenv": 'engine="podman-5.2"\n'},
    {"proc/1/cgroup": "0::/system.slice/docker-4c01db0b339c.scope\n"},
    {"proc/1/cgroup": "11:memory:/kubepods/besteffort/pod3d/4c01db0b339c\n"},
    {"proc/1/cgroup": "0::/user.slice/libpod-4c01db0b339c.scope\n"},
    {"proc/1/cgroup": "4:cpuset:/lxc/build-17\n"},
]


def chosen(words: str, root: Path, environ: Mapping[str, str] | None = None) -> Choice:
    return choose(
        [parse_target(word, CATALOGUE.targets) for word in words.split()],
        environ=environ or {},
        catalogue=CATALOGUE,
        platform=PLATFORMS["linux-x86_64"],
        root=root,
        run=Commands(),
    )


@pytest.mark.parametrize("files", CONTAINERS, ids=lambda files: next(iter(files.items())))
def test_a_container_is_known_by_its_files(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert container.is_container(write(tmp_path, files))


@pytest.mark.parametrize("files", [{}, {"proc/1/cgroup": "0::/init.scope\n"}])
def test_a_machine_is_no_container(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert not container.is_container(write(tmp_path, files))


def test_a_cgroup_that_cannot_be_read_is_no_container(tmp_path: Path) -> None:
    (tmp_path / "proc/1/cgroup").mkdir(parents=True)
    assert not container.is_container(tmp_path)


def test_cpu_for_want_of_a_gpu_is_warned_of_in_a_container(tmp_path: Path) -> None:
    root = write(tmp_path, DOCKER)
    assert container.warns(chosen("cpu cu126", root), 2, root)
    assert "ACCELOCK_TARGET" in container.WARNING


def test_it_is_not_outside_one(tmp_path: Path) -> None:
    assert not container.warns(chosen("cpu cu126", tmp_path), 2, tmp_path)


def test_nor_where_somebody_chose_cpu(tmp_path: Path) -> None:
    root = write(tmp_path, DOCKER)
    choice = chosen("cpu cu126", root, {"ACCELOCK_TARGET": "cpu"})
    assert not container.warns(choice, 2, root)


def test_nor_where_there_was_nothing_to_choose(tmp_path: Path) -> None:
    root = write(tmp_path, DOCKER)
    assert not container.warns(chosen("cpu", root), 1, root)


def test_nor_where_the_gpu_is_seen(tmp_path: Path) -> None:
    root = with_driver(write(tmp_path, DOCKER), "570.86.15")
    choice = chosen("cpu cu126", root)
    assert choice.target.name == "cu126"
    assert not container.warns(choice, 2, root)
