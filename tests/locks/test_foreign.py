"""What other tools list or lock, as the lines of a requirements file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.locks import requirements
from accelock.locks.foreign import Foreign, as_requirements
from accelock.settings.config import Config
from accelock.settings.project import Settings
from tests.support.pylocks import needs_packaging

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(load_catalogue(), Config())
SHA = "a" * 64
# `pip list` 26.3 and `pip list --format=json`, of an environment with an editable project.
COLUMNS = """\
Package           Version          Editable project location
----------------- ---------------- -------------------------
app               1.0              {folder}
certifi           2026.10.19.post1
PySocks           1.7.1

[notice] A new release of pip is available
"""
# `conda list --export` of conda 25: name=version=build, and pip's with the build pypi_0.
CONDA = """\
# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: linux-64
_libgcc_mutex=0.1=conda_forge
python=3.11.9=hb806964_0_cpython
requests=2.32.3=pypi_0
torch=2.6.0+cu126=pypi_0
"""
POETRY = """\
[[package]]
name = "httpx"
version = "0.28.1"
optional = false
python-versions = ">=3.8"
groups = ["main"]
files = [{file = "httpx-0.28.1-py3-none-any.whl", hash = "sha256:{sha}"}]

[package.dependencies]
colorama = {version = "*", markers = "sys_platform == 'win32'"}

[[package]]
name = "colorama"
version = "0.4.6"
optional = false
python-versions = "*"
groups = ["main", "dev"]
markers = {main = "sys_platform == 'win32'", dev = "sys_platform == 'linux'"}
files = []

[[package]]
name = "rich"
version = "14.0"
optional = true
python-versions = "*"
groups = ["main"]
markers = "extra == 'plots'"
files = []

[[package]]
name = "mine"
version = "1.0"
optional = false
python-versions = "*"
groups = ["main"]
files = []

[package.source]
type = "git"
url = "https://example.org/mine.git"
reference = "main"
resolved_reference = "{commit}"

[[package]]
name = "own"
version = "1.0"
optional = false
python-versions = "*"
groups = ["main"]
files = []

[package.source]
type = "legacy"
url = "https://user:secret@example.org/simple"
reference = "own"

