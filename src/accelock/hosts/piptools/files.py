"""The files of a run: what each consists of, its stamp, and writing all of them or none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piptools.logging import log

from accelock import __version__
from accelock.hosts.piptools import inputs as reading
from accelock.hosts.piptools import outputs, render
from accelock.locks import inputs as digests
from accelock.locks.stamp import Stamp, body_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from accelock.hosts.piptools.engine import Compiled
    from accelock.hosts.piptools.sidecars import Sidecars
    from accelock.hosts.piptools.state import Run
    from accelock.targets import Target


def sheets(
    compiled: Compiled, context: click.Context, ours: tuple[str, ...]
) -> dict[str, render.Sheet]:
    """Return what each target's file consists of: target name -> sheet."""
    plan = compiled.run.plan
    return {target.name: _sheet(compiled, target, context, ours) for target in plan.targets}


def write(
    compiled: Compiled, pages: Mapping[str, render.Sheet], sidecars: Sidecars, *, dry_run: bool
) -> None:
    """Show the files as pip-compile does, and write all of them or none, conda files included.

    :raises OutputError: a file cannot be written; all are as they were.
    :raises AccelockError: a conda file that follows them cannot be had; nothing was written.
    """
    files: dict[Path, bytes] = {}
    for name, sheet in pages.items():
        lines = render.render(sheet)
        _show(lines, always=dry_run)
        content = render.as_bytes(lines, sheet.writer["linesep"])
        output = compiled.outputs[name]
        if output != outputs.STDOUT:
            files[Path(output)] = content
        elif not dry_run:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
    found = sidecars.solve(files, dry_run=dry_run)
    if not dry_run:
        sidecars.write(files, found)


def _show(lines: list[str], *, always: bool) -> None:
    for line in lines:
        (log.log if always else log.info)(line)


def _sheet(
    compiled: Compiled, target: Target, context: click.Context, ours: tuple[str, ...]
) -> render.Sheet:
    run = compiled.run
    cells = run.plan.cells_of(target)
    writer = compiled.captures[cells[0]].writer
    index_urls, find_links = family_lines(compiled, target)
    pythons = tuple(dict.fromkeys(str(cell.python) for cell in cells))
    stamp = _stamp_of_inputs(run, target, compiled.outputs[target.name])
    return render.Sheet(
        variants=compiled.variants[target.name],
        writer=writer,
        index_urls=[*writer["index_urls"], *index_urls],
        find_links=[*writer["find_links"], *find_links],
        pythons=pythons,
        command=render.compile_command(context, ours),
        stamp=stamp,
    )


def family_lines(compiled: Compiled, target: Target) -> tuple[list[str], list[str]]:
    """Return the index URLs and the find-links pages of the families that a file's pins need."""
    run = compiled.run
    indexes: dict[str, None] = {}
    pages: dict[str, None] = {}
    for variant in compiled.variants[target.name]:
        link = variant.requirement.link
        file = run.files.get(link.url_without_fragment) if link is not None else None
        found = run.shelves.find(variant.name)
        if file is None or found is None:
            continue
        builds = run.shelves.variant(found.family, target)
        source = run.plan.written[found.family.name].at(builds)
        url = source.without_credentials.url(builds)
        (pages if source.is_find_links else indexes)[url] = None
    return list(indexes), list(pages)


def stamp_without_inputs(run: Run, target: Target, text: str) -> Stamp:
    """Return the stamp of a text that was not compiled from inputs that we know."""
    return _stamp(run, target, (outputs.STDOUT,), digests.digest((), {}), body=body_digest(text))


def _stamp_of_inputs(run: Run, target: Target, output: str) -> Stamp:
    # A link is written through: where the file really is, its inputs are found from there.
    folder = Path() if output == outputs.STDOUT else Path(output).resolve().parent
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
