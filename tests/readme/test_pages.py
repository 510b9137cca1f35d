"""The pages hold together: their links lead somewhere, and what is generated is up to date."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from accelock.commands import COMMANDS
from docs import generate
from docs.picture import draw
from tests.readme.document import FENCE, PAGES, README, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = (*PAGES, TOP / "CONTRIBUTING.md", TOP / "CHANGELOG.md")
MOST = 16 * 1024  # bytes of the README: what somebody reads who wants to know what accelock is
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> Iterator[str]:
    """The lines of a page that are in no fenced block."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if FENCE.fullmatch(line):
            inside = not inside
        elif not inside:
            yield line


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = [line.lstrip("#").strip().lower() for line in prose(page) if line.startswith("#")]
    slugs = [re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in headings]
    assert len(set(slugs)) == len(slugs), f"{page.name} has two headings of one name"
    return set(slugs)


def test_the_readme_can_be_read_at_a_sitting() -> None:
    assert len(README.read_bytes()) <= MOST


def test_the_readme_leads_to_every_page() -> None:
    linked = {link.partition("#")[0] for line in prose(README) for link in LINK.findall(line)}
    assert {page.relative_to(TOP).as_posix() for page in ALL if page != README} <= linked


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in (found for line in prose(page) for found in LINK.findall(line)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), link
        if anchor:
            assert anchor in anchors(there), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.filled(text) == text, "run: python -m docs.generate"


def test_the_picture_is_up_to_date() -> None:
    assert generate.PICTURE.read_text(encoding="utf-8") == draw()


def test_the_reference_has_every_command() -> None:
    text = (TOP / "docs" / "reference.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"generated: command (.*) -->", text)) == sorted(COMMANDS)
