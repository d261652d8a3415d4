"""What is killed by test_commands: each command that writes, in a home that knows enough to be spoiled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from store.database import Database
from store.engines.sqlite import sqlite3
from store.migrations import CURRENT
from tests.factories import A_DAY, NOW, land, read_mention
from tests.faults.shell import Shell, rows, store_faults

CONFIGURATION = """
[[watch]]
name = "acme"
query = "acme"
[[watch]]
name = "odd"
query = "odd"
[[source]]
type = "mastodon"
name = "social"
url = "http://127.0.0.1:9"
token = "env:NOT_THERE"
tags = ["acme"]
[[department]]
name = "billing"
to = "https://billing.example/hook"
[retention]
mentions = "10d"
raw = "5d"
journal = "400d"
ledger = "400d"
"""
HER = "zerline_q@canary.example"


@dataclass(frozen=True)
class Command:
    """`words` are killed in a home that `set_up` made. `said` is what must be in the end as without a kill; of a
    `whole` one it is that, or what it was before, at any moment. `broken` finds what must never be."""

    words: str
    set_up: Callable[[Shell], None]
    said: Callable[[Shell], object]
    whole: bool = True
    broken: Callable[[Shell], list[str]] = lambda shell: []
    again: str = ""  # the words that go on with it, where they are others
    fine: tuple[int, ...] = (0, 3)


def a_desk(shell: Shell) -> None:
    """Twelve of her posts and eighteen of others, half of them a month old, in cases of which some are worked on."""
    (shell.home / ".config" / "earful").mkdir(parents=True)
    (shell.home / ".config" / "earful" / "earful.toml").write_text(CONFIGURATION)
    posts = [
        read_mention(
            f"acme wombatting, number {n} is odd and {'bad ' * 20}" if n % 2 else f"acme number {n}, thanks @{HER}",
            id=f"post-{n}",
            author=HER if n % 5 < 2 else f"writer{n}",
            created_at=NOW - (30 * A_DAY if n % 2 else timedelta(hours=1)),
            analysis=0,
            language="de",
            raw=b"{}",
        )
        for n in range(30)
    ]

    async def seed() -> None:
        db = Database(shell.store)
        await db.open()
        await land(db, *posts, source="social", now=NOW - 30 * A_DAY)
        await db.close()

    asyncio.run(seed())
    shell("note", 3, "--text", f"called {HER}")
    shell("tag", 1, 2, 3, 4, "+vip")
    shell("done", 20)


def a_file(shell: Shell) -> None:
    lines = [
        json.dumps({"id": f"i{n}", "source": "list", "author": f"a{n % 7}", "text": f"acme {n}"}) for n in range(95)
    ]
    lines[4] = lines[64] = '{"id": "broken'
    (shell.home / "posts.jsonl").write_text("\n".join(lines) + "\n")


def a_backup(shell: Shell) -> None:
    """A backup, and since then news, and she is erased."""
    a_desk(shell)
    shell("backup", "copy.db")
    shell("note", 5, "--text", "since then")
    assert shell("erase", HER, "--yes").code == 0


def an_action(shell: Shell) -> None:
    a_desk(shell)
    shell("done", *range(1, 20))


def cases_said(shell: Shell) -> object:
    columns = "id, status, priority, assignee, snoozed_until IS NULL, version"
    return (
        shell.rows(f"SELECT {columns} FROM cases ORDER BY id"),
        shell.rows("SELECT case_id, action, agent FROM journal ORDER BY id"),
        shell.rows("SELECT case_id, tag FROM case_tag ORDER BY case_id, tag"),
        shell.rows("SELECT case_id, text, hidden FROM note ORDER BY id"),
        shell.rows("SELECT case_id, kind, state, text FROM delivery ORDER BY id"),
    )


def imported(shell: Shell) -> object:
    aside = shell.home / "posts.jsonl.rejects.jsonl"
    kept = [json.loads(line)["line"] for line in aside.read_text().splitlines()] if aside.exists() else []
    return shell.rows("SELECT external_id, text FROM mention ORDER BY id"), kept


def read_again(shell: Shell) -> object:
    marks = "SELECT m.external_id, w.name FROM mention_watch x JOIN mention m ON m.id = mention_id JOIN watch w"
    return (
        shell.rows("SELECT external_id, language, sentiment, score, urgency, analysis FROM mention ORDER BY id"),
        shell.rows(f"{marks} ON w.id = watch_id ORDER BY 1, 2"),
        shell.rows("SELECT stream FROM cursor"),
    )


def without_her(shell: Shell) -> object:
    counted = shell.rows("SELECT count(*), count(DISTINCT author_id), count(deleted_at) FROM mention")
    return shell.holding(HER), counted, shell.rows("SELECT text FROM note"), shell.rows("SELECT count(*) FROM erased")


def restored(shell: Shell) -> object:
    return (
        shell.holds(HER),
        shell.rows("SELECT id, text FROM note ORDER BY id"),
        shell.rows("SELECT count(*), count(deleted_at) FROM mention"),
        leftovers(shell),
    )


def she_is_back(shell: Shell) -> list[str]:
    notes = {text for (text,) in shell.rows("SELECT text FROM note")}
    found = [] if "since then" in notes or len(notes) == 1 else [f"neither the store nor the backup: {notes}"]
    return found + (["a person who was erased is back"] if shell.holds(HER) else [])


def backed_up(shell: Shell) -> object:
    return rows(shell.home / "copy.db", "SELECT id, text FROM mention ORDER BY id"), leftovers(shell)


def leftovers(shell: Shell) -> list[str]:
    return sorted(file.name for file in shell.home.glob(".*") if file.name.startswith((".copy", ".earful")))


def half_a_backup(shell: Shell) -> list[str]:
    """It is there and is not whole."""
    copy = shell.home / "copy.db"
    try:
        return (
            [] if not copy.exists() else store_faults(copy) or ([] if rows(copy, "SELECT 1 FROM cases") else ["empty"])
        )
    except sqlite3.DatabaseError as error:
        return [str(error)]


def copied(shell: Shell) -> object:
    other = shell.home / "other.db"
    tables = ("mention", "cases", "journal", "note", "case_tag", "author", "poll", "attempt", "mention_raw", "erased")
    return [rows(other, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables], store_faults(other)


def half_a_copy(shell: Shell) -> list[str]:
    other = shell.home / "other.db"
    if not other.exists() or not other.stat().st_size or not rows(other, "SELECT 1 FROM sqlite_master"):
        return []
    (version,) = rows(other, "SELECT version FROM schema_version")[0]
    number = len(rows(other, "SELECT 1 FROM mention"))
    return [f"a copy of {number} mentions counts as whole"] if version == CURRENT and 0 < number < 30 else []


def tidied(shell: Shell) -> object:
    kept = "SELECT text FROM mention WHERE external_id LIKE 'post-%' ORDER BY id"
    return shell.rows(kept), shell.rows("SELECT count(*) FROM mention"), shell.rows("SELECT count(*) FROM mention_raw")


def a_copy_to_replace(shell: Shell) -> None:
    a_desk(shell)
    shell("backup", "copy.db")
    shell("note", 5, "--text", "since then")


def two_issues(shell: Shell) -> None:
    """Both named by a person, both with mentions."""
    a_desk(shell)
    shell("issues", "pin", "odd ones", "--phrase", "is odd")
    shell("issues", "pin", "thankful", "--phrase", "thanks")


def corrected(shell: Shell) -> None:
    a_desk(shell)
    shell("correct", *range(1, 13), "positive")


def moods(shell: Shell) -> object:
    return (
        shell.rows("SELECT id, sentiment, score, urgency, corrected_by FROM mention ORDER BY id"),
        shell.rows("SELECT DISTINCT mention_id, label, undone FROM correction ORDER BY 1, 2"),
    )


def learnt(shell: Shell) -> object:
    return shell.rows("SELECT corrections, body, undone FROM layer ORDER BY id DESC LIMIT 1")


def issues_said(shell: Shell) -> object:
    """Which mention is in which issue, by the names that people see."""
    return (
        shell.rows("SELECT label, pinned, merged_into FROM issue ORDER BY label"),
        shell.rows("SELECT m.id, i.label FROM mention m JOIN issue i ON i.id = m.issue_id ORDER BY 1"),
    )


ALL = " ".join(str(number) for number in range(1, 20))
COMMANDS = {
    "import": Command("import posts.jsonl", a_file, imported, whole=False),
    "erase": Command(f"erase {HER} --yes", a_desk, without_her, whole=False),
    "reread": Command("reread", a_desk, read_again, whole=False),
    "retention": Command("poll --once", a_desk, tidied, whole=False, fine=(1,)),
    "backup": Command("backup copy.db", a_desk, backed_up, False, half_a_backup, again="backup copy.db --replace"),
    "backup again": Command("backup copy.db --replace", a_copy_to_replace, backed_up, False, half_a_backup),
    "restore": Command("restore copy.db", a_backup, restored, False, she_is_back),
    "copy": Command("copy --to other.db", a_desk, copied, False, half_a_copy),
    "bulk": Command(f"done {ALL}", a_desk, cases_said),
    "tag": Command(f"tag {ALL} +urgent -vip", a_desk, cases_said),
    "snooze": Command("snooze 7 --for 3d", a_desk, cases_said),
    "forward": Command("forward 7 --to billing --comment look", a_desk, cases_said),
    "reply": Command("reply 7 --text sorry", a_desk, cases_said),
    "undo": Command("undo", an_action, cases_said),
    "correct": Command("correct 2 positive", a_desk, moods, whole=False),
    "undo correct": Command("undo", corrected, moods),
    "teach": Command("teach", corrected, learnt, whole=False),
    "split issues": Command(
        "issues split 1 wombats --phrase wombatting", two_issues, issues_said, whole=False, fine=(0, 2)
    ),
    "merge issues": Command("issues merge 1 2", two_issues, issues_said, whole=False, fine=(0, 2)),
}
