"""Reading `[tool.accelock.conda]` into a frozen value, or a list of all its faults."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from accelock.catalogue.source import TARGET_FIELD
from accelock.conda.channels import base_url, has_credentials, is_channel_name, strip_credentials
from accelock.conda.formats.model import LOCK_SUFFIX
from accelock.conda.spec import Spec, parse
from accelock.errors import AccelockError, ConfigError, UnknownWordError
from accelock.targets import parse_platform
from accelock.toml import Table, dotted, kind_of, not_declared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.settings.config import Config
    from accelock.targets import Platform, Target

Overlap = Literal["constrain", "warn"]

_ROOT = "tool.accelock.conda"
_KEYS = ("channels", "overlap", "pins", "dependencies", "target", "group")
_DEPENDENCY_KEYS = ("version", "build", "channel", "platforms")
_OVERLAPS = ("constrain", "warn")
_CHANNEL_URL = re.compile(r"(https?://[^\s/]|file:///)\S*")
# What `defaults` stands for: conda's default_channels; msys2 has packages for Windows alone.
_DEFAULTS = tuple(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2"))
_GROUP = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class CondaDependency:
    """A package that the project asks of conda; `platforms` is empty where it is for all."""

    spec: Spec
    platforms: tuple[Platform, ...] = ()

    def is_for(self, platform: Platform) -> bool:
        """Tell whether it is asked for on that platform."""
        return not self.platforms or platform in self.platforms


@dataclass(frozen=True, slots=True)
class CondaConfig:
    """A project's `[tool.accelock.conda]`.

    `channels` are names or URLs, best first, credentials included: they are needed to fetch, and
    belong into no file and no message. `overlap` says whether pip's pins bind the solve. `pins` is
    the lock whose pins count, a path relative to the project in which `{target}` stands for the
    target; None is the one that exists. `targets` maps names of targets, and `groups` names of
    groups, to what they ask for beside `dependencies`. Dependencies are in the order of names.
    """

    channels: tuple[str, ...]
    overlap: Overlap = "constrain"
    pins: str | None = None
    dependencies: tuple[CondaDependency, ...] = ()
    targets: Mapping[str, tuple[CondaDependency, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[CondaDependency, ...]] = field(default_factory=dict)

    def specs_for(
        self, target: Target | None, platform: Platform, group: str | None = None
    ) -> tuple[Spec, ...]:
        """Return what is asked for in one environment, in the order of names.

        A group's environment holds the project's own dependencies too. Where several tables have a
        package, the group's word goes before the target's, and that before the common one.
        """
        tables = [self.dependencies]
        if target is not None:
            tables.append(self.targets.get(target.name, ()))
        if group is not None:
            tables.append(self.groups[group])
        asked = {
            dependency.spec.name: dependency.spec
            for table in tables
            for dependency in table
            if dependency.is_for(platform)
        }
        return tuple(asked[name] for name in sorted(asked))


def parse_conda(table: Mapping[str, object], where: str, config: Config) -> CondaConfig:
    """Return what the table `[tool.accelock.conda]` of the file `where` says.

    `config` is the rest of `[tool.accelock]`. Raises ConfigError with all faults at once.
    """
    root = Table(table, _ROOT, [])
    root.only(_KEYS)
    if "channels" not in table:
        root.fault("channels", 'is missing; name at least one, as in ["conda-forge"]')
    before = len(root.faults)
    channels = tuple(
        channel
        for word in root.words("channels", _channel)
        for channel in (_DEFAULTS if word == "defaults" else (word,))
    )
    all_are_known = bool(channels) and len(root.faults) == before
    conda = CondaConfig(
        channels=channels,
        overlap=root.text("overlap", _overlap) or "constrain",
        pins=root.text("pins", _pins),
        dependencies=_dependencies(root.table("dependencies"), config.platforms),
        targets=_targets(root.table("target"), config),
        groups=_groups(root.table("group"), config),
    )
    if all_are_known:
        _refuse_other_channels(root, conda)
    if root.faults:
        raise ConfigError(root.faults, where)
    return conda


def _refuse_other_channels(root: Table, conda: CondaConfig) -> None:
    """Report dependencies on a channel that is not among `channels`: nothing else is asked."""
    tables: list[tuple[tuple[str, ...], tuple[CondaDependency, ...]]]
    tables = [(("dependencies",), conda.dependencies)]
    for kind, named in (("target", conda.targets), ("group", conda.groups)):
        tables += [((kind, name, "dependencies"), found) for name, found in named.items()]
    bases = set(map(base_url, conda.channels))
    for path, dependencies in tables:
        for spec in (each.spec for each in dependencies):
            if spec.channel is None or base_url(spec.channel) in bases:
                continue
            table = functools.reduce(Table.table, (*path, spec.name), root)
            names = ", ".join(map(strip_credentials, conda.channels))
            table.fault("channel", f"{spec.channel!r} is not one of {_ROOT}.channels ({names}), "
                        "and accelock reads no other; add it, or name one of them")  # fmt: skip


def _channel(text: str) -> str:
    """Return a channel as it is written, less slashes at its end; messages never quote secrets."""
    if text == "nodefaults":
        raise AccelockError(
            "'nodefaults' is not a channel; accelock adds no channel to yours anyway"
        )
    if "://" not in text and has_credentials(text):
        # Nothing of it is quoted: it is, or has, a token or a password.
        raise AccelockError(
            "is not the name of a channel: it has a token or an '@' in it; write the whole "
            "https URL"
        )
    if not (is_channel_name(text) or _CHANNEL_URL.fullmatch(text)):
        shown = strip_credentials(text).rpartition("@")[2]
        raise AccelockError(
            f"{shown!r} is not a channel; write it as in 'conda-forge', or give its http, https "
            "or file URL (of a folder, file:///home/me/channel)"
        )
    if "://" in text and re.search(r"[?#]|@.*@|/.*@", text.partition("://")[2]):
        # Nothing of it is quoted: what looks like a path may be the rest of a password.
        raise AccelockError(
            "is not the URL of a channel: it has a '?', a '#', or an '@' that stands in its path; "
            "in a user or password, write / as %2F, ? as %3F, # as %23 and @ as %40"
        )
    try:  # half an IPv6 address, or a port of letters, cannot be taken apart
        _ = urlsplit(text).port
    except ValueError:
        # Nothing of it is quoted: what stands for a port may be the rest of a password.
        raise AccelockError(
            "is not the URL of a channel: its host or its port cannot be read"
        ) from None
    return text.rstrip("/")


def _overlap(text: str) -> Overlap:
    if text not in _OVERLAPS:
        raise UnknownWordError("rule", text, _OVERLAPS)
    return cast("Overlap", text)


def _pins(text: str) -> str:
    path = PurePosixPath(text)
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name != "target":
            raise AccelockError(f"has the field {{{name}}}; the only one is {TARGET_FIELD}")
    if path.name != "poetry.lock" and path.suffix != ".txt":
        raise AccelockError(
            f"{text!r} is not a lock with pip's pins; it is 'poetry.lock', or a compiled file, as "
            f"in 'requirements.{TARGET_FIELD}.txt'"
        )
    return str(path)  # without `./`: it is compared with the names of what a run writes


def _targets(table: Table, config: Config) -> dict[str, tuple[CondaDependency, ...]]:
    targets = {target.name: target for target in config.targets}
    found = {}
    for name, values in table.tables():
        meant = dotted(name, values.values, list(targets))
        if meant is not None:
            table.fault(name, f'a dot in a name needs quotes: [{_ROOT}.target."{meant}"]')
            continue
        if name not in targets:
            table.fault(name, not_declared(name, list(targets)))
            continue
        values.only(("dependencies",))
        platforms = [p for p in config.platforms_of(targets[name]) if targets[name].exists_on(p)]
        found[name] = _dependencies(values.table("dependencies"), platforms, name)
    return found


def _groups(table: Table, config: Config) -> dict[str, tuple[CondaDependency, ...]]:
    found = {}
    for name, values in table.tables():
        values.only(("dependencies",))
        if not _GROUP.fullmatch(name) or name == "main":
            table.fault(name, ("is not a group name; it is small letters, digits and -, not main"))
        elif f"-{name}.yml".endswith(LOCK_SUFFIX):
            table.fault(name, f"ends in 'lock', and mamba would read environment-{name}.yml as a "
                              "lock; choose another name")  # fmt: skip
        found[name] = _dependencies(values.table("dependencies"), config.platforms)
    return found


def _dependencies(
    table: Table, platforms: Sequence[Platform], target: str | None = None
) -> tuple[CondaDependency, ...]:
    found: dict[str, CondaDependency] = {}
    for name in table.values:
        dependency = _dependency(table, name, platforms, target)
        if dependency is None:
            continue
        if dependency.spec.name in found:
            table.fault(name, f"is {dependency.spec.name!r} a second time")
        found[dependency.spec.name] = dependency
    return tuple(found[name] for name in sorted(found))


def _dependency(
    table: Table, name: str, platforms: Sequence[Platform], target: str | None
) -> CondaDependency | None:
    value = table.values[name]
    if isinstance(value, str):
        spec = table.text(name, lambda version: _spec(name, version, None, None))
        return CondaDependency(spec) if spec else None
    inner = table.table(name)
    if not isinstance(value, dict):
        table.faults.pop()
        table.fault(name, f"must be a version or a table, not {kind_of(value)}")
        return None
    unknown = [key for key in inner.values if key not in _DEPENDENCY_KEYS]
    if unknown and len(inner.values) == 1 and isinstance(inner.values[unknown[0]], (str, dict)):
        # TOML reads ruamel.yaml = "*" as yaml in ruamel.
        table.fault(
            name,
            f"unknown key {unknown[0]!r}; the keys are: {', '.join(_DEPENDENCY_KEYS)}, "
            f'or, where a name has a dot, quote it: "{name}.{unknown[0]}"',
        )
        return None
    inner.only(_DEPENDENCY_KEYS)
    version, build, channel = (inner.text(key, str) for key in _DEPENDENCY_KEYS[:3])
    spec = table.parsed(name, name, lambda _: _spec(name, version or "*", build, channel))
    where = inner.words("platforms", lambda word: _among(word, platforms, target))
    return CondaDependency(spec, where) if spec else None


def _spec(name: str, version: str, build: str | None, channel: str | None) -> Spec:
    if "[" in name or "::" in name:
        parse(name)  # says what is wrong with extras
        raise AccelockError(
            'write only the name here, and the rest as { version = "...", channel = "..." }'
        )
    found = parse(name, version)
    if found.name.startswith("__"):
        raise AccelockError(f"{name!r} is a virtual package, and cannot be installed; leave it out")
    if build is None and channel is None:
        return found
    whole = f"{channel or ''}{'::' if channel else ''}{name} {found.version or '*'}"
    return parse(f"{whole} {build or found.build or ''}".strip())


def _among(word: str, platforms: Sequence[Platform], target: str | None) -> Platform:
    platform = parse_platform(word)
    if platform not in platforms:
        whose = f"the platforms of {target}" if target else "tool.accelock.platforms"
        names = ", ".join(each.name for each in platforms)
        raise AccelockError(f"{platform} is not among {whose} ({names})")
    return platform
