"""`accelock families`: what the catalogue knows, from where, and what the project says to it.

The JSON: `format` (1), `families`: a list of `name`, `index` (the catalogue's, a template), `label`
(a template, null where builds carry none), `unlabelled_platforms`, `read_from` (`url`, without
credentials, and `said_by`), `exceptions` (targets with a source of their own: `target`, `url`),
`packages` (each `name`, `lockstep`, `labelled`, `lookup`, `runtime`, `yours`, `source`,
`reviewed`), `companions` (each `name`, `of`, `releases`: pairs of version specifiers, of `of` and
of `name`, `source`, `reviewed`), `yours`, `source` and `reviewed`; and `exclusive`: a list of
`imports`, `names`, `source` and `reviewed`. Days are as in 2026-11-30. `yours`: pyproject.toml says
it; source and day are null then, where it does not tell them.
"""

from __future__ import annotations

import itertools
import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from accelock.catalogue.source import Source, redact, sources_from_environment, variable_of
from accelock.commands.screen import aligned
from accelock.errors import UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from accelock.catalogue import Catalogue, Family, FamilyPackage
    from accelock.catalogue.relations import Companion, Exclusive
    from accelock.settings.project import Settings

FORMAT = 1
_WIDTH = 100
_SHOWN = 3  # names of packages that the list of all families shows


@dataclass(frozen=True, slots=True)
class Known:
    """A family as the project has it: where it is read, and what says so, in words."""

    family: Family
    source: Source
    said_by: str

    def lines(self) -> Iterator[str]:
        """Yield all of it as text."""
        family = self.family
        yield f"{family.name} (yours: pyproject.toml)" if family.is_yours else family.name
        facts = [("read from", f"{self.source.redacted} ({self.said_by})")]
        facts += [
            (f"for {target}", f"{own.redacted} (pyproject.toml)")
            for target, own in self.source.exceptions.items()
        ]
        facts.append(("labels", _labels(family)))
        if family.source is not None:
            facts.append(("reviewed", _reviewed(family.source, family.reviewed)))
        yield from aligned(facts)
        for head, packages in itertools.groupby(family.packages, key=_traits):
            yield ""
            yield head
            found = tuple(packages)
            yield from _wrapped(package.name for package in found)
            for source, reviewed in dict.fromkeys((each.source, each.reviewed) for each in found):
                if source is not None and source != family.source:
                    yield f"  reviewed {_reviewed(source, reviewed)}"
        for companion in family.companions:
            yield ""
            yield f"which {companion.name} goes with which {companion.of}"
            yield from aligned(list(_pairs(companion)))
            if companion.source is not None:
                yield f"  reviewed {_reviewed(companion.source, companion.reviewed)}"

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        family = self.family
        return {
            "name": family.name,
            "index": family.index,
            "label": family.label_template,
            "unlabelled_platforms": sorted(family.unlabelled_platforms),
            "read_from": {"url": self.source.redacted, "said_by": self.said_by},
            "exceptions": [
                {"target": target, "url": own.redacted}
                for target, own in self.source.exceptions.items()
            ],
            "packages": [_package(each) for each in family.packages],
            "companions": [
                {
                    "name": each.name,
                    "of": each.of,
                    "releases": [[str(of), str(own)] for of, own in each.releases],
                    "source": each.source,
                    "reviewed": _day(each.reviewed),
                }
                for each in family.companions
            ],
            "yours": family.is_yours,
            "source": family.source,
            "reviewed": _day(family.reviewed),
        }


