"""Packages other than PyTorch with builds per hardware: each target gets its own, whoever leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import builds
from accelock.targets import Kind
from tests.conda.projects import Project, findings, packages
from tests.conda.scenarios import noarch, package
from tests.support.channels import Channel, Package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

TABLE = """\
[tool.accelock]
targets = [{targets}]
platforms = ["linux-x86_64"]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
{asked}
"""
TOOLKITS = (
    *(noarch("cuda-version", version) for version in ("12.6", "12.9")),
    *(package("libcublas", f"{v}.4", "h0_0", f"cuda-version {v}.*") for v in ("12.6", "12.9")),
    *(package("libcufft", f"{v}.3", "h0_0", f"cuda-version {v}.*") for v in ("12.6", "12.9")),
    *(package("python", version) for version in ("3.11.9", "3.12.4")),
)
NEEDS = ("cuda-version >=12.6,<13", "libcublas >=12.6")
NEEDS_9 = ("cuda-version >=12.9,<13", "libcublas >=12.9")


def of_pythons(name: str, version: str, build: str, *depends: str, number: int) -> list[Package]:
    """A package with a build per Python; `{py}` in `build` is that Python."""
    return [
        package(name, version, build.format(py=py), f"python 3.{py[1:]}.*", *depends, number=number)
        for py in ("311", "312")
    ]


# Each as its feedstock builds it: the CPU's build, and the builds for CUDA.
SHAPES: dict[str, tuple[str, Sequence[Package], str, str]] = {
    "jaxlib": (
        "jaxlib",
        [
            *of_pythons("jaxlib", "0.6.0", "cpu_py{py}h0_0", number=0),
            *of_pythons("jaxlib", "0.6.0", "cuda126py{py}h1_200", "__cuda", *NEEDS, number=200),
        ],
        "0.6.0 cpu_py312h0_0",
        "0.6.0 cuda126py312h1_200",
    ),
    "tensorflow": (
        "tensorflow-base",
        [
            *of_pythons(
                "tensorflow",
                "2.18.0",
                "cpu_py{py}h0_0",
                "tensorflow-base 2.18.0 cpu_py{py}h1_0",
                number=0,
            ),
            *of_pythons(
                "tensorflow",
                "2.18.0",
                "cuda126py{py}h0_200",
                "tensorflow-base 2.18.0 cuda126py{py}h1_200",
                number=200,
            ),
            *of_pythons("tensorflow-base", "2.18.0", "cpu_py{py}h1_0", number=0),
            *of_pythons("tensorflow-base", "2.18.0", "cuda126py{py}h1_200", *NEEDS, number=200),
        ],
        "2.18.0 cpu_py312h1_0",
        "2.18.0 cuda126py312h1_200",
    ),
    "onnxruntime": (
        "onnxruntime",
        [
            *of_pythons("onnxruntime", "1.20.1", "py{py}h55b6b6d_0_cpu", number=0),
            *of_pythons("onnxruntime", "1.20.1", "py{py}h66c7c7e_0_cuda", *NEEDS, number=0),
        ],
        "1.20.1 py312h55b6b6d_0_cpu",
        "1.20.1 py312h66c7c7e_0_cuda",
    ),
    "lightgbm": (
        "lightgbm",
        [
            *of_pythons("lightgbm", "4.5.0", "cpu_py{py}_0", number=3),
            *of_pythons("lightgbm", "4.5.0", "cuda_py{py}h_0", "__cuda", *NEEDS, number=3),
        ],
        "4.5.0 cpu_py312_0",
        "4.5.0 cuda_py312h_0",
    ),
    "xgboost": (
        "libxgboost",
        [
            noarch("xgboost", "2.1.4", "cpu_pyh1_0", "libxgboost 2.1.4 cpu*", number=5),
            noarch("xgboost", "2.1.4", "cuda126_pyh1_0", "libxgboost 2.1.4 cuda126*", "__cuda"),
            package("libxgboost", "2.1.4", "cpu_h1_0", number=5),
            package("libxgboost", "2.1.4", "cuda126_h2_0", *NEEDS),
        ],
        "2.1.4 cpu_h1_0",
        "2.1.4 cuda126_h2_0",
    ),
    "faiss": (
        "libfaiss",
        [
            noarch("libfaiss-proc", "1.0.0", "cpu", number=9),
            noarch("libfaiss-proc", "1.0.0", "cuda"),
            package("faiss", "1.9.0", "py312h0_0_cpu", "libfaiss 1.9.0 h1_0_cpu", number=9),
            package("faiss", "1.9.0", "py312h0_0_cuda", "libfaiss 1.9.0 h2_0_cuda12.6"),
            package("libfaiss", "1.9.0", "h1_0_cpu", "libfaiss-proc * cpu", number=9),
            package("libfaiss", "1.9.0", "h2_0_cuda12.6", "libfaiss-proc * cuda", *NEEDS),
        ],
        "1.9.0 h1_0_cpu",
        "1.9.0 h2_0_cuda12.6",
    ),
    # Nothing but the dependencies tells: the build strings are hashes.
    "openmm": (
        "openmm",
        [
            *of_pythons("openmm", "8.2.0", "py{py}hbeef123_9", number=9),
            *of_pythons("openmm", "8.2.0", "py{py}hcafe456_1", "libcufft >=12.6", number=1),
        ],
        "8.2.0 py312hbeef123_9",
        "8.2.0 py312hcafe456_1",
    ),
}
NUMBERED = next(iter(SHAPES.values()))


def filled(found: Sequence[Package]) -> list[Package]:
    """Packages whose exact dependencies name the build for the same Python."""
    return [
        Package(
            each.name, each.version, each.build, each.subdir,
            tuple(text.replace("{py}", "311" if "311" in each.build else "312")
                  for text in each.depends),
            each.constrains, each.build_number, each.noarch, more=each.more,
        )
        for each in found
    ]  # fmt: skip


def declare(
    project: Project, server: ChannelServer, asked: str, targets: str = '"cpu", "cu126"'
) -> Project:
    channel = server.channel("forge")
    project.write("pyproject.toml", TABLE.format(targets=targets, channel=channel, asked=asked))
    return project


@pytest.mark.parametrize("targets", ['"cpu", "cu126"', '"cu126", "cpu"'])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_target_gets_its_own_builds(
    project: Project, serve_channels: Serve, shape: str, targets: str
) -> None:
    name, found, cpu, cuda = SHAPES[shape]
    server = serve_channels(forge=Channel.of(TOOLKITS, filled(found)))
    declare(project, server, f'{shape} = "*"', targets).lock()
    assert packages(project, "conda-cpu-lock.yml")[name] == cpu
    assert packages(project, "conda-cu126-lock.yml")[name] == cuda
    assert findings(project) == {}
    before = project.files()
    project.lock("--update", name)
    project.lock("--update-all")
    assert project.files() == before


@pytest.mark.parametrize("shape", SHAPES)
def test_environment_yml_says_what_the_lock_says(
    project: Project, serve_channels: Serve, shape: str
) -> None:
    name, found, _, cuda = SHAPES[shape]
    server = serve_channels(forge=Channel.of(TOOLKITS, filled(found)))
    declare(project, server, f'{shape} = "*"').lock()
    version, build = cuda.split()
    entry = next(
        line.removeprefix("  - ")
        for line in project.read("environment-cu126.yml").splitlines()
        if line.startswith(f"  - {name}=")
    )
    said = entry.split("=")
    assert said[:2] == [name, version]
    assert builds.glob([build], None) is None or "cu" in said[2]
    if "hcafe" in build:  # of which no glob can tell
        assert said[2] == build


def test_a_version_that_the_target_lacks_is_passed_over(
    project: Project, serve_channels: Serve
) -> None:
    newer = of_pythons("jaxlib", "0.7.0", "cpu_py{py}h0_0", number=0)
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1], newer))
    declare(project, server, 'jaxlib = "*"').lock()
    assert packages(project, "conda-cpu-lock.yml")["jaxlib"] == "0.7.0 cpu_py312h0_0"
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cuda126py312h1_200"


def test_the_leaders_version_is_handed_on(project: Project, serve_channels: Serve) -> None:
    newer = of_pythons("jaxlib", "0.7.0", "cuda126py{py}h1_200", *NEEDS, number=200)
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1], newer))
    declare(project, server, 'jaxlib = "*"').lock()
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cuda126py312h1_200"


@pytest.mark.parametrize("target", ["cu126", "cu129"])
@pytest.mark.parametrize(
    "targets", ['"cu126", "cu129"', '"cu129", "cu126"', '"cpu", "cu126", "cu129"']
)
def test_of_two_that_would_do_the_target_gets_its_own(
    project: Project, serve_channels: Serve, targets: str, target: str
) -> None:
    both = [
        *NUMBERED[1],
        *of_pythons("jaxlib", "0.6.0", "cuda129py{py}h1_200", "__cuda", *NEEDS_9, number=200),
        # Nothing but their names tells these from each other.
        package("fancy", "1.0", "cuda126_0"),
        package("fancy", "1.0", "cuda129_0"),
        package("fancy", "1.0", "cpu_0"),
    ]
    server = serve_channels(forge=Channel.of(TOOLKITS, both))
    declare(project, server, 'jaxlib = "*"\nfancy = "*"', targets).lock()
    found = packages(project, f"conda-{target}-lock.yml")
    number = target.removeprefix("cu")
    assert found["jaxlib"] == f"0.6.0 cuda{number}py312h1_200"
    assert found["fancy"] == f"1.0 cuda{number}_0"


def test_the_build_for_an_older_cuda_where_there_is_no_own(
    project: Project, serve_channels: Serve
) -> None:
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1]))
    declare(project, server, 'jaxlib = "*"', '"cpu", "cu129"').lock()
    found = packages(project, "conda-cu129-lock.yml")
    assert found["jaxlib"] == "0.6.0 cuda126py312h1_200"
    assert found["libcublas"] == "12.9.4 h0_0"


def test_a_lock_with_the_wrong_builds_is_stale_and_cured(
    project: Project, serve_channels: Serve
) -> None:
    """As an older accelock wrote it: the leader's records, builds and all."""
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1]))
    declare(project, server, 'jaxlib = "*"').lock()
    theirs = "".join(
        line
        for line in project.read("conda-cpu-lock.yml").splitlines(keepends=True)
        if not line.startswith("#")
    )
    project.write("conda-cu126-lock.yml", theirs)
    assert findings(project)["conda-cu126-lock.yml"] == "unstamped-sidecar"
    project.lock()
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cuda126py312h1_200"


