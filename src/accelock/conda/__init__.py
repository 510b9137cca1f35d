"""Conda sidecars: packages that PyPI lacks, pinned per target and platform beside the pip lock.

`rattler.py` is the only importer of rattler (the extra `conda`), and importing this package imports
nothing heavy: the table, the formats, the stamp and `capture` work without the extra.
"""
