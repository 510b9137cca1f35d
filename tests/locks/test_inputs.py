from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.locks.inputs import digest, settings_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "seed"\ndependencies = ["torch"]\n'


def test_newlines_and_a_bom_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "requirements.in"
    path.write_bytes(b"\xef\xbb\xbftorch\r\nnumpy\r\n")
    assert text_of(path) == "torch\nnumpy"
    assert digest([("a", "torch\r\n")], {}) == digest([("a", "torch\n")], {})


def test_paths_order_and_settings_count() -> None:
    first = digest([("a", "torch"), ("b", "numpy")], {"t": "x"})
    assert first != digest([("b", "numpy"), ("a", "torch")], {"t": "x"})
    assert first != digest([("a", "torch"), ("c", "numpy")], {"t": "x"})
    assert first != digest([("a", "torch"), ("b", "numpy")], {})
    assert len(first) == 64


def test_an_input_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        text_of(tmp_path / "requirements.in")


@pytest.mark.parametrize(
    ("added", "counts"),
    [
        ("[tool.black]\nline-length = 100\n", False),
        ('[tool.accelock]\ntargets = ["cpu"]\n', False),  # one of the settings, not of the input
        ("# a comment\n", False),
        ('[dependency-groups]\ndev = ["tqdm"]\n', True),
        ('[build-system]\nrequires = ["hatchling"]\n', True),
        ('[project.optional-dependencies]\nweb = ["uvicorn"]\n', True),
        ('[tool.setuptools.dynamic]\ndependencies = { file = "x.in" }\n', True),
    ],
)
def test_of_a_pyproject_its_requirements_count(tmp_path: Path, added: str, counts: bool) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PROJECT)
    before = text_of(path)
    path.write_text(PROJECT + added)
    assert (text_of(path) != before) == counts


@pytest.mark.parametrize(
    "text", ["[project\n", 'a = 1\na = 2\n[tool.accelock]\ntargets = ["cpu"]\n']
)
def test_a_pyproject_that_is_no_toml_is_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert text_of(tmp_path / "pyproject.toml") == text.rstrip("\n")
    assert settings_of(tmp_path) == {}


def test_settings_are_the_two_tables_that_steer_a_compile(tmp_path: Path) -> None:
    assert settings_of(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text(
        "[tool.pip-tools]\nallow-unsafe = true\n"
        '[tool.accelock]\ntargets = ["cpu"]\n'
        '[tool.accelock.conda]\nchannels = ["conda-forge"]\n'
    )
    assert settings_of(tmp_path) == {
        "[tool.accelock]": '{"accelock": {"targets": ["cpu"]}}',
        "[tool.pip-tools]": '{"pip-tools": {"allow-unsafe": true}}',
    }


def test_settings_are_told_without_credentials(tmp_path: Path) -> None:
    source = "[tool.accelock.sources]\npytorch = "
    (tmp_path / "pyproject.toml").write_text(f'{source}"https://me:s3cr@t@m.test/whl/{{target}}"')
    assert settings_of(tmp_path) == {
        "[tool.accelock]": '{"accelock": {"sources": {"pytorch": "https://m.test/whl/{target}"}}}',
    }


def test_of_a_config_file_its_table_counts_without_credentials(tmp_path: Path) -> None:
    path = tmp_path / "conf.toml"
    path.write_text(
        '[tool.pip-tools]\nindex-url = "https://me:s3cr@t@m.test"\n[tool.other]\nx = 1\n'
    )
    named = path.with_name("conf.toml[tool.pip-tools]")
    assert text_of(named) == '{"pip-tools": {"index-url": "https://m.test"}}'
    path.write_bytes(b"\xff")
    assert text_of(named) == "{}"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        text_of(named)


@pytest.mark.parametrize("text", ["tool = 1\n", "[project]\n", "[tool]\nx = 1\n"])
def test_a_pyproject_without_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert settings_of(tmp_path) == {}


@pytest.mark.parametrize(
    "texts",
    [
        (("a", "torch"), ("b", "numpy<2")),
        (("a", "torch"),),
        (("a", "torch\nb\0numpy"),),  # where one input ends and the next begins
    ],
)
def test_every_text_counts(texts: tuple[tuple[str, str], ...]) -> None:
    assert digest(texts, {"t": "x"}) != digest([("a", "torch"), ("b", "numpy")], {"t": "x"})


def test_a_text_in_another_encoding_can_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "requirements.in"
    path.write_bytes(b"torch  # \xe9\n")
    assert text_of(path) == "torch  # \ufffd"


@pytest.mark.parametrize("unlike", ["a comment", "another target"])
def test_settings_are_compared_by_what_they_say(tmp_path: Path, unlike: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.accelock]\ntargets = ["cpu"]\n')
    before = settings_of(tmp_path)
    path.write_text(
        '[tool.accelock]\n# why\ntargets = [ "cpu", ]\n'
        if unlike == "a comment"
        else '[tool.accelock]\ntargets = ["cu126"]\n'
    )
    assert (settings_of(tmp_path) == before) == (unlike == "a comment")
