"""A family as a table says it: what each key gives, and what is told of a faulty one."""

from __future__ import annotations

import pytest
import tomlkit
from packaging.version import Version

from accelock.catalogue import Family, FamilyPackage, load_catalogue
from accelock.catalogue.families import parse_families
from accelock.catalogue.relations import Exclusive
from accelock.catalogue.source import Source
from accelock.targets import parse_target
from accelock.toml import Table

CATALOGUE = load_catalogue()
INDEX = 'index = "https://w.example/whl/{target}"'
PACKAGE = '[[kernels.package]]\nnames = ["a"]'
COMPANION = f"[kernels]\n{INDEX}\n{PACKAGE}\n[[kernels.companion]]\nname = 'a'\nof = 'torch'\n"
LABEL = 'label = "{target}"'


def parsed(text: str) -> tuple[tuple[Family, ...], list[str]]:
    table = Table(tomlkit.parse(text).unwrap(), "tool.accelock.families", [])
    return tuple(parse_families(table, CATALOGUE)), table.faults


def sound(text: str) -> Family:
    (family,), faults = parsed(text)
    assert faults == []
    return family


def test_the_least_that_there_is_to_say() -> None:
    family = sound(f"[kernels]\n{INDEX}\n{PACKAGE}")
    assert (family.name, family.index) == ("kernels", "https://w.example/whl/{target}")
    assert family.packages == (
        FamilyPackage("a", lockstep=True, labelled=True, lookup=("family",), runtime=False),
    )
    assert family.is_yours
    assert family.packages[0].is_yours
    assert family.label_template is None


