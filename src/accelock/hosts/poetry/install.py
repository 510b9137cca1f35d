"""Around an installation: say the target, and remove what only another target had."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

from poetry.installation.operations import Uninstall, Update

from accelock.errors import AccelockError
from accelock.hosts.poetry import sources
from accelock.hosts.poetry.project import remember, remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.locker import TargetLocker
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.locks.model import Lock
    from accelock.targets import Target


def install(
    installer: Any, locker: TargetLocker, operations: list[Any], execute: Callable[..., int]
) -> int:
    """Run the operations of an installation for one target, and return the exit code.

    :param execute: Poetry's own ``Installer._execute``.
    :raises AccelockError: no target is for this machine, or one of its files is not to be had.
    """
    project = locker.project
    if not installer.is_dry_run():
        locker.refuse_unwritable()
    lock = locker.locked_targets()
    if lock is None:
        return int(execute(installer, operations))
    choice = project.choice()
    project.say(f"accelock: installing for <c1>{choice.target.name}</> ({choice.reason})")
    if warning := choice.container_warning:
        project.say(f"<warning>{warning}</>")
    # The executor has an authenticator of its own, which looks them up at its first request.
    sources.register_credentials(project)
    if not installer.is_dry_run():
        _look_up(cast("TargetPool", project.poetry.pool), operations)
    others = _of_other_targets(project, lock, choice.target, installer)
    operations = [_renewed(each, others) for each in operations]
    stays = _stays(project, lock, choice.target, installer, operations)
    stays = stays or next((p for n, p in others.items() if n not in _busy(operations)), None)
    gone = [] if stays else _leftovers(project, lock, choice.target, installer, operations)
    status = int(execute(installer, [*map(Uninstall, gone), *operations]))
    if stays:
        project.say(f"accelock: {stays} stays installed: no group of this installation has it.")
    elif status == 0 and not installer.is_dry_run():
        # Only a later tidying up looks at it, and this installation is done.
        with contextlib.suppress(AccelockError):
            remember(installer._env, installed=choice.target.name)
    return status


def _look_up(pool: TargetPool, operations: Iterable[Any]) -> None:
    """Ask our sources for what is to be installed from them, before the environment changes.

    Poetry's executor asks in the middle of its work, and shows an error there with source code.
    """
    for operation in operations:
        if not operation.skipped and operation.job_type != "uninstall":
            pool.look_up(operation.package)


def _of_other_targets(
    project: Project, lock: Lock, target: Target, installer: Any
) -> dict[str, Package]:
    """Return the installed packages that may be another target's build of the locked version.

    Those of families without labels, by name, where the environment is not known to have been
    installed for this target: Poetry sees the same version, and would leave it.
    """
    if remembered(installer._env).get("installed") == target.name:
        return {}
    versions = lock.targets[target].versions()
    return {
        package.name: package
        for package in installer._installed_repository.packages
        if (entry := project.find(package.name)) is not None
        and entry[1].labelled
        and not entry[0].has_labels
        and package.version.text in versions.get(package.name, ())
    }


def _renewed(operation: Any, others: Mapping[str, Package]) -> Any:
    """Return an operation that puts this target's build in the place of another's."""
    package = operation.package
    is_there = operation.job_type == "install" and operation.skipped and package.name in others
    if not is_there:
        return operation
    return Update(others[package.name], package, priority=operation.priority)


def _busy(operations: Iterable[Any]) -> set[str]:
    return {operation.package.name for operation in operations}


def _stays(
    project: Project, lock: Lock, target: Target, installer: Any, operations: Iterable[Any]
) -> Package | None:
    """Return an accelerated package of another target that this installation does not touch.

    ``--only docs`` is one that has no torch. What that needs must not go then.
    """
    busy = _busy(operations)
    versions = lock.targets[target].versions()
    for package in installer._installed_repository.packages:
        entry = project.find(package.name)
        if package.name in busy or entry is None or not entry[1].labelled:
            continue
        mine = versions.get(package.name)
        if mine is not None and package.version.text not in mine:
            return cast("Package", package)
    return None


def _leftovers(
    project: Project, lock: Lock, target: Target, installer: Any, operations: Iterable[Any]
) -> list[Package]:
    """Return the installed packages that only other targets of this lock have.

    A plain install removes nothing, and would leave 40 nvidia directories under cpu. Of a target
    that is no longer in the lock these are the libraries that torch alone asks for.
    """
    installed = installer._installed_repository
    kept = _busy(operations)
    kept |= {package.name for package in installed.system_site_packages}
    mine = lock.targets[target].versions().keys()
    names = {name for each in lock.targets.values() for name in each.versions()} - mine
    before = remembered(installer._env).get("installed")
    if before is not None and before not in {each.name for each in lock.targets}:
        names |= {package.name for package in installed.packages if _is_runtime(project, package)}
        names -= mine
    found = {
        package.name: package for package in installed.packages if package.name in names - kept
    }
    return [found[name] for name in sorted(found)]


def _is_runtime(project: Project, package: Package) -> bool:
    entry = project.find(package.name)
    return entry is not None and entry[1].runtime
