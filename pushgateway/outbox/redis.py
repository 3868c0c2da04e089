"""`RedisStore`: the outbox in a Redis or Valkey, 6.2 or later, for processes on any number of machines.

Each method is one round trip: a script in Lua, which the server runs as a whole. All keys begin with one prefix in
braces, so that a cluster keeps them in one place. An entry is a hash; sorted sets say in which order entries of one
certificate and priority are due. Not Redis streams: a consumer group knows neither priorities nor a later `due`, cannot
take out the pushes of one user, and accepts the acknowledgement of a worker that has lost its lease.

How durable it is, the server decides: `appendonly yes` with `appendfsync always` loses nothing, with `everysec` up to a
second, and without an append-only file much more. `maxmemory-policy` must be `noeviction`. `open` warns where there is
no append-only file, or keys may be evicted. Needs the extra `redis`; imported when it is used.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from pushgateway.databases.redis import RedisDatabase
from pushgateway.model.errors import LoopError, StoreError, StoreFull
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.clock import ServerClock
from pushgateway.outbox.store import (
    Ask,
    Counts,
    Done,
    Entry,
    IdsTaken,
    Later,
    Leased,
    SettleTimes,
    StoredLetter,
    StoredResult,
    Whose,
    Withdrawn,
)
from pushgateway.outbox.verdicts import EXPIRED, EXPIRED_IN_DOUBT, WITHDRAWN

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

PREFIX: Final = "{pushgateway:outbox}:"

# The keys, behind the prefix: `n` the last number; `i` dedupe id -> number; `e:<number>` an entry; `c` certificates
# with waiting entries; `w:<priority>:<certificate>` its waiting and leased entries by `due`; `h:<certificate>` the
# leased ones of these by the end of their lease; `o:<certificate>` by `put_at`; `s` suspects by `due` (not in `w`); `x`
# by `expires`; `v` withdrawn ones that a worker has, by the end of its lease; `d` results by `due`; `r` remembered ids
# by their end; `l` dead letters by dedupe id; `u:<user>` and `t:<device>` their entries; `k` counts of results and dead
# letters of each certificate. Numbers have 15 digits, so that entries with the same `due` are in the order of `put`.
# Where `get` finds nothing, the server has evicted the entry: what is left of it is removed, so that the others go on.
_COMMON: Final = """
local P = KEYS[1]
local function call(...) return redis.call(...) end
local function key(id) return P .. 'e:' .. id end
local function get(id, ...) return call('HMGET', key(id), ...) end
local function queue(p, c) return P .. 'w:' .. p .. ':' .. c end
-- What is taken out is collected, and taken out with one call for each set at the end of a script (`flush`).
local out, counted = {}, {}
local function drop(command, set, member)
  local name = command .. ' ' .. set
  if not out[name] then out[name] = {command, set} end
  out[name][#out[name] + 1] = member
end
local function count(c, what, n) counted[what .. c] = (counted[what .. c] or 0) + n end
local function flush()
  for _, one in pairs(out) do
    for at = 3, #one, 1000 do
      call(one[1], one[2], unpack(one, at, math.min(at + 999, #one)))
    end
  end
  for name, n in pairs(counted) do
    if n ~= 0 and call('HINCRBY', P .. 'k', name, n) == 0 then call('HDEL', P .. 'k', name) end
  end
  for _, one in pairs(out) do
    local c = string.match(one[2], '^' .. string.gsub(P, '%p', '%%%0') .. 'o:(.*)$')
    if c and call('ZCARD', one[2]) == 0 then call('SREM', P .. 'c', c) end
  end
end
local function join(id, c, p, due, put_at, expires)
  call('ZADD', queue(p, c), due, id)
  call('ZADD', P .. 'o:' .. c, put_at, id)
  if expires ~= '' then call('ZADD', P .. 'x', expires, id) end
  call('SADD', P .. 'c', c)
end
local function leave(id, c, p, expires, lost)
  drop('ZREM', P .. 'o:' .. c, id)
  drop('ZREM', P .. 'h:' .. c, id)
  drop('ZREM', lost == '0' and queue(p, c) or P .. 's', id)
  if expires ~= '' then drop('ZREM', P .. 'x', id) end
end
local function disown(id, user, device)
  if user and user ~= '' then drop('SREM', P .. 'u:' .. user, id) end
  if device and device ~= '' then drop('SREM', P .. 't:' .. device, id) end
end
local function forget(id)
  local e = get(id, 'dedupe_id', 'user', 'device')
  disown(id, e[2], e[3])
  drop('HDEL', P .. 'i', e[1])
  call('DEL', key(id))
end
local function remember(id, till)
  local e = get(id, 'user', 'device')
  disown(id, e[1], e[2])
  call('HDEL', key(id), 'content', 'token', 'context', 'user', 'device', 'outcome')
  call('HSET', key(id), 'state', 3)
  call('ZADD', P .. 'r', till, id)
end
local function finish(id, outcome, dead, due, keep, till, now)
  local e = get(id, 'certificate_id', 'priority', 'digest', 'dedupe_id', 'expires', 'lost', 'state')
  if e[7] == '1' then drop('ZREM', P .. 'v', id) else leave(id, e[1], e[2], e[5], e[6]) end
  if dead then
    call('HSET', key(id), 'dead', 1, 'outcome', outcome, 'since', now, 'state', keep and 2 or 4)
    call('ZADD', P .. 'l', 0, e[4])
    count(e[1], 'dead:', 1)
  elseif keep then
    call('HSET', key(id), 'outcome', outcome, 'since', now, 'content', '', 'state', 2)
  elseif e[3] == '' then
    forget(id)
  else
    remember(id, till)
  end
  if keep then
    call('ZADD', P .. 'd', due, id)
    count(e[1], 'results:', 1)
  end
end
local function unfinish(id, c)
  drop('ZREM', P .. 'd', id)
  count(c, 'results:', -1)
end
local function revive(id, dedupe_id, c, state)
  drop('ZREM', P .. 'l', dedupe_id)
  count(c, 'dead:', -1)
  if state == '2' then unfinish(id, c) end
end
"""

_FREEING: Final = f"""{_COMMON}
call('DEL', P .. 'none')
"""
"""The same for scripts that workers need when the memory is full: a script is refused at its first command that may
need memory, unless it has written before, and DEL needs none. Otherwise nothing could be sent, and the memory stayed
full."""


def _names(kind: type[tuple[Any, ...]]) -> str:
    """The fields of an entry, as arguments in Lua."""
    fields: Sequence[str] = kind._fields  # type: ignore[attr-defined]
    return ", ".join(f"'{name}'" for name in fields)


def _at(name: str) -> int:
    """The place of a field in a leased entry, counted from 1 as in Lua."""
    return Leased._fields.index(name) + 1


_PUT: Final = f"""{_COMMON}
local names = {{{_names(Entry)}}}
local width = #names
local chosen, taken = {{}}, {{}}
for at = 1, #ARGV, width do
  local dedupe_id, digest = ARGV[at], ARGV[at + width - 1]
  if digest ~= '' then
    local id = call('HGET', P .. 'i', dedupe_id)
    local known = chosen[dedupe_id] or (id and get(id, 'digest')[1])
    if known and known ~= digest then taken[#taken + 1] = dedupe_id end
    chosen[dedupe_id] = known or digest
  end
end
if #taken > 0 then return taken end
for at = 1, #ARGV, width do
  local e = {{}}
  for n, name in ipairs(names) do e[name] = ARGV[at + n - 1] end
  local known = call('HGET', P .. 'i', e.dedupe_id)
  if known and call('EXISTS', key(known)) == 0 then
    call('ZREM', P .. 'l', e.dedupe_id)
    known = false
  end
  if not known then
    local id = string.format('%015d', call('INCR', P .. 'n'))
    call('HSET', P .. 'i', e.dedupe_id, id)
    local fields = {{key(id), 'id', id, 'lease', '0', 'tries', 0, 'lost', 0, 'doubtful', 0, 'attempts', 0,
      'state', 0, 'dead', 0}}
    for n, name in ipairs(names) do
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[at + n - 1]
    end
    call('HSET', unpack(fields))
    join(id, e.certificate_id, e.priority, e.due, e.put_at, e.expires)
    if e.user ~= '' then call('SADD', P .. 'u:' .. e.user, id) end
    if e.device ~= '' then call('SADD', P .. 't:' .. e.device, id) end
  end
end
return {{}}
"""

_LEASE: Final = f"""{_FREEING}
local lease, now, until_, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local newest, take_over, suspect, held = ARGV[5] == '1', ARGV[6] == '1', ARGV[7] == '1', cjson.decode(ARGV[8])
local found, added = {{}}, {{}}
local at_lost, at_doubtful, at_lease, at_expires = {_at("lost")}, {_at("doubtful")}, {_at("lease")}, {_at("expires")}
local function may(e)
  return (e[at_expires] == '' or tonumber(e[at_expires]) > tonumber(now)) and (take_over or e[at_lease] == '0')
end
local function add(set, id)
  if not added[set] then added[set] = {{}} end
  local pairs_of = added[set]
  pairs_of[#pairs_of + 1] = until_
  pairs_of[#pairs_of + 1] = id
end
local function take(id, e, c, p)
  if e[at_lease] ~= '0' then
    e[at_lost], e[at_doubtful] = e[at_lost] + 1, 1
    call('HSET', key(id), 'lease', lease, 'due', until_, 'lost', e[at_lost], 'doubtful', 1)
    call('ZREM', queue(p, c), id)
    add(P .. 's', id)
  else
    call('HSET', key(id), 'lease', lease, 'due', until_)
    add(queue(p, c), id)
  end
  add(P .. 'h:' .. c, id)
  e[at_lease] = lease
  found[#found + 1] = e
end
local function answer()
  for set, all in pairs(added) do
    for at = 1, #all, 1000 do call('ZADD', set, unpack(all, at, math.min(at + 999, #all))) end
  end
  return #found > 0 and cjson.encode(found) or '[]'
end
local function due(set, space, skip)
  if newest then return call('ZREVRANGEBYSCORE', set, now, '-inf', 'LIMIT', skip, space) end
  return call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', skip, space)
end
local function choose(set, space)
  local chosen, skip = {{}}, 0
  while #chosen < space and skip < 20 * space do
    local page = due(set, space, skip)
    for _, id in ipairs(page) do
      local e = get(id, {_names(Leased)})
      if not e[1] then
        call('ZREM', set, id)
        skip = skip - 1
      elseif #chosen < space and may(e) then
        chosen[#chosen + 1] = {{id, e}}
      end
    end
    if #page < space then break end
    skip = skip + space
  end
  return chosen
end
if suspect then
  for _, one in ipairs(choose(P .. 's', 1)) do
    take(one[1], one[2], one[2][{_at("certificate_id")}], one[2][{_at("priority")}])
  end
  return answer()
end
local certificates = call('SMEMBERS', P .. 'c')
table.sort(certificates)
for _, c in ipairs(certificates) do
  local mine, sum, before = held[c] or {{0, 0, 0}}, 0, #found
  for p = 0, 2 do
    sum = sum + mine[p + 1]
    local space = math.max(most - sum - (#found - before), math.max(math.floor(most / 8), 1) - mine[p + 1])
    if space > 0 then
      for _, one in ipairs(choose(queue(p, c), space)) do take(one[1], one[2], c, p) end
    end
  end
end
return answer()
"""

_SETTLE: Final = f"""{_FREEING}
local now, keep, handed, till = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local dones, at, left = tonumber(ARGV[5]), 6, {{}}
for _ = 1, dones do
  local id, lease, outcome, dead = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3] == '1'
  local e = get(id, 'state', 'lease')
  if e[2] == lease and (e[1] == '0' or e[1] == '1') then
    finish(id, outcome, dead, handed, keep, till, now)
  elseif not (e[2] == lease and e[1] == '2') then
    left[#left + 1] = id
  end
  at = at + 4
end
while at < #ARGV do
  local id, lease, due, outcome = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local e = get(id, 'state', 'lease', 'certificate_id', 'priority')
  if e[2] == lease and e[1] == '0' then
    call('HSET', key(id), 'lease', '0', 'due', due, 'outcome', outcome, 'tries', ARGV[at + 4], 'lost', 0,
      'doubtful', ARGV[at + 5], 'attempts', ARGV[at + 6])
    call('ZREM', P .. 'h:' .. e[3], id)
    call('ZREM', P .. 's', id)
    call('ZADD', queue(e[4], e[3]), due, id)
  elseif e[2] == lease and e[1] == '1' then
    finish(id, outcome, false, now, keep, till, now)
  end
  at = at + 7
end
flush()
return left
"""

_EXPIRE: Final = f"""{_FREEING}
local now, keep, till, most = ARGV[1], ARGV[2] == '1', ARGV[3], tonumber(ARGV[4])
local ended, skip = 0, 0
while ended < most do
  local page = call('ZRANGEBYSCORE', P .. 'x', '-inf', now, 'LIMIT', skip, most)
  for _, id in ipairs(page) do
    local e = get(id, 'lease', 'due', 'doubtful')
    local is_held = e[1] and e[1] ~= '0' and tonumber(e[2]) > tonumber(now)
    if not e[1] then
      drop('ZREM', P .. 'x', id)
    elseif not is_held and ended < most then
      finish(id, (e[1] ~= '0' or e[3] == '1') and ARGV[6] or ARGV[5], false, now, keep, till, now)
      ended = ended + 1
    end
  end
  skip = skip + #page
  if #page < most then break end
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'v', '-inf', now, 'LIMIT', 0, most)) do
  if get(id, 'id')[1] then
    finish(id, ARGV[7], false, now, keep, till, now)
    ended = ended + 1
  else
    drop('ZREM', P .. 'v', id)
  end
end
flush()
return ended
"""

_RESULTS: Final = f"""{_FREEING}
local found = {{}}
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'd', '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local e = get(id, {_names(StoredResult)})
  if e[1] then
    call('ZADD', P .. 'd', ARGV[2], id)
    found[#found + 1] = e
  else
    call('ZREM', P .. 'd', id)
  end
end
return #found > 0 and cjson.encode(found) or '[]'
"""

_TAKE: Final = """
local function take(id, lease, till)
  local e = get(id, 'state', 'dead', 'digest', 'certificate_id', 'lease')
  if e[1] ~= '2' or e[5] ~= lease then return end
  unfinish(id, e[4])
  if e[2] == '1' then
    call('HSET', key(id), 'state', 4)
  elseif e[3] == '' then
    forget(id)
  else
    remember(id, till)
  end
end
"""
_TAKE_ALL: Final = f"""{_FREEING}{_TAKE}
for at = 2, #ARGV, 2 do take(ARGV[at], ARGV[at + 1], ARGV[1]) end
flush()
return 0
"""

_CLEAN: Final = f"""{_FREEING}{_TAKE}
local now, before, most, cleaned = ARGV[1], tonumber(ARGV[2]), ARGV[3], 0
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'r', '-inf', now, 'LIMIT', 0, most)) do
  drop('ZREM', P .. 'r', id)
  if get(id, 'id')[1] then forget(id) end
  cleaned = cleaned + 1
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'd', '-inf', now, 'LIMIT', 0, most)) do
  local e = get(id, 'since', 'lease')
  if not e[1] then
    drop('ZREM', P .. 'd', id)
  elseif tonumber(e[1]) < before then
    take(id, e[2], now)
    cleaned = cleaned + 1
  end
end
flush()
return cleaned
"""

_WITHDRAW: Final = f"""{_FREEING}
local user, device, dedupe_id, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local ids
if dedupe_id ~= '' then
  ids = {{call('HGET', P .. 'i', dedupe_id) or nil}}
elseif user ~= '' then
  ids = call('SMEMBERS', P .. 'u:' .. user)
else
  ids = call('SMEMBERS', P .. 't:' .. device)
end
local removed, held = 0, 0
for _, id in ipairs(ids) do
  local e = get(id, 'user', 'device', 'state', 'dead', 'lease', 'due', 'certificate_id', 'priority', 'dedupe_id',
    'expires', 'lost')
  local state = e[3]
  if (user ~= '' and e[1] ~= user) or (device ~= '' and e[2] ~= device) then
    state = ''
  end
  if state ~= '' and e[4] == '1' then
    revive(id, e[9], e[7], state)
    forget(id)
    removed = removed + 1
  elseif state == '0' and (e[5] == '0' or tonumber(e[6]) <= now) then
    leave(id, e[7], e[8], e[10], e[11])
    forget(id)
    removed = removed + 1
  elseif state == '0' then
    leave(id, e[7], e[8], e[10], e[11])
    call('HSET', key(id), 'state', 1)
    call('ZADD', P .. 'v', e[6], id)
    held = held + 1
  end
end
flush()
return {{removed, held}}
"""

_COUNTS: Final = f"""{_COMMON}
local now, later = ARGV[1], '(' .. ARGV[1]
local found = {{}}
local function of(c)
  found[c] = found[c] or {{c, 0, 0, 0, 0, 0, ''}}
  return found[c]
end
for _, c in ipairs(call('SMEMBERS', P .. 'c')) do
  local one = of(c)
  for p = 0, 2 do
    one[2] = one[2] + call('ZCOUNT', queue(p, c), '-inf', now)
    one[3] = one[3] + call('ZCOUNT', queue(p, c), later, '+inf')
  end
  one[4] = call('ZCOUNT', P .. 'h:' .. c, later, '+inf')
  one[3] = one[3] - one[4]
  one[7] = call('ZRANGE', P .. 'o:' .. c, 0, 0, 'WITHSCORES')[2]
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 's', '-inf', '+inf')) do
  local e = get(id, 'certificate_id', 'due')
  if e[1] then
    local at = tonumber(e[2]) <= tonumber(now) and 2 or 3
    of(e[1])[at] = of(e[1])[at] + 1
  end
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'v', later, '+inf')) do
  local c = get(id, 'certificate_id')[1]
  if c then of(c)[4] = of(c)[4] + 1 end
end
local kept = call('HGETALL', P .. 'k')
for at = 1, #kept, 2 do
  local what, c = string.match(kept[at], '^(%a+):(.*)$')
  of(c)[what == 'results' and 5 or 6] = tonumber(kept[at + 1])
end
local all = {{}}
for _, one in pairs(found) do all[#all + 1] = one end
table.sort(all, function(a, b) return a[1] < b[1] end)
return all
"""

_LETTERS: Final = f"""{_COMMON}
local found, from = {{}}, ARGV[1] == '' and '-' or '(' .. ARGV[1]
for _, dedupe_id in ipairs(call('ZRANGEBYLEX', P .. 'l', from, '+', 'LIMIT', 0, ARGV[2])) do
  local e = get(call('HGET', P .. 'i', dedupe_id) or '', {_names(StoredLetter)})
  if e[1] then found[#found + 1] = e end
end
return #found > 0 and cjson.encode(found) or '[]'
"""

_EACH: Final = """
local function each(first, change)
  local ids, changed = {}, 0
  if first > 0 then
    for at = first, #ARGV do ids[#ids + 1] = ARGV[at] end
  else
    ids = call('ZRANGE', P .. 'l', 0, -1)
  end
  for _, dedupe_id in ipairs(ids) do
    if call('ZSCORE', P .. 'l', dedupe_id) then
      local id = call('HGET', P .. 'i', dedupe_id) or ''
      local e = get(id, 'certificate_id', 'state', 'priority', 'expires')
      if e[1] then
        revive(id, dedupe_id, e[1], e[2])
        change(id, e)
        changed = changed + 1
      else
        drop('ZREM', P .. 'l', dedupe_id)
      end
    end
  end
  flush()
  return changed
end
"""
_RETRY: Final = f"""{_FREEING}{_EACH}
local now = ARGV[1]
return each(tonumber(ARGV[2]), function(id, e)
  call('HSET', key(id), 'state', 0, 'dead', 0, 'lease', '0', 'due', now, 'put_at', now,
    'since', now, 'tries', 0, 'lost', 0)
  join(id, e[1], e[3], now, now, e[4])
end)
"""
_DROP: Final = f"""{_FREEING}{_EACH}
return each(tonumber(ARGV[1]), function(id) forget(id) end)
"""


@safe_repr
class RedisStore:
    """The store of an outbox in Redis; see `pushgateway.outbox.store.Store` for its methods."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = PREFIX,
        timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        field: str = "url",
    ) -> None:
        """`url`: `redis://host:6379/0`, `rediss://…` for TLS, or `unix:///path`. `prefix`: of all keys. `timeout`:
        seconds to connect, and again for each answer. `monotonic` is for tests. Raises `FieldError` and
        `ConfigError`.

        It belongs to the event loop of its first call until it is closed: in another one, or after a fork, its methods
        raise `LoopError`."""
        self._database = RedisDatabase(url, timeout=timeout, field=field)
        self._prefix = prefix
        self._clock = ServerClock(self._time, monotonic)
        self._scripts: dict[str, Any] = {}
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None

    async def open(self) -> None:
        for name, right in {"appendonly": "yes", "maxmemory-policy": "noeviction"}.items():
            found = await self._setting(name)
            if found not in ("", right):
                log.warning("%s: %s is %s: pushes may be lost; set it to %s", self._database.name, name, found, right)

    async def now(self) -> float | None:
        return await self._clock.now()

    async def put(self, entries: Sequence[Entry]) -> None:
        taken = await self._run(_PUT, *(_wire(value) for entry in entries for value in entry))
        if taken:
            raise IdsTaken(list(dict.fromkeys(dedupe_id.decode() for dedupe_id in taken)))

    async def lease(self, ask: Ask) -> Sequence[Leased]:
        held: dict[str, list[int]] = {}
        for (certificate_id, priority), number in ask.held.items():
            held.setdefault(certificate_id, [0, 0, 0])[priority] = number
        switches = (int(ask.newest_first), int(ask.take_over), int(ask.suspect))
        rows = await self._run(_LEASE, ask.lease, ask.now, ask.until, ask.most, *switches, json.dumps(held))
        return [Leased(*map(_read, Leased._fields, row)) for row in json.loads(rows)]

    async def settle(self, done: Sequence[Done], later: Sequence[Later], times: SettleTimes) -> Collection[int]:
        numbers = (times.now, int(times.keep), times.handed_over_until, times.remember_until, len(done))
        ended = [value for one in done for value in (_number(one.id), one.lease, one.outcome, int(one.dead))]
        again = [
            value
            for one in later
            for value in (_number(one.id), one.lease, one.due, one.outcome, one.tries, int(one.doubtful), one.attempts)
        ]
        return {int(number) for number in await self._run(_SETTLE, *numbers, *ended, *again)}

    async def expire(self, times: SettleTimes, most: int) -> int:
        numbers = (times.now, int(times.keep), times.remember_until, most)
        return int(await self._run(_EXPIRE, *numbers, EXPIRED, EXPIRED_IN_DOUBT, WITHDRAWN))

    async def results(self, now: float, until: float, most: int) -> Sequence[StoredResult]:
        rows = await self._run(_RESULTS, now, until, most)
        return [StoredResult(*map(_read, StoredResult._fields, row)) for row in json.loads(rows)]

    async def take(self, taken: Sequence[tuple[int, int]], remember_until: float) -> None:
        pairs = (value for number, lease in taken for value in (_number(number), lease))
        await self._run(_TAKE_ALL, remember_until, *pairs)

    async def clean(self, now: float, results_before: float, most: int) -> int:
        return int(await self._run(_CLEAN, now, results_before, most))

    async def withdraw(self, whose: Whose, now: float) -> Withdrawn:
        named = (whose.user or "", whose.device or "", whose.dedupe_id or "")
        removed, held = await self._run(_WITHDRAW, *named, now)
        return Withdrawn(int(removed), int(held))

    async def counts(self, now: float) -> Sequence[Counts]:
        names = ("waiting", "delayed", "leased", "results", "dead")
        return [
            Counts(
                certificate_id=name.decode(),
                oldest=float(oldest) if oldest else None,
                **dict(zip(names, numbers, strict=True)),
            )
            for name, *numbers, oldest in await self._run(_COUNTS, now)
        ]

    async def letters(self, after: str, most: int) -> Sequence[StoredLetter]:
        rows = await self._run(_LETTERS, after, most)
        return [StoredLetter(*map(_read, StoredLetter._fields, row)) for row in json.loads(rows)]

    async def retry(self, dedupe_ids: Sequence[str] | None, now: float) -> int:
        return int(await self._run(_RETRY, now, *((0,) if dedupe_ids is None else (3, *dedupe_ids))))

    async def drop(self, dedupe_ids: Sequence[str] | None) -> int:
        return int(await self._run(_DROP, *((0,) if dedupe_ids is None else (2, *dedupe_ids))))

    async def aclose(self) -> None:
        await self._database.aclose()
        self._scripts.clear()
        self._home = None

    async def _time(self) -> float:
        seconds, micros = await self._answer(self._client().time())
        return float(seconds) + float(micros) / 1e6

    async def _setting(self, name: str) -> str:
        """A setting of the server; "" where it says none, as in many clouds."""
        try:
            found = await self._answer(self._client().config_get(name))
        except StoreError:
            await self._time()  # raises if it is not only that command
            return ""
        return next((_text(value) for key, value in found.items() if _text(key) == name), "")

    async def _run(self, script: str, *values: Any) -> Any:
        client = self._client()
        made = self._scripts.get(script)
        if made is None:
            made = self._scripts[script] = client.register_script(script)
        return await self._answer(made(keys=[self._prefix], args=values))

    def _client(self) -> Redis:
        """The client, whose connections belong to one event loop of one process. Raises `LoopError` in another one."""
        here = (asyncio.get_running_loop(), os.getpid())
        self._home = self._home or here
        if self._home != here:
            raise LoopError(f"{self._database.name}: was used in another event loop or process; make one of its own")
        return self._database.client

    async def _answer(self, call: Awaitable[Any]) -> Any:
        """The answer to a call. Raises `StoreError`, which quotes nothing of what was sent."""
        from redis.exceptions import RedisError

        try:
            return await self._database.answer(call)
        except (RedisError, OSError, TimeoutError) as trouble:
            if _is_in(trouble, "command not allowed when used memory"):
                raise StoreFull(f"{self._database.name}: has no memory left") from None
            raise StoreError(f"{self._database.name}: {_said(trouble)}") from None

    def __repr__(self) -> str:
        return f"RedisStore({self._database.name!r})"


def _is_in(trouble: Exception, words: str) -> bool:
    """Whether these are words of the server's error. Before version 7 an error within a script has the class of every
    other one, and its own code in the middle of the text."""
    from redis.exceptions import ResponseError

    return isinstance(trouble, ResponseError) and words.lower() in str(trouble).lower()


def _said(trouble: Exception) -> str:
    from redis import exceptions

    if isinstance(trouble, exceptions.AuthenticationError):
        return "refuses the user or the password"
    if _is_in(trouble, "write against a read only replica"):
        return "cannot be written: is it a replica?"
    if isinstance(trouble, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return "cannot be reached, or did not answer in time"
    return f"Redis has failed ({type(trouble).__name__})"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _number(number: int) -> str:
    return f"{number:015d}"


def _wire(value: object) -> bytes | str:
    """A field as it is stored: None as an empty text, which no field has otherwise; floats with all their digits."""
    if value is None:
        return ""
    return value if isinstance(value, bytes | str) else repr(value)


_TEXTS: Final = frozenset({"dedupe_id", "certificate_id", "token", "user", "device"})
_FLOATS: Final = frozenset({"put_at", "due", "since", "expires"})
_BYTES: Final = frozenset({"content", "context", "outcome"})
_OPTIONAL: Final = frozenset({"context", "user", "device", "expires"})


def _read(name: str, stored: str | int | bool) -> Any:
    """A stored field, as a script returns it: a text, or False where there is none."""
    value = str(stored) if stored else ""
    if name in _OPTIONAL and not value:
        return None
    if name in _BYTES:
        return value.encode()
    if name in _TEXTS:
        return value
    if name in _FLOATS:
        return float(value)
    return value == "1" if name == "dead" else int(stored)
