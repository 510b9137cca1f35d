"""The servers of the commands, in a process of their own: one that forks has no other threads."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.conda.projects import FORGE
from tests.support.channels import ChannelServer
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def served(kind: str) -> Iterator[str]:
    """Serve the `index` or the `channel`, and yield its URL."""
    words = [sys.executable, "-m", __spec__.name, kind]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError(kind)
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()  # which ends it


def main(kind: str) -> None:
    """Serve until standard input ends."""
    server: IndexServer | ChannelServer
    server = IndexServer(pytorch_site()) if kind == "index" else ChannelServer(forge=FORGE)
    with server:
        channel = server.channel("forge") if isinstance(server, ChannelServer) else server.url
        print(channel.removesuffix("/forge"), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
