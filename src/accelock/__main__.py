"""``python -m accelock``: the console application."""

from __future__ import annotations

import sys

from accelock.cli import main

if __name__ == "__main__":
    sys.exit(main())
