"""Files of every maker, turned: they say what a fresh compile with their pins says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from tests.piptools.support_rewrite import (
    MAKERS,
    REQUIREMENTS,
    Maker,
    compiled_afresh,
    platforms_of,
    rewrite,
    says,
    versions,
)

if TYPE_CHECKING:
    from tests.piptools.support_project import Project

EVERYWHERE = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
CELLS = {
    "cpu": EVERYWHERE,
    "cu126": ("linux-x86_64", "linux-aarch64", "windows-x86_64"),
    "cu118": ("linux-x86_64", "windows-x86_64"),
}


# What REQUIREMENTS do not need there; makers for one machine's file pin it without a marker.
NOT_THERE = {"windows-x86_64": {"uvloop"}}
# Each maker once, and the targets in turn; what decides by target is in test_rewrite.py.
CASES = [(maker, list(CELLS)[number % 3]) for number, maker in enumerate(MAKERS)]


@pytest.mark.parametrize(("maker", "target"), CASES, ids=str)
def test_a_turned_file_is_what_a_fresh_compile_makes(
    project: Project, maker: Maker, target: str
) -> None:
    project.write(requirements_in=REQUIREMENTS)
    maker.make(project)
    made = project.read("made.txt")
    words = ("-q", "-t", target, "--python-version", maker.python, "made.txt", "-o", "made.txt")
    rewrite(project, *words)
    turned = project.read("made.txt")
    fresh = compiled_afresh(project, made, *words[1:5], *maker.fresh)

    assert platforms_of(turned) == platforms_of(fresh) == CELLS[target]
    for platform in CELLS[target]:
        assert says(turned, platform, maker.python) == says(fresh, platform, maker.python)
        assert_others_stay(made, turned, platform, maker.python)
    assert turned.count("\r\n") == (turned.count("\n") if "\r\n" in made else 0)
    assert f"\n--extra-index-url https://download.pytorch.org/whl/{target}" in "\n" + turned

    rewrite(project, *words)
    assert project.read("made.txt") == turned


def assert_others_stay(made: str, turned: str, platform: str, python: str) -> None:
    """Every pin but torch's own libraries is what it was, and there, where the file had it."""
    family_of = load_catalogue().family_of
    before, after = versions(made, platform, python), versions(turned, platform, python)
    for name in before.keys() & after.keys():
        assert after[name] == before[name] or family_of(name), name
    assert {name for name in before.keys() - after.keys() if not family_of(name)} <= (
        NOT_THERE.get(platform, set())
    )
    for name in ("torch", "torchvision"):
        assert str(after[name]).partition("+")[0] == str(before[name]).partition("+")[0]
