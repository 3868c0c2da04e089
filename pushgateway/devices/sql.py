"""`SqlDevices`: bindings in SQLite, PostgreSQL, MySQL or MariaDB.

The tables are in `migrations`. A token is looked up by a digest, because tokens are longer than some databases index.
Two processes that bind at the same time run into a unique key or a deadlock, and `SqlDatabase` runs one of them again.
Needs the extra `sql`; imported when it is used.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    MetaData,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from pushgateway.databases.sql import SqlDatabase
from pushgateway.devices.store import Bound, Count, Counts, Verdict, added
from pushgateway.model.binding import Binding
from pushgateway.model.push import Owner, PushToken
from pushgateway.model.secret import safe_repr

T = TypeVar("T")

AT_ONCE: Final = 500
"""Rows that one statement locks or changes."""
READ_AT_ONCE: Final = 2000
"""Users or bindings that one query asks about; all databases take so many values."""

ROWS: Final = Table(
    "pushgateway_devices",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("user_id", String),
    Column("device", String),
    Column("certificate_id", String),
    Column("token", String),
    Column("token_key", String),
    Column("generation", BigInteger),
    Column("locale", String),
    Column("bound_at", Float),
    Column("seen_at", Float),
)


BADGES: Final = Table(
    "pushgateway_badges", ROWS.metadata, Column("user_id", String, primary_key=True), Column("badge", BigInteger)
)


@safe_repr
class SqlDevices:
    """See `DeviceStore`."""

    is_shared = True

    def __init__(self, database: SqlDatabase, rng: random.Random) -> None:
        """`rng`: for the numbers of bindings; not to be the same in two processes."""
        self.name = database.name
        self._database = database
        self._rng = rng

    async def bind(
        self,
        user: str,
        device: str,
        push_token: PushToken,
        locale: str,
        now: float,
        *,
        most: int | None = None,
        is_late: bool = False,
    ) -> Bound:
        """See `DeviceStore`."""
        key, number = _key(push_token), self._number()

        def work(connection: Connection) -> Bound:
            former = _locked(connection, or_(ROWS.c.token_key == key, _is_device(user, device)))
            later = [row for row in former if is_late and row.seen_at > now]
            if later:
                return Bound(_binding(max(later, key=lambda row: row.token_key == key)))
            for row in former:
                if (row.token_key, row.user_id, row.device) == (key, user, device):
                    return Bound(_seen_again(connection, row, locale, now), former_at=row.bound_at)
            _delete(connection, [row.id for row in former])
            owner = Owner(user, device, number, 1)
            binding = Binding(owner=owner, push_token=push_token, locale=locale, bound_at=now, seen_at=now)
            _insert(connection, binding)
            beyond = [] if most is None else _beyond(connection, binding, most)
            _delete(connection, beyond)
            ended = {*beyond, *(row.id for row in former if row.user_id != user)}
            return Bound(binding, frozenset(ended), max((row.bound_at for row in former), default=None))

        bound = await self._database.run(work)
        if most is None or bound.binding.owner.binding != number or self._database.dialect == "sqlite":
            return bound
        # Another transaction may have bound a device of this user meanwhile, which neither of the two has seen.
        beyond = await self._end_beyond(user, most)
        return attrs.evolve(bound, ended=bound.ended | beyond)

    async def _end_beyond(self, user: str, most: int) -> frozenset[int]:
        """End the bindings of a user that are too many, those that were reported longest ago; which these were."""
        of_user = ROWS.c.user_id == user
        count = select(func.count()).where(of_user)

        def work(connection: Connection) -> frozenset[int]:
            # Locked, so that no other transaction ends one that stays, because of one that ends here.
            rows = sorted(_locked(connection, of_user), key=lambda row: row.seen_at, reverse=True)
            beyond = [row.id for row in rows[most:]]
            _delete(connection, beyond)
            return frozenset(beyond)

        if await self._database.run(lambda connection: connection.execute(count).scalar_one(), reads=True) <= most:
            return frozenset()  # nearly always, and nobody has waited for a lock
        return await self._database.run(work)

    async def rotate(self, old: PushToken, new: PushToken, now: float) -> Binding | None:
        """See `DeviceStore`."""
        number = self._number()

        def work(connection: Connection) -> Binding | None:
            rows = _locked(connection, ROWS.c.token_key.in_({_key(old), _key(new)}))
            if [row.token_key for row in rows] != [_key(old)] or old == new:
                return None
            (before,) = rows
            _delete(connection, [before.id])
            binding = Binding(
                owner=Owner(before.user_id, before.device, number, 1),
                push_token=new,
                locale=before.locale,
                bound_at=now,
                seen_at=before.seen_at,
            )
            _insert(connection, binding)
            return binding

        return await self._database.run(work)

    async def unbind(self, user: str, device: str | None, *, keep: str | None = None) -> frozenset[int]:
        """See `DeviceStore`."""
        which = ROWS.c.user_id == user if device is None else _is_device(user, device)
        if device is None and keep is not None:
            which = and_(which, ROWS.c.device != keep)

        def work(connection: Connection) -> frozenset[int]:
            # Two looks: where the first one waited for a transaction that has replaced a row (`rotate`), it finds
            # neither the old row nor the new one.
            ended: list[int] = []
            for _ in range(2):
                found = [row.id for row in _locked(connection, which)]
                _delete(connection, found)
                ended += found
            return frozenset(ended)

        return await self._database.run(work)

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """See `DeviceStore`."""
        found: dict[str, list[Binding]] = {user: [] for user in users}

        def work(connection: Connection) -> list[Binding]:
            return [
                _binding(row)
                for some in _chunks(found, READ_AT_ONCE)
                for row in connection.execute(select(ROWS).where(ROWS.c.user_id.in_(some)))
            ]

        for binding in await self._database.run(work, reads=True):
            found[binding.user].append(binding)
        for bindings in found.values():
            bindings.sort(key=_device)
        return found

    async def counts(self) -> Counts:
        """See `DeviceStore`."""
        users, devices = func.count(ROWS.c.user_id.distinct()), func.count()

        def work(connection: Connection) -> Counts:
            (total,) = connection.execute(select(users, devices).select_from(ROWS))
            rows = connection.execute(select(ROWS.c.certificate_id, users, devices).group_by(ROWS.c.certificate_id))
            certificates = {key: Count(*counts) for key, *counts in sorted(tuple(row) for row in rows)}
            return Counts(Count(*total), certificates)

        return await self._database.run(work, reads=True)

    async def holding(self, bindings: Collection[int]) -> AbstractSet[int]:
        """See `DeviceStore`."""

        def work(connection: Connection) -> set[int]:
            found: set[int] = set()
            for some in _chunks(bindings, READ_AT_ONCE):
                # Numbers within the text: as parameters they would take five times as long, before every request.
                numbers = ", ".join([f"{int(number)}" for number in some])
                rows = connection.exec_driver_sql(f"SELECT id FROM {ROWS.name} WHERE id IN ({numbers})")  # noqa: S608
                found.update(rows.scalars())
            return found

        return await self._database.run(work, reads=True)

    async def retire(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """See `DeviceStore`."""
        wanted = {verdict.binding: verdict for verdict in verdicts}

        def work(connection: Connection) -> list[Verdict]:
            retired: list[Verdict] = []
            for some in _chunks(wanted, AT_ONCE):
                rows = _locked(connection, ROWS.c.id.in_(some))
                those = [wanted[row.id] for row in rows if row.generation == wanted[row.id].generation]
                _delete(connection, [verdict.binding for verdict in those])
                retired += those
            return retired

        return await self._database.run(work)

    async def retire_token(self, push_token: PushToken, before: float) -> bool:
        """See `DeviceStore`."""
        which = and_(ROWS.c.token_key == _key(push_token), ROWS.c.seen_at < before)
        return await self._database.run(lambda connection: connection.execute(delete(ROWS).where(which)).rowcount > 0)

    async def count_badges(self, users: Sequence[str], add: int) -> Mapping[str, int]:
        """See `DeviceStore`."""

        def work(connection: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for some in _chunks(users, AT_ONCE):
                of_these = BADGES.c.user_id.in_(some)
                query = select(BADGES).where(of_these).order_by(BADGES.c.user_id).with_for_update()
                known = {row.user_id: row.badge for row in connection.execute(query)}
                counts = {user: added(known.get(user, 0), add) for user in some}
                _set_badges(connection, {user: count for user, count in counts.items() if user in known}, known=True)
                _set_badges(
                    connection, {user: count for user, count in counts.items() if user not in known}, known=False
                )
                found |= counts
            return found

        return await self._database.run(work)

    async def set_badge(self, user: str, count: int) -> None:
        """See `DeviceStore`."""

        def work(connection: Connection) -> None:
            query = select(BADGES.c.user_id).where(BADGES.c.user_id == user).with_for_update()
            _set_badges(connection, {user: count}, known=connection.execute(query).first() is not None)

        await self._database.run(work)

    async def prune(self, before: float) -> int:
        """See `DeviceStore`; some hundred in one transaction, so that nobody waits for long."""
        count = 0

        def work(connection: Connection) -> int:
            stale = select(ROWS.c.id).where(ROWS.c.seen_at < before).limit(AT_ONCE)
            numbers = list(connection.execute(stale).scalars())
            which = and_(ROWS.c.id.in_(numbers), ROWS.c.seen_at < before)
            return connection.execute(delete(ROWS).where(which)).rowcount if numbers else 0

        while pruned := await self._database.run(work):
            count += pruned
        return count

    async def aclose(self) -> None:
        """See `DeviceStore`."""
        await self._database.aclose()

    def _number(self) -> int:
        return self._rng.getrandbits(62) + 1

    def __repr__(self) -> str:
        return f"SqlDevices({self.name!r})"


def _key(push_token: PushToken) -> str:
    text = f"{push_token.certificate_id}\0{push_token.token}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_device(user: str, device: str) -> ColumnElement[bool]:
    return and_(ROWS.c.user_id == user, ROWS.c.device == device)


def _locked(connection: Connection, which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """These rows, which no other transaction changes until this one ends; always in the same order."""
    return connection.execute(select(ROWS).where(which).order_by(ROWS.c.id).with_for_update()).all()


def _delete(connection: Connection, numbers: Collection[int]) -> None:
    for some in _chunks(numbers, AT_ONCE):
        connection.execute(delete(ROWS).where(ROWS.c.id.in_(some)))


def _beyond(connection: Connection, binding: Binding, most: int) -> Sequence[int]:
    """The bindings of its user that are too many beside this one: those that were reported longest ago."""
    others = and_(ROWS.c.user_id == binding.user, ROWS.c.id != binding.owner.binding)
    order = (ROWS.c.seen_at.desc(), ROWS.c.id)
    return connection.execute(select(ROWS.c.id).where(others).order_by(*order).offset(most - 1)).scalars().all()


def _set_badges(connection: Connection, counts: Mapping[str, int], *, known: bool) -> None:
    """`known`: these users have a row."""
    if not counts:
        return
    if known:
        statement = update(BADGES).where(BADGES.c.user_id == bindparam("whose")).values(badge=bindparam("count"))
        connection.execute(statement, [{"whose": user, "count": count} for user, count in counts.items()])
    else:
        connection.execute(insert(BADGES), [{"user_id": user, "badge": count} for user, count in counts.items()])


def _insert(connection: Connection, binding: Binding) -> None:
    connection.execute(
        insert(ROWS).values(
            id=binding.owner.binding,
            user_id=binding.user,
            device=binding.device,
            certificate_id=binding.push_token.certificate_id,
            token=binding.push_token.token,
            token_key=_key(binding.push_token),
            generation=binding.owner.generation,
            locale=binding.locale,
            bound_at=binding.bound_at,
            seen_at=binding.seen_at,
        )
    )


def _seen_again(connection: Connection, row: Row[Any], locale: str, now: float) -> Binding:
    changed = {"generation": row.generation + 1, "locale": locale or row.locale, "seen_at": now}
    connection.execute(update(ROWS).where(ROWS.c.id == row.id).values(changed))
    return _binding(row, **changed)


def _binding(row: Row[Any], **changed: Any) -> Binding:
    columns = {**row._mapping, **changed}
    return Binding(
        owner=Owner(columns["user_id"], columns["device"], columns["id"], columns["generation"]),
        push_token=PushToken(columns["certificate_id"], columns["token"]),
        locale=columns["locale"],
        bound_at=columns["bound_at"],
        seen_at=columns["seen_at"],
    )


def _device(binding: Binding) -> str:
    return binding.device


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
