from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from accelock.catalogue import load_catalogue

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("name", "version", "torch", "together"),
    [
        # Its metadata asks for no torch, and with torch 2.10 it crashes on import.
        ("torchaudio", "2.11.0", "2.10.0", False),
        ("torchaudio", "2.11.0+cu126", "2.10.0+cu126", False),
        ("torchaudio", "2.11.0", "2.11.0", True),
        ("torchaudio", "2.11.1", "2.15.0", True),
        ("torchaudio", "2.10.0", "2.10.0+cu128", True),
        ("torchaudio", "2.9.0", "2.9.1", False),
        ("torchaudio", "2.0.2", "2.0.1", True),
        ("TorchAudio", "2.5.1", "2.5.1", True),
        ("torchvision", "0.21.0+cpu", "2.6.0+cpu", True),
        ("torchvision", "0.21.0", "2.7.0", False),
        ("torchvision", "0.29.0", "2.14.1", True),
        ("torchvision", "0.29.0", "2.15.0", False),
        ("torchvision", "0.29.2", "2.15.0", True),
        ("torchtext", "0.18.0", "2.3.1", True),
        ("torchtext", "0.18.0", "2.6.0", False),
        ("torchdata", "0.11.0", "2.8.0", True),
        ("torchdata", "0.11.0", "2.5.1", False),
        ("torchdata", "0.7.1", "2.0.1", True),
        ("torchdata", "0.7.0", "2.1.1", False),
        ("torchcodec", "0.9.1", "2.9.1", True),
        ("torchcodec", "0.9.1", "2.8.0", False),
        ("torchcodec", "0.11.1", "2.11.0", True),
        ("torchcodec", "0.11.1", "2.12.0", False),
        ("torchcodec", "0.17.0", "2.15.0", True),
        ("torchao", "0.16.0", "2.10.0", True),
        ("torchao", "0.16.0", "2.8.0", True),  # its Python alone
        ("torchao", "0.16.0", "2.11.0", False),
        # The tables say nothing of these.
        ("torchao", "0.9.0", "2.6.0", None),
        ("torchaudio", "2.12.0.dev20260401", "2.10.0", False),
        ("torchvision", "0.1.9", "2.6.0", None),
        ("torchrec", "1.0.0", "2.6.0", None),
        ("numpy", "2.2.6", "2.6.0", None),
    ],
)
def test_which_releases_go_together(
    name: str, version: str, torch: str, together: bool | None
) -> None:
    assert CATALOGUE.goes_with(name, Version(version), Version(torch)) is together


@pytest.mark.parametrize(
    ("name", "torch", "specifier"),
    [
        ("torchaudio", "2.10.0", "==2.10.*"),
        ("torchaudio", "2.13.0+cu130", ">=2.11"),
        ("torchcodec", "2.9.1", ">=0.8,<0.10"),
        ("torchtext", "2.6.0", None),
        ("torchrec", "2.6.0", None),
    ],
)
def test_what_of_a_companion_goes_with_a_torch(
    name: str, torch: str, specifier: str | None
) -> None:
    companions = (each for family in CATALOGUE.families for each in family.companions)
    found = next((each.specifier(Version(torch)) for each in companions if each.name == name), None)
    assert found == (None if specifier is None else SpecifierSet(specifier))


@pytest.mark.parametrize(
    ("name", "version", "requirement"),
    [
        ("torchaudio", "2.11.0+cpu", "torch>=2.11"),
        ("torchaudio", "2.10.0", "torch>=2.10,<2.11"),
        ("torchaudio", "2.9.1", "torch==2.9.1"),
        ("torchdata", "0.7.1", "torch>=2.0.0"),  # of rows that are ranges, and exact ones
        ("torchdata", "0.6.0", "torch==2.0.0"),
        ("torchdata", "0.6.2", "torch>=2.0.0,<=2.0.1"),
        ("torchcodec", "0.12.0", "torch>=2.11"),
        ("torchdata", "0.2.0", None),
    ],
)
def test_what_a_companion_asks_for(name: str, version: str, requirement: str | None) -> None:
    assert CATALOGUE.companion_requires(name, Version(version)) == requirement


def test_every_companion_can_say_what_it_asks_for() -> None:
    for companion in (each for family in CATALOGUE.families for each in family.companions):
        for _of, releases in companion.releases:
            for specifier in releases:
                version = Version(specifier.version.removesuffix(".*"))
                CATALOGUE.companion_requires(companion.name, version)


def test_every_companion_is_of_its_family_and_every_row_is_reached() -> None:
    for family in CATALOGUE.families:
        for companion in family.companions:
            assert family.exact(companion.name)
            assert family.exact(companion.of)
            of = [str(releases) for releases, _ in companion.releases]
            assert len(of) == len(set(of))


def test_a_foreign_pair_is_told_with_both_ways_out_and_the_source() -> None:
    versions = {"torch": "2.10.0+cu126", "torchaudio": "2.11.0+cu126", "Torchvision": "0.25.0"}
    (pair,) = CATALOGUE.foreign_pairs(versions)
    assert str(pair) == (
        "torchaudio 2.11.0 does not go with torch 2.10.0: take torchaudio==2.10.* with "
        "this torch, or torch>=2.11 with this torchaudio "
        "(https://docs.pytorch.org/audio/2.11.0/installation.html)"
    )


def test_a_companion_that_has_no_release_for_a_torch_leaves_one_way_out() -> None:
    (pair,) = CATALOGUE.foreign_pairs({"torch": "2.6.0", "torchtext": "0.18.0"})
    assert "take torch==2.3.* with this torchtext" in str(pair)


def test_what_is_alone_or_no_version_makes_no_pair() -> None:
    assert not CATALOGUE.foreign_pairs({"torchaudio": "2.11.0"})
    assert not CATALOGUE.foreign_pairs({"torch": "of-this-house", "torchaudio": "2.11.0"})
    assert not CATALOGUE.foreign_pairs({})
