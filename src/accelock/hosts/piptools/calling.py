"""pip-tools' own command, called for one cell: what is replaced in it, and its failures as ours.

All replacements in pip and pip-tools that a run needs are put in place and taken back together.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from pip._internal.exceptions import DiagnosticPipError, PipError
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionError as ResolvelibError
from pip._vendor.rich.text import Text
from piptools.logging import log

from accelock.errors import AccelockError, ResolutionError
from accelock.hosts.piptools import cell as cells
from accelock.hosts.piptools import cell_markers, inputs, metadata, pages, progress
from accelock.hosts.piptools.patches import Patches
from accelock.hosts.piptools.state import Active, Capture, Run
from accelock.sources.http import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelock.targets import Cell

# What pip-tools builds the metadata of a setup.py or pyproject.toml with: 7.3 the first name,
# 7.4 and later the second.
_PROJECT_BUILDERS = ("project_wheel_metadata", "build_project_metadata")
# Where pip explains why it found no solution; it prints there before it raises.
_EXPLAINER = "pip._internal.resolution.resolvelib.factory"
_CONSTRAINT = re.compile(r"The user requested \(constraint\) ([a-z0-9-]+)")


@contextlib.contextmanager
def installed(run: Run) -> Iterator[None]:
    """Make a context in which pip-tools' command works for ``run.active``.

    Where one of the replacements cannot be made, none of them stays.
    """
    with Patches() as patches, warnings.catch_warnings():
        if log.verbosity < 0:  # since 26.3, pip repeats the warnings of the backends that it runs
            warnings.simplefilter("ignore")
        _replace(run, patches)
        with progress.shown(run, patches):
            yield


def _replace(run: Run, patches: Patches) -> None:
    patches.replace(compile_module, "PyPIRepository", cells.repository_class(run))
    patches.replace(compile_module, "BacktrackingResolver", cells.resolver_class(run))
    patches.replace(compile_module, "OutputWriter", cells.writer_class(run))
    for name in _PROJECT_BUILDERS:
        if hasattr(compile_module, name):
            patches.wrap(compile_module, name, lambda old: _build_project_once(run, old))
    patches.wrap(log, "warning", lambda old: _warn_once(run, old))
    inputs.install(run, patches, compile_module)
    pages.install(run, patches)
    metadata.install(run, patches)
    cell_markers.install(run, patches)


def _feed_standard_input(run: Run) -> None:
    """Let each cell read the whole of standard input, which can be read only once."""
    if run.inputs.standard_input is None:
        run.inputs.standard_input = sys.stdin.read()
    sys.stdin = io.StringIO(run.inputs.standard_input)


def _build_project_once(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    """Build a project's metadata once, on the host: its markers are judged per cell afterwards."""

    def build(*args: Any, **kwargs: Any) -> Any:
        key = (repr(args), repr(sorted(kwargs.items())))
        if key not in run.memo.projects:
            with metadata.host(run):
                run.memo.projects[key] = original(*args, **kwargs)
        return run.memo.projects[key]

    return build


def _warn_once(run: Run, original: Callable[..., None]) -> Callable[..., None]:
    """Say each of pip-tools' warnings once a run, not once a cell.

    It also says when it lets go of a pin that we handed to a cell as a preference, which is no news
    to the user: the merged file shows it.
    """

    def warning(message: str, *args: Any, **kwargs: Any) -> None:
        if run.active is not None and run.active.probing:
            return
        preferred = run.active is not None and bool(run.active.preferences)
        if message.startswith("Discarding ") and (preferred or run.reports_moves):
            return
        if run.first_time(message):
            original(message, *args, **kwargs)

    return warning


class PipNoSolutionError(ResolutionError):
    """pip found no solution for one cell."""

    def __init__(self, cell: Cell, message: str) -> None:
        super().__init__(message)
        self.cell = cell


