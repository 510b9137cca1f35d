from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit

from accelock.catalogue import Source, load_catalogue
from accelock.errors import ConfigError
from accelock.settings.config import Config, PackageRule
from accelock.settings.settings import parse_config, read_config
from accelock.targets import DEFAULT_PLATFORMS, PLATFORMS, Levels, PythonVersion

CATALOGUE = load_catalogue()
LINUX, ARM, MAC, INTEL_MAC, WINDOWS = PLATFORMS.values()

FULL = """
[project]
name = "demo"

[tool.accelock]
targets   = ["cpu", "cu126", "rocm6.3"]
platforms = ["linux-64", "macos-arm64"]
lockstep  = false
glibc     = "2.34"
macos     = "15"
python    = ["3.11", "3.12"]

[tool.accelock.sources]
pytorch = "https://user:secret@mirror.example/whl/{target}/"

[tool.accelock.target.cu126]
platforms = ["linux-x86_64"]
[tool.accelock.target."rocm6.3"]
platforms = ["linux-64"]

[tool.accelock.packages]
My_CUDA.ext = { family = "pytorch" }
torch = { cpuonly = true, source = "family" }
torchcodec = { source = "pypi" }
my-other-ext = { family = "pytorch", cpuonly = true }
onnxruntime = { substitute = false }

[tool.accelock.conda]
channels = ["conda-forge"]
[tool.accelock.conda.dependencies]
mkl = { version = ">=2024", platforms = ["linux-x86_64"] }
"""


def parse(text: str) -> Config:
    return parse_config(tomlkit.parse(text).unwrap(), "pyproject.toml", CATALOGUE)


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.faults


