from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from accelock.catalogue import Family, FamilyPackage, load_catalogue
from accelock.resolve.serving import public_versions, serving, target_of_url
from accelock.sources.model import IndexFile, parse_filename
from accelock.targets import PLATFORMS, Levels, PythonVersion, parse_target

CATALOGUE = load_catalogue()
PYTHON = PythonVersion(3, 11)
TAGS = {
    "linux-x86_64": "cp311-cp311-manylinux_2_28_x86_64",
    "linux-aarch64": "cp311-cp311-manylinux_2_28_aarch64",
    "macos-arm64": "cp311-none-macosx_11_0_arm64",
    "windows-x86_64": "cp311-cp311-win_amd64",
}


def entry(name: str) -> tuple[Family, FamilyPackage]:
    found = CATALOGUE.family_of(name)
    assert found is not None
    return found


def file_named(filename: str, folder: str = "cu126") -> IndexFile:
    parsed = parse_filename(filename)
    assert parsed is not None
    url = f"https://index.test/whl/{folder}/{filename}"
    return IndexFile(filename, url, parsed.name, parsed.version, parsed.tags)


def serve(
    versions: list[str],
    *,
    name: str = "torch",
    target: str = "cu126",
    platform: str = "linux-x86_64",
    is_find_links: bool = False,
) -> list[str]:
    """Return the versions that serve, of wheels with these versions for that platform."""
    files = [file_named(f"{name}-{version}-{TAGS[platform]}.whl", target) for version in versions]
    return [str(file.version) for file in serve_files(files, name, target, platform, is_find_links)]


def serve_files(
    files: list[IndexFile],
    name: str = "torch",
    target: str = "cu126",
    platform: str = "linux-x86_64",
    is_find_links: bool = False,
) -> tuple[IndexFile, ...]:
    family, package = entry(name)
    place = PLATFORMS[platform]
    return serving(
        files,
        package=package,
        family=family,
        target=parse_target(target, CATALOGUE.targets),
        platform=place,
        tags=frozenset(place.tags(PYTHON, Levels())),
        is_find_links=is_find_links,
    )


class TestLabelled:
    @pytest.mark.parametrize("platform", ["linux-x86_64", "windows-x86_64"])
    def test_only_the_label_of_the_target(self, platform: str) -> None:
        versions = ["2.6.0", "2.6.0+cpu", "2.6.0+cu126", "2.6.0+rocm6.3", "2.7.0", "2.8.0+e437e35"]

        assert serve(versions, platform=platform) == ["2.6.0+cu126"]
        assert serve(versions, platform=platform, target="cpu") == ["2.6.0+cpu"]

    def test_a_target_that_one_platform_lacks_is_not_filled_with_something_else(self) -> None:
        assert serve(["2.6.0", "2.6.0+cu126"], platform="macos-arm64") == []
        assert serve(["2.6.0", "2.6.0+rocm6.3"], target="rocm6.3", platform="linux-aarch64") == []

    def test_macos_builds_of_the_cpu_target_have_no_label(self) -> None:
        assert serve(["2.6.0", "2.7.0+cu126"], target="cpu", platform="macos-arm64") == ["2.6.0"]

    @pytest.mark.parametrize("target", ["cpu", "cu124"])
    def test_aarch64_of_old_has_no_label_on_the_index_of_its_target(self, target: str) -> None:
        assert serve(["2.5.1"], target=target, platform="linux-aarch64") == ["2.5.1"]

    def test_an_old_cpu_build_of_the_root_is_no_cuda_build(self) -> None:
        """Every index lists the files of the root, torchvision 0.15 to 0.17 for aarch64 too."""
        root = file_named("torchvision-0.16.0-cp311-cp311-linux_aarch64.whl", "")

        for target, served in {"cpu": (root,), "cu121": ()}.items():
            assert serve_files([root], "torchvision", target, "linux-aarch64") == served

    def test_where_a_version_has_the_label_it_alone_counts(self) -> None:
        versions = ["2.5.1", "2.6.0", "2.6.0+cpu", "2.6.0+cu126"]

        assert serve(versions, target="cpu", platform="linux-aarch64") == ["2.5.1", "2.6.0+cpu"]

    def test_a_labelled_build_for_another_platform_does_not_count(self) -> None:
        files = [
            file_named("torch-2.6.0-cp311-none-macosx_11_0_arm64.whl"),
            file_named("torch-2.6.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"),
        ]

        assert serve_files(files, target="cpu", platform="macos-arm64") == (files[0],)

    @pytest.mark.parametrize(
        ("target", "platform", "expected"),
        [
            ("cpu", "linux-aarch64", ["2.5.1", "2.6.0+cpu"]),
            ("cu126", "linux-aarch64", ["2.6.0+cu126"]),
            ("cu124", "linux-aarch64", []),
            ("cpu", "macos-arm64", ["2.5.1", "2.6.0+cpu"]),
            ("cpu", "linux-x86_64", ["2.6.0+cpu"]),
        ],
    )
    def test_on_one_page_of_all_variants_no_label_means_cpu(
        self, target: str, platform: str, expected: list[str]
    ) -> None:
        versions = ["2.5.1", "2.6.0+cpu", "2.6.0+cu126", "2.6.0+rocm6.3"]

        assert serve(versions, target=target, platform=platform, is_find_links=True) == expected

    def test_labels_of_four_figures(self) -> None:
        assert serve(["2.6.0+rocm6.2", "2.6.0+rocm6.2.4"], target="rocm6.2.4") == [
            "2.6.0+rocm6.2.4"
        ]


