"""What a build computes on, as its build string and its dependencies tell; and globs for it.

The generations of channels write it as `py3.9_cuda11.1_cudnn8.0.5_0` and `py3.9_cpu_0` (pytorch),
`cuda126_mkl_py311_h0_300` and `cpu_generic_py311_h0_0` (conda-forge), `h1_8_cuda` (libarrow), or in
the dependencies alone: a bare hash that needs `cuda-version >=12.6,<13` (openmm).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelock.targets import Target

# A build string's words stand beside digits and underscores; a hash has no letter behind f.
_BUILDS = {
    Kind.CUDA: re.compile(r"(?<!no)(?<!no_)cuda|(?<![a-z])cu\d{2,3}(?!\d)|(?<![a-z])gpu"),
    Kind.ROCM: re.compile(r"(?<![a-z])rocm|(?<![a-z])hip(?![a-z])"),
    Kind.XPU: re.compile(r"(?<![a-z])xpu(?![a-z])"),
    Kind.CPU: re.compile(r"(?<![a-z0-9])cpu|(?<![a-z])no_?cuda"),
}
_NAMES = {
    Kind.CUDA: re.compile(
        r"cuda(\d+|-(?!version).*)?|cudatoolkit.*|(lib)?cudnn.*|(lib)?cutensor.*"
        r"|(lib)?cusparselt.*|libcu(blas|fft|file|rand|solver|sparse|dss|dla|pti).*"
        r"|libnv(jitlink|jpeg|fatbin|jpg|ptx).*|libnpp.*|libnccl|nccl\d*|cuquantum.*|cupy(-.*)?"
        r"|(lib)?magma(-.*)?|torchtriton|tensorrt.*|nvidia-(?!ml-py$).*|.+-cuda(\d.*|-.*)?"
        r"|.+-gpu(-.*)?"
    ),
    Kind.ROCM: re.compile(
        r"rocm(-.*)?|roc(blas|fft|sparse|solver|rand)|hip(-.*)?|hipcc|miopen.*|rccl"
    ),
}
#: Packages that are CUDA itself: their version is the toolkit's.
TOOLKITS = (
    "cuda-version",
    "cudatoolkit",
    "pytorch-cuda",
    "cuda",  # these four of the nvidia channel do not depend on cuda-version
    "cuda-toolkit",
    "cuda-runtime",
    "cuda-cudart",
)
_NEEDED_BY_CUDA = ("__cuda", "cuda-version")
_NAME = re.compile(r"[^\w.-]")
_CUDA = re.compile(r"(?<!no)(?<!no_)(?:cuda(?:_(?=\d+py))?|(?<![a-z])cu)(?:(\d+)\.(\d+)|(\d+))")
_WORD = re.compile(r"(?:^|_)(no_?cuda|(?:cuda|cu|rocm)[\d.]*|cpu|gpu|hip|xpu)(?=$|[_\d]|py)")
_WITHOUT = ("nocuda", "no_cuda")  # ucx and others of conda-forge


def kind_of_name(name: str) -> Kind | None:
    """Return the hardware that a package of this name is a part of (`libcublas`), if of any."""
    return next((kind for kind, form in _NAMES.items() if form.fullmatch(name)), None)


def kind_of_build(build: str) -> Kind | None:
    """Return what a build string says that the build computes on; None where it says nothing."""
    return next((kind for kind, form in _BUILDS.items() if form.search(build)), None)


def kind_of(build: str, depends: Iterable[str]) -> Kind | None:
    """Return what a build computes on, by its build string, else by its dependencies.

    None is a build that tells nothing: it is for any hardware, or there is but one.
    """
    kinds = {kind_of_build(build)} - {None} or {_kind_of_depend(each) for each in depends}
    return next((kind for kind in _BUILDS if kind in kinds), None)


def why_cuda(build: str, depends: Iterable[str]) -> str | None:
    """Return what tells that a build is for CUDA, or None where nothing does.

    It is empty where the build string says so itself, else the dependency that does.
    """
    said = kind_of_build(build)
    if said is Kind.CUDA:
        return ""
    return next((each for each in depends if _kind_of_depend(each) is Kind.CUDA), None)


def _kind_of_depend(depend: str) -> Kind | None:
    words = depend.rpartition("::")[2].split()
    name = _NAME.split(words[0], maxsplit=1)[0] if words else ""
    if name in _NEEDED_BY_CUDA:
        return Kind.CUDA
    # A build string stands third, as in `pytorch-mutex 1.0 cuda`.
    return kind_of_name(name) or (kind_of_build(words[2]) if len(words) > 2 else None)  # noqa: PLR2004


def cuda_of(build: str) -> tuple[int, ...] | None:
    """Return the CUDA that a build string names, or None where it names none.

    (12, 6) of `cuda126` and of `cu12.6`, and (12,) of `cuda12`.
    """
    found = _CUDA.search(build)
    if found is None:
        return None
    if found[1]:
        return int(found[1]), int(found[2])
    digits = found[3]
    # Two digits from 13 on are CUDA 8.0 and 9.2; CUDA 10 to 13 have three with their minor.
    if len(digits) > 2 or (len(digits) == 2 and digits > "19"):  # noqa: PLR2004 - digits
        return int(digits[:-1]), int(digits[-1])
    return (int(digits),)


def pattern_of(kind: Kind) -> str:
    """Return a regular expression that finds the build strings that name a kind of hardware."""
    return _BUILDS[kind].pattern


def is_hardware_build(build: str) -> bool:
    """Tell whether a build string says what the build computes on."""
    return kind_of_build(build) is not None


def glob(builds: Iterable[str], target: Target | None) -> str | None:
    """Return the narrowest glob of what `target` computes on that fits all builds, or None.

    A build without such a word fits none: macOS has no other builds, and does not name them.
    """
    everything = tuple(builds)
    for word in _words(target, everything) if everything else ():
        for pattern in (f"{word}*", f"*{word}*"):
            if all(fnmatchcase(build, pattern) for build in everything):
                return pattern
    return None


def _words(target: Target | None, builds: tuple[str, ...]) -> list[str]:
    """Return the words to look for, the narrowest first; without a target, those that there are."""
    if target is None:
        found = [_WORD.search(build) for build in builds]
        return sorted({match[1].rstrip(".") for match in found if match is not None})
    if target.kind is not Kind.CUDA:
        return [target.kind.value, *_WITHOUT]
    major, minor = target.version
    exact = [f"cuda{major}{minor}", f"cuda{major}.{minor}", f"cu{major}{minor}"]
    return [*exact, *_WITHOUT, "cuda", "gpu", "cpu"]  # `cpu`: it is asked for, or there is no other


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
