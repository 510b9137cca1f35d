"""Writes what the program itself knows into the pages of this folder, and draws the picture.

    python -m docs.generate

A page has such a part between `<!-- generated: WHAT -->` and `<!-- generated: end -->`. The first
word of WHAT names an entry of PARTS, the rest goes to it. tests/readme/test_pages.py tests that
the pages are what this writes. It needs the extra pip-tools.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

import accelock
from accelock import toml
from accelock.catalogue import load_catalogue
from accelock.catalogue.load import load_substitutes
from accelock.cli import PIP_TOOLS_COMMANDS
from accelock.commands import COMMANDS, load
from accelock.hardware import profile
from accelock.targets import PLATFORMS, parse_target
from docs.picture import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cleo.io.inputs.option import Option

DOCS = Path(__file__).parent
PICTURE = DOCS / "picture.svg"
PART = re.compile(r"(<!-- generated: (?!end)(\w+) ?(.*) -->)[\s\S]*?(<!-- generated: end -->)")
CODE = re.compile(
    r"(`[^`]*`)"  # what is code already
    r"|--[a-z-]+|\[tool\.[\w.]+\]"
    r"|(?:[\w-][\w.-]*)?(?:<\w+>|\{\w+\})(?:\.\w+)*"  # requirements.<target>.txt
)
HARDWARE_TABLES = Path(accelock.__file__).parent / "catalogue" / "hardware.toml"
# `poetry accelock init` and `poetry completions` are commands of their own.
NOT_OF_POETRY = ("init", "completions")
OLDEST_CUDA = Version("11.1")
HARDWARE = {"cpu": "CPU", "cu": "CUDA", "rocm": "ROCm", "xpu": "XPU"}


def main() -> None:
    """Write the pages and the picture."""
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(draw(), encoding="utf-8")


def filled(text: str) -> str:
    """Return a page with its generated parts written anew."""
    return PART.sub(lambda part: f"{part[1]}\n\n{PARTS[part[2]](part[3])}\n\n{part[4]}", text)


def commands(_rest: str) -> str:
    """Return a table of all commands of `accelock`."""
    says = {name: says for name, (_, says) in PIP_TOOLS_COMMANDS.items()}
    says |= COMMANDS
    rows = (
        (f"[`accelock {name}`](#accelock-{name.replace(' ', '-')})", shown(text))
        for name, text in sorted(says.items())
    )
    return table(("Command", "What it does"), rows)


def command(name: str) -> str:
    """Return the heading, the usage, the help and the options of a command of the application."""
    found = load(name)()
    words = ["[OPTIONS]"]
    for each in found.definition.arguments:
        word = each.name.upper()
        word = word if each.is_required() else f"[{word}]"
        words.append(f"{word}..." if each.is_list() else word)
    usage = f"accelock {name} {' '.join(words)}"
    return "\n\n".join(
        (
            f"### accelock {name}",
            f"Usage: `{usage}`{'' if name in NOT_OF_POETRY else f', or `poetry {usage}`'}",
            shown(found.help),
            table(("Option", "Meaning"), map(row, found.options)),
        )
    )


def row(option: Option) -> tuple[str, str]:
    """Return an option's names, and what it means."""
    names = [f"`-{option.shortcut}`"] if option.shortcut else []
    names.append(f"`--{option.name}`")
    means = shown(option.description).removesuffix(".")
    if option.is_list() and "more than once" not in means:
        means += "; may be used more than once"
    return ", ".join(names), means


def options(name: str) -> str:
    """Return a table of what `compile` has beyond the options of pip-compile."""
    module = importlib.import_module(PIP_TOOLS_COMMANDS[name][0])
    rows = (
        (", ".join(f"`{word}`" for word in words), shown(each.help).removesuffix("."))
        for each in (*module.target_options(), module.HASHES, module.UNSAFE)
        for words in [[*each.opts, *each.secondary_opts]]
    )
    return table(("Option", "Meaning"), rows)


def families(_rest: str) -> str:
    """Return a table of the families with the packages that users ask for."""
    rows = (
        (
            f"`{each.name}`",
            words(p.name for p in each.packages if not (p.runtime or p.is_glob))
            or "those with `family` in `[tool.accelock.packages]`",
        )
        for each in load_catalogue().families
    )
    return table(("Family", "Packages"), rows)


def substitutes(_rest: str) -> str:
    """Return a table of what targets get in the place of plain names."""
    rows = []
    for project in load_substitutes().values():
        for each in project.rows:
            extra = f"[{each.extra}]" if each.extra else ""
            where = ", ".join(sorted(each.platforms)) or "all"
            versions = f" `{each.versions}`" if str(each.versions) else ""
            targets = ", ".join("all" if t == "*" else f"`{t}`" for t in each.targets)
            rows.append((f"`{project.name}`", targets, f"`{each.name}{extra}`{versions}", where))
    return table(("You write", "Targets", "They get", "Platforms"), rows)


def targets(_rest: str) -> str:
    """Return a table of the targets that have builds of today, by what they compute on."""
    catalogue = load_catalogue()
    names = catalogue.targets - catalogue.hardware.older
    known = [parse_target(name, catalogue.targets) for name in sorted(names)]
    rows: dict[str, list[str]] = {}
    for each in sorted(known, key=lambda target: target.version, reverse=True):
        rows.setdefault(each.kind.value, []).append(each.name)
    return table(
        ("Hardware", "Targets"),
        ((says, words(rows[kind])) for kind, says in HARDWARE.items()),
    )


def platforms(_rest: str) -> str:
    """Return a table of the platforms."""
    rows = ((f"`{each.name}`", f"`{each.conda_subdir}`") for each in PLATFORMS.values())
    return table(("Platform", "In conda"), rows)


def drivers(_rest: str) -> str:
    """Return a table of the oldest NVIDIA driver for each CUDA that has builds of today."""
    # As it is written: the catalogue's numbers have no zeros before them (450.80.02).
    tables = toml.read(HARDWARE_TABLES, HARDWARE_TABLES.name) or {}
    rows = (
        (" to ".join(dict.fromkeys(each["cuda"])), each["linux"], each["windows"])
        for each in tables["driver_floors"]["rows"]
        if Version(each["cuda"][0]) >= OLDEST_CUDA
    )
    return table(("CUDA", "Driver on Linux", "Driver on Windows"), rows)


def profiles(_rest: str) -> str:
    """Return the names of the profiles."""
    return f"{words(profile.names())}."


PARTS: dict[str, Callable[[str], str]] = {
    part.__name__: part
    for part in (
        command, commands, drivers, families, options, platforms, profiles, substitutes, targets,
    )
}  # fmt: skip


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    titles = tuple(head)
    return "\n".join(
        f"| {' | '.join(cells)} |" if cells is not None else f"|{'---|' * len(titles)}"
        for cells in (titles, None, *rows)
    )


def shown(text: str | None) -> str:
    """Return plain text as Markdown: options, tables of TOML and names with a gap are code."""
    return CODE.sub(lambda found: found[0] if found[1] else f"`{found[0]}`", text or "")


def words(names: Iterable[str]) -> str:
    """Return names in backquotes, with commas."""
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
