"""A small site modelled on download.pytorch.org and PyPI, with their traps.

    /whl/cpu, cu118, cu126, rocm6.3, cu110, cu102   an index per target
    /whl                                            the union of them
    /whl/torch_stable.html                          torch and torchvision of all, as find-links
    /simple                                         like PyPI: its torch is a CUDA build

The traps: every PyTorch index lists the files in /whl itself too, which are copies of PyPI's (other
bytes under the same name, and a filelock newer than any on /simple, so that a leak shows); it
answers 403 for a project that it lacks; its pages do not know Requires-Python; torch's wheels of
one version require different things.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.support.pypi_projects import pypi_distributions
from tests.support.sites import FindLinks, HostedFile, Index, Site
from tests.support.torch_releases import (
    NVIDIA,
    NVIDIA_REQUIRES,
    PYTHONS,
    RELEASES,
    SEED,
    Build,
    Release,
    torch_builds,
    torch_requires,
    torchvision_label,
)
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEXED = ("cpu", "cu118", "cu126", "rocm6.3", "cu110", "cu102")
LEAK = "99.0"
CUDA_OF_PYPI = ("2.6.0", "2.7.1", "2.8.0", "2.10.0")


@functools.cache
def pytorch_site(releases: tuple[Release, ...] = RELEASES) -> Site:
    """The whole site; it is made once in a process."""
    by_target = {target: tuple(family_files(target, releases)) for target in INDEXED}
    triton = tuple(each.triton for each in releases if each.triton)
    shared = tuple(
        HostedFile(f"/whl/{each.filename}", each) for each in shared_distributions(triton)
    )
    indexes = [Index.of(f"/whl/{name}", files + shared) for name, files in by_target.items()]
    family = sorted((f for files in by_target.values() for f in files), key=lambda f: f.path)
    union = Index.of("/whl", (*family, *shared))
    pypi = (*pypi_distributions(), *pypi_family(releases))
    simple = Index.of("/simple", (HostedFile(f"/packages/{each.filename}", each) for each in pypi))
    page = FindLinks("/whl/torch_stable.html", tuple(family))
    site = Site((*indexes, union, simple), (page,))
    return site.configured("/whl", format="html", absent=403, requires_python=False)


def family_files(target: str, releases: tuple[Release, ...]) -> Iterator[HostedFile]:
    """What an index has of its own: torch and torchvision, under /whl/<target>/."""
    for release in (SEED, *releases):
        for build in torch_builds(release):
            if build.target == target:
                for python in PYTHONS:
                    yield hosted(target, torch_wheel(release, build, python))
                    yield hosted(target, torchvision_wheel(release, build, python))


def hosted(target: str, distribution: Distribution) -> HostedFile:
    return HostedFile(f"/whl/{target}/{distribution.filename}", distribution)


def torch_wheel(release: Release, build: Build, python: str, note: str = "") -> Distribution:
    version = release.torch + build.label
    abi = "none" if build.platform.startswith("macos") else python
    requires = torch_requires(release, build.target, build.platform)
    cuda = f"{build.target[2:-1]}.{build.target[-1]}" if build.target.startswith("cu") else None
    files = {
        "torch/__init__.py": f"from torch import version\n__version__ = {version!r}\n",
        "torch/version.py": f"__version__ = {version!r}\ncuda = {cuda!r}\n",
    }
    tag = f"{python}-{abi}-{build.tag}"
    extras = () if release == SEED else ("opt-einsum",)
    return wheel("torch", version, tag, requires, ">=3.9.0", extras, files=files, note=note)


def torchvision_wheel(release: Release, build: Build, python: str, note: str = "") -> Distribution:
    version = release.torchvision + torchvision_label(build)
    tag = f"{python}-{python}-{build.tag.replace('manylinux_2_28_aarch64', 'linux_aarch64')}"
    return wheel("torchvision", version, tag, release.vision, ">=3.9", note=note)


def shared_distributions(triton: tuple[str, ...]) -> Iterator[Distribution]:
    """The files in /whl itself, which every index lists."""
    note = "of the PyTorch index"
    yield from nvidia_wheels(("cu118", "cu126"), note)
    yield from triton_wheels("triton", triton, note)
    yield from triton_wheels("pytorch-triton-rocm", ("3.3.1", "3.4.0"), note)
    copied = {"jinja2": {"3.1.6"}, "markupsafe": {"3.0.2"}, "numpy": {"2.1.2"}}
    for each in pypi_distributions(note):
        if each.is_wheel and each.version in copied.get(each.project, ()):
            yield each
    yield wheel("filelock", LEAK)


def pypi_family(releases: tuple[Release, ...]) -> Iterator[Distribution]:
    """What PyPI has of torch: no label anywhere, CUDA on Linux, its own bytes on macOS."""
    note = "of PyPI"
    there = [each for each in releases if each.torch in CUDA_OF_PYPI]
    for release in there:
        for build in pypi_builds():
            for python in PYTHONS:
                yield torch_wheel(release, build, python, note)
                yield torchvision_wheel(release, build, python, note)
    yield from nvidia_wheels(("cu126", "cu128"), note)
    triton = tuple(each.triton for each in there if each.triton)
    yield from triton_wheels("triton", triton, note)


def pypi_builds() -> tuple[Build, ...]:
    return (
        Build("cu128", "linux-x86_64", "manylinux_2_28_x86_64", ""),
        Build("cpu", "linux-aarch64", "manylinux_2_28_aarch64", ""),
        Build("cpu", "macos-arm64", "macosx_11_0_arm64", ""),
        Build("cpu", "windows-x86_64", "win_amd64", ""),
    )


def nvidia_wheels(targets: tuple[str, ...], note: str) -> Iterator[Distribution]:
    pins = {
        pin for (target, _), each in NVIDIA.items() if target in targets for pin in each.items()
    }
    for name, version in sorted(pins):
        for tag in ("manylinux2014_x86_64", "manylinux2014_aarch64", "win_amd64"):
            if not ("nccl" in name and tag == "win_amd64"):
                requires = NVIDIA_REQUIRES.get(name, ())
                yield wheel(name, version, f"py3-none-{tag}", requires, ">=3", note=note)


def triton_wheels(name: str, versions: tuple[str, ...], note: str) -> Iterator[Distribution]:
    for version in versions:
        requires = ("setuptools>=40.8.0",) if version >= "3.3" and name == "triton" else ()
        tag = "linux_x86_64" if "rocm" in name else "manylinux_2_27_x86_64.manylinux_2_28_x86_64"
        for python in PYTHONS:
            yield wheel(name, version, f"{python}-{python}-{tag}", requires, note=note)
