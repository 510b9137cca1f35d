"""What is downloaded: the reader of indexes as pip is set to, and the MB of compiled files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from packaging.utils import canonicalize_name
from piptools.locations import CACHE_DIR
from piptools.logging import log
from piptools.repositories.pypi import PyPIRepository

from accelock.commands.downloads import Downloads, Fetching, sizes
from accelock.commands.downloads import hold as of_lock
from accelock.hosts.piptools.merge import requirers
from accelock.locks import compiled as reader
from accelock.locks import requirements
from accelock.locks.model import Lock, TargetLock
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.sources.reader import IndexReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelock.hosts.piptools.engine import CompileResult


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


def hold(compiled: CompileResult, texts: Mapping[str, str], config: Config) -> None:
    """Say what each target with a max-mb downloads, before its file is written.

    :param texts: target name -> what its file will say.
    :raises BudgetError: a target has what the project denies it, or downloads more than max-mb.
    """
    own = replace(config, levels=compiled.run.plan.levels)
    downloads = _downloads(compiled, Settings(compiled.run.plan.catalogue, own))
    lock = Lock(reader.KIND, {each.target: each for each in _locks(compiled, texts, downloads)})
    costs = of_lock(lock, downloads, lambda text: log.warning(f"WARNING: {text}"))
    for target, cost in costs.items():
        log.info(f"{cost} (max-mb = {config.of(target).max_mb})")


def sizes_of(compiled: CompileResult, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the sizes that `accelock compile -v` says: a line for each target, and one for all.

    Nothing is downloaded for it.
    """
    plan = compiled.run.plan
    downloads = _downloads(compiled, Settings(plan.catalogue, Config(levels=plan.levels)))
    yield from sizes(_locks(compiled, texts, downloads), downloads, plan.cells[0].python)


def _downloads(compiled: CompileResult, settings: Settings) -> Downloads:
    run = compiled.run
    first = next(iter(compiled.captures.values()))
    indexes = tuple(first.writer["index_urls"])
    return Downloads(
        lambda: Fetching(cast("IndexReader", run.reader), indexes), settings, run.plan.sources
    )


def _locks(
    compiled: CompileResult, texts: Mapping[str, str], downloads: Downloads
) -> list[TargetLock]:
    return [_lock(compiled, name, text, downloads.settings) for name, text in texts.items()]


def _lock(compiled: CompileResult, name: str, text: str, settings: Settings) -> TargetLock:
    """Return what a file will have; who requires it, also where its lines do not say so."""
    target = next(each for each in compiled.run.plan.targets if each.name == name)
    cells = compiled.run.plan.cells_of(target)
    platforms = tuple(dict.fromkeys(cell.platform for cell in cells))
    pythons = tuple(dict.fromkeys(cell.python for cell in cells))
    output = compiled.outputs[name]
    pins = reader.pins_of(requirements.parse(text, output), output, target, settings)
    via: dict[str, set[str]] = {}
    for each in compiled.variants[name]:
        via.setdefault(canonicalize_name(each.name), set()).update(requirers(each.requirement))
    known = (replace(pin, via=tuple(sorted(via.get(pin.name, pin.via)))) for pin in pins)
    return TargetLock(target, output, tuple(known), platforms, pythons)
