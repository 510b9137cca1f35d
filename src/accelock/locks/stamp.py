"""The stamp: accelock's own comment lines in a file that it wrote, and reading them back.

There is no state file. The stamp says what the file was made from, so that `accelock check` can
tell, offline, whether it is fresh (the digests of its inputs) and whole (the digest of its body).
It consists of comments only: pip, pip-tools, uv, conda, mamba, conda-lock and pixi read past it.
What stands in poetry.lock is `accelock.locks.overlay`'s.

One grammar is for all formats: a line is a prefix and clauses between `; `, a clause is its name
and its words, and `sha256` is the digest of the clause before it.
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
    from collections.abc import Iterable, Mapping, Sequence

REQUIREMENTS = "requirements"
PREFIX = "# accelock: "
# Of conda's files: an explicit list ends in .txt too, and is no requirements file.
CONDA_PREFIX = "# accelock conda: "
#: Of the files in which a stamp of conda files may stand.
CONDA_SUFFIXES = (".yml", ".yaml", ".txt", ".lock")
_REMEDIES = {
    PREFIX: "compile the file again",
    CONDA_PREFIX: "make the file again (accelock conda lock)",
}
_NONE = "-"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"(.+)=([0-9a-f]+)", re.DOTALL)


class StampError(AccelockError):
    """The stamp of a file is damaged: lines are missing, doubled or edited."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was made from and by.

    `kind` is `requirements`, or the name of a conda format. `body` is the SHA-256 (hex) of the
    file's own lines, as `body_digest` has it. `parts` has a digest of each thing that the file was
    made from: of requirements, a short one of each input and table of settings, as `inputs.parts`
    has them (an older file has none); of a conda file, one of each platform's solve, by conda's
    subdir, or `<environment>/<subdir>` where it holds several environments.

    Requirements alone have `platforms`, `python`, `inputs` (paths relative to the file, with `/`,
    or `-` for stdin) and `digest`, the SHA-256 (hex) of the inputs and settings. Conda's files
    alone have a `group`; their `target` is None where the project declares none.
    """

    version: str
    target: str | None
    platforms: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    digest: str = ""
    body: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    kind: str = REQUIREMENTS
    group: str | None = None

    def render(self) -> list[str]:
        """Return the comment lines, without newlines, in the order in which `read` wants them."""
        if self.kind != REQUIREMENTS:
            named = f"target {self.target or _NONE}; group {self.group or _NONE}"
            lines = [f"version {self.version}; {self.kind}; {named}"]
            lines += [f"inputs {name}; sha256 {self.parts[name]}" for name in sorted(self.parts)]
            return [f"{CONDA_PREFIX}{line}" for line in (*lines, f"body; sha256 {self.body}")]
        lines = [
            f"version {self.version}; target {self.target}; python{_words(self.python)}",
            f"platforms{_words(self.platforms)}",
            f"inputs{_words(self.inputs)}; sha256 with settings {self.digest}",
            f"pins; sha256 {self.body}",
        ]
        if self.parts:
            each = (f"{name}={digest}" for name, digest in self.parts.items())
            lines.append(f"each{_words(each)}")
        return [f"{PREFIX}{line}" for line in lines]

    def describes(self, text: str) -> bool:
        """Tell whether the lines of `text` that its reader sees are still those stamped."""
        return body_digest(text, self.kind) == self.body

    def changed(self, parts: Mapping[str, str]) -> tuple[str, ...]:
        """Return what differs from `parts`, is new or is gone, by name.

        Requirements from before there were parts do not tell: of these it is nothing.
        """
        if self.kind == REQUIREMENTS and not self.parts:
            return ()
        names = dict.fromkeys([*self.parts, *parts])
        return tuple(name for name in names if self.parts.get(name) != parts.get(name))


def read(text: str, where: str = "the file", prefix: str = PREFIX) -> Stamp | None:
    """Return the stamp in the text of a file, or None where there is none.

    :param prefix: `PREFIX` or `CONDA_PREFIX`.

    Raises StampError, naming `where`, when there are lines of a stamp but not one whole stamp.
    """
    bare = text.removeprefix("\ufeff")
    lines = [line.rstrip() for line in bare.splitlines() if line.startswith(prefix)]
    if not lines:
        return None
    stamp = _parse(lines, prefix)
    # What is missing, doubled or in another order is not written so.
    if stamp is None or stamp.render() != lines:
        raise StampError(
            f"{where}: the lines that begin with {prefix.strip()!r} are damaged, or a newer "
            f"accelock wrote them; {_REMEDIES[prefix]}"
        )
    return stamp


def _parse(lines: Sequence[str], prefix: str) -> Stamp | None:
    """Return what lines say, the last of what is there twice; None: they lack a part."""
    clauses = "; ".join(line.removeprefix(prefix) for line in lines).split("; ")
    words: dict[str, list[str]] = {}
    digests: dict[str, str] = {}
    before = ""
    for clause in clauses:
        name, *rest = clause.split() or [""]
        if name != "sha256":
            words[name], before = [unquote(word) for word in rest], clause
        elif rest and _SHA256.fullmatch(rest[-1]):
            digests[before] = rest[-1]
    try:
        version, target = words["version"][0], words["target"][0]
        if prefix == CONDA_PREFIX:
            return Stamp(
                version,
                None if target == _NONE else target,
                body=digests.pop("body"),
                parts={clause.split()[1]: digest for clause, digest in digests.items()},
                kind=clauses[1],
                group=None if words["group"][0] == _NONE else words["group"][0],
            )
        return Stamp(
            version,
            target,
            tuple(words["platforms"]),
            tuple(words["python"]),
            tuple(words["inputs"]),
            digests[next(clause for clause in digests if clause.split()[0] == "inputs")],
            digests["pins"],
            {found[1]: found[2] for found in map(_PART.fullmatch, words.get("each", ())) if found},
        )
    except (LookupError, StopIteration):
        return None


def body_digest(text: str, kind: str = REQUIREMENTS) -> str:
    """Return the SHA-256 (hex) of what the readers of a file see of it.

    Comments, blank lines, white space at the end of lines, a BOM and the kind of newline do not
    count; an edited pin, marker, hash, option or URL does. In conda's files the indentation counts,
    and a `#` within a line begins no comment: in an explicit list it begins the md5.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if kind == REQUIREMENTS:
        bare = (without_comment(line)[0] for line in lines)
    else:
        bare = ("" if line.lstrip().startswith("#") else line.rstrip() for line in lines)
    return hashlib.sha256("\n".join(filter(None, bare)).encode()).hexdigest()


def _words(words: Iterable[str]) -> str:
    """Return words, percent-encoded where a character would end one, or a line."""
    return "".join(
        " " + re.sub(r"[%\s;\x00-\x1f\x7f]", lambda found: quote(found[0], safe=""), word)
        for word in words
    )
