"""The command line of `accelock rewrite`: what any tool pinned in, a file for a target out.

The file's direct requirements are resolved anew for the target, with all its pins as preferences.
Lines that need not change stay as they are. `compiled_file` reads, `resolve` resolves, `result`
says what could not stay, `text` writes.
"""

from __future__ import annotations

import codecs
import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from piptools.logging import log
from piptools.repositories.pypi import PyPIRepository

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hosts.piptools import downloads
from accelock.hosts.piptools.command import (
    CompileCommand,
    make_target_plan,
    take_options,
    target_options,
    words_of,
)
from accelock.hosts.piptools.files import STDOUT
from accelock.hosts.piptools.rewrite.compiled_file import CompiledFile
from accelock.hosts.piptools.rewrite.resolve import Resolution
from accelock.hosts.piptools.rewrite.result import PinChanges
from accelock.hosts.piptools.rewrite.text import (
    UNSAFE_NAMES,
    open_to,
    rewritten,
    without_ours,
)
from accelock.locks import foreign, journal, requirements
from accelock.locks import inputs as digests
from accelock.resolve.substitution import Substitution
from accelock.settings.config import Config
from accelock.settings.project import Settings
from accelock.settings.settings import read_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.hosts.piptools.plan import Plan
    from accelock.hosts.piptools.rewrite.result import Rewrite
    from accelock.locks.requirements import RequirementsFile

PROGRAM = "accelock rewrite"
# Parameters of pip-compile's that mean the same here.
_THEIRS = frozenset(
    {
        "index_url",
        "extra_index_url",
        "find_links",
        "trusted_host",
        "pre",
        "cache_dir",
        "pip_args_str",
        "verbose",
        "quiet",
    }
)
_MADE_BY_PIP_COMPILE = re.compile(r"pip-compile|accelock compile")
# With a target compile pins what pip-tools calls unsafe, unless it was told not to.
_MADE_BY_US = re.compile(r"accelock compile (?!.*--no-allow-unsafe)")
# What uv was told that a file is for, and which of our platforms that is (those of musl are none).
_MADE_FOR = re.compile(r"--python-platform[ =](\S+)")
_OF_UV = (
    (r"linux|x86_64-(unknown-linux-gnu|manylinux\w+)", "linux-x86_64"),
    (r"aarch64-(unknown-linux-gnu|manylinux\w+)", "linux-aarch64"),
    (r"macos|aarch64-apple-darwin", "macos-arm64"),
    (r"x86_64-apple-darwin", "macos-x86_64"),
    (r"windows|x86_64-pc-windows-msvc", "windows-x86_64"),
)
_PLATFORM_NAMES = re.compile(r"\b(sys_platform|platform_machine|platform_system|os_name)\b")


def main(args: Sequence[str]) -> None:
    """Run `accelock rewrite` and leave by SystemExit, as click commands do.

    :raises AccelockError: with the message for the user; nothing was written.
    """
    command().main(args=list(args), prog_name=PROGRAM)


