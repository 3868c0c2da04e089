"""A gateway with devices: pushes to users, pushes whose phone is another user's by now, dead tokens, and a store that
cannot be used."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from toy_vendor import ToyServer, certificate, note
from toy_vendor import gateway as toy_gateway
from two_processes import Store, Wire

from pushgateway import FieldError, Gateway, LoopError, Outcome, Push, PushToken, Reason, Status
from pushgateway.devices import Devices, Owner
from pushgateway.devices.verdicts import GATHERED
from pushgateway.model.errors import StoreError
from pushgateway.observe.events import DevicesChanged, Event, RetiringChanged, TokensRetired
from pushgateway.testing.virtual_time import run_virtual


@attrs.define
class Scene:
    """A gateway with devices in one process, and what happened."""

    server: ToyServer
    store: Store
    wire: Wire
    devices: Devices
    gateway: Gateway
    events: list[Event]

    async def bound(self, user: str, *tokens: str) -> list[Push]:
        """Bind one device for each token; a push to each."""
        for text in tokens:
            await self.devices.bind(user, f"d-{text}", PushToken(1, text))
        found = await self.devices.of_users([user])
        return [Push(one.push_token, note(), owner=one.owner) for one in found[user]]

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of this kind."""
        return [event for event in self.events if type(event) is kind]


def play(script: Callable[[Scene], Awaitable[None]], connections: int = 8, **settings: Any) -> Scene:
    """Run a script in virtual time; what happened. `settings`: of the certificate."""

    async def main() -> Scene:
        server, store, events = ToyServer(), Store(is_shared=False), list[Event]()
        wire, devices = Wire(server), Devices(store, most=1000)
        options: dict[str, Any] = {"devices": devices, "observer": events.append, "connections": connections}
        async with toy_gateway(wire, certificate(**settings), **options) as gateway:
            scene = Scene(server, store, wire, devices, gateway, events)
            await script(scene)
        await devices.aclose()
        return scene

    return run_virtual(main())


def endings(outcomes: list[Outcome]) -> list[tuple[Status, Reason | None]]:
    """How each ended."""
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def test_a_push_to_users_goes_to_all_their_devices() -> None:
    """By user and device, in the order of the users; one without devices has none, one named twice gets it once."""

    async def script(scene: Scene) -> None:
        await scene.bound("ann", "a1", "a2")
        await scene.bound("bob", "b")
        scene.server.codes["a2"] = "3"

        found = await scene.gateway.push_to_users(["bob", "nobody", "ann", "bob"], note(), context="row 7")

        assert list(found) == ["bob", "nobody", "ann"]
        assert {user: {device: one.reason for device, one in those.items()} for user, those in found.items()} == {
            "bob": {"d-b": None},
            "nobody": {},
            "ann": {"d-a1": None, "d-a2": Reason.INVALID_NOTIFICATION},
        }
        assert found["ann"]["d-a1"].context == "row 7"

    scene = play(script)

    assert scene.server.ledger == {("a1", "title"): 1, ("b", "title"): 1}


def test_without_devices_there_is_nobody_to_push_to() -> None:
    """The error says what is missing; the rest of the gateway works."""

    async def scene() -> None:
        async with toy_gateway(ToyServer()) as gateway:
            with pytest.raises(FieldError, match=r"Gateway\.devices: is needed"):
                await gateway.push_to_users(["ann"], note())
            owned = Push(PushToken(1, "a"), note(), owner=Owner("ann", "d1", 5, 1))
            assert endings(await gateway.send_each([owned])) == [(Status.ACCEPTED, None)]

    run_virtual(scene())


def test_a_push_to_users_says_that_the_devices_cannot_be_read() -> None:
    """It is an exception, because there are no pushes yet that could have outcomes."""

    async def script(scene: Scene) -> None:
        scene.store.is_down = True
        with pytest.raises(StoreError, match="store: is down"):
            await scene.gateway.push_to_users(["ann"], note())

    play(script)


