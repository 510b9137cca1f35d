"""The demo of `accelock compile`: two targets, two platforms, an install, and a refusal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.elsewhere import pip_elsewhere
from tests.support.environments import fresh_venv

if TYPE_CHECKING:
    from tests.demo.tour import Tour

INPUT = "torch\ntorchvision\nnumpy\ntqdm\n"
SHOWN = ("torch", "torchvision", "numpy", "nvidia-cudnn-cu12", "triton")
ASKED = ("linux-x86_64", "macos-arm64")
NO_TORCH = "macos-x86_64"  # torch stopped there with 2.2.2


def compile_two_targets(tour: Tour) -> None:
    """One command, one input file, a file per target."""
    tour.say(
        f"A server on {tour.server.url} plays the PyTorch indexes (one per hardware target) and"
        " PyPI, with tiny wheels that were just made. This is what a project asks for:"
    )
    tour.write("requirements.in", INPUT)
    tour.say("One command compiles it for CPU and for CUDA 12.6, to hold on Linux and on a Mac:")
    tour.accelock("compile", *targets(), *platforms(tour), *settings(tour), "requirements.in")
    pages, metadata = len(tour.server.pages()), len(tour.server.metadata())
    bodies = tour.server.bodies()
    tour.expect(not bodies, f"files were downloaded: {bodies}")
    tour.say(f"It read {pages} pages and {metadata} metadata files, and downloaded no wheel.")
    for target in ("cpu", "cu126"):
        name = f"requirements.{target}.txt"
        tour.say(f"The interesting lines of {name}:")
        tour.show(interesting(tour.read(name)))
    cpu, cuda = (tour.read(f"requirements.{target}.txt") for target in ("cpu", "cu126"))
    tour.expect("+cpu" in cpu and "sys_platform" in cpu, "no +cpu build with its marker")
    tour.expect("nvidia" not in cpu and "triton" not in cpu, "CUDA libraries in the CPU file")
    tour.expect("+cu126" in cuda and "nvidia-cudnn-cu12" in cuda, "no CUDA build in the CUDA file")
    tour.say(
        "The same versions in both. On Linux the CPU file takes the build that is labelled +cpu,"
        " on a Mac the one without a label. Only the CUDA file has NVIDIA's libraries."
    )


def install_for_cpu(tour: Tour) -> None:
    """Plain pip installs the file."""
    if tour.host is None or tour.host.name == NO_TORCH:
        where = tour.host.name if tour.host else "a platform without PyTorch builds"
        tour.say(f"This machine is {where}, which these files are not for: nothing to install.")
        return
    tour.say("Plain pip installs the CPU file into a fresh virtual environment, checking hashes:")
    tour.show(["$ pip install --require-hashes -r requirements.cpu.txt"])
    venv = fresh_venv(tour.folder / "venv", tour.env)
    words = ("install", "--require-hashes", "-r", tour.folder / "requirements.cpu.txt")
    tour.checked(venv.pip(*words))
    tour.show(["$ python -c 'import torch; print(torch.__version__, torch.version.cuda)'"])
    code = "import torch; print(torch.__version__, torch.version.cuda)"
    answer = tour.checked(venv.run("-c", code)).stdout.strip()
    tour.show([answer])
    tour.expect(answer.endswith("None"), "a CUDA build was installed for cpu")
    stray = [name for name in venv.installed() if name.startswith(("nvidia", "triton"))]
    tour.expect(not stray, f"installed beside the CPU build: {stray}")
    tour.say(f"{len(venv.installed())} packages, none of NVIDIA's.")


def refuse_on_a_mac(tour: Tour) -> None:
    """The wrong file fails loudly."""
    tour.say("The CUDA file on a Mac (pip is told that it runs on one) must fail, not skip torch:")
    tour.show(["$ pip install --require-hashes -r requirements.cu126.txt"])
    words = ("--require-hashes", "-r", "requirements.cu126.txt")
    done = pip_elsewhere("macos-arm64", *words, cwd=tour.folder, env=tour.env)
    tour.checked(done, 1)
    said = [line for line in done.stderr.splitlines() if "No matching distribution" in line]
    tour.expect(said, done.stderr)
    tour.show([*said, "(exit code 1, and nothing was installed)"])


def targets() -> list[str]:
    return ["-t", "cpu", "-t", "cu126"]


def platforms(tour: Tour) -> list[str]:
    """The two of the tour, and this machine's where it is another one that has torch."""
    names = list(ASKED)
    if tour.host is not None and tour.host.name not in {*ASKED, NO_TORCH}:
        names.append(tour.host.name)
    return [word for name in names for word in ("--platform", name)]


def settings(tour: Tour) -> list[str]:
    # --allow-unsafe: torch requires setuptools from Python 3.12 on, and --require-hashes every pin
    return [
        "--generate-hashes",
        "--allow-unsafe",
        "--strip-extras",
        f"--source=pytorch={tour.server.url}/whl/{{target}}",
        f"--index-url={tour.server.url}/simple",
    ]


def interesting(text: str) -> list[str]:
    """The index lines, and some pins with the number of their hashes."""
    found = [line for line in text.splitlines() if line.startswith(("--index", "--extra-index"))]
    unfolded = text.replace("\\\n", "")
    for line in unfolded.splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)==", line)
        if pin and pin[1] in SHOWN:
            hashes = line.count("--hash=")
            found.append(f"{line.partition('--hash=')[0].strip()}   ({hashes} hashes)")
    return found
