"""What the inputs say: their text, `# cpuonly` comments, and requirements of one target.

pip reads requirements files, nested ones and standard input; the hooks here listen while it does.
"""

from __future__ import annotations

import copy
import os
import re
import tempfile
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from pip._internal.models.link import Link
from pip._internal.req import req_file
from pip._internal.req.constructors import install_req_from_line, parse_editable
from pip._vendor.packaging.requirements import Requirement as PipRequirement
from pip._vendor.packaging.utils import canonicalize_name
from piptools.utils import key_from_ireq

from accelock.catalogue import redact
from accelock.errors import AccelockError
from accelock.hosts.piptools import cell_markers
from accelock.locks import inputs as digests
from accelock.resolve.substitution import NoSubstituteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from optparse import Values

    from accelock.hosts.piptools.patches import Patches
    from accelock.hosts.piptools.state import Active, Capture, Run
    from accelock.targets import Target

_CPUONLY = re.compile(r"#[^#]*\bcpuonly\b")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
# How pip says what asks for a requirement: of standard input pip-tools says no line.
_PLACE = re.compile(r"-[rc] (.+?)(?: \(line (\d+)\))?")
# The sources of a project's metadata, which pip-tools takes as input files.
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
STDIN = "-"


@dataclass
class Inputs:
    """The input files of one run, as they are read.

    :param texts: target -> {path as a posix string, or ``-``: text}; files differ by target where
        a layered file names ``requirements.txt`` and ``requirements.<target>.txt`` is read.
    :param cpuonly: names that a ``# cpuonly`` comment stands behind.
    """

    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    cpuonly: set[str] = field(default_factory=set)
    standard_input: str | None = None
    recording: bool = False
    reading_stdin: bool = False

    def record(self, target: str, path: str, text: str) -> None:
        """Remember the text of an input file of one target."""
        self.texts.setdefault(target, {})[path] = text

    def record_projects(self, target: str, sources: Iterable[str]) -> None:
        """Remember the setup.py, setup.cfg or pyproject.toml among the sources, and its siblings.

        They are read by a build backend and not by pip, so that nothing here hears of it.
        """
        for source in map(Path, sources):
            if source.name in _PROJECT_FILES:
                self.record_project(target, source.parent)

    def record_project(self, target: str, directory: Path) -> None:
        """Remember what a project's metadata is made from: it may be a requirement, as in `-e .`.

        What its build backend reads beside these files, nothing here hears of.
        """
        for path in (directory / name for name in _PROJECT_FILES):
            if path.is_file():
                self.record(target, _relative(str(path)), digests.text_of(path))

    def record_config(self, target: str, path: Path | None) -> None:
        """Remember what another file than the project's pyproject.toml says to pip-tools."""
        if path is not None:
            name = f"{path}{digests.TABLE}"
            self.record(target, _relative(name), digests.text_of(Path(name)))

    def of(self, target: str) -> tuple[tuple[str, str], ...]:
        """Return (path, text) of the input files of a target, sorted by path."""
        return tuple(sorted(self.texts.get(target, {}).items()))


def other_config(params: Mapping[str, Any]) -> Path | None:
    """Return the file that pip-tools has its settings from, None where that is the project's.

    pip-tools takes the one of --config, else .pip-tools.toml before pyproject.toml; accelock takes
    the pyproject.toml alone.

    :param params: those of its command, as click read them.
    """
    path = params.get("config")
    if path is None or Path(path).resolve() == Path(digests.PYPROJECT).resolve():
        return None
    return Path(path)


def local_projects(capture: Capture) -> Iterator[tuple[Any, Path]]:
    """Yield what a cell was resolved to that is a directory on this machine, each resolved.

    That is `-e .`, `./library`, `library @ file:///...`.
    """
    for ireq in (*capture.results, *capture.unsafe_requirements):
        directory = _directory(ireq.link, editable=ireq.editable)
        if directory is not None:
            yield ireq, directory


def _directory(link: Link | None, *, editable: bool) -> Path | None:
    """Return the resolved directory on this machine that a requirement's link names, else None."""
    if link is None or not link.is_file:
        return None
    if editable:
        # Since pip-tools 7.5 (its `FileLink`), the link of `-e ./seed[web]` says what the file
        # says, extras and all, in place of a URL and a path; as URLs do, it parses.
        link = Link(parse_editable(link.url)[1])
    directory = Path(link.file_path).resolve()
    return directory if directory.is_dir() else None


