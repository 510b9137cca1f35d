"""What is installed in an environment, read from its metadata: nothing of it is imported."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from accelock.errors import AccelockError
from accelock.hardware import run_command
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.hardware import Runner

_ASK = "import json, sys; print(json.dumps([sys.version_info[:2], [p for p in sys.path if p]]))"
_LIMIT = 10.0  # seconds; a Python on a slow disk takes its time


def own_paths() -> tuple[str, ...]:
    """Return where this interpreter finds distributions."""
    return tuple(path for path in sys.path if path)


def ask_interpreter(
    python: str, run: Runner = run_command
) -> tuple[PythonVersion, tuple[str, ...]]:
    """Return the version of an interpreter, and where it finds distributions.

    :raises AccelockError: it is none, or does not answer.
    """
    answer = run([python, "-c", _ASK], timeout=_LIMIT)
    try:
        (major, minor), paths = json.loads(answer.text.strip().rpartition("\n")[2])
        return PythonVersion(int(major), int(minor)), tuple(map(str, paths))
    except (ValueError, TypeError) as error:
        reason = answer.failure or "gave no answer that can be read"
        raise AccelockError(f"{python} is no Python that answers: it {reason}") from error


def read(paths: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution by canonical name; the first on the path counts."""
    # It loads `email`, and with that `socket`: nothing for a command that reads files alone.
    from importlib import metadata  # noqa: PLC0415

    found: dict[str, str] = {}
    for distribution in metadata.distributions(path=list(paths)):
        # A folder that an interrupted pip left has no metadata, or half of it.
        with contextlib.suppress(OSError, ValueError):
            fields = distribution.metadata
            if "Name" in fields and "Version" in fields:
                found.setdefault(canonicalize_name(fields["Name"]), fields["Version"])
    return found
