from __future__ import annotations

import pytest
from packaging.tags import Tag
from packaging.version import Version

from accelock.sources.model import ParsedName, parse_filename


@pytest.mark.parametrize(
    ("filename", "name", "version"),
    [
        ("torch-2.6.0+cu126-cp311-cp311-linux_x86_64.whl", "torch", "2.6.0+cu126"),
        (
            "torch_scatter-2.1.2+pt26cu126-cp312-cp312-win_amd64.whl",
            "torch-scatter",
            "2.1.2+pt26cu126",
        ),
        (
            "vllm-0.11.0+cu.12.8.torch.2.8-cp38-abi3-linux_x86_64.whl",
            "vllm",
            "0.11+cu.12.8.torch.2.8",
        ),
        ("Foo.Bar-1.0-1build-py2.py3-none-any.whl", "foo-bar", "1.0"),
        ("my-old-package-1.0.tar.gz", "my-old-package", "1.0"),
        ("foo-1.0.zip", "foo", "1.0"),
        ("foo-1.0.tar.bz2", "foo", "1.0"),
        ("foo-1.0.tgz", "foo", "1.0"),
    ],
)
def test_distribution_files(filename: str, name: str, version: str) -> None:
    parsed = parse_filename(filename)

    assert parsed is not None
    assert (parsed.name, parsed.version) == (name, Version(version))
    assert (parsed.tags is not None) == filename.endswith(".whl")


def test_compressed_tags() -> None:
    parsed = parse_filename("foo-1.0-py2.py3-none-any.whl")

    assert parsed is not None
    assert parsed.tags == frozenset({Tag("py2", "none", "any"), Tag("py3", "none", "any")})


@pytest.mark.parametrize(
    "filename",
    [
        "torch_scatter-latest+cu101-cp37-cp37m-linux_x86_64.whl",
        "torch-1.0-cp37.whl",
        "-1.0-py3-none-any.whl",
        "torch.zip",
        "torch-latest.tar.gz",
        "torch-1.0.exe",
        "torch-1.0-py3-none-any.whl.metadata",
        "",
    ],
)
@pytest.mark.parametrize("project", [None, "torch"])
def test_other_names(filename: str, project: str | None) -> None:
    assert parse_filename(filename, project) is None


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("foo-1.0-1.tar.gz", "foo", "1.0.post1"),
        ("foo-bar-1.0.tar.gz", "foo-bar", "1.0"),
        ("foo_bar-1.0.tar.gz", "foo-bar", "1.0"),
        ("foo-2-1.0.tar.gz", "foo-2", "1.0"),
    ],
)
def test_a_known_project_says_where_the_version_begins(
    filename: str, project: str, version: str
) -> None:
    assert parse_filename(filename, project) == ParsedName(project, Version(version), None)


def test_an_sdist_of_another_project() -> None:
    assert parse_filename("foo-bar-1.0.tar.gz", "foo") is None
