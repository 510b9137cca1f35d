"""The text of a rewritten file: lines that need not change stay as they are, to the letter.

What changes is written by the writer that compile has, in the place of the old lines.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version
from piptools.utils import is_url_requirement
from piptools.writer import annotation_style_line, annotation_style_split

from accelock.catalogue import Source
from accelock.hosts.piptools import files, render
from accelock.hosts.piptools.merge import place_of
from accelock.locks import markers, requirements, stamp
from accelock.locks.requirements import without_comment, without_flags

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from accelock.hosts.piptools.merge import Variant
    from accelock.hosts.piptools.plan import Plan
    from accelock.hosts.piptools.rewrite.result import Rewrite
    from accelock.locks.requirements import RequirementLine, RequirementsFile

MADE_BY = "# rewritten for a target by: "
_MADE_EARLIER = "# turned to a target by: "
UNSAFE_COMMENT = "# The following packages are considered to be unsafe in a requirements file:"
UNSAFE_NAMES = frozenset({"distribute", "pip", "setuptools"})
_MORE = frozenset({"--extra-index-url", "--find-links"})
_SOURCES = _MORE | {"--index-url"}
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")  # as pip expands them in requirements files
_FROM = "# from "  # uv's word for the index of a pin


def rewritten(rewrite: Rewrite, command: str) -> str:
    """Return the text of a file for its target.

    :param command: the command line that makes it, which its header says.
    """
    file, blocks = rewrite.file.file, Blocks(rewrite)
    changed, options = option_lines(rewrite)
    edit = functools.partial(edited, file, {**blocks.changed(), **changed}, blocks.added(), options)
    text = edit()
    stamp = files.stamp_without_inputs(rewrite.run, rewrite.file.target, text)
    said = [f"# {what}" for what in [open_to(text)] if what]
    end = "#" if file.header else ""
    return edit(comments=[MADE_BY + command, *said, *stamp.render(), end])


def open_to(text: str) -> str | None:
    """Return what does not hold of the text of a file, as compile says it of its own; or None."""
    file = requirements.parse(text, "the rewritten file")
    return render.open_to(
        is_hashed=any(pin.hashes for pin in file.pins),
        has_more=any(option.flag in _MORE for option in file.options),
    )


def without_ours(text: str) -> str:
    """Return the text of a file without the comments of an earlier rewrite or compile of ours."""
    kept: list[str] = []
    behind_ours = False
    for line in text.splitlines(keepends=True):
        ours = line.startswith((stamp.PREFIX, MADE_BY, _MADE_EARLIER, f"# {render.NO_HASHES}"))
        if not ours and not (behind_ours and line.strip() in {"#", ""}):
            kept.append(line)
        behind_ours = ours
    return "".join(kept)


@dataclass(frozen=True)
class Blocks:
    """The lines of the requirements: each pin with its hashes and its annotation."""

    rewrite: Rewrite

    def changed(self) -> dict[int, list[str]]:
        """Return what stands for the lines that a requirement of the file begins at."""
        rewrite = self.rewrite
        found = {
            pin.lineno: lines
            for pin in rewrite.file.file.pins
            if (lines := self._kept(pin)) != self._physical(pin)
        }
        for name, pins in rewrite.file.pinned.items():
            if name in rewrite.variants and not self._is_same(name, pins):
                found.update(self._replaced(name, pins))
        return {**found, **{p.lineno: [] for pins in rewrite.dropped.values() for p in pins}}

    def added(self) -> dict[str, list[str]]:
        """Return the lines of the packages that the file does not have, by name."""
        return {
            name: [line for v in variants for line in self._block(v, v.marker, v.parents)]
            for name, variants in self.rewrite.variants.items()
            if name not in self.rewrite.file.pinned
        }

    def _is_same(self, name: str, pins: Sequence[RequirementLine]) -> bool:
        """Return whether the lines of a package already say what was found."""
        held, found = self.rewrite.file.held(name), self.rewrite.found(name)
        said = {c: canonicalize_version(v, strip_trailing_zero=False) for c, v in held.items()}
        return (
            said == found
            and not any(pin.url is not None or pin.version is None for pin in pins)
            and not any(is_url_requirement(v.requirement) for v in self.rewrite.variants[name])
            and all(self._has_hashes_of(variant, pins) for variant in self.rewrite.variants[name])
        )

    def _has_hashes_of(self, variant: Variant, pins: Sequence[RequirementLine]) -> bool:
        """Return whether lines have the hashes of a variant: all, and of a build no others."""
        has = {digest for pin in self._held_in(variant, pins) for digest in pin.hashes}
        if not self.rewrite.hashes:
            return not has
        package, foreign = self.rewrite.file.package(variant.name), self._foreign(variant)
        exact = package is not None and package.labelled
        return has == variant.hashes if exact else has >= variant.hashes and not has & foreign

    def _replaced(self, name: str, pins: Sequence[RequirementLine]) -> dict[int, list[str]]:
        """Return the new lines of a package that the file has, in place of the first that holds.

        Lines for other Pythons or platforms stay beside them.
        """
        file = self.rewrite.file
        old = [pin for pin in pins if file.is_accelerated(name) or file.concerns(pin)]
        kept = [pin for pin in pins if pin not in old]
        told, lines = self._words((old or pins)[0]), list[str]()
        for variant in self.rewrite.variants[name]:
            marker = self._marker(variant, old if kept else ())
            lines += self._block(variant, marker, told | variant.parents)
        if not old:
            return {kept[-1].lineno: [*self._kept(kept[-1]), *lines]}
        return {**{pin.lineno: [] for pin in old}, old[0].lineno: lines}

    def _marker(self, variant: Variant, old: Sequence[RequirementLine]) -> str | None:
        """Return the marker of a line, which keeps apart from lines that stay for other places."""
        file = self.rewrite.file
        every = [place_of(cell) for cell in file.plan.cells]
        here = {pin.marker for pin in self._held_in(variant, old)}
        if None in here or len(here) != 1:
            return variant.marker
        ours = markers.simplest(variant.places, every)
        return markers.combine(here.pop(), ours, variant.places, every, file.plan.patch)

    def _held_in(self, variant: Variant, pins: Iterable[RequirementLine]) -> list[RequirementLine]:
        """Return the lines that hold in any cell of a variant."""
        where = self.rewrite.file.where
        return [p for p in pins if any(place_of(c) in variant.places for c in where(p.marker))]

    def _block(self, variant: Variant, marker: str | None, words: Collection[str]) -> list[str]:
        writer = next(iter(self.rewrite.compiled.captures.values())).writer
        hashes = variant.hashes - self._foreign(variant) if self.rewrite.hashes else frozenset()
        line = replace(variant, marker=marker, hashes=hashes)
        return self._annotated(render.pin_lines(line, writer), words)

    def _foreign(self, variant: Variant) -> frozenset[str]:
        return self.rewrite.foreign_hashes.get(variant.name, frozenset())

    def _kept(self, pin: RequirementLine) -> list[str]:
        """Return the lines of a pin that stays, without those who ask for it no more.

        A path or a URL gets its hash, or loses it. pip takes no hash of an editable, and refuses
        one in a file with hashes.
        """
        words, lines = self._words(pin), pin.raw.splitlines()
        physical = [line for line in self._physical(pin) if not self._is_foreign(line)]
        hashes = self.rewrite.url_hashes.get(pin.name, frozenset()) if self.rewrite.hashes else ()
        takes_hash = self.rewrite.file.is_direct_url(pin) and not pin.editable
        if takes_hash and bool(pin.hashes) != bool(hashes):
            joined = " ".join(line.removesuffix("\\") for line in lines)
            line = without_flags(without_comment(joined)[0])[0]
            lines = [line, *(f"    --hash={digest}" for digest in sorted(hashes))]
            lines[:-1] = [f"{line} \\" for line in lines[:-1]]
        elif words == set(pin.via) or not words:
            return physical
        else:
            lines[-1] = without_comment(lines[-1])[0]
        origins = [line for line in physical if line.strip().startswith(_FROM)]
        return [*self._annotated(lines, words), *origins]

    def _annotated(self, lines: Sequence[str], words: Collection[str]) -> list[str]:
        """Return the lines of a pin and of those who ask for it, in the style of the file."""
        if not words or not any(pin.via for pin in self.rewrite.file.file.pins):
            return list(lines)
        if self._is_split:
            return [*lines, *f"    {annotation_style_split(set(words))}".splitlines()]
        annotation = annotation_style_line(set(words))
        one = len(lines) == 1
        return [f"{lines[0]:24}  {annotation}"] if one else [*lines, f"    {annotation}"]

    @property
    def _is_split(self) -> bool:
        """Return whether each one who asks has a line of its own, as in pip-compile's default."""
        return not any(
            re.search(r"#\s*via\b", pin.raw) or (len(pin.via) > 1 and "\n" not in pin.annotation)
            for pin in self.rewrite.file.file.pins
        )

    def _words(self, pin: RequirementLine) -> set[str]:
        """Return who asks for a pin by the file's own words, without packages that go."""
        return {word for word in pin.via if canonicalize_name(word) not in self.rewrite.dropped}

    def _is_foreign(self, line: str) -> bool:
        """Return whether a comment of uv's names another target's index as that of a pin."""
        url = line.strip().removeprefix(_FROM).rstrip("/")
        return (
            line.strip().startswith(_FROM)
            and _is_of_family(url, self.rewrite.file.plan)
            and url not in _sources(self.rewrite)
        )

    def _physical(self, pin: RequirementLine) -> list[str]:
        lines = self.rewrite.file.file.text.removeprefix("\ufeff").splitlines()
        return lines[pin.lineno - 1 : pin.last_lineno]


