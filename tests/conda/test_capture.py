from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock.catalogue import load_catalogue
from accelock.conda.capture import capture, environment, table
from accelock.conda.config import parse_conda
from accelock.conda.prefix import CaptureError, PipPackage
from accelock.settings.settings import parse_config
from tests.conda.records import FORGE, LINUX, PYTORCH, vega

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelock.conda.capture import Captured

SITE = "lib/python3.12/site-packages"


def install(prefix: Path, name: str, *depends: str, **meta: object) -> None:
    """Write the record of an installed package, as conda does."""
    version, build = str(meta.pop("version", "1.0")), str(meta.pop("build", "h0_0"))
    folder = prefix / "conda-meta"
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "channel": f"{FORGE}/linux-64",
        "subdir": "linux-64",
        "url": f"{FORGE}/linux-64/{name}-{version}-{build}.conda",
        "depends": list(depends),
        "files": [],
        "requested_spec": "None",
        **meta,
    }
    (folder / f"{name}-{version}-{build}.json").write_text(json.dumps(values))


def distribution(prefix: Path, name: str, direct: object = None) -> str:
    """Write the metadata of a distribution; `direct` is its direct_url.json."""
    folder = prefix / SITE / f"{name}.dist-info"
    folder.mkdir(parents=True)
    if direct is not None:
        (folder / "direct_url.json").write_text(json.dumps(direct))
    (folder / "METADATA").write_text("Metadata-Version: 2.1\n")
    return f"{SITE}/{name}.dist-info/METADATA"


def vega_prefix(prefix: Path, **meta: Mapping[str, object]) -> Path:
    for each in vega("linux-64"):
        own = meta.get(each.name.replace("-", "_"), {})
        install(prefix, each.name, *each.depends, version=each.version, build=each.build, **own)
    return prefix


def names(found: Captured) -> list[str]:
    return [record.name for record in found.requested]


def test_what_conda_noted_in_its_records(tmp_path: Path) -> None:
    own = {"requested_spec": "conda-forge::vega-lite-cli>=5"}
    found = capture(vega_prefix(tmp_path, vega_lite_cli=own))
    assert names(found) == ["python", "vega-lite-cli"]
    assert found.how == "the records' requested specs"
    assert found.channels == ("conda-forge",)


def test_what_rattler_noted(tmp_path: Path) -> None:
    found = capture(vega_prefix(tmp_path, nodejs={"requested_specs": ["nodejs 22.*"]}))
    assert names(found) == ["nodejs", "python"]


def test_condas_history(tmp_path: Path) -> None:
    vega_prefix(tmp_path)
    (tmp_path / "conda-meta" / "history").write_text(
        "==> 2024-01-01 00:00:00 <==\n# cmd: conda create -p x\n"
        "+conda-forge/linux-64::nodejs-22.4.0-h0_0\n"
        "# update specs: ['python=3.12', \"vega-cli[version='>=5']\", 'nodejs', 'gone']\n"
        "==> 2024-01-02 00:00:00 <==\n# remove specs: ['nodejs']\n# update specs: broken\n"
    )
    found = capture(tmp_path)
    assert names(found) == ["python", "vega-cli"]
    assert found.how == "conda's history"


@pytest.mark.parametrize(
    "spec", ["{name}=={version}={build}", "{name}[version={version},md5=0,build={build}]", "{url}"]
)
def test_an_environment_made_from_an_explicit_list(tmp_path: Path, spec: str) -> None:
    for each in vega("linux-64"):
        told = spec.format(name=each.name, version=each.version, build=each.build, url=each.url)
        install(tmp_path, each.name, *each.depends, version=each.version, requested_spec=told)
    found = capture(tmp_path)
    assert names(found) == ["python", "vega-lite-cli"]
    assert found.how == "the leaves of its graph"


def test_a_keep_list_decides(tmp_path: Path) -> None:
    vega_prefix(tmp_path, vega_lite_cli={"requested_spec": "vega-lite-cli"})
    install(tmp_path, "py-opencv", "python", version="4.10.0")
    install(tmp_path, "libopencv", version="4.10.0")
    distribution(tmp_path, "requests-2.32.3")
    keep = "nodejs>=20  # the runtime\nopencv-python-headless\nrequests\nabsent\n"
    found = capture(tmp_path, keep)
    assert names(found) == ["nodejs", "py-opencv", "python"]
    assert (found.how, found.missing) == ("the keep-list", ("absent",))


