"""A Telegram message as a mention (https://core.telegram.org/bots/api#message)."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sources.adapters import fields
from sources.protocol import Receipt
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, NewAuthor, NewMention

NETWORK = "telegram"
SITE = "https://t.me"
SHARED = "-100"  # the ids of supergroups and channels begin so, and those of their messages are the same for everyone

# What a message can hold besides words, and what of it is words.
MEDIA = {
    "photo": (),
    "video": (),
    "animation": (),
    "video_note": (),
    "voice": (),
    "audio": ("performer", "title"),
    "document": ("file_name",),
    "sticker": ("emoji",),
    "poll": ("question",),
    "venue": ("title", "address"),
    "location": (),
    "contact": (),
    "story": (),
    "game": ("title",),
    "dice": ("emoji",),
    "paid_media": (),
    "checklist": ("title",),
    "invoice": ("title", "description"),
}
# What is about the chat and says nothing: who came and went, what was pinned.
SERVICE = frozenset(
    {
        "boost_added", "channel_chat_created", "chat_background_set", "chat_owner_changed", "chat_owner_left",
        "chat_shared", "checklist_tasks_added", "checklist_tasks_done", "connected_website", "delete_chat_photo",
        "direct_message_price_changed", "forum_topic_closed", "forum_topic_created", "forum_topic_edited",
        "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden", "gift",
        "gift_upgrade_sent", "giveaway", "giveaway_completed", "giveaway_created", "giveaway_winners",
        "group_chat_created", "left_chat_member", "message_auto_delete_timer_changed", "migrate_from_chat_id",
        "migrate_to_chat_id", "new_chat_members", "new_chat_photo", "new_chat_title", "paid_message_price_changed",
        "passport_data", "pinned_message", "proximity_alert_triggered", "refunded_payment", "successful_payment",
        "suggested_post_approval_failed", "suggested_post_approved", "suggested_post_declined", "suggested_post_paid",
        "suggested_post_refunded", "supergroup_chat_created", "unique_gift", "users_shared", "video_chat_ended",
        "video_chat_participants_invited", "video_chat_scheduled", "video_chat_started", "web_app_data",
        "write_access_allowed",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bot:
    """Who we are: the bot's id and user name ("" where not known), and what else is ours: user names and ids of people,
    groups and channels, lower case, without @."""

    id: str = ""
    name: str = ""
    others: Collection[str] = ()


def is_service(message: JsonObject) -> bool:
    return not SERVICE.isdisjoint(message)


def from_message(message: Any, bot: Bot) -> NewMention:
    """Raises ValueError."""
    if not isinstance(message, dict) or not isinstance(message.get("chat"), dict):
        raise ValueError("not a message")
    chat: JsonObject = message["chat"]
    receipt = where_it_is(message, bot)
    where = receipt.native_id.partition("/")[0]
    private = chat.get("type") == "private"
    sender = _sender(message)
    words = _words(message)
    if not words:
        raise ValueError("a message of a kind that is not known")
    answered = message.get("reply_to_message")
    if not isinstance(answered, dict) or is_service(answered):  # a topic's posts "answer" its beginning
        answered = {}
    return NewMention(
        network=NETWORK,
        external_id=receipt.key,
        author=_author(sender),
        created_at=fields.moment(message.get("date")),
        html=words,
        url=receipt.url,
        native_id=receipt.native_id,
        parent=f"{where}/{fields.identifier(answered.get('message_id'))}" if answered else "",
        thread=where if private else _thread(message, where),
        edited_at=fields.moment(message["edit_date"]) if message.get("edit_date") else None,
        visibility="direct" if private else "public" if fields.identifier(chat.get("username")) else "private",
        direct=private or _names(message, bot) or _is(_sender(answered), bot, alone=True),
        ours=_is(sender, bot),
        raw=fields.raw(message),
    )


def where_it_is(message: JsonObject, bot: Bot) -> Receipt:
    """The ids and the address of a message. Raises ValueError."""
    told = message.get("chat")
    chat: JsonObject = told if isinstance(told, dict) else {}
    where, number = fields.identifier(chat.get("id")), fields.identifier(message.get("message_id"))
    if not where or not number:
        raise ValueError("a message without chat or id")
    name, shared = f"{where}/{number}", where.startswith(SHARED)
    # Elsewhere each bot counts for itself, and two bots of one desk may talk with the same person.
    key = name if shared or not bot.id else f"{name}@{bot.id}"
    return Receipt(name, key, _url(where, fields.identifier(chat.get("username")), number, private=not shared))


def _sender(message: JsonObject) -> JsonObject:
    """Who wrote it: for a channel, or somebody who speaks as the group, that chat."""
    for key in ("sender_chat", "from"):
        if isinstance(message.get(key), dict):
            found: JsonObject = message[key]
            return found
    chat = message.get("chat")
    return chat if isinstance(chat, dict) and chat.get("type") == "channel" else {}


def _author(sender: JsonObject) -> NewAuthor:
    username = fields.identifier(sender.get("username"))
    names = [fields.text(sender.get(key)) for key in ("first_name", "last_name")]
    return NewAuthor(
        username or fields.identifier(sender.get("id")) or UNKNOWN_AUTHOR,
        name=" ".join(filter(None, names)) or fields.text(sender.get("title")),
        url=f"{SITE}/{username}" if username else "",
    )


def _is(sender: JsonObject, bot: Bot, *, alone: bool = False) -> bool:
    """Whether it is the bot (`alone`), or one of ours."""
    name, username = fields.identifier(sender.get("id")), fields.identifier(sender.get("username")).lower()
    if (bot.id and name == bot.id) or (bot.name and username == bot.name):
        return True
    return not alone and (name in bot.others or (bool(username) and username in bot.others))


def _thread(message: JsonObject, where: str) -> str:
    """A group's thread is named by its first message; a topic holds many, so there only answers make one."""
    root = fields.identifier(message.get("message_thread_id"))
    return f"{where}/{root}" if root and not message.get("is_topic_message") else ""


