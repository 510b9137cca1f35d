"""The config file of pip-tools, where it is not the pyproject.toml that accelock reads.

pip-tools takes the one of --config, else .pip-tools.toml before pyproject.toml; accelock takes the
pyproject.toml alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from piptools.logging import log

from accelock.errors import AccelockError
from accelock.locks import toml
from accelock.locks.inputs import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping


def another(params: Mapping[str, Any]) -> Path | None:
    """Return the file that pip-tools has its settings from, None where that is the project's.

    :param params: those of its command, as click read them.
    """
    path = params.get("config")
    if path is None or Path(path).resolve() == Path(PYPROJECT).resolve():
        return None
    return Path(path)


def judge_table(path: Path | None, *, plain: bool) -> None:
    """Say that a [tool.accelock] in another file does not count.

    :param plain: no target is given or declared, so that this is to be plain pip-compile.
    :raises AccelockError: the table declares targets, of which a plain pip-compile knows nothing.
    """
    tool = (toml.read(path, str(path)) or {}).get("tool") if path is not None else None
    table = tool.get("accelock") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return
    what = f"[tool.accelock] of {path} does not count: accelock reads the {PYPROJECT} here"
    if plain and "targets" in table:
        raise AccelockError(
            f"{what} alone, and without a target this would be plain pip-compile. Nothing was "
            f"written. Put the table into {PYPROJECT}, or give a target with -t (for example "
            "-t cpu)."
        )
    log.warning(f"NOTE: {what}.")