def test_a_build_that_is_asked_for_is_meant(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1]))
    declare(project, server, 'jaxlib = { version = "*", build = "cpu*" }').lock()
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cpu_py312h0_0"


def test_a_package_with_builds_for_the_target_that_do_not_fit_is_an_error(
    project: Project, serve_channels: Serve
) -> None:
    newer = of_pythons("jaxlib", "0.7.0", "cpu_py{py}h0_0", number=0)
    server = serve_channels(forge=Channel.of(TOOLKITS, NUMBERED[1], newer))
    done = declare(project, server, 'jaxlib = ">=0.7"').accelock("conda", "lock")
    assert done.code == 1
    assert (
        "cu126, linux-x86_64: this environment must be for CUDA, and these packages are not:\n"
        in done.err
    )
    assert (
        "jaxlib 0.7.0 cpu_py312h0_0 is not a CUDA build, and the channels have CUDA builds"
        in done.err
    )
    assert 'name the build that you mean: jaxlib = { build = "cpu*" }' in done.err
    assert set(project.files()) == set()


def test_a_package_without_builds_for_this_cuda_is_said(
    project: Project, serve_channels: Serve
) -> None:
    only = [
        *of_pythons("jaxlib", "0.6.0", "cpu_py{py}h0_0", number=0),
        *of_pythons("jaxlib", "0.6.0", "cuda129py{py}h1_200", "__cuda", *NEEDS_9, number=200),
    ]
    server = serve_channels(forge=Channel.of(TOOLKITS, only))
    done = declare(project, server, 'jaxlib = "*"').lock()
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cpu_py312h0_0"
    assert (
        "WARNING: cu126, linux-x86_64: jaxlib 0.6.0 cpu_py312h0_0 is a CPU build: no channel has "
        "a build of it for this target\n"
    ) in done.err
    assert "WARNING: cpu" not in done.err


