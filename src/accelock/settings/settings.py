"""Reading `[tool.accelock]` of pyproject.toml into a frozen value, or a list of all its faults.

Nothing behind this module knows TOML. A fault names the key as TOML's own dotted path, and offers
the nearest valid word; one run reports all of them.
"""

from __future__ import annotations

import codecs
import functools
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from accelock import toml
from accelock.catalogue.families import parse_families, project_name
from accelock.catalogue.load import load_substitutes
from accelock.catalogue.source import RELEASE_FIELD, Source
from accelock.errors import AccelockError, ConfigError, UnknownWordError
from accelock.settings.config import ALWAYS, PACKAGE_SOURCES, Config, PackageRule, TargetSettings
from accelock.targets import (
    DEFAULT_PLATFORMS,
    Levels,
    Platform,
    PythonVersion,
    parse_platform,
    parse_target,
)
from accelock.toml import Table, dotted, kind_of, not_declared

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelock.catalogue.model import Catalogue

_ROOT = "tool.accelock"
_KEYS = (
    "targets", "platforms", "lockstep", "glibc", "macos", "python", "allow-downloads",
    "sources", "target", "packages", "families", "conda",
)  # fmt: skip
_GLOB = re.compile(r"[*?]")
_NAMES = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._*?-]+")
_OLDEST_GLIBC_MINOR = 5  # manylinux1: PEP 600 has no older level


def read_config(pyproject: Path, catalogue: Catalogue) -> Config | None:
    """Return the configuration of a pyproject.toml, or None: no file, or no `[tool.accelock]`.

    Raises ConfigError with every fault of the table, or with the line of a syntax error. A file
    that never mentions accelock is not ours to judge, and is not parsed; in UTF-16, which editors
    and shells of Windows write, it cannot be told whether it does.
    """
    try:
        data = pyproject.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror}"], str(pyproject)) from error
    if b"\0" in data:
        raise ConfigError(["is not UTF-8 (it may be UTF-16); save it as UTF-8"], str(pyproject))
    if b"accelock" not in data:
        return None
    tool = _parse_toml(data, str(pyproject)).get("tool")
    if not isinstance(tool, Mapping) or "accelock" not in tool:
        return None
    table = tool["accelock"]
    if not isinstance(table, Mapping):
        raise ConfigError([f"{_ROOT}: must be a table, not {kind_of(table)}"], str(pyproject))
    return replace(parse_config(table, str(pyproject), catalogue), path=pyproject)


def ignored_table(name: str, directory: Path) -> str | None:
    """Return what to say of a path dependency that has a `[tool.accelock]` of its own, else None.

    Only the root project's table counts.
    """
    pyproject = directory / "pyproject.toml"
    try:
        tool = _parse_toml(pyproject.read_bytes(), str(pyproject)).get("tool")
    except (OSError, ConfigError):  # for its build backend to judge
        return None
    if not isinstance(tool, Mapping) or "accelock" not in tool:
        return None
    return (
        f"accelock ignores the [tool.accelock] table of {name} ({pyproject}): only the project's "
        "own counts."
    )


def _parse_toml(data: bytes, where: str) -> Mapping[str, object]:
    if data.startswith(codecs.BOM_UTF8):  # TOML has none, and its parser names a key
        raise ConfigError(["begins with a byte order mark; save it as UTF-8 without one"], where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"is not UTF-8: {error.reason} at byte {error.start}"], where) from error
    try:
        return toml.loads(text)
    except ValueError as error:
        place = f"{where}{toml.line_of(error, text)}"
        raise ConfigError([f"is not valid TOML: {error}"], place) from error


