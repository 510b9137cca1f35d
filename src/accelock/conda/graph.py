"""The graph of an environment's packages: who depends on whom, by name.

Versions play no part: an environment has each package once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from accelock.conda.record import Record

__all__ = ["chain", "dependency_names", "depends_on_python", "leaves", "topological"]


def dependency_names(record: Record) -> tuple[str, ...]:
    """Return the names that a package depends on, without virtual packages (`__glibc`)."""
    names = (depend.split()[0].rpartition("::")[2] for depend in record.depends if depend.strip())
    return tuple(dict.fromkeys(name for name in names if not name.startswith("__")))


def depends_on_python(record: Record) -> bool:
    """Tell whether a package is for Python, and not merely of a Python project's name."""
    return not {"python", "python_abi"}.isdisjoint(dependency_names(record))


def leaves(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the packages that no other one depends on, in the order of names."""
    everything = sorted(records, key=lambda record: record.name)
    needed = {
        name for record in everything for name in dependency_names(record) if name != record.name
    }
    return tuple(record for record in everything if record.name not in needed)


def topological(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return the packages so that each stands behind what it depends on, else by name.

    Of packages that depend on each other (pip and python) the one of the later name comes first.
    """
    named = {record.name: record for record in records}
    done: dict[str, Record] = {}
    begun: set[str] = set()
    # Depth first with a stack of our own: chains of dependencies are longer than Python's.
    stack = [(name, False) for name in sorted(named, reverse=True)]
    while stack:
        name, is_entered = stack.pop()
        if is_entered:
            done[name] = named[name]
        elif name not in begun:
            begun.add(name)
            stack.append((name, True))
            below = sorted(set(dependency_names(named[name])) & named.keys(), reverse=True)
            stack.extend((each, False) for each in below if each not in begun)
    return tuple(done.values())


def chain(records: Iterable[Record], name: str, asked: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names from a package that is asked for down to `name`: why it is there.

    The shortest such chain, the first one by names. Without `asked`, it begins where nothing
    depends on it. It is `name` alone where nobody brings it.
    """
    named = {record.name: record for record in records}
    roots = sorted(set(asked) & named.keys()) or [leaf.name for leaf in leaves(named.values())]
    paths: dict[str, tuple[str, ...]] = {root: (root,) for root in roots}
    front = list(roots)
    while front and name not in paths:
        following: list[str] = []
        for above in front:
            for below in sorted(set(dependency_names(named[above])) & named.keys()):
                if below not in paths:
                    paths[below] = (*paths[above], below)
                    following.append(below)
        front = following
    return paths.get(name, (name,))
