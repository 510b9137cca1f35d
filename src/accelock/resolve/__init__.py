"""What is decided before and between the solves of a lock: pure, and free of both hosts."""

from __future__ import annotations
