"""Whether the pins of one compiled file are whole: hashes, labels, sources and platforms."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import requirements
from accelock.report.findings import Finding, Level
from accelock.report.freshness import recompile
from accelock.report.project import holds_at, label_of, lockstep_names, of_families
from accelock.report.sources import check_sources
from accelock.resolve.labels import target_of_url
from accelock.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelock.catalogue import Catalogue
    from accelock.locks.markers import Place
    from accelock.locks.requirements import Pin
    from accelock.report.files import Compiled
    from accelock.report.freshness import Inputs
    from accelock.report.project import Project
    from accelock.settings.settings import Config

_CPUONLY = re.compile(r"#[^#]*\bcpuonly\b")
_CPU = "cpu"


def check_pins(compiled: Compiled, inputs: Inputs, project: Project) -> Iterator[Finding]:
    """Yield what is wrong with the lines of one file."""
    if not compiled.is_as_compiled:
        what = "its pins, hashes or options are not those that were compiled: edited or damaged"
        todo = f"change the inputs instead, and {recompile(compiled)}"
        yield Finding("edited", Level.ERROR, compiled.name, what, todo)
    yield from _hashes(compiled)
    yield from _labels(compiled, inputs, project)
    yield from _pairs(compiled, project)
    yield from check_sources(compiled, project)
    yield from _platforms(compiled, inputs, project)


def _pairs(compiled: Compiled, project: Project) -> Iterator[Finding]:
    """Yield the releases that a machine would get beside each other and that do not go together."""
    pairs: dict[str, None] = {}
    for place in compiled.places:
        held = [pin for pin in compiled.requirements.pins if holds_at(pin, place)]
        versions = {pin.name: pin.version for pin in held if pin.version}
        pairs |= dict.fromkeys(map(str, project.catalogue.foreign_pairs(versions)))
    for what in pairs:
        todo = f"pin the one or the other in the inputs, and {recompile(compiled)}"
        yield Finding("foreign-pair", Level.ERROR, compiled.name, what, todo)


def _hashes(compiled: Compiled) -> Iterator[Finding]:
    pins = compiled.requirements.pins
    if not any(pin.hashes for pin in pins):
        return
    for pin in pins:
        if not pin.hashes and "#sha256=" not in (pin.url or ""):
            what = f"{_spelt(pin)} (line {pin.lineno}) has no hash, and other pins have"
            todo = f"pip refuses such a file; {recompile(compiled)}"
            yield Finding("no-hash", Level.ERROR, compiled.name, what, todo)


def _labels(compiled: Compiled, inputs: Inputs, project: Project) -> Iterator[Finding]:
    target = compiled.target.name
    allowed = {target, _CPU} if _has_cpuonly(inputs, project.config) else {target}
    for family, pin in of_families(compiled, project):
        label = target_of_url(pin.url, family) if pin.url else label_of(pin)
        if label is None or label in allowed or not _is_target(label, project.catalogue):
            continue
        what = f"{_spelt(pin)} (line {pin.lineno}) is a build for {label}; the file is for {target}"
        todo = recompile(compiled)
        yield Finding("foreign-label", Level.ERROR, compiled.name, what, todo)


def _has_cpuonly(inputs: Inputs, config: Config) -> bool:
    """Tell whether the project asks for the CPU builds of a family on every target."""
    marked = any(
        _CPUONLY.search(line) for text in inputs.texts.values() for line in text.splitlines()
    )
    return marked or any(rule.cpuonly for rule in config.packages.values())


def _platforms(compiled: Compiled, inputs: Inputs, project: Project) -> Iterator[Finding]:
    """Yield a finding for each lockstep package that lacks a line for some of the platforms.

    An input may ask for it on some platforms alone, and so may the metadata of another package,
    which is not known here: it has to be on all where an input asks for that, or where the file
    is no longer what was compiled.
    """
    for name in lockstep_names(compiled, project.catalogue):
        lines = compiled.requirements.named(name)
        bare = [p for p in compiled.places if not any(holds_at(pin, p) for pin in lines)]
        if len(bare) == len(compiled.places):
            continue
        if compiled.is_as_compiled:
            bare = [place for place in bare if _is_asked(lines, place, inputs.texts)]
        if bare:
            platforms = ", ".join(dict.fromkeys(place.platform.name for place in bare))
            what = f"{name} has no line for {platforms}, and has one for another platform"
            todo = recompile(compiled)
            yield Finding("not-whole", Level.ERROR, compiled.name, what, todo)


def _is_asked(lines: Iterable[Pin], place: Place, texts: Mapping[str, str]) -> bool:
    """Tell whether an input asks for a package at a place, by the annotation of its lines."""
    via = {word for pin in lines for word in pin.via}
    for path, text in texts.items():
        # pip-compile writes "-r requirements.in"; a constraint (-c) asks for nothing.
        if not any(_names(word, path) for word in via):
            continue
        wanted = {pin.name for pin in lines}
        if any(pin.name in wanted and holds_at(pin, place) for pin in _readable(text)):
            return True
    return False


def _names(word: str, path: str) -> bool:
    return word.startswith("-r ") and PurePosixPath(word[3:]).name == PurePosixPath(path).name


def _readable(text: str) -> tuple[Pin, ...]:
    try:
        return requirements.parse(text).pins
    except AccelockError:
        return ()


def _is_target(label: str, catalogue: Catalogue) -> bool:
    try:
        parse_target(label, catalogue.targets)
    except UnknownWordError:
        return False
    return True


def _spelt(pin: Pin) -> str:
    return f"{pin.name}=={pin.version}" if pin.version else (pin.name or pin.url or "a line")
