"""The files of a run: their names, the pins that they have now, and what is written of them.

All of them are written, or none.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.version import Version
from piptools.logging import log

from accelock import __version__
from accelock.catalogue.source import TARGET_FIELD
from accelock.errors import AccelockError
from accelock.hosts.piptools import inputs as reading
from accelock.hosts.piptools import render
from accelock.locks import compiled as compiled_files
from accelock.locks import inputs as digests
from accelock.locks import requirements
from accelock.locks.journal import is_special
from accelock.locks.stamp import Stamp, body_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.hosts.piptools.engine import CompileResult
    from accelock.hosts.piptools.sidecars import Sidecars
    from accelock.hosts.piptools.state import Run
    from accelock.targets import Target


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
    ours = not is_special(fallback) and compiled_files.is_ours(fallback)
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
        for pin in pins_of(Path(name)):
            version = _public(pin.version)
            if version is not None:
                found.setdefault((target, pin.name), version)
    return found


def pins_of(path: Path) -> tuple[requirements.RequirementLine, ...]:
    """Return the pins of an existing file; none of a broken one, about which pip-tools speaks."""
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
    except ValueError:
        return None


def sheets(
    compiled: CompileResult, context: click.Context, ours: tuple[str, ...]
) -> dict[str, render.Sheet]:
    """Return what each target's file consists of: target name -> sheet."""
    plan = compiled.run.plan
    return {target.name: _sheet(compiled, target, context, ours) for target in plan.targets}


def write(
    compiled: CompileResult, rendered: Mapping[str, list[str]], sidecars: Sidecars, *, dry_run: bool
) -> None:
    """Show the files as pip-compile does, and write all of them or none, conda files included.

    :param rendered: target name -> the lines of its file.
    :raises OutputError: a file cannot be written; all are as they were.
    :raises AccelockError: a conda file that follows them cannot be had; nothing was written.
    """
    files: dict[Path, bytes] = {}
    linesep = next(iter(compiled.captures.values())).writer["linesep"]
    for name, lines in rendered.items():
        for line in lines:
            (log.log if dry_run else log.info)(line)
        content = render.as_bytes(lines, linesep)
        output = compiled.outputs[name]
        if output != STDOUT:
            files[Path(output)] = content
        elif not dry_run:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
    texts = {path: content.decode() for path, content in files.items()}
    sidecars.write(files, texts, dry_run=dry_run)


def _sheet(
    compiled: CompileResult, target: Target, context: click.Context, ours: tuple[str, ...]
) -> render.Sheet:
    run = compiled.run
    cells = run.plan.cells_of(target)
    writer = compiled.captures[cells[0]].writer
    index_urls, find_links = family_lines(compiled, target)
    pythons = tuple(dict.fromkeys(str(cell.python) for cell in cells))
    stamp = _stamp_of_inputs(run, target, compiled.outputs[target.name])
    sheet = render.Sheet(
        variants=compiled.variants[target.name],
        writer=writer,
        index_urls=[*writer["index_urls"], *index_urls],
        find_links=[*writer["find_links"], *find_links],
        pythons=pythons,
        command=render.compile_command(context, ours),
        stamp=stamp,
    )
    if sheet.open_to is not None:
        run.plan.say_progress(f"NOTE: {compiled.outputs[target.name]} has {sheet.open_to}.")
    return sheet


def family_lines(compiled: CompileResult, target: Target) -> tuple[list[str], list[str]]:
    """Return the index URLs and the find-links pages of the families that a file's pins need."""
    run = compiled.run
    indexes: dict[str, None] = {}
    pages: dict[str, None] = {}
    for variant in compiled.variants[target.name]:
        link = variant.requirement.link
        file = run.files.get(link.url_without_fragment) if link is not None else None
        found = run.routed.find(variant.name)
        if file is None or found is None:
            continue
        builds = run.routed.variant(found.family, target)
        source = run.plan.written[found.family.name].at(builds)
        source = source.of_release(run.routed.release(found.family, target))
        url = source.without_credentials.url(builds)
        (pages if source.is_find_links else indexes)[url] = None
    return list(indexes), list(pages)


def stamp_without_inputs(run: Run, target: Target, text: str) -> Stamp:
    """Return the stamp of a text that was not compiled from inputs that we know."""
    return _stamp(run, target, (STDOUT,), digests.digest((), {}), body=body_digest(text))


def _stamp_of_inputs(run: Run, target: Target, output: str) -> Stamp:
    # A link is written through: where the file really is, its inputs are found from there.
    folder = Path() if output == STDOUT else Path(output).resolve().parent
    texts = [(_from(folder, path), text) for path, text in run.inputs.of(target.name)]
    settings = digests.settings_of(Path())
    parts = digests.parts(((p, text) for p, text in texts if p != reading.STDIN), settings)
    paths = tuple(path for path, _text in texts)
    return _stamp(run, target, paths, digests.digest(texts, settings), parts=parts)


def _stamp(run: Run, target: Target, inputs: tuple[str, ...], digest: str, **more: Any) -> Stamp:
    cells = run.plan.cells_of(target)
    return Stamp(
        version=__version__,
        target=target.name,
        platforms=tuple(dict.fromkeys(cell.platform.name for cell in cells)),
        python=tuple(dict.fromkeys(str(cell.python) for cell in cells)),
        inputs=inputs,
        digest=digest,
        **{"body": "", **more},
    )


def _from(folder: Path, path: str) -> str:
    if path == reading.STDIN or "://" in path:
        return path
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # Windows: another drive, or one that stands for a folder or a share
        whole = Path(path).resolve()
    try:
        return Path(os.path.relpath(whole, folder)).as_posix()
    except ValueError:
        return whole.as_posix()
