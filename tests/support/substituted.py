"""Wheels of the real shape of projects that targets have under other names, or with extras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.sites import Site

LINUX = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
MACOS = "macosx_14_0_arm64"
WINDOWS = "win_amd64"
PYTHONS = ("cp310", "cp311", "cp312", "cp313")


def with_substituted(site: Site) -> Site:
    """Return a site whose PyPI has them."""
    return site.with_files("/simple", *substituted())


def substituted() -> Iterator[Distribution]:
    for version in ("1.25.1", "1.26.0", "1.27.0", "1.32.0"):
        yield from builds("onnxruntime", version, (*LINUX, MACOS, WINDOWS))
    for version, platforms in {
        "1.18.1": (LINUX[0], WINDOWS),
        "1.25.1": (LINUX[0], WINDOWS),
        "1.26.0": (LINUX[0], WINDOWS),
        "1.27.0": (LINUX[0], WINDOWS),
        "1.31.1": (*LINUX, WINDOWS),
    }.items():
        yield from builds("onnxruntime-gpu", version, platforms)
    yield wheel("fastembed", "0.7.4", requires=("onnxruntime>=1.17",))
    extra = ("onnxruntime>=1.17 ; extra == 'onnx'",)
    yield wheel("flax", "0.12.0", requires=("jax>=0.8",))
    yield wheel("optimum", "2.1.0", requires=extra, extras=("onnx",))
    for version in ("0.9.2", "0.10.2"):
        yield wheel(
            "jax",
            version,
            requires=(
                f"jaxlib=={version}",
                f'jax-cuda12-plugin[with-cuda]=={version}; extra == "cuda12"',
                f'jax-cuda13-plugin=={version}; extra == "cuda13"',
            ),
            extras=("cuda12", "cuda13"),
        )
        yield from builds("jaxlib", version, (*LINUX, MACOS, WINDOWS))
        yield wheel("jax-cuda12-pjrt", version)
        for name in ("jax-cuda12-plugin", "jax-cuda13-plugin"):
            tags = [f"{python}-{python}-{each}" for python in PYTHONS for each in LINUX]
            for tag in tags:
                own = (f"jax-cuda12-pjrt=={version}",) if name == "jax-cuda12-plugin" else ()
                yield wheel(name, version, tag, own, extras=("with-cuda",))
    yield from builds("xgboost", "3.2.0", (*LINUX, MACOS, WINDOWS))
    yield from builds("xgboost-cpu", "3.2.0", (*LINUX, WINDOWS))
    yield from builds("cupy-cuda12x", "14.2.0", (*LINUX, WINDOWS))
    yield from builds("cudf-cu12", "26.6.0", LINUX)


def builds(name: str, version: str, platforms: Sequence[str]) -> Iterator[Distribution]:
    for python in PYTHONS:
        for platform in platforms:
            yield wheel(name, version, f"{python}-{python}-{platform}")