def test_all_that_there_is_to_say() -> None:
    family = sound(f"""
        [kernels]
        {INDEX}
        label = "+Cuda_{{target}}"
        unlabelled-platforms = ["osx-arm64"]
        recognise = ["*/kernels/{{target}}"]
        source = "https://w.example/about"
        reviewed = 2026-11-30
        [[kernels.package]]
        names = ["My_Kernels", "kernel-lib-*"]
        lockstep = false
        labelled = false
        lookup = ["family", "default"]
        runtime = true
        [[kernels.companion]]
        name = "my-kernels"
        of = "torch"
        releases = [[">=2.6", ">=1.1"], ["==2.5.*", "==1.0.*"]]
        [[kernels.exclusive]]
        names = ["my-kernels", "their-kernels"]
    """)
    assert family.label_template == "cuda.{target}"
    assert family.unlabelled_platforms == {"macos-arm64"}
    assert [each.name for each in family.packages] == ["my-kernels", "kernel-lib-*"]
    assert family.packages[1].lookup == ("family", "default")
    (companion,) = family.companions
    assert [(str(of), str(own)) for of, own in companion.releases][1] == ("==2.5.*", "==1.0.*")
    assert family.exclusive == (Exclusive(("my-kernels", "their-kernels"), "my-kernels"),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"[kernels]\n{PACKAGE}", "kernels: has no index; write its URL"),
        (f'[kernels]\nindex = "w.example"\n{PACKAGE}', "kernels.index: must be an http"),
        (
            f'[kernels]\nindex = "https://w.example/all"\n{PACKAGE}',
            "kernels.index: has no {target}, and no label of builds has one",
        ),
        (
            f'[kernels]\nindex = "https://w/{{torch}}.html"\nlabel = "{{torch}}"\n{PACKAGE}',
            "kernels.index: has no {target}, and no label of builds has one",
        ),
        (f"[kernels]\n{INDEX}\n[[kernels.package]]\nnames = ['*']", "matches every project"),
        (f"[kernels]\n{INDEX}", "kernels: has no packages"),
        (f"[kernels]\n{INDEX}\nlables = 'x'\n{PACKAGE}", "kernels.lables: unknown key; did you"),
        (f"[kernels]\n{INDEX}\nlabel = 'x'\n{PACKAGE}", "kernels.label: 'x' has no {target}"),
        (
            f"[kernels]\n{INDEX}\nlabel = 'x{{cuda}}'\n{PACKAGE}",
            "kernels.label: unknown field of a label 'cuda'; choose one of: target, target.version",
        ),
        (f"[kernels]\n{INDEX}\nlabel = '{{target}}/x'\n{PACKAGE}", "is not a local version label"),
        (
            f"[kernels]\n{INDEX}\n{LABEL}\nunlabelled-platforms = ['macos-arm46']\n{PACKAGE}",
            "platforms[0]: unknown platform 'macos-arm46'; did you mean 'macos-arm64'?",
        ),
        (
            f"[kernels]\n{INDEX}\nunlabelled-platforms = ['macos-arm64']\n{PACKAGE}",
            "kernels.unlabelled-platforms: is for builds that have a label on other platforms",
        ),
        (f"[kernels]\n{INDEX}\npackage = 'a'", "kernels.package: must be an array of tables"),
        (f"[kernels]\n{INDEX}\npackage = ['a']", "kernels.package[0]: must be a table, not a str"),
        (
            f"[kernels]\n{INDEX}\n[[kernels.package]]\nnames = ['a b']",
            ("'a b' is not a project name"),
        ),
        (
            f"[kernels]\n{INDEX}\n{PACKAGE}\nlookup = ['familly']",
            "kernels.package[0].lookup[0]: unknown place 'familly'; did you mean 'family'?",
        ),
        (
            f"[kernels]\n{INDEX}\n[[kernels.package]]\nnames = ['a-*']\nlockstep = true",
            "kernels.package[0].lockstep: a-* stands for many packages",
        ),
        (f"[kernels]\n{INDEX}\n{PACKAGE}\n{PACKAGE}", "kernels.package: names a a second time"),
        (
            f"[kernels]\n{INDEX}\n{PACKAGE}\n[other]\n{INDEX}\n[[other.package]]\nnames = ['a']",
            "other.package: a is in kernels already",
        ),
        (
            COMPANION.replace("name = 'a'", "name = 'b'") + "releases = [['>=2', '>=1']]",
            "kernels.companion[0].name: unknown package of the family 'b'",
        ),
        (
            f"{COMPANION}releases = [['>=2', 'one']]",
            "kernels.companion[0].releases[0]: 'one' is not a version specifier (PEP 440)",
        ),
        (
            f"{COMPANION}releases = ['>=2']",
            "kernels.companion[0].releases[0]: must be two specifiers",
        ),
        (
            f"[kernels]\n{INDEX}\n{PACKAGE}\n[[kernels.exclusive]]\nnames = ['a']",
            "kernels.exclusive[0].names: must be two projects or more",
        ),
        (f"[kernels]\n{INDEX}\nreviewed = 'today'\n{PACKAGE}", "kernels.reviewed: must be a day"),
        (f"[pytorch]\n{INDEX}\n[[pytorch.package]]\nnames = ['a']", "pytorch: is a family of the"),
        (f"[Kern_els]\n{INDEX}\n[[Kern_els.package]]\nnames = ['a']", "is written 'kern-els'"),
    ],
)
def test_a_fault_is_told_once_and_by_its_key(text: str, fault: str) -> None:
    _families, faults = parsed(text)
    (told,) = faults
    assert fault in told
    assert told.startswith("tool.accelock.families.")


def test_its_own_index_is_known_at_its_own_host_alone() -> None:
    family = sound(f"[kernels]\n{INDEX}\n{PACKAGE}")
    assert family.recognise("https://w.example/whl/cu126/") == family.index
    assert family.recognise("https://mirror.example/whl/cu126") is None
    catalogue = CATALOGUE.with_families((family,))
    assert catalogue.recognise("https://w.example/whl/cu126") == (family, family.index)
    other = catalogue.recognise("https://mirror.example/whl/cu126")
    assert other == (catalogue.family("pytorch"), "https://mirror.example/whl/{target}")
    assert catalogue.recognise("https://w.example/simple") is None


