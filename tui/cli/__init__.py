"""The command line: finds the subcommand, reads its arguments, runs it, and turns every error into one line."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from store.domain.errors import BadInput, EarfulError
from tui.cli.call import FAILED, WRONG, Call
from tui.cli.commands import ALIASES, COMMANDS, Command
from tui.nearest import did_you_mean
from tui.output import Output

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE
_TAKES_VALUE = ("--config", "--database", "--as")
_PATHS = ("config", "database", "file", "output")


def _not_among(found: re.Match[str]) -> str:
    value, choices = found[1], re.findall(r"'([^']*)'", found[2])
    return f"`{value}` is none of {', '.join(choices)}{did_you_mean(value, choices)}"


class Parser(ArgumentParser):
    """Says a mistake as BadInput, for `main` to print like any other."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{_in_words(message)}; see `{self.prog} --help`")


# What argparse says, and how a person would.
_SAID = (
    (r"argument (?:\S+): invalid choice: '(.*)' \(choose from (.*)\)", _not_among),
    (r"argument (\S+): expected one argument", r"\1 needs a value behind it"),
    (r"the following arguments are required: (.*)", r"missing: \1"),
    (r"one of the arguments (.*) is required", r"one of \1 is needed"),
    (r"argument (\S+): not allowed with argument (\S+)", r"\1 and \2 do not go together"),
)


def _in_words(message: str) -> str:
    for said, words in _SAID:
        if found := re.fullmatch(said, message):
            return words(found) if callable(words) else found.expand(words)
    return message


def main(argv: Sequence[str] | None = None) -> int:
    os.umask(0o077)  # also for the folders on the way to a file
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(quiet="--quiet" in words)
    try:
        call = Call(*_arguments(words))
        out = call.out
        code = _function(call.args.run)(call)
        out.flush()
        return code
    except EarfulError as error:
        if error.exit_code == FAILED:
            _log(words, error)
        return _failed(out, str(error), error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except SystemExit as end:  # argparse's --help and --version
        return end.code if isinstance(end.code, int) else FAILED
    except OSError as error:
        # What is left of it here is the output's own: the store, the sources and the files have said theirs.
        if error.filename is None and error.errno is not None:
            _forget_output()
        return _failed(out, f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    except Exception as error:
        return _failed(out, f"unexpected {type(error).__name__}; details in {_keep(error)}", FAILED)


def parser_of(name: str) -> Parser:
    """The parser of one command. Raises BadInput for an unknown one."""
    command = COMMANDS.get(ALIASES.get(name, name))
    if command is None:
        raise BadInput(f"unknown command `{name}`{did_you_mean(name, COMMANDS) or '; see `earful help`'}")
    examples = "".join(f"\n  {line}" for line in command.examples)
    parser = Parser(
        prog=f"earful {command.name}",
        usage=" ".join(filter(None, ("earful", command.name, command.shape, "[options]"))),
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog=f"examples:{examples}" if examples else None,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    command.arguments(parser)
    common = parser.add_argument_group("common options")
    # -h would eat the beginning of a tag that is taken off: -hot
    common.add_argument(*(["--help"] if command.extra else ["-h", "--help"]), action="help", help="show this page")
    common.add_argument("--config", metavar="FILE", help="the configuration")
    common.add_argument("--database", metavar="FILE", help="the store")
    common.add_argument("--json", action="store_true", help="JSON Lines instead of lines for people")
    common.add_argument("--quiet", action="store_true", help="no narration on standard error")
    parser.set_defaults(run=command.run, extra=())
    return parser


def _arguments(words: list[str]) -> tuple[Namespace, Output]:
    """What stands before the command goes behind it, so that one parser reads the common options in either place."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        at += 2 if words[at] in _TAKES_VALUE else 1
    before, name, after = words[:at], words[at : at + 1], words[at + 1 :]
    if "--version" in before:
        print(f"earful {_version()}")
        raise SystemExit(0)
    if not name and ("-h" in before or "--help" in before):
        name, before = ["help"], [word for word in before if word not in ("-h", "--help")]
    parser = parser_of(name[0]) if name else _no_command()
    args, extra = parser.parse_known_args(before + after)
    if extra and not _command(name).extra:
        parser.error(f"unknown argument {' '.join(extra)}{did_you_mean(extra[0], parser._option_string_actions)}")
    args.extra = tuple(extra)
    _check_encoding(args)
    return args, Output(json=args.json, quiet=args.quiet)


def _check_encoding(args: Namespace) -> None:
    """Raises BadInput where words came in another encoding than the locale's. A path may hold any byte."""
    for name, value in vars(args).items():
        for word in value if isinstance(value, (list, tuple)) else (value,):
            if name not in _PATHS and isinstance(word, str) and _is_broken(word):
                raise BadInput(f"`{word}` holds bytes that are not {sys.getfilesystemencoding().upper()}")


def _is_broken(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return True
    return False


def _no_command() -> Parser:
    parser = parser_of("inbox")
    parser.prog = "earful"
    parser.set_defaults(run="start:start")
    return parser


def _command(name: list[str]) -> Command:
    return COMMANDS[ALIASES.get(name[0], name[0]) if name else "inbox"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("earful")
    except PackageNotFoundError:
        return "(not installed)"


def _function(run: str) -> Callable[[Call], int]:
    module, _, name = run.partition(":")
    function: Callable[[Call], int] = getattr(import_module(f"tui.cli.{module}"), name)
    return function


def _failed(out: Output, message: str, code: int) -> int:
    try:
        out.flush()
    except OSError:
        _forget_output()
    out.error(f"earful: {message}")
    return code or WRONG


def _log(words: list[str], error: EarfulError) -> None:
    from tui import log

    log.failed(next((word for word in words if word in COMMANDS), "inbox"), error)


def _forget_output() -> None:
    """Nobody reads any more: nothing is to be flushed, and complained of, at the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _keep(error: Exception) -> str:
    from tui.crash import keep

    return keep(error)
