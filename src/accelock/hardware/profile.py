"""Machines as JSON: what `accelock detect --json` prints, and `--machine FILE` reads.

The schema, in version 1 (`format`). All keys but `format` and `platform` may be left out or null:

    format         1
    about          text: what the profile is of, and where its figures come from
    platform       linux-x86_64, linux-aarch64, macos-arm64, macos-x86_64, windows-x86_64; or null
    system         text: `sys.platform`
    machine        text: the processor, as `platform.machine()` has it
    libc           text: "glibc 2.36" or "musl 1.2"
    container      text: docker, podman, kubernetes, ...
    wsl            boolean
    jetson         text: the release of Jetson Linux, "R36.4.3"
    nvidia_driver  {"version": "550.54.15", "source": where it was read}
    gpus           a list of
        vendor              nvidia, amd, intel, apple
        name                text
        compute_capability  "9.0" (NVIDIA)
        gfx                 "gfx942" (AMD)
        integrated          boolean
        hidden_by           the variable that hides it from programs
        source              where it was read
    notes          a list of {"code", "what", "todo"}: what could not be found out

What identifies one device (UUID, serial number, bus) is never in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.errors import AccelockError, ConfigError, UnknownWordError, nearest_word
from accelock.hardware import probes
from accelock.hardware.machine import (
    Driver,
    Gpu,
    Machine,
    Note,
    harmless,
    parse_capability,
    parse_gfx,
    spell_capability,
)
from accelock.targets import parse_platform

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = 1
_FOLDER = Path(__file__).with_name("profiles")
_SUFFIX = ".json"
_LIMIT = 1 << 20  # bytes
_MOST = 1024  # GPUs
_KEYS = (
    "format", "about", "platform", "system", "machine", "libc", "container", "wsl", "jetson",
    "nvidia_driver", "gpus", "notes",
)  # fmt: skip
_GPU_KEYS = (
    "vendor", "name", "compute_capability", "gfx", "integrated", "hidden_by", "source",
)  # fmt: skip
_NOTE_KEYS = ("code", "what", "todo")


def dump(machine: Machine) -> dict[str, Any]:
    """Return a machine as JSON data, in the schema of this module."""
    driver = machine.driver
    own = {
        "format": FORMAT,
        "platform": machine.platform.name if machine.platform else None,
        "nvidia_driver": {"version": driver.text, "source": driver.source} if driver else None,
        "gpus": [_dump_gpu(gpu) for gpu in machine.gpus],
        "notes": [{key: getattr(note, key) for key in _NOTE_KEYS} for note in machine.notes],
    }
    return {key: own[key] if key in own else getattr(machine, key) for key in _KEYS}


def _dump_gpu(gpu: Gpu) -> dict[str, Any]:
    spelt = spell_capability(gpu.capability) if gpu.capability else None
    return {key: spelt if key == "compute_capability" else getattr(gpu, key) for key in _GPU_KEYS}


def names() -> tuple[str, ...]:
    """Return the names of the profiles that ship with accelock."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}")))


def read(word: str) -> Machine:
    """Return the machine of a file, or of a profile that ships with accelock (`h100`).

    :raises AccelockError: there is neither, or it is not what it should be.
    """
    path = Path(word)
    try:
        is_file = bool(path.suffix) or len(path.parts) > 1 or path.exists()
    except OSError:  # a name that no file can have, as one that is too long
        is_file = False
    if is_file:
        return parse(_text(path), word)
    if word not in names():
        note = "nor is there a file of that name"
        raise UnknownWordError("profile", word[:80], names(), note=note)
    return parse(_FOLDER.joinpath(f"{word}{_SUFFIX}").read_text(encoding="utf-8"), word)


def _text(path: Path) -> str:
    """Return the text of a file; a pipe has no size, so that no more than the limit is read."""
    try:
        if path.is_dir() or not path.exists():
            raise AccelockError(
                f"{path}: no such file; `accelock detect --json` prints one, and these ship with "
                f"accelock: {', '.join(names())}"
            )
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            raise AccelockError(f"{path}: is not the profile of a machine: it is larger than 1 MB")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AccelockError(f"{path}: cannot be read ({reason})") from error


