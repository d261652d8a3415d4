"""The frame of the command line: commands, options in either place, errors, exit codes, what a start costs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import read_mention
from tests.tui.command import ROOT, Earful
from tui.cli.commands import COMMANDS

HEAVY = {
    "sqlalchemy",
    "aiosqlite",
    "httpx",
    "textual",
    "langdetect",
    "vaderSentiment",
    "plotext",
    "feedparser",
    "keyring",
}


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    return Earful(tmp_path)


def test_help_names_every_command_and_fits_80_columns(earful: Earful) -> None:
    pages = [earful("help"), earful("--help"), earful("-h")]
    assert [page.code for page in pages] == [0, 0, 0]
    assert pages[0].data == pages[1].data == pages[2].data
    words = {line.split()[0] for line in pages[0].lines if line.startswith("  ")}
    assert words >= set(COMMANDS)
    assert max(map(len, pages[0].lines)) <= 80


def test_every_command_has_a_page_of_its_own(earful: Earful) -> None:
    for name in ("reply", "tag", "inbox"):
        asked, given = earful("help", name), earful(name, "--help")
        assert asked.code == given.code == 0
        assert asked.data.split() == given.data.split()
        assert "--json" in given.data


def test_every_command_is_there() -> None:
    """The function that a command names exists: a slip would show only when somebody calls it."""
    for command in COMMANDS.values():
        module, _, function = command.run.partition(":")
        code = (ROOT / "tui" / "cli" / f"{module}.py").read_text()
        assert f"\ndef {function}(call: Call) -> int:" in code, command.name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "3"], "did you mean `reply`"),
        (["xyzzy"], "earful help"),
        (["inbox", "--lmit", "3"], "did you mean `--limit`"),
        (["inbox", "--limit", "0"], "not a number from 1"),
        (["inbox", "--limit", "x"], "not a number from 1"),
        (["inbox", "--view", "mien"], "did you mean `mine`"),
        (["inbox", "--search", '"half a phrase'], "column 1"),
        (["inbox", "--search", "auhtor:ana"], "author"),
        (["inbox", "--config", "missing.toml"], "missing.toml"),
        (["inbox", "--config", "."], "cannot read the configuration"),
        (["--database", "mysql://db/earful", "inbox"], "postgresql://user@host/name"),
        (["show"], "missing: ID"),
        (["inbox", "--sort", "urgncy"], "`urgncy` is none of newest, urgency; did you mean `urgency`?"),
        (["inbox", "--as"], "--as needs a value"),
        (["inbox", "--search", "like:"], "--like needs some words"),
        (["inbox", "--like", "x", "--sort", "urgency"], "leave out --sort"),
        (["settle", "1"], "one of --sent --send --draft is needed"),
        (["show", "x"], "not the number of a case"),
        (["show", "-1"], "case"),
        (["show", "99999999999999999999"], "not the number of a case"),
        (["reply", "1"], "--text"),
        (["reply", "1", "--text", " "], "empty"),
        (["note", "1", "--text", "-"], "empty"),
        (["prioritise", "1", "extreme"], "urgent"),
        (["snooze", "1"], "--for"),
        (["snooze", "1", "--for", "4 moons"], "not a duration"),
        (["snooze", "1", "--for", "0s"], "over already"),
        (["snooze", "1", "--until", "yesterday"], "over already"),
        (["snooze", "1", "--until", "soon"], "not a time"),
        (["dismiss", "1"], "--reason"),
        (["tag", "1"], "earful tag 12"),
        (["tag", "+vip"], "earful tag 12"),
        (["forward", "1", "--to", "nowhere"], "unknown department"),
        (["insights", "--since", "2026-13-01"], "not a time"),
        (["insights", "--since", "2026-02-01", "--until", "2026-01-01"], "ends"),
        (["import", "missing.jsonl"], "missing.jsonl"),
        (["import", "x.jsonl", "--source", " "], "not a name"),
        (["import", "x.jsonl", "--source", "\x1b[31m"], "not a name"),
        (["ledger", "--source", os.fsdecode(b"caf\xe9")], "not UTF-8"),
        (["note", "1", "--text", os.fsdecode(b"caf\xe9")], "not UTF-8"),
        (["tag", "1", os.fsdecode(b"-caf\xe9")], "not UTF-8"),
        (["poll", "--source", "nobody"], "unknown source"),
        (["follow", "!!!"], "no word"),
        (["worker", "--for", "9e9d"], "not a duration"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(earful: Earful, words: list[str], said: str) -> None:
    result = earful(*words)
    assert (result.code, result.data) == (2, "")
    (line,) = result.narration.splitlines()
    assert line.startswith("earful: ")
    assert said in line


def test_nothing_found_is_exit_3(earful: Earful) -> None:
    for words in (["show", "7"], ["done", "7"], ["undo"], ["redo"], ["poll"], ["check"], ["sources", "telegraph"]):
        assert earful(*words).code == 3, words


def test_options_before_and_after_the_command_are_the_same(tmp_path: Path, earful: Earful) -> None:
    earful.seed()
    other = tmp_path / "other.db"
    assert earful("--json", "--quiet", "inbox").data == earful("inbox", "--quiet", "--json").data
    assert earful("inbox", "--database", str(other)).code == 0
    assert other.exists()


def test_quiet_leaves_errors_alone(earful: Earful) -> None:
    assert earful("inbox", "--quiet").narration == ""
    assert "no cases" in earful("inbox").narration
    assert "there is no case 4" in earful("show", "4", "--quiet").narration


def test_without_a_terminal_it_prints_the_inbox(earful: Earful) -> None:
    assert earful().data == earful("inbox").data
    assert earful().code == 0
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- ', "sh", *earful.command()],
        env=earful.environment,
        capture_output=True,
        cwd=earful.home,
    )
    assert closed.returncode == 0


def test_a_reader_that_leaves_early_is_no_error(earful: Earful) -> None:
    earful.seed(*(read_mention(f"acme {number} " + "x" * 250, author=f"a{number}") for number in range(400)))
    process = earful.start("inbox")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) in (0, 141)
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_behind_the_output_is_said(earful: Earful) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            earful.command("help"), env=earful.environment, stdout=full, stderr=subprocess.PIPE, cwd=earful.home
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_unexpected_is_one_line_and_a_private_log_without_values(earful: Earful) -> None:
    code = (
        "import sys, tui.cli.ledger as module\n"
        "def broken(call):\n    token = 'canary-secret'\n    raise RuntimeError('out of cheese')\n"
        "module.ledger = broken\n"
        "from tui.cli import main; sys.exit(main(['ledger']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=earful.environment, capture_output=True, text=True, cwd=earful.home
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    log = Path(line.partition("details in ")[2])
    assert "unexpected RuntimeError" in line
    assert log.stat().st_mode & 0o777 == 0o600
    assert "out of cheese" in log.read_text()
    assert "in broken" in log.read_text()
    assert "token=" not in log.read_text().replace(" ", "")


def test_what_is_typed_cannot_reach_the_terminal_as_a_command(earful: Earful) -> None:
    for words in (
        ["\x1b]52;c;cm0=\x07"],
        ["inbox", "--view", "a\x1b[2Jb"],
        ["inbox", "--config", "\x1b[31m.toml"],
        ["show", "\u009b31m"],
    ):
        result = earful(*words)
        assert result.code == 2
        assert b"\x1b" not in result.raw_narration
        assert b"\x07" not in result.raw_narration
        assert "\u009b" not in result.narration


@pytest.mark.parametrize("words", [["--version"], ["help"], ["sources"], ["sources", "mastodon", "--json"], ["check"]])
def test_a_small_command_loads_nothing_heavy(earful: Earful, words: list[str]) -> None:
    earful.configure(
        """
        [[watch]]
        name = "acme"
        query = '"acme cloud" OR acme~1'
        match = ["acme"]
        [[source]]
        type = "hackernews"
        """
    )
    code = f"import sys; from tui.cli import main; code = main({words!r}); print('|', code, *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=earful.environment, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.rpartition("|")[2].split()
    assert loaded[0] == "0", done.stderr
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


def test_check_knows_the_actions_that_keys_are_given_to(earful: Earful) -> None:
    earful.configure('[keymap]\n"case.dnoe" = "x"\n')
    result = earful("check", "--json")
    assert (result.code, result.record["level"]) == (2, "fail")
    assert "no action `case.dnoe`" in result.record["message"]


def test_colour_is_for_terminals_that_want_it(earful: Earful) -> None:
    def on_a_terminal(**environment: str) -> bytes:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            earful.command("sources", "mastodon"),
            env=earful.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65_536):
                seen += piece
        except OSError:
            pass  # the other end is closed
        os.close(ours)
        process.wait(60)
        return seen.replace(b"\r\n", b"\n")

    coloured, plain = on_a_terminal(TERM="xterm"), on_a_terminal(TERM="xterm", NO_COLOR="1")
    assert b"\x1b[" in coloured
    assert b"\x1b" not in plain
    assert b"\x1b" not in on_a_terminal(TERM="dumb")
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", coloured) == plain
