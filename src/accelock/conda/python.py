"""Which Pythons a project's environments run on, from its files alone: never this machine's.

`python` of [tool.accelock] says it; else the Python that a compiled requirements file was made for;
else `requires-python` (PEP 621), else Poetry's dependency on python.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tomlkit
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from tomlkit.exceptions import TOMLKitError

from accelock.conda.spec import Spec, SpecError, parse
from accelock.targets import PYTHONS, PythonVersion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from accelock.settings.settings import Config

__all__ = ["constraint", "versions"]

_COMMA = re.compile(r"\s*,\s*|\s+(?=[<>=!~^])")  # Poetry takes a space for one
_CARET = re.compile(r"\^\s*(\d+)(?:\.\d+)*")
_TILDE = re.compile(r"~(?!=)\s*(\d+)\.(\d+)(?:\.\d+)*")
_MINOR = re.compile(r"={0,3}\s*(\d+\.\d+)(?:\.\*)?")


def constraint(
    config: Config, pyproject: Path, compiled: Sequence[PythonVersion] = ()
) -> Spec | None:
    """Return the Pythons as a constraint of every solve, or None where nothing says any.

    :param compiled: those that a compiled requirements file was made for.

    What conda cannot say of a constraint is left out.
    """
    listed = config.pythons or compiled
    if listed:
        return Spec("python", "|".join(f"{python}.*" for python in sorted(set(listed))))
    either = _declared(pyproject)
    try:
        return parse("python", "|".join(either)) if either else None
    except SpecError:
        return None


def versions(
    config: Config, pyproject: Path, compiled: Sequence[PythonVersion] = ()
) -> tuple[PythonVersion, ...]:
    """Return the minor versions that the project may run on, for the markers of pip's pins."""
    listed = config.pythons or compiled
    if listed:
        return tuple(sorted(set(listed)))
    either = [_specifiers(text) for text in _declared(pyproject)]
    allowed = tuple(python for python in PYTHONS if any(_allows(each, python) for each in either))
    return allowed or PYTHONS


def _declared(pyproject: Path) -> tuple[str, ...]:
    """Return the alternatives that pyproject.toml allows, each in PEP 440's words."""
    try:
        data = tomlkit.parse(pyproject.read_text(encoding="utf-8-sig")).unwrap()
    except (OSError, UnicodeDecodeError, TOMLKitError):
        return ()
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
    text = data.get("project", {}).get("requires-python", poetry)
    if not isinstance(text, str) or not text.strip():
        return ()
    either = re.split(r"\s*\|\|?\s*", text.strip())
    return tuple(",".join(map(_term, filter(None, _COMMA.split(each)))) for each in either)


def _term(term: str) -> str:
    """Return one term of Poetry's, or of PEP 440's, in the words of both conda and PEP 440."""
    if found := _CARET.fullmatch(term):
        return f">={term[1:].strip()},<{int(found[1]) + 1}"
    if found := _TILDE.fullmatch(term):
        return f">={term[1:].strip()},<{found[1]}.{int(found[2]) + 1}"
    if found := _MINOR.fullmatch(term):
        return f"=={found[1]}.*"
    return term


def _specifiers(text: str) -> SpecifierSet:
    try:
        return SpecifierSet("" if text == "*" else text)
    except InvalidSpecifier:
        return SpecifierSet()


def _allows(specifiers: SpecifierSet, python: PythonVersion) -> bool:
    """Tell whether any release of a minor version is allowed."""
    patches = python.patches(str(specifiers))
    return any(specifiers.contains(python.release(patch)) for patch in patches)
