"""`accelock targets`: what small indexes, and the snapshot of the real ones, have for targets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.commands.targets import Targets, targets
from accelock.errors import AccelockError, UnknownWordError
from tests.commands.heres import fetching, gpu_box, here, no_network
from tests.commands.poetry_locks import PoetryFolder
from tests.support.environments import run_accelock
from tests.support.pytorch_site import pytorch_site
from tests.support.second_family import NAME, accelock_with_it, with_it
from tests.support.snapshot import find_snapshot
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelock.commands.context import Context
    from tests.support.server import IndexServer
    from tests.support.sites import Site
    from tests.support.snapshot import SnapshotServer

LINUX, ARM, MAC, OLD_MAC, WINDOWS = (
    "linux-x86_64",
    "linux-aarch64",
    "macos-arm64",
    "macos-x86_64",
    "windows-x86_64",
)
NO_GPU = {"ACCELOCK_CUDA_DRIVER": "none", "ACCELOCK_AMD_GFX": "none"}


def look(
    server: IndexServer, at: Context, *words: str, of: Sequence[str] = ("cpu", "cu126", "rocm6.3")
) -> Targets:
    with fetching(server) as reading:
        return targets(at, words, of, lambda: reading)


def at_server(server: IndexServer, folder: Path, **words: Any) -> Context:
    return here(
        folder, environ={"ACCELOCK_SOURCE_PYTORCH": f"{server.url}/whl/{{target}}"}, **words
    )


def rows(found: Targets, name: str = "torch") -> dict[str, dict[str, Any]]:
    """The JSON of a package by target, its builds by platform."""
    packages = {each["name"]: each for each in json.loads(found.dumps())["packages"]}
    found_rows: dict[str, dict[str, Any]] = {}
    for each in packages[name]["targets"]:
        builds = {build["platform"]: build for build in each["builds"]}
        found_rows[each["target"]] = {**each, "builds": builds}
    return found_rows


def versions(row: dict[str, Any]) -> dict[str, str]:
    return {platform: build["version"] for platform, build in row["builds"].items()}


def test_the_newest_of_each_platform_by_the_rule_of_routing(
    pytorch: IndexServer, tmp_path: Path
) -> None:
    found = rows(look(pytorch, at_server(pytorch, tmp_path), "torch"))
    newest = dict.fromkeys((LINUX, ARM, MAC, WINDOWS), "2.8.0")
    assert versions(found["cpu"]) == {**newest, OLD_MAC: "1.7.1"}
    assert MAC not in found["cu126"]["builds"]
    assert versions(found["cu126"])[LINUX] == "2.8.0"
    assert list(found["rocm6.3"]["builds"]) == [LINUX]
    build = found["cu126"]["builds"][LINUX]
    assert build["index"] == f"{pytorch.url}/whl/cu126/torch/"
    assert SpecifierSet(build["pythons"]).contains("3.12.1")
    assert not SpecifierSet(build["pythons"]).contains("3.9.1")
    asked = {each.path for each in pytorch.requests}
    assert asked == {f"/whl/{target}/torch/" for target in ("cpu", "cu126", "rocm6.3")}


def test_what_a_target_needs(pytorch: IndexServer, tmp_path: Path) -> None:
    found = rows(look(pytorch, at_server(pytorch, tmp_path), "torch"))
    assert found["cu126"]["driver"] == {"linux": "525.60.13", "windows": "528.33"}
    x86, arm = found["cu126"]["compute_capabilities"]
    assert (x86["machine"], x86["lowest"], x86["highest"]) == ("x86_64", "5.0", "9.0")
    assert versions(found["cu126"])[ARM] == "2.6.0"  # and before torch 2.7 there is no code for 8.0
    assert (arm["machine"], arm["lowest"]) == ("aarch64", "9.0")
    assert "gfx90a" in found["rocm6.3"]["gfx"]
    assert found["cpu"]["driver"] is None
    assert found["cpu"]["compute_capabilities"] == found["cpu"]["gfx"] == []


def test_what_the_machine_runs_and_what_is_declared(pytorch: IndexServer, tmp_path: Path) -> None:
    source = f'[tool.accelock.sources]\npytorch = "{pytorch.url}/whl/{{target}}"\n'
    table = f'[tool.accelock]\ntargets = ["cu126"]\n{source}'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    found = rows(look(pytorch, gpu_box(tmp_path), "torch"))
    assert {name: row["fits"] for name, row in found.items()} == {
        "cpu": True, "cu126": True, "rocm6.3": False,
    }  # fmt: skip
    assert [name for name, row in found.items() if row["declared"]] == ["cu126"]
    old = rows(look(pytorch, gpu_box(tmp_path, "520.61.05"), "torch"))["cu126"]
    assert (old["fits"], old["cause"]) == (False, "driver-too-old")
    lines = list(look(pytorch, gpu_box(tmp_path), "torch").lines())
    (line,) = (each for each in lines if " cu126 " in each)
    assert line.split() == [
        "*", "cu126", "2.8.0", "2.6.0", "-", "-", "2.8.0", "3.10-3.13", "525.60.13", "yes",
        "5.0", "to", "9.0",
    ]  # fmt: skip


def test_a_build_for_another_platform_alone_is_not_run_here(
    pytorch: IndexServer, tmp_path: Path
) -> None:
    at = at_server(pytorch, tmp_path, platform=OLD_MAC)
    found = rows(look(pytorch, at, "torchvision", of=["cu118", "cpu"]), "torchvision")
    assert found["cpu"]["fits"] is (OLD_MAC in found["cpu"]["builds"])
    assert (found["cu118"]["fits"], found["cu118"]["cause"]) == (False, "no-builds")


def test_all_targets_of_today_and_those_that_have_nothing(
    pytorch: IndexServer, tmp_path: Path
) -> None:
    found = look(pytorch, at_server(pytorch, tmp_path), "torch", of=())
    assert found.exit_code == 0
    assert "cu130" in rows(found)
    assert "cu110" not in rows(found)
    (none,) = (line for line in found.lines() if line.startswith("no torch: "))
    assert "cu130" in none
    assert "cu126" not in none
    old = rows(look(pytorch, at_server(pytorch, tmp_path), "torch", of=["cu110"]))
    assert versions(old["cu110"])[LINUX] == "1.7.1"


@pytest.mark.parametrize("fault", ["unavailable", "truncated", "login-page", "drop"])
def test_a_page_that_cannot_be_read_stops_no_other(
    fault: str, serve: Callable[[Site], IndexServer], tmp_path: Path
) -> None:
    server = serve(pytorch_site().configured("/whl/cu126/torch", fault=fault))
    found = look(server, at_server(server, tmp_path), "torch")
    assert found.exit_code == 1
    assert versions(rows(found)["cpu"])[LINUX] == "2.8.0"
    assert rows(found)["cu126"]["builds"] == {}
    assert "/whl/cu126/torch/ could not be read" in rows(found)["cu126"]["fault"]
    lines = list(found.lines())
    (line,) = (each for each in lines if " cu126 " in each and not each.startswith("note"))
    assert "?" in line
    assert any(each.startswith("note: cu126: http") for each in lines)


def test_what_fails_alike_is_said_once(pytorch: IndexServer, tmp_path: Path) -> None:
    at = here(tmp_path, environ={"ACCELOCK_SOURCE_PYTORCH": "http://me:pw@127.0.0.1:9/{target}"})
    found = look(pytorch, at, "torch")
    (note,) = (each for each in found.lines() if each.startswith("note: "))
    assert note.startswith("note: cpu, cu126, rocm6.3: http://****@127.0.0.1:9/{target}/torch/")
    assert "pw" not in found.dumps()


def test_the_first_place_that_has_any(serve: Callable[[Site], IndexServer], tmp_path: Path) -> None:
    ours = wheel("torchao", "0.14.0", "py3-none-any")
    newer = wheel("torchao", "0.17.0", "cp310-abi3-manylinux_2_28_x86_64")
    site = pytorch_site().with_files("/whl/cpu", ours).with_files("/simple", newer)
    server = serve(site)
    found = look(server, at_server(server, tmp_path), "torchao")
    by_target = rows(found, "torchao")
    assert set(versions(by_target["cpu"]).values()) == {"0.14.0"}
    assert versions(by_target["cu126"]) == {LINUX: "0.17.0"}
    build = by_target["cu126"]["builds"][LINUX]
    assert (build["index"], build["pythons"]) == (f"{server.url}/simple/torchao/", ">=3.10")
    assert [each.pythons for each in found.packages["torchao"][1]] == ["any", "3.10+", "3.10+"]


def test_a_pre_release_only_where_there_is_nothing_else(
    serve: Callable[[Site], IndexServer], tmp_path: Path
) -> None:
    tag = "cp311-cp311-manylinux_2_28_x86_64"
    site = pytorch_site()
    site = site.with_files("/whl/cpu", wheel("torch", "9.0.0rc1+cpu", tag))
    site = site.with_files("/whl/xpu", wheel("torch", "9.0.0rc1+xpu", tag))
    server = serve(site)
    found = rows(look(server, at_server(server, tmp_path), "torch", of=["cpu", "xpu"]))
    assert versions(found["cpu"])[LINUX] == "2.8.0"
    assert versions(found["xpu"]) == {LINUX: "9.0.0rc1"}


def test_without_a_package_those_that_the_project_asks_for(
    pytorch: IndexServer, tmp_path: Path
) -> None:
    assert list(look(pytorch, at_server(pytorch, tmp_path)).packages) == ["torch"]
    table = '[project]\nname = "app"\nversion = "1"\ndependencies = ["Torchvision", "numpy"]\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    assert list(look(pytorch, at_server(pytorch, tmp_path)).packages) == ["torchvision"]
    (tmp_path / "locked").mkdir()
    locked = PoetryFolder(tmp_path / "locked").write().folder
    assert list(look(pytorch, at_server(pytorch, locked)).packages) == ["torch"]


@pytest.mark.parametrize(
    ("words", "of", "told"),
    [
        (["toch"], [], "unknown package of a family 'toch'; did you mean 'torch'?"),
        (["numpy"], [], "choose one of: dgl, kaolin, llama-cpp-python, "),
        (["cu126"], [], "it is a target; write -t"),
        (["torch"], ["cu12.6"], "did you mean 'cu126'?"),
    ],
)
def test_a_word_that_is_none_reads_nothing(
    words: list[str], of: list[str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownWordError) as caught:
        targets(here(tmp_path), words, of, no_network)
    assert told in str(caught.value)
    with pytest.raises(AccelockError, match="no network"):
        targets(here(tmp_path), ["torch"], ["cpu"], no_network)


def test_the_command(pytorch: IndexServer, tmp_path: Path, env: dict[str, str]) -> None:
    pytest.importorskip("piptools", reason="the extra pip-tools is not installed")
    env = {**env, **NO_GPU, "ACCELOCK_SOURCE_PYTORCH": f"{pytorch.url}/whl/{{target}}"}
    done = run_accelock("targets", "torch", "-t", "cpu", "-t", "cu126", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.split()[:2] for each in done.stdout.splitlines()[3:5]] == [
        ["*", "cpu"],
        ["cu126", "2.8.0"],
    ]
    done = run_accelock("targets", "--json", "-m", "h100", cwd=tmp_path, env=env)
    (torch,) = json.loads(done.stdout)["packages"]
    assert {each["target"] for each in torch["targets"] if each["fits"]} == {
        "cpu", "cu118", "cu126",
    }  # fmt: skip
    assert pytorch.bodies() == ()


def test_the_command_where_an_index_fails(
    serve: Callable[[Site], IndexServer], tmp_path: Path, env: dict[str, str]
) -> None:
    pytest.importorskip("piptools", reason="the extra pip-tools is not installed")
    server = serve(pytorch_site().configured("/whl/cu126", fault="login-page"))
    env = {**env, **NO_GPU, "ACCELOCK_SOURCE_PYTORCH": f"{server.url}/whl/{{target}}"}
    done = run_accelock("targets", "-t", "cpu", "-t", "cu126", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "*  cpu     2.8.0" in done.stdout
    assert "note: cu126: " in done.stdout


def test_a_family_without_labels(
    serve: Callable[[Site], IndexServer], tmp_path: Path, env: dict[str, str]
) -> None:
    pytest.importorskip("piptools", reason="the extra pip-tools is not installed")
    server = serve(with_it(pytorch_site()))
    env = {
        **env,
        "PYTHONPATH": str(accelock_with_it(tmp_path / "copy")),
        "ACCELOCK_SOURCE_FUSED_KERNELS": f"{server.url}/fused/whl/{{target}}",
    }
    words = ("targets", NAME, "-t", "cpu", "-t", "cu124", "--json")
    done = run_accelock(*words, cwd=tmp_path, env=env)
    (package,) = json.loads(done.stdout)["packages"]
    newest = {each["target"]: each["builds"][0]["version"] for each in package["targets"]}
    assert newest == {"cpu": "0.3.2", "cu124": "0.3.1"}
    assert {tuple(each["compute_capabilities"]) for each in package["targets"]} == {()}


PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PLACES = {
    LINUX: "linux_x86_64|manylinux.*_x86_64",
    ARM: "linux_aarch64|manylinux.*_aarch64",
    MAC: "macosx_.*_arm64",
    WINDOWS: "win_amd64",
}


def newest_by_name(
    files: list[dict[str, str]], target: str, tag: str
) -> tuple[str, set[str]] | None:
    """Return the newest torch of a target's page for a platform, and the Pythons it is for."""
    found: dict[Version, set[str]] = {}
    name = re.compile(rf"torch-([^-+]+)(?:\+([^-]+))?-cp3(\d+)-cp3\3m?-(?:{tag})\.whl")
    for file in files:
        wheel = name.fullmatch(file["filename"])
        if wheel and wheel[2] in (target, None) and f"3.{wheel[3]}" in PYTHONS:
            found.setdefault(Version(wheel[1]), set()).add(f"3.{wheel[3]}")
    newest = max(found, default=None)
    return None if newest is None else (str(newest), found[newest])


