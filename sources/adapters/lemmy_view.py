"""A post or a comment of Lemmy as a mention: PostView and CommentView of either API.

Its identity is the `ap_id`, the same on every instance; so is its thread, the `ap_id` of the post. The native id is
this instance's: "77" a post, "77/12" a comment under it, since both are needed to answer it.
"""

from __future__ import annotations

from typing import Any

from sources.adapters import fields
from sources.adapters.lemmy_server import host
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "lemmy"


def from_view(view: Any, *, own: str, direct: bool = False) -> NewMention:
    """`own` is the id of our account on this instance. Raises ValueError."""
    item, post = _item(view), _part(view, "post")
    comment = item is not post
    name = fields.identifier(item.get("ap_id"))
    if not name:
        raise ValueError("neither a post nor a comment: no ap_id")
    changed = item.get("updated") or item.get("updated_at")
    words = fields.text(item.get("content" if comment else "body"))
    link = "" if comment else fields.web_url(item.get("url"))
    creator = view["creator"] if isinstance(view.get("creator"), dict) else {}
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=_author(creator),
        created_at=fields.moment(item.get("published") or item.get("published_at")),
        text=f"{link}\n\n{words}".strip(),
        title="" if comment else fields.text(item.get("name")),
        url=fields.web_url(name),
        type=MentionType.COMMENT if comment else MentionType.POST,
        native_id=native_id(view),
        parent=_parent(item, post) if comment else "",
        thread=fields.identifier(post.get("ap_id")),
        edited_at=fields.moment(changed) if changed else None,
        direct=direct,
        ours=bool(own) and fields.identifier(creator.get("id")) == own,
        raw=fields.raw(view),
    )


def is_gone(view: Any) -> bool:
    """Whether its author deleted it or a moderator removed it."""
    item = _item(view)
    return item.get("deleted") is True or item.get("removed") is True


def native_id(view: Any) -> str:
    """Raises ValueError where the view has none."""
    item, post = _item(view), _part(view, "post")
    number, under = fields.identifier(item.get("id")), fields.identifier(post.get("id"))
    if not number or not under:
        raise ValueError("neither a post nor a comment: no id")
    return number if item is post else f"{under}/{number}"


def _item(view: Any) -> JsonObject:
    return _part(view, "comment" if isinstance(view, dict) and view.get("comment") is not None else "post")


def _part(view: Any, name: str) -> JsonObject:
    part = view.get(name) if isinstance(view, dict) else None
    if not isinstance(part, dict):
        raise ValueError(f"a view without its {name}")
    return part


def _author(creator: JsonObject) -> NewAuthor:
    """user@host, also for an account of the instance itself, so that it is one author wherever it is read."""
    name, url = fields.identifier(creator.get("name")), creator.get("actor_id") or creator.get("ap_id")
    if not name:
        return NewAuthor(UNKNOWN_AUTHOR)
    home = host(url)
    return NewAuthor(f"{name}@{home}" if home else name, fields.text(creator.get("display_name")), fields.web_url(url))


def _parent(comment: JsonObject, post: JsonObject) -> str:
    """What it answers, from its path: 0, then every comment above it, then itself."""
    under, above = fields.identifier(post.get("id")), fields.text(comment.get("path")).split(".")
    return f"{under}/{above[-2]}" if len(above) > 2 else under
