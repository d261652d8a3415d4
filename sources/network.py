"""The way to the network: what was checked is what is dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sources.addresses import is_public

if TYPE_CHECKING:
    import httpcore

CONNECT_SECONDS = 10.0


class RefusedAddress(Exception):
    pass


class UnknownHost(Exception):
    pass


Named = frozenset[tuple[str, int | None]]


async def checked_addresses(host: str, port: int, named: Named) -> list[str]:
    """The IP addresses of a host, all of which may be dialled. Raises UnknownHost or RefusedAddress."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHost("the host name is not known") from None
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not addresses:
        raise UnknownHost("the host name has no address")
    is_named = (host.lower(), port) in named or (host.lower(), None) in named
    if not is_named and not all(is_public(address) for address in addresses):
        raise RefusedAddress("the address is private or reserved; only hosts that the configuration names may be such")
    return addresses


class CheckedNetwork:
    """The client's way to the network: resolves, checks every address, and dials a checked one, so that a name cannot
    change its mind between the check and the connection."""

    def __init__(self, named: Named) -> None:
        import httpcore

        self._named = named
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        import httpcore

        addresses = await self._addresses(host, port)
        # With several addresses a dead one must not eat the whole deadline.
        each = CONNECT_SECONDS if len(addresses) == 1 else CONNECT_SECONDS / 2
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, each, local_address, socket_options)

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise RefusedAddress("not a network address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        import httpcore

        try:
            return await checked_addresses(host, port, self._named)
        except UnknownHost as error:
            raise httpcore.ConnectError(str(error)) from None
