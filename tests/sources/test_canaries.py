"""A secret goes to its network and nowhere else: whatever a server does with it, also say it back, it is in nothing
that earful prints or keeps.

Every source type gets a canary for each of its secrets, and a server that answers well until something landed, and then
fails in every way, with all that it was sent in its words.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import quopri
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from sources import registry
from sources.errors import Refused, SourceError, quoted
from sources.secrets import resolve
from sources.smtp import Submission
from store.database import Database
from store.domain import action
from store.domain.clock import utcnow
from store.domain.secret import Secret
from tests.factories import read_mention
from tests.servers import Reply, Seen, Server, json_reply, rate_limited, redirect, reset, text
from tests.sources.fake_mail import Box, MailBoxes, MailHouse, open_house
from tests.sources.samples import Sample, samples
from tests.sources.test_mail import config, polled
from tests.tui.command import Earful
from tui import crash, log
from tui.cli import main

SAMPLES = {sample.type: sample for sample in samples()}
# What the ways to log in need besides a secret.
BESIDES = {"client_id": "id", "username": "acme_support", "key_id": "K", "issuer": "I", "issuer_id": "I"}


def canary(name: str) -> str:
    return f"4242:canary-{name.replace('_', '-')}-0123456789abcdef"


def shapes(secret: str) -> list[bytes]:
    """The secret, and what of it shows in base64 wherever it stands in what was encoded."""
    middle = secret[6:].encode()
    coded = [base64.b64encode(b"x" * shift + middle)[4:-4] for shift in range(3)]
    return [middle, *coded, *(one.replace(b"+", b"-").replace(b"/", b"_") for one in coded)]


class Parrot(Server):
    """Takes the canary for what its sample takes; once it `fails`, it says back what it was sent."""

    def __init__(self, sample: Sample, canaries: Mapping[str, str]) -> None:
        super().__init__()
        self.sample, self.canaries = sample, canaries
        self.fails = False

    def answer(self, seen: Seen) -> Reply:
        if not self.fails:
            return super().answer(self._as_the_sample(seen))
        self.seen.append(seen)
        said = f"{seen.target} {' '.join(seen.headers.values())} {seen.body.decode('utf-8', 'replace')}"
        for name, value in list(seen.headers.items()):
            if name == "authorization" and value.startswith("Basic "):
                said += base64.b64decode(value[6:]).decode("utf-8", "replace")
        return FAULTS[random.Random(f"{seen.path} {len(self.seen)}").randrange(len(FAULTS))](self, seen, said)

    def _as_the_sample(self, seen: Seen) -> Seen:
        changed = seen
        for name, value in self.canaries.items():
            good = self.sample.token if name == "token" else self.sample.secrets.get(name, value)
            headers = {key: one.replace(value, good) for key, one in changed.headers.items()}
            target = changed.target.replace(value, good).replace(value.replace(":", "%3A"), good)
            changed = replace(
                changed, target=target, headers=headers, body=changed.body.replace(value.encode(), good.encode())
            )
        return changed


def parroted(said: str) -> Any:
    """Where networks have the words of an error."""
    errors = [{"message": said, "detail": said, "title": said, "reason": said, "code": said}]
    inner = {"message": said, "code": 100, "status": said, "errors": errors, "error_user_msg": said}
    return {
        "error": inner if len(said) % 2 else said,
        "message": said,
        "error_description": said,
        "description": said,
        "errors": errors,
        "detail": said,
        "title": said,
        "error_message": said,
        "error_name": said,
        "ok": False,
        "json": {"errors": [[said, said, said]]},
        "details": said,
        "reason": said,
    }


STATUSES = (200, 400, 401, 403, 404, 422, 429, 500)
FAULTS: list[Callable[[Server, Seen, str], Reply]] = [
    *(lambda server, seen, said, status=status: json_reply(parroted(said), status) for status in STATUSES),
    lambda server, seen, said: text(said, "text/html", 500),
    lambda server, seen, said: text(said, "text/plain", 200),
    lambda server, seen, said: text(said, said[:200].replace("\n", " ").encode("ascii", "replace").decode(), 400),
    lambda server, seen, said: rate_limited("seconds", seconds=600),
    lambda server, seen, said: redirect(server.url(seen.target)),
    lambda server, seen, said: redirect(server.url("/" + re.sub(r"[^\w:/-]", "", said[:400]))),
    lambda server, seen, said: redirect("http://10.0.0.1" + seen.target),
    lambda server, seen, said: reset(),
    lambda server, seen, said: json_reply([said]),
]


@cache
def key_file() -> str:
    """A real private key: only such a one is used."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(*plain).decode()


