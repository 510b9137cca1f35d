"""One pylock file for several targets (PEP 751): each target is an extra of the file.

`pip install -r "pylock.toml[cu126]"` and `uv pip sync --extra cu126 pylock.toml` then install a
target, with no accelock there. Without an extra it is the first target: a file that installs
nothing would look like one that worked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelock.locks.model import TargetLock
    from accelock.locks.pylock import Package
    from accelock.sources.model import IndexFile
    from accelock.targets import Target


def extra_of(target: Target) -> str:
    """Return the extra that stands for a target: rocm6.3 is rocm6-3 (PEP 685)."""
    return canonicalize_name(target.name)


def joined(parts: Sequence[tuple[TargetLock, Sequence[Package]]]) -> list[Package]:
    """Return the packages of all targets, each with a marker that says for which it is.

    No marker keeps a target to its own platforms: elsewhere its packages have no file, which is an
    error, where a marker would leave them out without a word.

    :param parts: the targets, the one first that is installed without an extra.
    """
    targets = [lock.target for lock, _ in parts]
    entries: dict[tuple[object, ...], dict[str | None, list[Target]]] = {}
    packages: dict[tuple[object, ...], Package] = {}
    for lock, own in parts:
        for package in own:
            key = (package.pin.name, package.pin.version, package.index, repr(package.direct))
            of_marker = entries.setdefault(key, {}).setdefault(package.marker, [])
            if lock.target not in of_marker:
                of_marker.append(lock.target)
            old = packages.get(key, package)
            packages[key] = replace(old, files=_union(old.files, package.files))
    return [
        replace(package, marker=_any(_terms(entries[key], targets)))
        for key, package in packages.items()
    ]


def _terms(
    markers: Mapping[str | None, Sequence[Target]], targets: Sequence[Target]
) -> Iterator[str | None]:
    for marker, own in markers.items():
        yield _both(_chosen(own, targets), marker)


def _chosen(own: Sequence[Target], targets: Sequence[Target]) -> str | None:
    """Return the marker of some targets; None for all of them."""
    if targets[0] in own:
        others = (each for each in targets if each not in own)
        return " and ".join(f"'{extra_of(each)}' not in extras" for each in others) or None
    return " or ".join(f"'{extra_of(each)}' in extras" for each in own)


def _both(one: str | None, other: str | None) -> str | None:
    found = [each for each in (one, other) if each is not None]
    if len(found) == 1:
        return found[0]
    return " and ".join(f"({each})" if " or " in each else each for each in found) or None


def _any(terms: Iterator[str | None]) -> str | None:
    found = list(terms)
    if None in found:
        return None
    texts = [each for each in found if each is not None]
    return texts[0] if len(texts) == 1 else " or ".join(f"({each})" for each in texts)


def _union(ours: Sequence[IndexFile], more: Sequence[IndexFile]) -> tuple[IndexFile, ...]:
    by_name = {each.filename: each for each in (*ours, *more)}
    return tuple(by_name.values())
