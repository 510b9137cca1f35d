"""Which files `accelock sync` takes: those named, or those of the target that fits this machine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hardware import Choice, Locked, Runner, choose, run_command, surroundings
from accelock.hardware.choose import VARIABLE
from accelock.locks.markers import Place
from accelock.report import files
from accelock.report.locked import of_requirements
from accelock.report.project import Project
from accelock.settings.settings import Config
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelock.catalogue import Catalogue
    from accelock.targets import Platform, Target

DEFAULT = "requirements.txt"
_NAMED = "named on the command line"


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to sync, the target that they are for, and why."""

    files: tuple[str, ...]
    choice: Choice

    def __str__(self) -> str:
        return f"Syncing {', '.join(self.files)} for {self.choice}"


@dataclass(frozen=True)
class Chooser:
    """Chooses among the files of the working directory, as the machine and the user have it.

    `declared` are the targets of [tool.accelock]; `environ`, `root` and `run` are where the machine
    is looked at; `python` is that of the environment, None where it does not tell.
    """

    declared: tuple[Target, ...]
    catalogue: Catalogue
    environ: Mapping[str, str]
    platform: Platform | None
    python: PythonVersion | None
    root: Path = field(default=Path("/"))
    run: Runner = field(default=run_command)

    def select(self, words: Sequence[str]) -> Selection | None:
        """Return the files for the words of the command line, or None for plain pip-sync.

        Raises AccelockError where no file fits, or one is not for this platform or Python, and
        StampError for a damaged one.
        """
        selection = self._named(words) if words else self._default()
        if selection is not None:
            self._refuse_elsewhere(selection)
        return selection

    def _named(self, words: Sequence[str]) -> Selection | None:
        """Take files that exist as they are, and the others as those of one target."""
        layers = {word: self._layers(Path(word)) for word in words if not Path(word).exists()}
        layered = {word: found for word, found in layers.items() if found}
        told = self._stamped_targets(Path(word) for word in words if word not in layers)
        if len(set(told)) > 1:
            names = ", ".join(dict.fromkeys(map(str, told)))
            raise AccelockError(f"the files are for different targets: {names}. Name those of one.")
        if not layered:
            return Selection(tuple(words), Choice(told[0], _NAMED)) if told else None
        pool = {target for found in layered.values() for target in found}
        files_of = {target: [f[target] for f in layered.values() if target in f] for target in pool}
        choice = self._choose(files_of, told, Path(next(iter(layered))))
        for word, found in layered.items():
            if choice.target not in found:
                raise AccelockError(_no_file(files.layer(Path(word), choice.target), choice))
        chosen = {word: str(found[choice.target]) for word, found in layered.items()}
        return Selection(tuple(chosen.get(word, word) for word in words), choice)

    def _default(self) -> Selection | None:
        found = self._candidates(Path(DEFAULT))
        if found:
            files_of = {target: [path] for target, path in found.items()}
            choice = self._choose(files_of, [], Path(DEFAULT))
            return Selection((str(found[choice.target]),), choice)
        if not self.declared or (len(self.declared) == 1 and Path(DEFAULT).exists()):
            return None
        many = len(self.declared) > 1
        names = [str(files.layer(Path(DEFAULT), each)) for each in self.declared] if many else []
        raise AccelockError(
            f"there is no {' and no '.join(names or [DEFAULT])} here, compiled for what "
            "[tool.accelock] declares. Run: accelock compile"
        )

    def _refuse_elsewhere(self, selection: Selection) -> None:
        """Stop before a file that was compiled for other platforms or Pythons, however chosen.

        Its pins and markers say nothing of this one: pip would install what is not locked.
        """
        for name in selection.files:
            path = Path(name)
            compiled = files.read(path, name, self.catalogue.targets) if path.is_file() else None
            if compiled is None:
                continue
            has = compiled.stamp.platforms
            if has and (self.platform is None or self.platform.name not in has):
                raise AccelockError(self._is_elsewhere(name, ", ".join(has), selection.choice))
            pythons = compiled.stamp.python
            if pythons and self.python is not None and str(self.python) not in pythons:
                raise AccelockError(_is_for_another_python(name, pythons, self.python))

    def _is_elsewhere(self, name: str, has: str, choice: Choice) -> str:
        around = surroundings(self.environ)
        here = self.platform.name if self.platform else f"{around.system} on {around.machine}"
        return (
            f"{choice.target} is taken ({choice.reason}), and {name} has it for {has}, and this is "
            f"{here}. Nothing was changed. Compile for this platform too (`platforms` in "
            f"[tool.accelock], or --platform), or set {VARIABLE} to a target that is."
        )

    def _candidates(self, base: Path) -> dict[Target, Path]:
        """Return each target's file: one with our stamp, or named after a declared target."""
        found = {
            target: path
            for target, path in self._layers(base).items()
            if target in self.declared or files.is_ours(path)
        }
        if base.is_file():
            for target in self._stamped_targets([base]):
                found.setdefault(target, base)
        return found

    def _layers(self, base: Path) -> dict[Target, Path]:
        return files.layers(base, self.catalogue.targets)

    def _stamped_targets(self, paths: Iterable[Path]) -> list[Target]:
        """Return the targets of the files that have a stamp, in their order."""
        read = (files.read(path, str(path), self.catalogue.targets) for path in paths)
        return [compiled.target for compiled in read if compiled is not None]

    def _choose(
        self, files_of: Mapping[Target, Sequence[Path]], told: Sequence[Target], base: Path
    ) -> Choice:
        """Choose among targets that have files; `told` are those of other files on the line."""
        if told:
            return Choice(told[0], "another file on the command line is for it")
        pool = sorted(files_of, key=_by_name)
        pool = [target for target in pool if target in self.declared] or pool
        wanted = self.environ.get(VARIABLE, "").strip()
        if self._lacks_file(wanted, pool):
            path = base.with_name(f"{base.stem}.{wanted}{base.suffix}")
            raise AccelockError(
                f"{VARIABLE} is {wanted!r}, and there is no {path}; there is one for "
                f"{', '.join(map(str, pool))}. Run: accelock compile, or change {VARIABLE}."
            )
        if len(pool) == 1:
            return Choice(pool[0], "the only target that has a file")
        return choose(
            pool,
            environ=self.environ,
            catalogue=self.catalogue,
            platform=self.platform,
            locked={target.name: self._locked(target, files_of[target]) for target in pool},
            root=self.root,
            run=self.run,
        )

    def _locked(self, target: Target, paths: Iterable[Path]) -> Locked:
        """Return which torch a target's files have here, and on which platforms they hold.

        A file that cannot be read says nothing: it is refused once it is chosen.
        """
        found: list[Locked] = []
        python = self.python or PythonVersion.host()
        place = Place(self.platform, python) if self.platform else None
        project = Project(self.catalogue, Config(targets=self.declared))
        for path in paths:
            with contextlib.suppress(AccelockError):
                lock = of_requirements.read_file(path, path.name, target, project)
                found.append(lock.fact(place))
        platforms = [fact.platforms for fact in found if fact.platforms is not None]
        return Locked(
            torch=next((fact.torch for fact in found if fact.torch is not None), None),
            platforms=frozenset.intersection(*platforms) if platforms else None,
        )

    def _lacks_file(self, wanted: str, pool: Sequence[Target]) -> bool:
        """Tell whether the user chose a target that has no file.

        A variable that says what another project declares does not bind one that has one target.
        """
        if not wanted or wanted in {target.name for target in pool}:
            return False
        names = {target.name for target in self.declared}
        return wanted in names or (len(pool) == 1 and not names)


def _is_for_another_python(name: str, pythons: Sequence[str], python: PythonVersion) -> str:
    return (
        f"{name} was compiled for Python {', '.join(pythons)}, and the environment has Python "
        f"{python}. Nothing was changed. Make an environment with a Python that it is for, or "
        f"compile it for this one (--python-version {python}; give the option once for each)."
    )


def _no_file(path: Path, choice: Choice) -> str:
    return (
        f"{path} does not exist: {choice.target} was taken ({choice.reason}). "
        f"Run: accelock compile, or set {VARIABLE} to a target that has all the files."
    )


def _by_name(target: Target) -> str:
    return target.name
