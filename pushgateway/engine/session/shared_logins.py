"""One login for all processes: the access token of a login is taken from the shared state, or fetched by one process.

Whoever needs a token asks the store. It answers with the token, with "log in" to one process at a time, with "another
one is logging in", or with the failure of another process a moment ago, so that several processes do not try one after
the other while their pushes wait. The turn to log in ends after `HOLD` seconds unless it is extended: a process that is
killed while it logs in delays the others by seconds. If the store is gone, each process logs in by itself.

Used by `AccessTokens`, for logins that several certificates or processes can have in common.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.state.guard import GuardedState
from pushgateway.state.protocol import LoginResult, LoginTurn
from pushgateway.vendor import AccessToken
from pushgateway.vendor.refusals import ClockSkew, NoVerdict, Refused

HOLD = 3.0
"""Seconds for which one process has the turn to log in, unless it extends that."""
EXTENDED = 1.0
"""Seconds after which it does, again and again."""
LONGEST = 60.0
"""Seconds for which it does at most."""
POLL = 0.1
"""Seconds until a process asks again while another one logs in."""
RETRYING = 1.2
"""Seconds for which a process asks a store that does not answer, before it logs in by itself: one late answer must not
cost a login that ends the access token of the others. The store is probed once in that time."""
FAILED = 2.0
"""Seconds for which the failure of a login is that of all processes."""
REFUSED = 60.0
"""The same where the vendor refused the credentials."""


def mark_of(access: AccessToken) -> str:
    """A digest of an access token, by which processes name it."""
    text = access.value.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=12, person=b"pushgateway").hexdigest()


@safe_repr
class SharedLogins:
    """The access tokens in the shared state, as one process uses them."""

    def __init__(self, guard: GuardedState, owner: str, rng: random.Random) -> None:
        """`owner`: what the other processes call this one."""
        self._guard = guard
        self._owner = owner
        self._rng = rng

    async def obtain(
        self, key: str, unwanted: str, login: Callable[[], Awaitable[tuple[AccessToken, float]]]
    ) -> tuple[AccessToken, float]:
        """An access token and the seconds that it still lives: another process's, or that of `login`.

        `key`: of the login, the same in all processes. `unwanted`: the mark of a token that the vendor refused or that
        is to be renewed; "" for none. Raises what `login` raises, here or in another process a moment ago.
        """
        time = asyncio.get_running_loop().time
        until = time() + RETRYING
        while True:
            turn = await self._guard.ask(
                lambda state: state.begin_login(key, self._owner, mark=unwanted, hold=HOLD),
            )
            if turn is None:
                if time() >= until:
                    return await login()
                await asyncio.sleep(POLL)
            elif turn.kind == "token" and (found := _decode_token(turn)) is not None:
                return found
            elif turn.kind == "failed":
                raise _decode_failure(turn)
            elif turn.kind == "busy":
                until = time() + RETRYING
                await asyncio.sleep(min(turn.seconds, POLL) * self._rng.uniform(0.5, 1.0))
            else:
                return await self._log_in(key, login)

    async def _log_in(
        self, key: str, login: Callable[[], Awaitable[tuple[AccessToken, float]]]
    ) -> tuple[AccessToken, float]:
        keeping = asyncio.get_running_loop().create_task(self._keep(key))
        try:
            access, seconds = await login()
            result = LoginResult(text=_encode_token(access), seconds=seconds, mark=mark_of(access))
        except (Refused, NoVerdict) as failed:
            await self._end(key, _encode_failure(failed))
            raise
        except BaseException:  # cancelled: the gateway is closed, and another process may log in
            await self._end(key, LoginResult(text="", seconds=0.0))
            raise
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
        await self._end(key, result)
        return access, seconds

    async def _end(self, key: str, result: LoginResult) -> None:
        await self._guard.ask(lambda state: state.end_login(key, self._owner, result))

    async def _keep(self, key: str) -> None:
        for _ in range(round(LONGEST / EXTENDED)):
            await asyncio.sleep(EXTENDED)
            await self._guard.ask(lambda state: state.extend_login(key, self._owner, hold=HOLD))


def _encode_token(access: AccessToken) -> str:
    return json.dumps({"value": access.value, "lifetime": access.lifetime, "created_at": access.created_at})


def _decode_token(turn: LoginTurn) -> tuple[AccessToken, float] | None:
    """None for what another version wrote and this one cannot read."""
    try:
        read = json.loads(turn.text)
        value, lifetime, created_at = read["value"], float(read["lifetime"]), read["created_at"]
        created_at = None if created_at is None else float(created_at)
    except (ValueError, TypeError, KeyError):
        return None
    return (AccessToken(value, lifetime, created_at), turn.seconds) if isinstance(value, str) and value else None


def _encode_failure(failed: Refused | NoVerdict) -> LoginResult:
    """With our own sentence about it, and nothing that the vendor wrote but its code."""
    if isinstance(failed, ClockSkew):  # the clocks of the others may be right
        return LoginResult(text="", seconds=0.0)
    said: dict[str, Any] = {"detail": failed.detail}
    seconds = FAILED
    if isinstance(failed, Refused):
        said |= {"reason": failed.reason.value, "code": failed.code}
        seconds = max(REFUSED if failed.reason is Reason.CREDENTIALS else FAILED, failed.retry_after or 0.0)
    return LoginResult(text=json.dumps(said), seconds=min(seconds, REFUSED))


def _decode_failure(turn: LoginTurn) -> Refused | NoVerdict:
    try:
        said = json.loads(turn.text)
        detail, reason, code = str(said["detail"]), said.get("reason"), said.get("code")
        reason = None if reason is None else Reason(reason)
    except (ValueError, TypeError, KeyError, AttributeError):
        detail, reason, code = "", Reason.UNAVAILABLE, None
    detail = f"another process could not log in: {detail}" if detail else "another process could not log in"
    if reason is None:
        return NoVerdict(detail, sent=False)
    return Refused(reason, code, retry_after=turn.seconds, detail=detail, about="login")
