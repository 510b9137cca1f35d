"""`accelock doctor`: what is wrong with machine, lock and environment; a file per family."""

from __future__ import annotations

from accelock.report.doctor.run import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
