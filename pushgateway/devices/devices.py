"""`Devices`: which phone belongs to which user. Hosts bind and unbind; a gateway asks before it sends.

It holds no database and no rules of bindings (`store`, `sql`, `memory`); here are the checks of what comes in, what
happens while the store cannot be used, and the events.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from pushgateway.databases.sql import SqlDatabase, check_sql_url
from pushgateway.devices.confirmations import Confirmations
from pushgateway.devices.memory import MemoryDevices
from pushgateway.devices.store import MOST_UNREAD, Counts, DeviceStore, Verdict
from pushgateway.devices.verdicts import Verdicts
from pushgateway.engine.bindings import Confirmation
from pushgateway.engine.loop_binding import LoopBinding
from pushgateway.model.binding import Binding
from pushgateway.model.checks import check_count, check_kind
from pushgateway.model.errors import FieldError, StoreError, StoreFull
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.push import Owner, Push, PushToken, as_owner_id
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import DevicesChanged, Event, RetiringChanged, TokensRetired

T = TypeVar("T")

LONGEST_LOCALE: Final = 64
"""Characters of a locale, at most."""
LONGEST_TOKEN: Final = 4096
"""Bytes of a token, at most."""
LONGEST_CERTIFICATE_ID: Final = 255
"""Characters of the certificate id of a token, at most."""
LATEST: Final = 1e11
"""Epoch seconds that no time reaches, in the year 5138: a larger number is one of milliseconds."""
LONGEST_QUESTION: Final = 2.0
"""Seconds that a request waits for the answer whether it may leave."""
PAUSE: Final = 1.0
"""Seconds after a question that the store has not answered until the next one: all others fail at once, and block
nothing. Other calls that fail say nothing about it: `bind` may fail because of a row that another transaction holds."""
RECENT: Final = 60.0
"""Seconds within which a binding may have been made by a call whose answer was lost, whatever the clocks of two
processes differ by."""
SURE: Final = 60.0
"""Seconds that a token must have been reported before the time of a receipt that calls it dead: the vendor's clock may
differ."""
_FILE: Final = 0x70676476
"""Marks an SQLite file as ours: "pgdv"."""


@safe_repr
class Devices:
    """Which phone belongs to which user.

        async with Devices("sqlite:///devices.sqlite") as devices, Gateway(certificates, devices=devices) as gateway:
            await devices.bind("ann", "phone-1", PushToken(7005, reg_id))
            outcomes = await gateway.push_to_users(["ann"], Notification("Bob", "See you at eight"))
            await devices.unbind("ann", "phone-1")

    A device is one installation of the app; its id is the host's, for example one that the app makes at its first
    start. Make one in each process, and close it after the gateway. It belongs to the event loop of its first call. All
    methods raise `StoreError` when the database cannot be used now, and `FieldError` for wrong values: ids and tokens
    that are empty or too long, times that are no epoch seconds.
    """

    def __init__(
        self,
        store: DeviceStore | str,
        *,
        shared: bool = True,
        most: int = 10,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """`store`: `sqlite:///file`, `postgresql://user:password@host/name`, `mysql://…` (extra `sql`), `memory:` for
        tests, or a `DeviceStore`. `shared`: other processes send to the same users. With False, `unbind` is faster, and
        right only if this is the one process that sends. `most`: devices of one user; when one more is bound, that
        one is unbound that was reported longest ago. `folder`: what an SQLite file is relative to (default: the
        working folder). `clock` (epoch seconds), `rng`: for tests.
        """
        check_count("Devices.most", most)
        self._store = open_store(store, folder, rng or random.SystemRandom())
        self._most = most
        self._clock = clock
        self._confirmations = Confirmations(self._holding, is_shared=shared and self._store.is_shared)
        self._verdicts = Verdicts(self._store_retire, retired=self._emit_retired, stopped=self._emit_stopped)
        self._emit: Callable[[Event, str], None] = lambda event, detail: None
        self._brand_of: Callable[[str], str | None] = lambda certificate_id: None
        self._enter = LoopBinding(what="this `Devices`").enter
        self._is_available = True
        self._asked_again_at = 0.0

    # What hosts call

    async def bind(
        self, user: str, device: str, push_token: PushToken, *, locale: str = "", at: float | None = None
    ) -> Binding:
        """The app on a user's device has reported its push token: after a login, and at each start of the app.

        The token belongs to nobody else then, and the device has no other token. When this has taken it over from
        another user, no request for that user begins after this has returned, nor one for a device that is unbound
        because the user has too many; that takes 0.3 seconds if the devices are `shared`, also for a report within a
        minute after the first. `locale`: the language of the app, such as `zh-Hans-CN`, for the host's texts.

        `at`: when it was reported (epoch seconds), for reports that come late, such as from your own table or a queue.
        If this token or this device has a later report, nothing is changed, and the binding of that is returned.
        Without it the order of the calls decides, because the clocks of machines differ.
        """
        as_owner_id("user", user)
        as_owner_id("device", device)
        _check_storable("push_token", push_token)
        _check_locale(locale)
        now = self._clock() if at is None else min(_as_time("at", at), self._clock())
        bound = await self._use(
            lambda: self._store.bind(user, device, push_token, locale, now, most=self._most, is_late=at is not None)
        )
        # Taken over just now, or perhaps by a call whose answer was lost.
        if bound.ended or (bound.former_at is not None and abs(now - bound.former_at) < RECENT):
            await self._confirmations.wait_until_ended(
                lambda token, owner: owner.binding in bound.ended or (token == push_token and owner.user != user)
            )
        return bound.binding

    async def rotate(self, old: PushToken, new: PushToken) -> Binding | None:
        """The vendor has replaced a token by another one, for the same device.

        None if `old` is not bound, or `new` is bound already; then nothing is changed.
        """
        check_kind("old", PushToken, old)
        _check_storable("new", new)
        return await self._use(lambda: self._store.rotate(old, new, self._clock()))

    async def unbind(self, user: str, device: str) -> bool:
        """The user has logged out on a device. Whether it was bound.

        No request for it begins after this has returned. What had left before has its outcome; pushes that waited end
        `NOT_SENT` / `UNBOUND`. It takes 0.3 seconds if the devices are `shared`, also if it was not bound: another call
        may have unbound it a moment ago. After a `StoreError` call it again.
        """
        return await self._unbind(as_owner_id("user", user), as_owner_id("device", device)) > 0

    async def unbind_user(self, user: str, *, keep: str | None = None) -> int:
        """Unbind all devices of a user, for example because he was removed; all but the device `keep`, for example when
        he may be logged in on one device only. How many these were. See `unbind`."""
        kept = None if keep is None else as_owner_id("keep", keep)
        return await self._unbind(as_owner_id("user", user), None, kept)

    async def _unbind(self, user: str, device: str | None, keep: str | None = None) -> int:
        ended = await self._use(lambda: self._store.unbind(user, device, keep=keep))
        await self._confirmations.wait_until_ended(
            lambda _, owner: owner.user == user and (device is None or owner.device == device) and owner.device != keep
        )
        return len(ended)

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """The bindings of each of these users, in the order given; none for a user who has no device."""
        wanted = _as_users(users)
        return await self._use(lambda: self._store.of_users(wanted))

    async def counts(self) -> Counts:
        """How many users and devices there are, in all and of each certificate. It reads the whole table: about a
        second for 500,000 devices in SQLite. A server's limit of 5 seconds for a statement holds for it too."""
        return await self._use(self._store.counts)

    async def pushes(
        self,
        users: Iterable[str],
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority | None = None,
        context: object = None,
    ) -> list[Push]:
        """A push of this notification to each device of these users, for `send_each`, `stream` or an outbox. `timeout`,
        `priority`, `context`: as in `Push`."""
        found = await self.of_users(users)
        return [
            binding.push(notification, timeout=timeout, priority=priority, context=context)
            for those in found.values()
            for binding in those
        ]

    async def count_badges(self, users: Iterable[str], add: int = 1) -> Mapping[str, int]:
        """Add to the number of unread messages of each of these users, which is 0 at first and never less. What they
        are then, in the order given: for `Badge.set(min(count, 99))`, so that the app's icon shows the same on all
        devices."""
        if type(add) is not int or abs(add) > MOST_UNREAD:
            raise FieldError("add", f"must be an int, at most {MOST_UNREAD:,} up or down")
        wanted = _as_users(users)
        found = await self._use(lambda: self._store.count_badges(wanted, add))
        return {user: found[user] for user in wanted}

    async def set_badge(self, user: str, count: int = 0) -> None:
        """Set the number of unread messages of a user: 0 when he has read them."""
        as_owner_id("user", user)
        if type(count) is not int or not 0 <= count <= MOST_UNREAD:
            raise FieldError("count", f"must be an int, 0 to {MOST_UNREAD:,}")
        await self._use(lambda: self._store.set_badge(user, count))

    async def retire(self, push_token: PushToken, *, before: float) -> bool:
        """A token is dead since `before` (epoch seconds). It is unbound unless it was reported after that; whether it
        was.

        For what hosts learn themselves, such as a vendor's list of dead tokens. Outcomes of pushes with an owner need
        no call.
        """
        check_kind("push_token", PushToken, push_token)
        since = _as_time("before", before)
        return await self._use(lambda: self._store.retire_token(push_token, since))

    async def take_receipts(self, receipts: Iterable[Receipt]) -> int:
        """Unbind the tokens that receipts of kind `UNREGISTERED` call dead; where the vendor names a replacement and
        proves it (`Proof.VENDOR`), the device gets that. How many bindings were changed.

        Receipts without a time change nothing, nor do those about a token that was reported since, or within a minute
        before. Other kinds of receipts are ignored.
        """
        changed = 0
        for receipt in receipts:
            if receipt.kind is not ReceiptKind.UNREGISTERED or receipt.at is None:
                continue
            new = receipt.replacement if receipt.proof is Proof.VENDOR else None
            if new is not None and not _obstacle(new) and await self.rotate(receipt.push_token, new) is not None:
                changed += 1
            else:
                changed += await self.retire(receipt.push_token, before=receipt.at - SURE)
        return changed

    async def prune(self, *, seen_before: float) -> int:
        """Unbind devices that have reported their token before this time (epoch seconds) for the last time. How many
        these were. Vendors drop tokens that were not used for months; nothing is pruned unless the host calls this."""
        before = _as_time("seen_before", seen_before)
        return await self._use(lambda: self._store.prune(before))

    async def aclose(self) -> None:
        """Write what waits, and close the database. Call it after the gateway is closed."""
        await self._verdicts.aclose()
        await self._confirmations.aclose()
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # What the gateway calls (`pushgateway.engine.bindings.Bindings`)

    async def confirm(self, owned: Sequence[tuple[PushToken, Owner]]) -> Confirmation:
        """See `Bindings`. Owners that the host has made itself, without a binding, are not asked about."""
        if asyncio.get_running_loop().time() < self._asked_again_at:
            raise StoreError(f"{self._store.name}: cannot be used now")
        self._verdicts.count_tried(push_token for push_token, _ in owned)
        return await self._confirmations.confirm(one for one in owned if one[1].binding)

    def report_dead(self, push_token: PushToken, owner: Owner) -> None:
        """See `Bindings`."""
        if owner.binding:
            self._verdicts.add(push_token, Verdict(push_token.certificate_id, owner.binding, owner.generation))

    def attach(self, emit: Callable[[Event, str], None], brand_of: Callable[[str], str | None]) -> None:
        """See `Bindings`."""
        self._emit, self._brand_of = emit, brand_of

    # The store

    async def _holding(self, bindings: Collection[int]) -> AbstractSet[int]:
        if not bindings:
            return frozenset()
        try:
            return await self._use(lambda: self._store.holding(bindings), limit=LONGEST_QUESTION)
        except StoreError:
            self._asked_again_at = asyncio.get_running_loop().time() + PAUSE
            raise

    async def _store_retire(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        return await self._use(lambda: self._store.retire(verdicts))

    async def _use(self, ask: Callable[[], Awaitable[T]], *, limit: float | None = None) -> T:
        """Await what the store was asked for, within `limit` seconds. Raises `StoreError` and `LoopError`."""
        self._enter()
        try:
            async with asyncio.timeout(limit):
                answer = await ask()
        except TimeoutError:
            slow = StoreError(f"{self._store.name}: did not answer in time")
            self._note(slow)
            raise slow from None
        except StoreError as failed:
            self._note(failed)
            raise
        self._note(None)
        return answer

    def _note(self, failed: StoreError | None) -> None:
        """Whether the store can be used; an event when that changes."""
        if isinstance(failed, StoreFull):
            return  # to read needs no space
        if self._is_available is not (failed is None):
            self._is_available = failed is None
            self._emit(DevicesChanged(available=self._is_available), str(failed or self._store.name))

    def _emit_retired(self, certificate_id: str, count: int) -> None:
        brand = self._brand_of(certificate_id)
        self._emit(TokensRetired(certificate_id=certificate_id, brand=brand, count=count), "")

    def _emit_stopped(self, certificate_id: str, counts: tuple[int, int], is_stopped: bool) -> None:
        brand, (dead, tried) = self._brand_of(certificate_id), counts
        changed = RetiringChanged(
            certificate_id=certificate_id, brand=brand, stopped=is_stopped, dead=dead, tried=tried
        )
        self._emit(changed, "")

    def __repr__(self) -> str:
        return f"Devices({self._store!r})"


def check_devices_url(field: str, url: str) -> None:
    """Raise `FieldError` unless `Devices` can be made of `url`, and `ConfigError` without the extra `sql`."""
    if url != "memory:":
        check_sql_url(field, url)


def open_store(store: DeviceStore | str, folder: Path | None, rng: random.Random) -> DeviceStore:
    if not isinstance(store, str):
        return store
    if store == "memory:":
        return MemoryDevices(rng)
    migrations = files("pushgateway.devices") / "migrations"
    database = SqlDatabase(
        store,
        part="devices",
        migrations=migrations,
        application_id=_FILE,
        folder=folder,
        field="Devices.store",
    )
    from pushgateway.devices.sql import SqlDevices

    return SqlDevices(database, rng)


def _as_users(users: Iterable[str]) -> list[str]:
    """Each once."""
    if isinstance(users, str):
        raise FieldError("users", "must be several user ids, is one str")
    return list(dict.fromkeys(as_owner_id("users", user) for user in users))


def _as_time(field: str, at: object) -> float:
    if isinstance(at, bool) or not isinstance(at, int | float) or not -LATEST <= at <= LATEST:
        raise FieldError(field, "must be epoch seconds")
    return float(at)


def _check_storable(field: str, push_token: object) -> None:
    check_kind(field, PushToken, push_token)
    if isinstance(push_token, PushToken) and (obstacle := _obstacle(push_token)):
        raise FieldError(field, obstacle)


def _obstacle(push_token: PushToken) -> str:
    """Why it cannot be bound; "": it can. An app reports it, so it may be anything."""
    if not 0 < len(push_token.token.encode()) <= LONGEST_TOKEN:
        return f"its token must have 1 to {LONGEST_TOKEN:,} bytes"
    certificate_id = push_token.certificate_id
    if not certificate_id.isprintable() or len(certificate_id) > LONGEST_CERTIFICATE_ID:
        return f"its certificate id must have at most {LONGEST_CERTIFICATE_ID} characters, all printable"
    return ""


def _check_locale(locale: object) -> None:
    if not isinstance(locale, str) or not locale.isprintable() or len(locale) > LONGEST_LOCALE:
        raise FieldError("locale", f"must be a str of at most {LONGEST_LOCALE} printable characters")
