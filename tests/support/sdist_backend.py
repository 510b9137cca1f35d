"""The PEP 517 backend inside every sdist of `wheels.sdist`: it needs nothing from any index.

It runs at the root of the unpacked sdist, where `payload/` holds what the wheel will hold
(METADATA, WHEEL and the module) and `payload/FOLDER` names the .dist-info directory. Each build is
written down in the file that the variable SDIST_BUILD_LOG names, so that a test can count builds.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from pathlib import Path

PAYLOAD = Path("payload")


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: object = None
) -> str:
    """Write the .dist-info directory and return its name (PEP 517)."""
    del config_settings
    note("metadata")
    folder = (PAYLOAD / "FOLDER").read_text(encoding="utf-8")
    target = Path(metadata_directory, folder)
    target.mkdir(parents=True)
    for name in ("METADATA", "WHEEL"):
        target.joinpath(name).write_bytes((PAYLOAD / name).read_bytes())
    return folder


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    """Zip the payload into a wheel and return its file name (PEP 517)."""
    del config_settings, metadata_directory
    note("wheel")
    folder = (PAYLOAD / "FOLDER").read_text(encoding="utf-8")
    filename = folder.removesuffix(".dist-info") + "-py3-none-any.whl"
    record = ""
    with zipfile.ZipFile(Path(wheel_directory, filename), "w") as archive:
        for path in sorted(path for path in PAYLOAD.rglob("*") if path.name != "FOLDER"):
            if path.is_dir():
                continue
            inner = path.relative_to(PAYLOAD).as_posix()
            name = inner if "/" in inner else f"{folder}/{inner}"
            content = path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(content)}\n"
            archive.writestr(name, content)
        archive.writestr(f"{folder}/RECORD", f"{record}{folder}/RECORD,,\n")
    return filename


def note(step: str) -> None:
    log = os.environ.get("SDIST_BUILD_LOG")
    if log:
        folder = (PAYLOAD / "FOLDER").read_text(encoding="utf-8")
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.write(f"{step} {folder.removesuffix('.dist-info')}\n")