class TestRead:
    def test_everything(self, tmp_path: Path) -> None:
        pyproject = tmp_path / "pyproject.toml"
        text = FULL.replace("My_CUDA.ext", '"My_CUDA.ext"')
        pyproject.write_text(text, encoding="utf-8")
        config = read_config(pyproject, CATALOGUE)
        assert config is not None
        assert [target.name for target in config.targets] == ["cpu", "cu126", "rocm6.3"]
        assert (config.platforms, config.platforms_declared) == ((LINUX, MAC), True)
        assert config.lockstep is False
        assert config.levels == Levels(glibc=(2, 34), macos=(15, 0))
        assert config.pythons == (PythonVersion(3, 11), PythonVersion(3, 12))
        assert config.sources == {
            "pytorch": Source("https://user:secret@mirror.example/whl/{target}")
        }
        assert {name: own.platforms for name, own in config.by_target.items()} == {
            "cu126": (LINUX,),
            "rocm6.3": (LINUX,),
        }
        assert config.packages == {
            "my-cuda-ext": PackageRule(family="pytorch"),
            "torch": PackageRule(cpuonly=True, source="family"),
            "torchcodec": PackageRule(source="pypi"),
            "onnxruntime": PackageRule(substitute=False),
            "my-other-ext": PackageRule(family="pytorch", cpuonly=True),
        }
        assert config.conda == {
            "channels": ["conda-forge"],
            "dependencies": {"mkl": {"version": ">=2024", "platforms": ["linux-x86_64"]}},
        }
        assert config.path == pyproject
        assert "secret" not in repr(config)

    def test_defaults(self) -> None:
        config = parse("targets = ['cpu']")
        assert (config.platforms, config.platforms_declared) == (DEFAULT_PLATFORMS, False)
        assert (config.lockstep, config.levels, config.pythons) == (True, Levels(), ())
        assert (config.sources, config.packages, config.by_target) == ({}, {}, {})
        assert config.conda is None

    def test_what_is_of_one_target_alone(self) -> None:
        config = parse("""
            targets = ["cpu", "cu124", "cu126"]
            [sources]
            pytorch = "https://mirror/whl/{target}"
            [target.cu124.dependencies]
            torch = "==2.6.0+cu124"
            Oneccl_bind_pt = "*"
            accelerate = { version = ">=1,<2", extras = ["dev"], markers = "os_name == 'posix'" }
            [target.cu126.sources]
            pytorch = "https://jetson/jp6/"
        """)
        cpu, cu124, cu126 = config.targets
        assert [str(each) for each in config.dependencies_of(cu124)] == [
            "torch==2.6.0",
            "oneccl-bind-pt",
            'accelerate[dev]<2,>=1; os_name == "posix"',
        ]
        assert config.pinned_alone == {"torch"}
        assert config.dependencies_of(cpu) == ()
        assert config.platforms_of(cu126) == DEFAULT_PLATFORMS
        assert not config.declares_platforms(cu124)
        source = config.source(CATALOGUE.family("pytorch"))
        assert source.url(cpu) == "https://mirror/whl/cpu"
        assert source.url(cu126) == "https://jetson/jp6"
        assert (source.at(cpu).is_of_one_target, source.at(cu126).is_of_one_target) == (False, True)
        assert config.named_source(CATALOGUE.family("pytorch"), cu126) == Source(
            "https://jetson/jp6"
        )

    def test_a_budget(self) -> None:
        config = parse("""
            targets = ["cpu", "cu126"]
            [target.cpu]
            max-mb = 400
            deny = ["Nvidia_*", "Triton", "torch?"]
            [target.cu126]
            max-mb = 1500.5
        """)
        cpu, cu126 = map(config.of, config.targets)
        assert (cpu.max_mb, cpu.deny) == (400, ("nvidia-*", "triton", "torch?"))
        assert (cu126.max_mb, cu126.deny) == (1500.5, ())
        assert config.limits_targets
        assert not parse("targets = ['cpu']\ntarget.cpu.platforms = ['linux-64']").limits_targets

    def test_no_table_means_the_defaults_of_an_empty_one(self) -> None:
        assert parse("") == Config(path=Path("pyproject.toml"))

    def test_conda_alone(self) -> None:
        config = parse("[conda]\nchannels = ['conda-forge']")
        assert (config.targets, config.conda) == ((), {"channels": ["conda-forge"]})

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[tool.black]\n",
            "# accelock is not configured here\n[tool]\n",
            "[project]\nname = 'accelock'\n",
            "[accelock]\n",
            "tool = 'accelock'\n",
            "[tool.black\n",  # not ours to judge
            "\ufeff[tool.black]\n",
        ],
    )
    def test_a_file_without_the_table_is_none(self, tmp_path: Path, text: str) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text(text, encoding="utf-8")
        assert read_config(pyproject, CATALOGUE) is None

    def test_no_file_is_none(self, tmp_path: Path) -> None:
        assert read_config(tmp_path / "pyproject.toml", CATALOGUE) is None

    def test_an_empty_table_is_a_configuration(self, tmp_path: Path) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text("[tool.accelock]\n", encoding="utf-8")
        assert read_config(pyproject, CATALOGUE) == Config(path=pyproject)


