"""`earful sources [TYPE]`: the source types and all that each takes."""

from __future__ import annotations

from sources.protocol import SourceType
from sources.registry import types
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
    known = types()
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
    answers = "yes, with an account" if kind.can_answer else "no; earful opens the page and you answer there"
    for label, words in (("answers", answers), ("length", kind.length), ("quota", kind.quota)):
        if words:
            out.row(Cell(label, 17, "dim"), words)
    out.row()
    for number, step in enumerate(kind.guide, 1):
        out.row(Cell(f"step {number}", 17, "dim"), step)
    if kind.guide:
        out.row()
    for option in kind.options:
        example = f"; {option.name} = {option.example}" if option.example else ""
        choices = f": {', '.join(option.choices)}" if option.choices else ""
        reference = "; a reference, never the secret itself" if option.secret else ""
        words = f"{'(required) ' if option.required else ''}{option.help}{choices}{reference}{example}"
        out.row(Cell(option.name, 17, "bold"), words)
    for name, words in COMMON.items():
        if name == "token" and kind.login:
            words = f"{kind.login}: {words}"
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
        "token": kind.login or None,
        "length": kind.length or None,
        "quota": kind.quota or None,
        "guide": list(kind.guide),
        "options": [
            {
                "name": option.name,
                "help": option.help,
                "required": option.required,
                "secret": option.secret,
                "example": option.example or None,
            }
            for option in kind.options
        ],
        "common": [{"name": name, "help": words} for name, words in COMMON.items()],
    }


def page() -> str:
    """docs/sources.md: every type with all that it takes."""
    written = [
        "# Sources",
        "",
        "Every type of `[[source]]`: what it reads, how it answers, what it needs; `earful sources TYPE` says it too.",
        "The keys that all types take are in [configuration.md](configuration.md); how to add a type of your own in",
        "[adapters.md](adapters.md). This page is written by `python -m tui.cli.sources`.",
        "",
        "| type | without an account | answers |",
        "|---|---|---|",
    ]
    for kind in types().values():
        answers = "yes" if kind.can_answer else "opens the page"
        written.append(f"| [`{kind.name}`](#{kind.name}) | {kind.without_account or 'nothing'} | {answers} |")
    for kind in types().values():
        written += ["", f"## {kind.name}", "", f"{kind.summary}.", "", "| | |", "|---|---|"]
        facts = {
            "without an account": kind.without_account or "nothing",
            "with an account": kind.with_account,
            "length of an answer": kind.length,
            "quota": kind.quota,
            "`url`": kind.default_url and f"default `{kind.default_url}`",
            "`token`": kind.login,
        }
        written += [f"| {name} | {words} |" for name, words in facts.items() if words]
        for option in kind.options:
            marks = [mark for mark, set_ in (("required", option.required), ("a reference", option.secret)) if set_]
            words = option.help + (f" ({', '.join(marks)})" if marks else "")
            written.append(f"| `{option.name}` | {words}; `{option.name} = {option.example}` |")
        if kind.guide:
            written += ["", *(f"{number}. {step}" for number, step in enumerate(kind.guide, 1))]
    return "\n".join(written) + "\n"


if __name__ == "__main__":
    print(page(), end="")
