from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from packaging.version import Version

from accelock.catalogue import Source, load_catalogue
from accelock.errors import AccelockError, SourceError
from accelock.resolve.routing import Shelf, look_up
from accelock.sources.reader import IndexReader
from accelock.targets import PLATFORMS, Cell, Levels, PythonVersion, parse_target
from tests.support.pyg_site import with_pyg
from tests.support.pytorch_site import pytorch_site
from tests.support.sites import HostedFile, Index, Site
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelock.sources.reader import Session
    from tests.support.server import IndexServer

CATALOGUE = load_catalogue()
PYTHON = PythonVersion(3, 11)


@pytest.fixture
def http() -> Iterator[Session]:
    with pytest.importorskip("requests").Session() as opened:
        opened.trust_env = False
        yield cast("Session", opened)


class Shelves:
    """Shelves over one server."""

    def __init__(self, server: IndexServer, http: Session) -> None:
        self.server = server
        self.http = http

    def __call__(self, template: str = "/whl/{target}", **options: Any) -> Shelf:
        source = Source(f"{self.server.url}{template}")
        options.setdefault("levels", Levels())
        reader = IndexReader(self.http, timeout=20)
        return Shelf(reader, CATALOGUE, sources={"pytorch": source}, **options)


@pytest.fixture
def shelves(pytorch: IndexServer, http: Session) -> Shelves:
    return Shelves(pytorch, http)


def cell(target: str, platform: str = "linux-x86_64", python: PythonVersion = PYTHON) -> Cell:
    return Cell(parse_target(target, CATALOGUE.targets), PLATFORMS[platform], python)


def versions_in(shelf: Shelf, name: str, where: Cell) -> set[str]:
    return {str(file.version) for file in shelf.files(name, where)}


class TestFind:
    def test_accelerated_and_ordinary(self, shelves: Shelves) -> None:
        shelf = shelves()

        found = shelf.find("Torch_Vision".replace("_", ""))
        assert found is not None
        assert found.package.lockstep
        assert shelf.find("numpy") is None
        assert shelf.files("numpy", cell("cpu")) == ()
        assert shelf.files_of_version("numpy", cell("cpu"), Version("2.1.2")) == ()


