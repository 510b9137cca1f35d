"""What we do because of rattler as it is: each test fails once that is no longer needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

rattler = pytest.importorskip("rattler", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.channels import ChannelServer

pytestmark = pytest.mark.internals


def test_requested_specs_have_to_be_handed_over_unwrapped(tmp_path: Path) -> None:
    """Of `values.handing_over`: py-rattler 0.28 passes the list on as it is."""
    install = rattler.install([], tmp_path / "env", requested_specs=[rattler.MatchSpec("git")])
    with pytest.raises(TypeError, match="'PyMatchSpec'"):
        asyncio.run(install)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other cache folders")
def test_a_gateway_does_not_ask_for_the_cache_folder(
    forge: ChannelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `host.cache`: py-rattler 0.28 asks RATTLER_CACHE_DIR for packages alone."""
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "said"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    asyncio.run(rattler.Gateway().names([forge.channel("forge")], ["linux-64"]))
    assert not (tmp_path / "said").exists()
    assert any((tmp_path / "home").iterdir())


def test_a_lenient_match_spec_takes_anything() -> None:
    """Of `spec.parse`, which checks what rattler does not."""
    assert rattler.MatchSpec("bad spec !!", strict=False) is not None


def test_the_console_does_not_load_rattler_before_it_is_needed(tmp_path: Path) -> None:
    code = "import sys, accelock.commands.conda; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "accelock.commands.conda" in done.stdout.split()
    assert not {"rattler", "yaml", "asyncio"} & set(done.stdout.split())
