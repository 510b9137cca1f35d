"""Everything that meets the internals of pip and pip-tools.

No other part of accelock imports ``pip`` or ``piptools``. A new release of either is therefore a
change in this folder alone; ``probe.py`` lists every private name that is used here and refuses a
release that lacks one, and the tests run over the lowest, the newest and two middle pairs.
"""
