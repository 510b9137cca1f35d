"""URLs of conda channels, and how to say them without the credentials that they may carry."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["strip_credentials"]

# conda: `/t/<token>` may stand anywhere in the path (mirrors put it behind a prefix of theirs).
_TOKEN = re.compile(r"/t/[^/]+(?=/|$)")
_USER = re.compile(r"(?<=://)[^/?#]*@")


def strip_credentials(url: str) -> str:
    """Return a channel's or a package's URL without anything that is secret.

    `user:password@`, anaconda's `/t/<token>/`, and the query and the fragment, which no channel
    needs, are dropped. The name of a channel, and a file URL, stay as they are.
    """
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL, as in "http://[": what is left of it may be quoted in a message
        return _TOKEN.sub("", _USER.sub("", url))
    if parts.scheme == "file":
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub("", parts.path), "", ""))
