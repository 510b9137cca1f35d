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

from accelock.errors import AccelockError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

#: Commands on pip-tools: name -> (module with a `main(args)`, what it is).
PIP_TOOLS_COMMANDS = {
    "compile": ("accelock.hosts.piptools.command", "pip-compile for hardware targets"),
    "rewrite": (
        "accelock.hosts.piptools.rewrite.command",
        "rewrite a compiled file for a target",
    ),
    "sync": ("accelock.hosts.piptools.sync", "pip-sync with the file that fits this machine"),
}
_HELP = frozenset({"help", "-h", "--help"})
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
        _give_up_broken()
        return _INTERRUPTED
    except OSError as error:
        return _refused(error, words)
    return code


def fail(error: AccelockError) -> int:
    """Print an error on stderr, as one message, and return its exit code."""
    sys.stderr.write(f"ERROR: {error}\n")
    return error.exit_code


def _run(words: Sequence[str]) -> int:
    os.getcwd()  # noqa: PTH109 - without pathlib; in a folder that is gone no file is what it seems
    name = next((word for word in words if word[:1] != "-" and word not in _HELP), None)
    try:
        if name in PIP_TOOLS_COMMANDS:
            return _hand_on(name, words)
        from accelock.commands.app import application

        return application(words, {name: says for name, (_, says) in PIP_TOOLS_COMMANDS.items()})
    except AccelockError as error:
        if _VERBOSE & set(words):
            raise
        return fail(error)


def _hand_on(name: str, words: Sequence[str]) -> int:
    before, behind = words[: words.index(name)], words[words.index(name) + 1 :]
    if before and not _HELP.issuperset(before):
        return fail(
            UsageError(f"put options after the command: accelock {name} {' '.join(before)}")
        )
    from accelock.hosts.piptools import probe

    probe.require_pip_tools(f"accelock {name}")
    module = importlib.import_module(PIP_TOOLS_COMMANDS[name][0])
    try:
        module.main(["--help"] if before else behind)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


# What the system refuses: a full disk, a folder that is gone. What a command itself expects to fail
# is an AccelockError, and none of this.


def _open_closed_streams() -> None:
    """Open what the shell closed (`>&-`) on nothing, as Python's own `print` has it.

    Otherwise the next file that is opened gets its number, and is what subprocesses write into.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _refused(error: OSError, words: Sequence[str]) -> int:
    broken = _give_up_broken()
    if isinstance(error, BrokenPipeError):  # nobody reads on
        return 1
    told = AccelockError(_reason(error, broken))
    if _VERBOSE & set(words):
        raise told from error
    with contextlib.suppress(OSError):  # standard error may be the one that is full
        fail(told)
    _give_up_broken()
    return told.exit_code


def _reason(error: OSError, broken: str | None) -> str:
    from accelock.catalogue.source import hide_credentials

    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return "the working directory no longer exists; change to another one"
    reason = error.strerror or hide_credentials(str(error))
    where = error.filename if error.filename is not None else broken
    return f"{os.fsdecode(where)}: {reason}" if where else reason


def _give_up_broken() -> str | None:
    """Give up the streams that cannot be written to, and return the name of one, or None."""
    broken = None
    if not _flushes(sys.stderr):
        broken = "standard error"
    if not _flushes(sys.stdout):
        broken = "standard output"
    return broken


def _flushes(stream: TextIO) -> bool:
    """Tell whether a stream takes what was written; if not, it goes nowhere from now on.

    Python would fail over it when it ends: https://docs.python.org/3/library/signal.html
    """
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
