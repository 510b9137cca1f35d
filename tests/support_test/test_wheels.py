from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from installer.sources import WheelFile
from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.environments import Venv, isolated_env
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import Distribution, sdist, wheel

LINUX = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"


@pytest.fixture
def this_python(tmp_path: Path) -> Venv:
    """The interpreter of the tests: for installs into a directory, never into itself."""
    return Venv(Path(sys.prefix), isolated_env(tmp_path / "home"))


def all_wheels() -> list[Distribution]:
    return [file.distribution for file in pytorch_site().hosted().values()]


def test_every_wheel_of_the_site_is_valid() -> None:
    for each in all_wheels():
        if not each.is_wheel:
            continue
        with zipfile.ZipFile(io.BytesIO(each.content)) as archive:
            archive.filename = each.filename
            source = WheelFile(archive)
            source.validate_record(validate_contents=True)
            assert source.read_dist_info("METADATA").encode() == each.metadata
            lines = source.read_dist_info("WHEEL").splitlines()
        name, version, _, tags = parse_wheel_filename(each.filename)
        assert (name, str(version)) == (each.project, each.version)
        said = {line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")}
        assert said == set(map(str, tags))


def test_every_metadata_file_is_valid() -> None:
    for each in all_wheels():
        metadata = Metadata.from_email(each.metadata, validate=True)
        assert metadata.name == each.name
        assert str(metadata.version) == each.version


def test_every_sdist_is_named_after_what_it_holds() -> None:
    names = {}
    for each in all_wheels():
        if not each.is_wheel:
            name, version = parse_sdist_filename(each.filename)
            names[name] = version
            with tarfile.open(fileobj=io.BytesIO(each.content)) as archive:
                shown = archive.extractfile(f"{each.filename[: -len('.tar.gz')]}/PKG-INFO")
                assert shown is not None
                assert shown.read() == each.metadata
    assert {"static-sdist", "dynamic-sdist", "numpy"} <= set(names)


def test_bytes_are_the_same_everywhere() -> None:
    made = wheel("Example", "1.0+cpu", LINUX, ["tqdm"], padding=100)
    assert made.sha256 == "847d2f4fadeba2276010623c72ff08f3d317d0145c575242907fb5d80d90fa3f"
    assert (
        sdist("Example", "1.0", ["tqdm"]).sha256
        == "1d40bcb1d689bd2d33846d91aef6249e1b6bb1fa6c178b5310795fccf72ed5b4"
    )


def test_a_note_changes_the_bytes_and_nothing_else() -> None:
    one, other = (wheel("example", "1.0", note=note) for note in ("", "other"))
    assert one.sha256 != other.sha256
    assert (one.filename, one.metadata) == (other.filename, other.metadata)


def test_padding_makes_a_wheel_heavier() -> None:
    assert len(wheel("example", "1.0", padding=200_000).content) > 200_000


@pytest.mark.slow
def test_pip_installs_platform_wheels(this_python: Venv, tmp_path: Path) -> None:
    site = pytorch_site()
    ending = "+cu126-cp312-cp312-manylinux_2_28_x86_64.whl"
    names = ("torch-2.8.0", "torchvision-0.23.0")
    files = [site.find("/whl/cu126", name + ending).save(tmp_path) for name in names]
    files.append(wheel("example", "1.0", LINUX, padding=100).save(tmp_path))
    platforms = ("--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_17_x86_64")
    other = (*platforms, "--python-version=3.12", "--only-binary=:all:")
    target = ("--target", tmp_path / "lib")
    done = this_python.pip("install", "--no-deps", "--no-index", *other, *target, *files)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "lib").iterdir()}
    assert {"torch", "torchvision", "example", "torch-2.8.0+cu126.dist-info"} <= made


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_pip_builds_sdists_without_an_index(
    this_python: Venv, tmp_path: Path, *, dynamic: bool
) -> None:
    file = sdist("Some-Thing", "1.0", ["tqdm"], dynamic=dynamic).save(tmp_path)
    log = tmp_path / "builds"
    target = ("--target", tmp_path / "lib")
    built = this_python.pip(
        "install", "--no-deps", "--no-index", *target, file, SDIST_BUILD_LOG=str(log)
    )
    assert built.returncode == 0, built.stderr
    metadata = tmp_path / "lib" / "Some_Thing-1.0.dist-info" / "METADATA"
    assert "Requires-Dist: tqdm" in metadata.read_text()
    assert log.read_text().splitlines() == ["metadata Some_Thing-1.0", "wheel Some_Thing-1.0"]
    assert ("Dynamic: Requires-Dist" in file_metadata(file)) == dynamic


def file_metadata(file: Path) -> str:
    with tarfile.open(file) as archive:
        stream = archive.extractfile("Some_Thing-1.0/PKG-INFO")
        assert stream is not None
        return stream.read().decode()
