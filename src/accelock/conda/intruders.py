"""A package where it must not be, what brought it in, and the error that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec
    from accelock.targets import Platform, Target

__all__ = ["GuardError", "Intruder"]

_SHOWN = 5  # intruders in a message; CUDA comes with some twenty libraries


@dataclass(frozen=True, slots=True)
class Intruder:
    """A record that does not belong to the target.

    `reason` goes on from its name ("is a CUDA build"). `chain` are the records from one that the
    user asked for down to the one that depends on the intruder; it is empty where the user asked
    for the intruder itself.
    """

    record: Record
    reason: str
    chain: tuple[Record, ...]

    def __str__(self) -> str:
        if not self.chain:
            return f"{self.record} {self.reason}; it was asked for by itself"
        way = " -> ".join(f"{record.name} {record.version}" for record in self.chain)
        return f"{self.record} {self.reason}; brought in by {way}"


class GuardError(AccelockError):
    """A target would get what it must not have; `intruders` are the records, where there are."""

    intruders: tuple[Intruder, ...] = ()

    @classmethod
    def of_records(
        cls,
        intruders: Sequence[Intruder],
        target: Target,
        platform: Platform,
        why: str = "",
    ) -> GuardError:
        """Return the error for an environment of records; `why` says more about how it came."""
        # What was asked for first, then what it drew in: the libraries are the longest list.
        ordered = sorted(intruders, key=lambda one: (len(one.chain), one.record.name))
        lines = [f"\n  - {intruder}" for intruder in ordered[:_SHOWN]]
        if len(ordered) > _SHOWN:
            lines.append(f"\n  - and {len(ordered) - _SHOWN} more")
        error = cls(
            f"{target}, {platform}: {_WHAT[target.kind]}{why}:{''.join(lines)}\n{_todo(target)}"
        )
        error.intruders = tuple(ordered)
        return error

    @classmethod
    def of_request(
        cls, spec: Spec, reason: str, target: Target | None, platform: Platform
    ) -> GuardError:
        """Return the error for a requirement that the target cannot hold."""
        return cls(
            f"{target}, {platform}: {spec} {reason}, and cannot be in this environment. Ask for it "
            "under the targets that it is for: [tool.accelock.conda.target.<name>.dependencies]"
        )


_WHAT = {
    Kind.CPU: "this environment must be for the CPU alone, and is not",
    Kind.CUDA: "this environment must be for CUDA, and is not",
    Kind.ROCM: "this environment must be for ROCm, and is not",
    Kind.XPU: "this environment must be for XPU, and is not",
}


def _todo(target: Target) -> str:
    if target.kind is Kind.CPU:
        return (
            "Ask for versions, or name a channel, of which there are CPU builds; or move what "
            "needs CUDA to [tool.accelock.conda.target.<a CUDA target>.dependencies]."
        )
    if target.kind is Kind.CUDA:
        return (
            f"Ask for versions, or name a channel, of which there are builds for {target}; or "
            f'narrow the platforms of [tool.accelock.target."{target}"].'
        )
    return (
        f"Conda channels may have no {target.kind.name} builds of it at all: then leave it to the "
        "pip side."
    )
