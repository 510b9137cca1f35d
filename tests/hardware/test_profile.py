"""Machines as JSON: the profiles that ship, and what is wrong with one from elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError, ConfigError, UnknownWordError
from accelock.hardware import profile
from accelock.hardware.choice import candidates, choose_for
from accelock.targets import parse_target
from tests.support.environments import run_accelock
from tests.support.fakes import on_posix

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE = load_catalogue()
EVERY = ("cpu", "cu118", "cu126", "cu128", "cu130", "rocm6.3", "rocm7.0", "xpu")
GETS = {
    "a100": "cu130", "a100-driver-470": "cu118", "alpine": "cpu", "arc-a770": "xpu",
    "b200": "cu130", "dgx-spark": "cu130", "docker-build": "cpu", "gh200": "cu130",
    "gtx-1080": "cu126", "h100": "cu130", "h100-driver-550": "cu128", "h200": "cu130",
    "jetson-orin": "cpu", "jetson-thor": "cu130", "l4": "cu130", "linux-arm-cpu": "cpu",
    "linux-cpu": "cpu", "mac-intel": "cpu", "mac-m3": "cpu", "mi250x": "rocm7.0",
    "mi300x": "rocm7.0", "mi355x": "rocm7.0", "p100": "cu126", "rtx-3090": "cu130",
    "rtx-4090": "cu130", "rtx-5090": "cu130", "rx-6700-xt": "cpu", "rx-7900-xtx": "rocm7.0",
    "t4": "cu130", "v100": "cu128", "windows-rtx-4090": "cu130", "wsl2-rtx-4090": "cu130",
}  # fmt: skip


def test_all_that_ship_are_here() -> None:
    assert set(profile.names()) == set(GETS)


@pytest.mark.parametrize("name", sorted(GETS))
def test_what_each_gets_and_what_it_says_of_itself(name: str) -> None:
    machine = profile.read(name)
    declared = [parse_target(word, CATALOGUE.targets) for word in EVERY]
    assert choose_for(declared, machine, CATALOGUE.hardware).target.name == GETS[name]
    assert "not from a real machine" in (machine.about or "")


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = profile.dump(profile.read("h100"))
    (tmp_path / "h100").write_text(json.dumps({**data, "jetson": "R99"}))
    assert profile.read("h100").jetson == "R99"
    (tmp_path / "with-bom.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(data).encode())
    assert profile.read("with-bom.json") == profile.parse(json.dumps(data), "x")


def test_no_such_profile() -> None:
    with pytest.raises(UnknownWordError, match="did you mean 'h100'"):
        profile.read("h1000")
    with pytest.raises(UnknownWordError, match="aaaa"):
        profile.read("a" * 5000)
    with pytest.raises(AccelockError, match=r"nowhere\.json: no such file; `accelock detect"):
        profile.read("nowhere.json")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for name, data in {
        "huge": b" " * 2_000_000,
        "bytes": b"\xff\xfe",
        "empty": b"",
        "list": b"[]",
        "deep": b"[" * 100_000,
        "old": b'{"format": 0, "platform": null}',
    }.items():
        (tmp_path / f"{name}.json").write_bytes(data)
        with pytest.raises(AccelockError, match=rf"{name}\.json: "):
            profile.read(str(tmp_path / f"{name}.json"))
    with pytest.raises(AccelockError, match="no such file"):
        profile.read(str(tmp_path))


@on_posix
def test_a_pipe_is_read_and_no_more_of_it_than_a_profile_may_have(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """As in `accelock why -m <(ssh node accelock detect --json)`."""
    data = json.dumps(profile.dump(profile.read("h100")))
    (tmp_path / "pyproject.toml").write_text("[tool.accelock]\ntargets = ['cpu', 'cu126']\n")
    words = ("why", "-m", "/dev/stdin")
    done = run_accelock(*words, cwd=tmp_path, env=env, stdin=data)
    assert done.stdout.startswith("cu126 for /dev/stdin: 8 x NVIDIA H100"), done.stderr
    done = run_accelock(*words, cwd=tmp_path, env=env, stdin=" " * 2_000_000)
    assert done.stderr == (
        "ERROR: /dev/stdin: is not the profile of a machine: it is larger than 1 MB\n"
    )


def test_a_machine_that_says_nothing_of_itself() -> None:
    machine = profile.parse('{"format": 1, "platform": null}', "x")
    declared = [parse_target("cu126", CATALOGUE.targets)]
    [candidate] = candidates(declared, machine, CATALOGUE.hardware)
    assert candidate.reason == "there are no builds for an unknown platform"


def test_a_driver_that_is_no_object_is_told_how_to_write_it() -> None:
    with pytest.raises(ConfigError) as caught:
        profile.parse('{"format": 1, "platform": null, "nvidia_driver": "535.104.05"}', "box.json")
    assert caught.value.faults == (
        'nvidia_driver: must be null, or an object as in {"version": "550.54.15"}',
    )


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("null", "is missing"),
        ("580", "must be a string or null"),
        ('"new"', "'new' is not valid; write"),
    ],
)
def test_one_fault_of_a_driver_is_told_once(version: str, told: str) -> None:
    text = f'{{"format": 1, "platform": null, "nvidia_driver": {{"version": {version}}}}}'
    with pytest.raises(ConfigError) as caught:
        profile.parse(text, "box.json")
    [fault] = caught.value.faults
    assert fault.startswith(f"nvidia_driver.version: {told}")


def test_all_faults_at_once() -> None:
    text = json.dumps(
        {
            "format": 1,
            "platfrom": "linux-64",
            "wsl": "yes",
            "nvidia_driver": {"version": "latest"},
            "gpus": [{"vendor": "nvidea"}, {"compute_capability": "90"}, {"vendor": 3}],
            "notes": {},
        }
    )
    with pytest.raises(ConfigError) as caught:
        profile.parse(text, "box.json")
    assert caught.value.faults == (
        "platfrom: unknown key; did you mean 'platform'?",
        "platform: is missing; write null if accelock has no name for it",
        "wsl: must be true or false",
        "nvidia_driver.version: 'latest' is not valid; write it as in 550.54.15",
        "gpus[0].vendor: unknown vendor 'nvidea'; did you mean 'nvidia'?",
        "gpus[1].vendor: is missing",
        "gpus[1].compute_capability: '90' is not valid; write it as in 9.0",
        "gpus[2].vendor: must be a string or null",
        "notes: must be a list of objects",
    )
