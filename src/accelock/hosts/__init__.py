"""The tools that we extend: each folder is the one place that meets its tool's internals."""

from __future__ import annotations
