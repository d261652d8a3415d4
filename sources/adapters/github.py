"""GitHub (https://docs.github.com/en/rest/search): issues, pull requests and comments that hold the words of a watch;
with a token also discussions, what mentions the account, and answers (github_answer). `repos` are read whole.

All lists are read by the time of the last update (github_walk). A search finds an issue by the words of its comments
and says which: these comments are owed, and fetched one by one as the quota allows; the bookmark remembers them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from sources.adapters import fields
from sources.adapters.github_answer import GitHubAnswers, place_of
from sources.adapters.github_discussion import again, discussed
from sources.adapters.github_item import from_comment, from_issue
from sources.adapters.github_search import Turn, listed, searched
from sources.adapters.github_server import Server, checked
from sources.asks import Ask, asks
from sources.errors import BadAnswer, Unreachable
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor

DEFAULT_URL = "https://api.github.com"
LONGEST = 256  # characters of a search's words
AN_HOUR = timedelta(hours=1)
MENTIONS = "mentions"
_REPO = re.compile(r"[\w.-]+/[\w.-]+")


class GitHub(GitHubAnswers):
    kind = SourceType(
        "github",
        "github",
        "Issues, pull requests, comments and discussions on GitHub that hold the words of a watch",
        default_url=DEFAULT_URL,
        login="a personal access token (classic: public_repo; fine-grained: Issues, Pull requests, Discussions)",
        without_account="issues and pull requests by search, and their comments; 10 searches a minute",
        with_account="30 searches a minute, discussions, what mentions the account, answers",
        can_answer=True,
        length="65,536 characters",
        quota="10 searches a minute, 30 with a token; a poll costs 1 a question of a watch, and 1 for each comment",
        guide=(
            "On GitHub: Settings, Developer settings, Personal access tokens; scope public_repo.",
            'Keep it outside the configuration: export GITHUB_TOKEN=..., token = "env:GITHUB_TOKEN".',
        ),
        options=(
            Option("repos", "your own repositories: every issue and comment there comes in", example='["acme/cloud"]'),
            Option("discussions", "with a token: also search discussions (default true)", example="true"),
            Option("mentions", "with a token: also what mentions the account (default true)", example="true"),
            Option("account", "its login, where the token is that of an app and cannot say it", example='"acme-bot"'),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        repos = config.options.get("repos", [])
        if not all(isinstance(repo, str) and _REPO.fullmatch(repo) for repo in repos):
            return ['`repos` is a list of owner/name, for example repos = ["acme/cloud"]']
        return []

    def __init__(self, setup: Setup) -> None:
        config, options = setup.config, setup.config.options
        account = fields.text(options.get("account"))
        super().__init__(Server(setup.http, config.url or DEFAULT_URL, setup.token, account))
        self._backfill = config.backfill
        asked = {watch.name: asks(watch.query) for watch in setup.watches}
        self._questions = {
            name: [f"{_words(ask)} in:title,body,comments" for ask in questions]
            for name, questions in asked.items()
            if questions
        }
        self._lists = {
            f"{what}:{repo}": f"/repos/{repo}/{path}"
            for repo in options.get("repos", ())
            for what, path in (("issues", "issues"), ("comments", "issues/comments"))
        }
        self._discussions = setup.token is not None and bool(options.get("discussions", True))
        self._mentions = setup.token is not None and bool(options.get("mentions", True))

    def streams(self) -> Sequence[str]:
        found = [f"search:{name}" for name in self._questions]
        found += [f"discussions:{name}" for name in self._questions] if self._discussions else []
        return [*found, *([MENTIONS] if self._mentions else []), *self._lists]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        mark: JsonObject = deepcopy(cursor.bookmark)
        turn = Turn(self._server, await self._server.login(now=now), self._backfill, now)
        what, _, name = cursor.stream.partition(":")
        if cursor.stream in self._lists:
            found = listed(turn, self._lists[cursor.stream], mark)
        elif what == "discussions":
            found = discussed(turn, self._questions[name], mark)
        elif cursor.stream == MENTIONS:
            found = searched(turn, [f"mentions:{turn.own}"] if turn.own else [], mark)
        else:
            found = searched(turn, self._questions[name], mark)
        try:
            async for page in found:
                yield replace(page, bookmark=deepcopy(mark))
                if page.next_poll_at is not None:
                    return
        except (BadAnswer, Unreachable):
            # What not every server has: one that has never given it is asked again later, without a fuss.
            if cursor.bookmark or not (what == "discussions" or cursor.stream == MENTIONS):
                raise
            yield Page(cursor.stream, next_poll_at=now + AN_HOUR, note="this server does not have it")

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """With a token only: nobody else has requests enough for it."""
        if not self._server.secrets:
            return None
        nodes = [mention for mention in mentions if place_of(mention.native_id) is None]
        changed, deleted = await again(self._server, nodes, now) if nodes else ([], [])
        gone = 0
        for mention in mentions:
            place = place_of(mention.native_id)
            if place is None:
                continue
            answer = await self._server.ask(place.path)
            if answer.status in (404, 410):
                deleted.append(mention.external_id)
                gone += 1
                continue
            item = checked(answer, now).json()
            try:
                new: NewMention = from_comment(item) if place.comment else from_issue(item)
                edited_at = fields.moment(item.get("updated_at"))
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if new.external_id == mention.external_id and clean(new) != (mention.title, mention.text):
                changed.append(replace(new, edited_at=edited_at))
        if gone == len(mentions) > 0 and not await self._server.is_itself():
            raise BadAnswer(f"{self._server.url} knows none of our items, nor itself: not taken for deletions")
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)


def _words(ask: Ask) -> str:
    """A question within the length that a search takes. With fewer words it brings more; the watches put that right."""
    terms = list(ask.terms)
    while len(terms) > 1 and len(replace(ask, terms=tuple(terms)).text) > LONGEST:
        terms.pop()
    text = replace(ask, terms=tuple(terms)).text
    return text if len(text) <= LONGEST else f'"{text[1 : LONGEST - 1].rpartition(" ")[0]}"'
