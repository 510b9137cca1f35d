"""Lockstep on the conda side: pytorch has one version on every target, as torch has by pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conda.projects import Project, findings, packages
from tests.conda.scenarios import LIBRARIES, PYTHON, VERSIONS, forge_pytorch, package
from tests.support.channels import Channel, Package

pytest.importorskip("rattler", reason="the extra conda is not installed")
pytest.importorskip("yaml", reason="the extra conda is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.channels import ChannelServer

    Serve = Callable[..., ChannelServer]

TABLE = """\
[tool.accelock]
targets = [{targets}]
platforms = ["linux-x86_64"]
{lockstep}
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
{asked}
"""
LIBCUBLAS = package("libcublas", "12.9.4", "h0_0", "cuda-version 12.9.*")
# As conda-forge has them: each CUDA for some versions alone.
FORGE = (
    PYTHON,
    VERSIONS,
    LIBRARIES,
    LIBCUBLAS,
    forge_pytorch("2.6.0", "12.6"),
    forge_pytorch("2.7.1", "12.6"),
    forge_pytorch("2.8.0", "12.9"),
    forge_pytorch("2.9.1", "12.9"),
)
TARGETS = ("cpu", "cu126", "cu129")


def declare(
    project: Project,
    server: ChannelServer,
    asked: str = 'pytorch = "*"',
    targets: tuple[str, ...] = TARGETS,
    lockstep: str = "",
) -> Project:
    named = ", ".join(f'"{target}"' for target in targets)
    channel = server.channel("forge")
    table = TABLE.format(targets=named, channel=channel, asked=asked, lockstep=lockstep)
    project.write("pyproject.toml", table)
    return project


def versions(project: Project, name: str = "pytorch") -> list[str]:
    names = [f"conda-{target}-lock.yml" for target in TARGETS]
    found = (packages(project, each) for each in names if each in project.files())
    return [each[name].split()[0] for each in found if name in each]


def test_one_version_on_every_target(project: Project, serve_channels: Serve) -> None:
    """Apart from each other they would be 2.9.1, 2.7.1 and 2.9.1."""
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server).lock()
    assert versions(project) == versions(project, "libtorch") == ["2.7.1"] * 3
    assert "cuda126" in packages(project, "conda-cu129-lock.yml")["pytorch"]
    assert "pytorch=2.7.1=cpu*" in project.read("environment-cpu.yml")
    assert findings(project) == {}
    before = project.files()
    assert project.lock().out.endswith("there was nothing to solve.\n")
    project.lock("--update-all")
    assert project.files() == before


@pytest.mark.parametrize("targets", [("cu129", "cpu", "cu126"), ("cu126", "cu129", "cpu")])
def test_whoever_leads(project: Project, serve_channels: Serve, targets: tuple[str, ...]) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server, targets=targets).lock()
    assert versions(project) == ["2.7.1"] * 3


def test_where_another_package_draws_it_in(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(*FORGE, package("ignite", "1.0", "0", "pytorch")))
    declare(project, server, 'ignite = "*"').lock()
    assert versions(project) == ["2.7.1"] * 3


def test_a_version_that_the_rest_of_one_target_refuses(
    project: Project, serve_channels: Serve
) -> None:
    """All of them have builds of 2.7.1; what only cu126 asks for wants 2.6."""
    tool = package("tool", "1.0", "0", "pytorch <2.7")
    server = serve_channels(forge=Channel.of(*FORGE, tool))
    declare(project, server)
    own = '\n[tool.accelock.conda.target.cu126.dependencies]\ntool = "*"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + own)
    done = project.lock()
    assert versions(project) == ["2.6.0"] * 3
    assert (
        "NOTE: cu126, linux-x86_64 cannot have libtorch 2.7.1, pytorch 2.7.1; all targets try "
        "another version\n"
    ) in done.err


def test_targets_that_are_fresh_move_with_the_one_that_is_not(
    project: Project, serve_channels: Serve
) -> None:
    tool = package("tool", "1.0", "0", "pytorch <2.7")
    server = serve_channels(forge=Channel.of(*FORGE, tool))
    declare(project, server).lock()
    assert versions(project) == ["2.7.1"] * 3
    own = '\n[tool.accelock.conda.target.cu126.dependencies]\ntool = "*"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + own)
    project.lock()
    assert versions(project) == ["2.6.0"] * 3
    assert findings(project) == {}


def test_what_is_locked_holds_a_new_target_to_it(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server, targets=("cpu", "cu129")).lock()
    assert versions(project) == ["2.9.1"] * 2
    declare(project, server, targets=("cpu", "cu129", "cu126")).lock()
    assert versions(project) == ["2.7.1"] * 3


def test_no_version_that_all_have(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    done = declare(project, server, 'pytorch = ">=2.8"').accelock("conda", "lock")
    assert done.code == 1
    assert "pytorch: no one version can be had on every target (lockstep):\n" in done.err
    assert "  - cpu, linux-x86_64: pytorch up to 2.9.1\n" in done.err
    assert "  - cu126, linux-x86_64: pytorch up to 2.7.1\n" in done.err
    assert "or set lockstep = false" in done.err
    assert project.files() == {}


def test_lockstep_given_up(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server, lockstep="lockstep = false").lock()
    assert versions(project) == ["2.9.1", "2.7.1", "2.9.1"]


def test_a_target_with_a_word_of_its_own_goes_its_own_way(
    project: Project, serve_channels: Serve
) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server, 'pytorch = ">=2.8"')
    own = '\n[tool.accelock.conda.target.cu126.dependencies]\npytorch = "2.6.*"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + own)
    done = project.lock()
    assert [versions(project), versions(project, "libtorch")] == [["2.9.1", "2.6.0", "2.9.1"]] * 2
    assert "NOTE: cu126 requires its own version of pytorch, which may differ" in done.err


def test_a_default_platform_lowers_no_version(project: Project, serve_channels: Serve) -> None:
    """As by pip: it is left out, and that is said."""
    arm = [
        Package(each.name, each.version, each.build, "linux-aarch64", each.depends,
                each.constrains, each.build_number, more=each.more)
        for each in (PYTHON, *forge_pytorch("2.6.0"))
    ]  # fmt: skip
    server = serve_channels(forge=Channel.of(*FORGE, arm))
    declare(project, server)
    project.edit("pyproject.toml", 'platforms = ["linux-x86_64"]\n', "")
    project.edit("pyproject.toml", '"cpu", "cu126", "cu129"', '"cpu", "cu126"')
    done = project.lock()
    assert packages(project, "conda-cpu-lock.yml")["pytorch"].startswith("2.7.1 cpu")
    assert packages(project, "conda-cpu-lock.yml", "linux-aarch64") == {}
    assert "cpu, linux-aarch64" in done.err
    assert "This platform is left out, because the project does not name it." in done.err


def test_torch_by_pip_and_pytorch_by_conda_never(project: Project, serve_channels: Serve) -> None:
    server = serve_channels(forge=Channel.of(*FORGE))
    declare(project, server)
    for target in TARGETS:
        project.write(f"requirements.{target}.txt", "torch==2.7.1\n")
    done = project.accelock("conda", "lock")
    assert done.code == 1
    assert "requirements.cpu.txt holds torch 2.7.1; one environment cannot have both" in done.err
