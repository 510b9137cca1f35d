"""pip-tools' own command for one cell: our repository, resolver and writer in its place.

``piptools.scripts.compile.cli`` looks these classes up in its module at the time of the call, so
that replacing the module's names for a while is all it takes (pip-tools 7.3.0 to 7.6.2).
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from pip._internal.models.search_scope import SearchScope
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.utils import canonicalize_name
from piptools.logging import log
from piptools.repositories.pypi import PyPIRepository
from piptools.resolver import BacktrackingResolver
from piptools.utils import is_pinned_requirement, is_url_requirement

from accelock.hosts.piptools import candidates, hashing, inputs, keeping, labels, verified
from accelock.hosts.piptools.pages import introduce
from accelock.hosts.piptools.rounds import Rounds
from accelock.sources.kept import go_offline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from accelock.hosts.piptools.state import Active, Run


def repository_class(run: Run) -> type[PyPIRepository]:
    """Return the repository of a run: one session for all cells, the cell's tags, our routing."""

    class CellRepository(PyPIRepository):  # type: ignore[misc]
        def __init__(self, pip_args: list[str], cache_dir: str) -> None:
            super().__init__(pip_args, cache_dir=cache_dir)
            self._all_wheels = False
            active = run.active
            if active is None:
                return
            if run.session is None:
                run.session = self.session
                if run.plan.offline:
                    go_offline(run.session)
            self._session = run.session
            cell = active.cell
            self._finder = self.command._build_package_finder(
                options=self.options,
                session=self._session,
                target_python=candidates.target_python(
                    cell, run.plan.version_info(cell), run.plan.levels
                ),
            )
            # Requires-Python is judged for the cell's Python, not for the one that runs us.
            self.command.make_resolver = functools.partial(
                self.command.make_resolver,
                py_version_info=run.plan.version_info(cell),
            )
            candidates.route(run, self._finder, cell, all_wheels=lambda: self._all_wheels)

        def get_hashes(self, ireq: Any) -> set[str]:
            active = run.active
            if active is None:
                return set(super().get_hashes(ireq))
            if not is_pinned_requirement(ireq) or is_url_requirement(ireq):
                return hashing.of_url(run, ireq, self)
            return hashing.of_pin(run, active.cell, ireq, self)

        def get_ordinary_hashes(self, ireq: Any) -> set[str]:
            """Return what pip-tools itself finds: it may download files that carry no hash."""
            return set(super().get_hashes(ireq))

        @contextlib.contextmanager
        def allow_all_wheels(self) -> Iterator[None]:
            with super().allow_all_wheels():
                self._all_wheels = True
                try:
                    yield
                finally:
                    self._all_wheels = False

    return CellRepository


def resolver_class(run: Run) -> type[BacktrackingResolver]:
    """Return the resolver of a run."""
    return type("CellResolver", (CellResolver,), {"run": run})


class CellResolver(BacktrackingResolver):  # type: ignore[misc]
    """pip-tools' resolver, which sees the inputs as the cell at work means them.

    :cvar run: the run, of the subclass that `resolver_class` makes.
    """

    run: Run

    def __init__(
        self,
        constraints: Any,
        existing_constraints: dict[str, Any],
        repository: Any,
        **kwargs: Any,
    ) -> None:
        constraints = list(constraints)
        if self.run.active is not None:
            _keep_apart(self.run, self.run.active, repository)
            introduce(self.run.session, self.run.plan.source_urls)
            constraints += inputs.of_target(self.run, self.run.active.cell.target)
            constraints = inputs.substituted(self.run, self.run.active, constraints)
            labels.read_builds(constraints, self.run.routing, self.run.active.cell.target)
            existing_constraints = _preferences(self.run, self.run.active, existing_constraints)
            self.run.active.capture.constraints = constraints
            self.run.active.capture.finder = repository.finder
            self.run.active.capture.existing = dict(existing_constraints)
            self.run.active.capture.prereleases = bool(kwargs.get("prereleases"))
        super().__init__(
            constraints=constraints,
            existing_constraints=existing_constraints,
            repository=repository,
            **kwargs,
        )

    def resolve(self, max_rounds: int = 10) -> set[Any]:
        """Return the pins of the cell."""
        if self.run.active is not None:
            if self.run.active.probing:
                return set()
            self.run.active.resolving = True
        return set(super().resolve(max_rounds))

    def _do_resolve(self, resolver: Any, compatible_existing_constraints: dict[str, Any]) -> bool:
        """Walk the requirements where nothing is in the way, else let pip solve."""
        if self.run.active is None:
            return bool(super()._do_resolve(resolver, compatible_existing_constraints))
        if not keeping.to_upgrade(self.run):
            found = verified.solution(self.run, self.run.active, self, resolver.factory)
            if found is not None:
                resolver._result = found
                return True
        self.run.solves += 1
        pins = compatible_existing_constraints
        attempt = functools.partial(_attempt, self, self.run.active, resolver, Rounds())
        for pin in keeping.solve(self.run, attempt, pins):
            log.warning(f"Discarding {pin} to proceed the resolution")
        return True

    def resolve_hashes(self, ireqs: set[Any]) -> dict[Any, set[str]]:
        """Return the hashes of pins, that of the file which the cell takes among them."""
        hashes: dict[Any, set[str]] = super().resolve_hashes(ireqs)
        return hashing.complete(hashes, self.repository)


