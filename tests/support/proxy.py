"""An HTTPS proxy that plays the outside world: every host that it knows is one local server.

The README's commands name https://download.pytorch.org, a mirror, and PyPI (by naming nothing), and
are run to the letter: pip and accelock are told of a proxy and of a certificate authority, by the
variables that they have for that, and of nothing else. A host that is not in the list is refused.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import threading
from typing import TYPE_CHECKING

import trustme

from tests.support.threaded import Threaded

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


CHUNK = 65536  # bytes
CONNECT = re.compile(rb"CONNECT ([^:\s]+):443 HTTP/1\.[01]\r\n")


class Proxy(Threaded):
    """Ends TLS for some hosts and hands what they are asked to a server on localhost.

    :param hosts: the names that it answers for.
    :param port: the port of that server on 127.0.0.1.
    :param folder: where the certificate of its authority is put.
    """

    def __init__(self, hosts: Collection[str], port: int, folder: Path) -> None:
        authority = trustme.CA()
        self.hosts = frozenset(hosts)
        self.upstream = ("127.0.0.1", port)
        self.certificate = folder / "authority.pem"
        self.refused: list[str] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*sorted(hosts)).configure_cert(self.context)
        authority.cert_pem.write_to_path(str(self.certificate))
        self._tunnels = Server(self)
        super().__init__(self._tunnels)

    @property
    def variables(self) -> dict[str, str]:
        """What tells pip, and all that runs on it, of the proxy and whom to trust."""
        url = f"http://127.0.0.1:{self._tunnels.server_address[1]}"
        return {
            "HTTPS_PROXY": url,
            "https_proxy": url,
            "PIP_CERT": str(self.certificate),
            "REQUESTS_CA_BUNDLE": str(self.certificate),
            "SSL_CERT_FILE": str(self.certificate),
        }


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), Tunnel)


class Tunnel(socketserver.StreamRequestHandler):
    server: Server
    rbufsize = 0  # what follows the request line's headers belongs to TLS

    def handle(self) -> None:
        proxy = self.server.proxy
        head = self._head()
        asked = CONNECT.match(head)
        host = asked[1].decode() if asked else head.partition(b"\r\n")[0].decode(errors="replace")
        if host not in proxy.hosts:
            proxy.refused.append(host)
            self.connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        # A client may hang up whenever it likes: ssl.SSLError is an OSError too.
        with (
            contextlib.suppress(OSError),
            proxy.context.wrap_socket(self.connection, server_side=True) as inside,
            socket.create_connection(proxy.upstream) as upstream,
        ):
            back = threading.Thread(target=pump, args=(upstream, inside), daemon=True)
            back.start()
            pump(inside, upstream)
            back.join()

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = self.connection.recv(1)
            if not part:
                break
            head += part
        return head


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends, and then end the sink."""
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
