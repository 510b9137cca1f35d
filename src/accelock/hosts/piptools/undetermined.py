"""Markers of one machine (`platform_release`, `platform_version`), which no platform determines.

Answering them with this machine's would make a lock depend on where it is made. What asks for a
package under such a marker may be right on some machine of the platform, so that the package is
locked; a requirement of an input keeps its marker, as pip-compile keeps it. Whether a machine has
torch at all is not left to chance: for a family's own packages it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip._vendor.packaging import markers as vendored_markers

from accelock.errors import MetadataError
from accelock.hosts.piptools.asks import Asks
from accelock.locks import markers
from accelock.locks.markers import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelock.catalogue import Catalogue
    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.state import Capture, Run
    from accelock.targets import Cell


def install(run: Run, patches: Patches) -> None:
    """Let a cell take such a comparison for true, for the time of ``patches``."""
    patches.wrap(vendored_markers.Marker, "evaluate", lambda old: _evaluate(run, old))


def _evaluate(run: Run, original: Callable[..., bool]) -> Callable[..., bool]:
    def evaluate(self: Any, *args: Any, **kwargs: Any) -> bool:
        text = str(self)
        if run.active is None or (loose := markers.loosened(text)) == text:
            return original(self, *args, **kwargs)
        return original(vendored_markers.Marker(loose), *args, **kwargs)

    return evaluate


def judge_input(catalogue: Catalogue, cell: Cell, requirement: Any) -> None:
    """Refuse a requirement of an input that decides by one machine whether it has a family.

    :param requirement: pip's `InstallRequirement`.
    :raises MetadataError: it does.
    """
    if requirement.markers is not None and requirement.name:
        origin = str(requirement.comes_from or "the input")
        _judge(catalogue, cell, requirement.name, str(requirement.markers), origin)


def judge_found(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Refuse the same of what a locked package asks for.

    :raises MetadataError: there is one.
    """
    asks = Asks.of(run.memo.metadata.values())
    for cell, capture in captures.items():
        for pin in capture.results:
            for version in {each.version for each in pin.specifier}:
                for ask in asks.by(pin.name, version):
                    if ask.requirement.marker is not None:
                        text, origin = str(ask.requirement.marker), f"{pin.name} {version}"
                        _judge(run.plan.catalogue, cell, ask.name, text, origin)


def _judge(catalogue: Catalogue, cell: Cell, name: str, marker: str, origin: str) -> None:
    found = catalogue.family_of(name)
    if found is None or found[1].runtime or not markers.is_open(marker, _place(cell)):
        return
    raise MetadataError(
        f"{origin} asks for {name} ; {marker}, which a platform does not determine ({cell}), and "
        "whether a machine has a build for its hardware is not left to that. Leave that platform "
        "out (--platform, or `platforms` in [tool.accelock]), or give the requirement a marker of "
        "sys_platform or platform_machine."
    )


def _place(cell: Cell) -> Place:
    return Place(cell.platform, cell.python)
