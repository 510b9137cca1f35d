"""A lock that is not what we wrote is refused, with the table at fault, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.locks.journal_file import Change, JournalFile
from tests.poetry.support_project import parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.poetry.support_project import Project

COMMANDS = (("lock",), ("check", "--lock"), ("add", "tqdm"), ("show",), ("update",))


def newer(text: str) -> str:
    return text.replace("[metadata.accelock]\nformat = 1", "[metadata.accelock]\nformat = 2")


def newer_poetrys(text: str) -> str:
    return text.replace('lock-version = "2.1"', 'lock-version = "3.0"')


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


def no_list(text: str) -> str:
    return text.replace('targets = ["cpu", "cu126"]', 'targets = "cpu"')


DAMAGE = [
    (newer, "[metadata.accelock] has format 2"),
    (no_list, "[metadata.accelock] has no list of targets"),
    (without_table, "[accelock.cu126] is missing"),
    (edited, "[accelock.cu126] was edited by hand"),
    (mixed, "[[package]] was edited by hand"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE, ids=lambda each: getattr(each, "__name__", ""))
def test_it_is_refused_and_what_the_message_advises_helps(
    copy: Project, damage: Callable[[str], str], says: str
) -> None:
    good = copy.read()
    text = damage(good)
    assert text != good
    copy.put("poetry.lock", text)

    said = copy.refused("install", ACCELOCK_TARGET="cpu")
    assert says in said
    assert "poetry.lock" in said
    assert "poetry lock --regenerate" in said
    copy.poetry("lock", "--regenerate")
    assert copy.read() == good


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_reads_it_refuses(copy: Project, words: tuple[str, ...]) -> None:
    copy.put("poetry.lock", edited(copy.read()))

    assert "[accelock.cu126] was edited by hand" in copy.refused(*words, ACCELOCK_TARGET="cpu")


class TestAfterACrash:
    """The lock and its sidecars are written together; a crash may come between two of them."""

    @pytest.fixture
    def interrupted(self, copy: Project) -> Project:
        new = copy.read()
        copy.replace("# This file", "# An old file", "poetry.lock")
        token = "0123456789abcdef"
        change = Change.of(copy.folder / "poetry.lock", new.encode(), token)
        change.new.write_bytes(new.encode())
        journal = JournalFile(copy.folder, token, (change,))
        journal.path.write_bytes(journal.dumps())
        return copy

    @pytest.mark.parametrize("words", [("install",), ("show",), ("update",)])
    def test_what_installs_refuses(self, interrupted: Project, words: tuple[str, ...]) -> None:
        said = interrupted.refused(*words, ACCELOCK_TARGET="cpu")

        assert "was interrupted" in said
        assert "poetry accelock check" in said

    @pytest.mark.parametrize("words", [("lock",), ("check", "--lock"), ("accelock", "check")])
    def test_what_is_about_the_lock_finishes_it(
        self, interrupted: Project, locked: Project, words: tuple[str, ...]
    ) -> None:
        interrupted.poetry(*words)

        assert interrupted.files() == locked.files()


def test_a_lock_of_a_newer_poetry_is_poetrys_to_refuse(copy: Project) -> None:
    good = copy.read()
    copy.put("poetry.lock", newer_poetrys(good))

    assert "not compatible with the current version of Poetry" in copy.refused("install")
    said = copy.poetry("accelock", "check", code=1).stdout
    assert "[newer-format]" in said
    assert "lock-version 3.0" in said
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