class TestFile:
    def fault(self, pyproject: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_config(pyproject, CATALOGUE)
        return str(caught.value)

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("[tool.accelock]\nglibc = '2.28\n", "line 2"),
            ("[tool.accelock]\ntargets = cpu\n", "line 2"),
            ("[tool.accelock\n", "line 1"),
        ],
    )
    def test_bad_syntax_names_file_and_line(self, tmp_path: Path, text: str, place: str) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text(text, encoding="utf-8")
        assert self.fault(pyproject).startswith(f"{pyproject}, {place}: is not valid TOML: ")

    def test_a_key_twice(self, tmp_path: Path) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text("[tool.accelock]\nglibc='2.28'\nglibc='2.28'\n", encoding="utf-8")
        # tomlkit, which Python 3.10 has in the place of tomllib, names the key.
        told = (", line 3: is not valid TOML: ", ': is not valid TOML: Key "glibc" already exists')
        assert self.fault(pyproject).startswith(tuple(f"{pyproject}{each}" for each in told))

    def test_not_utf_8(self, tmp_path: Path) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_bytes(b"[tool.accelock]\n# caf\xe9\n")
        assert self.fault(pyproject) == (
            f"{pyproject}: is not UTF-8: invalid continuation byte at byte 21"
        )

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_16_is_not_taken_for_no_table(self, tmp_path: Path, encoding: str) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text("[tool.accelock]\ntargets = ['cpu']\n", encoding=encoding)
        told = f"{pyproject}: is not UTF-8 (it may be UTF-16); save it as UTF-8"
        assert self.fault(pyproject) == told

    def test_unreadable(self, tmp_path: Path) -> None:
        assert self.fault(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"

    def test_no_table(self, tmp_path: Path) -> None:
        pyproject = tmp_path / "pyproject.toml"
        pyproject.write_text("[tool]\naccelock = ['cpu']\n", encoding="utf-8")
        assert self.fault(pyproject) == (
            f"{pyproject}: tool.accelock: must be a table, not an array"
        )


# What stands in [tool.accelock], and the one fault that it has.
BAD = [
    ("targts = ['cpu']", "targts: unknown key; did you mean 'targets'?"),
    (
        "colour = 'red'",
        (
            "colour: unknown key; the keys are: targets, platforms, lockstep, glibc, macos, "
            "python, allow-downloads, sources, target, packages, families, conda"
        ),
    ),
    ("'lock step' = true", "\"lock step\": unknown key; did you mean 'lockstep'?"),
    ("targets = 'cpu'", "targets: must be an array of strings, not a string"),
    ("targets = []", "targets: is empty; name at least one, or remove the key"),
    ("targets = ['cpu', 126]", "targets[1]: must be a string, not an integer"),
    ("targets = ['cuda12.6']", "targets[0]: unknown target 'cuda12.6'; did you mean 'cu126'?"),
    ("targets = ['cpu', 'cu126', 'cpu']", "targets[2]: names cpu a second time"),
    ("platforms = {}", "platforms: must be an array of strings, not a table"),
    ("platforms = []", "platforms: is empty; name at least one, or remove the key"),
    (
        "platforms = ['linux_x86_64']",
        "platforms[0]: unknown platform 'linux_x86_64'; did you mean 'linux-x86_64'?",
    ),
    ("platforms = ['osx-64', 'macos-x86_64']", "platforms[1]: names macos-x86_64 a second time"),
    ("platforms = [['win-64']]", "platforms[0]: must be a string, not an array"),
    ("lockstep = 'yes'", "lockstep: must be true or false, not a string"),
    ("lockstep = 1", "lockstep: must be true or false, not an integer"),
    ("glibc = 2.28", "glibc: must be a string, not a float"),
    (
        "glibc = '2'",
        "glibc: '2' is not a glibc version; write it as in '2.28', from '2.5' on",
    ),
    (
        "glibc = '2.4'",
        "glibc: '2.4' is not a glibc version; write it as in '2.28', from '2.5' on",
    ),
    ("macos = true", "macos: must be a string, not a boolean"),
    ("macos = 'sonoma'", "macos: 'sonoma' is not a macOS release; write it as in '14.0'"),
    ("macos = 2024-01-01", "macos: must be a string, not a date or a time"),
    ("python = '3.12'", "python: must be an array of strings, not a string"),
    ("python = ['3']", "python[0]: '3' is not a Python version; write it as in '3.12'"),
    ("python = ['3.11', '3.11']", "python[1]: names 3.11 a second time"),
    ("sources = 'https://m/whl'", "sources: must be a table, not a string"),
    (
        "sources.pytroch = 'https://m/whl'",
        "sources.pytroch: unknown family 'pytroch'; did you mean 'pytorch'?",
    ),
    ("sources.pytorch = ['https://m/whl']", "sources.pytorch: must be a string, not an array"),
    (
        "sources.pytorch = 'm/whl'",
        "sources.pytorch: must be an http, https or file URL, not 'm/whl'",
    ),
    (
        "sources.pytorch = 'https://user:secret@m/{taget}'",
        (
            "sources.pytorch: has the field {taget}; the fields are {target}, {torch} "
            "and {torch.minor}: 'https://****@m/{taget}'"
        ),
    ),
    (
        "sources.pytorch = 'https://m/{torch}/{target}'",
        "sources.pytorch: has {torch}, but pytorch has one index for all its releases",
    ),
    ("target = ['cpu']", "target: must be a table, not an array; did you mean 'targets'?"),
    (
        "target.cpu.platforms = ['osx-arm64']",
        "target.cpu: 'cpu' is not one of tool.accelock.targets, which is missing",
    ),
    (
        "targets = ['cu126']\ntarget.xpu = {}",
        "target.xpu: 'xpu' is not one of tool.accelock.targets; they are: cu126",
    ),
    (
        "targets = ['cpu', 'cu126']\ntarget.cu128.platforms = ['linux-64']",
        "target.cu128: 'cu128' is not one of tool.accelock.targets; did you mean 'cu126'?",
    ),
    (
        "targets = ['cpu', 'rocm6.2.4']\ntarget.rocm6.2.4.platforms = ['linux-64']",
        'target.rocm6: a dot in a name needs quotes: [tool.accelock.target."rocm6.2.4"]',
    ),
    ("targets = ['cpu']\ntarget.cpu = ['osx-64']", "target.cpu: must be a table, not an array"),
    (
        "targets = ['cpu']\ntarget.cpu.platform = ['osx-64']",
        "target.cpu.platform: unknown key; did you mean 'platforms'?",
    ),
    (
        "targets = ['rocm6.3']\ntarget.'rocm6.3'.platforms = ['linux']",
        "target.\"rocm6.3\".platforms[0]: unknown platform 'linux'; did you mean 'linux-64'?",
    ),
    (
        "targets = ['cpu']\nplatforms = ['linux-64']\ntarget.cpu.platforms = ['osx-64']",
        "target.cpu.platforms[0]: macos-x86_64 is not among tool.accelock.platforms; add it there",
    ),
    (
        "targets = ['cpu']\ntarget.cpu.platforms = ['osx-64']",
        (
            "target.cpu.platforms[0]: macos-x86_64 is not among the default "
            "tool.accelock.platforms; add it there"
        ),
    ),
    ("packages = ['torch']", "packages: must be a table, not an array"),
    ("packages.torch = 'pytorch'", "packages.torch: must be a table, not a string"),
    (
        "packages.torch = {}",
        "packages.torch: is empty; set family, cpuonly, source or substitute",
    ),
    (
        "packages.numpy.substitute = false",
        "packages.numpy.substitute: 'numpy' has the same name on all targets",
    ),
    (
        "packages.onnxruntime.substitute = 'ever'",
        'packages.onnxruntime.substitute: must be true, false or "always"',
    ),
    (
        "packages.onnxruntime-gpu.substitute = 'always'",
        (
            "packages.onnxruntime-gpu.substitute: 'onnxruntime-gpu' is not a plain name for which "
            "targets have other names"
        ),
    ),
    (
        "packages.torch.source = 'mine'",
        (
            "packages.torch.source: unknown source of a package 'mine'; choose one of: "
            "family, pypi, own"
        ),
    ),
    (
        "packages.torch = { source = 'own', cpuonly = true }",
        "packages.torch.source: 'own' takes it out of its family, and cpuonly is about the family",
    ),
    (
        "packages.torch = { cpu-only = true, family = 'pytorch' }",
        "packages.torch.cpu-only: unknown key; did you mean 'cpuonly'?",
    ),
    (
        "packages.torch.cpuonly = 'true'",
        "packages.torch.cpuonly: must be true or false, not a string",
    ),
    (
        "packages.mine.family = 'torch'",
        "packages.mine.family: unknown family 'torch'; did you mean 'pytorch'?",
    ),
    (
        "packages.mine.cpuonly = true",
        (
            "packages.mine.cpuonly: 'mine' belongs to no family that has CPU builds; add "
            + " or ".join(f'family = "{family.name}"' for family in CATALOGUE.families)
        ),
    ),
    (
        "packages.my-ext.family = 'pytorch'\npackages.My_Ext.family = 'pytorch'",
        "packages.My_Ext: is 'my-ext' a second time",
    ),
    ("packages.'a b'.family = 'pytorch'", "packages.\"a b\": 'a b' is not a project name"),
    ("conda = true", "conda: must be a table, not a boolean"),
]


@pytest.mark.parametrize(("text", "fault"), BAD)
def test_a_bad_table(text: str, fault: str) -> None:
    assert faults(text) == (f"tool.accelock.{fault}",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dependency = {}", "dependency: unknown key; did you mean 'dependencies'?"),
        ("dependencies = ['x']", "dependencies: must be a table, not an array"),
        (
            "dependencies.torch = '^2.6'",
            (
                "dependencies.torch: '^2.6' is not a version specifier (PEP 440); write it as in "
                "'==2.6.0' or '>=2.6,<3', or '*' for any version"
            ),
        ),
        ("dependencies.x = ''", "dependencies.x: is empty; write '*' for any version"),
        ("dependencies.x = 2", "dependencies.x: must be a string, not an integer"),
        ("dependencies.'a b' = '*'", "dependencies.\"a b\": 'a b' is not a project name"),
        ("dependencies = { a-b = '*', a_b = '*' }", "dependencies.a_b: is 'a-b' a second time"),
        (
            "dependencies.x = { version = '*', extra = ['a'] }",
            "dependencies.x.extra: unknown key; did you mean 'extras'?",
        ),
        (
            "dependencies.x = { extras = ['a'] }",
            "dependencies.x: has no version; write '*' for any",
        ),
        (
            "dependencies.x = { version = '*', markers = 'linux' }",
            (
                "dependencies.x.markers: 'linux' is not an environment marker (PEP 508); write it "
                "as in \"sys_platform == 'linux'\""
            ),
        ),
        (
            "dependencies.x = { version = '*', markers = \"extra == 'a'\" }",
            "dependencies.x.markers: \"extra == 'a'\" names an extra, and a target has no extras",
        ),
        (
            "max-mb = '400'",
            "max-mb: must be a number of MB, not a string",
        ),
        ("max-mb = true", "max-mb: must be a number of MB, not a boolean"),
        ("max-mb = 0", "max-mb: 0 is not a number of MB; write it as in 400"),
        ("max-mb = -1.5", "max-mb: -1.5 is not a number of MB; write it as in 400"),
        ("max-mb = nan", "max-mb: nan is not a number of MB; write it as in 400"),
        ("max-mb = inf", "max-mb: inf is not a number of MB; write it as in 400"),
        ("max_mb = 400", "max_mb: unknown key; did you mean 'max-mb'?"),
        ("denny = ['x']", "denny: unknown key; did you mean 'deny'?"),
        ("deny = 'x'", "deny: must be an array of strings, not a string"),
        ("deny = []", "deny: is empty; name at least one, or remove the key"),
        ("deny = ['a b']", "deny[0]: 'a b' is not a project name"),
        (
            "deny = ['x', '*']",
            ("deny[1]: '*' is not a project nameor a glob of names; write it as in 'nvidia-*'"),
        ),
        (
            "deny = ['nvidia *']",
            (
                "deny[0]: 'nvidia *' is not a project nameor a glob of names; write it as in "
                "'nvidia-*'"
            ),
        ),
        ("deny = ['nvidia-*', 'NVIDIA_*']", "deny[1]: names nvidia-* a second time"),
        (
            "sources.pytroch = 'https://m/'",
            "sources.pytroch: unknown family 'pytroch'; did you mean 'pytorch'?",
        ),
        (
            "sources.pytorch = 'ftp://m/'",
            "sources.pytorch: must be an http, https or file URL, not 'ftp://m/'",
        ),
    ],
)
def test_a_bad_table_of_one_target(text: str, fault: str) -> None:
    table = f"targets = ['cpu']\ntarget.cpu.{text}"
    assert faults(table) == (f"tool.accelock.target.cpu.{fault}",)


