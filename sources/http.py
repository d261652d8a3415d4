"""The one fetch function, and the only module that imports the HTTP client (when the first request is made, because a
command that fetches nothing should not wait for it).

What it promises: the address that was checked is the one that is dialled, on every hop; one deadline for the whole
exchange; a bounded body through a bounded decompressor; redirects by hand; secrets go to the first host only, and into
no error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from sources.addresses import PORTS, host_and_port, same_host, shown, without_user
from sources.errors import BadAnswer, SourceError, Unauthorised, Uncertain, Unreachable
from sources.network import CONNECT_SECONDS, CheckedNetwork, RefusedAddress, UnknownHost, checked_addresses
from store.domain.clock import utcnow
from store.domain.secret import Secret

if TYPE_CHECKING:
    import ssl

    import httpcore
    import httpx

PER_HOST = 2
LONGEST_WAIT = timedelta(days=366)
SAFE = ("GET", "HEAD")  # methods that may be sent twice
# What a caller may have put among the plain headers, and must not follow a redirect to another host either.
PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})

for _logger in ("httpx", "httpcore"):  # below this they write whole URLs and headers, secrets included
    logging.getLogger(_logger).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: `url` is where it came from in the end, `permanent_url` the target of a chain of only 301/308
    redirects (what a feed should be asked at from now on), else "". Header names are lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    permanent_url: str = ""

    def json(self) -> Any:
        """Raises BadAnswer where the body is not JSON."""
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type").partition(";")[0][:60]
            raise BadAnswer(f"{shown(self.url)} answered {self.status} with {kind}, not with whole JSON") from None


@dataclass(frozen=True, slots=True)
class Request:
    """`secret_headers` go to the first host only, never across a redirect; `form` and `json` are bodies of a POST.
    `deadline` seconds for the whole exchange, redirects included; `limit` bytes of decoded body. `label` is what errors
    call it instead of scheme://host/path, for a URL whose path is itself a secret."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, Secret] = field(default_factory=dict)
    form: tuple[tuple[str, str], ...] | None = None
    json: Any = None
    content: bytes | None = None
    deadline: float = 30.0
    limit: int = 10 * 1024 * 1024
    redirects: int = 5
    label: str = ""


