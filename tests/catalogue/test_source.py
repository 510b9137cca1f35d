from __future__ import annotations

import pytest

from accelock.catalogue import Source, redact
from accelock.errors import AccelockError
from accelock.targets import parse_target

CU126 = parse_target("cu126", {"cu126"})


@pytest.mark.parametrize(
    ("template", "url", "find_links", "has_target"),
    [
        ("https://m/whl/{target}", "https://m/whl/cu126", False, True),
        (" https://m/whl/{target}// ", "https://m/whl/cu126", False, True),
        ("https://m/torch_stable.html", "https://m/torch_stable.html", True, False),
        ("https://m/{target}/page.HTM?a=b", "https://m/cu126/page.HTM?a=b", True, True),
        ("https://m/torch-{target}.html", "https://m/torch-cu126.html", True, True),
        ("https://m/simple", "https://m/simple", False, False),
        ("file:///srv/whl/{target}", "file:///srv/whl/cu126", False, True),
        ("https://u:p@m/{target}", "https://u:p@m/cu126", False, True),
    ],
)
def test_source(template: str, url: str, find_links: bool, has_target: bool) -> None:
    source = Source.parse(template)
    assert source == Source(template)
    assert source.url(CU126) == url
    assert (source.is_find_links, source.has_target) == (find_links, has_target)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:secret@m/whl/{target}", "https://****@m/whl/{target}"),
        ("https://token@m:8080/whl", "https://****@m:8080/whl"),
        ("https://user:p@ss@m/whl", "https://****@m/whl"),
        ("https://m/whl?x=a@b", "https://m/whl?x=****"),
        ("https://m/a.html?token=secret&v=", "https://m/a.html?token=****&v="),
    ],
)
def test_messages_never_have_credentials(url: str, redacted: str) -> None:
    assert redact(url) == redacted
    source = Source(url)
    assert (source.redacted, str(source)) == (redacted, redacted)
    assert repr(source) == f"Source({redacted!r})"
    assert source.template == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be an http, https or file URL, not ''"),
        ("whl/cpu", "must be an http, https or file URL, not 'whl/cpu'"),
        ("ftp://u:p@m/whl", "must be an http, https or file URL, not 'ftp://****@m/whl'"),
        ("https:///whl", "is not a complete URL: 'https:///whl'"),
        ("https://u:p@m/a b", "is not a complete URL: 'https://****@m/a b'"),
        ("https://[m/whl", "is not a URL (Invalid IPv6 URL)"),
        (
            "https://u:p@m/{cuda}",
            "has the field {cuda}; the fields are {target}, {torch} and {torch.minor}: 'https://****@m/{cuda}'",
        ),
    ],
)
def test_what_is_no_source(text: str, message: str) -> None:
    with pytest.raises(AccelockError) as caught:
        Source.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("user:secret@m/whl", "****@m/whl"),
        ("user:secret@m:8080", "****@m:8080"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("./folder/a:b@c", "./folder/a:b@c"),
    ],
)
def test_a_login_without_a_scheme_is_one(url: str, redacted: str) -> None:
    assert redact(url) == redacted


def test_what_a_file_may_say_has_neither_login_nor_query() -> None:
    source = Source("https://user:secret@m/stable.html?token=secret").without_credentials
    assert source.template == "https://m/stable.html"
