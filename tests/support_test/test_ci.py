from __future__ import annotations

from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
COMMANDS = (
    "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox -e demo",
    ".venv/bin/tox",
)


@pytest.mark.parametrize("name", ["README.md", ".ci/run"])
def test_the_two_commands_are_the_same_everywhere(name: str) -> None:
    lines = [line.strip() for line in (TOP / name).read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if line in COMMANDS] == list(COMMANDS)
