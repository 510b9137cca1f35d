"""The vocabulary: Python versions, platforms, targets and cells. Pure values, no I/O.

Platforms answer for machines that are not this one: their PEP 508 environment and their wheel tags
(PEP 425, 600) come from tables here, never from `sys` or `platform`.
"""

from __future__ import annotations

import difflib
import enum
import functools
import platform as host
import re
import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging import tags as packaging_tags

from accelock.errors import NEAR, AccelockError, UnknownWordError, nearest_word

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from packaging.tags import Tag

__all__ = [
    "CONDA_ALIASES",
    "CPU",
    "DEFAULT_PLATFORMS",
    "PLATFORMS",
    "PYTHONS",
    "Cell",
    "Kind",
    "Levels",
    "Platform",
    "PythonVersion",
    "Target",
    "host_platform",
    "newest_of",
    "parse_platform",
    "parse_target",
    "sort_targets",
]

_PYTHON = re.compile(r"3\.(\d{1,2})")
_CUDA = re.compile(r"cu(\d{1,2})(\d)")
_RELEASE = re.compile(r"(?<![\d.])(\d+)\.(\d+)\.(\d+)")
_ROCM = re.compile(r"rocm(\d+(?:\.\d+){1,2})")

# PEP 600: the older names of three glibc levels. manylinux1 and 2010 were never defined for ARM.
_LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# A patch release later than any that there is.
_LATE = 99
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}


