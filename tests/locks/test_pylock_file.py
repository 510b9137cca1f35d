"""pylock files of any tool as locks: their targets, places, files, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.locks import pylock_file
from accelock.locks.markers import Place
from accelock.locks.open import find_lock
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.targets import PLATFORMS, PythonVersion, parse_target
from tests.support.pylocks import needs_packaging

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.locks.model import Lock, Pin
    from accelock.locks.pylock_file import PylockFile

pytestmark = needs_packaging
SETTINGS = Settings(load_catalogue(), Config())
LINUX = Place(PLATFORMS["linux-x86_64"], PythonVersion(3, 11))
SHA = "a" * 64


def wheel(name: str, version: str) -> str:
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return (
        f'wheels = [{{name = "{file}", url = "https://example.org/{file}", size = 5, '
        f'hashes = {{sha256 = "{SHA}"}}}}]\n'
    )


def package(name: str, version: str, marker: str = "", more: str = "") -> str:
    head = f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
    head += f'marker = "{marker}"\n' if marker else ""
    return head + (more or wheel(name, version))


def put(folder: Path, body: str, name: str = "pylock.toml", top: str = "") -> Path:
    path = folder / name
    path.write_text(f'lock-version = "1.0"\ncreated-by = "other"\n{top}{body}')
    return path


def opened(path: Path) -> PylockFile:
    file = pylock_file.read(path, path.name)
    assert file is not None
    return file


def lock(folder: Path, name: str = "pylock.toml") -> Lock:
    found = find_lock(folder, SETTINGS, name)
    assert found is not None
    return found


def targets(found: Lock) -> list[str]:
    return [target.name for target in found.targets]


def at(found: Lock, target: str, place: Place = LINUX) -> dict[str, str | None]:
    parsed = parse_target(target, SETTINGS.catalogue.targets)
    return {name: pin.version for name, pin in found.at(parsed, place).items()}


class TestTarget:
    def test_the_name_tells_it(self, tmp_path: Path) -> None:
        put(tmp_path, package("torch", "2.6.0"), "pylock.rocm6-3.toml")
        put(tmp_path, package("torch", "2.6.0"), "pylock.cpu.toml")
        assert targets(lock(tmp_path)) == ["cpu", "rocm6.3"]
        assert targets(lock(tmp_path, "pylock.cpu.toml")) == ["cpu"]

    def test_the_one_label_of_a_familys_builds_tells_it(self, tmp_path: Path) -> None:
        put(tmp_path, package("torch", "2.6.0+cu126") + package("mine", "1.0+cpu"))
        assert targets(lock(tmp_path)) == ["cu126"]

    def test_several_labels_or_none_tell_nothing(self, tmp_path: Path) -> None:
        for body in (
            package("torch", "2.6.0+cu126") + package("torchvision", "0.21.0+cpu"),
            package("torch", "2.6.0"),
        ):
            path = put(tmp_path, body)
            assert opened(path).targets(SETTINGS) == ()
            assert find_lock(tmp_path, SETTINGS) is None
            with pytest.raises(AccelockError, match=r"Rename it to pylock\.TARGET\.toml"):
                find_lock(tmp_path, SETTINGS, "pylock.toml")


class TestPlaces:
    def test_its_own_platforms_and_pythons(self, tmp_path: Path) -> None:
        top = "environments = [\"sys_platform == 'linux'\", \"sys_platform == 'win32'\"]\n"
        top += 'requires-python = ">=3.11.4,<3.13"\n'
        file = opened(put(tmp_path, package("torch", "2.6.0+cpu"), top=top))
        assert [each.name for each in file.platforms or ()] == [
            "linux-x86_64", "linux-aarch64", "windows-x86_64",
        ]  # fmt: skip
        assert [*map(str, file.pythons)] == ["3.11", "3.12"]

    def test_nothing_tells_them(self, tmp_path: Path) -> None:
        file = opened(put(tmp_path, package("torch", "2.6.0+cpu")))
        assert (file.platforms, file.pythons) == (None, ())

    def test_markers_extras_and_default_groups(self, tmp_path: Path) -> None:
        body = (
            package("torch", "2.6.0+cpu")
            + package("on-linux", "1", "sys_platform == 'linux'")
            + package("on-windows", "1", "sys_platform == 'win32'")
            + package("by-extra", "1", "'more' in extras")
            + package("without", "1", "'more' not in extras")
            + package("by-default", "1", "'main' in dependency_groups")
            + package("by-group", "1", "'dev' in dependency_groups or 'more' in extras")
        )
        top = 'extras = ["more"]\ndependency-groups = ["dev", "main"]\ndefault-groups = ["main"]\n'
        put(tmp_path, body, top=top)
        assert set(at(lock(tmp_path), "cpu")) == {"torch", "on-linux", "without", "by-default"}


class TestPins:
    def pin(self, folder: Path, more: str) -> Pin:
        body = f'[[packages]]\nname = "mine"\n{more}'
        (pin,) = opened(put(folder, body)).pins()
        return pin

    def test_of_an_index(self, tmp_path: Path) -> None:
        index = 'index = "https://user:secret@example.org/simple"\n'
        pin = self.pin(tmp_path, f'version = "1.0"\n{index}{wheel("mine", "1.0")}')
        assert pin.version == "1.0"
        assert pin.hashes == {SHA}
        assert pin.index is not None
        assert "secret" not in pin.index
        assert pin.files == {"mine-1.0-py3-none-any.whl": SHA}
        assert [(each.url, each.size) for each in pin.listed] == [
            ("https://example.org/mine-1.0-py3-none-any.whl", 5)
        ]

    def test_a_file_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "mine-1.0-py3-none-any.whl").write_bytes(b"1234567")
        table = f'{{path = "mine-1.0-py3-none-any.whl", hashes = {{sha256 = "{SHA}"}}}}'
        pin = self.pin(tmp_path, f"wheels = [{table}]\n")
        assert [(each.url, each.size) for each in pin.listed] == [
            ((tmp_path / "mine-1.0-py3-none-any.whl").resolve().as_uri(), 7)
        ]
        assert pin.version == "1.0"

    def test_of_elsewhere(self, tmp_path: Path) -> None:
        commit = "0" * 40
        vcs = f'vcs = {{type = "git", url = "https://example.org/x", commit-id = "{commit}"}}\n'
        assert self.pin(tmp_path, vcs).url == f"git+https://example.org/x@{commit}"
        folder = self.pin(tmp_path, 'directory = {path = "lib", editable = true}\n')
        assert (folder.url, folder.editable) == ("lib", True)
        archive = (
            f'archive = {{url = "https://example.org/x.zip", hashes = {{sha256 = "{SHA}"}}}}\n'
        )
        found = self.pin(tmp_path, archive)
        assert found.url == "https://example.org/x.zip"
        assert found.hashes == {SHA}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"1.0"', '"2.0"', "pylock.toml: it has lock-version 2.0, and this accelock reads 1.0"),
        ("lock-version", "version", "it has no lock-version, so it is not a pylock file"),
        ('"torch"', '"To rch"', "it is not as PEP 751 has it"),
        ("[[", "[", "pylock.toml"),
        ("sha256", "md5", ""),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = put(tmp_path, package("torch", "2.6.0+cpu"))
    path.write_text(path.read_text().replace(old, new))
    if said:
        with pytest.raises(AccelockError, match=said):
            find_lock(tmp_path, SETTINGS, "pylock.toml")
    else:
        assert not opened(path).pins()[0].hashes


def test_of_itself_it_is_the_lock_of_declared_targets_behind_all_others(tmp_path: Path) -> None:
    put(tmp_path, package("torch", "2.6.0+cpu"))
    assert find_lock(tmp_path, SETTINGS) is None, "what uv exported is no choice"
    settings = Settings(load_catalogue(), Config(targets=(parse_target("cpu", {"cpu"}),)))
    found = find_lock(tmp_path, settings)
    assert found is not None
    assert found.kind == pylock_file.KIND
    (tmp_path / "requirements.cpu.txt").write_text("torch==2.6.0+cpu\n")
    found = find_lock(tmp_path, settings)
    assert found is not None
    assert found.files == ("requirements.cpu.txt",)
