"""What each subcommand is given: its arguments and their types."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta


def case_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 2**63:
        raise ArgumentTypeError(f"`{text}` is not the number of a case")
    return int(text)


def how_many(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 2**63:
        raise ArgumentTypeError(f"`{text}` is not a number from 1")
    return int(text)


def length_of_time(text: str) -> timedelta:
    from store.domain.errors import BadInput
    from tui.times import duration

    try:
        return duration(text)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from None


def how_far_back(text: str) -> str:
    """As the key `backfill` has it."""
    if text in ("none", "all"):
        return text
    try:
        length_of_time(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"none, all or a duration: {error}") from None
    return text


def name_of_source(text: str) -> str:
    from store.domain.safetext import safe_line

    if not text.strip() or safe_line(text) != text:
        raise ArgumentTypeError(f"`{text}` is not a name")
    return text


def nothing(parser: ArgumentParser) -> None:
    pass


def case(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=case_number, help="the number of a case, as `earful inbox` shows it")


def agent(parser: ArgumentParser) -> None:
    parser.add_argument("--as", dest="agent", metavar="AGENT", help="who does it (default: your login name)")


def cases(parser: ArgumentParser) -> None:
    parser.add_argument(
        "ids", metavar="ID", type=case_number, nargs="+", help="one case or several: one decision, one undo"
    )
    agent(parser)


def leaving(parser: ArgumentParser) -> None:
    parser.add_argument("--now", action="store_true", help="leave out the undo window")
    parser.add_argument(
        "--wait", action="store_true", help="send it here if no worker runs, and wait until it is settled"
    )


def follow(parser: ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help='a name to listen for, such as "Acme Cloud"')
    parser.add_argument(
        "--back", metavar="D", type=how_far_back, help="how far back at first: none, all or 30d (usual: 7d)"
    )
    parser.add_argument("--no-poll", action="store_true", help="write the configuration and stop there")


def worker(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="poll every source once, send what is due, end")
    parser.add_argument(
        "--for", dest="length", metavar="DURATION", type=length_of_time, help="end after this long, such as 8h"
    )


def poll(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="poll all sources, due or not")
    parser.add_argument("--source", metavar="NAME", help="only this source")


def send(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one round, which is the default")


def inbox(parser: ArgumentParser) -> None:
    parser.add_argument("--view", metavar="V", help="a saved filter (default: inbox, or all with --search)")
    parser.add_argument("--search", metavar="QUERY", help="only cases that the query finds")
    parser.add_argument("--like", metavar="TEXT", help="those in which something like this was said, likest first")
    parser.add_argument(
        "--sort", choices=("newest", "urgency"), help="the newest or the most urgent first (default: newest)"
    )
    parser.add_argument("--limit", metavar="N", type=how_many, help="at most so many (default: all; with --like: 20)")
    agent(parser)


def reply(parser: ArgumentParser) -> None:
    case(parser)
    parser.add_argument("--text", metavar="T", required=True, help="what to answer; - reads standard input")
    leaving(parser)
    agent(parser)


def note(parser: ArgumentParser) -> None:
    cases(parser)
    parser.add_argument("--text", metavar="T", required=True, help="the note; - reads standard input")


def forward(parser: ArgumentParser) -> None:
    cases(parser)
    parser.add_argument("--to", metavar="DEPARTMENT", required=True, help="a [[department]] of the configuration")
    parser.add_argument("--comment", metavar="C", default="", help="a word to go with it; - reads standard input")
    leaving(parser)


def escalate(parser: ArgumentParser) -> None:
    cases(parser)
    parser.add_argument("--to", metavar="TEAM", required=True, help="a [[team]] of the configuration")
    parser.add_argument("--reason", metavar="R", required=True, help="why")
    leaving(parser)


def assign(parser: ArgumentParser) -> None:
    cases(parser)
    parser.add_argument("assignee", metavar="AGENT", help="a name, `me`, or `none` for nobody")


def tag(parser: ArgumentParser) -> None:
    parser.add_argument("words", metavar="ID... TAG...", nargs="+", help="cases, then tags: x or +x adds, -x removes")
    parser.add_argument("--remove", action="store_true", help="remove the tags that have no sign")
    agent(parser)


def prioritise(parser: ArgumentParser) -> None:
    from store.domain.case import Priority

    cases(parser)
    parser.add_argument(
        "priority", metavar="LEVEL", choices=[level.value for level in Priority], help=", ".join(Priority)
    )


def correct(parser: ArgumentParser) -> None:
    from store.domain.mention import SentimentLabel

    cases(parser)
    labels = [label.value for label in SentimentLabel]
    parser.add_argument("sentiment", metavar="SENTIMENT", choices=labels, help=", ".join(labels))


def teach(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="say what would come of it, and leave it at that")
    what.add_argument("--apply", action="store_true", help="then read all stored text again, as `earful reread` does")
    what.add_argument("--undo", action="store_true", help="back to what was learnt the time before")
    what.add_argument("--export", metavar="FILE", help="all corrections as JSON Lines; - is standard output")
    what.add_argument("--import", dest="file", metavar="FILE", help="take over another desk's corrections")
    agent(parser)


def show(parser: ArgumentParser) -> None:
    case(parser)
    parser.add_argument("--why", action="store_true", help="also the words that moved each mood, and whose word it is")


def snooze(parser: ArgumentParser) -> None:
    cases(parser)
    until = parser.add_mutually_exclusive_group(required=True)
    until.add_argument("--for", dest="length", metavar="DURATION", type=length_of_time, help="such as 4h or 2d")
    until.add_argument("--until", metavar="TIME", help="such as tomorrow, 2026-11-24 or 2026-11-24T09:00")
    until.add_argument("--until-reply", action="store_true", help="until their next word, which always wakes it")


def dismiss(parser: ArgumentParser) -> None:
    cases(parser)
    parser.add_argument("--reason", metavar="R", required=True, help="why it is not about us")


def settle(parser: ArgumentParser) -> None:
    case(parser)
    decision = parser.add_mutually_exclusive_group(required=True)
    for name, what in (
        ("sent", "you looked there, or did it by hand: it is not sent again"),
        ("send", "it is not there: send it now"),
        ("draft", "do not send it; the words of a reply are your draft again"),
    ):
        decision.add_argument(f"--{name}", dest="decision", action="store_const", const=name, help=what)
    agent(parser)


def insights(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="D", help="a date, a time, or a duration such as 14d (default: the oldest mention)"
    )
    parser.add_argument("--until", metavar="D", help="up to, not including (default: the newest mention)")
    parser.add_argument("--watch", metavar="W", help="only mentions of this watch")
    parser.add_argument("--width", metavar="N", type=how_many, default=80, help="of the page, in columns (default: 80)")
    parser.add_argument("--compare", choices=["previous"], help="with the same length of time before")


def issues(parser: ArgumentParser) -> None:
    deeds = ["list", "show", "pin", "rename", "merge", "split", "set", "undo"]
    parser.add_argument("deed", metavar="|".join(deeds), nargs="?", choices=deeds, default="list")
    parser.add_argument("words", metavar="ID, NAME", nargs="*", help="which issue, or what it is to be called")
    parser.add_argument("--since", metavar="D", help="list, show: a date, a time, or a duration such as 30d")
    parser.add_argument("--limit", metavar="N", type=how_many, default=50, help="list: at most so many (default: 50)")
    parser.add_argument(
        "--phrase", metavar="P", action="append", default=[], help="pin, split: whatever holds it; may be repeated"
    )
    parser.add_argument(
        "--example", metavar="T", action="append", default=[], help="pin: whatever is like this text; may be repeated"
    )
    parser.add_argument(
        "--mention", metavar="N", type=how_many, action="append", default=[], help="pin, split: this mention"
    )
    parser.add_argument("--issue", metavar="ID", type=how_many, help="pin: this issue instead of a new one")
    agent(parser)


def why(parser: ArgumentParser) -> None:
    parser.add_argument("post", metavar="URL-or-ID", help="a case, the address of a post, or its network's id")
    parser.add_argument("--at", metavar="TIME", help="about when it was written, where it was never seen")


def watch(parser: ArgumentParser) -> None:
    from store.domain.desk import Role

    parser.add_argument("deed", metavar="list|test|set|suggest", choices=["list", "test", "set", "suggest"])
    parser.add_argument("name", metavar="NAME", nargs="?", help="a watch; for test and set it may be a new one")
    parser.add_argument("--query", metavar="Q", help="test, set: what it is to listen for (default: as configured)")
    parser.add_argument("--role", metavar="R", choices=[role.value for role in Role], help=f"set: {', '.join(Role)}")
    parser.add_argument("--since", metavar="D", help="a date, a time, or a duration such as 30d (default: everything)")
    parser.add_argument(
        "--limit", metavar="N", type=how_many, default=20, help="show so many differences of each sign (default: 20)"
    )
    parser.add_argument("--land", action="store_true", help="set: also do to the past what the watch now says")


def import_(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="JSON Lines, CSV or mbox")
    parser.add_argument("--format", choices=["jsonl", "csv", "mbox"], help="default: as its name or its beginning says")
    parser.add_argument(
        "--source",
        metavar="NAME",
        type=name_of_source,
        default="import",
        help="the name of the source (default: import)",
    )


def export(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=["jsonl", "csv", "md", "html"], help="default: as FILE ends, else jsonl")
    parser.add_argument("--since", metavar="D", help="a date, a time, or a duration such as 30d")
    parser.add_argument("--until", metavar="D", help="up to, not including")
    parser.add_argument("--watch", metavar="W", help="only mentions of this watch")
    parser.add_argument("--view", metavar="V", help="only what this saved filter finds")
    parser.add_argument("--search", metavar="QUERY", help="only what the query finds")
    parser.add_argument("--after", metavar="ID", type=how_many, help="go on behind this mention (jsonl, csv)")
    parser.add_argument("-o", "--output", metavar="FILE", help="a private file instead of standard output")
    agent(parser)


def reread(parser: ArgumentParser) -> None:
    parser.add_argument("--since", metavar="D", help="only what was written since: a date, a time, or such as 30d")
    parser.add_argument("--deep", action="store_true", help="then read deeply what waits for it, and wait for that")


def erase(parser: ArgumentParser) -> None:
    parser.add_argument(
        "author",
        metavar="AUTHOR",
        nargs="?",
        help="a handle, or the address of the person's page (none: only --compact)",
    )
    parser.add_argument("--network", metavar="N", help="only on this network (default: wherever the handle is known)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--compact", action="store_true", help="write the file anew afterwards; others wait meanwhile")
    agent(parser)


def backup(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="where the copy goes")
    parser.add_argument("--replace", action="store_true", help="take the place of an earlier one of that name")


def restore(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `earful backup` wrote")
    agent(parser)


def copy(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--to", metavar="DATABASE", required=True, help="an empty database: postgresql://user@host/name, or a new file"
    )


def sources(parser: ArgumentParser) -> None:
    parser.add_argument("type", metavar="TYPE", nargs="?", help="all that one type takes")


def ledger(parser: ArgumentParser) -> None:
    parser.add_argument("--source", metavar="NAME", help="only this source")
    parser.add_argument("--since", metavar="D", help="a date, a time, or a duration such as 24h")
    parser.add_argument("--limit", metavar="N", type=how_many, help="at most so many, newest first (default: all)")


def doctor(parser: ArgumentParser) -> None:
    parser.add_argument("--online", action="store_true", help="also ask each source over the network")


def help_(parser: ArgumentParser) -> None:
    parser.add_argument("topic", metavar="COMMAND", nargs="?", help="a command")