def parse_config(table: Mapping[str, object], where: str, catalogue: Catalogue) -> Config:
    """Return the configuration that the table `[tool.accelock]` of the file `where` says.

    Raises ConfigError with all faults at once.
    """
    root = Table(table, _ROOT, [])
    root.only(_KEYS)
    targets = root.words("targets", lambda word: parse_target(word, catalogue.targets))
    platforms = root.words("platforms", parse_platform)
    levels = Levels()
    families = tuple(parse_families(root.table("families"), catalogue))
    catalogue = catalogue.with_families(families)
    config = Config(
        targets=targets,
        platforms=platforms or DEFAULT_PLATFORMS,
        platforms_declared=bool(platforms),
        lockstep=root.boolean("lockstep", default=True),
        allow_downloads=root.boolean("allow-downloads", default=False),
        levels=Levels(
            root.text("glibc", _glibc) or levels.glibc, root.text("macos", _macos) or levels.macos
        ),
        pythons=root.words("python", PythonVersion.parse),
        sources=MappingProxyType(_sources(root.table("sources"), catalogue)),
        packages=MappingProxyType(_packages(root.table("packages"), catalogue)),
        families=families,
        conda=root.table("conda").values if "conda" in table else None,
        path=Path(where),
    )
    own = _by_target(root.table("target", rather="; did you mean 'targets'?"), config, catalogue)
    if root.faults:
        raise ConfigError(root.faults, where)
    return replace(config, by_target=MappingProxyType(own))


def _glibc(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"2\.(\d+)", text)
    if found is None or int(found[1]) < _OLDEST_GLIBC_MINOR:
        raise AccelockError(
            f"{text!r} is not a glibc version; write it as in '2.28', from '2.5' on"
        )
    return 2, int(found[1])


