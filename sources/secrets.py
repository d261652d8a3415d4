"""Secrets by reference: the configuration names where a secret is kept, never the secret itself.

env:NAME       an environment variable
file:PATH      a file that only its owner can read
keyring:NAME   the entry NAME of the service "earful" in the desktop's or the operating system's key store
"""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

from sources.paths import seen_from
from store.domain.errors import BadInput
from store.domain.secret import Secret, never_say

KINDS = ("env", "file", "keyring")
SERVICE = "earful"


def is_reference(text: str) -> bool:
    return text.partition(":")[0] in KINDS and ":" in text


def resolve(reference: str, *, document: bool = False) -> Secret:
    """The secret that `reference` names. Blocks: a key store may ask its owner first. `document`: it may also be a
    whole key file, a JSON object or a private key in PEM; such a one never goes into a header.

    Raises BadInput with what to do; a value that was written down instead of a reference is never repeated in it.
    """
    if not is_reference(reference):
        raise BadInput(
            "a secret is named, never written down: use env:NAME, file:PATH or keyring:NAME"
            " (if what stands there is the secret itself, revoke it: it has been in a file)"
        )
    kind, _, name = reference.partition(":")
    if not name:
        raise BadInput(f"{reference} names nothing: use {kind}:{'PATH' if kind == 'file' else 'NAME'}")
    value = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}[kind](name)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise BadInput(f"{reference} is empty")
    if not (value.isascii() and value.isprintable()) and not (document and _is_key_file(value)):
        # Such a token cannot go into a header, and the error of the library that tries would print it.
        raise BadInput(f"{reference} holds a line break, a control or a non-ASCII character: store the bare secret")
    never_say(value, named=True)  # its server may quote what another process sent it, before this one sends anything
    return Secret(value, reference)


def _is_key_file(value: str) -> bool:
    if re.fullmatch(r"-----BEGIN ([A-Z ]+)-----\s[A-Za-z0-9+/=\s]+-----END \1-----\s*", value):
        return True
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise BadInput(f"env:{name} is not set: export {name} before starting earful")
    return value


def _from_file(name: str) -> str:
    path = seen_from(Path.cwd(), name)
    try:
        with open(path, encoding="utf-8", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            mode = stat.S_IMODE(status.st_mode)
            if not stat.S_ISREG(status.st_mode):
                raise BadInput(f"file:{name} is no ordinary file")
            if mode & 0o077:
                raise BadInput(f"file:{name} can be read by others (mode {mode:04o}): chmod 600 {path}")
            return file.read(65_536)
    except OSError as error:
        raise BadInput(f"file:{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"file:{name} is not a text file") from None


def _at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def folder_of_others(reference: str) -> Path | None:
    """The folder of a secret's file where others may put another file in its place."""
    kind, _, name = reference.partition(":")
    if kind != "file":
        return None
    path = seen_from(Path.cwd(), name)
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):
        mode = folder.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            return folder
    return None


def _from_keyring(name: str) -> str:
    import keyring
    import keyring.errors

    try:
        value = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise BadInput(
            f"keyring:{name} cannot be read ({type(error).__name__}): no usable key store; use env: or file: here"
        ) from None
    if value is None:
        raise BadInput(f"keyring:{name} is not there: keyring set {SERVICE} {name}")
    return str(value)
