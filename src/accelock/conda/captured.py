"""A captured environment as the table of pyproject.toml, or as an environment.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit

from accelock.catalogue import load_catalogue
from accelock.conda.formats.yaml import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.conda.capture import Captured
    from accelock.conda.prefix import PipPackage
    from accelock.conda.spec import Spec

__all__ = ["environment", "table"]


def table(captured: Captured) -> str:
    """Return `[tool.accelock.conda]` with every requested package, pinned.

    What pip had installed is listed in comments: it belongs into the project's pip requirements.
    """
    document = tomlkit.document()
    for note in _notes(captured):
        document.add(tomlkit.comment(note))
    conda = tomlkit.table()
    conda.add("channels", list(captured.channels))
    dependencies = tomlkit.table()
    for spec in captured.requested:
        dependencies.add(spec.name, _pin(spec))
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
    pinned = [*dict.fromkeys(_index_lines(captured)), *_pins(captured), *captured.lines]
    if pinned:
        if not any(spec.name == "pip" for spec in captured.requested):
            lines.append("  - pip")
        lines.append("  - pip:")
        lines += [f"      - {scalar(each)}" for each in pinned]
    lines += [f"  # {each}" for each in _apart(captured)]
    return "".join(f"{line}\n" for line in lines)


def _pin(spec: Spec) -> object:
    told = {"build": spec.build, "channel": spec.channel}
    more = {key: value for key, value in told.items() if value is not None}
    if not more:
        return spec.version or "*"
    table = tomlkit.inline_table()
    table.update({"version": spec.version or "*", **more})
    return table


def _entry(spec: Spec) -> str:
    """Return a package as environment.yml has it: an exact version is joined to the name there."""
    before = f"{spec.channel}::" if spec.channel else ""
    version = spec.version or "*"
    if version.startswith("==") and not set(version) & set("|,*"):
        return f"{before}{spec.name}={version[2:]}{f'={spec.build}' if spec.build else ''}"
    return str(spec)


def _notes(captured: Captured) -> Iterator[str]:
    for each in captured.left_out:
        yield f"{each} is left out: the target says it."
    if captured.pip or captured.lines:
        yield "Installed by pip; put what you asked for yourself into requirements.in, or into"
        yield "Poetry's dependencies:"
        for each in (*dict.fromkeys(_index_lines(captured)), *_pins(captured), *captured.lines):
            yield f"  {each}"
        for each in _apart(captured):
            yield f"  {each}"


def _pins(captured: Captured) -> Iterator[str]:
    for each in captured.pip:
        if each.origin is None and _is_of_index(each):
            yield f"{each.name}=={each.version}"


def _index_lines(captured: Captured) -> Iterator[str]:
    """Return pip's option for each index of a family whose builds were installed (`+cu118`)."""
    for each in captured.pip:
        index = _index(each)
        if each.origin is None and index is not None:
            yield f"--extra-index-url {index}"


def _apart(captured: Captured) -> Iterator[str]:
    """Say what to do about the packages that no index need have in this version."""
    for each in captured.pip:
        called = f"{each.name} {each.version}".rstrip()
        if each.origin is not None:
            yield f"{called} was installed from {each.origin}; add it yourself"
        elif not _is_of_index(each):
            yield f"{called} is a build of no public index; add it yourself"


def _is_of_index(package: PipPackage) -> bool:
    return "+" not in package.version or _index(package) is not None


def _index(package: PipPackage) -> str | None:
    """Return the index of a build with the label of a family's target, None for any other."""
    catalogue = load_catalogue()
    label = package.version.partition("+")[2]
    found = catalogue.family_of(package.name) if label in catalogue.targets else None
    return found[0].index.replace("{target}", label) if found is not None else None
