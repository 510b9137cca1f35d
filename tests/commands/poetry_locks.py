"""A Poetry project and its lock, written as the plugin writes it, for the tests of `check`."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomlkit

from accelock.commands.check import check
from accelock.locks import overlay as overlays
from accelock.locks.inputs import settings_digest
from accelock.locks.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from accelock.commands.findings import Report

SITE = "http://127.0.0.1:9"
PYPROJECT = f"""\
[project]
name = "app"
version = "1.0"
dependencies = ["torch>=2.5"]

[tool.poetry]
package-mode = false

[tool.accelock]
targets = ["cpu", "cu126"]

[tool.accelock.sources]
pytorch = "{SITE}/whl/{{target}}"
"""
ALL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
X86 = ("manylinux_2_28_x86_64", "win_amd64", "manylinux_2_28_aarch64")
Entry = dict[str, Any]


def entry(
    name: str, version: str, source: str | None = None, tags: Sequence[str] = (), **more: Any
) -> Entry:
    """Return an entry of a lock: from PyPI, or from the source of a target; `any` by default."""
    names = [f"{name}-{version}-py3-none-{tag}.whl" for tag in tags or ("any",)]
    files = [{"file": each, "hash": f"sha256:{'0' * 64}"} for each in names]
    made: Entry = {"name": name, "version": version, "groups": ["main"], "files": files, **more}
    if source:
        made["source"] = {
            "type": "legacy",
            "url": f"{SITE}/whl/{source}",
            "reference": f"accelock-pytorch-{source}",
        }
    return made


def cpu() -> list[Entry]:
    mac = {"markers": 'sys_platform == "darwin"'}
    rest = {"markers": 'sys_platform != "darwin"'}
    return [
        entry("filelock", "3.18.0"),
        entry("torch", "2.6.0", "cpu", ["macosx_11_0_arm64"], **mac),
        entry("torch", "2.6.0+cpu", "cpu", X86, **rest, dependencies={"filelock": "*"}),
    ]


def cu126() -> list[Entry]:
    return [
        entry("filelock", "3.18.0"),
        entry("nvidia-cudnn-cu12", "9.5.1.17"),
        entry("torch", "2.6.0+cu126", "cu126", X86),
        entry("triton", "3.2.0", "cu126", ["manylinux_2_28_x86_64"]),
    ]


@dataclass
class PoetryFolder:
    """A folder with pyproject.toml and poetry.lock; `entries` may be changed before `write`."""

    folder: Path
    pyproject: str = PYPROJECT
    entries: dict[str, list[Entry]] = field(
        default_factory=lambda: {"cpu": cpu(), "cu126": cu126()}
    )
    platforms: dict[str, Sequence[str]] = field(
        default_factory=lambda: {"cpu": ALL, "cu126": (ALL[0], ALL[1], ALL[3])}
    )

    def named(self, target: str, name: str) -> Entry:
        """Return the last entry of a package."""
        return next(each for each in reversed(self.entries[target]) if each["name"] == name)

    def write(self) -> PoetryFolder:
        """Write both files, the lock with the settings that pyproject.toml has."""
        self.put("pyproject.toml", self.pyproject)
        self.put("poetry.lock", tomlkit.dumps(self.lock()))
        return self

    def lock(self) -> dict[str, Any]:
        leader, *others = self.entries
        table = tomlkit.parse(self.pyproject).unwrap()["tool"].get("accelock", {})
        changes = {t: overlays.difference(self.entries[leader], self.entries[t]) for t in others}
        digest = settings_digest(table)
        platforms = {name: tuple(self.platforms[name]) for name in self.entries}
        overlay = Overlay(tuple(self.entries), platforms, digest, changes)
        tables = overlays.write(self.entries[leader], overlay)
        lock: dict[str, Any] = {
            "package": copy.deepcopy(self.entries[leader]),
            "metadata": {
                "lock-version": "2.1",
                "python-versions": "^3.9",
                "accelock": tables["metadata"],
            },
            "accelock": tables["tables"],
        }
        return lock

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")

    def replace(self, old: str, new: str, name: str = "poetry.lock") -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.put(name, text.replace(old, new))

    def check(self, *words: str) -> Report:
        return check(self.folder, words)
