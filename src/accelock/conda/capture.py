"""What was asked for in an existing environment, or in an environment.yml, without any solver.

Of an environment, the records themselves tell it (`requested_spec` of conda, `requested_specs` of
rattler and mamba), or conda's `history`. One made from an explicit list has asked for everything by
name: then the leaves of its graph are what somebody wanted.

What is found is written as the table of pyproject.toml, or as an environment.yml.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name

from accelock.catalogue import load_catalogue
from accelock.conda import builds
from accelock.conda.channels import ALIAS, strip_credentials
from accelock.conda.formats.model import YamlError, load, scalar
from accelock.conda.overlap import load_names, projects_of
from accelock.conda.prefix import CaptureError, history, installed, pip_packages
from accelock.conda.record import leaves
from accelock.conda.spec import Spec, SpecError, parse
from accelock.locks import requirements
from accelock.locks.inputs import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from accelock.conda.prefix import Installed, PipPackage
    from accelock.conda.record import Record

_PLAIN_CHANNEL = re.compile(rf"{re.escape(ALIAS)}/([^/]+(?:/label/[^/]+)?)/?")
# A requirement by its build, or by its archive.
_EXACT = re.compile(
    r"[^=\s]+(==?[^=]+=[^=]+|\[.*\b(url|md5|sha256|build)=.*\])|.*(\.conda|\.bz2).*"
)
_EXPORTED = re.compile(r"[^=\s]+=[^=\s]+=[^=\s*]+")  # a line of `conda env export`
_WORD = re.compile(r"[a-z]+")  # as blas has it: `mkl`, `openblas`
# A target says it: what it draws in is found by the solve.
_OF_TARGET = ("cpuonly", "cudatoolkit", "pytorch-cuda", "cuda-version")


@dataclass(frozen=True, slots=True)
class Captured:
    """What was asked for in an environment.

    `channels` are those of all its packages, that of most of them first. `requested` are in the
    order of names, and so is `pip`. `how` tells what they were known by. `missing` are the
    words of a keep-list that the environment has neither from conda nor from pip. `lines` are those
    of an environment.yml's `pip:`, and `left_out` what a target says in its place.
    """

    channels: tuple[str, ...]
    requested: tuple[Spec, ...]
    pip: tuple[PipPackage, ...]
    how: str
    missing: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def capture(prefix: Path, keep: str | None = None) -> Captured:
    """Return what was asked for in the environment at `prefix`.

    :param keep: the text of a requirements.in, whose names then decide, pip's or conda's.

    Raises CaptureError, and RequirementsError for a line of the keep-list.
    """
    packages = installed(prefix)
    records = {package.record.name: package.record for package in packages}
    pip = pip_packages(prefix, packages)
    missing: tuple[str, ...] = ()
    told, how = _requested(prefix, packages, records)
    names = set(told)
    if keep is not None:
        names, missing = _kept(keep, records, pip)
        how = "the keep-list"
    if "python" in records:
        names.add("python")
    counts = Counter(_channel(record) for record in records.values() if record.channel)
    channels = tuple(sorted(counts, key=lambda name: (-counts[name], name)))
    requested = [_pinned(records[name], told.get(name, ()), channels) for name in sorted(names)]
    return Captured(channels, tuple(requested), pip, how, missing)


def _channel(record: Record) -> str:
    """Return the name of a record's channel where it has one, else its URL."""
    found = _PLAIN_CHANNEL.fullmatch(record.channel)
    return found[1] if found else record.channel


def _pinned(record: Record, asked: Sequence[str], channels: Sequence[str]) -> Spec:
    """Return a package in its version, with a build that names hardware or that was asked for.

    Its channel is named where it is not the first: there, others may have the package too.
    """
    named = [build for build in map(_build_of, asked) if build is not None]
    patterns = [build for build in named[-1:] if fnmatchcase(record.build, build)]
    if builds.is_hardware_build(record.build):
        patterns = list(filter(None, [builds.glob([record.build], None), *patterns]))
    channel = _channel(record)
    build = builds.joined(patterns, [record.build])
    other = channel if channel and channel != channels[0] else None
    return Spec(record.name, f"=={record.version}", build, other)


