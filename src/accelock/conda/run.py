"""All conda files of a project: which are stale, what was locked, and the texts after the solves.

Nothing is written here: a run gives what is to be written to the one writer that writes all of it
or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda import overlap
from accelock.conda.formats import FORMATS, LOCK
from accelock.conda.formats.lock import LockError, read_lock
from accelock.conda.formats.model import read_stamp
from accelock.conda.formats.pixi import PIXI, completed
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.matrix import Matrix
from accelock.conda.record import Solved
from accelock.conda.solve import ChannelError, Solver
from accelock.errors import AccelockError, UnknownWordError
from accelock.locks.stamp import CONDA_PREFIX, StampError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.formats.model import File
    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.conda.record import Record
    from accelock.targets import Platform

    Locked = dict[Platform, tuple[Record, ...]]


class ForeignFileError(AccelockError):
    """A file of the user's own stands where one of ours is to be."""


@dataclass(frozen=True, slots=True)
class CondaRequest:
    """What a run is asked for beyond making stale files fresh.

    `update` are packages that may leave the version that is locked, `everything` lets all of them.
    `formats` are written beside the two files that every environment has.
    """

    update: tuple[str, ...] = ()
    everything: bool = False
    formats: tuple[str, ...] = ()


def _silent(_text: str) -> None:
    """Say nothing."""


