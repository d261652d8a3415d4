"""The real program in a real terminal: what it writes, what it imports, how it starts and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.mention import NewAuthor
from tests import factories
from tests.hostile import PAYLOADS
from tests.tui.pty import Terminal, foreign

HERE = Path(__file__).parents[2]
COLOUR = re.compile(rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m")


async def seed(path: Path, texts: list[str], *, everywhere: bool = False) -> None:
    """One case a text; `everywhere` puts the text into the handle, the name, the title and the link too."""
    database = Database(path)
    await database.open()
    now = datetime.now(UTC).replace(microsecond=0)
    items = [
        factories.read_mention(
            text,
            id=f"seed-{n}",
            author=NewAuthor(f"{text[:200]}{n}" if everywhere else f"author{n}", name=text[:200] if everywhere else ""),
            title=text[:200] if everywhere else "",
            url=f"https://x.example/{text[:80]}" if everywhere else "https://x.example/1",
            created_at=now - timedelta(minutes=n + 1),
        )
        for n, text in enumerate(texts)
    ]
    await factories.land(database, *items, now=now)
    await database.close()


def earful(tmp_path: Path, *, columns: int = 80, rows: int = 24, hangs_up: bool = True, **env: str) -> Terminal:
    home = {"HOME": str(tmp_path), "PYTHONPATH": str(HERE), "USER": "ana", "LOGNAME": "ana"}
    argv = [sys.executable, "-m", "tui", "--database", str(tmp_path / "earful.db")]
    return Terminal(argv, columns=columns, rows=rows, env=home | env, cwd=tmp_path, hangs_up=hangs_up)


async def statuses(path: Path) -> list[CaseStatus]:
    database = Database(path)
    await database.open()
    found = await cases.listing(database, None, me="ana", now=datetime.now(UTC))
    await database.close()
    return [row.status for row in found]


def test_the_tokeniser_sees_what_is_foreign() -> None:
    for name in (
        "csi clear and home",
        "clipboard",
        "title, st",
        "c1",
        "device attributes",
        "hyperlink",
        "bidi override",
    ):
        payload = next((text for key, text in PAYLOADS.items() if key.startswith(name)), "\x9b2J")
        assert foreign(f"\x1b[1;1Hbefore {payload} after\x1b[0m"), name
    assert not foreign("\x1b[?1049h\x1b[2;1H\x1b[1;36m▌ ● plain, 壊れました 👨‍👩‍👧\x1b[0m\r\n")


@pytest.mark.parametrize("columns", [80, 160])
async def test_what_reaches_the_terminal_is_only_ours(tmp_path: Path, columns: int) -> None:
    texts = [text for text in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in text)]
    await seed(tmp_path / "earful.db", texts, everywhere=True)
    with earful(tmp_path, columns=columns, rows=30) as terminal:
        terminal.wait(f"1/{len(texts)}")
        for _ in range(len(texts)):
            terminal.send("j")
            terminal.read(0.05)
        terminal.wait(f"{len(texts)}/{len(texts)}")
        for keys in ("v", "m", "\x1b", "x", "k", "f", "\x1b", "E", "\x1b", "*", "a", "e", "n", "p"):
            terminal.send(keys)
            terminal.read(0.3)
        terminal.send("\x11")  # Ctrl+Q
        assert terminal.ended() == 0
    assert foreign(terminal.written.decode()) == []


def test_the_first_frame_needs_neither_database_nor_network(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from store.domain.desk import Desk
from tui.settings import Settings
from tui.shell import Earful

HEAVY = ("sqlalchemy", "aiosqlite", "httpx", "langdetect", "plotext", "vaderSentiment", "feedparser", "aiosmtplib")

def drawn(app):
    if getattr(app, "inbox", None) and app.inbox.is_mounted and app.inbox.list.size.height:
        print("frame", app.inbox.list.size.height, [name for name in HEAVY if name in sys.modules])
        app.exit()

Earful.post_display_hook = drawn

async def main():
    app = Earful(Settings(Desk(), None, Path({str(tmp_path / "earful.db")!r}), "ana"))
    async with app.run_test(size=(80, 24)) as pilot:
        while not app._exit:
            await pilot.pause(0.05)

asyncio.run(main())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=HERE)
    assert run.stdout.splitlines()[:1] == ["frame 21 []"], run.stderr[-2000:]


async def test_the_words_of_an_empty_list_go_when_there_is_something_else_to_say(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", ["one", "two"])
    with earful(tmp_path) as terminal:
        terminal.wait(lambda text: "1/2" in text and "two" in text and "opening" not in text)
        terminal.send("5")
        centred = " " * ((80 - len("nothing in snoozed")) // 2) + "nothing in snoozed"
        terminal.wait(lambda text: centred in text.splitlines())
        terminal.send("6")
        terminal.wait(lambda text: "nothing in escalated" in text and "nothing in snoozed" not in text)
        terminal.send("1")
        terminal.wait(lambda text: "two" in text and "nothing" not in text)


async def test_keys_struck_right_after_the_start_are_carried_out(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", [f"words number {n}" for n in range(9)])
    with earful(tmp_path) as terminal:
        terminal.wait(lambda text: bool(text.strip()))  # the first frame
        terminal.send("jje")
        terminal.wait("1/8".replace("1", "3"))
    assert (await statuses(tmp_path / "earful.db")).index(CaseStatus.DONE) == 2


async def test_a_burst_of_keys_arrives_whole(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", [f"words number {n}" for n in range(300)])
    with earful(tmp_path) as terminal:
        terminal.wait("1/300")
        terminal.send("j" * 200)
        terminal.wait("201/300")


async def test_few_bytes_a_key_and_none_at_rest(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", [f"words number {n} " + "and more " * 9 for n in range(60)])
    with earful(tmp_path) as terminal:
        terminal.wait("1/60")
        while terminal.read(3):
            pass  # the first look at everything
        before = len(terminal.written)
        for number in range(2, 12):
            terminal.send("j")
            terminal.wait(f" {number}/60")
        while terminal.read(3):  # for ever where it draws at rest
            pass
        assert (len(terminal.written) - before) / 10 < 700


async def test_without_colour_everything_is_still_said(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", ["one", "two"])
    with earful(tmp_path, NO_COLOR="1") as terminal:
        text = terminal.wait("1/2")
        assert "▌" in text
        assert "[inbox]" in text
        terminal.send("e")
        terminal.wait("1/1")
    assert not COLOUR.search(terminal.written)


async def test_sixteen_colours_are_enough(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", ["one", "two"])
    with earful(tmp_path, TERM="xterm-16color") as terminal:
        terminal.wait("1/2")
        terminal.read(0.5)
    assert b"38;" not in terminal.written
    assert b"48;" not in terminal.written


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(tmp_path: Path, name: str) -> None:
    await seed(tmp_path / "earful.db", ["one"])
    with earful(tmp_path) as terminal:
        terminal.wait("1/1")
        os.kill(terminal.pid, getattr(signal, name))
        assert terminal.ended() == (0 if name == "SIGTERM" else 129)
    assert b"\x1b[?1049l" in terminal.written


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_it_ends_with_its_terminal_though_no_signal_says_so(tmp_path: Path, hangs_up: bool) -> None:
    await seed(tmp_path / "earful.db", ["one"])
    with earful(tmp_path, hangs_up=hangs_up) as terminal:
        terminal.wait("1/1")
        terminal.hang_up()
        assert terminal.ended() is not None


async def test_variables_of_the_framework_are_not_obeyed(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", ["one"])
    log = tmp_path / "textual.log"
    with earful(tmp_path, TEXTUAL_LOG=str(log), TEXTUAL_PRESS="e,q") as terminal:
        terminal.wait("1/1")
        terminal.read(1)
        assert "1/1" in terminal.text
    assert not log.exists()


async def test_suspicious_answers_of_a_terminal_are_no_commands(tmp_path: Path) -> None:
    """What a terminal types by itself when it is asked (device attributes, status) acts on nothing."""
    await seed(tmp_path / "earful.db", ["one", "two"])
    with earful(tmp_path) as terminal:
        terminal.wait("1/2")
        terminal.send("\x1b[?1;2c\x1b[>84;0;0c\x1b[0n\x1b[8;24;80t")
        terminal.read(1)
        terminal.send("\x1b[200~eee dd\x1b[201~")  # a paste is no command either
        terminal.read(1)
        assert "1/2" in terminal.text
    assert await statuses(tmp_path / "earful.db") == [CaseStatus.NEW] * 2


async def test_of_the_view_before_nothing_stays_on_the_screen(tmp_path: Path) -> None:
    await seed(tmp_path / "earful.db", [f"complaint {n}" for n in range(6)])
    with earful(tmp_path) as terminal:
        terminal.wait(lambda text: "complaint 5" in text)
        terminal.send("e")
        terminal.wait(lambda text: "complaint 0" not in text)
        terminal.send("7")
        terminal.wait(lambda text: "complaint 0" in text and not re.search("complaint [1-5]", text))
        terminal.send("1")
        terminal.wait(lambda text: "complaint 0" not in text and len(re.findall("complaint [1-5]", text)) == 5)
