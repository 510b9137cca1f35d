"""The MB that each compiled file downloads, said at the end of `accelock compile -v`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.commands.downloads import Downloads, Fetching, sizes
from accelock.hosts.piptools import render
from accelock.locks import compiled as reader
from accelock.locks import requirements
from accelock.locks.model import TargetLock
from accelock.settings.project import Settings
from accelock.settings.settings import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.engine import Compiled


def describe(compiled: Compiled, pages: Mapping[str, render.Sheet]) -> Iterator[str]:
    """Yield a line for each target, and one for all of them; nothing is downloaded for it."""
    run = compiled.run
    if run.reader is None:
        return
    settings = Settings(run.plan.catalogue, Config(levels=run.plan.levels))
    first = next(iter(compiled.captures.values()))
    fetching = Fetching(run.reader, tuple(first.writer["index_urls"]))
    downloads = Downloads(lambda: fetching, settings, dict(run.plan.sources))
    locks = [_lock(compiled, name, sheet, settings) for name, sheet in pages.items()]
    yield from sizes(locks, downloads, run.plan.cells[0].python)


def _lock(compiled: Compiled, name: str, sheet: render.Sheet, settings: Settings) -> TargetLock:
    text = render.as_bytes(render.render(sheet), "\n").decode()
    target = next(each for each in compiled.run.plan.targets if each.name == name)
    cells = compiled.run.plan.cells_of(target)
    platforms = tuple(dict.fromkeys(cell.platform for cell in cells))
    output = compiled.outputs[name]
    pins = reader.pins_of(requirements.parse(text, output), output, target, settings)
    return TargetLock(target, output, pins, platforms)
