"""Answering on Mastodon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.mastodon import Mastodon
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.protocol import Receipt, Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, cut_off, free_port, json_reply, rate_limited, redirect, reset, text
from tests.sources.fake_mastodon import (
    TOKEN,
    FakeMastodon,
    Status,
    adapter,
    delivery,
    mention,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeMastodon:
    return FakeMastodon(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakeMastodon) -> None:
    receipt = await adapter(server, http, TOKEN).send(delivery(), mention())

    (post,) = remote.posts
    assert receipt == Receipt("777", "https://here/777", "https://here/@brand/777")
    assert post.form == {"status": "@ana@far.example Sorry!", "in_reply_to_id": "7", "visibility": "public"}
    assert post.headers["idempotency-key"] == "born-with-the-draft"
    assert post.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("handle", "words", "sent"),
    [
        ("ana@far.example", "@ana@far.example hi", "@ana@far.example hi"),
        ("ana@far.example", "hi @Ana@Far.Example.", "hi @Ana@Far.Example."),
        ("ana@far.example", "@ana hi", "@ana@far.example @ana hi"),
        ("ana@far.example", "@ana@far.example.org hi", "@ana@far.example @ana@far.example.org hi"),
        ("ana@far.example", "mail me at x@ana", "@ana@far.example mail me at x@ana"),
        ("bob@{host}", "@bob hi", "@bob hi"),
        ("bob@{host}", "hi", "@bob hi"),
        ("bob@{host}", "@bobby hi", "@bob @bobby hi"),
    ],
)
async def test_the_author_is_always_named(
    server: Server, http: Http, remote: FakeMastodon, handle: str, words: str, sent: str
) -> None:
    source = adapter(server, http, TOKEN)
    parent = mention(handle=handle.format(host=server.host))
    await source.send(delivery(words), parent)
    composed = source.compose(parent) + "hi"
    await source.send(delivery(composed), parent)

    assert remote.posts[0].form["status"] == sent
    assert remote.posts[1].form["status"] == composed


@pytest.mark.parametrize(
    ("wished", "configured", "parents", "sent"),
    [
        ("", "", "public", "public"), ("", "unlisted", "public", "unlisted"), ("", "", "direct", "direct"),
        ("public", "", "direct", "direct"), ("public", "public", "private", "private"),
        ("direct", "", "public", "direct"),
        ("", "public", "unlisted", "unlisted"),
    ],
)  # fmt: skip
async def test_never_more_public_than_what_it_answers(
    server: Server, http: Http, remote: FakeMastodon, wished: str, configured: str, parents: str, sent: str
) -> None:
    source = adapter(server, http, TOKEN, options={"visibility": configured})
    await source.send(delivery(visibility=wished), mention(visibility=parents))
    assert remote.posts[0].form["visibility"] == sent


GERMAN = "Gültigkeitsprüfung ist fehlgeschlagen: Text Begrenzung von 500 Zeichen überschritten"
POST = "/api/v1/statuses"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"error": GERMAN}, 422), Refused), (json_reply({"error": "x"}, 403), Refused),
        (json_reply({"error": "Record not found"}, 404), Refused), (text("nope", status=400), Refused),
        (json_reply({"error": "x"}, 401), Unauthorised), (rate_limited("bare"), RateLimited),
        (Reply(500), Uncertain), (Reply(504), Uncertain), (text("<html>ok</html>", "text/html"), Uncertain),
        (json_reply([]), Uncertain), (json_reply({"uri": "x"}), Uncertain), (Reply(409), Uncertain),
        (cut_off(json_reply({"id": "1"}), 4), Uncertain), (reset(), Uncertain), (redirect("/login"), Uncertain),
        (Reply(200, b"x", {"content-encoding": "br"}), Uncertain),
    ],
)  # fmt: skip
async def test_how_a_post_can_end(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    server.on(POST, reply)
    with pytest.raises(error) as caught:
        await adapter(server, http, TOKEN).send(delivery(), mention())
    assert len(server.at(POST)) == 1, "never sent twice"
    if reply.status == 422:
        assert GERMAN in str(caught.value)


async def test_a_post_that_did_not_leave(http: Http) -> None:
    gone = f"127.0.0.1:{free_port()}"
    config = SourceConfig("mastodon", "m", url=f"http://{gone}", options={"tags": ["acme"]})
    async with Http({gone}, pause=0) as other:
        with pytest.raises(NotSent):
            await Mastodon(Setup(config, other, Secret(TOKEN))).send(delivery(), mention())
    with pytest.raises(Refused, match="no token"):
        await Mastodon(Setup(config, http, None)).send(delivery(), mention())


async def test_length_is_the_servers_own(server: Server, http: Http) -> None:
    statuses = {"max_characters": 1000, "characters_reserved_per_url": 30}
    server.on("/api/v2/instance", json_reply({"configuration": {"statuses": statuses}}))
    source = adapter(server, http, TOKEN)

    assert await source.length("see https://acme.example/a/long/path", handle="ana@far.example") == (5 + 4 + 30, 1000)
    assert await source.length("@ana@far.example hi", handle="ana@far.example") == (7, 1000)
    assert len(server.at("/api/v2/instance")) == 1


@pytest.mark.parametrize("reply", [Reply(404), Reply(500), json_reply({"configuration": "?"}), text("<html>")])
async def test_length_where_the_server_does_not_say(server: Server, http: Http, reply: Reply) -> None:
    server.on("/api/v2/instance", reply)
    assert (await adapter(server, http, TOKEN).length("hi", handle="ana@far.example"))[1] == 500


def ours(name: str = "777", words: str = "Sorry! See <b>", parent: str = "7", **fields: Any) -> Status:
    shown = words.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    link = '<span class="h-card"><a href="https://far.example/@ana" class="u-url mention">@<span>ana</span></a></span>'
    plain = {
        "id": name, "uri": f"https://here/{name}", "url": f"https://here/@brand/{name}", "in_reply_to_id": parent,
        "created_at": utcnow().isoformat(), "content": f"<p>{link} {shown}</p>",
        "account": {"id": "99", "acct": "brand"},
    }  # fmt: skip
    return plain | fields


async def read_back(
    server: Server, http: Http, under: Any, latest: Any = (), words: str = "Sorry! See <b>"
) -> tuple[str, bool]:
    thread = under if isinstance(under, Reply) else json_reply({"ancestors": [], "descendants": list(under)})
    server.on("/api/v1/statuses/7/context", thread)
    server.on("/api/v1/accounts/99/statuses", latest if isinstance(latest, Reply) else json_reply(list(latest)))
    back = await adapter(server, http, TOKEN).read_back(delivery(words), mention())
    return back.found.native_id if back.found else "", back.complete


async def test_our_post_is_found_again(server: Server, http: Http, remote: FakeMastodon) -> None:
    assert await read_back(server, http, [ours()]) == ("777", True)
    assert await read_back(server, http, [], [ours()]) == ("777", True)
    assert await read_back(server, http, [ours(words="one\ntwo  &amp;")], words="one\n\ntwo &amp;") == ("777", True)
    linked = ours(
        content='<p>@ana <a href="https://a.example/b"><span class="invisible">https://</span><span>a.example/b</span></a></p>'
    )
    assert await read_back(server, http, [linked], words="https://a.example/b") == ("777", True)


async def test_nothing_is_proven_while_nobody_says_who_we_are(server: Server, http: Http, remote: FakeMastodon) -> None:
    server.on("/api/v1/accounts/verify_credentials", json_reply({}, 503))
    with pytest.raises(BadAnswer, match="whose token"):
        await read_back(server, http, [ours()])


async def test_what_is_not_our_post(server: Server, http: Http, remote: FakeMastodon) -> None:
    others = [
        ours("1", account={"id": "5", "acct": "eve"}),
        ours("2", words="A colleague said this on the web."),
        ours("3", parent="8"),
        ours("5", account=None),
        "what",
    ]
    assert await read_back(server, http, others, others) == ("", True)
    earlier = [ours("4", created_at=(utcnow() - timedelta(hours=3)).isoformat())]  # or ours, by another clock
    assert await read_back(server, http, earlier, []) == await read_back(server, http, [], earlier) == ("", False)


@pytest.mark.parametrize(
    ("words", "shown", "found"),
    [
        ("Sorry! <3 Help: https://a.example/b", "Sorry! &#10084;&#65039; Help: https://a.example/b", True),
        ("**Sorry**, use `reset` ~~now~~ :-)", "<b>Sorry</b>, use <code>reset</code> <s>now</s> &#128578;", True),
        ("<3", "&#10084;", False),
        ("We refund it on Monday, all of it", "We refund it on Monday", False),
    ],
)  # fmt: skip
async def test_a_post_that_the_server_has_rewritten_is_never_proven_absent(
    server: Server, http: Http, remote: FakeMastodon, words: str, shown: str, found: bool
) -> None:
    rewritten = ours(content=f'<span class="h-card"><a href="x">@ana@far.example</a></span> {shown}<br>')
    assert await read_back(server, http, [rewritten], words=words) == (("777", True) if found else ("", False))
    assert await read_back(server, http, [], [rewritten], words=words) == (("777", True) if found else ("", False))


async def test_a_parent_that_got_another_id_when_it_was_edited(
    server: Server, http: Http, remote: FakeMastodon
) -> None:
    server.on("/api/v1/statuses/7", json_reply({"id": "8"}))
    assert await read_back(server, http, [ours(parent="8")]) == ("777", True)
    server.on("/api/v1/statuses/7", Reply(500))
    with pytest.raises(Unreachable):
        await read_back(server, http, [])


async def test_of_two_answers_the_one_in_these_words_is_found(server: Server, http: Http, remote: FakeMastodon) -> None:
    both = [ours("1", words="We refund 20 EUR on Monday"), ours("2", words="We refund 30 EUR on Monday")]
    assert await read_back(server, http, both, words="We refund 30 EUR on Monday") == ("2", True)


async def test_absence_is_only_proven_by_a_whole_read(server: Server, http: Http, remote: FakeMastodon) -> None:
    many = [ours(str(number), words="about another thing") for number in range(40)]
    assert await read_back(server, http, [], many) == ("", False)
    older = [ours("1", words="about another thing", created_at=(utcnow() - timedelta(days=1)).isoformat())]
    assert await read_back(server, http, [], many[1:] + older) == ("", True)
    assert await read_back(server, http, Reply(404), []) == ("", True), "the parent is gone, our own posts were read"
    for under, latest in ((Reply(500), []), ([], Reply(500)), (json_reply({}), []), ([], json_reply({}))):
        with pytest.raises((Unreachable, BadAnswer)):
            await read_back(server, http, under, latest)


async def test_a_server_that_gives_few_a_page_is_read_on(server: Server, http: Http, remote: FakeMastodon) -> None:
    """A short page is no end: GoToSocial and others give fewer than they are asked for."""
    posts = [ours(str(number), words="about another thing altogether") for number in range(100, 120)] + [ours("99")]

    def latest(seen: Seen) -> Reply:
        names = [one["id"] for one in posts]
        start = names.index(seen.params["max_id"]) + 1 if "max_id" in seen.params else 0
        return json_reply(posts[start : start + 20])

    server.on("/api/v1/statuses/7/context", Reply(404))
    server.on("/api/v1/accounts/99/statuses", latest)
    back = await adapter(server, http, TOKEN).read_back(delivery("Sorry! See <b>"), mention())
    assert back.found is not None
    assert back.found.native_id == "99"
