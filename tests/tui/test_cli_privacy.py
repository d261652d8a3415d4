"""`earful erase`, `backup` and `restore` as a person meets them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from store.domain.place import Place, Server
from tests.factories import read_mention
from tests.postgres import files_of
from tests.tui.command import Earful

pytestmark = pytest.mark.both


@pytest.fixture
def earful(tmp_path: Path, place: Place) -> Earful:
    earful = Earful(tmp_path)
    earful.store = place
    return earful


def everything(earful: Earful) -> bytes:
    return b"".join(path.read_bytes() for path in files_of(earful.store))


def test_a_person_goes_and_the_backup_that_still_holds_them_is_named(earful: Earful) -> None:
    earful.seed(read_mention("acme wombatting", author="zerline.q"), read_mention("acme stays", author="bob"))
    assert earful("backup", "old.db").code == 0
    result = earful("erase", "@zerline.q", "--yes", "--json")
    assert result.code == 0, result.narration
    assert {name: result.record[name] for name in ("network", "mentions", "cases", "left")} == {
        "network": "mastodon", "mentions": 1, "cases": 1, "left": None,
    }  # fmt: skip
    assert result.record["backups"] == [str(earful.home / "old.db")]
    assert b"wombatting" not in everything(earful)
    assert b"zerline" not in everything(earful).replace(b"old.db", b"")
    assert [record["text"] for record in earful("inbox", "--json").records] == ["acme stays"]
    again = earful("erase", "zerline.q", "--yes")
    assert again.code == 3
    assert "before" in again.narration


@pytest.mark.parametrize("point", ["erase_words:2", "erase_papers:1", "after_commit:4", "before_commit:9"])
def test_killed_anywhere_it_is_finished_by_asking_again(earful: Earful, point: str) -> None:
    posts = [read_mention(f"acme wombatting {n}", author="zerline.q", thread=f"t{n}") for n in range(30)]
    earful.seed(*posts, read_mention("acme stays", author="bob"))
    assert earful("erase", "zerline.q", "--yes", EARFUL_KILL=point).code == -signal.SIGKILL
    assert earful("erase", "zerline.q", "--yes").code == 0
    assert b"wombatting" not in everything(earful)
    assert b"zerline" not in everything(earful)
    assert [record["text"] for record in earful("export").records] == ["acme stays"]
    assert [line["level"] for line in earful("doctor", "--json").records if line["what"] == "store"] == ["ok"]


def test_nothing_goes_unless_somebody_said_yes(earful: Earful) -> None:
    earful.seed(read_mention(author="zerline"), read_mention(author="zerline", network="reddit"))
    result = earful("erase", "zerline")
    assert result.code == 2
    assert "--yes" in result.narration
    assert len(earful("inbox", "--json", "--view", "all").records) == 2
    assert len(earful("erase", "zerline", "--network", "reddit", "--yes", "--json").records) == 1
    assert len(earful("inbox", "--json", "--search", "author:zerline").records) == 1
    assert earful("erase", "nobody", "--yes").code == 3
    assert earful("erase").code == 2
    compacted = earful("erase", "--compact")
    assert (compacted.code, "MB now" in compacted.narration) == (0, True)


def test_a_restore_does_not_bring_back_who_was_erased(earful: Earful) -> None:
    earful.seed(read_mention("acme wombatting", author="zerline"), read_mention("acme two", author="bob"))
    assert earful("backup", "old.db").code == 0
    assert earful("erase", "zerline", "--yes").code == 0
    earful.seed(read_mention("acme later", author="bob"))
    result = earful("restore", "old.db", "--json")
    assert result.code == 0, result.narration
    assert result.record["erased_again"] == 1
    replaced = result.record["replaced"]
    assert replaced.startswith("schema ") if isinstance(earful.store, Server) else Path(replaced).is_file()
    assert [record["text"] for record in earful("inbox", "--json").records] == ["acme two"]
    if isinstance(earful.store, Path):
        assert b"wombatting" not in earful.store.read_bytes()


def test_restore_waits_for_nobody_and_touches_nothing_while_a_worker_runs(earful: Earful) -> None:
    earful.seed(read_mention())
    assert earful("backup", "old.db").code == 0
    worker = earful.start("worker")
    assert worker.stderr is not None
    worker.stderr.readline()
    result = earful("restore", "old.db")
    assert result.code == 1
    assert str(worker.pid) in result.narration or "open" in result.narration
    worker.terminate()
    worker.communicate()
    assert earful("restore", "old.db").code == 0


def test_a_backup_never_takes_the_place_of_something_else(earful: Earful) -> None:
    earful.seed(read_mention())
    (earful.home / "letter.txt").write_text("precious")
    assert earful("backup", "letter.txt").code == 2
    assert (earful.home / "letter.txt").read_text() == "precious"
    assert earful("backup", "a.db").code == 0
    assert earful("backup", "a.db").code == 2
    assert earful("backup", "a.db", "--replace", "--json").record["mentions"] == 1
    assert earful("backup", "no/folder/a.db").code == 2