def test_a_second_channel_has_no_say_in_what_the_first_has(
    project: Project, serve_channels: Serve
) -> None:
    """A package is taken from the first channel that has it (strict priority)."""
    cpu = of_pythons("jaxlib", "0.6.0", "cpu_py{py}h0_0", number=0)
    server = serve_channels(forge=Channel.of(TOOLKITS, cpu), other=Channel.of(NUMBERED[1]))
    declare(project, server, 'jaxlib = "*"')
    channels = f'["{server.channel("forge")}", "{server.channel("other")}"]'
    project.edit("pyproject.toml", f'["{server.channel("forge")}"]', channels)
    project.lock()
    assert packages(project, "conda-cu126-lock.yml")["jaxlib"] == "0.6.0 cpu_py312h0_0"


# What a build tells by itself


@pytest.mark.parametrize(
    ("build", "depends", "kind"),
    [
        ("cuda126py311h1_200", (), Kind.CUDA),
        ("py38_cu126", (), Kind.CUDA),
        ("h1_8_cuda", (), Kind.CUDA),
        ("hcafe456_1", ("libcublas >=12.6",), Kind.CUDA),
        ("hcafe456_1", ("conda-forge::cudatoolkit>=11",), Kind.CUDA),
        ("hcafe456_1", ("__cuda",), Kind.CUDA),
        ("py38_0", ("libfaiss 1.7.4 h2_0_cuda11.8",), Kind.CUDA),
        ("py38_0", ("arrow-cpp-proc * cpu",), Kind.CPU),
        ("cpu_py311h0_0", ("cuda-version >=12",), Kind.CPU),
        ("nocuda_h1_0", (), Kind.CPU),
        ("rocm6_h1_0", (), Kind.ROCM),
        ("xpu_h1_0", (), Kind.XPU),
        ("py312h5cafe12_0", ("python >=3.12", "__glibc >=2.17"), None),
        ("py312h5cafe12_0", ("gpustat", "python_abi 3.12.* *_cp312"), None),
    ],
)
def test_what_a_build_computes_on(build: str, depends: tuple[str, ...], kind: Kind | None) -> None:
    assert builds.kind_of(build, depends) is kind


@pytest.mark.parametrize(
    ("build", "cuda"),
    [
        ("cuda126py311h1_200", (12, 6)),
        ("cuda129_mkl_py312_h2_300", (12, 9)),
        ("py3.8_cuda11.8_cudnn8.7.0_0", (11, 8)),
        ("py3.8_cuda10.2.89_cudnn7.6.5_0", (10, 2)),
        ("py38_cu110", (11, 0)),
        ("py36_cuda92_0", (9, 2)),
        ("cuda12py312h0_0", (12,)),
        ("cuda_102py37h1234567_0", (10, 2)),
        ("h1_cuda_300", None),
        ("cpu_py311h0_0", None),
        ("nocuda126_0", None),
    ],
)
def test_which_cuda_a_build_names(build: str, cuda: tuple[int, ...] | None) -> None:
    assert builds.cuda_of(build) == cuda