def option_lines(rewrite: Rewrite) -> tuple[dict[int, list[str]], list[str]]:
    """Return what stands for the old lines of a family's sources, and the lines to have besides.

    A line that the file has already stays. One that differs in the target alone is changed, so that
    its `${TOKEN}` stays in it.
    """
    file, plan, wanted = rewrite.file.file, rewrite.file.plan, _sources(rewrite)
    changed: dict[int, list[str]] = {}
    for lineno in dict.fromkeys(option.lineno for option in file.options):
        beside = [option for option in file.options if option.lineno == lineno]
        ours = [o for o in beside if o.flag in _SOURCES and _is_of_family(o.value or "", plan)]
        lines = [f"{o.flag} {o.value or ''}".rstrip() for o in beside if o not in ours]
        for option in ours:
            spelt = _for_target(option.value or "", rewrite)
            url = Source(_expanded(spelt)).without_credentials.template
            flag = wanted.pop(url, None)
            stays = option.flag == flag and (option.value or "").rstrip("/") == url
            lines += [option.raw] if stays and not lines else [f"{flag} {spelt}"] if flag else []
        if ours and lines != [ours[0].raw]:
            changed[lineno] = lines
    return changed, [f"{flag} {url}" for url, flag in wanted.items()]


def _sources(rewrite: Rewrite) -> dict[str, str]:
    """Return the URLs of the families that the file needs: URL -> the option that names it."""
    indexes, pages = files.family_lines(rewrite.compiled, rewrite.file.target)
    return dict.fromkeys(indexes, "--extra-index-url") | dict.fromkeys(pages, "--find-links")


