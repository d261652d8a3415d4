"""What the screens above the inbox write to a real terminal: nothing but Textual's own and harmless text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.action import AddNote
from store.domain.query import parse
from tests.hostile import PAYLOADS
from tests.tui.pty import foreign
from tests.tui.test_pty import earful, seed


@pytest.mark.parametrize("columns", [80, 160])
async def test_cases_insights_and_health_write_only_what_is_ours(tmp_path: Path, columns: int) -> None:
    path = tmp_path / "earful.db"
    texts = [text[:2_000] for text in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in text)]
    await seed(path, texts, everywhere=True)
    database = Database(path)
    await database.open()
    now = datetime.now(UTC)
    ids = await cases.ids(database, parse(""), me="ana", now=now)
    for number, text in zip(ids, texts, strict=True):
        await cases.act(database, [(number, None)], AddNote(f"note {text}"), agent="bob", now=now)
    await database.close()
    with earful(tmp_path, columns=columns, rows=30) as terminal:
        terminal.wait(f"1/{len(texts)}")
        terminal.send("\r")
        terminal.wait("case ")
        for _ in texts:
            terminal.send("J")
            terminal.read(0.12)
        terminal.wait("no next case")
        terminal.send("i")
        terminal.read(0.3)
        terminal.send("c")
        terminal.wait("internal note")
        terminal.send("a note of mine")
        terminal.wait("draft kept")
        terminal.send("\x1b")
        terminal.wait("kept as a draft")
        terminal.read(0.5)  # letters right after a text field are none
        terminal.send("gt")
        terminal.wait("mentions")
        terminal.send("\t\tG")
        terminal.read(0.5)
        terminal.send("q")
        terminal.read(0.3)
        terminal.send("gh")
        terminal.wait("source")
    assert not foreign(terminal.written.decode())