def _url(where: str, username: str, number: str, *, private: bool) -> str:
    """Who is in a group without a name can open its messages too; a talk of two has no address."""
    if private:
        return ""
    return f"{SITE}/{username}/{number}" if username else f"{SITE}/c/{where.removeprefix(SHARED)}/{number}"


def _names(message: JsonObject, bot: Bot) -> bool:
    """Whether it names the bot: @bot, /command@bot, or a link to it."""
    said = " ".join(fields.text(message.get(key)) for key in ("text", "caption"))
    if bot.name and re.search(rf"@{re.escape(bot.name)}(?!\w)", said, re.IGNORECASE):
        return True
    entities = [*_entities(message.get("entities")), *_entities(message.get("caption_entities"))]
    named = [one.get("user") for one in entities if one.get("type") == "text_mention"]
    return any(isinstance(user, dict) and _is(user, bot, alone=True) for user in named)


def _words(message: JsonObject) -> str:
    """Its text as HTML, with what it holds besides in brackets: "[photo]"."""
    parts = []
    for kind, keys in MEDIA.items():
        if kind in message and not (kind == "location" and "venue" in message):
            held = message[kind] if isinstance(message[kind], dict) else {}
            told = " ".join(filter(None, (fields.text(held.get(key)) for key in keys)))
            options = held.get("options") if kind == "poll" else None
            choices = [fields.text(one.get("text")) for one in options or () if isinstance(one, dict)]
            label = html.escape(": ".join(filter(None, [kind.replace("_", " "), told])))
            parts.append(f"[{label}]" + "".join(f"<br>- {html.escape(choice)}" for choice in choices))
    for text, entities in ((message.get("text"), "entities"), (message.get("caption"), "caption_entities")):
        if isinstance(text, str) and text:
            parts.append(_linked(text, _entities(message.get(entities))))
    return "<br>".join(parts)


def _linked(text: str, entities: list[JsonObject]) -> str:
    """With the links that are behind its words; places are counted in UTF-16 code units."""
    units = text.encode("utf-16-le", "surrogatepass")
    made, at = [], 0
    for entity in entities:
        offset, length = fields.count(entity.get("offset")), fields.count(entity.get("length"))
        target = fields.web_url(entity.get("url")) if entity.get("type") == "text_link" else ""
        if not target or offset is None or length is None or offset * 2 < at:
            continue
        end = (offset + length) * 2
        made.append(_escaped(units[at : offset * 2]))
        made.append(f'<a href="{html.escape(target)}">{_escaped(units[offset * 2 : end])}</a>')
        at = end
    return "".join([*made, _escaped(units[at:])])


def _escaped(units: bytes) -> str:
    return html.escape(units.decode("utf-16-le", "replace")).replace("\n", "<br>")


def _entities(value: Any) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
