"""`earful check`: lints the configuration and runs its examples. Touches neither the store nor the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sources.asks import LIMIT, left_out
from sources.text import match
from store.domain.desk import Watch
from store.domain.errors import BadInput
from store.domain.query import parse
from tui.cli import doctor_reading
from tui.cli.call import NOTHING, WRONG, Call
from tui.cli.findings import FAIL, OK, WARN, Finding, report
from tui.settings import Reading, read, wanted_path
from tui.toml_table import Problem


def check(call: Call) -> int:
    reading = read(call.args.config, call.args.database)
    if reading.settings.config_path is None:
        call.out.tell(f"there is no configuration at {wanted_path(call.args.config)}; `earful follow NAME` writes one")
        return NOTHING
    _check_keys(reading)
    if reading.problems:
        report((_at(reading, found.line, found.message) for found in reading.problems), call.out)
        return WRONG
    return report(_findings(reading, call), call.out)


def _check_keys(reading: Reading) -> None:
    """The names of actions are the screen's, so `tui.settings` leaves them to it; they are loaded if need be."""
    desk, document = reading.settings.desk, reading.document
    if not desk.keymap:
        return
    from tui.keys import keymap

    try:
        keymap(desk.keys, desk.keymap)
    except BadInput as error:
        document.problems.append(Problem(document.line(("keymap",)), str(error)))


def _findings(reading: Reading, call: Call) -> Iterator[Finding]:
    desk = reading.settings.desk
    yield Finding(OK, reading.document.path.name, str(reading.document.path))
    for index, watch in enumerate(desk.watches):
        yield from _examples(reading, index, watch, call.now)
        if more := left_out(watch.query):
            words = f"networks that search are asked for its first {LIMIT} alternatives, not for {more} more"
            yield Finding(WARN, f"watch {watch.name}", words, "make two watches of it")
    if not desk.watches:
        yield Finding(WARN, "watches", "nothing is watched", "add a [[watch]], or `earful follow NAME`")
    if not desk.sources:
        yield Finding(WARN, "sources", "nothing is polled", "add a [[source]]; `earful sources` lists the types")
    yield doctor_reading.chosen(desk.reading)
    for source in desk.sources:
        yield Finding(OK, f"source {source.name}", source.type)
    for rule in desk.rules:
        yield Finding(OK, "rule", f"{rule.when}: {', '.join(rule.do)}")
    for department in desk.departments:
        yield Finding(
            OK,
            f"{'team' if department.team else 'department'} {department.name}",
            "reached by earful" if department.to else "no address",
        )


def _examples(reading: Reading, index: int, watch: Watch, now: datetime) -> Iterator[Finding]:
    """Each example against the query: an `ignore` that matches is as wrong as a `match` that does not."""
    matches, failed = match.compile(parse(watch.query)), False
    for key, examples, wanted in (("match", watch.match, True), ("ignore", watch.ignore, False)):
        for place, example in enumerate(examples):
            if matches(match.Document(text=example, created_at=now, now=now)) != wanted:
                failed = True
                words = "does not match what it should" if wanted else "matches what it should ignore"
                line = reading.document.line(("watch", index, key, place))
                yield _at(reading, line, f"watch {watch.name} {words}: {example}", "change `query` or the example")
    if not failed:
        count = len(watch.match) + len(watch.ignore)
        yield Finding(OK, f"watch {watch.name}", f"{count} examples as expected" if count else "no examples")


def _at(reading: Reading, line: int, message: str, fix: str = "") -> Finding:
    name = reading.document.path.name
    return Finding(FAIL, f"{name}:{line}" if line else name, message, fix, line or None)
