"""Taking notifications back and checking tokens: any mix of certificates, one outcome for each, and no token is retired
by a refusal that does not name it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs
import pytest
from toy_vendor import URL, Toy, ToyServer, certificate, gateway

from pushgateway import (
    Certificate,
    FieldError,
    Gateway,
    Notification,
    Outcome,
    PushFailed,
    PushToken,
    Reason,
    RetryPolicy,
    Status,
    TokenOutcome,
)
from pushgateway.engine import token_operations
from pushgateway.observe.events import CallDone, Event
from pushgateway.sync import Gateway as SyncGateway
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Call, Exchange, NoVerdict, Refused, Request, Response, Vendor, read_reply

NOTE = Notification("title", "body")
WORDS: Mapping[str, Reason | None] = {"ok": None, **{reason.value: reason for reason in Reason}}


@attrs.frozen
class Recalling(Toy):
    """The toy vendor with `recall` (at most three tokens a call) and `check_tokens`."""

    brand: ClassVar[str] = "toy"

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """By the id of the message."""
        return self._over("recall", [handle, *tokens], tokens, 3)

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """All at once."""
        return self._over("check", list(tokens), tokens, None)

    def _over(
        self, name: str, content: list[str], tokens: Sequence[str], most: int | None
    ) -> Call[Mapping[str, Reason | None]]:
        region = self.region(tokens[0])

        def begin() -> Exchange[Mapping[str, Reason | None]]:
            reply = read_reply((yield Request("POST", f"{URL}/{region}/{name}", content=json.dumps(content).encode())))
            self._refuse(reply.code)
            return {token: WORDS[word] for token, word in reply.body["tokens"].items()}

        return Call(name=f"toy_{name}", begin=begin, region=region, most=most)


class Server(ToyServer):
    """`asked` has (URL path, handle, tokens) of each call; `words` what is said of a token (default "ok"; None: the
    reply does not name it); `whole` decides about a list as a whole: None, a code, or an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, list[str]]] = []
        self.words: dict[str, str | None] = {}
        self.whole: Callable[[list[str]], str | Exception | None] = lambda tokens: None

    def _answer(self, what: str, request: Request) -> Response:
        if what not in ("recall", "check"):
            return super()._answer(what, request)
        content = json.loads(request.content)
        handle, tokens = (content[0], content[1:]) if what == "recall" else ("", content)
        self.asked.append((request.url.removeprefix(URL), handle, tokens))
        verdict = self.whole(tokens)
        if isinstance(verdict, Exception):
            raise verdict
        words = {token: self.words.get(token, "ok") for token in tokens}
        body = {"code": verdict or "0", "tokens": {token: word for token, word in words.items() if word is not None}}
        return Response(200, {}, json.dumps(body).encode())


def played(
    script: Callable[[Gateway], Awaitable[Any]],
    server: ToyServer,
    *certificates: Certificate,
    vendors: Mapping[str, type[Vendor]] | None = None,
    **options: Any,
) -> Any:
    async def main() -> Any:
        used = {"toy": Recalling, "other": Plain, **(vendors or {})}
        async with gateway(server, *certificates or [certificate()], vendors=used, **options) as g:
            return await script(g)

    return run_virtual(main())


@attrs.frozen
class Plain(Toy):
    """A brand without either operation."""

    brand: ClassVar[str] = "other"


def accepted(token: str, message_id: str | None = "m1", key: int = 1, **more: Any) -> Outcome:
    return Outcome(push_token=PushToken(key, token), status=Status.ACCEPTED, message_id=message_id, **more)


def ends(found: Sequence[TokenOutcome]) -> list[tuple[str, str, str]]:
    return [(one.push_token.token, one.status.value, one.reason.value if one.reason else "") for one in found]


# Recall


