"""pylock files (PEP 751) as locks, whoever made them: accelock, uv, pip or others.

A file of several targets has each as an extra: `pip install -r "pylock.toml[cu126]"` installs one,
with no accelock there. Without an extra it is the first target: a file that installs nothing would
look like one that worked. Which target a file of another tool is for, its name
tells (`pylock.cu126.toml`), or the one label of its builds.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from accelock import toml
from accelock.catalogue.source import redact
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks import markers, pylock
from accelock.locks.markers import Place
from accelock.locks.model import MAIN, Lock, Pin, TargetLock
from accelock.sources.model import IndexFile, parse_filename
from accelock.targets import PLATFORMS, PYTHONS, parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.locks.pylock import Package
    from accelock.settings.project import Settings
    from accelock.targets import Platform, PythonVersion, Target


KIND = "pylock files"
NAME = "pylock.toml"
# A question of PEP 751's own: is a name among the extras, or the groups, that are asked for?
_ASKED = re.compile(r"""(["'])([^"']*)\1\s+(not\s+in|in)\s+(extras|dependency_groups)\b""")
_TRUE, _FALSE = 'os_name != ""', 'os_name == ""'


@dataclass(frozen=True, slots=True)
class PylockFile:
    """A file that `packaging` found to be as PEP 751 has it.

    :param name: its path for people.
    :param stamp: what accelock wrote of it, None where another tool made it.
    """

    path: Path
    name: str
    data: Mapping[str, Any]
    stamp: pylock.PylockStamp | None

    def targets(self, settings: Settings) -> tuple[Target, ...]:
        """Return the targets that it is for, the one first that needs no extra; none is told.

        :raises UnknownWordError: its stamp names one that this accelock does not know.
        """
        known = settings.catalogue.targets
        if self.stamp is not None:
            return tuple(parse_target(each.target, known) for each in self.stamp.origins)
        named = _target_in(self.path.name, settings)
        if named is not None:
            return (named,)
        family_of = settings.catalogue.family_of
        labels = {pin.label for pin in self.pins() if pin.label in known and family_of(pin.name)}
        only = labels.pop() if len(labels) == 1 else None
        return (parse_target(only, known),) if only else ()

    def lock(self, target: Target) -> TargetLock:
        """Return what it has for one of its targets."""
        return TargetLock(
            target=target,
            file=self.name,
            pins=self.pins(target),
            platforms=self.platforms,
            pythons=self.pythons,
            requires_python=self.data.get("requires-python"),
        )

    def pins(self, target: Target | None = None) -> tuple[Pin, ...]:
        """Return what is installed of it with the extra of a target, and the default groups.

        :param target: None: without any extra.
        """
        asked: dict[str, Collection[str]] = {
            "extras": {extra_of(target)} if target and self.data.get("extras") else set(),
            "dependency_groups": set(map(canonicalize_name, self.data.get("default-groups", ()))),
        }
        return tuple(self._pin(each, asked) for each in self.data["packages"])

    def _pin(self, package: Mapping[str, Any], asked: Mapping[str, Collection[str]]) -> Pin:
        files = tuple(_files(package, self.path.parent))
        url, source, hashes = _direct(package)
        own = {file.sha256 for file in files if file.sha256} | hashes
        marker = package.get("marker")
        index = package.get("index")
        return Pin(
            name=canonicalize_name(package["name"]),
            version=package.get("version") or next((str(each.version) for each in files), None),
            markers={MAIN: _answered(marker, asked) if marker else None},
            index=redact(index) if index else None,
            hashes=frozenset(own),
            files={file.filename: file.sha256 or "" for file in files},
            listed=files,
            requires={
                canonicalize_name(each["name"]): str(each.get("version", "any version"))
                for each in package.get("dependencies", ())
                if isinstance(each.get("name"), str)  # packaging does not look at these
            },
            where=self.name,
            url=url,
            source=source,
            editable=bool(package.get("directory", {}).get("editable")),
        )

    @property
    def platforms(self) -> tuple[Platform, ...] | None:
        """Return the platforms that its environments are on; None where it names none."""
        texts = self.data.get("environments")
        if not texts:
            return None
        pythons = self.pythons or PYTHONS
        return tuple(
            platform
            for platform in PLATFORMS.values()
            if any(markers.may_hold(text, Place(platform, p)) for text in texts for p in pythons)
        )

    @property
    def pythons(self) -> tuple[PythonVersion, ...]:
        """Return the Pythons of which some release is in its requires-python; empty without one."""
        text = self.data.get("requires-python")
        if text is None:
            return ()
        wanted = SpecifierSet(text)
        return tuple(
            each
            for each in PYTHONS
            if any(wanted.contains(each.release(patch)) for patch in each.patches(text))
        )


def read(path: Path, name: str) -> PylockFile | None:
    """Return a file, None where there is none.

    :raises AccelockError: it is damaged, or of a newer version.
    """
    data = toml.read(path, name)
    return of_data(data, path, name) if data is not None else None


def of_data(data: Mapping[str, Any], path: Path, name: str) -> PylockFile:
    """Return a file whose data was read; `read` says what is refused."""
    pylock.refuse_others(data, name)
    pylock.validate(data, f"{name}: it is not")
    return PylockFile(path, name, data, pylock.stamp_of(data, name))


def read_lock(path: Path, settings: Settings) -> Lock | None:
    """Return what the files of a name have, as `read_all` finds them; None where there is none.

    :raises AccelockError: a file is damaged, or nothing tells which target it is for.
    """
    files = read_all(path, settings)
    for file in files:
        if not file.targets(settings):
            raise AccelockError(
                f"{file.name}: accelock did not make it, and neither its name nor the labels of "
                "its builds show its target. Rename it to pylock.TARGET.toml, as in "
                "pylock.cpu.toml"
            )
    return lock_of(files, settings) if files else None


def read_all(path: Path, settings: Settings) -> tuple[PylockFile, ...]:
    """Return the file of a name, or where there is none, those of each target.

    :param path: `pylock.toml` is also `pylock.cpu.toml`, `pylock.cu126.toml` and so on.
    :raises AccelockError: a file is damaged.
    """
    paths = [path] if path.is_file() else layers(path, settings).values()
    found = (read(each, each.name) for each in paths)
    return tuple(each for each in found if each is not None)


def find(directory: Path, settings: Settings) -> tuple[PylockFile, ...]:
    """Return the pylock files of a folder that are its lock: accelock's, and of declared targets.

    What uv exported for one target is not what a uv project chooses among.

    :raises AccelockError: a file is damaged.
    """
    declared = settings.config.targets
    return tuple(
        file
        for file in read_all(directory / NAME, settings)
        if (targets := file.targets(settings))
        if file.stamp is not None or set(targets) <= set(declared)
    )


def lock_of(files: Iterable[PylockFile], settings: Settings) -> Lock:
    """Return what files have for the targets that they tell."""
    return Lock(KIND, {t: file.lock(t) for file in files for t in file.targets(settings)})


def layers(path: Path, settings: Settings) -> dict[Target, Path]:
    """Return the file of each target that belongs to `pylock.toml`, the declared targets first."""
    if path.name != NAME or not path.parent.is_dir():
        return {}
    there = sorted(each for each in path.parent.iterdir() if each.is_file())
    found = {target: each for each in there if (target := _target_in(each.name, settings))}
    first = [target for target in settings.config.targets if target in found]
    return {target: found[target] for target in dict.fromkeys([*first, *found])}


def _target_in(name: str, settings: Settings) -> Target | None:
    """Return the target that a file's name has: of pylock.rocm6-3.toml, rocm6.3."""
    declared = settings.config.targets
    names = {*settings.catalogue.targets, *(each.name for each in declared)}
    for each in names:
        if name == f"pylock.{each.replace('.', '-')}.toml":
            try:
                return parse_target(each, settings.catalogue.targets)
            except UnknownWordError:
                return None
    return None


def _answered(marker: str, asked: Mapping[str, Collection[str]]) -> str:
    """Return a marker with its questions for extras and groups answered (PEP 508 has none)."""

    def answer(found: re.Match[str]) -> str:
        is_there = canonicalize_name(found[2]) in asked[found[4]]
        return _TRUE if is_there is (found[3] == "in") else _FALSE

    return _ASKED.sub(answer, marker)


def _files(package: Mapping[str, Any], folder: Path) -> Iterator[IndexFile]:
    """Yield the wheels and the source archive of a package that an index, or a folder, has."""
    sdist = package.get("sdist")
    for each in (*package.get("wheels", ()), *([sdist] if sdist else ())):
        local = (folder / each["path"]).resolve() if "path" in each else None
        url = local.as_uri() if local is not None else each["url"]
        filename = each.get("name") or _last_part(url)
        parsed = parse_filename(filename, canonicalize_name(package["name"]))
        if parsed is not None:
            yield IndexFile(
                filename=filename,
                url=url,
                name=parsed.name,
                version=parsed.version,
                tags=parsed.tags,
                sha256=each["hashes"].get("sha256"),
                size=_size(local) if local else each.get("size"),
            )


def _last_part(url: str) -> str:
    return unquote(re.split(r"[?#]", url)[0].rpartition("/")[2])


def _size(path: Path) -> int | None:
    with contextlib.suppress(OSError):  # it is not there, or its name is too long to be
        return path.stat().st_size
    return None


def _direct(package: Mapping[str, Any]) -> tuple[str | None, dict[str, str], set[str]]:
    """Return where a package comes from by hand: as pip writes it, as poetry.lock does; hashes."""
    for kind in ("vcs", "directory", "archive"):
        if kind not in package:
            continue
        table = package[kind]
        url = table.get("url") or table.get("path", "")
        below = table.get("subdirectory")
        source = {"url": url, **({"subdirectory": below} if below else {})}
        behind = f"#subdirectory={below}" if below else ""
        if kind == "vcs":
            commit = table["commit-id"]
            source |= {"type": table["type"], "resolved_reference": commit}
            return f"{table['type']}+{url}@{commit}{behind}", source, set()
        if kind == "directory":
            return url, source | {"type": "directory"}, set()
        source |= {"type": "url" if "url" in table else "file"}
        return f"{url}{behind}", source, {v for k, v in table["hashes"].items() if k == "sha256"}
    return None, {}, set()


def extra_of(target: Target) -> str:
    """Return the extra that stands for a target: rocm6.3 is rocm6-3 (PEP 685)."""
    return canonicalize_name(target.name)


def joined(parts: Sequence[tuple[TargetLock, Sequence[Package]]]) -> list[Package]:
    """Return the packages of all targets, each with a marker that says for which it is.

    No marker keeps a target to its own platforms: elsewhere its packages have no file, which is an
    error, where a marker would leave them out without a word.

    :param parts: the targets, the one first that is installed without an extra.
    """
    targets = [lock.target for lock, _ in parts]
    entries: dict[tuple[object, ...], dict[str | None, list[Target]]] = {}
    packages: dict[tuple[object, ...], Package] = {}
    for lock, own in parts:
        for package in own:
            key = (package.pin.name, package.pin.version, package.index, repr(package.direct))
            of_marker = entries.setdefault(key, {}).setdefault(package.marker, [])
            if lock.target not in of_marker:
                of_marker.append(lock.target)
            old = packages.get(key, package)
            packages[key] = replace(old, files=_union(old.files, package.files))
    return [
        replace(package, marker=_any(_terms(entries[key], targets)))
        for key, package in packages.items()
    ]


def _terms(
    markers: Mapping[str | None, Sequence[Target]], targets: Sequence[Target]
) -> Iterator[str | None]:
    for marker, own in markers.items():
        yield _both(_chosen(own, targets), marker)


def _chosen(own: Sequence[Target], targets: Sequence[Target]) -> str | None:
    """Return the marker of some targets; None for all of them."""
    if targets[0] in own:
        others = (each for each in targets if each not in own)
        return " and ".join(f"'{extra_of(each)}' not in extras" for each in others) or None
    return " or ".join(f"'{extra_of(each)}' in extras" for each in own)


def _both(one: str | None, other: str | None) -> str | None:
    found = [each for each in (one, other) if each is not None]
    if len(found) == 1:
        return found[0]
    return " and ".join(f"({each})" if " or " in each else each for each in found) or None


def _any(terms: Iterator[str | None]) -> str | None:
    found = list(terms)
    if None in found:
        return None
    texts = [each for each in found if each is not None]
    return texts[0] if len(texts) == 1 else " or ".join(f"({each})" for each in texts)


def _union(ours: Sequence[IndexFile], more: Sequence[IndexFile]) -> tuple[IndexFile, ...]:
    by_name = {each.filename: each for each in (*ours, *more)}
    return tuple(by_name.values())