def secrets_of(kind: str) -> dict[str, str]:
    """A canary for `token` and for every secret option; of a key file a line of it."""
    found = {"token": canary("token")} if registry.source_type(kind).login else {}
    found |= {option.name: canary(option.name) for option in registry.source_type(kind).options if option.secret}
    return found | ({"private_key": key_file().splitlines()[1]} if "private_key" in found else {})


def value_of(name: str, secret: str) -> str:
    if name == "service_account":
        return json.dumps({"client_email": "a@b", "private_key": secret, "token_uri": "x"})
    return key_file() if name == "private_key" else secret


def settings(server: Server, sample: Sample, named: Mapping[str, str], token: bool) -> str:
    kind = registry.source_type(sample.type)
    options: dict[str, Any] = dict(sample.options(server))
    known = {option.name for option in kind.options}
    if not token or "client_id" not in known:
        options |= {name: f"env:CANARY_{name}" for name in named if name != "token"}
        options |= {name: value for name, value in BESIDES.items() if name in known and name not in options}
    lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
    login = 'token = "env:CANARY_token"' if token and "token" in named else ""
    return f"""
        [desk]
        undo_window = "0s"
        [log]
        level = "debug"
        [[watch]]
        name = "acme"
        query = "acme"
        [[source]]
        type = "{kind.name}"
        name = "it"
        url = "{server.url()}"
        backfill = "all"
        settle = "1s"
        {login}
        """ + "\n".join(lines)


LOGINS = {kind: registry.source_type(kind) for kind in sorted(SAMPLES) if registry.source_type(kind).login}
WAYS = [(kind, True) for kind in LOGINS]  # with a ready token, and by every other way to log in
WAYS += [(kind, False) for kind in ("appstore", "googlebusiness", "googleplay", "reddit", "trustpilot", "x", "youtube")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Earful:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "_place", None)
    monkeypatch.setattr(log, "_level", "info")
    return Earful(tmp_path)


