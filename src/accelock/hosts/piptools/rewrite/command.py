"""The command line of `accelock rewrite`, and its way from a file's text to the next."""

from __future__ import annotations

import codecs
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from piptools.logging import log

from accelock.catalogue import load_catalogue
from accelock.errors import AccelockError
from accelock.hosts.piptools import engine, files
from accelock.hosts.piptools.asks import Asks
from accelock.hosts.piptools.command import make_target_plan, take_options, target_options, words_of
from accelock.hosts.piptools.outputs import STDOUT
from accelock.hosts.piptools.plan import find_config
from accelock.hosts.piptools.rewrite.moves import Moves
from accelock.hosts.piptools.rewrite.turned import Turned
from accelock.hosts.piptools.rewrite.turning import Turning
from accelock.locks import journal, requirements, rewriting
from accelock.locks.stamp import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.hosts.piptools.plan import Plan

PROGRAM = "accelock rewrite"
_TURNED = "# turned to a target by: "
_STDIN = "standard input"
_PLATFORM_NAMES = re.compile(r"\b(sys_platform|platform_machine|platform_system|os_name)\b")


@dataclass(frozen=True)
class Request:
    """What the command line asks for, beside the target.

    :param handed_on: pip-compile's own options, as words.
    :param own_index: whether the file's own --index-url counts: none was given in its place.
    """

    source: str
    output: str
    hashes: bool | None
    handed_on: tuple[str, ...]
    own_index: bool

    @property
    def name(self) -> str:
        """Return the name of the file for messages."""
        return _STDIN if self.source == STDOUT else self.source

    @property
    def base(self) -> Path:
        """Return the folder that the file is in."""
        return Path() if self.source == STDOUT else Path(self.source).parent


def main(args: Sequence[str]) -> None:
    """Run `accelock rewrite` and leave by SystemExit, as click commands do.

    :raises AccelockError: with the message for the user; nothing was written.
    """
    _command().main(args=list(args), prog_name=PROGRAM)


