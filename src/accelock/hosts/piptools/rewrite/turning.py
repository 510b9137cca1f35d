"""Resolve a compiled file's direct requirements for a target, with its pins as preferences."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import piptools.scripts.compile as compile_module
from packaging.version import Version

from accelock.errors import AccelockError
from accelock.hosts.piptools import engine, hooks
from accelock.hosts.piptools.asks import Asks
from accelock.hosts.piptools.calling import Command
from accelock.hosts.piptools.merge import place_of
from accelock.hosts.piptools.rewrite import located
from accelock.hosts.piptools.rewrite.narrowing import Narrowing
from accelock.hosts.piptools.rewrite.roots import Roots
from accelock.hosts.piptools.rewrite.scope import Scope
from accelock.hosts.piptools.rewrite.strays import Found, Strays
from accelock.hosts.piptools.rewrite.turned import version_in
from accelock.locks.rewriting import UNSAFE_NAMES
from accelock.resolve.host import NoSolution
from accelock.resolve.search import NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from accelock.hosts.piptools.engine import Compiled
    from accelock.hosts.piptools.plan import Plan
    from accelock.hosts.piptools.state import Run
    from accelock.locks.requirements import RequirementsFile

_INPUT = "direct.in"
_MADE_BY_PIP_COMPILE = re.compile(r"pip-compile|accelock compile")


@dataclass(frozen=True)
class Turning:
    """One file on its way to a target.

    :param name: the file's name for messages.
    :param base: the folder that relative paths in the file's options start from.
    :param words: pip-compile's own options.
    :param hashes: whether the result carries hashes.
    :param own_index: whether the file's own --index-url counts.
    """

    file: RequirementsFile
    plan: Plan
    name: str
    base: Path
    words: tuple[str, ...]
    hashes: bool
    own_index: bool

    def solve(self) -> Compiled:
        """Return what the file is to say, its platforms and pins decided.

        :raises AccelockError: no solution, a source that cannot be read, or a file that has nothing
            for the Python and the platforms of the plan.
        """
        scope = Scope.of(self.plan)
        self._check(scope)
        plan = replace(
            self.plan, say=_once(self.plan.say), say_progress=_once(self.plan.say_progress)
        )
        roots, before = Roots.of(self.file, plan.catalogue, scope), None
        with tempfile.TemporaryDirectory(prefix="accelock-") as folder:
            while True:
                work = self._engine(roots, plan, Path(folder), before)
                try:
                    compiled = work.compile()
                    better = self._after_success(roots, compiled)
                    if better == roots:
                        return compiled
                except AccelockError as error:
                    better = self._after_failure(roots, error, work.run, Path(folder))
                roots, before = better, work.run

    def _engine(self, roots: Roots, plan: Plan, folder: Path, before: Run | None) -> engine.Engine:
        """Write the inputs of a try and return what compiles them."""
        source, pins = folder / _INPUT, folder / "pins.txt"
        _write(source, roots.lines(self.file, self.name, self.base, index=self.own_index))
        _write(pins, self._preferences())
        command = Command(self._parameters(str(source), str(pins)))
        return engine.Engine(plan, command, hooks.installed, reports_moves=True, before=before)

    def _after_failure(self, roots: Roots, error: AccelockError, run: Run, folder: Path) -> Roots:
        """Return the direct requirements for another try, or raise the error as the user's own."""
        if isinstance(error, NoSolutionError):
            better = self._narrowing(run).after_failure(roots, error.group.cells[0])
            if better != roots:
                return better
            raise self._with_advice(error, run, folder) from error
        error.args = (self._without_paths(str(error), folder), *error.args[1:])
        raise error

    def _after_success(self, roots: Roots, compiled: Compiled) -> Roots:
        """Return the direct requirements for another try; the same where nothing is missing."""
        run = compiled.run
        found = _found(compiled)
        turned = frozenset(
            name
            for name in found
            if (entry := run.shelves.find(name)) is not None and not entry.package.runtime
        )
        narrowing = self._narrowing(run)
        narrowed = narrowing.after_success(roots, compiled.captures)
        strays = Strays(roots, narrowing.pins, found, narrowing.asks, narrowing.scope, turned)
        return narrowed.also(*strays.wanted())

    def _narrowing(self, run: Run) -> Narrowing:
        pins = {pin.name: pin for pin in self.file.pins if pin.name}
        return Narrowing(pins, Asks.of(run.memo.metadata.values()), Scope.of(run.plan), run.memo)

    def _check(self, scope: Scope) -> None:
        if self.file.pins and not any(scope.has(pin) for pin in self.file.pins):
            raise AccelockError(self._for_nothing(scope, "requirement"))
        names = dict.fromkeys(pin.name for pin in self.file.pins if pin.name)
        for name in names:
            entry = self.plan.catalogue.family_of(name)
            labelled = entry is not None and entry[1].labelled
            if labelled and not any(scope.has(pin) for pin in self.file.named(name)):
                raise AccelockError(self._for_nothing(scope, name))

    def _for_nothing(self, scope: Scope, what: str) -> str:
        cells = ", ".join(f"{cell.platform.name} (Python {cell.python})" for cell in scope.cells)
        return (
            f"{self.name}: no line with a {what} holds on {cells}, by the markers in the file. "
            "Name the Python that the file is for with --python-version, and its platforms with "
            "--platform."
        )

    def _preferences(self) -> Iterator[str]:
        """Yield the pins that are to stay where they can, one line each."""
        for pin in self.file.pins:
            version = located.version_of(pin)
            if version is None or located.is_located(pin, self.plan.catalogue):
                continue
            marker = f" ; {pin.marker}" if pin.marker else ""
            hashes = "".join(f" --hash={digest}" for digest in pin.hashes)
            yield f"{pin.name}=={version}{marker}{hashes}"

    def _parameters(self, source: str, output: str) -> dict[str, Any]:
        """Return pip-compile's parameters with its own defaults for all that we do not say."""
        words = [
            "--no-config",
            "--no-strip-extras" if any(pin.extras for pin in self.file.pins) else "--strip-extras",
            *(["--generate-hashes"] if self.hashes else []),
            *(["--allow-unsafe"] if self._has_unsafe() else []),
            *self.words,
            *("--output-file", output, source),
        ]
        return dict(compile_module.cli.make_context("accelock rewrite", words).params)

    def _has_unsafe(self) -> bool:
        """Return whether setuptools and pip are pinned in the file, or would be by its maker."""
        if any(pin.name in UNSAFE_NAMES for pin in self.file.pins):
            return True
        return not any(_MADE_BY_PIP_COMPILE.search(line) for line in self.file.header)

    def _without_paths(self, message: str, folder: Path) -> str:
        """Return a message that names the file's requirements, and not our temporary input."""
        source = folder / _INPUT
        lines = source.read_text(encoding="utf-8").splitlines()
        spelt = re.sub(
            rf"(?:-r )?{re.escape(str(source))} \(line (\d+)\)",
            lambda found: lines[int(found[1]) - 1],
            message,
        )
        return spelt.replace(str(source), self.name)

    def _with_advice(self, error: NoSolutionError, run: Run, folder: Path) -> NoSolutionError:
        """Return the error, with what can be done if it is for want of the file's platforms."""
        message = self._without_paths(str(error), folder)
        any_page = any(page is not None for page in run.memo.pages.values())
        if not self.plan.is_required(error.group.cells[0]) and any_page:
            message += (
                f"\n{self.name} does not say which platforms it was made for. If it was made for "
                "one alone, name that one: --platform linux-x86_64, for example."
            )
        return NoSolutionError(error.group, NoSolution(message), ())


def _found(compiled: Compiled) -> dict[str, Found]:
    (target,) = compiled.run.plan.targets
    cells = {place_of(cell): cell for cell in compiled.run.plan.cells_of(target)}
    found: dict[str, dict[Any, str]] = {}
    for variant in compiled.variants[target.name]:
        version = version_in(variant)
        own = {cells[place]: Version(version).public for place in variant.places if version}
        found.setdefault(variant.name, {}).update(own)
    return {name: Found(name, versions) for name, versions in found.items()}


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say each thing once, however often the file is resolved."""
    said: set[str] = set()

    def say_once(text: str) -> None:
        if text not in said:
            said.add(text)
            say(text)

    return say_once
