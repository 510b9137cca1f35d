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

__all__ = ["Contents", "escapes", "read_contents"]

_DRIVE = re.compile(r"[A-Za-z]:")
_SCRIPT = re.compile(r"(?:bin/\.|Scripts/\.).+-(?:pre-link|post-link|pre-unlink)\.(?:sh|bat)")
_MENU = re.compile(r"Menu/[^/]+\.json", re.IGNORECASE)
_LINKS = 40  # that a path may go through, as on Linux


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


def escapes(contents: Contents, others: Iterable[Contents] = ()) -> str | None:
    """Say which path of a package leads out of the prefix, or None where none does.

    A path that goes through a symbolic link counts as where that leads, whosever link it is.

    :param others: the packages that are linked into the same prefix.
    """
    for path in sorted(contents.paths):
        if not _is_inside(path):
            return f"the path {path!r}"
    for command in contents.commands:
        if not _is_inside(command) or "/" in command:
            return f"the command {command!r}"
    if contents.site_packages is not None and not _is_inside(contents.site_packages):
        return f"its site-packages {contents.site_packages!r}"
    everyone = [contents, *others]
    links = {path: target for each in everyone for path, target in each.links.items()}
    if not links:
        return None
    for each in everyone:
        for path in sorted(each.paths):
            through = _through(path, links, is_own=path in each.links)
            if through is not None and (each is contents or through in contents.links):
                return f"the path {path!r}, through the link {through} -> {links[through]}"
    return None


def _is_inside(path: str) -> bool:
    """Tell whether a path stays below the prefix, on Windows (which parts it elsewhere) too."""
    parts = path.replace("\\", "/").split("/")
    return bool(path) and parts[0] != "" and not _DRIVE.match(path) and ".." not in parts


def _through(path: str, links: Mapping[str, str], *, is_own: bool) -> str | None:
    """Return the link by which a path leads out of the prefix, or None where it stays within.

    :param is_own: whether the path is itself a link, which is made, and not gone through.
    """
    first = None
    for _ in range(_LINKS):
        parts = path.split("/")
        upto = len(parts) if not is_own else len(parts) - 1
        steps = ("/".join(parts[:count]) for count in range(1, upto + 1))
        link = next((step for step in steps if step in links), None)
        if link is None:
            return None
        first = first or link
        target = links[link].replace("\\", "/")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
        if target.startswith("/") or _DRIVE.match(target) or place.startswith(".."):
            return link
        path = posixpath.join(place, *parts[link.count("/") + 1 :])
    return first
