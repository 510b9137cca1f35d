"""What an unpacked package would do to a prefix, read before anything is linked from it.

rattler links to wherever a package's `info/paths.json` says (up to 0.28 at least): `../x` is
written beside the prefix, and an absolute path ends the process. So each package is looked at here,
between its unpacking and its linking.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Contents", "Escapes", "read_contents"]

_DRIVE = re.compile(r"[A-Za-z]:")
_SCRIPT = re.compile(r"(?:bin/\.|Scripts/\.).+-(?:pre-link|post-link|pre-unlink)\.(?:sh|bat)")
_MENU = re.compile(r"Menu/[^/]+\.json", re.IGNORECASE)
_STEPS = 1000  # of a path with its links; a circle has no end


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package puts into a prefix.

    `paths` are what it is to be linked as, with `/`; `links` those that are symbolic links, with
    what they point to; `commands` the names of its entry points (noarch: python). `site_packages`
    is where a python has the modules of others (CEP 17), None for its default. `scripts` and
    `menus` are those that another installer would run, or put into a desktop's menu.
    """

    name: str
    paths: frozenset[str]
    links: Mapping[str, str]
    commands: tuple[str, ...]
    site_packages: str | None
    scripts: tuple[str, ...]
    menus: tuple[str, ...]


def read_contents(name: str, folder: Path) -> Contents:
    """Return the contents of an unpacked package.

    Raises OSError for a folder that cannot be read, ValueError for what is no package's.
    """
    index = _json(folder / "info/index.json")
    if not index:
        raise ValueError(f"{folder} is no package")
    link = _json(folder / "info/link.json")
    listed = _json(folder / "info/paths.json").get("paths")
    paths = {_text(each.get("_path")) for each in listed} if isinstance(listed, list) else set()
    # The older form, which stands in where paths.json is missing.
    files = folder / "info/files"
    if files.exists():
        paths |= {line for line in files.read_text(encoding="utf-8").splitlines() if line}
    points = link.get("noarch")
    points = points.get("entry_points") if isinstance(points, dict) else None
    site_packages = index.get("python_site_packages_path") if name == "python" else None
    return Contents(
        name=name,
        paths=frozenset(paths),
        links=dict(_links(folder, paths)),
        commands=tuple(_text(each).partition("=")[0].strip() for each in points or ()),
        site_packages=site_packages if isinstance(site_packages, str) else None,
        scripts=tuple(sorted(filter(_SCRIPT.fullmatch, paths))),
        menus=tuple(sorted(filter(_MENU.fullmatch, paths))),
    )


def _links(folder: Path, paths: Iterable[str]) -> Iterable[tuple[str, str]]:
    for path in paths:
        if _is_inside(path) and (folder / path).is_symlink():
            yield path, os.readlink(folder / path)  # noqa: PTH115 - as it is written


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no table")  # noqa: TRY004 - what JSON is not raises too
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004
    return value


class Escapes:
    """Finds the paths that lead out of a prefix, package by package, as they are to be linked.

    A path that goes through a symbolic link counts as where that leads, whosever link it is.
    """

    def __init__(self) -> None:
        self._seen: list[Contents] = []
        self._links: dict[str, str] = {}
        self._leads_out = False  # whether any link does; without one no sound path can

    def check(self, contents: Contents) -> str | None:
        """Say which path leads out because of this package, or None where none does."""
        if (fault := _fault_of_names(contents)) is not None:
            return fault
        self._seen.append(contents)
        for path, target in contents.links.items():
            self._links[path] = target
            place, _ = _resolve(posixpath.dirname(path), self._links)
            self._links.setdefault(posixpath.join(place, posixpath.basename(path)), target)
        if contents.links:
            self._leads_out = any(_resolve(path, self._links)[1] for path in self._links)
        if not self._leads_out:
            return None
        for each in self._seen if contents.links else (contents,):
            for path in sorted(each.paths):
                # A link is made, and not gone through; a file in its place is.
                is_made = path in each.links
                link = _resolve(posixpath.dirname(path) if is_made else path, self._links)[1]
                if link is not None:
                    return f"the path {path!r}, through the link {link} -> {self._links[link]}"
        return None


def _fault_of_names(contents: Contents) -> str | None:
    for path in sorted(contents.paths):
        if not _is_inside(path):
            return f"the path {path!r}"
    for command in contents.commands:
        if not _is_inside(command) or "/" in command:
            return f"the command {command!r}"
    if contents.site_packages is not None and not _is_inside(contents.site_packages):
        return f"its site-packages {contents.site_packages!r}"
    return None


def _is_inside(path: str) -> bool:
    """Tell whether a path stays below the prefix, on Windows (which parts it elsewhere) too."""
    parts = path.replace("\\", "/").split("/")
    return bool(path) and parts[0] != "" and not _DRIVE.match(path) and ".." not in parts


def _resolve(path: str, links: Mapping[str, str]) -> tuple[str, str | None]:
    """Return where a path leads, step by step as a system goes, and the link that leads out."""
    place: list[str] = []
    steps = path.split("/")[::-1]
    last: str | None = None
    for _ in range(_STEPS):
        if not steps:
            return "/".join(place), None
        step = steps.pop()
        if step == "..":
            if not place:
                return "", last
            place.pop()
        elif step not in ("", "."):
            place.append(step)
            here = "/".join(place)
            if here in links:
                last, target = here, links[here].replace("\\", "/")
                if target.startswith("/") or _DRIVE.match(target):
                    return "", last
                place.pop()
                steps += target.split("/")[::-1]
    return "", last
