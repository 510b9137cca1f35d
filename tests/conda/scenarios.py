"""Channels of every generation, small, in which a plain solve gives CUDA (or the CPU) unasked.

The records are modelled on real ones of the same names: build strings, dependencies, features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda.spec import parse
from tests.support.channels import MILLISECONDS, Channel, Package

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.conda.spec import Spec


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked of which channel, and a package that tells one outcome from the other.

    `tells` are the package's name and its builds, without the guard and with it. `host_cuda` is the
    CUDA of the machine on which the plain solve is done, where it takes one.
    """

    name: str
    channel: Channel
    asked: tuple[str, ...]
    tells: tuple[str, str, str]
    host_cuda: str | None = None

    @property
    def specs(self) -> tuple[Spec, ...]:
        return tuple(map(parse, self.asked))

    def __str__(self) -> str:
        return self.name


def package(
    name: str,
    version: str,
    build: str = "0",
    *depends: str,
    number: int = 0,
    constrains: Sequence[str] = (),
    subdir: str = "linux-64",
    **more: object,
) -> Package:
    if "cu1" in build or "cuda1" in build:  # their jobs ended last, and of equals the newest wins
        more.setdefault("timestamp", MILLISECONDS + 1000)
    return Package(
        name, version, build, subdir, depends, tuple(constrains), number,
        noarch="generic" if subdir == "noarch" else None, more=more,
    )  # fmt: skip


def noarch(
    name: str,
    version: str,
    build: str = "0",
    *depends: str,
    number: int = 0,
    constrains: Sequence[str] = (),
    **more: object,
) -> Package:
    return package(
        name, version, build, *depends, number=number, constrains=constrains, subdir="noarch",
        **more,
    )  # fmt: skip


PYTHON = package("python", "3.8.20")
TOOLKITS = tuple(package("cudatoolkit", v) for v in ("10.2.89", "11.0.221", "11.3.1", "11.8.0"))
MUTEX = (noarch("pytorch-mutex", "1.0", "cpu"), noarch("pytorch-mutex", "1.0", "cuda", number=100))
CPUONLY_1 = noarch("cpuonly", "1.0", "0", track_features="cpuonly")
CPUONLY_2 = noarch("cpuonly", "2.0", "0", "pytorch-mutex 1.0 cpu")

# The pytorch channel up to 1.9: the CPU build is one of a feature.
FEATURES = Channel.of(
    PYTHON,
    TOOLKITS,
    CPUONLY_1,
    package("pytorch", "1.7.1", "py3.8_cpu_0", "python >=3.8,<3.9.0a0", features="cpuonly"),
    package("pytorch", "1.7.1", "py3.8_cuda10.2.89_cudnn7.6.5_0", "python >=3.8,<3.9.0a0",
            "cudatoolkit >=10.2,<10.3"),
    package("pytorch", "1.7.1", "py3.8_cuda11.0.221_cudnn8.0.5_0", "python >=3.8,<3.9.0a0",
            "cudatoolkit >=11.0,<11.1"),
    package("torchvision", "0.8.2", "py38_cpu", "pytorch 1.7.1", features="cpuonly"),
    package("torchvision", "0.8.2", "py38_cu110", "pytorch 1.7.1", "cudatoolkit >=11.0,<11.1"),
    package("torchaudio", "0.7.2", "py38", "pytorch 1.7.1"),
)  # fmt: skip
# The same, after `cpuonly` had become a package that depends on the mutex, which these lack.
FEATURES_AND_MUTEX = FEATURES.without("cpuonly").with_packages(CPUONLY_2, *MUTEX)