class Http:
    """The fetch function with its client. `named_hosts` ("host" or "host:port") are the hosts the configuration itself
    names: only those may be private or loopback addresses. At most two requests a host at a time, `pause` seconds
    between their starts; only what changes nothing goes over a connection that was used before. Use as an async context
    manager."""

    def __init__(self, named_hosts: Iterable[str] = (), *, pause: float = 0.1) -> None:
        self._named = frozenset(host_and_port(name) for name in named_hosts)
        self._pause = pause
        self._transports: dict[bool, httpx.AsyncHTTPTransport] = {}  # by whether their connections are used again
        self._opening = asyncio.Lock()
        self._slots: dict[str, _Slot] = {}
        self.skew: timedelta | None = None  # how far our clock is ahead of the last server's that told its time

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def fetch(self, request: Request) -> Answer:
        """Any HTTP status is an Answer; so is a redirect of a POST that is not a 307/308 on the same host.

        Raises Unreachable (no connection, refused address, time limit before the request left), Uncertain (the request
        left, no whole answer came), BadAnswer (too large, bad encoding, redirect loop) or Unauthorised (a secret that
        no header can carry).
        """
        trail = _Trail(request.label or shown(request.url))
        try:
            async with asyncio.timeout(request.deadline):
                return await self._follow(request, trail)
        except TimeoutError:
            raise trail.lost(f"no whole answer within {request.deadline:g} s") from None

    async def addresses(self, host: str, port: int) -> list[str]:
        """What may be dialled by hand, for what is not HTTP: the checked IP addresses of a host. Raises Unreachable."""
        try:
            return await checked_addresses(host, port, self._named)
        except (RefusedAddress, UnknownHost) as error:
            raise Unreachable(f"{host}: {error}") from None

    async def close(self) -> None:
        while self._transports:
            await self._transports.popitem()[1].aclose()

    async def _follow(self, request: Request, trail: _Trail) -> Answer:
        permanent, moved = "", True
        for hop in range(request.redirects + 1):
            answer = await self._exchange(request, trail)
            target = answer.headers.get("location", "")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return replace(answer, permanent_url=permanent)
            following = _redirected(request, answer.status, target, trail)
            if following is None:
                return answer
            moved = moved and answer.status in (301, 308)
            permanent = following.url if moved else ""
            request, trail.hops = following, hop + 1
        raise BadAnswer(f"{trail.where}: more than {trail.hops - 1} redirects")

    async def _exchange(self, request: Request, trail: _Trail) -> Answer:
        """One hop."""
        transport = await self._opened(again=request.method in SAFE)
        import httpx

        url = _web_url(request.url, trail)
        headers = {"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "gzip", **request.headers}
        headers |= _revealed(request.secret_headers, trail)
        trail.left = False
        try:
            built = httpx.Request(
                request.method,
                url.copy_merge_params(request.params) if request.params else url,
                headers=headers,
                data=_form(request.form),
                json=request.json,
                content=request.content,
                extensions={"timeout": {"connect": CONNECT_SECONDS}, "trace": trail.trace},
            )
            async with self._slot(url.netloc.decode("ascii")), _answered(transport, built) as response:
                body = await _body(response, request.limit, trail)
        except RefusedAddress as refused:
            raise Unreachable(f"{trail.where}: {refused}") from None
        except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeEncodeError):
            raise Unreachable(f"{trail.where}: a header or the address cannot be carried by HTTP") from None
        except httpx.ConnectError as error:
            raise Unreachable(f"{trail.where}: {_why_no_connection(error)}") from None
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Unreachable(f"{trail.where}: no connection within {CONNECT_SECONDS:g} s") from None
        except httpx.RemoteProtocolError:
            raise trail.lost("the answer was cut off or is not HTTP") from None
        except httpx.TransportError:
            raise trail.lost("the connection broke") from None
        self._compare_clocks(response.headers.get("date", ""))
        return Answer(response.status_code, str(url), dict(response.headers.items()), body)

    def _compare_clocks(self, date: str) -> None:
        with suppress(ValueError, TypeError, OverflowError):
            self.skew = utcnow() - parsedate_to_datetime(date).astimezone(UTC)

    async def _opened(self, *, again: bool) -> httpx.AsyncHTTPTransport:
        """What changes something gets a connection of its own: one that the server is just closing takes the request
        and gives no answer, and nobody could tell whether it was done."""
        async with self._opening:
            if again not in self._transports:  # in a thread: the import and the certificates take a tenth of a second
                self._transports[again] = await asyncio.to_thread(_transport, self._named, 8 if again else 0)
            return self._transports[again]

    @asynccontextmanager
    async def _slot(self, host: str) -> AsyncIterator[None]:
        slot = self._slots.setdefault(host, _Slot())
        async with slot.places:
            clock = asyncio.get_running_loop().time
            start = max(clock(), slot.free_at)
            slot.free_at = start + self._pause
            await asyncio.sleep(start - clock())
            yield


class _Slot:
    def __init__(self) -> None:
        self.places = asyncio.Semaphore(PER_HOST)
        self.free_at = 0.0


