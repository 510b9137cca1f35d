"""`python -m MODULE` or `python -c CODE` as a fork of a process that has loaded the tools.

Loading pip or Poetry, and what they bring along, takes half the time of a test that locks. A fork
is a process of its own all the same, with its own environment, folder and streams. What looks at
these while it is imported (the tools' own modules know the user's cache), and what takes values
from such a module, is loaded by the fork itself.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# A process reads these before any of its code runs.
_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_")
_PARENT = """\
import contextlib, gc, importlib, json, os, runpy, socket, sys

channel = socket.socket(fileno=int(sys.argv[1]))
for name in json.loads(sys.argv[2]):
    with contextlib.suppress(Exception):  # of a tool that is not here, or is refused
        importlib.import_module(name)
own = tuple(json.loads(sys.argv[3]))
for name in [each for each in sys.modules if each.startswith(own)]:
    if not name.startswith("poetry.core"):
        del sys.modules[name]
        package, _, part = name.rpartition(".")
        if not package.startswith(own):  # it stays, and would still have it
            vars(sys.modules.get(package, sys)).pop(part, None)
gc.collect()
gc.freeze()
while True:
    data, files, _flags, _address = socket.recv_fds(channel, 1, 4)
    if not data:
        sys.exit()
    pid = os.fork()
    if not pid:
        break
    for file in files:
        os.close(file)
    channel.sendall(b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
channel.close()
with open(files.pop()) as stream:
    order = json.load(stream)
for number, file in enumerate(files):
    os.dup2(file, number)
    os.close(file)
os.chdir(order["cwd"])
os.environ.clear()
os.environ.update(order["env"])
kind, what, *words = order["words"]
sys.argv = [kind, *words]
sys.path[sys.path.index("")] = order["cwd"]
if kind == "-m":
    runpy.run_module(what, run_name="__main__", alter_sys=True)
else:
    exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
"""
# Those of the tools that are installed here.
_LIBRARIES = (
    "accelock.hosts.piptools.command",
    "accelock.hosts.poetry.host",
    "poetry.console.application",
    "poetry.console.commands.install",
    "poetry.console.commands.lock",
)
# What each fork loads by itself, by the beginnings of names.
_ITS_OWN = (
    "accelock.hosts.",
    "pip._internal.cli",
    "pip._internal.commands",
    "pip._internal.locations",
    "piptools.",
    "pkg_resources",
    "poetry.",
)


def can_run(env: Mapping[str, str]) -> bool:
    """Tell whether a fork stands for a process with this environment."""
    theirs, ours = _at_start(env), _at_start(_environ())
    return sys.platform == "linux" and theirs == ours


def run_python(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str,
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run Python with these words, of which the first is -m or -c, and return what it said."""
    order = {"words": words, "cwd": str(cwd.resolve()), "env": dict(env)}
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile("w+b")) for _ in range(4)]
        for stream, text in ((streams[0], stdin), (streams[3], json.dumps(order))):
            stream.write(text.encode())
            stream.seek(0)
        code = _parent(os.getpid()).fork(streams, timeout)
        for stream in streams[1:3]:
            stream.seek(0)
        said = [stream.read().decode() for stream in streams[1:3]]
    out, err = (_newlines(text) for text in said)
    return subprocess.CompletedProcess([sys.executable, *words], code, out, err)


class _Parent:
    """The process that has loaded everything, and forks."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            number, lists = theirs.fileno(), (json.dumps(_LIBRARIES), json.dumps(_ITS_OWN))
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PARENT, str(number), *lists],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environ(),
                pass_fds=[number],
                start_new_session=True,
            )
        atexit.register(self.end)

    def fork(self, streams: Sequence[IO[bytes]], timeout: float) -> int:
        self.channel.settimeout(timeout)
        try:
            socket.send_fds(self.channel, [b"x"], [stream.fileno() for stream in streams])
            answer = b""
            while not answer.endswith(b"\n"):
                more = self.channel.recv(16)
                assert more, "the process that forks has ended"
                answer += more
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            _parent.cache_clear()
            raise subprocess.TimeoutExpired("a fork", timeout) from None
        return int(answer)

    def end(self) -> None:
        self.channel.close()
        self._process.wait()


@functools.cache
def _parent(_pid: int) -> _Parent:
    return _Parent()


def _environ() -> dict[str, str]:
    """Return what the forks have in common with this process."""
    dropped = ("PYTHON", "HOME", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_AT_START)}


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
