from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from packaging.version import Version

from accelock.catalogue import Source, load_catalogue
from accelock.errors import AccelockError, SourceError
from accelock.resolve.routing import Routing, look_up
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


class Routings:
    """Routings over one server."""

    def __init__(self, server: IndexServer, http: Session) -> None:
        self.server = server
        self.http = http

    def __call__(self, template: str = "/whl/{target}", **options: Any) -> Routing:
        source = Source(f"{self.server.url}{template}")
        options.setdefault("levels", Levels())
        reader = IndexReader(self.http, timeout=20)
        return Routing(reader, CATALOGUE, sources={"pytorch": source}, **options)


@pytest.fixture
def routings(pytorch: IndexServer, http: Session) -> Routings:
    return Routings(pytorch, http)


def cell(target: str, platform: str = "linux-x86_64", python: PythonVersion = PYTHON) -> Cell:
    return Cell(parse_target(target, CATALOGUE.targets), PLATFORMS[platform], python)


def versions_in(routing: Routing, name: str, where: Cell) -> set[str]:
    return {str(file.version) for file in routing.files(name, where)}


class TestFind:
    def test_accelerated_and_ordinary(self, routings: Routings) -> None:
        routing = routings()

        found = routing.find("Torch_Vision".replace("_", ""))
        assert found is not None
        assert found.package.lockstep
        assert routing.find("numpy") is None
        assert routing.files("numpy", cell("cpu")) == ()
        assert routing.files_of_version("numpy", cell("cpu"), Version("2.1.2")) == ()


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
        self, routings: Routings, target: str, platform: str, expected: set[str]
    ) -> None:
        found = versions_in(routings(), "torch", cell(target, platform))

        assert {version for version in found if not version.startswith("1.7.1")} == expected

    @pytest.mark.parametrize("target", ["cpu", "cu126", "cu118"])
    def test_of_one_page_with_all_variants(self, routings: Routings, target: str) -> None:
        routing = routings("/whl/torch_stable.html")

        assert {v.partition("+")[2] for v in versions_in(routing, "torch", cell(target))} == {
            target
        }

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
        routing = Routing(
            IndexReader(http, timeout=20), CATALOGUE, sources={"pytorch": source}, levels=Levels()
        )

        for platform in ("linux-aarch64", "linux-x86_64"):
            assert versions_in(routing, "torch", cell("cu126", platform)) == {"2.7.0"}
        assert "2.8.0+cpu" in versions_in(routing, "torch", cell("cpu"))
        assert routing.url(CATALOGUE.family("pytorch"), cell("cu126").target).endswith("/jetson")

    def test_of_a_project_that_the_index_lacks(self, routings: Routings) -> None:
        """The PyTorch index answers 403 there."""
        assert routings().files("torchaudio", cell("cpu")) == ()
        assert routings().versions("torchaudio", cell("cpu")) == frozenset()

    def test_of_the_cells_python(self, routings: Routings) -> None:
        (file,) = (
            file
            for file in routings().files("torch", cell("cpu", python=PythonVersion(3, 12)))
            if file.version == Version("2.8.0+cpu")
        )

        assert "cp312" in file.filename

    def test_of_the_glibc_level(self, routings: Routings) -> None:
        old = routings(levels=Levels(glibc=(2, 17)))

        assert max(old.versions("torch", cell("cpu"))) == Version("2.6.0")

    def test_each_page_is_read_once(self, routings: Routings) -> None:
        routing = routings()
        for platform in ("linux-x86_64", "macos-arm64", "windows-x86_64"):
            for _ in range(3):
                routing.files("torch", cell("cpu", platform))
                routing.versions("Torch", cell("cpu", platform))

        assert len(routings.server.pages("/whl/cpu/torch/")) == 1

    def test_a_find_links_page_has_no_build_without_a_label(self, routings: Routings) -> None:
        """It is of all targets, so that nothing says whose such a build is."""
        routing = routings("/whl/torch_stable.html")

        assert all("+" in each for each in versions_in(routing, "torch", cell("cpu")))
        assert versions_in(routing, "torch", cell("cu126", "macos-arm64")) == set()

    def test_the_address_is_told_and_whether_it_lacks_the_project(self, routings: Routings) -> None:
        routing, url = routings(), routings.server.url

        assert routing.describe(cell("cu126"), "torch") == f"{url}/whl/cu126"
        assert routing.describe(cell("cpu"), "torchaudio") == (
            f"{url}/whl/cpu (it has no torchaudio at all; check the URL)"
        )
        assert routing.describe(cell("cpu"), "numpy") == "no family's source"

    def test_pages_are_fetched_beforehand_for_all_targets(self, routings: Routings) -> None:
        routing = routings()
        routing.prefetch(["torch", "numpy"], [cell("cpu").target, cell("cu126").target])
        asked = [len(routings.server.pages(f"/whl/{name}/torch/")) for name in ("cpu", "cu126")]
        routing.files("torch", cell("cpu"))

        assert asked == [1, 1]
        assert len(routings.server.pages("/whl/cpu/torch/")) == 1

    def test_a_page_of_all_targets_is_fetched_beforehand_once(self, routings: Routings) -> None:
        routing = routings("/whl/torch_stable.html")
        routing.prefetch(["torch"], [cell("cpu").target, cell("cu126").target])

        assert len(routings.server.pages("/whl/torch_stable.html")) == 1


