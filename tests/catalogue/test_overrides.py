from __future__ import annotations

import pytest

from accelock.catalogue import Source, load_catalogue
from accelock.catalogue.source import sources_from_environment, sources_from_options
from accelock.errors import ConfigError

CATALOGUE = load_catalogue()


def test_environment() -> None:
    environ = {
        "PATH": "/bin",
        "ACCELOCK_TARGET": "cpu",
        "ACCELOCK_SOURCE_PYTORCH": "https://m/whl/{target}/",
    }
    sources = sources_from_environment(environ, CATALOGUE)
    assert sources == {"pytorch": Source("https://m/whl/{target}")}


def test_an_empty_variable_is_no_variable() -> None:
    assert sources_from_environment({"ACCELOCK_SOURCE_PYTORCH": " "}, CATALOGUE) == {}


def test_faults_of_the_environment() -> None:
    environ = {"ACCELOCK_SOURCE_PYTROCH": "https://m/", "ACCELOCK_SOURCE_PYTORCH": "m/whl"}
    with pytest.raises(ConfigError) as caught:
        sources_from_environment(environ, CATALOGUE)
    assert str(caught.value) == (
        "environment: 2 faults:\n"
        "  - unknown variable 'ACCELOCK_SOURCE_PYTROCH'; "
        "did you mean 'ACCELOCK_SOURCE_PYTORCH'?\n"
        "  - ACCELOCK_SOURCE_PYTORCH: must be an http, https or file URL, not 'm/whl'"
    )


def test_options() -> None:
    words = ["pytorch=https://a/whl/{target}", "pytorch=https://b/torch_stable.html?a=b"]
    sources = sources_from_options(words, CATALOGUE)
    assert sources == {"pytorch": Source("https://b/torch_stable.html?a=b")}
    assert sources_from_options([], CATALOGUE) == {}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("pytorch", "--source: pytorch: write it as FAMILY=URL"),
        ("https://u:p@m/?a=b", "--source: https://****@m/?a=****: write it as FAMILY=URL"),
        ("torch=https://m/", "--source: torch: unknown family 'torch'; did you mean 'pytorch'?"),
        ("pytorch=", "--source: pytorch: must be an http, https or file URL, not ''"),
    ],
)
def test_faults_of_options(word: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sources_from_options([word], CATALOGUE)
    assert str(caught.value) == message
