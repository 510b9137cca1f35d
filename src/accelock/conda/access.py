"""Credentials of channel URLs, taken apart so that a client can have them and nothing else can.

Passwords (`https://user:pw@host/channel`) go into a header. Tokens are part of the path
(`https://host/t/<token>/channel`): there the URL with the token is a mirror of the one without.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from accelock.conda.urls import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Login", "logins", "mirrors"]


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """The user and password for what is below a path of a host."""

    host: str
    path: str
    user: str
    password: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the header of basic authentication (RFC 7617)."""
        pair = f"{self.user}:{self.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}

    def is_for(self, host: str, path: str) -> bool:
        """Tell whether a request is for the channel that the login belongs to."""
        plain = urlsplit(strip_credentials(f"http://{host}{path}/")).path
        return host == self.host and plain.startswith(f"{self.path}/")


def logins(channels: Iterable[str]) -> tuple[Login, ...]:
    """Return the user and password of each channel that has them."""
    found = []
    for channel in channels:
        parts = urlsplit(channel)
        if parts.username is not None and parts.hostname is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            path = urlsplit(strip_credentials(channel)).path.rstrip("/")
            found.append(Login(parts.hostname, path, user, password))
    return tuple(found)


def mirrors(channels: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each channel with a token, the URL without it and, as its mirror, that with it.

    Both end in a slash, and neither has a user or a password.
    """
    found = {}
    for channel in channels:
        parts = urlsplit(channel)
        host = parts.netloc.rpartition("@")[2]
        real = urlunsplit((parts.scheme, host, parts.path, "", ""))
        clean = strip_credentials(channel)
        if clean != real:
            found[f"{clean.rstrip('/')}/"] = [f"{real.rstrip('/')}/"]
    return found