class TestPages:
    """A family with a page for each release of torch."""

    @pytest.fixture
    def routing(self, serve: Callable[[Site], IndexServer], http: Session) -> Routing:
        server = serve(with_pyg(pytorch_site()))
        sources = {
            "pytorch": Source(f"{server.url}/whl/{{target}}"),
            "pyg": Source(f"{server.url}/pyg/whl/torch-{{torch}}+{{target}}.html"),
        }
        reader = IndexReader(http, timeout=20)
        return Routing(reader, CATALOGUE, sources=sources, levels=Levels())

    def test_each_release_has_its_own_builds(self, routing: Routing) -> None:
        releases = [Version(text) for text in ("2.5.1", "2.7.1", "2.8.0")]
        sparse = routing.builds_for("torch-sparse", cell("cpu"), releases)

        assert sparse == {
            Version("2.5.1"): frozenset(),
            Version("2.7.1"): {Version("0.6.18")},
            Version("2.8.0"): frozenset(),
        }
        assert routing.builds_for("numpy", cell("cpu"), releases) == {}

    def test_what_is_bound_is_the_one_page_that_is_read(self, routing: Routing) -> None:
        where = cell("cu126")
        before = versions_in(routing, "torch-scatter", where)
        routing.bind({"cu126": Version("2.8.0")})

        assert before == {"2.1.2+pt26cu126", "2.1.2+pt27cu126", "2.1.2+pt28cu126"}
        assert versions_in(routing, "torch-scatter", where) == {"2.1.2+pt28cu126"}
        assert versions_in(routing, "torch-scatter", cell("cpu")) > {"2.1.2+pt28cpu"}
        assert "2.8.0+cu126" in versions_in(routing, "torch", where)
        pyg, pytorch = (CATALOGUE.family(name) for name in ("pyg", "pytorch"))
        assert routing.url(pyg, where.target).endswith("/pyg/whl/torch-2.8.0+cu126.html")
        assert routing.release(pyg, where.target) == Version("2.8.0")
        assert routing.release(pytorch, where.target) is None

    def test_of_a_page_that_lists_what_was_built_for_the_release_before(
        self, routing: Routing
    ) -> None:
        routing.bind({"cpu": Version("2.7.1")})

        assert versions_in(routing, "torch-sparse", cell("cpu")) == {"0.6.18+pt27cpu"}
        pinned = routing.files_of_version("torch-sparse", cell("cpu"), Version("0.6.18+pt27cpu"))
        assert {file.filename.split("-")[2] for file in pinned} == {
            "cp310",
            "cp311",
            "cp312",
            "cp313",
        }

    def test_no_hash_is_published(self, routing: Routing, http: Session) -> None:
        hashed = Routing(
            IndexReader(http, timeout=20),
            CATALOGUE,
            sources=routing._sources,
            levels=Levels(),
            hashed=True,
        )
        with pytest.raises(SourceError, match=r"torch-2.8.0\+cpu.html publishes no sha256"):
            hashed.builds_for("torch-scatter", cell("cpu"), [Version("2.8.0")])
        assert hashed.builds_for("torch-sparse", cell("cpu"), [Version("2.8.0")]) == {
            Version("2.8.0"): frozenset()
        }

    def test_what_only_others_ask_for_has_no_release(self, routing: Routing) -> None:
        target = cell("cpu").target
        with pytest.raises(AccelockError, match="Add torch-scatter"):
            routing.require_release("torch-scatter", target)
        routing.require_release("torch", target)
        routing.require_release("numpy", target)
        routing.bind({"cpu": Version("2.8.0")})
        routing.require_release("torch-scatter", target)


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
    def test_every_target_takes_the_cpu_build(self, routings: Routings) -> None:
        routing = routings(cpuonly=frozenset({"pytorch"}))
        family = CATALOGUE.family("pytorch")

        assert "2.8.0+cpu" in versions_in(routing, "torch", cell("cu126"))
        assert routing.url(family, cell("cu126").target) == f"{routings.server.url}/whl/cpu"
        assert routing.variant(family, cell("cu126").target).name == "cpu"


