"""A captured environment as the table of pyproject.toml, or as an environment.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit

from accelock.conda import builds
from accelock.conda.capture import channel_name
from accelock.conda.formats.yaml import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.conda.capture import Captured
    from accelock.conda.prefix import PipPackage
    from accelock.conda.record import Record

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
    for record in captured.requested:
        dependencies.add(record.name, _pin(record, captured))
    conda.add("dependencies", dependencies)
    whole = tomlkit.table(is_super_table=True)
    whole.add("accelock", tomlkit.table(is_super_table=True).add("conda", conda))
    document.add("tool", whole)
    return tomlkit.dumps(document)


def environment(captured: Captured, name: str | None = None) -> str:
    """Return an environment.yml with every requested package, pinned, and what pip had installed.

    It is portable: there are no builds but those of hardware, and no prefix.
    """
    lines = [f"name: {scalar(name)}"] if name else []
    lines += ["channels:", *(f"  - {scalar(channel)}" for channel in captured.channels)]
    lines += ["dependencies:"]
    for record in captured.requested:
        lines.append(f"  - {scalar(_entry(record, captured))}")
    pinned = [each for each in captured.pip if each.origin is None]
    if pinned:
        if not any(record.name == "pip" for record in captured.requested):
            lines.append("  - pip")
        lines.append("  - pip:")
        lines += [f"      - {scalar(f'{each.name}=={each.version}')}" for each in pinned]
    for each in captured.pip:
        if each.origin is not None:
            lines.append(f"  # {_unpinned(each)}")
    return "".join(f"{line}\n" for line in lines)


def _pin(record: Record, captured: Captured) -> object:
    more = {"build": _glob(record), "channel": _channel(record, captured)}
    told = {key: value for key, value in more.items() if value is not None}
    if not told:
        return f"=={record.version}"
    table = tomlkit.inline_table()
    table.update({"version": f"=={record.version}", **told})
    return table


def _entry(record: Record, captured: Captured) -> str:
    pattern, channel = _glob(record), _channel(record, captured)
    before = f"{channel}::" if channel else ""
    return f"{before}{record.name}={record.version}{f'={pattern}' if pattern else ''}"


def _channel(record: Record, captured: Captured) -> str | None:
    """Return the channel where it is not the first: there, others may have the package too."""
    name = channel_name(record)
    return name if name and name != captured.channels[0] else None


def _glob(record: Record) -> str | None:
    return builds.glob([record.build], None) if builds.is_hardware_build(record.build) else None


def _notes(captured: Captured) -> Iterator[str]:
    if captured.pip:
        yield "Installed by pip; put what you asked for yourself into requirements.in, or into"
        yield "Poetry's dependencies:"
        for each in captured.pip:
            pin = f"{each.name}=={each.version}"
            yield f"  {pin if each.origin is None else _unpinned(each)}"


def _unpinned(package: PipPackage) -> str:
    """Return what to say of a package that no index need have in this version."""
    called = f"{package.name} {package.version}".rstrip()
    return f"{called} was installed from {package.origin}; add it yourself"
