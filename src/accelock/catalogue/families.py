"""A family as a TOML table says it: a file of families/, or `[tool.accelock.families.NAME]`.

Both have the same keys. A fault is noted in the table, under its key.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, get_args

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from accelock.catalogue.model import Family, FamilyPackage, Lookup
from accelock.catalogue.relations import Companion, Exclusive
from accelock.catalogue.source import TARGET_FIELD, Source, label_fields
from accelock.errors import AccelockError, UnknownWordError
from accelock.targets import CPU, parse_platform
from accelock.toml import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.catalogue.model import Catalogue
    from accelock.toml import Table

__all__ = ["parse_families", "parse_family", "project_name"]

_KEYS = (
    "index", "label", "unlabelled-platforms", "recognise", "package", "companion", "exclusive",
    "source", "reviewed",
)  # fmt: skip
_PACKAGE_KEYS = ("names", "lockstep", "labelled", "lookup", "runtime", "source", "reviewed")
_COMPANION_KEYS = ("name", "of", "releases", "source", "reviewed")
_EXCLUSIVE_KEYS = ("names", "imports", "source", "reviewed")
_PLACES: tuple[Lookup, ...] = get_args(Lookup)
_LABEL = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.IGNORECASE)  # PEP 440, local versions
_FIELD = re.compile(r"\{([^{}]*)\}")


def parse_family(
    name: str, table: Table, targets: frozenset[str], *, is_yours: bool = False
) -> Family:
    """Return the family that a table says; where it has faults, one that is not to be used.

    :param targets: the names of the targets that `{target}` may stand for.
    :param is_yours: the table is the user's own, and not the catalogue's.
    """
    table.only(_KEYS)
    faults = len(table.faults)
    label = table.text("label", _label)
    index = table.text("index", Source.parse)
    # A label at fault is told already.
    is_told = "{target" in label if label is not None else "label" in table.values
    if "index" not in table.values:
        table.fault(None, f"has no index; write its URL, with {TARGET_FIELD} where the target goes")
    elif index is not None and not (index.has_target or is_told):
        table.fault(
            "index",
            f"has no {TARGET_FIELD}, and no label of builds has one, so nothing distinguishes one "
            f"target's builds from another's: put {TARGET_FIELD} into it, or set label",
        )
    unlabelled = table.words("unlabelled-platforms", parse_platform)
    if unlabelled and "label" not in table.values:
        table.fault(
            "unlabelled-platforms",
            ("is for builds that have a label on other platforms; set label"),
        )
    packages = tuple(
        package for each in table.array("package") for package in _packages(each, is_yours=is_yours)
    )
    if not packages and table.values.get("package") != [] and len(table.faults) == faults:
        table.fault(None, 'has no packages; write [[...package]] with names = ["..."]')
    names = [package.name for package in packages]
    for twice in sorted({each for each in names if names.count(each) > 1}):
        table.fault("package", f"names {twice} a second time")
    return Family(
        name=name,
        index=index.template if index is not None else "",
        packages=packages,
        label_template=label,
        unlabelled_platforms=frozenset(platform.name for platform in unlabelled),
        patterns=table.words("recognise", str),
        targets=targets,
        companions=tuple(_companion(each, names) for each in table.array("companion")),
        exclusive=tuple(_exclusive(each) for each in table.array("exclusive")),
        source=table.text("source", str),
        reviewed=_day(table),
        is_yours=is_yours,
    )


def parse_families(table: Table, catalogue: Catalogue) -> Iterator[Family]:
    """Yield the families of a user's own, by name, each with packages of its own.

    :param table: `[tool.accelock.families]`.
    :param catalogue: without them.
    """
    known = {family.name for family in catalogue.families}
    homes: dict[str, str] = {}
    for name, values in table.tables():
        if table.parsed(name, name, project_name) not in (None, name):
            table.fault(name, f"is written {canonicalize_name(name)!r}")
        if name in known:
            table.fault(
                name,
                "is a family of the catalogue: give yours another name. tool.accelock.packages "
                "adds packages to it, and tool.accelock.sources says where it is read",
            )
        family = parse_family(name, values, catalogue.targets, is_yours=True)
        for package in family.packages:
            if homes.setdefault(package.name, name) != name:
                values.fault("package", f"{package.name} is in {homes[package.name]} already")
        yield family


def project_name(name: str) -> str:
    """Return the canonical name of a project (PEP 503).

    :raises AccelockError: it is none.
    """
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise AccelockError(f"{name!r} is not a project name") from error


def _packages(table: Table, *, is_yours: bool) -> Iterator[FamilyPackage]:
    table.only(_PACKAGE_KEYS)
    names = table.words("names", _project_or_glob)
    if "names" not in table.values:
        table.fault(None, 'has no names; write names = ["..."]')
    lookup = table.words("lookup", _place) or ("family",)
    lockstep = table.boolean("lockstep", default=not any("*" in name for name in names))
    for name in names:
        if lockstep and "*" in name:
            table.fault("lockstep", f"{name} stands for many packages, and they share no version")
        yield FamilyPackage(
            name=name,
            lockstep=lockstep,
            labelled=table.boolean("labelled", default=True),
            lookup=lookup,
            runtime=table.boolean("runtime", default=False),
            source=table.text("source", str),
            reviewed=_day(table),
            is_yours=is_yours,
        )


def _companion(table: Table, names: list[str]) -> Companion:
    table.only(_COMPANION_KEYS)
    for key in ("name", "of", "releases"):
        if key not in table.values:
            table.fault(None, f"has no {key}")
    name = table.text("name", project_name) or ""
    if name and name not in names:
        table.fault("name", str(UnknownWordError("package of the family", name, names)))
    of = table.text("of", project_name) or ""
    return Companion(name, of, tuple(_rows(table)), table.text("source", str), _day(table))


def _rows(table: Table) -> Iterator[tuple[SpecifierSet, SpecifierSet]]:
    """Yield the pairs of releases that go together."""
    rows = table.values.get("releases", [])
    if not isinstance(rows, list):
        table.fault("releases", f"must be an array of pairs, not {kind_of(rows)}")
        return
    for number, row in enumerate(rows):
        if isinstance(row, list) and len(row) == 2 and all(isinstance(each, str) for each in row):  # noqa: PLR2004
            of, own = (table.parsed(f"releases[{number}]", each, _specifier) for each in row)
            if of is not None and own is not None:
                yield of, own
        else:
            table.fault(
                f"releases[{number}]",
                'must be two specifiers, of the other package and of this: [">=2.11", ">=0.17"]',
            )


def _exclusive(table: Table) -> Exclusive:
    table.only(_EXCLUSIVE_KEYS)
    names = table.words("names", project_name)
    if len(names) == 1 or "names" not in table.values:
        table.fault(
            "names", ("must be two projects or more that exclude each other in an environment")
        )
    imports = table.text("imports", str) or (names[0] if names else "")
    return Exclusive(names, imports, table.text("source", str), _day(table))


def _project_or_glob(word: str) -> str:
    if not word.strip("*"):
        raise AccelockError(f"{word!r} matches every project; write the names, or how they begin")
    project_name(word.replace("*", "x"))
    return canonicalize_name(word)


def _place(word: str) -> Lookup:
    if word not in _PLACES:
        raise UnknownWordError("place", word, _PLACES)
    return word


def _label(text: str) -> str:
    """Return a template of a local version label (PEP 440), normalised, without a plus."""
    plain = text.removeprefix("+")
    known = label_fields(CPU, None)
    for field in _FIELD.findall(plain):
        if field not in known:
            raise AccelockError(str(UnknownWordError("field of a label", field, tuple(known))))
    if not _FIELD.search(plain):
        raise AccelockError(f"{text!r} has no {TARGET_FIELD}; leave it out if builds have no label")
    if not _LABEL.fullmatch(_FIELD.sub("1", plain)):
        raise AccelockError(f"{text!r} is not a local version label (PEP 440)")
    return re.sub(r"[-_]", ".", plain.lower())  # the fields have neither


def _specifier(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except ValueError as error:
        raise AccelockError(f"{text!r} is not a version specifier (PEP 440)") from error


def _day(table: Table) -> dt.date | None:
    day = table.values.get("reviewed")
    if day is None or (isinstance(day, dt.date) and not isinstance(day, dt.datetime)):
        return day
    table.fault("reviewed", f"must be a day, as in 2026-11-30, not {kind_of(day)}")
    return None
