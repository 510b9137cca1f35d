"""Which file of an ordinary project is best for a cell, judged only as far as somebody looks.

pip evaluates and sorts the files of all versions that a requirement allows, hundreds, and its
resolver takes the first or the second of them. Here versions come in pip's own order, newest first,
and the files of one are evaluated, filtered and sorted by pip when they are reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pip._vendor.packaging.version import Version


class Best:
    """What stands for pip's `BestCandidateResult` (24.0 to 26.3) of a project.

    :param evaluator: pip's, with what is asked; without hashes and without `--prefer-binary`, which
        come before the version in its order.
    :param versions: those that are asked for, pre-releases among them.
    :param yanked: the versions with a yanked file (PEP 592): it comes after all that are not.
    :param evaluated: returns pip's candidates of a version.
    """

    def __init__(
        self,
        evaluator: Any,
        versions: Collection[Version],
        yanked: Collection[Version],
        evaluated: Callable[[Version], list[Any]],
    ) -> None:
        self._evaluator = evaluator
        self._evaluated = evaluated
        self._sorted: dict[Version, list[Any]] = {}
        self._newest_first = self._allowed(sorted(versions, reverse=True))
        self._yanked = [version for version in self._newest_first if version in yanked]

    @property
    def applicable_candidates(self) -> Sequence[Any]:
        """What pip may take, the best last."""
        return _Candidates(self)

    @property
    def best_candidate(self) -> Any:
        """The best; None where there is none."""
        first = next((group for group in self.groups() if group), None)
        return first and self._evaluator.sort_best_candidate(first)

    def iter_applicable(self) -> Iterator[Any]:
        """Yield what pip may take, as pip before 25 asks for it."""
        return iter(self.applicable_candidates)

    def groups(self, *, reverse: bool = False) -> Iterator[list[Any]]:
        """Yield the candidates of a version after the other, each sorted, the best ones first.

        :param reverse: the worst version first.
        """
        order = [(version, False) for version in self._newest_first]
        order += [(version, True) for version in self._yanked]
        for version, is_yanked in reversed(order) if reverse else order:
            if version not in self._sorted:
                candidates = self._evaluated(version)
                self._sorted[version] = self._evaluator.get_applicable_candidates(candidates)
            yield [each for each in self._sorted[version] if each.link.is_yanked == is_yanked]

    def _allowed(self, versions: list[Version]) -> list[Version]:
        """Leave pre-releases out where pip does, which has a rule for them all together."""
        finals = [version for version in versions if not version.is_prerelease]
        if len(finals) == len(versions):
            return versions
        final = self._first(finals)
        pre = self._first([version for version in versions if version.is_prerelease])
        if not final or not pre:
            return versions
        together = self._evaluator.get_applicable_candidates([*final, *pre])
        return versions if any(each.version.is_prerelease for each in together) else finals

    def _first(self, versions: list[Version]) -> list[Any]:
        return next(filter(None, map(self._evaluated, versions)), [])


class _Candidates(Sequence[Any]):
    """Candidates in pip's order, of which the first and the last ones are all that it reads."""

    def __init__(self, best: Best) -> None:
        self._best = best

    def __iter__(self) -> Iterator[Any]:
        for group in self._best.groups(reverse=True):
            yield from group

    def __reversed__(self) -> Iterator[Any]:
        for group in self._best.groups():
            yield from reversed(group)

    def __getitem__(self, index: Any) -> Any:
        return [*self][index]

    def __len__(self) -> int:
        return sum(1 for _each in self)
