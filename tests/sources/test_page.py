from __future__ import annotations

import json

import pytest
from packaging.tags import Tag
from packaging.version import Version

from accelock.errors import SourceError
from accelock.sources.model import IndexFile, ProjectPage
from accelock.sources.page import cut_off, parse_page, strange

URL = "https://download.test/whl/cu126/torch/"
WHEEL = "torch-2.6.0+cu126-cp311-cp311-linux_x86_64.whl"
ESCAPED = WHEEL.replace("+", "%2B")
SHA = "0123456789abcdef" * 4
OTHER_SHA = "fedcba9876543210" * 4


def page_of(html: str, *, url: str = URL, project: str | None = "torch") -> ProjectPage:
    return parse_page(html.encode(), "text/html", url, project)


def file_of(html: str) -> IndexFile:
    (file,) = page_of(html).files
    return file


def anchor(href: str, attributes: str = "") -> str:
    return f'<a href="{href}" {attributes}>file</a><br/>'


class TestHtml:
    def test_the_markup_of_the_real_index(self) -> None:
        metadata = f"sha256={OTHER_SHA}"
        text = (
            "<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Links for torch</h1>\n"
            f'    <a href="/whl/cu126/{ESCAPED}#sha256={SHA}" data-dist-info-metadata="{metadata}"'
            f' data-core-metadata="{metadata}">{WHEEL}</a><br/>\n'
            "  </body>\n</html>\n<!--TIMESTAMP 1763679000-->"
        )

        assert page_of(text) == ProjectPage(
            URL,
            (
                IndexFile(
                    filename=WHEEL,
                    url=f"https://download.test/whl/cu126/{ESCAPED}",
                    name="torch",
                    version=Version("2.6.0+cu126"),
                    tags=frozenset({Tag("cp311", "cp311", "linux_x86_64")}),
                    sha256=SHA,
                    core_metadata={"sha256": OTHER_SHA},
                    page_url=URL,
                ),
            ),
        )

    @pytest.mark.parametrize(
        ("href", "url"),
        [
            (f"/whl/{ESCAPED}", f"https://download.test/whl/{ESCAPED}"),
            (f"../{ESCAPED}", f"https://download.test/whl/cu126/{ESCAPED}"),
            (f"https://r2.test/whl/{ESCAPED}", f"https://r2.test/whl/{ESCAPED}"),
            (f"//r2.test/{WHEEL}", f"https://r2.test/{WHEEL}"),
            (f"{ESCAPED}?token=1&amp;x=2#sha256={SHA}", f"{URL}{ESCAPED}?token=1&x=2"),
        ],
        ids=["root-relative", "relative", "another-host", "literal-plus", "query"],
    )
    def test_links(self, href: str, url: str) -> None:
        file = file_of(anchor(href))

        assert file.url == url
        assert file.filename == WHEEL
        assert file.label == "cu126"

    def test_base_href_is_where_links_start_as_in_pip(self) -> None:
        text = f'<html><head><base href="/other/"></head><body>{anchor(ESCAPED)}</body></html>'

        assert file_of(text).url == f"https://download.test/other/{ESCAPED}"

    def test_a_comment_is_no_base_and_no_link(self) -> None:
        text = f'<!-- <base href="/other/"> {anchor("torch-1.0.tar.gz")} -->{anchor(ESCAPED)}'

        assert file_of(text).url == f"{URL}{ESCAPED}"

    @pytest.mark.parametrize(
        ("fragment", "sha256"),
        [
            (f"sha256={SHA}", SHA),
            (f"sha256={SHA.upper()}", SHA),
            (f"egg=torch&amp;sha256={SHA}&amp;x=1", SHA),
            ("md5=0123", None),
            ("sha256=0123", None),
            ("sha256", None),
            ("", None),
        ],
    )
    def test_hashes(self, fragment: str, sha256: str | None) -> None:
        file = file_of(anchor(f"{ESCAPED}#{fragment}"))

        assert file.sha256 == sha256
        assert file.url == f"{URL}{ESCAPED}"

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ("", None),
            (f'data-dist-info-metadata="sha256={SHA}"', {"sha256": SHA}),
            (f'data-core-metadata="SHA256={SHA.upper()}"', {"sha256": SHA}),
            (
                f'data-dist-info-metadata="sha256={OTHER_SHA}" data-core-metadata="sha256={SHA}"',
                {"sha256": SHA},
            ),
            ('data-core-metadata="true"', {}),
            ("data-core-metadata", {}),
            ('data-core-metadata="false"', None),
            ('data-core-metadata="nonsense"', {}),
        ],
    )
    def test_core_metadata(self, attributes: str, expected: dict[str, str] | None) -> None:
        assert file_of(anchor(ESCAPED, attributes)).core_metadata == expected

    def test_requires_python_and_yanked(self) -> None:
        text = anchor("torch-1.tar.gz", 'data-requires-python="&gt;=3.9" data-yanked="bad build"')
        text += anchor("torch-2.tar.gz", "data-yanked")
        text += anchor("torch-3.tar.gz")

        assert [(file.requires_python, file.yanked) for file in page_of(text).files] == [
            (">=3.9", "bad build"),
            (None, True),
            (None, False),
        ]

    def test_what_is_no_file_of_the_project_is_skipped(self) -> None:
        odd = [
            "torchvision-0.21.0-py3-none-any.whl",
            "torch-latest+cu101-cp37-cp37m-linux_x86_64.whl",
            "torch-1.0-cp37.whl",
            "torch-docs.zip",
            "torch-1.0-py2.7.egg",
            "README.txt",
        ]
        text = "".join(map(anchor, [*odd, ESCAPED, "mailto:somebody@torch.test", "#top", ""]))
        text += '<a name="bottom">no link</a>'

        page = page_of(text)

        assert [file.filename for file in page.files] == [WHEEL]
        assert page.skipped == (*odd, "somebody@torch.test")

    @pytest.mark.parametrize(
        "href", ["#top", "page.html#top", "http://[", "http://[/torch-1.0.tar.gz#a", "javascript:x"]
    )
    @pytest.mark.parametrize("quote", ['"', "'", ""])
    def test_odd_links_do_not_end_the_page(self, href: str, quote: str) -> None:
        text = f"<a href={quote}{href}{quote}>odd</a>{anchor(ESCAPED)}"

        assert [file.filename for file in page_of(text, project=None).files] == [WHEEL]

    def test_files_of_a_machine_are_not_taken_from_a_page_of_the_network(self) -> None:
        text = anchor(f"file:///tmp/{ESCAPED}")

        assert page_of(text).skipped == (WHEEL,)
        assert page_of(f'<base href="file:///tmp/">{anchor(ESCAPED)}').skipped == (WHEEL,)
        assert len(page_of(text, url="file:///srv/torch/index.html").files) == 1

    def test_names_are_canonical(self) -> None:
        text = anchor("torch_scatter-2.1.2%2Bpt26cu126-cp312-cp312-linux_x86_64.whl")
        text += anchor("Torch.Scatter-2.1.2.tar.gz")

        page = page_of(text, project=None)

        assert {file.name for file in page.files} == {"torch-scatter"}
        assert len(page.files_of("Torch_Scatter")) == 2

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/html; charset=utf-8", anchor(ESCAPED).encode()),
            ("Text/HTML; charset=ISO-8859-1", b"<p>\xe9</p>" + anchor(ESCAPED).encode()),
            ("text/html; charset=no-such-thing", anchor(ESCAPED).encode()),
            ("text/html", b"<p>\xe9\xff</p>" + anchor(ESCAPED).encode()),
            ("application/vnd.pypi.simple.v1+html", anchor(ESCAPED).encode()),
        ],
    )
    def test_encodings(self, content_type: str, body: bytes) -> None:
        assert len(parse_page(body, content_type, URL, "torch").files) == 1

    @pytest.mark.parametrize(
        "text",
        [
            "<!DOCTYPE html><html><body><h1>Links for torch</h1></body></html>",
            '<meta name="pypi:repository-version" content="1.0">',
            '<html><title>Index of /torch/</title><body><a href="../">up</a></body></html>',
        ],
    )
    def test_a_project_without_files(self, text: str) -> None:
        assert page_of(text).files == ()

    def test_a_newer_minor_version_is_read_without_a_warning(self) -> None:
        meta = '<meta name="pypi:repository-version" content="1.99">'

        assert file_of(meta + anchor(ESCAPED)).filename == WHEEL

    @pytest.mark.parametrize("version", ["2.0", "one"])
    def test_another_major_version_is_refused(self, version: str) -> None:
        meta = f'<meta name="pypi:repository-version" content="{version}">'

        with pytest.raises(SourceError, match=f"{URL} could not be read.*{version}"):
            page_of(meta + anchor(ESCAPED))

    @pytest.mark.parametrize(
        "text",
        [
            "<html><body>" + anchor(ESCAPED),
            anchor(ESCAPED) + '<a href="torch-2',
            anchor(ESCAPED) + '<a href="torch-2.tar.gz">torch',
            anchor(ESCAPED) + "<",
        ],
    )
    def test_a_page_that_is_cut_off(self, text: str) -> None:
        with pytest.raises(SourceError, match=f"{URL} could not be read: the page is cut off"):
            page_of(text)


