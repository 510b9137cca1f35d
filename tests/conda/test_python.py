from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelock.conda import python
from accelock.settings.settings import Config
from accelock.targets import PythonVersion

if TYPE_CHECKING:
    from pathlib import Path

V310, V311, V312, V313 = (PythonVersion(3, minor) for minor in (10, 11, 12, 13))


def project(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


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
    path = project(tmp_path, text)
    found = python.constraint(Config(), path)
    assert (None if found is None else str(found)) == wanted
    assert len(python.versions(Config(), path)) == count


def test_our_own_table_first_then_what_was_compiled(tmp_path: Path) -> None:
    path = project(tmp_path, '[project]\nrequires-python = ">=3.8"\n')
    config = Config(pythons=(V312, V311))
    assert str(python.constraint(config, path, [V313])) == "python 3.11.*|3.12.*"
    assert python.versions(config, path, [V313]) == (V311, V312)
    assert str(python.constraint(Config(), path, [V313])) == "python 3.13.*"
    assert python.versions(Config(), path, [V313]) == (V313,)
    assert python.constraint(Config(), tmp_path / "none.toml") is None
