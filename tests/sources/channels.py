"""One way to answer a type: a network on loopback that takes an answer to one post and shows it afterwards. What every
channel must bear is tested with these, so a new one is tested by adding it to CHANNELS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from store.domain.clock import utcnow
from store.domain.mention import MentionType
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources import fake_bluesky, fake_github, fake_lemmy, fake_meta, fake_reddit, fake_telegram, fake_trustpilot
from tests.sources import fake_youtube as youtube_
from tests.sources.fake_appstore import APP, FakeConnect
from tests.sources.fake_discourse import ACCOUNT, NOW, FakeDiscourse
from tests.sources.fake_google import BUSINESS_PATH, PACKAGE, PLACE, PLAY_PATH, FakeBusiness, FakePlay
from tests.sources.fake_google import TOKEN as GOOGLE_TOKEN
from tests.sources.fake_mastodon import FakeMastodon
from tests.sources.fake_x import OWN as X_OWN
from tests.sources.fake_x import FakeX, id_at

ANA = "ana@far.example"
Texts = Callable[[], list[str]]
Answered = Callable[[Seen], Reply]


@dataclass(frozen=True)
class Login:
    """How a token that ran out is renewed: at `path`, which answers `good`. `opened`: the first one comes from there
    too. `token` is what is configured besides."""

    path: str
    good: Reply
    options: Mapping[str, Any]
    secrets: Mapping[str, str]
    token: str = ""
    opened: bool = True


@dataclass(frozen=True)
class ChannelSample:
    """`prepare` scripts the network and returns what tells the texts of ours that are there; `at` is the path that
    takes them, in one request, and `parent` what is answered, as a mention. `shown` false: it shows nobody what was
    posted. `replaces`: it has one answer. `silent`: it says nothing of the post where it took one. `missing`: what 404
    means there."""

    type: str
    prepare: Callable[[Server], Texts]
    at: str
    parent: Mapping[str, Any]
    token: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    shown: bool = True
    replaces: bool = False
    silent: bool = False
    missing: str = "Refused"
    login: Login | None = None


def mastodon(server: Server) -> Texts:
    FakeMastodon(server)
    there: list[dict[str, Any]] = []

    def post(seen: Seen) -> Reply:
        name = str(700 + len(there))
        there.append({
            "id": name, "uri": f"https://here/{name}", "url": f"https://here/@brand/{name}",
            "in_reply_to_id": seen.form["in_reply_to_id"], "created_at": utcnow().isoformat(),
            "content": f"<p>{seen.form['status']}</p>", "account": {"id": "99", "acct": "brand"},
        })  # fmt: skip
        return json_reply(there[-1])

    server.on("/api/v1/statuses", post)
    server.on("/api/v1/statuses/7", json_reply({"id": "7"}))
    server.on("/api/v1/statuses/7/context", lambda seen: json_reply({"ancestors": [], "descendants": there}))
    server.on("/api/v1/accounts/99/statuses", lambda seen: json_reply([] if "max_id" in seen.params else there))
    return lambda: [one["content"].removeprefix(f"<p>@{ANA} ").removesuffix("</p>") for one in there]


def bluesky(server: Server) -> Texts:
    remote = fake_bluesky.FakeBluesky(server)
    remote.known = lambda seen: "Bearer access-" in seen.headers.get("authorization", "")  # type: ignore[method-assign]
    remote.add("7", NOW)
    return lambda: [one["text"] for one in remote.records.values()]


def reddit(server: Server) -> Texts:
    remote = fake_reddit.FakeReddit(server)
    there: list[dict[str, Any]] = []

    def post(seen: Seen) -> Reply:
        body, above = seen.form["text"], seen.form["thing_id"]
        there.append(
            fake_reddit.comment(800 + len(there), utcnow(), author=fake_reddit.OWN, body=body, parent_id=above)
        )
        return json_reply({"json": {"errors": [], "data": {"things": there[-1:]}}})

    def thread(seen: Seen) -> Reply:
        above = fake_reddit.comment(7, NOW, replies={"kind": "Listing", "data": {"children": there}} if there else "")
        return json_reply([{"kind": "Listing", "data": {"children": one}} for one in ([], [above])])

    server.on("/api/comment/", remote.guarded(post))
    server.on("/comments/77", thread)
    server.on(f"/user/{fake_reddit.OWN}/comments", lambda seen: fake_reddit.listing(there))
    return lambda: [one["data"]["body"] for one in there]


def lemmy(server: Server) -> Texts:
    fake_lemmy.FakeLemmy(server)
    there: list[dict[str, Any]] = []

    def post(seen: Seen) -> Reply:
        number, body = 800 + len(there), json.loads(seen.body)
        mine = fake_lemmy.creator("v3", fake_lemmy.OWN, "acme")
        path = f"0.{body['parent_id']}.{number}"
        there.append(fake_lemmy.comment(number, utcnow(), content=body["content"], creator=mine, path=path))
        return json_reply({"comment_view": there[-1]})

    server.on("/api/v3/comment", post)
    server.on("/api/v3/comment/list", lambda seen: json_reply({"comments": [] if "page" in seen.params else there}))
    return lambda: [one["comment"]["content"] for one in there]


def discourse(server: Server) -> Texts:
    remote = FakeDiscourse()
    remote.add(1, NOW - timedelta(days=3), number=7)

    def post(seen: Seen) -> Reply:
        body, name = json.loads(seen.body), 900 + len(remote.posts)
        answered = body.get("reply_to_post_number")
        remote.add(name, utcnow(), body["raw"], number=name, username=ACCOUNT, reply_to_post_number=answered)
        return json_reply(remote.posts[name])

    server.on("/posts.json", post)
    for path in ("/t/12.json", "/t/12/posts.json"):
        server.on(path, remote.topic)
    return lambda: [one["raw"] for one in remote.posts.values() if one["username"] == ACCOUNT]


def github(server: Server) -> Texts:
    remote = fake_github.FakeGitHub(server)
    remote.add(7, NOW)

    def thread(seen: Seen) -> Reply:
        if seen.method != "POST":
            return remote.list_comments(seen, 7)
        words = json.loads(seen.body)["body"]
        return json_reply(remote.comment(900 + len(remote.comments), 7, utcnow(), words, fake_github.LOGIN), 201)

    server.on("/repos/acme/cloud/issues/7/comments", thread)
    return lambda: [one["body"] for one in remote.comments.values()]


def youtube(server: Server) -> Texts:
    remote = youtube_.FakeYouTube(server)
    remote.add("Ug1", NOW)

    def comments(seen: Seen) -> Reply:
        if seen.method != "POST":
            return remote.comments(seen)
        snippet = json.loads(seen.body)["snippet"]
        name = f"our{len(remote.answers['Ug1'])}"
        words = snippet["textOriginal"]
        return json_reply(remote.answer(snippet["parentId"], name, utcnow(), words, author=youtube_.OWN))

    server.on("/youtube/v3/comments", comments)
    return lambda: [one["snippet"]["textDisplay"] for one in remote.answers["Ug1"]]


def googleplay(server: Server) -> Texts:
    remote = FakePlay(server)
    remote.add("r1", NOW - timedelta(days=1))
    return lambda: [one["developerComment"]["text"] for one in remote.reviews["r1"]["comments"][1:]]


def googlebusiness(server: Server) -> Texts:
    remote = FakeBusiness(server)
    review = remote.add("r1", NOW - timedelta(days=1))
    return lambda: [review["reviewReply"]["comment"]] if "reviewReply" in review else []


def appstore(server: Server) -> Texts:
    remote = FakeConnect(server)
    remote.add(1)
    return lambda: [one["attributes"]["responseBody"] for one in remote.responses.values()]


def trustpilot(server: Server) -> Texts:
    remote = fake_trustpilot.FakeTrustpilot(server)
    remote.access = "ready"
    name = remote.add(1)
    return lambda: [reply["text"]] if (reply := remote.reviews[name]["companyReply"]) else []


def x(server: Server) -> Texts:
    remote = FakeX(server, utcnow())

    def post(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        above = [{"type": "replied_to", "id": body["reply"]["in_reply_to_tweet_id"]}]
        words = f"@ana {body['text']}"
        made = remote.add(utcnow(), words, author_id=X_OWN, referenced_tweets=above, number=len(remote))
        return json_reply({"data": {"id": made["id"], "text": words}}, 201)

    server.on("/2/tweets", post)
    return lambda: [one["text"].removeprefix("@ana ") for one in remote.values()]


def facebook(server: Server) -> Texts:
    remote = fake_meta.FakePage(server)
    there = remote.edge("1_7/comments")

    def comments(seen: Seen) -> Reply:
        if seen.method != "POST":
            return remote.page(seen, "1_7/comments")
        if seen.headers.get("authorization") != f"Bearer {fake_meta.TOKEN}":
            return fake_meta.error(190)
        name, at = f"1_{800 + len(there)}", fake_meta.stamp(utcnow())
        there.append({"id": name, "message": seen.form["message"], "created_time": at, "from": {"id": fake_meta.PAGE}})
        return json_reply({"id": name})

    server.on(remote.path("1_7/comments"), comments)
    return lambda: [one["message"] for one in there]


def instagram(server: Server) -> Texts:
    remote = fake_meta.FakeAccount(server)
    there = remote.edge("7/replies")

    def replies(seen: Seen) -> Reply:
        if seen.method != "POST":
            return remote.page(seen, "7/replies")
        name, at = str(800 + len(there)), fake_meta.stamp(utcnow())
        there.append({"id": name, "text": seen.form["message"], "timestamp": at, "username": "acme"})
        return json_reply({"id": name})

    server.on(remote.path("7/replies"), replies)
    return lambda: [one["text"] for one in there]


def telegram(server: Server) -> Texts:
    remote = fake_telegram.FakeTelegram(server)
    return lambda: [json.loads(seen.body)["text"] for seen in remote.posts]


def known(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "author": "ana"} | more


def renewed(path: str, token: str, configured: str = "", **secrets: str) -> Login:
    good = json_reply({"access_token": token, "expires_in": 3600})
    return Login(path, good, {"client_id": "acme"}, secrets, configured)


REVIEW = f"{1:024x}"
CONNECT_REVIEW = "00000028-b08c-0001"
CHANNELS = [
    ChannelSample("mastodon", mastodon, "/api/v1/statuses", known("7", author=ANA, visibility="public"), "t0ken"),
    ChannelSample(
        "bluesky", bluesky, fake_bluesky.PUT_PATH, known("at://did:plc:ana/app.bsky.feed.post/7"),
        fake_bluesky.PASSWORD, {"handle": fake_bluesky.HANDLE},
        login=Login(
            fake_bluesky.REFRESH_PATH,
            json_reply({"accessJwt": "access-1", "refreshJwt": "r", "did": fake_bluesky.OWN}),
            {}, {}, fake_bluesky.PASSWORD, opened=False,
        ),
    ),
    ChannelSample(
        "reddit", reddit, "/api/comment/", known("t1_7", thread="t3_77"), fake_reddit.TOKEN,
        login=renewed("/api/v1/access_token", fake_reddit.TOKEN, refresh_token="r", client_secret="s"),
    ),
    ChannelSample("lemmy", lemmy, "/api/v3/comment", known("77/7"), fake_lemmy.TOKEN),
    ChannelSample("discourse", discourse, "/posts.json", known("12/7", thread="12"), "k3y", {"username": ACCOUNT}),
    ChannelSample(
        "github", github, "/repos/acme/cloud/issues/7/comments", known("acme/cloud#7"), fake_github.TOKEN
    ),
    ChannelSample(
        "youtube", youtube, "/youtube/v3/comments", known("Ug1", type=MentionType.COMMENT), youtube_.TOKEN,
        {"channels": [youtube_.OWN]}, login=renewed("/token", youtube_.TOKEN, refresh_token="r", client_secret="s"),
    ),
    ChannelSample(
        "googleplay", googleplay, f"{PLAY_PATH}/r1:reply", known("r1", external_id=f"{PACKAGE}/r1"), GOOGLE_TOKEN,
        {"packages": [PACKAGE]}, replaces=True, silent=True,
        login=renewed("/token", GOOGLE_TOKEN, refresh_token="r", client_secret="s"),
    ),
    ChannelSample(
        "googlebusiness", googlebusiness, f"{BUSINESS_PATH}/r1/reply", known(f"{PLACE}/reviews/r1"), GOOGLE_TOKEN,
        {"account": "1", "locations": ["2"]}, replaces=True, silent=True,
        login=renewed("/token", GOOGLE_TOKEN, refresh_token="r", client_secret="s"),
    ),
    ChannelSample(
        "appstore", appstore, "/v1/customerReviewResponses", known(CONNECT_REVIEW), "a.ready.token", {"app": APP},
        replaces=True,
    ),
    ChannelSample(
        "trustpilot", trustpilot, f"/v1/private/reviews/{REVIEW}/reply", known(REVIEW), fake_trustpilot.KEY,
        {"business_unit": fake_trustpilot.UNIT, "user": fake_trustpilot.USER}, {"access_token": "ready"},
        replaces=True, silent=True,
        login=replace(
            renewed(fake_trustpilot.LOGIN, "ready", fake_trustpilot.KEY, client_secret=fake_trustpilot.SECRET),
            options={},
        ),
    ),
    ChannelSample(
        "x", x, "/2/tweets", known(id_at(NOW)), "t0ken", login=renewed("/2/oauth2/token", "t0ken", refresh_token="r")
    ),
    ChannelSample(
        "facebook", facebook, "/v26.0/1_7/comments", known("1_7", type=MentionType.COMMENT, thread="100_1"),
        fake_meta.TOKEN, {"page": fake_meta.PAGE},
    ),
    ChannelSample(
        "instagram", instagram, "/v26.0/7/replies", known("7", type=MentionType.COMMENT, thread="50"),
        fake_meta.TOKEN, {"account": fake_meta.ACCOUNT},
    ),
    ChannelSample(
        "telegram", telegram, f"/bot{fake_telegram.TOKEN}/sendMessage", known("77/100"), fake_telegram.TOKEN,
        shown=False, missing="Unauthorised",
    ),
]  # fmt: skip
