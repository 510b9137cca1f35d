"""`poetry export` of builds that a page of links has.

poetry-plugin-export writes every source as an index, and pip looks for a project below an index: of
a page (`torch-2.7.1+cu126.html`) it would find nothing.
"""

from __future__ import annotations

import re
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cleo.io.buffered_io import BufferedIO

from accelock.catalogue.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cleo.io.io import IO

_INDEX = re.compile(r"^--(?:extra-)?index-url (\S+)$", re.MULTILINE)
_OF_PIP = ("requirements.txt", "constraints.txt")


def hook() -> None:
    """Have what is exported for pip name pages as pip reads them, where the plugin is installed.

    `Exporter.export` is public in poetry-plugin-export 1.8 to 1.10.
    """
    try:
        exporter = import_module("poetry_plugin_export.exporter").Exporter
    except ImportError:
        return
    if not hasattr(exporter.export, "__wrapped__"):
        exporter.export = with_pages(exporter.export)


def with_pages(original: Callable[..., None]) -> Callable[..., None]:
    """Return an `Exporter.export` that writes what the original writes, pages as pages."""

    @wraps(original)
    def export(exporter: Any, fmt: str, cwd: Path, output: IO | str) -> None:
        if fmt not in _OF_PIP:
            original(exporter, fmt, cwd, output)
            return
        buffer = BufferedIO()
        original(exporter, fmt, cwd, buffer)
        content = _INDEX.sub(_as_page, buffer.fetch_output())
        if isinstance(output, str):
            with (cwd / output).open("w", encoding="utf-8") as file:
                file.write(content)
        else:
            output.write(content)

    return export


def _as_page(line: re.Match[str]) -> str:
    return f"--find-links {line[1]}" if Source(line[1]).is_find_links else line[0]
