"""What this machine has, and which of the declared targets fits it; knows no lock, no resolver."""

from __future__ import annotations

from accelock.machine.choose import Choice, PassedOver, choose
from accelock.machine.commands import Runner, run_command

__all__ = ["Choice", "PassedOver", "Runner", "choose", "run_command"]
