"""Cases on the command line: the inbox, one case whole, every action and its undo, and text that means harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wcwidth import wcswidth

from store.domain.mention import NewAuthor
from store.domain.urgency import WAITING_MOST
from tests.factories import NOW, read_mention
from tests.hostile import PAYLOADS, harm_in
from tests.tui.command import Earful
from tests.tui.pty import Terminal

FIELDS = [
    "id", "status", "priority", "assignee", "source", "network", "author", "text", "url", "language", "sentiment",
    "intent", "urgency", "issue", "watches", "tags", "due_at", "created_at", "seen_at", "mentions", "version",
]  # fmt: skip
DESK = """
[[department]]
name = "billing"
to = "mailto:billing@example.org"
[[team]]
name = "pr"
[[source]]
type = "hackernews"
[[source]]
type = "mastodon"
name = "mastodon.social"
tags = ["acme"]
[[view]]
name = "angry"
query = "sentiment:negative"
"""


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    earful.seed(
        read_mention(
            "acme cloud is down",
            author=NewAuthor("bob@social.example", "Bob", followers=12_000),
            sentiment="negative",
            urgency=40,
            reasons=("negative",),
            created_at=NOW - timedelta(hours=3),
        ),
        read_mention("i like acme cloud", author="cleo", sentiment="positive", created_at=NOW - timedelta(hours=2)),
        read_mention("acme cloud or anvils?", author="dan", created_at=NOW - timedelta(hours=1), intent="question"),
    )
    return earful


def ids(earful: Earful, *words: str) -> list[int]:
    result = earful("inbox", "--json", *words)
    assert result.code == 0, result.narration
    return [record["id"] for record in result.records]


def test_the_days_of_a_query_are_those_of_the_reader(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    for hour in (21, 23):  # in Bucharest, two hours ahead, the one is on the 9th and the other on the 10th
        earful.seed(read_mention(f"at {hour}", created_at=datetime(2026, 11, 9, hour, tzinfo=UTC)))
    found = earful("inbox", "--json", "--search", "since:2026-11-10", TZ="Europe/Bucharest")
    assert [record["text"] for record in found.records] == ["at 23"]


def test_an_inbox_record_has_exactly_these_fields(earful: Earful) -> None:
    record = earful("inbox", "--json", "--search", "down").record
    assert list(record) == FIELDS
    assert record["author"] == {"handle": "bob@social.example", "name": "Bob", "followers": 12_000}
    assert record["sentiment"] == {"label": "negative", "score": -0.6}
    assert list(record["urgency"]) == ["score", "reasons"]
    assert record["urgency"]["reasons"][0] == "negative"
    assert 40 <= record["urgency"]["score"] <= 40 + WAITING_MOST  # it waits: how long, the clock says
    assert record["created_at"] == "2026-11-21T09:00:00Z"
    assert (record["status"], record["mentions"], record["watches"]) == ("new", 1, ["acme"])


def test_newest_first_by_view_search_and_limit(earful: Earful) -> None:
    earful.configure(DESK)
    newest, liked, down = ids(earful)
    assert ids(earful, "--search", "like") == [liked]
    assert ids(earful, "--view", "angry") == [down]
    assert ids(earful, "--limit", "2") == [newest, liked]
    assert earful("done", str(down)).code == 0
    assert ids(earful) == [newest, liked]
    assert ids(earful, "--view", "all") == [newest, liked, down]
    assert ids(earful, "--view", "done") == [down]
    assert ids(earful, "--search", "acme") == [newest, liked, down]  # a search without a view looks everywhere
    assert ids(earful, "--view", "inbox", "--search", "down") == []


def test_the_most_urgent_first(earful: Earful) -> None:
    newest, liked, down = ids(earful)
    assert ids(earful, "--sort", "urgency") == [down, liked, newest], "then who waits longest"
    assert ids(earful, "--sort", "urgency", "--limit", "1") == [down]
    assert earful("prioritise", str(newest), "high").code == 0
    assert ids(earful, "--sort", "urgency") == [newest, down, liked]
    assert ids(earful, "--search", "urgency:>=40") == [down]
    refused = earful("inbox", "--sort", "age")
    assert (refused.code, refused.data) == (2, "")


def test_no_silent_cap(earful: Earful) -> None:
    earful.seed(
        *(read_mention(f"acme cloud number {number} " + "long " * 200, author=f"x{number}") for number in range(1_100))
    )
    records = earful("inbox", "--json").records
    assert len({record["id"] for record in records}) == 1_103
    assert all(len(record["text"]) > 1_000 for record in records if "number" in record["text"])
    assert len(earful("inbox").lines) == 1_103


def test_lines_are_aligned_and_whole(earful: Earful) -> None:
    earful.seed(read_mention("acme 壊れました", author="花子", created_at=NOW))
    lines = earful("inbox").lines
    assert [line.split()[0] for line in lines] == [str(number) for number in ids(earful)]
    texts = [line.partition("acme")[0] for line in lines if "i like" not in line]
    assert {line.index("2026-11-21") for line in lines} == {19}
    assert len({wcswidth(before) for before in texts}) == 1
    assert "花子" in lines[0]


def test_show_is_the_whole_case(earful: Earful) -> None:
    case = ids(earful, "--search", "down")[0]
    earful("note", str(case), "--text", "called him", "--as", "eva")
    earful("tag", str(case), "+vip")
    record = earful("show", str(case), "--json").record
    assert list(record)[: len(FIELDS)] == FIELDS
    (message,) = record["messages"]
    assert (message["text"], message["ours"], message["versions"]) == ("acme cloud is down", False, [])
    assert message["author"]["handle"] == "bob@social.example"
    assert [(note["text"], note["agent"]) for note in record["notes"]] == [("called him", "eva")]
    assert [(entry["action"], entry["agent"]) for entry in record["journal"]] == [("note", "eva"), ("tag", "ana")]
    assert record["tags"] == ["vip"]
    page = earful("show", str(case)).data
    assert all(
        word in page for word in ("bob@social.example", "12,000", "acme cloud is down", "called him", "#vip"[1:])
    )


def test_an_edit_is_shown_with_what_it_said_before(earful: Earful) -> None:
    earful.seed(read_mention("acme cloud is fine", id="p"))
    earful.seed(read_mention("acme cloud is down", id="p", edited_at=NOW))
    (message,) = earful("show", str(ids(earful, "--search", "down")[0]), "--json").record["messages"]
    edited = [message] if message["versions"] else earful("show", str(ids(earful)[0]), "--json").record["messages"]
    assert [version["text"] for version in edited[0]["versions"]] == ["acme cloud is fine"]
    assert edited[0]["edited_at"] == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["assign", "ID", "eva"], "assignee", "eva"),
        (["assign", "ID", "me"], "assignee", "ana"),
        (["assign", "ID", "me", "--as", "eva"], "assignee", "eva"),
        (["assign", "ID", "none"], "assignee", None),
        (["tag", "ID", "+vip", "later"], "tags", ["later", "vip"]),
        (["prioritise", "ID", "urgent"], "priority", "urgent"),
        (["prioritize", "ID", "low"], "priority", "low"),
        (["snooze", "ID", "--for", "4h"], "status", "snoozed"),
        (["snooze", "ID", "--until", "tomorrow"], "status", "snoozed"),
        (["snooze", "ID", "--until-reply"], "status", "snoozed"),
        (["escalate", "ID", "--to", "pr", "--reason", "press"], "status", "escalated"),
        (["done", "ID"], "status", "done"),
        (["dismiss", "ID", "--reason", "other Acme"], "status", "dismissed"),
        (["note", "ID", "--text", "hm"], "status", "open"),
    ],
)
def test_an_action_prints_the_case_and_one_undo_takes_it_back(
    earful: Earful, words: list[str], field: str, value: object
) -> None:
    earful.configure(DESK)
    case = ids(earful)[0]
    before = earful("show", str(case), "--json").record
    done = earful(*(str(case) if word == "ID" else word for word in words), "--json")
    assert done.code == 0, done.narration
    assert done.record[field] == value
    assert done.record["version"] > before["version"]
    agent = ["--as", "eva"] if "--as" in words else []
    undone = earful("undo", *agent, "--json")
    assert (undone.code, undone.record["cases"]) == (0, [case])
    after = earful("show", str(case), "--json").record
    assert {name: after[name] for name in FIELDS if name != "version"} == {
        name: before[name] for name in FIELDS if name != "version"
    }
    assert earful("redo", *agent, "--json").record["cases"] == [case]
    assert earful("show", str(case), "--json").record[field] == value


def test_several_cases_are_one_decision(earful: Earful) -> None:
    numbers = [str(case) for case in ids(earful)]
    assert [record["status"] for record in earful("done", *numbers, "--json").records] == ["done"] * 3
    assert ids(earful) == []
    assert earful("undo").code == 0
    assert len(ids(earful)) == 3
    assert earful("done", numbers[0], "999").code == 3  # all or none
    assert len(ids(earful)) == 3


def test_tags_are_taken_off_by_a_minus_or_by_remove(earful: Earful) -> None:
    case = str(ids(earful)[0])
    assert earful("tag", case, "+hot", "+vip", "+spam", "+x", "--json").record["tags"] == ["hot", "spam", "vip", "x"]
    assert earful("tag", case, "-hot", "-spam", "+new", "--json").record["tags"] == ["new", "vip", "x"]
    assert earful("tag", case, "x", "vip", "--remove", "--json").record["tags"] == ["new"]


def test_words_come_from_standard_input(earful: Earful) -> None:
    case = str(ids(earful)[0])
    assert earful("note", case, "--text", "-", given="zwei\nZeilen ö\n".encode()).code == 0
    assert earful("show", case, "--json").record["notes"][0]["text"] == "zwei\nZeilen ö"
    assert earful("note", case, "--text", "-", given=b"\xff\xfe").code == 2


def test_a_forward_waits_in_the_outbox_and_can_be_recalled(earful: Earful) -> None:
    earful.configure(DESK)
    case = str(ids(earful)[0])
    record = earful("forward", case, "--to", "billing", "--comment", "charged twice", "--json").record
    assert (record["state"], record["kind"], record["to"], record["text"]) == (
        "held",
        "forward",
        "billing",
        "charged twice",
    )
    assert earful("undo").code == 0
    (delivery,) = earful("show", case, "--json").record["deliveries"]
    assert set(delivery) >= {"state", "kind", "to", "text", "attempts", "error", "url"}
    assert delivery["state"] == "withdrawn"


def test_a_source_that_cannot_answer_names_the_page(earful: Earful) -> None:
    """No such source, one that has no way to answer, one without a token: exit 2, and nothing in the outbox."""
    earful.seed(read_mention("hn on acme", id="hn", network="hackernews"), source="hackernews", network="hackernews")
    here, hn = str(ids(earful, "--search", "down")[0]), str(ids(earful, "--search", "hn")[0])
    unconfigured = earful("reply", here, "--text", "hello")
    earful.configure(DESK)
    for result in (unconfigured, earful("reply", here, "--text", "hello"), earful("reply", hn, "--text", "hello")):
        assert result.code == 2
        assert "https://social.example/" in result.narration
        assert "earful done" in result.narration
    assert "token" in earful("reply", here, "--text", "hello").narration
    assert earful("show", here, "--json").record["deliveries"] == []


def test_the_ledger_adds_up(earful: Earful) -> None:
    (line,) = earful("ledger", "--json").records
    assert set(line) == {
        "source", "stream", "started_at", "asked", "returned", "new", "duplicate", "unmatched", "failed", "gap_seconds",
        "error",
    }  # fmt: skip
    assert line["returned"] == 3 == line["new"] + line["duplicate"] + line["unmatched"] + line["failed"]
    assert line["error"] is None
    assert earful("ledger", "--source", "nobody", "--json").records == []
    assert earful("ledger", "--since", "2026-11-22T00:00", "--json").records == []
    assert "3 new" in earful("ledger").data


def test_times_are_the_readers_own_in_lines_and_utc_in_json(earful: Earful) -> None:
    moved = earful("inbox", TZ="Asia/Tokyo")
    assert "2026-11-21 18:00" in moved.data
    assert earful("inbox", "--json", TZ="Asia/Tokyo").data == earful("inbox", "--json").data


def test_text_that_means_harm_means_none_in_any_command(earful: Earful) -> None:
    """As it would look with another writer on the store: what is stored was never cleaned."""
    for number, payload in enumerate(PAYLOADS.values()):
        text = payload.encode("utf-8", "replace").decode()
        earful.seed(
            read_mention(
                text,
                author=NewAuthor(f"h{number} {text}"[:200], text[:200]),
                title=text[:200],
                url=f"https://x.example/{text}"[:200],
            )
        )
    cases = [str(case) for case in ids(earful)]
    assert len(cases) > 40
    earful("tag", *cases, "+a\x1b[31mb")
    earful("note", *cases, "--text", PAYLOADS["csi clear and home"])
    calls = [["inbox"], ["inbox", "--json"], ["ledger"], ["doctor"], ["undo"], ["insights"], ["insights", "--json"]]
    calls += [["show", case, *more] for case in cases[::6] for more in ([], ["--json"])]
    for words in calls:
        result = earful(*words)
        assert result.code == 0, (words, result.narration)
        assert harm_in(result.data) == [], words
        assert harm_in(result.narration) == [], words
        if "--json" in words:
            assert all(isinstance(json.loads(line), dict) for line in result.lines)


def test_json_times_are_utc_with_z(earful: Earful) -> None:
    record = earful("show", str(ids(earful)[0]), "--json").record
    for name in ("created_at", "seen_at", "due_at"):
        assert record[name].endswith("Z")
        assert datetime.fromisoformat(record[name]).utcoffset() == timedelta(0)


def test_on_a_terminal_a_line_of_a_list_is_one_line_of_it(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    words = "acme cloud ăîș 壊れました 👨‍👩‍👧 " * 6
    earful.seed(
        read_mention(words, author=NewAuthor("ana@a-rather-long-name.social.example", "Ana")),
        read_mention(words, author="acrne", title="a title", network="hackernews"),
    )
    for command, lines in (("inbox", 2), ("ledger", 1)):
        with Terminal(earful.command(command), columns=80, env=earful.environment, cwd=tmp_path) as terminal:
            assert terminal.ended(60) == 0
            terminal.read(0.1)
            shown = [line for line in terminal.screen if line]
        assert len(shown) == lines, shown
        if command == "inbox":
            assert all("acme cl" in line and line.endswith("…") for line in shown), shown
        assert {wcswidth(line) > 80 for line in earful(command).lines} == {command == "inbox"}
