"""E-mail: a mailbox over IMAP (RFC 3501), answered over SMTP (mail_answer). mail_imap speaks, mail_message reads.

The bookmark: `validity` (UIDVALIDITY) says how long ids hold; `newest` is the uid up to which all is stored that came
after first contact; `walked` is how far the mails from before it are, oldest first, up to `until`; `since` is where
first contact began, kept for good. Every poll reads what is new before it goes on with the old. A mailbox that was made
anew (another validity) is read again from `since`; what is stored already is known by its Message-ID.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.adapters.mail_answer import Letterbox, MailAnswers
from sources.adapters.mail_imap import Account, Box, Fetched, Imap, Refusal
from sources.adapters.mail_message import received
from sources.addresses import is_whole
from sources.protocol import Ear, Option, Page, Setup, SourceType
from sources.stopping import Stopped, pause, unless
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

PAGE = 50
PAGE_BYTES = 8 * 1024 * 1024
WHOLE = 2 * 1024 * 1024  # of a larger mail only the beginning is read
BEGINNING = 512 * 1024
A_DAY = timedelta(days=1)
REISSUE = 20 * 60.0  # seconds of one IDLE; a server may end one of half an hour (RFC 2177)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PORTS = {"imaps": 993, "imap": 143}
IMAP, SMTP = ("imaps", "imap"), ("smtps", "smtp")


class Mail(MailAnswers):
    kind = SourceType(
        "mail",
        "mail",
        "A mailbox: every mail to it, and answers in the same thread",
        login='the mailbox\'s password, better an app password; or an access token (login = "xoauth2")',
        with_account="every mail of the mailbox, told at once where the server can (IDLE); nothing is marked as read",
        can_answer=True,
        length="characters; mail has no limit of its own, earful sends up to 100,000",
        quota="no quota known; a poll is one connection and a search, most servers allow 10 or more at once",
        guide=(
            "Gmail, Fastmail, iCloud, Yahoo: make an app password in the account's security settings.",
            "Microsoft 365 and Google Workspace without app passwords: register an app for IMAP and SMTP, and give "
            'login = "xoauth2", `token_url`, `client_id`, `client_secret` and `refresh_token`.',
            'Keep it outside the configuration: export MAIL_PASSWORD=..., token = "env:MAIL_PASSWORD".',
            'imap = "imaps://imap.example.org", user = "support@example.org"; to answer also '
            'smtp = "smtps://smtp.example.org", and sent = "Sent" so that answers are kept there and found again.',
            "A server with a certificate of your own authority: start earful with SSL_CERT_FILE=/path/to/ca.pem.",
        ),
        options=(
            Option("imap", "the mail server (or give it as `url`)", example='"imaps://imap.example.org:993"'),
            Option("user", "the account's name, mostly its address", required=True, example='"support@example.org"'),
            Option("mailbox", "the mailbox to read (default INBOX)", example='"INBOX"'),
            Option("sent", "the mailbox where answers are kept and looked for", example='"Sent"'),
            Option("smtp", "where answers leave; without it there are none", example='"smtps://smtp.example.org:465"'),
            Option("from", "whom answers are from (default: `user`)", example='"Acme Support <support@example.org>"'),
            Option("smtp_password", "where it is another than `token`", example='"env:SMTP_PASSWORD"', secret=True),
            Option("login", "how to log in (default password)", example='"xoauth2"', choices=("password", "xoauth2")),
            Option(
                "token_url",
                "xoauth2: where tokens are renewed",
                example='"https://oauth2.googleapis.com/token"',
                address=True,
            ),
            Option("client_id", "xoauth2: of your app", example='"1234.apps.googleusercontent.com"'),
            Option("client_secret", "xoauth2: of your app", example='"env:MAIL_CLIENT_SECRET"', secret=True),
            Option("refresh_token", "xoauth2: renews the access token", example='"env:MAIL_REFRESH"', secret=True),
            Option("insecure", "let the password go over a connection without encryption", example="true"),
        ),
        schemes=IMAP,
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        found = []
        imap = str(options.get("imap", "") or config.url)
        if not imap:
            found.append('`imap` is missing, for example imap = "imaps://imap.example.org"')
        elif not _is_server(imap, IMAP):
            found.append("`imap` begins with imaps:// or imap:// and names a host")
        smtp = options.get("smtp")
        if isinstance(smtp, str) and smtp and not _is_server(smtp, SMTP):
            found.append("`smtp` begins with smtps:// or smtp:// and names a host")
        if smtp and not MailAnswers.sender(options):
            found.append('`from` must be one mail address, for example from = "Support <support@example.org>"')
        renewing = bool(options.get("refresh_token"))
        if not (config.token or renewing):
            found.append('a password is needed, for example token = "env:MAIL_PASSWORD"')
        if renewing and not (options.get("token_url") and options.get("client_id")):
            found.append("`refresh_token` needs `token_url` and `client_id`")
        return found

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        has_way = bool(config.options.get("smtp"))
        return "" if has_way else f"the source {config.name} has no `smtp`, so it can only read"

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        options = config.options
        address = urlsplit(str(options.get("imap", "") or config.url))
        bearer = options.get("login") == "xoauth2"
        account = Account(
            address.hostname or "",
            address.port or PORTS[address.scheme],
            address.scheme == "imaps",
            str(options["user"]),
            insecure=bool(options.get("insecure")),
            bearer=bearer,
        )
        self._backfill = config.backfill
        super().__init__(Letterbox.of(setup, account), options, setup.secrets.get("smtp_password"))
        boxes = [self._mailbox, *([self._sent] if self._sent else [])]
        self._boxes = {f"mailbox:{name}": name for name in dict.fromkeys(boxes)}

    def streams(self) -> Sequence[str]:
        return list(self._boxes)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        name = self._boxes[cursor.stream]
        async with self._letterbox.opened() as imap:
            box = await imap.examine(name)
            mark = _marked(cursor.bookmark, box, self._backfill, now)
            new = [uid for uid in await imap.search(f"UID {mark['newest'] + 1}:*") if uid > mark["newest"]]
            given = 0
            async for page, last in self._read(imap, name, new, None):
                mark["newest"] = last
                given += 1
                yield replace(page, bookmark=dict(mark))
            async for page in self._walk(imap, name, mark):
                given += 1
                yield page
            if not given:
                yield Page(f"{name} after {mark['newest']}", bookmark=dict(mark))

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None  # a mail that was moved or deleted here has been said all the same

    async def listen(self, ear: Ear, stop: asyncio.Event) -> None:
        """Ask for a poll when something comes in. Where the server cannot tell (no IDLE), the polls are all there is.
        Raises SourceError where the connection is lost."""
        async with self._letterbox.opened() as imap:
            if able := "IDLE" in imap.capabilities:
                await imap.examine(self._mailbox)
                await ear.poll()  # what came while nobody listened
            while able and not stop.is_set():
                try:
                    if await unless(stop, imap.idle(REISSUE)):
                        await ear.poll()
                except Stopped:
                    return
        while not await pause(stop, REISSUE):
            pass

    async def _walk(self, imap: Imap, name: str, mark: JsonObject) -> AsyncIterator[Page]:
        """Go on with what lay there before first contact."""
        if mark["walked"] >= mark["until"]:
            return
        since = datetime.fromisoformat(mark["since"]) if mark["since"] else None
        # SINCE is about whole days in a zone of the server's own; the moment itself is looked at when a mail is read.
        day = f" SINCE {_day(since - A_DAY)}" if since else ""
        old = [
            uid
            for uid in await imap.search(f"UID {mark['walked'] + 1}:{mark['until']}{day}")
            if mark["walked"] < uid <= mark["until"]
        ]
        async for page, last in self._read(imap, name, old, since):
            mark["walked"] = mark["until"] if last == old[-1] else last
            yield replace(page, bookmark=dict(mark))
        mark["walked"] = mark["until"]
        if not old:
            yield Page(f"{name} up to {mark['until']}", bookmark=dict(mark))

    async def _read(
        self, imap: Imap, name: str, uids: Sequence[int], since: datetime | None
    ) -> AsyncIterator[tuple[Page, int]]:
        """These mails as pages, each with its last uid. `since`: none that came before."""
        for start in range(0, len(uids), PAGE):
            some = uids[start : start + PAGE]
            there = await imap.fetch(some, "INTERNALDATE RFC822.SIZE")
            wanted = [there[uid] for uid in some if uid in there and _is_since(there[uid], since)]
            for batch in _batches(wanted) or [[]]:
                last = batch[-1].uid if batch and batch[-1] is not wanted[-1] else some[-1]
                mentions, rejected = await self._mails(imap, batch, sent=name == self._sent)
                yield Page(f"{name} {some[0]}:{some[-1]}", mentions, rejected), last

    async def _mails(
        self, imap: Imap, batch: Sequence[Fetched], *, sent: bool
    ) -> tuple[list[NewMention], list[Rejected]]:
        bodies = await _whole(imap, [one.uid for one in batch if one.size <= WHOLE])
        for one in batch:
            if one.size > WHOLE:
                bodies |= await _some(imap, one.uid, f"BODY.PEEK[]<0.{BEGINNING}>")
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for one in batch:
            if one.uid not in bodies:
                continue  # gone since we asked how large it is
            body = bodies[one.uid]
            if isinstance(body, str):
                rejected.append(Rejected(f"uid {one.uid}", body, b""))
                continue
            cut = f"a mail of {one.size // 1024 // 1024} MB, read as far as here" if one.size > WHOLE else ""
            at = one.arrived_at or datetime.now(UTC)
            try:
                mention = await asyncio.to_thread(received, body, at=at, own=self._own, cut=cut, sent=sent)
            except ValueError as error:
                rejected.append(Rejected(f"uid {one.uid}", str(error), body[: fields.RAW_LIMIT]))
            else:
                mentions.append(mention)
        return mentions, rejected


async def _whole(imap: Imap, uids: Sequence[int]) -> dict[int, bytes | str]:
    """Mails by uid; the words of the server for one that it cannot give, which must not keep back the others."""
    if not uids:
        return {}
    try:
        found = await imap.fetch(uids, "BODY.PEEK[]")
    except Refusal:
        each = [await _some(imap, uid, "BODY.PEEK[]") for uid in uids]
        return {uid: body for one in each for uid, body in one.items()}
    return {uid: one.body for uid, one in found.items() if one.body is not None}


async def _some(imap: Imap, uid: int, items: str) -> dict[int, bytes | str]:
    try:
        found = await imap.fetch([uid], items)
    except Refusal as error:
        return {uid: f"the server does not give it ({error})"}
    return {uid: one.body for uid, one in found.items() if one.body is not None}


def _marked(bookmark: JsonObject, box: Box, backfill: timedelta | None, now: datetime) -> JsonObject:
    if bookmark.get("validity") == box.validity:
        return dict(bookmark)
    since = bookmark.get("since", "" if backfill is None else (now - backfill).isoformat())
    return {"validity": box.validity, "newest": box.top, "walked": 0, "until": box.top, "since": since}


def _batches(mails: Sequence[Fetched]) -> list[list[Fetched]]:
    """As many at a time as memory bears."""
    batches: list[list[Fetched]] = []
    weight = 0
    for mail in mails:
        weight += min(mail.size, WHOLE)
        if not batches or weight > PAGE_BYTES:
            batches.append([])
            weight = min(mail.size, WHOLE)
        batches[-1].append(mail)
    return batches


def _is_since(mail: Fetched, since: datetime | None) -> bool:
    return since is None or mail.arrived_at is None or mail.arrived_at >= since


def _day(at: datetime) -> str:
    """As IMAP writes it, whatever language the machine speaks."""
    return f"{at.day}-{MONTHS[at.month - 1]}-{at.year}"


def _is_server(address: str, schemes: Sequence[str]) -> bool:
    return is_whole(address, schemes) and "@" not in address