def test_pips_packages_apart(tmp_path: Path) -> None:
    vega_prefix(tmp_path)
    owned = distribution(tmp_path, "numpy-2.1.3")
    install(tmp_path, "numpy", "python", version="2.1.3", files=[owned])
    distribution(tmp_path, "Typing_Extensions-4.12.2")
    distribution(tmp_path, "requests-2.32.3")
    (tmp_path / SITE / "leftover-1.0.dist-info").mkdir()
    found = capture(tmp_path)
    assert found.pip == (
        PipPackage("requests", "2.32.3"),
        PipPackage("typing-extensions", "4.12.2"),
    )


def test_what_setuptools_and_an_old_pip_left(tmp_path: Path) -> None:
    site = tmp_path / SITE
    for name in ("My_Tool-2.0+local-py3.12", "numpy-2.1.3-py3.12", "~umpy-1.0", "noversion"):
        (site / f"{name}.egg-info").mkdir(parents=True)
        (site / f"{name}.egg-info" / "PKG-INFO").write_text("Metadata-Version: 1.1\n")
    (site / "empty-1.0.egg-info").mkdir()
    for name in ("distutils_made-0.9", "conda_made-0.8-py3.12"):
        (site / f"{name}.egg-info").write_text("Metadata-Version: 1.0\n")
    (site / "my-work.egg-link").write_text("/home/me/my-work\n.")
    distribution(tmp_path, "~ip-24.0")
    distribution(tmp_path, "noversion")
    owned = ("numpy-2.1.3-py3.12.egg-info/PKG-INFO", "conda_made-0.8-py3.12.egg-info")
    install(tmp_path, "numpy", files=[f"{SITE}/{path}" for path in owned])
    found = capture(tmp_path)
    assert found.pip == (
        PipPackage("distutils-made", "0.9"),
        PipPackage("my-tool", "2.0+local"),
        PipPackage("my-work", "", "a folder of its own, editable"),
    )
    assert "/home/me" not in table(found)
    line = "my-work was installed from a folder of its own, editable; add it yourself\n"
    assert line in table(found)


@pytest.mark.skipif(os.name != "posix", reason="making a link takes a right on Windows")
def test_the_link_that_channels_ship_beside_python(tmp_path: Path) -> None:
    vega_prefix(tmp_path)
    install(tmp_path, "numpy", files=[distribution(tmp_path, "numpy-2.1.3")])
    distribution(tmp_path, "requests-2.32.3")
    (tmp_path / "lib" / "python3.1").symlink_to("python3.12", target_is_directory=True)
    assert capture(tmp_path).pip == (PipPackage("requests", "2.32.3"),)


@pytest.mark.parametrize(
    ("direct", "origin"),
    [
        ({"url": "file:///home/me/x", "dir_info": {}}, "a folder or a file of its own"),
        (
            {"url": "file:///home/me/x", "dir_info": {"editable": True}},
            "a folder of its own, editable",
        ),
        (
            {
                "url": "https://me:secret@h.example/x.git",
                "vcs_info": {"vcs": "git", "commit_id": "4cf3\n  - evil"},
            },
            "git+https://h.example/x.git@4cf3-evil",
        ),
        (
            {
                "url": "ssh://git:secret@h.example/x.git",
                "vcs_info": {"vcs": "git", "commit_id": "4cf3"},
                "subdirectory": "python",
            },
            "git+ssh://git@h.example/x.git@4cf3#subdirectory=python",
        ),
        (
            {"url": "https://h.example/x-1.0.whl", "archive_info": {}},
            "https://h.example/x-1.0.whl",
        ),
        ([], "a folder or a file of its own"),
    ],
)
def test_what_came_from_no_index_is_no_pin(tmp_path: Path, direct: object, origin: str) -> None:
    install(tmp_path, "pip")
    distribution(tmp_path, "x-1.0", direct)
    found = capture(tmp_path)
    assert found.pip == (PipPackage("x", "1.0", origin),)
    line = f"x 1.0 was installed from {origin}; add it yourself\n"
    assert f"\n#   {line}" in table(found)
    text = environment(found)
    assert text.endswith(f"\n  - pip=1.0\n  # {line}")
    assert "==" not in table(found).partition("[tool")[0]


def test_no_secrets(tmp_path: Path) -> None:
    channel = "https://me:secret@h.example/t/token/c"
    install(tmp_path, "x", channel=f"{channel}/linux-64", url=f"{channel}/linux-64/x-1.0-0.conda")
    found = capture(tmp_path)
    assert found.channels == ("https://h.example/c",)
    assert "secret" not in repr(found)
    assert "token" not in repr(found)


