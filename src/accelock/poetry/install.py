"""Around an installation: say the target, and remove what only another target had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poetry.installation.installer import Installer
from poetry.installation.operations import Uninstall

from accelock.lock import overlay as overlays
from accelock.machine import container
from accelock.poetry import here
from accelock.poetry.errors import shown
from accelock.poetry.locker import TargetLocker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.lock.overlay import Overlay
    from accelock.machine import Choice
    from accelock.poetry.project import Project

_MARK = "_accelock"


def install() -> None:
    """Wrap ``Installer._execute``, once a process; it is inert for other projects.

    Private in Poetry 2.0.1 to 2.5.1: it takes all operations of an install, an update or a sync,
    and is the last step before the environment changes.
    """
    original = Installer._execute
    if hasattr(original, _MARK):
        return

    def execute(self: Any, operations: list[Any]) -> int:
        locker = self._locker
        if not isinstance(locker, TargetLocker) or not self._executor.enabled:
            return original(self, operations)
        with shown():
            return _execute(self, locker, operations, original)

    setattr(execute, _MARK, True)
    Installer._execute = execute  # type: ignore[method-assign]


def _execute(installer: Any, locker: TargetLocker, operations: list[Any], original: Any) -> int:
    project = locker.project
    views = _views(locker)
    if views is None:
        return int(original(installer, operations))
    platforms, names = views
    choice = project.choice(platforms)
    _say(project, choice)
    installed = {package.name: package for package in installer._installed_repository.packages}
    leftovers = _leftovers(choice.target.name, names, installed, operations)
    status = int(original(installer, [*(Uninstall(installed[n]) for n in leftovers), *operations]))
    if status == 0 and not installer.is_dry_run():
        here.remember(installer._env, installed=choice.target.name)
    return status


def _views(
    locker: TargetLocker,
) -> tuple[Mapping[str, Sequence[str]], Mapping[str, set[str]]] | None:
    """Return the platforms and the package names of every target; None where there is one lock."""
    solution = locker.solution
    if solution is not None:
        if not solution.accelerated:
            return None
        by_target = solution.by_target.items()
        return (
            {t.name: [p.name for p in found] for t, found in solution.platforms.items()},
            {target.name: {package.name for package in solved} for target, solved in by_target},
        )
    overlay = locker.overlay
    return None if overlay is None else (overlay.platforms, _names(locker, overlay))


def _names(locker: TargetLocker, overlay: Overlay) -> dict[str, set[str]]:
    leader = locker.raw_data["package"]
    names = {overlay.targets[0]: {entry["name"] for entry in leader}}
    for target, change in overlay.changes.items():
        names[target] = {entry["name"] for entry in overlays.applied(leader, change)}
    return names


def _leftovers(
    target: str,
    names: Mapping[str, set[str]],
    installed: Iterable[str],
    operations: Iterable[Any],
) -> list[str]:
    """Return the installed packages that only other targets of this lock have.

    A plain install removes nothing, and would leave 40 nvidia directories under cpu.
    """
    others = set().union(*(found for name, found in names.items() if name != target))
    busy = {operation.package.name for operation in operations}
    return sorted((others - names[target] - busy) & set(installed))


def _say(project: Project, choice: Choice) -> None:
    project.say(f"accelock: installing for <c1>{choice.target.name}</> ({choice.reason})")
    if container.warns(choice, len(project.targets)):
        project.say(f"<warning>{container.WARNING}</>")
