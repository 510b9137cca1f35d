"""The names of the output files of a run, and the pins that these files have now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.version import InvalidVersion, Version

from accelock.errors import AccelockError
from accelock.locks import compiled, requirements
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


def public_versions(files: Mapping[str, str]) -> dict[tuple[str, str], Version]:
    """Return the public versions of the pins in each target's existing file.

    :param files: target name -> the file that its pins are read from, or ``-``.
    :returns: (target name, project name) -> version; of several lines the first.
    """
    found: dict[tuple[str, str], Version] = {}
    for target, name in files.items():
        for pin in _pins_of(Path(name)):
            version = _public(pin.version)
            if version is not None:
                found.setdefault((target, pin.name), version)
    return found


def _pins_of(path: Path) -> tuple[requirements.RequirementLine, ...]:
    """Return a file's pins; none of a file that is broken, about which pip-tools has its say."""
    if is_special(path):
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
        return requirements.parse(text, str(path)).pins
    except (OSError, UnicodeDecodeError, AccelockError):
        return ()


def _public(version: str | None) -> Version | None:
    try:
        return Version(Version(version).public) if version else None
    except InvalidVersion:
        return None
