"""URLs of conda channels, and how to say them without the credentials that they may carry."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

__all__ = ["ALIAS", "base_url", "has_credentials", "is_channel_name", "strip_credentials"]

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


def strip_credentials(url: str) -> str:
    """Return a channel's or a package's URL without anything that is secret.

    `user:password@`, anaconda's `/t/<token>/`, and the query and the fragment, which no channel
    needs, are dropped; so is the like of it in what is no URL. A file URL stays as it is.
    """
    if "://" not in url:
        return url if url.startswith("/") else _strip_name(url)
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL, as in "http://[": what is left of it may be quoted in a message
        return _TOKEN.sub("", _USER.sub("", url))
    if parts.scheme == "file":
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub("", parts.path), "", ""))


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


def _strip_name(name: str) -> str:
    return _NAMED_TOKEN.sub("", name.rpartition("@")[2]).lstrip("/")