def test_a_page_for_each_release_is_known_however_it_is_quoted() -> None:
    pyg = CATALOGUE.family("pyg")
    for url in (
        "https://data.pyg.org/whl/torch-2.6.0+cu126.html",
        "https://data.pyg.org/whl/torch-2.6.0%2Bcpu.html",
        pyg.index,
    ):
        assert CATALOGUE.recognise(url) == (pyg, pyg.index)
    mirrored = CATALOGUE.recognise("https://m.example/pyg/whl/torch-2.6.0+cu126.html")
    assert mirrored == (pyg, "https://m.example/pyg/whl/torch-{torch}+{target}.html")
    assert CATALOGUE.recognise("https://data.pyg.org/whl/torch-2.6.0+cuda.html") is None


@pytest.mark.parametrize(
    ("label", "target", "release", "found"),
    [
        ("cu.{target.version}.torch.{torch.minor}", "cu128", "2.11.0", "cu.12.8.torch.2.11"),
        ("cu{target.major}torch{torch.minor}cxx11abiTRUE", "cu126", "2.8.0",
         "cu12torch2.8cxx11abitrue"),
        ("{target}torch{torch.minor}", "rocm6.3", "2.9.1", "rocm6.3torch2.9"),
        ("{target}.torch{torch}", "cu126", "2.9.1", "cu126.torch2.9.1"),
        ("cu.{target.version}.torch.{torch.minor}", "cpu", "2.11.0", None),
        ("{target}torch{torch.minor}", "cu126", None, None),
    ],
)  # fmt: skip
def test_a_label_has_the_parts_of_target_and_release(
    label: str, target: str, release: str | None, found: str | None
) -> None:
    family = sound(f"[kernels]\n{INDEX}\nlabel = '{label}'\n{PACKAGE}")
    version = Version(release) if release else None
    assert family.label(parse_target(target, CATALOGUE.targets), version) == found
    assert family.release_of == "torch"


def test_a_label_has_the_digits_of_the_release() -> None:
    pyg, target = CATALOGUE.family("pyg"), parse_target("cu126", CATALOGUE.targets)
    assert pyg.label(target, Version("2.10.1")) == "pt210cu126"
    assert pyg.label(target) is None
    assert CATALOGUE.release_of("torch-scatter") == "torch"
    assert CATALOGUE.release_of("torch") is None


def test_a_package_that_it_names_is_in_no_other_family() -> None:
    family = sound(f"[kernels]\n{INDEX}\n[[kernels.package]]\nnames = ['torchaudio']")
    catalogue = CATALOGUE.with_families((family,))
    assert catalogue.family_of("torchaudio") == (family, family.packages[0])
    assert "torchaudio" not in catalogue.companions("torch")


@pytest.mark.parametrize(
    ("url", "family", "at_cu121"),
    [
        ("https://data.dgl.ai/wheels/torch-2.4/cu124/repo.html", "dgl",
         "https://data.dgl.ai/wheels/torch-2.4/cu121/repo.html"),
        ("https://m.example/mmcv/dist/cpu/torch2.4.0/index.html", "mmcv",
         "https://m.example/mmcv/dist/cu121/torch2.4.0/index.html"),
        ("https://nvidia-kaolin.s3.us-east-2.amazonaws.com/torch-2.5.1_cu124.html", "kaolin",
         "https://nvidia-kaolin.s3.us-east-2.amazonaws.com/torch-2.4.1_cu121.html"),
        ("https://wheels.astral.sh/simple/cu128/", "astral",
         "https://wheels.astral.sh/simple/cu121"),
    ],
)  # fmt: skip
def test_a_page_of_a_release_is_known_and_turned(url: str, family: str, at_cu121: str) -> None:
    found = load_catalogue().recognise(url)
    assert found is not None
    assert found[0].name == family
    source = Source(found[1]).of_release(Version("2.4.1"))
    assert source.url(parse_target("cu121", load_catalogue().targets)) == at_cu121
