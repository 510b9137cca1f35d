"""AMD's GPUs by architecture: the kernel's compute topology (KFD), else rocm_agent_enumerator."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from accelock.hardware.context import Found
from accelock.hardware.machine import Gpu, gfx_of, parse_gfx
from accelock.hardware.vendor import (
    NONE,
    VARIABLE,
    Fit,
    Reason,
    Vendor,
    mark_hidden,
    not_passed_in,
    parse_list,
)
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.catalogue import HardwareTables
    from accelock.hardware.context import ProbeContext, Surroundings
    from accelock.hardware.machine import Machine
    from accelock.hardware.vendor import LockedTarget
    from accelock.targets import Target

NAME = "amd"
OVERRIDE = "ACCELOCK_AMD_GFX"
# The first of these that is set hides GPUs from HIP programs; each works on what is left.
VISIBLE = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
GFX_OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
_NODES = "sys/class/kfd/kfd/topology/nodes"
_TARGET = re.compile(r"^gfx_target_version (\d{1,6})$", re.MULTILINE)
_UUID = re.compile(r"^unique_id (\d{1,20})$", re.MULTILINE)
_RELEASE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})", re.ASCII)
_ENUMERATOR = "rocm_agent_enumerator"
_MOST = 1024  # GPUs of one machine


def probe(context: ProbeContext) -> Found:
    """Return the GPUs in the order of their nodes; processors are nodes too, with version 0."""
    nodes = context.entries(_NODES)
    if nodes:
        found = (_node(context, name) for name in nodes[:_MOST])
        gpus = tuple(gpu for gpu in found if gpu is not None)
    else:
        gpus = _enumerated(context)
    return Found(gpus=gpus, has_device=context.exists("dev/kfd") or not nodes)


def _node(context: ProbeContext, name: str) -> Gpu | None:
    text = context.read(f"{_NODES}/{name}/properties") or ""
    told, unique = _TARGET.search(text), _UUID.search(text)
    gfx = gfx_of(int(told[1])) if told else None
    if gfx is None:
        return None
    # ROCR_VISIBLE_DEVICES takes GPU- and the 16 hexadecimal digits of the unique id.
    uuid = f"GPU-{int(unique[1]):016x}" if unique and int(unique[1]) else None
    return Gpu(NAME, gfx=gfx, source="/sys/class/kfd", uuid=uuid)


def _enumerated(context: ProbeContext) -> tuple[Gpu, ...]:
    """Ask ROCm's own command: under WSL there is no KFD. gfx000 is the processor."""
    lines = (context.ask(_ENUMERATOR) or "").splitlines()[:_MOST]
    words = [gfx for gfx in map(parse_gfx, lines) if gfx is not None]
    return tuple(Gpu(NAME, gfx=gfx, source=_ENUMERATOR) for gfx in words)


def _add(machine: Machine, found: Mapping[str, Found], around: Surroundings) -> Machine:
    """Add what the kernel lists, which every container sees, whether it may use it or not."""
    gpus = found["amd"].gpus or ()
    if gpus and machine.container and not found["amd"].has_device:
        names = ", ".join(dict.fromkeys(gpu.gfx or "" for gpu in gpus))
        what = f"AMD GPUs ({names}), and this container was started without them"
        return not_passed_in(machine, what, "start it with --device=/dev/kfd --device=/dev/dri")
    return replace(machine, gpus=(*machine.gpus, *visible(gpus, around.environ)))


def visible(gpus: Sequence[Gpu], environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return GPUs, those that are hidden marked, as what the user lets them pass for."""
    found = tuple(gpus)
    for name in VISIBLE:
        if name in environ:
            seen = [gpu for gpu in found if gpu.is_visible]
            marked = dict(zip(map(id, seen), mark_hidden(seen, environ[name], name), strict=True))
            found = tuple(marked.get(id(gpu), gpu) for gpu in found)
    # HSA_OVERRIDE_GFX_VERSION=10.3.0 lets every GPU pass for gfx1030.
    told = _RELEASE.fullmatch(environ.get(GFX_OVERRIDE, "").strip())
    gfx = gfx_of(int(told[1]) * 10000 + int(told[2]) * 100 + int(told[3])) if told else None
    return tuple(replace(gpu, gfx=gfx, source=GFX_OVERRIDE) for gpu in found) if gfx else found


def _fit(target: Target, machine: Machine, tables: HardwareTables, _locked: LockedTarget) -> Fit:
    """Judge ROCm; a GPU that no target has code for, as processors bring, does not count."""
    found = list(dict.fromkeys(gpu.gfx for gpu in machine.of(NAME) if gpu.gfx))
    if not found:
        if hidden := machine.hidden(NAME):
            return Fit.no(Reason.HIDDEN, f"{hidden} hides the AMD GPUs")
        return Fit.no(Reason.NO_GPU, "no AMD GPU found")
    if not tables.is_reviewed(target):
        what = (
            "accelock does not know for which GPUs it has code; to use it anyway, set "
            f"{VARIABLE}={target}"
        )
        return Fit.no(Reason.UNKNOWN, what)
    usable = [gfx for gfx in found if tables.rocm_targets(gfx)]
    lacking = [gfx for gfx in usable if target.name not in tables.rocm_targets(gfx)]
    if usable and not lacking:
        return Fit(fits=True, reason=f"AMD GPU {', '.join(usable)}")
    todo = f" ({VISIBLE[0]} can leave the others)" if lacking and len(lacking) < len(usable) else ""
    return Fit.no(Reason.NO_CODE, f"has no code for {', '.join(lacking or found)}{todo}")


def _told(machine: Machine, word: str) -> Machine:
    """Put the architectures that a user names in the place of what was found."""
    others = machine.without(NAME)
    if word.lower() == NONE:
        return replace(machine, gpus=others)
    values = parse_list(word, parse_gfx, "AMD architectures as in gfx942, or gfx90a,gfx1100")
    gpus = (Gpu(NAME, gfx=value, source=OVERRIDE) for value in values)
    return replace(machine, gpus=(*others, *gpus))


VENDOR = Vendor(NAME, Kind.ROCM, {"amd": probe}, _add, _fit, overrides={OVERRIDE: _told})
