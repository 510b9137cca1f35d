"""Which packages a target is denied, who requires them, and when it downloads too much."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from accelock.catalogue import load_catalogue
from accelock.locks.budget import Cost, Download, denied
from accelock.locks.markers import Place
from accelock.locks.model import MAIN, Pin, TargetLock
from accelock.settings.config import TargetSettings
from accelock.targets import PLATFORMS, PythonVersion, parse_target

CU126 = parse_target("cu126", load_catalogue().targets)
LINUX, WINDOWS = PLATFORMS["linux-x86_64"], PLATFORMS["windows-x86_64"]
PYTHON = PythonVersion(3, 11)
ON_LINUX = {MAIN: 'sys_platform == "linux"'}
ROOT = ("-r requirements.in",)
# As a requirements file has it: who requires a package stands at that one.
TORCH = Pin("torch", "2.8.0+cu126", via=ROOT)
CUDNN = Pin("nvidia-cudnn-cu12", "9.10", ON_LINUX, via=("torch",))
CUBLAS = Pin("nvidia-cublas-cu12", "12.6", ON_LINUX, via=("nvidia-cudnn-cu12",))


def faults(deny: tuple[str, ...], *pins: Pin, dependencies: tuple[str, ...] = ()) -> list[str]:
    lock = TargetLock(CU126, "requirements.txt", pins, (LINUX, WINDOWS), (PYTHON,))
    own = TargetSettings(deny=deny, dependencies=tuple(map(Requirement, dependencies)))
    return list(denied(lock, own))


def test_the_platforms_and_the_way_from_the_project_are_told() -> None:
    assert faults(("nvidia-*",), TORCH, CUDNN, CUBLAS) == [
        (
            "nvidia-cudnn-cu12 9.10 (nvidia-*) is locked for cu126 on linux-x86_64: "
            "torch 2.8.0+cu126 (-r requirements.in) requires nvidia-cudnn-cu12"
        ),
        (
            "nvidia-cublas-cu12 12.6 (nvidia-*) is locked for cu126 on linux-x86_64: "
            "torch 2.8.0+cu126 (-r requirements.in) requires nvidia-cudnn-cu12, which requires "
            "nvidia-cublas-cu12"
        ),
    ]


def test_a_poetry_lock_tells_it_at_the_one_who_requires() -> None:
    torch = Pin("torch", "2.8.0", via=("pyproject.toml",), requires={"triton": "==3.4.0"})
    (fault,) = faults(("triton",), torch, Pin("triton", "3.4.0"))
    assert fault.endswith("torch 2.8.0 (pyproject.toml) requires triton")
    assert "on linux-x86_64, windows-x86_64:" in fault


def test_the_shortest_way_is_told() -> None:
    cublas = Pin("nvidia-cublas-cu12", "12.6", via=("nvidia-cudnn-cu12", "torch"))
    (fault,) = faults(("nvidia-cublas-*",), TORCH, CUDNN, cublas)
    assert fault.endswith("torch 2.8.0+cu126 (-r requirements.in) requires nvidia-cublas-cu12")


@pytest.mark.parametrize(
    ("pin", "dependencies", "why"),
    [
        (TORCH, (), "-r requirements.in asks for it"),
        (Pin("torch", "2.8"), (), "the lock does not tell what requires it"),
        (Pin("torch", "2.8", via=("-c c.txt",)), (), "the lock does not tell what requires it"),
        (
            Pin("torch", "2.8"),
            ("torch>2",),
            "its target's dependencies in [tool.accelock] asks for it",
        ),
    ],
)
def test_what_the_project_itself_asks_for(
    pin: Pin, dependencies: tuple[str, ...], why: str
) -> None:
    (fault,) = faults(("torch",), pin, dependencies=dependencies)
    assert fault.partition(": ")[2] == why


def test_a_circle_ends() -> None:
    a, b = Pin("a", "1", via=("b",)), Pin("b", "1", via=("a",))
    (fault,) = faults(("a",), a, b)
    assert fault.endswith("b 1 requires a")


def test_what_an_extra_or_a_group_asks_for_counts() -> None:
    extra = Pin("x", "1", {MAIN: 'extra == "gpu"'}, optional=True)
    assert len(faults(("x", "y"), extra, Pin("y", "1", {"dev": None}))) == 2


@pytest.mark.parametrize("deny", [(), ("nvidia",), ("nvidia-*-cu11",), ("orch",), ("torchvision",)])
def test_what_does_not_match_is_allowed(deny: tuple[str, ...]) -> None:
    assert faults(deny, TORCH, CUDNN) == []


def test_what_holds_on_no_platform_of_the_target_is_allowed() -> None:
    assert faults(("x",), Pin("x", "1", {MAIN: 'sys_platform == "darwin"'})) == []


def cost(*sizes: int | None) -> Cost:
    pins = (Pin(f"p{number}", "1") for number in range(len(sizes)))
    downloads = (Download(p, f"{p}.whl", s) for p, s in zip(pins, sizes, strict=True))
    return Cost(CU126, Place(LINUX, PYTHON), tuple(downloads))


def test_more_than_the_limit_names_the_largest() -> None:
    assert cost(1_000_000, 700_000_000, 2_000_000, 3, 4, 5, None).above(400.5) == (
        "cu126 downloads at least 703.0 MB, 1 not known on linux-x86_64, Python 3.11, above "
        "max-mb = 400.5; the largest: p1 1 700.0 MB, p2 1 2.0 MB, p0 1 1.0 MB, p5 1 0.0 MB, "
        "p4 1 0.0 MB"
    )


def test_the_limit_itself_is_allowed() -> None:
    assert cost(400_000_000).above(400) is None
    assert cost(400_000_001).above(400) is not None
    assert cost(None).above(400) is None