def test_all_faults_are_reported_at_once() -> None:
    text = """
        targts = ["cpu"]
        targets = ["cpu", "tpu", "cpu"]
        platforms = ["linux-64", "mac"]
        lockstep = "yes"
        glibc = 2.28
        [sources]
        pytroch = "https://m/"
        [target.cu126]
        platforms = ["amiga"]
        [packages]
        "a b" = { family = "x" }
    """
    with pytest.raises(ConfigError) as caught:
        parse(text)
    known = caught.value.faults[1].partition("choose one of: ")[2]
    assert "cpu, cu134" in known
    assert str(caught.value) == (
        "pyproject.toml: 10 faults:\n  - tool.accelock.targts: unknown key; did you mean "
        f"'targets'?\n  - tool.accelock.targets[1]: unknown target 'tpu'; choose one of: {known}\n"
        "  - tool.accelock.targets[2]: names cpu a second time\n  - tool.accelock.platforms[1]: "
        "unknown platform 'mac'; choose one of: linux-x86_64, linux-aarch64, macos-arm64, "
        "macos-x86_64, windows-x86_64\n  - tool.accelock.lockstep: must be true or false, not a "
        "string\n  - tool.accelock.glibc: must be a string, not a float\n  - "
        "tool.accelock.sources.pytroch: unknown family 'pytroch'; did you mean 'pytorch'?\n  - "
        "tool.accelock.packages.\"a b\": 'a b' is not a project name\n  - "
        "tool.accelock.packages.\"a b\".family: unknown family 'x'; choose one of: "
        f"{', '.join(family.name for family in CATALOGUE.families)}\n  - "
        "tool.accelock.target.cu126.platforms[0]: unknown platform 'amiga'; choose one of: "
        "linux-x86_64, linux-aarch64, macos-arm64, macos-x86_64, windows-x86_64"
    )


