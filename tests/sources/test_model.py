from __future__ import annotations

import pytest
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from accelock.sources.model import IndexFile, ProjectPage


def wheel(version: str, tags: str = "cp311-cp311-linux_x86_64") -> IndexFile:
    url = f"https://index.test/torch-{version}-{tags}.whl"
    return IndexFile("torch.whl", url, "torch", Version(version), parse_tag(tags))


def test_label_and_public_version() -> None:
    assert (wheel("2.6.0+CU126").label, wheel("2.6.0+CU126").public) == ("cu126", Version("2.6.0"))
    assert (wheel("2.6.0").label, wheel("2.6.0").public) == (None, Version("2.6.0"))
    assert wheel("2.6.0rc1.post2+cu126").public == Version("2.6.0rc1.post2")


@pytest.mark.parametrize("kind", [frozenset, set, tuple, list])
def test_fits_any_collection_of_tags(kind: type[frozenset[Tag]]) -> None:
    supported = kind([*parse_tag("cp311-cp311-linux_x86_64"), *parse_tag("py3-none-any")])

    assert wheel("1.0").fits(supported)
    assert wheel("1.0", "py2.py3-none-any").fits(supported)
    assert not wheel("1.0", "cp312-cp312-linux_x86_64").fits(supported)
    assert not IndexFile("a.zip", "https://index.test/a.zip", "a", Version("1")).fits(supported)


def test_files_of_a_project() -> None:
    page = ProjectPage("https://index.test/", (wheel("1.0"),))

    assert page.files_of("Torch") == page.files
    assert page.files_of("torchvision") == ()
