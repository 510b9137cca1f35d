from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomlkit

from accelock.catalogue import load_catalogue
from accelock.conda.config import CondaConfig, parse_conda
from accelock.errors import ConfigError
from accelock.settings.settings import parse_config
from tests.conda.records import ARM, CPU, CUDA, LINUX, MAC, WINDOWS

if TYPE_CHECKING:
    from accelock.targets import Platform, Target

HEAD = 'targets = ["cpu", "cu126"]\n'
FULL = """
[conda]
channels = ["conda-forge", "https://me:secret@host.example/t/token/own/"]
overlap  = "warn"
pins     = "requirements.{target}.txt"
[conda.dependencies]
vega-lite-cli = ">=5"
Python = "3.12.*"
mkl = { version = ">=2024", platforms = ["linux-64", "windows-x86_64"] }
pytorch = { version = "2.6.*", build = "*cpu*", channel = "conda-forge" }
ffmpeg = "*"
[conda.target.cu126.dependencies]
cuda-toolkit = "12.6.*"
pytorch = "2.6.* *cuda*"
[conda.group.dev.dependencies]
git = "*"
ffmpeg = { version = "7.*", platforms = ["macos-arm64"] }
"""


def parse(text: str) -> CondaConfig:
    table = tomlkit.parse(text).unwrap()
    config = parse_config(table, "pyproject.toml", load_catalogue())
    assert config.conda is not None
    return parse_conda(config.conda, "pyproject.toml", config)


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return tuple(fault.removeprefix("tool.accelock.conda") for fault in caught.value.faults)


def specs(
    config: CondaConfig, target: Target | None, platform: Platform, group: str | None = None
) -> list[str]:
    return [str(spec) for spec in config.specs_for(target, platform, group)]


def test_everything() -> None:
    config = parse(HEAD + FULL)
    assert config.channels == ("conda-forge", "https://me:secret@host.example/t/token/own")
    assert config.overlap == "warn"
    assert config.pins == "requirements.{target}.txt"
    assert specs(config, CPU, LINUX) == [
        "ffmpeg",
        "mkl >=2024",
        "python 3.12.*",
        "conda-forge::pytorch 2.6.* *cpu*",
        "vega-lite-cli >=5",
    ]


def test_platforms_targets_and_groups() -> None:
    config = parse(HEAD + FULL)
    assert "mkl >=2024" not in specs(config, CPU, MAC)
    assert "mkl >=2024" in specs(config, CPU, WINDOWS)
    assert "cuda-toolkit 12.6.*" in specs(config, CUDA, ARM)
    assert "pytorch 2.6.* *cuda*" in specs(config, CUDA, LINUX)
    assert set(specs(config, CPU, LINUX)) < set(specs(config, CPU, LINUX, "dev"))
    assert "ffmpeg 7.*" in specs(config, CPU, MAC, "dev")
    assert "ffmpeg" in specs(config, CPU, LINUX, "dev")


def test_no_targets_and_the_defaults() -> None:
    config = parse('[conda]\nchannels = ["conda-forge"]\n[conda.dependencies]\ngit = "*"\n')
    assert specs(config, None, LINUX) == ["git"]
    assert (config.overlap, config.pins, dict(config.groups)) == ("constrain", None, {})


def test_the_order_of_tables_says_nothing() -> None:
    one = parse('[conda]\nchannels = ["c"]\n[conda.dependencies]\nb = "1"\na = "2"\n')
    other = parse('[conda.dependencies]\na = "2"\nb = "1"\n[conda]\nchannels = ["c"]\n')
    assert one == other