def test_a_push_of_before_the_logout_is_not_sent() -> None:
    """Others of the same batch are, and so is one without an owner, and one with an owner that the host has made."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a1", "a2", "a3")
        await scene.devices.unbind("ann", "d-a2")
        plain = Push(PushToken(1, "p"), note())
        own = Push(PushToken(1, "o"), note(), owner=Owner("ann", "d9"))

        outcomes = await scene.gateway.send_each([*pushes, plain, own])

        accepted, unbound = (Status.ACCEPTED, None), (Status.NOT_SENT, Reason.UNBOUND)
        assert endings(outcomes) == [accepted, unbound, accepted, accepted, accepted]
        assert outcomes[1].attempts == 0
        assert "no longer belongs" in outcomes[1].detail

    scene = play(script)

    assert [[token for token, *_ in batch] for batch in scene.server.batches] == [["a1", "a3", "p", "o"]]


def test_a_batch_in_which_nobody_is_left_makes_no_request() -> None:
    """All its phones are other users' by now: each push has its outcome, and the next push is sent."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a1", "a2")
        await scene.devices.bind("bob", "d1", PushToken(1, "a1"))
        await scene.devices.bind("bob", "d2", PushToken(1, "a2"))

        assert endings(await scene.gateway.send_each(pushes)) == [(Status.NOT_SENT, Reason.UNBOUND)] * 2
        assert (await scene.gateway.send(PushToken(1, "x"), note())).ok

    scene = play(script)

    assert [[token for token, *_ in batch] for batch in scene.server.batches] == [["x"]]


@pytest.mark.parametrize("settings", [{}, {"mixed": False}, {"size": 1}])
def test_the_store_is_asked_once_for_many_requests(settings: dict[str, Any]) -> None:
    """One query for the pushes of a batch, and for those of all batches that leave at the same moment."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", *(f"a{number}" for number in range(8)))
        await scene.gateway.send(PushToken(1, "first"), note())  # logs in
        scene.store.calls.clear()

        outcomes = await scene.gateway.send_each(
            attrs.evolve(push, notification=note(f"{id(push)}")) for push in pushes
        )

        assert all(outcome.ok for outcome in outcomes)
        assert scene.store.calls == ["holding"]

    play(script, **settings)


def test_pushes_without_an_owner_ask_nothing() -> None:
    """The store is not used for them, so it may be down."""

    async def script(scene: Scene) -> None:
        scene.store.is_down = True

        assert (await scene.gateway.send(PushToken(1, "a"), note())).ok
        assert scene.store.calls == []

    play(script)


def test_a_push_is_asked_about_again_before_each_try() -> None:
    """Between two tries the user logs out: the second one is not made. The first had no verdict, so the push stays
    `UNKNOWN`: it may have been shown."""

    async def script(scene: Scene) -> None:
        (push,) = await scene.bound("ann", "a")
        scene.server.answers += [TimeoutError("broken"), "5", "5"]
        sending = asyncio.ensure_future(scene.gateway.send_each([push]))
        await asyncio.sleep(0.05)
        assert len(scene.server.batches) == 1
        await scene.devices.unbind("ann", "d-a")
        (outcome,) = await sending

        assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
        assert "unbound" in outcome.detail

    scene = play(script)

    assert len(scene.server.batches) == 1


def test_a_connection_that_takes_long_costs_another_question_and_no_push() -> None:
    """The answer is too old when the connection stands: the store is asked again, and the request leaves at once."""

    async def script(scene: Scene) -> None:
        (push,) = await scene.bound("ann", "a")
        await scene.gateway.send(PushToken(1, "first"), note())  # logs in
        seconds = [1.0, 0.0]
        scene.wire.dial = lambda: seconds.pop(0)
        scene.store.calls.clear()

        (outcome,) = await scene.gateway.send_each([push])

        assert (outcome.ok, outcome.attempts, scene.wire.late) == (True, 1, 1)
        assert scene.store.calls == ["holding", "holding"]

    play(script)


def test_a_store_that_is_down_leaves_the_push_unsent() -> None:
    """Nothing is sent that could be for a former user. The push ends `UNAVAILABLE` after its tries, the vendor is not
    blamed, and other pushes are sent meanwhile."""

    async def script(scene: Scene) -> None:
        (push,) = await scene.bound("ann", "a")
        scene.store.is_down = True
        sending = asyncio.ensure_future(scene.gateway.send_each([push]))
        await asyncio.sleep(0.1)
        plain = await scene.gateway.send(PushToken(1, "p"), note())
        (outcome,) = await sending

        assert plain.ok
        assert (outcome.status, outcome.reason, outcome.attempts) == (Status.NOT_SENT, Reason.UNAVAILABLE, 0)
        assert "store: is down" in outcome.detail or "store: cannot be used now" in outcome.detail
        scene.store.is_down = False
        await asyncio.sleep(1.0)
        assert (await scene.gateway.send_each([push]))[0].ok

    scene = play(script)

    assert [event.available for event in scene.of(DevicesChanged)] == [False, True]
    assert {token for batch in scene.server.batches for token, *_ in batch} == {"a", "p"}


@pytest.mark.parametrize("settings", [{}, {"mixed": False}])
def test_a_store_that_is_down_costs_no_push_without_an_owner(settings: dict[str, Any]) -> None:
    """Not even those in the same request: it is built anew without the others, and leaves at once."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a", "b")
        plain = [Push(PushToken(1, text), note()) for text in ("p", "q")]
        await scene.gateway.send(PushToken(1, "first"), note())  # logs in
        scene.store.is_down = True
        sending = [
            asyncio.ensure_future(scene.gateway.send_each(those))
            for those in ([plain[0], pushes[0], plain[1]], [pushes[1], Push(PushToken(1, "r"), note())])
        ]
        await asyncio.sleep(0.1)
        assert [scene.server.ledger[token, "title"] for token in ("p", "q", "r")] == [1, 1, 1]
        (one, two, three), (four, five) = [await each for each in sending]

        assert [one.ok, three.ok, five.ok] == [True, True, True]
        assert endings([two, four]) == [(Status.NOT_SENT, Reason.UNAVAILABLE)] * 2
        assert two.attempts == 0

    scene = play(script, **settings)

    assert {token for batch in scene.server.batches for token, *_ in batch} == {"first", "p", "q", "r"}


