"""What a target gets for a requirement of the project: another name, an extra, or what it says.

`onnxruntime` is `onnxruntime-gpu` on a CUDA target, and `jax` is `jax[cuda12]`: the catalogue's
substitutes.toml has which. It is the project's own requirements alone that are read so; what other
packages ask for is left as it is, and is refused where both would be in one environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from accelock.catalogue.load import load_substitutes
from accelock.errors import AccelockError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from accelock.catalogue.relations import Exclusive, Substitute, SubstitutedProject
    from accelock.targets import Platform, Target


class NoSubstituteError(AccelockError):
    """A target has neither a row nor use for the plain name of what a project asks for.

    :param reason: that alone, without what to do about it.
    """

    def __init__(self, project: SubstitutedProject, target: Target, platform: Platform) -> None:
        self.reason = (
            f"{project.name} has no build for {target.name} on {platform.name}, and its plain "
            "name runs on no machine."
        )
        super().__init__(f"{self.reason} {_what_to_do(project, target, platform)}")


@dataclass(frozen=True, slots=True)
class Substitution:
    """The rule of a project; without arguments, that of one that has nothing substituted.

    :param projects: what is substituted, by plain name.
    :param off: the names that the project has turned it off for.
    :param always: those that it wants substituted for what other packages require, too.
    """

    projects: Mapping[str, SubstitutedProject] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()

    @classmethod
    def of(cls, off: Iterable[str], always: Iterable[str] = ()) -> Substitution:
        """Return the catalogue's, but for some plain names."""
        names = frozenset(off)
        projects = {n: each for n, each in load_substitutes().items() if n not in names}
        return cls(projects, names, frozenset(always))

    def row(
        self, requirement: Requirement, target: Target, platform: Platform
    ) -> Substitute | None:
        """Return what a target gets in the place of a requirement, None where it is that itself.

        A direct URL is what it is; so is a requirement that has one of the extras by hand.

        :raises NoSubstituteError: the target has neither a row nor use for the plain name.
        """
        project = self.projects.get(canonicalize_name(requirement.name))
        if project is None or requirement.url is not None:
            return None
        if requirement.extras & {row.extra for row in project.rows}:
            return None
        row = project.row(target, platform)
        if row is None and not project.is_plain_for_all:
            raise NoSubstituteError(project, target, platform)
        return row

    def requirement(
        self, requirement: Requirement, target: Target, platform: Platform
    ) -> Requirement:
        """Return what a target gets for a requirement: its specifier, extras and marker stay.

        :raises NoSubstituteError: as of `row`.
        """
        row = self.row(requirement, target, platform)
        if row is None:
            return requirement
        found = Requirement(str(requirement))
        found.name = row.name
        found.specifier &= row.versions
        if row.extra is not None:
            found.extras = {*found.extras, row.extra}
        return found

    def row_for_others(
        self, requirement: Requirement, target: Target, platform: Platform
    ) -> Substitute | None:
        """Return what a target gets for what another package requires; None for that itself.

        Where there is no row it is the package's business whether it has a use for the plain name.
        """
        name = canonicalize_name(requirement.name)
        row = self.projects[name].row(target, platform) if name in self.always else None
        return None if row is None or row.extra in requirement.extras else row

    def counterparts(self, name: str) -> frozenset[str]:
        """Return the names that targets have in the place of one another, but for this one."""
        return frozenset[str]().union(
            *(each.names for each in self.projects.values() if name in each.names)
        ) - {name}


def together(
    names: Collection[str], groups: Iterable[Exclusive], off: Collection[str] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the names, of those in one environment, that would overwrite each other's files.

    :param names: canonical.
    :param groups: what must not be side by side.
    :param off: names whose group the project answers for itself.
    """
    for group in groups:
        found = set(group.names).intersection(names)
        plain = {*group.names, *map(_plain, group.names)}
        if len(found) > 1 and plain.isdisjoint(off):
            yield tuple(sorted(found))


def together_message(
    where: str, found: Mapping[str, Collection[str]], *, others_too: bool = False
) -> str:
    """Say that projects would be installed over one another.

    :param where: the cell or the group, for people.
    :param found: the names, each with who asks for it.
    :param others_too: the lock can say what a package requires in other words than the package.
    """
    asked = (
        f"{name} (required by {', '.join(sorted(via)) or 'the project'})"
        for name, via in found.items()
    )
    first = _plain(next(iter(found)))
    replaced = (
        f"To give each target its own name also for what other packages require: {first} = "
        '{ substitute = "always" }. '
    )
    return (
        f"{where}: {' and '.join(asked)} would be installed over one another: they are one "
        "package for different hardware. Keep one of them: remove the other, or what requires it, "
        "from the project's requirements, or require it only on the other targets "
        "([tool.accelock.target.<target>.dependencies]). To give every target the plain name: "
        f"[tool.accelock.packages] {first} = {{ substitute = false }}. "
        f"{replaced if others_too else ''}".rstrip()
    )


def for_others_message(where: str, name: str, asked: Collection[str], row: Substitute) -> str:
    """Say that a compiled file cannot have another name for what a package requires.

    :param where: the cell, for people.
    :param asked: who requires the plain name.
    """
    verb = "requires" if len(asked) == 1 else "require"
    if row.extra is not None:
        todo = f"Require {name} in the project itself: each target then gets its own name"
    else:
        todo = (
            "A poetry.lock can say it (`poetry lock`). For compiled files, set `substitute = "
            f"false` to get {name} on every target, or remove what requires it from this target"
        )
    return (
        f"{where}: {' and '.join(sorted(asked))} {verb} {name}, and this target gets {row} for it, "
        f'by [tool.accelock.packages] {name} = {{ substitute = "always" }}. That cannot be '
        "compiled: pip reads each package's requirements when it installs the file, and would "
        f"install {name} too. {todo}."
    )


def _plain(name: str) -> str:
    projects = load_substitutes().values()
    return next((each.name for each in projects if name in each.names), name)


def _what_to_do(project: SubstitutedProject, target: Target, platform: Platform) -> str:
    rows = "; ".join(f"{', '.join(row.targets)}: {row}" for row in project.rows)
    key = f'"{target.name}"' if "." in target.name else target.name
    return (
        f"These targets have one: {rows}. Require it only on those, in "
        f"[tool.accelock.target.<target>.dependencies], or write there, for {key}, another "
        f"project that it should get; leave {platform.name} out (`platforms` in [tool.accelock]); "
        f"or take the plain name ([tool.accelock.packages] {project.name} = {{ substitute = false "
        "})."
    )