@dataclass(frozen=True, slots=True)
class Families:
    """The answer: families, and what excludes what; `is_one` where one family was asked for."""

    known: tuple[Known, ...]
    exclusive: tuple[Exclusive, ...]
    is_one: bool

    def lines(self) -> Iterator[str]:
        """Yield the answer as text."""
        if self.is_one:
            for each in self.known:
                yield from each.lines()
        else:
            yield from aligned(list(self._rows()), indent="")
            yield ""
            yield f"all of one: accelock families {self.known[0].family.name}"
        for number, group in enumerate(self.exclusive):
            if number == 0:
                yield ""
                yield (
                    "install only one package of each line: they all provide the same Python module"
                )
            day = _day(group.reviewed)
            said = f" (reviewed {day})" if day else ""
            yield f"  {group.imports}: {', '.join(group.names)}{said}"

    def dumps(self) -> str:
        """Return the answer as JSON."""
        document = {
            "format": FORMAT,
            "families": [each.document() for each in self.known],
            "exclusive": [
                {
                    "imports": each.imports,
                    "names": list(each.names),
                    "source": each.source,
                    "reviewed": _day(each.reviewed),
                }
                for each in self.exclusive
            ],
        }
        return json.dumps(document, indent=2)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        yield "family", "packages", "read from", "said by", "reviewed"
        for each in self.known:
            names = [one.name for one in each.family.packages if not one.runtime]
            more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            packages = f"{', '.join(names[:_SHOWN])}{more}" or "those that a project assigns to it"
            url = each.source.redacted
            reviewed = _day(each.family.reviewed) or ("yours" if each.family.is_yours else "")
            yield each.family.name, packages, url, each.said_by, reviewed


def families(settings: Settings, word: str | None, environ: Mapping[str, str]) -> Families:
    """Return what is known of all families, or of the one that a word names.

    :param environ: where a variable may say where a family is read.
    :raises UnknownWordError: there is no family of that name.
    :raises ConfigError: a variable says what is no source.
    """
    catalogue = settings.catalogue
    chosen = catalogue.families if word is None else (_named(word, catalogue),)
    from_environment = sources_from_environment(environ, catalogue)
    known = []
    for family in chosen:
        said_by = "pyproject.toml" if family.is_yours else "catalogue"
        source = settings.config.source(family)
        if family.name in from_environment:
            source = from_environment[family.name]
            said_by = variable_of(family.name)
        elif family.name in settings.config.sources:
            said_by = "pyproject.toml"
        known.append(Known(family, source, said_by))
    groups = catalogue.exclusive
    if word is not None:
        groups = tuple(g for g in groups if any(map(chosen[0].package, g.names)))
    return Families(tuple(known), groups, is_one=word is not None)


def _named(word: str, catalogue: Catalogue) -> Family:
    """Return the family of that name, or that has a package of that name.

    :raises UnknownWordError: there is neither.
    """
    if canonicalize_name(word) not in {family.name for family in catalogue.families}:
        found = catalogue.family_of(word)
        if found is not None:
            return found[0]
        names = [family.name for family in catalogue.families]
        packages = [each.name for family in catalogue.families for each in family.packages]
        raise UnknownWordError("family or package of one", word, [*names, *packages])
    return catalogue.family(canonicalize_name(word))


def _labels(family: Family) -> str:
    if family.label_template is None:
        return "none: each target's index has its builds alone"
    some = ", ".join(sorted(family.unlabelled_platforms))
    without = f"; builds for {some} may carry none" if some else ""
    return f"+{family.label_template}{without}"


def _traits(package: FamilyPackage) -> str:
    """Say in words what the entries of a group have in common."""
    places = {"family": "the family's source", "default": "PyPI"}
    first, *rest = (places[place] for place in package.lookup)
    where = f"{first}, else {rest[0]}" if rest else f"{first} alone"
    words = [
        "what these pull in" if package.runtime else "packages",
        "one version on all targets" if package.lockstep else "versions may differ",
        "labelled" if package.labelled else "no label needed",
        f"from {where}",
    ]
    return f"{'yours: ' if package.is_yours else ''}{'; '.join(words)}"


def _wrapped(names: Iterable[str]) -> Iterator[str]:
    yield from textwrap.wrap(
        ", ".join(names),
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
    )


def _pairs(companion: Companion) -> Iterator[Sequence[str]]:
    yield companion.of, companion.name
    for of, own in companion.releases:
        yield str(of), str(own)


def _package(package: FamilyPackage) -> dict[str, Any]:
    return {
        "name": package.name,
        "lockstep": package.lockstep,
        "labelled": package.labelled,
        "lookup": list(package.lookup),
        "runtime": package.runtime,
        "yours": package.is_yours,
        "source": package.source,
        "reviewed": _day(package.reviewed),
    }


def _reviewed(source: str, reviewed: date | None) -> str:
    return ", ".join(filter(None, (_day(reviewed), redact(source))))


def _day(reviewed: date | None) -> str | None:
    return reviewed.isoformat() if reviewed else None
