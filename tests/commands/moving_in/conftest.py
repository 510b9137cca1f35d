"""The project that `accelock init` is called in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.moving import Moving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Moving:
    monkeypatch.chdir(tmp_path)
    return Moving(tmp_path, capfd)
