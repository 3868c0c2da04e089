"""Plug-ins that break the contract, in each place where they can: their own pushes end with an outcome that says so,
and no others are affected."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Broadcast, Certificate, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.observe.events import BreakerChanged, Event
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessExpired, AudienceKind, Refused, Request, Response, Secret, Vendor

CONTENT = "content of a notification"
LISTED = Audience.of_tokens(["a", "b"])
NEIGHBOUR = Certificate(2, "neighbour", {"secret": "s3cret"})


class Neighbour(Toy):
    brand = "neighbour"


def with_a_neighbour(server: ToyServer, vendor: type[Vendor], **options: Any) -> tuple[list[Outcome], list[Outcome]]:
    """Outcomes of three pushes through `vendor` and of five through a working plug-in, in one call."""

    async def main() -> list[Outcome]:
        vendors = {"toy": vendor, "neighbour": Neighbour}
        async with gateway(server, certificate(), NEIGHBOUR, vendors=vendors, timeout=20.0, **options) as g:
            ours = [Push(PushToken(1, f"k{number}"), note()) for number in range(3)]
            theirs = [Push(PushToken(2, f"n{number}"), note()) for number in range(5)]
            return await g.send_each([*theirs[:2], *ours, *theirs[2:]])

    outcomes = run_virtual(main())
    return outcomes[2:5], outcomes[:2] + outcomes[5:]


def toy_with(**members: Any) -> type[Toy]:
    """The toy plug-in with other values for some of its members."""
    return type("Odd", (Toy,), members)


# Values of a wrong type


@pytest.mark.parametrize("wrong", [None, 7, "many", object()])
@pytest.mark.parametrize(
    "name", ["batching", "rates", "deduplicates", "day_offset", "dead_tokens", "marks", "proves_receipts"]
)
def test_a_property_of_a_wrong_type_ends_its_own_pushes_only(name: str, wrong: Any) -> None:
    """Each outcome names the property; the pushes of the other plug-in in the same call arrive."""
    if (name, wrong) == ("day_offset", 7):
        wrong = float("nan")

    ours, theirs = with_a_neighbour(ToyServer(), toy_with(**{name: property(lambda _: wrong)}))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all(f"the toy plug-in broke its contract: {name}: must be" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


@pytest.mark.parametrize("kind", [KeyError, SystemExit])
@pytest.mark.parametrize(
    "name", ["batching", "rates", "deduplicates", "day_offset", "dead_tokens", "marks", "proves_receipts"]
)
def test_a_property_that_raises_ends_its_own_pushes_only(name: str, kind: type[BaseException]) -> None:
    """As one of a wrong type; its text is not shown."""
    ours, theirs = with_a_neighbour(ToyServer(), toy_with(**{name: property(raising(kind))}))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all(f"the toy plug-in broke its contract: {kind.__name__}" in one.detail for one in ours)
    assert not any("secret" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


@pytest.mark.parametrize("kind", [KeyError, SystemExit])
@pytest.mark.parametrize("name", ["audiences", "audience_size", "home_region"])
def test_a_property_of_broadcasts_that_raises_costs_no_push(name: str, kind: type[BaseException]) -> None:
    """A broadcast of the certificate ends and names the plug-in; a check does not raise; pushes are not concerned."""

    async def main() -> tuple[Any, Any, Outcome]:
        vendors = {"toy": toy_with(**{name: property(raising(kind))})}
        async with gateway(ToyServer(), vendors=vendors) as g:
            broadcast = await g.broadcast(1, note(), Audience.everyone() if name == "home_region" else LISTED)
            return broadcast, await g.check(1), await g.send(PushToken(1, "k"), note())

    broadcast, check, outcome = run_virtual(main())

    assert (broadcast.status, broadcast.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert f"broke its contract: {kind.__name__}" in broadcast.detail
    assert check.ok is (name != "home_region")
    assert outcome.ok


class Dialects(Toy):
    """A brand whose two dialects differ in what they can."""

    @property
    def audiences(self) -> frozenset[AudienceKind]:  # type: ignore[override]
        return frozenset({AudienceKind.TOKENS}) if self.mixed else frozenset({AudienceKind.EVERYONE})

    @property
    def audience_size(self) -> int:  # type: ignore[override]
        return 1 if self.mixed else 2


def test_certificates_of_one_class_may_differ_in_what_they_can() -> None:
    """What a vendor can do is asked of the certificate's instance and not of its class."""

    async def main() -> tuple[list[Status], int]:
        server = ToyServer()
        both = (certificate(1), certificate(2, mixed=False))
        async with gateway(server, *both, vendors={"toy": Dialects}) as g:
            statuses = [
                (await g.broadcast(key, note(), audience)).status
                for key in (1, 2)
                for audience in (Audience.of_tokens(["a", "b"]), Audience.everyone())
            ]
            return statuses, server.calls["broadcast"]

    taken, not_sent = Status.ACCEPTED, Status.NOT_SENT
    assert run_virtual(main()) == ([taken, not_sent, not_sent, taken], 3)  # two lists of one, and one to everyone


