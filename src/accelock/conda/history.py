"""`conda-meta/history`: what was asked of an environment, step by step, in conda's own form.

conda keeps what it finds there as asked for, and removes what nothing of that needs: an environment
whose history is empty loses everything at the first `conda remove`.
"""

from __future__ import annotations

import ast
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from accelock.conda.record import Record
    from accelock.conda.spec import Spec

__all__ = ["add_revision", "history"]

_SPECS = re.compile(r"# (update|install|create|remove|neutered) specs: (\[.*\])\s*")
_NAME = re.compile(r"(?:.*::)?\s*([A-Za-z0-9_.-]+)")
_COMMAND = "accelock conda install"


def history(prefix: Path) -> dict[str, list[str]]:
    """Return what the history says was asked for, by name, and not removed again."""
    asked: dict[str, list[str]] = {}
    for line in _read(prefix).splitlines():
        found = _SPECS.fullmatch(line)
        for spec in _listed(found[2]) if found else ():
            named = _NAME.match(spec)
            name = named[1].lower() if named else ""
            if found and found[1] == "remove":
                asked.pop(name, None)
            else:
                asked.setdefault(name, []).append(spec)
    return asked


def add_revision(
    prefix: Path, before: Iterable[Record], after: Iterable[Record], requested: Sequence[Spec]
) -> None:
    """Add what an install did to an environment's history; nothing where it did nothing.

    :param before: the packages that were there, and `after` those that are there now.
    :param requested: what is asked for now; of what the history has beside it, it is taken back.
    """
    old, new = {_dist(each) for each in before}, {_dist(each) for each in after}
    said = {name: specs[-1] for name, specs in history(prefix).items()}
    asked = {spec.name: str(spec) for spec in requested}
    dropped = sorted(name for name in said if name not in asked)
    if old == new and said == asked:
        return
    lines = [
        f"==> {time.strftime('%Y-%m-%d %H:%M:%S')} <==",
        f"# cmd: {_COMMAND}",
        *(f"-{dist}" for dist in sorted(old - new)),
        *(f"+{dist}" for dist in sorted(new - old)),
    ]
    if dropped:
        lines.append(f"# remove specs: {dropped}")
    if asked:
        lines.append(f"# update specs: {[asked[name] for name in sorted(asked)]}")
    with (prefix / "conda-meta" / "history").open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _dist(record: Record) -> str:
    """Return a package as conda's history has it: `conda-forge/linux-64::zlib-1.3.1-h0_2`."""
    channel = record.channel.rstrip("/").removeprefix("https://conda.anaconda.org/")
    return f"{channel}/{record.subdir}::{record.name}-{record.version}-{record.build}"


def _read(prefix: Path) -> str:
    try:
        return (prefix / "conda-meta" / "history").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _listed(text: str) -> list[str]:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return []
    return [str(each) for each in found] if isinstance(found, list) else []
