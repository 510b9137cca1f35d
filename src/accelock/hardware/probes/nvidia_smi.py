"""NVIDIA's GPUs by the command nvidia-smi, where NVML did not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.hardware.commands import printable
from accelock.hardware.edge import Found
from accelock.hardware.model import Driver, Gpu, Vendor, parse_capability

if TYPE_CHECKING:
    from accelock.hardware.edge import Edge

NAME = "nvidia-smi"
_PLACES = (NAME, "/usr/lib/wsl/lib/nvidia-smi")
# compute_cap came with driver 510; an older one refuses the whole question.
_QUERIES = ("driver_version,name,uuid,compute_cap", "driver_version,name,uuid")
_FIELDS = 4
_NAME = 100  # characters


def look(edge: Edge) -> Found:
    """Return the driver, the GPUs' names and, from driver 510 on, their compute capabilities."""
    for query in _QUERIES:
        text = _ask(edge, query)
        lines = [line for line in (text or "").splitlines() if Driver.find(line, NAME)]
        if lines:
            edge.notes.clear()  # that an older one refuses the newer question is no finding
            return Found(Driver.find(lines[0], NAME), tuple(map(_gpu, lines)) or None)
        if text is not None and text.strip():
            what = f"{NAME} said what cannot be read: {printable(text)[:160]!r}"
            edge.note("probe", what, "the driver is taken from elsewhere, or taken not to be there")
            break
    _fold(edge)
    return Found()


def _ask(edge: Edge, query: str) -> str | None:
    for place in _PLACES:
        if "/" in place and not edge.exists(place.lstrip("/")):
            continue
        text = edge.ask(place, f"--query-gpu={query}", "--format=csv,noheader", name=NAME)
        if text is not None:
            return text
    return None


def _gpu(line: str) -> Gpu:
    """Read `550.54.15, NVIDIA H100 80GB HBM3, GPU-5a..., 9.0`, which may be cut short."""
    fields = [printable(field) for field in line.split(",")]
    _driver, name, uuid, capability = [*fields, "", "", "", ""][:_FIELDS]
    return Gpu(
        Vendor.NVIDIA,
        name=name[:_NAME] or None,
        capability=parse_capability(capability),
        source=NAME,
        uuid=uuid or None,
    )


def _fold(edge: Edge) -> None:
    """Keep a finding once, though both questions met it."""
    edge.notes[:] = list(dict.fromkeys(edge.notes))
