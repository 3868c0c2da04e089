"""`RedisState`: shared state in a Redis or Valkey, 6.2 or later, for processes on any number of machines.

Each method is one round trip: a script in Lua, which the server runs as a whole and which takes the time from the
server's clock. All keys begin with one prefix in braces, so that a cluster keeps them in one place. Everything has a
life and goes by itself; access tokens are stored as they are, so protect this server as you protect the secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pushgateway.databases.redis import RedisDatabase
from pushgateway.model.secret import safe_repr
from pushgateway.state.protocol import (
    MOST_ANNOUNCEMENTS,
    MOST_POSTED,
    POSTED_AT_ONCE,
    RELEASED,
    Awaited,
    Claim,
    Contents,
    Exchanged,
    LoginResult,
    LoginTurn,
    Portion,
    Wish,
)

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_EXCHANGE: Final = f"""{_NOW}
local owner, hold, known = ARGV[1], tonumber(ARGV[2]), ARGV[3]
redis.call('ZADD', KEYS[1], now + hold, owner)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], hold)
local version = redis.call('GET', KEYS[3]) or '0'
local awaited = tonumber(redis.call('GET', KEYS[4]) or '0')
local posted = redis.call('LPOP', KEYS[5], ARGV[4]) or {{}}
local answer = {{redis.call('ZCARD', KEYS[1]), version, false, awaited, posted}}
if version ~= known then
  answer[3] = redis.call('HGETALL', KEYS[2])
  for i = 2, #answer[3], 2 do
    local ends = tonumber(answer[3][i])
    if math.abs(ends) <= now then
      redis.call('HDEL', KEYS[2], answer[3][i - 1])
      answer[3][i] = ''
    elseif ends < 0 then
      answer[3][i] = '0'
    else
      answer[3][i] = tostring(ends - now)
    end
  end
end
for i = 7, #KEYS do
  local at = 5 + (i - 7) * 3
  local rate, demand, portion = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local taken, one = 0, {{}}
  local held = redis.call('HGETALL', KEYS[i])
  for j = 1, #held, 2 do
    local its, has, ends = string.match(held[j + 1], '(%S+) (%S+) (%S+)')
    if tonumber(ends) <= now then
      redis.call('HDEL', KEYS[i], held[j])
    elseif held[j] ~= owner then
      taken = taken + tonumber(has)
      one[#one + 1] = its
    end
  end
  local granted = math.max(0, math.min(portion, rate - taken))
  if demand > 0 then
    local line = string.format('%.17g %.17g %.0f', demand, granted, now + hold)
    redis.call('HSET', KEYS[i], owner, line)
    redis.call('PEXPIRE', KEYS[i], hold)
    redis.call('SADD', KEYS[6], KEYS[i])
    redis.call('PEXPIRE', KEYS[6], 86400000)
  else
    redis.call('HDEL', KEYS[i], owner)
  end
  table.insert(one, 1, string.format('%.17g', granted))
  answer[#answer + 1] = one
end
return answer
"""
"""It begins with what a full server refuses (ZADD), so that such a server counts as gone in every call.

KEYS: processes (by the end of their hold), closed quotas (by key, when they end; negative: opened again), their
version, number of announcements, what was posted to the process, the set of the rates with portions, then one for each
wish (by process: demand, portion and end). Times in milliseconds."""

_CLOSE: Final = f"""{_NOW}
local ends = now + ARGV[2]
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if ARGV[3] == '1' then
  ends = -ends
elseif before > ends then
  ends = before
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', ends))
local version = tonumber(redis.call('GET', KEYS[2]) or '0')
redis.call('INCRBY', KEYS[2], string.format('%.0f', math.max(1, now - version)))
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ARGV[2] + 86400000 then
    redis.call('PEXPIRE', key, ARGV[2] + 86400000)
  end
end
"""
"""KEYS: closed quotas, their version. ARGV: key, milliseconds, 1 if it is opened. The version is the time, so that a
server that has lost it does not count up to one again that a process knows."""

_BEGIN_LOGIN: Final = """
local token = redis.call('GET', KEYS[1])
if token and string.sub(token, 1, string.find(token, ' ') - 1) ~= ARGV[2] then
  return {'token', token, redis.call('PTTL', KEYS[1])}
end
local failure = redis.call('GET', KEYS[2])
if failure then
  return {'failed', failure, redis.call('PTTL', KEYS[2])}
end
local owner = redis.call('GET', KEYS[3])
if not owner or owner == ARGV[1] then
  redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3])
  redis.call('SADD', KEYS[4], ARGV[4])
  redis.call('PEXPIRE', KEYS[4], 2678400000)
  return {'yours', '', 0}