def test_a_store_that_comes_back_in_time_costs_no_push() -> None:
    """It is asked again with the retries of the push."""

    async def script(scene: Scene) -> None:
        (push,) = await scene.bound("ann", "a")
        scene.store.is_down = True
        asyncio.get_running_loop().call_later(0.2, setattr, scene.store, "is_down", False)

        assert (
            await scene.gateway.send_each(
                [push],
            )
        )[0].ok

    play(script)


def test_a_store_that_does_not_answer_holds_up_one_request_in_a_while() -> None:
    """A request waits two seconds for the answer and has the one connection meanwhile; those after it fail at once, so
    that other pushes are sent."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a", "b")
        await scene.gateway.send(PushToken(1, "first"), note())  # logs in
        scene.store.delay = lambda: 3600.0
        loop = asyncio.get_running_loop()
        owned = [asyncio.ensure_future(scene.gateway.send_each([attrs.evolve(push, timeout=3.0)])) for push in pushes]
        took = []
        for _ in range(5):
            await asyncio.sleep(0.5)
            began = loop.time()
            assert (await scene.gateway.send(PushToken(1, "p"), note())).ok
            took.append(loop.time() - began)

        assert max(took) <= 2.0
        assert sum(took) < 2.1
        assert [one.status for ones in await asyncio.gather(*owned) for one in ones] == [Status.NOT_SENT] * 2
        scene.store.delay = lambda: 0.0

    play(script, connections=1)


def test_a_call_that_fails_by_itself_holds_up_no_push() -> None:
    """A row that another transaction holds, for example: questions are answered as before, so pushes to users leave at
    once."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a")
        await scene.gateway.send(PushToken(1, "first"), note())  # logs in
        scene.store.lost = 1
        with pytest.raises(StoreError):
            await scene.devices.bind("bob", "d-b", PushToken(1, "b"))
        began = asyncio.get_running_loop().time()

        (outcome,) = await scene.gateway.send_each(pushes)

        assert outcome.ok
        assert asyncio.get_running_loop().time() - began < 0.1

    play(script)


def test_a_dead_token_is_retired_and_not_sent_again() -> None:
    """The vendor named it; a moment later it is unbound, with one event. Other tokens stay."""

    async def script(scene: Scene) -> None:
        await scene.bound("ann", "a", "b")
        scene.server.codes["a"] = "2"

        outcomes = await scene.gateway.push_to_users(["ann"], note())
        await asyncio.sleep(GATHERED + 0.1)

        assert outcomes["ann"]["d-a"].reason is Reason.UNREGISTERED
        assert list((await scene.gateway.push_to_users(["ann"], note()))["ann"]) == ["d-b"]

    scene = play(script)

    assert [(event.certificate_id, event.brand, event.count) for event in scene.of(TokensRetired)] == [("1", "toy", 1)]


def test_a_token_that_was_reported_since_the_push_was_made_stays() -> None:
    """T3: the app has reported it while the verdict was on its way."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a")
        scene.server.codes["a"] = "2"
        await scene.devices.bind("ann", "d-a", PushToken(1, "a"))

        (outcome,) = await scene.gateway.send_each(pushes)
        await asyncio.sleep(GATHERED + 0.1)

        assert outcome.reason is Reason.UNREGISTERED
        assert len((await scene.devices.of_users(["ann"]))["ann"]) == 1

    scene = play(script)

    assert scene.of(TokensRetired) == []


def test_a_verdict_about_an_earlier_report_hides_no_later_one() -> None:
    """Two pushes, one of before and one of after a report: whichever verdict comes last, the token is dead."""

    async def script(scene: Scene) -> None:
        before = await scene.bound("ann", "a")
        after = await scene.bound("ann", "a")
        scene.server.codes["a"] = "2"

        for pushes in (after, before):
            await scene.gateway.send_each(pushes)
        await asyncio.sleep(GATHERED + 0.1)

        assert await scene.devices.of_users(["ann"]) == {"ann": []}

    play(script)


@pytest.mark.parametrize(("code", "status"), [("3", Status.REJECTED), ("5", Status.REJECTED), ("8", Status.REJECTED)])
def test_no_other_refusal_costs_a_token(code: str, status: Status) -> None:
    """A wrong content, an outage and wrong credentials say nothing about the token."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a")
        scene.server.codes["a"] = code

        (outcome,) = await scene.gateway.send_each(pushes)
        await asyncio.sleep(GATHERED + 0.1)

        assert outcome.status is status
        assert "retire" not in scene.store.calls

    play(script)


