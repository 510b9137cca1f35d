from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError, UnknownWordError
from accelock.hardware import Choice, choose
from accelock.hardware.choice import NotLockedError, eligible, newest_that_runs, tell
from accelock.hardware.context import Surroundings
from accelock.targets import PLATFORMS, Kind, Platform, Target, parse_target
from tests.hardware.machines import Commands, with_driver, with_gpus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CATALOGUE = load_catalogue()
LINUX = PLATFORMS["linux-x86_64"]
ARM = PLATFORMS["linux-aarch64"]
MAC = PLATFORMS["macos-arm64"]
WINDOWS = PLATFORMS["windows-x86_64"]


def targets(words: str) -> tuple[Target, ...]:
    return tuple(parse_target(word, CATALOGUE.targets) for word in words.split())


def chosen(
    words: str,
    root: Path,
    *,
    platform: Platform | None = LINUX,
    smi: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Choice:
    return choose(
        targets(words),
        environ=environ or {},
        catalogue=CATALOGUE,
        platform=platform,
        root=root,
        run=Commands({} if smi is None else {"nvidia-smi": smi}),
    )


class TestWhatThereIsToChoose:
    def test_the_declared_targets_that_are_locked(self) -> None:
        assert eligible(targets("cpu cu126 cu128"), targets("cu128 cpu")) == targets("cpu cu128")

    def test_all_that_are_locked_where_none_of_them_is_declared(self) -> None:
        assert eligible(targets("cpu"), targets("xpu cu126")) == targets("xpu cu126")
        assert eligible((), targets("cu126")) == targets("cu126")

    def test_the_declared_ones_where_nothing_is_locked(self) -> None:
        assert eligible(targets("cpu cu126"), ()) == targets("cpu cu126")

    def test_the_variable_names_one_that_is_not_locked(self) -> None:
        environ = {"ACCELOCK_TARGET": "cu126"}
        for locked, declared in (("cpu", "cpu cu126"), ("cpu xpu", "cpu xpu cu126"), ("cpu", "")):
            with pytest.raises(NotLockedError, match=r"'cu126', which is not locked; these are"):
                tell(targets(locked), environ, declared=targets(declared))

    def test_the_variable_of_another_project_does_not_bind(self) -> None:
        environ = {"ACCELOCK_TARGET": "cu126"}
        choice = tell(targets("cpu"), environ, declared=targets("cpu"))
        assert str(choice) == "cpu (the only target declared)"
        assert tell(targets("cpu"), environ) == choice

    def test_the_only_one_that_is_locked(self) -> None:
        choice = tell(targets("cpu"), {}, declared=targets("cpu cu126"))
        assert str(choice) == "cpu (the only target that is locked)"


class TestWithoutDetection:
    def test_the_only_one_declared_is_taken_wherever_this_is(self, tmp_path: Path) -> None:
        choice = chosen("cu130", tmp_path, platform=MAC)
        assert str(choice) == "cu130 (the only target declared)"

    def test_none_declared(self, tmp_path: Path) -> None:
        with pytest.raises(AccelockError, match="no target is declared"):
            chosen("", tmp_path)

    def test_the_variable_decides(self, tmp_path: Path) -> None:
        choice = chosen(
            "cpu cu126 xpu", with_driver(tmp_path, "580.65.06"), environ={"ACCELOCK_TARGET": "xpu"}
        )
        assert str(choice) == "xpu (ACCELOCK_TARGET says so)"

    def test_the_variable_takes_declared_targets_only(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownWordError, match=r"'cu121' \(ACCELOCK_TARGET says .*'cu126'"):
            chosen("cpu cu126", tmp_path, environ={"ACCELOCK_TARGET": "cu121"})

    def test_an_empty_variable_says_nothing(self, tmp_path: Path) -> None:
        assert chosen("cpu cu126", tmp_path, environ={"ACCELOCK_TARGET": ""}).target.name == "cpu"


class TestNvidia:
    @pytest.mark.parametrize(
        ("driver", "name"),
        [
            ("580.65.06", "cu130"),
            ("575.57.08", "cu128"),
            ("525.60.13", "cu128"),
            ("525.60.11", "cu118"),
            ("450.80.02", "cu118"),
            ("440.33.01", "cpu"),
        ],
    )
    def test_the_newest_that_the_driver_runs(self, tmp_path: Path, driver: str, name: str) -> None:
        choice = chosen("cpu cu118 cu128 cu126 cu130", with_driver(tmp_path, driver))
        assert choice.target.name == name

    def test_the_reason_names_the_driver_and_where_it_was_read(self, tmp_path: Path) -> None:
        choice = chosen("cpu cu126 cu130", with_driver(tmp_path, "550.54.15"))
        assert str(choice) == "cu126 (NVIDIA driver 550.54.15, from /sys/module/nvidia/version)"
        assert [str(each) for each in choice.candidates if not each.fits] == [
            "cu130: needs NVIDIA driver 580 or newer, this machine has 550.54.15"
        ]

    def test_windows_has_floors_of_its_own(self, tmp_path: Path) -> None:
        declared = "cpu cu118 cu126"
        assert chosen(declared, tmp_path, platform=WINDOWS, smi="528.33").target.name == "cu126"
        assert chosen(declared, tmp_path, platform=WINDOWS, smi="527.41").target.name == "cu118"

    def test_a_cuda_that_the_tables_do_not_know_is_not_guessed(self, tmp_path: Path) -> None:
        choice = chosen("cpu cu140", with_driver(tmp_path, "700.0"))
        assert choice.target.name == "cpu"
        assert "set ACCELOCK_TARGET=cu140" in choice.reason

    @pytest.mark.parametrize("hidden", ["", "-1"])
    def test_hidden_gpus_do_not_count(self, tmp_path: Path, hidden: str) -> None:
        root, environ = with_driver(tmp_path, "580.65.06"), {"CUDA_VISIBLE_DEVICES": hidden}
        assert chosen("cpu cu126", root, environ=environ).target.name == "cpu"
        environ = {"CUDA_VISIBLE_DEVICES": "0,1"}
        assert chosen("cpu cu126", root, environ=environ).target.name == "cu126"


class TestAmd:
    def test_the_newest_that_has_code_for_the_gpu(self, tmp_path: Path) -> None:
        choice = chosen("cpu rocm6.2.4 rocm6.3 rocm7.0", with_gpus(tmp_path, 90402))
        assert str(choice) == "rocm7.0 (AMD GPU gfx942)"

    def test_versions_are_numbers(self, tmp_path: Path) -> None:
        assert chosen("rocm6.2.4 rocm6.2", with_gpus(tmp_path, 110000)).target.name == "rocm6.2.4"

    def test_a_gpu_that_nothing_supports_does_not_stand_in_the_way(self, tmp_path: Path) -> None:
        root = with_gpus(tmp_path, 100306, 110000)
        assert chosen("cpu rocm6.3", root).target.name == "rocm6.3"

    def test_every_supported_gpu_has_to_fit(self, tmp_path: Path) -> None:
        choice = chosen("cpu rocm6.3", with_gpus(tmp_path, 90402, 90500))
        assert choice.target.name == "cpu"
        assert "rocm6.3: has no code for gfx950" in choice.reason
        choice = chosen("cpu rocm6.3", with_gpus(tmp_path / "other", 100306))
        assert choice.reason == "no other declared target fits: rocm6.3: has no code for gfx1036"

    def test_a_rocm_that_the_tables_do_not_know_is_not_guessed(self, tmp_path: Path) -> None:
        choice = chosen("cpu rocm7.19", with_gpus(tmp_path, 90402))
        assert choice.target.name == "cpu"
        assert "set ACCELOCK_TARGET=rocm7.19" in choice.reason

    def test_cuda_is_tried_first(self, tmp_path: Path) -> None:
        root = with_gpus(with_driver(tmp_path, "580.65.06"), 90402)
        assert chosen("rocm6.3 cu118", root).target.name == "cu118"


class TestNothingFits:
    def test_cpu_with_each_reason_once(self, tmp_path: Path) -> None:
        choice = chosen("cu126 cu130 rocm6.3 cpu xpu", tmp_path)
        assert choice.target.name == "cpu"
        assert choice.reason == (
            "no other declared target fits: cu130, cu126: no NVIDIA driver found; rocm6.3: no AMD "
            "GPU found; xpu: no Intel GPU found"
        )

    def test_a_mac_is_cpu(self, tmp_path: Path) -> None:
        choice = chosen("cpu cu126", tmp_path, platform=MAC)
        assert choice.reason == (
            "no other declared target fits: cu126: there are no builds for macos-arm64"
        )

    def test_rocm_is_for_x86_64_only(self, tmp_path: Path) -> None:
        choice = chosen("cpu rocm6.3", with_gpus(tmp_path, 90402), platform=ARM)
        assert choice.target.name == "cpu"

    def test_a_machine_without_a_name_is_cpu(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accelock.hardware.detection.host_platform", lambda: None)
        choice = chosen("cpu cu126", with_driver(tmp_path, "580.65.06"), platform=None)
        assert choice.reason.startswith(
            "no other declared target fits: cu126: there are no builds for "
        )

    def test_no_cpu_declared(self, tmp_path: Path) -> None:
        with pytest.raises(AccelockError) as caught:
            chosen("cu126 cu130 rocm6.3", with_driver(tmp_path, "450.36.06"))
        assert str(caught.value) == (
            "none of the declared targets fits this machine:\n  cu130: needs NVIDIA driver 580 or "
            "newer, this machine has 450.36.06\n  cu126: needs NVIDIA driver 525.60.13 or newer, "
            "this machine has 450.36.06\n  rocm6.3: no AMD GPU found\nSet ACCELOCK_TARGET to one "
            "of them (cu130, cu126, rocm6.3) to choose it anyway, or declare `cpu` too."
        )


def test_the_newest_that_runs_is_offered_for_a_vendors_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = Surroundings(
        {}, "linux", "x86_64", root=with_driver(tmp_path, "535.54.03"), run=Commands()
    )
    monkeypatch.setattr("accelock.hardware.choice.surroundings", lambda: around)
    monkeypatch.setattr("accelock.hardware.detection.host_platform", lambda: LINUX)
    assert newest_that_runs(Kind.CUDA, CATALOGUE) == "cu129"  # 13.0 needs driver 580
    declared = targets("cpu cu118 cu126")
    assert newest_that_runs(Kind.CUDA, CATALOGUE, declared) == "cu126"
    assert newest_that_runs(Kind.ROCM, CATALOGUE) is None
