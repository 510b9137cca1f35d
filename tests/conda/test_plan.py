from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock.catalogue import load_catalogue
from accelock.conda import guarantee
from accelock.conda.config import parse_conda
from accelock.conda.project import CondaProject
from accelock.conda.spec import Spec
from accelock.errors import AccelockError, ConfigError
from accelock.locks.stamp import Stamp
from accelock.settings.settings import parse_config
from tests.conda.records import LINUX

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """
targets = ["cpu", "cu126"]
platforms = ["linux-64", "osx-arm64"]
[conda]
channels = ["conda-forge"]
[conda.dependencies]
vega-lite-cli = ">=5"
[conda.group.dev.dependencies]
git = "*"
"""


def project(folder: Path, table: str = TABLE, **files: str) -> CondaProject:
    path = folder / "pyproject.toml"
    path.write_text('[project]\nrequires-python = ">=3.11,<3.12"\n')
    config = parse_config(tomlkit.parse(table).unwrap(), str(path), load_catalogue())
    assert config.conda is not None
    conda = parse_conda(config.conda, str(path), config)
    texts = {name.replace("__", "."): text for name, text in files.items()}
    return CondaProject(folder, config, conda, texts.get)


def test_every_target_group_and_platform_that_exists(tmp_path: Path) -> None:
    found = project(tmp_path)
    assert [
        (str(each.target), each.group, [platform.name for platform in each.platforms])
        for each in found.environments()
    ] == [
        ("cpu", None, ["linux-x86_64", "macos-arm64"]),
        ("cpu", "dev", ["linux-x86_64", "macos-arm64"]),
        ("cu126", None, ["linux-x86_64"]),
        ("cu126", "dev", ["linux-x86_64"]),
    ]
    bare = project(tmp_path, TABLE.replace('targets = ["cpu", "cu126"]\n', ""))
    assert [each.target for each in bare.environments()] == [None, None]


def test_the_digest_changes_with_pins_of_what_the_lock_holds_alone(tmp_path: Path) -> None:
    def digest(requirements: str, *names: str) -> str:
        found = project(tmp_path, requirements__cpu__txt=requirements)
        first = found.environments()[0]
        return found.digest(first, LINUX, names)

    one = digest("numpy==2.1.3\n", "numpy", "python")
    assert digest("numpy==2.1.3\nrequests==2.32.3\n", "numpy", "python") == one
    assert digest("numpy==2.2.1\n", "numpy", "python") != one
    assert digest("numpy==2.1.3 ; sys_platform == 'darwin'\n", "numpy", "python") != one
    assert digest("", "numpy", "python") != one


def test_the_python_of_a_compiled_file(tmp_path: Path) -> None:
    stamp = Stamp("0.1.0", "cpu", ("linux-x86_64",), ("3.12",), (), "0" * 64, "0" * 64)
    text = "".join(f"{line}\n" for line in stamp.render())
    found = project(tmp_path, requirements__cpu__txt=text)
    cpu, _, cuda, _ = found.environments()
    assert str(found.python(cpu)) == "python 3.12.*"
    assert str(found.python(cuda)) == "python >=3.11,<3.12"
    assert found.pins(cuda, LINUX) is None


def test_pins_that_are_named_have_to_be_there(tmp_path: Path) -> None:
    table = TABLE.replace("[conda]", '[conda]\npins = "locks/{target}.txt"')
    found = project(tmp_path, table)
    (first, *_) = found.environments()
    with pytest.raises(AccelockError, match=r"^locks/cpu\.txt: .* Create it first \(accelock comp"):
        found.pins(first, LINUX)
    both = project(tmp_path, poetry__lock="", requirements__cpu__txt="")
    with pytest.raises(ConfigError, match="choose whose pins count"):
        both.pins(first, LINUX)


def test_nothing_of_this_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = project(tmp_path)
    first = found.environments()[0]
    before = found.digest(first, LINUX, ())
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setattr("sys.version_info", (3, 99))
    assert found.digest(first, LINUX, ()) == before


def test_a_lock_from_before_the_rule_for_hardware_builds_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a solve is held to has a part that no constraint says, and the digest has it."""
    whole = project(tmp_path)
    found = {each.target.name: each for each in whole.environments()
             if each.target is not None and each.group is None}  # fmt: skip
    cpu, cuda = (found[name] for name in ("cpu", "cu126"))
    before = [whole.digest(each, LINUX, ()) for each in (cpu, cuda)]
    assert guarantee.rule(cuda.target) == (Spec("*", None, "cuda"),)
    monkeypatch.setattr(guarantee, "rule", lambda _target: ())
    after = [whole.digest(each, LINUX, ()) for each in (cpu, cuda)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
