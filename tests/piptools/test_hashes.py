"""`--generate-hashes`: those of exactly the files that fit, from the index, without a download."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename

from accelock.targets import PLATFORMS, Levels, PythonVersion
from tests.piptools.support_project import HERE
from tests.piptools.support_sites import binary, on_pypi
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site
    from tests.support.wheels import Distribution

pytestmark = pytest.mark.internals

LINUX = ("-q", "--platform=linux-x86_64")
EVERYWHERE = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
ACCELERATED = re.compile(r"torch|nvidia-|triton|pytorch-")


@pytest.fixture
def served(
    serve: Callable[[Site], IndexServer], project_at: Callable[[IndexServer], Project]
) -> Callable[[Site], tuple[Project, IndexServer]]:
    """Make a project that leads to a server of a site."""

    def make(site: Site) -> tuple[Project, IndexServer]:
        server = serve(site)
        return project_at(server), server

    return make


def files(index: str, name: str, version: str) -> list[Distribution]:
    found = pytorch_site().index(index).projects.get(name, ())
    return [each.distribution for each in found if each.distribution.version == version]


def fits(distribution: Distribution, platform: str, python: str = HERE) -> bool:
    if not distribution.is_wheel:
        return True
    tags = PLATFORMS[platform].tags(PythonVersion.parse(python), Levels())
    return not parse_wheel_filename(distribution.filename)[3].isdisjoint(tags)


def on_platform(distributions: Iterable[Distribution], platform: str) -> set[str]:
    """The hashes of the wheels for a platform, whatever their Python."""
    known = {*PLATFORMS[platform].wheel_platforms(Levels()), "any"}
    return {
        each.hash
        for each in distributions
        if each.is_wheel
        and known & {tag.platform for tag in parse_tag(each.filename.split("-", 2)[2][:-4])}
    }


class TestAccelerated:
    def test_exactly_the_files_that_fit(self, project: Project) -> None:
        """A pin has the hashes of its own files: of all Pythons, and of its platforms alone."""
        project.write(requirements_in="torch==2.8.0\ntorchvision\n")
        project.compile("-q", "--generate-hashes", "-t", "cpu")

        for platform in EVERYWHERE:
            pins, hashes = project.pins(platform=platform), project.hashes(platform=platform)
            for name in ("torch", "torchvision"):
                own = on_platform(files("/whl/cpu", name, pins[name]), platform)
                assert own
                assert own <= hashes[name]
        linux = project.hashes()["torch"]
        arm = project.hashes(platform="linux-aarch64")["torch"]
        windows = project.hashes(platform="windows-x86_64")["torch"]
        assert linux == arm == windows, "they share a line"
        assert linux == {each.hash for each in files("/whl/cpu", "torch", "2.8.0+cpu")}
        macos = project.hashes(platform="macos-arm64")["torch"]
        assert macos == {each.hash for each in files("/whl/cpu", "torch", "2.8.0")}
        assert not macos & linux

    def test_a_pin_without_label_does_not_have_a_labelled_files(self, project: Project) -> None:
        """pip-tools takes the first version that matches `torch==2.8.0`, which may be +cpu."""
        project.write(requirements_in="torch==2.8.0\n")
        project.compile("-q", "--generate-hashes", "-t", "cpu", "--platform=macos-arm64")

        assert "torch==2.8.0" in project.lines()
        found = project.hashes(platform="macos-arm64")["torch"]
        assert found == {each.hash for each in files("/whl/cpu", "torch", "2.8.0")}

    def test_only_the_declared_platforms(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")

        own = on_platform(files("/whl/cpu", "torch", "2.8.0+cpu"), "linux-x86_64")
        assert project.hashes()["torch"] == own

    def test_one_targets_files_are_not_anothers(self, project: Project) -> None:
        project.write(requirements_in="torch\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu", "-t", "cu126")

        cpu = project.hashes("requirements.cpu.txt")["torch"]
        cuda = project.hashes("requirements.cu126.txt")["torch"]
        assert cpu
        assert cuda
        assert not cpu & cuda

    def test_of_libraries_that_both_sources_have(self, project: Project) -> None:
        """triton is the family's own file, NVIDIA's libraries are PyPI's: other bytes each."""
        project.write(requirements_in="torch\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cu126")

        pins, hashes = project.pins(), project.hashes()
        family, pypi = "/whl/cu126", "/simple"
        assert hashes["triton"] <= {each.hash for each in files(family, "triton", pins["triton"])}
        for name in ("nvidia-cublas-cu12", "nvidia-nccl-cu12"):
            there = files(pypi, name, pins[name])
            index = pypi if there else family
            assert hashes[name] <= {each.hash for each in files(index, name, pins[name])}
        assert files(pypi, "nvidia-nccl-cu12", pins["nvidia-nccl-cu12"])


