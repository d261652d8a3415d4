"""GitHub as its documentation has it: a search of 1,000 results at most, lists by the last update, comments."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.github import GitHub
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN, LOGIN = "ghp_t0ken", "acme-support"
SEARCH = "/search/issues"
STREAM = "search:acme"
Item = dict[str, Any]


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


class FakeGitHub:
    def __init__(self, server: Server, *, most: int = 1000, apart: bool = False) -> None:
        """`apart`: issues and pull requests may only be asked for one kind at a time."""
        self.server, self.most, self.apart = server, most, apart
        self.issues: dict[int, Item] = {}
        self.comments: dict[int, Item] = {}
        self.posts: list[Seen] = []
        server.on(SEARCH, self.search)
        server.on("/user", lambda seen: json_reply({"login": LOGIN}) if self.known(seen) else json_reply({}, 401))
        server.on("/rate_limit", json_reply({"resources": {}}))
        server.on("/repos/acme/cloud/issues/comments", self.list_comments)
        server.on("/repos/acme/cloud/issues", self.list_issues)

    def add(self, number: int, updated: datetime, body: str = "acme is down", **fields: Any) -> Item:
        issue = {
            "id": number,
            "node_id": f"I_{number}",
            "url": f"https://api.github.com/repos/acme/cloud/issues/{number}",
            "html_url": f"https://github.com/acme/cloud/issues/{number}",
            "number": number,
            "title": f"Trouble {number}",
            "user": {"login": "ana", "html_url": "https://github.com/ana"},
            "comments": 0,
            "created_at": stamp(updated),
            "updated_at": stamp(updated),
            "body": body,
        } | fields
        self.issues[number] = issue
        self.server.on(f"/repos/acme/cloud/issues/{number}", lambda seen: json_reply(self.issues[number]))
        self.server.on(f"/repos/acme/cloud/issues/{number}/comments", lambda seen: self.thread(number, seen))
        return issue

    def comment(self, name: int, number: int, at: datetime, body: str, login: str = "ben") -> Item:
        comment = {
            "id": name,
            "node_id": f"IC_{name}",
            "issue_url": f"https://api.github.com/repos/acme/cloud/issues/{number}",
            "html_url": f"https://github.com/acme/cloud/issues/{number}#issuecomment-{name}",
            "user": {"login": login},
            "created_at": stamp(at),
            "updated_at": stamp(at),
            "body": body,
        }
        self.comments[name] = comment
        self.issues[number]["comments"] += 1
        self.issues[number]["updated_at"] = stamp(at)
        for path in (f"/repositories/7/issues/comments/{name}", f"/repos/acme/cloud/issues/comments/{name}"):
            self.server.on(path, lambda seen: json_reply(self.comments[name]))
        return comment

    def search(self, seen: Seen) -> Reply:
        query, params = seen.params["q"], seen.params
        kinds = re.findall(r"is:(issue|pull-request)", query)
        if self.apart and len(kinds) != 1:
            words = "Query must include 'is:issue' or 'is:pull-request'"
            return json_reply({"message": words, "errors": [], "status": "422"}, 422)
        since = re.search(r"updated:>=(\S+)", query)
        wanted = re.findall(r'"([^"]+)"', query) + re.findall(r"mentions:(\S+)", query)
        found = []
        for issue in sorted(self.issues.values(), key=lambda one: (one["updated_at"], one["number"])):
            said = [one for one in self.comments.values() if one["issue_url"] == issue["url"]]
            texts = [f"{issue['title']} {issue['body']}", *(one["body"] for one in said)]
            kind = "pull-request" if "pull_request" in issue else "issue"
            if (since and issue["updated_at"] < since[1]) or (kinds and kind not in kinds):
                continue
            if any(all(word.lower() in text.lower() for word in wanted) for text in texts):
                matches = [
                    {
                        "object_type": "IssueComment",
                        "object_url": f"https://api.github.com/repositories/7/issues/comments/{one['id']}",
                    }
                    for one in said
                    if all(word.lower() in one["body"].lower() for word in wanted)
                ]
                found.append(issue | ({"text_matches": matches} if "text-match" in seen.headers["accept"] else {}))
        size, page = int(params.get("per_page", 30)), int(params.get("page", 1))
        if page * size > max(self.most, size):
            return json_reply({"message": "Only the first 1000 search results are available"}, 422)
        some = found[: self.most][(page - 1) * size : page * size]
        return json_reply({"total_count": len(found), "incomplete_results": False, "items": some})

    def thread(self, number: int, seen: Seen) -> Reply:
        if seen.method == "POST":
            self.posts.append(seen)
            at = datetime.now(UTC)
            return json_reply(self.comment(900, number, at, json.loads(seen.body)["body"], LOGIN), 201)
        return self.list_comments(seen, number)

    def list_comments(self, seen: Seen, number: int = 0) -> Reply:
        found = [one for one in self.comments.values() if not number or one["issue_url"].endswith(f"/{number}")]
        return self.listed(found, seen)

    def list_issues(self, seen: Seen) -> Reply:
        return self.listed(list(self.issues.values()), seen)

    def listed(self, found: list[Item], seen: Seen) -> Reply:
        found = [one for one in found if one["updated_at"] >= seen.params.get("since", "")]
        # https://docs.github.com/en/rest/issues/comments: ascending by creation, unless asked otherwise.
        key = "updated_at" if seen.params.get("sort") == "updated" else "created_at"
        size, page = int(seen.params.get("per_page", 30)), int(seen.params.get("page", 1))
        found.sort(key=lambda one: (one[key], one["id"]))
        etag = f'"{len(found)}"'
        if seen.headers.get("if-none-match") == etag:
            return Reply(304, headers={"etag": etag})
        return json_reply(found[(page - 1) * size : page * size], etag=etag)

    @staticmethod
    def known(seen: Seen) -> bool:
        return seen.headers.get("authorization") == f"Bearer {TOKEN}"


def adapter(server: Server, http: Http, token: str = "", query: str = "acme", **given: Any) -> GitHub:
    config = SourceConfig("github", "gh", url=server.url(), **({"backfill": timedelta(days=7)} | given))
    return GitHub(Setup(config, http, Secret(token) if token else None, (Watch("acme", query),)))


async def poll(
    source: GitHub, bookmark: Any = None, now: datetime = NOW, stream: str = STREAM, pages: int = 1000
) -> list[Page]:
    cursor = Cursor("gh", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    found: list[Page] = []
    walk = source.pages(cursor, now=now)
    async for page in walk:
        found.append(page)
        if len(found) == pages:
            break
    await walk.aclose()  # type: ignore[attr-defined]
    return found


def names(pages: list[Page]) -> list[str]:
    return [mention.native_id.partition("#")[2] for page in pages for mention in page.mentions]
