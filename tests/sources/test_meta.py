"""What Meta tells a webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.adapters.meta import changes
from store.domain.mention import UNKNOWN_AUTHOR, MentionType

PAGE, AT = "100", 1_795_262_400
WHEN = datetime.fromtimestamp(AT, UTC)


def page(*values: dict[str, Any], field: str = "feed") -> dict[str, Any]:
    listed = [{"field": field, "value": value} for value in values]
    return {"object": "page", "entry": [{"id": PAGE, "time": AT, "changes": listed}]}


def comment(verb: str = "add", **fields: Any) -> dict[str, Any]:
    return {
        "item": "comment", "verb": verb, "comment_id": "1_7", "post_id": "100_1", "parent_id": "100_1",
        "created_time": AT - 60, "message": "acme is down", "from": {"id": "7", "name": "Ana"},
    } | fields  # fmt: skip


def test_a_comment_is_as_a_poll_gives_it() -> None:
    told = changes(page(comment()))
    (one,) = told.mentions
    assert (told.network, told.rejected, told.deleted) == ("facebook", (), ())
    assert (one.network, one.external_id, one.native_id) == ("facebook", "1_7", "1_7")
    assert (one.parent, one.thread, one.type) == ("100_1", "100_1", MentionType.COMMENT)
    assert (one.text, one.author.handle, one.author.name) == ("acme is down", "7", "Ana")
    assert (one.direct, one.ours, one.edited_at) == (True, False, None)
    assert (WHEN - one.created_at).total_seconds() == 60


@pytest.mark.parametrize("verb", ["edit", "edited"])
def test_an_edit(verb: str) -> None:
    assert [one.edited_at for one in changes(page(comment(verb))).mentions] == [WHEN]


def test_what_is_gone() -> None:
    told = changes(page(comment("remove"), {"item": "post", "verb": "remove", "post_id": "100_2"}))
    assert (told.deleted, told.mentions) == (("1_7", "100_2"), ())


def test_what_is_ours_and_what_is_no_mention() -> None:
    ours = {"id": PAGE, "name": "Acme"}
    told = changes(
        page(
            comment(**{"from": ours}),
            comment("hide"),
            {"item": "reaction", "verb": "add", "post_id": "100_1", "reaction_type": "like"},
            {"item": "status", "verb": "add", "post_id": "100_3", "message": "News!", "from": ours},
            {"item": "post", "verb": "add", "post_id": "100_4", "message": "Hello?", "from": {"id": "8"}},
        )
    )
    assert [(one.external_id, one.ours) for one in told.mentions] == [("1_7", True), ("100_4", False)]
    assert changes({"object": "page", "entry": [{"id": PAGE, "time": AT, "messaging": [{}]}]}).mentions == ()


def test_somebody_names_the_page() -> None:
    value = {"post_id": "44_5", "sender_name": "Ana", "item": "post", "sender_id": "44", "verb": "add"}
    (one,) = changes(page(value, field="mention")).mentions
    assert (one.external_id, one.author.handle, one.author.name, one.created_at) == ("44_5", "44", "Ana", WHEN)


def test_what_is_not_as_promised_is_kept_aside() -> None:
    told = changes(page(comment(), {"item": "comment", "verb": "add", "comment_id": ["x"]}, comment(created_time="?")))
    assert len(told.mentions) == 1
    assert len(told.rejected) == 2
    assert b"comment_id" in told.rejected[0].raw
    broken = {"object": "page", "entry": ["?", {"changes": ["?", {"field": "feed"}]}]}
    assert (changes(broken).mentions, len(changes(broken).rejected)) == ((), 3)
    for payload in ({}, {"object": "page"}, {"entry": []}):
        with pytest.raises(ValueError, match="not a webhook of Meta"):
            changes(payload)


def instagram(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"object": "instagram", "entry": [{"id": "900", "time": AT, "changes": list(listed)}]}


def test_comments_on_instagram() -> None:
    value = {"id": "7", "text": "hi", "from": {"id": "5", "username": "ana"}, "media": {"id": "50"}, "parent_id": "6"}
    ours = value | {"id": "8", "from": {"id": "900", "username": "acme"}}
    told = changes(instagram({"field": "comments", "value": value}, {"field": "comments", "value": ours}))
    first, second = told.mentions
    assert told.network == "instagram"
    assert (first.external_id, first.author.handle, first.text) == ("7", "ana", "hi")
    assert (first.parent, first.thread, first.created_at, first.direct) == ("6", "50", WHEN, True)
    assert (first.ours, second.ours) == (False, True)
    own_login = {"object": "instagram", "entry": [{"id": "900", "time": AT, "field": "comments", "value": value}]}
    assert [one.external_id for one in changes(own_login).mentions] == ["7"]


def test_mentions_on_instagram_come_without_their_words() -> None:
    value = {"media_id": "50", "comment_id": "7"}
    told = changes(instagram({"field": "mentions", "value": value}, {"field": "mentions", "value": {"media_id": "51"}}))
    in_comment, in_caption = told.mentions
    assert (in_comment.external_id, in_comment.thread, in_comment.type) == ("7", "50", MentionType.COMMENT)
    assert (in_caption.external_id, in_caption.thread, in_caption.type) == ("51", "51", MentionType.POST)
    assert in_comment.author.handle == UNKNOWN_AUTHOR
    assert "mentioned us" in in_comment.title