@pytest.mark.parametrize("wrong", [None, 7, b"near", ("near",)])
@pytest.mark.parametrize("name", ["region", "quota"])
def test_a_method_that_returns_no_text_ends_its_own_pushes_only(name: str, wrong: Any) -> None:
    """The same holds for the methods that are called for each push."""
    ours, theirs = with_a_neighbour(ToyServer(), toy_with(**{name: lambda *_: wrong}))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all(f"{name}(): must be a str" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


@pytest.mark.parametrize("wrong", [None, 1, "no", (True,)])
def test_an_is_alone_that_returns_no_bool_ends_its_own_pushes_only(wrong: Any) -> None:
    """A word such as "no" would be taken for true."""
    ours, theirs = with_a_neighbour(ToyServer(), toy_with(is_alone=lambda *_: wrong))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("is_alone(): must be a bool" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


@pytest.mark.parametrize("wrong", [None, 7, ("everyone",)])
def test_a_broadcast_quota_that_is_no_text_is_blamed_and_the_broadcast_leaves(wrong: Any) -> None:
    """It counts against no quota then, as with a plug-in that has none."""
    complaints: list[str] = []
    vendor = GuardedVendor(toy_with(broadcast_quota=lambda *_: wrong)(secret=Secret("s")), "1", complaints.append)
    broadcast = Broadcast("1", note(), Audience.everyone())

    assert vendor.broadcast_quota_or_default(broadcast) == ""
    assert "broadcast_quota(): must be a str" in complaints[0]


@pytest.mark.parametrize("wrong", [None, 7, "near", [None], []])
def test_regions_of_a_wrong_type_are_read_one_by_one(wrong: Any) -> None:
    """The word "near" is not the collection of the regions n, e, a and r."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": toy_with(regions=lambda *_: wrong)}) as g:
            return await g.multicast([PushToken(1, f"k{number}") for number in range(100)], note())

    assert all(outcome.ok for outcome in run_virtual(main()))
    assert {push[0][0][0] for push in server.batches} == {"k"}


@pytest.mark.parametrize("wrong", [None, "much", -5, float("nan"), float("inf"), True])
def test_a_push_with_an_invalid_size_is_sent_alone(wrong: Any) -> None:
    """No push is lost, and no request exceeds the largest size."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(max_bytes=100), vendors={"toy": toy_with(weigh=lambda *_: wrong)}) as g:
            return await g.send_each([Push(PushToken(1, f"k{number}"), note()) for number in range(9)])

    assert all(outcome.ok for outcome in run_virtual(main()))
    assert {len(batch) for batch in server.batches} == {1}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("audiences", None),
        ("audiences", "everyone"),
        ("audiences", {"everyone"}),
        ("audience_size", "3"),
        ("audience_size", 0),
        ("home_region", None),
        ("save", lambda *_: 7),
        ("broadcast", lambda *_: None),
    ],
)
def test_a_wrong_value_for_broadcasts_ends_the_broadcast(name: str, wrong: Any) -> None:
    """Nothing is sent, and the detail names the plug-in."""
    vendor = toy_with(**{name: wrong if callable(wrong) else property(lambda _: wrong)})

    async def main() -> Any:
        async with gateway(ToyServer(), vendors={"toy": vendor}) as g:
            return await g.broadcast(1, note(), Audience.of_tokens(["a", "b"]))

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "broke its contract" in outcome.detail
    assert len(outcome.outcomes) == 2


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("dialect", property(lambda _: None)),
        ("operation", lambda *_: None),
        ("rulings", lambda *_: "text"),
        ("rulings", lambda *_: [7]),
        ("audiences", property(lambda _: None)),
    ],
)
def test_explain_names_the_wrong_value(name: str, wrong: Any) -> None:
    """`explain` never raises: it returns the outcome that a send would have."""

    async def main() -> Any:
        async with gateway(ToyServer(), vendors={"toy": toy_with(**{name: wrong})}) as g:
            asked = Broadcast("1", note(), Audience.everyone()) if name == "audiences" else None
            return g.explain(asked or Push(PushToken(1, "a"), note()))

    outcome = run_virtual(main()).outcome

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert name in outcome.detail


