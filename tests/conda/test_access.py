from __future__ import annotations

import pytest

from accelock.conda import channels as access


def test_a_channel_without_credentials() -> None:
    channels = ["conda-forge", "https://channel.example/mine", "file:///srv/channel"]
    assert access.logins(channels) == ()
    assert access.mirrors(channels) == {}


def test_a_user_and_a_password() -> None:
    (login,) = access.logins(["https://me%40work:a%2Fb@channel.example:8080/some/mine/"])
    assert login.headers == {"Authorization": "Basic bWVAd29yazphL2I="}  # me@work:a/b
    assert access.mirrors(["https://me:pw@channel.example/mine"]) == {}


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
    (login,) = access.logins(["https://me:pw@channel.example/mine"])
    assert login.is_for(host, path) is expected


def test_a_token_is_in_the_path_of_a_mirror() -> None:
    assert access.mirrors(["https://channel.example/t/tok/mine/"]) == {
        "https://channel.example/mine/": ["https://channel.example/t/tok/mine/"]
    }
    assert access.mirrors(["https://me:pw@channel.example/conda/t/tok/mine"]) == {
        "https://channel.example/conda/mine/": ["https://channel.example/conda/t/tok/mine/"]
    }


def test_a_login_does_not_show_what_it_is() -> None:
    (login,) = access.logins(["https://me:s3cr3t@channel.example/mine"])
    assert "s3cr3t" not in repr(login)
