"""Questions and answers of Stack Exchange as mentions (https://api.stackexchange.com/docs/types/search-excerpt and
/docs/types/post)."""

from __future__ import annotations

import html
from typing import Any

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "stackexchange"
OWN_DOMAINS = {
    "stackoverflow": "stackoverflow.com",
    "serverfault": "serverfault.com",
    "superuser": "superuser.com",
    "askubuntu": "askubuntu.com",
    "stackapps": "stackapps.com",
    "mathoverflow": "mathoverflow.net",
    "mathoverflow.net": "mathoverflow.net",
}


def from_hit(hit: Any, site: str) -> NewMention:
    """An item of /search/excerpts: no author, and no more of the text than an excerpt. Raises ValueError."""
    kind = hit.get("item_type") if isinstance(hit, dict) else ""
    question = fields.identifier(hit.get("question_id")) if kind in ("question", "answer") else ""
    name = question if kind == "question" else fields.identifier(hit.get("answer_id")) if question else ""
    if not name:
        raise ValueError("neither a question nor an answer")
    return _mention(
        hit,
        site,
        name,
        is_answer=kind == "answer",
        thread=f"{site}/q/{question}",
        body=fields.text(hit.get("body")) or fields.text(hit.get("excerpt")),
    )


def from_post(post: JsonObject, site: str) -> NewMention:
    """An item of /posts/{ids}; it does not say which question an answer belongs to. Raises ValueError."""
    is_answer = post.get("post_type") == "answer"
    name = fields.identifier(post.get("post_id"))
    thread = "" if is_answer else f"{site}/q/{name}"
    return _mention(post, site, name, is_answer=is_answer, thread=thread, body=fields.text(post.get("body")))


def name_of(post: Any, site: str) -> str:
    """The external id of a post. Raises ValueError."""
    name = fields.identifier(post.get("post_id")) if isinstance(post, dict) else ""
    if not name:
        raise ValueError("not a post")
    return f"{site}/{'a' if post.get('post_type') == 'answer' else 'q'}/{name}"


def domain(site: str) -> str:
    """Of a site: `meta.serverfault` stands before that site's own domain, `cooking.meta` is under the common one."""
    prefix, _, own = site.rpartition(".")
    if site in OWN_DOMAINS:
        return OWN_DOMAINS[site]
    return f"{prefix}.{OWN_DOMAINS[own]}" if prefix and own in OWN_DOMAINS else f"{site}.stackexchange.com"


def _mention(item: JsonObject, site: str, name: str, *, is_answer: bool, thread: str, body: str) -> NewMention:
    external = f"{site}/{'a' if is_answer else 'q'}/{name}"
    title = "" if is_answer else html.unescape(fields.text(item.get("title")))
    if not (title or body):
        raise ValueError("a post without words")
    edited = item.get("last_edit_date")
    owner = item.get("owner") if isinstance(item.get("owner"), dict) else {}
    assert isinstance(owner, dict)
    person = html.unescape(fields.text(owner.get("display_name")))
    number = fields.identifier(owner.get("user_id"))
    return NewMention(
        network=NETWORK,
        external_id=external,
        # Display names are not unique, and a user's number is that of one site.
        author=NewAuthor(
            f"{site}/{number}" if number else person or UNKNOWN_AUTHOR,
            name=person,
            url=fields.web_url(owner.get("link")),
        ),
        created_at=fields.moment(item.get("creation_date")),
        html=body or None,
        title=title,
        url=fields.web_url(item.get("link")) or f"https://{domain(site)}/{'a' if is_answer else 'q'}/{name}",
        type=MentionType.COMMENT if is_answer else MentionType.POST,
        native_id=external,
        parent=thread if is_answer else "",
        thread=thread,
        edited_at=fields.moment(edited) if edited else None,
        raw=fields.raw(item),
    )
