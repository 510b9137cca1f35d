"""How accelock itself was installed: as a tool or not, and how to add an extra to it.

pipx and uv leave a file of their own in the environment that they make for a tool. pip, uv and
Poetry write where a distribution came from, and who installed it, beside its metadata
(`direct_url.json` of PEP 610, `INSTALLER` of PEP 627).
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# ruff: noqa: PLC0415 - an error alone reads metadata, for which a network stack is loaded

NAME = "accelock"
PIPX = "pipx"
UV_TOOL = "uv tool"
UVX = "uvx"
_RECEIPTS = {"pipx_metadata.json": PIPX, "uv-receipt.toml": UV_TOOL}
_UV_CACHE = "archive-v"  # how the folder begins in which uvx makes environments
# A module by which each extra is known to be there.
_EXTRAS = {"conda": "rattler", "pip-tools": "piptools"}


def tool_kind(prefix: Path | None = None) -> str | None:
    """Return who made an environment for a tool alone: `pipx`, `uv tool` or `uvx`; else None.

    :param prefix: the environment's folder; that of this interpreter by default.
    """
    folder = prefix or Path(sys.prefix)
    for name, kind in _RECEIPTS.items():
        if (folder / name).is_file():
            return kind
    return UVX if folder.parent.name.startswith(_UV_CACHE) else None


def command_for(extra: str, *, plugin: bool = False) -> str:
    """Return the shell command that adds an extra to this accelock, from where it came.

    :param plugin: whether accelock runs as Poetry's plugin.
    """
    kind, tool = tool_kind(), Path(sys.prefix).name
    is_ours = tool.startswith(NAME)
    if kind in (PIPX, UV_TOOL) and is_ours:  # they make it anew: with what it has, too
        extra = ",".join(sorted({*filter(_is_there, _EXTRAS), extra}))
    # `poetry self add` reads a path from Poetry's own folder.
    here = None if plugin and kind is None else Path.cwd()
    requirement, is_editable = _requirement(extra, here)
    wanted = shlex.quote(requirement)
    if kind == UVX:
        return f"uvx --from {wanted} {NAME}"
    if kind is not None and is_ours:
        return f"{kind} install --force {'--editable ' * is_editable}{wanted}"
    if kind == PIPX:
        return f"pipx inject --force {tool} {wanted}"
    if kind == UV_TOOL:
        return f"uv tool install {tool} --with {wanted}"
    if plugin:
        return f"poetry self add {'--editable ' * is_editable}{wanted}"
    return f"{_installer()} install {'-e ' * is_editable}{wanted}"


def _is_there(extra: str) -> bool:
    try:
        return importlib.util.find_spec(_EXTRAS[extra]) is not None
    except (ValueError, RecursionError):  # a module that was made without a spec
        return False


def _requirement(extra: str, here: Path | None) -> tuple[str, bool]:
    """Return accelock with an extra as pip, uv and Poetry take it, and whether it is editable.

    :param here: the folder from which to call a path below it, as pip wants it: `./accelock`.
    """
    from urllib.request import url2pathname

    direct = _direct_url()
    url = str(direct.get("url", ""))
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
        is_editable = bool((direct.get("dir_info") or {}).get("editable"))
        if here is not None and here in path.parents:
            return f"./{path.relative_to(here).as_posix()}[{extra}]", is_editable
        return f"{path}[{extra}]", is_editable
    vcs = direct.get("vcs_info") or {}
    if vcs:
        revision = vcs.get("requested_revision")
        url = f"{vcs.get('vcs', 'git')}+{url}{f'@{revision}' if revision else ''}"
    return (f"{NAME}[{extra}] @ {url}" if url else f"{NAME}[{extra}]"), False


def _direct_url() -> dict[str, Any]:
    try:
        found = json.loads(_told("direct_url.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _installer() -> str:
    return "uv pip" if (_told("INSTALLER") or "").strip() == "uv" else "pip"


def _told(name: str) -> str | None:
    """Return a file beside accelock's metadata; None without it, or where there is no metadata."""
    from importlib import metadata

    try:
        return metadata.distribution(NAME).read_text(name)
    except (metadata.PackageNotFoundError, OSError):
        return None