class TestFiles:
    @pytest.mark.parametrize(
        ("target", "platform", "expected"),
        [
            ("cpu", "linux-x86_64", {"2.5.1+cpu", "2.6.0+cpu", "2.7.1+cpu", "2.8.0+cpu"}),
            ("cpu", "linux-aarch64", {"2.5.1", "2.6.0+cpu", "2.7.1+cpu", "2.8.0+cpu"}),
            ("cpu", "macos-arm64", {"2.5.1", "2.6.0", "2.7.1", "2.8.0"}),
            ("cu126", "linux-x86_64", {"2.6.0+cu126", "2.7.1+cu126", "2.8.0+cu126"}),
            ("cu126", "linux-aarch64", {"2.6.0+cu126"}),
            ("cu126", "macos-arm64", set()),
            ("rocm6.3", "linux-x86_64", {"2.7.1+rocm6.3", "2.8.0+rocm6.3"}),
        ],
    )
    def test_of_torch(
        self, shelves: Shelves, target: str, platform: str, expected: set[str]
    ) -> None:
        found = versions_in(shelves(), "torch", cell(target, platform))

        assert {version for version in found if not version.startswith("1.7.1")} == expected

    @pytest.mark.parametrize("target", ["cpu", "cu126", "cu118"])
    def test_of_one_page_with_all_variants(self, shelves: Shelves, target: str) -> None:
        shelf = shelves("/whl/torch_stable.html")

        assert {v.partition("+")[2] for v in versions_in(shelf, "torch", cell(target))} == {target}

    def test_of_a_source_of_one_target(
        self, serve: Callable[[Site], IndexServer], http: Session
    ) -> None:
        """All that is there is the target's, label or none; other targets do not look there."""
        plain = (
            wheel("torch", "2.7.0", f"cp311-cp311-linux_{machine}")
            for machine in ("aarch64", "x86_64")
        )
        foreign = wheel("torch", "2.7.1+cpu", "cp311-cp311-linux_aarch64")
        files = [HostedFile(f"/jetson/{each.filename}", each) for each in (*plain, foreign)]
        server = serve(Site((*pytorch_site().indexes, Index.of("/jetson", files))))
        own = {"cu126": Source(f"{server.url}/jetson")}
        source = Source(f"{server.url}/whl/{{target}}").but_for(own)
        shelf = Shelf(
            IndexReader(http, timeout=20), CATALOGUE, sources={"pytorch": source}, levels=Levels()
        )

        for platform in ("linux-aarch64", "linux-x86_64"):
            assert versions_in(shelf, "torch", cell("cu126", platform)) == {"2.7.0"}
        assert "2.8.0+cpu" in versions_in(shelf, "torch", cell("cpu"))
        assert shelf.url(CATALOGUE.family("pytorch"), cell("cu126").target).endswith("/jetson")

    def test_of_a_project_that_the_index_lacks(self, shelves: Shelves) -> None:
        """The PyTorch index answers 403 there."""
        assert shelves().files("torchaudio", cell("cpu")) == ()
        assert shelves().versions("torchaudio", cell("cpu")) == frozenset()

    def test_of_the_cells_python(self, shelves: Shelves) -> None:
        (file,) = (
            file
            for file in shelves().files("torch", cell("cpu", python=PythonVersion(3, 12)))
            if file.version == Version("2.8.0+cpu")
        )

        assert "cp312" in file.filename

    def test_of_the_glibc_level(self, shelves: Shelves) -> None:
        old = shelves(levels=Levels(glibc=(2, 17)))

        assert max(old.versions("torch", cell("cpu"))) == Version("2.6.0")

    def test_each_page_is_read_once(self, shelves: Shelves) -> None:
        shelf = shelves()
        for platform in ("linux-x86_64", "macos-arm64", "windows-x86_64"):
            for _ in range(3):
                shelf.files("torch", cell("cpu", platform))
                shelf.versions("Torch", cell("cpu", platform))

        assert len(shelves.server.pages("/whl/cpu/torch/")) == 1

    def test_a_find_links_page_has_no_build_without_a_label(self, shelves: Shelves) -> None:
        """It is of all targets, so that nothing says whose such a build is."""
        shelf = shelves("/whl/torch_stable.html")

        assert all("+" in each for each in versions_in(shelf, "torch", cell("cpu")))
        assert versions_in(shelf, "torch", cell("cu126", "macos-arm64")) == set()

    def test_the_address_is_told_and_whether_it_lacks_the_project(self, shelves: Shelves) -> None:
        shelf, url = shelves(), shelves.server.url

        assert shelf.describe(cell("cu126"), "torch") == f"{url}/whl/cu126"
        assert shelf.describe(cell("cpu"), "torchaudio") == (
            f"{url}/whl/cpu (it has no torchaudio at all; is the address right?)"
        )
        assert shelf.describe(cell("cpu"), "numpy") == "no family's source"

    def test_pages_are_fetched_beforehand_for_all_targets(self, shelves: Shelves) -> None:
        shelf = shelves()
        shelf.prefetch(["torch", "numpy"], [cell("cpu").target, cell("cu126").target])
        asked = [len(shelves.server.pages(f"/whl/{name}/torch/")) for name in ("cpu", "cu126")]
        shelf.files("torch", cell("cpu"))

        assert asked == [1, 1]
        assert len(shelves.server.pages("/whl/cpu/torch/")) == 1

    def test_a_page_of_all_targets_is_fetched_beforehand_once(self, shelves: Shelves) -> None:
        shelf = shelves("/whl/torch_stable.html")
        shelf.prefetch(["torch"], [cell("cpu").target, cell("cu126").target])

        assert len(shelves.server.pages("/whl/torch_stable.html")) == 1


