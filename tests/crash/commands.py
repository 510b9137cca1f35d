"""The commands that are killed, and the projects that they change."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.crash.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Prepare = Callable[[Path, Callable[..., int]], None]

CHECK = ("check",)
TABLE = """\
[tool.accelock]
targets = ["cpu", "cu126", "cu118"]
platforms = ["linux-x86_64", "windows-x86_64"]
[tool.accelock.sources]
pytorch = "{url}/whl/{{target}}"
"""
CONDA = """\
[project]
name = "charts"
requires-python = ">=3.11,<3.13"
[tool.accelock]
targets = ["cpu"]
platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"]
[tool.accelock.conda]
channels = ["{channel}"]
[tool.accelock.conda.dependencies]
python = "*"
"""
MORE = 'vega-lite-cli = ">=5"\nffmpeg = "*"\n'
POETRY = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.10,<3.14"
dependencies = ["torch=={torch}", "tqdm"]
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "little-pypi"
url = "{url}/simple"
priority = "primary"
"""


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    :param prepare: makes the old files in a folder, by runs of commands.
    :param then: the next command.
    :param watched: the folders, besides the project's, that show when it begins to write.
    :param in_parts: it changes its files one by one, and the next command completes it.
    :param needs: the modules without which it is left out.
    """

    name: str
    words: tuple[str, ...]
    prepare: Prepare
    world: Callable[[], AbstractContextManager[None]]
    then: tuple[str, ...] = CHECK
    watched: tuple[str, ...] = ()
    in_parts: bool = False
    needs: tuple[str, ...] = ("piptools",)

    def main(self, words: list[str]) -> int:
        """Run a command of accelock's, or of Poetry's, in this process."""
        if words[0] != "poetry":
            from accelock.cli import main  # noqa: PLC0415 - with the tools that are here

            return main(words)
        from cleo.io.inputs.argv_input import ArgvInput  # noqa: PLC0415
        from poetry.console.application import Application  # noqa: PLC0415

        application = Application()
        application.auto_exits(auto_exits=False)
        return application.run(ArgvInput(words))


@contextmanager
def index() -> Iterator[None]:
    """Serve the little PyTorch-like and PyPI-like site."""
    with served("index") as url:
        os.environ |= {"URL": url, "PIP_INDEX_URL": f"{url}/simple"}
        yield


@contextmanager
def channel() -> Iterator[None]:
    """Serve the channel that plays conda-forge."""
    with served("channel") as url:
        os.environ["URL"] = url
        yield


def _table(folder: Path) -> None:
    text = TABLE.format(url=os.environ["URL"])
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def _asks(folder: Path, torch: str) -> None:
    text = f"torch=={torch}\ntqdm\n"
    (folder / "requirements.in").write_text(text, encoding="utf-8")


def compiled(folder: Path, run: Callable[..., int]) -> None:
    """Compile torch 2.6.0, and ask for 2.7.1."""
    _table(folder)
    _asks(folder, "2.6.0")
    run("compile", "requirements.in")
    _asks(folder, "2.7.1")


def pylocked(folder: Path, run: Callable[..., int]) -> None:
    """Write pylock files of torch 2.6.0, and compile 2.7.1."""
    compiled(folder, run)
    run("pylock")
    run("compile", "requirements.in")


def given(folder: Path, run: Callable[..., int]) -> None:
    """Compile a file for cpu alone, which is to be turned."""
    _table(folder)
    _asks(folder, "2.7.1")
    run("compile", "-t", "cpu", "requirements.in", "-o", "given.txt")


def by_hand(folder: Path, _run: Callable[..., int]) -> None:
    """Write a set-up of a file for each target."""
    for target in ("cpu", "cu126"):
        lines = (f"--extra-index-url https://download.pytorch.org/whl/{target}", "torch==2.7.1")
        text = "\n".join([*lines, "numpy", ""])
        (folder / f"requirements-{target}.in").write_text(text, encoding="utf-8")


def conda_locked(folder: Path, run: Callable[..., int]) -> None:
    """Lock Python alone, and ask for more."""
    text = CONDA.format(channel=f"{os.environ['URL']}/forge")
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    run("conda", "lock")
    (folder / "pyproject.toml").write_text(text + MORE, encoding="utf-8")


def conda_installed(folder: Path, run: Callable[..., int]) -> None:
    """Install Python alone, and lock more."""
    conda_locked(folder, run)
    run("conda", "install", "--prefix", "env", "--target", "cpu")
    run("conda", "lock")


def poetry_locked(folder: Path, run: Callable[..., int]) -> None:
    """Lock torch 2.6.0, and ask for 2.7.1."""
    for torch in ("2.6.0", "2.7.1"):
        url = os.environ["URL"]
        text = POETRY.format(torch=torch, url=url) + TABLE.format(url=url)
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
        if torch == "2.6.0":
            run("poetry", "--no-interaction", "lock")


INSTALL = ("conda", "install", "--prefix", "env", "--target", "cpu")
OF_CONDA = ("rattler", "yaml")
COMMANDS = (
    Command("compile", ("compile", "requirements.in"), compiled, index),
    Command("rewrite", ("rewrite", "-t", "cu126", "given.txt", "-o", "given.txt"), given, index),
    Command("pylock", ("pylock",), pylocked, index),
    Command("init", ("init", "--write"), by_hand, nullcontext, needs=()),
    Command("conda-lock", ("conda", "lock"), conda_locked, channel, needs=OF_CONDA),
    Command(
        "conda-install", INSTALL, conda_installed, channel, INSTALL, ("env", "env/conda-meta"),
        in_parts=True, needs=OF_CONDA,
    ),
    Command(
        "poetry-lock", ("poetry", "--no-interaction", "lock"), poetry_locked, index,
        needs=("poetry",),
    ),
)  # fmt: skip