@pytest.mark.slow
@pytest.mark.snapshot
@pytest.mark.xdist_group("snapshot")
def test_the_real_indexes(snapshot: SnapshotServer, tmp_path: Path, env: dict[str, str]) -> None:
    pytest.importorskip("piptools", reason="the extra pip-tools is not installed")
    env = {**env, "ACCELOCK_SOURCE_PYTORCH": snapshot.source}
    done = run_accelock("targets", "torch", "--json", "-m", "h100", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    (torch,) = json.loads(done.stdout)["packages"]
    by_target = {each["target"]: each for each in torch["targets"]}
    found = {
        name: {build["platform"]: build["version"] for build in each["builds"]}
        for name, each in by_target.items()
    }
    assert found["cpu"][OLD_MAC] == "2.2.2"
    assert found["cu118"] == {LINUX: "2.7.1", WINDOWS: "2.7.1"}
    assert found["cu124"][ARM] == "2.5.1"
    assert found["rocm6.3"] == {LINUX: "2.9.1"}
    assert found["cu134"] == {}
    assert by_target["cu130"]["fits"]
    # All targets x platforms x Pythons 3.10 to 3.13, by a reading of the file names alone.
    folder = find_snapshot()
    assert folder is not None
    index = json.loads(folder.joinpath("index.json").read_text(encoding="utf-8"))
    for target, projects in index.items():
        if not target.startswith("_") and "torch" in projects:
            builds = {each["platform"]: each for each in by_target[target]["builds"]}
            for platform, tag in PLACES.items():
                expected = newest_by_name(projects["torch"]["files"], target, tag)
                build = builds.get(platform)
                assert build is None or expected is not None, (target, platform)
                if expected is not None:
                    assert build is not None, (target, platform)
                    pythons = SpecifierSet(build["pythons"])
                    served = {each for each in PYTHONS if pythons.contains(each)}
                    assert (build["version"], served) == expected, (target, platform)
    assert snapshot.stats()["wheel_attempts"] == 0
