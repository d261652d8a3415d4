"""A professional Instagram account by the Graph API
(https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/comments): comments and
answers under its posts, posts in which it is tagged, and answers (meta_answer).

That somebody named the account (@mention) is told by a webhook only (meta).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.adapters.instagram_item import COMMENT, MEDIA, REPLY, from_comment, from_media
from sources.adapters.meta_answer import MetaAnswers, Under
from sources.adapters.meta_graph import VERSION, Got, Graph, Missing, place
from sources.adapters.meta_wall import Post, Read, Wall, understood
from sources.errors import BadAnswer, RateLimited, Refused, SourceError, Unauthorised
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, MentionType, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://graph.facebook.com"
OWN_LOGIN = "graph.instagram.com"  # where a token of Instagram's own login is used
MEDIA_A_PAGE, COMMENTS_A_PAGE = 25, 50
REPLY_PAGES = 60  # of one comment: all of them are one page of ours


class Instagram(MetaAnswers):
    kind = SourceType(
        "instagram",
        "instagram",
        "Comments under the posts of your professional Instagram account, and posts that tag it",
        posts_at="instagram.com",
        default_url=DEFAULT_URL,
        login="an access token (instagram_basic, instagram_manage_comments, pages_read_engagement)",
        without_account="nothing: Instagram shows comments to the account they are for only",
        with_account="comments under the 300 newest posts, posts that tag the account, answers to comments",
        can_answer=True,
        length="2,200 characters",
        quota="4,800 requests a day for each person who sees the account; a poll costs 3 and 1 for every post that has "
        "new comments. It slows down at 85 percent; the quota left is told in percent",
        guide=(
            "Make the Instagram account a professional one and connect it with your Facebook page.",
            "On developers.facebook.com make an app of the type Business and add Instagram to it.",
            "In the Graph API Explorer take a token with the three permissions, and extend it (Access Token Debugger).",
            "The account's id: ask there for PAGE-ID?fields=instagram_business_account.",
            f'With Instagram\'s own login instead: url = "https://{OWN_LOGIN}" and account = "me".',
            'Keep it outside the configuration: export INSTAGRAM_TOKEN=..., token = "env:INSTAGRAM_TOKEN".',
        ),
        options=(
            Option("account", "the account's id", example='"17841405822304914"'),
            Option("media", "read only what is under these posts", example='["17895695668004550"]'),
            Option("tagged", "also posts that tag the account (default true)", example="true"),
            Option("version", f'of the Graph API (default "{VERSION}")', example=f'"{VERSION}"'),
            Option("app_secret", "where the app demands proof of it with every request", secret=True,
                   example='"env:INSTAGRAM_APP_SECRET"'),
        ),
    )  # fmt: skip
    edge = "replies"
    limit = 2_200
    handle_first = True

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        media = config.options.get("media", [])
        if not all(isinstance(one, str) for one in media):
            return ['`media` is a list of ids, for example media = ["17895695668004550"]']
        if not (media or config.options.get("account")):
            return ['`account` is missing, for example account = "17841405822304914"']
        return [] if config.token else ['`token` is missing, for example token = "env:INSTAGRAM_TOKEN"']

    def __init__(self, setup: Setup) -> None:
        options = setup.config.options
        version = str(options.get("version") or VERSION)
        url = setup.config.url or DEFAULT_URL
        super().__init__(Graph(setup.http, url, version, setup.token, setup.secrets.get("app_secret")))
        self._account, self._own = str(options.get("account") or "me"), ("", "")
        self._links: dict[str, str] = {}
        backfill, media = setup.config.backfill, list(options.get("media", ()))
        listed = None if media else self._read_media
        self._walls = {"comments": Wall(self._read_comments, listed, media, backfill, nested=True)}
        if not media and options.get("tagged", True) and urlsplit(url).hostname != OWN_LOGIN:
            self._walls["tagged"] = Wall(self._read_tagged, fixed=["tagged"], backfill=backfill)

    def streams(self) -> Sequence[str]:
        return list(self._walls)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        await self._know_ourselves(now)
        async for page in self._walls[cursor.stream].pages(cursor.bookmark, now):
            yield page

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """Comments only: a post that tags us is not ours to look at again."""
        seen = [one for one in mentions if one.type is MentionType.COMMENT]
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in seen:
            try:
                got = await self._graph.get(mention.native_id, (("fields", REPLY),), now=now)
                again = from_comment(got.data, media=mention.thread, url=mention.url, above=mention.parent)
            except Missing:
                deleted.append(mention.external_id)
                continue
            except (Unauthorised, ValueError, KeyError, TypeError):
                continue  # what cannot be read is neither changed nor gone
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, edited_at=now))
        if deleted:
            try:  # a token that lost its account sees nothing either
                await self._graph.get(self._account, (("fields", "id"),), now=now)
            except (Missing, Unauthorised):
                raise BadAnswer("the token does not see its own account any more: not taken for deletions") from None
        return Page(f"{len(seen)} originals", changed, deleted=deleted)

    def allowed(self, parent: Mention) -> None:
        if parent.type is not MentionType.COMMENT:
            raise Refused("Instagram lets no program comment under a post that tags you: answer on its own page")

    async def under(self, name: str, parent: Mention, after: str, now: datetime) -> Under:
        own = await self._know_ourselves(now)
        got = await self._replies(name, after, now)
        read = understood(name, after, got, lambda item: [self._comment(item, parent.thread, parent.url, name)])
        return Under(read.mentions, bool(read.rejected) or not any(own), read.after)

    async def _know_ourselves(self, now: datetime) -> tuple[str, str]:
        """Our account's id and user name. What others wrote is read all the same where nobody says them."""
        if not any(self._own):
            try:
                got = await self._graph.get(self._account, (("fields", "id,username"),), now=now)
                self._own = fields.identifier(got.data.get("id")), fields.identifier(got.data.get("username"))
            except (RateLimited, Unauthorised):
                raise
            except SourceError:
                return self._account if self._account.isdigit() else "", ""
        return self._own

    async def _read_media(self, after: str, now: datetime) -> Read:
        """What we posted: nothing of it is a mention."""
        params = (("fields", MEDIA), ("limit", str(MEDIA_A_PAGE)), *place(after))
        got = await self._graph.list(f"{self._account}/media", params, now=now)
        listed = [item for item in got.items if isinstance(item, dict) and fields.identifier(item.get("id"))]
        for item in listed:
            self._links[fields.identifier(item["id"])] = fields.web_url(item.get("permalink"))
        posts = [Post(fields.identifier(item["id"]), fields.count(item.get("comments_count"))) for item in listed]
        read = understood(f"{self._account}/media", after, got, lambda item: [from_media(item)], posts)
        return replace(read, mentions=())

    async def _read_comments(self, media: str, after: str, now: datetime) -> Read:
        url = await self._link(media, now)
        params = (("fields", COMMENT), ("limit", str(COMMENTS_A_PAGE)), *place(after))
        got = await self._graph.list(f"{media}/comments", params, now=now)
        read = understood(f"{media}/comments", after, got, lambda item: [self._comment(item, media, url, "")])
        mentions, rejected = list(read.mentions), list(read.rejected)
        for item in got.items:
            replies, name = _inside(item), fields.identifier(item.get("id")) if isinstance(item, dict) else ""
            for _ in range(REPLY_PAGES):
                found = understood(name, "", replies, lambda one, above=name: [self._comment(one, media, url, above)])  # type: ignore[misc]
                mentions += found.mentions
                rejected += found.rejected
                if not found.after:
                    break
                replies = await self._replies(name, found.after, now)
            else:
                why = f"more than {REPLY_PAGES * COMMENTS_A_PAGE:,} answers"
                rejected.append(Rejected(name, why, fields.raw(item)))
        return replace(read, mentions=mentions, rejected=rejected)

    async def _read_tagged(self, _: str, after: str, now: datetime) -> Read:
        params = (("fields", MEDIA), ("limit", str(COMMENTS_A_PAGE)), *place(after))
        got = await self._graph.list(f"{self._account}/tags", params, now=now)
        return understood(f"{self._account}/tags", after, got, lambda item: [from_media(item, own=self._own)])

    async def _replies(self, comment: str, after: str, now: datetime) -> Got:
        params = (("fields", REPLY), ("limit", str(COMMENTS_A_PAGE)), *place(after))
        return await self._graph.list(f"{comment}/replies", params, now=now)

    async def _link(self, media: str, now: datetime) -> str:
        """The address of a post; "" where it is not told."""
        if media not in self._links:
            try:
                got = await self._graph.get(media, (("fields", "permalink"),), now=now)
                self._links[media] = fields.web_url(got.data.get("permalink"))
            except RateLimited:
                raise
            except SourceError:
                self._links[media] = ""
        return self._links[media]

    def _comment(self, item: JsonObject, media: str, url: str, above: str) -> NewMention:
        address = f"{url.rstrip('/')}/c/{fields.identifier(item.get('id'))}/" if url else ""
        return from_comment(item, media=media, url=address, above=above, own=self._own)


def _inside(item: Any) -> Got:
    """The answers that come inside of a comment, as an answer of their own."""
    replies = item.get("replies") if isinstance(item, dict) else None
    data = replies if isinstance(replies, dict) and isinstance(replies.get("data"), list) else {"data": []}
    return Got(data, None, None)