class TestOrdinary:
    """Of the indexes and pages that a cell's own layer names, and not of another cell's."""

    @pytest.mark.parametrize("place", ["here", "there"])
    def test_of_a_page_that_a_targets_layer_names(self, project: Project, place: str) -> None:
        here, there = (wheel("foolib", "1.0", note=note) for note in ("here", "there"))
        for folder, each in (("here", here), ("there", there)):
            project.put(f"{folder}/{each.filename}", "").write_bytes(each.content)
        project.write(requirements_in="-r base.txt\nfoolib\n")
        project.put("base.cpu.txt", f"--find-links {project.folder}/here\n")
        project.put("base.cu126.txt", f"--find-links {project.folder}/{place}\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu", "-t", "cu126")

        assert project.hashes("requirements.cpu.txt") == {"foolib": {here.hash}}
        own = here if place == "here" else there
        assert project.hashes("requirements.cu126.txt") == {"foolib": {own.hash}}

    def test_of_the_kinds_of_files_that_a_targets_layer_takes(self, project: Project) -> None:
        both = (wheel("foolib", "1.0"), sdist("foolib", "1.0"))
        for each in both:
            project.put(f"here/{each.filename}", "").write_bytes(each.content)
        page = f"--find-links {project.folder}/here\n"
        project.write(requirements_in="-r base.txt\nfoolib\n")
        project.put("base.cpu.txt", f"{page}--only-binary foolib\n")
        project.put("base.cu126.txt", page)
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu", "-t", "cu126")

        assert project.hashes("requirements.cpu.txt") == {"foolib": {both[0].hash}}
        assert project.hashes("requirements.cu126.txt") == {"foolib": {each.hash for each in both}}


class TestEveryPin:
    def test_has_a_file_for_each_platform_of_its_cell(self, project: Project) -> None:
        project.write(requirements_in="numpy\npandas\ntorch\ntorchvision\nuvicorn[standard]\n")
        project.compile("-q", "--generate-hashes", "-t", "cpu", "-t", "cu126", "-t", "cu118")

        everything = {
            each.distribution.hash: each.distribution for each in pytorch_site().hosted().values()
        }
        for target in ("cpu", "cu126", "cu118"):
            name = f"requirements.{target}.txt"
            stamped = re.search(r"^# accelock: platforms (.*)$", project.read(name), re.MULTILINE)
            assert stamped
            for platform in stamped[1].split():
                for package, hashes in project.hashes(name, platform).items():
                    of = [everything[digest] for digest in hashes]
                    assert {each.project for each in of} == {package}
                    assert any(fits(each, platform) for each in of), (target, platform, package)

    def test_ordinary_packages_have_those_that_pip_compile_gives(self, project: Project) -> None:
        project.write(requirements_in="numpy\ntqdm\njinja2\n")
        assert project.pip_compile("-q", "--generate-hashes", "-o", "plain.txt").returncode == 0
        project.compile("-q", "--generate-hashes", "-t", "cpu")

        plain, ours = project.hashes("plain.txt"), project.hashes()
        assert ours == plain
        assert len(ours["numpy"]) == len(files("/simple", "numpy", project.pins()["numpy"]))

    def test_of_a_new_version_are_not_the_old_ones(self, project: Project) -> None:
        project.write(requirements_in="tqdm<4.67\n").compile(
            *LINUX, "--generate-hashes", "-t", "cpu"
        )
        old = project.hashes()["tqdm"]
        project.write(requirements_in="tqdm>=4.67\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")

        assert project.hashes()["tqdm"] == {
            each.hash for each in files("/simple", "tqdm", "4.67.1")
        }
        assert not project.hashes()["tqdm"] & old


