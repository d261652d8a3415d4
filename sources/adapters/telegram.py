"""Telegram: what people write to a bot and in the groups and channels that it is in, and its answers
(https://core.telegram.org/bots/api).

The server keeps updates for a day and forgets those below the `offset` that is asked for. So an offset is only asked
for once what is below it is stored: the bookmark is `offset`, the next one to ask for, `heard`, when the last update
came, and `floor`, first contact minus backfill.

A bot cannot read what it has posted: an answer with an uncertain end is always left to a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources.adapters import fields, posting
from sources.adapters.telegram_message import NETWORK, Bot, from_message, is_service, where_it_is
from sources.errors import BadAnswer, RateLimited, Refused, SourceError, Unauthorised, Uncertain, quoted
from sources.http import LONGEST_WAIT, Answer, Request, retry_after
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://api.telegram.org"
STREAM = "updates"
KINDS = ("message", "edited_message", "channel_post", "edited_channel_post")
LIMIT = 100
KEPT = timedelta(hours=24)
# After a week without updates the server begins at another number, which may lie below ours.
QUIET = timedelta(days=6)
CHARACTERS = 4096


class Telegram:
    kind = SourceType(
        "telegram",
        NETWORK,
        "What people write to your Telegram bot, and in the groups and channels that it is in",
        posts_at="t.me",
        default_url=DEFAULT_URL,
        login="the bot's token",
        with_account="private messages and what names or answers the bot; in its groups and channels, what a watch"
        " matches; answers",
        can_answer=True,
        length="4,096 characters",
        quota="any number of reads, a poll costs 1 or 2; 1 answer a second a chat, 20 a minute a group",
        guide=(
            "In Telegram, talk to @BotFather: /newbot, or /token for a bot that is there.",
            "To read whole groups: /setprivacy, Disable; then put the bot into the group (again). In a channel it reads"
            " as an administrator.",
            "A bot has one reader: no other program may read it, and no webhook may be set (deleteWebhook).",
            "Telegram keeps messages for 24 hours: poll at least daily.",
        ),
        options=(
            Option("own", "people, groups, channels that are yours: their posts are no cases", example='["acmenews"]'),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        if not config.token:
            return ['`token` is missing: that of the bot, for example token = "env:TELEGRAM_TOKEN"']
        if not all(isinstance(name, str) for name in config.options.get("own", ())):
            return ['`own` is a list of names, for example own = ["acmenews"]']
        return []

    def __init__(self, setup: Setup) -> None:
        self._http = setup.http
        self._url = (setup.config.url or DEFAULT_URL).rstrip("/")
        self._backfill = setup.config.backfill
        self._token = setup.token
        others = frozenset(name.lower().lstrip("@") for name in setup.config.options.get("own", ()))
        # A token is the bot's id, a colon, and the secret.
        number = re.match(r"([0-9]+):", setup.token.reveal()) if setup.token is not None else None
        self._bot = Bot(number[1] if number else "", "", others)

    def streams(self) -> Sequence[str]:
        return [STREAM]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        mark: JsonObject = dict(cursor.bookmark)
        if "floor" not in mark:
            floor = "" if self._backfill is None else (now.replace(microsecond=0) - self._backfill).isoformat()
            mark = {"floor": floor, "offset": 0, "heard": now.isoformat()}
        if now - datetime.fromisoformat(mark["heard"]) >= QUIET:
            mark |= {"offset": 0, "heard": now.isoformat()}
        bot = await self._who()
        last = cursor.last_success_at
        gap = (now - last - KEPT).total_seconds() if last is not None else 0.0
        first, known = True, mark["offset"]
        while True:
            updates = await self._updates(known, now)
            numbers = [number for one in updates if (number := _number(one)) is not None]
            fresh = [number for number in numbers if number >= known]
            if not (fresh or first):
                return
            if fresh:
                known = max(fresh) + 1
                mark |= {"offset": known, "heard": now.isoformat()}
            page = _page(updates, bot, datetime.fromisoformat(mark["floor"]) if mark["floor"] else None)
            yield replace(page, bookmark=dict(mark), gap_seconds=max(gap, 0.0) if first else 0.0)
            first = False
            if not fresh:
                return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None  # a bot cannot look at a message again

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), CHARACTERS  # message_length_max of core.telegram.org/constructor/config: code points

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not re.fullmatch(r"-?[0-9]{1,19}/[0-9]{1,15}", parent.native_id):
            raise Refused("this is no Telegram message")
        chat, _, number = parent.native_id.partition("/")
        answered: JsonObject = {"message_id": int(number)}
        if not chat.startswith("-"):
            # Who deleted their question still reads our chat; in a group an answer to nothing puzzles everybody.
            answered["allow_sending_without_reply"] = True
        body = {"chat_id": int(chat), "text": delivery.text, "reply_parameters": answered}
        with posting.as_it_leaves():
            answer = await self._http.fetch(self._request("POST", "sendMessage", body=body))
        told = _told(answer)
        code, posted = _code(answer, told), told.get("result")
        if code == 200:
            try:
                return where_it_is({"chat": {"id": int(chat)}, **posted} if isinstance(posted, dict) else {}, self._bot)
            except ValueError as error:
                raise Uncertain(f"answered without a message ({error})") from None
        if code in (401, 404, 429):
            raise self._error(answer, told, utcnow())
        if 400 <= code < 500 and code not in posting.UNDECIDED:
            raise Refused(f"refused with {code}: {_words(told)}")
        raise Uncertain(f"answered {code}; it may have been posted")

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """The Bot API shows a bot nothing of what it has posted, so nothing is ever proven."""
        return ReadBack(None, complete=False)

    async def _who(self) -> Bot:
        """With its user name, by which people call it; without, while the server does not say."""
        if not self._bot.name:
            try:
                told = _told(await self._http.fetch(replace(self._request("GET", "getMe"), deadline=10.0)))
            except SourceError:
                return self._bot
            me = told.get("result")
            if told.get("ok") is True and isinstance(me, dict):
                name = fields.identifier(me.get("username")).lower()
                self._bot = replace(self._bot, id=fields.identifier(me.get("id")) or self._bot.id, name=name)
        return self._bot

    async def _updates(self, offset: int, now: datetime) -> list[Any]:
        """Raises SourceError."""
        place = (("offset", str(offset)),) if offset else ()
        params = (*place, ("limit", str(LIMIT)), ("timeout", "0"), ("allowed_updates", json.dumps(KINDS)))
        answer = await self._http.fetch(self._request("GET", "getUpdates", params))
        told = _told(answer)
        if _code(answer, told) != 200:
            raise self._error(answer, told, now)
        if not isinstance(told.get("result"), list):
            replace(answer, url=self._url).json()
            raise BadAnswer(f"{self._url} answered without updates")
        return list(told["result"])

    def _error(self, answer: Answer, told: JsonObject, now: datetime) -> SourceError:
        code, words = _code(answer, told), _words(told)
        if code == 429:
            parameters = told.get("parameters")
            seconds = fields.count(parameters.get("retry_after")) if isinstance(parameters, dict) else None
            said = None if seconds is None else now + timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))
            return RateLimited("Telegram answered 429: too many requests", said or retry_after(answer.headers, now=now))
        if code in (401, 403, 404):
            return Unauthorised(f"{self._url} answered {code}: it knows no such bot; ask @BotFather for its token")
        if code == 409 and "webhook" in words.lower():
            return SourceError("this bot has a webhook, so nobody can poll it: call deleteWebhook, or make another bot")
        if code == 409:
            return SourceError("another program reads this bot too: stop it, or make a bot for earful alone")
        try:
            whole(replace(answer, url=self._url), now=now)
        except SourceError as error:
            return error
        return BadAnswer(f"{self._url} answered {code}: {words}")

    def _request(
        self, method: str, name: str, params: tuple[tuple[str, str], ...] = (), body: JsonObject | None = None
    ) -> Request:
        """The token is a part of the path: nobody may see it."""
        if self._token is None:
            raise Unauthorised("there is no bot token to ask with; give the source a token")
        token = quote(self._token.reveal(), safe=":")
        label = f"{self._url}/bot.../{name}"
        return Request(method, f"{self._url}/bot{token}/{name}", params, json=body, redirects=0, label=label)


def _page(updates: list[Any], bot: Bot, floor: datetime | None) -> Page:
    mentions: dict[str, NewMention] = {}  # a page has one form of a message: the last
    rejected: list[Rejected] = []
    for update in updates:
        number = _number(update)
        held = [update[kind] for kind in KINDS if kind in update] if isinstance(update, dict) else [None]
        for message in held:
            if isinstance(message, dict) and is_service(message):
                continue
            try:
                mention = from_message(message, bot)
            except (ValueError, KeyError, TypeError) as error:
                rejected.append(Rejected(f"update {number}", str(error), fields.raw(update)))
                continue
            if floor is None or mention.created_at >= floor:
                mentions[mention.external_id] = mention
    return Page(f"getUpdates {_number(updates[0])}" if updates else "getUpdates", list(mentions.values()), rejected)


def _number(update: Any) -> int | None:
    return fields.count(update.get("update_id")) if isinstance(update, dict) else None


def _told(answer: Answer) -> JsonObject:
    """The body; {} where it is not JSON. Its address is never looked at: it holds the token."""
    try:
        told = answer.json()
    except BadAnswer:
        return {}
    return told if isinstance(told, dict) else {}


def _code(answer: Answer, told: JsonObject) -> int:
    """The status; an error may come with 200 too, and says its own."""
    if answer.status != 200 or told.get("ok") is not False:
        return answer.status
    return fields.count(told.get("error_code")) or 400


def _words(told: JsonObject) -> str:
    return quoted(fields.text(told.get("description"))) or "no reason given"