class TestPages:
    """A family with a page for each release of torch."""

    @pytest.fixture
    def shelf(self, serve: Callable[[Site], IndexServer], http: Session) -> Shelf:
        server = serve(with_pyg(pytorch_site()))
        sources = {
            "pytorch": Source(f"{server.url}/whl/{{target}}"),
            "pyg": Source(f"{server.url}/pyg/whl/torch-{{torch}}+{{target}}.html"),
        }
        reader = IndexReader(http, timeout=20)
        return Shelf(reader, CATALOGUE, sources=sources, levels=Levels())

    def test_each_release_has_its_own_builds(self, shelf: Shelf) -> None:
        releases = [Version(text) for text in ("2.5.1", "2.7.1", "2.8.0")]
        sparse = shelf.builds_for("torch-sparse", cell("cpu"), releases)

        assert sparse == {
            Version("2.5.1"): frozenset(),
            Version("2.7.1"): {Version("0.6.18")},
            Version("2.8.0"): frozenset(),
        }
        assert shelf.builds_for("numpy", cell("cpu"), releases) == {}

    def test_what_is_bound_is_the_one_page_that_is_read(self, shelf: Shelf) -> None:
        where = cell("cu126")
        before = versions_in(shelf, "torch-scatter", where)
        shelf.bind({"cu126": Version("2.8.0")})

        assert before == {"2.1.2+pt26cu126", "2.1.2+pt27cu126", "2.1.2+pt28cu126"}
        assert versions_in(shelf, "torch-scatter", where) == {"2.1.2+pt28cu126"}
        assert versions_in(shelf, "torch-scatter", cell("cpu")) > {"2.1.2+pt28cpu"}
        assert "2.8.0+cu126" in versions_in(shelf, "torch", where)
        pyg, pytorch = (CATALOGUE.family(name) for name in ("pyg", "pytorch"))
        assert shelf.url(pyg, where.target).endswith("/pyg/whl/torch-2.8.0+cu126.html")
        assert shelf.release(pyg, where.target) == Version("2.8.0")
        assert shelf.release(pytorch, where.target) is None

    def test_of_a_page_that_lists_what_was_built_for_the_release_before(self, shelf: Shelf) -> None:
        shelf.bind({"cpu": Version("2.7.1")})

        assert versions_in(shelf, "torch-sparse", cell("cpu")) == {"0.6.18+pt27cpu"}
        pinned = shelf.files_of_version("torch-sparse", cell("cpu"), Version("0.6.18+pt27cpu"))
        assert {file.filename.split("-")[2] for file in pinned} == {
            "cp310",
            "cp311",
            "cp312",
            "cp313",
        }

    def test_no_hash_is_published(self, shelf: Shelf, http: Session) -> None:
        hashed = Shelf(
            IndexReader(http, timeout=20),
            CATALOGUE,
            sources=shelf._sources,
            levels=Levels(),
            hashed=True,
        )
        with pytest.raises(SourceError, match=r"torch-2.8.0\+cpu.html publishes no sha256"):
            hashed.builds_for("torch-scatter", cell("cpu"), [Version("2.8.0")])
        assert hashed.builds_for("torch-sparse", cell("cpu"), [Version("2.8.0")]) == {
            Version("2.8.0"): frozenset()
        }

    def test_what_only_others_ask_for_has_no_release(self, shelf: Shelf) -> None:
        target = cell("cpu").target
        with pytest.raises(AccelockError, match="add torch-scatter"):
            shelf.require_release("torch-scatter", target)
        shelf.require_release("torch", target)
        shelf.require_release("numpy", target)
        shelf.bind({"cpu": Version("2.8.0")})
        shelf.require_release("torch-scatter", target)


class TestLookUp:
    def test_the_first_place_that_has_any(self) -> None:
        """Those behind it are not asked."""
        found = CATALOGUE.family_of("triton")
        assert found is not None
        package = found[1]
        first, second = package.lookup

        def never() -> list[str]:
            raise AssertionError

        assert look_up(package, {first: lambda: ["mine"], second: never}) == ["mine"]
        assert look_up(package, {first: list, second: lambda: ["theirs"]}) == ["theirs"]
        assert look_up(package, {first: list, second: list}) == ()


class TestCpuonly:
    def test_every_target_takes_the_cpu_build(self, shelves: Shelves) -> None:
        shelf = shelves(cpuonly=frozenset({"pytorch"}))
        family = CATALOGUE.family("pytorch")

        assert "2.8.0+cpu" in versions_in(shelf, "torch", cell("cu126"))
        assert shelf.url(family, cell("cu126").target) == f"{shelves.server.url}/whl/cpu"
        assert shelf.variant(family, cell("cu126").target).name == "cpu"


class TestFilesOfVersion:
    def test_are_those_of_all_pythons_and_of_the_platform(self, shelves: Shelves) -> None:
        found = shelves().files_of_version("torch", cell("cpu"), Version("2.8.0+cpu"))

        assert len(found) >= 4
        assert {file.filename.rpartition("-")[2] for file in found} == {"manylinux_2_28_x86_64.whl"}

    def test_are_of_exactly_that_version(self, shelves: Shelves) -> None:
        mac = cell("cpu", "macos-arm64")
        found = shelves().files_of_version("torch", mac, Version("2.8.0"))

        assert {str(file.version) for file in found} == {"2.8.0"}
        assert shelves().files_of_version("torch", mac, Version("2.8.0+cpu")) == ()

    def test_are_no_other_labels_of_the_same_page(self, shelves: Shelves) -> None:
        """The page of all variants has 2.6.0+cpu and 2.6.0+cu126 for aarch64."""
        arm, shelf = cell("cpu", "linux-aarch64"), shelves("/whl/torch_stable.html")
        found = shelf.files_of_version("torch", arm, Version("2.6.0+cpu"))

        assert {str(file.version) for file in found} == {"2.6.0+cpu"}


