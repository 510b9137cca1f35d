"""`accelock families`: what the catalogue knows, and what a project and a variable say to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from accelock import cli
from accelock.catalogue import load_catalogue
from accelock.catalogue.load import load_exclusive
from accelock.commands.families import families
from accelock.errors import ConfigError, UnknownWordError
from accelock.settings.project import Settings
from tests.support.environments import run_accelock
from tests.support.own_family import TABLE as OWN
from tests.support.second_family import NAME, accelock_with_it

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://me:secret@mirror.example/whl"
TABLE = f"""\
[tool.accelock]
targets = ["cpu", "cu126"]
[tool.accelock.sources]
pytorch = "{URL}/{{target}}"
[tool.accelock.target.cu126.sources]
pytorch = "{URL}-cuda?token=secret"
[tool.accelock.packages]
my-ext = {{ family = "pytorch" }}
torchaudio = {{ source = "pypi" }}
"""


def lines(folder: Path, word: str | None = None, **environ: str) -> list[str]:
    return list(families(Settings.of(folder), word, environ).lines())


def test_the_list_of_all(tmp_path: Path) -> None:
    head, *rest = lines(tmp_path)
    (row,) = (each for each in rest if each.startswith("pytorch "))
    assert head.split() == ["family", "packages", "read", "from", "said", "by", "reviewed"]
    assert row.split()[:3] == ["pytorch", "torch,", "torchvision,"]
    assert row.split()[-3:-1] == ["https://download.pytorch.org/whl/{target}", "catalogue"]
    assert head.index("read from") == row.index("https://")
    (line,) = (each for each in rest if each.startswith("  onnxruntime: "))
    assert "onnxruntime, onnxruntime-gpu, onnxruntime-directml" in line


def test_one_family_has_all_that_its_file_says(tmp_path: Path) -> None:
    text = "\n".join(lines(tmp_path, "pytorch"))
    family = load_catalogue().family("pytorch")
    for package in family.packages:
        assert package.name in text
        assert str(package.source) in text
    for companion in family.companions:
        assert f"which {companion.name} goes with which torch" in text
        assert f"reviewed 2026-11-30, {companion.source}" in text
    assert "  ==2.6.*   ==0.21.*" in text
    assert "onnxruntime" not in text


@pytest.mark.parametrize("word", ["PyTorch", "Torch", "nvidia-cublas-cu12"])
def test_a_package_says_which_family_is_meant(word: str, tmp_path: Path) -> None:
    assert lines(tmp_path, word) == lines(tmp_path, "pytorch")


def test_what_the_project_says_is_shown_and_no_credential(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    found = lines(tmp_path, "pytorch")
    assert "  read from  https://****@mirror.example/whl/{target} (pyproject.toml)" in found
    assert "  for cu126  https://****@mirror.example/whl-cuda?token=**** (pyproject.toml)" in found
    heads = [each for each in found if each.startswith("yours: ")]
    assert found[found.index(heads[0]) + 1] == "  my-ext"
    assert "secret" not in "\n".join(found)
    assert "secret" not in families(Settings.of(tmp_path), None, {}).dumps()


def test_a_variable_beats_the_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    there = {"ACCELOCK_SOURCE_PYTORCH": "https://u:pw@other.example/{target}"}
    found = lines(tmp_path, "pytorch", **there)
    assert "  read from  https://****@other.example/{target} (ACCELOCK_SOURCE_PYTORCH)" in found
    assert not any(each.startswith("  for cu126") for each in found)
    with pytest.raises(ConfigError, match="did you mean 'ACCELOCK_SOURCE_PYTORCH'"):
        lines(tmp_path, None, ACCELOCK_SOURCE_PYTROCH="https://other.example")


def test_the_json(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    document = json.loads(families(Settings.of(tmp_path), None, {}).dumps())
    assert (set(document), document["format"]) == ({"format", "families", "exclusive"}, 1)
    (pytorch,) = (each for each in document["families"] if each["name"] == "pytorch")
    by_name = {each["name"]: each for each in pytorch["packages"]}
    assert by_name["torch"] == {
        "name": "torch",
        "lockstep": True,
        "labelled": True,
        "lookup": ["family"],
        "runtime": False,
        "yours": False,
        "source": "https://download.pytorch.org/whl/",
        "reviewed": "2026-11-20",
    }
    mine = by_name["my-ext"]
    assert (mine["yours"], mine["source"], mine["reviewed"]) == (True, None, None)
    companion = next(each for each in pytorch["companions"] if each["name"] == "torchvision")
    assert ["==2.6.*", "==0.21.*"] in companion["releases"]
    assert [each["imports"] for each in document["exclusive"]] == [
        group.imports for group in load_exclusive()
    ]


def test_a_family_of_the_project_says_where_it_is_from(tmp_path: Path) -> None:
    table = '[tool.accelock]\ntargets = ["cpu"]\n' + OWN.format(url="https://w.example")
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    rows = [line.split() for line in lines(tmp_path)]
    url = "https://w.example/kernels/{target}"
    assert ["kernels", "fast-kernels", url, "pyproject.toml", "yours"] in rows
    assert ["fast_kernels:", "fast-kernels,", "fast-kernels-lite"] in rows
    found = lines(tmp_path, "fast-kernels")
    assert found[:3] == [
        "kernels (yours: pyproject.toml)",
        f"  read from  {url} (pyproject.toml)",
        "  labels     +{target}; builds for macos-arm64 may carry none",
    ]
    assert any(line.startswith("yours: packages; one version on all targets") for line in found)
    (family,) = json.loads(families(Settings.of(tmp_path), "kernels", {}).dumps())["families"]
    assert (family["yours"], family["source"], family["reviewed"]) == (True, None, None)
    there = {"ACCELOCK_SOURCE_KERNELS": "https://m.example/{target}"}
    assert "  read from  https://m.example/{target} (ACCELOCK_SOURCE_KERNELS)" in lines(
        tmp_path, "kernels", **there
    )


def test_a_word_that_is_none_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownWordError, match="did you mean 'pytorch'"):
        lines(tmp_path, "pytroch")
    with pytest.raises(UnknownWordError, match="did you mean 'torchvision'"):
        lines(tmp_path, "torchvison")


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["families", "pytorch"]) == 0
    assert capsys.readouterr().out.startswith("pytorch\n  read from  ")
    assert cli.main(["families", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["families"]
    assert "pytorch" in [each["name"] for each in found]
    assert cli.main(["families", "pytroch"]) == 2
    assert "did you mean 'pytorch'?" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text('[tool.accelock]\ntargets = ["gpu"]\n')
    assert cli.main(["families"]) == 1
    assert "tool.accelock.targets[0]" in capsys.readouterr().err


def test_a_family_that_is_one_more_file_is_listed(tmp_path: Path, env: dict[str, str]) -> None:
    env = {**env, "PYTHONPATH": str(accelock_with_it(tmp_path / "copy"))}
    done = run_accelock("families", cwd=tmp_path, env=env)
    assert [NAME, NAME] in [line.split()[:2] for line in done.stdout.splitlines()]
    done = run_accelock("families", NAME, cwd=tmp_path, env=env)
    assert "none: each target's index has its builds alone" in done.stdout
