"""The stamp: accelock's own comment lines in a compiled file, and reading them back.

There is no state file. The stamp says what the file was compiled from, so that `accelock check`
can tell, offline, whether it is fresh (the inputs' digest) and whole (the digest of its body). It
consists of comments only: pip, pip-tools and uv read past it. The stamps of conda files have the
same grammar under a prefix of their own; what stands in poetry.lock is `accelock.locks.overlay`'s.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from accelock.errors import AccelockError
from accelock.locks.requirements import without_comment

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "# accelock: "
_SHA256 = r"[0-9a-f]{64}"
_FORM = re.compile(
    rf"{PREFIX}version (?P<version>\S+); target (?P<target>\S+); python(?P<python>(?: \S+)*)\n"
    rf"{PREFIX}platforms(?P<platforms>(?: \S+)*)\n"
    rf"{PREFIX}inputs(?P<inputs>(?: \S+)*); sha256 with settings (?P<digest>{_SHA256})\n"
    rf"{PREFIX}pins; sha256 (?P<body>{_SHA256})\n"
    rf"(?:{PREFIX}each(?P<parts>(?: \S+=[0-9a-f]+)*)\n)?"
)


class StampError(AccelockError):
    """The stamp of a file is damaged: lines are missing, doubled or edited."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a compiled file was made from and by.

    `inputs` are paths relative to the file, with `/`, or `-` for stdin. `digest` is the SHA-256
    (hex) of the inputs and settings, `body` that of the file's own lines, as `body_digest` has it.
    `parts` has a short digest of each input and table of settings, as `inputs.parts` has them: an
    older file has none, and does not tell which of them changed.
    """

    version: str
    target: str
    platforms: tuple[str, ...]
    python: tuple[str, ...]
    inputs: tuple[str, ...]
    digest: str
    body: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> list[str]:
        """Return the comment lines, without newlines, in the order in which `read` wants them."""
        each = _words(tuple(f"{name}={digest}" for name, digest in self.parts.items()))
        return [
            f"{PREFIX}version {self.version}; target {self.target}; python{_words(self.python)}",
            f"{PREFIX}platforms{_words(self.platforms)}",
            f"{PREFIX}inputs{_words(self.inputs)}; sha256 with settings {self.digest}",
            f"{PREFIX}pins; sha256 {self.body}",
            *([f"{PREFIX}each{each}"] if each else []),
        ]

    def describes(self, text: str) -> bool:
        """Tell whether the pins, hashes and options of `text` are still those that were stamped."""
        return body_digest(text) == self.body

    def changed(self, parts: Mapping[str, str]) -> tuple[str, ...]:
        """Return the inputs and tables that differ from `parts`, are new or are gone, by name."""
        names = dict.fromkeys([*self.parts, *parts]) if self.parts else {}
        return tuple(name for name in names if self.parts.get(name) != parts.get(name))


def read(text: str, where: str = "the file") -> Stamp | None:
    """Return the stamp in the text of a compiled file, or None where there is none.

    Raises StampError, naming `where`, when there are lines of a stamp but not one whole stamp.
    """
    found = find(text, PREFIX, _FORM, where, "compile the file again")
    return found and Stamp(
        version=found["version"],
        target=found["target"],
        platforms=tuple(found["platforms"].split()),
        python=tuple(found["python"].split()),
        inputs=tuple(unquote(word) for word in found["inputs"].split()),
        digest=found["digest"],
        body=found["body"],
        parts={
            unquote(name): digest
            for name, _, digest in (word.rpartition("=") for word in (found["parts"] or "").split())
        },
    )


def find(
    text: str, prefix: str, form: re.Pattern[str], where: str, remedy: str
) -> re.Match[str] | None:
    """Return how `form` matches the lines of `text` that begin with `prefix`; None: there are none.

    Raises StampError, naming `where` and the `remedy`, when they are not one whole stamp.
    """
    bare = text.removeprefix("\ufeff")
    lines = [line for line in bare.splitlines() if line.startswith(prefix)]
    if not lines:
        return None
    found = form.fullmatch("".join(f"{line.rstrip()}\n" for line in lines))
    if found is None:
        raise StampError(
            f"{where}: the lines that begin with {prefix.strip()!r} are damaged, or were written "
            f"by a newer accelock; {remedy}"
        )
    return found


def body_digest(text: str) -> str:
    """Return the SHA-256 (hex) of what pip reads of a requirements file.

    Comments, blank lines, surrounding white space, a BOM and the kind of newline do not count; an
    edited pin, marker, hash or option does.
    """
    lines = (without_comment(line)[0] for line in text.removeprefix("\ufeff").splitlines())
    return hashlib.sha256("\n".join(filter(None, lines)).encode()).hexdigest()


def _words(words: tuple[str, ...]) -> str:
    return "".join(f" {_escaped(word)}" for word in words)


def _escaped(word: str) -> str:
    """Percent-encode what would end a word or a line, and nothing that reads well as it is."""
    return re.sub(r"[%\s;\x00-\x1f\x7f]", lambda found: quote(found[0], safe=""), word)
