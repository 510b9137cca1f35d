"""README.md and the pages of docs/ as values: their scenarios, the blocks in them, and tables.

Hidden comments in a page say what its tests need to know:

    <!-- scenario: NAME | project | like OTHER | installs | clone | python 3.12 | fails 1 -->
        Blocks of the page from here on, in their order, happen in one fresh folder. `project`: it
        begins with the files of the quick start; `like`: also with those of another scenario, which
        may be on another page. `installs`: in a
        virtual environment of its own, with accelock; `installs poetry`: with Poetry instead;
        `poetry`: with the Poetry that the tests have, if any; `conda`: with a channel and the extra
        (tests/readme/test_conda.py); `clone`: with this repository in ./accelock.
        `fails`: the exit code of the last block of commands, 0 for all others.
    <!-- excerpt: FILE -->
        The next block shows lines of a file, or of `stdout` or `stderr` of the last commands.
    <!-- run by: .ci/run -->
        The next block is not run by these tests.
    <!-- generated: WHAT -->
        docs/generate.py writes what stands from here to `<!-- generated: end -->`.

A block of commands is fenced as `sh`. Any other block is a file, whose name is the first word in
backquotes of the paragraph above it, which ends with a colon.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).parents[2]
README = TOP / "README.md"
PAGES = (README, *sorted((TOP / "docs").glob("*.md")))
PROJECT = "quick-start"
COMMENT = re.compile(r"<!-- ([a-z ]+): (.+) -->")
FENCE = re.compile(r"```(\w*)")
HEADINGS = ("# ", "## ", "### ")
NAMED = re.compile(r"`([\w./-]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `name` is the file that it is, or that it shows lines of."""

    kind: str  # commands, file, excerpt, elsewhere
    text: str
    where: str
    name: str = ""


@dataclass(frozen=True)
class Scenario:
    """Blocks that belong together; `words` say what they need."""

    name: str
    words: tuple[str, ...]
    blocks: list[Block] = field(default_factory=list)

    def __str__(self) -> str:
        return self.name

    def has(self, word: str) -> bool:
        return word in self.words

    def value(self, key: str) -> str | None:
        """Return VALUE of the word `key VALUE`."""
        found = (word.partition(" ") for word in self.words)
        return next((value for name, _, value in found if name == key and value), None)

    def files(self) -> dict[str, str]:
        """Return the text of each file that it shows."""
        return {block.name: block.text for block in self.blocks if block.kind == "file"}

    def last_commands(self) -> Block:
        return [block for block in self.blocks if block.kind == "commands"][-1]


def scenarios() -> list[Scenario]:
    """Return the scenarios of all pages, in order."""
    return _read()[0]


def loose_blocks() -> list[Block]:
    """Return the blocks outside of all scenarios, or that something else runs."""
    return _read()[1]


@functools.cache
def all_text() -> str:
    """Return all pages as one text."""
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table, without its head, below the heading that has these words."""
    lines = all_text().splitlines()
    (found,) = (n for n, line in enumerate(lines) if line.startswith(HEADINGS) and heading in line)
    rows: list[list[str]] = []
    for line in lines[found + 1 :]:
        if line.startswith(HEADINGS) or (rows and not line.startswith("|")):
            break
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def literals(cell: str) -> list[str]:
    """Return what is in backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


@functools.cache
def _read() -> tuple[list[Scenario], list[Block]]:
    found: list[Scenario] = []
    loose: list[Block] = []
    for page in PAGES:
        _read_page(page, found, loose)
    return found, loose


def _read_page(page: Path, found: list[Scenario], loose: list[Block]) -> None:
    """Add the scenarios and the loose blocks of a page."""
    scenario: Scenario | None = None
    hints: dict[str, str] = {}
    paragraph = ""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        comment, fence = COMMENT.fullmatch(line), FENCE.fullmatch(line)
        if fence:
            inner = "".join(f"{each}\n" for each in _until_fence(lines))
            where = f"{page.relative_to(TOP)}, line {number}"
            block = _block(fence[1], inner, where, hints, paragraph)
            (scenario.blocks if scenario and block.kind != "elsewhere" else loose).append(block)
            hints = {}
        elif comment and comment[1] == "scenario":
            name, *words = (word.strip() for word in comment[2].split("|"))
            scenario = Scenario(name, tuple(words))
            found.append(scenario)
        elif comment:
            hints[comment[1]] = comment[2]
        paragraph = f"{paragraph} {line}" if line and not (fence or comment) else ""


def _until_fence(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _number, line in lines:
        if line == "```":
            return
        yield line


def _block(language: str, inner: str, where: str, hints: dict[str, str], above: str) -> Block:
    if "run by" in hints:
        return Block("elsewhere", inner, where, hints["run by"])
    if language == "sh":
        return Block("commands", inner, where)
    if "excerpt" in hints:
        return Block("excerpt", inner, where, hints["excerpt"])
    name = NAMED.search(above)
    if name is None or not above.endswith(":"):
        raise ValueError(f"{where}: nothing says what this block is")
    return Block("file", inner, where, name[1])