def test_all_faults_at_once() -> None:
    text = """
[conda]
chanels = ["conda-forge"]
overlap = "warns"
pins = "pyproject.toml"
[conda.dependencies]
git = 3
ffmpeg = { version = ">>1" }
mkl = { versoin = "1", platforms = ["linux-64"] }
"fastapi[all]" = "*"
[conda.target.cu12]
dependencies = {}
[conda.group.Dev.dependencies]
"""
    told = faults(HEAD + text)
    assert [fault.partition(":")[0] for fault in told] == [
        ".chanels",
        ".channels",
        ".overlap",
        ".pins",
        ".dependencies.git",
        ".dependencies.ffmpeg",
        ".dependencies.mkl.versoin",
        ".dependencies.fastapi[all]",
        ".target.cu12",
        ".group.Dev",
    ]
    for fault, words in zip(
        told,
        (
            "unknown key; did you mean 'channels'?",
            'is missing; name at least one, as in ["conda-forge"]',
            "unknown rule 'warns'; did you mean 'warn'?",
            (
                "'pyproject.toml' is not a lock with pip's pins; it is 'poetry.lock', or a "
                "compiled file"
            ),
            "must be a version or a table, not an integer",
            "'ffmpeg >>1': '>>1' is not a version; write it as in 'numpy >=1.26,<3'",
            "unknown key; did you mean 'version'?",
            "conda packages have no extras; leave 'fastapi' with its extras on the pip side",
            "'cu12' is not one of tool.accelock.targets; did you mean 'cu126'?",
            "is not a group name; it is small letters, digits and -, not main",
        ),
        strict=True,
    ):
        assert words in fault


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("channels = []", ".channels: is empty; name at least one, or remove the key"),
        ('channels = ["nodefaults"]', ".channels[0]: 'nodefaults' is not a channel; "),
        (
            'channels = ["conda forge"]',
            (".channels[0]: 'conda forge' is not a channel; write it as in"),
        ),
        (
            'channels = ["http://[::1/c"]',
            (".channels[0]: is not the URL of a channel: its host or its port"),
        ),
        (
            'channels = ["https://me:s3cr3t"]',
            (".channels[0]: is not the URL of a channel: its host or its"),
        ),
        ('channels = ["c", "c/"]', ".channels[1]: 'c/' is not a channel"),
        ('channels = ["https://h/c", "https://h/c/"]', ".channels[1]: names https://h/c a second"),
        ('channels = ["c"]\npins = "r.{python}.txt"', ".pins: has the field {python}; the only"),
        ('channels = ["c"]\ndependencies = ["git"]', ".dependencies: must be a table, not an"),
        (
            'channels = ["c"]\ngroup.lock.dependencies = {}',
            ".group.lock: ends in 'lock', and mamba",
        ),
        ('channels = ["c"]\ndependencies.ruamel.yaml = "*"', 'quote it: "ruamel.yaml"'),
        ('channels = ["c"]\ndependencies.__glibc = "*"', "is a virtual package, and cannot"),
        ('channels = ["c"]\ndependencies = { a = "1", A = "2" }', ".A: is 'a' a second time"),
        (
            'channels = ["c"]\ndependencies."c::x" = "1"',
            ("write only the name here, and the rest as {"),
        ),
        ('channels = ["c"]\ndependencies.x = { platforms = ["macos-x86_64"] }', "is not among too"),
        ('channels = ["c"]\ndependencies.x = { platforms = ["linux-65"] }', "did you mean 'linux-"),
        (
            'channels = ["c"]\ntarget.cu126.dependencies.x = { platforms = ["osx-arm64"] }',
            "macos-arm64 is not among the platforms of cu126 (linux-x86_64, linux-aarch64, windows",
        ),
        ('channels = ["c"]\ntarget.cu126.groups = {}', ".target.cu126.groups: unknown key; the"),
    ],
)
def test_one_fault(table: str, told: str) -> None:
    (fault,) = faults(f"{HEAD}[conda]\n{table}\n")
    assert told in fault


def test_a_target_with_a_dot_needs_quotes() -> None:
    text = 'targets = ["rocm6.3"]\n[conda]\nchannels = ["c"]\n[conda.target.rocm6.3.dependencies]\n'
    (fault,) = faults(text)
    assert '[tool.accelock.conda.target."rocm6.3"]' in fault


@pytest.mark.parametrize(
    "url",
    [
        "https://me:sec/ret@host.example/own",
        "https://me:sec@ret@host.example/own",
        "https://me:sec#ret@host.example/own",
        "https://host.example/own?token=secret",
    ],
)
def test_a_password_that_ends_too_early_is_refused_and_not_told(url: str) -> None:
    (fault,) = faults(f'[conda]\nchannels = ["{url}"]\n')
    assert fault.startswith(".channels[0]: is not the URL of a channel")
    assert "ret" not in fault


def test_credentials_are_never_told() -> None:
    for url in ("https://me:secret@host example/c", "ftp://me:secret@host/t/secret/c"):
        (fault,) = faults(f'[conda]\nchannels = ["{url}"]\n')
        assert "secret" not in fault


