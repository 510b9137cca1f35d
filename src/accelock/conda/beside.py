"""The conda files beside pip's lock: the run that writes the pins also writes what follows them.

pip-compile and Poetry come here with the names, and then the texts, of what they are about to
write. Only the environments whose pins are among those are looked at, so that a compile for
development does not fight with one for production over the same files.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelock.conda.formats import FORMATS
from accelock.conda.project import project_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from accelock.conda.project import CondaEnvironment, CondaProject
    from accelock.settings.config import Config

_FEATURE = "[tool.accelock.conda] in pyproject.toml"


@dataclass(frozen=True, slots=True)
class Beside:
    """The conda side of a project, as a tool that writes pip's lock takes it.

    Names are relative to the project's folder, with `/`.
    """

    project: CondaProject

    @classmethod
    def of(cls, directory: Path, config: Config | None) -> Beside | None:
        """Return it for the project in `directory`, or None where it has no table for conda.

        Raises ConfigError with every fault of that table.
        """
        project = project_of(directory, config)
        return cls(project) if project is not None else None

    def following(self, names: Collection[str]) -> tuple[CondaEnvironment, ...]:
        """Return the environments whose pip pins are in the files that a run will write.

        Raises ConfigError where it is not said which of two locks counts.
        """
        project = self.project.with_texts(dict.fromkeys(names, "\n"))
        return tuple(
            each for each in project.environments() if project.pip_lock(each.target) in names
        )

    def require(self, names: Collection[str]) -> bool:
        """Tell whether a run that will write these files has conda files to write, before it works.

        Raises MissingExtraError where it has, and the extra is not installed.
        """
        if not self.following(names):
            return False
        # rattler is loaded by the runs that need it.
        from accelock.conda import rattler as adapter  # noqa: PLC0415

        adapter.require(_FEATURE)
        return True

    def files(
        self,
        texts: Mapping[str, str],
        *,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        show_progress: bool = False,
    ) -> dict[Path, bytes]:
        """Return the conda files that follow the texts of a run, by path; nothing is written.

        Raises AccelockError for whatever is in the way.
        """
        following = self.following(texts.keys())
        if not following:
            return {}
        from accelock.conda.run import sidecars  # noqa: PLC0415 - it loads rattler

        return sidecars(
            self.project.with_texts(texts),
            only=following,
            name=self.project.name,
            say=say,
            warn=warn,
            show_progress=show_progress,
        )

    def renew(self, names: Collection[str]) -> None:
        """Give the conda files that follow these locks a new time, as `make` asks of a success."""
        renew(self.project.directory, self.following(names))

    def left_out(self, names: Collection[str]) -> str | None:
        """Return what to say where no conda file follows a run, and some are not there at all."""
        everything = self.project.environments()
        if self.following(names) or all(
            (self.project.directory / name).exists() for name in _always(everything)
        ):
            return None
        found = {self.project.pip_lock(each.target) for each in everything} - {None}
        followed = self.project.conda.pins or ", ".join(sorted(filter(None, found)))
        why = "accelock does not know whether this run writes the files with their pip pins"
        if followed:
            why = f"they follow {followed}, and this run does not write it"
        return (
            f"NOTE: this run does not write the conda files of {_FEATURE}: {why}. "
            "Make them with `accelock conda lock`, or name the files that they should follow in "
            '[tool.accelock.conda], as in pins = "requirements.{target}.txt".'
        )


def relative_name(path: Path, directory: Path) -> str:
    """Return a file's name as [tool.accelock.conda] has it: relative to the project, with `/`."""
    try:
        return Path(os.path.relpath(path, directory)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def renew(directory: Path, everything: Collection[CondaEnvironment]) -> None:
    """Give the files of environments that are there a new time; a read-only one stays as it is."""
    for name in _always(everything):
        with contextlib.suppress(OSError):
            os.utime(directory / name)


def _always(everything: Collection[CondaEnvironment]) -> list[str]:
    """Return the names of the files that environments have in every project."""
    formats = (each for each in FORMATS.values() if not each.on_request)
    return [file.name for each in formats for file in each.files(everything)]
