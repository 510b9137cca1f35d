"""The whole diagnosis: machine, lock, environment.

The JSON: `format` (1), `target` and `reason` (null where none fits or none is declared), `files`
(those that were checked), `findings` (each `code`, `level`, `file`, `what`, `todo`), and `machine`,
in the schema of `accelock detect --json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hardware import NoTargetError, profile
from accelock.report import installed
from accelock.report.check import check
from accelock.report.doctor.environment import check_environment
from accelock.report.doctor.lock import check_lock
from accelock.report.doctor.machine import check_machine
from accelock.report.findings import Finding, Level, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelock.hardware import Choice, Machine
    from accelock.report.here import Here

FORMAT = 1
# What `check` says of a lock that cannot be read.
_UNREADABLE = frozenset({"damaged", "newer-format", "unreadable"})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was looked at, and what was found."""

    report: Report
    machine: Machine
    choice: Choice | None

    def exit_code(self, *, strict: bool) -> int:
        """Return 1 for an error, and for a warning where `strict`; else 0."""
        return int(bool(self.report.findings)) if strict else self.report.exit_code

    def lines(self) -> Iterator[str]:
        """Yield a line for each finding, and one that sums up."""
        findings = self.report.findings
        yield from map(str, findings)
        target = f"target {self.choice}" if self.choice else "no target"
        looked = ", ".join(self.report.files) or "no lock"
        counts = [
            f"{count} {level.value}{'' if count == 1 else 's'}"
            for level in Level
            if (count := sum(each.level is level for each in findings))
        ]
        yield f"{target}; looked at {looked}: {', '.join(counts) or 'all is well'}"

    def dumps(self) -> str:
        """Return the diagnosis as JSON."""
        document = {
            "format": FORMAT,
            "target": self.choice.target.name if self.choice else None,
            "reason": self.choice.reason if self.choice else None,
            "files": list(self.report.files),
            "findings": [finding.as_json() for finding in self.report.findings],
            "machine": profile.dump(self.machine),
        }
        return json.dumps(document, indent=2)


def diagnose(here: Here, paths: Iterable[str]) -> Diagnosis:
    """Return what is wrong with a project on this machine, and with an environment.

    What an interrupted run left is finished or taken back first, as `check` does it.

    :param paths: where the environment's interpreter finds distributions.
    :raises ConfigError: [tool.accelock], or a variable that stands for hardware, is broken.
    """
    checked = check(here.directory)
    there = installed.read(paths)
    declared, refusal = _declared(here)
    is_told = any(each.code in _UNREADABLE for each in checked.findings)
    choice = _choice(here) if declared else None
    found: list[Finding] = [] if is_told else [*refusal]
    if declared:
        found += check_machine(here, choice)
    if not refusal:
        found += check_lock(here)
        found += check_environment(there, here, choice)
    files = checked.files
    once = dict.fromkeys([*found, *(f for f in checked.findings if _counts(f, declared=declared))])
    return Diagnosis(Report(files, tuple(once)), here.machine, choice)


def _counts(finding: Finding, *, declared: bool) -> bool:
    """Tell whether a finding of `check` counts: a project without targets needs no lock of ours."""
    return declared or finding.code != "no-file"


def _declared(here: Here) -> tuple[bool, tuple[Finding, ...]]:
    """Tell whether there are targets to choose among, and what keeps the lock from being read."""
    try:
        locks = here.locks
    except AccelockError as error:
        what, _, todo = str(error).partition(". ")
        return False, (Finding("damaged", Level.ERROR, None, what, todo or "repair it first"),)
    return bool(locks or here.project.config.targets), ()


def _choice(here: Here) -> Choice | None:
    try:
        return here.choice()
    except NoTargetError:
        return None
