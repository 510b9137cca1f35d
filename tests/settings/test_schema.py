"""The JSON Schema of [tool.accelock] agrees with what reads the table."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError

from accelock.catalogue import load_catalogue
from accelock.conda.config import parse_conda
from accelock.errors import ConfigError
from accelock.settings.schema import schema
from accelock.settings.settings import parse_config
from accelock.targets import CONDA_ALIASES, PLATFORMS, Levels
from tests.settings.test_settings import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CATALOGUE = load_catalogue()
VALIDATOR = Validator()
MORE = """
allow-downloads = true
[target.cu126]
max-mb = 4000
deny = ["nvidia-*"]
[target.cu126.dependencies]
one = "==1"
two = { version = "*", extras = ["x"], markers = "os_name == 'nt'" }
[target.cu126.sources]
pytorch = "https://mirror.example/cu126"
[families.kernels]
index = "https://wheels.example/{target}"
label = "{target}"
unlabelled-platforms = ["macos-arm64"]
recognise = ["/kernels/{target}"]
source = "https://wheels.example"
[[families.kernels.package]]
names = ["fast-kernels"]
lockstep = true
labelled = true
lookup = ["family", "default"]
runtime = false
source = "https://wheels.example"
[[families.kernels.companion]]
name = "fast-kernels"
of = "torch"
releases = [[">=2.6", ">=1.1"]]
source = "https://wheels.example"
[[families.kernels.exclusive]]
names = ["fast-kernels", "fast-kernels-lite"]
imports = "fast_kernels"
source = "https://wheels.example"
[conda]
overlap = "warn"
pins = "poetry.lock"
[conda.dependencies]
node = "20.*"
mkl = { version = "2024", build = "*_1", channel = "conda-forge", platforms = ["linux-64"] }
[conda.target.cu126.dependencies]
cuda-nvcc = "12.*"
[conda.group.docs.dependencies]
pandoc = "*"
"""


def joined(table: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for key, value in more.items():
        is_table = isinstance(value, dict) and isinstance(table.get(key), dict)
        table[key] = joined(table[key], value) if is_table else value
    return table


EVERY_KEY = joined(
    tomlkit.parse(FULL.replace("My_CUDA.ext", '"My_CUDA.ext"')).unwrap()["tool"]["accelock"],
    tomlkit.parse(MORE).unwrap(),
)


def read(table: dict[str, Any]) -> None:
    config = parse_config(table, "pyproject.toml", CATALOGUE)
    if config.conda is not None:
        parse_conda(config.conda, "pyproject.toml", config)


def is_read(table: dict[str, Any]) -> bool:
    try:
        read(table)
    except ConfigError:
        return False
    return True


def is_valid(table: dict[str, Any]) -> bool:
    try:
        VALIDATOR({"project": {"name": "demo", "version": "1"}, "tool": {"accelock": table}})
    except ValidationError:
        return False
    return True


def paths(table: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the path of each key and table, with that of the whole first."""
    yield before
    if isinstance(table, dict):
        for key, value in table.items():
            yield from paths(value, (*before, key))
    elif isinstance(table, list) and isinstance(table[0], dict):
        yield from paths(table[0], (*before, "0"))


def at(table: Any, path: Sequence[str]) -> Any:
    """Return what stands at a path; "0" is the first table of an array."""
    if not path:
        return table
    return at(table[0] if isinstance(table, list) else table[path[0]], path[1:])


def put(table: dict[str, Any], path: Sequence[str], value: object) -> None:
    inside = at(table, path[:-1])
    if isinstance(inside, list):
        inside[0] = value
    else:
        inside[path[-1]] = value


PATHS = [*paths(EVERY_KEY)]
# Names of families there are judged by the catalogue, and a package is in one family alone.
BY_FAMILY = {("sources",), ("target", "cu126", "sources"), ("families",)}


def test_the_table_with_every_key_is_valid() -> None:
    read(EVERY_KEY)
    assert is_valid(EVERY_KEY)


def test_that_table_has_every_key() -> None:
    def keys(part: dict[str, Any]) -> Iterator[str]:
        part = schema()["definitions"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        yield from part.get("properties", ())
        for each in (*part.get("properties", {}).values(), *part.get("anyOf", ())):
            yield from keys(each)
        if isinstance(part.get("items"), dict):
            yield from keys(part["items"])
        if isinstance(part.get("additionalProperties"), dict):
            yield from keys(part["additionalProperties"])

    # JSON Schema has no word for a date.
    assert {*keys(schema())} - {"reviewed"} <= {key for path in PATHS for key in path}


@pytest.mark.parametrize("path", PATHS[1:], ids=".".join)
@pytest.mark.parametrize("value", [7, True, "", [], [1], ["a", "a"], {}, {"x": 1}], ids=repr)
def test_what_is_read_is_valid_and_what_is_not_is_not(path: tuple[str, ...], value: object) -> None:
    table = copy.deepcopy(EVERY_KEY)
    put(table, path, value)

    assert is_valid(table) == is_read(table)


@pytest.mark.parametrize(
    "path", [path for path in PATHS if isinstance(at(EVERY_KEY, path), dict)], ids=".".join
)
def test_a_key_that_is_none(path: tuple[str, ...]) -> None:
    """A table takes any name that it gives rules to, or its own keys alone: both say the same."""
    table = copy.deepcopy(EVERY_KEY)
    at(table, path)["no-such-key"] = copy.deepcopy(next(iter(at(table, path).values()), "1"))

    assert is_valid(table) == is_read(table) or path in BY_FAMILY


@pytest.mark.parametrize("word", [*PLATFORMS, *CONDA_ALIASES])
def test_every_platform_is_known(word: str) -> None:
    assert is_valid({"platforms": [word]})


def test_every_target_of_the_catalogue_is_known() -> None:
    assert is_valid({"targets": sorted(CATALOGUE.targets)})


def test_the_defaults_are_the_readers() -> None:
    properties = schema()["properties"]
    config = parse_config({}, "pyproject.toml", CATALOGUE)
    for key, value in (("lockstep", config.lockstep), ("allow-downloads", config.allow_downloads)):
        assert properties[key]["default"] is value
    for key, level in (("glibc", Levels().glibc), ("macos", Levels().macos)):
        assert properties[key]["default"] == ".".join(map(str, level))
