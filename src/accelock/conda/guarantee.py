"""The CPU guarantee and the CUDA guarantee: what a solve is told, and what is checked after it.

A CPU environment without CUDA cannot be had by asking for `cpuonly`: rattler and mamba ignore the
features by which the old builds were chosen (mamba#336, pytorch#40213), and newer channels say it
in build strings alone. So a solve is constrained first; constraints install nothing by themselves.
Then `verify` looks at every record, and that check decides. A package of which the channels have
builds for the target gets one of these, whatever its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from accelock.conda import builds
from accelock.conda.record import Record, VirtualPackage, chain
from accelock.conda.spec import Spec
from accelock.errors import AccelockError
from accelock.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from accelock.targets import Levels, Platform, Target

NEVER = "<0a0"  # conda's idiom for a version that does not exist

#: Packages whose builds say in their build string what they compute on, from 2020 on: one that does
#: not is none of the target's, whatever else the channels have.
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

_LINUX = "4.18"  # the kernel of the oldest systems with glibc 2.28; pixi's default too
_ARCH = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64", "arm64": "m1"}
_NO_BUILDS: Mapping[str, tuple[Record, ...]] = MappingProxyType({})
_SHOWN = 5  # violations in a message; CUDA comes with some twenty libraries


@dataclass(frozen=True, slots=True)
class Violation:
    """A record that does not belong to the target.

    `reason` goes on from its name ("is a CUDA build"). `chain` are the records from one that the
    user asked for down to the one that depends on the record; it is empty where the user asked for
    it by itself. `instead` are the builds of the target that the channels have of it.
    """

    record: Record
    reason: str
    chain: tuple[Record, ...]
    instead: tuple[Record, ...] = ()

    def __str__(self) -> str:
        if not self.chain:
            return f"{self.record} {self.reason}; the project requires it"
        way = " -> ".join(f"{record.name} {record.version}" for record in self.chain)
        return f"{self.record} {self.reason}; brought in by {way}"


class GuaranteeError(AccelockError):
    """A target would get what it must not have; `violations` are the records, where there are."""

    violations: tuple[Violation, ...] = ()

    @classmethod
    def of_records(
        cls, violations: Sequence[Violation], target: Target, platform: Platform
    ) -> GuaranteeError:
        """Return the error for an environment of records."""
        # What was asked for first, then what it drew in: the libraries are the longest list.
        ordered = sorted(violations, key=lambda one: (len(one.chain), one.record.name))
        lines = [f"\n  - {violation}" for violation in ordered[:_SHOWN]]
        if len(ordered) > _SHOWN:
            lines.append(f"\n  - and {len(ordered) - _SHOWN} more")
        what = f"this environment must be for {_NAMES[target.kind]}, and these packages are not"
        error = cls(f"{target}, {platform}: {what}:{''.join(lines)}\n{_todo(target, ordered)}")
        error.violations = tuple(ordered)
        return error


def virtual_packages(
    target: Target | None, platform: Platform, levels: Levels
) -> tuple[VirtualPackage, ...]:
    """Return what the system of a cell has, from settings alone: never this machine's.

    Raises GuaranteeError for a target that has no builds on `platform`, such as CUDA on macOS.
    """
    _refuse_absent(target, platform)
    system = {
        "win32": {"__win": "0"},
        "darwin": {"__unix": "0", "__osx": _dotted(levels.macos)},
        "linux": {"__unix": "0", "__linux": _LINUX, "__glibc": _dotted(levels.glibc)},
    }[platform.sys_platform]
    found = [VirtualPackage(name, version) for name, version in system.items()]
    found.append(VirtualPackage("__archspec", "1", _ARCH[platform.machine]))
    if target is not None and target.kind is Kind.CUDA:
        found.append(VirtualPackage("__cuda", _dotted(target.version)))
    return tuple(found)


def constraints(target: Target | None, platform: Platform) -> tuple[Spec, ...]:
    """Return what has to hold for whatever a solve installs; nothing where there is no target.

    Raises GuaranteeError for a target that has no builds on `platform`.
    """
    _refuse_absent(target, platform)
    if target is None:
        return ()
    if target.kind is Kind.CUDA:
        version = f"{_dotted(target.version)}.*"
        return (
            *(Spec(name, version) for name in builds.TOOLKITS),
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


def rule(target: Target | None) -> tuple[Spec, ...]:
    """Return what a digest has to say of the guarantee beyond `constraints`.

    A lock from before a package got the target's build whatever its name is stale by it.
    """
    if target is None or target.kind is Kind.CPU:
        return ()
    return (Spec("*", None, target.kind.name.lower()),)


def refuse_requested(specs: Iterable[Spec], target: Target | None, platform: Platform) -> None:
    """Refuse what a target can never hold, before anything is fetched.

    Raises GuaranteeError where a requirement itself is what the target must not have.
    """
    for spec in specs:
        reason = _spec_reason(spec, target)
        if reason is not None:
            raise GuaranteeError(
                f"{target}, {platform}: {spec} {reason}, and cannot be in this environment. "
                "Require it only for the targets that need it: "
                "[tool.accelock.conda.target.<name>.dependencies]"
            )


def violations(
    records: Collection[Record],
    target: Target | None,
    platform: Platform,
    asked: Iterable[Spec] = (),
    of_target: Mapping[str, tuple[Record, ...]] = _NO_BUILDS,
) -> tuple[Violation, ...]:
    """Return the records that `target` must not have, each with what brought it in.

    :param asked: what the user asked for, where that is known: a build that they named is meant.
    :param of_target: the builds for the target's hardware that the channels have, by name.
    """
    if target is None:
        return ()
    meant = {spec.name for spec in asked if spec.build is not None}
    found: dict[str, str] = {}
    for record in records:
        reason = _reason(record, target, platform)
        is_other = builds.kind_of(record.build, record.depends) is not target.kind
        if reason is None and record.name not in meant and of_target.get(record.name) and is_other:
            called = _NAMES[target.kind]
            reason = f"is not a {called} build, and the channels have {called} builds of it"
        if reason is not None:
            found[record.name] = reason
    by_name = {record.name: record for record in records}
    names = [spec.name for spec in asked] if found else []
    return tuple(
        Violation(
            by_name[name],
            found[name],
            tuple(by_name[above] for above in chain(records, name, names)[:-1]),
            of_target.get(name, ()),
        )
        for name in sorted(found)
    )


def verify(
    records: Collection[Record],
    target: Target | None,
    platform: Platform,
    asked: Iterable[Spec] = (),
) -> None:
    """Check an environment that was solved, or that was read from a lock.

    Raises GuaranteeError, which names every violation and what brought it in.
    """
    found = violations(records, target, platform, asked)
    if found and target is not None:
        raise GuaranteeError.of_records(found, target, platform)


def exclusion(violation: Violation, target: Target) -> Spec:
    """Return the constraint that keeps out what `verify` found and `constraints` did not foresee.

    A package that is wrong by its name never comes back, one that is wrong by its build may.
    """
    record = violation.record
    if _name_reason(record.name, target) is not None:
        return Spec(record.name, NEVER)
    said = builds.kind_of_build(record.build)
    if target.kind is not Kind.CUDA and said is Kind.CUDA:
        return Spec(record.name, None, f"^(?!.*({builds.pattern_of(Kind.CUDA)})).*$")
    if target.kind is Kind.CUDA and _is_other_cuda(record.build, target):
        return Spec(record.name, None, rf"^(?!.*cu(da)?_?(?!{target.version[0]})\d).*$")
    if violation.instead:  # its builds tell by a word, or are named
        builds_of = {each.build for each in violation.instead}
        silent = {each for each in builds_of if builds.kind_of_build(each) is not target.kind}
        told = [f".*({builds.pattern_of(target.kind)}).*", *sorted(map(re.escape, silent))]
        return Spec(record.name, None, f"^({'|'.join(told)})$")
    if target.kind is Kind.CUDA and said is Kind.CPU:
        return Spec(record.name, None, "^(?!.*cpu).*$")
    return Spec(record.name, None, f"^(?!{re.escape(record.build)}$).*$")


def own_build(
    record: Record, target: Target | None, of_target: Mapping[str, tuple[Record, ...]]
) -> Spec | None:
    """Return what binds a package to the build of the target's very CUDA, where it has another's.

    Builds for CUDA 12.6 and 12.9 both run on 12.9: of one version, the target's own is taken.
    """
    if target is None or target.kind is not Kind.CUDA:
        return None
    if builds.cuda_of(record.build) in (None, target.version):
        return None
    own = {
        re.escape(each.build)
        for each in of_target.get(record.name, ())
        if each.version == record.version and builds.cuda_of(each.build) == target.version
    }
    either = f"^({'|'.join(sorted(own))})$"
    return Spec(record.name, f"=={record.version}", either) if own else None


def fits(record: Record, target: Target) -> bool:
    """Tell whether a build computes on a target's hardware, as far as it tells by itself.

    What is for no hardware in particular fits the CPU only.
    """
    kind = builds.kind_of(record.build, record.depends)
    if target.kind is Kind.CPU:
        return kind in (Kind.CPU, None)
    other = target.kind is Kind.CUDA and _is_other_cuda(record.build, target)
    return kind is target.kind and not other


def stand_ins(target: Target) -> tuple[Record, ...]:
    """Return what a target has of CUDA, as records that a build's dependencies can be held against.

    A package that is CUDA itself has the target's version, and `__cuda` is the driver's.
    """
    if target.kind is not Kind.CUDA:
        return ()
    version = _dotted(target.version)
    return tuple(
        Record(name, version, "0", 0, "noarch", "", "", "", "", "")
        for name in ("__cuda", "cuda-version", "cudatoolkit", "pytorch-cuda")
    )


def _refuse_absent(target: Target | None, platform: Platform) -> None:
    if target is not None and not target.exists_on(platform):
        raise GuaranteeError(
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
    said = builds.kind_of_build(spec.build)
    if target.kind is not Kind.CUDA:
        return "asks for a CUDA build" if said is Kind.CUDA else None
    hardware = spec.name in (*BUILT, *_LINKED)
    return "asks for a CPU build" if hardware and said is Kind.CPU else None


def _reason(record: Record, target: Target, platform: Platform) -> str | None:
    """Say why a record cannot be in `target`, whatever else the channels have."""
    if (reason := _name_reason(record.name, target)) is not None:
        return reason
    if target.kind is Kind.CUDA:
        return _why_not_cuda(record, target)
    # cuda-version is an empty package, which only constrains.
    named = record.name != "cuda-version"
    needed = builds.why_cuda(record.build, record.depends) if named else None
    if needed is not None:
        return f"is a CUDA build (it needs {needed})" if needed else "is a CUDA build"
    return _why_not_of(record, target, platform)


def _name_reason(name: str, target: Target) -> str | None:
    if target.kind is Kind.CUDA:
        return "is for the CPU only" if name in _CPU_ROOTS else None
    part = builds.kind_of_name(name)
    return _PART_OF.get(part) if part is not None and part is not target.kind else None


def _why_not_of(record: Record, target: Target, platform: Platform) -> str | None:
    """Say why a package with hardware builds is not one for this target, which is not CUDA."""
    said = builds.kind_of_build(record.build)
    if target.kind is Kind.CPU and said is Kind.ROCM:
        return "is a ROCm build"
    if record.name not in BUILT or platform.sys_platform == "darwin" or said is target.kind:
        return None
    if target.kind is Kind.CPU:
        return "is not marked as a CPU build"
    return f"is not a {target.kind.name} build"


def _why_not_cuda(record: Record, target: Target) -> str | None:
    said = builds.kind_of_build(record.build)
    if record.name in BUILT and said is not Kind.CUDA:
        return "is not a CUDA build"
    if record.name in _LINKED and said is Kind.CPU:
        return "is a CPU build"
    if record.name == "pytorch-mutex" and record.build != "cuda":
        return "is for the CPU only"
    if _is_other_cuda(record.build, target):
        return f"is a build for another CUDA than {target.version[0]}"
    wanted = _dotted(target.version)
    if record.name in builds.TOOLKITS and not f"{record.version}.".startswith(f"{wanted}."):
        return f"is not CUDA {wanted}"
    return None


def _is_other_cuda(build: str, target: Target) -> bool:
    """Tell whether a build names a CUDA of another major; minors of one go together."""
    found = builds.cuda_of(build)
    return found is not None and found[0] != target.version[0]


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


_PART_OF = {Kind.CUDA: "is a part of CUDA", Kind.ROCM: "is a part of ROCm"}
_NAMES = {Kind.CPU: "the CPU only", Kind.CUDA: "CUDA", Kind.ROCM: "ROCm", Kind.XPU: "XPU"}


def _todo(target: Target, found: Iterable[Violation]) -> str:
    if target.kind is Kind.CPU:
        return (
            "Require versions that have CPU builds, or add a channel that has some; or move what "
            "needs CUDA to [tool.accelock.conda.target.<a CUDA target>.dependencies]."
        )
    if target.kind is Kind.CUDA:
        named = ""
        if other := next((each.record for each in found if each.instead), None):
            build = builds.glob([other.build], None) or other.build
            named = f', or name the build that you mean: {other.name} = {{ build = "{build}" }}'
        return (
            f"Require versions that have builds for {target}, or add a channel that has some; or "
            f'narrow the platforms of [tool.accelock.target."{target}"]{named}.'
        )
    return f"If no conda channel has {target.kind.name} builds of it, leave it to pip."
