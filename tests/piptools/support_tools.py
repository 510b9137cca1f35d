"""An environment in which accelock and pip-tools are installed, as a user has them."""

from __future__ import annotations

import functools
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import accelock
from tests.support.environments import Venv, run
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
EXTRA = "pip-tools"


def tool_environment(path: Path, env: Mapping[str, str]) -> Venv:
    """Make a virtual environment with this one's pip, pip-tools and what accelock requires.

    accelock itself is installed from an archive, which pip-sync calls by another key than what
    came from an index.
    """
    venv = pip_environment(path, env)
    site = site_packages(venv)
    for distribution in closure(requirements_of_accelock()):
        copy(distribution, site)
    installed = venv.pip("install", "--no-deps", "--no-index", accelock_wheel().save(path))
    assert installed.returncode == 0, installed.stderr
    return venv


def pip_environment(path: Path, env: Mapping[str, str]) -> Venv:
    """Make a virtual environment with this one's pip, and nothing else."""
    made = run(sys.executable, "-m", "venv", "--without-pip", path, cwd=path.parent, env=env)
    assert made.returncode == 0, made.stderr
    venv = Venv(path, env)
    copy(metadata.distribution("pip"), site_packages(venv))
    return venv


def site_packages(venv: Venv) -> Path:
    asked = venv.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    return Path(asked.stdout.strip())


def copied(venv: Venv, path: Path, env: Mapping[str, str]) -> Venv:
    """Return a copy of an environment; one without scripts can be moved."""
    shutil.copytree(venv.path, path, symlinks=True)
    return Venv(path, env)


def accelock_wheel() -> Distribution:
    """Build a wheel of the accelock that runs here."""
    package = Path(accelock.__file__).parent
    files = {
        f"accelock/{path.relative_to(package).as_posix()}": path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*"))
        if path.suffix in {".py", ".toml"}
    }
    extra = _project()["optional-dependencies"][EXTRA]
    return wheel(
        "accelock",
        accelock.__version__,
        requires=[*_project()["dependencies"], *(f'{each} ; extra == "{EXTRA}"' for each in extra)],
        requires_python=_project()["requires-python"],
        extras=[EXTRA],
        files=files,
    )


def requirements_of_accelock() -> list[str]:
    texts = (*_project()["dependencies"], *_project()["optional-dependencies"][EXTRA])
    return [Requirement(text).name for text in texts]


def closure(names: Iterable[str]) -> Iterator[metadata.Distribution]:
    """Yield distributions of this interpreter, and all that they require."""
    seen: set[str] = set()
    queue = list(names)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in seen:
            continue
        seen.add(name)
        distribution = metadata.distribution(name)
        yield distribution
        wanted = map(Requirement, distribution.requires or ())
        queue += [r.name for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})]


def copy(distribution: metadata.Distribution, site: Path) -> None:
    """Copy the installed files of a distribution, but its scripts and byte code."""
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
            continue
        place = site / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


@functools.cache
def _project() -> Mapping[str, Any]:
    return dict(tomlkit.parse(PYPROJECT.read_text(encoding="utf-8")).unwrap()["project"])