def install(run: Run, patches: Patches, compile_module: Any) -> None:
    """Listen while pip and pip-tools read the inputs, for the time of ``patches``."""
    patches.wrap(req_file, "get_file_content", lambda old: _read(run, old))
    patches.wrap(req_file, "ignore_comments", lambda old: _listen(run, old))
    patches.wrap(req_file, "build_parser", one_parser)
    patches.wrap(compile_module, "parse_requirements", lambda old: _parse(run, old))


def _read(run: Run, original: Callable[..., tuple[str, str]]) -> Callable[..., tuple[str, str]]:
    """Read an input, or the same layer for the target at work, and record its text."""

    def read(url: str, session: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
        active = run.active
        if active is None:
            return original(url, session, *args, **kwargs)
        chosen = _layer(run, url, active.cell.target) if run.inputs.recording else url
        try:
            location, text = original(chosen, session, *args, **kwargs)
        except UnicodeDecodeError as error:
            raise AccelockError(_no_text(chosen, error)) from error
        if not run.inputs.recording:
            return location, text
        if run.inputs.reading_stdin and _temporary(url):
            run.inputs.record(active.cell.target.name, STDIN, text)
        else:
            run.inputs.record(active.cell.target.name, _relative(chosen), _stable(chosen, text))
        return location, text

    return read


def _no_text(path: str, error: UnicodeDecodeError) -> str:
    return (
        f"{_relative(path)} is not UTF-8 ({error.reason} at byte {error.start}). Save it as "
        "UTF-8, or declare its encoding in its first line, as in `# -*- coding: latin-1 -*-`."
    )


def _layer(run: Run, url: str, target: Target) -> str:
    """Return ``requirements.<target>.txt`` for an input that names ``requirements.txt``.

    A dev layer (``-c requirements.txt``) is written once and compiled for each target.
    """
    if urllib.parse.urlsplit(url).scheme in {"http", "https", "file"}:
        return url
    path = Path(url)
    layer = path.with_name(f"{path.stem}.{target.name}{path.suffix}")
    if path.suffix != ".txt" or not layer.is_file():
        return url
    both = f"Both {_relative(url)} and {_relative(str(layer))} exist; "
    if path.is_file() and run.first_time(both):
        run.plan.say(f"{both}{_relative(str(layer))} is used for {target.name}.")
    return str(layer)


def one_parser(original: Callable[[], Any]) -> Callable[[], Any]:
    """Build pip's parser of options once: pip builds one of thirty options for each line."""
    parser = original()
    defaults = parser.get_default_values

    def fresh() -> Values:
        # What options of a line are added to must not be the list that the next line starts with.
        values: Values = defaults()
        for name, value in vars(values).items():
            if value is not None and not isinstance(value, (str, int)):
                setattr(values, name, copy.deepcopy(value))
        return values

    parser.get_default_values = fresh
    return lambda: parser


def _listen(run: Run, original: Callable[..., Any]) -> Callable[..., Any]:
    """Hear ``torch  # cpuonly`` before pip drops the comment."""

    def ignore_comments(lines: Iterable[tuple[int, str]]) -> Any:
        return original(_heard(run, lines))

    return ignore_comments


def _heard(run: Run, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        name = _NAME.match(line)
        if run.inputs.recording and name and _CPUONLY.search(line):
            run.inputs.cpuonly.add(canonicalize_name(name[1]))
        yield number, line


def _parse(run: Run, original: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """Tell the inputs from the existing output, of which only this cell's pins count."""

    def parse(filename: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        active = run.active
        if active is None:
            yield from original(filename, *args, **kwargs)
            return
        is_output = active.output is not None and filename == active.output
        is_upgrade = kwargs.get("constraint", False) and _temporary(filename)
        run.inputs.recording = not is_output and not is_upgrade
        run.inputs.reading_stdin = not is_upgrade and _temporary(filename)
        try:
            if is_output:
                pins = run.existing.get(filename)
                if pins is None:
                    pins = run.existing[filename] = [*original(filename, *args, **kwargs)]
                # Those of a cell are changed by it: `labels.forget`.
                found: Iterable[Any] = map(copy.copy, pins)
            else:
                found = original(filename, *args, **kwargs)
            for requirement in found:
                if is_output and not requirement.match_markers():
                    continue
                if run.inputs.recording:
                    cell_markers.judge_input(run.plan, active.cell, requirement)
                yield requirement
        finally:
            run.inputs.recording = run.inputs.reading_stdin = False

    return parse


def of_target(run: Run, target: Target) -> list[Any]:
    """Return what [tool.accelock.target.<target>.dependencies] asks for in the cell at work.

    pip-tools takes them for lines of an input; a name that the inputs have too is held to both.
    """
    active, name = run.active, f'"{target.name}"' if "." in target.name else target.name
    found = []
    for requirement in run.plan.dependencies.get(target.name, ()):
        ireq = install_req_from_line(
            str(requirement), comes_from=f"[tool.accelock.target.{name}.dependencies]"
        )
        if active is not None:
            cell_markers.judge_input(run.plan, active.cell, ireq)
        if ireq.match_markers():
            found.append(ireq)
    return found


def place_of(run: Run, target: Target, ireq: Any) -> str:
    """Return where the project asks for a requirement, in words: "dev.in, line 3"."""
    said = _PLACE.fullmatch(str(ireq.comes_from))
    if said is None:  # a table of pyproject.toml, a project's own metadata
        return str(ireq.comes_from)
    if said[1] == STDIN:
        return "standard input"
    if ireq.constraint and _temporary(said[1]):
        return "--upgrade-package"
    return f"{_relative(_layer(run, said[1], target))}, line {said[2]}"


def substituted(run: Run, active: Active, requirements: Iterable[Any]) -> list[Any]:
    """Return the requirements of the inputs as the cell at work has them, and note which differ.

    An optional cell whose target has no use for one of them is noted, and will be left out.

    :raises NoSubstituteError: the target of a required cell has no use for one of them.
    """
    return [_substituted(run, active, each) for each in requirements]


def _substituted(run: Run, active: Active, ireq: Any) -> Any:
    if not ireq.req or ireq.link or ireq.hash_options or not ireq.match_markers():
        return ireq
    # Of no other name: pip before 24.1 lets specifiers through that are none (PEP 440).
    if canonicalize_name(ireq.name) not in run.plan.substitution.projects:
        return ireq
    asked, place = Requirement(str(ireq.req)), (active.cell.target, active.cell.platform)
    try:
        found = run.plan.substitution.requirement(asked, *place)
    except NoSubstituteError as error:
        if run.plan.is_required(active.cell):
            raise
        active.capture.excluded = error.reason
        return ireq
    # pip knows no constraint with extras; without it, it limits the package as it does elsewhere.
    if found == asked or (ireq.constraint and found.extras):
        return ireq
    other = copy.copy(ireq)  # those of a project's metadata are read once for all cells
    other.req = PipRequirement(str(found))
    other.extras = set(found.extras)
    active.capture.substituted[key_from_ireq(other)] = key_from_ireq(ireq)
    return other


def _stable(path: str, text: str) -> str:
    """Return the text as `accelock check` will read it, which has no pip to decode it."""
    return digests.text_of(Path(path)) if Path(path).is_file() else text


def _temporary(filename: str) -> bool:
    """Return whether a file is one that pip-tools made for standard input or --upgrade-package."""
    folder = os.path.realpath(tempfile.gettempdir())
    path = Path(filename)
    return (
        path.is_absolute()
        and os.path.realpath(path.parent) == folder
        and path.name.startswith(tempfile.gettempprefix())
    )


def _relative(path: str) -> str:
    """Return a path as the stamp has it: relative to the working directory where it can be."""
    if urllib.parse.urlsplit(path).scheme in {"http", "https"}:
        return redact(path)
    given = Path(path)
    if given.is_absolute() or ".." in given.parts:  # `relpath` does not look for links in these
        given = given.parent.resolve() / given.name
    try:
        return str(PurePosixPath(Path(os.path.relpath(given)).as_posix()))
    except ValueError:  # another drive on Windows
        return Path(path).as_posix()
