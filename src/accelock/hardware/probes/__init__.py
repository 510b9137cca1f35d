"""The probes, and the vendors of GPUs in the order in which their GPUs are listed."""

from __future__ import annotations

from accelock.hardware.probes import amd, apple, intel, nvidia

VENDORS = (nvidia.VENDOR, amd.VENDOR, intel.VENDOR, apple.VENDOR)
