"""What `explain` tells is what is sent: for random pushes, byte by byte, against what a transport was given."""

import json
import random
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
from fuzzing.texts import make_text
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import (
    Audience,
    Broadcast,
    Certificate,
    FieldError,
    Gateway,
    Intent,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntentUri,
    OpenUrl,
    Priority,
    Push,
    PushToken,
    Reason,
    Status,
    sync,
)
from pushgateway.engine.explain import ACCESS_TOKEN, NEW_ID, SAVED_ID, Explanation
from pushgateway.engine.hiding import HIDDEN
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.transport import Transport
from pushgateway.vendor import Request, Response

TABLE = {
    "chat": {"channel_id": "chat", "template": "66f0", "title_parameters": ["title"], "content_parameters": ["text"]},
    "marketing": {"category": "SOCIAL", "channel_id": "聊天", "notify_level": 1},
    "call": {"category": "", "channel_id": "call"},
}
EVERYDAY = 2000


class Recording:
    """A transport that remembers what it was given."""

    def __init__(self, inner: Transport) -> None:
        self.requests: list[Request] = []
        self._inner = inner

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        self.requests.append(request)
        return await self._inner.send(request, pool=pool, timeout=timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()


def some_notification(chance: random.Random) -> Notification:
    """Any field that a host may fill, right or wrong."""
    fields: dict[str, Any] = {}

    def maybe(name: str, *values: Any) -> None:
        if chance.random() < 0.3:
            fields[name] = chance.choice(values)

    maybe("subtitle", make_text(chance), "s" * 11)
    maybe("click", OpenApp(), OpenActivity("a.B"), OpenUrl("https://x.example/" + make_text(chance)), OpenIntentUri(""))
    maybe("data", {"k": make_text(chance)}, {"chat": 7}, {"v": "x" * 4090}, {"n": 1.5})
    maybe("ttl", 0, 60, 259_200, 259_201, 864_001)
    maybe("store_offline", False)
    maybe("network", Network.WIFI)
    maybe("time_zone", "GMT+08:00", make_text(chance))
    maybe("receipt_url", "https://im.example/r", "ftp://im.example", "https://" + "x" * 200)
    maybe("receipt_parameter", "p" * 50, "p" * 51, make_text(chance))
    maybe("channel_id", "chat", make_text(chance))
    maybe("dedupe_id", "m1", make_text(chance))
    maybe("intent", *Intent)
    maybe("parameters", {"text": make_text(chance)}, {"text": 1, "more": 2}, {"name": None})
    some: list[dict[str, Any]] = [
        {},
        {"category": "IM", "notify_level": 2},
        {"category": "NEWS"},
        {"notify_level": 2},
        {"off_line": True},
        {"style": 2},
        {"style": 3},
        {"verify_registration_id": True},
        {"colour": 1},
        {"private_msg_template_id": "77", "private_title_parameters": {"a": make_text(chance)}},
        {"title": make_text(chance)},
    ]
    maybe("overrides", *({"oppo": one} for one in some))
    long = chance.choice((1, 1, 1, 5))
    return Notification(make_text(chance) * long or "t", make_text(chance) * 4 * long or "b", **fields)


def some_push(chance: random.Random, sandbox: Sandbox, number: int) -> Push:
    """A push to a phone of the sandbox, to a dead token or to what is none."""
    some = "".join(filter(str.isalnum, make_text(chance)))
    token = chance.choice((*sandbox.tokens, "OPPO_EUEX_" + "1" * 32, "no;token", "x" * 257, some))
    dedupe_id = chance.choice(("", f"id-{number}", f"标识 {number}"))
    return Push(PushToken("7005", token), some_notification(chance), dedupe_id=dedupe_id, coalesce=False)


def as_sent(explained: Request, sent: Request, made_id: str) -> Request:
    """The explained request with the real access token, and the id that was made, in their places."""
    form = dict(parse_qsl(sent.content.decode("ascii")))
    access = form.get("auth_token") or sent.headers["auth_token"]
    content = explained.content.replace(ACCESS_TOKEN.encode(), access.encode()).replace(
        NEW_ID.encode(), made_id.encode()
    )
    headers = {name: access if value == ACCESS_TOKEN else value for name, value in explained.headers.items()}
    return Request(explained.method, explained.url, headers, content)


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
@pytest.mark.parametrize("travels", ["both", "header", "body"])
def test_explain_equals_the_wire(dialect: str, travels: str, request: pytest.FixtureRequest) -> None:
    """The request is the one that leaves, but for the access token; what is cut, and what is settled here, too."""
    chance = random.Random(f"{dialect}/{travels}")
    sandbox = find_sandbox("oppo")(tokens=10, dialect=dialect, clock=lambda: 1_700_000_000.0)
    sandbox.uninstall(sandbox.tokens[0])
    settings: dict[str, Any] = {**sandbox.settings("https://oppo.example"), "access_token_in": travels}
    if dialect == "current":
        settings["intents"] = TABLE
    count = (request.config.getoption("--inputs") or EVERYDAY) // 6 + 1

    async def everything() -> dict[str, int]:
        recording = Recording(SandboxTransport(sandbox))
        seen = {"sent": 0, "settled": 0, "cut": 0}
        certificates = [Certificate(7005, "oppo", settings, pushes_per_second=float("inf"))]
        clock = loop_wall_clock()
        async with Gateway(certificates, transport=recording, rng=random.Random(1), clock=clock) as gateway:
            for number in range(count):
                push = some_push(chance, sandbox, number)
                explained = gateway.explain(push)
                before = len(recording.requests)
                (outcome,) = await gateway.send_each([push])
                sent = [one for one in recording.requests[before:] if not one.url.endswith("/auth")]
                if explained.outcome is not None:
                    seen["settled"] += 1
                    assert sent == []
                    assert isinstance(explained.outcome, type(outcome))
                    assert attrs.evolve(explained.outcome, dedupe_id=outcome.dedupe_id) == outcome
                    continue
                seen["sent"] += 1
                (told,) = explained.requests
                assert as_sent(told, sent[0], outcome.dedupe_id) == sent[0]
                if outcome.ok:
                    seen["cut"] += bool(outcome.truncated)
                    assert explained.truncated == outcome.truncated
        return seen

    seen = run_virtual(everything())

    assert all(number > count // 20 for number in seen.values()), seen


def oppo(**settings: Any) -> tuple[Sandbox, Gateway]:
    sandbox = find_sandbox("oppo")(tokens=5, dialect="current")
    right = {**sandbox.settings("https://oppo.example"), **settings}
    return sandbox, Gateway([Certificate(7005, "oppo", right)], transport=SandboxTransport(sandbox))


def test_it_tells_who_what_where_and_why() -> None:
    """Certificate, brand, dialect, host, call, class of quota, priority and time; every rule with source and date."""
    sandbox, host = oppo()
    push = Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "b" * 51, intent="call"), timeout=5.0)

    told = host.explain(push)

    assert (told.certificate_id, told.brand, told.dialect, told.region) == ("7005", "oppo", "current", "cn")
    assert (told.operation, told.host, told.quota) == ("unicast", "https://oppo.example", "IM")
    assert (told.priority, told.timeout, told.outcome) == (Priority.URGENT, 5.0, None)
    assert told.truncated == ("body",)
    (cut,) = [ruling for ruling in told.rulings if ruling.effect == "cut"]
    assert (cut.rule, cut.verdict) == ("dialects.current.fields.content", "cut to 50 characters, has 51")
    (intent,) = [ruling for ruling in told.rulings if ruling.field == "intent"]
    assert (intent.rule, intent.confidence) == ("dialects.current.intents.call", "inferred")
    assert all(ruling.source and ruling.seen and ruling.confidence for ruling in told.rulings)