def _command() -> click.Command:
    return click.Command(
        "rewrite",
        callback=_rewrite,
        params=[*target_options(), *_own_options()],
        help="Turn a compiled requirements FILE (or `-`, standard input) to a hardware target. "
        "Every pin that can stay stays; what had to move is said on standard error.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _own_options() -> list[click.Parameter]:
    existing = click.Path(exists=True, dir_okay=False, allow_dash=True)
    return [
        click.Argument(["file"], metavar="FILE", type=existing),
        click.Option(
            ["-o", "--output-file", "output"],
            default=STDOUT,
            help="Where to write (default: standard output). It may be FILE itself.",
        ),
        click.Option(
            ["--generate-hashes/--no-generate-hashes", "hashes"],
            default=None,
            help="Whether the result carries hashes (default: as FILE does).",
        ),
        click.Option(["-i", "--index-url"], help="The index of all other packages."),
        click.Option(["--extra-index-url"], multiple=True, help="One more index."),
        click.Option(["-f", "--find-links"], multiple=True, help="One more place of archives."),
        click.Option(["--trusted-host"], multiple=True, help="A host that pip trusts."),
        click.Option(["-p", "--pre"], is_flag=True, help="Allow pre-releases."),
        click.Option(["--cache-dir"], help="Where pip-tools keeps its cache."),
        click.Option(["--pip-args"], help="Arguments for pip."),
        click.Option(["-v", "--verbose"], count=True, help="Show more output."),
        click.Option(["-q", "--quiet"], count=True, help="Give less output."),
    ]


def _rewrite(**params: Any) -> None:
    options = take_options(params)
    log.verbosity = params["verbose"] - params["quiet"]
    request = _request(params)
    plan = make_target_plan(options, find_config(Path(), load_catalogue()))
    if plan is None or len(plan.targets) != 1:
        raise click.UsageError(_which_target(plan))
    text = _without_ours(_read(request))
    file = requirements.parse(text, request.name)
    command = " ".join((PROGRAM, *words_of(options), request.source))
    _write(turn(file, plan, request, command), request.output)


def _which_target(plan: Plan | None) -> str:
    if plan is None:
        return "rewrite turns a file to a target: say which with -t (for example -t cpu)."
    names = ", ".join(target.name for target in plan.targets)
    return f"rewrite turns a file to one target, and there are several ({names}): choose with -t."


def turn(file: requirements.RequirementsFile, plan: Plan, request: Request, command: str) -> str:
    """Return the text of a compiled file, turned to the plan's one target.

    :raises AccelockError: no solution, or a source that cannot be read.
    """
    hashes = _has_hashes(file) if request.hashes is None else request.hashes
    compiled = Turning(
        file,
        plan,
        name=request.name,
        base=request.base,
        words=request.handed_on,
        hashes=hashes,
        own_index=request.own_index,
    ).solve()
    turned = Turned.of(file, compiled, hashes=hashes)
    _report(turned, request)
    return _stamped(rewriting.apply(file, turned.edit()), compiled, command)


def _has_hashes(file: requirements.RequirementsFile) -> bool:
    """Return whether pip asks for hashes: one is enough, or the option that says so."""
    required = any(option.flag == "--require-hashes" for option in file.options)
    return required or any(pin.hashes for pin in file.pins)


def _report(turned: Turned, request: Request) -> None:
    """Say what could not stay, and below -q what else is new; and where nothing was to turn."""
    run = turned.compiled.run
    moves = Moves(turned, Asks.of(run.memo.metadata.values()))
    for line in moves.moved():
        log.warning(line)
    for line in moves.changed():
        log.info(line)
    if any(map(run.plan.may_drop, turned.scope.cells)) and not _says_platforms(turned.file):
        platforms = dict.fromkeys(cell.platform.name for cell in turned.scope.cells)
        log.info(
            f"NOTE: {request.name} does not say which platforms it was made for, and is turned for "
            f"{', '.join(platforms)}. What was asked for on others than its own, it does not have; "
            "name those that you need with --platform."
        )
    if not any(turned.is_accelerated(name) for name in turned.variants):
        (target,) = run.plan.targets
        log.warning(
            f"NOTE: {request.name} has no package that is built per target: nothing was turned to "
            f"{target.name}."
        )


def _says_platforms(file: requirements.RequirementsFile) -> bool:
    """Return whether a file is known to hold on several platforms: its markers, or we, say so."""
    ours = any("accelock compile" in line for line in file.header)
    return ours or any(_PLATFORM_NAMES.search(pin.marker or "") for pin in file.pins)


def _request(params: dict[str, Any]) -> Request:
    words: list[str] = []
    for name in ("extra_index_url", "find_links", "trusted_host"):
        words += [w for value in params[name] for w in (f"--{name.replace('_', '-')}", value)]
    for name in ("index_url", "cache_dir", "pip_args"):
        if params[name] is not None:
            words += [f"--{name.replace('_', '-')}", params[name]]
    words += ["--pre"] if params["pre"] else []
    words += ["-v"] * params["verbose"] + ["-q"] * params["quiet"]
    return Request(
        source=params["file"],
        output=params["output"],
        hashes=params["hashes"],
        handed_on=tuple(words),
        own_index=params["index_url"] is None,
    )


def _read(request: Request) -> str:
    """Return the text of the file: UTF-8, or what its byte order mark says (PowerShell's pipes).

    :raises AccelockError: it cannot be read, is no text, or is empty: whatever stood before the
        pipe may have failed.
    """
    try:
        if request.source == STDOUT:
            content = sys.stdin.buffer.read()
        else:
            content = Path(request.source).read_bytes()
    except OSError as error:
        raise AccelockError(f"{request.name} cannot be read: {error.strerror}") from error
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AccelockError(
            f"{request.name} is no text in UTF-8 (byte {error.start}), so that it is no compiled "
            "requirements file."
        ) from error
    if not text.strip():
        raise AccelockError(
            f"{request.name} is empty: there is nothing to turn. If it comes from another command, "
            "look at what that one said."
        )
    return text


def _without_ours(text: str) -> str:
    """Return the text without the comment block of an earlier rewrite or compile of ours."""
    kept: list[str] = []
    behind_ours = False
    for line in text.splitlines(keepends=True):
        ours = line.startswith((PREFIX, _TURNED))
        if not ours and not (behind_ours and line.strip() in {"#", ""}):
            kept.append(line)
        behind_ours = ours
    return "".join(kept)


def _stamped(text: str, compiled: engine.Compiled, command: str) -> str:
    """Put our comment lines behind the header, last of all: they have the digest of the rest."""
    file = requirements.parse(text)
    (target,) = compiled.run.plan.targets
    stamp = files.stamp_of(compiled, target, inputs=(STDOUT,), text=text)
    own = [f"{_TURNED}{command}", *stamp.render()]
    comments = [*own, *(["#"] if file.header else [""])]
    return rewriting.apply(file, rewriting.Edit(comments=comments))


def _write(text: str, output: str) -> None:
    if output == STDOUT:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        journal.write_all({Path(output): text.encode()})
