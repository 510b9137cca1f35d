"""The edit that turns a compiled file to a target, and what had to move for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from accelock.lock.rewriting import Edit
from accelock.piptools import engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accelock.lock.requirements import Pin, RequirementsFile
    from accelock.piptools.merge import Variant


def edit(file: RequirementsFile, compiled: engine.Compiled, *, hashes: bool) -> Edit:
    """Return what has to change in a file so that it says what was compiled."""
    found = _by_name(compiled)
    replaced: dict[str, list[str]] = {}
    added: dict[str, list[str]] = {}
    for name, variants in found.items():
        pins = file.named(name)
        if not pins:
            added[name] = _blocks(variants, None, _style(file))
        elif not _same(pins, variants, hashes=hashes):
            replaced[name] = _blocks(variants, pins[0], _style(file))
    indexes, pages = engine.family_lines(compiled, compiled.run.plan.targets[0])
    own = [*(f"--extra-index-url {u}" for u in indexes), *(f"--find-links {u}" for u in pages)]
    there = {option.raw.strip() for option in file.options}
    return Edit(
        replaced=replaced,
        added=added,
        dropped=frozenset(p.name for p in file.pins if p.name and p.name not in found),
        dropped_options=frozenset(_foreign_options(file, compiled) - set(own)),
        options=[line for line in own if line not in there],
    )


def report(file: RequirementsFile, compiled: engine.Compiled) -> Iterator[str]:
    """Yield a line for each package that had to move, come or go, and why."""
    found = _by_name(compiled)
    target = compiled.run.plan.targets[0]
    for name, variants in sorted(found.items()):
        pins = file.named(name)
        old = {Version(pin.version).public for pin in pins if pin.version}
        new = {v for v in (_public(variant) for variant in variants) if v}
        if pins and old and new and not new & old:
            why = _why(name, max(old, key=Version), variants, compiled)
            yield f"{name}: {', '.join(sorted(old))} -> {', '.join(sorted(new))} ({why})"
        elif not pins:
            yield f"{name}: added ({_asked_by(variants)})"
    for pin in file.pins:
        if pin.name and pin.name not in found:
            yield f"{pin.name}: dropped (nothing asks for it on {target.name})"


def _why(name: str, old: str, variants: Sequence[Variant], compiled: engine.Compiled) -> str:
    run = compiled.run
    if run.shelves.find(name) is not None:
        for cell in run.plan.cells:
            has = run.shelves.versions(name, cell)
            if has and Version(old) not in has:
                return f"{cell.target.name} on {cell.platform.name} has no {old}"
    return _asked_by(variants)


def _asked_by(variants: Sequence[Variant]) -> str:
    parents = sorted(
        {parent for v in variants for parent in getattr(v.requirement, "_required_by", ())}
    )
    parents = [parent for parent in parents if not parent.startswith(("-r ", "-c "))]
    return f"needed by {', '.join(parents)}" if parents else "asked for directly"


def _by_name(compiled: engine.Compiled) -> dict[str, list[Variant]]:
    """Return the lines to have; unsafe packages only where the file pins such ones itself."""
    target = compiled.run.plan.targets[0]
    found: dict[str, list[Variant]] = {}
    for variant in compiled.variants[target.name]:
        allowed = next(iter(compiled.captures.values())).writer["allow_unsafe"]
        if not variant.unsafe or allowed:
            found.setdefault(variant.name, []).append(variant)
    return found


def _public(variant: Variant) -> str | None:
    _name, equals, version = variant.text.partition("==")
    return Version(version).public if equals else None


def _same(pins: Sequence[Pin], variants: Sequence[Variant], *, hashes: bool) -> bool:
    """Return whether the lines of a package can stay as they are."""
    if any(pin.url is not None or pin.editable for pin in pins):
        return True
    if any(not set(v.hashes) <= {h for p in pins for h in p.hashes} for v in variants if hashes):
        return False
    old = {(pin.version, pin.marker) for pin in pins}
    new = {(variant.text.partition("==")[2], variant.marker) for variant in variants}
    return old == new


def _blocks(variants: Sequence[Variant], pin: Pin | None, style: str) -> list[str]:
    """Return the lines of a package: with its old annotation, or one in the file's style."""
    blocks = []
    for variant in variants:
        line = variant.text + (f" ; {variant.marker}" if variant.marker else "")
        line += "".join(f" \\\n    --hash={digest}" for digest in sorted(variant.hashes))
        blocks.append("\n".join([line, *_annotation(variant, pin, style)]))
    return blocks


def _annotation(variant: Variant, pin: Pin | None, style: str) -> list[str]:
    if pin is not None:
        return [f"    {line}" for line in pin.annotation.splitlines()]
    asked = sorted(getattr(variant.requirement, "_required_by", ()))
    if style == "none" or not asked:
        return []
    if style == "line" or len(asked) == 1:
        return [f"    # via {', '.join(asked)}"]
    return ["    # via", *(f"    #   {parent}" for parent in asked)]


def _style(file: RequirementsFile) -> str:
    annotated = [pin for pin in file.pins if pin.via]
    if not annotated:
        return "none"
    several = [pin for pin in annotated if len(pin.via) > 1]
    return "line" if any("\n" not in pin.annotation for pin in several) else "split"


def _foreign_options(file: RequirementsFile, compiled: engine.Compiled) -> set[str]:
    """Return the option lines that name an index or page of a family: the target's stand anew."""
    families = compiled.run.plan.catalogue.families
    flags = {"--index-url", "--extra-index-url", "--find-links"}
    return {
        option.raw
        for option in file.options
        if option.flag in flags
        and option.value is not None
        and (
            any(family.recognise(option.value) for family in families)
            or option.value in compiled.run.plan.source_urls
        )
    }