def _attempt(
    resolver: Any,
    active: Active,
    pips: Any,
    rounds: Rounds,
    pins: Collection[Any],
    held: Collection[Any] = (),
) -> dict[str, str]:
    """Let pip's own resolver solve with these pins, and return the versions that it found.

    :param rounds: what the attempts for the cell may take.
    :param held: constraints that are no pins of the file, and are never let go of.
    """
    active.heard.clear()
    with rounds.limited(with_pins=bool(pins)):
        pips.resolve(
            root_reqs=[*resolver.constraints, *held, *pins],
            check_supported_wheels=not resolver.options.target_dir,
        )
    found = pips._result.mapping.values()
    return {canonicalize_name(each.project_name): str(each.version) for each in found}


def writer_class(run: Run) -> type:
    """Return what stands in for pip-tools' writer: it keeps the values and writes nothing."""

    class CaptureWriter:
        def __init__(self, dst_file: Any, **kwargs: Any) -> None:
            if run.active is not None:
                run.active.capture.writer = {"dst_file": dst_file, **kwargs}

        def write(
            self,
            results: set[Any],
            unsafe_requirements: set[Any],
            unsafe_packages: set[str],
            markers: dict[str, Any],
            hashes: dict[Any, set[str]] | None,
        ) -> None:
            if run.active is None:
                return
            capture = run.active.capture
            capture.results = results
            capture.unsafe_requirements = unsafe_requirements
            capture.unsafe_packages = unsafe_packages
            # pip-tools has them by the names in the inputs.
            others = capture.substituted.items()
            capture.markers = {
                **markers,
                **{n: markers[old] for n, old in others if old in markers},
            }
            capture.hashes = hashes

    return CaptureWriter


def _keep_apart(run: Run, active: Active, repository: Any) -> None:
    """Take a family's URLs out of the indexes that every other name is looked up at.

    They came with the input (``--extra-index-url .../whl/cpu``), the command line or pip's own
    configuration. Each becomes its family's source and is never global.
    """
    finder = repository.finder
    scope = finder.search_scope

    def foreign(url: str) -> bool:
        return run.plan.catalogue.recognise(url) is not None or url in run.plan.source_urls

    active.capture.index_urls = list(scope.index_urls)
    active.capture.find_links = list(scope.find_links)
    index_urls = [url for url in scope.index_urls if not foreign(url)]
    if scope.index_urls and not index_urls:
        # A family's index in place of PyPI (`-i .../whl/cpu`): all other names are still where
        # pip is configured to find them.
        usual = repository.options.index_url
        index_urls = [repository.DEFAULT_INDEX_URL if foreign(usual) else usual]
    finder.search_scope = SearchScope.create(
        find_links=[url for url in scope.find_links if not foreign(url)],
        index_urls=index_urls,
        no_index=bool(getattr(scope, "no_index", False)),
    )


def _preferences(run: Run, active: Active, existing: dict[str, Any]) -> dict[str, Any]:
    """Return the pins that the cell keeps if it can: the leader's, then the existing file's."""
    upgraded = {n for n, old in active.capture.substituted.items() if old in run.upgraded}
    kept = {n: pin for n, pin in existing.items() if canonicalize_name(n) not in upgraded}
    for name, pin in existing.items():
        if run.plan.catalogue.family_of(name) is not None:
            labels.forget(pin)
    for name, version in active.preferences.items():
        pin = kept.get(name)
        if pin is None or (name in active.moved and not _pins(pin, version)):
            kept[name] = install_req_from_line(f"{name}=={version}", constraint=True)
    return {canonicalize_name(name): pin for name, pin in kept.items()}


def _pins(requirement: Any, version: str) -> bool:
    return any(str(s.version) == version for s in requirement.req.specifier)
