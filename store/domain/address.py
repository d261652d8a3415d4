"""Web addresses of posts: which two lead to the same post, and what an address alone tells of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

# Names before a host under which the same pages stand.
_FRONTS = ("www.", "m.", "mobile.", "amp.", "touch.", "mbasic.", "old.", "new.", "np.")
_SAME_HOST = {"twitter.com": "x.com", "nitter.net": "x.com", "youtube-nocookie.com": "youtube.com"}
# What is put behind an address to follow who clicked it.
_TRACKING = re.compile(
    r"utm_\w*|fbclid|gclid|dclid|msclkid|yclid|igshid|igsh|mc_[ce]id|_hs\w+|ref|ref_src|ref_url|ref_source|"
    r"si|feature|share_id|context|source|cmpid|spm|ocid|ncid|rdid|mibextid|wt_mc|at_medium|at_campaign"
)
_POST_OF_BLUESKY = re.compile(r"/profile/([^/]+)/post/([2-7a-z]{13})")
_POST_OF_MASTODON = re.compile(r"/(?:web/)?@[^/]+/(\d{15,20})")
_TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_OLDEST = datetime(2006, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Address:
    """An address without what does not count: scheme, www. and mobile hosts, a last slash, tracking parameters.
    `anchor` is the part behind "#" where it names a thing on the page."""

    host: str
    path: str
    query: str
    anchor: str

    def leads_to(self, other: Address) -> bool:
        """Whether this one, as a person has it, is that one, as a network gave it: an anchor may be left over."""
        same = (self.host, self.path, self.query) == (other.host, other.path, other.query)
        return same and (self.anchor == other.anchor or not other.anchor)

    def beginnings(self) -> Iterator[str]:
        """With one of these the address as a network gave it begins."""
        hosts = [self.host, *(old for old, new in _SAME_HOST.items() if new == self.host)]
        query = f"?{self.query}" if self.query else ""
        for scheme in ("https", "http"):
            for host in hosts:
                for front in ("", *_FRONTS):
                    yield f"{scheme}://{front}{host}{self.path}{query}"
                    if query:
                        yield f"{scheme}://{front}{host}{self.path}/{query}"


def address(url: str) -> Address | None:
    """None where it is no web address. The scheme may be missing."""
    whole = url if re.match(r"[a-zA-Z][a-zA-Z0-9+.\-]*://", url) else f"https://{url}"
    if whole is not url and "@" in url.partition("/")[0]:  # somebody's mail address or a Message-ID
        return None
    try:
        parts = urlsplit(whole)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or ("." not in host and port is None):
        return None
    for front in _FRONTS:
        if host.startswith(front) and host.count(".") > 1:
            host = host.removeprefix(front)
            break
    host = _SAME_HOST.get(host, host)
    path, kept = parts.path.rstrip("/"), parse_qsl(parts.query, keep_blank_values=True)
    if host == "youtu.be" and path.count("/") == 1:
        host, kept, path = "youtube.com", [("v", path[1:]), *kept], "/watch"
    # All that x.com puts behind an address is for following clicks, in names that mean something elsewhere.
    kept = [] if host == "x.com" else [pair for pair in kept if not _TRACKING.fullmatch(pair[0].lower())]
    anchor = "" if parts.fragment.startswith(":~:") else parts.fragment
    return Address(host if port in (None, 80, 443) else f"{host}:{port}", path, urlencode(kept), anchor)


def at_uri(url: str) -> str:
    """The at-uri of a Bluesky post whose address holds the author's did; "" for any other address."""
    found = address(url)
    post = _POST_OF_BLUESKY.fullmatch(found.path) if found is not None else None
    return f"at://{post[1]}/app.bsky.feed.post/{post[2]}" if post and post[1].startswith("did:") else ""


def is_fediverse(url: str) -> bool:
    """Whether it looks like a post on some Mastodon server."""
    found = address(url)
    return found is not None and _POST_OF_MASTODON.fullmatch(found.path) is not None


def written_at(name: str, *, now: datetime) -> datetime | None:
    """When a post was written, where its address or id tells it: Bluesky's TIDs hold microseconds
    (https://atproto.com/specs/tid), Mastodon's ids milliseconds (lib/mastodon/snowflake.rb)."""
    tid = re.search(r"/(?:post|app\.bsky\.feed\.post)/([2-7a-j][2-7a-z]{12})(?![^/?#])", name)
    found = address(name)
    status = _POST_OF_MASTODON.fullmatch(found.path) if found is not None else None
    if tid:
        number = 0
        for letter in tid[1]:
            number = number * 32 + _TID_LETTERS.index(letter)
        seconds = (number >> 10) / 1_000_000
    elif status:
        seconds = (int(status[1]) >> 16) / 1_000
    else:
        return None
    if not _OLDEST.timestamp() <= seconds <= now.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)