class TestFilesOfVersion:
    def test_are_those_of_all_pythons_and_of_the_platform(self, routings: Routings) -> None:
        found = routings().files_of_version("torch", cell("cpu"), Version("2.8.0+cpu"))

        assert len(found) >= 4
        assert {file.filename.rpartition("-")[2] for file in found} == {"manylinux_2_28_x86_64.whl"}

    def test_are_of_exactly_that_version(self, routings: Routings) -> None:
        mac = cell("cpu", "macos-arm64")
        found = routings().files_of_version("torch", mac, Version("2.8.0"))

        assert {str(file.version) for file in found} == {"2.8.0"}
        assert routings().files_of_version("torch", mac, Version("2.8.0+cpu")) == ()

    def test_are_no_other_labels_of_the_same_page(self, routings: Routings) -> None:
        """The page of all variants has 2.6.0+cpu and 2.6.0+cu126 for aarch64."""
        arm, routing = cell("cpu", "linux-aarch64"), routings("/whl/torch_stable.html")
        found = routing.files_of_version("torch", arm, Version("2.6.0+cpu"))

        assert {str(file.version) for file in found} == {"2.6.0+cpu"}


class TestHashed:
    def test_a_version_without_a_published_hash_is_passed_over(self, routings: Routings) -> None:
        routings.server.configure("/whl", hashes="partial")
        arm, routing = cell("cpu", "linux-aarch64"), routings(hashed=True)

        assert routing.versions("torch", arm) == frozenset()
        assert Version("2.8.0") in routing.unhashed("torch", arm)
        assert routing.unhashed("torch", cell("cpu")) == frozenset()

    def test_it_counts_where_no_hashes_are_wanted(self, routings: Routings) -> None:
        routings.server.configure("/whl", hashes="none")

        assert Version("2.8.0") in routings().versions("torch", cell("cpu"))
        assert routings().unhashed("torch", cell("cpu")) == frozenset()

    @pytest.mark.parametrize("template", ["/whl/{target}", "/whl/torch_stable.html"])
    def test_a_sibling_page_tells_the_hash(self, routings: Routings, template: str) -> None:
        """The page of all targets, or a find-links page's index."""
        routings.server.configure("/whl/cpu/torch", hashes="none")
        files = routings(template, hashed=True).files("torch", cell("cpu"))

        site = {
            each.distribution.filename: each.distribution.sha256
            for each in pytorch_site().index("/whl/cpu").projects["torch"]
        }
        assert files
        assert all(file.sha256 == site[file.filename] for file in files)

    def test_the_same_name_on_another_path_does_not(self, routings: Routings) -> None:
        """It can have other bytes."""
        other = [each.distribution for each in pytorch_site().index("/simple").projects["torch"]]
        site = pytorch_site().with_files("/other/cpu", *other).with_files("/other", *other)
        routings.server.site = site.configured("/other/cpu/torch", hashes="none")

        files = routings("/other/{target}", hashed=True).files("torch", cell("cpu", "macos-arm64"))

        assert files == ()

    def test_a_mirror_without_a_page_of_all_targets(self, routings: Routings) -> None:
        routings.server.configure("/whl/torch", fault="unavailable")
        routings.server.configure("/whl/cpu", hashes="partial")

        assert Version("2.8.0") in routings(hashed=True).versions("torch", cell("cpu"))


class TestMetadata:
    def test_a_find_links_page_has_none_and_its_index_has(self, routings: Routings) -> None:
        files = routings("/whl/torch_stable.html").files("torch", cell("cpu"))

        assert all(file.core_metadata for file in files)

    def test_a_page_of_links_that_has_hashes_lacks_metadata_all_the_same(
        self, routings: Routings
    ) -> None:
        with_hashes = routings.server.site.configured("/whl/torch_stable.html", hashes="all")
        routings.server.site = with_hashes
        files = routings("/whl/torch_stable.html").files("torch", cell("cpu"))

        assert files
        assert all(file.core_metadata for file in files)

    def test_an_index_that_has_hashes_is_the_only_one_that_is_read(
        self, routings: Routings
    ) -> None:
        (file, *_rest) = routings(hashed=True).files("torch", cell("cpu"))

        assert file.sha256
        assert routings.server.pages("/whl/torch/") == ()
        assert len(routings.server.pages("/whl/cpu/torch/")) == 1
        assert routings().metadata(file).requires

    def test_without_hashes_only_a_page_of_links_is_completed(self, routings: Routings) -> None:
        routings.server.configure("/whl/cpu", hashes="none")
        (file, *_rest) = routings().files("torch", cell("cpu"))

        assert file.sha256 is None
        assert routings.server.pages("/whl/torch/") == ()

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
        routing = Routing(
            IndexReader(http, timeout=20), CATALOGUE, sources={"pytorch": source}, levels=Levels()
        )

        found = {
            str(file.public): routing.metadata(file)
            for file in routing.files("torchaudio", cell("cpu"))
        }
        assert found["2.10.0"].requires == ("torch==2.10.0",)
        assert found["2.10.0"].raw == asks.metadata
        (wanted,) = found["2.11.0"].requires
        assert wanted.startswith("torch")
        line = b"Requires-Dist: " + wanted.encode()
        assert found["2.11.0"].raw.split() == [*silent.metadata.split(), *line.split()]
