from __future__ import annotations

import builtins
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from accelock.conda.formats.lock import LOCK, LockError, read_lock
from accelock.errors import MissingExtraError
from tests.conda.records import CPU, LINUX, MAC, record, render, solved, vega

if TYPE_CHECKING:
    from collections.abc import Callable

WHERE = "conda-cpu-lock.yml"
TEXT = render(
    LOCK, solved({"linux-x86_64": vega("linux-64"), "macos-arm64": vega("osx-arm64")}, of=CPU)
)


@pytest.fixture(autouse=True)
def _yaml() -> None:
    pytest.importorskip("yaml", reason="needs the extra conda")


def test_what_was_written_is_read_back() -> None:
    found = read_lock(TEXT, WHERE)
    assert list(found) == [LINUX, MAC]
    for platform in (LINUX, MAC):
        written = {each.name: each for each in vega(platform.conda_subdir)}
        for each in found[platform]:
            wanted = written[each.name]
            assert replace(each, depends=(), noarch=None) == replace(
                wanted, depends=(), noarch=None
            )
    pip = next(each for each in found[LINUX] if each.name == "pip")
    assert pip.depends == ("python >=3.8,!=3.9.0",)
    assert (pip.noarch, pip.subdir) == ("python", "noarch")


def test_a_platform_that_needs_nothing_and_windows_newlines() -> None:
    text = render(LOCK, solved({"linux-x86_64": [], "macos-arm64": []}))
    assert read_lock("\ufeff" + text.replace("\n", "\r\n"), WHERE) == {LINUX: (), MAC: ()}


def test_what_conda_lock_puts_beside_it_is_passed_over() -> None:
    text = TEXT + "- {name: x, version: '1', manager: pip, platform: linux-64}\n"
    assert read_lock(text, WHERE) == read_lock(TEXT, WHERE)


def test_names_that_need_quotes() -> None:
    records = [record("_x 1.10 py3.12_0"), record("y 1e5 0", "_x 1.10.*"), record("true 2024a")]
    text = render(LOCK, solved({"linux-x86_64": records}))
    assert [str(each) for each in read_lock(text, WHERE)[LINUX]] == [
        "_x 1.10 py3.12_0",
        "true 2024a h0_0",
        "y 1e5 0",
    ]


SOME = next(line for line in TEXT.splitlines() if line.startswith("  url: "))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda _text: "- 1\n", "is not a conda lock; accelock reads conda-lock's format 1"),
        (lambda _text: "a: [", "line 2: is not valid YAML"),
        (lambda text: text.replace("version: 1", "version: 2"), "has format version 2"),
        (lambda text: text.replace("  platforms:", "  platform:"), "has no list metadata.platf"),
        (lambda text: text.replace("  - osx-arm64", "  - osx-65"), "unknown platform 'osx-65'"),
        (lambda text: text.replace("    sha256: ", "    sha1: "), "package[0]: has no sha256"),
        (lambda text: text.replace("    md5: ", "    md5: x"), "package[0]: has no md5"),
        (lambda text: text.replace("/linux-64/", "/win-64/"), "is not a package of linux-64"),
        (
            lambda text: text.replace(SOME, "  url: nowhere"),
            ("'nowhere' is not a package of linux-64"),
        ),
        (lambda text: text.replace("name: nodejs", "name: node"), "is not the package that the"),
        (lambda text: text.replace("dependencies: {}", "dependencies: []"), "are not a table"),
        (lambda text: text + "- 1\n", "package[12]: is not a package"),
    ],
)
def test_broken_locks(edit: Callable[[str], str], told: str) -> None:
    with pytest.raises(LockError) as caught:
        read_lock(edit(TEXT), WHERE)
    assert str(caught.value).startswith(WHERE)
    assert told in str(caught.value)


def test_credentials_of_a_foreign_lock_stay_out() -> None:
    text = TEXT.replace("https://conda.anaconda.org/", "https://me:secret@conda.anaconda.org/")
    assert "secret" not in repr(read_lock(text, WHERE))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"reading conda-cpu-lock\.yml needs the extra"):
        read_lock(TEXT, WHERE)
