from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.elsewhere import PLACES, pip_elsewhere

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import IndexServer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("platform", PLACES)
def test_markers_and_wheels_are_those_of_the_platform(
    pytorch: IndexServer, env: dict[str, str], tmp_path: Path, platform: str
) -> None:
    words = ("--quiet", "--report=-", "--index-url", f"{pytorch.url}/simple", "tqdm", "numpy<2.2")
    done = pip_elsewhere(platform, *words, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = {item["metadata"]["name"]: item["download_info"]["url"] for item in report["install"]}
    assert ("colorama" in found) == platform.startswith("windows")
    ending = {"linux": platform[6:], "macos": platform[6:], "windo": "win_amd64"}[platform[:5]]
    assert found["numpy"].endswith(f"{ending}.whl")
    assert "numpy-2.1.2" in found["numpy"]


def test_a_pin_without_a_wheel_there_fails(
    pytorch: IndexServer, env: dict[str, str], tmp_path: Path
) -> None:
    index = ("--index-url", f"{pytorch.url}/whl/cu126")
    done = pip_elsewhere("macos-arm64", *index, "torch==2.8.0+cu126", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "torch==2.8.0+cu126" in done.stderr
