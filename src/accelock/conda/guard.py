"""The CPU guarantee and the CUDA guarantee: what a solve is told, and what is checked after it.

A CPU environment without CUDA cannot be had by asking for `cpuonly`: rattler and mamba ignore the
features by which the old builds were chosen (mamba#336, pytorch#40213), and newer channels say it
in build strings alone. So a solve is constrained first; constraints install nothing by themselves.
Then `verify` looks at every record, and that check decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accelock.conda.graph import chain
from accelock.conda.intruders import GuardError, Intruder
from accelock.conda.request import VirtualPackage
from accelock.conda.spec import Spec
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from accelock.conda.record import Record
    from accelock.targets import Levels, Platform, Target

__all__ = [
    "GuardError",
    "constraints",
    "exclusion",
    "find_intruders",
    "refuse_requested",
    "verify",
    "virtual_packages",
]

NEVER = "<0a0"  # conda's idiom for a version that does not exist

#: Packages whose builds say in their build string what they compute on, from 2020 on.
BUILT = ("pytorch", "libtorch")
#: They link to those: a CPU build beside a CUDA one does not load.
_LINKED = ("torchvision", "torchaudio", "torchtext", "torchcsprng")
#: What each generation of channels draws CUDA in by; other libraries are found by `verify`.
_CUDA_ROOTS = (
    "pytorch-cuda",  # the pytorch channel from 1.13 on
    "pytorch-gpu",  # conda-forge's metapackage
    "cudatoolkit",  # every channel up to CUDA 11
    "cuda-cudart",  # CUDA 12 of conda-forge and nvidia
    "libcublas",
    "cudnn",
)
_CPU_ROOTS = ("cpuonly", "pytorch-cpu", "torchvision-cpu", "torchaudio-cpu")

_CUDA_NAME = re.compile(
    r"cuda(\d+|-(?!version$).*)?|cudatoolkit.*|(lib)?cudnn.*|(lib)?cutensor.*|(lib)?cusparselt.*"
    r"|libcu(blas|fft|file|rand|solver|sparse|dss|dla|pti).*|libnv(jitlink|jpeg|fatbin|jpg|ptx).*"
    r"|libnpp.*|libnccl|nccl\d*|cuquantum.*|cupy(-.*)?|(lib)?magma(-.*)?|torchtriton|tensorrt.*"
    r"|nvidia-(?!ml-py$).*|.+-cuda(\d.*|-.*)?|.+-gpu(-.*)?"
)
_ROCM_NAME = re.compile(
    r"rocm(-.*)?|roc(blas|fft|sparse|solver|rand)|hip(-.*)?|hipcc|miopen.*|rccl"
)
# A build string's words stand beside digits and underscores; a hash has no letter behind f.
_CUDA_BUILD = re.compile(r"(?<!no)(?<!no_)cuda|(?<![a-z])cu\d{2,3}(?!\d)|(?<![a-z])gpu")
_ROCM_BUILD = re.compile(r"(?<![a-z])rocm|(?<![a-z])hip(?![a-z])")
_XPU_BUILD = re.compile(r"(?<![a-z])xpu(?![a-z])")
_CPU_BUILD = re.compile(r"(?<![a-z])cpu")
_OF_KIND = {Kind.CUDA: _CUDA_BUILD, Kind.ROCM: _ROCM_BUILD, Kind.XPU: _XPU_BUILD}
_NEEDS_CUDA = re.compile(r"(__cuda|cuda-version|cudatoolkit)(?![\w.-])|pytorch-mutex .*\bcuda$")

# Packages that are CUDA itself: their version is the toolkit's.
_CUDA_VERSIONS = (
    "cuda-version",
    "cudatoolkit",
    "pytorch-cuda",
    "cuda",  # these four of the nvidia channel do not depend on cuda-version
    "cuda-toolkit",
    "cuda-runtime",
    "cuda-cudart",
)
_BUILD_CUDA = re.compile(r"(?<!no)(?<!no_)cuda(\d+)")  # 126, 11 of 11.8

_LINUX = "4.18"  # the kernel of the oldest systems with glibc 2.28; pixi's default too
_ARCH = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64", "arm64": "m1"}


def virtual_packages(
    target: Target | None, platform: Platform, levels: Levels
) -> tuple[VirtualPackage, ...]:
    """Return what the system of a cell has, from settings alone: never this machine's.

    Raises GuardError for a target that has no builds on `platform`, such as CUDA on macOS.
    """
    _refuse_absent(target, platform)
    system = (
        *_system(platform, levels),
        VirtualPackage("__archspec", "1", _ARCH[platform.machine]),
    )
    if target is not None and target.kind is Kind.CUDA:
        return (*system, VirtualPackage("__cuda", _dotted(target.version)))
    return system


def _system(platform: Platform, levels: Levels) -> tuple[VirtualPackage, ...]:
    if platform.sys_platform == "win32":
        return (VirtualPackage("__win", "0"),)
    unix = VirtualPackage("__unix", "0")
    if platform.sys_platform == "darwin":
        return (unix, VirtualPackage("__osx", _dotted(levels.macos)))
    glibc = VirtualPackage("__glibc", _dotted(levels.glibc))
    return (unix, VirtualPackage("__linux", _LINUX), glibc)


def constraints(target: Target | None, platform: Platform) -> tuple[Spec, ...]:
    """Return what has to hold for whatever a solve installs; nothing where there is no target.

    Raises GuardError for a target that has no builds on `platform`.
    """
    _refuse_absent(target, platform)
    if target is None:
        return ()
    if target.kind is Kind.CUDA:
        version = f"{_dotted(target.version)}.*"
        return (
            *(Spec(name, version) for name in _CUDA_VERSIONS),
            *(Spec(name, NEVER) for name in _CPU_ROOTS),
            Spec("pytorch-mutex", None, "cuda"),
            *(Spec(name, None, "*cuda*") for name in BUILT),
        )
    without = tuple(Spec(name, NEVER) for name in _CUDA_ROOTS)
    if target.kind is not Kind.CPU:
        return (*without, *(Spec(name, None, f"*{target.kind.value}*") for name in BUILT))
    if platform.sys_platform == "darwin":  # no build there is for CUDA, and not all are marked
        return without
    mutex = Spec("pytorch-mutex", None, "cpu")
    return (*without, mutex, *(Spec(name, None, "*cpu*") for name in BUILT))


def refuse_requested(specs: Iterable[Spec], target: Target | None, platform: Platform) -> None:
    """Refuse what a target can never hold, before anything is fetched.

    Raises GuardError where a requirement itself is the intruder.
    """
    for spec in specs:
        reason = _spec_reason(spec, target)
        if reason is not None:
            raise GuardError.of_request(spec, reason, target, platform)


def find_intruders(
    records: Collection[Record],
    target: Target | None,
    platform: Platform,
    asked: Collection[str] = (),
) -> tuple[Intruder, ...]:
    """Return the records that `target` must not have, each with what brought it in.

    :param asked: the names of the packages that the user asked for, where that is known.
    """
    found = {
        record.name: reason
        for record in records
        if (reason := _reason(record, target, platform)) is not None
    }
    if not found:
        return ()
    by_name = {record.name: record for record in records}
    return tuple(
        Intruder(
            by_name[name],
            found[name],
            tuple(by_name[above] for above in chain(records, name, asked)[:-1]),
        )
        for name in sorted(found)
    )


def verify(
    records: Collection[Record],
    target: Target | None,
    platform: Platform,
    asked: Collection[str] = (),
) -> None:
    """Check an environment that was solved, or that was read from a lock.

    Raises GuardError, which names every intruder and what brought it in.
    """
    intruders = find_intruders(records, target, platform, asked)
    if intruders and target is not None:
        raise GuardError.of_records(intruders, target, platform)


def exclusion(intruder: Intruder, target: Target) -> Spec:
    """Return the constraint that keeps out what `verify` found and `constraints` did not foresee.

    A package that is wrong by its name never comes back, one that is wrong by its build may.
    """
    record = intruder.record
    if _name_reason(record.name, target) is not None:
        return Spec(record.name, NEVER)
    if target.kind is not Kind.CUDA and _CUDA_BUILD.search(record.build):
        return Spec(record.name, None, f"^(?!.*({_CUDA_BUILD.pattern})).*$")
    if target.kind is Kind.CUDA and _CPU_BUILD.search(record.build):
        return Spec(record.name, None, "^(?!.*cpu).*$")
    if target.kind is Kind.CUDA and _is_other_cuda(record, target):
        return Spec(record.name, None, rf"^(?!.*cuda(?!{target.version[0]})\d).*$")
    return Spec(record.name, None, f"^(?!{re.escape(record.build)}$).*$")


def _refuse_absent(target: Target | None, platform: Platform) -> None:
    if target is not None and not target.exists_on(platform):
        raise GuardError(
            f"{target} on {platform}: there are no {target.kind.name} builds for that system; "
            f'leave it out of [tool.accelock.target."{target}"] platforms'
        )


def _spec_reason(spec: Spec, target: Target | None) -> str | None:
    """Say why the package of a requirement, or the build that it names, cannot be in `target`."""
    if target is None:
        return None
    reason = _name_reason(spec.name, target)
    if reason is not None or spec.build is None:
        return reason
    if target.kind is not Kind.CUDA:
        return "asks for a CUDA build" if _CUDA_BUILD.search(spec.build) else None
    hardware = spec.name in (*BUILT, *_LINKED)
    return "asks for a CPU build" if hardware and _CPU_BUILD.search(spec.build) else None


def _reason(record: Record, target: Target | None, platform: Platform) -> str | None:
    if target is None:
        return None
    reason = _name_reason(record.name, target)
    if reason is not None:
        return reason
    if target.kind is Kind.CUDA:
        return _why_not_cuda(record, target)
    return _why_cuda(record) or _why_not_of(record, target, platform)


def _name_reason(name: str, target: Target) -> str | None:
    if target.kind is Kind.CUDA:
        return "is for the CPU alone" if name in _CPU_ROOTS else None
    if _CUDA_NAME.fullmatch(name):
        return "is a part of CUDA"
    if target.kind is not Kind.ROCM and _ROCM_NAME.fullmatch(name):
        return "is a part of ROCm"
    return None


def _why_cuda(record: Record) -> str | None:
    if record.name == "cuda-version":  # an empty package, which only constrains
        return None
    if _CUDA_BUILD.search(record.build):
        return "is a CUDA build"
    needed = next(filter(_NEEDS_CUDA.match, record.depends), None)
    return f"is a CUDA build (it needs {needed})" if needed else None


def _why_not_of(record: Record, target: Target, platform: Platform) -> str | None:
    """Say why a package with hardware builds is not one for this target, which is not CUDA."""
    if target.kind is Kind.CPU and _ROCM_BUILD.search(record.build):
        return "is a ROCm build"
    if record.name not in BUILT or platform.sys_platform == "darwin":
        return None
    if target.kind is Kind.CPU:
        return None if _CPU_BUILD.search(record.build) else "is not marked as a CPU build"
    if _OF_KIND[target.kind].search(record.build):
        return None
    return f"is not a {target.kind.name} build"


def _why_not_cuda(record: Record, target: Target) -> str | None:
    if record.name in BUILT and not _CUDA_BUILD.search(record.build):
        return "is not a CUDA build"
    if record.name in _LINKED and _CPU_BUILD.search(record.build):
        return "is a CPU build"
    if record.name == "pytorch-mutex" and record.build != "cuda":
        return "is for the CPU alone"
    if _is_other_cuda(record, target):
        return f"is a build for another CUDA than {target.version[0]}"
    wanted = _dotted(target.version)
    if record.name in _CUDA_VERSIONS and not f"{record.version}.".startswith(f"{wanted}."):
        return f"is not CUDA {wanted}"
    return None


def _is_other_cuda(record: Record, target: Target) -> bool:
    """Tell whether a build names a CUDA of another major; minors of one go together."""
    found = _BUILD_CUDA.search(record.build) if record.name in BUILT else None
    return found is not None and not found[1].startswith(str(target.version[0]))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
