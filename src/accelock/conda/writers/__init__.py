"""The files that conda's tools read, as text: the same values always give the same bytes.

A writer takes values and returns text; none of them needs the extra `conda`.
"""