def test_folders_that_are_no_environment(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is not a conda environment"):
        capture(tmp_path)
    (tmp_path / "conda-meta").mkdir()
    with pytest.raises(CaptureError, match="conda has installed nothing into it"):
        capture(tmp_path)
    broken = tmp_path / "conda-meta" / "x-1-0.json"
    broken.write_text("{")
    with pytest.raises(CaptureError, match=r"x-1-0\.json: is not JSON"):
        capture(tmp_path)
    broken.write_text('{"name": "x"}')
    with pytest.raises(CaptureError, match="is not the record of a package"):
        capture(tmp_path)


def hardware(prefix: Path) -> Captured:
    python = {"version": "3.12.4"}
    install(prefix, "python", **python)
    build = "py3.12_cpu_0"
    install(
        prefix, "pytorch", "python", version="2.5.1", build=build, channel=f"{PYTORCH}/linux-64"
    )
    install(prefix, "numpy", "python", version="2.1.3", build="py312h0_0")
    distribution(prefix, "requests-2.32.3")
    return capture(prefix)


def test_the_table(tmp_path: Path) -> None:
    text = table(hardware(tmp_path))
    assert (
        text
        == """\
# Installed by pip; put those that you require yourself into requirements.in, or into
# Poetry's dependencies:
#   requests==2.32.3

[tool.accelock.conda]
channels = ["conda-forge", "pytorch"]

[tool.accelock.conda.dependencies]
numpy = "==2.1.3"
python = "==3.12.4"
pytorch = {version = "==2.5.1", build = "*cpu*", channel = "pytorch"}
"""
    )
    ours = tomlkit.parse(text).unwrap()["tool"]["accelock"]
    config = parse_config(ours, "pyproject.toml", load_catalogue())
    conda = parse_conda(ours["conda"], "pyproject.toml", config)
    specs = list(map(str, conda.specs_for(None, LINUX)))
    assert specs == ["numpy ==2.1.3", "python ==3.12.4", "pytorch::pytorch ==2.5.1 *cpu*"]


def test_the_environment_file(tmp_path: Path) -> None:
    assert (
        environment(hardware(tmp_path), "mine")
        == """\
name: mine
channels:
  - conda-forge
  - pytorch
dependencies:
  - numpy=2.1.3
  - python=3.12.4
  - 'pytorch::pytorch=2.5.1=*cpu*'
  - pip
  - pip:
      - requests==2.32.3
"""
    )


# A build that was asked for, and an index that a build is of


@pytest.mark.parametrize(
    ("asked", "build", "told"),
    [
        ("blas=*=openblas", "openblas", '{version = "==2.14", build = "openblas"}'),
        ("blas[build='*openblas']", "1_openblas", '{version = "==2.14", build = "*openblas"}'),
        ("blas 2.* *openblas", "1_openblas", '{version = "==2.14", build = "*openblas"}'),
        ("blas=*=mkl", "1_openblas", '"==2.14"'),  # which it no longer is
        ("blas", "1_openblas", '"==2.14"'),
        ("bad spec !!", "1_openblas", '"==2.14"'),
    ],
)
@pytest.mark.parametrize("by_history", [False, True])
def test_a_build_that_was_asked_for(
    tmp_path: Path, asked: str, build: str, told: str, *, by_history: bool
) -> None:
    if by_history and asked.startswith("bad"):
        asked = "blas !!"
    spec = "None" if by_history else asked
    install(tmp_path, "blas", version="2.14", build=build, requested_spec=spec)
    install(tmp_path, "libopenblas", version="0.3")
    if by_history:
        text = f"==> 2026-01-01 00:00:00 <==\n# cmd: conda\n# update specs: {[asked]!r}\n"
        (tmp_path / "conda-meta" / "history").write_text(text)
    assert f"blas = {told}\n" in table(capture(tmp_path))


def test_a_hardware_build_that_was_asked_for_more_closely(tmp_path: Path) -> None:
    asked = "pytorch=2.5.1=*mkl*"
    install(tmp_path, "pytorch", version="2.5.1", build="cuda126_mkl_h0_0", requested_spec=asked)
    assert 'build = "cuda126*mkl*"' in table(capture(tmp_path))


def test_the_index_of_what_pip_installed_for_a_target(tmp_path: Path) -> None:
    install(tmp_path, "pip")
    distribution(tmp_path, "torch-2.4.1+cu118")
    distribution(tmp_path, "torchvision-0.19.1+cu118")
    distribution(tmp_path, "mine-1.0+local")
    found = capture(tmp_path)
    assert environment(found).endswith(
        """\
  - pip:
      - '--extra-index-url https://download.pytorch.org/whl/cu118'
      - torch==2.4.1+cu118
      - torchvision==0.19.1+cu118
  # mine 1.0+local is a build that no public index has; add it yourself
"""
    )
    written = table(found)
    assert written.count("#   --extra-index-url https://download.pytorch.org/whl/cu118\n") == 1
    assert "#   mine 1.0+local is a build that no public index has; add it yourself\n" in written