class TestHashed:
    def test_a_version_without_a_published_hash_is_passed_over(self, shelves: Shelves) -> None:
        shelves.server.configure("/whl", hashes="partial")
        arm, shelf = cell("cpu", "linux-aarch64"), shelves(hashed=True)

        assert shelf.versions("torch", arm) == frozenset()
        assert Version("2.8.0") in shelf.unhashed("torch", arm)
        assert shelf.unhashed("torch", cell("cpu")) == frozenset()

    def test_it_counts_where_no_hashes_are_wanted(self, shelves: Shelves) -> None:
        shelves.server.configure("/whl", hashes="none")

        assert Version("2.8.0") in shelves().versions("torch", cell("cpu"))
        assert shelves().unhashed("torch", cell("cpu")) == frozenset()

    @pytest.mark.parametrize("template", ["/whl/{target}", "/whl/torch_stable.html"])
    def test_a_sibling_page_tells_the_hash(self, shelves: Shelves, template: str) -> None:
        """The page of all targets, or a find-links page's index."""
        shelves.server.configure("/whl/cpu/torch", hashes="none")
        files = shelves(template, hashed=True).files("torch", cell("cpu"))

        site = {
            each.distribution.filename: each.distribution.sha256
            for each in pytorch_site().index("/whl/cpu").projects["torch"]
        }
        assert files
        assert all(file.sha256 == site[file.filename] for file in files)

    def test_the_same_name_on_another_path_does_not(self, shelves: Shelves) -> None:
        """It can have other bytes."""
        other = [each.distribution for each in pytorch_site().index("/simple").projects["torch"]]
        site = pytorch_site().with_files("/other/cpu", *other).with_files("/other", *other)
        shelves.server.site = site.configured("/other/cpu/torch", hashes="none")

        files = shelves("/other/{target}", hashed=True).files("torch", cell("cpu", "macos-arm64"))

        assert files == ()

    def test_a_mirror_without_a_page_of_all_targets(self, shelves: Shelves) -> None:
        shelves.server.configure("/whl/torch", fault="unavailable")
        shelves.server.configure("/whl/cpu", hashes="partial")

        assert Version("2.8.0") in shelves(hashed=True).versions("torch", cell("cpu"))


class TestMetadata:
    def test_a_find_links_page_has_none_and_its_index_has(self, shelves: Shelves) -> None:
        files = shelves("/whl/torch_stable.html").files("torch", cell("cpu"))

        assert all(file.core_metadata for file in files)

    def test_a_page_of_links_that_has_hashes_lacks_metadata_all_the_same(
        self, shelves: Shelves
    ) -> None:
        with_hashes = shelves.server.site.configured("/whl/torch_stable.html", hashes="all")
        shelves.server.site = with_hashes
        files = shelves("/whl/torch_stable.html").files("torch", cell("cpu"))

        assert files
        assert all(file.core_metadata for file in files)

    def test_an_index_that_has_hashes_is_the_only_one_that_is_read(self, shelves: Shelves) -> None:
        (file, *_rest) = shelves(hashed=True).files("torch", cell("cpu"))

        assert file.sha256
        assert shelves.server.pages("/whl/torch/") == ()
        assert len(shelves.server.pages("/whl/cpu/torch/")) == 1
        assert shelves().metadata(file).requires

    def test_without_hashes_only_a_page_of_links_is_completed(self, shelves: Shelves) -> None:
        shelves.server.configure("/whl/cpu", hashes="none")
        (file, *_rest) = shelves().files("torch", cell("cpu"))

        assert file.sha256 is None
        assert shelves.server.pages("/whl/torch/") == ()

    def test_a_companion_that_the_wheel_does_not_ask_for_is_added(
        self, serve: Callable[[Site], IndexServer], http: Session
    ) -> None:
        """torchaudio 2.11 names no torch, and works with its own alone."""
        silent = wheel("torchaudio", "2.11.0+cpu", "cp311-cp311-manylinux_2_28_x86_64")
        asks = wheel(
            "torchaudio", "2.10.0+cpu", "cp311-cp311-manylinux_2_28_x86_64", ("torch==2.10.0",)
        )
        server = serve(pytorch_site().with_files("/whl/cpu", silent, asks))
        source = Source(f"{server.url}/whl/{{target}}")
        shelf = Shelf(
            IndexReader(http, timeout=20), CATALOGUE, sources={"pytorch": source}, levels=Levels()
        )

        found = {
            str(file.public): shelf.metadata(file)
            for file in shelf.files("torchaudio", cell("cpu"))
        }
        assert found["2.10.0"].requires == ("torch==2.10.0",)
        assert found["2.10.0"].raw == asks.metadata
        (wanted,) = found["2.11.0"].requires
        assert wanted.startswith("torch")
        line = b"Requires-Dist: " + wanted.encode()
        assert found["2.11.0"].raw.split() == [*silent.metadata.split(), *line.split()]
