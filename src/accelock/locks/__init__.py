"""The formats of locks, pure: markers, compiled requirements files, the stamp, the journal."""

from __future__ import annotations