class TestNotLabelled:
    @pytest.mark.parametrize("target", ["cpu", "cu126"])
    def test_builds_without_a_label_serve(self, target: str) -> None:
        assert serve(["3.2.0", "3.3.0"], name="triton", target=target) == ["3.2.0", "3.3.0"]
        assert serve(["3.2.0"], name="triton", target=target, is_find_links=True) == ["3.2.0"]

    def test_the_label_of_the_target_wins_and_other_targets_never_serve(self) -> None:
        versions = ["3.2.0", "3.2.0+cu126", "3.2.0+rocm6.3", "3.3.0", "3.5.0+cu126", "3.6.0+cu999"]

        assert serve(versions, name="triton") == ["3.2.0+cu126", "3.3.0", "3.5.0+cu126"]

    def test_a_label_of_its_own_serves_where_a_version_has_no_other_build(self) -> None:
        own = ["3.4.0+git1", "3.4.0+git2"]
        hidden = ["3.2.0+git1", "3.3.0+git1"]
        versions = [*own, *hidden, "3.2.0", "3.3.0+cu126"]

        assert serve(versions, name="pytorch_triton") == [*own, "3.2.0", "3.3.0+cu126"]


class TestAny:
    def test_wheels_must_fit_the_platform_and_the_python(self) -> None:
        fitting = file_named("torch-2.6.0+cu126-cp311-cp311-linux_x86_64.whl")
        files = [
            file_named("torch-2.6.0+cu126-cp312-cp312-linux_x86_64.whl"),
            file_named("torch-2.6.0+cu126-cp311-cp311-win_amd64.whl"),
            file_named("torch-2.6.0+cu126-cp311-cp311-manylinux_2_40_x86_64.whl"),
            fitting,
        ]

        assert serve_files(files) == (fitting,)

    def test_source_distributions_never_serve(self) -> None:
        assert serve_files([file_named("torch-2.6.0.tar.gz")], target="cpu") == ()

    def test_yanked_files_never_serve(self) -> None:
        good = file_named("torch-2.6.0+cu126-cp311-cp311-linux_x86_64.whl")

        assert serve_files([replace(good, yanked=True), replace(good, yanked="bad"), good]) == (
            good,
        )

    def test_a_yanked_labelled_build_does_not_push_the_plain_one_out(self) -> None:
        plain = file_named("triton-3.2.0-cp311-cp311-manylinux_2_28_x86_64.whl")
        yanked = file_named("triton-3.2.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl")

        assert serve_files([plain, replace(yanked, yanked=True)], name="triton") == (plain,)


def test_public_versions() -> None:
    names = ["torch-2.6.0+cpu-py3-none-any.whl", "torch-2.6.0-py3-none-any.whl", "torch-2.7.tar.gz"]

    assert public_versions(map(file_named, names)) == {Version("2.6.0"), Version("2.7")}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("whl/cu118/torch-2.6.0%2Bcu118-cp311-cp311-linux_x86_64.whl", "cu118"),
        ("mine/torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl", "cpu"),
        ("whl/cpu/torch-2.6.0%2Bcu118-cp311-cp311-linux_x86_64.whl", "cu118"),
        ("whl/cu124/torch-2.5.1-cp311-cp311-linux_aarch64.whl", "cu124"),
        ("whl/nightly/rocm6.3/torch-2.5.1-cp311-cp311-linux_aarch64.whl", "rocm6.3"),
        ("whl/torch-2.5.1-cp311-cp311-linux_aarch64.whl", None),
        ("mine/cu124/torch-2.5.1-cp311-cp311-linux_aarch64.whl", None),
        ("whl/cu124/torch-2.1.0a0+41361538.nv23.6-cp311-cp311-linux_aarch64.whl", None),
        ("whl/cu124/triton-3.1.0-cp311-cp311-linux_x86_64.whl", None),
        ("whl/cu124/torchao-0.9.0+cu124-cp39-abi3-linux_x86_64.whl", "cu124"),
        ("whl/cu124/torch-2.5.1.tar.gz", None),
        ("whl/cu124/", None),
    ],
)
def test_the_target_of_a_url(path: str, target: str | None) -> None:
    family, _ = entry("torch")

    assert target_of_url(f"https://me:pw@index.test/{path}", family) == target
    assert target_of_url(f"https://index.test/{path}#sha256=00", family) == target
