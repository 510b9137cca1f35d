from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest
from packaging.version import Version

from accelock.errors import SourceError
from accelock.sources.model import ProjectPage
from accelock.sources.reader import IndexReader
from accelock.sources.wheel_metadata import parse_requirement

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.sources.reader import Response, Session
    from tests.sources.little_server import LittleServer

WHEEL = "torch-2.6.0%2Bcpu-cp311-cp311-linux_x86_64.whl"
ANCHOR = f'<a href="/whl/cpu/{WHEEL}">torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl</a><br/>'
PAGE = (
    f"<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Links for torch</h1>\n{ANCHOR}\n</body>\n</html>"
)
METADATA = "Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0+cpu\nRequires-Dist: filelock\n\n"
JSON = "application/vnd.pypi.simple.v1+json"


def test_reads_a_project_page(server: LittleServer, reader: IndexReader) -> None:
    server.serve("/whl/cpu/torch/", PAGE)

    page = reader.project(f"{server.url}/whl/cpu", "torch")

    assert page.url == f"{server.url}/whl/cpu/torch/"
    assert [file.url for file in page.files] == [f"{server.url}/whl/cpu/{WHEEL}"]
    assert page.files[0].version == Version("2.6.0+cpu")
    assert page.files[0].page_url == page.url
    assert page.absent is None


def test_asks_for_json_first_and_for_a_page_that_is_not_stale(
    server: LittleServer, reader: IndexReader
) -> None:
    server.serve("/torch/", PAGE)

    reader.project(server.url, "torch")

    headers = server.log[0].headers
    assert headers["accept"].split(",")[0] == JSON
    assert "text/html" in headers["accept"]
    assert headers["cache-control"] == "max-age=0"


def test_each_page_is_fetched_once_whatever_asks(server: LittleServer, reader: IndexReader) -> None:
    server.serve("/torch-audio/", PAGE)
    server.serve("/torch_stable.html", ANCHOR)

    pages = [
        reader.project(url, name)
        for url in (server.url, f"{server.url}/")
        for name in ("torch_audio", "Torch.Audio")
    ]
    flat = [reader.find_links(f"{server.url}/torch_stable.html") for _ in range(2)]

    assert all(page is pages[0] for page in pages)
    assert flat[0] is flat[1]
    assert [seen.path for seen in server.log] == ["/torch-audio/", "/torch_stable.html"]
    assert reader.fetched == [f"{server.url}/torch-audio/", f"{server.url}/torch_stable.html"]


def test_links_start_where_redirects_end(server: LittleServer, reader: IndexReader) -> None:
    there = server.serve("/moved/here/torch/", '<a href="torch-1.0-py3-none-any.whl">torch</a>')
    server.serve("/torch/", status=302, headers={"Location": there})

    page = reader.project(server.url, "torch")

    assert page.url == there
    assert page.files[0].url == f"{there}torch-1.0-py3-none-any.whl"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_index_without_the_project_has_an_empty_page(
    server: LittleServer, reader: IndexReader, status: int
) -> None:
    denied = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
    url = server.serve("/torch/", denied, status=status, content_type="application/xml")

    assert reader.project(server.url, "torch") == ProjectPage(url, absent=status)


