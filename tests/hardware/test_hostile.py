"""Nothing that a machine shows to the probes raises, hangs, or chooses what is not declared."""

from __future__ import annotations

import json
import sys
import threading
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hardware import Machine, NoTargetError, choose, detect, profile
from accelock.hardware.choice import choose_for
from accelock.hardware.context import LIMIT, Found, Output, ProbeContext, Surroundings
from accelock.hardware.probes import VENDORS
from accelock.targets import PLATFORMS, parse_target
from tests.hardware.machines import Commands, smi, with_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from accelock.hardware.context import Probe
    from accelock.hardware.vendor import Vendor
    from accelock.targets import Target

CATALOGUE = load_catalogue()
FILES = (
    "sys/module/nvidia/version",
    "proc/driver/nvidia/version",
    "proc/driver/nvidia/gpus/0000:01:00.0/information",
    "sys/class/kfd/kfd/topology/nodes/1/properties",
    "sys/class/drm/card0/device/uevent",
    "proc/1/cgroup",
    "proc/sys/kernel/osrelease",
    "etc/nv_tegra_release",
    "proc/device-tree/model",
)
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
)
# What real files hold, whole and in pieces, so that chance comes near to them.
WORDS = (
    "NVRM version: ", "580.82.07", "gfx_target_version ", "90402", "\n", "PCI_ID=8086:56A0",
    "PCI_SLOT_NAME=", "# R36 (release), REVISION: ", "9.0", ", ", "GPU-", "9" * 5000, "gfx942",
    '{"driver": "550.54.15", "gpus": [{"name": "x", "capability": [9, 0]}]}', "microsoft", "-1",
    "Model: \t x", "\x00", "docker",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
BODIES = st.one_of(TEXTS.map(str.encode), st.binary(max_size=80))
VALUES = TEXTS.map(lambda text: text.replace("\0", ""))
# What the runner says of a command that it has waited for in vain.
HANG = Output(failure="did not answer within its time")
ANSWERS = st.one_of(TEXTS.map(Output), TEXTS.map(lambda text: Output(failure=text)), st.just(HANG))
DECLARED = st.lists(st.sampled_from(sorted(CATALOGUE.targets)), min_size=1, unique=True)


class Clock(threading.local):
    """The time of each probe, all of which run at once: a thread's own, from 0."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Hanging(Commands):
    """Lets its clock pass for a command that hangs; `waited` has the seconds by probe."""

    def __init__(self, answers: Mapping[str, str | Output], clock: Clock) -> None:
        super().__init__(answers)
        self.clock = clock
        self.waited: dict[str, float] = defaultdict(float)

    def __call__(self, command: Sequence[str], *, timeout: float) -> Output:
        answer = super().__call__(command, timeout=timeout)
        if answer is HANG:
            self.clock.now += timeout
            self.waited[threading.current_thread().name] += timeout
        return answer


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    files=st.dictionaries(st.sampled_from(FILES), BODIES),
    answers=st.dictionaries(
        st.sampled_from(["NVML", "nvidia-smi", "rocm_agent_enumerator"]), ANSWERS
    ),
    environ=st.dictionaries(st.sampled_from(VARIABLES), VALUES),
    names=DECLARED,
    platform=st.sampled_from([*PLATFORMS, None]),
)
def test_no_machine_raises_or_chooses_what_is_not_declared(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, bytes],
    answers: dict[str, Output],
    environ: dict[str, str],
    names: list[str],
    platform: str | None,
) -> None:
    root = tmp_path_factory.mktemp("root")
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    declared = [parse_target(name, CATALOGUE.targets) for name in names]
    named = PLATFORMS[platform] if platform else None
    system = named.sys_platform if named else "linux"
    clock = Clock()
    commands = Hanging(answers, clock)
    around = Surroundings(environ, system, "x86_64", root=root, run=commands)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accelock.hardware.detection.host_platform", lambda: named)
        patch.setattr("accelock.hardware.context.time", clock)
        machine = detect(around, named)

    assert isinstance(machine, Machine)
    assert machine.platform is named
    assert all(seconds <= LIMIT for seconds in commands.waited.values())
    assert not any("the probe " in note.what for note in machine.notes)
    data = profile.dump(machine)
    assert profile.dump(profile.parse(json.dumps(data), "x")) == data
    if "cpu" in names:
        assert choose_for(declared, machine, CATALOGUE.hardware).target in declared
    else:
        _chosen_or_refused(declared, machine)


def _chosen_or_refused(declared: Sequence[Target], machine: Machine) -> None:
    """Without cpu there may be none; then each target is named with its reason."""
    try:
        choice = choose_for(declared, machine, CATALOGUE.hardware)
    except NoTargetError as error:
        message = str(error)
    else:
        message = ""
        assert choice.target in declared
    assert not message or all(f"\n  {target}: " in message for target in declared)


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(TEXTS, st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["format", "platform", "gpus", "vendor", "nvidia_driver", "version", "x"]),
        inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(
    {"format": 1, **value} if isinstance(value, dict) else value))))  # fmt: skip
def test_a_profile_is_read_or_refused_with_a_message(text: str) -> None:
    said = _refusal(lambda: profile.parse(text, "box.json"))
    assert said is None or said.startswith("box.json: ")


@settings(max_examples=100, deadline=None)
@given(
    environ=st.dictionaries(
        st.sampled_from(
            ["ACCELOCK_CUDA_DRIVER", "ACCELOCK_COMPUTE_CAPABILITY", "ACCELOCK_AMD_GFX"]
        ),
        st.one_of(VALUES, st.sampled_from(["none", "580", "9.0", "7.5;8.6", "gfx942"])),
    )
)
def test_an_override_is_taken_or_refused_by_name(environ: dict[str, str]) -> None:
    around = Surroundings(environ, "linux", "x86_64", root=_nowhere(), run=Commands())
    said = _refusal(lambda: detect(around, PLATFORMS["linux-x86_64"]))
    assert said is None or said.startswith("environment: ")
    assert said is None or any(name in said for name in environ)


def _refusal(call: Callable[[], object]) -> str | None:
    """Return the message of an AccelockError; any other is a failure of the test."""
    try:
        call()
    except AccelockError as error:
        return str(error)
    return None


def _nowhere() -> Path:
    from pathlib import Path  # noqa: PLC0415

    return Path("/nowhere-at-all")


class TestTime:
    """A probe that hangs is left behind, and said."""

    def test_a_command_that_hangs_costs_its_limit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        names = ("NVML", "nvidia-smi", "rocm_agent_enumerator")
        commands = Hanging(dict.fromkeys(names, HANG), clock)
        monkeypatch.setattr("accelock.hardware.context.time", clock)
        root = with_driver(tmp_path, "580.82.07")
        around = Surroundings({}, "linux", "x86_64", root=root, run=commands)
        machine = detect(around, PLATFORMS["linux-x86_64"])
        # Each was asked once: nvidia-smi's second question finds no time left.
        assert [timeout for _command, timeout in commands.asked] == [2.0, 2.0, 2.0]
        assert machine.driver is not None  # the kernel's word needs no command
        whats = {note.what for note in machine.notes}
        assert {f"{name} {HANG.failure}" for name in names} == whats

    def test_a_read_that_never_ends_is_left_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = threading.Event()

        def hang(_context: ProbeContext) -> Found:
            release.wait(60)
            return Found()

        monkeypatch.setattr("accelock.hardware.probes.VENDORS", with_probe("amd", "amd", hang))
        around = Surroundings({}, "linux", "x86_64", root=tmp_path, run=Commands(), limit=0.1)
        machine = detect(around, PLATFORMS["linux-x86_64"])
        release.set()
        assert [note.what for note in machine.notes] == ["the probe amd did not end within 0.1 s"]

    def test_a_probe_that_raises_is_a_finding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_context: ProbeContext) -> Found:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr("accelock.hardware.probes.VENDORS", with_probe("intel", "drm", fail))
        around = Surroundings({}, "linux", "x86_64", root=tmp_path, run=Commands())
        (note,) = detect(around, PLATFORMS["linux-x86_64"]).notes
        assert note.what == "the probe drm failed (RuntimeError: a mistake of ours)"


def with_probe(vendor: str, name: str, probe: Probe) -> tuple[Vendor, ...]:
    """Return the vendors, one of which has another probe of that name."""
    return tuple(
        replace(each, probes={name: probe}) if each.name == vendor else each for each in VENDORS
    )


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no /proc")
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "sys/module/nvidia").mkdir(parents=True)
    # Its first page is nobody's, so that reading it fails for root too.
    (tmp_path / "sys/module/nvidia/version").symlink_to("/proc/self/mem")
    around = Surroundings({}, "linux", "x86_64", root=tmp_path, run=Commands())
    (note,) = detect(around, PLATFORMS["linux-x86_64"]).notes
    assert note.what == "/sys/module/nvidia/version cannot be read (Input/output error)"


def test_a_folder_in_the_place_of_a_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "sys/module/nvidia/version").mkdir(parents=True)
    around = Surroundings({}, "linux", "x86_64", root=tmp_path, run=Commands())
    (note,) = detect(around, PLATFORMS["linux-x86_64"]).notes
    assert note.code == "probe"
    assert note.what.startswith("/sys/module/nvidia/version is not a regular file")


class TestNothingIsLookedAtInVain:
    """What decides without the machine does not look at it."""

    def commands(self, root: Path, names: str, **environ: str) -> list[str]:
        commands = Commands({"nvidia-smi": smi("550.54.15", ("NVIDIA T4", "7.5"))})
        choose(
            [parse_target(name, CATALOGUE.targets) for name in names.split()],
            environ=environ,
            catalogue=CATALOGUE,
            platform=PLATFORMS["linux-x86_64"],
            root=root,
            run=commands,
        )
        return commands.names

    def test_one_target(self, tmp_path: Path) -> None:
        assert self.commands(tmp_path, "cu126") == []

    def test_a_variable(self, tmp_path: Path) -> None:
        assert self.commands(tmp_path, "cpu cu126", ACCELOCK_TARGET="cpu") == []

    def test_no_sign_of_nvidia_starts_no_process_of_ours(self, tmp_path: Path) -> None:
        assert self.commands(tmp_path, "cpu cu126") == ["rocm_agent_enumerator", "nvidia-smi"]
