"""Replace names in other modules for the time of one run, and put every one back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class Patches:
    """A context in which attributes of other modules and classes are replaced.

    Replacing is for inside of it: leaving puts all of them back in reverse order, whatever
    happened, be it that one of the names was not there.
    """

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Set ``owner.name`` to ``new`` until the context ends."""
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Set ``owner.name`` to ``make(original)`` until the context ends."""
        self.replace(owner, name, make(getattr(owner, name)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._undo:
            owner, name, old = self._undo.pop()
            setattr(owner, name, old)