class Strict:
    """A session that raises for a status of 400 and more, as Poetry's does."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def get(self, url: str, **options: Any) -> Response:
        response: Any = self.session.get(url, **options)
        response.raise_for_status()
        return cast("Response", response)

    def head(self, url: str, **options: Any) -> Response:
        return self.session.head(url, **options)


def test_a_session_that_raises_for_a_status(server: LittleServer, session: Session) -> None:
    reader = IndexReader(Strict(session))
    server.serve("/torchvision/", "sorry", status=504)

    assert reader.project(server.url, "torch").absent == 404
    with pytest.raises(SourceError, match="it answered 504: the server failed"):
        reader.project(server.url, "torchvision")


@pytest.mark.parametrize("status", [403, 404])
def test_a_find_links_page_that_is_not_there_is_an_error(
    server: LittleServer, reader: IndexReader, status: int
) -> None:
    url = server.serve("/torch_stable.html", status=status)

    with pytest.raises(SourceError, match=rf"torch_stable.html could not be read.* {status}"):
        reader.find_links(url)


def test_several_projects_of_a_find_links_page(server: LittleServer, reader: IndexReader) -> None:
    links = [
        f'<a href="cpu/{WHEEL}">cpu</a><br>',
        '<a href="cu126/torchvision-0.21.0%2Bcu126-cp311-cp311-win_amd64.whl">x</a><br>',
    ]
    url = server.serve("/whl/torch_stable.html", "\n".join(links))

    page = reader.find_links(url)

    assert [file.name for file in page.files] == ["torch", "torchvision"]
    assert [file.url for file in page.files_of("Torch")] == [f"{server.url}/whl/cpu/{WHEEL}"]


class TestBadInput:
    """Every way in which an index can fail is one clear error that names it."""

    def test_down(self, reader: IndexReader) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]

        with pytest.raises(SourceError) as caught:
            reader.project(f"http://127.0.0.1:{port}/whl/cpu", "torch")

        message = str(caught.value)
        assert message.startswith(f"http://127.0.0.1:{port}/whl/cpu/torch/ could not be read: ")
        assert "refused" in message
        assert "--source" in message

    def test_slow(self, server: LittleServer, session: Session) -> None:
        server.serve("/torch/", PAGE, hold=True)

        with pytest.raises(
            SourceError, match=r"/torch/ could not be read: no answer within 0\.2 s"
        ):
            IndexReader(session, timeout=0.2).project(server.url, "torch")

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_server_error(self, server: LittleServer, reader: IndexReader, status: int) -> None:
        server.serve("/torch/", "sorry", status=status)

        with pytest.raises(SourceError, match=rf"/torch/ could not be read: .*{status}"):
            reader.project(server.url, "torch")

    def test_credentials_wanted(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve("/torch/", status=401)

        with pytest.raises(SourceError, match="it answered 401: it wants credentials"):
            reader.project(server.url, "torch")

    def test_redirects_without_end(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve("/torch/", status=302, headers={"Location": "/torch/"})

        with pytest.raises(SourceError, match="/torch/ could not be read"):
            reader.project(server.url, "torch")

    @pytest.mark.parametrize(
        ("body", "content_type", "reason"),
        [
            (bytes(range(256)) * 8, "text/html", "not an index page"),
            ("<html><body><form>Sign in</form></body></html>", "text/html", "not an index page"),
            ("", "text/html", "empty"),
            (PAGE, "text/plain", "it is not an index page; its type is text/plain"),
            (PAGE, None, r"it is not an index page; its type is \(none\)"),
            ('{"meta": {"api-version": "1.1"}, "files": [', JSON, "not a complete JSON document"),
            ('{"meta": {"api-version": "2.0"}, "files": []}', JSON, "'2.0'"),
            ("[]", JSON, "not a PEP 691 page"),
            ('{"meta": {"api-version": "1.0"}, "files": [{"url": "x"}]}', JSON, "list of files"),
        ],
        ids=["binary", "login", "empty", "text", "typeless", "cut", "v2", "list", "entry"],
    )
    def test_garbage(
        self,
        server: LittleServer,
        reader: IndexReader,
        body: str | bytes,
        content_type: str | None,
        reason: str,
    ) -> None:
        server.serve("/torch/", body, content_type=content_type)

        with pytest.raises(SourceError, match=rf"/torch/ could not be read: .*{reason}"):
            reader.project(server.url, "torch")

    @pytest.mark.parametrize("encoding", ["identity", "gzip"])
    def test_less_than_announced(
        self, server: LittleServer, reader: IndexReader, encoding: str
    ) -> None:
        gzip = pytest.importorskip("gzip")
        whole = PAGE.encode() if encoding == "identity" else gzip.compress(PAGE.encode() * 50)
        server.serve(
            "/torch/",
            whole[:-20],
            length=len(whole),
            headers={} if encoding == "identity" else {"Content-Encoding": "gzip"},
        )

        with pytest.raises(SourceError, match="/torch/ could not be read: the answer was cut off"):
            reader.project(server.url, "torch")

    @pytest.mark.parametrize("cut", range(len("<!DOCTYPE html>\n<html"), len(PAGE) - 17, 7))
    def test_cut_off_before_its_length_was_taken(
        self, server: LittleServer, reader: IndexReader, cut: int
    ) -> None:
        server.serve("/torch/", PAGE[:cut])

        with pytest.raises(SourceError, match=r"/torch/ could not be read: the page is cut off"):
            reader.project(server.url, "torch")

    def test_it_is_not_asked_again(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve("/torch/", "sorry", status=503)

        for _ in range(2):
            with pytest.raises(SourceError):
                reader.project(server.url, "torch")

        assert len(server.log) == 1

    def test_credentials_are_never_said(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve("/torch/", "sorry", status=503)

        with pytest.raises(SourceError) as caught:
            reader.project(f"http://user:secret@{server.netloc}", "torch")

        assert str(caught.value).startswith(f"http://****@{server.netloc}/torch/ could not be read")
        assert reader.fetched == [f"http://****@{server.netloc}/torch/"]
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["wheels/nowhere", "http://[", "http:///x", "ftp://host/x"])
    def test_no_url_at_all(self, reader: IndexReader, url: str) -> None:
        with pytest.raises(SourceError, match=re.escape(url)):
            reader.find_links(url)
        with pytest.raises(SourceError, match=re.escape(url)):
            reader.project(url, "torch")

    def test_a_password_that_pip_may_not_ask_for(self) -> None:
        question = "No input was expected ($PIP_NO_INPUT set); question: User for 127.0.0.1:9: "

        with pytest.raises(SourceError, match="/torch/ could not be read: No input was expected"):
            IndexReader(Raising(Exception(question))).project("http://127.0.0.1:9", "torch")

    def test_a_mistake_in_a_session_is_not_taken_for_the_network(self) -> None:
        with pytest.raises(ZeroDivisionError):
            IndexReader(Raising(ZeroDivisionError())).project("http://127.0.0.1:9", "torch")


class Raising:
    """A session that raises; pip itself would leave the connection open behind its exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, *_: object, **__: object) -> Response:
        raise self.error

    def head(self, *_: object, **__: object) -> Response:
        raise self.error


