"""What of pip-sync the guard changes; each test that says "plain" fails once pip does it itself."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from accelock.settings.project import Settings
from accelock.targets import CPU

pytestmark = pytest.mark.internals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # older pip-tools import what newer clicks deprecate
    import piptools.scripts.sync as sync_module
    from pip._internal.commands import create_command
    from piptools import sync as pip_sync

    from accelock.hosts.piptools import sync
    from accelock.hosts.piptools.sync_calls import Calls

SITE = "http://127.0.0.1:9"
WITH_TORCH = f"""\
--index-url {SITE}/simple
--extra-index-url {SITE}/whl/cpu
torch==2.6.0+cpu
"""
DEV = f"--index-url {SITE}/simple\n--extra-index-url {SITE}/dev\ntqdm==4.67.1\n"


@pytest.fixture
def layers(tmp_path: Path) -> list[str]:
    for name, text in {"requirements.cpu.txt": WITH_TORCH, "requirements-dev.cpu.txt": DEV}.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / "requirements.cpu.txt"), str(tmp_path / "requirements-dev.cpu.txt")]


def index_urls(files: list[str]) -> list[str]:
    """Return the indexes that pip-sync hands on to pip after reading these files."""
    install = create_command("install")
    options, _ = install.parse_args([])
    session = install._build_session(options)
    finder = install._build_package_finder(options=options, session=session)
    for file in files:
        list(sync_module.parse_requirements(file, finder=finder, session=session))
    return list(finder.index_urls)


def calls_for(files: list[str]) -> Calls:
    return Calls(Settings.of(Path("nowhere")), tuple(files), CPU)


def test_plain_pip_forgets_the_extra_indexes_of_an_earlier_file(layers: list[str]) -> None:
    with sync.guarded(None):
        assert index_urls(layers) == [f"{SITE}/simple", f"{SITE}/dev"]


def test_every_layers_indexes_are_kept(layers: list[str]) -> None:
    with sync.guarded(calls_for(layers)):
        assert index_urls(layers) == [f"{SITE}/simple", f"{SITE}/dev", f"{SITE}/whl/cpu"]
        reverse = index_urls(layers[::-1])
    assert reverse == [f"{SITE}/simple", f"{SITE}/whl/cpu", f"{SITE}/dev"]


def test_nothing_stays_changed() -> None:
    def patched() -> list[object]:
        module = sync_module
        return [module.get_environment, module.parse_requirements, pip_sync.diff, pip_sync.run]

    before = patched()
    with sync.guarded(calls_for([])):
        assert not any(new is old for new, old in zip(patched(), before, strict=True))
    assert patched() == before


def test_our_own_distributions_are_found_with_their_extras() -> None:
    own = sync.own_distributions()
    if not own:
        pytest.skip("accelock runs from its sources, and is not installed")
    assert {"accelock", "cleo", "packaging", "tomlkit", "pip-tools", "pip", "click"} <= set(own)
    assert all(path.is_dir() for path in own.values())