class _Trail:
    """Where a request stands, for the error it may end in: whether its bytes left the house, and how errors call it."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.left = False
        self.hops = 0

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self.left = True

    def lost(self, why: str) -> SourceError:
        return (Uncertain if self.left else Unreachable)(f"{self.where}: {why}")


def retry_after(headers: Mapping[str, str], *, now: datetime) -> datetime | None:
    """Retry-After (RFC 9110 section 10.2.3) as a time: seconds or an HTTP date. Never before `now`."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", value):
        return now + min(timedelta(seconds=float(value)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return min(max(at, now), now + LONGEST_WAIT)


@cache
def trust() -> ssl.SSLContext:
    """The certificates of certifi and those of this machine."""
    import ssl

    import certifi

    trust = ssl.create_default_context(cafile=certifi.where())
    trust.load_default_certs()
    return trust


def _transport(named_hosts: frozenset[tuple[str, int | None]], kept: int) -> httpx.AsyncHTTPTransport:
    """The client's transport alone: its upper layer keeps cookies, reads the environment and logs whole URLs. `kept`
    idle connections stay open to be used again."""
    import httpcore
    import httpx

    transport = httpx.AsyncHTTPTransport(verify=trust(), trust_env=False)
    # httpx has no public door to the network backend of its pool.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=trust(),
        max_connections=32,
        max_keepalive_connections=kept,
        keepalive_expiry=15.0,
        network_backend=cast("httpcore.AsyncNetworkBackend", CheckedNetwork(named_hosts)),
    )
    return transport


@cache
def user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("earful")
    except PackageNotFoundError:
        number = "dev"
    return f"earful/{number} (reads mentions for one support desk; obeys Retry-After)"


@asynccontextmanager
async def _answered(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    response = await transport.handle_async_request(request)
    try:
        yield response
    finally:
        await response.aclose()


def _redirected(request: Request, status: int, location: str, trail: _Trail) -> Request | None:
    """The request of the next hop; None where a POST must not be repeated there."""
    try:
        url = without_user(urljoin(request.url, location))
    except ValueError:
        raise BadAnswer(f"{trail.where}: redirected to something that is not an address") from None
    scheme = url.partition(":")[0]
    if scheme not in PORTS:
        raise BadAnswer(f"{trail.where}: redirected to something that is not http or https")
    if request.url.lower().startswith("https:") and scheme == "http":
        raise BadAnswer(f"{trail.where}: redirected from https to http, not followed")
    stays = same_host(request.url, url)
    if request.method not in SAFE and not (status in (307, 308) and stays):
        return None
    if stays:
        return replace(request, url=url, params=())
    kept = {name: value for name, value in request.headers.items() if name.lower() not in PRIVATE_HEADERS}
    return replace(request, url=url, params=(), headers=kept, secret_headers={})


def _web_url(text: str, trail: _Trail) -> httpx.URL:
    import httpx

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise Unreachable(f"{trail.where}: not an address") from None
    if url.scheme not in PORTS or not url.host:
        raise Unreachable(f"{trail.where}: only http and https addresses are asked")
    if url.userinfo:
        raise Unreachable(f"{trail.where}: an address must not hold a user or password; use `token`")
    return url


def _revealed(secrets: Mapping[str, Secret], trail: _Trail) -> dict[str, str]:
    revealed = {name: secret.reveal() for name, secret in secrets.items()}
    if not all(re.fullmatch(r"[\x20-\x7e]+", value) for value in revealed.values()):
        raise Unauthorised(f"{trail.where}: the token is empty or holds a character that no token has")
    return revealed


def _form(form: tuple[tuple[str, str], ...] | None) -> dict[str, list[str]] | None:
    if form is None:
        return None
    fields: dict[str, list[str]] = {}
    for name, value in form:
        fields.setdefault(name, []).append(value)
    return fields


def _why_no_connection(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE" in text.upper():
        return "the certificate is not trusted"
    return "the host name is not known" if "host name" in text else "no connection"


async def _body(response: httpx.Response, limit: int, trail: _Trail) -> bytes:
    """The decoded body. One gzip layer at most, inflated in bounded steps: a bomb ends at `limit`, not in memory."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise BadAnswer(f"{trail.where}: an encoding that was not asked for")
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding.endswith("gzip") else None
    body, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        while chunk and inflate is not None and len(body) <= limit:
            try:
                body += inflate.decompress(chunk, limit + 1 - len(body))
            except zlib.error:
                raise BadAnswer(f"{trail.where}: damaged gzip") from None
            chunk = inflate.unconsumed_tail or inflate.unused_data
            if inflate.eof and chunk:  # gzip files may stand one after the other
                inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        if inflate is None:
            body += chunk
        if max(len(body), received) > limit:
            raise BadAnswer(f"{trail.where}: more than {limit:,} bytes")
    if inflate is not None and received and not inflate.eof:
        raise trail.lost("the answer was cut off")
    return bytes(body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
