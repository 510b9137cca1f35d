"""The table that closes a lock: what each target has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleo.ui.table import Table

if TYPE_CHECKING:
    from cleo.io.io import IO

    from accelock.hosts.poetry.merging import Solved
    from accelock.hosts.poetry.solution import Solution

_LEAD = "torch"


def show(io: IO, solution: Solution) -> None:
    """Write one row per target on standard error: version, packages, and those only it has."""
    table = Table(io.error_output, style="compact")
    table.set_headers(["Target", _LEAD, "Packages", "Only here"])
    names = {target: {p.name for p in solved} for target, solved in solution.by_target.items()}
    for target, solved in solution.by_target.items():
        others = set().union(*(found for other, found in names.items() if other != target))
        only = len(names[target] - others) if len(names) > 1 else 0
        table.add_row([target.name, _version(solved), str(len(names[target])), str(only)])
    table.render()


def _version(solved: Solved) -> str:
    versions = {p.version.text.partition("+")[0] for p in solved if p.name == _LEAD}
    return ", ".join(sorted(versions)) or "-"