end
return {'busy', '', redis.call('PTTL', KEYS[3])}
"""
"""KEYS: token, failure, hold, set of logins. ARGV: owner, mark, hold in milliseconds, name of the login. Token and
failure are stored as "mark text"."""

_EXTEND_LOGIN: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
"""

_END_LOGIN: Final = """
if redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return
end
redis.call('DEL', KEYS[3])
if ARGV[4] == '0' then
  return
end
if ARGV[2] == '' then
  redis.call('SET', KEYS[2], ' ' .. ARGV[3], 'PX', ARGV[4])
else
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[3], 'PX', ARGV[4])
end
"""
"""KEYS: token, failure, hold. ARGV: owner, mark, text, milliseconds; 0: only the hold ends."""

_CLAIM: Final = """
local claims = {}
for i, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if not owner or owner == ARGV[1] then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
    claims[i] = 'new'
  else
    claims[i] = owner == '' and 'known' or 'busy'
  end
end
return claims
"""
"""KEYS: receipts; each holds its owner, or nothing once it was kept."""

_SETTLE: Final = """
for _, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if not owner or owner == ARGV[1] then
    if tonumber(ARGV[2]) > 0 then
      redis.call('SET', key, '', 'PX', ARGV[2])
    else
      redis.call('DEL', key)
    end
  end
end
"""

_FORGET_AWAITED: Final = f"""{_NOW}
while true do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not first or tonumber(string.match(first, '^%d+')) > now then
    break
  end
  redis.call('ZREM', KEYS[1], first)
end
"""
"""KEYS: announcements by number, each as "end number text"."""

_AWAIT: Final = f"""{_FORGET_AWAITED}
local number = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], 86400000)
redis.call('ZADD', KEYS[1], number, string.format('%.0f %.0f ', now + ARGV[2], number) .. ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""KEYS: announcements, their number. ARGV: process and names in lines, milliseconds, how many are kept."""

_AWAITED: Final = f"""{_FORGET_AWAITED}
local found = {{}}
for _, one in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])) do
  local ends, number, text = string.match(one, '^(%d+) (%d+) (.*)$')
  found[#found + 1] = {{tonumber(number), ends - now, text}}
end
return found
"""

_POST: Final = """
for i, key in ipairs(KEYS) do
  redis.call('RPUSH', key, ARGV[i + 2])
  redis.call('LTRIM', key, -tonumber(ARGV[2]), -1)
  redis.call('PEXPIRE', key, ARGV[1])
end
"""
"""KEYS: for each text that of its process. ARGV: milliseconds, how many of one process are kept, the texts."""

_COUNTED: Final = 1_000_000
"""Keys of the database up to which receipts are counted: it takes about 3 seconds, because Redis can only be looked
through as a whole."""
_LONGEST: Final = 1e15
"""Stands for a demand or a portion without an end, which Lua could not read."""