[metadata]
lock-version = "2.1"
python-versions = ">=3.11,<3.13"
content-hash = "x"
""".replace("{sha}", SHA).replace("{commit}", "1" * 40)


def read(folder: Path, text: str, name: str = "given") -> Foreign:
    return as_requirements(text, name, folder, SETTINGS)


def lines(found: Foreign) -> list[str]:
    return [line for line in found.text.splitlines() if line]


def refused(folder: Path, text: str) -> str:
    with pytest.raises(AccelockError) as told:
        read(folder, text)
    return str(told.value)


def test_the_columns_of_pip_list(tmp_path: Path) -> None:
    found = read(tmp_path, COLUMNS.format(folder=tmp_path))
    assert lines(found) == [
        f"-e {tmp_path.as_uri()}#egg=app", "certifi==2026.10.19.post1", "PySocks==1.7.1",
    ]  # fmt: skip
    (pin,) = requirements.parse(found.text).named("certifi")
    assert pin.lineno == 4, "as in the file"


def test_with_other_columns_too(tmp_path: Path) -> None:
    text = "Package Version Location            Installer\n"
    text += (
        "------- ------- ------------------- ---------\nidna    3.9     /usr/lib/site       pip\n"
    )
    assert lines(read(tmp_path, text)) == ["idna==3.9"]


def test_a_row_that_is_out_of_its_columns_is_no_version(tmp_path: Path) -> None:
    """It was cut where the column ends: another version, or a path from nowhere."""
    ruled = "Package Version Editable project location\n------- ------- ----------\n"
    for row in ("certifi 20240101.12345", "a-long-name 1.0", "alone"):
        told = refused(tmp_path, f"{ruled}idna    3.9\n{row}\n")
        assert told.startswith(f"given, line 4: '{row}' does not fit the columns"), told


def test_an_editable_of_a_machine_with_other_paths(tmp_path: Path) -> None:
    ruled = "Package Version Editable project location\n------- ------- ----------\n"
    found = read(tmp_path, f"{ruled}app     1.0     C:\\my code\\app\n")
    assert lines(found) == ["-e file:///C:/my%20code/app#egg=app"]
    entries = [{"name": "app", "version": "1.0", "editable_project_location": "my code"}]
    assert lines(read(tmp_path, json.dumps(entries))) == ["-e my%20code#egg=app"]


def test_the_json_of_pip_list(tmp_path: Path) -> None:
    entries = [
        {"name": "app", "version": "1.0", "editable_project_location": str(tmp_path)},
        {"name": "torch", "version": "2.6.0+cu126"},
    ]
    found = read(tmp_path, json.dumps(entries))
    assert lines(found) == [f"-e {tmp_path.as_uri()}#egg=app", "torch==2.6.0+cu126"]
    entries[1]["version"] = "newest"
    assert "given, entry 2: " in refused(tmp_path, json.dumps(entries))
    assert "it begins like JSON" in refused(tmp_path, "[{'name': 1}]")


def test_of_conda_what_pip_installed(tmp_path: Path) -> None:
    found = read(tmp_path, CONDA)
    assert lines(found) == ["requests==2.32.3", "torch==2.6.0+cu126"]
    (note,) = found.notes
    assert "_libgcc_mutex 0.1 (line 4), python 3.11.9 (line 5)" in note
    assert "given, line 8: 'what is this' is not name=version=build" in refused(
        tmp_path, f"{CONDA}what is this\n"
    )
    assert "conda installed all packages in it" in refused(tmp_path, CONDA.partition("req")[0])
    assert "conda's own packages by URL" in refused(tmp_path, "@EXPLICIT\nhttps://x/y.conda\n")


def test_a_wheel_that_conda_built_is_its_version(tmp_path: Path) -> None:
    built = "numpy @ file:///croot/numpy_1/work/dist/numpy-1.26.3-cp311-cp311-linux_x86_64.whl#x\n"
    there = tmp_path / "six-1.17.0-py3-none-any.whl"
    there.touch()
    rest = f"six @ {there.as_uri()}\ncertifi @ file:///croot/certifi_1/work/certifi\n"
    found = read(tmp_path, built + rest)
    assert found.text == f"numpy==1.26.3\n{rest}"
    assert found.notes == (
        "given: built on another machine, so taken by version: numpy 1.26.3 (line 1).",
    )


def test_a_requirements_file_stays_as_it_is(tmp_path: Path) -> None:
    text = "# uv\r\ntorch==2.6.0 \\\r\n    --hash=sha256:0\r\n"
    assert read(tmp_path, text) == Foreign(text)


class TestPoetry:
    def test_each_package_with_those_that_ask_for_it(self, tmp_path: Path) -> None:
        project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["httpx", "colorama"]\n'
        (tmp_path / "pyproject.toml").write_text(project)
        found = read(tmp_path, POETRY)
        assert lines(found) == [
            "--extra-index-url https://example.org/simple",
            "colorama==0.4.6 ; (sys_platform == 'win32') or (sys_platform == 'linux')",
            "    # via", "    #   -r pyproject.toml", "    #   httpx",
            "httpx==0.28.1 \\", f"    --hash=sha256:{SHA}",
            "    # via", "    #   -r pyproject.toml",
            f"mine @ git+https://example.org/mine.git@{'1' * 40}",
            "own==1.0",
        ]  # fmt: skip
        assert found.notes == ("given: packages that only extras require are left out: rich.",)

    def test_without_pyproject_what_nobody_asks_for_is_direct(self, tmp_path: Path) -> None:
        found = read(tmp_path, POETRY)
        content = requirements.parse(found.text)
        direct = [pin.name for pin in content.pins if "-r pyproject.toml" in pin.via]
        assert direct == ["httpx", "mine", "own"]
        assert "there is no pyproject.toml next to it" in found.notes[1]

    def test_one_with_targets_is_refused(self, tmp_path: Path) -> None:
        text = f'{POETRY}\n[metadata.accelock]\nformat = 2\ntargets = ["cpu"]\n'
        assert refused(tmp_path, text)


def test_uvs_own_lock_is_to_be_exported(tmp_path: Path) -> None:
    text = 'version = 1\n[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\n'
    assert "uv export -o exported.txt" in refused(tmp_path, text)


@needs_packaging
def test_a_pylock_file(tmp_path: Path) -> None:
    file = "idna-3.9-py3-none-any.whl"
    table = (
        f'{{name = "{file}", url = "https://example.org/{file}", hashes = {{sha256 = "{SHA}"}}}}'
    )
    text = 'lock-version = "1.0"\ncreated-by = "other"\n[[packages]]\nname = "idna"\n'
    text += f'version = "3.9"\nmarker = "os_name == \'nt\'"\nwheels = [{table}]\n'
    text += '[[packages]]\nname = "app"\ndirectory = {path = ".", editable = true}\n'
    assert lines(read(tmp_path, text)) == [
        f"-e {tmp_path.as_uri()}#egg=app",
        "idna==3.9 ; os_name == 'nt' \\", f"    --hash=sha256:{SHA}",
    ]  # fmt: skip
    index = 'name = "idna"\nindex = "https://example.org/simple/"\n'
    indexed = text.replace('name = "idna"\n', index)
    assert lines(read(tmp_path, indexed))[0] == "--extra-index-url https://example.org/simple"
    own = as_requirements(indexed, "given", tmp_path, SETTINGS, "https://example.org/simple")
    assert lines(own) == lines(read(tmp_path, text)), "pip reads it anyway"
    assert "lock-version 2.0" in refused(tmp_path, text.replace("1.0", "2.0"))
