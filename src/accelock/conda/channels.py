"""URLs of conda channels: how to say them without their credentials, and how a client gets these.

Passwords (`https://user:pw@host/channel`) go into a header. Tokens are part of the path
(`https://host/t/<token>/channel`): there the URL with the token is a mirror of the one without.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where a channel is that has a name and no URL: conda's and rattler's `channel_alias`.
ALIAS = "https://conda.anaconda.org"
_PORTS = {"http": ":80", "https": ":443"}

# conda: `/t/<token>` may stand anywhere in the path (mirrors put it behind a prefix of theirs).
_TOKEN = re.compile(r"/t/[^/]+(?=/|$)")
# `t/<token>/name` is conda's own short form for a channel at its alias.
_NAMED_TOKEN = re.compile(r"/?(?<![\w.-])t/[^/\s'\"\]]+")
# rattler takes `./name`, and whatever begins with `..`, for a folder of this machine's.
_SEGMENT = r"(?!\.\.|\.(?:/|$))[A-Za-z0-9_.-]+"
_CHANNEL_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_USER = re.compile(r"(?<=://)[^/?#]*@")
_URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s'\"<>)]+", re.IGNORECASE)


def strip_credentials(url: str) -> str:
    """Return a channel's or a package's URL without anything that is secret.

    `user:password@`, anaconda's `/t/<token>/`, and the query and the fragment, which no channel
    needs, are dropped; so is the like of it in what is no URL. A file URL stays as it is.
    """
    if "://" not in url:
        plain = _NAMED_TOKEN.sub("", url.rpartition("@")[2]).lstrip("/")
        return url if url.startswith("/") else plain
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL, as in "http://[": what is left of it may be quoted in a message
        return _TOKEN.sub("", _USER.sub("", url))
    if parts.scheme == "file":
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub("", parts.path), "", ""))


def without_credentials(text: str) -> str:
    """Return a message of a library without the secret parts of the URLs in it."""
    return _URL.sub(lambda found: strip_credentials(found[0]), text)


def base_url(channel: str) -> str:
    """Return one URL for all ways to write a channel, name or URL, without what is secret."""
    plain = strip_credentials(channel if "://" in channel else f"{ALIAS}/{channel}")
    scheme, colons, rest = plain.partition("://")
    host, _, path = rest.partition("/")
    host = host.lower().removesuffix(_PORTS.get(scheme.lower(), "/"))
    return f"{scheme.lower()}{colons}{host}/{unquote(path).strip('/')}"


def has_credentials(text: str) -> bool:
    """Tell whether a text that is no URL may hold a secret: a user before an `@`, or a token."""
    return "@" in text or _NAMED_TOKEN.search(text) is not None


def is_channel_name(text: str) -> bool:
    """Tell whether a text is a channel's name, such as `conda-forge/label/dev`, and no path."""
    return _CHANNEL_NAME.fullmatch(text) is not None


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
