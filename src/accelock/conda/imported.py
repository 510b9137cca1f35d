"""A hand-written environment.yml, or the output of `conda env export`, as what was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from accelock.conda import builds
from accelock.conda.capture import Captured, CaptureError
from accelock.conda.formats.yaml import YamlError, load
from accelock.conda.spec import Spec, SpecError, parse
from accelock.conda.urls import strip_credentials
from accelock.locks.inputs import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["captured_from"]

# A target says it: what it draws in is found by the solve.
_OF_TARGET = ("cpuonly", "cudatoolkit", "pytorch-cuda", "cuda-version")
_EXACT = re.compile(r"(?P<name>[^=\s]+)=(?P<version>[^=\s]+)=(?P<build>[^=\s*]+)")
_WORD = re.compile(r"[a-z]+")  # as blas has it: `mkl`, `openblas`


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
        raise CaptureError(f"{where}: is no environment.yml; it has no list of dependencies")
    words = [each for each in entries if isinstance(each, str)]
    lines = [line for each in entries if isinstance(each, dict) for line in _pip(each, where)]
    exported = bool(words) and all(map(_EXACT.fullmatch, words))
    specs = {spec.name: spec for spec in (_spec(word, where, exported) for word in words)}
    named = sorted(name for name in specs if name in _OF_TARGET)
    channels = data.get("channels")
    return Captured(
        channels=_channels(channels if isinstance(channels, list) else ()),
        requested=tuple(specs[name] for name in sorted(specs) if name not in named),
        pip=(),
        how=f"{where}{', an export of all packages' if exported else ''}",
        lines=tuple(map(str, without_credentials(lines))),
        left_out=tuple(str(specs[name]) for name in named),
    )


def _spec(word: str, where: str, exported: bool) -> Spec:  # noqa: FBT001 - private
    try:
        found = parse(word)
    except SpecError as error:
        raise CaptureError(f"{where}: {error}") from None
    if not exported or found.build is None or _WORD.fullmatch(found.build):
        return found
    hardware = builds.is_hardware_build(found.build)
    build = builds.glob([found.build], None) if hardware else None
    return Spec(found.name, found.version, build, found.channel)


def _pip(entry: dict[Any, Any], where: str) -> list[str]:
    """Return the lines of `pip:`. A selector has no place in a table: it is `platforms` there."""
    other = [str(key) for key in entry if key != "pip"]
    if other:
        raise CaptureError(
            f"{where}: {other[0]!r} stands where a package should; write what is for some "
            'platforms alone into the table, as in mkl = { version = "*", platforms = '
            '["linux-x86_64"] }, and take it out of the file'
        )
    lines = entry["pip"]
    return [str(line) for line in lines] if isinstance(lines, list) else []


def _channels(words: Iterable[object]) -> tuple[str, ...]:
    """Return the channels; where none is named, conda's own."""
    named = dict.fromkeys(strip_credentials(str(word)).rstrip("/") for word in words)
    named.pop("nodefaults", None)
    return tuple(named) or ("defaults",)
