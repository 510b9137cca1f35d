"""What a requirements.in says by hand: indexes of a family, labels of builds, URLs of wheels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.locks import requirements
from accelock.moving_in.by_hand import Build, FamilyPlace, build_of, place_of, without_label
from accelock.moving_in.lines import without
from accelock.moving_in.model import Observation, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.catalogue import Catalogue
    from accelock.locks.requirements import Option, RequirementLine, RequirementsFile

_PLACES = frozenset({"--index-url", "--extra-index-url", "--find-links"})


@dataclass(eq=False)
class Input:
    """A requirements.in, and what becomes of it.

    :param clean: its text without what it says by hand.
    :param places: the families' indexes and pages that it names, each with its finding.
    :param builds: the targets whose builds it names, each with the first finding.
    :param is_told: each package of a family that is built per target names its build.
    """

    name: str
    text: str
    file: RequirementsFile
    clean: str
    findings: list[Observation] = field(default_factory=list)
    places: list[tuple[FamilyPlace, Observation]] = field(default_factory=list)
    builds: dict[str, Observation] = field(default_factory=dict)
    is_told: bool = False

    @property
    def targets(self) -> dict[str, Observation]:
        """Return the targets that it is for; its labels decide where they say it of all."""
        if self.is_told and len(self.builds) == 1:
            return self.builds
        indexed = {place.target: finding for place, finding in self.places if place.target}
        return {**indexed, **self.builds}

    @property
    def sources(self) -> dict[str, dict[str, Observation]]:
        """Return where it has families from: not a page of all targets beside an index of one."""
        found: dict[str, dict[str, Observation]] = {}
        for place, finding in self.places:
            others = (each for each, _ in self.places if each.family == place.family)
            is_page = "{target}" not in place.template
            if place.source is not None and not (is_page and any(each.target for each in others)):
                found.setdefault(place.family.name, {}).setdefault(place.source, finding)
        return found

    def reading(self, words: tuple[str, ...]) -> Reading:
        """Return what it comes to by itself.

        :param words: the targets that the user names, who says with them what a page is for.
        """
        found = Reading(list(self.findings), dict(self.targets), self.sources)
        if self.places and not self.targets and not words:
            place, finding = self.places[0]
            todo = "no label shows for which target; name the targets: accelock init cpu ..."
            found.take(Observation(self.name, finding.line, place.said, todo, is_open=True))
        if len(self.targets) > 1:
            said = ", ".join(f"{name} (line {each.line})" for name, each in self.targets.items())
            todo = (
                "accelock cannot tell which requirement is for which target; keep one index, or "
                "make a file for each"
            )
            line = min(each.line for each in self.targets.values())
            found.take(Observation(self.name, line, f"builds for {said}", todo, is_open=True))
        if self.clean != self.text:
            found.edits[self.name] = self.clean
        if self.clean != self.text or self.targets:
            found.locked.append(self.name)
        return found


def read_input(name: str, text: str, catalogue: Catalogue) -> Input:
    """Read a requirements.in.

    :raises RequirementsError: a line is neither a requirement nor an option.
    """
    file = requirements.parse(text, name)
    found = Input(name, text, file, text)
    lines = text.splitlines(keepends=True)
    for pin in file.pins:
        build = build_of(pin.name, pin.specifier, pin.url, catalogue)
        if build is not None:
            _take_build(found, pin, build, lines)
    labelled = [pin for pin in file.pins if _is_labelled(pin.name, catalogue)]
    found.is_told = bool(labelled) and all(_names_build(pin, catalogue) for pin in labelled)
    gone = set(_take_places(found, catalogue))
    found.clean = "".join(without(lines, gone))
    found.findings.sort(key=lambda finding: finding.line)
    return found


def _take_places(found: Input, catalogue: Catalogue) -> Iterator[int]:
    """Note the indexes of families, and yield the lines (from 0) that go."""
    options = found.file.options
    for option in options:
        place = place_of(option.value or "", catalogue) if option.flag in _PLACES else None
        if place is None:
            continue
        beside = [o for o in options if o.lineno == option.lineno and o is not option]
        todo = _in_its_place(option, place)
        goes = False
        if "${" in str(option.value):
            todo = "stays: it contains a variable, and pyproject.toml cannot"
        elif any(not place_of(each.value or "", catalogue) for each in beside):
            todo = "stays: put each option on its own line, and run this again"
        else:
            goes = True
            if found.is_told and place.target and place.target not in found.builds:
                todo = "no requirement here needs it; the line goes"
        finding = Observation(found.name, option.lineno, f"{option.flag}, {place.said}", todo)
        found.findings.append(finding)
        if goes:
            found.places.append((place, finding))
            yield from range(option.lineno - 1, option.lineno + option.raw.count("\n"))


def _in_its_place(option: Option, place: FamilyPlace) -> str:
    parts = place.becomes
    if option.flag == "--index-url":
        parts.append("all other packages then come from pip's own index (PyPI)")
    return f"{', '.join(parts) or 'nothing'}; the line goes"


def _take_build(found: Input, pin: RequirementLine, build: Build, lines: list[str]) -> None:
    """Note a build that a requirement names, and write the public version in its lines."""
    what = f"{pin.name}, a build for {build.target}"
    if not build.is_listed:
        todo = "stays: its URL is not on an index of its family, and serves that target alone"
        found.findings.append(Observation(found.name, pin.lineno, what, todo))
        return
    if pin.hashes:
        todo = "its hashes belong to this build: remove them, and run this again"
        found.findings.append(Observation(found.name, pin.lineno, what, todo, is_open=True))
        return
    first = pin.lineno - 1
    if pin.url is None:
        for number in range(first, first + pin.raw.count("\n") + 1):
            head, comment = _apart(lines[number])
            lines[number] = without_label(head) + comment
        becomes = f"{pin.name}{without_label(pin.specifier)}"
    else:
        extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
        becomes = f"{pin.name}{extras}=={build.public}"
        marker = f" ; {pin.marker}" if pin.marker else ""
        _, comment = _apart(lines[first])
        lines[first] = f"{becomes}{marker}{comment}"
    finding = Observation(found.name, pin.lineno, what, f'targets = ["{build.target}"], {becomes}')
    found.findings.append(finding)
    found.builds.setdefault(build.target, finding)


def _apart(line: str) -> tuple[str, str]:
    """Split a line from its comment and its end; a `#` without a space before it is of a URL."""
    cut = re.search(r"(?:(?:^|\s+)#.*)?\s*$", line, re.DOTALL)
    at = cut.start() if cut else len(line)
    return line[:at], line[at:]


def _is_labelled(name: str, catalogue: Catalogue) -> bool:
    entry = catalogue.family_of(name) if name else None
    return entry is not None and entry[1].labelled


def _names_build(pin: RequirementLine, catalogue: Catalogue) -> bool:
    return build_of(pin.name, pin.specifier, pin.url, catalogue) is not None
