"""Containers: `docker build` sees no GPU, so that a GPU image would silently be a cpu image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelock.machine.edge import Edge, Surroundings
from accelock.machine.probes.host import container_of
from accelock.target import Kind

if TYPE_CHECKING:
    from accelock.machine.choose import Choice

WARNING = (
    "This is a container in which no GPU was found, as in every image build. If the image is for a "
    "machine with one, set ACCELOCK_TARGET (for example: ENV ACCELOCK_TARGET=cu126)."
)


def is_container(root: Path = Path("/")) -> bool:
    """Tell whether this runs in a container (Docker, Podman, containerd, Kubernetes, LXC)."""
    return container_of(Edge(Surroundings({}, "linux", "", root=root))) is not None


def warns(choice: Choice, declared: int, root: Path = Path("/")) -> bool:
    """Tell whether a choice of cpu was made for want of a GPU that a container may not show."""
    fell_back = choice.target.kind is Kind.CPU and bool(choice.passed_over)
    return fell_back and declared > 1 and is_container(root)
