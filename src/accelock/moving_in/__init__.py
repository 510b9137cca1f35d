"""A set-up for hardware that was made by hand becomes [tool.accelock]: texts in, edits out.

Pure, and free of pip and of Poetry; `files.py` alone reads and writes.
"""
