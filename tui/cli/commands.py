"""Every subcommand: its words, its arguments and the function that runs it, imported when it is called."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass

from tui.cli import arguments


@dataclass(frozen=True, slots=True)
class Command:
    """`run` is "module:function" below tui.cli. `extra`: what looks like an unknown option is the command's own."""

    name: str
    group: str
    shape: str
    summary: str
    run: str
    arguments: Callable[[ArgumentParser], None]
    examples: tuple[str, ...] = ()
    extra: bool = False


START, READ, ACT, RUN, MEND = "Start", "Read", "Act", "Run", "Set up and mend"

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            "follow",
            START,
            "NAME...",
            "watch names wherever no account is needed",
            "follow:follow",
            arguments.follow,
            ('earful follow "Acme Cloud" acmecloud',),
        ),
        Command("demo", START, "", "a fortnight of mentions, all made up", "demo:demo", arguments.nothing),
        Command(
            "inbox",
            READ,
            "",
            "cases, newest or most urgent first",
            "inbox:inbox",
            arguments.inbox,
            (
                "earful inbox --view mine",
                "earful inbox --sort urgency --limit 10",
                "earful inbox --like 'charged twice' --json",
                "earful inbox --search 'sentiment:negative followers:>10000 since:7d' --json | jq -r .url",
            ),
        ),
        Command(
            "show",
            READ,
            "ID",
            "a whole case with notes, journal, deliveries",
            "show:show",
            arguments.show,
            ("earful show 12 --json", "earful show 12 --why"),
        ),
        Command(
            "insights",
            READ,
            "",
            "volume, mood, issues, share of voice, answers",
            "insights:insights",
            arguments.insights,
            ("earful insights --since 14d --compare previous", "earful insights --watch acme --json"),
        ),
        Command(
            "ledger",
            READ,
            "",
            "every poll in one line",
            "ledger:ledger",
            arguments.ledger,
            ("earful ledger --source mastodon.social --since 24h",),
        ),
        Command(
            "issues",
            READ,
            "[show|pin|merge|...]",
            "what many people say, and what you call it",
            "issues:issues",
            arguments.issues,
            (
                "earful issues --since 30d",
                "earful issues show 12",
                'earful issues pin "double charge" --phrase "charged twice" --example "you took the money two times"',
                "earful issues merge 12 15",
                'earful issues split 12 "refund is late" --phrase "still waiting for my refund"',
            ),
        ),
        Command(
            "why",
            READ,
            "URL-or-ID",
            "why a post is here, or what kept it out",
            "why:why",
            arguments.why,
            (
                "earful why 12",
                "earful why https://news.ycombinator.com/item?id=1",
                "earful why URL --at 2026-11-20T14:00",
            ),
        ),
        Command(
            "reply",
            ACT,
            "ID --text T",
            "answer in public",
            "reply:reply",
            arguments.reply,
            ('earful reply 12 --text "Sorry! It is fixed now."', "earful reply 12 --text - --wait <answer.txt"),
        ),
        Command(
            "note",
            ACT,
            "ID... --text T",
            "write a note; it stays in the house",
            "acts:note",
            arguments.note,
            ('earful note 12 --text "called her back"',),
        ),
        Command(
            "forward",
            ACT,
            "ID... --to D",
            "send to a department outside earful",
            "acts:forward",
            arguments.forward,
            ('earful forward 12 --to billing --comment "charged twice"',),
        ),
        Command(
            "escalate",
            ACT,
            "ID... --to T --reason R",
            "hand to a team",
            "acts:escalate",
            arguments.escalate,
            ('earful escalate 12 --to pr --reason "journalist"',),
        ),
        Command(
            "assign",
            ACT,
            "ID... AGENT",
            "give to an agent, to me, or to none",
            "acts:assign",
            arguments.assign,
            ("earful assign 12 13 ana",),
        ),
        Command(
            "tag",
            ACT,
            "ID... [+-]TAG...",
            "add and remove tags",
            "acts:tag",
            arguments.tag,
            ("earful tag 12 13 +vip -spam",),
            extra=True,
        ),
        Command(
            "prioritise",
            ACT,
            "ID... LEVEL",
            "low, normal, high or urgent",
            "acts:prioritise",
            arguments.prioritise,
            ("earful prioritise 12 urgent",),
        ),
        Command(
            "correct",
            ACT,
            "ID... SENTIMENT",
            "say how they feel; earful learns from it",
            "acts:correct",
            arguments.correct,
            ("earful correct 12 13 negative",),
        ),
        Command(
            "snooze",
            ACT,
            "ID... --for D",
            "put away for a while",
            "acts:snooze",
            arguments.snooze,
            (
                "earful snooze 12 --for 4h",
                "earful snooze 12 --until 2026-11-24T09:00",
                "earful snooze 12 --until-reply",
            ),
        ),
        Command("done", ACT, "ID...", "finish", "acts:done", arguments.cases, ("earful done 12 13 14",)),
        Command(
            "dismiss",
            ACT,
            "ID... --reason R",
            "finish as not about us",
            "acts:dismiss",
            arguments.dismiss,
            ('earful dismiss 12 --reason "other Acme"',),
        ),
        Command("reopen", ACT, "ID...", "open again what was put away", "acts:reopen", arguments.cases),
        Command(
            "settle",
            ACT,
            "ID --sent|--send|--draft",
            "decide about an answer that got stuck",
            "settle:settle",
            arguments.settle,
            ("earful settle 12 --send", "earful settle 12 --draft"),
        ),
        Command("undo", ACT, "", "take back your last decision, whole", "acts:undo", arguments.agent),
        Command("redo", ACT, "", "do again what was undone last", "acts:redo", arguments.agent),
        Command(
            "worker",
            RUN,
            "",
            "poll and send without a screen",
            "worker:worker",
            arguments.worker,
            ("earful worker --for 8h",),
        ),
        Command(
            "poll",
            RUN,
            "",
            "one round of the sources that are due",
            "poll:poll",
            arguments.poll,
            ("earful poll --once --source mastodon.social",),
        ),
        Command("send", RUN, "", "one round of the outbox", "poll:send", arguments.send),
        Command(
            "import",
            RUN,
            "FILE",
            "JSON Lines, CSV or mbox into the store",
            "imports:import_file",
            arguments.import_,
            ("earful import mentions.jsonl", "earful import list.mbox --source support-list"),
        ),
        Command(
            "export",
            RUN,
            "",
            "mentions as JSON Lines, CSV or a report",
            "export:export",
            arguments.export,
            (
                "earful export --since 30d -o mentions.csv",
                "earful export --format html --watch acme -o report.html",
                "earful export --after 48213 -o mentions.jsonl",
            ),
        ),
        Command(
            "reread",
            RUN,
            "",
            "read all text again as it is read today",
            "reread:reread_all",
            arguments.reread,
            ("earful reread --since 90d",),
        ),
        Command(
            "teach",
            RUN,
            "",
            "learn from all corrected sentiments",
            "teach:teach",
            arguments.teach,
            (
                "earful teach --dry-run",
                "earful teach --apply",
                "earful teach --export corrections.jsonl",
                "earful teach --undo",
            ),
        ),
        Command(
            "backup",
            RUN,
            "FILE",
            "a consistent copy while earful runs",
            "backup:backup",
            arguments.backup,
            ("earful backup earful-$(date +%F).db",),
        ),
        Command(
            "restore",
            MEND,
            "FILE",
            "put a backup in the place of the store",
            "backup:restore",
            arguments.restore,
            ("earful restore earful-2026-11-20.db",),
        ),
        Command(
            "erase",
            MEND,
            "AUTHOR",
            "a person's words and names, everywhere",
            "erase:erase",
            arguments.erase,
            ("earful erase @ana@social.example", "earful erase ana --network reddit --yes"),
        ),
        Command(
            "watch",
            MEND,
            "list|test|set|suggest",
            "try a query on the past, then set it",
            "watch:watch",
            arguments.watch,
            (
                "earful watch list",
                "earful watch test acme --query '\"acme cloud\" OR acmecloud~1' --since 30d",
                "earful watch set acme --query '\"acme cloud\" OR acmecloud' --land",
                "earful watch suggest acme",
            ),
        ),
        Command(
            "copy",
            MEND,
            "--to DATABASE",
            "the whole store into another database",
            "copy:copy",
            arguments.copy,
            ("earful copy --to postgresql://earful@db.example/earful",),
        ),
        Command("check", MEND, "", "lint the configuration, run its examples", "check:check", arguments.nothing),
        Command(
            "sources",
            MEND,
            "[TYPE]",
            "source types and what each needs",
            "sources:sources",
            arguments.sources,
            ("earful sources mastodon",),
        ),
        Command("doctor", MEND, "", "what is wrong, and how to mend it", "doctor:doctor", arguments.doctor),
        Command("help", MEND, "[COMMAND]", "this page, or one about a command", "help:help_page", arguments.help_),
    )
}
ALIASES = {"prioritize": "prioritise"}