class TestLocal:
    """What pip takes besides URLs of the network."""

    @pytest.fixture
    def wheels(self, tmp_path: Path) -> Path:
        for name in ("torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl", "old-1.0.tar.gz", "notes.txt"):
            (tmp_path / name).write_bytes(b"")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "deep-1.0-py3-none-any.whl").write_bytes(b"")
        return tmp_path

    @pytest.mark.parametrize("form", ["path", "url"])
    def test_a_directory(self, reader: IndexReader, wheels: Path, form: str) -> None:
        page = reader.find_links(str(wheels) if form == "path" else wheels.as_uri())

        assert [str(file.version) for file in page.files] == ["1.0", "2.6.0+cpu"]
        assert page.skipped == ("notes.txt",)
        assert reader.fetched == []

    def test_the_html_pages_of_a_directory_count(self, reader: IndexReader, wheels: Path) -> None:
        (wheels / "more.html").write_text('<a href="sub/deep-1.0-py3-none-any.whl">deep</a>')

        page = reader.find_links(str(wheels))

        deep = page.files_of("deep")[0]
        assert deep.url == (wheels / "sub" / "deep-1.0-py3-none-any.whl").as_uri()
        assert len(page.files) == 3

    def test_a_page(self, reader: IndexReader, tmp_path: Path) -> None:
        page = tmp_path / "links.html"
        page.write_text(f'<a href="https://elsewhere.test/{WHEEL}">torch</a>')

        files = reader.find_links(page.as_uri()).files

        assert [file.url for file in files] == [f"https://elsewhere.test/{WHEEL}"]

    def test_a_single_file(self, reader: IndexReader, wheels: Path) -> None:
        wheel = wheels / "torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl"

        assert [file.label for file in reader.find_links(str(wheel)).files] == ["cpu"]

    def test_a_single_file_elsewhere_is_not_fetched(self, reader: IndexReader) -> None:
        page = reader.find_links(f"https://elsewhere.test/{WHEEL}#sha256={'a' * 64}")

        assert [(file.label, file.sha256) for file in page.files] == [("cpu", "a" * 64)]
        assert reader.fetched == []

    def test_an_index_in_a_directory(self, reader: IndexReader, tmp_path: Path) -> None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "index.html").write_text(PAGE.replace("/whl/cpu/", "../files/"))

        files = reader.project(tmp_path.as_uri(), "torch").files

        assert [file.url for file in files] == [f"{tmp_path.as_uri()}/files/{WHEEL}"]
        assert reader.project(str(tmp_path), "absent").absent == 404

    def test_what_is_not_there(self, reader: IndexReader, tmp_path: Path) -> None:
        gone = (tmp_path / "gone").as_uri()

        with pytest.raises(SourceError, match=r"gone.* could not be read: No such file"):
            reader.find_links(f"{gone}.html")
        with pytest.raises(SourceError, match=r"gone.* could not be read: No such file"):
            reader.find_links(gone)
        with pytest.raises(SourceError, match=r"gone.* could not be read: No such file"):
            reader.project(gone, "torch")


