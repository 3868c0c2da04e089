"""`explain` shows exactly what is sent: for random pushes its requests are compared, byte by byte, with those that a
transport got."""

import json
import random
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
from fuzzing.texts import make_text
from signing_vendor import SigningServer, Storing
from signing_vendor import certificate as signing_certificate
from signing_vendor import gateway as signing_gateway
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
from pushgateway.vendor import AccessToken, Exchange, Request, Response, Saved

TABLE = {
    "chat": {"channel_id": "chat", "template": "66f0", "title_parameters": ["title"], "content_parameters": ["text"]},
    "marketing": {"category": "SOCIAL", "channel_id": "聊天", "notify_level": 1},
    "call": {"category": "", "channel_id": "call"},
}
EVERYDAY = 2000


class Recording:
    """A transport that keeps each request it gets."""

    def __init__(self, inner: Transport) -> None:
        self.requests: list[Request] = []
        self._inner = inner

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        self.requests.append(request)
        return await self._inner.send(request, pool=pool, timeout=timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()


def some_notification(chance: random.Random) -> Notification:
    """A notification with any field that a host may fill, right or wrong."""
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
    """A push to a phone of the sandbox, to a dead token or to a text that is no token."""
    some = "".join(filter(str.isalnum, make_text(chance)))
    token = chance.choice((*sandbox.tokens, "OPPO_EUEX_" + "1" * 32, "no;token", "x" * 257, some))
    dedupe_id = chance.choice(("", f"id-{number}", f"标识 {number}"))
    return Push(PushToken("7005", token), some_notification(chance), dedupe_id=dedupe_id, coalesce=False)


def as_sent(explained: Request, sent: Request, made_id: str) -> Request:
    """The explained request, with the real access token and message id in place of the placeholders."""
    form = dict(parse_qsl(sent.content.decode("ascii")))
    access = form.get("auth_token") or sent.headers["auth_token"]
    content = explained.content.replace(ACCESS_TOKEN.encode(), access.encode()).replace(
        NEW_ID.encode(), made_id.encode()
    )
    headers = {name: access if value == ACCESS_TOKEN else value for name, value in explained.headers.items()}
    return Request(explained.method, explained.url, headers, content)


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
@pytest.mark.parametrize("travels", ["both", "header", "body"])
def test_explain_shows_the_request_that_is_sent(dialect: str, travels: str, request: pytest.FixtureRequest) -> None:
    """Except for the access token the request is the one that is sent; what is cut, and what ends without a request,
    are equal too."""
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
                (shown,) = explained.requests
                assert as_sent(shown, sent[0], outcome.dedupe_id) == sent[0]
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


def test_an_explanation_holds_certificate_request_and_rules() -> None:
    """It holds certificate, brand, dialect, host, call, quota, priority and timeout; each rule with source and date."""
    sandbox, host = oppo()
    push = Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "b" * 51, intent="call"), timeout=5.0)

    explained = host.explain(push)

    assert (explained.certificate_id, explained.brand, explained.dialect, explained.region) == (
        "7005",
        "oppo",
        "current",
        "cn",
    )
    assert (explained.operation, explained.host, explained.quota) == ("unicast", "https://oppo.example", "IM")
    assert (explained.priority, explained.timeout, explained.outcome) == (Priority.URGENT, 5.0, None)
    assert explained.truncated == ("body",)
    (cut,) = [ruling for ruling in explained.rulings if ruling.effect == "cut"]
    assert (cut.rule, cut.verdict) == ("dialects.current.fields.content", "cut to 50 characters, has 51")
    (intent,) = [ruling for ruling in explained.rulings if ruling.field == "intent"]
    assert (intent.rule, intent.confidence) == ("dialects.current.intents.call", "inferred")
    assert all(ruling.source and ruling.seen and ruling.confidence for ruling in explained.rulings)


