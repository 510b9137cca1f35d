from __future__ import annotations

import hashlib
import io
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import requests
from mousebender.simple import ACCEPT_JSON_V1, from_project_details_html
from remotezip import RemoteZip

from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer
from tests.support.sites import HostedFile, Index, Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mousebender.simple import ProjectDetails_1_0, ProjectFileDetails_1_0

X86 = "example-1.0+cpu-cp312-cp312-linux_x86_64.whl"
ARM = "example-1.0-cp312-cp312-linux_aarch64.whl"
PATH = f"/whl/cpu/{X86}"


@pytest.fixture
def server(serve: Callable[[Site], IndexServer]) -> IndexServer:
    site = Site().with_files(
        "/whl/cpu",
        wheel("example", "1.0+cpu", "cp312-cp312-linux_x86_64", ["tqdm"], padding=300_000),
        wheel("example", "1.0", "cp312-cp312-linux_aarch64"),
    )
    return serve(site.configured("/whl", format="html"))


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def page(
    server: IndexServer, session: requests.Session, project: str = "example"
) -> dict[str, ProjectFileDetails_1_0]:
    answer = session.get(f"{server.url}/whl/cpu/{project}/")
    assert answer.status_code == 200
    details: ProjectDetails_1_0 = from_project_details_html(answer.text, project)
    return {each["filename"]: each for each in details["files"]}


def test_a_page_lists_files_hashes_and_metadata(
    server: IndexServer, session: requests.Session
) -> None:
    file = page(server, session)[X86]
    made = server.site.find("/whl/cpu", X86)
    assert file["hashes"] == {"sha256": made.sha256}
    assert file.get("requires-python") == ">=3.8"
    url = urljoin(server.url, file["url"])
    assert "%2Bcpu" in url
    assert session.get(url.partition("#")[0]).content == made.content
    metadata = session.get(url.partition("#")[0] + ".metadata").content
    assert metadata == made.metadata
    core = file.get("core-metadata")
    assert core == {"sha256": hashlib.sha256(metadata).hexdigest()}


def test_requests_are_counted(server: IndexServer, session: requests.Session) -> None:
    page(server, session)
    page(server, session)
    whole = session.get(server.url + PATH)
    session.head(server.url + PATH)
    session.get(f"{server.url}{PATH}.metadata")
    part = session.get(server.url + PATH, headers={"Range": "bytes=10-19"})
    assert part.content == whole.content[10:20]
    assert len(server.pages()) == len(server.pages("/whl/cpu/example/")) == 2
    assert [each.body for each in server.bodies_of_wheels()] == [len(whole.content)]
    assert [each.path for each in server.metadata(PATH)] == [f"{PATH}.metadata"]
    assert [(each.range, each.body) for each in server.ranges()] == [("bytes=10-19", 10)]
    assert [each.method for each in server.requests].count("HEAD") == 1
    server.reset()
    assert server.requests == ()


def test_hashes_can_be_left_out(server: IndexServer, session: requests.Session) -> None:
    server.configure("/whl/cpu", hashes="partial")
    files = page(server, session)
    assert [bool(files[name]["hashes"]) for name in (X86, ARM)] == [True, False]
    server.configure("/whl/cpu", hashes="none")
    assert not any(file["hashes"] for file in page(server, session).values())


def test_json_by_accept_header_or_always(server: IndexServer, session: requests.Session) -> None:
    url = f"{server.url}/whl/cpu/example/"
    accept = {"Accept": ACCEPT_JSON_V1}
    assert "text/html" in session.get(url, headers=accept).headers["Content-Type"]
    server.configure("/whl", format="negotiate")
    assert "text/html" in session.get(url).headers["Content-Type"]
    pip_likes = "application/vnd.pypi.simple.v1+json, text/html;q=0.01"
    for headers in (accept, {"Accept": pip_likes}):
        answer = session.get(url, headers=headers)
        assert answer.headers["Content-Type"] == "application/vnd.pypi.simple.v1+json"
        files = {each["filename"]: each for each in answer.json()["files"]}
        assert files[X86]["hashes"]["sha256"] == server.site.find("/whl/cpu", X86).sha256
        assert files[X86]["size"] > 300_000
    server.configure("/whl", format="json")
    assert session.get(url, headers={"Accept": "text/html"}).json()["name"] == "example"
    assert session.get(f"{server.url}/whl/cpu/").json()["projects"] == [{"name": "example"}]


@pytest.mark.parametrize(("metadata", "status"), [("off", 404), ("gone", 404), ("wrong", 200)])
def test_metadata_can_be_absent_or_wrong(
    server: IndexServer, session: requests.Session, metadata: str, status: int
) -> None:
    server.configure("/", metadata=metadata)
    core: Any = page(server, session)[X86].get("core-metadata")
    answer = session.get(f"{server.url}{PATH}.metadata")
    assert answer.status_code == status
    assert (core is None) == (metadata == "off")
    if metadata == "wrong":
        assert core["sha256"] != hashlib.sha256(answer.content).hexdigest()


def test_metadata_may_have_no_hash(server: IndexServer, session: requests.Session) -> None:
    server.configure(metadata="unhashed")
    assert page(server, session)[X86].get("core-metadata") is True


@pytest.mark.parametrize("links", ["root", "relative", "absolute", "other-host"])
def test_links_lead_to_the_file(server: IndexServer, session: requests.Session, links: str) -> None:
    server.configure("/whl/cpu", links=links)
    href = page(server, session)[X86]["url"]
    assert href.startswith(
        {"root": "/whl/", "relative": "../", "absolute": server.url}.get(links, server.other_url)
    )
    url = urljoin(f"{server.url}/whl/cpu/example/", href)
    assert session.get(url).status_code == 200


