"""Build strings that name hardware, and the glob of environment.yml that keeps a re-solve to it.

The generations of channels write it as `py3.9_cuda11.1_cudnn8.0.5_0` and `py3.9_cpu_0` (pytorch),
`cuda126_mkl_py311_h0_300` and `cpu_generic_py311_h0_0` (conda-forge), `cpu_py311h0_1` (jaxlib).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelock.targets import Target

__all__ = ["glob", "is_hardware_build", "joined"]

_WORD = re.compile(r"(?:^|_)(no_?cuda|(?:cuda|rocm)[\d.]*|cpu|gpu|hip|xpu)(?=$|[_\d]|py)")
_WITHOUT = ("nocuda", "no_cuda")  # ucx and others of conda-forge


def is_hardware_build(build: str) -> bool:
    """Tell whether a build string says what the build computes on."""
    return _WORD.search(build) is not None


def glob(builds: Iterable[str], target: Target | None) -> str | None:
    """Return the narrowest glob of what `target` computes on that fits all builds, or None.

    A build without such a word fits none: macOS has no other builds, and does not name them.
    """
    everything = tuple(builds)
    for pattern in _patterns(target, everything):
        if everything and all(fnmatchcase(build, pattern) for build in everything):
            return pattern
    return None


def joined(patterns: Iterable[str], builds: Iterable[str]) -> str | None:
    """Return a pattern that is within each of `patterns` and fits all builds, or None.

    A MatchSpec has room for one: `cpu*` and `*mkl*` are `cpu*mkl*`. Of no patterns it is None too.

    :param builds: fit all of `patterns`.
    """
    everything = tuple(dict.fromkeys(builds))
    found: str | None = None
    for pattern in patterns:
        found = pattern if found is None else _both(found, pattern, everything)
        if found is None:
            return None
    return found


def _both(one: str, other: str, builds: tuple[str, ...]) -> str | None:
    patterns = [one, other, f"{one}{other}", f"{other}{one}", *builds[:1]]
    for pattern in patterns:
        # A star in the text of a pattern is no letter, so that only another star takes it.
        if all(fnmatchcase(pattern, each) for each in (one, other)) and all(
            fnmatchcase(build, pattern) for build in builds
        ):
            return pattern.replace("**", "*")
    return None


def _patterns(target: Target | None, builds: tuple[str, ...]) -> Iterator[str]:
    for word in _words(target, builds):
        yield f"{word}*"
        yield f"*{word}*"


def _words(target: Target | None, builds: tuple[str, ...]) -> Iterator[str]:
    if target is None:
        found = [_WORD.search(build) for build in builds]
        yield from sorted({match[1].rstrip(".") for match in found if match is not None})
        return
    if target.kind is Kind.CUDA:
        major, minor = target.version
        yield f"cuda{major}{minor}"
        yield f"cuda{major}.{minor}"
        yield from _WITHOUT
        yield "cuda"
        yield "gpu"
    else:
        yield target.kind.value
        yield from _WITHOUT
