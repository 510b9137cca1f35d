"""All replacements in pip and pip-tools that a run needs, put in place and taken back together."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any

import piptools.scripts.compile as compile_module
from pip._vendor.packaging import markers as vendored_markers
from piptools.logging import log

from accelock.hosts.piptools import cell, inputs, metadata, moving, pages, undetermined
from accelock.hosts.piptools.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelock.hosts.piptools.state import Run

# What pip-tools builds the metadata of a setup.py or pyproject.toml with: 7.3 the first name,
# 7.4 and later the second.
_PROJECT_BUILDERS = ("project_wheel_metadata", "build_project_metadata")


@contextlib.contextmanager
def installed(run: Run) -> Iterator[None]:
    """Make a context in which pip-tools' command works for ``run.active``.

    Where one of the replacements cannot be made, none of them stays.
    """
    with Patches() as patches:
        _replace(run, patches)
        with moving.install(run, patches).shown():
            yield


def _replace(run: Run, patches: Patches) -> None:
    patches.replace(compile_module, "PyPIRepository", cell.repository_class(run))
    patches.replace(compile_module, "BacktrackingResolver", cell.resolver_class(run))
    patches.replace(compile_module, "OutputWriter", cell.writer_class(run))
    # Since packaging 26.3 (in pip 26.3) the environment is cached inside: replace the function.
    patches.wrap(vendored_markers, "default_environment", lambda old: _environment(run, old))
    for name in _PROJECT_BUILDERS:
        if hasattr(compile_module, name):
            patches.wrap(compile_module, name, lambda old: _build_project_once(run, old))
    patches.wrap(log, "warning", lambda old: _warn_once(run, old))
    inputs.install(run, patches, compile_module)
    pages.install(run, patches)
    metadata.install(run, patches)
    undetermined.install(run, patches)


def feed_standard_input(run: Run) -> None:
    """Let each cell read the whole of standard input, which can be read only once."""
    if run.inputs.standard_input is None:
        run.inputs.standard_input = sys.stdin.read()
    sys.stdin = io.StringIO(run.inputs.standard_input)


def _environment(run: Run, original: Callable[[], Any]) -> Callable[[], Any]:
    def default_environment() -> Any:
        if run.active is None:
            return original()
        return dict(run.active.environment)

    return default_environment


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
