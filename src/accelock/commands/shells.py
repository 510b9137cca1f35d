"""The scripts by which shells complete words, made of commands and their options.

Each finds the command on the line, then the words of the option before the cursor, else the
command's options or arguments. Where there are none the shell completes names of files.
"""

from __future__ import annotations

import shlex
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from accelock.commands.completions import CommandWords, OptionWords

_BASH = Template("""\
# bash completion of accelock; make it again after an upgrade: accelock completions bash
_accelock() {
    local current=$${COMP_WORDS[COMP_CWORD]} before=$${COMP_WORDS[COMP_CWORD-1]} command= words= i
    if [[ $$current == "=" ]]; then current=
    elif [[ $$before == "=" ]]; then before=$${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$$command $${COMP_WORDS[i]}" in
            $first) command=$${COMP_WORDS[i]} ;;
            $second) command="$$command $${COMP_WORDS[i]}" ;;
        esac
    done
    case "$$command $$before" in
$values
        *) case "$$command:$$current" in
$words
        esac ;;
    esac
    COMPREPLY=($$(compgen -W "$$words" -- "$$current"))
    [[ $${COMPREPLY-} == *= ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _accelock accelock
""")
_ZSH = Template("""\
#compdef accelock
# zsh completion of accelock; make it again after an upgrade: accelock completions zsh
_accelock() {
    local word command= before=$$words[CURRENT-1]
    local -a found
    for word in "$${(@)words[2,CURRENT-1]}"; do
        case "$$command $$word" in
            $first) command=$$word ;;
            $second) command="$$command $$word" ;;
        esac
    done
    if [[ $$PREFIX == --*=* ]]; then
        before=$${PREFIX%%=*}
        compset -P '*='
    fi
    case "$$command $$before" in
$values
        *) case "$$command:$$PREFIX" in
$words
        esac ;;
    esac
    if (( $$#found )); then _describe word found; else _files; fi
}
if [[ $$funcstack[1] == _accelock ]]; then _accelock "$$@"; else compdef _accelock accelock; fi
""")
_FISH = Template("""\
# fish completion of accelock; make it again after an upgrade: accelock completions fish
function __accelock_command
    set -l found
    for word in (commandline -opc)[2..-1]
        switch "$$found $$word"
            case $first
                set found $$word
            case $second
                set found "$$found $$word"
        end
    end
    echo "$$found"
end
$words
""")
_POWERSHELL = Template("""\
# PowerShell completion of accelock; make it again after an upgrade: accelock completions powershell
Register-ArgumentCompleter -Native -CommandName accelock -ScriptBlock {
    param($$current, $$ast, $$position)
    $$options = @{
$options
    }
    $$values = @{
$values
    }
    $$command = ''
    $$before = ''
    foreach ($$element in $$ast.CommandElements | Select-Object -Skip 1) {
        $$word = "$$element"
        if ($$element.Extent.EndOffset -ge $$position -and $$word -eq $$current) { break }
        $$longer = "$$command $$word".Trim()
        if ($$options.ContainsKey($$longer)) { $$command = $$longer }
        $$before = $$word
    }
    $$found = $$values["$$command $$before"]
    if ($$null -eq $$found) { $$found = $$options[$$command] }
    $$found | Where-Object { $$_ -like "$$current*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($$_, $$_, 'ParameterValue', $$_)
    }
}
""")


def _bash(commands: Sequence[CommandWords]) -> str:
    return _BASH.substitute(_cases(commands, lambda words: f"words={shlex.quote(' '.join(words))}"))


def _zsh(commands: Sequence[CommandWords]) -> str:
    return _ZSH.substitute(_cases(commands, lambda words: f"found=({_described(words)})"))


def _cases(
    commands: Sequence[CommandWords], assign: Callable[[Mapping[str, str]], str]
) -> dict[str, str]:
    """Return the branches of the scripts for bash and zsh.

    :param assign: returns what keeps words, each with what it means, for the shell.
    """
    values = [
        f"        {_patterns(keys)}) {assign(dict.fromkeys(words, ''))} ;;"
        for keys, words in _by_option(commands).items()
    ]
    lines = []
    for name, (options, arguments) in _of_commands(commands).items():
        lines.append(f"            {shlex.quote(f'{name}:-')}*) {assign(options)} ;;")
        if arguments:
            lines.append(f"            {shlex.quote(f'{name}:')}*) {assign(arguments)} ;;")
    joined = {"values": "\n".join(values), "words": "\n".join(lines)}
    return {**_heads(commands), **joined}


