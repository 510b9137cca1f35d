"""NVIDIA's library: what is read of its answer, and the program that asks it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from accelock.hardware.probes import nvidia
from tests.hardware.machines import NO_NVML, context
from tests.hardware.machines import nvml as nvml_output

if TYPE_CHECKING:
    from pathlib import Path


class TestNvml:
    def test_driver_and_gpus(self, tmp_path: Path) -> None:
        said = nvml_output("580.82.07", ("NVIDIA H100 80GB HBM3", "9.0"), ("Tesla V100", "7.0"))
        found = nvidia.nvml(context(tmp_path, {"NVML": said}))
        assert found.driver is not None
        assert found.driver.text == "580.82.07"
        assert found.gpus is not None
        assert [(gpu.name, gpu.capability) for gpu in found.gpus] == [
            ("NVIDIA H100 80GB HBM3", (9, 0)),
            ("Tesla V100", (7, 0)),
        ]

    def test_what_an_interpreter_warns_of_at_its_start(self, tmp_path: Path) -> None:
        said = "Error processing line 1 of x.pth:\n\n" + nvml_output("580.82.07", ("L4", "8.9"))
        found = nvidia.nvml(context(tmp_path, {"NVML": said}))
        assert found.driver is not None
        assert [gpu.capability for gpu in found.gpus or ()] == [(8, 9)]

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "[]",
            "{",
            "[" * 100_000,
            '{"driver": 5, "gpus": 7}',
            '{"driver": null, "gpus": [1, {"capability": [true, 3]}]}',
            '{"gpus": [{"name": 3, "capability": ["9", 0], "uuid": []}]}',
            json.dumps({"driver": "1" * 100_000, "gpus": [{}] * 5000}),
        ],
    )
    def test_an_answer_that_is_none(self, tmp_path: Path, said: str) -> None:
        found = nvidia.nvml(context(tmp_path, {"NVML": said}))
        assert found.driver is None
        assert all(gpu.capability is None for gpu in found.gpus or ())

    def test_no_library_is_no_finding(self, tmp_path: Path) -> None:
        asked = context(tmp_path, {"NVML": NO_NVML})
        assert nvidia.nvml(asked).gpus is None
        assert asked.notes == []

    def test_a_driver_that_was_upgraded_under_the_kernel(self, tmp_path: Path) -> None:
        said = {"error": "nvmlInit_v2: Driver/library version mismatch (18)"}
        asked = context(tmp_path, {"NVML": json.dumps(said)})
        assert nvidia.nvml(asked).gpus is None
        assert "restart the machine" in asked.notes[0].todo


# A driver's library with two GPUs, as nvml.h declares it; the second GPU's name has no end.
LIBRARY = r"""
#include <string.h>
typedef void *device;
int nvmlInit_v2(void) { return INIT; }
int nvmlInitWithFlags(unsigned flags) { return flags ? 2 : INIT; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, device *d) { *d = (device)(long)(i + 1); return 0; }
int nvmlDeviceGetCudaComputeCapability(device d, int *major, int *minor) {
    *major = d == (device)1 ? 9 : 12; *minor = 0; return 0;
}
static int say(const char *text, char *buffer, unsigned length) {
    if (length < strlen(text) + 1) return 7;
    strcpy(buffer, text); return 0;
}
int nvmlDeviceGetName(device d, char *buffer, unsigned length) {
    return say(d == (device)1 ? "NVIDIA H100" : "NVIDIA GeForce RTX 5090", buffer, length);
}
int nvmlDeviceGetUUID(device d, char *b, unsigned n) { return say("GPU-5a", b, n); }
int nvmlSystemGetDriverVersion(char *b, unsigned n) { return say("580.82.07", b, n); }
const char *nvmlErrorString(int code) { return "Driver/library version mismatch"; }
"""


def library(folder: Path, init: int = 0, name: str = "libnvml.so") -> str:
    source, built = folder / "nvml.c", folder / name
    source.write_text(LIBRARY.replace("INIT", str(init)))
    command = ["cc", "-shared", "-fPIC", "-o", str(built), str(source)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("there is no C compiler")
    return str(built)


def first_in(folder: Path) -> dict[str, str]:
    """Return what makes the system look for libraries in `folder` before it does elsewhere."""
    name = "LD_LIBRARY_PATH"
    return {name: os.pathsep.join(filter(None, (str(folder), os.environ.get(name))))}


TWO_GPUS = {
    "driver": "580.82.07",
    "gpus": [
        {"name": "NVIDIA H100", "capability": [9, 0], "uuid": "GPU-5a"},
        {"name": "NVIDIA GeForce RTX 5090", "capability": [12, 0], "uuid": "GPU-5a"},
    ],
}


def ask_child(path: str, *flags: str, **variables: str) -> Any:
    """Let the program that talks to the driver's library talk to one of the test."""
    done = subprocess.run(
        [sys.executable, "-I", *flags, str(nvidia.NVML_CHILD), "/nowhere.so", path],
        check=True,
        capture_output=True,
        env={**os.environ, **variables},
    )
    return json.loads(done.stdout)


class TestNvmlByCtypes:
    """Without nvidia-ml-py, which -S hides as it hides all that is installed."""

    @staticmethod
    def ask(path: str) -> Any:
        return ask_child(path, "-S")

    def test_driver_and_gpus(self, tmp_path: Path) -> None:
        assert self.ask(library(tmp_path)) == TWO_GPUS

    def test_a_call_that_fails(self, tmp_path: Path) -> None:
        said = self.ask(library(tmp_path, init=18))
        assert said == {"error": "nvmlInit_v2: Driver/library version mismatch (18)"}

    def test_no_library(self) -> None:
        assert self.ask("/also/nowhere.so") == json.loads(NO_NVML)


@pytest.mark.skipif(
    importlib.util.find_spec("pynvml") is None, reason="nvidia-ml-py is not installed here"
)
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for the library as Linux does")
class TestNvmlThroughNvidiaMlPy:
    """The real package, which loads a library by its name."""

    NAME = "libnvidia-ml.so.1"

    def test_driver_and_gpus(self, tmp_path: Path) -> None:
        library(tmp_path, name=self.NAME)
        assert ask_child("/nowhere.so", **first_in(tmp_path)) == TWO_GPUS

    def test_a_call_that_fails(self, tmp_path: Path) -> None:
        library(tmp_path, init=18, name=self.NAME)
        said = ask_child("/nowhere.so", **first_in(tmp_path))
        assert "version mismatch" in said["error"]  # by which `look` knows it

    def test_where_it_finds_none_our_own_places_count(self, tmp_path: Path) -> None:
        """Images that were built with a GPU keep an empty file in the library's place."""
        (tmp_path / self.NAME).touch()
        place = first_in(tmp_path)
        assert ask_child("/also/nowhere.so", **place) == {"missing": True}
        assert ask_child(library(tmp_path), **place) == TWO_GPUS
