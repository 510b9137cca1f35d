from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peer.__main__ import outcomes

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_that_does_not_begin_is_no_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A plugin that breaks all of pytest must not pass for one that changes nothing."""
    (tmp_path / "junit.xml").write_text(
        '<testsuites><testcase name="of the run before"/></testsuites>'
    )
    (tmp_path / "conftest.py").write_text("raise RuntimeError('broken by the plugin')\n")

    with pytest.raises(SystemExit, match="pytest did not run the tests"):
        outcomes(tmp_path)
    assert "broken by the plugin" in capfd.readouterr().err
