"""The guarantees on the real linux-64 repodata of the pytorch channel, where it can be had.

$PYTORCH_REPODATA names the file; the rattler repository has one among its test data. What these
packages need of other channels is made up here, in every version that they name.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from accelock.conda import guarantee
from accelock.conda.cell import CondaCell, solve_cell
from accelock.conda.guarantee import GuaranteeError
from accelock.conda.record import Request
from accelock.conda.spec import parse
from accelock.targets import CPU, PLATFORMS, Kind, Levels, Target

pytest.importorskip("rattler", reason="the extra conda is not installed")

from accelock.conda.solve import Solver

FILE = os.environ.get("PYTORCH_REPODATA", "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not FILE, reason="$PYTORCH_REPODATA names no repodata.json"),
]
LINUX = PLATFORMS["linux-x86_64"]
LEVELS = Levels()
PYTORCH = (
    "1.5.1", "1.6.0", "1.7.0", "1.7.1", "1.8.0", "1.8.1", "1.9.0", "1.9.1", "1.10.0", "1.10.1",
    "1.10.2", "1.11.0", "1.12.0", "1.12.1", "1.13.0", "1.13.1", "2.0.0", "2.0.1", "2.1.0",
)  # fmt: skip
TOOLKITS = (
    "8.0", "9.0", "9.2", "10.0.130", "10.1.243", "10.2.89", "11.0.221", "11.1.74", "11.3.1",
    "11.5.1", "11.6.0", "11.7.0", "11.8.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the real channel, and one of what it needs."""
    text = Path(FILE).read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("channels")
    real, needed = folder / "pytorch", folder / "needed"
    empty = json.dumps({"info": {"subdir": "noarch"}, "packages": {}})
    made = {"info": {"subdir": "linux-64"}, "packages": needs(json.loads(text)["packages"])}
    for place, content in ((real, text), (needed, json.dumps(made))):
        for subdir, repodata in (("linux-64", content), ("noarch", empty)):
            (place / subdir).mkdir(parents=True)
            (place / subdir / "repodata.json").write_text(repodata, encoding="utf-8")
    return [real.as_uri(), needed.as_uri()]


def needs(packages: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return records of the packages that the channel depends on and does not have."""
    own = {record["name"] for record in packages.values()}
    wanted: dict[str, set[str]] = {}
    for record in packages.values():
        for depends in record["depends"]:
            name, _, version = depends.partition(" ")
            if name not in own and not name.startswith("__"):
                found = re.findall(r"(?:^|[=<>,])\s*([0-9][\w.]*)", version)
                wanted.setdefault(name, {"0.1"}).update(each.rstrip(".") for each in found)
    wanted["python"] = {"2.7.18", *(f"3.{minor}.5" for minor in range(5, 13))}
    wanted["cudatoolkit"] = set(TOOLKITS)
    builds = {"blas": ("mkl",), "pytorch-mutex": ("cpu", "cuda")}
    records = [
        made(name, version, build)
        for name, versions in wanted.items()
        for plain in versions
        for version in (
            (plain, f"{plain}.1") if name not in ("python", "cudatoolkit") else (plain,)
        )
        for build in builds.get(name, ("0",))
    ]
    records += [made("blas", "1.0", "mkl"), made("cpuonly", "2.0", "0", "pytorch-mutex 1.0 cpu")]
    records += [made("pytorch-mutex", "1.0", build) for build in ("cpu", "cuda")]
    return {f"{r['name']}-{r['version']}-{r['build']}.tar.bz2": r for r in records}


def made(name: str, version: str, build: str, *depends: str) -> dict[str, Any]:
    return {
        "name": name, "version": version, "build": build, "build_number": 0, "subdir": "linux-64",
        "depends": list(depends), "md5": "0" * 32, "sha256": "0" * 64, "size": 1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def solver(channels: list[str]) -> Solver:
    return Solver(channels)


def solve(solver: Solver, target: Target, *asked: str) -> dict[str, str]:
    cell = CondaCell(target, LINUX, None, tuple(map(parse, asked)), LEVELS)
    return {record.name: record.build for record in solve_cell(solver, cell)}


@pytest.mark.parametrize("version", PYTORCH)
def test_every_version_has_a_cpu_environment(solver: Solver, version: str) -> None:
    found = solve(solver, CPU, f"pytorch={version}", "torchvision", "cpuonly")
    assert "_cpu_" in found["pytorch"]
    assert "cpu" in found["torchvision"]


@pytest.mark.parametrize("version", PYTORCH[:8])
def test_cpuonly_alone_gives_cuda_before_the_mutex(solver: Solver, version: str) -> None:
    specs = (parse(f"pytorch={version}"), parse("cpuonly"))
    system = guarantee.virtual_packages(CPU, LINUX, LEVELS)
    assert guarantee.violations(solver.solve(Request(LINUX, specs, (), system)), CPU, LINUX)


@pytest.mark.parametrize(
    "asked", ["torchaudio", "torchtext", "ignite", "torchdata", "torchserve", "torchcsprng",
              "faiss-cpu", "libfaiss", "torchaudio=0.7", "torchtext=0.8", "pytorch-cpu"]
)  # fmt: skip
def test_what_brings_pytorch_in(solver: Solver, asked: str) -> None:
    assert parse(asked).name in solve(solver, CPU, asked)


def test_faiss_gpu_is_refused(solver: Solver) -> None:
    with pytest.raises(GuaranteeError, match="faiss-gpu is a part of CUDA"):
        solve(solver, CPU, "faiss-gpu")


@pytest.mark.parametrize(
    ("cuda", "version"),
    [((10, 2), "1.8.1"), ((11, 0), "1.7.1"), ((11, 1), "1.9.1"), ((11, 3), "1.12.1"),
     ((11, 7), "2.0.1"), ((11, 8), "2.1.0"), ((12, 1), "2.1.0")],
)  # fmt: skip
def test_cuda_of_each_generation(solver: Solver, cuda: tuple[int, int], version: str) -> None:
    target = Target(f"cu{cuda[0]}{cuda[1]}", Kind.CUDA, cuda)
    found = solve(solver, target, f"pytorch={version}", "torchvision")
    assert f"cuda{cuda[0]}.{cuda[1]}" in found["pytorch"]
    assert f"cu{cuda[0]}{cuda[1]}" in found["torchvision"]
