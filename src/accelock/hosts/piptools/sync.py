"""The command `accelock sync`: pip-sync's own click command with the file for this machine.

pip-sync removes what the files lack; it spares pip-tools and what that requires, and does not know
about accelock, conda or Poetry. It lists what is installed with pip's own environment (that of
`--python-executable` by its `sys.path`), decides in `piptools.sync.diff`, and only then acts: in
pip-tools 7.3.0 to 7.6.2 alike. What it must keep is taken out of what is to go.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.sync as sync_module
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip._internal.exceptions import PipError
from pip._vendor.packaging.version import InvalidVersion
from piptools import sync as piptools_sync

from accelock.catalogue import load_catalogue
from accelock.environments import other_environment
from accelock.errors import AccelockError
from accelock.hardware import run_command
from accelock.hosts.piptools import sync_calls
from accelock.hosts.piptools.patches import Patches
from accelock.hosts.piptools.sync_calls import Calls
from accelock.hosts.piptools.sync_files import Chooser
from accelock.locks import compiled, journal, pylock_file
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.targets import PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


PROGRAM = "accelock sync"
OURSELVES = "accelock"
POETRY = "poetry"
CONDA = "conda"
_ASK = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([sys.version_info[0], sys.version_info[1], u.find_spec('pip') is not None]))"
)
_EDITED = (
    "changed after it was compiled: its pins, hashes or options were edited or damaged. sync "
    "installs it as it is; accelock compile makes it again."
)
_LIMIT = 10.0  # seconds; a Python on a slow disk takes its time
_HELP = """

Without SRC_FILES, sync installs requirements.txt or requirements.TARGET.txt: the file that accelock
compiled for the target that fits this machine. ACCELOCK_TARGET chooses another target. If a file
that you name does not exist, sync takes the target's: for requirements-dev.txt, that is
requirements-dev.TARGET.txt. A pylock file (PEP 751) of any tool works too. sync never removes
accelock, its dependencies, or packages that conda installed.

The environment is that of VIRTUAL_ENV, else CONDA_PREFIX, else ./.venv, else the one in which
accelock runs. --python-executable names another.
"""


def main(args: Sequence[str]) -> None:
    """Run `accelock sync` and leave by SystemExit, as click commands do.

    Without a target and a file of ours it is pip-sync, which keeps accelock itself.

    :raises AccelockError: with the message for the user.
    """
    command().main(args=list(args), prog_name=PROGRAM)


def command() -> click.Command:
    """Return pip-sync's command, in which a file may be that of a target."""
    ours: click.Command = copy.copy(sync_module.cli)
    ours.params = [_parameter(parameter) for parameter in sync_module.cli.params]
    ours.callback = _sync
    ours.help = (sync_module.cli.help or "") + _HELP
    return ours


def _parameter(theirs: click.Parameter) -> click.Parameter:
    if theirs.name != "src_files":
        return theirs
    ours = copy.copy(theirs)
    ours.type = LayeredPath(theirs.type)
    return ours


class LayeredPath(click.ParamType):  # type: ignore[type-arg]  # not generic in older clicks
    """What pip-sync takes, or a name such as requirements.txt of which targets have files."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        self.name = theirs.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as it was given; a usage error where nothing is there."""
        path = Path(value)
        catalogue = load_catalogue()
        if not path.exists() and compiled.layers(path, catalogue.targets):
            return value
        if not path.exists() and pylock_file.layers(path, Settings(catalogue, Config())):
            return value
        return self.theirs.convert(value, param, ctx)


def _sync(**params: Any) -> None:
    words = params["src_files"]
    _refuse_unfinished(words)
    is_told = params["verbose"] >= params["quiet"]
    if params["python_executable"] is None and (other := other_environment(os.environ, Path())):
        params["python_executable"] = other.python
        if is_told:
            click.echo(f"Environment: {other}", err=True)
    python = _python_of(params["python_executable"])
    settings = Settings.of(Path())
    chooser = Chooser(settings, os.environ, host_platform(), python)
    selection, calls = chooser.select(words), None
    with contextlib.ExitStack() as stack:
        if selection is not None:
            choice = selection.choice
            params["src_files"] = selection.files
            if selection.pylock is not None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="accelock-"))
                target = choice.target if choice else None
                params["src_files"] = (
                    sync_calls.write_pylock(selection.pylock, target, Path(folder)),
                )
            elif choice is not None:
                calls = Calls(settings, selection.files, choice.target)
                for name in chooser.edited(selection):
                    click.echo(f"WARNING: {name} {_EDITED}", err=True)
            if is_told:
                click.echo(str(selection), err=True)
                if choice is not None and choice.container_warning:
                    click.echo(f"WARNING: {choice.container_warning}", err=True)
        stack.enter_context(guarded(calls))
        _run_pip_sync(params)


def _refuse_unfinished(words: Iterable[str]) -> None:
    """Stop before a file that an interrupted compile may be about to replace."""
    for folder in dict.fromkeys([Path(), *(Path(word).parent for word in words)]):
        journal.refuse_unfinished(folder)


def _run_pip_sync(params: dict[str, Any]) -> None:
    try:
        sync_module.cli.callback(**params)
    except subprocess.CalledProcessError as error:
        raise AccelockError(_failed(error)) from error
    except (PipError, UnicodeDecodeError) as error:
        raise AccelockError(f"pip cannot read the requirements: {error}") from error
    except InvalidVersion as error:  # pip-sync reads what an interpreter says of its own pip
        python = params["python_executable"] or "this Python"
        raise AccelockError(
            f"{python} does not print the version of its pip ({error}). Nothing was changed. "
            "Check that it is a Python with pip."
        ) from error


