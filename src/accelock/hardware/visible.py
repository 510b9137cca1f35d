"""The variables of CUDA and ROCm that leave only some GPUs to programs.

CUDA: CUDA C++ Programming Guide, "CUDA Environment Variables". ROCm: "GPU isolation techniques".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.hardware.machine import Gpu

_NO_DEVICES = frozenset({"-1", "nodevfiles", "none", "void"})
_LONGEST = 6  # digits of an index


def devices(value: str) -> list[str]:
    """Return the devices that a variable names, up to the first that is none, as CUDA reads it."""
    words: list[str] = []
    for word in value.split(","):
        bare = word.strip()
        if not bare or bare.lower() in _NO_DEVICES or bare.startswith("-"):
            break
        words.append(bare)
    return words


def mark_hidden(gpus: Sequence[Gpu], value: str, name: str) -> tuple[Gpu, ...]:
    """Return the GPUs, those marked that the variable `name` hides by its `value`."""
    chosen: set[int] = set()
    for word in devices(value):
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
