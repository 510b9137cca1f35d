"""What holds of every parser of what comes from outside: nothing but AccelockError comes out.

In the default run the made-up inputs are the same each time; `tox -e fuzz` makes new ones, 100,000
of each parser of a text, and 20,000 of each of files in a folder, which cost more.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.catalogue.source import redact
from accelock.commands.check import check
from accelock.commands.check_others import check_uv
from accelock.conda import prefix, spec
from accelock.conda.project import project_of
from accelock.errors import AccelockError
from accelock.hardware import profile
from accelock.locks import conda_lock, foreign, journal, requirements, stamp
from accelock.locks.open import find_lock
from accelock.moving_in import files as moving
from accelock.moving_in.plan import plan
from accelock.settings.config import Config
from accelock.settings.poetry_project import read_project
from accelock.settings.project import Settings
from accelock.settings.settings import read_config
from accelock.sources.kept import Pages
from accelock.sources.model import parse_filename
from accelock.sources.page import as_json, cut_off, parse_page, strange
from accelock.sources.wheel_metadata import parse_metadata, parse_requirement
from accelock.targets import parse_target
from tests.commands.poetry_locks import cpu, cu126
from tests.fuzz import seeds
from tests.fuzz.damage import damaged_document, damaged_text
from tests.hardware.machines import look, nvml, smi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from accelock.conda.spec import Spec

CATALOGUE = load_catalogue()
SETTINGS = Settings(CATALOGUE, Config())
CPU = parse_target("cpu", CATALOGUE.targets)
IS_FUZZ = settings.default is not None and settings.default.max_examples > 1000
URL = "https://example.org/simple/torch/"
HTML, JSON = "text/html", "application/vnd.pypi.simple.v1+json"
MACHINES = Path(profile.__file__).with_name("profiles")


def hold(read: Callable[[str], object], make: Callable[[Random], str], cases: int) -> None:
    """Read texts that are made up, of which nothing but AccelockError may come.

    :param cases: how many in the default run; in `tox -e fuzz`, where a failing one is not made
        shorter, a thousand times as many.
    """

    @settings(
        max_examples=cases * 10 if IS_FUZZ else cases,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.randoms(use_true_random=IS_FUZZ))
    def reads(random: Random) -> None:
        for _ in range(100 if IS_FUZZ else 1):
            text = make(random)
            try:
                read(text)
            except AccelockError:
                continue
            except Exception:
                note(ascii(text))
                raise

    reads()


@dataclass(frozen=True)
class Parser:
    """A parser of a text, and texts that it takes.

    :param read: reads a text; what it wrote of it has to be read as the same.
    :param load: reads the format of the texts, so that values can be damaged; `dump` writes it.
    """

    read: Callable[[str], object]
    texts: tuple[str, ...]
    load: Callable[[str], Any] | None = None
    dump: Callable[[Any], str] | None = None

    def make(self, random: Random) -> str:
        """Return a damaged text: by its characters, or by its values."""
        if self.load is None or self.dump is None or random.randint(0, 1):
            return damaged_text(random, self.texts)
        return self.dump(damaged_document(random, self.load(random.choice(self.texts))))


def as_toml(data: Any) -> str:
    """Write TOML, which has no null and no number of 30 digits that its readers take."""
    return tomlkit.dumps(_for_toml(data))


def _for_toml(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _for_toml(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_for_toml(each) for each in value if each is not None]
    return value


def same(first: object, second: object) -> None:
    assert first == second, "what was written is read as something else"


# Of one text


def of_requirements(text: str) -> None:
    read = requirements.parse(text, "x")
    for pin in read.pins:
        assert pin.via is not None
    again = requirements.parse(read.text, "x")
    same((read.options, read.pins), (again.options, again.pins))


def of_stamp(text: str) -> None:
    found = stamp.read(text)
    if found is not None:
        same(found, stamp.read("\n".join(found.render())))
        found.describes(text)


def of_any_lock(text: str) -> None:
    found = foreign.as_requirements(text, "x", Path("nowhere"), SETTINGS)
    requirements.parse(found.text, "x")


def of_page(text: str, kind: str = HTML) -> None:
    body = text.encode(errors="surrogateescape")
    cut_off(body, kind)
    strange(body, kind, [])
    page = parse_page(body, kind, URL, "torch")
    same(page, parse_page(as_json(body, kind, URL), JSON, URL, "torch"))


def of_metadata(text: str) -> None:
    found = parse_metadata(text.encode(errors="surrogateescape"))
    for line in found.requires:
        parse_requirement(line)


def of_filename(text: str) -> None:
    for project in (None, "foo"):
        parse_filename(text, project)


def of_conda_lock(text: str) -> None:
    from accelock.conda.formats.lock import read_lock  # noqa: PLC0415 - needs PyYAML

    conda_lock.lock_of(text, "x", CPU)
    read_lock(text, "x")


def of_environment(text: str) -> None:
    from accelock.conda import capture  # noqa: PLC0415 - needs PyYAML

    found = capture.captured_from(text, "x")
    written = capture.environment(found, "x")
    # An exact version is joined to the name there, which reads as its .*, and conda wants pip.
    again = capture.captured_from(written, found.how)
    same(_loosely(found.requested), _loosely(again.requested))
    toml.parse(capture.table(found), "x")


def _loosely(specs: Iterable[Spec]) -> list[Spec]:
    return [
        each
        if each.build
        else replace(each, version=(each.version or "").strip("=").removesuffix(".*"))
        for each in specs
        if str(each) != "pip"
    ]


def of_spec(text: str) -> None:
    found = spec.parse(text)
    same(found, spec.parse(str(found)))


def of_profile(text: str) -> None:
    said = profile.dump(profile.parse(text, "x"))
    same(said, profile.dump(profile.parse(json.dumps(said), "x")))


def of_probe(name: str, text: str) -> None:
    machine = look(Path("nowhere"), {name: text})
    assert not any("the probe " in note.what for note in machine.notes)


TEXTS = {
    "requirements": Parser(of_requirements, (seeds.PINS, seeds.compiled(), seeds.INPUT)),
    "stamp": Parser(of_stamp, (seeds.compiled(),)),
    "pip-list": Parser(of_any_lock, (seeds.PIP_LIST, seeds.FREEZE)),
    "pip-list-json": Parser(of_any_lock, (seeds.PIP_JSON,), json.loads, json.dumps),
    "conda-list": Parser(of_any_lock, (seeds.CONDA_LIST, seeds.EXPLICIT)),
    "poetry-lock-elsewhere": Parser(of_any_lock, (seeds.POETRY_LOCK,), toml.loads, as_toml),
    "pylock-elsewhere": Parser(of_any_lock, (seeds.PYLOCK,), toml.loads, as_toml),
    "page": Parser(of_page, (seeds.PAGE,)),
    "page-json": Parser(
        functools.partial(of_page, kind=JSON), (seeds.JSON_PAGE,), json.loads, json.dumps
    ),
    "metadata": Parser(of_metadata, (seeds.METADATA,)),
    "filename": Parser(of_filename, seeds.NAMES),
    "conda-lock": Parser(of_conda_lock, (seeds.CONDA_LOCK,)),
    "environment-yml": Parser(of_environment, (seeds.ENVIRONMENT,)),
    "conda-spec": Parser(
        of_spec, ("numpy >=1.26,<2 py311*", "c::mkl[version='2024.*',build=h*]", "python=3.11=h9")
    ),
    "profile": Parser(
        of_profile,
        tuple((MACHINES / f"{name}.json").read_text("utf-8") for name in ("a100", "alpine")),
        json.loads,
        json.dumps,
    ),
    "nvml": Parser(
        functools.partial(of_probe, "NVML"),
        (nvml("550.54.15", ("NVIDIA H100", "9.0"), ("NVIDIA A100", "8.0")),),
        json.loads,
        json.dumps,
    ),
    "nvidia-smi": Parser(
        functools.partial(of_probe, "nvidia-smi"), (smi("550.54.15", ("NVIDIA H100", "9.0")),)
    ),
}
OF_BYTES = ("page", "page-json", "metadata")  # the others are given what was decoded
OF_CONDA = ("conda-lock", "environment-yml")


@pytest.mark.parametrize("name", TEXTS)
def test_only_our_errors_come_out_of_a_text(name: str) -> None:
    if name in OF_CONDA:
        pytest.importorskip("yaml", reason="the extra conda is not installed")
    parser = TEXTS[name]

    def made(random: Random) -> str:
        text = parser.make(random)
        return text if name in OF_BYTES else text.encode(errors="replace").decode()

    hold(parser.read, made, cases=100)


# What was found once, and chance need not come near to again.
FOUND = (
    ("pip-list-json", f'[{{"name": {"[" * 100_000}'),
    ("pip-list-json", seeds.PIP_JSON.replace('"/home/me/here"', "true")),
    ("pip-list", seeds.FREEZE.replace("croot", "x" * 5000)),
    ("pip-list-json", seeds.PIP_JSON.replace("/home/me", "\\ud800")),
    ("pip-list", seeds.FREEZE.replace("file:///", "file://[")),
    ("pylock-elsewhere", seeds.PYLOCK.replace("https://example", "https://[example")),
    ("pylock-elsewhere", seeds.PYLOCK.replace("https://download", "https://[download")),
    ("requirements", seeds.PINS.replace("https://", "https://[")),
    ("poetry-lock-elsewhere", f"[[package]]\nx = {'[' * 3000}"),
    ("pylock-elsewhere", seeds.PYLOCK.replace('path = "', 'path = "\\u0000')),
    ("pylock-elsewhere", seeds.PYLOCK.replace('{ name = "filelock" }', "{ name = true }")),
    ("page", seeds.PAGE.replace("https://files", "x:files")),
    ("page-json", "[" * 100_000),
    ("metadata", seeds.METADATA.replace("Name: torch", "Name: \udcff")),
    ("metadata", seeds.METADATA.replace("2.6.0", "9" * 5000)),
    ("filename", f"torch-{'9' * 5000}-py3-none-any.whl"),
    ("filename", f"foo-{'9' * 5000}.tar.gz"),
    ("conda-lock", seeds.CONDA_LOCK.replace("h64a7726_0", f"h_{'9' * 5000}")),
    ("conda-lock", f"{seeds.CONDA_LOCK}day: 2025-13-45\n"),
    ("conda-spec", "c::mkl[version='2024.*',build=*]"),
)


def test_a_url_that_is_none_shows_no_password() -> None:
    assert redact("https://user:secret@[x/y?token=z") == "https://****@[x/y?token=****"


@pytest.mark.parametrize(("name", "text"), FOUND, ids=[each[0] for each in FOUND])
def test_what_was_found_before(name: str, text: str) -> None:
    if name in OF_CONDA:
        pytest.importorskip("yaml", reason="the extra conda is not installed")
    with contextlib.suppress(AccelockError):
        TEXTS[name].read(text)


# Of a file in a folder


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def in_folder(read: Callable[..., object]) -> Callable[[str], None]:
    """Return what gives each text a folder of its own."""

    def reading(text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            read(Path(folder), text)

    return reading


def read_folder(folder: Path) -> None:
    """Read a project as every command does."""
    check(folder)
    read = Settings.of(folder)
    found = find_lock(folder, read)
    for lock in found.targets.values() if found is not None else ():
        for pin in lock.pins:
            assert pin.where


def of_compiled(folder: Path, text: str) -> None:
    put(folder, "requirements.cpu.txt", text)
    read_folder(folder)


def of_poetry_lock(folder: Path, text: str) -> None:
    put(folder, "pyproject.toml", seeds.TABLE)
    put(folder, "poetry.lock", text)
    read_folder(folder)


def of_pylock(folder: Path, text: str) -> None:
    put(folder, "pylock.cpu.toml", text)
    read_folder(folder)


def of_uv_lock(folder: Path, text: str) -> None:
    put(folder, "pyproject.toml", seeds.TABLE)
    put(folder, "uv.lock", text)
    check_uv(folder, CATALOGUE)


def of_table(folder: Path, text: str) -> None:
    put(folder, "pyproject.toml", text)
    config = read_config(folder / "pyproject.toml", CATALOGUE)
    with contextlib.suppress(AccelockError):
        project_of(folder, config)
    read_project(toml.read(folder / "pyproject.toml", "x") or {})


def of_hand_made(folder: Path, text: str, name: str) -> None:
    put(folder, name, text)
    there, others = moving.read_files(folder), moving.read_others(folder)
    found = plan(there, CATALOGUE, (), others)
    list(moving.diff(there, found))


def of_conda_meta(folder: Path, text: str) -> None:
    (folder / "conda-meta").mkdir(exist_ok=True)
    put(folder, "conda-meta/numpy-1.26.4-py311_0.json", text)
    prefix.installed(folder)


def of_conda_history(folder: Path, text: str) -> None:
    (folder / "conda-meta").mkdir(exist_ok=True)
    put(folder, "conda-meta/history", text)
    prefix.history(folder)


def of_journal(folder: Path, text: str) -> None:
    """A journal that is damaged moves nothing but what its own run wrote beside a file."""
    token = "0123456789abcdef"
    put(folder, "kept.txt", "kept")
    put(folder, "a.txt", "old")
    put(folder, f".a.txt.{token}.accelock-new", "new")
    put(folder, f".accelock-journal.{token}", text)
    try:
        journal.recover(folder)
    finally:
        assert (folder / "kept.txt").read_text("utf-8") == "kept"
        assert (folder / "a.txt").read_text("utf-8") in {"old", "new"}


def of_draft(folder: Path, text: str) -> None:
    token = "0123456789abcdef"
    put(folder, "kept.txt", "kept")
    put(folder, f"..accelock-journal.{token}.{token}.accelock-new", text)
    journal.recover(folder)
    assert [path.name for path in folder.iterdir()] == ["kept.txt"]


def of_kept_page(folder: Path, text: str) -> None:
    pages = Pages(folder)
    path = pages._path(URL)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    pages.get(URL)


JOURNAL = json.dumps(
    {
        "format": 1,
        "files": [
            {"path": "a.txt", "sha256": hashlib.sha256(b"new").hexdigest()},
            {"path": "../b.txt", "sha256": None},
        ],
    }
)
KEPT = '{"status": 200, "url": "", "headers": {"ETag": "x"}, "sha256": "e3b0"}\nbody'


@dataclass(frozen=True)
class FileParser(Parser):
    """The same of a file: `read` is given a folder, too."""

    read: Callable[..., object]


FILES = {
    "compiled": FileParser(of_compiled, (seeds.compiled(),)),
    "poetry-lock": FileParser(of_poetry_lock, (seeds.POETRY_LOCK,), toml.loads, as_toml),
    "pylock": FileParser(of_pylock, (seeds.PYLOCK,), toml.loads, as_toml),
    "uv-lock": FileParser(of_uv_lock, (seeds.UV_LOCK,), toml.loads, as_toml),
    "pyproject": FileParser(of_table, (seeds.TABLE,), toml.loads, as_toml),
    "init-pyproject": FileParser(
        functools.partial(of_hand_made, name="pyproject.toml"),
        (seeds.TABLE.partition("[tool.accelock]")[0],),
        toml.loads,
        as_toml,
    ),
    "init-requirements": FileParser(
        functools.partial(of_hand_made, name="requirements.in"), (seeds.INPUT, seeds.PINS)
    ),
    "init-dockerfile": FileParser(
        functools.partial(of_hand_made, name="Dockerfile"), (seeds.DOCKERFILE,)
    ),
    "init-environment-yml": FileParser(
        functools.partial(of_hand_made, name="environment.yml"), (seeds.ENVIRONMENT,)
    ),
    "conda-meta": FileParser(of_conda_meta, (seeds.CONDA_META,), json.loads, json.dumps),
    "conda-history": FileParser(of_conda_history, (seeds.HISTORY,)),
    "journal": FileParser(of_journal, (JOURNAL,), json.loads, json.dumps),
    "draft-of-a-journal": FileParser(of_draft, (JOURNAL,), json.loads, json.dumps),
    "cached-page": FileParser(of_kept_page, (KEPT,)),
}


@pytest.mark.parametrize("name", FILES)
def test_only_our_errors_come_out_of_a_file(name: str) -> None:
    hold(in_folder(FILES[name].read), FILES[name].make, cases=20)


# What is right at its edges and wrong inside


WRONG: tuple[Any, ...] = (
    "",
    "x",
    "==",
    ">=3",
    "\0",
    [],
    {},
    3,
    True,
    ["x"],
    {"x": 3},
    [{"file": 3}],
)


def relocked(random: Random) -> str:
    """Return a lock with damaged entries whose digests are right, as another tool may make it."""
    one, two = (damaged_document(random, entries, WRONG) for entries in (cpu(), cu126()))
    try:
        return seeds.locked(one, two)
    except (TypeError, KeyError, ValueError):  # no writer makes that
        return ""


def test_a_poetry_lock_with_right_digests_and_wrong_entries() -> None:
    hold(in_folder(of_poetry_lock), relocked, cases=40)


def test_a_compiled_file_with_a_right_digest_and_wrong_lines() -> None:
    def recompiled(random: Random) -> str:
        body = damaged_text(random, (seeds.PINS,))
        return seeds.compiled(body.encode(errors="replace").decode())

    hold(in_folder(of_compiled), recompiled, cases=20)
