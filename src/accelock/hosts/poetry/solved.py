"""The solved packages of this machine's target, chosen only when somebody looks at them.

``poetry lock`` writes all targets and never asks which one this machine has: it must give the same
bytes everywhere, and must not fail where no declared target fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class SolvedHere(dict[Any, Any]):
    """A dict that is filled at the first look (Poetry wants a dict: ``Transaction``)."""

    def __init__(self, choose: Callable[[], dict[Any, Any]]) -> None:
        super().__init__()
        self._choose: Callable[[], dict[Any, Any]] | None = choose

    def _fill(self) -> None:
        if self._choose is not None:
            choose, self._choose = self._choose, None
            super().update(choose())

    def __iter__(self) -> Iterator[Any]:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def __bool__(self) -> bool:
        return len(self) > 0

    def __getitem__(self, key: Any) -> Any:
        self._fill()
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def items(self) -> Any:
        """Return the items, as a dict does."""
        self._fill()
        return super().items()

    def keys(self) -> Any:
        """Return the keys, as a dict does."""
        self._fill()
        return super().keys()

    def values(self) -> Any:
        """Return the values, as a dict does."""
        self._fill()
        return super().values()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key, or a default."""
        self._fill()
        return super().get(key, default)
