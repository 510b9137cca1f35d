"""The calls of pip in which `accelock sync` installs: which index is asked for what.

pip-sync hands pip one list of requirements and every index that the files name. pip asks each of
these for each package, so that the index of a family may answer for numpy where no hash says which
file it is: `numpy==2.2.6` is fulfilled by its `2.2.6+other` (PEP 440). And pip refuses a list in
which some lines have hashes and others have none, as that of a layer with an editable project over
one with hashes.

So pip is called once for the lines with hashes, then for those of the families, and last for all
others, of which a family's index is not asked. Everything is locked: no call looks for more.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelock.locks import requirements
from accelock.targets import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accelock.hosts.piptools.sync_files import Selection
    from accelock.settings.project import Settings

_INSTALL = ["-m", "pip", "install", "-r"]
_OF_INDEXES = frozenset({"--index-url", "--extra-index-url", "--find-links"})


@dataclass(frozen=True)
class Calls:
    """What pip is called for in the place of pip-sync's one call.

    :param selection: the files that are installed, and for which target.
    """

    settings: Settings
    selection: Selection

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
        hashed = [pin.raw for pin in pins if pin.hashes]
        ours = [pin.raw for pin in bare if self.settings.catalogue.family_of(pin.name)]
        others = [pin.raw for pin in bare if not self.settings.catalogue.family_of(pin.name)]
        # What pip-tools leaves out, setuptools above all, is not locked and is needed all the same.
        others += self._left_out()
        parts = [(hashed, [*flags]), (ours, [*flags]), (others, [*self._without_families(flags)])]
        return [(lines, [*own, "--no-deps"]) for lines, own in parts if lines]

    def _left_out(self) -> list[str]:
        texts = [Path(name).read_text(encoding="utf-8-sig") for name in self.selection.files]
        return sorted({name for text in texts for name in requirements.left_out(text)})

    def _without_families(self, flags: Sequence[str]) -> Iterator[str]:
        words = iter(flags)
        for word in words:
            if word not in _OF_INDEXES:
                yield word
            elif not self._is_of_family(url := next(words)):
                yield from (word, url)

    def _is_of_family(self, url: str) -> bool:
        if self.settings.catalogue.recognise(url) is not None:
            return True
        own = self.selection.choice.target
        return url.rstrip("/") in {
            source.at(target).without_credentials.url(target).rstrip("/")
            for source in self.settings.sources({}).values()
            for target in (own, CPU)
        }
