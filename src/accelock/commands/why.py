"""`accelock why`: which target this machine gets, and why.

The JSON: `format` (1), `target` (null where none fits), `rule`, `reason`,
`by_hardware` (what the hardware alone chooses), `order`, `candidates` (each `target`, `taken`, and
what the hardware says: `fits`, `reason`, and `cause`, a word for why it does not fit), `lock`
(`files`, and `torch` by target), and `machine`, in the schema of `accelock detect --json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelock.hardware import NoTargetError, profile
from accelock.hardware.choice import ORDER, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.commands.context import Context
    from accelock.commands.screen import Screen
    from accelock.hardware import Candidate, Choice, Machine

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Why:
    """The answer: the choice, or why there is none; what the hardware says; what is locked.

    `word` is what the user calls the machine, None for this one.
    """

    choice: Choice | None
    refusal: str | None
    by_hardware: str | None
    candidates: tuple[Candidate, ...]
    machine: Machine
    word: str | None
    files: tuple[str, ...]
    torch: dict[str, str]

    @property
    def exit_code(self) -> int:
        """Return 1 where no target fits."""
        return int(self.choice is None)

    def _takes(self, candidate: Candidate) -> bool:
        """Tell whether a candidate is the one of the answer, which need not be the hardware's."""
        return self.choice is not None and candidate.target == self.choice.target

    def _word(self, candidate: Candidate) -> str:
        if self._takes(candidate):
            return "chosen"
        return "not needed" if candidate.fits else "skipped"

    def lines(self) -> Iterator[str]:
        """Yield the answer as text."""
        if self.choice is None:
            yield (self.refusal or "").partition("\n")[0]
        else:
            yield f"{self.choice.target} for {self.word or 'this machine'}: {self.choice.reason}"
            if self.choice.rule not in (Rule.DETECTED, Rule.LAST_RESORT):
                yield f"its hardware alone would choose {self.by_hardware or 'none'}"
        yield ""
        width = max(len(each.target.name) for each in self.candidates)
        for each in self.candidates:
            torch = self.torch.get(each.target.name)
            locked = f" [torch {torch}]" if torch else ""
            yield f"  {each.target.name:<{width}}  {self._word(each):<10}  {each.reason}{locked}"
        yield ""
        yield f"order: {ORDER}"
        if self.files:
            yield f"locked in: {', '.join(self.files)}"
        if self.machine.about:
            yield f"profile: {self.machine.about}"
        for note in self.machine.notes:
            yield f"note: {note.what} [{note.code}]; {note.todo}"
        if self.choice is None:
            yield "to choose one anyway, set ACCELOCK_TARGET, or declare `cpu` too"

    def on_screen(self, screen: Screen) -> Iterator[str]:
        """Yield the answer for a terminal."""
        first, *rest = self.lines()
        yield from screen.wrapped(first)
        yield ""
        torch = {name: f" [torch {version}]" for name, version in self.torch.items()}
        yield from screen.table(
            [
                (each.target.name, self._word(each), each.reason + torch.get(each.target.name, ""))
                for each in self.candidates
            ]
        )
        yield ""
        behind = rest[len(rest) - rest[::-1].index("") :]
        for line in (*rest[: rest.index("")], *behind):
            yield from screen.wrapped(line)

    def dumps(self) -> str:
        """Return the answer as JSON."""
        choice = self.choice
        document: dict[str, Any] = {
            "format": FORMAT,
            "target": choice.target.name if choice else None,
            "rule": choice.rule.value if choice else None,
            "reason": choice.reason if choice else self.refusal,
            "by_hardware": self.by_hardware,
            "order": ORDER,
            "candidates": [
                {
                    "target": each.target.name,
                    "fits": each.fits,
                    "taken": self._takes(each),
                    "reason": each.reason,
                    "cause": each.cause.value if each.cause else None,
                }
                for each in self.candidates
            ],
            "lock": {"files": list(self.files), "torch": self.torch},
            "machine": profile.dump(self.machine),
        }
        return json.dumps(document, indent=2)


def why(context: Context) -> Why:
    """Return which target a machine gets, and why.

    :raises AccelockError: no target is declared; the lock, the table or the profile is broken.
    """
    choice: Choice | None = None
    refusal: str | None = None
    try:
        choice = context.choice()
    except NoTargetError as error:
        refusal = str(error)
    found = context.candidates()
    taken = next((each.target.name for each in found if each.taken), None)
    return Why(
        choice=choice,
        refusal=refusal,
        by_hardware=taken,
        candidates=found,
        machine=context.machine,
        word=context.machine_word,
        files=context.lock.files if context.lock else (),
        torch={name: str(fact.torch) for name, fact in context.facts.items() if fact.torch},
    )
