"""A vendor of GPUs is one value, listed once: a made-up one is seen wherever the others are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock import cli
from accelock.hardware import Gpu, profile
from accelock.hardware.context import Found, ProbeContext
from accelock.hardware.probes import VENDORS
from accelock.hardware.vendor import Fit, Reason, Vendor, add_gpus
from accelock.targets import PLATFORMS, Kind
from tests.commands.heres import here
from tests.commands.projects import Project
from tests.hardware.machines import write

if TYPE_CHECKING:
    from pathlib import Path

    from accelock.catalogue import HardwareTables
    from accelock.hardware import LockedTarget, Machine
    from accelock.targets import Target

PINS = "filelock==3.18.0\n"


def _probe(context: ProbeContext) -> Found:
    text = context.read("proc/acme")
    return Found(gpus=(Gpu("acme", name=text.strip(), source="/proc/acme"),) if text else ())


def _fit(_target: Target, machine: Machine, _tables: HardwareTables, _locked: LockedTarget) -> Fit:
    gpus = machine.of("acme")
    if gpus and gpus[0].name == "Acme 1":
        return Fit.no(Reason.NO_CODE, "it has no code for Acme 1")
    if gpus:
        return Fit(fits=True, reason=str(gpus[0]))
    return Fit.no(Reason.NO_GPU, "no Acme found")


ACME = Vendor("acme", Kind.XPU, {"acme": _probe}, add_gpus("acme"), _fit)


@pytest.fixture(params=["Acme 1", "Acme 2"])
def model(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The model of the GPU of this machine, which is in a project with cpu and xpu."""
    model: str = request.param
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("accelock.hardware.probes.VENDORS", (*VENDORS, ACME))
    around = here(tmp_path, write(tmp_path / "root", {"proc/acme": f"{model}\n"})).around
    monkeypatch.setattr("accelock.hardware.surroundings", lambda: around)
    linux = PLATFORMS["linux-x86_64"]
    monkeypatch.setattr("accelock.hardware.detection.host_platform", lambda: linux)
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.accelock]\ntargets = ["cpu", "xpu"]\n')
    project.compiled("requirements.cpu.txt", "cpu", PINS, ())
    project.compiled("requirements.xpu.txt", "xpu", PINS, ())
    return model


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    cli.main(list(words))
    return capsys.readouterr().out


def test_detect(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"GPUs:           {model} (from /proc/acme)\n" in said(capsys, "detect")
    machine = said(capsys, "detect", "--json")
    assert json.loads(machine)["gpus"][0]["vendor"] == "acme"
    assert profile.dump(profile.parse(machine, "x")) == json.loads(machine)


def test_the_choice(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "why", "--json"))
    assert told["target"] == ("cpu" if model == "Acme 1" else "xpu")
    assert model in said(capsys, "why")


def test_doctor(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    unused = "there is a GPU, and cpu is chosen: xpu: it has no code for Acme 1"
    assert (unused in said(capsys, "doctor")) == (model == "Acme 1")
