"""The projects of the proof: everywhere that torch can stand in a Poetry project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.poetry.support_project import Project

HERE = PythonVersion.host()
# Not "==3.10.*": Poetry before 2.1 takes 3.10.dev0 for a part of that, and then finds no package
# that wants 3.10, with the plugin and without it.
ONLY_HERE = f">={HERE},<{HERE.major}.{HERE.minor + 1}"
PATH_DEPENDENCY = """\
[project]
name = "near"
version = "0.1"
requires-python = ">=3.10"
dependencies = ["torch", "tqdm"]

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[tool.accelock]
targets = ["rocm6.3", "no-such-target"]
"""
# A PEP 517 backend that asks no index for anything.
BACKEND = '''\
"""Builds the path dependency."""

import zipfile
from pathlib import Path

METADATA = "Metadata-Version: 2.1\\nName: near\\nVersion: 0.1\\n"
METADATA += "Requires-Dist: torch\\nRequires-Dist: tqdm\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: near\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory, "near-0.1.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    (folder / "WHEEL").write_text(WHEEL)
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "near-0.1-py3-none-any.whl"
    files = {"METADATA": METADATA, "WHEEL": WHEEL}
    files["RECORD"] = "".join(f"near-0.1.dist-info/{each},,\\n" for each in (*files, "RECORD"))
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as archive:
        for each, text in files.items():
            archive.writestr(f"near-0.1.dist-info/{each}", text)
    return name


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
build_editable = build_wheel
'''


@dataclass(frozen=True)
class Case:
    """A project, the words that install all of it, and what that asks for.

    `without` are names that a plain `poetry install` must not bring.
    """

    name: str
    text: str
    roots: tuple[str, ...]
    words: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("main",)
    extras: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def write(self, project: Project, targets: tuple[str, ...] = ("cpu", "cu126")) -> None:
        """Write the project's files, with the sources of the server."""
        ours = f"""
{project.primary}
[tool.accelock]
targets = {list(targets)}
[tool.accelock.sources]
pytorch = "{project.server.url}/whl/{{target}}"
"""
        project.put("pyproject.toml", self.text + ours)
        for name, text in self.files.items():
            project.put(name, text)


def pep621(*requires: str, python: str = ">=3.10,<3.14", more: str = "") -> str:
    return f"""\
[project]
name = "app"
version = "1.0"
requires-python = "{python}"
dependencies = {list(requires)}
{more}
"""


def legacy(dependencies: str, more: str = "", python: str = ">=3.10,<3.14") -> str:
    return f"""\
[tool.poetry]
name = "app"
version = "1.0"
description = ""
authors = ["A <a@example.org>"]
packages = [{{ include = "app" }}]

[tool.poetry.dependencies]
python = "{python}"
{dependencies}
{more}
"""


NO_PACKAGE = "[tool.poetry]\npackage-mode = false\n"
MODULE = {"app/__init__.py": "", "README.md": ""}

CASES = (
    Case("direct", pep621("torch>=2.5"), ("torch>=2.5",), files=MODULE),
    Case("transitive only", pep621("lightning", more=NO_PACKAGE), ("lightning",)),
    Case(
        "in a dev group",
        legacy('tqdm = "*"', '[tool.poetry.group.dev.dependencies]\ntorch = ">=2.5"'),
        ("tqdm", "torch>=2.5"),
        groups=("main", "dev"),
        files=MODULE,
    ),
    Case(
        "an optional extra",
        pep621("tqdm", more=f'[project.optional-dependencies]\ngpu = ["torch>=2.5"]\n{NO_PACKAGE}'),
        ("tqdm", "torch>=2.5"),
        words=("--all-extras",),
        extras=("gpu",),
        without=("torch", "sympy", "triton"),
    ),
    Case(
        "an optional group",
        pep621(
            "tqdm",
            more=f"{NO_PACKAGE}[tool.poetry.group.ml]\noptional = true\n"
            '[tool.poetry.group.ml.dependencies]\ntorch = ">=2.5"',
        ),
        ("tqdm", "torch>=2.5"),
        words=("--with", "ml"),
        groups=("main", "ml"),
        without=("torch", "sympy", "triton"),
    ),
    Case(
        "with torchvision and packages above torch",
        pep621("sentence-transformers", "lightning", "torchvision", more=NO_PACKAGE),
        ("sentence-transformers", "lightning", "torchvision"),
    ),
    Case(
        "with a path dependency that has a table of its own",
        legacy('near = { path = "near" }'),
        ("./near",),
        files={**MODULE, "near/pyproject.toml": PATH_DEPENDENCY, "near/backend.py": BACKEND},
    ),
    Case(
        "legacy tables",
        legacy('torch = ">=2.5"\npandas = "*"'),
        ("torch>=2.5", "pandas"),
        files=MODULE,
    ),
    Case(
        "PEP 621 enriched by legacy tables",
        pep621("torch>=2.5", more=f'{NO_PACKAGE}[tool.poetry.dependencies]\ntorch = "<2.7"\n'),
        ("torch>=2.5,<2.7",),
    ),
    Case(
        "Python ^3.10",
        legacy('torch = ">=2.5"\nnetworkx = "*"', python="^3.10"),
        ("torch>=2.5", "networkx"),
        files=MODULE,
    ),
    Case(
        "one Python only",
        pep621("torch>=2.5", python=ONLY_HERE, more=NO_PACKAGE),
        ("torch>=2.5",),
    ),
    Case(
        "package-mode false",
        legacy('torch = ">=2.5"\nlinux-only = "*"').replace(
            'packages = [{ include = "app" }]', "package-mode = false"
        ),
        ("torch>=2.5", "linux-only"),
    ),
)
