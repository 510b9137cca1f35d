"""Which files `accelock sync` takes: those named, or those of the target that fits this machine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.errors import AccelockError
from accelock.hardware import Choice, Runner, choose, run_command, surroundings
from accelock.hardware.choice import VARIABLE, NotLockedError, eligible
from accelock.locks import compiled, pylock, pylock_file
from accelock.locks.markers import Place
from accelock.locks.model import Lock, TargetLock
from accelock.locks.open import REQUIREMENTS, facts
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelock.locks.compiled import Compiled
    from accelock.locks.pylock_file import PylockFile
    from accelock.settings.project import Settings
    from accelock.targets import Platform, Target

_NAMED = "named on the command line"


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to sync, the target that they are for, and why.

    :param choice: None where a pylock file does not tell its target.
    :param pylock: that file, where it is none of pip's own format.
    """

    files: tuple[str, ...]
    choice: Choice | None
    pylock: PylockFile | None = None

    def __str__(self) -> str:
        return f"Syncing {', '.join(self.files)}{f' for {self.choice}' if self.choice else ''}"


@dataclass(frozen=True)
class Chooser:
    """Chooses among the files of the working directory, as the machine and the user have it.

    `environ`, `root` and `run` are where the machine is looked at; `python` is that of the
    environment, None where it does not tell.
    """

    settings: Settings
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
        if any(pylock.is_named(Path(word).name) for word in words):
            return self._pylock(words)
        selection = self._named(words) if words else self._default()
        if selection is not None and selection.pylock is None:
            self._refuse_elsewhere(selection)
        return selection

    def edited(self, selection: Selection) -> list[str]:
        """Return the files that are not as accelock compiled them, by name."""
        read = [self._read(Path(name)) for name in selection.files if Path(name).is_file()]
        return [file.name for file in read if file is not None and not file.is_as_compiled]

    def _pylock(self, words: Sequence[str]) -> Selection:
        """Take a pylock file, or that of one target: it is a whole lock, and stands alone."""
        if len(words) > 1:
            raise AccelockError(
                f"{', '.join(words)}: a pylock file is a complete lock: sync takes it alone. "
                "Nothing was changed. Leave out the other files."
            )
        path = Path(words[0])
        files = pylock_file.read_all(path, self.settings)
        if not files:
            raise AccelockError(
                f"{path} does not exist, and there is no file of a target with that name, such as "
                "requirements.cpu.txt"
            )
        targets = [target for file in files for target in file.targets(self.settings)]
        if len(files) == 1 and not targets:
            return self._of_pylock(files[0], None)
        if len(files) == len(targets) == 1:
            return self._of_pylock(files[0], Choice(targets[0], _NAMED))
        return self._among_pylocks(files, path)

    def _among_pylocks(self, files: Sequence[PylockFile], base: Path) -> Selection:
        choice = self._choose(pylock_file.lock_of(files, self.settings), base)
        own = next(each for each in files if choice.target in each.targets(self.settings))
        return self._of_pylock(own, choice)

    def _of_pylock(self, file: PylockFile, taken: Choice | None) -> Selection:
        """Return the selection of a file that holds on this platform, for this Python."""
        has = file.platforms
        if has is not None and self.platform not in has:
            names = ", ".join(each.name for each in has)
            raise AccelockError(self._is_elsewhere(file.name, names, taken))
        if file.pythons and self.python is not None and self.python not in file.pythons:
            pythons = [*map(str, file.pythons)]
            raise AccelockError(_is_for_another_python(file.name, pythons, self.python))
        return Selection((file.name,), taken, file)

    def _named(self, words: Sequence[str]) -> Selection | None:
        """Take files that exist as they are, and the others as those of one target."""
        known = self.settings.catalogue.targets
        absent = [word for word in words if not Path(word).exists()]
        layers = {word: compiled.layers(Path(word), known) for word in absent}
        layered = {word: found for word, found in layers.items() if found}
        read = (self._read(Path(word)) for word in words if word not in layers)
        told = [file.target for file in read if file is not None]
        if len(set(told)) > 1:
            names = ", ".join(dict.fromkeys(map(str, told)))
            raise AccelockError(
                f"the files are for different targets: {names}. Name files of one target."
            )
        if not layered:
            return Selection(tuple(words), Choice(told[0], _NAMED)) if told else None
        if told:
            choice = Choice(told[0], "another file on the command line is for it")
        else:
            pool = sorted({t for found in layered.values() for t in found}, key=lambda t: t.name)
            files_of = {t: [f[t] for f in layered.values() if t in f] for t in pool}
            choice = self._choose(self._lock_of(files_of), Path(next(iter(layered))))
        for word, found in layered.items():
            if choice.target not in found:
                raise AccelockError(_no_file(compiled.layer(Path(word), choice.target), choice))
        chosen = {word: str(found[choice.target]) for word, found in layered.items()}
        return Selection(tuple(chosen.get(word, word) for word in words), choice)

    def _default(self) -> Selection | None:
        base, declared = Path(REQUIREMENTS), self.settings.config.targets
        found = compiled.files_of(base, self.settings)
        if found:
            lock = self._lock_of({target: [path] for target, path in found.items()})
            choice = self._choose(lock, base)
            return Selection((str(found[choice.target]),), choice)
        pylocks = () if base.exists() else pylock_file.find(Path(), self.settings)
        if pylocks:
            return self._among_pylocks(pylocks, Path(pylock_file.NAME))
        if not declared or (len(declared) == 1 and base.exists()):
            return None
        many = len(declared) > 1
        names = [str(compiled.layer(base, each)) for each in declared] if many else []
        raise AccelockError(
            f"there is no {' and no '.join(names or [REQUIREMENTS])} here, compiled for what "
            "[tool.accelock] declares. Run: accelock compile"
        )

    def _refuse_elsewhere(self, selection: Selection) -> None:
        """Stop before a file that was compiled for other platforms or Pythons, however chosen.

        Its pins and markers say nothing of this one: pip would install what is not locked.
        """
        for name in selection.files:
            file = self._read(Path(name)) if Path(name).is_file() else None
            if file is None:
                continue
            has = file.stamp.platforms
            if has and (self.platform is None or self.platform.name not in has):
                raise AccelockError(self._is_elsewhere(name, ", ".join(has), selection.choice))
            pythons = file.stamp.python
            if pythons and self.python is not None and str(self.python) not in pythons:
                raise AccelockError(_is_for_another_python(name, pythons, self.python))

    def _is_elsewhere(self, name: str, has: str, choice: Choice | None) -> str:
        around = surroundings(self.environ)
        here = self.platform.name if self.platform else f"{around.system} on {around.machine}"
        if choice is None:
            return f"{name} is for {has}, and this is {here}. Nothing was changed."
        return (
            f"{choice.target} is chosen ({choice.reason}), and {name} has it for {has}, and this "
            f"is {here}. Nothing was changed. Compile for this platform too (`platforms` in "
            f"[tool.accelock], or --platform), or set {VARIABLE} to a target that is."
        )

    def _read(self, path: Path) -> Compiled | None:
        return compiled.read(path, str(path), self.settings.catalogue.targets)

    def _lock_of(self, files_of: Mapping[Target, Sequence[Path]]) -> Lock:
        return Lock(compiled.KIND, {t: self._lock(t, paths) for t, paths in files_of.items()})

    def _choose(self, lock: Lock, base: Path) -> Choice:
        """Choose among targets that have files of the name `base`, and of others on the line."""
        python = self.python or PythonVersion.host()
        place = Place(self.platform, python) if self.platform else None
        declared = self.settings.config.targets
        targets = eligible(declared, lock.targets)
        try:
            return choose(
                targets,
                environ=self.environ,
                catalogue=self.settings.catalogue,
                platform=self.platform,
                locked=facts(Path(), lock, targets, place),
                declared=declared,
                root=self.root,
                run=self.run,
            )
        except NotLockedError as error:
            is_pylock = lock.kind == pylock_file.KIND
            path = base.with_name(f"{base.stem}.{error.wanted}{base.suffix}")
            lacks = (
                f"it is not in {' or '.join(lock.files)}" if is_pylock else f"there is no {path}"
            )
            todo = "accelock pylock" if is_pylock else "accelock compile"
            raise AccelockError(
                f"{VARIABLE} is {error.wanted!r}, and {lacks}. Locked targets: "
                f"{', '.join(map(str, targets))}. Run: {todo}, or change {VARIABLE}."
            ) from error

    def _lock(self, target: Target, paths: Sequence[Path]) -> TargetLock:
        """Return what the files of a target have together: it holds where all of them do.

        A file that cannot be read says nothing: it is refused once it is chosen.
        """
        found: list[TargetLock] = []
        for path in paths:
            with contextlib.suppress(AccelockError):
                found.append(compiled.read_file(path, path.name, target, self.settings))
        known = [each.platforms for each in found if each.platforms is not None]
        shared = tuple(p for p in known[0] if all(p in each for each in known)) if known else None
        pins = tuple(pin for each in reversed(found) for pin in each.pins)
        return TargetLock(target, paths[0].name, pins, shared)


def _is_for_another_python(name: str, pythons: Sequence[str], python: PythonVersion) -> str:
    return (
        f"{name} was compiled for Python {', '.join(pythons)}, and the environment has Python "
        f"{python}. Nothing was changed. Create an environment with one of these Pythons, or "
        f"compile the file for this Python too (--python-version {python}; give the option once "
        "for each Python)."
    )


def _no_file(path: Path, choice: Choice) -> str:
    return (
        f"{path} does not exist: {choice.target} was chosen ({choice.reason}). Run: accelock "
        f"compile, or set {VARIABLE} to a target that has all the files."
    )
