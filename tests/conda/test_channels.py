from __future__ import annotations

import pytest

from accelock.conda.channels import logins, mirrors, strip_credentials


def test_a_channel_without_credentials() -> None:
    channels = ["conda-forge", "https://channel.example/mine", "file:///srv/channel"]
    assert logins(channels) == ()
    assert mirrors(channels) == {}


def test_a_user_and_a_password() -> None:
    (login,) = logins(["https://me%40work:a%2Fb@channel.example:8080/some/mine/"])
    assert login.headers == {"Authorization": "Basic bWVAd29yazphL2I="}  # me@work:a/b
    assert mirrors(["https://me:pw@channel.example/mine"]) == {}


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("channel.example", "/mine/linux-64/repodata.json", True),
        ("channel.example", "/t/tok/mine/linux-64/repodata.json", True),
        ("channel.example", "/mine", True),
        ("channel.example", "/mine-too/linux-64/repodata.json", False),
        ("channel.example", "/linux-64/repodata.json", False),
        ("other.example", "/mine/linux-64/repodata.json", False),
    ],
)
def test_a_password_goes_to_its_own_channel_alone(host: str, path: str, *, expected: bool) -> None:
    (login,) = logins(["https://me:pw@channel.example/mine"])
    assert login.is_for(host, path) is expected


def test_a_token_is_in_the_path_of_a_mirror() -> None:
    assert mirrors(["https://channel.example/t/tok/mine/"]) == {
        "https://channel.example/mine/": ["https://channel.example/t/tok/mine/"]
    }
    assert mirrors(["https://me:pw@channel.example/conda/t/tok/mine"]) == {
        "https://channel.example/conda/mine/": ["https://channel.example/conda/t/tok/mine/"]
    }


def test_a_login_does_not_show_what_it_is() -> None:
    (login,) = logins(["https://me:s3cr3t@channel.example/mine"])
    assert "s3cr3t" not in repr(login)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("conda-forge", "conda-forge"),
        ("me/label/dev", "me/label/dev"),
        ("t/tk/private", "private"),
        ("me:pw@host.example/c", "host.example/c"),
        ("/home/t/c", "/home/t/c"),
        ("https://host.example/c", "https://host.example/c"),
        ("https://me:pw@host.example:8443/c", "https://host.example:8443/c"),
        ("https://me:p%40w@host.example/c", "https://host.example/c"),
        ("https://me:p@w@host.example/c", "https://host.example/c"),
        (
            "https://host.example/t/tk-1/c/linux-64/x-1-0.conda",
            "https://host.example/c/linux-64/x-1-0.conda",
        ),
        ("https://host.example/mirror/t/tk/c", "https://host.example/mirror/c"),
        ("https://host.example/t/tk", "https://host.example"),
        ("https://host.example/c?token=1#x", "https://host.example/c"),
        ("https://host.example/test/c", "https://host.example/test/c"),
        ("file:///home/t/c", "file:///home/t/c"),
        ("https://me:pw@[bad/t/tk/c", "https://[bad/c"),
    ],
)
def test_nothing_secret_stays(url: str, wanted: str) -> None:
    assert strip_credentials(url) == wanted
    assert strip_credentials(wanted) == wanted
