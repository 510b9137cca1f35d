"""The system itself: its C library, whether it is a container, WSL, or a Jetson."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.hardware.context import Found

if TYPE_CHECKING:
    from accelock.hardware.context import ProbeContext

_LIBC = re.compile(r"(manylinux|musllinux)_(\d{1,3})_(\d{1,3})_.+")
_MARKS = {".dockerenv": "docker", "run/.containerenv": "podman"}
# systemd's word for it, then what container runtimes call the group of their first process.
_WORDS = ("docker", "containerd", "kubepods", "libpod", "lxc")
# Jetson Linux: "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64".
_TEGRA = re.compile(r"^# R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3})?)", re.MULTILINE)


def probe(context: ProbeContext) -> Found:
    """Return what the system is, as far as wheels and GPUs are concerned."""
    return Found(
        libc=_libc(context),
        container=_container(context),
        wsl=context.around.system == "linux" and _is_wsl(context),
        jetson=_jetson(context),
    )


def _container(context: ProbeContext) -> str | None:
    """Return which kind of container this is (Docker, Podman, containerd, Kubernetes, LXC)."""
    for mark, kind in _MARKS.items():
        if context.exists(mark):
            return kind
    if context.around.environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    groups = context.read("proc/1/cgroup") or ""
    return next((word for word in _WORDS if word in groups), None)


def _libc(context: ProbeContext) -> str | None:
    """Return the C library that wheels have to be for: of the interpreter, not of the system."""
    if context.around.system != "linux":
        return None
    for tag in context.around.tags():
        if found := _LIBC.fullmatch(tag):
            name = "glibc" if found[1] == "manylinux" else "musl"
            return f"{name} {found[2]}.{found[3]}"
    return None


def _is_wsl(context: ProbeContext) -> bool:
    if context.exists("proc/sys/fs/binfmt_misc/WSLInterop") or context.exists("dev/dxg"):
        return True
    return "microsoft" in (context.read("proc/sys/kernel/osrelease") or "").lower()


def _jetson(context: ProbeContext) -> str | None:
    found = _TEGRA.search(context.read("etc/nv_tegra_release") or "")
    if found:
        return f"R{found[1]}.{found[2]}"
    model = context.read("proc/device-tree/model") or ""
    return "of an unknown release" if "jetson" in model.lower() else None