def _build_of(spec: str) -> str | None:
    """Return the build that a requirement names, if it can be read at all."""
    try:
        return parse(spec).build
    except SpecError:
        return None


def _requested(
    prefix: Path, packages: Iterable[Installed], records: Mapping[str, Record]
) -> tuple[Mapping[str, Sequence[str]], str]:
    """Return what was asked for, by name, each with the words for it, and how that is known."""
    asked = {package.record.name: package.specs for package in packages if package.specs}
    if asked and not _is_explicit(asked, records):
        return asked, "the records' requested specs"
    told = {name: specs for name, specs in history(prefix).items() if name in records}
    if told and not _is_explicit(told, records):
        return told, "conda's history"
    return {record.name: () for record in leaves(records.values())}, "the leaves of its graph"


def _is_explicit(asked: Mapping[str, Iterable[str]], records: Mapping[str, Record]) -> bool:
    """Tell whether everything was asked for, by its build: an explicit list or a lock."""
    exact = all(any(map(_EXACT.fullmatch, specs)) for specs in asked.values())
    return len(asked) == len(records) > 1 and exact


def _kept(
    keep: str, records: Mapping[str, Record], pip: Iterable[PipPackage]
) -> tuple[set[str], tuple[str, ...]]:
    """Return the conda packages that a keep-list names, and its words that nothing goes by."""
    by_pip = {package.name for package in pip}
    projects: dict[str, set[str]] = {}
    for name in records:
        for project in {canonicalize_name(name), *projects_of(name)}:
            projects.setdefault(project, set()).add(name)
    names: set[str] = set()
    missing = []
    for pin in requirements.parse(keep, "the keep-list").pins:
        found = projects.get(pin.name, set())
        # Of several conda packages that are one thing, the one that stands for the project.
        mapped = load_names().get(pin.name)
        ranked = [name for name in mapped.conda if name in found] if mapped is not None else []
        names |= set(ranked[:1]) or found
        if not found and pin.name not in by_pip:
            missing.append(pin.name or pin.raw.strip())
    return names, tuple(missing)


def captured_from(text: str, where: str) -> Captured:
    """Return what the text of an environment.yml asks for.

    In the output of `conda env export` each package has its version and its build, whoever asked
    for it: the versions stay, and builds where they are hardware or one word, as `openblas` is.

    Raises CaptureError, which names `where` and the entry, and MissingExtraError without PyYAML.
    """
    try:
        data = load(text, where)
    except YamlError as error:
        raise CaptureError(str(error)) from None
    entries = data.get("dependencies") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise CaptureError(f"{where}: is not an environment.yml: it has no list of dependencies")
    words = [each for each in entries if isinstance(each, str)]
    lines = [line for each in entries if isinstance(each, dict) for line in _pip(each, where)]
    exported = bool(words) and all(map(_EXPORTED.fullmatch, words))
    try:
        found = [parse(word) for word in words]
    except SpecError as error:
        raise CaptureError(f"{where}: {error}") from None
    specs = {spec.name: _portable(spec) if exported else spec for spec in found}
    named = sorted(name for name in specs if name in _OF_TARGET)
    channels = data.get("channels")
    listed = channels if isinstance(channels, list) else ()
    said = [strip_credentials(str(word)).rstrip("/") for word in listed]
    return Captured(
        # Where none is named, they are conda's own.
        channels=tuple(dict.fromkeys(each for each in said if each != "nodefaults"))
        or ("defaults",),
        requested=tuple(specs[name] for name in sorted(specs) if name not in named),
        pip=(),
        how=f"{where}{', an export of all packages' if exported else ''}",
        lines=tuple(map(str, without_credentials(lines))),
        left_out=tuple(str(specs[name]) for name in named),
    )


def _portable(spec: Spec) -> Spec:
    """Return a line of an export without the build that is of one platform and day."""
    if spec.build is None or _WORD.fullmatch(spec.build):
        return spec
    hardware = builds.is_hardware_build(spec.build)
    build = builds.glob([spec.build], None) if hardware else None
    return Spec(spec.name, spec.version, build, spec.channel)