@pytest.mark.parametrize("wrong", ["one sentence", None, [7]])
def test_advice_of_a_wrong_type_is_reported_by_check(wrong: Any) -> None:
    """A word is not a list of letters."""

    async def main() -> Any:
        async with gateway(ToyServer(), vendors={"toy": toy_with(advice=lambda _: wrong)}) as g:
            return await g.check(1)

    check = run_virtual(main())

    assert (check.ok, check.reason) == (False, Reason.CREDENTIALS)
    assert "advice()" in check.detail


# Objects that are not exchanges


def yielding(what: Any) -> Callable[..., Any]:
    """An exchange whose first request is this object."""

    def push(*_: Any) -> Any:
        yield what

    return push


NO_REQUESTS = [
    "POST",
    7,
    {"url": "https://toy.example/near/push"},
    Request("POST", 7),  # type: ignore[arg-type]
    Request("POST", "https://toy.example/near/push", {}, "text"),  # type: ignore[arg-type]
    Request("POST", "https://toy.example/near/push", {"a": 7}),  # type: ignore[dict-item]
    Request("POST", "https://toy.example/near/push", None),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("what", NO_REQUESTS, ids=range(len(NO_REQUESTS)))
def test_a_yielded_object_that_is_no_request_is_not_sent(what: Any) -> None:
    """Nothing was sent, and the outcome names the plug-in, not the transport."""
    server = ToyServer()

    ours, theirs = with_a_neighbour(server, toy_with(push=yielding(what)))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all(one.detail.startswith("the toy plug-in broke its contract: push: ") for one in ours)
    assert all(one.ok for one in theirs)


def test_finish_must_return_a_request() -> None:
    """The same outcome as for an exchange that yields something else."""
    ours, theirs = with_a_neighbour(ToyServer(), toy_with(finish=lambda *_: None))

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("finish(): must be a Request, is NoneType" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


class _Odd(BaseException):
    pass


ODD = [SystemExit, GeneratorExit, asyncio.CancelledError, _Odd]


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    """A method that raises at once, with a text that must not be shown."""

    def now(*_: Any) -> Any:
        raise kind("a secret text")

    return now


def raising_late(kind: type[BaseException]) -> Callable[..., Any]:
    """An exchange that raises before its first request."""

    def later(*_: Any) -> Any:
        raise kind("a secret text")
        yield

    return later


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["push", "region", "regions", "quota", "batching", "login", "finish"])
@pytest.mark.parametrize("how", [raising, raising_late])
def test_a_plugin_that_raises_a_base_exception_ends_its_own_pushes_only(
    name: str, kind: type[BaseException], how: Callable[[type[BaseException]], Any]
) -> None:
    """The outcome names it, nothing was sent, worker and loop continue, and the pushes of the other plug-in arrive."""
    if name not in ("push", "login"):
        how = raising
    member = property(how(kind)) if name == "batching" else how(kind)

    ours, theirs = with_a_neighbour(ToyServer(), toy_with(**{name: member}))

    if name == "regions":  # all at once is only a short cut: each push's region is then read by itself
        assert all(one.ok for one in ours)
    else:
        assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
        assert all(f"broke its contract: {kind.__name__}" in one.detail for one in ours)
    assert not any("secret" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


def test_a_plugin_that_exits_after_its_request_ends_unknown() -> None:
    """The request was sent: `UNKNOWN`, and the detail names the plug-in."""

    def push(self: Toy, batch: Sequence[Push]) -> Any:
        yield Request("POST", "https://toy.example/near/push", content=b"[]")
        raise SystemExit(1)

    ours, theirs = with_a_neighbour(ToyServer(), toy_with(push=push, dedupe=False))

    assert {one.status for one in ours} == {Status.UNKNOWN}
    assert all("the toy plug-in broke its contract: SystemExit" in one.detail for one in ours)
    assert all(one.ok for one in theirs)


def test_ctrl_c_inside_a_plugin_is_passed_on() -> None:
    """`KeyboardInterrupt` reaches the caller and is not reported as a fault of the plug-in."""
    with pytest.raises(KeyboardInterrupt):
        with_a_neighbour(ToyServer(), toy_with(push=raising(KeyboardInterrupt)))


# Logins


class LoginRefused(ToyServer):
    """A server that replies to every login with this status and HTML."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def _answer(self, what: str, request: Request) -> Response:
        if what == "login":
            return Response(self.status, {"content-type": "text/html"}, b"<html>no</html>")
        return super()._answer(what, request)


OF_A_LOGIN = {Reason.CREDENTIALS, Reason.UNAVAILABLE}
STATUSES = [400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 413, 414, 415, 418, 421, 422, 426, 431, 451]


@pytest.mark.parametrize("status", STATUSES)
def test_a_login_refused_by_a_status_is_about_the_certificate(status: int) -> None:
    """For push, broadcast, call and check the reason is the certificate, or a temporary one; never the content."""
    server = LoginRefused(status)

    async def main() -> list[Any]:
        async with gateway(server, timeout=5.0) as g:
            push = await g.send(PushToken(1, "a"), note())
            broadcast = await g.broadcast(1, note(), Audience.of_tokens(["a"]), timeout=5.0)
            call = await g.vendor(1).ping()
            return [push, broadcast, *broadcast.outcomes, call, await g.check(1)]

    *outcomes, check = run_virtual(main())

    assert {one.status for one in outcomes} == {Status.NOT_SENT}
    assert {one.reason for one in (*outcomes, check)} <= OF_A_LOGIN | {Reason.EXPIRED}
    assert check.reason in OF_A_LOGIN


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refused_login_opens_the_breaker(status: int) -> None:
    """A hundred pushes cause few logins."""
    server = LoginRefused(status)
    events: list[Event] = []

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1), timeout=5.0, observer=events.append) as g:
            return await g.send_each([Push(PushToken(1, f"k{number}"), note()) for number in range(100)])

    outcomes = run_virtual(main())

    assert {one.status for one in outcomes} == {Status.NOT_SENT}
    assert any(isinstance(event, BreakerChanged) and event.reason in OF_A_LOGIN for event in events)
    assert server.calls["login"] <= 5


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("code", [None, "99"])
@pytest.mark.parametrize("kind", [Refused, AccessExpired])
def test_an_exception_in_a_login_is_about_the_login(reason: Reason, code: str | None, kind: type[Refused]) -> None:
    """It never marks a token as dead, a content as wrong or a push as not deliverable for now."""

    def login(self: Toy, region: str, now: float) -> Any:
        yield Request("POST", "https://toy.example/near/login", content=b'{"secret": "x"}')
        foreign = Outcome.not_sent(Push(PushToken(1, "k0"), note()), Reason.UNREGISTERED, "dead")
        raise kind(reason, code).keeping({0: foreign})

    ours, theirs = with_a_neighbour(ToyServer(), toy_with(login=login))

    assert {one.status for one in ours} == {Status.NOT_SENT}
    limits = {Reason.QUOTA_EXCEEDED, Reason.RATE_LIMITED}
    assert {one.reason for one in ours} <= OF_A_LOGIN | limits | {Reason.EXPIRED}
    assert all(one.ok for one in theirs)


@pytest.mark.parametrize("reason", [Reason.INVALID_NOTIFICATION, Reason.UNREGISTERED])
def test_a_refused_second_login_is_about_the_login_too(reason: Reason) -> None:
    """The access token expired during the push, and the login for the new one is refused."""

    @attrs.frozen
    class Once(Toy):
        def _login(self, region: str, now: float) -> Any:
            access = yield from super()._login(region, now)
            if access.value != "t1":
                raise Refused(reason, "99")
            return access

    server = ToyServer()
    server.refuse_access.add("t1")

    ours, _ = with_a_neighbour(server, Once)

    assert {(one.status, one.reason) for one in ours} == {(Status.NOT_SENT, Reason.CREDENTIALS)}


@pytest.mark.parametrize("wrong", [None, -1, 2.5, True, "raise"])
def test_weights_of_several_notifications_are_those_of_each(wrong: Any) -> None:
    """Also where the plug-in fails at one of them: that one goes alone, and the others keep their weights."""
    notes = [note(body="x" * size) for size in range(1, 6)]
    complaints: list[str] = []

    def weigh(_: Toy, one: Notification) -> Any:
        if wrong is not None and one is notes[2]:
            if wrong == "raise":
                raise KeyError(CONTENT)
            return wrong
        return len(one.body)

    vendor = type("Weighing", (Toy,), {"weigh": weigh})(secret=Secret("s"), max_bytes=1000)
    guard = GuardedVendor(vendor, "1", complaints.append)

    weights = guard.weigh_each(notes)

    assert weights == [guard.weigh(one) for one in notes]
    assert weights[2] == {None: 3, 2.5: 3}.get(wrong, 1000)
    assert (weights[:2], weights[3:]) == ([1, 2], [4, 5])
    assert CONTENT not in "".join(complaints)


def test_a_mark_for_receipts_is_weighed_with_every_push() -> None:
    """A certificate that asks for receipts adds the same bytes to each push, one by one and in a batch."""
    notes = [note(body="x" * size) for size in (1, 2)]
    signer = ReceiptSigner("1", "https://host.example/push", [Secret("a receipt secret of many characters")])
    vendor = Toy(secret=Secret("s"))
    plain, signed = GuardedVendor(vendor, "1", print), GuardedVendor(vendor, "1", print, signer)

    assert signer.weight > 0
    assert signed.weigh_each(notes) == [weight + signer.weight for weight in plain.weigh_each(notes)]
    assert [signed.weigh(one) for one in notes] == signed.weigh_each(notes)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_pushes_of_different_quotas_go_different_ways(count: int) -> None:
    """Of several pushes handed in together, those of one quota have one route, and the others another one."""
    notes = [note(body=body) for body in ("public", "private")[: min(2, count)] * count]
    vendor = type("TwoQuotas", (Toy,), {"quota": lambda _, one: one.body})(secret=Secret("s"))
    tokens = [PushToken(1, str(place)) for place in range(len(notes))]

    route = GuardedVendor(vendor, "1", print).route(tokens, notes, None)

    quotas = [one[1] for one in route] if isinstance(route, list) else [route[1]]
    assert quotas == [one.body for one in notes]
