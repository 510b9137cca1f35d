"""What this machine has, and which of the declared targets fits it; knows no lock, no resolver."""

from __future__ import annotations

from accelock.hardware.choice import Candidate, Choice, NoTargetError, Rule, choose
from accelock.hardware.context import Runner, run_command
from accelock.hardware.detection import detect, surroundings
from accelock.hardware.machine import Driver, Gpu, Machine, Note
from accelock.hardware.vendor import LockedTarget

__all__ = [
    "Candidate",
    "Choice",
    "Driver",
    "Gpu",
    "LockedTarget",
    "Machine",
    "NoTargetError",
    "Note",
    "Rule",
    "Runner",
    "choose",
    "detect",
    "run_command",
    "surroundings",
]
