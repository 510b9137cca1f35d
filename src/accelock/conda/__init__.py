"""Conda sidecars: packages that PyPI lacks, pinned per target and platform beside the pip lock.

`adapter/` is the only importer of rattler (the extra `conda`), and importing this package imports
nothing heavy: the table, the writers, the stamp and `capture` work without the extra.
"""
