"""Editing a compiled file: the lines that are named change, and no others."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from accelock.locks import requirements

with warnings.catch_warnings():
    # pip 24.0 and pip-tools 7.3 import what setuptools and click have deprecated since.
    warnings.simplefilter("ignore", DeprecationWarning)
    from accelock.hosts.piptools.rewrite.text import UNSAFE_COMMENT
    from accelock.hosts.piptools.rewrite.text import edited as edited_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SORTED = """\
# a header
--index-url https://index.test/simple

alpha==1.0
    # via -r requirements.in
beta==2.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   alpha
    #   delta
delta==4.0  # via -r requirements.in
"""


def edited(
    text: str,
    changed: Mapping[int, Sequence[str]] = MappingProxyType({}),
    added: Mapping[str, Sequence[str]] = MappingProxyType({}),
    **more: Sequence[str],
) -> str:
    return edited_file(requirements.parse(text), changed, added, **more)


@pytest.mark.parametrize("text", [SORTED, SORTED.replace("\n", "\r\n"), "alpha==1.0\n", ""])
def test_no_edit_is_no_change(text: str) -> None:
    assert edited(text) == (text or "\n")


def test_a_pin_is_replaced_with_its_hashes_and_its_annotation() -> None:
    text = edited(SORTED, changed={6: ["beta==2.1 ; sys_platform == 'linux'", "beta==2.2"]})
    assert text == SORTED[: SORTED.index("beta")] + (
        "beta==2.1 ; sys_platform == 'linux'\nbeta==2.2\ndelta==4.0  # via -r requirements.in\n"
    )


def test_a_pin_goes_with_its_hashes_and_its_annotation() -> None:
    text = edited(SORTED, changed={6: []})
    assert text == SORTED[: SORTED.index("beta")] + "delta==4.0  # via -r requirements.in\n"


@pytest.mark.parametrize(
    ("name", "before"),
    [("aaa", "alpha==1.0"), ("betty", "delta==4.0"), ("gamma", None)],
)
def test_a_new_pin_stands_where_it_sorts(name: str, before: str | None) -> None:
    text = edited(SORTED, added={name: [f"{name}==1", "    # via alpha"]})
    lines = text.splitlines()
    place = lines.index(f"{name}==1")
    assert lines[place + 1] == "    # via alpha"
    follows = lines[place + 2 : place + 3]
    assert [line.partition("  #")[0] for line in follows] == ([before] if before else [])
    assert [line for line in lines if line not in lines[place : place + 2]] == SORTED.splitlines()


def test_several_new_pins_in_one_place_are_sorted() -> None:
    text = edited(SORTED, added={"c3": ["c3==1"], "c1": ["c1==1"], "c2": ["c2==1"]})
    assert "c1==1\nc2==1\nc3==1\ndelta==4.0" in text


def test_in_a_file_that_is_not_sorted_a_new_pin_is_the_last() -> None:
    text = edited("zeta==1\nalpha==1\n# the end\n", added={"beta": ["beta==1"]})
    assert text == "zeta==1\nalpha==1\nbeta==1\n# the end\n"


def test_paths_and_editables_do_not_make_a_file_unsorted() -> None:
    given = "-e ./zeta\nalpha==1\nomega @ https://files.test/omega-1.zip\ngamma==1\n"
    text = edited(given, added={"beta": ["beta==1"]})
    assert text == given.replace("gamma", "beta==1\ngamma")


def test_unsafe_packages_have_a_place_of_their_own() -> None:
    given = f"alpha==1\nzeta==1\n\n{UNSAFE_COMMENT}\nsetuptools==70\n    # via alpha\n"
    text = edited(given, added={"pip": ["pip==26"], "beta": ["beta==1"], "zz": ["zz==1"]})
    assert text == given.replace("zeta==1\n", "beta==1\nzeta==1\nzz==1\n").replace(
        "setuptools", "pip==26\nsetuptools"
    )
    assert edited(given, changed={5: []}) == "alpha==1\nzeta==1\n"


def test_options_are_replaced_and_added_behind_the_old_ones() -> None:
    text = edited(SORTED, changed={2: []}, options=["--extra-index-url https://x.test"])
    assert text.startswith("# a header\n--extra-index-url https://x.test\n\nalpha==1.0\n")
    text = edited(SORTED, changed={2: ["--pre"]}, options=["--no-index"])
    assert text.startswith("# a header\n--pre\n--no-index\n\nalpha==1.0\n")


def test_options_of_a_file_without_any_stand_below_the_header() -> None:
    text = edited("# a header\n# of two lines\nalpha==1\n", options=["--pre"])
    assert text == "# a header\n# of two lines\n--pre\n\nalpha==1\n"
    assert edited("alpha==1\n", options=["--pre"]) == "--pre\n\nalpha==1\n"


def test_nothing_is_left_over_where_the_first_lines_went() -> None:
    assert edited("--pre\n\nalpha==1\n", changed={1: []}) == "alpha==1\n"
    assert edited("alpha==1\n\nbeta==1\n", changed={3: []}) == "alpha==1\n"


def test_comments_are_the_last_of_the_header() -> None:
    assert edited(SORTED, comments=["# ours"]).startswith("# a header\n# ours\n--index-url")
    assert edited("alpha==1\n", comments=["# ours", ""]) == "# ours\n\nalpha==1\n"


def test_the_kind_of_newline_is_kept_for_new_lines_too() -> None:
    text = edited(SORTED.replace("\n", "\r\n"), changed={4: ["alpha==1.1"]}, options=["--pre"])
    assert text.count("\n") == text.count("\r\n")
    assert "\r\nalpha==1.1\r\n" in text
