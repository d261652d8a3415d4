"""What a source keeps: found again by the next process, by its own source only, readable by its owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sources.keep import Keep


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_next_process_finds_it_and_no_other_user_does(tmp_path: Path) -> None:
    folder = tmp_path / "earful.db.sessions"
    Keep(folder, "bsky").store("session", {"refresh": "canary"})
    (file,) = folder.iterdir()

    assert Keep(folder, "bsky").load("session") == {"refresh": "canary"}
    assert (mode(folder), mode(file)) == (0o700, 0o600)
    assert "bsky" not in file.name
    assert "session" not in file.name


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o027])
def test_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "earful.db.sessions"
    before = os.umask(umask)
    try:
        Keep(folder, "one").store("session", {"refresh": "1"})
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert (mode(folder), mode(file)) == (0o700, 0o600)


def test_a_folder_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    folder.chmod(0o777)
    Keep(folder, "one").store("session", {"refresh": "1"})
    assert mode(folder) == 0o700


def test_a_link_in_place_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    """Who may write beside the store must neither come by a session nor bring in one."""
    theirs, folder = tmp_path / "theirs", tmp_path / "sessions"
    Keep(theirs, "one").store("session", {"refresh": "of theirs"})
    folder.symlink_to(theirs)
    keep = Keep(folder, "one")
    assert keep.load("session") is None
    keep.store("session", {"refresh": "of ours"})
    assert keep.load("session") == {"refresh": "of ours"}, "remembered until the process ends"
    assert Keep(theirs, "one").load("session") == {"refresh": "of theirs"}


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    Keep(tmp_path / "sessions", "one").store("session", {"refresh": "1"})
    (file,) = (tmp_path / "sessions").iterdir()
    aim = tmp_path / "aim"
    aim.write_text("untouched")
    file.unlink()
    file.symlink_to(aim)
    Keep(tmp_path / "sessions", "one").store("session", {"refresh": "2"})
    assert aim.read_text() == "untouched"
    assert not file.is_symlink()


def test_sources_and_names_are_apart(tmp_path: Path) -> None:
    Keep(tmp_path, "one").store("tokens", {"access": "1"})
    Keep(tmp_path, "two/../one").store("tokens", {"access": "2"})
    Keep(tmp_path, "one").store("session", {"access": "3"})
    found = [Keep(tmp_path, name).load("tokens") for name in ("one", "two/../one", "three")]
    assert found == [{"access": "1"}, {"access": "2"}, None]


def test_what_is_forgotten_is_gone_for_all(tmp_path: Path) -> None:
    keep = Keep(tmp_path, "one")
    keep.store("tokens", {"access": "1"})
    keep.forget("tokens")
    keep.forget("tokens")
    assert keep.load("tokens") is None
    assert Keep(tmp_path, "one").load("tokens") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b'{"access": "1', b"[1]", b"\xff\xfe", b"null"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    Keep(tmp_path, "one").store("tokens", {"access": "1"})
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert Keep(tmp_path, "one").load("tokens") is None
    Keep(tmp_path, "one").store("tokens", {"access": "2"})
    assert Keep(tmp_path, "one").load("tokens") == {"access": "2"}


def test_a_disk_that_does_not_take_it_is_no_reason_to_stop(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    keep = Keep(blocked / "sessions", "one")
    keep.store("tokens", {"access": "1"})
    assert keep.load("tokens") == {"access": "1"}
    assert Keep(blocked / "sessions", "one").load("tokens") is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Keep(tmp_path, "one").store("tokens", {"access": "1"})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    keep = Keep(tmp_path, "one")
    keep.store("tokens", {"access": "2"})
    assert keep.load("tokens") == {"access": "2"}
    assert Keep(tmp_path, "one").load("tokens") == {"access": "1"}
    assert len(list(tmp_path.iterdir())) == 1, "no half-written file stays"


def test_without_a_folder_it_is_forgotten_with_the_process() -> None:
    keep = Keep()
    keep.store("tokens", {"access": "1"})
    assert keep.load("tokens") == {"access": "1"}
    keep.forget("tokens")
    assert keep.load("tokens") is None
