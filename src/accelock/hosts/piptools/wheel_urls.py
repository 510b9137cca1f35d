"""A family's wheel by its URL, in an input: one build, which is a version and a target.

`torch @ https://.../whl/cu118/torch-2.6.0%2Bcu118-cp312-cp312-linux_x86_64.whl` pins a build as
`torch==2.6.0+cu118` does, and is held to the same rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip._vendor.packaging.requirements import Requirement

from accelock.errors import AccelockError
from accelock.resolve.labels import target_of_url
from accelock.sources.filename import parse_filename
from accelock.sources.http import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelock.hosts.piptools.state import Capture, Run
    from accelock.resolve.routing import Accelerated, Shelf
    from accelock.targets import Cell, Target


def read(requirement: Any, found: Accelerated, shelf: Shelf, target: Target) -> None:
    """Read the URL of a wheel that the family's own source lists as public version and target.

    So it compiles for the other platforms too. A wheel from elsewhere stays where it is.

    :param requirement: pip's `InstallRequirement`, with a link.
    :raises AccelockError: it is a build for another target.
    """
    refuse_foreign(requirement, found, shelf, target)
    link, family = requirement.link, found.family
    url, parsed = link.url_without_fragment, parse_filename(link.filename)
    if parsed is None or family.recognise(url.rpartition("/")[0]) is None:
        return
    listed = {file.filename for file in shelf.listed(requirement.name, target)}
    if link.filename in listed and target_of_url(url, family) is not None:
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        requirement.req = Requirement(f"{requirement.name}{extras}=={parsed.version.public}")
        requirement.link = requirement.original_link = None


def refuse_foreign(requirement: Any, found: Accelerated, shelf: Shelf, target: Target) -> None:
    """Refuse a wheel that its URL tells to be another target's.

    :raises AccelockError: it is one.
    """
    url = requirement.link.url_without_fragment
    own = found.family.label(shelf.variant(found.family, target))
    of = target_of_url(url, found.family)
    if of in (None, own):
        return
    why = "" if own == target.name else f" (its family is marked cpuonly, so it takes {own})"
    raise AccelockError(
        f"{requirement.comes_from or 'the input'}: {requirement.name} @ {hide_credentials(url)} is "
        f"a build for {of}, and the target is {target.name}{why}. Write its public version to have "
        f"the right build for each target, or compile for the target of that build: -t {of}"
    )


def judge(run: Run, captures: Mapping[Cell, Capture]) -> None:
    """Refuse the foreign builds that the metadata of others led to.

    :raises AccelockError: there is one.
    """
    for cell, capture in captures.items():
        for requirement in (*capture.results, *capture.unsafe_requirements):
            found = run.shelves.find(requirement.name) if requirement.original_link else None
            if found is not None:
                refuse_foreign(requirement, found, run.shelves, cell.target)
