"""Which GPUs the variables of CUDA and ROCm leave to programs.

CUDA: CUDA C++ Programming Guide, "CUDA Environment Variables". ROCm: "GPU isolation techniques".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelock.hardware.model import Gpu, Note, gfx_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CUDA = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
# The first of these that is set hides GPUs from HIP programs; each works on what is left.
ROCM = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
GFX_OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
_NO_DEVICES = frozenset({"-1", "nodevfiles", "none", "void"})
_LONGEST = 6  # digits of an index


def nvidia(
    gpus: Sequence[Gpu], environ: Mapping[str, str]
) -> tuple[tuple[Gpu, ...], tuple[Note, ...]]:
    """Return NVIDIA's GPUs, those that are hidden marked, and what could not be told.

    Without CUDA_DEVICE_ORDER=PCI_BUS_ID an index counts from the fastest GPU, which is not known
    here: where GPUs differ, an index then hides none of them.
    """
    value = environ.get(CUDA)
    if value is None:
        return tuple(gpus), ()
    kinds = {gpu.capability for gpu in gpus}
    is_by_index = any(word[:1].isdigit() for word in _words(value))
    if len(kinds) > 1 and is_by_index and environ.get(ORDER, "").upper() != "PCI_BUS_ID":
        what = f"{CUDA}={value[:40]} chooses by speed among GPUs that differ"
        todo = f"all of them count; set {ORDER}=PCI_BUS_ID, or name them by UUID"
        return tuple(gpus), (Note("visible-devices", what, todo),)
    return _marked(gpus, value, CUDA), ()


def amd(gpus: Sequence[Gpu], environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return AMD's GPUs, those that are hidden marked, as what the user lets them pass for."""
    found = tuple(gpus)
    for name in ROCM:
        if name in environ:
            seen = [gpu for gpu in found if gpu.is_visible]
            marked = dict(zip(map(id, seen), _marked(seen, environ[name], name), strict=True))
            found = tuple(marked.get(id(gpu), gpu) for gpu in found)
    passes_for = _override(environ.get(GFX_OVERRIDE, ""))
    if passes_for is None:
        return found
    return tuple(replace(gpu, gfx=passes_for, source=GFX_OVERRIDE) for gpu in found)


def hides_all(environ: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable is set, and leaves nothing."""
    return name in environ and not _words(environ[name])


def _words(value: str) -> list[str]:
    """Return the devices that a variable names, up to the first that is none, as CUDA reads it."""
    words: list[str] = []
    for word in value.split(","):
        bare = word.strip()
        if not bare or bare.lower() in _NO_DEVICES or bare.startswith("-"):
            break
        words.append(bare)
    return words


def _marked(gpus: Sequence[Gpu], value: str, name: str) -> tuple[Gpu, ...]:
    chosen: set[int] = set()
    for word in _words(value):
        index = _index(word, gpus)
        if index is None:
            break
        chosen.add(index)
    return tuple(
        gpu if index in chosen else replace(gpu, hidden_by=name) for index, gpu in enumerate(gpus)
    )


def _index(word: str, gpus: Sequence[Gpu]) -> int | None:
    if word.isascii() and word.isdigit():
        index = int(word) if len(word) <= _LONGEST else len(gpus)
        return index if index < len(gpus) else None
    # Old drivers name an instance after its GPU: MIG-GPU-<uuid>/<instance>/<compute instance>.
    if word.upper().startswith("MIG-GPU-"):
        word = word[len("MIG-") :].partition("/")[0]
    # A UUID may be cut short; a MIG instance is a part of some GPU, and they are alike.
    for index, gpu in enumerate(gpus):
        if gpu.uuid and gpu.uuid.lower().startswith(word.lower()):
            return index
    is_unknown = all(gpu.uuid is None for gpu in gpus) or word.upper().startswith("MIG-")
    return 0 if gpus and is_unknown else None


def _override(value: str) -> str | None:
    """Return what HSA_OVERRIDE_GFX_VERSION=10.3.0 lets every GPU pass for: gfx1030."""
    parts = value.strip().split(".")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) <= 2 for p in parts):  # noqa: PLR2004
        return None
    major, minor, stepping = map(int, parts)
    return gfx_of(major * 10000 + minor * 100 + stepping)
