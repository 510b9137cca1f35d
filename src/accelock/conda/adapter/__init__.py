"""The adapter to rattler: `host.py` is its only importer, and `values.py` knows its types.

It works with py-rattler from 0.26 on, whose releases differ in small things: the types of build
strings and of requested specs.
"""
