"""What every `DeviceStore` promises: run in memory and on SQLite in the everyday suite, and on real servers in
`tests/services`. Each module that imports these tests has a fixture `url`: where the bindings are kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushgateway.devices import Binding, Count, Counts, DeviceStore
from pushgateway.devices.devices import open_store
from pushgateway.devices.store import Verdict
from pushgateway.model.push import PushToken

T = TypeVar("T")

USERS, DEVICES, TOKENS = ("ann", "Ann", "李"), ("d1", "d2"), ("a", "A", "b")


def token(text: str, certificate_id: int = 7005) -> PushToken:
    """A push token."""
    return PushToken(certificate_id, text)


def verdict(binding: Binding) -> Verdict:
    """That the token of this binding is dead."""
    return Verdict(binding.push_token.certificate_id, binding.owner.binding, binding.owner.generation)


@asynccontextmanager
async def opened(url: str, seed: int = 0) -> AsyncIterator[DeviceStore]:
    """The store behind a URL."""
    store = open_store(url, None, random.Random(seed))
    try:
        yield store
    finally:
        await store.aclose()


def run(url: str, scene: Callable[[DeviceStore], Awaitable[T]]) -> T:
    """Run a scene with a store."""

    async def main() -> T:
        async with opened(url) as store:
            return await scene(store)

    return asyncio.run(main())


async def table(store: DeviceStore, *users: str) -> list[tuple[str, str, str]]:
    """User, device and token of all bindings of these users."""
    found = await store.of_users(users or USERS)
    return [(one.user, one.device, one.push_token.token) for those in found.values() for one in those]


def test_a_bound_token_is_found_by_its_user(url: str) -> None:
    """All that was given comes back, with both times; users without devices have none, in the order asked for."""

    async def scene(store: DeviceStore) -> None:
        bound = await store.bind("ann", "d1", token("a"), "zh-Hans-CN", 1000.5)

        assert await store.of_users(["bob", "ann"]) == {"bob": [], "ann": [bound.binding]}
        assert (bound.ended, bound.former_at) == (frozenset(), None)
        assert (bound.binding.owner.generation, bound.binding.locale) == (1, "zh-Hans-CN")
        assert (bound.binding.bound_at, bound.binding.seen_at) == (1000.5, 1000.5)
        assert bound.binding.push_token == token("a")

    run(url, scene)


def test_ids_are_compared_exactly(url: str) -> None:
    """Two users whose names differ in case or accents are two users, and so are tokens and certificates."""

    async def scene(store: DeviceStore) -> None:
        for number, user in enumerate(("ann", "ANN", "änn", "anne")):
            await store.bind(user, "d", token("T"), "", 1.0)
            await store.bind(user, "e", token(f"T{number}"), "", 1.0)
        await store.bind("bob", "d", token("t"), "", 1.0)
        await store.bind("bob", "D", token("T", 7006), "", 1.0)

        assert await table(store, "ann", "ANN", "änn", "anne", "bob") == [
            ("ann", "e", "T0"),
            ("ANN", "e", "T1"),
            ("änn", "e", "T2"),
            ("anne", "d", "T"),
            ("anne", "e", "T3"),
            ("bob", "D", "T"),
            ("bob", "d", "t"),
        ]

    run(url, scene)


def test_the_same_report_again_is_the_same_binding(url: str) -> None:
    """An app reports its token at each start: pushes that wait stay valid, and only generation and time change."""

    async def scene(store: DeviceStore) -> None:
        first = (await store.bind("ann", "d1", token("a"), "de", 1.0)).binding
        again = await store.bind("ann", "d1", token("a"), "", 2.0)

        assert (again.ended, again.former_at) == (frozenset(), 1.0)
        assert again.binding.owner.binding == first.owner.binding
        assert again.binding.owner.generation == 2
        assert (again.binding.bound_at, again.binding.seen_at, again.binding.locale) == (1.0, 2.0, "de")
        assert await store.of_users(["ann"]) == {"ann": [again.binding]}

    run(url, scene)


def test_a_token_moves_to_who_reports_it_last(url: str) -> None:
    """A phone changes hands: the former user has it no more, and his binding is named."""

    async def scene(store: DeviceStore) -> None:
        before = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding
        bound = await store.bind("bob", "d1", token("a"), "", 2.0)

        assert (bound.ended, bound.former_at) == ({before.owner.binding}, 1.0)
        assert await table(store, "ann", "bob") == [("bob", "d1", "a")]
        assert await store.holding([before.owner.binding, bound.binding.owner.binding]) == {bound.binding.owner.binding}

    run(url, scene)


def test_a_user_has_so_many_devices_at_most(url: str) -> None:
    """One more takes the place of the one that was reported longest ago, of this user alone."""

    async def scene(store: DeviceStore) -> None:
        await store.bind("bob", "d0", token("other"), "", 0.5, most=3)
        for number in range(3):
            await store.bind("ann", f"d{number}", token(f"t{number}"), "", 1.0 + number, most=3)
        await store.bind("ann", "d0", token("t0"), "", 9.0, most=3)

        assert len(await table(store, "ann")) == 3
        oldest = (await store.of_users(["ann"]))["ann"][1]
        assert (await store.bind("ann", "d3", token("t3"), "", 5.0, most=3)).ended == {oldest.owner.binding}
        assert [device for _, device, _ in await table(store, "ann")] == ["d0", "d2", "d3"]
        await store.bind("ann", "d4", token("t4"), "", 0.1, most=1)
        assert [device for _, device, _ in await table(store, "ann")] == ["d4"]
        assert await table(store, "bob") == [("bob", "d0", "other")]

    run(url, scene)


def test_a_late_report_changes_nothing_that_was_reported_later(url: str) -> None:
    """Of the token by another user, and of the device with another token; without a later one it is bound."""

    async def scene(store: DeviceStore) -> None:
        theirs = (await store.bind("bob", "d1", token("a"), "", 5.0)).binding
        mine = (await store.bind("ann", "d1", token("b"), "", 6.0)).binding

        assert (await store.bind("ann", "d2", token("a"), "", 4.0, is_late=True)).binding == theirs
        assert (await store.bind("ann", "d1", token("c"), "", 4.0, is_late=True)).binding == mine
        assert await table(store, "ann", "bob") == [("ann", "d1", "b"), ("bob", "d1", "a")]
        assert (await store.bind("ann", "d1", token("c"), "", 6.0, is_late=True)).binding.seen_at == 6.0
        assert await table(store, "ann") == [("ann", "d1", "c")]

    run(url, scene)


def test_one_device_may_be_kept_when_a_user_is_unbound(url: str) -> None:
    """A login on one device ends the others."""

    async def scene(store: DeviceStore) -> None:
        bound = [(await store.bind("ann", name, token(name), "", 1.0)).binding for name in ("d1", "d2", "d3")]

        assert await store.unbind("ann", None, keep="d2") == {bound[0].owner.binding, bound[2].owner.binding}
        assert await table(store, "ann") == [("ann", "d2", "d2")]
        assert await store.unbind("ann", None, keep="d9") == {bound[1].owner.binding}

    run(url, scene)


def test_badges_are_counted_for_each_user(url: str) -> None:
    """They begin at 0, are never less, nor more than any database can store, and do not depend on devices."""

    async def scene(store: DeviceStore) -> None:
        assert await store.count_badges(["ann", "Ann"], 2) == {"ann": 2, "Ann": 2}
        assert await store.count_badges(["ann", "bob"], 1) == {"ann": 3, "bob": 1}
        await store.set_badge("ann", 0)
        await store.set_badge("eve", 7)
        assert await store.count_badges(["ann", "eve", "bob"], -5) == {"ann": 0, "eve": 2, "bob": 0}
        for _ in range(10):
            counts = await store.count_badges(["ann"], 10**9)
        assert counts == {"ann": 10**9}

    run(url, scene)


def test_badges_are_counted_by_many_at_once(url: str) -> None:
    """No message is lost when several are counted at the same time, and new users are counted too."""

    async def scene(store: DeviceStore) -> None:
        users = [f"u{number}" for number in range(20)]
        await asyncio.gather(*(store.count_badges(users[shift:] + users[:shift], 1) for shift in range(10)))

        assert set((await store.count_badges(users, 0)).values()) == {10}

    run(url, scene)


def test_a_device_has_one_token(url: str) -> None:
    """A new token of a device takes the place of the old one, also where that device had one and another user this."""

    async def scene(store: DeviceStore) -> None:
        old = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding
        theirs = (await store.bind("bob", "d7", token("b"), "", 1.5)).binding
        bound = await store.bind("ann", "d1", token("b"), "", 2.0)

        assert (bound.ended, bound.former_at) == ({theirs.owner.binding}, 1.5)
        assert await table(store, "ann", "bob") == [("ann", "d1", "b")]
        assert await store.holding([old.owner.binding, theirs.owner.binding]) == set()

    run(url, scene)


def test_a_token_on_another_device_of_the_same_user_has_ended_nobody_elses(url: str) -> None:
    """The app was installed anew and made another id for itself: nobody has to wait for that."""

    async def scene(store: DeviceStore) -> None:
        await store.bind("ann", "d1", token("a"), "", 1.0)
        bound = await store.bind("ann", "d2", token("a"), "", 2.0)

        assert bound.ended == frozenset()
        assert await table(store, "ann") == [("ann", "d2", "a")]

    run(url, scene)


def test_unbinding_ends_one_device_or_all(url: str) -> None:
    """Which bindings ended is returned, nothing for what was not bound; others stay."""

    async def scene(store: DeviceStore) -> None:
        bound = [(await store.bind("ann", f"d{n}", token(f"a{n}"), "", 1.0)).binding.owner.binding for n in range(3)]
        await store.bind("bob", "d0", token("b"), "", 1.0)

        assert await store.unbind("ann", "d1") == {bound[1]}
        assert await store.unbind("ann", "d1") == frozenset()
        assert await store.unbind("ann", None) == {bound[0], bound[2]}
        assert await store.unbind("nobody", None) == frozenset()
        assert await table(store, "ann", "bob") == [("bob", "d0", "b")]

    run(url, scene)


def test_a_token_bound_again_is_another_binding(url: str) -> None:
    """After a logout and a login, pushes of before do not count for the new binding."""

    async def scene(store: DeviceStore) -> None:
        before = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding
        await store.unbind("ann", "d1")
        after = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding

        assert before.owner.binding != after.owner.binding
        assert await store.holding([before.owner.binding, 17]) == set()
        assert await store.retire([verdict(before)]) == []
        assert await table(store, "ann") == [("ann", "d1", "a")]

    run(url, scene)


def test_a_replaced_token_stays_with_its_device(url: str) -> None:
    """The vendor gave the phone another token; the old one is unknown then."""

    async def scene(store: DeviceStore) -> None:
        before = (await store.bind("ann", "d1", token("a"), "zh", 1.0)).binding
        after = await store.rotate(token("a"), token("c"), 5.0)

        assert after is not None
        assert (after.user, after.device, after.locale, after.bound_at, after.seen_at) == ("ann", "d1", "zh", 5.0, 1.0)
        assert await store.of_users(["ann"]) == {"ann": [after]}
        assert await store.holding([before.owner.binding]) == set()

    run(url, scene)


def test_a_replacement_takes_nothing_from_another_user(url: str) -> None:
    """An unknown token is not replaced, and a token that is bound already is not moved."""

    async def scene(store: DeviceStore) -> None:
        await store.bind("ann", "d1", token("a"), "", 1.0)
        await store.bind("bob", "d1", token("b"), "", 1.0)

        assert await store.rotate(token("x"), token("c"), 2.0) is None
        assert await store.rotate(token("a"), token("b"), 2.0) is None
        assert await store.rotate(token("a"), token("a"), 2.0) is None
        assert await store.rotate(token("a", 7006), token("c"), 2.0) is None
        assert await table(store, "ann", "bob") == [("ann", "d1", "a"), ("bob", "d1", "b")]

    run(url, scene)


def test_a_dead_token_is_retired_once(url: str) -> None:
    """Of several verdicts about one binding the first counts; all others of the call are written in the same way."""

    async def scene(store: DeviceStore) -> None:
        bound = [(await store.bind("ann", f"d{n}", token(f"a{n}"), "", 1.0)).binding for n in range(3)]

        retired = await store.retire([verdict(bound[0]), verdict(bound[2])])

        assert set(retired) == {verdict(bound[0]), verdict(bound[2])}
        assert await store.retire([verdict(bound[0])]) == []
        assert await table(store, "ann") == [("ann", "d1", "a1")]

    run(url, scene)


def test_a_token_that_was_reported_since_is_not_retired(url: str) -> None:
    """The verdict was on its way while the app reported the token again: it may live."""

    async def scene(store: DeviceStore) -> None:
        before = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding
        after = (await store.bind("ann", "d1", token("a"), "", 1.0)).binding

        assert await store.retire([verdict(before)]) == []
        assert await table(store, "ann") == [("ann", "d1", "a")]
        assert await store.retire([verdict(after)]) == [verdict(after)]

    run(url, scene)


def test_a_token_is_retired_by_time_only_if_it_was_reported_before(url: str) -> None:
    """At the time itself it stays, a moment later it goes."""

    async def scene(store: DeviceStore) -> None:
        await store.bind("ann", "d1", token("a"), "", 100.0)

        assert not await store.retire_token(token("a"), 100.0)
        assert not await store.retire_token(token("b"), 200.0)
        assert await store.retire_token(token("a"), 100.25)
        assert not await store.retire_token(token("a"), 100.25)

    run(url, scene)


def test_pruning_ends_what_was_not_seen(url: str) -> None:
    """By the last report and not by the first; more than one statement takes."""

    async def scene(store: DeviceStore) -> None:
        for number in range(12):
            await store.bind("ann", f"d{number:02}", token(f"a{number}"), "", float(number))
        await store.bind("ann", "d00", token("a0"), "", 50.0)

        assert await store.prune(11.0) == 10
        assert await store.prune(11.0) == 0
        assert await table(store, "ann") == [("ann", "d00", "a0"), ("ann", "d11", "a11")]

    run(url, scene)


def test_devices_and_their_users_are_counted(url: str) -> None:
    """In all and of each certificate, in the order of the ids; a user with devices of two certificates is one user."""

    async def scene(store: DeviceStore) -> None:
        assert await store.counts() == Counts(Count(0, 0), {})
        for user, device, push_token in (
            ("ann", "d1", token("a", 7006)),
            ("ann", "d2", token("a")),
            ("ann", "d3", token("b")),
            ("Ann", "d1", token("A")),
            ("eve", "d1", token("c", 9)),
        ):
            await store.bind(user, device, push_token, "", 1.0)
        await store.unbind("eve", "d1")

        counts = await store.counts()

        assert counts == Counts(Count(2, 4), {"7005": Count(2, 3), "7006": Count(1, 1)})
        assert list(counts.certificates) == ["7005", "7006"]

    run(url, scene)


def test_many_users_are_found_in_one_call(url: str) -> None:
    """More than a statement takes, with some that have no device."""

    async def scene(store: DeviceStore) -> None:
        for number in range(0, 1200, 100):
            await store.bind(f"u{number}", "d", token(f"a{number}"), "", 1.0)

        found = await store.of_users([f"u{number}" for number in range(1200)])

        assert list(found) == [f"u{number}" for number in range(1200)]
        assert [one.user for those in found.values() for one in those] == [f"u{n}" for n in range(0, 1200, 100)]
        numbers = {one.owner.binding for those in found.values() for one in those}
        assert await store.holding([*range(1, 1200), *numbers]) >= numbers

    run(url, scene)


def test_all_that_bind_one_token_at_once_leave_one_owner(url: str) -> None:
    """Several logins at the same moment, on several connections: one has it in the end, and nobody an error."""

    async def scene(store: DeviceStore) -> None:
        users = [f"u{number}" for number in range(12)]
        async with opened(url, seed=1) as other:  # memory: has one of its own
            stores = (store, other if store.is_shared else store)
            bound = await asyncio.gather(
                *[stores[n % 2].bind(user, "d", token("a"), "", 1.0) for n, user in enumerate(users)]
            )
            found = await table(store, *users)

        assert len(found) == 1
        ended = [number for one in bound for number in one.ended]
        assert sorted([*ended, *await store.holding([one.binding.owner.binding for one in bound])]) == sorted(
            one.binding.owner.binding for one in bound
        )

    run(url, scene)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bind"), st.sampled_from(USERS), st.sampled_from(DEVICES), st.sampled_from(TOKENS)),
        st.tuples(st.just("unbind"), st.sampled_from(USERS), st.sampled_from((*DEVICES, None)), st.none()),
        st.tuples(st.just("rotate"), st.sampled_from(TOKENS), st.sampled_from(TOKENS), st.none()),
        st.tuples(st.just("retire"), st.integers(0, 20), st.none(), st.none()),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_leaves_what_a_plain_dict_leaves(url: str, steps: list[tuple[object, ...]]) -> None:
    """No two users own a token, no device has two, and every step does what the same step does to a dict."""

    async def scene(store: DeviceStore) -> None:
        for user in USERS:
            await store.unbind(user, None)
        owners: dict[str, tuple[str, str]] = {}  # by token
        seen: list[Binding] = []
        for what, one, two, three in steps:
            if what == "bind":
                owners = {text: owner for text, owner in owners.items() if owner != (one, two)}
                owners[str(three)] = (str(one), str(two))
                seen.append((await store.bind(str(one), str(two), token(str(three)), "", 1.0)).binding)
            elif what == "unbind":
                owners = {
                    text: owner for text, owner in owners.items() if owner[0] != one or two not in (None, owner[1])
                }
                await store.unbind(str(one), None if two is None else str(two))
            elif what == "rotate":
                if one in owners and two not in owners:
                    owners[str(two)] = owners.pop(str(one))
                await store.rotate(token(str(one)), token(str(two)), 1.0)
            elif seen and isinstance(one, int):
                dead = seen[one % len(seen)]
                holds = dead in (await store.of_users([dead.user]))[dead.user]
                assert bool(await store.retire([verdict(dead)])) is holds
                if holds:
                    del owners[dead.push_token.token]

        expected = sorted((user, device, text) for text, (user, device) in owners.items())
        assert sorted(await table(store)) == expected

    run(url, scene)