def parse(text: str, where: str) -> Machine:
    """Return the machine that a text says.

    :raises ConfigError: it is not JSON, of another format, or has faults; all of them are named.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"is not JSON ({error})"], where) from error
    reader = _Reader(data if isinstance(data, dict) else {}, "", [])
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        what = f'is not a profile: it must be an object with "format": {FORMAT}'
        raise ConfigError([f"{what}, as `accelock detect --json` prints it"], where)
    machine = _machine(reader)
    if reader.faults:
        raise ConfigError(reader.faults, where)
    return machine


class _Reader:
    """One object of the text; what is wrong with it goes into a list that all objects share."""

    def __init__(self, data: dict[str, Any], path: str, faults: list[str]) -> None:
        self.data = data
        self.path = path
        self.faults = faults

    def only(self, keys: tuple[str, ...]) -> None:
        for key in self.data:
            if key not in keys:
                near = nearest_word(key, keys)
                hint = f"did you mean {near!r}?" if near else f"the keys are: {', '.join(keys)}"
                self.fault(key, f"unknown key; {hint}")

    def fault(self, key: str, what: str) -> None:
        self.faults.append(f"{self.path}{key}: {what}")

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if isinstance(value, str):
            return harmless(value)
        if value is None:
            return None
        self.fault(key, "must be a string or null")
        return None

    def boolean(self, key: str) -> bool:
        value = self.data.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(key, "must be true or false")
        return False

    def parsed(self, key: str, parse: Callable[[str], Any], example: str) -> Any:
        """Return what `parse` makes of a text; None for null, and with a fault for nonsense."""
        text = self.text(key)
        if text is None:
            return None
        try:
            value = parse(text)
        except (AccelockError, ValueError) as error:
            self.fault(key, str(error))
            return None
        if value is None:
            self.fault(key, f"{text!r} is not valid; write it as in {example}")
        return value

    def objects(self, key: str) -> list[_Reader]:
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.fault(key, "must be a list of objects")
            return []
        if len(value) > _MOST:
            self.fault(key, f"has more than {_MOST} entries")
        paths = (f"{self.path}{key}[{number}]." for number in range(len(value)))
        return [_Reader(each, path, self.faults) for each, path in zip(value, paths, strict=True)]


def _machine(reader: _Reader) -> Machine:
    reader.only(_KEYS)
    if "platform" not in reader.data:
        reader.fault("platform", "is missing; write null if accelock has no name for it")
    return Machine(
        platform=reader.parsed("platform", parse_platform, "linux-x86_64"),
        system=reader.text("system") or "",
        machine=reader.text("machine") or "",
        libc=reader.text("libc"),
        container=reader.text("container"),
        wsl=reader.boolean("wsl"),
        jetson=reader.text("jetson"),
        driver=_driver(reader),
        gpus=tuple(_gpu(each) for each in reader.objects("gpus")),
        notes=tuple(_note(each) for each in reader.objects("notes")),
        about=reader.text("about"),
    )


def _driver(reader: _Reader) -> Driver | None:
    value = reader.data.get("nvidia_driver")
    if value is None:
        return None
    if not isinstance(value, dict):
        what = 'must be null, or an object as in {"version": "550.54.15"}'
        reader.fault("nvidia_driver", what)
        return None
    inner = _Reader(value, "nvidia_driver.", reader.faults)
    inner.only(("version", "source"))
    source = inner.text("source") or "the profile"
    if value.get("version") is None:
        inner.fault("version", "is missing")
    found: Driver | None = inner.parsed("version", lambda t: Driver.find(t, source), "550.54.15")
    return found


def _gpu(reader: _Reader) -> Gpu:
    reader.only(_GPU_KEYS)
    vendor = reader.parsed("vendor", _vendor, "nvidia")
    if "vendor" not in reader.data:
        reader.fault("vendor", "is missing")
    return Gpu(
        vendor=vendor or "",
        name=reader.text("name"),
        capability=reader.parsed("compute_capability", parse_capability, "9.0"),
        gfx=reader.parsed("gfx", parse_gfx, "gfx942"),
        integrated=reader.boolean("integrated"),
        hidden_by=reader.text("hidden_by"),
        source=reader.text("source") or "",
    )


def _vendor(text: str) -> str:
    names = [vendor.name for vendor in probes.VENDORS]
    if text not in names:
        raise UnknownWordError("vendor", text, names)
    return text


def _note(reader: _Reader) -> Note:
    reader.only(("code", "what", "todo"))
    return Note(*(reader.text(key) or "" for key in ("code", "what", "todo")))
