"""A pylock file in the words of a requirements file, for pip-sync and every pip.

pip itself reads a pylock file from 26.1 on. What stands here leads any pip to the same: each pin
with the hashes of its files, and a page of links with the files themselves, so that pip takes the
one that fits, and notes it as from an index. A link in the line (`name @ URL`) would be noted as
the user's own (PEP 610).
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from accelock.errors import AccelockError
from accelock.locks.direct import line_of
from accelock.locks.model import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accelock.locks.model import Pin
    from accelock.locks.pylock_file import PylockFile
    from accelock.targets import Target


def write(file: PylockFile, target: Target | None, folder: Path) -> str:
    """Write what a file has for a target, as a requirements file and a page of links.

    :param target: None where the file tells none; no extra is asked for then.
    :param folder: where to write; the page must be there as long as pip runs.
    :return: the path of the requirements file.
    :raises AccelockError: a file has no sha256, or a folder or a repository stands beside files:
        pip wants a hash of all or of none.
    """
    pins = file.pins(target)
    bare = [pin.name for pin in pins if not pin.hashes]
    if bare and len(bare) < len(pins):
        raise AccelockError(
            f"{file.name}: {', '.join(bare)} has no hash, as a folder or a repository, and pip "
            "installs no such thing beside files with hashes. Nothing was changed. Make the file "
            "without it (uv export --no-emit-project), and install it afterwards: pip install "
            "--no-deps"
        )
    page, requirements = folder / "links.html", folder / "requirements.txt"
    page.write_text("\n".join(_links(pins, file.name)), encoding="utf-8")
    lines = [f"--find-links {page.as_uri()}"]
    # What is built asks the indexes for its build requirements.
    if all(pin.url is None and all(each.is_wheel for each in pin.listed) for pin in pins):
        lines.append("--no-index")
    lines += (_line(pin, file.path.parent) for pin in pins)
    requirements.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(requirements)


def _links(pins: tuple[Pin, ...], name: str) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    for pin in pins:
        for each in pin.listed:
            if not each.sha256:
                raise AccelockError(
                    f"{name}: {each.filename} has no sha256. Nothing was changed. Make the file "
                    "again with it."
                )
            url = html.escape(f"{urldefrag(each.url).url}#sha256={each.sha256}")
            yield f'<a href="{url}">{html.escape(each.filename)}</a><br>'


def _line(pin: Pin, base: Path) -> str:
    marker = f" ; {pin.markers[MAIN]}" if pin.markers[MAIN] else ""
    hashes = "".join(f" --hash=sha256:{each}" for each in sorted(pin.hashes))
    return f"{line_of(pin, base)}{marker}{hashes}"
