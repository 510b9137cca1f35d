"""Where a family's files are listed: an index per target, or a find-links page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from accelock.targets import Target

__all__ = ["TARGET_FIELD", "Source", "redact"]

TARGET_FIELD = "{target}"
# Before the host of a URL whose scheme was forgotten.
_LOGIN = re.compile(r"^[^/@\s]*:[^/@\s]*@")


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """The URL of an index or of a find-links page, in which `{target}` stands for the target.

    Trailing slashes are dropped. Credentials of the URL stay in `template`, because they are needed
    to fetch; messages, `str` and `repr` use `redacted`.
    """

    template: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", self.template.strip().rstrip("/"))

    @classmethod
    def parse(cls, text: str) -> Source:
        """Return the source that a user wrote; AccelockError says what is wrong with its URL."""
        fault = _fault(text.strip())
        if fault is not None:
            raise AccelockError(fault)
        return cls(text)

    @property
    def is_find_links(self) -> bool:
        """Tell whether this is one page of links to files, and not an index of projects."""
        return urlsplit(self.template).path.lower().endswith((".html", ".htm"))

    @property
    def has_target(self) -> bool:
        """Tell whether each target has a URL of its own."""
        return TARGET_FIELD in self.template

    @property
    def redacted(self) -> str:
        """Return the template without its credentials, for messages."""
        return redact(self.template)

    @property
    def without_credentials(self) -> Source:
        """Return the source as a file may say it: pip finds the credentials in netrc or keyring.

        A query goes too: what stands there is a token.
        """
        parts = urlsplit(self.template)
        host = parts.netloc.rpartition("@")[2]
        return Source(urlunsplit(parts._replace(netloc=host, query="")))

    def url(self, target: Target) -> str:
        """Return the URL for `target`, credentials included, without a trailing slash."""
        return self.template.replace(TARGET_FIELD, target.name)

    @property
    def is_nightly(self) -> bool:
        """Tell whether the URL is that of nightly builds, by PyTorch's word for them."""
        return "nightly" in urlsplit(self.template).path.lower().split("/")

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"Source({self.redacted!r})"


def _fault(url: str) -> str | None:
    """Say what keeps `url` from being a source, never quoting its credentials."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return f"is no URL ({error})"
    if parts.scheme not in ("http", "https", "file"):
        return f"must be an http, https or file URL, not {redact(url)!r}"
    if re.search(r"\s", url) or not (parts.hostname or parts.scheme == "file"):
        return f"is no complete URL: {redact(url)!r}"
    for name in re.findall(r"\{([^{}]*)\}", url):
        if name != "target":
            return f"has the field {{{name}}}; the only one is {TARGET_FIELD}: {redact(url)!r}"
    return None


def redact(url: str) -> str:
    """Return `url` with `user:password@`, or a token in that place or in the query, as `****`."""
    if "://" not in url:
        return _LOGIN.sub("****@", url)
    parts = urlsplit(url)
    query = re.sub(r"=[^&]+", "=****", parts.query)
    if "@" not in parts.netloc and query == parts.query:
        return url
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"****@{host}" if at else host, query=query))