def test_ranges_are_read_by_a_real_client(server: IndexServer, session: requests.Session) -> None:
    with RemoteZip(server.url + PATH, session=session, initial_buffer_size=1000) as archive:
        metadata = archive.read("example-1.0+cpu.dist-info/METADATA")
    assert metadata == server.site.find("/whl/cpu", X86).metadata
    assert server.bodies() == ()
    assert sum(each.body for each in server.ranges()) < 10_000


def test_without_ranges_the_whole_file_comes(
    server: IndexServer, session: requests.Session
) -> None:
    server.configure(ranges=False)
    answer = session.get(server.url + PATH, headers={"Range": "bytes=-10"})
    assert (answer.status_code, len(server.bodies_of_wheels())) == (200, 1)
    assert "Accept-Ranges" not in answer.headers


def test_a_range_beyond_the_end_is_refused(server: IndexServer, session: requests.Session) -> None:
    answer = session.get(server.url + PATH, headers={"Range": "bytes=9999999-"})
    assert answer.status_code == 416


@pytest.mark.parametrize("status", [403, 404])
def test_an_absent_project(server: IndexServer, session: requests.Session, status: int) -> None:
    server.configure("/whl", absent=status)
    for path in ("/whl/cpu/nothing/", "/whl/cpu/nothing-1.0.whl", "/whl/cpu/a/b/"):
        assert session.get(server.url + path).status_code == status
    assert session.get(f"{server.url}/elsewhere/").status_code == 404


def test_names_and_slashes_are_put_right(server: IndexServer, session: requests.Session) -> None:
    for path in ("/whl/cpu/example", "/whl/cpu/Example/", "/whl/cpu/EXAMPLE"):
        answer = session.get(server.url + path)
        assert (answer.status_code, answer.url) == (200, f"{server.url}/whl/cpu/example/")


def test_a_login(server: IndexServer, session: requests.Session) -> None:
    server.configure(login=("user", "secret"))
    url = f"{server.url}/whl/cpu/example/"
    assert session.get(url).status_code == 401
    assert session.get(url, auth=("user", "wrong")).status_code == 401
    assert session.get(url, auth=("user", "secret")).status_code == 200


def test_faults(server: IndexServer, session: requests.Session) -> None:
    url = f"{server.url}/whl/cpu/example/"
    whole = session.get(url).text
    server.configure(fault="truncated")
    cut = session.get(url).text
    assert whole.startswith(cut)
    assert cut.rindex("<a ") > cut.rfind("</a>")
    server.configure(fault="short")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        session.get(url)
    server.configure(fault="garbage")
    assert "<" not in session.get(url).text[:30]
    server.configure(fault="login-page")
    assert "Sign in" in session.get(url).text
    server.configure(fault="broken-json")
    with pytest.raises(json.JSONDecodeError):
        session.get(url).json()
    server.configure(fault="unavailable")
    assert session.get(url).status_code == 503
    server.configure(fault="drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        session.get(url)
    server.configure(fault=None)
    assert session.get(url).text == whole


def test_a_fault_can_be_of_one_path_alone(server: IndexServer, session: requests.Session) -> None:
    server.configure(f"{PATH}.metadata", fault="unavailable")
    assert session.get(f"{server.url}{PATH}.metadata").status_code == 503
    assert session.get(server.url + PATH).status_code == 200


def test_a_delay(server: IndexServer, session: requests.Session) -> None:
    server.configure("/whl/cpu/example", delay=0.2)
    begin = time.monotonic()
    session.get(f"{server.url}/whl/cpu/example/")
    assert time.monotonic() - begin >= 0.2


def test_options_are_checked_and_the_longest_prefix_wins() -> None:
    site = Site().configured("/whl", hashes="none", absent=403).configured("/whl/cpu", hashes="all")
    assert (site.options("/whl/cpu").hashes, site.options("/whl/cpu").absent) == ("all", 403)
    assert site.options("/whl/cpu118/torch/").hashes == "none"
    with pytest.raises(TypeError, match="hash"):
        site.configured(hash="none")


def test_yanked_and_upload_time(
    serve: Callable[[Site], IndexServer], session: requests.Session
) -> None:
    made = wheel("example", "1.0")
    file = HostedFile(
        f"/files/{made.filename}", made, yanked="broken", upload_time="2025-02-03T04:05:06Z"
    )
    server = serve(Site((Index.of("/whl/cpu", [file]),)).configured(upload_time=True))
    text = session.get(f"{server.url}/whl/cpu/example/").text
    assert 'data-yanked="broken"' in text
    assert 'data-upload-time="2025-02-03T04:05:06Z"' in text
    assert session.get(f"{server.url}{file.path}").content == made.content


def test_an_error_of_the_server_fails_the_test() -> None:
    def visit() -> None:
        with IndexServer(Site()) as server:
            server._files = None  # type: ignore[assignment]
            with pytest.raises(requests.exceptions.ConnectionError):
                requests.get(f"{server.url}/any", timeout=5)

    with pytest.raises(TypeError):
        visit()


def test_files_and_projects_can_be_added_and_taken_away() -> None:
    site = pytorch_site().with_files("/simple", wheel("example", "1.0")).without("/simple", "torch")
    assert {"example", "tqdm"} <= set(site.index("/simple").projects)
    assert "torch" not in site.index("/simple").projects
    assert "torch" in site.index("/whl/cpu").projects
    assert io.BytesIO(site.find("/simple", "example-1.0-py3-none-any.whl").content).read(2) == b"PK"
