"""The sources that [tool.accelock] names, or the command line in a compiled file's header."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from accelock.catalogue import Source

if TYPE_CHECKING:
    from accelock.catalogue import Family
    from accelock.settings.settings import Config


def named_sources(command: str | None, family: Family, config: Config) -> tuple[Source, ...] | None:
    """Return the sources that a project names for a family, or None where nothing tells them.

    A source given on the command line stands in the header, unless that has another command.

    :param command: what stands in the header of a file.
    """
    own = (config.sources[family.name],) if family.name in config.sources else ()
    own = (*own, *config.exceptions(family.name).values())
    if command is None or not command.startswith("accelock "):
        return None
    prefix = f"--source={family.name}="
    try:
        words = [word for word in shlex.split(command) if word.startswith(prefix)]
    except ValueError:  # somebody edited the comment
        return None
    return (*own, *(Source(word.removeprefix(prefix)) for word in words))


def is_instance(url: str, source: Source, label: str | None) -> bool:
    """Tell whether a URL is a source's for a label (None: any); credentials do not count."""
    pattern = re.escape(source.without_credentials.template).replace(
        re.escape("{target}"), re.escape(label) if label else "[^/]+"
    )
    return re.fullmatch(pattern, url) is not None