def test_one_fault_is_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("targets = ['cu12.6']")
    assert str(caught.value) == (
        "pyproject.toml: tool.accelock.targets[0]: unknown target 'cu12.6'; did you mean 'cu126'?"
    )


class TestQuestions:
    CONFIG = "targets = ['cpu', 'cu126']\ntarget.cu126.platforms = ['linux-64']\n"

    def test_platforms_of_a_target(self) -> None:
        config = parse(self.CONFIG)
        cpu, cu126 = config.targets
        assert config.platforms_of(cpu) == DEFAULT_PLATFORMS
        assert config.platforms_of(cu126) == (LINUX,)
        assert (config.declares_platforms(cpu), config.declares_platforms(cu126)) == (False, True)

    def test_declared_platforms_are_those_of_every_target(self) -> None:
        config = parse("platforms = ['linux-64', 'win-64']\n" + self.CONFIG)
        assert all(config.declares_platforms(target) for target in config.targets)
        assert config.platforms_of(config.targets[0]) == (LINUX, WINDOWS)

    def test_extends_the_catalogue(self) -> None:
        config = parse("packages.mine.family = 'pytorch'\npackages.torch.cpuonly = true")
        found = config.extend(CATALOGUE).family_of("mine")
        assert found is not None
        assert (found[0].name, found[1].labelled) == ("pytorch", True)

    def test_a_target_that_no_platform_has_is_the_engines_business(self) -> None:
        assert parse("targets = ['cu126']\nplatforms = ['osx-arm64']").platforms == (MAC,)
