from __future__ import annotations

import pytest

from accelock.conda.channels import strip_credentials


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
