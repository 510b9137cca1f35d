"""Judge every lock of some folders: `python -m tests.support.judge_folder --index URL FOLDER...`.

Compiled files tell their Python themselves; poetry.lock is judged for each `--python` (3.11, ...),
with all groups and extras together. The index is the one that packages come from by default; the
others are those that a lock names. Each fault is a line, and any makes the exit status 1.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.markers import Marker

from tests.support.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


judge_of = functools.cache(Judge)  # by its Python: each reads a page once


def main(folders: Sequence[Path], index: str, pythons: Sequence[str]) -> int:
    """Print the faults of the locks of each folder, and how many cells there were."""
    wrong = 0
    for folder in folders:
        cells = [*compiled(folder, index), *poetry(folder, index, pythons)]
        faults = [f"{cell}: {fault}" for cell, found in cells for fault in found]
        print(
            f"{folder}: {len(cells)} cells, {len(faults)} faults", *faults, sep="\n  ", flush=True
        )
        wrong += bool(faults) or not cells
    return 1 if wrong else 0


def compiled(folder: Path, index: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the faults of each cell of each file that accelock compiled."""
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        head = re.search(
            r"^# accelock: version \S+; target (\S+); python (\S+)$", text, re.MULTILINE
        )
        if head is None:
            continue
        target, python = head.groups()
        indexes = [*re.findall(r"^--(?:extra-)?index-url (\S+)$", text, re.MULTILINE), index]
        (platforms,) = re.findall(r"^# accelock: platforms (.+)$", text, re.MULTILINE)
        for platform in platforms.split():
            found = judge_of(python).of_cell(text, target, platform, indexes)
            yield f"{path.name}, {platform}", list(found)


def poetry(folder: Path, index: str, pythons: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the faults of each cell of a poetry.lock."""
    path = folder / "poetry.lock"
    if not path.is_file():
        return
    lock = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    metadata = lock["metadata"]["accelock"]
    for python in pythons:
        judge = judge_of(python)
        for target in metadata["targets"]:
            entries = view(lock, target)
            sources = [each["source"] for each in entries if "source" in each]
            urls = dict.fromkeys(each["url"] for each in sources if each["type"] == "legacy")
            indexes = [*urls, index]
            for platform in metadata["platforms"][target]:
                environment = judge.environment(platform)
                lines = [line(each) for each in entries if holds(each, environment)]
                found = judge.of_cell("\n".join(lines), target, platform, indexes)
                yield f"poetry.lock, {target}, {platform}, {python}", list(found)


def view(lock: dict[str, Any], target: str) -> list[dict[str, Any]]:
    """Return a target's entries: the leader's, with its own difference."""
    change = lock.get("accelock", {}).get(target, {})
    kept = [each for each in lock["package"] if each["name"] not in change.get("drop", ())]
    return [*kept, *change.get("package", ())]


def holds(entry: dict[str, Any], environment: dict[str, str]) -> bool:
    """Tell whether an entry is installed somewhere, be it with a group or with an extra."""
    markers = entry.get("markers", "")
    for marker in markers.values() if isinstance(markers, dict) else (markers,):
        extras = {"", *re.findall(r'extra == "([^"]+)"', marker)}
        if not marker or any(Marker(marker).evaluate({**environment, "extra": e}) for e in extras):
            return True
    return isinstance(markers, dict) and not set(entry["groups"]) <= markers.keys()


def line(entry: dict[str, Any]) -> str:
    """Return an entry as a line of a requirements file, with its hashes."""
    hashes = "".join(f" \\\n    --hash={each['hash']}" for each in entry["files"])
    return f"{entry['name']}=={entry['version']}{hashes}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="judge_folder")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--index", required=True)
    parser.add_argument("--python", action="append", default=[])
    given = parser.parse_args()
    sys.exit(main(given.folders, given.index, given.python))
