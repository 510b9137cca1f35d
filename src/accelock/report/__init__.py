"""What the locks say, read offline and printed: never imports pip, pip-tools or a network stack."""

from __future__ import annotations

from accelock.report.check import check
from accelock.report.findings import Finding, Level, Report

__all__ = ["Finding", "Level", "Report", "check"]
