"""A program of its own: ask NVIDIA's management library (NVML), and print what it says as JSON.

It runs in a process of its own, because a call into a hanging driver never returns. It uses
nvidia-ml-py where that is installed, and else the driver's library itself by ctypes. It imports
nothing of accelock, so that it starts in a moment.

The functions and their arguments are those of nvml.h (NVML API reference guide).
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

_TEXT = 96  # bytes: NVML_DEVICE_NAME_V2_BUFFER_SIZE, the longest text that is asked for
_LIBRARIES = (
    "libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/nvidia/libnvidia-ml.so.1",
)


class NvmlError(Exception):
    """A call failed."""


class NoLibraryError(Exception):
    """No library of the driver can be loaded, as on every machine without NVIDIA's."""


def ask_bindings() -> dict[str, object]:
    """Ask through nvidia-ml-py; ImportError where it is not installed, or finds no library."""
    import pynvml  # noqa: PLC0415 - optional, and slow

    def text(value: object) -> str:
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    try:
        pynvml.nvmlInit()
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(device)
            name = text(pynvml.nvmlDeviceGetName(device))
            uuid = text(pynvml.nvmlDeviceGetUUID(device))
            gpus.append({"name": name, "capability": [major, minor], "uuid": uuid})
        return {"driver": text(pynvml.nvmlSystemGetDriverVersion()), "gpus": gpus}
    except pynvml.NVMLError as error:
        # It does not look where WSL and Jetson have the library.
        if getattr(error, "value", None) == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            raise ImportError(str(error)) from error
        raise NvmlError(str(error)) from error


class _Library:
    """The driver's library, by ctypes."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise NvmlError(self._describe(name, code))

    def _describe(self, name: str, code: int) -> str:
        describe = self._library.nvmlErrorString
        describe.restype = ctypes.c_char_p
        said = describe(code) or b""
        return f"{name}: {said.decode(errors='replace')} ({code})"

    def text(self, name: str, *arguments: object) -> str:
        buffer = ctypes.create_string_buffer(_TEXT)
        self.call(name, *arguments, buffer, ctypes.c_uint(_TEXT))
        return buffer.value.decode(errors="replace")

    def gpu(self, index: int) -> dict[str, object]:
        device = ctypes.c_void_p()
        self.call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(device))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call(
            "nvmlDeviceGetCudaComputeCapability", device, ctypes.byref(major), ctypes.byref(minor)
        )
        return {
            "name": self.text("nvmlDeviceGetName", device),
            "capability": [major.value, minor.value],
            "uuid": self.text("nvmlDeviceGetUUID", device),
        }


def ask_library(paths: tuple[str, ...]) -> dict[str, object]:
    """Ask the first of the libraries that can be loaded."""
    library = _Library(_load(paths))
    library.call("nvmlInit_v2")
    count = ctypes.c_uint()
    library.call("nvmlDeviceGetCount_v2", ctypes.byref(count))
    return {
        "driver": library.text("nvmlSystemGetDriverVersion"),
        "gpus": [library.gpu(index) for index in range(count.value)],
    }


def _load(paths: tuple[str, ...]) -> ctypes.CDLL:
    for path in paths:
        try:
            return ctypes.CDLL(path)
        except OSError:  # noqa: PERF203 - the next one may be there
            continue
    raise NoLibraryError


def _libraries() -> tuple[str, ...]:
    if sys.platform != "win32":
        return _LIBRARIES
    windows = os.environ.get("SystemRoot", "C:\\Windows")  # noqa: SIM112 - as Windows spells it
    return (f"{windows}\\System32\\nvml.dll",)


def main(paths: tuple[str, ...]) -> int:
    """Print `{"driver": ..., "gpus": [...]}`, `{"missing": true}` or `{"error": ...}`."""
    try:
        try:
            found = ask_bindings()
        except ImportError:
            found = ask_library(paths)
    except NoLibraryError:
        found = {"missing": True}
    except (NvmlError, OSError, AttributeError) as error:  # AttributeError: an older library
        found = {"error": str(error)}
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    # The library's own threads may hang at the end of a process.
    os._exit(0)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or _libraries())
