"""Requests that are on their way at the same time."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST = 8
"""How many requests are on their way at the same time."""


def fetch_at_once(work: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Fetch what will be asked for, several requests at once.

    What fails, fails when it is asked for, with the same error, and not here. The first request to
    each host goes alone, because it may find or ask for credentials.

    :param work: URLs, each with the function that fetches it and keeps what came.
    """
    hosts: dict[str, list[Callable[[], object]]] = {}
    for url, fetch in work:
        with suppress(ValueError):
            hosts.setdefault(urlsplit(url).netloc, []).append(fetch)
    for fetches in hosts.values():
        _quietly(fetches[0])
    rest = list(itertools.chain.from_iterable(fetches[1:] for fetches in hosts.values()))
    if rest:
        with ThreadPoolExecutor(min(MOST, len(rest))) as pool:
            list(pool.map(_quietly, rest))


def _quietly(fetch: Callable[[], object]) -> None:
    with suppress(AccelockError):
        fetch()