@dataclass(frozen=True, slots=True, order=True)
class PythonVersion:
    """A minor version of CPython, such as 3.12."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> PythonVersion:
        """Read "3.12"; anything else raises AccelockError."""
        found = _PYTHON.fullmatch(text)
        if found is None:
            raise AccelockError(f"{text!r} is not a Python version; write it as in '3.12'")
        return cls(3, int(found[1]))

    @classmethod
    def host(cls) -> PythonVersion:
        """Return the version of the interpreter that runs this."""
        return cls(sys.version_info[0], sys.version_info[1])

    def release(self, patch: int = 0) -> str:
        """Return a release: the first, "3.12.0", is what a lock for 3.12 may count on."""
        return f"{self}.{patch}"

    def patches(self, *texts: str) -> tuple[int, ...]:
        """Return patch releases among which are all that markers or constraints tell apart.

        :param texts: markers (PEP 508) or version constraints (PEP 440, or Poetry's).

        The first and a late one, and those next to each release of this version that a text names.
        """
        found = {0, _LATE}
        for major, minor, patch in _RELEASE.findall("\n".join(texts)):
            if (int(major), int(minor)) == (self.major, self.minor):
                found |= {max(int(patch) + step, 0) for step in (-1, 0, 1)}
        return tuple(sorted(found))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


#: Those that wheels are looked for, where a project's own constraint picks among them.
PYTHONS: tuple[PythonVersion, ...] = tuple(PythonVersion(3, minor) for minor in range(8, 20))


@dataclass(frozen=True, slots=True)
class Levels:
    """The oldest system that a lock must run on: glibc on Linux, and the release of macOS."""

    glibc: tuple[int, int] = (2, 28)
    macos: tuple[int, int] = (14, 0)


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system on an architecture; the field names are PEP 508's, less `platform_`."""

    name: str
    sys_platform: str
    platform_system: str
    os_name: str
    machine: str
    conda_subdir: str

    def marker_environment(self, python: PythonVersion, patch: int = 0) -> dict[str, str]:
        """Return the PEP 508 environment of a patch release of CPython `python` on this platform.

        `platform_release` and `platform_version` are left out on purpose: a platform does not have
        one, and a marker that asks for it must be found out, not answered with this machine's.
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": python.release(patch),
            "os_name": self.os_name,
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": self.platform_system,
            "python_full_version": python.release(patch),
            "python_version": str(python),
            "sys_platform": self.sys_platform,
        }

    def wheel_platforms(self, levels: Levels) -> tuple[str, ...]:
        """Return the platform tags of wheels that run here, best first (PEP 425, 600)."""
        if self.sys_platform == "linux":
            return tuple(_manylinux(self.machine, levels.glibc[1]))
        if self.sys_platform == "darwin":
            return tuple(packaging_tags.mac_platforms(levels.macos, self.machine))
        return (f"win_{self.machine.lower()}",)

    def tags(self, python: PythonVersion, levels: Levels) -> tuple[Tag, ...]:
        """Return the tags of wheels that CPython `python` installs here, best first (PEP 425)."""
        return _tags(self, python, levels)

    def __str__(self) -> str:
        return self.name


def _manylinux(machine: str, glibc_minor: int) -> Iterator[str]:
    for minor in range(glibc_minor, _OLDEST_GLIBC_MINOR[machine] - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY_MANYLINUX:
            yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
    yield f"linux_{machine}"


@functools.cache
def _tags(platform: Platform, python: PythonVersion, levels: Levels) -> tuple[Tag, ...]:
    version = (python.major, python.minor)
    interpreter = f"cp{python.major}{python.minor}"
    platforms = platform.wheel_platforms(levels)
    # The ABI is given because packaging would ask the running interpreter, which may be a debug or
    # a free-threaded build.
    own = packaging_tags.cpython_tags(version, abis=[interpreter], platforms=platforms)
    shared = packaging_tags.compatible_tags(version, interpreter=interpreter, platforms=platforms)
    return (*own, *shared)


PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            Platform("linux-x86_64", "linux", "Linux", "posix", "x86_64", "linux-64"),
            Platform("linux-aarch64", "linux", "Linux", "posix", "aarch64", "linux-aarch64"),
            Platform("macos-arm64", "darwin", "Darwin", "posix", "arm64", "osx-arm64"),
            Platform("macos-x86_64", "darwin", "Darwin", "posix", "x86_64", "osx-64"),
            Platform("windows-x86_64", "win32", "Windows", "nt", "AMD64", "win-64"),
        )
    }
)
DEFAULT_PLATFORMS: tuple[Platform, ...] = tuple(
    PLATFORMS[name] for name in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
)
CONDA_ALIASES: Mapping[str, str] = MappingProxyType(
    {platform.conda_subdir: platform.name for platform in PLATFORMS.values()}
)


def parse_platform(word: str) -> Platform:
    """Return the platform of that name, or of that conda subdir.

    Raises UnknownWordError, which offers the nearest name.
    """
    name = CONDA_ALIASES.get(word, word)
    if name not in PLATFORMS:
        # Names first: "linux-arm64" is spelt more like linux-64 than like linux-aarch64.
        near = _by_parts(word) or nearest_word(word, PLATFORMS)
        near = near or nearest_word(word, CONDA_ALIASES)
        raise UnknownWordError("platform", word, tuple(PLATFORMS), nearest=near)
    return PLATFORMS[name]


def _by_parts(word: str) -> str | None:
    """Find what other tools call a system and a processor: `linux/amd64` of Docker and OCI."""
    system = re.search(r"linux|darwin|macos|osx|win", word.lower())
    machine = re.search(r"amd64|x86[-_]64|x64|arm64|aarch64", word.lower())
    if system is None or machine is None:
        return None
    systems = {"linux": "linux", "win": "windows"}
    is_arm = machine[0] in ("arm64", "aarch64")
    arms = {"linux": "linux-aarch64", "macos": "macos-arm64"}
    name = systems.get(system[0], "macos")
    return arms.get(name) if is_arm else f"{name}-x86_64"


def host_platform() -> Platform | None:
    """Return the platform of this machine, or None where accelock has no name for it."""
    machine = host.machine().lower()
    for platform in PLATFORMS.values():
        aliases = {"x86_64": ("x86_64", "amd64"), "aarch64": ("aarch64", "arm64")}
        names = aliases.get(platform.machine, (platform.machine.lower(),))
        if platform.sys_platform == sys.platform and machine in names:
            return platform
    return None


class Kind(enum.Enum):
    """What a target computes on; the value is how its names begin."""

    CPU = "cpu"
    CUDA = "cu"
    ROCM = "rocm"
    XPU = "xpu"


_PLATFORMS_OF_KIND: Mapping[Kind, frozenset[str]] = {
    Kind.CPU: frozenset(PLATFORMS),
    Kind.CUDA: frozenset({"linux-x86_64", "linux-aarch64", "windows-x86_64"}),
    Kind.ROCM: frozenset({"linux-x86_64"}),
    Kind.XPU: frozenset({"linux-x86_64", "windows-x86_64"}),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A hardware variant: `cpu`, `cu126`, `rocm6.2.4`, `xpu`.

    `version` is CUDA's or ROCm's, such as (12, 6) or (6, 2, 4); it is empty for the others.
    """

    name: str
    kind: Kind
    version: tuple[int, ...]

    def exists_on(self, platform: Platform) -> bool:
        """Tell whether builds for this kind of hardware are made for `platform` at all."""
        return platform.name in _PLATFORMS_OF_KIND[self.kind]

    def __str__(self) -> str:
        return self.name


# What people call the hardware, or its maker, who mean the targets for it.
_VENDOR_WORDS: Mapping[str, Kind] = {
    **dict.fromkeys(("cuda", "gpu", "nvidia"), Kind.CUDA),
    **dict.fromkeys(("amd", "hip", "rocm"), Kind.ROCM),
    **dict.fromkeys(("intel", "oneapi", "sycl"), Kind.XPU),
    **dict.fromkeys(("apple", "metal", "mps"), Kind.CPU),
}

# How many targets of a kind a message lists, the newest first, and how to choose one of them.
_OFFERED = 6
_ADVICE = "`accelock targets` shows the torch and the driver of each"

#: The target of the builds for the processor alone.
CPU = Target(name="cpu", kind=Kind.CPU, version=())


@dataclass(frozen=True, slots=True)
class Cell:
    """One target on one platform for one Python: what a resolver solves at a time."""

    target: Target
    platform: Platform
    python: PythonVersion

    def __str__(self) -> str:
        return f"{self.target}, {self.platform}, Python {self.python}"


def parse_target(
    word: str, known: Collection[str], runs: Callable[[Kind], str | None] = lambda _kind: None
) -> Target:
    """Return the target of that name.

    A well-formed name that `known` lacks is taken only where it is newer than every known one of
    its kind (and by one major version at most): a new CUDA must not need a new accelock. All else
    raises UnknownWordError, which offers the nearest known name. For "cuda" or "gpu" that is the
    one that `runs` returns of a kind, which this machine can run; else it lists the newest.
    """
    target = _well_formed(word)
    if target is not None and (word in known or _is_newer(target, known)):
        return target
    there = sort_targets(known)
    valid = [each.name for each in there]
    offered = [name for kind in Kind for name in _newest_first(there, kind)[:_OFFERED]]
    if word in PLATFORMS or word in CONDA_ALIASES or _by_parts(word):
        raise UnknownWordError("target", word, offered, note="it is a platform")
    kind = _VENDOR_WORDS.get(word.lower())
    if kind and (names := _newest_first(there, kind)):
        note = "the cpu builds use Apple's GPUs" if kind is Kind.CPU else ""
        near = runs(kind) or (names[0] if len(names) == 1 else "")
        offered = names[:_OFFERED]
        raise UnknownWordError("target", word, offered, nearest=near, note=note, advice=_ADVICE)
    raise UnknownWordError(
        "target", word, offered, nearest=_nearest_target(word, valid), advice=_ADVICE
    )


def newest_of(kind: Kind, targets: Collection[Target]) -> str | None:
    """Return the name of the newest of some targets that is of a kind, or None."""
    return next(iter(_newest_first(targets, kind)), None)


def _newest_first(targets: Collection[Target], kind: Kind) -> list[str]:
    names = [each.name for each in targets if each.kind is kind]
    return [each.name for each in reversed(sort_targets(names))]


def sort_targets(names: Collection[str]) -> tuple[Target, ...]:
    """Return the targets of these names for people to read: by kind, then by version."""
    kinds = list(Kind)
    targets = [target for name in names if (target := _well_formed(name)) is not None]
    return tuple(sorted(targets, key=lambda target: (kinds.index(target.kind), target.version)))


def _well_formed(word: str) -> Target | None:
    if word in (Kind.CPU.value, Kind.XPU.value):
        return Target(word, Kind(word), ())
    if found := _CUDA.fullmatch(word):
        return Target(word, Kind.CUDA, (int(found[1]), int(found[2])))
    if found := _ROCM.fullmatch(word):
        return Target(word, Kind.ROCM, tuple(int(part) for part in found[1].split(".")))
    return None


def _is_newer(target: Target, known: Collection[str]) -> bool:
    versions = [other.version for other in sort_targets(known) if other.kind is target.kind]
    if not target.version or not versions:
        return False
    newest = max(versions)
    return target.version > newest and target.version[0] <= newest[0] + 1


def _nearest_target(word: str, valid: Collection[str]) -> str | None:
    """Find what was meant: "CUDA 12.6" and "cu12.6" are cu126, "rocm63" is rocm6.3.

    Of those that begin with the word ("cu12") it is the newest.
    """
    plain = re.sub(r"[^a-z0-9]", "", word.lower().replace("cuda", "cu"))
    scores = {
        name: difflib.SequenceMatcher(None, plain, name.replace(".", "")).ratio() for name in valid
    }
    best = max(scores.values(), default=0.0)
    if best <= NEAR:
        return None
    equals = [name for name in valid if scores[name] == best]
    if begun := [name for name in equals if name.replace(".", "").startswith(plain)]:
        return max(begun, key=_number)
    return min(equals, key=lambda name: abs(_number(name) - _number(plain)))


def _number(name: str) -> int:
    return int(re.sub(r"\D", "", name) or 0)
