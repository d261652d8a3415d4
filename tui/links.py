"""Links to posts: shown whole, opened only in a browser with a window of its own."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from sources.text.lookalikes import spelled
from store.domain.safetext import safe_line


def plain(url: str) -> str:
    """The link as it may be shown, copied and opened: http or https, its host as it is looked up (punycode where it is
    not ASCII), without a user's name, which could pass for a host. "" for anything else."""
    clean = safe_line(url, limit=2_000)
    try:
        parts = urlsplit(clean)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    # A browser decodes what is percent-encoded in a host, and takes a backslash for a slash.
    if parts.scheme not in ("http", "https") or not host or " " in clean or set(parts.netloc) & set("\\%"):
        return ""
    host = f"[{host}]" if ":" in host else spelled(host)
    authority = host if port is None else f"{host}:{port}"
    if parts.netloc.isascii() and authority == parts.netloc.lower():
        return clean
    before, slashes, after = clean.partition("//")
    return f"{before}{slashes}{authority}{after.removeprefix(parts.netloc)}"


def open_in_browser(url: str) -> str:
    """Open it where there is a desktop: a text browser would take the screen. Returns what happened, in words."""
    link = plain(url)
    if not link:
        return "this one has no link that can be opened"
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return f"no browser on this machine: {link}"
    import webbrowser

    return f"opened {link}" if webbrowser.open(link) else f"no browser could be started: {link}"
