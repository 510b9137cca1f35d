"""What a lock says besides its progress: where the user's own word counts, tables, and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cleo.ui.table import Table

from accelock.catalogue.source import redact
from accelock.commands.downloads import Downloads
from accelock.commands.downloads import hold as of_lock
from accelock.commands.downloads import sizes as sizes_of
from accelock.errors import AccelockError
from accelock.hosts.poetry import sources
from accelock.hosts.poetry.cells import WORDS
from accelock.hosts.poetry.solution import lockstep_versions
from accelock.locks import poetry_lock
from accelock.locks.inputs import PYPROJECT
from accelock.locks.model import MAIN
from accelock.resolve.lockstep import decide, passed_over
from accelock.resolve.messages import left_out, pinned_alone_message
from accelock.settings.settings import ignored_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cleo.io.io import IO
    from poetry.core.packages.dependency import Dependency
    from poetry.core.packages.package import Package

    from accelock.hosts.poetry.host import PoetryHost
    from accelock.hosts.poetry.pool import TargetPool
    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.solution import Solution, Solved
    from accelock.locks.budget import Cost
    from accelock.resolve.search import Result
    from accelock.targets import Target

_LEAD = "torch"


def of(pool: TargetPool, host: PoetryHost, result: Result[Solved], solution: Solution) -> list[str]:
    """Return a line for each thing in a lock that its user may not expect."""
    leader = next(iter(solution.by_target.values()))
    left = {(c.target, c.platform): left_out(c, why, WORDS) for c, why in result.left_out.items()}
    found = [
        *_by_hand(pool.project, host.asks.requires),
        *_ignored_tables(pool.project, leader),
        *(_absent(pool.project) if solution.accelerated else ()),
        *result.notes,
        *_unhashed(host, result),
        *_pinned_alone(pool, solution),
    ]
    lines = [f"accelock: {line}" for line in dict.fromkeys(found)]
    return [*(f"<warning>{said}</>" for said in left.values()), *lines]


def _absent(project: Project) -> Iterator[str]:
    """Yield, a line per target, on which of the project's platforms it does not exist."""
    for target in project.targets:
        platforms = project.config.platforms_of(target)
        if missing := [p.name for p in platforms if not target.exists_on(p)]:
            yield f"{target.name} does not exist on {', '.join(missing)}: left out there."


def _by_hand(project: Project, requires: Iterable[Dependency]) -> Iterator[str]:
    """Yield a line for each accelerated package that comes from where the project itself says."""
    for dependency in requires:
        rule = project.config.packages.get(dependency.name)
        if project.find(dependency.name) is None and not (rule and rule.is_out):
            continue
        if dependency.is_direct_origin():
            where = redact(str(dependency.source_url))
            yield f"{dependency.name} is {where} by hand, on every target."
        elif dependency.source_name is not None:
            yield (
                f"{dependency.name} has source {dependency.source_name!r} by hand, and comes from "
                "there on every target."
            )


def _ignored_tables(project: Project, packages: Iterable[Package]) -> Iterator[str]:
    """Yield a line for each path dependency that has a [tool.accelock] table of its own."""
    for package in packages:
        if package.source_type != "directory" or package.source_url is None:
            continue
        root = project.poetry.pyproject_path.parent
        if said := ignored_table(package.name, Path(root, package.source_url)):
            yield said


def _unhashed(host: PoetryHost, result: Result[Solved]) -> Iterator[str]:
    """Yield which newer versions were passed over because nobody publishes their hashes.

    Not where the lock keeps what it has.
    """
    said: set[str] = set()
    alone = decide(result.question)
    for group, solved in result.solutions.items():
        for name, chosen in host.taken(solved).items():
            for cell in group.cells:
                newer = passed_over(result.question, alone, name, cell, max(chosen))
                if newer and name not in said and host.previous(name, cell) not in chosen:
                    said.add(name)
                    yield (
                        f"{name} {newer} is skipped: its index publishes no sha256 for "
                        f"{cell.target.name} (`allow-downloads = true` in [tool.accelock] "
                        "downloads the wheels to hash them)."
                    )


def _pinned_alone(pool: TargetPool, solution: Solution) -> Iterator[str]:
    """Yield which targets are out of lockstep, because the project pins a version for them."""
    config = pool.project.config
    if not config.lockstep or len(solution.by_target) == 1:
        return
    for target, solved in solution.by_target.items():
        for name, versions in lockstep_versions(pool, solved).items():
            if name in config.pins_of(target):
                yield pinned_alone_message(target.name, name, str(max(versions)))


def hold(project: Project, root: Package, solution: Solution) -> dict[Target, Cost]:
    """Return what each target with a max-mb downloads, and say it where no table does.

    :param root: the project itself, with what it asks for now.
    :raises BudgetError: a target has what the project denies it, or downloads more than max-mb.
    """
    if not project.config.limits_targets:
        return {}
    asked: dict[str, list[str]] = {}
    for dependency in root.all_requires:
        groups = "" if MAIN in dependency.groups else f" (group {', '.join(dependency.groups)})"
        asked.setdefault(dependency.name, []).append(f"{PYPROJECT}{groups}")
    settings = project.settings
    lock = solution.lock_of_all(settings, asked, str(root.python_constraint))
    downloads = Downloads(lambda: sources.fetching(project.poetry, project.io), settings)
    costs = of_lock(lock, downloads, lambda text: project.say(f"<warning>{text}</>"))
    if not solution.accelerated:
        for cost in costs.values():
            project.say(f"accelock: {cost}")
    return costs


def table(io: IO, solution: Solution, costs: Mapping[Target, Cost]) -> None:
    """Write one row per target on standard error: version, packages, and those only it has.

    :param costs: what targets download, where that is known.
    """
    rows = Table(io.error_output, style="compact")
    more = ["Download"] if costs else []
    rows.set_headers(["Target", _LEAD, "Packages", "Only here", *more])
    names = {target: {p.name for p in solved} for target, solved in solution.by_target.items()}
    for target, solved in solution.by_target.items():
        others = set().union(*(found for other, found in names.items() if other != target))
        only = len(names[target] - others) if len(names) > 1 else 0
        versions = {p.version.text.partition("+")[0] for p in solved if p.name == _LEAD}
        lead = ", ".join(sorted(versions)) or "-"
        cost = costs.get(target)
        more = [str(cost.total) if cost is not None else "-"] if costs else []
        rows.add_row([target.name, lead, str(len(names[target])), str(only), *more])
    rows.render()


def sizes(project: Project) -> Iterator[str]:
    """Yield what each target of a lock downloads, and all of them; nothing is downloaded for it.

    The lock is written: what goes wrong here is said, and no error of the command.
    """
    settings = project.settings
    try:
        lock = poetry_lock.read(Path(project.where).parent, settings)
        if lock is not None:
            downloads = Downloads(lambda: sources.fetching(project.poetry, project.io), settings)
            yield from sizes_of(tuple(lock.targets.values()), downloads)
    except AccelockError as error:
        yield f"sizes: {error}"
