"""Which Python `accelock sync` installs into, and whether there is a pip in it.

pip-sync asks the interpreter of `--python-executable` for the version of its pip, and leaves the
traceback of one that has none to the user (pip-tools 7.3.0 to 7.6.2).
"""

from __future__ import annotations

import json
import shutil

from accelock.errors import AccelockError
from accelock.hardware import run_command
from accelock.targets import PythonVersion

_ASK = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([sys.version_info[0], sys.version_info[1], u.find_spec('pip') is not None]))"
)
_LIMIT = 10.0  # seconds; a Python on a slow disk takes its time


def version_of(executable: str | None) -> PythonVersion | None:
    """Return the version of the Python that is installed into: this one, or that of a path.

    None for what gives no answer: pip-sync asks it next, and says what is wrong.

    :raises AccelockError: there is no pip in its environment.
    """
    if executable is None:
        return PythonVersion.host()
    found = shutil.which(executable)
    if found is None:
        return None
    answer = run_command([found, "-c", _ASK], timeout=_LIMIT)
    try:
        major, minor, has_pip = json.loads(answer.text.strip().rpartition("\n")[2])
        version = PythonVersion(int(major), int(minor))
    except (ValueError, TypeError):
        return None
    if not has_pip:
        raise AccelockError(
            f"the environment of {executable} has no pip, with which packages are installed into "
            f"it. Nothing was changed. Run: {executable} -m ensurepip"
        )
    return version
