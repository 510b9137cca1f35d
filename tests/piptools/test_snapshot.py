"""The real pages of PyTorch's indexes, as a snapshot serves them, together with real PyPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from tests.piptools.support_pages import Listed, listed, on_pypi, why_no_pypi
from tests.piptools.support_project import HERE, Project, options_of, pins_of
from tests.piptools.support_rewrite import platforms_of, rewrite, says, versions
from tests.support.environments import isolated_env
from tests.support.snapshot import WHY_NOT, SnapshotServer, find_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.locks.requirements import RequirementLine

pytestmark = [pytest.mark.snapshot, pytest.mark.slow, pytest.mark.xdist_group("snapshot")]

PYTHON = (3, 12)
WORDS = ("-q", "--python-version=3.12", "--generate-hashes", "--strip-extras", "--allow-unsafe")
ALL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
CUDA = ("linux-x86_64", "linux-aarch64", "windows-x86_64")
ALL_NAMED = tuple(f"--platform={platform}" for platform in ALL)
FAMILY = ("torch", "torchvision")


@pytest.fixture(scope="module")
def site() -> Iterator[SnapshotServer]:
    folder = find_snapshot()
    if folder is None:
        pytest.skip(WHY_NOT)
    if reason := why_no_pypi():
        pytest.skip(reason)
    with SnapshotServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all of them, so that pip fetches each of PyPI's pages once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def project(site: SnapshotServer, home: Path, tmp_path: Path) -> Project:
    site.reset()
    return Project(tmp_path, isolated_env(home, ACCELOCK_SOURCE_PYTORCH=site.source))


def test_the_promise_of_the_readme(site: SnapshotServer, project: Project) -> None:
    project.write(requirements_in="numpy\npandas\nfastapi\ntorch\ntorchvision\n")
    project.compile(*WORDS, "-t", "cpu", "-t", "cu126", *ALL_NAMED, "requirements.in")
    assert_no_bodies(site)
    cpu, cuda = project.read("requirements.cpu.txt"), project.read("requirements.cu126.txt")
    assert platforms_of(cpu) == ALL
    assert platforms_of(cuda) == CUDA

    for target, text in (("cpu", cpu), ("cu126", cuda)):
        for platform in platforms_of(text):
            assert_whole(site, target, text, platform)
    for platform in ALL:
        assert not runtime_libraries(cpu, platform)
    assert runtime_libraries(cuda, "linux-x86_64")
    assert not runtime_libraries(cuda, "windows-x86_64")
    releases = {
        tuple(str(versions(text, platform)[name]).partition("+")[0] for name in FAMILY)
        for text in (cpu, cuda)
        for platform in platforms_of(text)
    }
    assert len(releases) == 1, releases
    others = [versions(text, "linux-x86_64").items() for text in (cpu, cuda)]
    assert {name for name, _ in others[0] ^ others[1]} <= {*FAMILY, *runtime_names(cuda)}


def test_a_target_that_ended_gets_its_last_torch(site: SnapshotServer, project: Project) -> None:
    project.write(requirements_in="torch\ntorchvision\n")
    project.compile(*WORDS, "-t", "cu118", "--platform=linux-x86_64", "requirements.in")
    text = project.read()
    newest = max(
        file.version
        for file in listed(index(site, "cu118"), "torch")
        if file.version.local == "cu118" and file.sha256
    )
    assert versions(text, "linux-x86_64")["torch"] == str(newest) == "2.7.1+cu118"
    assert_whole(site, "cu118", text, "linux-x86_64")
    assert_no_bodies(site)


def test_wheels_of_one_version_ask_for_different_things(
    site: SnapshotServer, project: Project
) -> None:
    project.write(requirements_in="torch==2.6.0\n")
    both = ("--platform=linux-x86_64", "--platform=linux-aarch64")
    project.compile(*WORDS, "-t", "cu126", *both, "requirements.in")
    text = project.read()
    assert_runtime_is_what_torch_asks_for(site, "cu126", text, "linux-x86_64")
    assert len(runtime_libraries(text, "linux-x86_64")) > 10
    assert runtime_libraries(text, "linux-aarch64") == {}
    assert_whole(site, "cu126", text, "linux-aarch64")
    assert_no_bodies(site)


def test_cu128(site: SnapshotServer, project: Project) -> None:
    project.write(requirements_in="torch==2.7.0\n")
    project.compile(*WORDS, "-t", "cu128", "--platform=linux-x86_64", "requirements.in")
    text = project.read()
    assert versions(text, "linux-x86_64")["torch"] == "2.7.0+cu128"
    assert versions(text, "linux-x86_64")["nvidia-cublas-cu12"] == "12.8.3.14"
    assert_runtime_is_what_torch_asks_for(site, "cu128", text, "linux-x86_64")
    assert_whole(site, "cu128", text, "linux-x86_64")
    assert_no_bodies(site)


def test_python_3_14(site: SnapshotServer, project: Project) -> None:
    words = (*(word for word in WORDS if "python" not in word), "--python-version=3.14")
    project.write(requirements_in="torch\ntorchvision\n", old_in="torch==2.8.0\n")
    project.compile(*words, "-t", "cpu", "--platform=linux-x86_64", "requirements.in")
    found = versions(project.read(), "linux-x86_64")
    for name in FAMILY:
        files = [f for f in listed(index(site, "cpu"), name) if str(f.version) == found[name]]
        assert any(file.fits("linux-x86_64", (3, 14)) for file in files)
    said = project.refused(*words, "-t", "cpu", "old.in")
    assert "torch==2.8.0 cannot be locked for cpu, linux-x86_64, Python 3.14" in said
    assert "it has 2.9.0, " in said


def test_rocm(site: SnapshotServer, project: Project) -> None:
    project.write(requirements_in="torch\n")
    done = project.compile(*WORDS, "-t", "rocm6.3", "requirements.in")
    text = project.read()
    found = versions(text, "linux-x86_64")
    assert platforms_of(text) == ("linux-x86_64",)
    assert str(found["torch"]).endswith("+rocm6.3")
    assert "pytorch-triton-rocm" in found
    assert "triton" not in found
    assert not any(name.startswith("nvidia-") for name in found)
    # 2.9.1+rocm6.3 has no hash on the real index.
    assert "NOTE: torch 2.9.1 is skipped: its index publishes no sha256" in done.stderr
    assert_whole(site, "rocm6.3", text, "linux-x86_64")
    assert_no_bodies(site)


def test_the_page_of_all_builds_gives_hashes_and_no_mix(
    site: SnapshotServer, project: Project
) -> None:
    page = f"{site.url}/whl/torch_stable.html"
    project.write(requirements_in="torch==2.5.1\ntorchvision\n")
    words = ("-t", "cpu", f"--source=pytorch={page}", "--platform=linux-x86_64")
    project.compile(*WORDS, *words, "--platform=macos-arm64", "requirements.in")
    text = project.read()
    assert f"--find-links {page}" in options_of(text)
    linux, macos = versions(text, "linux-x86_64"), versions(text, "macos-arm64")
    assert [linux[name] for name in FAMILY] == ["2.5.1+cpu", "0.20.1+cpu"]
    assert [macos[name] for name in FAMILY] == ["2.5.1", "0.20.1"]
    for platform in ("linux-x86_64", "macos-arm64"):
        assert_whole(site, "cpu", text, platform)
    assert_no_bodies(site)


def test_a_file_of_pypis_turned(site: SnapshotServer, project: Project) -> None:
    """What pip-compile makes on Linux of `torch==2.6.0`, shortened to what decides."""
    given = (
        "nvidia-cublas-cu12==12.4.5.8\n    # via torch\nnumpy==2.1.2\n    # via torchvision\n"
        "torch==2.6.0\n    # via -r requirements.in\n"
        "torchvision==0.21.0\n    # via -r requirements.in\ntriton==3.2.0\n    # via torch\n"
    )
    project.put("given.txt", given)
    words = ("-q", "--python-version=3.12", "--generate-hashes", "given.txt", "-o", "turned.txt")
    rewrite(project, "-t", "cpu", *words)
    cpu = project.read("turned.txt")
    for platform in ALL:
        assert_whole(site, "cpu", cpu, platform)
        assert not runtime_libraries(cpu, platform)
        assert versions(cpu, platform)["numpy"] == "2.1.2"
    rewrite(project, "-t", "cu126", "--platform=linux-x86_64", *words)
    cuda = project.read("turned.txt")
    assert_runtime_is_what_torch_asks_for(site, "cu126", cuda, "linux-x86_64")
    assert_whole(site, "cu126", cuda, "linux-x86_64")
    assert_no_bodies(site)


# What the pages themselves say


def assert_no_bodies(site: SnapshotServer) -> None:
    assert site.stats()["wheel_attempts"] == 0


def assert_whole(site: SnapshotServer, target: str, text: str, platform: str) -> None:
    """Every pin has a hashed file that fits, and no hash of anything but its own version's."""
    for pin in pins_of(text, platform, HERE):
        files = files_of(site, target, pin)
        known = {f"sha256:{file.sha256}" for file in files if file.sha256}
        assert pin.hashes
        assert set(pin.hashes) <= known, f"{pin.name}: a hash of something else"
        hashed = [file for file in files if f"sha256:{file.sha256}" in pin.hashes]
        assert any(file.fits(platform, PYTHON) for file in hashed), (target, platform, pin.name)