def _described(words: Mapping[str, str]) -> str:
    """Return words for zsh's `_describe`, each with what it means behind a colon."""
    pairs = ((word.replace(":", "\\:"), says) for word, says in words.items())
    return " ".join(shlex.quote(f"{word}:{says}" if says else word) for word, says in pairs)


def _fish(commands: Sequence[CommandWords]) -> str:
    lines = []
    for name, (_options, arguments) in _of_commands(commands).items():
        test = f"""-n 'test (__accelock_command) = "{name}"'"""
        for word, says in arguments.items():
            about = f" -d {_fish_quoted(says)}" if says else ""
            lines.append(f"complete -c accelock -f {test} -a {_fish_quoted(word)}{about}")
    for command in commands:
        test = f"""-n 'test (__accelock_command) = "{command.name}"'"""
        for option in command.options:
            names = " ".join(map(_fish_name, option.names))
            about = f"-d {_fish_quoted(option.says)}" if option.says else ""
            if option.values:
                takes = f"-x -a {_fish_quoted(' '.join(option.values))}"
            else:
                takes = "-f" if option.values is None else "-r"
            lines.append(f"complete -c accelock {test} {names} {takes} {about}".rstrip())
    heads = {key: text.replace("|", " ") for key, text in _heads(commands).items()}
    return _FISH.substitute(heads, words="\n".join(lines))


def _fish_name(name: str) -> str:
    """Return an option as `complete` takes it: long, of one letter, or of several as in -vv."""
    word = name.lstrip("-")
    return f"-{'l' if name[:2] == '--' else 's' if len(word) == 1 else 'o'} {word}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(commands: Sequence[CommandWords]) -> str:
    options = [
        f"        {_single(name)} = {', '.join(map(_single, (*arguments, *options)))}"
        for name, (options, arguments) in _of_commands(commands).items()
    ]
    values = [
        f"        {_single(f'{command.name} {name}')} = {', '.join(map(_single, option.values))}"
        for command in commands
        for option in command.options
        if option.values
        for name in option.names
    ]
    return _POWERSHELL.substitute(options="\n".join(options), values="\n".join(values))


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SHELLS: Mapping[str, Callable[[Sequence[CommandWords]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
    "powershell": _powershell,
}


def _heads(commands: Sequence[CommandWords]) -> dict[str, str]:
    """Return the patterns of a command's first word, and of those that have a second."""
    names = [command.name.partition(" ") for command in commands]
    firsts = dict.fromkeys(f" {first}" for first, _, _ in names)
    seconds = [f"{first} {second}" for first, _, second in names if second]
    return {"first": _patterns(firsts), "second": _patterns(seconds)}


def _by_option(commands: Sequence[CommandWords]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the words of each option's value, by `COMMAND OPTION` for each command and name."""
    found: dict[tuple[str, ...], list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.values is not None:
                keys = [f"{command.name} {name}" for name in option.names]
                found.setdefault(option.values, []).extend(keys)
    return {tuple(keys): words for words, keys in found.items()}


def _of_commands(
    commands: Sequence[CommandWords],
) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Return by command the options and the words of arguments, each with what it means.

    Before any command, and behind the first word of several, the arguments are commands.
    """
    common = next(c for c in commands if c.name == "completions").options
    found = {"": (_names(common), dict[str, str]())}
    for command in commands:
        first, _, second = command.name.partition(" ")
        found[""][1].setdefault(first, "" if second else command.says)
        if second:
            found.setdefault(first, (_names(common), {}))[1][second] = command.says
        found[command.name] = (_names(command.options), dict.fromkeys(command.values, ""))
    return found


def _names(options: Iterable[OptionWords]) -> dict[str, str]:
    return {name: option.says for option in options for name in option.names}


def _patterns(texts: Iterable[str]) -> str:
    """Return the pattern of a shell's `case` that any of these texts fits."""
    return "|".join(map(shlex.quote, texts))