def command() -> click.Command:
    """Return the command, with the options of `compile` for targets before its own."""
    return CompileCommand(
        "rewrite",
        callback=_rewrite,
        params=[*target_options(), *_own_options()],
        help="Rewrite FILE (or `-`, standard input) for a hardware target: a compiled "
        "requirements file, the output of pip freeze, pip list or conda list, a poetry.lock "
        "or a pylock file. It keeps every pin that it can keep, and prints the others on "
        "standard error.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _own_options() -> list[click.Parameter]:
    existing = click.Path(exists=True, dir_okay=False, allow_dash=True)
    return [
        click.Argument(["file"], metavar="FILE", type=existing),
        click.Option(
            ["-o", "--output-file", "output"],
            default=STDOUT,
            help="Output file (default: standard output). It can be FILE itself.",
        ),
        click.Option(
            ["--generate-hashes/--no-generate-hashes", "hashes"],
            default=None,
            help="Whether to write hashes (default: as FILE does).",
        ),
        *(each for each in compile_module.cli.params if each.name in _THEIRS),
    ]


def _rewrite(**params: Any) -> None:
    file, output, hashes = (params.pop(name) for name in ("file", "output", "hashes"))
    options = take_options(params)
    log.verbosity = params["verbose"] - params["quiet"]
    name = "standard input" if file == STDOUT else file
    config = read_config(Path(digests.PYPROJECT), load_catalogue())
    base = Path() if file == STDOUT else Path(file).parent
    settings = Settings(load_catalogue(), config or Config())
    default = PyPIRepository.DEFAULT_INDEX_URL
    given = foreign.as_requirements(_read(file, name), name, base, settings, default)
    if (
        given.kind is not None
        and output != STDOUT
        and Path(output).resolve() == Path(file).resolve()
    ):
        raise AccelockError(
            f"{name} is {given.kind}, and rewrite writes a requirements file: choose another name "
            "(-o)"
        )
    content = requirements.parse(without_ours(given.text), name)
    plan = _plan_of_one(make_target_plan(options, config))
    made_for = _platform_of_maker(content)
    if not plan.declared and made_for in {cell.platform.name for cell in plan.cells}:
        log.warning(
            f"NOTE: {name} was made for {made_for}, as its header says, and is rewritten for that "
            "alone. Name other platforms with --platform."
        )
        options = replace(options, platforms=(made_for,))
        plan = _plan_of_one(make_target_plan(options, config))
    # A pinned file says what it has; which of its names the user asked for, it may not say.
    plan = replace(plan, substitution=Substitution(off=plan.substitution.off))
    # However often the file is resolved, each thing is said once.
    plan = replace(plan, say=cache(plan.say), say_progress=cache(plan.say_progress))
    parameters = {**_parameters(content, hashes=hashes), **params}
    rewrite = Resolution(
        CompiledFile(content, name, base, plan, given.kind is not None),
        parameters,
        params["index_url"] is None,
    ).solve()
    for note in given.notes:
        log.warning(f"NOTE: {note}")
    _report(rewrite)
    text = rewritten(rewrite, " ".join((PROGRAM, *words_of(options), file)))
    if (what := open_to(text)) is not None:
        plan.say_progress(f"NOTE: {'the file' if output == STDOUT else output} has {what}.")
    if config is not None and config.limits_targets:
        downloads.hold(rewrite.compiled, {plan.targets[0].name: text}, config)
    if output == STDOUT:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        journal.write_all({Path(output): text.encode()})


def _platform_of_maker(file: RequirementsFile) -> str | None:
    """Return the platform that uv's command in a file's header names; None for none of ours."""
    given = _MADE_FOR.search(" ".join(file.header))
    if given is None:
        return None
    return next((ours for theirs, ours in _OF_UV if re.fullmatch(theirs, given[1])), None)


def _plan_of_one(plan: Plan | None) -> Plan:
    if plan is None:
        raise click.UsageError("rewrite needs a target: name it with -t (for example -t cpu).")
    if len(plan.targets) != 1:
        names = ", ".join(target.name for target in plan.targets)
        raise click.UsageError(
            f"rewrite writes for one target, and there are several ({names}): choose one with -t."
        )
    return plan


def _parameters(file: RequirementsFile, *, hashes: bool | None) -> dict[str, Any]:
    """Return pip-compile's parameters: its defaults, and what the file shows of its maker's.

    pip asks for hashes where there is one, or the option that says so. Makers other than
    pip-compile pin the packages that it calls unsafe.
    """
    if hashes is None:
        hashes = any(option.flag == "--require-hashes" for option in file.options)
        hashes = hashes or any(pin.hashes for pin in file.pins)
    unsafe = any(pin.name in UNSAFE_NAMES for pin in file.pins)
    unsafe = unsafe or not any(map(_MADE_BY_PIP_COMPILE.search, file.header))
    unsafe = unsafe or any(map(_MADE_BY_US.search, file.header))
    words = [
        "--no-config",
        "--no-annotate",
        "--no-strip-extras" if any(pin.extras for pin in file.pins) else "--strip-extras",
        *(["--generate-hashes"] if hashes else []),
        *(["--allow-unsafe"] if unsafe else []),
        STDOUT,
    ]
    return dict(compile_module.cli.make_context(PROGRAM, words).params)


def _report(rewrite: Rewrite) -> None:
    """Say what could not stay, and below -q what else is new; and where nothing was to turn."""
    changes, file, plan = PinChanges(rewrite), rewrite.file, rewrite.file.plan
    for line in changes.moved():
        log.warning(line)
    for line in changes.changed():
        log.info(line)
    ours = any("accelock compile" in line for line in file.file.header)
    on_several = ours or any(_PLATFORM_NAMES.search(pin.marker or "") for pin in file.file.pins)
    if not on_several and not all(map(plan.is_required, plan.cells)):
        platforms = dict.fromkeys(cell.platform.name for cell in plan.cells)
        log.info(
            f"NOTE: {file.name} does not say for which platforms it was made, and is rewritten "
            f"for {', '.join(platforms)}. It lacks what only other platforms than its own "
            "require. Name the platforms that you need with --platform."
        )
    if not any(map(file.is_accelerated, rewrite.variants)):
        log.warning(
            f"NOTE: {file.name} has no package with a build per target: there was nothing to "
            f"change for {file.target.name}."
        )


def _read(file: str, name: str) -> str:
    """Return the text of the file: UTF-8, or what its byte order mark says (PowerShell's pipes).

    :raises AccelockError: it cannot be read, is no text, or is empty: whatever stood before the
        pipe may have failed.
    """
    try:
        content = sys.stdin.buffer.read() if file == STDOUT else Path(file).read_bytes()
    except OSError as error:
        raise AccelockError(f"{name} cannot be read: {error.strerror}") from error
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AccelockError(
            f"{name} is not UTF-8 text (byte {error.start}), so that it is not a compiled "
            "requirements file."
        ) from error
    if not text.strip():
        raise AccelockError(
            f"{name} is empty: there is nothing to rewrite. If it is the output of another "
            "command, look at that command's messages."
        )
    return text