def files_of(site: SnapshotServer, target: str, pin: RequirementLine) -> list[Listed]:
    """The files of exactly the pinned version: torch's of the target's index, and of no other."""
    assert pin.version is not None
    version = Version(pin.version)
    files = listed(index(site, target), pin.name)
    if pin.name not in FAMILY:
        files = (*files, *on_pypi(pin.name))
    return [file for file in files if file.version == version]


def index(site: SnapshotServer, target: str) -> str:
    return f"{site.url}/whl/{target}"


def runtime_libraries(text: str, platform: str) -> dict[str, str | None]:
    found = versions(text, platform)
    prefixes = ("nvidia-", "triton", "pytorch-triton", "cuda-")
    return {name: found[name] for name in found if name.startswith(prefixes)}


def runtime_names(text: str) -> set[str]:
    return {name for platform in platforms_of(text) for name in runtime_libraries(text, platform)}


def assert_runtime_is_what_torch_asks_for(
    site: SnapshotServer, target: str, text: str, platform: str
) -> None:
    version, hashes = says(text, platform)["torch"]
    (wheel,) = (
        file
        for file in listed(index(site, target), "torch")
        if f"sha256:{file.sha256}" in hashes and file.fits(platform, PYTHON)
    )
    assert str(wheel.version) == version
    environment = {"platform_system": "Linux", "sys_platform": "linux", "extra": ""}
    environment |= {"platform_machine": platform.partition("-")[2], "python_version": "3.12"}
    asked = {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in wheel.requirements()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    libraries = runtime_libraries(text, platform)
    assert libraries == {name: asked[name] for name in asked if name in libraries}
    assert {name for name in asked if name.startswith(("nvidia-", "triton"))} <= libraries.keys()