def test_pushes_are_taken_back_by_their_outcomes() -> None:
    """Grouped by certificate, region and message, in lists that the plug-in's call takes; one outcome for each, in the
    order given, whatever the order of the lists."""
    server = Server()
    server.words = {"c": "unregistered"}
    outcomes = [
        *(accepted(token, "m1") for token in "abcd"),
        accepted("far-x", "m1"),
        accepted("a", "m2"),
        accepted("e", "m3", handle="h-3"),
        accepted("a", "m1", key=2),
    ]

    found = played(lambda g: g.recall(outcomes), server, certificate(1), certificate(2))

    assert ends(found) == [
        ("a", "accepted", ""),
        ("b", "accepted", ""),
        ("c", "rejected", "unregistered"),
        *((token, "accepted", "") for token in ("d", "far-x", "a", "e", "a")),
    ]
    assert [one.push_token for one in found] == [one.push_token for one in outcomes]
    assert sorted(server.asked) == sorted(
        [
            ("/near/recall", "m1", ["a", "b", "c"]),
            ("/near/recall", "m1", ["d"]),
            ("/far/recall", "m1", ["far-x"]),
            ("/near/recall", "m2", ["a"]),
            ("/near/recall", "h-3", ["e"]),
            ("/near/recall", "m1", ["a"]),
        ]
    )
    assert {(one.operation, one.attempts, one.ok) for one in found if one.reason is None} == {("toy_recall", 1, True)}


def test_pushes_sent_just_now_are_taken_back() -> None:
    """Straight from `send_each` or `multicast`, with the access token of pushes."""
    server = Server()

    async def script(g: Gateway) -> list[TokenOutcome]:
        return await g.recall(await g.multicast([PushToken(1, "a"), PushToken(1, "b")], NOTE))

    found = played(script, server)

    assert [one.ok for one in found] == [True, True]
    assert server.calls["login"] == 1


def test_a_push_that_reached_nobody_is_not_asked_for() -> None:
    """Neither is one that the vendor gave no id. One without a verdict may be on the phone, so it is."""
    server = Server()
    outcomes = [
        Outcome(push_token=PushToken(1, "a"), status=Status.REJECTED, reason=Reason.UNREGISTERED, message_id="m1"),
        Outcome(push_token=PushToken(1, "b"), status=Status.NOT_SENT, reason=Reason.EXPIRED),
        accepted("c", None),
        Outcome(push_token=PushToken(1, "d"), status=Status.UNKNOWN, reason=Reason.NO_VERDICT, message_id="m1"),
    ]

    found = played(lambda g: g.recall(outcomes), server)

    assert ends(found) == [
        *((token, "not_sent", "unsupported") for token in "abc"),
        ("d", "accepted", ""),
    ]
    assert found[0].detail == "the push ended rejected: there is nothing to take back"
    assert found[2].detail == "the vendor gave no message id, by which it could be taken back"
    assert server.asked == [("/near/recall", "m1", ["d"])]


def test_a_brand_that_cannot_costs_the_others_nothing() -> None:
    """A vendor without the operation, an unknown certificate and a plug-in that is not installed are outcomes; the
    vendor says once that it cannot, however many messages there are."""
    server = Server()
    events: list[Event] = []
    outcomes = [
        *(accepted(f"x{number}", f"m{number}", key=2) for number in range(50)),
        accepted("a"),
        accepted("b", key=9),
        accepted("c", key=3),
    ]

    found = played(
        lambda g: g.recall(outcomes),
        server,
        certificate(1),
        Certificate(2, "other", {"secret": "s3cret"}),
        Certificate(3, "nothing-installed", {}),
        observer=events.append,
    )

    assert {one.reason for one in found[:50]} == {Reason.UNSUPPORTED}
    assert {one.detail for one in found[:50]} == {"other cannot take a notification back"}
    assert ends(found[50:]) == [
        ("a", "accepted", ""),
        ("b", "not_sent", "credentials"),
        ("c", "not_sent", "credentials"),
    ]
    assert len([event for event in events if isinstance(event, CallDone) and event.brand == "other"]) == 1


def test_an_outcome_given_twice_is_asked_for_once() -> None:
    """Both places have the answer."""
    server = Server()

    found = played(lambda g: g.recall([accepted("a"), accepted("b"), accepted("a")]), server)

    assert [one.push_token.token for one in found] == ["a", "b", "a"]
    assert server.asked == [("/near/recall", "m1", ["a", "b"])]


# Checks


def test_tokens_are_checked_without_a_push() -> None:
    """Alive, dead, muted, without a verdict, not named: each token has its own answer, in the order given."""
    server = Server()
    server.words = {"b": "unregistered", "c": "muted", "d": None, "e": "no_verdict"}

    found = played(lambda g: g.check_tokens(PushToken(1, token) for token in "abcdea"), server)

    assert ends(found) == [
        ("a", "accepted", ""),
        ("b", "rejected", "unregistered"),
        ("c", "rejected", "muted"),
        ("d", "unknown", "no_verdict"),
        ("e", "unknown", "no_verdict"),
        ("a", "accepted", ""),
    ]
    assert found[3].detail == "the reply does not name this token"
    assert server.asked == [("/near/check", "", ["a", "b", "c", "d", "e"])]
    assert server.ledger == {}
    with pytest.raises(PushFailed, match="rejected: unregistered"):
        found[1].raise_for_failure()
    found[0].raise_for_failure()


