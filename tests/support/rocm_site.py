"""rocm7.14: torch from PyTorch's index asks for ROCm, which AMD has on an index of its own.

/whl/rocm7.14          torch, and its compiler
/rocm/whl-multi-arch   AMD's: `rocm`, an sdist that asks for the rest when it is built, wheels
                       for each GPU, and builds of torch with another label
/simple                like PyPI, without any of them
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.support.pypi_projects import pypi_distributions
from tests.support.sites import HostedFile, Index, Site
from tests.support.wheels import Distribution, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = "rocm7.14"
AMD = "/rocm/whl-multi-arch"
GPUS = ("gfx942", "gfx1100")
ROCM = "7.14.1"
PYTHONS = ("cp310", "cp311", "cp312", "cp313")
#: What a lock has, but for what torch asks for on every target.
PINS = {
    "torch": f"2.14.1+{TARGET}",
    "triton-rocm": "3.8.0",
    "rocm": ROCM,
    **{f"rocm-sdk-{name}": ROCM for name in ("core", "libraries", *(f"device-{g}" for g in GPUS))},
}


@functools.cache
def rocm_site() -> Site:
    """The whole site; it is made once in a process."""
    by_index = {f"/whl/{TARGET}": pytorch(), AMD: amd(), "/simple": pypi_distributions()}
    site = Site(
        tuple(
            Index.of(path, (HostedFile(f"{path}/{each.filename}", each) for each in files))
            for path, files in by_index.items()
        )
    )
    site = site.configured("/whl", format="html", absent=403, requires_python=False)
    return site.configured(AMD, format="html", hashes="none")


def pytorch() -> Iterator[Distribution]:
    requires = ("filelock", "rocm[device-all,libraries]==7.14.*", "triton-rocm==3.8.0")
    for python in PYTHONS:
        tag = f"{python}-{python}-manylinux_2_28_x86_64"
        yield wheel("torch", f"2.14.1+{TARGET}", tag, requires)
        yield wheel("triton-rocm", "3.8.0", tag)


def amd() -> Iterator[Distribution]:
    devices = [f'rocm-sdk-device-{gpu}=={ROCM}; extra == "device-{gpu}"' for gpu in GPUS]
    every = [f'rocm-sdk-device-{gpu}=={ROCM}; extra == "device-all"' for gpu in GPUS]
    libraries = f'rocm-sdk-libraries=={ROCM}; extra == "libraries"'
    requires = (f"rocm-sdk-core=={ROCM}", libraries, *devices, *every)
    extras = ("libraries", "device-all", *(f"device-{gpu}" for gpu in GPUS))
    yield sdist("rocm", ROCM, requires, dynamic=True, extras=extras)
    for name in ("core", "libraries", *(f"device-{gpu}" for gpu in GPUS)):
        yield wheel(f"rocm-sdk-{name}", ROCM, "py3-none-linux_x86_64")
    for python in PYTHONS:
        yield wheel("torch", f"2.14.1+{TARGET}.0", f"{python}-{python}-linux_x86_64")