def _macos(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([12]\d)(?:\.(\d+))?", text)
    if found is None:
        raise AccelockError(f"{text!r} is not a macOS release; write it as in '14.0'")
    return int(found[1]), int(found[2] or 0)


def _sources(table: Table, catalogue: Catalogue) -> dict[str, Source]:
    sources = {}
    for name in table.values:
        if table.parsed(name, name, catalogue.family) is not None:
            source = table.text(name, Source.parse)
            if source is not None and source.has_release and not catalogue.family(name).release_of:
                table.fault(
                    name, (f"has {RELEASE_FIELD}, but {name} has one index for all its releases")
                )
            elif source is not None:
                sources[name] = source
    return sources


def _packages(table: Table, catalogue: Catalogue) -> dict[str, PackageRule]:
    rules: dict[str, PackageRule] = {}
    for name, values in table.tables():
        project = table.parsed(name, name, project_name)
        if project in rules:
            table.fault(name, f"is {project!r} a second time")
        rule = _package_rule(project or name, values, catalogue)
        if project is not None:
            rules[project] = rule
    return rules


def _package_rule(project: str, table: Table, catalogue: Catalogue) -> PackageRule:
    table.only(("family", "cpuonly", "source", "substitute"))
    family = table.text("family", catalogue.family)
    cpuonly = table.boolean("cpuonly", default=False)
    source = table.text("source", _package_source)
    if not table.values:
        table.fault(None, "is empty; set family, cpuonly, source or substitute")
    for key in ("family", "cpuonly"):
        if source in ("pypi", "own") and table.values.get(key):
            table.fault(
                "source", (f"{source!r} takes it out of its family, and {key} is about the family")
            )
    if cpuonly and "family" not in table.values and catalogue.family_of(project) is None:
        names = " or ".join(f'family = "{family.name}"' for family in catalogue.families)
        table.fault("cpuonly", f"{project!r} belongs to no family that has CPU builds; add {names}")
    substitute = _substitute(project, table, catalogue)
    return PackageRule(family.name if family is not None else None, cpuonly, source, substitute)


def _substitute(project: str, table: Table, catalogue: Catalogue) -> bool | Literal["always"]:
    value, plain = table.values.get("substitute", True), load_substitutes()
    known = frozenset[str]().union(plain, *(g.names for g in catalogue.exclusive))
    if "substitute" in table.values and project not in known:
        table.fault("substitute", f"{project!r} has the same name on all targets")
    elif value == ALWAYS and project not in plain:
        table.fault(
            "substitute", f"{project!r} is not a plain name for which targets have other names"
        )
    elif value == ALWAYS:
        return "always"
    elif not isinstance(value, bool):
        table.fault("substitute", f'must be true, false or "{ALWAYS}"')
    return value is not False


def _package_source(word: str) -> str:
    if word not in PACKAGE_SOURCES:
        raise UnknownWordError("source of a package", word, PACKAGE_SOURCES)
    return word


def _by_target(table: Table, config: Config, catalogue: Catalogue) -> dict[str, TargetSettings]:
    found = {}
    declared = [target.name for target in config.targets]
    # A fault in `targets` is reported already, and the word that it got wrong may be meant here.
    sound = not any(fault.startswith(f"{_ROOT}.targets") for fault in table.faults)
    for name, target in table.tables():
        meant = dotted(name, target.values, declared)
        if meant is not None:
            table.fault(name, f'a dot in a name needs quotes: [{_ROOT}.target."{meant}"]')
            continue
        if name not in declared and sound:
            table.fault(name, not_declared(name, declared))
        target.only(("platforms", "dependencies", "sources", "max-mb", "deny"))
        found[name] = TargetSettings(
            target.words("platforms", lambda word: _among(word, config)),
            _dependencies(target.table("dependencies"), name),
            MappingProxyType(_sources(target.table("sources"), catalogue)),
            _max_mb(target),
            target.words("deny", _denied),
        )
    return found


def _max_mb(table: Table) -> float | None:
    value = table.values.get("max-mb")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        table.fault("max-mb", f"must be a number of MB, not {kind_of(value)}")
    elif 0 < value < math.inf:
        return value
    else:
        table.fault("max-mb", f"{value} is not a number of MB; write it as in 400")
    return None


def _denied(word: str) -> str:
    """Return the canonical name of a project (PEP 503), or a glob of such names."""
    if not _GLOB.search(word):
        return project_name(word)
    if not _NAMES.fullmatch(word):
        raise AccelockError(
            f"{word!r} is not a project nameor a glob of names; write it as in 'nvidia-*'"
        )
    return canonicalize_name(word)


def _dependencies(table: Table, target: str) -> tuple[Requirement, ...]:
    """Return the requirements of a target's table: name -> specifiers, or a table of more."""
    found: dict[str, Requirement] = {}
    read = functools.partial(_specifier, target=target)
    for name, value in table.values.items():
        project = table.parsed(name, name, project_name)
        if project in found:
            table.fault(name, f"is {project!r} a second time")
        requirement = Requirement(project or "x")
        if isinstance(value, Mapping):
            _read_more(table.table(name), requirement, read)
        elif (specifier := table.text(name, read)) is not None:
            requirement.specifier = specifier
        if project is not None:
            found[project] = requirement
    return tuple(found.values())


def _read_more(table: Table, requirement: Requirement, read: Callable[[str], SpecifierSet]) -> None:
    """Put what a dependency's own table says into a requirement."""
    table.only(("version", "extras", "markers"))
    if "version" not in table.values:
        table.fault(None, "has no version; write '*' for any")
    requirement.specifier = table.text("version", read) or requirement.specifier
    requirement.extras = set(table.words("extras", project_name))
    requirement.marker = table.text("markers", _marker)


def _specifier(text: str, target: str) -> SpecifierSet:
    """Return version specifiers (PEP 440) without the target's own label; `*` is any version."""
    if not text.strip():
        raise AccelockError("is empty; write '*' for any version")
    plain = re.sub(rf"\+{re.escape(target)}(?=\s*(,|$))", "", text)
    try:
        return SpecifierSet("" if text.strip() == "*" else plain)
    except ValueError as error:
        raise AccelockError(
            f"{text!r} is not a version specifier (PEP 440); write it as in '==2.6.0' or "
            "'>=2.6,<3', or '*' for any version"
        ) from error


def _marker(text: str) -> Marker:
    """Return an environment marker (PEP 508); what an extra asks for is not the target's."""
    try:
        marker = Marker(text)
    except ValueError as error:
        raise AccelockError(
            f'{text!r} is not an environment marker (PEP 508); write it as in "sys_platform == '
            "'linux'\""
        ) from error
    if re.search(r"\bextra\b", text):
        raise AccelockError(f"{text!r} names an extra, and a target has no extras")
    return marker


def _among(word: str, config: Config) -> Platform:
    platform = parse_platform(word)
    if platform not in config.platforms:
        kind = "" if config.platforms_declared else "the default "
        raise AccelockError(f"{platform} is not among {kind}{_ROOT}.platforms; add it there")
    return platform
