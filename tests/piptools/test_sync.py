"""`accelock sync` with real environments: what it installs, what it spares, what it refuses."""

from __future__ import annotations

import venv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from accelock.hardware.choice import CONTAINER_WARNING
from accelock.locks import journal
from accelock.targets import PythonVersion, host_platform
from tests.commands.projects import TABLE
from tests.commands.projects import Project as Compiled
from tests.piptools.support_tools import copied, pip_environment, site_packages, tool_environment
from tests.support.environments import Venv, isolated_env, run
from tests.support.fakes import fakes, on_posix
from tests.support.pytorch_site import pytorch_site
from tests.support.wheels import Distribution, wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.server import IndexServer
    from tests.support.sites import Site

HOST = host_platform()
HOST_PYTHON = (str(PythonVersion.host()),)
PIP_SYNC = "from piptools.scripts.sync import cli; cli(prog_name='accelock sync')"
NAME = "requirements.txt"
ON_FAMILYS = {"tqdm": "4.67.1", "numpy": "2.2.6"}
# What the user of no environment below asked for.
STRAY = wheel("stray", "1.0")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Workplace:
    """A project, and an environment with the tools in it."""

    project: Compiled
    venv: Venv

    def sync(
        self, *words: str | Path, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `accelock sync` in the project; it must end with this exit code."""
        return self.run("-m", "accelock", "sync", *words, code=code, **variables)

    def run(
        self, *words: str | Path, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        env = {**self.venv.env, **variables}
        done = run(self.venv.python, *words, cwd=self.project.folder, env=env)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def would_remove(self, *words: str | Path, plain: bool = False) -> set[str]:
        """Return what a dry run says that it would uninstall."""
        command = ["-c", PIP_SYNC] if plain else ["-m", "accelock", "sync"]
        env = self.venv.env
        done = run(self.venv.python, *command, "-n", *words, cwd=self.project.folder, env=env)
        return uninstalled(done.stdout)

    def add(self, distribution: Distribution, venv: Venv | None = None) -> None:
        """Install a wheel by hand."""
        place = (venv or self.venv).path
        done = (venv or self.venv).pip("install", "--no-deps", distribution.save(place))
        assert done.returncode == 0, done.stderr


def uninstalled(said: str) -> set[str]:
    """Return what a dry run said that it would uninstall."""
    listed = said.partition("Would uninstall:")[2].partition("Would install:")[0]
    return {line.strip().partition(" @ ")[0] for line in listed.splitlines() if line.strip()}


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("tools")
    return tool_environment(folder / "venv", isolated_env(folder / "home"))


@pytest.fixture
def looking(tools: Venv, tmp_path: Path) -> Workplace:
    """A workplace that no test may change the environment of."""
    return Workplace(Compiled(folder(tmp_path), HOST_PYTHON), tools)


@pytest.fixture
def changing(tools: Venv, tmp_path: Path, index: IndexServer) -> Workplace:
    """A workplace with an environment of its own, which finds packages on the test's server."""
    env = isolated_env(tmp_path / "home", PIP_INDEX_URL=f"{index.url}/simple")
    return Workplace(Compiled(folder(tmp_path), HOST_PYTHON), copied(tools, tmp_path / "venv", env))


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


def mark_installer(venv: Venv, name: str, installer: str) -> None:
    (found,) = site_packages(venv).glob(f"{name}-*.dist-info")
    (found / "INSTALLER").write_text(f"{installer}\n")


# Installing


@pytest.mark.skipif(
    HOST is None or HOST.name not in {"linux-x86_64", "windows-x86_64"},
    reason="the test's server has CUDA builds for two platforms",
)
@pytest.mark.internals
def test_what_was_compiled_is_installed_and_changed_with_the_target(
    looking: Workplace, index: IndexServer, tmp_path: Path
) -> None:
    assert HOST is not None
    looking.project.write("requirements.in", "torch==2.6.0\n")
    looking.project.write("requirements-dev.in", "-c requirements.txt\ntqdm\n")
    words = ["-q", "--generate-hashes", "--allow-unsafe", "--strip-extras", "-t", "cpu", "-t"]
    words += ["cu126", "--platform", HOST.name, "--platform", "macos-arm64"]
    words += [f"--source=pytorch={index.url}/whl/{{target}}", f"--index-url={index.url}/simple"]
    for name in ("requirements.in", "requirements-dev.in"):
        looking.run("-m", "accelock", "compile", *words, name)
    # The server's packages are empty: the tools could not live with its typing-extensions.
    venv = pip_environment(tmp_path / "venv", isolated_env(tmp_path / "home"))
    there = ("--python-executable", venv.python)

    done = looking.sync(*there, ACCELOCK_TARGET="cpu")
    assert done.stderr == "Syncing requirements.cpu.txt for cpu (ACCELOCK_TARGET says so)\n"
    before = venv.installed()
    assert before["torch"] == "2.6.0+cpu"
    assert not [name for name in before if name.startswith("nvidia")]

    looking.sync(*there, "requirements.txt", "requirements-dev.txt", ACCELOCK_TARGET="cu126")
    after = venv.installed()
    assert after["torch"] == "2.6.0+cu126"
    assert "tqdm" in after
    nvidia = [name for name in after if name.startswith("nvidia")]
    assert bool(nvidia) == (HOST.sys_platform == "linux")

    looking.sync(*there, ACCELOCK_TARGET="cpu")
    assert venv.installed() == before
    assert "up-to-date" in looking.sync(*there, ACCELOCK_TARGET="cpu").stdout


@pytest.mark.skipif(HOST is None or HOST.name != "linux-x86_64", reason="one platform is enough")
@pytest.mark.internals
def test_no_index_answers_for_what_is_not_its_own(
    looking: Workplace, serve: Callable[[Site], IndexServer], tmp_path: Path
) -> None:
    """Without hashes, and where one layer alone has them: pip is asked in parts."""
    evil = [wheel(name, f"{version}+evil") for name, version in ON_FAMILYS.items()]
    server = serve(pytorch_site().with_files("/whl/cpu", *evil))
    server.configure("/simple/h11", hashes="none", format="html")
    source = f'[tool.accelock.sources]\npytorch = "{server.url}/whl/{{target}}"\n'
    looking.project.write("pyproject.toml", f'[tool.accelock]\ntargets = ["cpu"]\n{source}')
    pins = "".join(f"{name}=={version}\n" for name, version in ON_FAMILYS.items())
    looking.project.write("requirements.in", f"torch==2.6.0\n{pins}")
    looking.project.write("dev.in", "-c requirements.txt\nh11\n")
    words = ("-q", "--strip-extras", "--platform=linux-x86_64", f"--index-url={server.url}/simple")
    venv = pip_environment(tmp_path / "venv", isolated_env(tmp_path / "home"))
    there = ("--python-executable", venv.python)

    looking.run("-m", "accelock", "compile", *words, "--no-generate-hashes", "requirements.in")
    plain = venv.pip("install", "--dry-run", "--no-deps", "-r", looking.project.folder / NAME)
    assert "+evil" in plain.stdout
    looking.sync(*there)
    before = venv.installed()
    assert before["torch"] == "2.6.0+cpu"
    assert {name: before[name] for name in ON_FAMILYS} == ON_FAMILYS

    looking.run("-m", "accelock", "compile", *words, "requirements.in")
    looking.run("-m", "accelock", "compile", *words, "dev.in")
    venv.pip("uninstall", "-q", "-y", "torch", "tqdm")
    looking.sync(*there, NAME, "dev.txt")
    assert venv.installed() == {**before, "h11": "0.16.0"}


@pytest.mark.internals
def test_what_pip_refuses_is_told_without_a_traceback(changing: Workplace) -> None:
    changing.project.compiled("requirements.cpu.txt", "cpu", "absent-project==1.0\n", ())
    done = changing.sync(code=1)
    assert "No matching distribution found for absent-project" in done.stderr
    assert "ERROR: pip install failed with exit code 1" in done.stderr


def test_a_file_that_pip_cannot_read(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "-r absent.txt\n", ())
    assert "ERROR: pip cannot read the requirements" in looking.sync(code=1).stderr


# What stays


def test_accelock_and_what_it_needs_stay(changing: Workplace) -> None:
    changing.add(STRAY)
    changing.project.compiled("requirements.cpu.txt", "cpu", "six==1.17.0\n", ())
    ours = {"accelock", "cleo", "tomlkit", "mousebender", "remotezip", "requests", "urllib3"}
    plain = changing.would_remove("requirements.cpu.txt", plain=True)
    assert ours <= plain  # the day that pip-sync spares them itself, the guard can go
    changing.sync()
    left = changing.venv.installed()
    assert ours <= set(left)
    assert "six" in left
    assert "stray" not in left
    changing.run("-m", "accelock", "--version")
    changing.run("-m", "accelock", "compile", "--version")


def test_a_pin_of_what_accelock_needs_is_followed(changing: Workplace) -> None:
    newer = wheel("tomlkit", "99.0")
    changing.project.write("wheels/.keep", "")
    newer.save(changing.project.folder / "wheels")
    changing.project.compiled("requirements.cpu.txt", "cpu", "tomlkit==99.0\n", ())
    changing.sync("--find-links=wheels", "--dry-run", code=1)
    assert "tomlkit==99.0" in changing.sync("--find-links=wheels", "-n", code=1).stdout


def test_what_conda_installed_stays(changing: Workplace) -> None:
    changing.add(STRAY)
    changing.add(wheel("of-conda", "1.0"))
    mark_installer(changing.venv, "of_conda", "conda")
    changing.project.compiled("requirements.cpu.txt", "cpu", "six==1.17.0\n", ())
    assert {"of-conda", "stray"} <= changing.would_remove("requirements.cpu.txt", plain=True)
    assert changing.would_remove() == {"stray"}


@pytest.mark.internals
def test_another_environment_is_cleared_of_our_requirements(
    looking: Workplace, tmp_path: Path
) -> None:
    other = pip_environment(tmp_path / "other", isolated_env(tmp_path / "home"))
    for name in ("tomlkit", "accelock", "of-conda", "stray"):
        looking.add(wheel(name, "1.0"), other)
    mark_installer(other, "of_conda", "conda")
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    words = ("--python-executable", other.python)
    assert looking.would_remove(*words) == {"tomlkit", "accelock", "stray"}


def test_what_is_no_python_at_all(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    silent = looking.project.write("silent", "#!/bin/sh\n")
    silent.chmod(0o755)
    done = looking.sync("--python-executable", silent, code=1)
    assert f"{silent} does not print the version of its pip" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_environment_without_pip(looking: Workplace, tmp_path: Path) -> None:
    """As uv makes them."""
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    bare = Venv(tmp_path / "bare", looking.venv.env)
    venv.create(bare.path, with_pip=False)
    done = looking.sync("--python-executable", bare.python, code=1)
    assert done.stderr == (
        f"ERROR: the environment of {bare.python} has no pip, and sync installs with the "
        f"environment's own pip. Nothing was changed. Run: {bare.python} -m ensurepip\n"
    )


@on_posix
def test_an_environment_of_another_python(looking: Workplace) -> None:
    """The Python of the environment counts, and not the one that runs us."""
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    other = looking.project.write("python3.9", "#!/bin/sh\necho '[3, 9, true]'\n")
    other.chmod(0o755)
    done = looking.sync("--python-executable", other, code=1)
    assert f"was compiled for Python {HOST_PYTHON[0]}, and the environment has" in done.stderr
    assert "Python 3.9. Nothing was changed." in done.stderr


def test_our_own_environment_by_its_name(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    assert looking.would_remove("--python-executable", looking.venv.python) == set()


# The active environment


@pytest.fixture
def tool(tools: Venv, tmp_path: Path) -> Workplace:
    """A workplace whose accelock is installed as `uv tool` does it."""
    place = tmp_path / "tools/accelock"
    place.parent.mkdir()
    venv = copied(tools, place, isolated_env(tmp_path / "home"))
    (venv.path / "uv-receipt.toml").touch()
    made = Workplace(Compiled(folder(tmp_path), HOST_PYTHON), venv)
    made.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    return made


@pytest.mark.internals
@pytest.mark.parametrize("named", ["VIRTUAL_ENV", "CONDA_PREFIX", ".venv"])
def test_a_tool_syncs_the_active_environment_and_not_its_own(
    named: str, tool: Workplace, tmp_path: Path
) -> None:
    is_here = named == ".venv"
    path = tool.project.folder / ".venv" if is_here else tmp_path / "active"
    active = pip_environment(path, tool.venv.env)
    tool.add(STRAY, active)
    tool.add(wheel("own", "1.0"))
    variables = {} if is_here else {named: str(active.path)}
    done = tool.sync("-n", code=1, **variables)
    called = ".venv" if is_here else f"{active.path} ({named})"
    assert done.stderr.startswith(f"Environment: {called}\nSyncing requirements.cpu.txt for cpu (")
    assert uninstalled(done.stdout) == {"stray"}
    assert tool.sync("-n", "-q", code=1, **variables).stderr == ""


def test_a_tool_without_an_environment_is_told_to_name_one(tool: Workplace, tmp_path: Path) -> None:
    told = tool.sync(code=1).stderr
    assert told == (
        f"ERROR: no environment is active, and {tool.project.folder} has no .venv: accelock is "
        "installed as a tool (uv tool), and does not touch the tool's own environment. Activate "
        "the project's environment, or name its Python with --python-executable\n"
    )
    other = pip_environment(tmp_path / "other", tool.venv.env)
    words = ("-n", "--python-executable", other.python)
    assert "Environment" not in tool.sync(*words, code=1, VIRTUAL_ENV="/nowhere").stderr
    gone = tool.sync("-n", code=1, VIRTUAL_ENV="/nowhere").stderr
    assert gone.startswith("ERROR: the environment /nowhere (VIRTUAL_ENV) has no Python")


def test_the_other_commands_look_at_the_active_environment(tool: Workplace, tmp_path: Path) -> None:
    active = pip_environment(tmp_path / "active", tool.venv.env)
    tool.add(wheel("torch", "2.6.0+cu126"), active)
    tool.project.compiled("requirements.cpu.txt", "cpu", "torch==2.6.0+cpu\n", ())
    words = ("-m", "accelock", "doctor")
    done = tool.run(*words, code=1, VIRTUAL_ENV=str(active.path))
    assert "torch 2.6.0+cu126 is installed" in done.stdout
    assert f"requirements.cpu.txt, {active.path} (VIRTUAL_ENV): " in done.stdout
    assert "[no-environment]" in tool.run(*words).stdout
    other = tool.run(*words, "--python-executable", tool.venv.python, VIRTUAL_ENV=str(active.path))
    assert "torch 2.6.0" not in other.stdout


# Poetry


def test_poetrys_environment_is_refused(changing: Workplace) -> None:
    changing.add(wheel("poetry", "2.1.4"))
    changing.project.compiled("requirements.cpu.txt", "cpu", "six==1.17.0\n", ())
    assert "ERROR: sync would remove Poetry and its plugins" in changing.sync(code=1).stderr
    assert "six" not in changing.venv.installed()
    changing.project.write("requirements.txt", "six==1.17.0\n")
    assert "Poetry" in changing.sync("requirements.txt", code=1).stderr


def test_poetrys_environment_is_refused_by_its_interpreter(
    looking: Workplace, tmp_path: Path
) -> None:
    other = pip_environment(tmp_path / "other", isolated_env(tmp_path / "home"))
    looking.add(wheel("poetry", "2.1.4"), other)
    looking.project.compiled("requirements.cpu.txt", "cpu", "six==1.17.0\n", ())
    assert "Poetry" in looking.sync("--python-executable", other.python, code=1).stderr
    assert "six" not in other.installed()


def test_a_poetry_that_the_file_asks_for_is_no_reason(changing: Workplace) -> None:
    changing.add(wheel("poetry", "2.1.4"))
    changing.project.compiled("requirements.cpu.txt", "cpu", "poetry==2.1.4\n", ())
    assert "poetry==2.1.4" in changing.sync("--dry-run", code=1).stdout


# Which file


def test_a_machine_with_a_choice_takes_what_the_variable_says(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    looking.project.compiled("requirements.cu126.txt", "cu126", "filelock==2.0\n", ())
    done = looking.sync("-n", code=1, ACCELOCK_TARGET="cu126")
    assert done.stderr == "Syncing requirements.cu126.txt for cu126 (ACCELOCK_TARGET says so)\n"
    assert "filelock==2.0" in done.stdout
    done = looking.sync("-n", code=2, ACCELOCK_TARGET="cu162")
    assert "did you mean 'cu126'?" in done.stderr
    assert done.stdout == ""


def test_a_machine_with_a_choice_takes_what_its_hardware_allows(looking: Workplace) -> None:
    for target in ("cpu", "cu126"):
        looking.project.compiled(f"requirements.{target}.txt", target, "filelock==1.0\n", ())
    in_pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "ACCELOCK_COMPUTE_CAPABILITY": "9.0"}
    done = looking.sync("-n", code=1, ACCELOCK_CUDA_DRIVER="580.82.07", **in_pod)
    assert done.stderr == (
        "Syncing requirements.cu126.txt for cu126 "
        "(compute capability 9.0, NVIDIA driver 580.82.07)\n"
    )
    done = looking.sync("-n", code=1, ACCELOCK_CUDA_DRIVER="470.57.02", **in_pod)
    assert done.stderr == (
        "Syncing requirements.cpu.txt for cpu (no other declared target fits: cu126: needs NVIDIA "
        "driver 525.60.13 or newer, this machine has 470.57.02)\n"
    )


def test_in_a_container_without_a_gpu_it_warns(looking: Workplace) -> None:
    for target in ("cpu", "cu126"):
        looking.project.compiled(f"requirements.{target}.txt", target, "filelock==1.0\n", ())
    variables = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "ACCELOCK_CUDA_DRIVER": "none"}
    done = looking.sync("-n", code=1, **variables)
    assert done.stderr == (
        "Syncing requirements.cpu.txt for cpu (no other declared target fits: cu126: no NVIDIA "
        f"driver found)\nWARNING: {CONTAINER_WARNING}\n"
    )
    assert looking.sync("-n", "-q", code=1, **variables).stderr == ""


@on_posix
def test_where_nothing_is_to_be_chosen_no_probe_is_run(looking: Workplace, tmp_path: Path) -> None:
    commands = fakes(tmp_path)
    for target in ("cpu", "cu126"):
        looking.project.compiled(f"requirements.{target}.txt", target, "filelock==1.0\n", ())
    looking.sync("-n", "requirements.cpu.txt", code=1, PATH=commands.path)
    assert commands.asked() == []
    looking.sync("-n", code=1, PATH=commands.path, ACCELOCK_TARGET="cpu")
    assert commands.asked() == []
    looking.sync("-n", code=1, PATH=commands.path)
    assert commands.asked() != []


def test_quiet_says_nothing(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    assert looking.sync("-n", "-q", code=1).stderr == ""
    assert looking.sync("-n", "-q", "-v", code=1).stderr.startswith("Syncing ")


@pytest.mark.internals
def test_the_settings_of_pip_tools_are_read(looking: Workplace) -> None:
    looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    looking.project.write("pyproject.toml", "[tool.pip-tools]\ndry-run = true\n")
    assert "Would install" in looking.sync("requirements.txt", code=1).stdout


def test_a_file_that_is_named_is_taken(looking: Workplace) -> None:
    for target in ("cpu", "cu126"):
        looking.project.compiled(f"requirements.{target}.txt", target, "filelock==1.0\n", ())
    looking.project.write("requirements.txt", "filelock==3.0\n")
    done = looking.sync("-n", "requirements.cu126.txt", code=1)
    assert done.stderr == "Syncing requirements.cu126.txt for cu126 (named on the command line)\n"
    done = looking.sync("-n", "requirements.txt", code=1)
    assert (done.stderr, "filelock==3.0" in done.stdout) == ("", True)


def test_a_file_that_was_edited_is_told(looking: Workplace) -> None:
    """With -q too: nobody knows where such a pin comes from."""
    path = looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())
    path.write_text(path.read_text().replace("filelock==1.0", "filelock==2.0"))
    done = looking.sync("-n", "-q", code=1)
    assert done.stderr.startswith("WARNING: requirements.cpu.txt changed after it was compiled: ")
    assert "filelock==2.0" in done.stdout


def test_a_layer_that_the_target_lacks(looking: Workplace) -> None:
    for name in ("requirements.cpu.txt", "requirements.xpu.txt", "requirements-dev.xpu.txt"):
        looking.project.compiled(name, name.split(".")[1], "filelock==1.0\n", ())
    words = ("-n", "requirements.txt", "requirements-dev.txt")
    done = looking.sync(*words, code=1, ACCELOCK_TARGET="cpu")
    assert "ERROR: requirements-dev.cpu.txt does not exist" in done.stderr


@pytest.mark.internals
def test_without_targets_it_is_pip_sync(looking: Workplace) -> None:
    looking.project.write("requirements.txt", "filelock==1.0\npip-tools\n")
    looking.project.write("pyproject.toml", "[tool.black]\n")
    for words in (["-n"], ["-n", "requirements.txt"], ["--bad"], ["absent.txt"], ["-n", "x.in"]):
        ours, plain = (
            run(
                looking.venv.python,
                *command,
                *words,
                cwd=looking.project.folder,
                env=looking.venv.env,
            )
            for command in (["-m", "accelock", "sync"], ["-c", PIP_SYNC])
        )
        assert (ours.returncode, ours.stderr) == (plain.returncode, plain.stderr)
        assert (
            ours.stdout.partition("Would install")[2] == plain.stdout.partition("Would install")[2]
        )


# Refusals


def test_an_interrupted_compile_is_to_be_finished_first(
    looking: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = looking.project.compiled("requirements.cpu.txt", "cpu", "filelock==1.0\n", ())

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "_commit", die)
    with pytest.raises(KeyboardInterrupt):
        journal.write_all({path: path.read_bytes().replace(b"# ", b"#  ", 1)})
    assert "Run: accelock check" in looking.sync("-n", code=1).stderr
    elsewhere = path.parent.parent
    done = run(
        *(looking.venv.python, "-m", "accelock", "sync", "-n", path),
        cwd=elsewhere,
        env=looking.venv.env,
    )
    assert "Run: accelock check" in done.stderr
    looking.run("-m", "accelock", "check")
    assert "filelock==1.0" in looking.sync("-n", code=1).stdout


def test_a_faulty_table(looking: Workplace) -> None:
    looking.project.write("pyproject.toml", TABLE.replace("cpu", "gpu"))
    looking.project.write("requirements.txt", "filelock==1.0\n")
    assert "tool.accelock.targets[0]" in looking.sync("-n", code=1).stderr


def test_targets_without_any_file(looking: Workplace) -> None:
    looking.project.write("pyproject.toml", TABLE)
    done = looking.sync("-n", code=1)
    assert "there is no requirements.cpu.txt and no requirements.cu126.txt here" in done.stderr


@pytest.mark.internals
def test_help_is_pip_syncs_own_and_ours(looking: Workplace) -> None:
    told = looking.sync("--help").stdout
    assert told.startswith("Usage: accelock sync [OPTIONS] [SRC_FILES]...")
    assert "--python-executable" in told
    assert "requirements-dev.TARGET.txt" in told
