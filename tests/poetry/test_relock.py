"""A lock of a lock is the same bytes, whatever words Poetry's solver finds for a marker."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import TARGETS
from tests.support.sites import Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.wheels import Distribution

NAMES = [f"p{number}" for number in range(12)]
PLACES = (
    "",
    "",
    '; sys_platform == "linux"',
    '; platform_system == "Linux"',
    '; platform_machine == "x86_64" and platform_system == "Linux"',
    '; sys_platform == "win32"',
    '; sys_platform != "darwin"',
    '; os_name == "nt"',
    '; python_version < "3.11"',
    '; python_version < "3.12" and sys_platform == "linux"',
    '; python_version >= "3.12"',
    '; implementation_name == "cpython"',
)
EXTRAS = ("x", "y")


def graph(chance: random.Random) -> Site:
    """Return packages that require each other and torch, in many words for a few platforms."""
    plain = [wheel(name, "1", requires=asked(chance, number)) for number, name in enumerate(NAMES)]
    plain += [
        wheel(name, "2", "py3-none-any", asked(chance, number), ">=3.11", EXTRAS)
        for number, name in enumerate(NAMES)
        if chance.random() < 0.5
    ]
    site = Site().with_files("/simple", *plain)
    for target in TARGETS:
        site = site.with_files(f"/whl/{target}", *torch(target, asked(chance, 5)))
    return site


def asked(chance: random.Random, number: int) -> list[str]:
    """Return what a package requires of those behind it, and now and then of torch."""
    below = NAMES[number + 1 :]
    names = chance.sample(below, min(len(below), chance.randrange(4)))
    twice = [name for name in names if chance.random() < 0.3]
    above = ["torch"] if number < 4 and chance.random() < 0.3 else []
    return [f"{name}{chance.choice(PLACES)}" for name in (*names, *twice, *above)]


def torch(target: str, requires: list[str]) -> list[Distribution]:
    """Return its wheels; as on PyTorch's own index, that of cpu for ARM carries no label."""
    labels = {"linux_x86_64": target, "win_amd64": target, "linux_aarch64": target}
    if target == "cpu":
        labels["linux_aarch64"] = ""
    return [
        wheel("torch", f"2.6.0+{label}".rstrip("+"), f"cp3{n}-cp3{n}-{machine}", requires)
        for n in range(10, 14)
        for machine, label in labels.items()
    ]


def write(project: Project, chance: random.Random) -> None:
    """Write a project with an optional group and an extra."""
    named = [f"{name}{chance.choice(PLACES)}" for name in chance.sample(NAMES[:8], 7)]
    extra = f"[project.optional-dependencies]\nmore = {named[:1]}\n"
    group = "[tool.poetry.group.train]\noptional = true\n[tool.poetry.group.train.dependencies]\n"
    train = "".join(
        f"{name} = {{ version = '*'{', markers = ' + repr(marker) if marker else ''} }}\n"
        for name, _, marker in (each.partition("; ") for each in named[1:4])
    )
    table = 'platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]'
    project.write_pyproject(["torch", *named[4:]], table=table, more=extra + group + train)


@pytest.mark.parametrize("seed", range(3))
def test_a_lock_of_a_lock(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    seed: int,
) -> None:
    chance = random.Random(seed)
    project = project_at(serve(graph(chance)))
    write(project, chance)
    project.poetry("lock")
    first = project.read()

    project.poetry("lock")
    assert project.read() == first
