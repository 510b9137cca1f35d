"""The names of the output files of a run (DESIGN: names of outputs)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelock.locks import compiled
from accelock.locks.journal import is_special

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.targets import Target

TARGET_FIELD = "{target}"
STDOUT = "-"
# pip-tools calls what it compiles from these requirements.txt.
_OF_PROJECTS = frozenset({"setup.py", "setup.cfg", "pyproject.toml"})
# What click names the standard output that it opens for `-o -`.
STDOUT_NAMES = frozenset({STDOUT, "<stdout>"})


def output_names(base: str, targets: Sequence[Target]) -> dict[str, str]:
    """Return the file of each target: target name -> path, or ``-`` for standard output.

    One target: pip-compile's own name. Several: ``.<target>`` before the suffix. ``{target}`` in
    the name says it explicitly.

    :raises click.UsageError: several targets on standard output.
    """
    if base in STDOUT_NAMES:
        if len(targets) > 1:
            names = ", ".join(target.name for target in targets)
            raise click.UsageError(
                f"several targets ({names}) cannot be written to standard output: "
                "give one with -t, or a file name with -o."
            )
        return {target.name: STDOUT for target in targets}
    if TARGET_FIELD in base:
        return {target.name: base.replace(TARGET_FIELD, target.name) for target in targets}
    if len(targets) == 1:
        return {targets[0].name: base}
    path = Path(base)
    return {t.name: str(path.with_name(f"{path.stem}.{t.name}{path.suffix}")) for t in targets}


def guessed_name(output_file: Any, sources: Sequence[str]) -> str:
    """Return the file that pip-compile will write, by its own rules, before it has read anything.

    :param output_file: the file of ``-o``, if one was given.
    """
    if output_file is not None:
        return str(output_file.name)
    first = Path(sources[0]) if sources else Path("requirements.in")
    if first.name in _OF_PROJECTS:
        return str(first.with_name("requirements.txt"))
    return str(first.with_suffix(".txt"))


def pins_to_keep(base: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the file that each target's existing pins are read from.

    It is the target's own output; where that is not there yet and ``requirements.txt`` is one of
    ours (there was one target, now there are several), that one: its public versions stay.
    """
    fallback = Path(base)
    ours = not is_special(fallback) and compiled.is_ours(fallback)
    return {
        name: base if output != STDOUT and ours and not Path(output).exists() else output
        for name, output in outputs.items()
    }
