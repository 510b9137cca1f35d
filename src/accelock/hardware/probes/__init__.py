"""The probes, a file each; none imports another. Each is a function of an `Edge`."""

from __future__ import annotations