@dataclass(frozen=True)
class CompileCall:
    """pip-compile's own parameters, as click read them, to be called once per cell."""

    params: Mapping[str, Any]
    default_map: Mapping[str, Any] | None = None

    def call(self, run: Run, cell: Cell, *, output: Any, probing: bool, **known: Any) -> Capture:
        """Run pip-tools' command for one cell and return what it would have written.

        :param output: the value of ``--output-file``: an object with a name, or None.
        :param known: the preferences of `Active`.
        :raises PipNoSolutionError: pip found none.
        :raises AccelockError: an input or the existing file cannot be read.
        """
        if self.params.get("src_files") == ("-",) or "-" in self.params.get("src_files", ()):
            _feed_standard_input(run)
        # pip-tools reads the pins of an existing file, unless all is to be upgraded: the first pass
        # does not know yet which file of several it is, and must not take it for an input.
        upgrade = probing or self.params["upgrade"]
        params = {**self.params, "output_file": output, "upgrade": upgrade, "dry_run": False}
        context = click.Context(compile_module.cli, info_name="accelock compile")
        context.default_map = dict(self.default_map) if self.default_map else None
        context.params = params
        environment, name = run.plan.environment(cell), getattr(output, "name", None)
        active = Active(cell, environment, name, probing, **known)
        run.active, stdin = active, sys.stdin
        run.inputs.record_projects(cell.target.name, self._sources())
        run.inputs.record_config(cell.target.name, inputs.other_config(self.params))
        try:
            with context, _explanation(active.heard), _translated(run, active, params["cache_dir"]):
                compile_module.cli.callback(**params)
        finally:
            run.active, sys.stdin = None, stdin
        return active.capture

    def _sources(self) -> list[str]:
        """Return the source files: those given, or the first default one that there is."""
        given = self.params.get("src_files") or (self.default_map or {}).get("src_files", ())
        defaults = compile_module.DEFAULT_REQUIREMENTS_FILES
        return list(given) or [name for name in defaults if Path(name).exists()][:1]


@dataclass(frozen=True)
class OutputName:
    """Stands for the output file of a cell: pip-tools asks only for its name."""

    name: str
    should_close: bool = False


@contextlib.contextmanager
def _translated(run: Run, active: Active, cache: str) -> Iterator[None]:
    """Let what pip-tools raises be raised as ours."""
    try:
        yield
    except PipError as error:
        if not active.resolving:
            raise AccelockError(_said(error)) from error
        raise _no_solution(run, active, _said(error)) from error
    except ResolvelibError as error:  # pip before 25.1 lets "too deep" through
        raise _no_solution(run, active, f"{type(error).__name__}: {error}") from error
    except ValueError as error:  # pip before 24.1: metadata that is none
        reason = f"{type(error).__name__}: {error}"
        raise AccelockError(
            f"pip found something that it cannot read, for {active.cell}: {reason}"
        ) from error
    except OSError as error:  # a file or a host; pip-tools does not expect either to fail
        raise AccelockError(_said_by_the_system(error, cache)) from error


def _said(error: PipError) -> str:
    """Return pip's words; a diagnostic of pip's has them in parts, and a name for its text."""
    message, context = getattr(error, "message", None), getattr(error, "context", None)
    if not isinstance(error, DiagnosticPipError) or message is None:
        return str(error)
    plain = Text.from_markup(message).plain if isinstance(message, str) else message.plain
    return hide_credentials(f"{plain}: {context}" if context else plain)


def _said_by_the_system(error: OSError, cache: str) -> str:
    """Return what the system refused, with a way out where it is the cache."""
    if error.filename is None:
        return hide_credentials(str(error))
    path = Path(os.fsdecode(error.filename))
    said = f"{path} cannot be used: {error.strerror}."
    if path == Path(cache) or path in Path(cache).parents or Path(cache) in path.parents:
        return f"{said} pip-tools caches there: name another folder with --cache-dir."
    return said


def _no_solution(run: Run, active: Active, reason: str) -> PipNoSolutionError:
    said = [_placed(run, active, line) for line in (*active.heard, reason)]
    if said != [*active.heard, reason]:
        said.append(
            "Loosen the constraint, or require versions that it allows. If its file is a compiled "
            "one, require them in its inputs too, and compile it first."
        )
    reasons = list(dict.fromkeys([*said, *pages.faults(run, " ".join(said))]))
    lines = "".join(f"\n  {line}" for line in reasons)
    return PipNoSolutionError(active.cell, f"pip found no solution for {active.cell}:{lines}")


def _placed(run: Run, active: Active, line: str) -> str:
    """Return a line of pip's with the files and lines of the constraint that it tells of."""
    found = _CONSTRAINT.search(line)
    if found is None:
        return line
    places = dict.fromkeys(
        inputs.place_of(run, active.cell.target, each)
        for each in active.capture.constraints
        if each.constraint and each.comes_from and canonicalize_name(each.name) == found[1]
    )
    return f"{line} in {' and '.join(places)}" if places else line


@contextlib.contextmanager
def _explanation(heard: list[str]) -> Iterator[None]:
    """Collect pip's explanation of a failure, which it logs, so that it is said once and by us."""
    logger = logging.getLogger(_EXPLAINER)

    def listen(record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        heard.extend(line for line in record.getMessage().splitlines() if line.strip())
        return False

    # What conflicts with what is said at a level that pip-tools does not turn on.
    level = logger.level
    logger.addFilter(listen)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeFilter(listen)
