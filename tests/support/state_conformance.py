"""What every store of shared state promises: the same tests for memory, SQLite and Redis, and for a real server.

A test file imports these tests and has the fixture `store`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs
import pytest

from pushgateway.state import Claim, LoginResult, SharedState, Wish
from pushgateway.state.protocol import MOST_ANNOUNCEMENTS, MOST_POSTED, POSTED_AT_ONCE


@attrs.frozen
class Store:
    """A store that is empty, and how to let time pass in it."""

    state: SharedState
    unit: float
    """Seconds that a test calls one second: a real server has a clock of its own, so it is short there."""
    passes: Callable[[float], Awaitable[None]]
    """Let so many seconds of its clock pass."""

    async def wait(self, units: float) -> None:
        """Let so many units pass."""
        await self.passes(units * self.unit)

    async def wish(self, owner: str, demand: float, portion: float, rate: float = 100.0) -> float:
        """What a process is granted of the one rate, held for two units."""
        wish = Wish("rate", rate, demand, portion)
        answer = await self.state.exchange(owner, [wish], hold=2 * self.unit, known=-1)
        return answer.portions[0].granted

    async def turn(self, owner: str, mark: str = "") -> tuple[str, str]:
        """Kind and text of the answer to a process that needs an access token; a turn is held for three units."""
        found = await self.state.begin_login("login", owner, mark=mark, hold=3 * self.unit)
        return found.kind, found.text

    async def logged_in(self, owner: str, number: int, life: float = 10.0) -> None:
        """The process has the turn and ends it with a token."""
        result = LoginResult(text=f"token {number} é", seconds=life * self.unit, mark=f"m{number}")
        await self.state.end_login("login", owner, result)


pytestmark = pytest.mark.anyio


async def test_a_portion_is_never_more_than_the_others_leave(store: Store) -> None:
    """Two processes ask for more than there is: the second gets the rest, and the first what it had."""
    assert await store.wish("a", 90.0, 70.0) == 70.0
    assert await store.wish("b", 90.0, 70.0) == 30.0
    assert await store.wish("c", 1.0, 1.0) == 0.0
    assert await store.wish("a", 90.0, 40.0) == 40.0
    assert await store.wish("b", 90.0, 60.0) == 60.0


async def test_each_process_learns_the_demands_of_the_others(store: Store) -> None:
    """The answer to a wish names the demand of each other process, and not its own."""
    await store.wish("a", 10.0, 5.0)
    await store.wish("b", 20.0, 5.0)
    answer = await store.state.exchange("c", [Wish("rate", 9.5, 0.25, 1.0)], hold=2 * store.unit, known=-1)

    assert sorted(answer.portions[0].demands) == [10.0, 20.0]
    assert answer.processes == 3


async def test_a_process_without_demand_holds_nothing(store: Store) -> None:
    """A process that has nothing to send gives its portion back with the same call."""
    await store.wish("a", 90.0, 100.0)
    before = await store.wish("b", 90.0, 100.0)
    await store.wish("a", 0.0, 0.0)

    assert before == 0.0
    assert await store.wish("b", 90.0, 100.0) == 100.0


async def test_a_killed_process_is_forgotten_with_its_portion(store: Store) -> None:
    """It does not ask any more: after its hold, and not before, its portion is free and it counts no more."""
    await store.wish("killed", 90.0, 100.0)
    await store.wait(1)
    held = await store.wish("b", 90.0, 100.0)
    await store.wait(1.5)
    answer = await store.state.exchange("b", [Wish("rate", 100.0, 90.0, 100.0)], hold=2 * store.unit, known=-1)

    assert held == 0.0
    assert answer.portions[0].granted == 100.0
    assert answer.processes == 1


async def test_several_rates_in_one_call_are_apart(store: Store) -> None:
    """The answers are in the order of the wishes, and rates share nothing. An endless wish is granted up to its
    rate."""
    wishes = [Wish("x", 10.0, 5.0, 4.0), Wish("y é/ü", 1e12, float("inf"), float("inf")), Wish("z", 0.5, 0.1, 0.1)]
    answer = await store.state.exchange("a", wishes, hold=2 * store.unit, known=-1)

    assert [one.granted for one in answer.portions] == [4.0, 1e12, 0.1]


async def test_leaving_frees_everything_at_once(store: Store) -> None:
    """A process that ends in order leaves neither itself nor its portions behind."""
    await store.wish("a", 90.0, 100.0)
    await store.state.leave("a", ["rate", "another"])

    answer = await store.state.exchange("b", [Wish("rate", 100.0, 90.0, 100.0)], hold=2 * store.unit, known=-1)
    assert (answer.processes, answer.portions[0].granted) == (1, 100.0)


async def closed(store: Store, known: int = -1) -> tuple[dict[str, float] | None, int]:
    """The closed quotas in units, rounded up to whole ones, and their version."""
    answer = await store.state.exchange("reader", [], hold=2 * store.unit, known=known)
    if answer.closed is None:
        return None, answer.version
    return {key: float(round(seconds / store.unit + 0.4)) for key, seconds in answer.closed.items()}, answer.version


async def test_a_closed_quota_is_known_until_its_end(store: Store) -> None:
    """Each process learns it once, with the seconds that are left; nothing is reported without a change."""
    empty, first = await closed(store)
    await store.state.close_quota("7005/cn/é %", 5 * store.unit)
    learned, second = await closed(store, first)
    again, _ = await closed(store, second)
    await store.wait(5.5)
    later, _ = await closed(store)

    assert (empty, again, later) == ({}, None, {})
    assert learned == {"7005/cn/é %": 5.0}
    assert first != second


async def test_the_later_end_of_a_quota_holds(store: Store) -> None:
    """Two processes say different ends: nobody sends before the later one."""
    await store.state.close_quota("q", 9 * store.unit)
    await store.state.close_quota("q", 4 * store.unit)

    assert (await closed(store))[0] == {"q": 9.0}


async def test_a_quota_that_somebody_opens_is_reported_as_open(store: Store) -> None:
    """Each process learns it, also one that asks some time later; and it can be closed again, for a shorter time."""
    await store.state.close_quota("q", 9 * store.unit)
    await store.state.open_quota("q")
    await store.wait(1)
    opened, _ = await closed(store)
    await store.state.close_quota("q", 4 * store.unit)

    assert opened == {"q": 0.0}
    assert (await closed(store))[0] == {"q": 4.0}


async def test_one_process_at_a_time_logs_in(store: Store) -> None:
    """The first one that needs a token gets the turn, the others wait, and then all have its token."""
    first = await store.turn("a")
    others = [await store.turn("b"), await store.turn("c"), await store.turn("b")]
    await store.logged_in("a", 1)

    assert first == ("yours", "")
    assert others == [("busy", "")] * 3
    assert [await store.turn(one) for one in "abc"] == [("token", "token 1 é")] * 3


async def test_many_at_the_same_moment_get_one_turn(store: Store) -> None:
    """Of ten calls under way at once one gets the turn."""
    turns = await asyncio.gather(*(store.turn(f"p{number}") for number in range(10)))

    assert sorted(turns) == [("busy", "")] * 9 + [("yours", "")]


async def test_the_turn_of_a_killed_process_ends(store: Store) -> None:
    """It neither ends nor extends its turn: another process gets it after the hold, and not before; what the first one
    says after that does not count."""
    await store.turn("killed")
    await store.wait(2)
    before = await store.turn("b")
    await store.wait(1.5)
    after = await store.turn("b")
    await store.logged_in("killed", 1)
    ignored = await store.turn("c")
    await store.logged_in("b", 2)

    assert (before, after, ignored) == (("busy", ""), ("yours", ""), ("busy", ""))
    assert await store.turn("c") == ("token", "token 2 é")


async def test_a_process_may_ask_again_for_its_turn(store: Store) -> None:
    """The answer to its first call was lost: it gets the turn again, for another hold."""
    await store.turn("a")
    await store.wait(2)
    again = await store.turn("a")
    await store.wait(2)

    assert again == ("yours", "")
    assert await store.turn("b") == ("busy", "")


async def test_a_turn_can_be_extended_by_its_owner_alone(store: Store) -> None:
    """A slow login keeps its turn; what another process says about it changes nothing."""
    await store.turn("slow")
    await store.wait(2)
    await store.state.extend_login("login", "slow", hold=3 * store.unit)
    await store.wait(2)
    kept = await store.turn("b")
    await store.state.extend_login("login", "b", hold=30 * store.unit)
    await store.wait(1.5)

    assert kept == ("busy", "")
    assert await store.turn("b") == ("yours", "")


async def test_an_unwanted_token_is_not_given_again(store: Store) -> None:
    """Who was refused with a token, or renews it, gets the turn; the others have the old one until the new one is
    there, and then everybody has the new one."""
    await store.turn("a")
    await store.logged_in("a", 1)
    renewing = await store.turn("a", "m1")
    meanwhile = [await store.turn("b"), await store.turn("c", "m1")]
    await store.logged_in("a", 2)

    assert renewing == ("yours", "")
    assert meanwhile == [("token", "token 1 é"), ("busy", "")]
    assert [await store.turn("b"), await store.turn("c", "m1")] == [("token", "token 2 é")] * 2
    assert await store.turn("d", "m2") == ("yours", "")


async def test_a_token_ends_with_its_life(store: Store) -> None:
    """After its life it is given to nobody, and until then with the seconds that are left."""
    await store.turn("a")
    await store.logged_in("a", 1, life=10.0)
    await store.wait(4)
    found = await store.state.begin_login("login", "b", mark="", hold=store.unit)
    await store.wait(6.5)

    assert 5.0 < found.seconds / store.unit <= 6.1
    assert await store.turn("b") == ("yours", "")


async def test_a_failed_login_is_reported_for_its_pause(store: Store) -> None:
    """The others do not try at once what has just failed; afterwards one of them does. A token that still lives is
    given all the same."""
    await store.turn("a")
    await store.state.end_login("login", "a", LoginResult(text="refused", seconds=2 * store.unit))
    learned = await store.turn("b")
    await store.wait(2.5)
    after = await store.turn("b")
    await store.logged_in("b", 1)
    await store.turn("a", "m1")
    await store.state.end_login("login", "a", LoginResult(text="refused", seconds=2 * store.unit))

    assert (learned, after) == (("failed", "refused"), ("yours", ""))
    assert await store.turn("c") == ("token", "token 1 é")
    assert await store.turn("c", "m1") == ("failed", "refused")


async def test_a_turn_can_end_without_a_result(store: Store) -> None:
    """The next process gets the turn at once; a token that still lives stays."""
    await store.turn("a")
    await store.state.end_login("login", "a", LoginResult(text="", seconds=0.0))
    after = await store.turn("b")
    await store.logged_in("b", 1)
    await store.turn("a", "m1")
    await store.state.end_login("login", "a", LoginResult(text="", seconds=0.0))

    assert after == ("yours", "")
    assert await store.turn("c") == ("token", "token 1 é")
    assert await store.turn("c", "m1") == ("yours", "")


async def test_a_receipt_belongs_to_one_process_until_it_is_kept(store: Store) -> None:
    """One process has it; the others wait for its word, and know it afterwards."""
    first = await store.state.claim_receipts(["r1", "r2"], "a", hold=3 * store.unit)
    second = await store.state.claim_receipts(["r2", "r3"], "b", hold=3 * store.unit)
    await store.state.settle_receipts(["r1", "r2"], "a", seconds=9 * store.unit)
    third = await store.state.claim_receipts(["r1", "r2", "r3"], "c", hold=3 * store.unit)
    await store.wait(9.5)

    assert list(first) == [Claim.NEW, Claim.NEW]
    assert list(second) == [Claim.BUSY, Claim.NEW]
    assert list(third) == [Claim.KNOWN, Claim.KNOWN, Claim.BUSY]
    assert list(await store.state.claim_receipts(["r1"], "c", hold=store.unit)) == [Claim.NEW]


async def test_a_process_may_take_again_what_it_has(store: Store) -> None:
    """The answer to its first call was lost, or what it did with the receipt: it is new to the same process, which has
    it for another hold, and to no other one. What was kept is known to its own process too."""
    await store.state.claim_receipts(["r"], "a", hold=3 * store.unit)
    await store.wait(2)
    again = await store.state.claim_receipts(["r"], "a", hold=3 * store.unit)
    await store.wait(2)
    other = await store.state.claim_receipts(["r"], "b", hold=3 * store.unit)
    await store.state.settle_receipts(["r"], "a", seconds=9 * store.unit)

    assert (list(again), list(other)) == ([Claim.NEW], [Claim.BUSY])
    assert list(await store.state.claim_receipts(["r"], "a", hold=store.unit)) == [Claim.KNOWN]


async def test_a_receipt_that_could_not_be_kept_is_new_again(store: Store) -> None:
    """Its process says so, or was killed: another process gets it. What it says later about another one's receipt does
    not count."""
    await store.state.claim_receipts(["failed", "killed"], "a", hold=3 * store.unit)
    await store.state.settle_receipts(["failed"], "a", seconds=0)
    at_once = await store.state.claim_receipts(["failed", "killed"], "b", hold=30 * store.unit)
    await store.wait(3.5)
    later = await store.state.claim_receipts(["killed"], "b", hold=30 * store.unit)
    await store.state.settle_receipts(["failed", "killed"], "a", seconds=0)

    assert list(at_once) == [Claim.NEW, Claim.BUSY]
    assert list(later) == [Claim.NEW]
    assert list(await store.state.claim_receipts(["failed", "killed"], "c", hold=store.unit)) == [Claim.BUSY] * 2


async def test_a_receipt_that_is_kept_late_is_known(store: Store) -> None:
    """The process needed longer than it may hold a receipt, and nobody else has it: it counts as kept."""
    await store.state.claim_receipts(["r"], "slow", hold=store.unit)
    await store.wait(1.5)
    await store.state.settle_receipts(["r"], "slow", seconds=9 * store.unit)

    assert list(await store.state.claim_receipts(["r"], "b", hold=store.unit)) == [Claim.KNOWN]


async def announced(store: Store, known: int = -1, most: int = 100) -> list[tuple[str, tuple[str, ...]]]:
    """The announcements of awaited receipts after one: process and names."""
    found = await store.state.awaited_receipts(known, most=most)
    return [(one.owner, one.names) for one in found]


async def posted_to(store: Store, owner: str) -> tuple[str, ...]:
    """What the next exchange of a process returns of what was posted to it."""
    return (await store.state.exchange(owner, [], hold=2 * store.unit, known=-1)).posted


async def test_each_process_learns_what_the_others_wait_for(store: Store) -> None:
    """The number that an exchange returns changes with an announcement, and with nothing else; what came after a known
    number is returned in order, in portions, with the seconds that are left."""
    empty = await store.state.exchange("reader", [], hold=2 * store.unit, known=-1)
    nothing = await announced(store, empty.awaited)
    await store.state.await_receipts("a", ["n1", "n2"], seconds=9 * store.unit)
    first = await store.state.exchange("reader", [], hold=2 * store.unit, known=-1)
    await store.state.await_receipts("b", ["n2"], seconds=9 * store.unit)
    second = await store.state.exchange("reader", [], hold=2 * store.unit, known=-1)
    again = await store.state.exchange("reader", [], hold=2 * store.unit, known=-1)
    found = await store.state.awaited_receipts(empty.awaited, most=9)

    assert nothing == []
    assert len({empty.awaited, first.awaited, second.awaited}) == 3
    assert again.awaited == second.awaited
    assert await announced(store, empty.awaited) == [("a", ("n1", "n2")), ("b", ("n2",))]
    assert await announced(store, empty.awaited, most=1) == [("a", ("n1", "n2"))]
    assert await announced(store, first.awaited) == [("b", ("n2",))]
    assert [one.number for one in found] == [first.awaited, second.awaited]
    assert all(8.0 < one.seconds / store.unit <= 9.1 for one in found)


async def test_what_nobody_waits_for_any_more_is_forgotten(store: Store) -> None:
    """An announcement counts for its seconds, and not longer; a later one has a higher number."""
    await store.state.await_receipts("killed", ["n"], seconds=3 * store.unit)
    (old,) = await store.state.awaited_receipts(-1, most=9)
    await store.wait(2)
    before = await announced(store)
    await store.wait(1.5)
    after = await announced(store)
    await store.state.await_receipts("b", ["n"], seconds=3 * store.unit)
    (new,) = await store.state.awaited_receipts(old.number, most=9)

    assert (before, after) == ([("killed", ("n",))], [])
    assert (new.owner, new.names) == ("b", ("n",))


async def test_a_text_that_is_posted_is_returned_once(store: Store) -> None:
    """The next exchange of its process returns it, in the order of the posts, and no other process gets it. After its
    seconds nobody does."""
    await store.state.post_receipts([("a", "one \u00e9"), ("b", "two"), ("a", "three")], seconds=3 * store.unit)
    first = [await posted_to(store, owner) for owner in ("a", "b", "c", "a")]
    await store.state.post_receipts([("a", "late")], seconds=3 * store.unit)
    await store.wait(3.5)

    assert first == [("one \u00e9", "three"), ("two",), (), ()]
    assert await posted_to(store, "a") == ()


async def test_what_is_awaited_and_posted_is_bounded(store: Store) -> None:
    """Of more than the limit the oldest is forgotten, and one exchange returns a bounded part."""
    texts = [("a", str(number)) for number in range(MOST_POSTED + 1)]
    await store.state.post_receipts(texts, seconds=1e6)
    portions = [await posted_to(store, "a") for _ in range(MOST_POSTED // POSTED_AT_ONCE + 1)]
    for number in range(MOST_ANNOUNCEMENTS + 1):
        await store.state.await_receipts("a", [str(number)], seconds=1e6)
    kept = await announced(store, most=MOST_ANNOUNCEMENTS + 1)

    assert [len(portion) for portion in portions] == [POSTED_AT_ONCE] * (len(portions) - 1) + [0]
    assert [text for portion in portions for text in portion] == [text for _, text in texts[1:]]
    assert [names for _, names in kept] == [(str(number),) for number in range(1, MOST_ANNOUNCEMENTS + 1)]


async def test_everything_can_be_read_without_secrets(store: Store) -> None:
    """What people may see: processes, logins without their texts, closed quotas, portions, the number of receipts."""
    await store.wish("a", 90.0, 70.0)
    await store.turn("a")
    await store.logged_in("a", 1)
    await store.state.begin_login("second é", "a", mark="", hold=3 * store.unit)
    await store.state.close_quota("q é", 9 * store.unit)
    await store.state.close_quota("opened", 9 * store.unit)
    await store.state.open_quota("opened")
    await store.state.claim_receipts(["r1", "r2"], "a", hold=9 * store.unit)
    found = await store.state.contents()

    assert found.processes.keys() == {"a"}
    assert {key: login.kind for key, login in found.logins.items()} == {"login": "token", "second é": "busy"}
    assert {login.text for login in found.logins.values()} == {""}
    assert found.closed.keys() == {"q é"}
    assert found.portions == {"rate": {"a": (90.0, 70.0)}}
    assert found.receipts == 2
    assert "token 1" not in repr(found)


async def test_closing_twice_is_harmless(store: Store) -> None:
    """A store that was used and one that was closed already can be closed."""
    await store.wish("a", 1.0, 1.0)
    await store.state.aclose()
    await store.state.aclose()

    assert "password" not in repr(store.state)
