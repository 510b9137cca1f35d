"""The demo of the conda side: what PyPI lacks, pinned beside the requirements, and installed."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from typing import TYPE_CHECKING

from tests.conda.projects import FORGE, SUBDIRS
from tests.demo.tour import wrapped
from tests.support.channels import ChannelServer
from tests.support.environments import run

if TYPE_CHECKING:
    import subprocess

    from tests.demo.tour import Tour

PYPROJECT = """\
[tool.pip-tools]
strip-extras = true

[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"]

[tool.accelock.target.cu126]
platforms = ["linux-x86_64", "linux-aarch64", "windows-x86_64"]

[tool.accelock.conda]
channels = ["{channel}"]

[tool.accelock.conda.dependencies]
vega-lite-cli = ">=5"

[tool.accelock.conda.target.cu126.dependencies]
cuda-toolkit = "*"
"""


def pin_and_install(tour: Tour) -> None:
    """One compile more, an install without conda, and a refusal."""
    if importlib.util.find_spec("rattler") is None:
        tour.say("py-rattler is not installed here: this chapter is left out.")
        return
    tour.env["RATTLER_CACHE_DIR"] = str(tour.folder / "rattler")
    (tour.folder / "conda").mkdir()
    with ChannelServer(forge=FORGE) as channel:
        tour.say(
            "vega-lite-cli and the CUDA toolkit are not on PyPI. They stand in a table; a channel "
            f"on {channel.url} plays conda-forge:"
        )
        tour.write("conda/pyproject.toml", PYPROJECT.format(channel=channel.channel("forge")))
        tour.write("conda/requirements.in", "tqdm\n")
        _lock(tour, channel)
        _install(tour)
        _refuse(tour)


def _lock(tour: Tour, channel: ChannelServer) -> None:
    tour.say("The same compile writes environment and lock of each target, all of them or none:")
    done = _accelock(tour, "compile", "requirements.in", f"--index-url={tour.server.url}/simple")
    tour.show(line for line in done.stderr.splitlines() if line.startswith(("Solving", "Writing")))
    fetched = set(channel.repodata().values())
    tour.expect(fetched == {1}, f"repodata was fetched more than once: {channel.repodata()}")
    tour.expect(not channel.packages(), f"packages were fetched: {channel.packages()}")
    cpu, cuda = (_entries(tour, target) for target in ("cpu", "cu126"))
    tour.show(["environment-cpu.yml:", *cpu, "environment-cu126.yml:", *cuda])
    tour.expect(not any("cu" in entry for entry in cpu), "CUDA in the CPU environment")
    tour.expect("  - cuda-toolkit=12.6.2" in cuda, "no CUDA toolkit of 12.6")
    tour.say("Seven solves for four platforms read each index once, and downloaded no package.")


def _entries(tour: Tour, target: str) -> list[str]:
    text = tour.read(f"conda/environment-{target}.yml")
    return text.partition("dependencies:\n")[2].splitlines()


def _install(tour: Tour) -> None:
    if tour.host is None or tour.host.conda_subdir not in SUBDIRS:
        tour.say("The channel has nothing for this machine: nothing to install.")
        return
    tour.say("No conda is needed to install the lock; each archive's sha256 is checked:")
    done = _accelock(tour, "conda", "install", "--prefix", "env", "--target", "cpu")
    tour.show(done.stderr.splitlines())
    if sys.platform == "win32":
        return
    tour.show(["$ env/bin/vl2svg"])
    script = tour.folder / "conda" / "env" / "bin" / "vl2svg"
    answer = tour.checked(run(script, cwd=tour.folder, env=tour.env)).stdout.strip()
    tour.show([answer])
    tour.expect(answer.endswith(str(script.parents[1])), "the script does not know its place")


def _refuse(tour: Tour) -> None:
    tour.say("Who asks for CUDA on the CPU target is told, and every file stays as it was:")
    path = tour.folder / "conda" / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('">=5"\n', '">=5"\ncuda-toolkit = "*"\n', 1), encoding="utf-8")
    before = {each: each.read_bytes() for each in path.parent.glob("*.*")}
    done = _accelock(tour, "conda", "lock", code=1)
    tour.show(done.stderr.splitlines()[-1:])
    after = {each: each.read_bytes() for each in path.parent.glob("*.*")}
    tour.expect(before == after, "a failure changed files")


def _accelock(tour: Tour, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    tour.show(wrapped(f"$ accelock {shlex.join(words)}"))
    where = tour.folder / "conda"
    return tour.checked(
        run(sys.executable, "-m", "accelock", *words, cwd=where, env=tour.env), code
    )