class TestPagesOfOthers:
    """What of a page that pip parses tells that it is half of one."""

    @pytest.mark.parametrize(
        "text",
        [
            "<html><body>" + anchor(ESCAPED) + "<br>",
            "<!DOCTYPE html><title>Links for torch</title>" + anchor(ESCAPED),
            f'<a href="{ESCAPED}">torch<br><a href="{ESCAPED}">torch<br>',
            f"<A HREF={ESCAPED}>torch</A>",
            f'<html><body><ul><li><a href="{ESCAPED}">torch</li></ul></body></html>',
            f'<title>Links</title><body><a href="{ESCAPED}">torch<br></body></html>',
            "",
        ],
    )
    def test_html_that_closes_little_is_whole(self, text: str) -> None:
        """HTML lets a page leave out `</body>` and `</html>`; pip reads worse."""
        assert cut_off(text.encode(), "text/html; charset=utf-8") is None

    @pytest.mark.parametrize(
        "text",
        [
            "<html><body>" + anchor(ESCAPED) + "<a hr",
            "<html><body><h1>Links for torch</h1>" + f'<a href="{ESCAPED}">torch',
            anchor(ESCAPED) + f'<br>\n<a href="{ESCAPED}">torch',
        ],
    )
    def test_html_that_ends_midway_is_cut_off(self, text: str) -> None:
        assert cut_off(text.encode(), "text/html") is not None

    def test_a_page_with_archives_is_not_strange_for_what_it_does_not_close(self) -> None:
        text = "<!DOCTYPE html><html><body>" + anchor(ESCAPED)
        assert (
            strange(text.encode(), "text/html", ["torch-2.8.0-cp312-cp312-win_amd64.whl"]) is None
        )
        login = b"<html><body><form><input name=user></form>"
        assert "not an index page" in (strange(login, "text/html", ["forgotten"]) or "")

    def test_json_is_not_judged(self) -> None:
        assert cut_off(b'{"files": "<a', "application/vnd.pypi.simple.v1+json") is None


