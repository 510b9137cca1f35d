"""The pages' tables about conda are the program's own: nothing is missing, nothing made up."""

from __future__ import annotations

import re

import pytest

from accelock.conda.config import CondaConfig, parse_conda
from accelock.conda.formats.environment import ENVIRONMENT
from accelock.conda.formats.lock import EXPLICIT, LOCK
from accelock.conda.formats.pixi import PIXI
from accelock.errors import ConfigError
from accelock.settings.config import Config
from accelock.targets import CPU, PLATFORMS
from tests.readme.document import TOP, all_text, literals, table

LINUX = PLATFORMS["linux-x86_64"]


def written(heading: str) -> set[str]:
    return {flag for row in table(heading) for flag in literals(row[0])}


def keys(table_: dict[str, object]) -> set[str]:
    """The keys that a table says it has, when it is given one that it has not."""
    with pytest.raises(ConfigError) as caught:
        parse_conda({"channels": ["c"], **table_}, "pyproject.toml", Config(targets=(CPU,)))
    (listed,) = re.findall(r"keys are: (.*)", "\n".join(caught.value.faults))
    return set(listed.split(", "))


def test_config_has_the_keys_in_the_table() -> None:
    rows = written("`[tool.accelock.conda]`")
    assert {row.partition(".")[0] for row in rows} == keys({"zzzzzzzzzzzz": 1})
    of_one = {row.rpartition(".")[2] for row in rows if row.startswith("dependencies.<name>.")}
    assert of_one == keys({"dependencies": {"git": {"version": "*", "zzzzzzzzzzzz": 1}}})


def test_config_has_the_defaults_in_the_table() -> None:
    defaults = {literals(row[0])[0]: literals(row[1]) for row in table("`[tool.accelock.conda]`")}
    assert defaults["overlap"] == [f'"{CondaConfig(("c",)).overlap}"']


def test_files_have_the_names_in_the_table() -> None:
    rows = [tuple(map(literals, row[1:])) for row in table("Names of conda files")]
    for column, target in enumerate((CPU, None)):
        assert [row[column] for row in rows] == [
            [ENVIRONMENT.file_name(target, None, None)],
            [LOCK.file_name(target, None, None)],
            [ENVIRONMENT.file_name(target, "dev", None), LOCK.file_name(target, "dev", None)],
            [EXPLICIT.file_name(target, None, LINUX)],
            [PIXI.file_name(None, None, None)],
        ]


def test_the_oldest_rattler_is_that_of_the_project_and_tested() -> None:
    (oldest,) = re.findall(r"^- py-rattler (\d+\.\d+), .* and the newest", all_text(), re.MULTILINE)
    assert f'"py-rattler>={oldest}"' in (TOP / "pyproject.toml").read_text(encoding="utf-8")
    assert f"py-rattler=={oldest}.*" in (TOP / "tox.ini").read_text(encoding="utf-8")


@pytest.mark.parametrize("extra", re.findall(r"accelock\[([\w,-]+)\]", all_text()))
def test_extras_are_those_of_the_project(extra: str) -> None:
    project = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    for name in extra.split(","):
        assert f"\n{name} = [" in project
