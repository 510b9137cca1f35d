"""poetry.lock with all targets in it: reading one target's view, writing leader and overlay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry.packages.locker import Locker

from accelock.hosts.poetry.errors import shown
from accelock.hosts.poetry.pool import copied
from accelock.locks import journal
from accelock.locks import overlay as overlays
from accelock.locks.overlay import Difference, Overlay

if TYPE_CHECKING:
    from poetry.core.packages.package import Package
    from poetry.puzzle.transaction import Transaction
    from tomlkit.toml_document import TOMLDocument

    from accelock.hosts.poetry.project import Project
    from accelock.hosts.poetry.solution import Solution, Solved
    from accelock.locks.model import Lock
    from accelock.targets import Target


class TargetLocker(Locker):
    """Poetry's locker, for a lock that holds several targets.

    ``lock_data`` is what Poetry reads everywhere: here it is the view of one target, the project's
    choice for this machine. While targets are locked nobody has to choose.
    """

    def __init__(self, lock: Path, pyproject_data: dict[str, Any], project: Project) -> None:
        super().__init__(lock, pyproject_data)
        self.project = project
        self.solution: Solution | None = None
        self.sidecars: dict[Path, bytes] = {}
        self._raw: dict[str, Any] | None = None
        self._read: tuple[dict[str, Any], Overlay | None] | None = None
        self._packages: tuple[dict[str, Any], dict[str, list[Package]]] | None = None

    # -- reading -------------------------------------------------------------------------------

    @property
    def lock_data(self) -> dict[str, Any]:
        """Return the lock's data as the target of this machine has it."""
        overlay = self.overlay
        if overlay is None:
            return self.raw_data
        return self._view(self.project.active_name(overlay))

    @property
    def raw_data(self) -> dict[str, Any]:
        """Return the lock's data as it stands in the file: the leader's entries and the overlay."""
        if self._raw is None or self._lock_data is None:
            self._finish()
            self._raw = super().lock_data
        return self._raw

    def _finish(self) -> None:
        """Finish what an interrupted run left, where the command is about the lock itself.

        :raises UserError: any other command; some files may be old and some new.
        """
        folder = Path(self.lock).parent
        with shown():
            if not self.project.is_about_the_file:
                journal.refuse_unfinished(folder, "poetry accelock check")
                return
            for recovery in journal.recover(folder):
                self.project.say(f"accelock: {recovery}")

    @property
    def overlay(self) -> Overlay | None:
        """Return the overlay of the lock, None where it has none.

        :raises UserError: it is damaged or of a newer accelock.
        """
        raw = self.raw_data
        if self._read is None or self._read[0] is not raw:
            with shown():
                self._read = raw, overlays.read(raw, str(self.lock))
        return self._read[1]

    def locked_targets(self) -> Lock | None:
        """Return what each target has, in the lock or about to be locked; None without targets."""
        if self.solution is not None:
            return self.solution.as_lock(self.project.settings)
        overlay = self.overlay if self.is_locked() else None
        if overlay is None:
            return None
        # Poetry activates plugins for every command; few ask what is locked.
        from accelock.locks import poetry_lock

        with shown():
            return poetry_lock.of_data(self.raw_data, overlay, self.project.settings)

    def packages_of(self, target: Target) -> list[Package]:
        """Return the packages that the lock has for one target; none for one that it lacks."""
        if not self.is_locked():
            return []
        overlay = self.overlay
        known = overlay.targets if overlay is not None else (self.project.targets[0].name,)
        # A target that is new to the lock begins with the leader's packages.
        name = target.name if target.name in known else known[0]
        if self._packages is None or self._packages[0] is not self.raw_data:
            self._packages = self.raw_data, {}
        if name not in self._packages[1]:
            with self.project.viewing(name):
                self._packages[1][name] = self.locked_repository().packages
        return [copied(package) for package in self._packages[1][name]]

    def is_fresh(self) -> bool:
        """Return whether the lock fits pyproject.toml, [tool.accelock] included."""
        self._finish()
        if not super().is_fresh():
            return False
        overlay = self.overlay
        if overlay is None:
            return not self._lost_its_targets()
        return overlay.digest == self.project.digest

    def _lost_its_targets(self) -> bool:
        """Return whether a lock without an overlay has packages that ask for one, and say it.

        A Poetry without the plugin (Dependabot, Renovate) leaves such a lock, with PyPI's torch.
        """
        find = self.project.find
        names = [entry["name"] for entry in self.raw_data.get("package", [])]
        ours = {name: found[1] for name in names if (found := find(name))}
        if ours:
            # torch, where it is there, and not one of its libraries.
            telling = min(ours, key=lambda name: (ours[name].runtime, len(name)))
            self.project.say(
                f"accelock: {self.lock.name} has {telling} and no targets: a Poetry without "
                "accelock made it. Run `poetry lock`."
            )
        return bool(ours)

    def _view(self, name: str) -> dict[str, Any]:
        overlay = self.overlay
        raw = self.raw_data
        if overlay is None or name not in overlay.changes:
            return raw
        return {**raw, "package": overlay.view(raw["package"], name)}

    # -- writing -------------------------------------------------------------------------------

    def solved_here(self, solution: Solution) -> Solved:
        """Take a solution to be locked, and return what this machine's target has in it.

        For a command that writes the lock alone it is the leader's: that gives the same bytes
        everywhere, and does not fail where no declared target fits.

        :raises UserError: no target is for this machine.
        """
        self.solution = solution
        here, *others = solution.by_target
        if others and not self.project.is_about_the_file:
            name = self.project.choice().target.name
            here = next(target for target in solution.by_target if target.name == name)
        return solution.by_target[here]

    def _compute_lock_data(self, root: Any, packages: Any) -> TOMLDocument:
        """Return the lock document: the leader's as Poetry makes it, and the others' differences.

        Private in Poetry 2.0.1 to 2.5.1, called by ``set_lock_data``. What other targets share with
        the leader is compared as plain data: most of the time goes into making a document of it.
        """
        solution = self.solution
        if solution is None:
            return super()._compute_lock_data(root, packages)
        targets = [t for t in self.project.targets if t in solution.by_target]
        leader = super()._compute_lock_data(root, solution.by_target[targets[0]])
        if not solution.accelerated:
            return leader
        changes: dict[str, Difference] = {}
        ours = self._lock_packages(solution.by_target[targets[0]])
        for target in targets[1:]:
            solved = solution.by_target[target]
            change = overlays.difference(ours, self._lock_packages(solved))
            names = {entry["name"] for entry in change.package}
            new = {each: info for each, info in solved.items() if each.pretty_name in names}
            document = super()._compute_lock_data(root, new)
            changes[target.name] = Difference(change.drop, tuple(document["package"]))
        overlay = Overlay(
            targets=tuple(target.name for target in targets),
            platforms={t.name: tuple(p.name for p in solution.platforms[t]) for t in targets},
            digest=self.project.digest,
            changes=changes,
        )
        tables = overlays.write(leader["package"], overlay)
        leader["metadata"][overlays.TABLE] = tables["metadata"]
        if tables["tables"]:
            leader[overlays.TABLE] = tables["tables"]
        return leader

    def take_along(self, root: Package, transaction: Transaction) -> None:
        """Solve the conda files that follow what is about to be locked; they are written with it.

        :raises UserError: one of them cannot be had.
        """
        from accelock.hosts.poetry import conda

        # A look at the packages of a solution for targets would choose this machine's.
        packages = {} if self.solution is not None else transaction.get_solved_packages()
        document = self._compute_lock_data(root, packages)
        self.sidecars = conda.solve(self.project, document.as_string())

    def refuse_unwritable(self) -> None:
        """Check that what was solved can be written: Poetry installs first, and writes last.

        :raises OutputError: one of the files cannot.
        """
        if self.solution is not None or self.sidecars:
            journal.refuse_unwritable([Path(self.lock), *self.sidecars])

    def _should_write(self, lock: TOMLDocument) -> bool:
        """Return whether the lock differs from the file; Poetry would compare with the view.

        Where all of a lock is the same but for markers, both were made of the same: Poetry's words
        for a marker, and where it parts two versions, follow the order of its solve. A lock of a
        lock is then the lock, unless it is to be made anew.
        """
        if self.sidecars or not self.is_locked():
            return True
        try:
            raw = self.raw_data
        except RuntimeError:  # no lock, or one of a Poetry that this one cannot read
            return True
        if lock == raw:
            return False
        return self.project.regenerates or not self._differs_in_markers_alone(lock, raw)

    def _differs_in_markers_alone(self, lock: TOMLDocument, raw: dict[str, Any]) -> bool:
        overlay = self.overlay
        if overlay is None or self.solution is None or not self.solution.accelerated:
            return False
        if overlays.but_for_markers(lock) != overlays.but_for_markers(raw):
            return False
        from accelock.locks import poetry_lock
        from accelock.locks.model import conflicts

        with shown():
            return not conflicts(poetry_lock.of_data(raw, overlay, self.project.settings))

    def _write_lock_data(self, data: TOMLDocument) -> None:
        """Write the lock whole or not at all; Poetry's own truncates it in place."""
        content = data.as_string()
        ends_with_crlf = self.lock.exists() and _first_line_is_crlf(self.lock)
        content = re.sub(r"\r?\n", "\r\n" if ends_with_crlf else "\n", content)
        lock = Path(self.lock)
        with shown():
            journal.write_all({lock: content.encode(), **self.sidecars}, lock.parent)
        for path in self.sidecars:
            self.project.say(f"accelock: {path.name} written")
        self.sidecars = {}
        self._lock_data = self._raw = None
        if self.solution is not None and self.project.io.is_verbose():
            from accelock.hosts.poetry import notes

            for line in notes.sizes(self.project):
                self.project.say(f"accelock: {line}")


def _first_line_is_crlf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.readline().endswith(b"\r\n")
