"""Extras and groups of Poetry of which there is one for each accelerator: cpu, cu126.

They go. What all of them ask for, the project asks for; what one asks for alone is its target's.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from accelock.catalogue.load import load_substitutes
from accelock.moving_in.by_hand import WORD, target_of
from accelock.moving_in.dependencies import (
    asks_for,
    constraints,
    plain_requirement,
    requirement_of,
    requirements,
    table_value,
)
from accelock.moving_in.poetry_tables import EXTRAS, GROUPS, MAIN, PoetryTables, source_of
from accelock.moving_in.pyproject import Edit, Path, below, table_at, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_OF_POETRY: Path = ("tool", "poetry", "extras")
_POETRY_GROUPS: Path = ("tool", "poetry", "group")


def read_tables(tables: PoetryTables, words: Sequence[str]) -> None:
    """Note all that a pyproject.toml says by hand, such extras and groups among it.

    :param words: the targets that the user names, who tells with them which one `gpu` is.
    """
    tables.read_sources()
    tables.extras = _targets(tables, _extras(tables), words, (EXTRAS, _OF_POETRY))
    tables.groups = _targets(tables, _groups(tables), words, (GROUPS, _POETRY_GROUPS))
    tables.read_dependencies()
    tables.read_pip_tools()
    _move_extras(tables)
    _move_groups(tables)
    tables.drop_sources()
    if tables.edits and not tables.reading.targets and not words:
        path = min(tables.edits, key=str)
        tables.stop(path, "for several targets", "name the targets: accelock init cpu cu126")


def _extras(tables: PoetryTables) -> dict[str, set[str]]:
    """Return the extras that may be such, with the targets of the sources that go with them."""
    names = [*table_at(tables.data, *EXTRAS), *table_at(tables.data, *_OF_POETRY)]
    found: dict[str, set[str]] = {name: set() for name in names if WORD.search(name)}
    for value in table_at(tables.data, *MAIN).values():
        for each in constraints(value):
            target = tables.sources.get(source_of(each))
            for extra in asks_for(str(each.get("markers", ""))):
                if target and extra in names:
                    found.setdefault(extra, set()).add(target)
    return found


def _groups(tables: PoetryTables) -> dict[str, set[str]]:
    groups = table_at(tables.data, *_POETRY_GROUPS)
    found: dict[str, set[str]] = {}
    for name in [n for n in (*groups, *table_at(tables.data, *GROUPS)) if WORD.search(n)]:
        values = table_at(groups, name, "dependencies").values()
        targets = (tables.sources.get(source_of(c)) for v in values for c in constraints(v))
        found[name] = {target for target in targets if target}
    return found


def _targets(
    tables: PoetryTables,
    found: Mapping[str, set[str]],
    words: Sequence[str],
    roots: Sequence[Path],
) -> dict[str, str]:
    """Return each name with its target; none, where there are not two, so that none is a choice."""
    made: dict[str, str] = {}
    if len(found) < 2 or not any(_is_of_hardware(tables, name, roots) for name in found):  # noqa: PLR2004
        return made
    spare = {each for each in (*tables.sources.values(), *words) if each not in (None, "cpu")}
    for name, targets in found.items():
        word = WORD.search(name)
        named = target_of(word[1], tables.catalogue) if word else None
        known = targets or ({named} if named else spare)
        if len(known) != 1 or known & set(made.values()):
            root = next(root for root in roots if name in table_at(tables.data, *root))
            todo = "accelock cannot tell its target; name the targets: accelock init cpu cu126"
            tables.stop((*root, name), f"{name}, one of several for accelerators", todo)
            return {}
        made[name] = str(next(iter(known)))
    return made


def _is_of_hardware(tables: PoetryTables, name: str, roots: Sequence[Path]) -> bool:
    """Tell whether an extra or a group asks for a package that comes in builds per target."""
    values = [below(tables.data, *root, name) for root in roots]
    texts = [text for each in values if isinstance(each, list) for text in each]
    own = [key for each in values for key in table_at(each, "dependencies")]
    names = [*own, *(n for t in texts if isinstance(t, str) for n in re.findall(r"^[\w.-]+", t))]
    return any(
        tables.catalogue.family_of(each) or canonicalize_name(each) in _substituted()
        for each in names
    )


@functools.cache
def _substituted() -> frozenset[str]:
    return frozenset[str]().union(*(each.names for each in load_substitutes().values()))


# Extras


def _move_extras(tables: PoetryTables) -> None:
    arrays = table_at(tables.data, *EXTRAS)
    asked: dict[str, list[Requirement]] = {}
    for extra, target in tables.extras.items():
        for root in (EXTRAS, _OF_POETRY):
            if extra in table_at(tables.data, *root):
                _take_out(tables, (*root, extra), f"the extra {extra}", target)
        if extra in arrays:
            asked[target] = _plain(tables, (*EXTRAS, extra), arrays[extra])
        elif extra in tables.extras_of_poetry:
            _of_one_extra(tables, extra, target)
    for other, texts in arrays.items():
        for each in requirements(texts):
            if other not in tables.extras and each.extras & tables.extras.keys():
                tables.stop((*EXTRAS, other), str(each), "remove from it the extras that go")
    _ask(tables, asked, (*EXTRAS, *list(tables.extras)[:1]))


def _of_one_extra(tables: PoetryTables, extra: str, target: str) -> None:
    """Let a target ask for what its extra has, and not all of the others for accelerators have."""
    main = table_at(tables.data, *MAIN)
    for name in tables.of_some_extras.intersection(tables.extras_of_poetry[extra], main):
        left = tables.without_optional(name, tables.constraint(name, main[name]).value)
        tables.for_target(target, name, requirement_of(name, left), (*MAIN, name))
        tables.change((*MAIN, name), None)


# Groups


def _move_groups(tables: PoetryTables) -> None:
    arrays, own = table_at(tables.data, *GROUPS), table_at(tables.data, *_POETRY_GROUPS)
    asked: dict[str, list[Requirement]] = {}
    for group, target in tables.groups.items():
        for root in (GROUPS, _POETRY_GROUPS):
            if group in table_at(tables.data, *root):
                _take_out(tables, (*root, group), f"the group {group}", target)
        if group in arrays:
            asked[target] = _plain(tables, (*GROUPS, group), arrays[group])
        else:
            asked[target] = _of_table(tables, group, table_at(own, group, "dependencies"))
    for other, items in arrays.items():
        for item in items if isinstance(items, list) else []:
            included = item.get("include-group") if isinstance(item, dict) else None
            if included in tables.groups:
                tables.stop(
                    (*GROUPS, other), f"includes {included}", ("remove from it the groups that go")
                )
    _ask(tables, asked, (*_POETRY_GROUPS, *list(tables.groups)[:1]))


def _of_table(tables: PoetryTables, group: str, table: Mapping[str, Any]) -> list[Requirement]:
    """Return the requirements of a group that goes."""
    found = []
    for name, value in table.items():
        values = [tables.constraint(name, each).value for each in constraints(value)]
        requirement = requirement_of(name, values[0]) if len(values) == 1 else None
        if requirement is None:
            path = (*_POETRY_GROUPS, group, "dependencies", name)
            tables.stop(path, f"{name} of the group {group}", "write it as one plain version")
        else:
            found.append(requirement)
    return found


# Both


def _take_out(tables: PoetryTables, path: Path, what: str, target: str) -> None:
    tables.say(path, what, f'targets = ["{target}"]; it goes', target)
    tables.change(path, None)


def _plain(tables: PoetryTables, path: Path, texts: Any) -> list[Requirement]:
    """Return the requirements of an array that goes, without the builds that they name."""
    found = []
    for text in texts if isinstance(texts, list) else []:
        try:
            requirement = Requirement(plain_requirement(text, tables.catalogue)[0])
        except (ValueError, TypeError):
            requirement = None
        if requirement is None or requirement.url:
            tables.stop(path, str(text), "only a version can be said for one target")
        else:
            found.append(requirement)
    return found


def _ask(tables: PoetryTables, asked: Mapping[str, Iterable[Requirement]], path: Path) -> None:
    """Let the project ask for what all ask for, and each target for the rest."""
    lists = {target: {str(each): each for each in found} for target, found in asked.items()}
    common = set.intersection(*(set(each) for each in lists.values())) if lists else set()
    there = {canonicalize_name(each.name): str(each) for each in tables.asked()}
    if not _has_project(tables):
        there |= {canonicalize_name(name): "" for name in table_at(tables.data, *MAIN)}
    for text, each in next(iter(lists.values()), {}).items():
        name = canonicalize_name(each.name)
        if text in common and name not in there:
            _require(tables, each, path)
        elif text in common and there[name] != text:
            common.discard(text)
    for target, found in lists.items():
        for text, each in found.items():
            if text not in common:
                tables.for_target(target, each.name, each, path)


def _has_project(tables: PoetryTables) -> bool:
    project = table_at(tables.data, "project")
    return bool(project) and "dependencies" not in project.get("dynamic", [])


def _require(tables: PoetryTables, requirement: Requirement, path: Path) -> None:
    """Let the project ask for a requirement, where it asks for its others."""
    said, text = f"{requirement.name}, because all of them require it", str(requirement)
    array: Path = ("project", "dependencies")
    if not _has_project(tables):
        value = table_value(requirement)
        tables.change((*MAIN, requirement.name), value)
        where = f"[tool.poetry.dependencies] {requirement.name} = {value_of(value)}"
        tables.say(path, said, where)
        return
    if "dependencies" in table_at(tables.data, "project"):
        tables.edits[(*array, text)] = Edit(array, text, is_new_item=True)
    else:
        known = tables.edits.get(array)
        tables.change(array, [*(known.value if known else []), text])
    tables.say(path, said, f"[project] dependencies: {text}")
