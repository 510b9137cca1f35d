"""What each probe reads, in the forms of the real files and commands."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, ClassVar

import pytest

from accelock.hardware import Gpu
from accelock.hardware.context import Found, Output, ProbeContext, Surroundings
from accelock.hardware.probes import amd, apple, host, intel, nvidia
from tests.hardware.machines import (
    DOCKER,
    INFORMATION,
    NV_TEGRA_RELEASE,
    PROC_VERSION,
    PROC_VERSION_OPEN,
    Commands,
    context,
    smi,
    uuid,
    with_cards,
    with_driver,
    with_gpus,
    write,
)

PROBES = Path(nvidia.__file__).parent


class TestNvidiaKernel:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            (PROC_VERSION.format(version="550.54.15"), (550, 54, 15)),
            (PROC_VERSION.format(version="440.33.01"), (440, 33, 1)),
            (PROC_VERSION_OPEN.format(machine="x86_64", version="580.82.07"), (580, 82, 7)),
            (PROC_VERSION_OPEN.format(machine="aarch64", version="540.4.0"), (540, 4, 0)),
        ],
    )
    def test_proc_has_it_within_a_sentence(
        self, tmp_path: Path, text: str, version: tuple[int, ...]
    ) -> None:
        found = nvidia.kernel(context(write(tmp_path, {"proc/driver/nvidia/version": text})))
        assert found.driver is not None
        assert (found.driver.version, found.driver.source) == (
            version,
            "/proc/driver/nvidia/version",
        )

    def test_sys_has_nothing_else(self, tmp_path: Path) -> None:
        found = nvidia.kernel(context(with_driver(tmp_path, "580.65.06")))
        assert found.driver is not None
        assert found.driver.text == "580.65.06"
        assert found.driver.source == "/sys/module/nvidia/version"
        assert found.has_device

    def test_the_names_of_the_gpus(self, tmp_path: Path) -> None:
        root = with_driver(tmp_path, "580.65.06")
        for slot in ("0000:c1:00.0", "0000:01:00.0"):
            path = f"proc/driver/nvidia/gpus/{slot}/information"
            write(root, {path: INFORMATION.format(name=f"NVIDIA H100 {slot[5:7]}", uuid=uuid(1))})
        gpus = nvidia.kernel(context(root)).gpus
        assert gpus is not None
        assert [(gpu.name, gpu.uuid) for gpu in gpus] == [
            ("NVIDIA H100 01", uuid(1)),
            ("NVIDIA H100 c1", uuid(1)),
        ]

    @pytest.mark.parametrize("text", ["", "\n", "GCC version 12.3.0\n", "x" * 200_000, "\x00\xff"])
    def test_files_that_say_nothing(self, tmp_path: Path, text: str) -> None:
        names = ("sys/module/nvidia/version", "proc/driver/nvidia/version")
        assert nvidia.kernel(context(write(tmp_path, dict.fromkeys(names, text)))).driver is None


class TestNvidiaSmi:
    def test_one_line_for_each_gpu(self, tmp_path: Path) -> None:
        said = smi("550.54.15", ("NVIDIA A100-SXM4-80GB", "8.0"), ("NVIDIA T4", "7.5"))
        found = nvidia.smi(context(tmp_path, {"nvidia-smi": said}))
        assert found.driver is not None
        assert found.driver.text == "550.54.15"
        assert [gpu.capability for gpu in found.gpus or ()] == [(8, 0), (7, 5)]

    def test_an_old_one_has_no_compute_capability(self, tmp_path: Path) -> None:
        class Old(Commands):
            def __call__(self, command: Any, *, timeout: float) -> Output:
                super().__call__(command, timeout=timeout)
                if "compute_cap" in command[1]:
                    what = 'Field "compute_cap" is not a valid field to query.'
                    return Output(failure=f"failed with exit code 2: {what}")
                return Output("470.57.02, Tesla K80, GPU-1\n")

        asked = ProbeContext(Surroundings({}, "linux", "x86_64", root=tmp_path, run=Old()))
        found = nvidia.smi(asked)
        assert found.driver is not None
        assert found.driver.text == "470.57.02"
        assert [(gpu.name, gpu.capability) for gpu in found.gpus or ()] == [("Tesla K80", None)]
        assert asked.notes == []

    def test_the_one_of_wsl_is_not_on_the_path(self, tmp_path: Path) -> None:
        place = "/usr/lib/wsl/lib/nvidia-smi"
        root = write(tmp_path, {place.lstrip("/"): ""})
        found = nvidia.smi(context(root, {place: smi("566.36", ("NVIDIA RTX 4070", "8.9"))}))
        assert found.driver is not None
        assert found.driver.version == (566, 36)

    @pytest.mark.parametrize(
        "said",
        [
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
            "Failed to initialize NVML: Driver/library version mismatch\n",
            "No devices were found\n",
            "\x1b[31mgarbage\x00\n",
        ],
    )
    @pytest.mark.parametrize("exits", [0, 9])
    def test_what_it_says_instead_is_a_finding(self, tmp_path: Path, said: str, exits: int) -> None:
        failed = Output(failure=f"failed with exit code 9: {said.strip()}")
        asked = context(tmp_path, {"nvidia-smi": failed if exits else said})
        assert nvidia.smi(asked).driver is None
        assert len(asked.notes) == 1
        assert asked.notes[0].what.isprintable() or exits

    def test_none_there_is_no_finding(self, tmp_path: Path) -> None:
        asked = context(tmp_path)
        assert nvidia.smi(asked).gpus is None
        assert asked.notes == []

    def test_mig_instances_are_parts_of_their_gpu(self, tmp_path: Path) -> None:
        said = smi("550.54.15", ("NVIDIA H100", "9.0")) + "MIG 1g.10gb, MIG-41, [N/A]\n"
        assert len(nvidia.smi(context(tmp_path, {"nvidia-smi": said})).gpus or ()) == 1


class TestAmd:
    def test_architectures_are_written_as_the_compiler_does(self, tmp_path: Path) -> None:
        root = with_gpus(tmp_path, 90010, 90402, 90500, 100306, 110000, 110501, 120001)
        assert [gpu.gfx for gpu in amd.probe(context(root)).gpus or ()] == [
            "gfx90a",
            "gfx942",
            "gfx950",
            "gfx1036",
            "gfx1100",
            "gfx1151",
            "gfx1201",
        ]

    def test_nodes_count_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        root = with_gpus(tmp_path, *[90402] * 10, 110000)
        gpus = amd.probe(context(root)).gpus or ()
        assert [gpu.gfx for gpu in gpus] == [*["gfx942"] * 10, "gfx1100"]
        assert gpus[0].uuid == "GPU-00000000000000a1"

    def test_processors_are_no_gpus(self, tmp_path: Path) -> None:
        assert amd.probe(context(with_gpus(tmp_path))).gpus == ()

    def test_where_the_kernel_has_no_list_rocm_itself_is_asked(self, tmp_path: Path) -> None:
        said = "gfx000\ngfx1100\ngfx90a:sramecc+:xnack-\nwarning: x\n"
        found = amd.probe(context(tmp_path, {"rocm_agent_enumerator": said}))
        assert [gpu.gfx for gpu in found.gpus or ()] == ["gfx1100", "gfx90a"]

    def test_nothing_there_or_nothing_readable(self, tmp_path: Path) -> None:
        assert amd.probe(context(tmp_path)).gpus == ()
        nodes = "sys/class/kfd/kfd/topology/nodes"
        write(tmp_path, {f"{nodes}/0/properties": "gfx_target_version x\n", f"{nodes}/1": ""})
        write(tmp_path, {f"{nodes}/2/properties": f"gfx_target_version {'9' * 6}\n"})
        assert amd.probe(context(tmp_path)).gpus == ()


class TestIntel:
    def test_a_card_of_its_own_and_the_processors(self, tmp_path: Path) -> None:
        root = with_cards(
            tmp_path,
            ("i915", "8086:A780", "0000:00:02.0"),
            ("i915", "8086:A780", "0000:00:02.1"),
            ("xe", "8086:E20B", "0000:03:00.0"),
            ("amdgpu", "1002:744C", "0000:04:00.0"),
        )
        write(root, {"sys/class/drm/renderD128/device/uevent": "PCI_ID=8086:A780\n"})
        gpus = intel.probe(context(root)).gpus or ()
        assert [(gpu.vendor, gpu.integrated) for gpu in gpus] == [
            ("intel", True),
            ("intel", True),
            ("intel", False),
        ]

    def test_one_without_a_slot_is_taken_for_the_processors(self, tmp_path: Path) -> None:
        write(tmp_path, {"sys/class/drm/card0/device/uevent": "PCI_ID=8086:56A0\n"})
        assert [gpu.integrated for gpu in intel.probe(context(tmp_path)).gpus or ()] == [True]


class TestApple:
    ANSWERS: ClassVar[dict[str, str | Output]] = {"/usr/sbin/sysctl": "Apple M3\n"}

    def test_the_gpu_goes_by_the_processors_name(self, tmp_path: Path) -> None:
        found = apple.probe(context(tmp_path, self.ANSWERS, system="darwin", machine="arm64"))
        assert found.gpus == (Gpu("apple", "Apple M3", integrated=True, source="sysctl"),)

    def test_a_mac_that_does_not_say_has_one_all_the_same(self, tmp_path: Path) -> None:
        (gpu,) = apple.probe(context(tmp_path, system="darwin", machine="arm64")).gpus or ()
        assert gpu.name == "Apple GPU"

    @pytest.mark.parametrize(("system", "machine"), [("darwin", "x86_64"), ("linux", "arm64")])
    def test_nothing_else_has_one(self, tmp_path: Path, system: str, machine: str) -> None:
        asked = context(tmp_path, self.ANSWERS, system=system, machine=machine)
        assert apple.probe(asked) == Found()
        assert isinstance(asked.around.run, Commands)
        assert asked.around.run.names == []


class TestHost:
    @pytest.mark.parametrize(
        ("tag", "libc"),
        [
            ("manylinux_2_36_x86_64", "glibc 2.36"),
            ("musllinux_1_2_aarch64", "musl 1.2"),
            ("linux_x86_64", None),
            ("", None),
        ],
    )
    def test_the_c_library_is_that_of_the_wheels(
        self, tmp_path: Path, tag: str, libc: str | None
    ) -> None:
        assert host.probe(context(tmp_path, tags=lambda: [tag])).libc == libc

    @pytest.mark.parametrize(
        "files",
        [
            {"proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n"},
            {"dev/dxg": ""},
            {"proc/sys/fs/binfmt_misc/WSLInterop": "enabled\n"},
        ],
        ids=lambda files: next(iter(files)),
    )
    def test_wsl(self, tmp_path: Path, files: dict[str, str]) -> None:
        assert host.probe(context(write(tmp_path, files))).wsl
        assert not host.probe(context(tmp_path / "other")).wsl

    def test_jetson(self, tmp_path: Path) -> None:
        release = NV_TEGRA_RELEASE.format(major=36, revision="4.3")
        assert (
            host.probe(context(write(tmp_path, {"etc/nv_tegra_release": release}))).jetson
            == "R36.4.3"
        )
        model = {"proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0"}
        assert (
            host.probe(context(write(tmp_path / "other", model))).jetson == "of an unknown release"
        )

    def test_kubernetes_says_so_in_the_environment(self, tmp_path: Path) -> None:
        environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
        assert host.probe(context(tmp_path, environ=environ)).container == "kubernetes"
        assert host.probe(context(write(tmp_path, DOCKER))).container == "docker"


@pytest.mark.parametrize("path", sorted(PROBES.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_no_vendor_imports_another(path: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{'.' * node.level}{node.module}.{each.name}" for each in node.names}
    assert not {name for name in found if name.startswith((".", "accelock.hardware.probes"))}
