"""A lock that is not what we wrote is refused, with the table at fault, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_project import parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project

COMMANDS = (("install",), ("lock",), ("add", "tqdm"), ("show",), ("update",))


def newer(text: str) -> str:
    return text.replace("[metadata.accelock]\nformat = 1", "[metadata.accelock]\nformat = 2")


def without_table(text: str) -> str:
    return text.partition("[accelock.cu126]")[0]


def edited(text: str) -> str:
    head, mark, tail = text.partition("[accelock.cu126]")
    return head + mark + tail.replace('version = "2.6.0+cu126"', 'version = "2.7.1+cu126"')


def mixed(text: str) -> str:
    """As a merge of two branches may leave it."""
    return text.replace(
        'name = "fsspec"\nversion = "2025.5.1"', 'name = "fsspec"\nversion = "2025"'
    )


DAMAGE = [
    (newer, "[metadata.accelock] has format 2"),
    (without_table, "[accelock.cu126] is missing"),
    (edited, "[accelock.cu126] was edited by hand"),
    (mixed, "[[package]] was edited by hand"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(("damage", "says"), DAMAGE, ids=lambda each: getattr(each, "__name__", ""))
def test_it_is_refused(
    copy: Project, damage: Callable[[str], str], says: str, words: tuple[str, ...]
) -> None:
    text = damage(copy.read())
    assert text != copy.read()
    copy.put("poetry.lock", text)

    said = copy.refused(*words, ACCELOCK_TARGET="cpu")
    assert says in said
    assert "poetry.lock" in said


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGE])
def test_what_the_message_advises_helps(copy: Project, damage: Callable[[str], str]) -> None:
    good = copy.read()
    copy.put("poetry.lock", damage(good))
    assert "poetry lock --regenerate" in copy.refused("check", "--lock")
    copy.poetry("lock", "--regenerate")

    assert copy.read() == good


@pytest.mark.parametrize("text", ["", "[[package\n", "[metadata]\n"])
def test_a_lock_that_is_none_at_all_is_poetrys_to_refuse(copy: Project, text: str) -> None:
    good = copy.read()
    copy.put("poetry.lock", text)
    copy.make_environment()
    ours = copy.refused("install", ACCELOCK_TARGET="cpu")
    plain = copy.poetry("install", code=1, plugins=False)

    assert " ".join(plain.stderr.split()) == ours
    copy.poetry("lock", "--regenerate")
    assert parsed(copy.read()) == parsed(good)
