"""The environment of a Poetry project: its platform, the target that it takes, and took last."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError
from accelock.targets import PLATFORMS, PythonVersion

if TYPE_CHECKING:
    from accelock.hardware import Choice
    from accelock.hosts.poetry.project import Project
    from accelock.locks.model import Lock
    from accelock.targets import Platform

# In the root of the virtual environment: it goes when the environment goes.
_FILE = "accelock.json"


def choose(project: Project, lock: Lock) -> Choice:
    """Return the target for the environment of a project, and why.

    :param lock: the one in the file, or the one that a solution will be.
    :raises AccelockError: no target fits, or the one chosen is not locked for this platform.
    """
    from accelock.hardware import choose as choose_for_machine
    from accelock.hardware.choice import eligible
    from accelock.locks.markers import Place
    from accelock.locks.open import facts

    env = environment(project)
    platform = platform_of(env)
    major, minor = env.version_info[:2]
    place = Place(platform, PythonVersion(major, minor)) if platform else None
    targets = eligible(project.targets, lock.targets)
    choice = choose_for_machine(
        targets,
        environ=os.environ,
        catalogue=project.catalogue,
        platform=platform,
        saved=remembered(env).get("chosen"),
        locked=facts(Path(project.where).parent, lock, targets, place),
        declared=project.targets,
    )
    locked = lock.targets[choice.target]
    if platform is None or not locked.is_for(platform):
        here = platform.name if platform is not None else _described(env)
        names = ", ".join(each.name for each in locked.platforms or ()) or "no platform"
        raise AccelockError(
            f"This environment is {here}, and poetry.lock has {choice} for {names} only. Nothing "
            "was installed. Add the platform to `platforms` in [tool.accelock] and run `poetry "
            "lock`, or choose another target (ACCELOCK_TARGET, or `poetry accelock use`)."
        )
    return choice


def environment(project: Project) -> Any:
    """Return Poetry's environment of the project: the command's own, where it has one."""
    # EnvCommand keeps it in `_env` (Poetry 2.0.1 to 2.5.1), and its property asserts.
    env = getattr(project.command, "_env", None)
    if env is not None:
        return env
    from poetry.utils.env import EnvManager

    return EnvManager(project.poetry).get()


def platform_of(env: Any) -> Platform | None:
    """Return the platform of an environment's interpreter, which may not be ours."""
    markers = env.marker_env
    for platform in PLATFORMS.values():
        if (
            platform.sys_platform == markers["sys_platform"]
            and platform.machine.lower() == str(markers["platform_machine"]).lower()
        ):
            return platform
    return None


def remembered(env: Any) -> dict[str, str]:
    """Return what was noted in an environment: ``chosen`` by the user, ``installed`` last."""
    try:
        found = json.loads((Path(env.path) / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def remember(env: Any, **notes: str | None) -> None:
    """Note something in an environment; None forgets it.

    :raises AccelockError: the environment cannot be written to.
    """
    known: dict[str, str | None] = {**remembered(env), **notes}
    content = {key: value for key, value in known.items() if value is not None}
    path = Path(env.path) / _FILE
    try:
        path.write_text(json.dumps(content, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise AccelockError(
            f"{path} could not be written ({error.strerror}); the choice is not kept. Use "
            "ACCELOCK_TARGET instead."
        ) from error


def _described(env: Any) -> str:
    markers = env.marker_env
    return f"{markers['sys_platform']} on {markers['platform_machine']}"
