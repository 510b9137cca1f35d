"""Credentials stay out of digests: one that is committed would let a password be guessed."""

from __future__ import annotations

import re
from typing import Any

# The authority of a URL ends at its first slash (RFC 3986, 3.2); its userinfo at the last @.
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def without_credentials(value: Any) -> Any:
    """Return what a TOML file says with `user:password@` taken out of every URL in it."""
    if isinstance(value, str):
        return _USERINFO.sub("", value)
    if isinstance(value, dict):
        return {key: without_credentials(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_credentials(each) for each in value]
    return value
