from __future__ import annotations

import pytest

from accelock.settings.poetry_project import supported_pythons
from accelock.targets import PYTHONS


@pytest.mark.parametrize(
    ("constraint", "first", "last"),
    [
        (">=3.10,<3.13", "3.10", "3.12"),
        (">=3.10 <3.13", "3.10", "3.12"),
        ("^3.9", "3.9", "3.19"),
        ("^3.9.2", "3.9", "3.19"),
        ("~3.11", "3.11", "3.11"),
        ("3.11", "3.11", "3.11"),
        ("3.11.*", "3.11", "3.11"),
        ("==3.12.4", "3.12", "3.12"),
        ("3.10 || 3.12", "3.10", "3.12"),
        (">=3.11.4", "3.11", "3.19"),
    ],
)
def test_a_constraint_of_poetrys(constraint: str, first: str, last: str) -> None:
    found = [str(python) for python in supported_pythons(constraint)]
    assert (found[0], found[-1]) == (first, last)


@pytest.mark.parametrize("constraint", ["*", "", "what is this", ">=4"])
def test_all_where_nothing_is_told(constraint: str) -> None:
    assert supported_pythons(constraint) == PYTHONS


def test_alternatives_leave_out_what_is_between() -> None:
    assert "3.11" not in map(str, supported_pythons("3.10 || ~3.12"))
