"""The JSON Schema of `[tool.accelock]`, for editors and for validate-pyproject."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema(_tool: str = "accelock") -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 7), by which editors complete and check the table.

    It takes whatever `accelock.settings.settings` takes. Words that depend on the catalogue or on
    each other are for that to judge. An entry point of validate-pyproject, which hands on the name
    of the table.
    """
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
