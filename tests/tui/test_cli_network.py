"""Polling, answering and forwarding from the command line, against a server on loopback that talks like Mastodon."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Reply, Seen, Server, free_port, json_reply, silence
from tests.tui.command import Earful

TAG = "/api/v1/timelines/tag/acme"
CANARY = "t0ken-canary"


def status(number: int, **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(minutes=100 - number)
    return {
        "id": str(number),
        "uri": f"https://far.example/statuses/{number}",
        "url": f"https://far.example/@bob/{number}",
        "created_at": at.isoformat().replace("+00:00", "Z"),
        "edited_at": None,
        "in_reply_to_id": None,
        "content": f"<p>acme cloud is down {number}</p>",
        "spoiler_text": "",
        "language": "en",
        "visibility": "public",
        "account": {"id": "1", "acct": "bob@far.example", "display_name": "Bob", "followers_count": 12},
    } | more


@pytest.fixture
def server() -> Iterator[Server]:
    def timeline(seen: Seen) -> Reply:
        return json_reply([] if {"min_id", "max_id"} & seen.params.keys() else [status(2), status(1)])

    def post(seen: Seen) -> Reply:
        if seen.headers.get("authorization") != f"Bearer {CANARY}":
            return json_reply({"error": "The access token is invalid"}, 401)
        if "forbidden" in seen.form["status"]:
            return json_reply({"error": "Validation failed: nobody wants to read this"}, 422)
        return json_reply(
            status(
                500,
                content=seen.form["status"],
                in_reply_to_id=seen.form["in_reply_to_id"],
                account={"id": "9", "acct": "us"},
            )
        )

    with Server() as server:
        server.on(TAG, timeline)
        server.on("/api/v1/statuses", post)
        server.on("/api/v1/accounts/verify_credentials", json_reply({"id": "9", "acct": "us"}))
        server.on("/api/v2/search", json_reply({"statuses": [], "accounts": [], "hashtags": []}))
        server.on("/api/v1/notifications", json_reply([]))
        server.on("/api/v2/instance", json_reply({"configuration": {"statuses": {"max_characters": 60}}}))
        server.on("/hook", Reply(204))
        yield server


@pytest.fixture
def earful(tmp_path: Path, server: Server) -> Earful:
    earful = Earful(tmp_path)
    earful.environment["TOKEN"] = CANARY
    earful.configure(desk(server))
    return earful


def desk(server: Server, more: str = "") -> str:
    return f"""
        [desk]
        undo_window = "1s"
        [[watch]]
        name = "acme"
        query = "acme"
        [[source]]
        type = "mastodon"
        name = "here"
        url = "{server.url()}"
        token = "env:TOKEN"
        tags = ["acme"]
        search = false
        every = "1s"
        [[department]]
        name = "billing"
        to = "{server.url("/hook")}"
        {more}
    """


def case(earful: Earful) -> str:
    assert earful("poll", "--once", "--quiet").code == 0
    (number,) = {record["id"] for record in earful("inbox", "--json", "--search", "2").records}
    return str(number)


def test_a_poll_prints_the_ledger(earful: Earful) -> None:
    result = earful("poll", "--once", "--json")
    assert result.code == 0, result.narration
    lines = {(line["stream"], line["returned"], line["new"], line["error"]) for line in result.records}
    assert ("tag:acme", 2, 2, None) in lines
    ledger = earful("ledger", "--json").records
    assert sorted(map(json.dumps, ledger)) == sorted(map(json.dumps, result.records))
    assert len(earful("inbox", "--json").records) == 2
    again = earful("poll", "--once", "--source", "here", "--json")
    assert again.code == 0
    assert sum(line["new"] for line in again.records) == 0


def test_a_source_that_fails_is_said_and_the_others_go_on(earful: Earful, server: Server) -> None:
    dead = f'[[source]]\ntype = "feed"\nname = "dead"\nfeed = "http://127.0.0.1:{free_port()}/feed"\n'
    earful.configure(desk(server, dead))
    result = earful("poll", "--once", "--json")
    assert result.code == 1
    errors = {line["source"]: line["error"] for line in result.records}
    assert errors["dead"]
    assert errors["here"] is None
    assert len(earful("inbox", "--json").records) == 2


def test_a_reply_is_held_then_sent_once_and_shown_once(earful: Earful, server: Server) -> None:
    number = case(earful)
    held = earful("reply", number, "--text", "Sorry! Fixed.", "--json").record
    assert (held["state"], held["kind"], held["to"], held["text"]) == (
        "held",
        "reply",
        "bob@far.example",
        "Sorry! Fixed.",
    )
    assert server.at("/api/v1/statuses") == []
    time.sleep(1.1)  # the undo window
    sent = earful("send", "--once", "--json")
    assert sent.code == 0, sent.narration
    assert [record["state"] for record in sent.records][-1] == "sent"
    assert earful("send", "--once").code == 3
    (post,) = server.at("/api/v1/statuses")
    assert post.form["in_reply_to_id"] == "2"
    assert "Sorry! Fixed." in post.form["status"]
    assert post.headers["idempotency-key"]
    shown = earful("show", number, "--json").record
    assert [(message["ours"], message["text"]) for message in shown["messages"]][1:] == [(True, "Sorry! Fixed.")]
    assert shown["status"] == "waiting"
    assert [delivery["state"] for delivery in shown["deliveries"]] == ["sent"]


def test_a_reply_can_be_waited_for(earful: Earful, server: Server) -> None:
    number = case(earful)
    result = earful("reply", number, "--text", "-", "--wait", "--json", given=b"Hello Bob\n")
    assert result.code == 0, result.narration
    assert (result.record["state"], result.record["attempts"]) == ("sent", 1)
    assert result.record["url"] == "https://far.example/@bob/500"
    assert "held" in result.narration
    assert len(server.at("/api/v1/statuses")) == 1


def test_a_refusal_ends_in_exit_1_with_the_networks_words(earful: Earful) -> None:
    result = earful("reply", case(earful), "--text", "forbidden", "--now", "--wait", "--json")
    assert result.code == 1
    assert result.record["state"] == "failed"
    assert "nobody wants to read this" in result.record["error"]
    assert "nobody wants to read this" in result.narration


def test_too_long_is_told_in_the_networks_own_count(earful: Earful, server: Server) -> None:
    number = case(earful)
    result = earful("reply", number, "--text", "x" * 61)
    assert result.code == 2
    assert "60" in result.narration
    assert earful("show", number, "--json").record["deliveries"] == []
    assert (
        earful("reply", number, "--text", "see https://example.org/" + "x" * 200).code == 0
    )  # an address counts as 23


def test_undo_recalls_a_reply_before_it_leaves(earful: Earful, server: Server) -> None:
    earful.configure(desk(server).replace('undo_window = "1s"', 'undo_window = "1h"'))
    number = case(earful)
    earful("reply", number, "--text", "oh no")
    undone = earful("undo", "--json")
    assert undone.record["text"] == "oh no"
    assert earful("send").code == 3
    assert earful("reply", number, "--text", "better", "--now", "--wait").code == 0
    assert [post.form["status"].rpartition(" ")[2] for post in server.at("/api/v1/statuses")] == ["better"]


def test_a_forward_goes_out_to_its_department(earful: Earful, server: Server) -> None:
    result = earful(
        "forward", case(earful), "--to", "billing", "--comment", "charged twice", "--now", "--wait", "--json"
    )
    assert (result.code, result.record["state"]) == (0, "sent"), result.narration
    (post,) = server.at("/hook")
    assert "charged twice" in post.body.decode()


def worker(earful: Earful, *words: str) -> subprocess.Popen[bytes]:
    process = earful.start("worker", *words)
    assert process.stderr is not None
    assert b"polls and sends" in process.stderr.readline()
    return process


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_polls_until_it_is_told_to_stop(earful: Earful, name: signal.Signals) -> None:
    with worker(earful) as process:
        assert process.stderr is not None
        while b"2 new" not in process.stderr.readline():
            pass
        process.send_signal(name)
        begun = time.monotonic()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 15
        rest = process.stderr.read()
        assert b"stopped" in rest
        assert b"Traceback" not in rest


@pytest.mark.parametrize("words", [[], ["--once"]])
def test_a_worker_stops_though_a_server_is_silent(earful: Earful, server: Server, words: list[str]) -> None:
    server.on(TAG, silence(server, 30))
    with earful.start("worker", *words) as process:
        while not server.at(TAG):
            time.sleep(0.05)
        process.terminate()
        begun = time.monotonic()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 15


def test_one_worker_a_store(earful: Earful) -> None:
    with worker(earful) as process:
        second = earful("worker")
        assert second.code == 1
        assert str(process.pid) in second.narration
        assert str(process.pid) in earful("doctor").data
        assert earful("poll", "--once").code == 0  # asks the one that polls
        process.terminate()
        process.wait(60)


def test_a_worker_sends_what_another_process_waits_for(earful: Earful, server: Server) -> None:
    number = case(earful)
    with worker(earful, "--json") as process:
        assert earful("reply", number, "--text", "hi", "--now", "--wait", "--json").record["state"] == "sent"
        process.terminate()
        data, _ = process.communicate(timeout=60)
    assert len(server.at("/api/v1/statuses")) == 1
    events = [json.loads(line) for line in data.splitlines()]
    assert [event["state"] for event in events if "state" in event][-1] == "sent"


def test_a_worker_for_a_while(earful: Earful) -> None:
    result = earful("worker", "--for", "5s", "--quiet")
    assert (result.code, result.narration) == (0, "")
    assert len(earful("inbox", "--json").records) == 2
    assert earful("worker", "--once", "--quiet").code == 0


def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(earful: Earful, server: Server) -> None:
    case(earful)
    well = earful("doctor", "--json")
    assert well.code == 0
    assert {"store", "SQLite", "source here", "department billing"} <= {finding["what"] for finding in well.records}
    asked = earful("doctor", "--online")
    assert "answers now" in asked.data
    closed = f'[[department]]\nname = "pr"\nto = "http://127.0.0.1:{free_port()}/x"\n'
    earful.configure(desk(server, closed))
    del earful.environment["TOKEN"]
    earful.store.chmod(0o600)
    ill = earful("doctor", "--json")
    assert ill.code == 1
    failures = {finding["what"]: finding["message"] for finding in ill.records if finding["level"] == "fail"}
    assert "export TOKEN" in failures["source here"]
    assert "nothing answers" in failures["department pr"]


def test_a_secret_is_nowhere(earful: Earful, server: Server) -> None:
    number = case(earful)
    server.on("/api/v1/statuses", json_reply({"error": "The access token is invalid"}, 401))
    calls = [
        ["poll", "--once"],
        ["reply", number, "--text", "x", "--now", "--wait"],
        ["doctor", "--online"],
        ["ledger"],
    ]
    for words in [*calls, ["show", number, "--json"], ["check"]]:
        result = earful(*words)
        assert CANARY not in result.data + result.narration
    for path in earful.home.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_a_worker_takes_up_a_changed_configuration(earful: Earful) -> None:
    """One with a mistake is told, and the old one goes on."""
    posts = earful.home / "posts.jsonl"
    posts.write_text('{"text": "globex is down"}\n')
    path = earful.configure('[[watch]]\nname = "acme"\nquery = "acme"\n')
    with worker(earful) as process:
        assert process.stderr is not None
        path.write_text('[[watch]]\nname = "acme"\nquery = "acme ("\n')
        assert "has a mistake" in process.stderr.readline().decode()
        path.write_text(
            '[[watch]]\nname = "rival"\nquery = "globex"\n'
            f'[[source]]\ntype = "file"\npath = "{posts}"\nbackfill = "all"\n'
        )
        assert "is taken up" in process.stderr.readline().decode()
        for _ in range(200):
            if earful("inbox", "--json").lines:
                break
        assert "globex is down" in earful("inbox", "--json").data
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_source_without_a_question_says_so(earful: Earful, server: Server) -> None:
    earful.configure(
        f'[[watch]]\nname = "german"\nquery = "lang:de"\n[[source]]\ntype = "hackernews"\nurl = "{server.url()}"\n'
    )
    polled = earful("poll", "--once")
    assert polled.code == 3
    assert "hackernews has nothing to ask" in polled.narration