def test_verdicts_wait_while_the_store_is_down() -> None:
    """T9: the outcome comes at once, and the token is retired when the store works again."""

    async def script(scene: Scene) -> None:
        await scene.bound("ann", "a")
        scene.server.codes["a"] = "2"
        asyncio.get_running_loop().call_later(0.5, setattr, scene.store, "is_down", True)
        outcomes = await scene.gateway.push_to_users(["ann"], note())
        took = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        scene.store.is_down = False
        await asyncio.sleep(60)

        assert outcomes["ann"]["d-a"].reason is Reason.UNREGISTERED
        assert took < 0.5
        assert await scene.devices.of_users(["ann"]) == {"ann": []}

    scene = play(script)

    assert [event.available for event in scene.of(DevicesChanged)] == [False, True]
    assert len(scene.of(TokensRetired)) == 1


def test_a_vendor_that_calls_all_tokens_dead_costs_none() -> None:
    """T10: of 150 tokens all are called dead. None is retired, with one event; once the share is small again, dead ones
    are retired again."""

    async def script(scene: Scene) -> None:
        texts = [f"a{number}" for number in range(150)]
        await scene.bound("ann", *texts)
        scene.server.codes |= dict.fromkeys(texts, "2")
        await scene.gateway.push_to_users(["ann"], note())
        await asyncio.sleep(GATHERED + 0.1)
        assert len((await scene.devices.of_users(["ann"]))["ann"]) == 150

        scene.server.codes = {"a0": "2"}
        await asyncio.sleep(600)
        await scene.gateway.push_to_users(["ann"], note())
        await asyncio.sleep(GATHERED + 0.1)
        assert len((await scene.devices.of_users(["ann"]))["ann"]) == 149

    scene = play(script)

    stops = [(event.stopped, event.dead, event.tried) for event in scene.of(RetiringChanged)]
    assert stops == [(True, 150, 150), (False, 1, 150)]


def test_closing_writes_the_verdicts_that_wait() -> None:
    """A process that ends right after its pushes has retired their dead tokens."""

    async def scene() -> None:
        server, store = ToyServer(), Store(is_shared=False)
        server.codes["a"] = "2"
        async with Devices(store) as devices, toy_gateway(Wire(server), devices=devices) as gateway:
            await devices.bind("ann", "d", PushToken(1, "a"))
            await gateway.push_to_users(["ann"], note())

        assert await store.inner.of_users(["ann"]) == {"ann": []}

    run_virtual(scene())


def test_a_push_taken_back_while_the_store_is_asked_is_not_sent() -> None:
    """The caller has gone meanwhile."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a", "b")
        scene.store.delay = lambda: 0.05
        sending = asyncio.ensure_future(scene.gateway.send_each(pushes[:1]))
        other = asyncio.ensure_future(scene.gateway.send_each(pushes[1:]))
        await asyncio.sleep(0.06)
        sending.cancel()

        assert (await other)[0].ok
        await asyncio.sleep(1)

    scene = play(script)

    assert [[token for token, *_ in batch] for batch in scene.server.batches] == [["b"]]


def test_closing_the_gateway_while_the_store_is_asked_ends_the_push() -> None:
    """Nothing of it has left, so it is `NOT_SENT`."""

    async def script(scene: Scene) -> None:
        pushes = await scene.bound("ann", "a")
        scene.store.delay = lambda: 1.0
        sending = asyncio.ensure_future(scene.gateway.send_each(pushes))
        await asyncio.sleep(0.5)
        await scene.gateway.aclose(grace=0)

        assert endings(await sending) == [(Status.NOT_SENT, Reason.CLOSED)]
        scene.store.delay = lambda: 0.0

    play(script)


def test_devices_belong_to_one_event_loop() -> None:
    """As a gateway does: a second loop is an error that says so."""
    devices = Devices("memory:")
    asyncio.run(devices.bind("ann", "d", PushToken(1, "a")))

    with pytest.raises(LoopError, match="event loop"):
        asyncio.run(devices.unbind("ann", "d"))
