"""What a project says in its files: the readers of pyproject.toml and of our table in it."""

from __future__ import annotations