@pytest.mark.parametrize(
    "path", ["./ch", "../../ch/forge", "ch/../forge", "ch/.", ".", "..", "..ch"]
)
def test_a_path_of_this_machine_is_no_channels_name(path: str) -> None:
    (fault,) = faults(f'[conda]\nchannels = ["{path}"]\n')
    assert fault.startswith(f".channels[0]: {path!r} is not a channel; write it as in")
    assert fault.endswith("or file URL (of a folder, file:///home/me/channel)")
    (fault,) = faults(
        f'[conda]\nchannels = ["c"]\n[conda.dependencies]\nnumpy = {{ channel = "{path}" }}\n'
    )
    assert fault.endswith(f"{path!r} is not the name or URL of a channel")


def test_a_name_may_have_dots() -> None:
    names = (".hidden", "my.channel/label/v1.2", "a./b")
    for name in names:
        assert parse(f'[conda]\nchannels = ["{name}"]\n').channels == (name,)


@pytest.mark.parametrize("name", ["t/secret/private", "own/t/secret", "user:secret@host/conda"])
def test_the_short_forms_with_credentials_are_refused_and_not_told(name: str) -> None:
    (fault,) = faults(f'[conda]\nchannels = ["{name}"]\n')
    assert fault.startswith(".channels[0]: is not the name of a channel")
    assert "secret" not in fault
    (fault,) = faults(
        f'[conda]\nchannels = ["c"]\n[conda.dependencies]\nnumpy = {{ channel = "{name}" }}\n'
    )
    assert "has credentials" in fault
    assert "secret" not in fault


OWN = "https://me:secret@Host.example:443/t/token/own/"


@pytest.mark.parametrize(
    "channel",
    [
        "forge",
        "https://conda.anaconda.org/forge/",
        "pytorch/label/rc",
        "https://host.example/own",
        "https://HOST.example:443/own//",
        "file:///srv/c%20d",
    ],
)
@pytest.mark.parametrize("table", ["", "target.cu126.", "group.dev."])
def test_a_channel_of_a_dependency_is_one_of_the_channels(table: str, channel: str) -> None:
    text = f"""{HEAD}[conda]
channels = ["forge", "pytorch/label/rc", "{OWN}", "file:///srv/c%20d"]
[conda.{table}dependencies]
numpy = {{ channel = "{channel}" }}
"""
    conda = parse(text)
    dependencies = (
        *conda.dependencies,
        *conda.targets.get("cu126", ()),
        *conda.groups.get("dev", ()),
    )
    assert [each.spec.channel for each in dependencies] == [channel]


@pytest.mark.parametrize(
    "channel",
    ["pytorch", "forge/label/rc", "http://host.example/own", "https://host.example/forge"],
)
@pytest.mark.parametrize("table", ["", "target.cu126.", "group.dev."])
def test_any_other_channel_of_a_dependency_is_refused(table: str, channel: str) -> None:
    (fault,) = faults(
        f"""{HEAD}[conda]
channels = ["forge", "pytorch/label/rc", "{OWN}"]
[conda.{table}dependencies]
numpy = {{ channel = "{channel}" }}
"""
    )
    assert fault == (
        f".{table}dependencies.numpy.channel: {channel!r} is not one of "
        "tool.accelock.conda.channels (forge, pytorch/label/rc, https://Host.example:443/own), "
        "and accelock reads no other; add it, or name one of them"
    )


def test_a_channel_at_fault_is_one_fault() -> None:
    (fault,) = faults(
        '[conda]\nchannels = ["./own"]\n[conda.dependencies]\nnumpy = { channel = "own" }\n'
    )
    assert fault.startswith(".channels[0]: './own' is not a channel")


def test_what_defaults_stands_for() -> None:
    """It is the name of no channel: conda's word for these, of which the last is for Windows."""
    config = parse_config({}, "pyproject.toml", load_catalogue())
    table = {"channels": ["conda-forge", "defaults"]}
    assert parse_conda(table, "pyproject.toml", config).channels == (
        "conda-forge",
        "https://repo.anaconda.com/pkgs/main",
        "https://repo.anaconda.com/pkgs/r",
        "https://repo.anaconda.com/pkgs/msys2",
    )
