"""Secrets by reference: found where they are kept, refused where they are not safe, and never shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from sources import secrets
from store.domain.errors import BadInput

CANARY = "tok-5f2c9e-canary"


def test_an_environment_variable_and_its_trailing_newline(monkeypatch):
    monkeypatch.setenv("MASTODON_TOKEN", f"{CANARY}\n")
    secret = secrets.resolve("env:MASTODON_TOKEN")
    assert secret.reveal() == CANARY
    assert CANARY not in f"{secret!r} {secret!s} {secret}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_private_file(tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(f"{CANARY}\n")
    file.chmod(0o600)
    assert secrets.resolve(f"file:{file}").reveal() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_touch_is_refused_with_the_fix(tmp_path: Path, mode: int):
    file = tmp_path / "token"
    file.write_text(CANARY)
    file.chmod(mode)
    with pytest.raises(BadInput, match=f"chmod 600 {file}"):
        secrets.resolve(f"file:{file}")


class InMemory(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return CANARY if (service, username) == ("earful", "mastodon") else None

    def set_password(self, service, username, password):
        raise NotImplementedError


@pytest.fixture
def key_store():
    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("key_store")
def test_a_key_store():
    assert secrets.resolve("keyring:mastodon").reveal() == CANARY
    with pytest.raises(BadInput, match="keyring set earful other"):
        secrets.resolve("keyring:other")


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:NOT_THERE_AT_ALL", "export NOT_THERE_AT_ALL"),
        ("file:/nowhere/at/all", "No such file"),
        ("env:", "names nothing"),
        ("EMPTY", "is empty"),
        ("BROKEN", "line break"),
        ("FOREIGN", "non-ASCII"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(monkeypatch, reference, says):
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("BROKEN", f"{CANARY}\nX-Evil: 1")
    monkeypatch.setenv("FOREIGN", f"{CANARY}é")
    with pytest.raises(BadInput, match=says) as caught:
        secrets.resolve(reference if ":" in reference else f"env:{reference}")
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("written", [CANARY, f"Bearer {CANARY}", f"pass:{CANARY}", f"ENV:{CANARY}"])
def test_a_secret_written_down_is_refused_and_not_repeated(written):
    with pytest.raises(BadInput) as caught:
        secrets.resolve(written)
    assert CANARY not in str(caught.value)
    assert "env:NAME" in str(caught.value)


KEY_FILE = f'{{\n  "type": "service_account",\n  "private_key": "{CANARY}"\n}}\n'
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY.replace('-', 'x')}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("content", [KEY_FILE, PEM])
def test_a_whole_key_file_is_taken_only_where_one_belongs(tmp_path: Path, content: str):
    file = tmp_path / "key"
    file.write_text(content)
    file.chmod(0o600)
    assert secrets.resolve(f"file:{file}", document=True).reveal().strip() == content.strip()
    with pytest.raises(BadInput, match="line break"):
        secrets.resolve(f"file:{file}")


@pytest.mark.parametrize(
    "content",
    [f"{CANARY}\nX-Evil: 1", f"{CANARY}é", f"[\n{CANARY}]", f"{PEM}X-Evil: 1", "-----BEGIN X-----\n", "[" * 9999],
)
def test_what_is_no_key_file_is_a_bare_secret_or_refused(monkeypatch, content):
    monkeypatch.setenv("KEY", content + "\n\n")
    with pytest.raises(BadInput) as caught:
        secrets.resolve("env:KEY", document=True)
    assert CANARY not in str(caught.value)
