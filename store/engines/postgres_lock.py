"""The worker's lock on a server: an advisory lock of a session of its own. It ends with the process: the server sees
the connection close, and that of a host which vanished by its keepalives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from store.domain.errors import StoreError

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
    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._session: psycopg.AsyncConnection[Any] | None = None

    async def acquire(self) -> bool:
        if self._session is not None and await self.held():
            return True
        session = await self._connected()
        try:
            row = await (await session.execute(f"SELECT pg_try_advisory_lock({_KEY})")).fetchone()
        except psycopg.Error:
            row = None
        except BaseException:
            await session.close()
            raise
        if not row or not row[0]:
            await session.close()
            return False
        self._session = session
        return True

    async def held(self) -> bool:
        if self._session is None:
            return False
        try:
            await self._session.execute("SELECT 1")
        except psycopg.Error:
            await self.release()
            return False
        return True

    async def holder(self) -> str:
        """As the holder's session names itself: "process 4711 on desk1"."""
        session = self._session or await self._connected()
        try:
            return await _holder(session, "earful.worker")
        finally:
            if session is not self._session:
                await session.close()

    async def release(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        try:
            return await self._connect()
        except psycopg.Error as error:
            raise StoreError(f"the store's server cannot be reached: {str(error).splitlines()[0]}") from error


async def users(session: psycopg.AsyncConnection[Any]) -> str:
    """Somebody who has the store open, in words; "" where nobody has."""
    return await _holder(session, "earful.users")


async def _holder(session: psycopg.AsyncConnection[Any], key: str) -> str:
    row = await (await session.execute(_HOLDER, (key,))).fetchone()
    if row is None:
        return ""
    process, _, host = row[0].rpartition(" ")[2].partition("@")
    return f"process {process} on {host}" if host else "somebody"
