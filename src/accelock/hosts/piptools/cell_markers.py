"""What a marker is in a cell: the hooks on pip's `packaging`, and markers that no cell answers.

`platform_release` and `platform_version` are of one machine: answering them with this machine's
would make a lock depend on where it is made. What asks for a package under such a marker may be
right on some machine of the platform, so that the package is locked; a requirement of an input
keeps its marker, as pip-compile keeps it. Whether a machine has torch at all is not left to chance:
for a family's own packages it is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pip._vendor.packaging import markers as vendored_markers

from accelock.errors import AccelockError, MetadataError
from accelock.hosts.piptools.dependencies import Dependencies
from accelock.hosts.piptools.merge import place_of
from accelock.locks import markers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.catalogue import Catalogue
    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.plan import Plan
    from accelock.hosts.piptools.state import Capture, Run
    from accelock.targets import Cell

_OF_A_RELEASE = re.compile(r"\b(python_full_version|implementation_version)\b")


def install(run: Run, patches: Patches) -> None:
    """Let markers be judged for the cell at work, for the time of ``patches``."""
    # Since packaging 26.3 (in pip 26.3) the environment is cached inside: replace the function.
    patches.wrap(vendored_markers, "default_environment", lambda old: _environment(run, old))
    patches.wrap(vendored_markers.Marker, "evaluate", lambda old: _evaluate(run, old))


def _environment(run: Run, original: Callable[[], Any]) -> Callable[[], Any]:
    def default_environment() -> Any:
        return original() if run.active is None else dict(run.active.environment)

    return default_environment


def _evaluate(run: Run, original: Callable[..., bool]) -> Callable[..., bool]:
    """Take what is of one machine for true."""

    def evaluate(self: Any, *args: Any, **kwargs: Any) -> bool:
        text = str(self)
        if run.active is None or (loose := markers.loosened(text)) == text:
            return original(self, *args, **kwargs)
        return original(vendored_markers.Marker(loose), *args, **kwargs)

    return evaluate


def judge_input(plan: Plan, cell: Cell, requirement: Any) -> None:
    """Refuse a requirement of an input whose marker decides what the cell alone cannot answer.

    :param requirement: pip's `InstallRequirement`.
    :raises AccelockError: it decides by one machine whether it has a family, or it asks for a
        package on some releases of the cell's Python, which a file for that Python would lack.
    """
    _refuse_of_a_release(plan, cell, requirement)
    if requirement.markers is not None and requirement.name:
        origin = str(requirement.comes_from or "the input")
        _refuse_open(plan.catalogue, cell, requirement.name, str(requirement.markers), origin)


def judge_found(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Refuse what a locked package asks for by one machine, of a family's own packages.

    :raises MetadataError: there is one.
    """
    asks = Dependencies.of(run.memo.metadata.values())
    for cell, capture in captures.items():
        for pin in capture.results:
            for version in {each.version for each in pin.specifier}:
                for ask in asks.by(pin.name, version):
                    if ask.requirement.marker is not None:
                        text, origin = str(ask.requirement.marker), f"{pin.name} {version}"
                        _refuse_open(run.plan.catalogue, cell, ask.name, text, origin)


def _refuse_open(catalogue: Catalogue, cell: Cell, name: str, marker: str, origin: str) -> None:
    found = catalogue.family_of(name)
    if found is None or found[1].runtime or not markers.is_open(marker, place_of(cell)):
        return
    raise MetadataError(
        f"{origin} asks for {name} ; {marker}, and the platform does not decide this marker "
        f"({cell}). accelock cannot let such a marker decide whether a machine gets a build for "
        "its hardware. Leave that platform out (--platform, or `platforms` in [tool.accelock]), "
        "or give the requirement a marker of sys_platform or platform_machine."
    )


def _refuse_of_a_release(plan: Plan, cell: Cell, requirement: Any) -> None:
    """Refuse what a file for a Python would lack on later releases of it.

    A compile for a Python that was asked for resolves for its first release. One without is for the
    running release, as pip-compile's is, and leaves the same out. A constraint asks for nothing.
    """
    marker = markers.loosened(str(requirement.markers or ""))
    if plan.host_python or requirement.constraint or not _OF_A_RELEASE.search(marker):
        return
    place, python = place_of(cell), cell.python
    if markers.evaluate(marker, place) or not markers.may_hold(marker, place):
        return
    raise AccelockError(
        f"{requirement.comes_from or 'the input'}: {requirement.req} ; {marker} is for some "
        f"releases of Python {python}, and not for {python.release()}, for which a file for "
        f"Python {python} is resolved. The other releases would not get it. Nothing was written. "
        "Write the marker with python_version, or run accelock on one of the releases that the "
        "marker selects, without --python-version and without `python` in [tool.accelock]."
    )