class TestJson:
    def test_every_field(self) -> None:
        entry = {
            "filename": WHEEL,
            "url": f"https://files.test/{ESCAPED}",
            "hashes": {"sha256": SHA, "md5": "01"},
            "requires-python": ">=3.9",
            "core-metadata": {"sha256": OTHER_SHA},
            "dist-info-metadata": False,
            "yanked": "broken",
            "size": 766_700_000,
            "upload-time": "2025-01-29T16:25:08Z",
        }

        assert self.page(entry).files == (
            IndexFile(
                filename=WHEEL,
                url=f"https://files.test/{ESCAPED}",
                name="torch",
                version=Version("2.6.0+cu126"),
                tags=frozenset({Tag("cp311", "cp311", "linux_x86_64")}),
                sha256=SHA,
                core_metadata={"sha256": OTHER_SHA},
                requires_python=">=3.9",
                yanked="broken",
                size=766_700_000,
                upload_time="2025-01-29T16:25:08Z",
                page_url=URL,
            ),
        )

    def test_the_least_that_an_entry_has(self) -> None:
        (file,) = self.page({"filename": "torch-1.0.tar.gz", "url": "torch-1.0.tar.gz"}).files

        assert file == IndexFile(
            filename="torch-1.0.tar.gz",
            url=f"{URL}torch-1.0.tar.gz",
            name="torch",
            version=Version("1.0"),
            page_url=URL,
        )
        assert not file.is_wheel

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"core-metadata": True}, {}),
            ({"core-metadata": False, "dist-info-metadata": {"sha256": SHA}}, None),
            ({"dist-info-metadata": {"sha256": SHA}}, {"sha256": SHA}),
        ],
    )
    def test_core_metadata(self, said: dict[str, object], expected: dict[str, str] | None) -> None:
        assert self.page({"filename": WHEEL, "url": WHEEL, **said}).files[0].core_metadata == (
            expected
        )

    def test_no_files(self) -> None:
        assert self.page().files == ()

    def test_a_newer_minor_version_and_a_charset(self) -> None:
        page = self.page(version="1.99", content_type="application/vnd.pypi.simple.v1+json; q=1")

        assert page.files == ()

    @staticmethod
    def page(
        *entries: dict[str, object],
        version: str = "1.1",
        content_type: str = "application/vnd.pypi.simple.v1+json",
    ) -> ProjectPage:
        document = {"meta": {"api-version": version}, "name": "torch", "files": entries}
        return parse_page(json.dumps(document).encode(), content_type, URL, "torch")