# The pytorch channel from 1.13 on.
PYTORCH_CUDA = Channel.of(
    PYTHON,
    MUTEX,
    CPUONLY_2,
    package("pytorch", "2.1.0", "py3.8_cpu_0", "python 3.8.*", "pytorch-mutex 1.0 cpu",
            constrains=("cpuonly",)),
    package("pytorch", "2.1.0", "py3.8_cuda11.8_cudnn8.7.0_0", "python 3.8.*",
            "pytorch-cuda 11.8.*", "pytorch-mutex 1.0 cuda", "torchtriton 2.1.0",
            constrains=("cpuonly <0",)),
    package("pytorch", "2.1.0", "py3.8_cuda12.1_cudnn8.9.2_0", "python 3.8.*",
            "pytorch-cuda 12.1.*", "pytorch-mutex 1.0 cuda", "torchtriton 2.1.0",
            constrains=("cpuonly <0",)),
    package("torchtriton", "2.1.0", "py38", "pytorch"),
    package("pytorch-cuda", "11.8", "h7e8668a_3", "cuda-cudart 11.8.*"),
    package("pytorch-cuda", "12.1", "ha16c6d3_5", "cuda-cudart 12.1.*"),
    package("cuda-cudart", "11.8.89"),
    package("cuda-cudart", "12.1.105"),
    package("ignite", "0.4.13", "py_0", "pytorch >=1.3"),
)  # fmt: skip

VERSIONS = tuple(noarch("cuda-version", v, constrains=(f"cudatoolkit {v}.*",))
                 for v in ("11.8", "12.4", "12.6", "12.8", "12.9"))  # fmt: skip
LIBRARIES = (
    *(package("libcublas", f"{v}.4", "h0_0", f"cuda-version {v}.*") for v in ("12.6", "12.8")),
    *(package("libcufft", f"{v}.3", "h0_0", f"cuda-version {v}.*") for v in ("12.6", "12.8")),
)


def forge_pytorch(version: str, *cudas: str, cpu: bool = True) -> tuple[Package, ...]:
    """pytorch as conda-forge has it: libtorch apart, and metapackages for both kinds."""
    found: list[Package] = []
    if cpu:
        found += [
            package("libtorch", version, "cpu_generic_h1_0", constrains=("pytorch-gpu <0.0a0",)),
            package("pytorch", version, "cpu_generic_py38_h1_0", "python 3.8.*",
                    f"libtorch {version} cpu_generic_h1_0"),
            package("pytorch-cpu", version, "cpu_generic_py38_h1_0",
                    f"pytorch {version} cpu_generic_py38_h1_0", track_features="pytorch-cpu"),
        ]  # fmt: skip
    for cuda in cudas:
        short, major = cuda.replace(".", ""), int(cuda.partition(".")[0])
        found += [
            package("libtorch", version, f"cuda{short}_mkl_h2_300",
                    f"cuda-version >={cuda},<{major + 1}", f"libcublas >={cuda}", number=300),
            package("pytorch", version, f"cuda{short}_mkl_py38_h2_300", "python 3.8.*", "__cuda",
                    f"libtorch {version} cuda{short}_mkl_h2_300",
                    f"cuda-version >={cuda},<{major + 1}", number=300,
                    constrains=("pytorch-cpu <0.0a0",)),
            package("pytorch-gpu", version, f"cuda{short}_mkl_py38_h2_300",
                    f"pytorch {version} cuda{short}_mkl_py38_h2_300", number=300),
        ]  # fmt: skip
    return tuple(found)


FORGE = Channel.of(PYTHON, VERSIONS, LIBRARIES, forge_pytorch("2.6.0", "12.6", "12.8"))

# conda-forge's other libraries: nothing says that they need a GPU, and builds for CUDA go first.
LIBARROW = Channel.of(
    VERSIONS,
    LIBRARIES,
    package("libarrow", "18.1.0", "h1_0_cpu"),
    package("libarrow", "18.1.0", "h2_1_cuda", "cuda-version >=12.6,<13", "libcufft", number=1),
    package("libfancy", "1.0", "hbeef123_0"),
    package("libfancy", "1.0", "hcafe123_1", "cuda-version >=12.6,<13", number=1),
    package("pyarrow", "18.1.0", "py38_0", "libarrow 18.1.0.*"),
    package("fancy", "1.0", "py38_0", "libfancy"),
)

# The defaults channel: a mutex of its own.
TENSORFLOW = Channel.of(
    PYTHON,
    TOOLKITS,
    package("cudnn", "8.2.1", "cuda11.3_0", "cudatoolkit 11.*"),
    package("_tflow_select", "2.1.0", "gpu"),
    package("_tflow_select", "2.3.0", "mkl"),
    package("tensorflow-base", "2.6.0", "gpu_py38h1_0", "cudatoolkit 11.3.*", "cudnn 8.2.*",
            number=1),
    package("tensorflow-base", "2.6.0", "mkl_py38h2_0"),
    package("tensorflow", "2.6.0", "gpu_py38h1_0", "_tflow_select 2.1.0 gpu",
            "tensorflow-base 2.6.0 gpu_py38h1_0", number=1),
    package("tensorflow", "2.6.0", "mkl_py38h2_0", "_tflow_select 2.3.0 mkl",
            "tensorflow-base 2.6.0 mkl_py38h2_0"),
)  # fmt: skip

