"""The command `accelock compile`: pip-compile's own click command with a few options more."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import piptools.scripts.compile as compile_module
from click.core import ParameterSource
from piptools.logging import log

from accelock import toml
from accelock.catalogue import load_catalogue, redact
from accelock.errors import AccelockError, UnknownWordError
from accelock.hosts.piptools import downloads, engine, files, progress, render
from accelock.hosts.piptools.calling import CompileCall
from accelock.hosts.piptools.inputs import other_config
from accelock.hosts.piptools.plan import OptionError, Options, Plan, make_plan
from accelock.hosts.piptools.sidecars import Sidecars, as_pip_compile
from accelock.locks import inputs as digests
from accelock.locks import journal
from accelock.settings.settings import read_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accelock.settings.config import Config

PROGRAM = "accelock compile"
#: In the place of pip-compile's options, which know no default but no.
HASHES = click.Option(
    ["--generate-hashes/--no-generate-hashes"],
    default=None,
    help="Whether to write hashes. The default with a target: yes, if every line can have one "
    "without a download.",
)
UNSAFE = click.Option(
    ["--allow-unsafe/--no-allow-unsafe"],
    default=None,
    help="Whether to pin setuptools and pip if something requires them. The default with a "
    "target: yes, because torch and triton require setuptools.",
)
_HELP = """Pin requirements for hardware targets: one file per target, valid on every platform.

Valid sources are requirements.in, pyproject.toml, setup.cfg, or setup.py specs. Without a target
and a [tool.accelock] table, this is pip-compile."""
_EXAMPLES = """Examples:

\b
  accelock compile -t cpu -t cu126 requirements.in
      writes requirements.cpu.txt and requirements.cu126.txt
  accelock compile
      the targets that [tool.accelock] in pyproject.toml declares
  accelock compile -P torch
      a newer torch; every other pin stays if it can
"""


def main(args: Sequence[str]) -> None:
    """Run `accelock compile` and leave by SystemExit, as click commands do.

    Without a target and a [tool.accelock] table it is pip-compile, byte for byte.

    :raises AccelockError: with the message for the user; nothing was written.
    """
    command().main(args=list(args), prog_name=PROGRAM, obj=list(args))


class CompileCommand(click.Command):
    """A command whose help shows our options first: pip-compile has sixty of its own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two groups."""
        ours = {option.name for option in (*target_options(), HASHES, UNSAFE)}
        groups: dict[str, list[tuple[str, str]]] = {"Options for targets": [], "Options": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                title = "Options for targets" if parameter.name in ours else "Options"
                groups[title].append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def command() -> click.Command:
    """Return pip-compile's command with our options before its own."""
    theirs = compile_module.cli
    # Its --help, since 7.6 an option like others, ends in examples of pip-compile.
    replaced = ("help", HASHES.name, UNSAFE.name)
    kept = [each for each in theirs.params if each.name not in replaced]
    return CompileCommand(
        theirs.name,
        params=[*target_options(), HASHES, UNSAFE, *kept],
        callback=_compile,
        help=_HELP,
        epilog=_EXAMPLES,
        context_settings={**theirs.context_settings, "help_option_names": ["-h", "--help"]},
    )


def target_options() -> list[click.Parameter]:
    """Return the options that `compile` and `rewrite` have beyond their own.

    Each is named as its key in [tool.pip-tools] would be: pip-tools refuses a key by that name.
    """
    return [
        click.Option(
            ["-t", "--target"],
            multiple=True,
            metavar="TARGET",
            help="Hardware target (cpu, cu126, rocm6.3, xpu, ...). Give several for one file "
            "each. Default: `targets` in [tool.accelock].",
        ),
        click.Option(
            ["--platform"],
            multiple=True,
            metavar="PLATFORM",
            help="Platform on which the file must work (linux-x86_64, linux-aarch64, macos-arm64, "
            "macos-x86_64, windows-x86_64, or conda's names); can be given more than once.",
        ),
        click.Option(
            ["--python-version"],
            multiple=True,
            metavar="X.Y",
            help="Python version to compile for (default: that of the running Python); can be "
            "given more than once.",
        ),
        click.Option(
            ["--source"],
            multiple=True,
            metavar="FAMILY=URL",
            help="Index of a family's builds, with {target} in its URL, or a find-links page.",
        ),
        click.Option(
            ["--allow-downloads"],
            is_flag=True,
            default=False,
            help="Download whole wheels to hash them if their index publishes no hashes (this can "
            "be GBs).",
        ),
        click.Option(
            ["--offline"],
            is_flag=True,
            default=False,
            help="Ask no index: use the pages and metadata in accelock's cache, or fail.",
        ),
    ]


def take_options(params: dict[str, Any]) -> Options:
    """Take our options out of click's parameters and return them."""
    return Options(
        targets=tuple(params.pop("target")),
        platforms=tuple(params.pop("platform")),
        pythons=tuple(params.pop("python_version")),
        sources=tuple(params.pop("source")),
        allow_downloads=params.pop("allow_downloads"),
        offline=params.pop("offline"),
    )


