"""Everything that meets Poetry's internals: the plugin.

No other part of accelock imports ``poetry``. Each use of a private name of Poetry's says so in a
comment, with the versions that it was read in (2.0.1 to 2.5.1); the tests run over all of them.
"""
