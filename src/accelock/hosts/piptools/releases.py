"""Requirements that only some patch releases of a Python want, as in `python_full_version`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError
from accelock.locks import markers
from accelock.locks.markers import Place

if TYPE_CHECKING:
    from accelock.hosts.piptools.plan import Plan
    from accelock.targets import Cell

_OF_A_RELEASE = re.compile(r"\b(python_full_version|implementation_version)\b")


def judge(plan: Plan, cell: Cell, requirement: Any) -> None:
    """Refuse a requirement of an input that a file for a Python would lack on later releases of it.

    A compile for a Python that was asked for resolves for its first release. One without is for the
    running release, as pip-compile's is, and leaves the same out.

    :param requirement: pip's `InstallRequirement`. A constraint asks for nothing.
    :raises AccelockError: its marker is false on the first release, and true on a later one.
    """
    marker = markers.loosened(str(requirement.markers or ""))
    if plan.host_python or requirement.constraint or not _OF_A_RELEASE.search(marker):
        return
    place, python = Place(cell.platform, cell.python), cell.python
    if markers.evaluate(marker, place) or not markers.may_hold(marker, place):
        return
    raise AccelockError(
        f"{requirement.comes_from or 'the input'}: {requirement.req} ; {marker} is for some "
        f"releases of Python {python}, and not for {python.release()}, which a file for Python "
        f"{python} is resolved for: the others would be without it. Nothing was written. Write the "
        "marker with python_version, or compile with such a release of Python itself, without "
        "--python-version and without `python` in [tool.accelock]."
    )
