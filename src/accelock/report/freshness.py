"""Whether one compiled file is fresh: its inputs are there, and still say what they said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.lock import freshness
from accelock.report.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accelock.report.files import Compiled

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a file as they are now: those read, and those that cannot be."""

    texts: Mapping[str, str]
    missing: tuple[str, ...]
    remote: tuple[str, ...]
    has_stdin: bool


def read_inputs(compiled: Compiled) -> Inputs:
    """Read the inputs that a stamp names; their paths are relative to the file's folder."""
    texts: dict[str, str] = {}
    missing: list[str] = []
    remote = tuple(name for name in compiled.stamp.inputs if "://" in name)
    for name in compiled.stamp.inputs:
        if name == STDIN or name in remote:
            continue
        try:
            texts[name] = freshness.text_of(compiled.path.parent / name)
        except OSError:
            missing.append(name)
    return Inputs(texts, tuple(missing), remote, STDIN in compiled.stamp.inputs)


def check_freshness(compiled: Compiled, inputs: Inputs, directory: Path) -> Iterator[Finding]:
    """Yield what is wrong with a file's inputs; `directory` is where pyproject.toml is."""
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
    if _are_all(inputs, compiled) and not is_fresh(compiled, inputs, directory):
        yield _stale(compiled, inputs)


def is_fresh(compiled: Compiled, inputs: Inputs, directory: Path) -> bool:
    """Tell whether inputs and the settings of a directory are still those that were compiled.

    Where an input cannot be read, nothing tells that.
    """
    settings = freshness.settings_of(directory)
    found = freshness.digest(inputs.texts.items(), settings)
    return _are_all(inputs, compiled) and found == compiled.stamp.digest


def recompile(compiled: Compiled) -> str:
    """Say how to make the file again, by its own header where that tells it."""
    return f"run: {compiled.command}" if compiled.command else "compile it again"


def _are_all(inputs: Inputs, compiled: Compiled) -> bool:
    return len(inputs.texts) == len(compiled.stamp.inputs)


def _stale(compiled: Compiled, inputs: Inputs) -> Finding:
    tables = "[tool.accelock] or [tool.pip-tools] in pyproject.toml"
    changed = f"{_join(inputs.texts)}, or {tables}," if inputs.texts else tables
    what = f"it is stale: {changed} changed after it was compiled"
    return Finding("stale", Level.ERROR, compiled.name, what, recompile(compiled))


def _join(names: Mapping[str, str] | tuple[str, ...]) -> str:
    return ", ".join(names)
