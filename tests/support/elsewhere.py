"""pip as if it ran on another platform: that one's markers and that one's wheels.

`pip --platform` alone picks wheels for the platform but evaluates markers on the host. This file is
run as a script in the environment whose pip it is, so that it imports nothing of the tests.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "linux")
PLACES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "linux-x86_64": (
        LINUX | {"platform_machine": "x86_64"},
        tuple(f"{each}_x86_64" for each in GLIBC),
    ),
    "linux-aarch64": (
        LINUX | {"platform_machine": "aarch64"},
        tuple(f"{each}_aarch64" for each in GLIBC),
    ),
    "macos-arm64": (MACOS | {"platform_machine": "arm64"}, ("macosx_14_0_arm64",)),
    "macos-x86_64": (MACOS | {"platform_machine": "x86_64"}, ("macosx_14_0_x86_64",)),
    "windows-x86_64": (WINDOWS | {"platform_machine": "AMD64"}, ("win_amd64",)),
}


def pip_elsewhere(
    platform: str,
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str],
    python: str | Path = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run `pip install --dry-run` as on a platform (`macos-arm64`), and return what it said.

    `arguments` are further words for it, such as `-r requirements.txt`; add `--report=-` to see
    what it would install, and `--python-version` for another Python.
    """
    command = [str(python), __file__, platform, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=dict(env), capture_output=True, encoding="utf-8", check=False
    )


def main(platform: str, arguments: list[str]) -> int:
    # Late: the tests import this file too, and none of them needs pip in its own process for it.
    from pip._internal.cli.main import main as pip  # noqa: PLC0415
    from pip._vendor.packaging import markers  # noqa: PLC0415

    markers_here = markers.default_environment
    there, tags = PLACES[platform]
    markers.default_environment = lambda: {**markers_here(), **there}
    words = ["install", "--dry-run", "--ignore-installed", "--only-binary=:all:", "--target=none"]
    words += [f"--platform={tag}" for tag in tags]
    return int(pip([*words, *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
