"""Whether one compiled file is fresh: its inputs are there, and still say what they said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.locks import freshness
from accelock.report import files
from accelock.report.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from accelock.report.files import Compiled
    from accelock.targets import Target

STDIN = "-"
_TARGET_OPTION = re.compile(r"(?:^|\s)(?:-t|--target\b)")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a file as they are now: those read, and those that cannot be."""

    texts: Mapping[str, str]
    missing: tuple[str, ...]
    remote: tuple[str, ...]
    has_stdin: bool


def read_inputs(compiled: Compiled) -> Inputs:
    """Read the inputs that a stamp names; their paths are relative to the file's real folder."""
    texts: dict[str, str] = {}
    missing: list[str] = []
    remote = tuple(name for name in compiled.stamp.inputs if "://" in name)
    for name in compiled.stamp.inputs:
        if name == STDIN or name in remote:
            continue
        try:
            texts[name] = freshness.text_of(compiled.path.resolve().parent / name)
        except OSError:
            missing.append(name)
    return Inputs(texts, tuple(missing), remote, STDIN in compiled.stamp.inputs)


def check_freshness(
    compiled: Compiled,
    inputs: Inputs,
    settings: Iterable[str],
    declared: Collection[Target] = (),
    others: Sequence[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong with a file's inputs.

    `settings` are those of the pyproject.toml that it follows (`lock.freshness.settings_of`),
    `declared` the targets in that, and `others` the names of the other files that are for the
    same target and input.
    """
    if inputs.missing:
        what = f"it was compiled from {_join(inputs.missing)}, which cannot be read now"
        todo = f"bring the input back, or {recompile(compiled)}"
        yield Finding("missing-input", Level.ERROR, compiled.name, what, todo)
    if inputs.has_stdin:
        what = "it was made from standard input, or by rewrite: nothing tells whether it is fresh"
        todo = "compile it from its inputs' files to have that checked"
        yield Finding("stdin-input", Level.WARNING, compiled.name, what, todo)
    if inputs.remote:
        what = f"it was compiled from {_join(inputs.remote)}, which an offline check does not read"
        todo = "keep a copy in the project to have that checked"
        yield Finding("remote-input", Level.WARNING, compiled.name, what, todo)
    if _are_all(inputs, compiled) and not is_fresh(compiled, inputs, settings):
        yield _stale(compiled, inputs, declared, others)


def is_fresh(compiled: Compiled, inputs: Inputs, settings: Iterable[str]) -> bool:
    """Tell whether inputs and settings are still those that were compiled.

    Where an input cannot be read, nothing tells that.
    """
    found = freshness.digest(inputs.texts.items(), settings)
    return _are_all(inputs, compiled) and found == compiled.stamp.digest


def recompile(compiled: Compiled) -> str:
    """Say how to make the file again, by its own header where that tells it."""
    if not compiled.command:
        return "compile it again"
    where = f"in {compiled.folder}, " if compiled.folder else ""
    return f"{where}run: {compiled.command}"


def _are_all(inputs: Inputs, compiled: Compiled) -> bool:
    return len(inputs.texts) == len(compiled.stamp.inputs)


def _stale(
    compiled: Compiled, inputs: Inputs, declared: Collection[Target], others: Sequence[str]
) -> Finding:
    if _is_left_over(compiled, declared):
        what = f"it is for {compiled.target}, which pyproject.toml does not declare, and is stale"
        return Finding("undeclared", Level.ERROR, compiled.name, what, "remove it")
    todo = recompile(compiled)
    if others:  # as requirements.txt, when there was one target, beside requirements.cpu.txt
        todo += f"; {_join(others)} is for {compiled.target} too: remove what that does not write"
    tables = "[tool.accelock] or [tool.pip-tools] in pyproject.toml"
    changed = f"{_join(inputs.texts)}, or {tables}," if inputs.texts else tables
    what = f"it is stale: {changed} changed after it was compiled"
    return Finding("stale", Level.ERROR, compiled.name, what, todo)


def _is_left_over(compiled: Compiled, declared: Collection[Target]) -> bool:
    """Tell whether no run writes a file again: its target came from the table, and left it."""
    if compiled.target in declared or files.template(compiled.name, compiled.target) is None:
        return False
    # Of a command that stands for it (CUSTOM_COMPILE_COMMAND), nothing is known.
    command = compiled.command or ""
    return command.startswith("accelock compile") and not _TARGET_OPTION.search(command)


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