def sidecars(
    project: CondaProject,
    asked: CondaRequest | None = None,
    *,
    only: Collection[CondaEnvironment] | None = None,
    name: str | None = None,
    say: Callable[[str], None] = _silent,
    warn: Callable[[str], None] = _silent,
    show_progress: bool = False,
) -> dict[Path, bytes]:
    """Return the content of every conda file that is not fresh, by its path.

    What was locked stays wherever it can. A fresh environment is not solved again: a format that it
    lacks is rendered from its lock. Where all are fresh, the result is empty, and neither rattler
    nor the network was needed.

    :param only: the environments to look at; all of them by default.
    :param name: the project's, for the environments' names within conda.
    :param say: gets a line for each solve.
    :param warn: gets what is left out, and what pip and conda have in different versions.
    :param show_progress: whether rattler draws its bars of what is fetched.

    Raises MissingExtraError without the extra, and an AccelockError for whatever is in the way; by
    then nothing has been written.
    """
    asked = asked or CondaRequest()
    environments = project.environments()
    for each in environments:
        _refuse_absent(project, each)
    locked = {each: _read_locked(project, each, warn) for each in environments}
    _refuse_unknown(asked.update, locked)
    files = _Files(project, locked, asked, environments if only is None else only)
    stale = files.stale()
    written = files.written(stale)
    if not written:
        return {}
    _refuse_foreign(project, written)
    matrix = Matrix(project, locked, asked.update, asked.everything, say, warn)
    if stale:
        for each in stale:
            if absent := _absent(project, each):
                where = ", ".join(absent)
                say(
                    f"NOTE: {each.target} does not exist on {where}; its conda files leave that out"
                )
        solver = Solver(project.conda.channels, show_progress=show_progress)
        matrix.solve(solver, stale)
        written = files.written(matrix.solved)
    holding = {
        each: _as_solved(matrix, each)
        if each in matrix.solved
        else _as_locked(project, each, locked[each])
        for each in environments
    }
    texts = {}
    for file in written:
        solved = [holding[each] for each in file.environments]
        if file.platform is None or file.platform in solved[0].records:
            text = file.format.render(solved, file.platform, name)
            texts[project.directory / file.name] = text.encode()
    return texts


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a project, by what stands in its folder; those of `only` are looked at."""

    project: CondaProject
    locked: Mapping[CondaEnvironment, Locked]
    asked: CondaRequest
    only: Collection[CondaEnvironment]

    def all(self) -> list[File]:
        """Return the files that are always written, are asked for, or are there and ours."""
        formats = [
            each
            for each in FORMATS.values()
            if not each.on_request
            or each.name in self.asked.formats
            or any(self._is_ours(file.name) for file in each.files(self.locked))
        ]
        return [file for each in formats for file in each.files(self.locked)]

    def stale(self) -> Sequence[CondaEnvironment]:
        """Return the environments to solve; of those of one file, all that are stale."""
        if self.asked.update or self.asked.everything:
            return tuple(self.locked)
        files = self.all()
        whole = any(file.format.holds == "project" for file in files)
        stale = [
            each
            for each in self.locked
            if (whole or each in self.only)
            and not all(
                self._is_fresh(file, each)
                for file in files
                if not file.format.on_request and each in file.environments
            )
        ]
        return stale if self.asked.formats or any(each in self.only for each in stale) else []

    def written(self, stale: Collection[CondaEnvironment]) -> list[File]:
        """Return the files of what is solved, and those on request that are not fresh."""
        return [
            file
            for file in self.all()
            if any(each in stale for each in file.environments)
            or (
                file.format.on_request
                and not all(
                    self._is_fresh(file, each) for each in file.environments if each in self.only
                )
            )
        ]

    def _is_ours(self, name: str) -> bool:
        text = self.project.read(name)
        return text is not None and CONDA_PREFIX in text

    def _is_fresh(self, file: File, each: CondaEnvironment) -> bool:
        """Tell whether a file is there, unedited, and made from today's inputs of an environment.

        Of a file of several environments, what it says of this one is looked at, and that it has
        none that it should not have.
        """
        if file.platform is not None and file.platform not in self.locked[each]:
            return True  # which the lock leaves out
        said = _stamped(self.project, file.name)
        known = {key for of in file.environments for key in file.keys(of)}
        if said is None or not said.keys() <= known:
            return False
        digests = self.project.digests(each, self.locked[each])
        return all(said.get(key) == digests[where] for key, where in file.keys(each).items())


def _stamped(project: CondaProject, name: str) -> Mapping[str, str] | None:
    """Return what a file was made from, or None where it is not there, not whole, or not ours."""
    text = project.read(name) or ""
    try:
        found = read_stamp(text)
    except StampError:
        return None
    return found.parts if found is not None and found.describes(text) else None


def _read_locked(
    project: CondaProject, each: CondaEnvironment, warn: Callable[[str], None]
) -> Locked:
    """Return what an environment's lock has; nothing where there is none, or one that is damaged.

    Raises MissingExtraError where there is one, and no PyYAML.
    """
    name = LOCK.file_name(each.target, each.group)
    text = project.read(name)
    try:
        return dict(read_lock(text, name)) if text is not None else {}
    except LockError as error:
        warn(f"{error}; until then, every package may change its version")
        return {}


def _refuse_absent(project: CondaProject, each: CondaEnvironment) -> None:
    """Refuse a target that is on none of the platforms that were named for it."""
    absent = _absent(project, each)
    if each.target is None or not absent:
        return
    if not each.platforms or project.config.narrows(each.target):
        raise GuaranteeError(
            f"{each.target} on {', '.join(absent)}: there are no {each.target.kind.name} builds "
            "for that system; take it out of the target's platforms, as in "
            f'[tool.accelock.target."{each.target}"] platforms = ["linux-x86_64"]'
        )


def _absent(project: CondaProject, each: CondaEnvironment) -> list[str]:
    """Return the names of the platforms for which a target has no builds at all."""
    if each.target is None or each.group is not None:
        return []
    named = project.config.platforms_of(each.target)
    return [platform.name for platform in named if platform not in each.platforms]


def _refuse_unknown(update: Iterable[str], locked: Mapping[CondaEnvironment, Locked]) -> None:
    known = {
        record.name for each in locked.values() for records in each.values() for record in records
    }
    for word in update:
        if word.lower() not in known:
            raise UnknownWordError("locked package", word, sorted(known))


def _refuse_foreign(project: CondaProject, files: Iterable[File]) -> None:
    """Refuse to write over an environment.yml or pixi.lock of the user's own, which are sources.

    A lock is none: one that conda-lock made is read, and made again. Raises ForeignFileError.
    """
    for file in files:
        text = project.read(file.name) if file.format.is_source else None
        if text is not None and text.strip() and CONDA_PREFIX not in text:
            raise ForeignFileError(
                f"{file.name}: accelock did not write this file, and would replace it. Put its "
                "packages into [tool.accelock.conda] (`accelock conda capture` prints that table "
                "from an environment, or from this file with --from), and move the file away."
            )


def _as_locked(project: CondaProject, each: CondaEnvironment, locked: Locked) -> Solved:
    """Return an environment as its lock has it, with what a pixi.lock of ours says beside that."""
    name = PIXI.file_name(None)
    if _stamped(project, name) is not None:
        text = project.read(name) or ""
        locked = {platform: completed(found, text, name) for platform, found in locked.items()}
    stamped = _stamped(project, LOCK.file_name(each.target, each.group)) or {}
    return Solved(
        target=each.target,
        group=each.group,
        channels=project.conda.channels,
        records=locked,
        asked={platform: project.specs(each, platform) for platform in locked},
        digests={p: stamped[p.conda_subdir] for p in each.platforms if p.conda_subdir in stamped},
    )


def _as_solved(matrix: Matrix, each: CondaEnvironment) -> Solved:
    """Return an environment as it was solved.

    Raises ChannelError for a package whose archive could not be checked.
    """
    project, solutions = matrix.project, matrix.solved[each]
    records = {platform: found.records for platform, found in solutions.items()}
    for record in (record for chosen in records.values() for record in chosen):
        if not (record.md5 and record.sha256):
            raise ChannelError(
                f"the channel {record.channel} publishes no md5 or no sha256 of "
                f"{record.filename}, so it could not be checked at installation. Ask the "
                "channel's owner to index it again (conda index)"
            )
    bound: frozenset[str] = frozenset()
    for found in solutions.values():
        if found.pins is not None and project.conda.overlap == "constrain":
            bound |= overlap.bound(found.pins, found.records)
    return Solved(
        target=each.target,
        group=each.group,
        channels=project.conda.channels,
        records=records,
        asked={platform: project.specs(each, platform) for platform in records},
        digests=project.digests(each, records),
        bound=bound,
        hardware=frozenset().union(*(found.hardware for found in solutions.values())),
    )
