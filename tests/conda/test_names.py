from __future__ import annotations

from accelock.conda.overlap import conda_version, load_names, projects_of, same_version
from tests.conda.records import record


def test_names_of_the_table() -> None:
    assert projects_of("pytorch") == ("torch",)
    assert projects_of("py-opencv") == (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    )
    assert projects_of("matplotlib") == projects_of("matplotlib-base") == ("matplotlib",)


def test_the_same_name_where_the_package_depends_on_python() -> None:
    numpy = record("numpy 2.1.3", "python >=3.12,<3.13.0a0")
    assert projects_of("numpy", numpy) == ("numpy",)
    assert projects_of("typing_extensions") == ("typing-extensions",)
    assert projects_of("ruamel.yaml") == ("ruamel-yaml",)
    assert projects_of("ffmpeg", record("ffmpeg 7.1.0", "libx264")) == ()


def test_another_thing_of_the_same_name() -> None:
    """conda's graphviz is the program, its python-graphviz is PyPI's graphviz."""
    assert projects_of("graphviz", record("graphviz 12.0.0", "python")) == ()
    assert projects_of("python-graphviz") == ("graphviz",)


def test_versions() -> None:
    assert conda_version("2.6.0+cpu", None) == "2.6.0"
    assert conda_version("4.10.0.84", load_names()["opencv-python"]) == "4.10.0"
    assert conda_version("no version", None) == "no version"
    assert same_version("2.6", ["2.6.0"])
    assert same_version("2024.08.30", ["2024.8.30"])
    assert same_version("weird", ["weird"])
    assert not same_version("2.6.1", ["2.6.0"])


def test_the_table_is_in_pypis_own_spelling() -> None:
    for project, mapped in load_names().items():
        assert project == mapped.project == project.lower().replace("_", "-")
        assert mapped.conda
