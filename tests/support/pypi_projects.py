"""What the PyPI-like index has besides torch: real names and requirements, shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.torch_releases import PYTHONS
from tests.support.wheels import Distribution, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

PLATFORM_TAGS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_2_x86_64",  # fits no platform of ours, nor does win32: never to be hashed
    "macosx_11_0_arm64",
    "macosx_10_9_x86_64",
    "win_amd64",
    "win32",
)
ON_WINDOWS = 'platform_system == "Windows"'
# name, version, Requires-Python, requirements: wheels for any platform
PURE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("filelock", "3.16.1", ">=3.8", ()),
    ("filelock", "3.18.0", ">=3.9", ()),
    ("fsspec", "2025.5.1", ">=3.9", ()),
    ("jinja2", "3.1.5", ">=3.7", ("MarkupSafe>=2.0",)),
    ("jinja2", "3.1.6", ">=3.7", ("MarkupSafe>=2.0",)),
    ("mpmath", "1.3.0", ">=3.7", ()),
    ("networkx", "3.4.2", ">=3.10", ()),
    ("networkx", "3.5", ">=3.11", ()),  # newer than Python 3.10 can have
    ("opt-einsum", "3.4.0", ">=3.8", ()),
    ("setuptools", "70.2.0", ">=3.8", ()),
    ("sympy", "1.13.1", ">=3.8", ("mpmath<1.4,>=1.1.0",)),
    ("sympy", "1.13.3", ">=3.8", ("mpmath<1.4,>=1.1.0",)),
    ("sympy", "1.14.0", ">=3.9", ("mpmath<1.4,>=1.1.0",)),
    ("typing-extensions", "4.12.2", ">=3.8", ()),
    ("typing-extensions", "4.14.0", ">=3.9", ()),
    ("colorama", "0.4.6", ">=3.7", ()),
    ("tqdm", "4.66.5", ">=3.7", (f"colorama; {ON_WINDOWS}",)),
    ("tqdm", "4.67.1", ">=3.7", (f"colorama; {ON_WINDOWS}",)),
    ("click", "8.2.1", ">=3.10", (f"colorama; {ON_WINDOWS}",)),
    ("h11", "0.16.0", ">=3.8", ()),
    ("six", "1.17.0", ">=2.7", ()),
    ("python-dateutil", "2.9.0", ">=2.7", ("six>=1.5",)),
    ("pytz", "2025.2", ">=2.7", ()),
    ("tzdata", "2025.2", ">=2", ()),
    ("einops", "0.8.1", ">=3.8", ()),
    ("lightning", "2.5.1", ">=3.9", ("torch<4.0,>=2.1.0", "tqdm<6.0,>=4.57.0")),
    ("hydra-core", "1.3.2", ">=3.8", ("antlr4-python3-runtime==4.9.*",)),
)
NO_UVLOOP = """sys_platform != 'win32' and (sys_platform != 'cygwin' and \
platform_python_implementation != 'PyPy')"""
UVICORN = (
    "click>=7.0",
    "h11>=0.8",
    'typing-extensions>=4.0; python_version < "3.11"',
    'colorama>=0.4; sys_platform == "win32" and extra == "standard"',
    f"uvloop>=0.15.1; ({NO_UVLOOP}) and extra == 'standard'",
)
PANDAS = (
    'numpy>=1.22.4; python_version < "3.11"',
    'numpy>=1.23.2; python_version == "3.11"',
    'numpy>=1.26.0; python_version >= "3.12"',
    "python-dateutil>=2.8.2",
    "pytz>=2020.1",
    "tzdata>=2022.7",
)
# Wheels for each Python and platform
BINARY: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("numpy", "1.26.4", ">=3.9", ()),
    ("numpy", "2.1.2", ">=3.10", ()),
    ("numpy", "2.2.6", ">=3.10", ()),
    ("pandas", "2.2.3", ">=3.9", PANDAS),
    ("pillow", "11.0.0", ">=3.9", ()),
    ("markupsafe", "3.0.2", ">=3.9", ()),
)


def pypi_distributions(note: str = "") -> Iterator[Distribution]:
    """Everything but torch; with a note, the same files with other bytes."""
    for name, version, python, requires in PURE:
        yield wheel(name, version, "py3-none-any", requires, python, note=note)
    for name, version, python, requires in BINARY:
        for tag in PLATFORM_TAGS:
            for each in PYTHONS:
                yield wheel(name, version, f"{each}-{each}-{tag}", requires, python, note=note)
    yield from uvicorn(note)
    yield from sdists()


def uvicorn(note: str) -> Iterator[Distribution]:
    yield wheel("uvicorn", "0.34.3", "py3-none-any", UVICORN, ">=3.9", ("standard",), note=note)
    for tag in PLATFORM_TAGS[:5]:  # none for Windows, as its marker says
        for each in PYTHONS:
            yield wheel("uvloop", "0.21.0", f"{each}-{each}-{tag}", (), ">=3.8", note=note)


def sdists() -> Iterator[Distribution]:
    """Beside wheels, as PyPI has them; and projects that have nothing else."""
    yield sdist("numpy", "2.2.6", (), ">=3.10")
    yield sdist("tqdm", "4.67.1", (f"colorama; {ON_WINDOWS}",), ">=3.7")
    yield sdist("jinja2", "3.1.6", ("MarkupSafe>=2.0",), ">=3.7")
    yield sdist("static-sdist", "1.0", ("tqdm", f"colorama; {ON_WINDOWS}"))
    yield sdist("dynamic-sdist", "1.0", ("tqdm", f"colorama; {ON_WINDOWS}"), dynamic=True)
    typing = 'typing; python_version < "3.5"'
    yield sdist("antlr4-python3-runtime", "4.9.3", (typing,), dynamic=True)