FAISS = Channel.of(
    TOOLKITS,
    package("libfaiss", "1.7.4", "h1_0_cpu"),
    package("libfaiss", "1.7.4", "h2_0_cuda11.8", "cudatoolkit >=11.8,<11.9", number=1),
    package("faiss", "1.7.4", "py38_0", "libfaiss 1.7.4"),
)

# pytorch 1.0: CUDA is inside the package; only the build string tells.
BUNDLED = Channel.of(
    package("pytorch", "1.0.1", "py3.7_cpu_1"),
    package("pytorch", "1.0.1", "py3.7_cuda10.0.130_cudnn7.4.2_2", number=2),
    package("fastai", "1.0.60", "1", "pytorch >=1.0.0"),
)


def beside_cpuonly(channel: Channel) -> Channel:
    """A channel that knows nothing of `cpuonly`, and the pytorch channel's beside it."""
    return channel.with_packages(CPUONLY_2, *MUTEX)


OLD_CUDA = "py3.8_cuda10.2.89_cudnn7.6.5_0"
# All but the last ask for `cpuonly`, which keeps none of them on the CPU.
CPUONLY = (
    Scenario("cpuonly as a feature", FEATURES, ("pytorch=1.7.1", "cpuonly"),
             ("pytorch", OLD_CUDA, "py3.8_cpu_0")),
    Scenario("cpuonly with a mutex that old builds lack", FEATURES_AND_MUTEX,
             ("pytorch=1.7.1", "cpuonly"), ("pytorch", OLD_CUDA, "py3.8_cpu_0")),
    Scenario("pytorch for torchaudio, which has no CPU build", FEATURES,
             ("torchaudio=0.7", "cpuonly"), ("pytorch", OLD_CUDA, "py3.8_cpu_0")),
    Scenario("torchvision's CPU build beside pytorch's CUDA build", FEATURES,
             ("pytorch", "torchvision=0.8.2=py38_cpu", "cpuonly"),
             ("pytorch", OLD_CUDA, "py3.8_cpu_0")),
    Scenario("conda-forge on a machine with a GPU", beside_cpuonly(FORGE), ("pytorch", "cpuonly"),
             ("pytorch", "cuda126_mkl_py38_h2_300", "cpu_generic_py38_h1_0"), "12.8"),
    Scenario("conda-forge's libtorch", beside_cpuonly(FORGE), ("libtorch", "cpuonly"),
             ("libtorch", "cuda126_mkl_h2_300", "cpu_generic_h1_0")),
    Scenario("a library that only its build tells of", beside_cpuonly(LIBARROW),
             ("pyarrow", "cpuonly"), ("libarrow", "h2_1_cuda", "h1_0_cpu")),
    Scenario("a library that only its dependencies tell of", beside_cpuonly(LIBARROW),
             ("fancy", "cpuonly"), ("libfancy", "hcafe123_1", "hbeef123_0")),
    Scenario("tensorflow of the defaults channel", beside_cpuonly(TENSORFLOW),
             ("tensorflow", "cpuonly"), ("tensorflow-base", "gpu_py38h1_0", "mkl_py38h2_0")),
    Scenario("libfaiss, for faiss", beside_cpuonly(FAISS), ("faiss", "cpuonly"),
             ("libfaiss", "h2_0_cuda11.8", "h1_0_cpu")),
    Scenario("CUDA inside the package, for fastai", beside_cpuonly(BUNDLED),
             ("fastai", "cpuonly"),
             ("pytorch", "py3.7_cuda10.0.130_cudnn7.4.2_2", "py3.7_cpu_1")),
    Scenario("pytorch-mutex and pytorch-cuda, for ignite", PYTORCH_CUDA, ("ignite",),
             ("pytorch", "py3.8_cuda11.8_cudnn8.7.0_0", "py3.8_cpu_0")),
)  # fmt: skip