def _failed(error: subprocess.CalledProcessError) -> str:
    words = [str(word) for word in error.cmd]
    step = next((word for word in ("uninstall", "install") if word in words[:4]), None)
    if step is None:  # pip-sync asks the interpreter of --python-executable about itself
        return f"{words[0]} failed with exit code {error.returncode}; nothing was changed."
    return (
        f"pip {step} failed with exit code {error.returncode}; its messages are above. The "
        "environment is not in sync: solve the problem, and run the command again."
    )


def _python_of(executable: str | None) -> PythonVersion | None:
    """Return the version of the Python that is installed into: this one, or that of a path.

    None for what gives no answer: pip-sync asks it next, and says what is wrong. One without pip it
    leaves with a traceback (pip-tools 7.3.0 to 7.6.2).

    :raises AccelockError: there is no pip in its environment.
    """
    if executable is None:
        return PythonVersion.host()
    found = shutil.which(executable)
    if found is None:
        return None
    answer = run_command([found, "-c", _ASK], timeout=_LIMIT)
    try:
        major, minor, has_pip = json.loads(answer.text.strip().rpartition("\n")[2])
        version = PythonVersion(int(major), int(minor))
    except (ValueError, TypeError):
        return None
    if not has_pip:
        raise AccelockError(
            f"the environment of {executable} has no pip, and sync installs with the "
            f"environment's own pip. Nothing was changed. Run: {executable} -m ensurepip"
        )
    return version


@contextmanager
def guarded(calls: Calls | None) -> Iterator[None]:
    """Let pip-sync keep what it must, and refuse Poetry's environment, while the block lasts.

    `calls`: the files were compiled by accelock, and what one of them says about indexes holds
    for all; this is how pip installs them.
    """
    guard = _Guard()
    with Patches() as patches:
        patches.wrap(sync_module, "get_environment", guard.listen)
        patches.wrap(piptools_sync, "diff", guard.spare)
        if calls is not None:
            patches.wrap(sync_module, "parse_requirements", _remember_indexes)
            patches.wrap(piptools_sync, "run", calls.split)
        yield


def _remember_indexes(original: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the extra indexes of a file when the next one says `--index-url`, which clears them.

    The layer with torch has the line that leads to its builds; a dev layer without torch has no
    reason to repeat it, and pip would not find `torch==2.6.0+cpu` any more.
    """

    def parse_requirements(filename: str, *args: Any, finder: Any, **kwargs: Any) -> Iterator[Any]:
        before = list(finder.index_urls)
        yield from original(filename, *args, finder=finder, **kwargs)
        urls = finder.search_scope.index_urls
        urls.extend(url for url in before[1:] if url not in urls)

    return parse_requirements


@dataclass
class _Guard:
    """Sees which environment is synced, and takes what must stay out of what is to go."""

    environments: list[Any] = field(default_factory=list)

    def listen(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Remember the environment that pip-sync lists the distributions of."""

        def get_environment(paths: list[str] | None) -> Any:
            environment = original(paths)
            self.environments.append(environment)
            return environment

        return get_environment

    def spare(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Leave out of what is to be uninstalled what must stay."""

        def diff(compiled: Iterable[Any], installed: Iterable[Any]) -> tuple[set[Any], set[str]]:
            wanted, found = list(compiled), list(installed)
            _refuse_poetry(wanted, found)
            to_install, to_uninstall = original(wanted, found)
            kept = self._kept()
            return to_install, {key for key in to_uninstall if _name(key) not in kept}

        return diff

    def _kept(self) -> set[str]:
        own = own_distributions()
        return {
            name
            for environment in self.environments
            for distribution in environment.iter_installed_distributions(local_only=False, skip=())
            for name in [str(distribution.canonical_name)]
            if distribution.installer == CONDA or _is_at(distribution, own.get(name))
        }


def own_distributions() -> dict[str, Path]:
    """Return accelock and all that it requires, with its extras: name -> where it is installed.

    They are those of the interpreter that runs this; none where accelock runs from its sources.
    """
    found: dict[str, Path] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(OURSELVES, extra) for extra in ("", *_extras_of(OURSELVES))]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = Path(str(distribution.locate_file(""))).resolve()
        queue.extend(_required(distribution, extra))
    return found


def _extras_of(name: str) -> list[str]:
    try:
        return metadata.metadata(name).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _required(distribution: metadata.Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = canonicalize_name(requirement.name)
            yield from ((name, wanted) for wanted in ("", *requirement.extras))


def _is_at(distribution: Any, place: Path | None) -> bool:
    """Tell whether pip's distribution is the one that we run from, and no namesake elsewhere."""
    if place is None or distribution.location is None:
        return False
    return Path(distribution.location).resolve() == place


def _name(key: str) -> str:
    """Return the name in pip-sync's key, which is `name @ URL` for what came from an archive."""
    return canonicalize_name(key.partition(" @ ")[0])


def _refuse_poetry(wanted: Iterable[Any], installed: Iterable[Any]) -> None:
    """Stop where Poetry lives, unless the files themselves ask for it."""
    if POETRY not in {canonicalize_name(each.key) for each in installed}:
        return
    if POETRY in {canonicalize_name(each.name) for each in wanted if each.name}:
        return
    raise AccelockError(
        "sync would remove Poetry and its plugins: they are installed in this environment, and "
        "the files do not have them. Nothing was changed. Run this in the project's own "
        "environment, or name that with --python-executable."
    )
