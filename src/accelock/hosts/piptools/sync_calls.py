"""The calls of pip in which `accelock sync` installs: which index is asked for what.

pip-sync hands pip one list of requirements and every index that the files name. pip asks each of
these for each package, so that the index of a family may answer for numpy where no hash says which
file it is: `numpy==2.2.6` is fulfilled by its `2.2.6+other` (PEP 440). And pip refuses a list in
which some lines have hashes and others have none, as that of a layer with an editable project over
one with hashes.

So pip is called once for the lines with hashes, then for the builds with a family's label, of which
no other index is asked, then for the rest of the families, and last for all others, of which a
family's index is not asked. Everything is locked: no call looks for more.
"""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from accelock.errors import AccelockError
from accelock.locks import requirements
from accelock.locks.direct import line_of
from accelock.locks.model import MAIN
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from accelock.locks.model import Pin
    from accelock.locks.pylock_file import PylockFile
    from accelock.settings.project import Settings
    from accelock.targets import Target


_INSTALL = ["-m", "pip", "install", "-r"]
_PAGE = "--find-links"
_OF_INDEXES = frozenset({"--index-url", "--extra-index-url", _PAGE})


@dataclass(frozen=True)
class Calls:
    """What pip is called for in the place of pip-sync's one call.

    :param files: the names of the files that are installed.
    :param target: for which they were compiled.
    """

    settings: Settings
    files: tuple[str, ...]
    target: Target

    def split(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return what stands in for `subprocess.run`, as pip-sync calls it."""

        def run(command: Sequence[str], **options: Any) -> Any:
            is_install = [*command[1:5]] == _INSTALL
            parts = self._parts(Path(command[5]), command[6:]) if is_install else []
            if not parts:
                return original(command, **options)
            done = None
            for lines, flags in parts:
                with tempfile.TemporaryDirectory(prefix="accelock-") as folder:
                    part = Path(folder, "requirements.txt")
                    part.write_text("\n".join(lines), encoding="utf-8")
                    done = original([*command[:5], str(part), *flags], **options)
            return done

        return run

    def _parts(self, whole: Path, flags: Sequence[str]) -> list[tuple[list[str], list[str]]]:
        """Return the lines of each call with its flags; nothing where all lines have hashes."""
        pins = requirements.parse(whole.read_text(encoding="utf-8"), str(whole)).pins
        bare = [pin for pin in pins if not pin.hashes]
        if not bare:
            return []
        pairs = [*_pairs(flags)]
        at = {url: self._families_at(url) for _flag, url in pairs if url}
        parts = [([pin.raw for pin in pins if pin.hashes], [*flags])]
        rest: list[str] = []
        # What pip-tools leaves out, setuptools above all, is not locked and is needed all the same.
        others = self._left_out()
        labelled: dict[str, list[str]] = {}
        for pin in bare:
            found = self.settings.catalogue.family_of(pin.name)
            name = found[0].name if found is not None else None
            has_label = "+" in (pin.version or "") and any(name in own for own in at.values())
            if name is None:
                others.append(pin.raw)
            elif has_label:
                labelled.setdefault(name, []).append(pin.raw)
            else:
                rest.append(pin.raw)
        for name, lines in labelled.items():
            parts.append((lines, _alone([p for p in pairs if not p[1] or name in at[p[1]]])))
        parts.append((rest, [*flags]))
        parts.append((others, _words([p for p in pairs if not p[1] or not at[p[1]]])))
        return [(lines, [*words, "--no-deps"]) for lines, words in parts if lines]

    def _left_out(self) -> list[str]:
        texts = [Path(name).read_text(encoding="utf-8-sig") for name in self.files]
        return sorted({name for text in texts for name in requirements.left_out(text)})

    def _families_at(self, url: str) -> frozenset[str]:
        """Return the families whose index or page this is, by the catalogue and by the project."""
        known = self.settings.catalogue.recognise(url)
        targets = (self.target, CPU)
        return frozenset({known[0].name} if known else ()) | {
            name
            for name, source in self.settings.sources({}).items()
            for target in targets
            if source.at(target).without_credentials.url(target).rstrip("/") == url.rstrip("/")
        }


def _alone(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the words by which pip asks these indexes and no other."""
    urls = [url for flag, url in pairs if url and flag != _PAGE]
    words = _words([pair for pair in pairs if not pair[1] or pair[0] == _PAGE])
    words += ["--index-url", urls[0]] if urls else ["--no-index"]
    return [*words, *(word for url in urls[1:] for word in ("--extra-index-url", url))]


def _words(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [word for pair in pairs for word in pair if word]


def _pairs(flags: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option that names an index with its URL, and every other word by itself."""
    words = iter(flags)
    for word in words:
        yield word, next(words) if word in _OF_INDEXES else ""


def write_pylock(file: PylockFile, target: Target | None, folder: Path) -> str:
    """Write what a file has for a target, as a requirements file and a page of links.

    pip itself reads a pylock file from 26.1 on. This leads any pip to the same: it takes the file
    that fits and notes it as from an index. A link in the line (`name @ URL`) would be noted as the
    user's own (PEP 610).

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
            f"{file.name}: {', '.join(bare)} has no hash, because it is a folder or a repository, "
            "and pip does not install it in the same command as files with hashes. Nothing was "
            "changed. Make the file without it (uv export --no-emit-project), and install it "
            "afterwards: pip install --no-deps"
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
                    "again with hashes."
                )
            url = html.escape(f"{urldefrag(each.url).url}#sha256={each.sha256}")
            yield f'<a href="{url}">{html.escape(each.filename)}</a><br>'


def _line(pin: Pin, base: Path) -> str:
    marker = f" ; {pin.markers[MAIN]}" if pin.markers[MAIN] else ""
    hashes = "".join(f" --hash=sha256:{each}" for each in sorted(pin.hashes))
    return f"{line_of(pin, base)}{marker}{hashes}"