def _is_of_family(url: str, plan: Plan) -> bool:
    url = _expanded(url)
    return url in plan.source_urls or plan.catalogue.recognise(url) is not None


def _for_target(value: str, rewrite: Rewrite) -> str:
    """Return a family's URL as it is written, for the target of the rewrite."""
    known = rewrite.file.plan.catalogue.recognise(value)
    if known is None:
        return value
    return Source(known[1]).url(rewrite.run.routed.variant(known[0], rewrite.file.target))


def _expanded(value: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], value)


def edited(
    file: RequirementsFile,
    changed: Mapping[int, Sequence[str]],
    added: Mapping[str, Sequence[str]],
    options: Sequence[str] = (),
    comments: Sequence[str] = (),
) -> str:
    """Return the text of a file with other lines; its kind of newline is kept.

    :param changed: the number (from 1) of the line that a requirement or option begins at -> the
        lines to have in its place, with its annotation; none where it goes.
    :param added: name -> the lines of a package that the file does not have.
    :param options: option lines to have besides, before the first requirement.
    :param comments: comment lines to have at the end of the header.
    """
    lines = file.text.removeprefix("\ufeff").splitlines()
    last = {option.lineno: option.lineno + option.raw.count("\n") for option in file.options}
    last |= {pin.lineno: pin.last_lineno for pin in file.pins}
    slots = [*([line] for line in lines), []]
    for first, new in changed.items():
        slots[first - 1 : last[first]] = [list(new), *([[]] * (last[first] - first))]
    before: list[list[str]] = [[] for _ in slots]
    before[len(file.header)] += comments
    place = _options_place(file)
    follows = "".join(lines[place : place + 1]).strip()
    before[place] += [*options, *([""] if options and follows else [])]
    for name in sorted(added):
        before[_place(file, name, lines)] += added[name]
    found = [line for pair in zip(before, slots, strict=True) for each in pair for line in each]
    while found and (not found[-1].strip() or found[-1] == UNSAFE_COMMENT):
        found.pop()
    while found and not found[0].strip():
        found.pop(0)
    return "".join(f"{line}{file.newline}" for line in found or [""])


def _place(file: RequirementsFile, name: str, lines: Sequence[str]) -> int:
    """Return the index of the line before which a new package stands.

    In a sorted file it stands where it sorts; in any other, behind the last requirement. Below
    pip-compile's comment on unsafe packages stand those, and no others.
    """
    pins: Iterable[RequirementLine] = file.pins
    if UNSAFE_COMMENT in lines:
        unsafe = lines.index(UNSAFE_COMMENT)
        pins = [pin for pin in pins if (pin.lineno > unsafe) == (name in UNSAFE_NAMES)]
    end = max((pin.last_lineno for pin in pins), default=len(file.header))
    named = [pin for pin in pins if pin.name and not pin.editable and pin.url is None]
    if [pin.name for pin in named] != sorted(pin.name for pin in named):
        return end
    return next((pin.lineno - 1 for pin in named if pin.name > name), end)


def _options_place(file: RequirementsFile) -> int:
    """Return the index of the line before which new options stand: behind the old ones."""
    first = min((pin.lineno for pin in file.pins), default=len(file.text.splitlines()) + 1)
    old = [option for option in file.options if option.lineno < first]
    return old[-1].lineno + old[-1].raw.count("\n") if old else len(file.header)