@safe_repr
class RedisState:
    """Shared state in a Redis or Valkey."""

    def __init__(self, database: RedisDatabase, *, prefix: str = "pushgateway") -> None:
        """`prefix`: of all keys. Processes with different prefixes share nothing; give one to each environment that
        uses the same server, such as production and staging. The database is closed by `aclose`."""
        self.name = database.name
        self._database = database
        self._prefix = prefix
        self._scripts: dict[str, Any] = {}

    def _key(self, *parts: str) -> bytes:
        return ":".join((f"{{{self._prefix}}}", *parts)).encode("utf-8", "surrogatepass")

    async def _run(self, script: str, keys: Sequence[bytes], *arguments: str | int | bytes) -> Any:
        made = self._scripts.get(script)
        if made is None:
            made = self._scripts[script] = self._database.client.register_script(script)
        return await self._database.answer(made(keys=keys, args=arguments))

    async def exchange(self, owner: str, wishes: Sequence[Wish], *, hold: float, known: int) -> Exchanged:
        """See `SharedState`."""
        keys = [self._key("processes"), self._key("closed"), self._key("version")]
        keys += [self._key("announcements"), self._key("posted", owner), self._key("rates")]
        arguments: list[str | int] = [owner, _milliseconds(hold), known, POSTED_AT_ONCE]
        for wish in wishes:
            keys.append(self._key("rate", wish.key))
            arguments += [repr(min(number, _LONGEST)) for number in (wish.rate, wish.demand, wish.portion)]
        processes, version, closed, awaited, posted, *portions = await self._run(_EXCHANGE, keys, *arguments)
        return Exchanged(
            processes=processes,
            version=int(version),
            closed=None if closed is None else _closed(closed),
            portions=tuple(Portion(float(first), tuple(map(float, rest))) for first, *rest in portions),
            awaited=awaited,
            posted=tuple(text.decode() for text in posted),
        )

    async def leave(self, owner: str, rates: Sequence[str]) -> None:
        """See `SharedState`."""
        async with self._database.client.pipeline(transaction=False) as pipeline:
            pipeline.zrem(self._key("processes"), owner)
            for key in rates:
                pipeline.hdel(self._key("rate", key), owner)
            await self._database.answer(pipeline.execute())

    async def close_quota(self, key: str, seconds: float) -> None:
        """See `SharedState`."""
        await self._run(_CLOSE, [self._key("closed"), self._key("version")], _text(key), _milliseconds(seconds), 0)

    async def open_quota(self, key: str) -> None:
        """See `SharedState`."""
        await self._run(_CLOSE, [self._key("closed"), self._key("version")], _text(key), _milliseconds(RELEASED), 1)

    def _login_keys(self, key: str) -> list[bytes]:
        return [self._key("login", kind, key) for kind in ("token", "failure", "hold")]

    async def begin_login(self, key: str, owner: str, *, mark: str, hold: float) -> LoginTurn:
        """See `SharedState`."""
        keys = [*self._login_keys(key), self._key("logins")]
        kind, text, left = await self._run(_BEGIN_LOGIN, keys, owner, mark, _milliseconds(hold), _text(key))
        return LoginTurn(kind=kind.decode(), text=text.partition(b" ")[2].decode(), seconds=max(0, left) / 1000)

    async def extend_login(self, key: str, owner: str, *, hold: float) -> None:
        """See `SharedState`."""
        await self._run(_EXTEND_LOGIN, [self._key("login", "hold", key)], owner, _milliseconds(hold))

    async def end_login(self, key: str, owner: str, result: LoginResult) -> None:
        """See `SharedState`."""
        life = _milliseconds(result.seconds) if result.seconds > 0 else 0
        await self._run(_END_LOGIN, self._login_keys(key), owner, result.mark, _text(result.text), life)

    async def claim_receipts(self, marks: Sequence[str], owner: str, *, hold: float) -> Sequence[Claim]:
        """See `SharedState`."""
        keys = [self._key("receipt", mark) for mark in marks]
        return [Claim(claim.decode()) for claim in await self._run(_CLAIM, keys, owner, _milliseconds(hold))]

    async def settle_receipts(self, marks: Sequence[str], owner: str, *, seconds: float) -> None:
        """See `SharedState`."""
        keys = [self._key("receipt", mark) for mark in marks]
        await self._run(_SETTLE, keys, owner, _milliseconds(seconds) if seconds > 0 else 0)

    async def await_receipts(self, owner: str, names: Sequence[str], *, seconds: float) -> None:
        """See `SharedState`."""
        keys = [self._key("awaited"), self._key("announcements")]
        await self._run(_AWAIT, keys, "\n".join((owner, *names)), _milliseconds(seconds), MOST_ANNOUNCEMENTS)

    async def awaited_receipts(self, known: int, *, most: int) -> Sequence[Awaited]:
        """See `SharedState`."""
        found = []
        for number, left, text in await self._run(_AWAITED, [self._key("awaited")], known, most):
            owner, *names = text.decode().split("\n")
            found.append(Awaited(number=number, owner=owner, names=tuple(names), seconds=left / 1000))
        return found

    async def post_receipts(self, posts: Sequence[tuple[str, str]], *, seconds: float) -> None:
        """See `SharedState`."""
        keys = [self._key("posted", owner) for owner, _ in posts]
        await self._run(_POST, keys, _milliseconds(seconds), MOST_POSTED, *[_text(text) for _, text in posts])

    async def contents(self) -> Contents:
        """See `SharedState`. It looks through all keys of the database, unless these are more than a million."""
        client: Any = self._database.client
        seconds, microseconds = await client.time()
        now = seconds * 1000 + microseconds // 1000
        found = await client.zrangebyscore(self._key("processes"), now, "+inf", withscores=True)
        closed = await client.hgetall(self._key("closed"))
        return Contents(
            processes={name.decode(): (ends - now) / 1000 for name, ends in found},
            logins=await self._logins(),
            closed={key.decode(): (int(ends) - now) / 1000 for key, ends in closed.items() if int(ends) > now},
            portions=await self._portions(now),
            receipts=await self._receipts(),
        )

    async def _portions(self, now: int) -> dict[str, dict[str, tuple[float, float]]]:
        client: Any = self._database.client
        names = list(await client.smembers(self._key("rates")))
        async with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)
            found = await pipeline.execute()
        start = len(self._key("rate", ""))
        portions: dict[str, dict[str, tuple[float, float]]] = {}
        for name, held in zip(names, found, strict=True):
            lines = {one.decode(): [float(number) for number in line.split(b" ")] for one, line in held.items()}
            those = {one: (demand, portion) for one, (demand, portion, ends) in lines.items() if ends > now}
            if those:
                portions[name[start:].decode()] = those
        return portions

    async def _receipts(self) -> int | None:
        client: Any = self._database.client
        if await client.dbsize() > _COUNTED:
            return None
        prefix = "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in self._prefix)
        count = 0
        async for _ in client.scan_iter(match=f"{{{prefix}}}:receipt:*".encode(), count=10_000):
            count += 1
        return count

    async def _logins(self) -> dict[str, LoginTurn]:
        client: Any = self._database.client
        logins: dict[str, LoginTurn] = {}
        for name in await client.smembers(self._key("logins")):
            key = name.decode()
            lives = [await client.pttl(one) for one in self._login_keys(key)]
            for kind, left in zip(("token", "failed", "busy"), lives, strict=True):
                if left > 0:
                    logins[key] = LoginTurn(kind=kind, seconds=left / 1000)  # type: ignore[arg-type]
                    break
            else:
                await client.srem(self._key("logins"), name)
        return logins

    async def aclose(self) -> None:
        """See `SharedState`."""
        await self._database.aclose()

    def __repr__(self) -> str:
        return f"RedisState({self.name!r})"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _closed(fields: Sequence[bytes]) -> dict[str, float]:
    pairs = zip(fields[::2], fields[1::2], strict=True)
    return {key.decode(): float(left) / 1000 for key, left in pairs if left}
