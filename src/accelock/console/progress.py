"""Whether to show progress: a question of its own, beside that for colours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleo.io.io import IO

__all__ = ["shows_progress"]


def shows_progress(io: IO) -> bool:
    """Tell whether stderr is a terminal on which progress is wanted.

    Not whether it has colours, which `NO_COLOR` takes from a terminal and `--ansi` gives to a file.
    """
    return sys.stderr.isatty() and not io.error_output.is_quiet()
