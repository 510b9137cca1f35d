"""accelock: locks that know the hardware, for pip-tools, Poetry and conda."""

from __future__ import annotations

__version__ = "0.1.0"