@pytest.mark.parametrize(("count", "calls"), [(1000, 1), (1001, 2)])
def test_a_call_that_names_no_number_takes_a_thousand(count: int, calls: int) -> None:
    """At the limit it is one call, with one token more two."""
    server = Server()

    found = played(lambda g: g.check_tokens(PushToken(1, f"k{number}") for number in range(count)), server)

    assert (len(found), all(one.ok for one in found), len(server.asked)) == (count, True, calls)


@pytest.mark.parametrize("most", [0, -1, True, 2.0, "3", None])
def test_a_number_that_can_be_none_counts_as_none(most: Any) -> None:
    """A plug-in with a wrong number costs no endless loop."""

    class Odd(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
            return attrs.evolve(super().check_tokens(tokens), most=most)

    server = Server()

    found = played(lambda g: g.check_tokens([PushToken(1, "a"), PushToken(1, "b")]), server, vendors={"toy": Odd})

    assert ([one.ok for one in found], len(server.asked)) == ([True, True], 1)


def test_a_list_refused_because_of_one_token_is_asked_for_in_halves() -> None:
    """The refusal names nobody, so it costs only the token that is refused alone."""
    server = Server()
    server.whole = lambda tokens: "2" if "k7" in tokens else None

    found = played(lambda g: g.check_tokens(PushToken(1, f"k{number}") for number in range(100)), server)

    assert [one.push_token.token for one in found if not one.ok] == ["k7"]
    assert found[7].reason is Reason.UNREGISTERED
    assert len(server.asked) <= 1 + 2 * 7


def test_a_bad_token_in_each_of_many_lists_is_found_in_each() -> None:
    """The calls that a search may take are those of one list, however many lists the tokens were cut into."""

    class OfAHundred(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
            return attrs.evolve(super().check_tokens(tokens), most=100)

    server = Server()
    dead = {f"k{number}" for number in range(7, 2000, 100)}
    server.whole = lambda tokens: "2" if dead & set(tokens) else None

    found = played(
        lambda g: g.check_tokens(PushToken(1, f"k{number}") for number in range(2000)),
        server,
        vendors={"toy": OfAHundred},
    )

    assert {one.push_token.token for one in found if one.reason is Reason.UNREGISTERED} == dead
    assert [one for one in found if not one.ok and one.reason is not Reason.UNREGISTERED] == []


def test_a_vendor_that_refuses_every_list_retires_no_token_and_is_not_asked_for_ever() -> None:
    """What was never refused alone has no verdict."""
    server = Server()
    server.whole = lambda tokens: "2"

    found = played(lambda g: g.check_tokens(PushToken(1, f"k{number}") for number in range(1000)), server)

    dead = [one for one in found if one.reason is Reason.UNREGISTERED]
    alone = {tokens[0] for _, _, tokens in server.asked if len(tokens) == 1}
    assert {one.push_token.token for one in dead} == alone
    assert {(one.status, one.reason) for one in found if one not in dead} == {(Status.UNKNOWN, Reason.NO_VERDICT)}
    assert len(server.asked) == 1 + token_operations.HALVINGS


@pytest.mark.parametrize(
    ("code", "reason"), [("3", Reason.INVALID_NOTIFICATION), ("8", Reason.CREDENTIALS), ("7", Reason.QUOTA_EXCEEDED)]
)
def test_other_refusals_are_of_the_whole_list(code: str, reason: Reason) -> None:
    """They cost no token, so they are not looked into."""
    server = Server()
    server.whole = lambda tokens: code

    found = played(lambda g: g.check_tokens([PushToken(1, "a"), PushToken(1, "b")]), server)

    assert {(one.status, one.reason, one.vendor_code) for one in found} == {(Status.REJECTED, reason, code)}
    assert len(server.asked) == 1


# The network, time, and the end


def test_network_failures_are_outcomes() -> None:
    """A lost reply is repeated, because neither operation does harm twice; then it is `UNKNOWN`. Certificates do not
    touch each other."""
    server = Server()
    server.whole = lambda tokens: NoVerdict("lost") if "b" in tokens else None

    found = played(
        lambda g: g.check_tokens([PushToken(1, "a"), PushToken(2, "b")]),
        server,
        certificate(1),
        certificate(2),
        retry=RetryPolicy(attempts=3),
    )

    assert ends(found) == [("a", "accepted", ""), ("b", "unknown", "no_verdict")]
    assert (found[1].attempts, len(server.asked)) == (3, 4)


def test_the_time_limit_is_that_of_all() -> None:
    """What was not asked for by then is `EXPIRED`; what was asked for has its answer."""
    server = Server()
    server.latency = 1.0
    outcomes = [accepted("a", f"m{number}") for number in range(30)]

    found = played(lambda g: g.recall(outcomes, timeout=3.5), server)

    assert {one.reason for one in found} <= {None, Reason.EXPIRED, Reason.NO_VERDICT}
    assert [one.ok for one in found[:8]] == [True] * 8
    assert found[-1].reason is Reason.EXPIRED


def test_calls_under_way_are_bounded() -> None:
    """A thousand messages of one certificate do not open a thousand connections."""
    server = Server()
    outcomes = [accepted("a", f"m{number}") for number in range(1000)]

    found = played(lambda g: g.recall(outcomes), server, connections=100)

    assert all(one.ok for one in found)
    assert server.peak == token_operations.AT_ONCE


def test_the_lists_of_one_certificate_are_asked_for_side_by_side() -> None:
    """Tokens that are checked are one list until the plug-in says how many it takes: 24 calls of a second take three
    seconds, not 24."""

    class OfTen(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
            return attrs.evolve(super().check_tokens(tokens), most=10)

    server = Server()
    server.latency = 1.0

    found = played(
        lambda g: g.check_tokens((PushToken(1, f"k{number}") for number in range(240)), timeout=10.0),
        server,
        vendors={"toy": OfTen},
        connections=100,
    )

    assert all(one.ok for one in found)
    assert (len(server.asked), server.peak) == (24, token_operations.AT_ONCE)


def test_closing_ends_them_with_outcomes() -> None:
    """What is under way has no verdict, what was still to be asked is `CLOSED`, also in a call after it."""
    server = Server()
    server.latency = 5.0
    outcomes = [accepted("a", f"m{number}") for number in range(20)]

    async def main() -> tuple[list[TokenOutcome], list[TokenOutcome]]:
        g = gateway(server, certificate(logs_in=False), vendors={"toy": Recalling})
        task = asyncio.create_task(g.recall(outcomes))
        await asyncio.sleep(2.0)
        await g.aclose(grace=0.0)
        return await task, await g.check_tokens([PushToken(1, "a")])

    found, after = run_virtual(main())

    assert [one.reason for one in found] == [Reason.NO_VERDICT] * 8 + [Reason.CLOSED] * 12
    assert ends(after) == [("a", "not_sent", "closed")]


def test_cancelling_stops_them() -> None:
    """No further list is asked for, and no task is left."""
    server = Server()
    server.latency = 1.0

    async def script(g: Gateway) -> int:
        task = asyncio.create_task(g.recall([accepted("a", f"m{number}") for number in range(100)]))
        await asyncio.sleep(2.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        asked = len(server.asked)
        await asyncio.sleep(30.0)
        assert len(server.asked) == asked
        return len(asyncio.all_tasks())

    assert played(script, server, certificate(logs_in=False)) <= 2


# Plug-ins that break the contract


@pytest.mark.parametrize(
    "fails",
    [
        lambda tokens: "no call",
        lambda tokens: Call(name="x", begin=lambda: iter(()), region="near"),  # type: ignore[arg-type, return-value]
        lambda tokens: 1 / 0,
    ],
)
def test_a_broken_plugin_costs_its_own_tokens(fails: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised, and the plug-in is named."""

    class Broken(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Any:
            return fails(tokens)

    found = played(lambda g: g.check_tokens([PushToken(1, "a")]), Server(), vendors={"toy": Broken})

    assert ends(found) == [("a", "not_sent", "credentials")]
    assert "the toy plug-in broke its contract" in caplog.text


def test_a_result_that_cannot_be_read_costs_its_own_tokens() -> None:
    """A mapping of the plug-in's own may fail whenever it is read; the outcomes of others are not lost with it."""

    class Lazy(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            raise RuntimeError("not loaded")

        def keys(self) -> Any:
            raise SystemExit

        __iter__ = keys  # type: ignore[assignment]

    class Broken(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Any:
            def begin() -> Exchange[Any]:
                yield from super(Broken, self).check_tokens(tokens).begin()
                return Lazy()

            return attrs.evolve(super().check_tokens(tokens), begin=begin)

    found = played(lambda g: g.check_tokens([PushToken(1, "a"), PushToken(7, "b")]), Server(), vendors={"toy": Broken})

    assert ends(found) == [("a", "unknown", "no_verdict"), ("b", "not_sent", "credentials")]


@pytest.mark.parametrize("value", [None, [], {"a": "unregistered"}, {"a": True}, {"a": Status.ACCEPTED}, {}])
def test_a_result_that_is_none_retires_no_token(value: Any) -> None:
    """Only None and a `Reason` are answers; whatever else comes is no verdict."""

    class Broken(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Any:
            def begin() -> Exchange[Any]:
                yield from super(Broken, self).check_tokens(tokens).begin()
                return value

            return Call(name="x", begin=begin, region="near")

    found = played(lambda g: g.check_tokens([PushToken(1, "a")]), Server(), vendors={"toy": Broken})

    assert ends(found) == [("a", "unknown", "no_verdict")]


def test_a_token_whose_region_fails_does_not_affect_the_others() -> None:
    """The plug-in is asked about each token."""

    class Picky(Recalling):
        def region(self, token: str) -> str:
            if token == "b":
                raise KeyError(token)
            return super().region(token)

    found = played(lambda g: g.check_tokens(PushToken(1, token) for token in "abc"), Server(), vendors={"toy": Picky})

    assert ends(found) == [("a", "accepted", ""), ("b", "not_sent", "credentials"), ("c", "accepted", "")]


def test_what_a_plugin_refuses_before_a_request_is_not_sent() -> None:
    """A token that cannot be one of this vendor's is dead without a request."""

    class Local(Recalling):
        def check_tokens(self, tokens: Sequence[str]) -> Any:
            def begin() -> Exchange[Mapping[str, Reason | None]]:
                yield from ()
                return dict.fromkeys(tokens, Reason.UNREGISTERED)

            return Call(name="x", begin=begin, region="near")

        def recall(self, handle: str, tokens: Sequence[str]) -> Any:
            raise Refused(Reason.UNSUPPORTED, detail="dialect v1 cannot")

    server = Server()
    checked = played(lambda g: g.check_tokens([PushToken(1, "a")]), server, vendors={"toy": Local})
    recalled = played(lambda g: g.recall([accepted("a")]), server, vendors={"toy": Local})

    assert ends(checked) == [("a", "not_sent", "unregistered")]
    assert (ends(recalled), recalled[0].detail) == ([("a", "not_sent", "unsupported")], "dialect v1 cannot")
    assert server.asked == []


def test_wrong_elements_are_mistakes_of_the_host() -> None:
    """They are named by their place before anything is asked, by both gateways."""
    server = Server()

    async def script(g: Gateway) -> None:
        with pytest.raises(FieldError, match=r"outcomes\[1\]: must be a Outcome, is PushToken"):
            await g.recall([accepted("a"), PushToken(1, "a")])  # type: ignore[list-item]
        with pytest.raises(FieldError, match=r"push_tokens\[0\]: must be a PushToken, is str"):
            await g.check_tokens("ab")  # type: ignore[arg-type]
        with pytest.raises(FieldError, match="timeout"):
            await g.check_tokens([PushToken(1, "a")], timeout=0.0)
        assert await g.recall([]) == await g.check_tokens([]) == []

    played(script, server)

    assert server.asked == []


def test_the_blocking_gateway_has_both() -> None:
    """The same values, also when it is closed."""
    server = Server()
    server.words = {"b": "unregistered"}
    tokens = [PushToken(1, "a"), PushToken(1, "b")]

    with SyncGateway([certificate()], transport=server, vendors={"toy": Recalling}) as g:
        checked = g.check_tokens(iter(tokens))
        recalled = g.recall(g.multicast(tokens, NOTE))
        with pytest.raises(FieldError, match=r"outcomes\[0\]"):
            g.recall(tokens)  # type: ignore[arg-type]

    assert [one.reason for one in checked] == [one.reason for one in recalled] == [None, Reason.UNREGISTERED]
    assert ends(g.check_tokens(tokens)) == [("a", "not_sent", "closed"), ("b", "not_sent", "closed")]
    assert ends(g.recall([accepted("a")])) == [("a", "not_sent", "closed")]
