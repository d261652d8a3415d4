"""`earful sources [TYPE]`: the source types and all that each takes."""

from __future__ import annotations

from sources.protocol import SourceType
from sources.registry import HIDDEN, TYPES
from store.domain.desk import SourceConfig
from store.domain.errors import NotFound
from tui.cli.call import DONE, Call
from tui.cli.records import Record
from tui.nearest import did_you_mean
from tui.output import Cell, Output
from tui.times import in_words

USUAL = SourceConfig("", "")
COMMON = {
    "name": "how the source is called in the inbox (default: its type)",
    "url": "the server, a proxy or a test server",
    "token": "env:NAME, file:PATH or keyring:NAME; never the secret itself",
    "every": f"time between two polls (default: {in_words(USUAL.every)})",
    "backfill": "how far back on first contact: none, all or a duration (default: 7d)",
    "settle": f"how long a lost answer may take to show up (default: {in_words(USUAL.settle)})",
}


def sources(call: Call) -> int:
    known = {name: kind for name, kind in TYPES.items() if name not in HIDDEN}
    wanted, out = call.args.type, call.out
    if wanted is not None and wanted not in known:
        raise NotFound(f"unknown source type `{wanted}`, the types are {', '.join(known)}{did_you_mean(wanted, known)}")
    for kind in [known[wanted]] if wanted else known.values():
        if out.json:
            out.record(_record(kind))
        elif wanted:
            _print(kind, out)
        else:
            out.row(Cell(kind.name, 12, "bold"), kind.summary)
    if not wanted:
        out.tell("`earful sources TYPE` shows all that a type takes")
    return DONE


def _print(kind: SourceType, out: Output) -> None:
    out.row(Cell(kind.name, 0, "bold"), kind.summary)
    out.row()
    out.row(Cell("without account", 17, "dim"), kind.without_account or "nothing")
    out.row(Cell("with account", 17, "dim"), kind.with_account or "the same")
    out.row(
        Cell("answers", 17, "dim"),
        "yes, with a token" if kind.can_answer else "no; earful opens the page and you answer there",
    )
    out.row()
    for option in kind.options:
        example = f"; {option.name} = {option.example}" if option.example else ""
        out.row(Cell(option.name, 17, "bold"), f"{'(required) ' if option.required else ''}{option.help}{example}")
    for name, words in COMMON.items():
        usual = f"; default {kind.default_url}" if name == "url" and kind.default_url else ""
        out.row(Cell(name, 17), words + usual)


def _record(kind: SourceType) -> Record:
    return {
        "type": kind.name,
        "network": kind.network,
        "summary": kind.summary,
        "url": kind.default_url or None,
        "without_account": kind.without_account,
        "with_account": kind.with_account,
        "can_answer": kind.can_answer,
        "options": [
            {"name": option.name, "help": option.help, "required": option.required, "example": option.example or None}
            for option in kind.options
        ],
        "common": [{"name": name, "help": words} for name, words in COMMON.items()],
    }