@pytest.mark.parametrize(("kind", "token"), WAYS)
def test_no_secret_of_a_source_is_printed_or_kept(
    home: Earful, kind: str, token: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sample, named = SAMPLES[kind], secrets_of(kind)
    for name, secret in named.items():
        monkeypatch.setenv(f"CANARY_{name}", value_of(name, secret))
    with Parrot(sample, named) as server:
        sample.prepare(server)
        path = home.configure(settings(server, sample, named, token))
        common = ["--config", str(path), "--database", str(home.store), "--json"]

        def earful(*words: str) -> list[Any]:
            main([*words, *common])
            out, err = capfd.readouterr()
            printed.append(out + err)
            return [json.loads(line) for line in out.splitlines()]

        printed: list[str] = []
        earful("poll", "--once")
        server.fails = True
        for _ in range(3):
            earful("poll", "--once")
        earful("doctor", "--online")
        for case in earful("inbox", "--limit", "1"):
            earful("reply", str(case["id"]), "--text", "sorry", "--now")
            earful("show", str(case["id"]))
        earful("send", "--once")
        earful("send", "--once")
        earful("ledger")
        earful("check")
        asked = len(server.seen)
    kept = {str(path): path.read_bytes() for path in home.home.rglob("*") if path.is_file()}
    kept["printed"] = "".join(printed).encode()
    found = [
        (name, where)
        for name, secret in named.items()
        for where, what in kept.items()
        for one in shapes(secret)
        if one in what
    ]
    assert asked or (kind, token) == ("googleplay", False), "an unusable key file is not used"
    assert not found, [(name, where, _around(kept[where], name)) for name, where in found]


def _around(what: bytes, name: str) -> bytes:
    at = max((what.find(one) for one in shapes(canary(name))), default=0)
    return what[max(0, at - 300) : at + 100]


class Echo(Server):
    """A receiver that refuses, with all that it was sent in its words."""

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        said = f"{seen.target} {' '.join(seen.headers.values())}"
        return (text(said, "text/plain", 400), json_reply(parroted(said), 500), redirect("/" + seen.target))[
            len(self.seen) % 3
        ]


def test_no_secret_of_a_department_or_a_database_is_printed_or_kept(
    home: Earful, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The address of a webhook is one, and so is the key that signs what goes there."""
    place, key, password = canary("place").replace(":", "-"), canary("key"), canary("password").replace(":", "-")
    home.seed(read_mention("acme is down"), read_mention("acme again"))
    with Echo() as server:
        monkeypatch.setenv("HOOK", server.url(f"/hook/{place}?token={place}"))
        monkeypatch.setenv("SLACK", "slack+" + server.url(f"/services/{place}"))
        monkeypatch.setenv("KEY", key)
        path = home.configure(
            """
            [log]
            level = "debug"
            [desk]
            undo_window = "0s"
            [[department]]
            name = "billing"
            to = "env:HOOK"
            secret = "env:KEY"
            [[department]]
            name = "pr"
            to = "env:SLACK"
            """
        )
        common = ["--config", str(path), "--database", str(home.store), "--json"]
        for words in (
            ["forward", "1", "2", "--to", "billing"], ["forward", "1", "2", "--to", "pr"], ["send", "--once"],
            ["send", "--once"], ["show", "1"], ["show", "2"], ["doctor", "--online"], ["check"], ["ledger"],
            ["export", "-o", str(home.home / "out.html")], ["backup", str(home.home / "copy.db")],
        ):  # fmt: skip
            main([*words, *common])
        assert server.seen
        assert any(place in seen.target for seen in server.seen)
    for words in (["inbox"], ["doctor"], ["check"], ["copy", "--to", f"postgresql://u:{password}@127.0.0.1:9/x"]):
        main([*words, "--config", str(path), "--database", f"postgresql://u:{password}@127.0.0.1:9/x"])
    said = "".join(capfd.readouterr()).encode()
    kept = {str(file): file.read_bytes() for file in home.home.rglob("*") if file.is_file()} | {"printed": said}
    secrets = (place, key, password)
    told = [(one, where) for where, what in kept.items() for one in secrets for shape in shapes(one) if shape in what]
    assert told == []


async def test_no_secret_of_a_mailbox_is_told_by_its_server(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = canary("password")
    monkeypatch.setenv("MAIL_PASSWORD", secret)
    async with open_house(MailBoxes()) as boxes, open_house(MailHouse(EHLO="250 AUTH PLAIN LOGIN")) as house:
        (line,) = await polled(db, config(boxes))
        assert "refuses our login" in line.error
        house.script["AUTH"] = f"535 not {secret} or {base64.b64encode(secret.encode()).decode()}"
        house.script["MAIL"] = f"550 go away with {secret}"
        post = Submission("127.0.0.1", house.port, user="us", password=Secret(secret), start_tls=False)
        with pytest.raises(SourceError) as refused:
            await post.hand_over("us@a.example", "ana@b.example", b"words")
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    kept += [line.error.encode(), str(refused.value).encode()]
    assert not any(shape in what for what in kept for shape in shapes(secret))


# No two begin alike, so that one which is known does not mask the other; with all that is written otherwise on the way.
READING, SENDING = 'In=3D7:"k/Rv+92%41bQ&x0TzWm', "oUt\\5f@Yd~81;Hn=2BpL+c/Je"


def pieces(secret: str) -> list[bytes]:
    """Every eight characters of it, plain or in base64."""
    plain = secret.encode()
    coded = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    coded += [one.replace(b"+", b"-").replace(b"/", b"_") for one in coded]
    return [one[at : at + 8] for one in (plain, *coded) for at in range(len(one) - 7)]


def ways(secret: str) -> list[str]:
    """How words of a server may hold it."""
    whole = [base64.b64encode(f"{before}{secret}".encode()).decode() for before in ("", "\0us\0", "us:", "\0u@a.b\0")]
    printable = quopri.encodestring(secret.encode()).decode().strip()
    quoted = [secret.replace("\\", "\\\\").replace('"', '\\"'), json.dumps(secret), html.escape(secret), printable]
    hexed = "".join(f"={ord(char):02X}" for char in secret)
    once_more = [quote(secret), quote(secret, safe=""), quote_plus(secret), quote(whole[1], safe=""), hexed]
    folded = [f"{hexed[:33]}=\r\n{hexed[33:]}", f"{whole[1][:20]}\r\n {whole[1][20:]}"]
    shown = [urlsafe.replace("+", "-").replace("/", "_") for urlsafe in whole]
    return [secret, secret[:14], f"<{secret}>", f"password={secret}", *quoted, *whole, *shown, *once_more, *folded]


async def test_what_another_process_told_a_mail_server_is_not_quoted_by_this_one(tmp_path: Path) -> None:
    """The two servers of a house know both passwords, and each command is a process that has not used either yet."""
    earful = Earful(tmp_path)
    earful.environment |= {"READING": READING, "SENDING": SENDING}
    told: list[str] = []
    forms = [
        f"{one} {other}" for one, other in zip(ways(READING), ways(SENDING), strict=True) if "\n" not in one + other
    ]

    def words() -> str:
        told.append(f"quoth{len(told)}:")
        return f"{told[-1]} {forms[(5 * len(told)) % len(forms)]}"

    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        boxes.password = READING
        login = {"EHLO": "250 AUTH PLAIN", "AUTH": "235 in"}
        path = earful.configure(
            f"""
            [desk]
            undo_window = "0s"
            [log]
            level = "debug"
            [[source]]
            type = "mail"
            name = "box"
            imap = "imap://127.0.0.1:{boxes.port}"
            smtp = "smtp://127.0.0.1:{house.port}"
            user = "us@acme.example"
            token = "env:READING"
            smtp_password = "env:SENDING"
            backfill = "all"
            """
        )
        printed = b""

        async def run(*command: str) -> None:
            nonlocal printed
            done = await asyncio.to_thread(earful, *command, "--config", str(path))
            printed += done.raw + done.raw_narration

        async def answer(case: int) -> None:
            reply = action.Reply("sorry", f"identity-{case}", 0.0)
            await asyncio.to_thread(earful.act, [case], reply, at=utcnow())
            await run("send", "--once")

        for number in range(5):
            await boxes.put(f"From: a{number}@x.example\nMessage-ID: <{number}@x>\n\nhelp\n".encode(), utcnow())
        await run("poll", "--once")
        boxes.hello = f"* BYE {words()}"
        await run("poll", "--once")
        await run("doctor", "--online")
        boxes.hello = "* OK here"
        for command in ("LOGIN", "EXAMINE"):
            boxes.refused = {command: f"NO {words()}"}
            await run("poll", "--once")
        await boxes.put(b"Message-ID: <new@x>\n\nhelp\n", utcnow())
        boxes.refused = {"UID FETCH": f"BAD {'x' * 175} {words()}"}  # cut within it
        await run("poll", "--once")
        boxes.refused = {}
        for case, place in enumerate(("hello", "MAIL", "RCPT", "dot"), 1):
            house.script = login | {place: f"554 {words()}"}
            await answer(case)
        await run("copy", "--to", str(tmp_path / "copy.db"))
        house.script = login | {"MAIL": f"451 {'x' * 270} {words()}"}
        await answer(5)
        for command in (["show", "1"], ["ledger"], ["backup", "kept.db"], ["export", "-o", "out.html"]):
            await run(*command)
    kept = {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} | {"printed": printed}
    assert {file.name for file in tmp_path.glob("*.*")} >= {"copy.db", "kept.db", "out.html"}
    assert [one for one in told if not any(one[:-1].encode() in what for what in kept.values())] == []
    found = [
        (name, what[max(0, what.find(one) - 80) :][:160])
        for name, what in kept.items()
        for secret in (READING, SENDING)
        for one in pieces(secret)
        if one in what
    ]
    assert found == []


@pytest.mark.parametrize("secret", [READING, SENDING, "abcd efgh ijkl mnop", "42424242", "Bearer hunter2-and-more"])
def test_a_secret_is_masked_however_it_is_written(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the moment it is looked up, whether it is used or not, and however many tokens come and go."""
    monkeypatch.setenv("SECRET", secret)
    resolve("env:SECRET")
    for number in range(300):
        Secret(f"an access token, the {number}th").reveal()
    hidden = secret.removeprefix("Bearer ")
    for way in [one for one in ways(hidden) if len(hidden) > 12 or one != hidden[:14]] + [hidden]:
        told = str(Refused(f"no {way} here"))
        cut = str(Refused(quoted(f"{'x' * 280} {way}")))
        assert not [piece for piece in pieces(hidden) if piece in f"{told}{cut}".encode()], (way, told, cut)
        assert re.fullmatch(r"no .*\.\.\..* here", told, re.DOTALL), (way, told)


def test_the_keys_in_a_key_file_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    line = key_file().splitlines()[1]
    monkeypatch.setenv("KEYS", value_of("service_account", key_file()))
    resolve("env:KEYS", document=True)
    assert str(Refused(f'no {line} of {{"client_email": "a@b"}}')) == 'no ... of {"client_email": "a@b"}'


def test_a_server_that_says_a_secret_back_is_not_quoted() -> None:
    secret = Secret("Bearer " + canary("token"))
    secret.reveal()
    told = str(Refused(f"no {secret.reveal()} and {canary('token').replace(':', '%3A')}"))
    assert told == "no Bearer ... and ..."
    assert str(Refused("no Bearer at all")) == "no Bearer at all"
    for user in ("", "\0us\0", "us:"):
        said = str(Refused(f"no {base64.b64encode((user + canary('token')).encode()).decode()}")).encode()
        assert not [shape for shape in shapes(canary("token")) if shape in said]
    cut_off = str(Refused(f"no {secret.reveal()[:30]} nor {secret.reveal()[:11]}"))
    assert cut_off == "no Bearer ... nor Bearer 4242"


def test_not_even_a_crash_tells_it(home: Earful) -> None:
    secret = Secret(canary("token"))
    secret.reveal()
    path = Path(crash.keep(RuntimeError(f"at https://a.b/{secret.reveal()}/c")))
    assert home.home in path.parents
    assert "RuntimeError: at https://a.b/.../c" in path.read_text()