def test_a_refusal_is_told_with_its_rule() -> None:
    """What the rules forbid would end here: with the outcome of a send, and with the row that forbids it."""
    sandbox, host = oppo()

    told = host.explain(Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi", ttl=864_001)))

    assert told.requests == ()
    assert told.outcome is not None
    assert (told.outcome.status, told.outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    (refusal,) = [ruling for ruling in told.rulings if ruling.effect == "refused"]
    assert refusal.rule == "dialects.current.fields.off_line_ttl"
    assert "at most 864000 seconds" in refusal.verdict


def test_a_field_of_another_dialect_is_told_with_that_row() -> None:
    """V1.3 has no channel: the row that has one is named, and the dialect."""
    sandbox, host = oppo(dialect="v1.3")

    told = host.explain(Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi", channel_id="chat")))

    (refusal,) = [ruling for ruling in told.rulings if ruling.effect == "refused"]
    assert refusal.rule == "dialects.current.fields.channel_id"
    assert told.outcome is not None
    assert told.outcome.reason is Reason.UNSUPPORTED


def test_a_broadcast_is_saved_and_sent() -> None:
    """Both requests in order, the id of the saved content and the access token as words; further parts are counted."""
    _, host = oppo()
    tokens = [f"CN_{number:032x}" for number in range(2001)]
    broadcast = Broadcast(7005, Notification("News", "n" * 60, intent="news"), Audience.of_tokens(tokens))

    told = host.explain(broadcast)

    saving, sending = told.requests
    form = dict(parse_qsl(sending.content.decode()))
    assert saving.url.endswith("/save_message_content")
    assert (form["message_id"], form["auth_token"], form["target_value"].count(";")) == (SAVED_ID, ACCESS_TOKEN, 999)
    assert (told.operation, told.more_parts, told.quota, told.priority) == ("broadcast", 2, "NEWS", Priority.BULK)
    assert told.truncated == ("body",)


def test_a_broadcast_that_is_refused_here() -> None:
    """Content that no rule allows is an outcome of the broadcast."""
    _, host = oppo()

    told = host.explain(Broadcast(7005, Notification("News", " "), Audience.everyone()))

    assert told.requests == ()
    assert told.outcome is not None
    assert (told.outcome.status, told.outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)


def test_a_broadcast_nobody_has() -> None:
    """A vendor without tags says so."""
    told = gateway(ToyServer()).explain(Broadcast(1, note(), Audience.of_tags(["a"])))

    assert told.outcome is not None
    assert told.outcome.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("asked", [Push(PushToken(9, "t"), note()), Broadcast(9, note(), Audience.everyone())])
def test_an_unknown_certificate_is_an_outcome(asked: Push | Broadcast) -> None:
    """As when it is sent: fix the certificate."""
    told = gateway(ToyServer()).explain(asked)

    assert (told.brand, told.requests, told.host) == (None, (), "")
    assert told.outcome is not None
    assert told.outcome.reason is Reason.CREDENTIALS


@attrs.frozen
class Broken(Toy):
    """A plug-in that fails where it is asked for rulings."""

    def rulings(self, asked: Push | Broadcast) -> Any:
        raise RuntimeError("a secret of the host")


def test_a_broken_plugin_is_an_outcome() -> None:
    """Its error is told by kind and place, never by its message."""
    told = gateway(ToyServer(), vendors={"toy": Broken}).explain(Push(PushToken(1, "t"), note()))

    assert told.outcome is not None
    assert "broke its contract: RuntimeError" in told.outcome.detail
    assert "secret" not in told.outcome.detail


def test_a_vendor_without_login_is_not_signed() -> None:
    """Where there is no access token, none stands in the request."""
    told = gateway(ToyServer(), certificate(logs_in=False)).explain(Push(PushToken(1, "t"), note()))

    assert told.request is not None
    assert "authorization" not in told.request.headers
    assert json.loads(told.request.content)[0][2] == NEW_ID


def test_nothing_shows_in_a_repr() -> None:
    """Neither token nor title nor body."""
    sandbox, host = oppo()
    push = Push(PushToken(7005, sandbox.tokens[0]), Notification("TITLE", "BODY", data={"k": "DATA"}))

    told = repr(host.explain(push))

    assert isinstance(host.explain(push), Explanation)
    assert (
        told == f"Explanation('7005', oppo, unicast to https://oppo.example, {len(host.explain(push).rulings)} rulings)"
    )


def test_what_is_no_push_is_refused() -> None:
    """The host's own mistake is an exception that names the argument."""
    with pytest.raises(FieldError, match="asked: must be a Push or a Broadcast, is str"):
        gateway(ToyServer()).explain("push")  # type: ignore[arg-type]


def test_an_id_made_of_the_hosts_is_the_one_that_is_sent() -> None:
    """With `Notification.dedupe_id` the id is known before sending."""
    server = ToyServer()

    async def both() -> tuple[str, str]:
        async with gateway(server) as host:
            push = Push(PushToken(1, "t"), note(dedupe_id="m1"))
            told = host.explain(push).request
            assert told is not None
            return json.loads(told.content)[0][2], (await host.send_each([push]))[0].dedupe_id

    told, sent = run_virtual(both())

    assert told == sent != NEW_ID


def test_without_an_event_loop_too() -> None:
    """The blocking gateway tells the same."""
    push = Push(PushToken(1, "t"), note())
    with sync.Gateway([certificate()], transport=ToyServer(), vendors={"toy": Toy}) as host:
        told = host.explain(push)

    assert told == gateway(ToyServer()).explain(push)


def test_the_seal_of_receipts_is_in_the_request_and_receipts_in_the_trace() -> None:
    """Where the certificate asks for receipts, address and mark are those that leave, but for their secret parts; what
    comes is traced."""
    sandbox = find_sandbox("oppo")(tokens=2, dialect="current", clock=lambda: 1_700_000_000.0)
    sealed = Certificate(
        7005,
        "oppo",
        sandbox.settings("https://oppo.example"),
        receipt_url="https://im.example/push",
        receipt_secret="a secret of thirty-two characters",  # opens nothing
    )

    async def both() -> tuple[Request | None, list[Request], Any]:
        recording = Recording(SandboxTransport(sandbox))
        async with Gateway([sealed], transport=recording, clock=loop_wall_clock()) as host:
            push = Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi"), dedupe_id="d-1")
            told = host.explain(push).request
            await host.send_each([push])
            for posted in sandbox.callbacks():
                host.receipts(7005, posted.headers, posted.content)
            return told, recording.requests, host.trace("d-1")

    told, sent, trace = run_virtual(both())

    assert told is not None
    assert sealed.signer is not None
    back = sealed.signer.of(Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi"), dedupe_id="d-1"))
    content = told.content
    for secret in (back.url.rpartition("/")[2], back.parameter.rpartition(".")[2]):
        content = content.replace(HIDDEN.encode(), secret.encode(), 1)
    assert b"call_back_url" in told.content
    assert as_sent(attrs.evolve(told, content=content), sent[-1], "d-1") == sent[-1]
    assert [step.what for step in trace.steps].count("receipt") == 1
