"""The demo of the Poetry plugin: one lock for two targets, and each environment gets its own."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import TYPE_CHECKING

from tests.demo.requirements import NO_TORCH
from tests.support.environments import run

if TYPE_CHECKING:
    import subprocess

    from tests.demo.tour import Tour

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10,<3.15"
dependencies = ["torch", "torchvision", "tqdm"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "little-pypi"
url = "{url}/simple"
priority = "primary"

[tool.accelock]
targets = ["cpu", "cu126"]

[tool.accelock.sources]
pytorch = "{url}/whl/{{target}}"
"""


def lock_and_install(tour: Tour) -> None:
    """Plain `poetry lock` and plain `poetry install`."""
    if importlib.util.find_spec("poetry") is None:
        tour.say("Poetry is not installed here: this chapter is left out.")
        return
    tour.say("The same with Poetry: torch is a plain dependency, and the targets stand in a table.")
    (tour.folder / "poetry").mkdir()
    tour.write("poetry/pyproject.toml", PYPROJECT.format(url=tour.server.url))
    tour.server.reset()
    tour.show(said(poetry(tour, "lock")))
    bodies = [request.path for request in tour.server.bodies() if "/whl/" in request.path]
    tour.expect(not bodies, f"wheels were downloaded: {bodies}")
    lock = tour.read("poetry/poetry.lock")
    found = sorted(set(re.findall(r'^version = "(\S+\+cpu|\S+\+cu126)"', lock, re.MULTILINE)))
    tour.expect(len(found) >= 4, f"the lock has only {found}")
    tour.say(f"One poetry.lock has it all: {', '.join(found)}, and a Mac's builds without a label.")
    if tour.host is None or tour.host.name == NO_TORCH:
        return
    for target, libraries in {"cpu": False, "cu126": True}.items():
        if libraries and tour.host.sys_platform == "darwin":
            continue
        tour.env["ACCELOCK_TARGET"] = target
        done = poetry(tour, "install", "--dry-run")
        operations = done.stdout.splitlines()
        tour.show([line for line in said(done) if "accelock:" in line or "torch" in line])
        has_libraries = any("nvidia" in line for line in operations)
        tour.expect(has_libraries is libraries, f"wrong libraries for {target}:\n{done.stdout}")
    del tour.env["ACCELOCK_TARGET"]
    tour.say("Nobody typed a flag: on a machine the driver decides, ACCELOCK_TARGET in an image.")


def poetry(tour: Tour, *words: str) -> subprocess.CompletedProcess[str]:
    target = tour.env.get("ACCELOCK_TARGET")
    tour.show([f"$ {f'ACCELOCK_TARGET={target} ' if target else ''}poetry {' '.join(words)}"])
    done = run(
        sys.executable,
        "-m",
        "poetry",
        "--no-interaction",
        *words,
        cwd=tour.folder / "poetry",
        env=tour.env,
    )
    return tour.checked(done)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = [*done.stderr.splitlines(), *done.stdout.splitlines()]
    return [line for line in lines if line.strip()]
