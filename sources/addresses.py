"""Web addresses and IP addresses: what may be dialled, what may be shown, what counts as the same host. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from store.domain.safetext import safe_line

PORTS = {"http": 80, "https": 443}
URL_LIMIT = 4_096
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# For protocols and for documents; Python's table knows them only since 3.13.
RESERVED = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "3fff::/20")))
ISATAP = (0x5EFE, 0x0200_5EFE)  # the upper half of an interface's id that holds an IPv4 address (RFC 5214)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when an IPv4 address hides in an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None and int(ip) >> 32 & 0xFFFFFFFF in ISATAP:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in network for network in RESERVED if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def is_web(url: str) -> bool:
    """Whether it is a whole http(s) address."""
    return is_whole(url, PORTS)


def is_whole(url: str, schemes: Collection[str]) -> bool:
    """Whether an address has one of these schemes, a host and no impossible port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)


def kept_link(url: str) -> str:
    """A link that strangers name, as it is stored: only what a browser may be given, anything else is dropped."""
    url = safe_line(url, limit=URL_LIMIT)
    return url if url.lower().startswith(("http://", "https://")) and " " not in url else ""


def shown(url: str) -> str:
    """A URL as errors and the ledger may show it: scheme://host/path, without user, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the address"
    return re.sub(r"[^\x21-\x7e]", "?", f"{parts.scheme}://{host}{parts.path}")[:200]


def same_host(old: str, new: str) -> bool:
    """Whether a redirect stays where it was asked: one scheme, host and port, or the same host going up to https."""
    before, after = _origin(old), _origin(new)
    upgraded = before[0] == after[0] and before[1:] == ("http", 80) and after[1:] == ("https", 443)
    return before == after or upgraded


def without_user(url: str) -> str:
    """Raises ValueError where it is no address."""
    parts = urlsplit(url)
    _ = parts.port
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


def host_and_port(name: str) -> tuple[str, int | None]:
    """A name of a host, with or without a port, as the network backend will see it."""
    try:
        parts = urlsplit(f"//{name.rpartition('@')[2]}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return name.lower(), None
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return host, port


def _origin(url: str) -> tuple[str | None, str, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.scheme, parts.port or PORTS.get(parts.scheme)