class TestNotPublished:
    """An index that has no sha256 for some files."""

    def test_a_newer_version_is_passed_over_and_said(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        tag = "manylinux_2_28_x86_64"
        site = pytorch_site().with_files("/whl/cpu", *binary("torchaudio", "2.7.1+cpu", tag))
        site = site.with_files("/whl", *binary("torchaudio", "2.7.1+cpu", tag))
        project, server = served(site)
        server.configure("/whl/cpu/torchaudio", hashes="none")
        server.configure("/whl/torchaudio", hashes="none")
        server.site = server.site.with_files("/whl/cpu", *binary("torchcodec", "0.1+cpu", tag))
        project.write(requirements_in="torchaudio\n")

        said = project.refused(*LINUX, "--generate-hashes", "-t", "cpu")

        assert "torchaudio" in said
        assert "no sha256" in said
        assert "--allow-downloads" in said
        assert not server.bodies()
        project.compile(*LINUX, "-t", "cpu")
        assert project.pins()["torchaudio"] == "2.7.1+cpu"

    def test_of_one_platform(self, served: Callable[[Site], tuple[Project, IndexServer]]) -> None:
        """As one PyTorch release had it: no hash for aarch64. That default platform is left out."""
        project, server = served(pytorch_site().configured("/whl", hashes="partial"))
        project.write(requirements_in="torch\n")
        done = project.compile("--generate-hashes", "-t", "cpu")

        assert "linux-aarch64 is left out of cpu" in done.stderr
        assert "no sha256" in done.stderr
        assert project.pins()["torch"] == "2.8.0+cpu"
        assert not server.bodies()

        said = project.refused(
            *LINUX, "--platform=linux-aarch64", "--generate-hashes", "-t", "cpu", "-o", "new.txt"
        )
        assert "linux-aarch64" in said

    def test_the_page_of_all_targets_may_have_it(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        project, server = served(pytorch_site())
        for name in ("torch", "torchvision"):
            server.configure(f"/whl/cpu/{name}", hashes="none")
        project.write(requirements_in="torchvision\n")
        project.compile("-q", "--generate-hashes", "-t", "cpu")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert project.hashes()["torch"] == {
            each.hash for each in files("/whl/cpu", "torch", "2.8.0+cpu")
        }
        assert not server.bodies()

    def test_downloads_must_be_allowed(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        project, server = served(pytorch_site().configured("/whl", hashes="none"))
        project.write(requirements_in="torch==2.8.0\n")
        words = (*LINUX[1:], "--generate-hashes", "-t", "cpu")

        assert "--allow-downloads" in project.refused(*words, "-q")
        assert not server.bodies()

        done = project.compile(*words, "--allow-downloads")
        wheels = [
            each for each in files("/whl/cpu", "torch", "2.8.0+cpu") if fits(each, "linux-x86_64")
        ]
        assert project.hashes()["torch"] == {each.hash for each in wheels}
        assert {request.path for request in server.bodies()} == {
            f"/whl/cpu/{each.filename}" for each in wheels
        }
        assert all(each.filename in done.stderr for each in wheels)

    def test_without_hashes_nothing_is_passed_over(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        project, server = served(pytorch_site().configured("/whl", hashes="none"))
        project.write(requirements_in="torch\n").compile(*LINUX, "-t", "cpu")

        assert project.pins()["torch"] == "2.8.0+cpu"
        assert not server.bodies()

    def test_an_ordinary_package_is_downloaded_as_pip_compile_does(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        project, server = served(on_pypi().configured("/simple/tqdm", hashes="none"))
        server.configure("/simple", format="html")
        project.write(requirements_in="tqdm\ntorch\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")

        assert project.hashes()["tqdm"] == {
            each.hash for each in files("/simple", "tqdm", "4.67.1")
        }
        assert {request.path.rpartition("/")[2][:4] for request in server.bodies()} == {"tqdm"}


class TestReuse:
    def test_what_the_file_has_is_reused(
        self, served: Callable[[Site], tuple[Project, IndexServer]]
    ) -> None:
        project, server = served(on_pypi())
        server.configure("/simple", format="html", hashes="none")
        project.write(requirements_in="tqdm\n").compile(*LINUX, "--generate-hashes", "-t", "cpu")
        before = project.read()
        assert server.bodies()
        server.reset()
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")

        assert project.read() == before
        assert not server.bodies()

    def test_a_platform_that_is_new_to_the_file(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\nnumpy\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")
        project.compile("-q", "--generate-hashes", "-t", "cpu")

        for platform in EVERYWHERE:
            own = on_platform(
                files("/whl/cpu", "torch", project.pins(platform=platform)["torch"]), platform
            )
            assert own <= project.hashes(platform=platform)["torch"]

    def test_a_wrong_hash_in_the_file_is_put_right(self, project: Project) -> None:
        project.write(requirements_in="torch==2.8.0\n")
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")
        right = project.read()
        wrong = right.replace(
            f"--hash={min(project.hashes()['torch'])}", "--hash=sha256:" + "0" * 64
        )
        assert wrong != right
        project.put("requirements.txt", wrong)
        project.compile(*LINUX, "--generate-hashes", "-t", "cpu")

        assert "0" * 64 not in project.read()
        assert project.hashes()["torch"] == on_platform(
            files("/whl/cpu", "torch", "2.8.0+cpu"), "linux-x86_64"
        )

    def test_a_file_that_has_too_few_of_an_ordinary_package(self, project: Project) -> None:
        """Somebody else's lock, made for Linux alone."""
        numpy = files("/simple", "numpy", "2.1.2")
        one = next(each for each in numpy if fits(each, "linux-x86_64"))
        project.write(
            requirements_in="numpy\n",
            requirements_txt=f"numpy==2.1.2 --hash={one.hash}\n",
        )
        project.compile("-q", "--generate-hashes", "-t", "cpu")

        assert project.pins()["numpy"] == "2.1.2"
        for platform in EVERYWHERE:
            found = project.hashes(platform=platform)["numpy"]
            assert any(each.hash in found and fits(each, platform) for each in numpy)


def test_an_unsafe_package_is_named_where_it_is_not_pinned(project: Project) -> None:
    """torch requires setuptools from Python 3.12 on; a file with hashes needs it pinned."""
    project.write(requirements_in="torch\n")
    words = (*LINUX, "--generate-hashes", "-t", "cpu", "--python-version=3.12")
    done = project.compile(*words, "--no-allow-unsafe")

    assert "# setuptools" in project.read()
    assert "WARNING" in done.stderr
    project.compile(*words)
    assert project.hashes(python="3.12")["setuptools"]