def _pip(entry: dict[Any, Any], where: str) -> list[str]:
    """Return the lines of `pip:`. A selector has no place in a table: it is `platforms` there."""
    other = [str(key) for key in entry if key != "pip"]
    if other:
        raise CaptureError(
            f"{where}: {other[0]!r} is not a package; write a package for only some "
            'platforms into the table, as in mkl = { version = "*", platforms = '
            '["linux-x86_64"] }, and remove it from the file'
        )
    lines = entry["pip"]
    return [str(line) for line in lines] if isinstance(lines, list) else []


def table(captured: Captured) -> str:
    """Return `[tool.accelock.conda]` with every requested package, pinned.

    What pip had installed is listed in comments: it belongs into the project's pip requirements.
    """
    document = tomlkit.document()
    for each in captured.left_out:
        document.add(tomlkit.comment(f"{each} is left out: the target says it."))
    if captured.pip or captured.lines:
        note = "Installed by pip; put those that you require yourself into requirements.in, or into"
        document.add(tomlkit.comment(note))
        document.add(tomlkit.comment("Poetry's dependencies:"))
        for line in (*_pip_lines(captured), *_apart(captured)):
            document.add(tomlkit.comment(f"  {line}"))
    conda = tomlkit.table()
    conda.add("channels", list(captured.channels))
    dependencies = tomlkit.table()
    for spec in captured.requested:
        told = {"version": spec.version or "*", "build": spec.build, "channel": spec.channel}
        values = {key: value for key, value in told.items() if value is not None}
        pin = tomlkit.inline_table()
        pin.update(values)
        dependencies.add(spec.name, pin if len(values) > 1 else told["version"])
    conda.add("dependencies", dependencies)
    whole = tomlkit.table(is_super_table=True)
    whole.add("accelock", tomlkit.table(is_super_table=True).add("conda", conda))
    document.add("tool", whole)
    return tomlkit.dumps(document)


def environment(captured: Captured, name: str | None = None) -> str:
    """Return an environment.yml with every requested package, pinned, and what pip had installed.

    It is portable: there are no builds but those of hardware, and those that were asked for, and no
    prefix.
    """
    lines = [f"name: {scalar(name)}"] if name else []
    lines += ["channels:", *(f"  - {scalar(channel)}" for channel in captured.channels)]
    lines += ["dependencies:", *(f"  - {scalar(_entry(spec))}" for spec in captured.requested)]
    pinned = _pip_lines(captured)
    if pinned:
        if not any(spec.name == "pip" for spec in captured.requested):
            lines.append("  - pip")
        lines.append("  - pip:")
        lines += [f"      - {scalar(each)}" for each in pinned]
    lines += [f"  # {each}" for each in _apart(captured)]
    return "".join(f"{line}\n" for line in lines)


def _entry(spec: Spec) -> str:
    """Return a package as environment.yml has it: an exact version is joined to the name there."""
    version = spec.version or "*"
    if not version.startswith("==") or set(version) & set("|,*"):
        return str(spec)
    channel = f"{spec.channel}::" if spec.channel else ""
    return f"{channel}{spec.name}={version[2:]}{f'={spec.build}' if spec.build else ''}"


def _pip_lines(captured: Captured) -> list[str]:
    """Return pip's lines: the indexes of families (`+cu118`), pins, and what the file said."""
    indexes: dict[str, None] = {}
    pins = []
    for each in captured.pip:
        if each.origin is None and _is_of_index(each):
            pins.append(f"{each.name}=={each.version}")
            if index := _index(each):
                indexes[f"--extra-index-url {index}"] = None
    return [*indexes, *pins, *captured.lines]


def _apart(captured: Captured) -> Iterator[str]:
    """Say what to do about the packages that no index need have in this version."""
    for each in captured.pip:
        called = f"{each.name} {each.version}".rstrip()
        if each.origin is not None:
            yield f"{called} was installed from {each.origin}; add it yourself"
        elif not _is_of_index(each):
            yield f"{called} is a build that no public index has; add it yourself"


def _is_of_index(package: PipPackage) -> bool:
    return "+" not in package.version or _index(package) is not None


def _index(package: PipPackage) -> str | None:
    """Return the index of a build with the label of a family's target, None for any other."""
    catalogue = load_catalogue()
    label = package.version.partition("+")[2]
    found = catalogue.family_of(package.name) if label in catalogue.targets else None
    return found[0].index.replace("{target}", label) if found is not None else None
