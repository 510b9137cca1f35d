"""An index of made-up projects as large as a real one's, served from memory on localhost.

No file has a body: what locks reads pages and metadata (PEP 691, PEP 658), and downloads nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TARGETS = ("cpu", "cu118", "cu126", "cu128", "rocm6.3", "xpu")
FAMILY = {"torch": "2.{}.0", "torchvision": "0.{}.0", "torchaudio": "2.{}.0"}
RELEASES = range(3, 9)  # of torch 2.x; torchvision 0.(x + 15)
PYTHONS = ("310", "311", "312", "313")
LINUX = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
ELSEWHERE = ("macosx_11_0_arm64", "win_amd64")
VERSIONS = 40  # of each ordinary project
JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class World:
    """Pages and metadata by path, and how often each was asked for.

    :param direct: how many projects the inputs ask for; each brings two more in.
    """

    direct: int
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        """Make the world, and serve it for a while."""
        with ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            self._fill()
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()

    @property
    def requirements(self) -> list[str]:
        """What the project asks for."""
        return ["torch", "torchvision", *(f"project-{number}" for number in range(self.direct))]

    def _fill(self) -> None:
        count = 3 * self.direct
        made = random.Random(count)  # the same world each time
        for number in range(count):
            later = range(number + 1, count)
            needs = made.sample(later, min(3, len(later)))
            requires = [f"project-{each}>={made.randrange(1, 20)}" for each in needs]
            is_binary = number % 3 == 0
            self._project(f"project-{number}", requires, is_binary=is_binary)
        for name in ("filelock", "sympy", "networkx", "jinja2", "fsspec", "numpy", "pillow"):
            self._project(name, [], is_binary=name in ("numpy", "pillow"))
        for target in TARGETS:
            for name in FAMILY:
                self._family(name, target)

    def _project(self, name: str, requires: Sequence[str], *, is_binary: bool) -> None:
        tags = [
            f"cp{python}-cp{python}-{platform}"
            for python in PYTHONS
            for platform in (*LINUX, *ELSEWHERE)
        ]
        files = [
            self._file("simple", name, f"{version}.0", tag, requires)
            for version in range(1, VERSIONS)
            for tag in (tags if is_binary else ["py3-none-any"])
        ]
        self._page(f"/simple/{name}/", name, files)

    def _family(self, name: str, target: str) -> None:
        files = []
        for release in RELEASES:
            plain = FAMILY[name].format(release + 15 if name == "torchvision" else release)
            needs = ["filelock", "sympy", "networkx", "jinja2", "fsspec"]
            if name != "torch":
                needs = [f"torch=={FAMILY['torch'].format(release)}", "numpy", "pillow>=5"]
            for platform in (*LINUX, *ELSEWHERE):
                if target != "cpu" and platform == ELSEWHERE[0]:
                    continue
                label = "" if platform == ELSEWHERE[0] else f"%2B{target}"
                files += [
                    self._file(f"whl/{target}", name, f"{plain}{label}", f"cp{p}-cp{p}-{platform}",
                               needs)
                    for p in PYTHONS
                ]  # fmt: skip
        self._page(f"/whl/{target}/{name}/", name, files)

    def _file(
        self, where: str, name: str, version: str, tag: str, requires: Sequence[str]
    ) -> dict[str, object]:
        spelt, shown = name.replace("-", "_"), version.replace("%2B", "+")
        filename = f"{spelt}-{shown}-{tag}.whl"
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {shown}"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        metadata = ("\n".join(lines) + "\n\n").encode()
        path = f"/files/{where}/{filename}"
        self.pages[f"{path}.metadata"] = metadata
        return {
            "filename": filename,
            "url": f"{self.url}{path}".replace("+", "%2B"),
            "hashes": {"sha256": hashlib.sha256(path.encode()).hexdigest()},
            "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
            "requires-python": ">=3.8",
            "size": 1_000_000,
        }

    def _page(self, path: str, name: str, files: Sequence[dict[str, object]]) -> None:
        page = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
        self.pages[path] = json.dumps(page).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two writes: 40 ms each else

            def do_GET(self) -> None:
                path = self.path.replace("%2B", "+")
                world.asked[path] += 1
                body = world.pages.get(path)
                tag = f'"{hashlib.sha256(body or b"").hexdigest()[:16]}"'
                is_known = body is not None and self.headers.get("If-None-Match") == tag
                self.send_response(304 if is_known else 200 if body is not None else 404)
                self.send_header("ETag", tag)
                self.send_header("Cache-Control", "max-age=600")
                self.send_header("Content-Type", JSON if path.endswith("/") else "text/plain")
                sent = b"" if is_known or body is None else body
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                return

        return Handler
