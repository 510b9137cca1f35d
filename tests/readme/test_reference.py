"""The pages' tables and figures are the program's own: nothing is missing, nothing made up.

What docs/generate.py writes is in test_pages.py.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import accelock
from accelock.catalogue import load_catalogue
from accelock.commands.check import check
from accelock.commands.diff import diff
from accelock.commands.doctor import diagnose
from accelock.commands.families import families
from accelock.commands.targets import targets
from accelock.commands.why import why
from accelock.commands.why_package import why_package
from accelock.errors import ConfigError
from accelock.hardware import profile
from accelock.hardware.choice import ORDER
from accelock.hardware.context import LIMIT
from accelock.hardware.probes import VENDORS
from accelock.hardware.vendor import Reason
from accelock.hosts.piptools.files import output_names
from accelock.settings.config import Config
from accelock.settings.settings import parse_config
from accelock.targets import PLATFORMS, parse_target
from tests.commands.heres import EMPTY, fetching, gpu_box, here, no_network
from tests.commands.poetry_locks import PoetryFolder
from tests.readme.document import TOP, all_text, literals, table
from tests.support.pytorch_site import pytorch_site
from tests.support.server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = re.compile(r"[A-Z]+(_[A-Z]+)+_?")
READ = ("ACCELOCK_", "CUDA_", "ROCR_", "HIP_", "HSA_")


def flags(*words: str) -> set[str]:
    """The options that a command's --help shows."""
    done = subprocess.run(
        [sys.executable, "-m", *words, "--help"], check=True, capture_output=True, encoding="utf-8"
    )
    heads = re.findall(r"^ {2,6}(-.+?)(?: {2}|$)", done.stdout, re.MULTILINE)
    return {flag for head in heads for flag in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", head)}


def written(heading: str) -> set[str]:
    return {flag for row in table(heading) for flag in literals(row[0])}


@functools.cache
def literal_text() -> list[str]:
    """Every string in the program's code, with gaps where a value is put in."""
    return [
        node.value
        for path in Path(accelock.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


# Options


def test_compile_has_the_options_of_pip_compile_and_those_in_the_table() -> None:
    theirs = flags("piptools", "compile")
    assert flags("accelock", "compile") == theirs | written("# accelock compile")
    ours = {"--generate-hashes", "--allow-unsafe", "--no-allow-unsafe"}
    assert theirs & written("# accelock compile") == ours, "their defaults are ours"


def test_rewrite_has_the_options_in_the_table() -> None:
    assert flags("accelock", "rewrite") == written("# accelock rewrite")


def test_sync_has_the_options_of_pip_sync() -> None:
    assert flags("accelock", "sync") == flags("piptools", "sync")


def test_a_machine_has_the_keys_in_the_table() -> None:
    rows = table("# A machine")
    machine = profile.dump(profile.read("h100"))
    assert {key for row in rows for key in literals(row[0])} == set(machine)
    (gpus,) = (literals(row[1]) for row in rows if literals(row[0]) == ["gpus"])
    vendors = {vendor.name for vendor in VENDORS}
    assert set(gpus) - vendors == set(machine["gpus"][0])
    assert vendors <= set(gpus)


def paths(value: object, at: str = "") -> Iterator[str]:
    """The keys in a document, each behind those that it is in; what is by target is `TARGET`."""
    for each in value if isinstance(value, list) else [value]:
        for key, inner in each.items() if isinstance(each, dict) else ():
            word = "TARGET" if key in ("cpu", "cu126") else key
            yield f"{at}{word}"
            yield from paths(None if key == "machine" else inner, f"{at}{word}.")


def test_reports_have_the_keys_in_the_table(tmp_path: Path) -> None:
    at = here(PoetryFolder(tmp_path).write().folder)
    (tmp_path / "empty").mkdir()  # which is a finding of `check`
    printed = {
        "check": [check(tmp_path / "empty").dumps()],
        "why": [why(at).dumps()],
        "why PACKAGE": [why_package(at, "torch", no_network).dumps()],
        "diff": [
            diff(at, ("cpu", "cu126"), no_network).dumps(),
            diff(at, ("cu126", "cpu"), no_network).dumps(),
        ],
        "doctor": [diagnose(gpu_box(tmp_path, "520.61.05"), EMPTY).dumps()],
    }
    assert_keys(table("# check, why, diff and doctor"), printed)


def test_what_there_is_has_the_keys_in_the_table(tmp_path: Path) -> None:
    source = '[tool.accelock.target.cpu.sources]\npytorch = "http://127.0.0.1:9/whl/cpu"\n'
    table_text = f'[tool.accelock]\ntargets = ["cpu"]\n{source}'
    (tmp_path / "pyproject.toml").write_text(table_text, encoding="utf-8")
    with IndexServer(pytorch_site()) as server, fetching(server) as reading:
        url = f"{server.url}/whl/{{target}}"
        at = here(tmp_path, environ={"ACCELOCK_SOURCE_PYTORCH": url})
        printed = {
            "families": [families(at.settings, None, {}).dumps()],
            "targets": [targets(at, ["torch"], ["cpu", "cu126"], lambda: reading).dumps()],
        }
    assert_keys(table("# families and targets"), printed)


def assert_keys(rows: list[list[str]], printed: dict[str, list[str]]) -> None:
    assert {literals(row[0])[0] for row in rows} == set(printed)
    for command, texts in printed.items():
        found = {path for text in texts for path in paths(json.loads(text))} - {"format"}
        leaves = {p for p in found if not any(other.startswith(f"{p}.") for other in found)}
        assert {k for r in rows if literals(r[0]) == [command] for k in literals(r[1])} == leaves


def test_doctor_has_the_codes_in_the_table() -> None:
    sources = Path(accelock.__file__).parent
    texts = "".join(
        path.read_text(encoding="utf-8")
        for pattern in ("commands/doctor*.py", "commands/installed.py", "hardware/**/*.py")
        for path in sorted(sources.glob(pattern))
    )
    codes = set(re.findall(r"(?:Finding|Note|\.note)\(\s*\"([a-z-]+)\"", texts))
    codes |= {cause.value for cause in Reason}
    rows = table("What doctor finds")
    assert {code for row in rows for code in literals(row[0])} == codes


def test_a_probe_has_the_time_that_is_told() -> None:
    assert f"Each probe stops after {({2.0: 'two'})[LIMIT]} seconds" in all_text()


def test_a_choice_is_made_in_the_order_that_is_told() -> None:
    assert ORDER.replace("cpu", "`cpu`") in all_text().replace("\n   ", " ")


# The table in pyproject.toml


def keys(inside: str = "") -> set[str]:
    """The keys that a table says it has, when it is given one that it has not."""
    value: dict[str, object] = {"zzzzzzzzzzzzzz": 1}
    for name in reversed(inside.split(".") if inside else []):
        value = {name: value}
    with pytest.raises(ConfigError) as caught:
        parse_config({"targets": ["cpu"], **value}, "pyproject.toml", load_catalogue())
    (listed,) = re.findall(r"zzz: unknown key; the keys are: (.*)", "\n".join(caught.value.faults))
    return set(listed.split(", "))


def test_config_has_the_keys_in_the_table() -> None:
    rows = written("`[tool.accelock]`")
    tops = {row.partition(".")[0] for row in rows}
    assert tops == keys()
    for name, example in (("packages", "packages.mine"), ("target", "target.cpu")):
        rest = {row.rpartition(".")[2] for row in rows if row.startswith(f"{name}.")}
        assert rest == keys(example)


def test_config_has_the_defaults_in_the_table() -> None:
    defaults = {literals(row[0])[0]: literals(row[1]) for row in table("`[tool.accelock]`")}
    config = Config()
    assert defaults["platforms"] == [platform.name for platform in config.platforms]
    assert defaults["lockstep"] == [str(config.lockstep).lower()]
    for key, level in (("glibc", config.levels.glibc), ("macos", config.levels.macos)):
        assert defaults[key] == ['"{}.{}"'.format(*level)]


def test_all_platforms_are_named() -> None:
    assert all(f"`{name}`" in all_text() for name in PLATFORMS)


# Variables, names of outputs, messages, figures


def test_variables_are_those_that_the_program_reads() -> None:
    families = [f"{family.name.upper().replace('-', '_')}" for family in load_catalogue().families]
    read: set[str] = set()
    for text in literal_text():
        if VARIABLE.fullmatch(text) and text.startswith(READ):
            read |= {text + family for family in families} if text.endswith("_") else {text}
    assert written("Environment variables") == read


@pytest.mark.parametrize("row", table("Names of outputs"), ids=lambda row: "/".join(row[:2]))
def test_outputs_have_the_names_in_the_table(row: list[str]) -> None:
    words, given, names = map(literals, row)
    targets = [parse_target(word, load_catalogue().targets) for word in words]
    base = given[0] if given else "requirements.txt"
    assert [Path(name).as_posix() for name in output_names(base, targets).values()] == names


@pytest.mark.parametrize("message", sorted(written("What an error means")))
def test_messages_are_those_of_the_program(message: str) -> None:
    texts = literal_text()
    assert any(message in text for text in texts)


def test_pip_and_pip_tools_are_tested_in_the_pairs_that_are_named() -> None:
    tox = (TOP / "tox.ini").read_text(encoding="utf-8")
    tools = dict(re.findall(r"^ *(\w+): pip-tools==([\d.]+)$", tox, re.MULTILINE))
    pips = dict(
        re.findall(r"^ *(\w+): python -m pip install --quiet pip==([\d.]+)$", tox, re.MULTILINE)
    )
    named = re.findall(r"(\d+\.\d+\.\d+) with (?:pip )?(\d+\.\d+)", all_text())
    assert sorted(named) == sorted((tools[factor], pips[factor]) for factor in tools)


def test_lowest_versions_are_those_of_the_project() -> None:
    project = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    (line,) = re.findall(
        r"Python ([\d.]+), pip ([\d.]+) and pip-tools ([\d.]+), or newer", all_text()
    )
    python, pip, tools = line
    assert f'requires-python = ">={python}"' in project
    assert f'pip-tools = ["pip-tools>={tools}", "pip>={pip}"]' in project
