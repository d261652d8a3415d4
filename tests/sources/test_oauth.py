"""Access tokens: fetched once, kept, renewed in time; and Google's ways to log in with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sources.adapters.google_login import LOGIN_URL, Google
from sources.errors import BadAnswer, NotSent, RateLimited, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.keep import Keep
from sources.oauth import Tokens, signed
from sources.protocol import Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply, rate_limited, reset, text

CANARY = "refresh-canary-5f2c"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


class Login:
    """A token server that numbers what it gives. `rotates`: each answer brings another refresh token, the one before is
    good no more."""

    def __init__(self, server: Server, *, rotates: bool = False, seconds: Any = 3600) -> None:
        self.count, self.rotates, self.seconds, self.good = 0, rotates, seconds, CANARY
        server.on("/token", self.answer)

    def answer(self, seen: Seen) -> Reply:
        if "refresh_token" in seen.form and seen.form["refresh_token"] != self.good:
            return json_reply({"error": "invalid_grant", "error_description": seen.form["refresh_token"]}, 400)
        self.count += 1
        told: dict[str, Any] = {"access_token": f"access-{self.count}", "token_type": "Bearer"}
        if self.seconds is not None:
            told["expires_in"] = self.seconds
        if self.rotates:
            self.good = told["refresh_token"] = f"refresh-{self.count}"
        return json_reply(told)


def tokens(server: Server, http: Http, keep: Keep | None = None, configured: str = CANARY) -> Tokens:
    def grant(newest: str) -> tuple[tuple[str, str], ...]:
        return (("grant_type", "refresh_token"), ("refresh_token", newest or configured))

    return Tokens(http, keep or Keep(), server.url("/token"), grant)


async def test_one_token_for_many_requests_and_for_the_next_process(server: Server, http: Http, tmp_path: Path) -> None:
    login = Login(server)
    first = tokens(server, http, Keep(tmp_path, "s"))
    found = await asyncio.gather(*(first.access() for _ in range(5)))
    assert {one.reveal() for one in found} == {"access-1"}
    assert (await tokens(server, http, Keep(tmp_path, "s")).access()).reveal() == "access-1"
    assert login.count == 1
    headers = await first.headers()
    assert headers["Authorization"].reveal() == "Bearer access-1"
    assert "access-1" not in repr(headers)


@pytest.mark.parametrize(("seconds", "fetched"), [(3600, 1), (60, 1), ("3600", 1), (None, 1), (10**15, 1), (0, 2)])
async def test_how_long_a_token_is_good(server: Server, http: Http, seconds: Any, fetched: int) -> None:
    login = Login(server, seconds=seconds)
    found = tokens(server, http)
    await found.access()
    await found.access()
    assert login.count == fetched


async def test_a_token_that_runs_out_or_is_refused_is_renewed(server: Server, http: Http, tmp_path: Path) -> None:
    login = Login(server)
    keep = Keep(tmp_path, "s")
    found = tokens(server, http, keep)
    await found.access()
    found.refused()
    assert (await found.access()).reveal() == "access-2"
    kept = keep.load("tokens")
    assert kept is not None
    assert datetime.fromisoformat(kept["until"]) < utcnow() + timedelta(minutes=59), "not used to its last second"
    for until in ((utcnow() - timedelta(seconds=1)).isoformat(), "soon", None, 7):
        keep.store("tokens", kept | {"until": until})
        before = login.count
        await found.access()
        assert login.count == before + 1


async def test_the_newest_refresh_token_is_used_and_kept(server: Server, http: Http, tmp_path: Path) -> None:
    Login(server, rotates=True, seconds=0)
    await tokens(server, http, Keep(tmp_path, "s")).access()
    await tokens(server, http, Keep(tmp_path, "s")).access()
    assert [seen.form["refresh_token"] for seen in server.seen] == [CANARY, "refresh-1"]


async def test_a_kept_refresh_token_that_is_stale_gives_way_to_the_configured_one(
    server: Server, http: Http, tmp_path: Path
) -> None:
    Login(server)
    keep = Keep(tmp_path, "s")
    keep.store("tokens", {"refresh": "from last year"})
    assert (await tokens(server, http, keep).access()).reveal() == "access-1"
    with pytest.raises(Unauthorised, match="invalid_grant") as caught:
        await tokens(server, http, Keep(), configured="wrong-canary").access()
    assert "canary" not in str(caught.value)
    assert len(server.seen) == 3, "and what is configured is asked with once"


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (json_reply({"error": "unauthorized_client"}, 401), Unauthorised), (Reply(403), Unauthorised),
        (json_reply({"error": "bad_code"}), Unauthorised), (json_reply({"error": f"x {CANARY}"}, 400), Unauthorised),
        (json_reply({}), BadAnswer), (json_reply([1]), BadAnswer), (text("<html>"), BadAnswer),
        (Reply(500), Unreachable), (rate_limited("seconds", seconds=60), RateLimited), (reset(), Uncertain),
    ],
)  # fmt: skip
async def test_how_a_login_can_fail(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on("/token", reply)
    with pytest.raises(wrong) as caught:
        await tokens(server, http).access()
    assert CANARY not in str(caught.value)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()


def test_a_signature_is_one_and_a_wrong_key_is_said_by_its_name(key: rsa.RSAPrivateKey) -> None:
    token = signed({"iss": "me"}, Secret(pem(key)), "RS256", {"kid": "k1"})
    assert jwt.decode(token, key.public_key(), ["RS256"]) == {"iss": "me"}
    assert jwt.get_unverified_header(token)["kid"] == "k1"
    for wrong in ("canary", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"):
        with pytest.raises(Unauthorised, match=r"file:k\.json") as caught:
            signed({}, Secret(wrong, "file:k.json"), "RS256")
        assert "canary" not in str(caught.value)


# Google's logins.


def google(server: Server, http: Http, *, token: str = "", keys: bool = False, **secrets: str) -> Google:
    config = SourceConfig("googleplay", "g", url=server.url(), options={"client_id": "me"})
    named = {name: Secret(value, f"file:{name}") for name, value in secrets.items()}
    return Google(
        Setup(config, http, Secret(token) if token else None, (), named), "https://x.example", "scope", keys=keys
    )


async def test_a_service_account(server: Server, http: Http, key: rsa.RSAPrivateKey) -> None:
    Login(server)
    server.on("/x", json_reply({}))
    file = json.dumps({"client_email": "bot@acme", "private_key": pem(key), "private_key_id": "k1"}, indent=2)
    await google(server, http, service_account=file).get("/x", now=utcnow())
    login, asked = server.seen

    assert login.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(login.form["assertion"], key.public_key(), ["RS256"], audience=LOGIN_URL)
    assert (claims["iss"], claims["scope"]) == ("bot@acme", "scope")
    assert claims["exp"] - claims["iat"] <= 3600
    assert asked.headers["authorization"] == "Bearer access-1"


@pytest.mark.parametrize("file", ["{}", "canary", "[]", '{"client_email": "a", "private_key": "canary"}'])
async def test_a_key_file_that_is_none(server: Server, http: Http, file: str) -> None:
    with pytest.raises(Unauthorised, match="file:service_account") as caught:
        await google(server, http, service_account=file).get("/x", now=utcnow())
    assert "canary" not in str(caught.value)
    assert not server.seen


async def test_an_account_whose_token_is_refused_gets_another_once(server: Server, http: Http) -> None:
    Login(server)
    server.on("/x", json_reply({}, 401), json_reply({"ok": 1}))
    asked = google(server, http, refresh_token=CANARY, client_secret="s3cret")
    assert await asked.get("/x", now=utcnow()) == {"ok": 1}
    assert server.seen[0].form == {
        "grant_type": "refresh_token", "refresh_token": CANARY, "client_id": "me", "client_secret": "s3cret",
    }  # fmt: skip
    server.on("/x", json_reply({}, 401))
    with pytest.raises(Unauthorised):
        await asked.get("/x", now=utcnow())
    assert len(server.at("/x")) == 4


async def test_an_answer_whose_login_fails_was_not_sent(server: Server, http: Http) -> None:
    asked = google(server, http, refresh_token=CANARY, client_secret="s3cret")
    for reply in (reset(), text("<html>"), Reply(500)):
        server.on("/token", reply)
        with pytest.raises(NotSent):
            await asked.post("/x", json={})
    server.on("/token", Reply(401))
    with pytest.raises(Unauthorised):
        await asked.post("/x", json={})
    assert not server.at("/x")


@pytest.mark.parametrize(
    ("token", "keys", "header"),
    [
        ("AIzaKey", True, ("x-goog-api-key", "AIzaKey")),
        ("ya29.t", True, ("authorization", "Bearer ya29.t")),
        ("anything", False, ("authorization", "Bearer anything")),
    ],
)
async def test_a_key_and_a_ready_token(
    server: Server, http: Http, token: str, keys: bool, header: tuple[str, str]
) -> None:
    server.on("/x", json_reply({}))
    await google(server, http, token=token, keys=keys).get("/x", now=utcnow())
    (seen,) = server.seen
    assert seen.headers[header[0]] == header[1]
    assert token not in seen.target
