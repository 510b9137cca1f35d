"""A tour of what accelock does, with nothing but localhost: `python -m tests.demo`.

Each chapter is a function that takes the tour, runs the real commands and prints what it did; it
raises `Surprise` when something came out otherwise than it says.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tests.demo import conda, poetry, requirements
from tests.demo.tour import Surprise, Tour, touring

if TYPE_CHECKING:
    from collections.abc import Callable

CHAPTERS: tuple[tuple[str, Callable[[Tour], None]], ...] = (
    ("One input, two hardware targets", requirements.compile_two_targets),
    ("The CPU file, installed", requirements.install_for_cpu),
    ("The wrong file fails loudly", requirements.refuse_on_a_mac),
    ("Poetry: one lock for both", poetry.lock_and_install),
    ("Conda: what PyPI lacks", conda.pin_and_install),
)


def main() -> int:
    begin = time.monotonic()
    with touring() as tour:
        for number, (title, chapter) in enumerate(CHAPTERS, 1):
            tour.title(f"{number}. {title}")
            try:
                chapter(tour)
            except Surprise as surprise:
                print(f"\nThis was not to happen: {surprise}", file=sys.stderr)
                return 1
    print(f"\nAll of it in {time.monotonic() - begin:.0f} seconds, and nothing left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
