"""What pip alone makes of one cell: a second opinion on a target's part of a lock."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.elsewhere import pip_elsewhere
from tests.support.environments import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.poetry.support_project import Project


def resolved_alone(
    project: Project,
    target: str,
    roots: Sequence[str],
    pins: Mapping[str, str],
    platform: str | None = None,
) -> dict[str, str]:
    """Resolve for one target with pip, held to the public versions of a lock: name -> version.

    :param roots: what the project requires.
    :param pins: the target's part of a lock; a name that pip wants besides is free, and shows.
    :param platform: as on this platform; None is this machine.
    """
    url = project.server.url
    limits = [f"{name}=={Version(version).public}\n" for name, version in pins.items()]
    constraints = project.folder.parent / f"constraints-{target}-{platform}.txt"
    constraints.write_text("".join(limits))
    words = (
        *("--index-url", f"{url}/simple", "--extra-index-url", f"{url}/whl/{target}"),
        *("--quiet", "--report=-", "--no-cache-dir", "-c", str(constraints)),
        *roots,
    )
    if platform is None:
        install = (sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed")
        done = run(*install, *words, cwd=project.folder, env=project.env)
    else:
        done = pip_elsewhere(platform, *words, cwd=project.folder, env=project.env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["install"]
    return {
        canonicalize_name(each["metadata"]["name"]): each["metadata"]["version"] for each in report
    }