class TestPrefetch:
    def test_what_was_fetched_is_not_asked_for_again(
        self, server: LittleServer, reader: IndexReader
    ) -> None:
        names = [f"project-{number}" for number in range(20)]
        for name in names:
            server.serve(f"/{name}/", f'<a href="{name.replace("-", "_")}-1.0.tar.gz">x</a>')
        server.serve("/torch_stable.html", f'<a href="cpu/{WHEEL}">cpu</a><br>')
        reader.prefetch(
            [(server.url, name) for name in (*names, names[3])],
            [f"{server.url}/torch_stable.html"],
        )

        assert len(server.log) == 21
        assert server.log[0].path == "/project-0/"
        for name in names:
            assert len(reader.project(server.url, name).files) == 1
        assert reader.find_links(f"{server.url}/torch_stable.html").files
        assert len(server.log) == 21

    def test_what_fails_fails_when_it_is_asked_for(
        self, server: LittleServer, reader: IndexReader
    ) -> None:
        server.serve("/numpy/", "sorry", status=500)
        server.serve("/scipy/", "<p>sign in</p>")
        server.serve("/torch/", status=403)
        wanted = [(server.url, name) for name in ("numpy", "scipy", "torch", "gone")]
        reader.prefetch([*wanted, ("nowhere", "torch"), ("http://[", "torch")])

        asked = len(server.log)
        with pytest.raises(SourceError, match=r"/numpy/ could not be read: .*500"):
            reader.project(server.url, "numpy")
        with pytest.raises(SourceError, match="not an index page"):
            reader.project(server.url, "scipy")
        assert reader.project(server.url, "torch").absent == 403
        assert reader.project(server.url, "gone").absent == 404
        assert len(server.log) == asked

    def test_metadata_too(self, server: LittleServer, reader: IndexReader) -> None:
        server.serve(f"/whl/{WHEEL}.metadata", METADATA)
        server.serve("/torch/", f'<a href="/whl/{WHEEL}" data-core-metadata="true">x</a>')
        (file,) = reader.project(server.url, "torch").files
        reader.prefetch(files=[file])

        asked = len(server.log)
        found = reader.metadata(file)
        assert found is reader.metadata(file)
        assert found.requires == ("filelock",)
        assert parse_requirement(found.requires[0]) is parse_requirement("filelock")
        assert len(server.log) == asked
