from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda.config import CondaConfig
from accelock.conda.project import CondaEnvironment, CondaProject
from accelock.locks.stamp import Stamp
from accelock.settings.config import Config
from accelock.targets import PythonVersion
from tests.conda.records import LINUX

if TYPE_CHECKING:
    from pathlib import Path

V311, V312, V313 = (PythonVersion(3, minor) for minor in (11, 12, 13))
ALONE = CondaEnvironment(None, None, (LINUX,))


def project(
    folder: Path, text: str = "", config: Config | None = None, compiled: str = ""
) -> CondaProject:
    """Return a project with a pyproject.toml, and a requirements.txt for some Pythons."""
    (folder / "pyproject.toml").write_text(text)
    stamp = Stamp("1", "cpu", (), tuple(compiled.split()), (), "0" * 64, "0" * 64)
    # The newest of a minor version that a marker allows is what pip would install.
    lines = [*(stamp.render() if compiled else ()), *MINORS]
    files = {"requirements.txt": "\n".join(lines)}
    return CondaProject(folder, config or Config(), CondaConfig(("c",)), files.get)


# Of each Python of its own, so that it shows which ones a project may run on.
MINORS = [f"only-{minor}==1 ; python_version == '3.{minor}'" for minor in range(30)]


def pythons(found: CondaProject) -> int:
    """Return on how many Pythons a project may run, by the pins that count on any of them."""
    pins = found.pins(ALONE, LINUX)
    return len(pins.versions) if pins is not None else 0


def poetry(text: str) -> str:
    return f'[tool.poetry.dependencies]\npython = "{text}"\n'


@pytest.mark.parametrize(
    ("text", "wanted", "count"),
    [
        ('[project]\nrequires-python = ">=3.10,<3.13"\n', "python >=3.10,<3.13", 3),
        ('[project]\nrequires-python = "~=3.11"\n', "python ~=3.11", 9),
        ('[project]\nrequires-python = "==3.12.*"\n', "python 3.12.*", 1),
        ('[project]\nrequires-python = ">=3.11.4,<3.12"\n', "python >=3.11.4,<3.12", 1),
        ('[project]\nrequires-python = "==3.12.7"\n', "python ==3.12.7", 1),
        ('[project]\nrequires-python = ">=3.11.4,<3.12.2"\n', "python >=3.11.4,<3.12.2", 2),
        (poetry("^3.10"), "python >=3.10,<4", 10),
        (poetry("~3.11"), "python >=3.11,<3.12", 1),
        (poetry(">=3.9 <3.12"), "python >=3.9,<3.12", 3),
        (poetry("3.11.* || ^3.13"), "python 3.11.*|>=3.13,<4", 8),
        (poetry("*"), "python", 12),
        ('[project]\nrequires-python = "===3.x"\n', None, 12),
        ("[project]\n", None, 12),
        ("broken =", None, 12),
    ],
)
def test_what_pyproject_says(tmp_path: Path, text: str, wanted: str | None, count: int) -> None:
    found = project(tmp_path, text)
    python = found.python(ALONE)
    assert (None if python is None else str(python)) == wanted
    assert pythons(found) == count


def test_our_own_table_first_then_what_was_compiled(tmp_path: Path) -> None:
    text = '[project]\nrequires-python = ">=3.8"\n'
    config = Config(pythons=(V312, V311))
    ours = project(tmp_path, text, config, compiled="3.13")
    assert str(ours.python(ALONE)) == "python 3.11.*|3.12.*"
    assert pythons(ours) == 2
    compiled = project(tmp_path, text, compiled="3.13")
    assert str(compiled.python(ALONE)) == "python 3.13.*"
    assert pythons(compiled) == 1
    (tmp_path / "pyproject.toml").unlink()
    none = CondaProject(tmp_path, Config(), CondaConfig(("c",)), lambda _name: None)
    assert none.python(ALONE) is None
