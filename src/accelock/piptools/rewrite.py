"""`accelock rewrite`: turn a compiled requirements file, whoever made it, to a target.

The file's direct requirements are resolved anew for the target, with all its pins as preferences.
Lines that need not change stay as they are, to the letter.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from piptools.logging import log

from accelock.lock import header, journal, requirements, rewriting
from accelock.piptools import engine, hooks, turned
from accelock.piptools.command import make_target_plan, take_options, target_options, words_of
from accelock.piptools.outputs import STDOUT
from accelock.piptools.roots import Roots
from accelock.piptools.solve import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelock.piptools.plan import Plan

PROGRAM = "accelock rewrite"
_TURNED = "# turned to a target by: "


@dataclass(frozen=True)
class Request:
    """What the command line asks for, beside the target.

    :param handed_on: pip-compile's own options, as words.
    """

    source: str
    output: str
    hashes: bool | None
    handed_on: tuple[str, ...]


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
    return [
        click.Argument(["source"], metavar="FILE", type=click.Path(exists=True, allow_dash=True)),
        click.Option(
            ["-o", "--output-file", "output"],
            default=STDOUT,
            help="Where to write (default: standard output). It may be FILE itself.",
        ),
        click.Option(
            ["--generate-hashes/--no-generate-hashes", "hashes"],
            default=None,
            help="Whether lines that change carry hashes (default: as in FILE).",
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
    plan = make_target_plan(options)
    if plan is None or len(plan.targets) != 1:
        raise click.UsageError("rewrite turns a file to one target: choose it with -t.")
    text = _read(request.source)
    file = requirements.parse(_without_ours(text), _name(request.source))
    command = " ".join((PROGRAM, *words_of(options), _name(request.source)))
    result = turn(file, plan, request, command)
    _write(result, request.output)


def turn(file: requirements.RequirementsFile, plan: Plan, request: Request, command: str) -> str:
    """Return the text of a compiled file, turned to the plan's one target.

    :raises AccelockError: no solution, or a source that cannot be read.
    """
    hashes = request.hashes if request.hashes is not None else any(pin.hashes for pin in file.pins)
    with tempfile.TemporaryDirectory(prefix="accelock-") as folder:
        compiled = _resolve(file, plan, request, Path(folder), hashes=hashes)
    edit = turned.edit(file, compiled, hashes=hashes)
    for line in turned.report(file, compiled):
        log.warning(line)
    whole = rewriting.apply(file, edit)
    return _stamped(whole, compiled, command)


def _resolve(
    file: requirements.RequirementsFile,
    plan: Plan,
    request: Request,
    folder: Path,
    *,
    hashes: bool,
) -> engine.Compiled:
    """Compile the file's direct requirements, then once more with pins that this would lose."""
    roots = Roots.of(file, plan.catalogue)
    pins = folder / "pins.txt"
    pins.write_text(file.text, encoding="utf-8")
    source = folder / "direct.in"
    while True:
        source.write_text(roots.text(_base_of(request)), encoding="utf-8")
        words = [*request.handed_on, "--output-file", str(pins), str(source)]
        params = _parameters(words, file, hashes=hashes)
        compiled = engine.Engine(
            plan, Command(params), hooks.installed, reports_moves=True
        ).compile()
        (target,) = plan.targets
        lost = roots.lost({variant.name for variant in compiled.variants[target.name]})
        if not lost:
            return compiled
        roots = roots.with_kept(lost)


def _parameters(
    words: list[str], file: requirements.RequirementsFile, *, hashes: bool
) -> dict[str, Any]:
    """Return pip-compile's parameters with its own defaults for all that we do not say."""
    unsafe = {"setuptools", "pip", "distribute"} & {pin.name for pin in file.pins}
    words = [
        "--no-config",
        "--strip-extras" if not any(pin.extras for pin in file.pins) else "--no-strip-extras",
        *(["--generate-hashes"] if hashes else []),
        *(["--allow-unsafe"] if unsafe else []),
        *words,
    ]
    context = compile_module.cli.make_context(PROGRAM, words)
    return dict(context.params)


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
        source=params["source"],
        output=params["output"],
        hashes=params["hashes"],
        handed_on=tuple(words),
    )


def _read(source: str) -> str:
    if source == STDOUT:
        return sys.stdin.read()
    return Path(source).read_bytes().decode("utf-8-sig")


def _name(source: str) -> str:
    return "-" if source == STDOUT else source


def _base_of(request: Request) -> Path:
    return Path() if request.source == STDOUT else Path(request.source).parent


def _without_ours(text: str) -> str:
    """Return the text without the comment block of an earlier rewrite or compile of ours."""
    kept: list[str] = []
    behind_ours = False
    for line in text.splitlines(keepends=True):
        ours = line.startswith((header.PREFIX, _TURNED))
        if not ours and not (behind_ours and line.strip() in {"#", ""}):
            kept.append(line)
        behind_ours = ours
    return "".join(kept)


def _stamped(text: str, compiled: engine.Compiled, command: str) -> str:
    """Put our comment lines behind the header, last of all: they have the digest of the rest."""
    file = requirements.parse(text)
    (target,) = compiled.run.plan.targets
    stamp = engine.stamp_of(compiled, target, inputs=(STDOUT,), text=text)
    own = [f"{_TURNED}{command}", *stamp.render()]
    comments = [*own, *(["#"] if file.header else [""])]
    return rewriting.apply(file, rewriting.Edit(comments=comments))


def _write(text: str, output: str) -> None:
    if output == STDOUT:
        sys.stdout.write(text)
    else:
        journal.write_all({Path(output): text.encode()})
