"""How long a lock takes and what it reads, beside plain pip-compile and uv: `tox -e bench`.

    python -m tests.bench [--direct 40] [--times 5] [--page docs/how-it-works.md]

Every tool locks the same made-up project from the same server on localhost (`world.py`), each with
an empty cache of its own first (cold), then again from nothing but that cache (warm), then with the
file that it wrote (again). CPU is what the process and its children used, in seconds; the medians
of several runs are shown, and their ratio to one run of plain pip-compile, which knows one target
and one platform and writes no hashes. Only ratios within one run of this mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.world import TARGETS, World

if TYPE_CHECKING:
    from collections.abc import Sequence

PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
STATES = ("cold", "warm", "again")  # of cache and file
GOALS = {
    ("accelock, 1 x 1", "cold"): 1.0,
    ("accelock, 1 x 1", "warm"): 0.6,
    ("accelock, 1 x 1", "again"): 0.5,
    ("accelock, 6 x 4", "warm"): 0.6,
    ("accelock, 6 x 4", "again"): 0.5,
}
"""The most that a lock may take, as a ratio to plain pip-compile."""
PART = re.compile(r"(<!-- measured -->)[\s\S]*?(<!-- measured: end -->)")
PIP = ("-q", "--allow-unsafe", "--strip-extras", "--no-header")


@dataclass(frozen=True)
class Run:
    """What one run took: seconds of CPU and of the clock, MB at its peak, and requests."""

    cpu: float
    wall: float
    memory: float
    requests: int


def commands(world: World) -> dict[str, tuple[str, ...]]:
    """Return what is measured, plain pip-compile first."""
    tools = Path(sys.executable).parent
    family = f"{world.url}/whl/cpu"
    plain = (str(tools / "pip-compile"), *PIP, "requirements.in", "--extra-index-url", family)
    found: dict[str, tuple[str, ...]] = {"pip-compile, no hashes": plain}
    ours = (str(tools / "accelock"), "compile", *PIP, "--generate-hashes", "requirements.in")
    for targets, platforms in ((1, 1), (1, 4), (6, 1), (6, 4)):
        words = [word for each in TARGETS[:targets] for word in ("-t", each)]
        words += [word for each in PLATFORMS[:platforms] for word in ("--platform", each)]
        source = f"--source=pytorch={world.url}/whl/{{target}}"
        found[f"accelock, {targets} x {platforms}"] = (*ours, source, *words)
    where = ("--index", family, "--default-index", f"{world.url}/simple")
    file = ("-q", "--generate-hashes", "--no-header", "requirements.in", "-o", "requirements.txt")
    found["uv pip compile"] = (str(tools / "uv"), "pip", "compile", *file, *where)
    return found


def measure(words: Sequence[str], world: World, folder: Path, times: int) -> dict[str, list[Run]]:
    """Run a command in each state, several times over."""
    found: dict[str, list[Run]] = {}
    for _ in range(times):
        shutil.rmtree(folder, ignore_errors=True)
        project, home = folder / "project", folder / "home"
        project.mkdir(parents=True)
        home.mkdir()
        text = "".join(f"{line}\n" for line in world.requirements)
        (project / "requirements.in").write_text(text, encoding="utf-8")
        for state in STATES:
            if state == "warm":
                for path in project.glob("requirements*.txt"):
                    path.unlink()
            found.setdefault(state, []).append(once(words, world, project, home))
    return found


def once(words: Sequence[str], world: World, project: Path, home: Path) -> Run:
    """Run a command once.

    :raises SystemExit: it failed.
    """
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    env = {
        **kept, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{world.url}/simple", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # fmt: skip
    world.asked.clear()
    began = time.perf_counter()
    child = _spawn(words, project, env)
    _pid, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"it failed: {' '.join(words)}")
    return Run(
        used.ru_utime + used.ru_stime,
        time.perf_counter() - began,
        used.ru_maxrss / 1000,
        world.asked.total(),
    )


def _spawn(words: Sequence[str], project: Path, env: dict[str, str]) -> int:
    back = Path.cwd()
    os.chdir(project)
    try:
        return os.posix_spawn(words[0], [*words], env)
    finally:
        os.chdir(back)


def table(results: dict[str, dict[str, list[Run]]]) -> str:
    """Return the medians as a table in Markdown, with the ratio to plain pip-compile."""
    plain = next(iter(results.values()))
    lines = [
        "| | state | CPU, s | ratio | goal | clock, s | MB | requests |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, states in results.items():
        for state, runs in states.items():
            cpu, base = (statistics.median(r.cpu for r in each) for each in (runs, plain[state]))
            wall = statistics.median(each.wall for each in runs)
            memory = max(each.memory for each in runs)
            lines.append(
                f"| {name} | {state} | {cpu:.1f} | {cpu / base:.2f} | "
                f"{_judged(cpu / base, GOALS.get((name, state)))} | {wall:.1f} | {memory:.0f} | "
                f"{runs[-1].requests} |"
            )
    return "\n".join(lines)


def _judged(ratio: float, goal: float | None) -> str:
    if goal is None:
        return ""
    over = ratio - goal
    return f"{goal:.1f}, missed by {over:.2f}" if over > 0 else f"{goal:.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print the table; `--json` writes all runs to a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--direct", type=int, default=40, help="how many requirements")
    parser.add_argument("--times", type=int, default=5, help="runs of each")
    parser.add_argument("--json", type=Path, help="a file for the figures of all runs")
    parser.add_argument("--page", type=Path, help="a page that has the measured part")
    asked = parser.parse_args(argv)
    results: dict[str, dict[str, list[Run]]] = {}
    world = World(asked.direct)
    with world.serve(), tempfile.TemporaryDirectory() as name:
        for title, words in commands(world).items():
            results[title] = measure(words, world, Path(name) / "run", asked.times)
            print(f"{title}: done", file=sys.stderr)
    names = ("accelock", "pip", "pip-tools", "uv")
    tools = ", ".join(f"{each} {metadata.version(each)}" for each in names)
    day, python = f"{datetime.now(timezone.utc):%Y-%m-%d}", sys.version.split()[0]
    head = f"{len(world.requirements)} requirements; {tools}; Python {python}; {day}"
    text = f"{head}; the median of {asked.times} run(s) each.\n\n{table(results)}"
    print(text)
    if asked.page:
        page = asked.page.read_text(encoding="utf-8")
        page = PART.sub(lambda part: f"{part[1]}\n\n{text}\n\n{part[2]}", page)
        asked.page.write_text(page, encoding="utf-8")
    if asked.json:
        runs = {
            name: {state: [vars(run) for run in each] for state, each in states.items()}
            for name, states in results.items()
        }
        asked.json.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
