"""The command `accelock sync`: pip-sync's own click command with the file for this machine."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.sync as sync_module
from pip._internal.exceptions import PipError
from pip._vendor.packaging.version import InvalidVersion

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hardware import run_command
from accelock.hosts.piptools import sync_guard
from accelock.hosts.piptools.sync_files import Chooser
from accelock.locks import compiled, journal
from accelock.settings.project import Settings
from accelock.targets import PythonVersion, host_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


PROGRAM = "accelock sync"
_ASK = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([sys.version_info[0], sys.version_info[1], u.find_spec('pip') is not None]))"
)
_LIMIT = 10.0  # seconds; a Python on a slow disk takes its time
_HELP = """

Without SRC_FILES, the file is requirements.txt or requirements.TARGET.txt, whichever accelock
compiled for a target that fits this machine (ACCELOCK_TARGET chooses one). A name that does not
exist means the file of that target: requirements-dev.txt is requirements-dev.TARGET.txt. accelock,
what it needs, and what conda installed are kept.
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
        if not path.exists() and compiled.layers(path, load_catalogue().targets):
            return value
        return self.theirs.convert(value, param, ctx)


def _sync(**params: Any) -> None:
    words = params["src_files"]
    _refuse_unfinished(words)
    python = _python_of(params["python_executable"])
    selection = _chooser(python).select(words)
    if selection is not None:
        params["src_files"] = selection.files
        if params["verbose"] >= params["quiet"]:
            click.echo(str(selection), err=True)
            if warning := selection.choice.container_warning:
                click.echo(f"WARNING: {warning}", err=True)
    with sync_guard.guarded(layered=selection is not None):
        _run_pip_sync(params)


def _chooser(python: PythonVersion | None) -> Chooser:
    return Chooser(Settings.of(Path()), os.environ, host_platform(), python)


def _refuse_unfinished(words: Iterable[str]) -> None:
    """Stop before a file that an interrupted compile may be about to replace."""
    for folder in dict.fromkeys([Path(), *(Path(word).parent for word in words)]):
        if journal.pending(folder):
            raise AccelockError(
                f"{folder.resolve()}: an accelock that wrote files here was interrupted, so that "
                "some may be old and some new. Nothing was changed. Run: accelock check (it "
                "finishes the writing), then sync again."
            )


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
            f"{python} does not tell the version of its pip ({error}); is it a Python that has "
            "pip? Nothing was changed."
        ) from error


def _failed(error: subprocess.CalledProcessError) -> str:
    words = [str(word) for word in error.cmd]
    step = next((word for word in ("uninstall", "install") if word in words[:4]), None)
    if step is None:  # pip-sync asks the interpreter of --python-executable about itself
        return f"{words[0]} failed with exit code {error.returncode}; nothing was changed."
    return (
        f"pip {step} failed with exit code {error.returncode}; what it said is above. The "
        "environment is not in sync: run the command again once that is put right."
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
            f"the environment of {executable} has no pip, with which packages are installed into "
            f"it. Nothing was changed. Run: {executable} -m ensurepip"
        )
    return version
