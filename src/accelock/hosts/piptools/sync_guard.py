"""What `accelock sync` never removes, where it never runs, and which indexes it never forgets.

pip-sync removes what the files lack; it spares pip-tools and what that requires, and does not know
about accelock, conda or Poetry. It lists what is installed with pip's own environment (that of
`--python-executable` by its `sys.path`), decides in `piptools.sync.diff`, and only then acts: in
pip-tools 7.3.0 to 7.6.2 alike.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import piptools.scripts.sync as sync_module
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from piptools import sync as piptools_sync

from accelock.errors import AccelockError
from accelock.hosts.piptools.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OURSELVES = "accelock"
POETRY = "poetry"
CONDA = "conda"


@contextmanager
def guarded(*, layered: bool) -> Iterator[None]:
    """Let pip-sync keep what it must, and refuse Poetry's environment, while the block lasts.

    `layered`: the files were compiled by accelock, and what one of them says about indexes holds
    for all.
    """
    guard = _Guard()
    with Patches() as patches:
        patches.wrap(sync_module, "get_environment", guard.listen)
        patches.wrap(piptools_sync, "diff", guard.spare)
        if layered:
            patches.wrap(sync_module, "parse_requirements", _remember_indexes)
        yield


def _remember_indexes(original: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the extra indexes of a file when the next one says `--index-url`, which clears them.

    The layer with torch has the line that leads to its builds; a dev layer without torch has no
    reason to repeat it, and pip would not find `torch==2.6.0+cpu` any more.
    """

    def parse_requirements(filename: str, *args: Any, finder: Any, **kwargs: Any) -> Iterator[Any]:
        before = list(finder.index_urls)
        yield from original(filename, *args, finder=finder, **kwargs)
        urls = finder.search_scope.index_urls
        urls.extend(url for url in before[1:] if url not in urls)

    return parse_requirements


@dataclass
class _Guard:
    """Sees which environment is synced, and takes what must stay out of what is to go."""

    environments: list[Any] = field(default_factory=list)

    def listen(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Remember the environment that pip-sync lists the distributions of."""

        def get_environment(paths: list[str] | None) -> Any:
            environment = original(paths)
            self.environments.append(environment)
            return environment

        return get_environment

    def spare(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Leave out of what is to be uninstalled what must stay."""

        def diff(compiled: Iterable[Any], installed: Iterable[Any]) -> tuple[set[Any], set[str]]:
            wanted, found = list(compiled), list(installed)
            _refuse_poetry(wanted, found)
            to_install, to_uninstall = original(wanted, found)
            kept = self._kept()
            return to_install, {key for key in to_uninstall if _name(key) not in kept}

        return diff

    def _kept(self) -> set[str]:
        own = own_distributions()
        return {
            name
            for environment in self.environments
            for distribution in environment.iter_installed_distributions(local_only=False, skip=())
            for name in [str(distribution.canonical_name)]
            if distribution.installer == CONDA or _is_at(distribution, own.get(name))
        }


def own_distributions() -> dict[str, Path]:
    """Return accelock and all that it requires, with its extras: name -> where it is installed.

    They are those of the interpreter that runs this; none where accelock runs from its sources.
    """
    found: dict[str, Path] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(OURSELVES, extra) for extra in ("", *_extras_of(OURSELVES))]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = Path(str(distribution.locate_file(""))).resolve()
        queue.extend(_required(distribution, extra))
    return found


def _extras_of(name: str) -> list[str]:
    try:
        return metadata.metadata(name).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _required(distribution: metadata.Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = canonicalize_name(requirement.name)
            yield from ((name, wanted) for wanted in ("", *requirement.extras))


def _is_at(distribution: Any, place: Path | None) -> bool:
    """Tell whether pip's distribution is the one that we run from, and no namesake elsewhere."""
    if place is None or distribution.location is None:
        return False
    return Path(distribution.location).resolve() == place


def _name(key: str) -> str:
    """Return the name in pip-sync's key, which is `name @ URL` for what came from an archive."""
    return canonicalize_name(key.partition(" @ ")[0])


def _refuse_poetry(wanted: Iterable[Any], installed: Iterable[Any]) -> None:
    """Stop where Poetry lives, unless the files themselves ask for it."""
    if POETRY not in {canonicalize_name(each.key) for each in installed}:
        return
    if POETRY in {canonicalize_name(each.name) for each in wanted if each.name}:
        return
    raise AccelockError(
        "Poetry is installed in the environment that would be synced, and the files do not ask "
        "for it: it and its plugins would be removed. Nothing was changed. Run this in the "
        "project's own environment, or name that with --python-executable."
    )
