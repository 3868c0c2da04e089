"""What every store of an outbox must do: one class of tests, which each adapter's tests inherit.

The heir has a fixture `make`, a function that makes a store; all stores of one test share one database. All times are
arguments, so no test waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest
from inline_outbox import entry

from pushgateway.model.outcome import Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Status
from pushgateway.outbox.content import encode_outcome
from pushgateway.outbox.store import (
    Ask,
    Done,
    Entry,
    IdsTaken,
    Later,
    Leased,
    SettleTimes,
    Store,
    StoredResult,
    Whose,
    Withdrawn,
)
from pushgateway.outbox.verdicts import EXPIRED, EXPIRED_IN_DOUBT, WITHDRAWN

T = TypeVar("T")
Make = Callable[[], Store]

NOW = 2000.0
OK = encode_outcome(Outcome(push_token=PushToken(1, ""), status=Status.ACCEPTED, message_id="m-1", attempts=1))


def ask(lease: int = 1, now: float = NOW, **more: Any) -> Ask:
    """Whatever is due, for 100 seconds."""
    return Ask(**{"lease": lease, "now": now, "until": now + 100.0, "most": 100, "held": {}, **more})


def times(now: float = NOW, **more: Any) -> SettleTimes:
    """Results are kept, and can be asked for at once."""
    return SettleTimes(**{"now": now, "keep": True, "handed_over_until": now, "remember_until": now + 50.0, **more})


def done(leased: Sequence[Leased], **more: Any) -> list[Done]:
    """Accepted by the vendor."""
    return [Done(**{"id": one.id, "lease": one.lease, "outcome": OK, "dead": False, **more}) for one in leased]


def later(leased: Sequence[Leased], due: float, **more: Any) -> list[Later]:
    """To be tried again."""
    usual = {"outcome": OK, "tries": 1, "doubtful": False, "attempts": 2}
    return [Later(**{"id": one.id, "lease": one.lease, "due": due, **usual, **more}) for one in leased]


def ids(found: Sequence[Any]) -> list[str]:
    """Their dedupe ids in the order given."""
    return [one.dedupe_id for one in found]


def pairs(results: Sequence[StoredResult]) -> list[tuple[int, int]]:
    """What `take` needs of them."""
    return [(one.id, one.lease) for one in results]


class StoreTests:
    """Inherited by one class for each adapter."""

    @pytest.fixture
    def make(self) -> Make:
        """A function that makes a store."""
        raise NotImplementedError

    def run(self, make: Make, scene: Callable[..., Awaitable[T]], stores: int = 1) -> T:
        """Run a scene with so many stores on one database."""

        async def whole() -> T:
            made = [make() for _ in range(stores)]
            for store in made:
                await store.open()
            try:
                return await scene(*made)
            finally:
                for store in made:
                    await store.aclose()

        return asyncio.run(whole())

    def test_what_was_put_can_be_leased_whole(self, make: Make) -> None:
        """An entry is leased once, with every field that was put, by any store on the same database."""
        whole = entry(
            "a",
            context=b'{"row":5}',
            user="ann",
            device="phone-1",
            expires=3000.5,
            priority=2,
            content='{"标题":"\\u0000"}'.encode(),
            token="令牌",
            lot=2**62 - 1,
            digest=b"\x00\xff",
            binding=2**40,
            generation=3,
        )

        async def scene(one: Store, other: Store) -> tuple[Sequence[Leased], Sequence[Leased]]:
            await one.put([whole])
            return await other.lease(ask(lease=9)), await one.lease(ask(lease=10))

        first, second = self.run(make, scene, 2)

        (found,) = first
        put = {**whole._asdict()}
        del put["due"], put["digest"]
        assert {name: getattr(found, name) for name in put} == put
        assert found[-4:] == (0, 0, 0, 0)
        assert found.lease == 9
        assert second == []

    def test_nothing_is_leased_before_its_time(self, make: Make) -> None:
        """At `due` an entry can be leased, a moment before it cannot."""

        async def scene(store: Store) -> list[list[str]]:
            await store.put([entry("a", due=NOW)])
            return [ids(await store.lease(ask(now=now))) for now in (NOW - 0.5, NOW)]

        assert self.run(make, scene) == [[], ["a"]]

    def test_a_call_puts_all_or_nothing(self, make: Make) -> None:
        """If one id of a call was put before with another content, the call is refused, names that id, and stores
        none of the others."""

        async def scene(store: Store) -> tuple[Any, list[str]]:
            await store.put([entry("a", digest=b"1")])
            with pytest.raises(IdsTaken) as error:
                await store.put([entry("b", digest=b"1"), entry("a", digest=b"2"), entry("c")])
            return error.value.dedupe_ids, ids(await store.lease(ask()))

        assert self.run(make, scene) == (("a",), ["a"])

    def test_the_same_put_again_is_one_push(self, make: Make) -> None:
        """The same id with the same content, in one call or in another, in any state, is stored once."""

        async def scene(store: Store) -> list[list[str]]:
            again = entry("a", digest=b"1")
            await store.put([again, again])
            leased = await store.lease(ask(1))
            await store.put([again])
            await store.settle(done(leased), [], times())
            await store.put([again])
            results = await store.results(NOW, NOW + 60, 10)
            await store.take(pairs(results), NOW + 50)
            await store.put([again, entry("new", digest=b"1")])
            return [ids(leased), ids(results), ids(await store.lease(ask(2, NOW + 1000)))]

        assert self.run(make, scene) == [["a"], ["a"], ["new"]]

    @pytest.mark.parametrize("keep", [True, False])
    def test_ids_of_the_host_are_remembered_for_a_time(self, make: Make, keep: bool) -> None:
        """An id that the host chose is known until its time is over, with results or without; then it can be used for
        something else. An id that was made here is forgotten at once."""

        async def scene(store: Store) -> tuple[list[int], list[str]]:
            await store.put([entry("mine", digest=b"1"), entry("made")])
            await store.settle(done(await store.lease(ask(1))), [], times(keep=keep))
            await store.take(pairs(await store.results(NOW, NOW + 60, 10)), NOW + 50)
            cleaned = [await store.clean(NOW + 49.9, 0.0, 10)]
            with pytest.raises(IdsTaken):
                await store.put([entry("mine", digest=b"2")])
            await store.put([entry("made")])
            cleaned.append(await store.clean(NOW + 50, 0.0, 10))
            await store.put([entry("mine", digest=b"2")])
            return cleaned, sorted(ids(await store.lease(ask(2))))

        assert self.run(make, scene) == ([0, 1], ["made", "mine"])

    def test_two_workers_never_hold_the_same(self, make: Make) -> None:
        """Stores that lease at the same time share the entries: none is given twice, none is left over."""

        async def scene(one: Store, other: Store) -> list[str]:
            await one.put([entry(f"{number:03}") for number in range(200)])
            held: list[str] = []
            for lease in range(1, 200, 2):
                pair = await asyncio.gather(*(s.lease(ask(lease + n, most=7)) for n, s in enumerate((one, other))))
                if not any(pair):
                    break
                held += [dedupe_id for found in pair for dedupe_id in ids(found)]
            return held

        assert sorted(self.run(make, scene, 2)) == [f"{number:03}" for number in range(200)]

    def test_a_lost_lease_is_leased_again_and_fenced(self, make: Make) -> None:
        """When a lease has ended, another worker gets the entry, marked as lost and perhaps sent. What the first one
        settles after that changes nothing."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a"), entry("b")])
            first = await store.lease(ask(1))
            early = await store.lease(ask(2, NOW + 99.5))
            second = await store.lease(ask(3, NOW + 100))
            left = await store.settle(done(first[:1]), later(first[1:], NOW), times(NOW + 101))
            results = await store.results(NOW + 101, NOW + 200, 10)
            kept = await store.settle(done(second), [], times(NOW + 102))
            return first, early, second, left, results, kept, await store.results(NOW + 102, NOW + 200, 10)

        first, early, second, left, results, kept, final = self.run(make, scene)

        assert early == []
        assert [(one.dedupe_id, one.lost, one.doubtful) for one in second] == [("a", 1, 1), ("b", 1, 1)]
        assert list(left) == [first[0].id]
        assert results == []
        assert list(kept) == []
        assert sorted(ids(final)) == ["a", "b"]

    def test_settling_twice_changes_nothing(self, make: Make) -> None:
        """A worker that does not know whether its settlement was stored settles again; that is no fault, and the
        result is there once."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a")])
            leased = await store.lease(ask(1))
            left = [await store.settle(done(leased), [], times()) for _ in range(2)]
            return [list(one) for one in left], ids(await store.results(NOW, NOW + 60, 10))

        assert self.run(make, scene) == ([[], []], ["a"])

    def test_after_a_jump_of_the_clock_nothing_is_taken_over(self, make: Make) -> None:
        """With `take_over` off, only entries are leased that nobody has had."""

        async def scene(store: Store) -> list[str]:
            await store.put([entry("held")])
            await store.lease(ask(1))
            await store.put([entry("new")])
            return ids(await store.lease(ask(2, NOW + 500, take_over=False)))

        assert self.run(make, scene) == ["new"]

    def test_later_is_leased_again_with_its_history(self, make: Make) -> None:
        """An entry that is to be tried again comes back at its time, with its tries and requests; it was not lost."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a")])
            leased = await store.lease(ask(1))
            await store.settle([], later(leased, NOW + 10, tries=3, doubtful=True, attempts=8), times())
            return await store.lease(ask(2, NOW + 9.5)), await store.lease(ask(3, NOW + 10))

        early, again = self.run(make, scene)

        assert early == []
        assert [(one.dedupe_id, one.tries, one.lost, one.doubtful, one.attempts) for one in again] == [
            ("a", 3, 0, True, 8)
        ]

    def test_suspects_come_alone(self, make: Make) -> None:
        """An entry that has cost two leases is not leased with others any more, but alone, when suspects are asked
        for."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a"), entry("b", due=NOW + 200)])
            for lease in (1, 2):
                await store.lease(ask(lease, NOW + 100 * (lease - 1)))
            with_others = await store.lease(ask(3, NOW + 200))
            alone = await store.lease(ask(4, NOW + 200, suspect=True))
            return (
                ids(with_others),
                [(one.dedupe_id, one.lost) for one in alone],
                await store.lease(ask(5, NOW + 250, suspect=True)),
            )

        assert self.run(make, scene) == (["b"], [("a", 2)], [])

    def test_priorities_and_fairness(self, make: Make) -> None:
        """Of each certificate the urgent ones come first, the lower priorities have an eighth for themselves, and a
        certificate with many entries takes nothing from another."""

        async def scene(store: Store) -> list[str]:
            for certificate in ("1", "2"):
                count = 100 if certificate == "1" else 3
                await store.put(
                    [
                        entry(f"{certificate}/{priority}/{number:03}", certificate_id=certificate, priority=priority)
                        for priority in (2, 1, 0)
                        for number in range(count)
                    ]
                )
            return ids(await store.lease(ask(most=16)))

        found = self.run(make, scene)

        assert [one for one in found if one.startswith("1/0")] == [f"1/0/{number:03}" for number in range(16)]
        assert [one for one in found if one.startswith("1/1")] == ["1/1/000", "1/1/001"]
        assert [one for one in found if one.startswith("1/2")] == ["1/2/000", "1/2/001"]
        assert len([one for one in found if one.startswith("2/")]) == 9

    def test_what_is_held_counts(self, make: Make) -> None:
        """A worker that holds as many as it may gets none but a share, and what it holds of a lower priority does not
        count for a higher one."""

        async def scene(store: Store) -> list[str]:
            await store.put([entry(f"{priority}/{n}", priority=priority) for priority in (0, 1, 2) for n in range(9)])
            return ids(await store.lease(ask(most=8, held={("1", 1): 8})))

        assert self.run(make, scene) == [*(f"0/{n}" for n in range(8)), "2/0"]

    @pytest.mark.parametrize(("newest_first", "expected"), [(False, ["a", "b"]), (True, ["c", "b"])])
    def test_oldest_or_newest_first(self, make: Make, newest_first: bool, expected: list[str]) -> None:
        """Within a priority the oldest are leased first, or the newest if the worker wants that."""

        async def scene(store: Store) -> list[str]:
            for number, name in enumerate("abc"):
                await store.put([entry(name, due=1000.0 + number)])
            return ids(await store.lease(ask(most=2, newest_first=newest_first)))

        assert self.run(make, scene) == expected

    def test_results_are_given_to_one_at_a_time_until_they_are_taken(self, make: Make) -> None:
        """A result has everything of its push, is given out again only when its time is over, and never after it was
        taken."""
        whole = entry("a", context=b"5", user="ann", device="phone-1", binding=7, generation=2)

        async def scene(store: Store) -> Any:
            await store.put([whole])
            leased = await store.lease(ask(1))
            await store.settle(done(leased), [], times(handed_over_until=NOW + 60))
            found = [await store.results(now, NOW + 120, 10) for now in (NOW + 59.5, NOW + 60, NOW + 119.5, NOW + 120)]
            await store.take(pairs(found[1]), NOW)
            return leased[0].id, found, await store.results(NOW + 500, NOW + 600, 10), await store.counts(NOW)

        number, found, after, counts = self.run(make, scene)

        assert [len(one) for one in found] == [0, 1, 0, 1]
        assert found[1][0] == (number, 1, "a", "1", "token-a", b"5", "ann", "phone-1", 7, 2, 1000.0, 0, False, OK)
        assert type(found[1][0].dead) is bool
        assert after == []
        assert list(counts) == []

    def test_without_results_nothing_is_left(self, make: Make) -> None:
        """If nobody wants results, an entry that has ended is gone, except for dead letters."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a"), entry("b")])
            leased = await store.lease(ask(1))
            over = [*done(leased[:1]), *done(leased[1:], dead=True)]
            await store.settle(over, [], times(keep=False))
            return ids(await store.results(NOW, NOW, 10)), [(one.results, one.dead) for one in await store.counts(NOW)]

        assert self.run(make, scene) == ([], [(0, 1)])

    def test_expired_ones_end_in_bulk(self, make: Make) -> None:
        """At their time, entries that nobody holds end as expired; those that may have been sent end without a
        verdict; those that a worker holds are left to it."""

        async def scene(store: Store) -> Any:
            await store.put([entry("held", expires=NOW + 5), entry("tried", expires=NOW + 5)])
            leased = await store.lease(ask(1))
            await store.settle([], later(leased[1:], NOW + 50, doubtful=True), times())
            await store.put([entry("new", expires=NOW + 5, due=NOW + 1), entry("later", expires=NOW + 5.5)])
            ended = [await store.expire(times(now), 10) for now in (NOW + 4.5, NOW + 5)]
            none = await store.lease(ask(2, NOW + 5.5))
            lost = await store.expire(times(NOW + 100), 10)
            found = await store.results(NOW + 100, NOW + 200, 10)
            return ended, none, lost, {one.dedupe_id: one.outcome for one in found}

        ended, none, lost, found = self.run(make, scene)

        assert ended == [0, 2]
        assert none == []
        assert lost == 2
        assert found == {
            "new": EXPIRED,
            "later": EXPIRED,
            "tried": EXPIRED_IN_DOUBT,
            "held": EXPIRED_IN_DOUBT,
        }

    def test_at_most_so_many_expire_at_once(self, make: Make) -> None:
        """Each call ends at most as many as it is asked to; together they end all."""

        async def scene(store: Store) -> list[int]:
            await store.put([entry(str(number), expires=NOW) for number in range(5)])
            return [await store.expire(times(keep=False), 2) for _ in range(4)]

        assert self.run(make, scene) == [2, 2, 1, 0]

    def test_expired_ones_behind_held_ones(self, make: Make) -> None:
        """Expired entries that workers hold do not hide those behind them."""

        async def scene(store: Store) -> Any:
            await store.put([entry(f"held-{number}", expires=NOW + 1) for number in range(5)])
            held = await store.lease(ask(1))
            await store.put([entry(f"free-{number}", expires=NOW + 2) for number in range(3)])
            return len(held), [await store.expire(times(NOW + 5), 2) for _ in range(3)]

        assert self.run(make, scene) == (5, [2, 1, 0])

    def test_withdrawn_by_user_device_or_id(self, make: Make) -> None:
        """Everything that matches all arguments is removed, also dead letters, and nothing else."""

        async def scene(store: Store) -> Any:
            await store.put([entry("dead", user="ann")])
            await store.settle(done(await store.lease(ask(1)), dead=True), [], times(keep=False))
            await store.put(
                [
                    entry("a1", user="ann", device="1"),
                    entry("a2", user="ann", device="2"),
                    entry("b1", user="bob", device="1"),
                    entry("none"),
                ]
            )
            found = [
                await store.withdraw(Whose(user="ann", device="2"), NOW),
                await store.withdraw(Whose(user="ann"), NOW),
                await store.withdraw(Whose(device="1"), NOW),
                await store.withdraw(Whose(dedupe_id="b1"), NOW),
            ]
            return found, ids(await store.lease(ask(2))), await store.letters("", 10)

        found, left, letters = self.run(make, scene)

        assert found == [Withdrawn(1, 0), Withdrawn(2, 0), Withdrawn(1, 0), Withdrawn(0, 0)]
        assert left == ["none"]
        assert letters == []

    def test_withdrawn_while_a_worker_has_it(self, make: Make) -> None:
        """What a worker holds is not removed: its outcome becomes its result, it is never tried again, and if the
        worker is lost, it ends without a verdict."""

        async def scene(store: Store) -> Any:
            await store.put([entry(name, user="ann") for name in ("sent", "again", "lost")])
            leased = {one.dedupe_id: one for one in await store.lease(ask(1))}
            found = await store.withdraw(Whose(user="ann"), NOW)
            await store.settle(done([leased["sent"]]), later([leased["again"]], NOW), times())
            none = await store.lease(ask(2, NOW + 1000))
            early = await store.expire(times(NOW + 99.5), 10)
            over = await store.expire(times(NOW + 100), 10)
            results = await store.results(NOW + 100, NOW + 200, 10)
            return found, none, early, over, {one.dedupe_id: one.outcome for one in results}

        found, none, early, over, outcomes = self.run(make, scene)

        assert found == Withdrawn(0, 3)
        assert none == []
        assert (early, over) == (0, 1)
        assert outcomes == {"sent": OK, "again": OK, "lost": WITHDRAWN}

    def test_dead_letters_are_read_sent_again_and_dropped(self, make: Make) -> None:
        """A dead letter has a result, stays after it was taken, can be sent again with its content, and is gone when
        it was dropped."""

        async def scene(store: Store) -> Any:
            await store.put([entry(name, user="ann", digest=b"1") for name in "abcd"])
            leased = await store.lease(ask(1))
            await store.settle(done(leased, dead=True), [], times())
            results = await store.results(NOW, NOW, 10)
            await store.take(pairs(results), NOW)
            pages = [ids(await store.letters(after, 3)) for after in ("", "c", "d")]
            numbers = [
                await store.retry(["a", "missing"], NOW + 5),
                await store.drop(["b"]),
                await store.drop(["b"]),
                await store.retry(None, NOW + 5),
                await store.drop(None),
            ]
            return results, pages, numbers, await store.lease(ask(2, NOW + 5))

        results, pages, numbers, again = self.run(make, scene)

        assert [(one.dedupe_id, one.dead) for one in results] == [(name, True) for name in "abcd"]
        assert pages == [["a", "b", "c"], ["d"], []]
        assert numbers == [1, 1, 0, 2, 0]
        assert [(one.dedupe_id, one.content, one.put_at, one.lost) for one in again] == [
            (name, entry("a").content, NOW + 5, 0) for name in "acd"
        ]

    def test_what_nobody_takes_is_dropped_in_the_end(self, make: Make) -> None:
        """Results of what ended too long ago are removed, others stay, whenever they were put; a dead letter stays,
        without its result."""

        async def scene(store: Store) -> Any:
            await store.put([entry("old"), entry("dead"), entry("new")])
            leased = await store.lease(ask(1))
            over = [Done(one.id, one.lease, OK, one.dedupe_id == "dead") for one in leased]
            await store.settle(over[:2], [], times())
            await store.settle(over[2:], [], times(NOW + 1))
            cleaned = [await store.clean(NOW + 1, NOW + 1, 10) for _ in range(2)]
            return cleaned, ids(await store.results(NOW + 1, NOW + 1, 10)), ids(await store.letters("", 10))

        assert self.run(make, scene) == ([2, 0], ["new"], ["dead"])

    def test_a_later_result_is_not_taken_with_an_older_one(self, make: Make) -> None:
        """A dead letter that was sent again has a result of its own: who takes the older one leaves it there, also
        together with that of another push of the same lease."""

        async def scene(store: Store) -> Any:
            await store.put([entry("a")])
            await store.settle(done(await store.lease(ask(1)), dead=True), [], times())
            older = await store.results(NOW, NOW, 10)
            await store.retry(None, NOW)
            await store.put([entry("b")])
            await store.settle(done(await store.lease(ask(2))), [], times())
            newer = {one.dedupe_id: one for one in await store.results(NOW, NOW, 10)}
            await store.take(pairs([*older, newer["b"]]), NOW)
            left = await store.results(NOW, NOW, 10)
            await store.take(pairs(left), NOW)
            return [one.dead for one in older], [*newer.values()] != left, ids(left), await store.results(NOW, NOW, 10)

        assert self.run(make, scene) == ([True], True, ["a"], [])

    def test_a_number_is_never_used_again(self, make: Make) -> None:
        """A result that is taken late cannot be mistaken for that of a later push."""

        async def scene(store: Store) -> Any:
            numbers = []
            for name in "ab":
                await store.put([entry(name)])
                leased = await store.lease(ask(1))
                await store.settle(done(leased), [], times(keep=False))
                numbers += [one.id for one in leased]
            return numbers

        first, second = self.run(make, scene)

        assert first != second

    def test_counts(self, make: Make) -> None:
        """Each entry is counted in the state that it is in, by certificate."""

        async def scene(store: Store) -> Any:
            await store.put([entry(f"held-{number}") for number in range(2)])
            held = await store.lease(ask(1))
            await store.settle(done(held[:1]), [], times())
            await store.put([entry("dead")])
            await store.settle(done(await store.lease(ask(2)), dead=True), [], times())
            await store.put([entry("due", put_at=900.0), entry("delayed", due=NOW + 1)])
            await store.put([entry("other", certificate_id="2")])
            return await store.counts(NOW)

        one, two = self.run(make, scene)

        assert (one.certificate_id, one.waiting, one.delayed, one.leased, one.results, one.dead, one.oldest) == (
            *("1", 1, 1, 1, 2, 1),
            900.0,
        )
        assert (two.certificate_id, two.waiting) == ("2", 1)

    def test_a_thousand_at_once(self, make: Make) -> None:
        """Calls with more entries than fit into one statement work as others do."""

        async def scene(store: Store) -> Any:
            await store.put([entry(f"{number:04}", digest=b"1") for number in range(1100)])
            with pytest.raises(IdsTaken) as error:
                await store.put([entry(f"{number:04}", digest=b"2") for number in range(1100)])
            leased = await store.lease(ask(1, most=1100))
            await store.settle(done(leased), [], times())
            results = await store.results(NOW, NOW, 2000)
            await store.take(pairs(results), NOW + 50)
            return len(error.value.dedupe_ids), len(leased), len(results), await store.clean(NOW + 50, 0.0, 5000)

        assert self.run(make, scene) == (1100, 1100, 1100, 1100)


__all__ = ["Entry", "StoreTests"]
