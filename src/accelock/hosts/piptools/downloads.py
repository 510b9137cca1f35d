"""What is downloaded: the reader of indexes as pip is set to, and the MB of compiled files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piptools.locations import CACHE_DIR
from piptools.repositories.pypi import PyPIRepository

from accelock.commands.downloads import Downloads, Fetching, sizes
from accelock.hosts.piptools import render
from accelock.locks import compiled as reader
from accelock.locks import requirements
from accelock.locks.model import TargetLock
from accelock.settings.project import Settings
from accelock.settings.settings import Config
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.engine import Compiled


def fetching() -> Fetching:
    """Return what reads indexes as pip is set to: proxies, certificates, credentials, indexes.

    It is for commands that compile nothing. pip's settings come from its configuration files and
    variables, as in pip-compile.
    """
    repository = PyPIRepository([], cache_dir=CACHE_DIR)
    options = repository.options
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    reader = IndexReader(repository.session, timeout=repository.session.timeout)
    return Fetching(reader, tuple(indexes))


def sizes_of(compiled: Compiled, pages: Mapping[str, render.Sheet]) -> Iterator[str]:
    """Yield the sizes that `accelock compile -v` says: a line for each target, and one for all.

    Nothing is downloaded for it.
    """
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