def _compile(**params: Any) -> None:
    context = click.get_current_context()
    options = take_options(params)
    log.verbosity = params["verbose"] - params["quiet"]
    config = read_config(Path(digests.PYPROJECT), load_catalogue())
    plan = make_target_plan(options, config)
    sidecars = Sidecars.of(Path(), config)
    _judge_table(other_config(params), plain=plan is None)
    if plan is None:
        _as_pip_compile(context, params, sidecars)
        return
    if params.get("resolver_name") == "legacy":
        raise click.UsageError(
            "--resolver=legacy cannot resolve for another platform. Leave it out, or compile "
            "without a target."
        )
    hashes, unsafe = params["generate_hashes"], params["allow_unsafe"]
    if unsafe is None:  # who says which packages are unsafe wants them left out
        unsafe = not params["unsafe_package"]
    ours = {"generate_hashes": hashes is not False, "allow_unsafe": unsafe}
    command = CompileCall({**params, **ours}, context.default_map)

    def prepare(names: Iterable[str]) -> None:
        if not params["dry_run"]:
            _refuse_unwritable(names)
        sidecars.prepare(names)

    run = engine.Engine(plan, command, prepare=prepare, hashes_by_default=hashes is None)
    compiled = run.compile()
    pages = files.sheets(compiled, _their_context(context, params), _words(context, options))
    # Once: pip-tools hands on a generator among what its writer is made with.
    lines = {name: render.render(page) for name, page in pages.items()}
    texts = {name: render.as_bytes(each, "\n").decode() for name, each in lines.items()}
    if config is not None and config.limits_targets:
        downloads.hold(compiled, texts, config)
    files.write(compiled, lines, sidecars, dry_run=params["dry_run"])
    if params["dry_run"]:
        log.info("Dry-run, so nothing updated.")
    if params["verbose"] > params["quiet"]:
        for line in downloads.sizes_of(compiled, texts):
            log.info(line)


def _words(context: click.Context, options: Options) -> tuple[str, ...]:
    """Return the words of ours for a header; pip-tools leaves out what is its own default."""
    negated = [
        word
        for each in (HASHES, UNSAFE)
        if context.params[each.name or ""] is False
        and context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE
        for word in each.secondary_opts
    ]
    return (*words_of(options), *negated)


def _judge_table(path: Path | None, *, plain: bool) -> None:
    """Say that a [tool.accelock] in another file does not count.

    :param plain: no target is given or declared, so that this is to be plain pip-compile.
    :raises AccelockError: the table declares targets, of which a plain pip-compile knows nothing.
    """
    tool = (toml.read(path, str(path)) or {}).get("tool") if path is not None else None
    table = tool.get("accelock") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return
    what = (
        f"accelock ignores [tool.accelock] in {path}: it reads the {digests.PYPROJECT} of this "
        "folder"
    )
    if plain and "targets" in table:
        raise AccelockError(
            f"{what}. Without a target, this would be plain pip-compile. Nothing was written. Put "
            f"the table into {digests.PYPROJECT}, or give a target with -t (for example -t cpu)."
        )
    log.warning(f"NOTE: {what}.")


def make_target_plan(options: Options, config: Config | None) -> Plan | None:
    """Return what is to be done, or None where no target was given or declared.

    :raises click.UsageError: a target, platform or family that does not exist.
    :raises AccelockError: a target that no platform has.
    """
    try:
        return make_plan(
            options,
            config,
            say=log.warning,
            say_progress=log.info,
            show_bytes=progress.DownloadBar(),
        )
    except (UnknownWordError, OptionError) as error:
        raise click.UsageError(str(error)) from error  # exit code 2, as pip-tools has it


def _as_pip_compile(context: click.Context, params: dict[str, Any], sidecars: Sidecars) -> None:
    """Run the real command on the same words, as if accelock were not there.

    In a project with a table for conda alone, its file and the conda files are written together.
    """

    def call() -> None:
        compile_module.cli.main(args=context.find_root().obj, prog_name=PROGRAM)

    if sidecars.beside is None:
        call()
        return
    sidecars.prepare([files.guessed_name(params["output_file"], params["src_files"])])
    as_pip_compile(sidecars, call)


def _refuse_unwritable(names: Iterable[str]) -> None:
    """Stop before anything is resolved that could not be written."""
    paths = [Path(name) for name in names if name != files.STDOUT]
    journal.refuse_unwritable(path for path in paths if not journal.is_special(path))


def _their_context(context: click.Context, params: dict[str, Any]) -> click.Context:
    """Return a context that pip-tools can make its header's command line of."""
    theirs = click.Context(compile_module.cli, info_name=PROGRAM)
    # What nobody said is no part of it; pip-tools before 7.6 cannot tell that with click 8.3.
    said = {n for n in params if context.get_parameter_source(n) is not ParameterSource.DEFAULT}
    theirs.params = {n: v for n, v in params.items() if n in said or n == "src_files"}
    theirs.default_map = context.default_map
    for name in params:
        source = context.get_parameter_source(name)
        if source is not None:
            theirs.set_parameter_source(name, source)
    return theirs


def words_of(options: Options) -> tuple[str, ...]:
    """Return our options as the header's command line has them, without credentials."""
    words = [f"--target={name}" for name in options.targets]
    words += [f"--platform={name}" for name in options.platforms]
    words += [f"--python-version={version}" for version in options.pythons]
    sources = (word.partition("=") for word in options.sources)
    words += [f"--source={family}{equals}{redact(url)}" for family, equals, url in sources]
    return tuple(shlex.quote(word) for word in words)
