"""A Facebook page by the Graph API (https://developers.facebook.com/docs/graph-api/reference/page): comments under its
posts, what visitors post on it, posts that tag it, and answers (meta_answer).

A comment that is gone is told by a webhook (meta), or when it is looked at again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from sources.adapters import fields
from sources.adapters.facebook_item import COMMENT, POST, SITE, from_comment, from_post
from sources.adapters.meta_answer import MetaAnswers, Under
from sources.adapters.meta_graph import VERSION, Graph, Missing, Params, place
from sources.adapters.meta_wall import Post, Read, Wall, understood
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, MentionType, NewMention
from store.domain.poll import Cursor

DEFAULT_URL = "https://graph.facebook.com"
POSTS_A_PAGE, COMMENTS_A_PAGE = 25, 100
COUNTED = f"{POST},comments.filter(stream).limit(0).summary(true)"
NEWEST_FIRST: Params = (("filter", "stream"), ("order", "reverse_chronological"))


class Facebook(MetaAnswers):
    kind = SourceType(
        "facebook",
        "facebook",
        "Comments and visitors' posts on your Facebook page, and public posts that tag it",
        posts_at="facebook.com",
        default_url=DEFAULT_URL,
        login="a page access token (pages_read_engagement, pages_read_user_content, pages_manage_engagement)",
        without_account="nothing: Facebook shows a page's comments to its own people only",
        with_account="comments under the 300 newest posts, visitors' posts, posts that tag the page, answers",
        can_answer=True,
        length="8,000 characters",
        quota="4,800 requests a day for each person active on the page; a poll costs 3 and 1 for every post that has "
        "new comments. It slows down at 85 percent; the quota left is told in percent",
        guide=(
            "On developers.facebook.com make an app of the type Business and add your page to it.",
            "In the Graph API Explorer choose the app, then your page under User or Page, and the three permissions.",
            "Make it last: exchange it for a long-lived token (Access Token Debugger, Extend), then take the page's.",
            "To read what strangers write, the app needs Advanced Access to the permissions (App Review).",
            'Keep it outside the configuration: export FACEBOOK_TOKEN=..., token = "env:FACEBOOK_TOKEN".',
        ),
        options=(
            Option("page", "the page's id (default: the one the token is of)", example='"19292868552"'),
            Option(
                "posts",
                "read only what is under these posts, for example ads that the page does not show",
                example='["19292868552_10158407654328553"]',
            ),
            Option("tagged", "also posts that tag the page (default true)", example="true"),
            Option("version", f'of the Graph API (default "{VERSION}")', example=f'"{VERSION}"'),
            Option("app_secret", "where the app demands proof of it with every request", secret=True,
                   example='"env:FACEBOOK_APP_SECRET"'),
        ),
    )  # fmt: skip
    limit = 8_000

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        posts = config.options.get("posts", [])
        if not all(isinstance(post, str) for post in posts):
            return ['`posts` is a list of ids, for example posts = ["19292868552_10158407654328553"]']
        return [] if config.token else ['`token` is missing, for example token = "env:FACEBOOK_TOKEN"']

    def __init__(self, setup: Setup) -> None:
        options = setup.config.options
        version = str(options.get("version") or VERSION)
        url = setup.config.url or DEFAULT_URL
        super().__init__(Graph(setup.http, url, version, setup.token, setup.secrets.get("app_secret")))
        self._page, self._own = str(options.get("page") or "me"), ""
        backfill, posts = setup.config.backfill, list(options.get("posts", ()))
        listed = None if posts else self._read_posts
        self._walls = {"comments": Wall(self._read_comments, listed, posts, backfill)}
        if not posts and options.get("tagged", True):
            self._walls["tagged"] = Wall(self._read_tagged, fixed=["tagged"], backfill=backfill)

    def streams(self) -> Sequence[str]:
        return list(self._walls)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        await self._know_ourselves(now)
        async for page in self._walls[cursor.stream].pages(cursor.bookmark, now):
            yield page

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """A post of somebody else's that tags us may only be hidden from us: it is not looked at."""
        own = await self._know_ourselves(now)
        seen = [one for one in mentions if one.type is MentionType.COMMENT or one.native_id.startswith(f"{own}_")]
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in seen:
            comment = mention.type is MentionType.COMMENT
            try:
                got = await self._graph.get(mention.native_id, (("fields", COMMENT if comment else POST),), now=now)
                item = got.data
                again = from_comment(item, post=mention.thread, page=own) if comment else from_post(item, page=own)
            except Missing:
                deleted.append(mention.external_id)
                continue
            except (Unauthorised, ValueError, KeyError, TypeError):
                continue  # what cannot be read is neither changed nor gone
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, external_id=mention.external_id, edited_at=now))
        if deleted:
            try:  # a token that lost its page sees nothing either
                await self._graph.get(self._page, (("fields", "id"),), now=now)
            except (Missing, Unauthorised):
                raise BadAnswer("the token does not see its own page any more: not taken for deletions") from None
        return Page(f"{len(seen)} originals", changed, deleted=deleted)

    async def under(self, name: str, parent: Mention, after: str, now: datetime) -> Under:
        own = await self._know_ourselves(now)
        read = await self._read_under(name, parent.thread, after, now)
        return Under(read.mentions, bool(read.rejected) or not own, read.after)

    def address(self, name: str, parent: Mention) -> str:
        return f"{SITE}/{name}"

    async def _know_ourselves(self, now: datetime) -> str:
        """Our page's id. What is public is read all the same where nobody says it."""
        if not self._own:
            try:
                got = await self._graph.get(self._page, (("fields", "id"),), now=now)
                self._own = fields.identifier(got.data.get("id"))
            except (RateLimited, Unauthorised):
                raise
            except SourceError:
                return self._page if self._page.isdigit() else ""
        return self._own

    async def _read_posts(self, after: str, now: datetime) -> Read:
        params = (("fields", COUNTED), ("limit", str(POSTS_A_PAGE)), *place(after))
        got = await self._graph.list(f"{self._page}/feed", params, now=now)
        posts = [_post(item) for item in got.items if isinstance(item, dict) and fields.identifier(item.get("id"))]
        read = understood(f"{self._page}/feed", after, got, self._posted, posts)
        return replace(read, mentions=[one for one in read.mentions if not one.ours])

    async def _read_comments(self, post: str, after: str, now: datetime) -> Read:
        return await self._read_under(post, post, after, now)

    async def _read_under(self, name: str, post: str, after: str, now: datetime) -> Read:
        params = (("fields", COMMENT), ("limit", str(COMMENTS_A_PAGE)), *place(after))
        got = await self._graph.list(f"{name}/comments", NEWEST_FIRST + params, now=now)
        return understood(f"{name}/comments", after, got, lambda item: [from_comment(item, post=post, page=self._own)])

    async def _read_tagged(self, _: str, after: str, now: datetime) -> Read:
        params = (("fields", POST), ("limit", str(COMMENTS_A_PAGE)), *place(after))
        got = await self._graph.list(f"{self._page}/tagged", params, now=now)
        return understood(f"{self._page}/tagged", after, got, self._posted)

    def _posted(self, item: JsonObject) -> list[NewMention]:
        return [from_post(item, page=self._own)]


def _post(item: JsonObject) -> Post:
    comments = item.get("comments")
    summary = comments.get("summary") if isinstance(comments, dict) else None
    count = fields.count(summary.get("total_count")) if isinstance(summary, dict) else None
    try:
        updated = fields.moment(item.get("updated_time")).isoformat()
    except ValueError:
        updated = ""
    return Post(fields.identifier(item["id"]), count=count, updated=updated)
