"""The worker's lock on a server: an advisory lock of a session of its own. It ends with the process: the server sees
the connection close, and that of a host which vanished by its keepalives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg

from store.domain.errors import StoreError

T = TypeVar("T")
_KEY = "hashtext('earful.worker'), hashtext(current_schema())"
_USERS = "hashtext('earful.users'), hashtext(current_schema())"
SHARE = f"SELECT pg_try_advisory_lock_shared({_USERS})"  # every connection that reads or writes the store
ALONE = f"SELECT pg_try_advisory_lock({_USERS})"
_HOLDER = """
SELECT coalesce(a.application_name, '') FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.database = a.datid
AND a.datname = current_database() AND l.classid::bigint = hashtext(%s)::bigint & 4294967295
AND l.objid::bigint = hashtext(current_schema())::bigint & 4294967295
"""


class AdvisoryLock:
    """Who was refused keeps the session to ask again on, until `release`: a connection costs the server a process."""

    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._session: psycopg.AsyncConnection[Any] | None = None
        self._mine = False

    async def acquire(self) -> bool:
        if await self.held():
            return True
        try:
            row = await self._ask(lambda session: _one(session, f"SELECT pg_try_advisory_lock({_KEY})"))
        except psycopg.Error:
            row = None
        except BaseException:
            await self.release()
            raise
        self._mine = bool(row and row[0])
        return self._mine

    async def held(self) -> bool:
        if self._session is None or not self._mine:
            return False
        try:
            await self._session.execute("SELECT 1")
        except psycopg.Error:
            await self.release()
            return False
        return True

    async def holder(self) -> str:
        """As the holder's session names itself: "process 4711 on desk1"."""
        return await self._ask(lambda session: _holder(session, "earful.worker"))

    async def release(self) -> None:
        session, self._session, self._mine = self._session, None, False
        if session is not None:
            await session.close()

    async def _ask(self, question: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]) -> T:
        """On the session that is there, or on a new one where it broke: with it any lock is gone."""
        if self._session is not None:
            try:
                return await question(self._session)
            except psycopg.Error:
                await self.release()
        self._session = await self._connected()
        return await question(self._session)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        try:
            return await self._connect()
        except psycopg.Error as error:
            raise StoreError(f"the store's server cannot be reached: {str(error).splitlines()[0]}") from error


async def users(session: psycopg.AsyncConnection[Any]) -> str:
    """Somebody who has the store open, in words; "" where nobody has."""
    return await _holder(session, "earful.users")


async def _one(session: psycopg.AsyncConnection[Any], query: str, *values: str) -> Any:
    return await (await session.execute(query, values)).fetchone()


async def _holder(session: psycopg.AsyncConnection[Any], key: str) -> str:
    row = await _one(session, _HOLDER, key)
    if row is None:
        return ""
    process, _, host = row[0].rpartition(" ")[2].partition("@")
    return f"process {process} on {host}" if host else "somebody"