def test_a_refusal_names_its_rule() -> None:
    """A push that the rules forbid has the outcome that a send would have, and the rule that forbids it."""
    sandbox, host = oppo()

    explained = host.explain(Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi", ttl=864_001)))

    assert explained.requests == ()
    assert explained.outcome is not None
    assert (explained.outcome.status, explained.outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    (refusal,) = [ruling for ruling in explained.rulings if ruling.effect == "refused"]
    assert refusal.rule == "dialects.current.fields.off_line_ttl"
    assert "at most 864000 seconds" in refusal.verdict


def test_a_field_of_another_dialect_names_the_rule_of_that_dialect() -> None:
    """V1.3 has no channel: the rule of the dialect that has one is named, with that dialect."""
    sandbox, host = oppo(dialect="v1.3")

    explained = host.explain(Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi", channel_id="chat")))

    (left_out,) = [ruling for ruling in explained.rulings if ruling.effect == "ignored"]
    assert (left_out.field, left_out.rule) == ("channel_id", "dialects.current.fields.channel_id")
    assert explained.outcome is None


def test_a_broadcast_is_saved_and_sent() -> None:
    """Both requests in order, with words in place of the content's id and the access token; further parts are
    counted."""
    _, host = oppo()
    tokens = [f"CN_{number:032x}" for number in range(2001)]
    broadcast = Broadcast(7005, Notification("News", "n" * 60, intent="news"), Audience.of_tokens(tokens))

    explained = host.explain(broadcast)

    saving, sending = explained.requests
    form = dict(parse_qsl(sending.content.decode()))
    assert saving.url.endswith("/save_message_content")
    assert (form["message_id"], form["auth_token"], form["target_value"].count(";")) == (SAVED_ID, ACCESS_TOKEN, 999)
    assert (explained.operation, explained.more_parts, explained.quota, explained.priority) == (
        "broadcast",
        2,
        "NEWS",
        Priority.BULK,
    )
    assert explained.truncated == ("body",)


@pytest.mark.parametrize(("least", "contents"), [(2, [["title", "k"]]), (1, ["title", [SAVED_ID, "k"]])])
def test_a_push_whose_notification_is_stored_first_has_two_requests(least: int, contents: list[Any]) -> None:
    """Where the vendor stores it for one phone too."""
    host = signing_gateway(SigningServer(), signing_certificate(Storing, least=least))

    explained = host.explain(Push(PushToken(1, "k"), note()))

    assert [json.loads(request.content) for request in explained.requests] == contents
    assert all(request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}" for request in explained.requests)


class KeepsContent(Toy):
    """Its contents have ids of their own: there is nothing to be asked to save one."""

    def save(self, broadcast: Broadcast) -> Exchange[Saved]:
        return Saved("known")
        yield


def test_a_broadcast_whose_saving_asks_nothing_has_one_request() -> None:
    """The id that it gave is in the request."""
    host = gateway(ToyServer(), vendors={"toy": KeepsContent})

    explained = host.explain(Broadcast(1, note(), Audience.everyone()))

    assert [json.loads(request.content) for request in explained.requests] == [["known"]]


class FinishesOddly(Toy):
    """Its last step gives no request."""

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Any:
        return None


def test_explain_names_a_last_step_that_gives_no_request() -> None:
    """As a send does."""
    explained = gateway(ToyServer(), vendors={"toy": FinishesOddly}, clock=lambda: 0.0).explain(
        Push(PushToken(1, "k"), note())
    )

    assert explained.outcome is not None
    assert "broke its contract: finish(): must be a Request, is NoneType" in explained.outcome.detail


def test_a_broadcast_that_the_rules_refuse() -> None:
    """A content that the rules forbid is an outcome of the broadcast."""
    _, host = oppo()

    explained = host.explain(Broadcast(7005, Notification("News", " "), Audience.everyone()))

    assert explained.requests == ()
    assert explained.outcome is not None
    assert (explained.outcome.status, explained.outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)


def test_a_broadcast_that_the_vendor_lacks() -> None:
    """For a vendor without tags the outcome is `UNSUPPORTED`."""
    explained = gateway(ToyServer()).explain(Broadcast(1, note(), Audience.of_tags(["a"])))

    assert explained.outcome is not None
    assert explained.outcome.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("asked", [Push(PushToken(9, "t"), note()), Broadcast(9, note(), Audience.everyone())])
def test_explain_with_an_unknown_certificate_is_an_outcome(asked: Push | Broadcast) -> None:
    """The same outcome as when the push is sent: `CREDENTIALS`."""
    explained = gateway(ToyServer()).explain(asked)

    assert (explained.brand, explained.requests, explained.host) == (None, (), "")
    assert explained.outcome is not None
    assert explained.outcome.reason is Reason.CREDENTIALS


@attrs.frozen
class Broken(Toy):
    """A plug-in that raises when rulings are read."""

    def rulings(self, asked: Push | Broadcast) -> Any:
        raise RuntimeError("a secret of the host")


def test_explain_with_a_broken_plugin_is_an_outcome() -> None:
    """The outcome names the kind and place of the exception, never its text."""
    explained = gateway(ToyServer(), vendors={"toy": Broken}).explain(Push(PushToken(1, "t"), note()))

    assert explained.outcome is not None
    assert "broke its contract: RuntimeError" in explained.outcome.detail
    assert "secret" not in explained.outcome.detail


def test_a_vendor_without_login_has_no_access_token_in_the_request() -> None:
    """Where there is no access token, the request shows none."""
    explained = gateway(ToyServer(), certificate(logs_in=False)).explain(Push(PushToken(1, "t"), note()))

    assert explained.request is not None
    assert "authorization" not in explained.request.headers
    assert json.loads(explained.request.content)[0][2] == NEW_ID


def test_the_repr_of_an_explanation_shows_no_content() -> None:
    """It shows neither token nor title nor body."""
    sandbox, host = oppo()
    push = Push(PushToken(7005, sandbox.tokens[0]), Notification("TITLE", "BODY", data={"k": "DATA"}))

    explained = repr(host.explain(push))

    assert isinstance(host.explain(push), Explanation)
    assert (
        explained
        == f"Explanation('7005', oppo, unicast to https://oppo.example, {len(host.explain(push).rulings)} rulings)"
    )


def test_explain_refuses_anything_but_a_push_or_broadcast() -> None:
    """It is a mistake of the host: an exception that names the argument."""
    with pytest.raises(FieldError, match="asked: must be a Push or a Broadcast, is str"):
        gateway(ToyServer()).explain("push")  # type: ignore[arg-type]


def test_an_id_derived_from_the_hosts_is_the_one_that_is_sent() -> None:
    """With `Notification.dedupe_id` the id is known before sending."""
    server = ToyServer()

    async def both() -> tuple[str, str]:
        async with gateway(server) as host:
            push = Push(PushToken(1, "t"), note(dedupe_id="m1"))
            explained = host.explain(push).request
            assert explained is not None
            return json.loads(explained.content)[0][2], (await host.send_each([push]))[0].dedupe_id

    explained, sent = run_virtual(both())

    assert explained == sent != NEW_ID


def test_the_blocking_gateway_explains_the_same() -> None:
    """The blocking gateway returns an equal explanation."""
    push = Push(PushToken(1, "t"), note())
    with sync.Gateway([certificate()], transport=ToyServer(), vendors={"toy": Toy}) as host:
        explained = host.explain(push)

    assert explained == gateway(ToyServer()).explain(push)


def test_the_receipt_parameter_is_in_the_request_and_the_receipt_in_the_trace() -> None:
    """Where the certificate asks for receipts, URL and parameter are those that are sent, with their secret parts
    hidden; a receipt that arrives is in the trace."""
    sandbox = find_sandbox("oppo")(tokens=2, dialect="current", clock=lambda: 1_700_000_000.0)
    signing = Certificate(
        7005,
        "oppo",
        sandbox.settings("https://oppo.example"),
        receipt_url="https://im.example/push",
        receipt_secret="a secret of thirty-two characters",  # protects nothing
    )

    async def both() -> tuple[Request | None, list[Request], Any]:
        recording = Recording(SandboxTransport(sandbox))
        async with Gateway([signing], transport=recording, clock=loop_wall_clock()) as host:
            push = Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi"), dedupe_id="d-1")
            explained = host.explain(push).request
            await host.send_each([push])
            for posted in sandbox.callbacks():
                host.receipts(7005, posted.headers, posted.content)
            return explained, recording.requests, host.trace("d-1")

    explained, sent, trace = run_virtual(both())

    assert explained is not None
    assert signing.signer is not None
    back = signing.signer.callback_for(
        Push(PushToken(7005, sandbox.tokens[0]), Notification("Ann", "Hi"), dedupe_id="d-1")
    )
    content = explained.content
    for secret in (back.url.rpartition("/")[2], back.parameter.rpartition(".")[2]):
        content = content.replace(HIDDEN.encode(), secret.encode(), 1)
    assert b"call_back_url" in explained.content
    assert as_sent(attrs.evolve(explained, content=content), sent[-1], "d-1") == sent[-1]
    assert [step.what for step in trace.steps].count("receipt") == 1
