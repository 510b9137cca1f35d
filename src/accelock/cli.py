"""The `accelock` console application. Thin: it dispatches, and turns errors into exit codes.

`compile`, `sync` and `rewrite` hand their options on to pip-tools' own click commands, and are
dispatched before cleo parses anything. They import pip, so that they are loaded only when asked.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Commands on pip-tools: name -> (module with a `main(args)`, what it is).
PIP_TOOLS_COMMANDS = {
    "compile": ("accelock.hosts.piptools.command", "pip-compile for hardware targets"),
    "rewrite": ("accelock.hosts.piptools.rewrite.command", "turn a compiled file to a target"),
    "sync": ("accelock.hosts.piptools.sync", "pip-sync of the file that fits this machine"),
}
_VERBOSE = frozenset({"-v", "-vv", "-vvv", "--verbose"})
_INTERRUPTED = 130  # as a shell has it: 128 and the number of SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application and return its exit code: 0, 1 for an error, 2 for wrong usage.

    A pipe that its reader has closed is an error, without a message: the exit code 0 would say
    that all was said and done. An interruption from the keyboard is 130.

    :param argv: the words behind the program's name; those of this process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that a terminal cannot show is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(words)
        sys.stdout.flush()  # now: what fails when Python ends is a traceback
    except KeyboardInterrupt:
        from accelock.commands.refused import give_up_broken

        give_up_broken()
        return _INTERRUPTED
    except OSError as error:
        return _refused(error, words)
    return code


def _run(words: Sequence[str]) -> int:
    os.getcwd()  # noqa: PTH109 - without pathlib; in a folder that is gone no file is what it seems
    try:
        if words and words[0] in PIP_TOOLS_COMMANDS:
            return _hand_on(words[0], words[1:])
        return _application(words)
    except AccelockError as error:
        if _VERBOSE & set(words):
            raise
        return fail(error)


def fail(error: AccelockError) -> int:
    """Print an error on stderr, as one message, and return its exit code."""
    sys.stderr.write(f"ERROR: {error}\n")
    return error.exit_code


def _refused(error: OSError, words: Sequence[str]) -> int:
    from accelock.commands.refused import give_up_broken, refused

    told = refused(error)
    if told is None:  # nobody reads on
        return 1
    if _VERBOSE & set(words):
        raise told from error
    with contextlib.suppress(OSError):  # standard error may be the one that is full
        fail(told)
    give_up_broken()
    return told.exit_code


def _open_closed_streams() -> None:
    """Open what the shell closed (`>&-`) on nothing, as Python's own `print` has it.

    Otherwise the next file that is opened gets its number, and is what subprocesses write into.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _hand_on(name: str, words: Sequence[str]) -> int:
    from accelock.hosts.piptools import probe

    probe.require_pip_tools(f"accelock {name}")
    module = importlib.import_module(PIP_TOOLS_COMMANDS[name][0])
    try:
        module.main(words)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


def _application(words: Sequence[str]) -> int:
    from accelock.commands.app import application

    return application(words)
