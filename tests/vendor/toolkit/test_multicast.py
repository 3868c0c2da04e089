"""A vendor whose requests hold one notification for many tokens and whose replies name the tokens that failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.vendor import (
    Audience,
    Batch,
    Broadcast,
    CallBack,
    ConfigError,
    Network,
    Notification,
    NoVerdict,
    OpenApp,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Reply,
    Request,
    Response,
    Status,
)
from pushgateway.vendor.rules import parse_rules
from pushgateway.vendor.toolkit.batches import Frame
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.intents import IntentSetting
from pushgateway.vendor.toolkit.multicast import (
    Failures,
    ListedReplies,
    MulticastVendor,
    SharedVendor,
    failures_by_code,
)
from pushgateway.vendor.toolkit.settings import Hosts

SEEN = 'source = "S", seen = 2026-11-01'
TEXT = """
brand = "acme"
title = "ACME"
[sources]
S = { title = "s" }
[codes]
1 = { reason = "accepted", meaning = "sent", dialects = ["v"], SEEN }
2 = { reason = "partial", meaning = "in part", dialects = ["v"], SEEN }
3 = { reason = "UNREGISTERED", scope = "target", meaning = "all dead", dialects = ["v"], SEEN }
4 = { reason = "INVALID_NOTIFICATION", scope = "content", meaning = "wrong text", dialects = ["v"], SEEN }
[target_codes]
dead = { reason = "UNREGISTERED", scope = "target", meaning = "dead", dialects = ["v"], SEEN }
later = { reason = "MUTED", scope = "target", meaning = "off", dialects = ["v"], SEEN }
[dialects.v]
title = "v"
[dialects.v.hosts]
h = { url = "https://acme.example", SEEN }
[dialects.v.operations]
send = { method = "POST", path = "/send", host = "h", encoding = "json", headers = { push-type = "0" }, SEEN }
find = { method = "POST", path = "/find", host = "h", encoding = "json", SEEN }
undo = { method = "POST", path = "/{app}/undo", host = "h", encoding = "json", SEEN }
[dialects.v.fields]
"n.title" = { kind = "text", says = "title", past = "cut", SEEN }
"n.body" = { kind = "text", says = "body", SEEN }
"n.id" = { kind = "int", says = "replace_key", max = 99, SEEN }
"n.app" = { kind = "bool", SEEN }
"n.sound" = { kind = "text", says = "sound", SEEN }
"n.from" = { kind = "time", says = "show_from", SEEN }
"n.until" = { kind = "time", says = "show_until", required_with = ["n.from"], SEEN }
"o.url" = { kind = "text", says = "receipt_url", SEEN }
"o.mark" = { kind = "text", says = "receipt_parameter", SEEN }
"o.kind" = { kind = "choice", choices = ["CHAT"], SEEN }
[dialects.v.numbers]
batch_size = { value = 3, unit = "tokens", SEEN }
token_characters = { value = 9, unit = "characters", SEEN }
body_bytes = { value = 200, unit = "bytes", SEEN }
[dialects.v.categories]
CHAT = { group = "g", meaning = "chats", private = true, SEEN }
[dialects.v.intents]
chat = { category = "CHAT", SEEN }
""".replace("SEEN", SEEN)
RULES = parse_rules(TEXT)


def find(reply: Reply, _: Response) -> Failures | None:
    """The member `failed` of a reply."""
    failed = reply.body.get("failed")
    counts = reply.body.get("number"), reply.body.get("accepted")
    return Failures(failed, *counts) if isinstance(failed, dict) else None


REPLIES = ListedReplies(CodeTable.of(RULES), CodeTable.of(RULES, "target_codes"), find, ("id",))


@attrs.frozen(kw_only=True)
class Acme(MulticastVendor):
    """The vendor of these tests."""

    brand: ClassVar[str] = "acme"
    contract: ClassVar[str] = "0.2"
    rules = RULES
    replies = REPLIES
    frame = (b'{"m":', b'"to":{', b"}}}")
    names: ClassVar = {"mark": "o.mark", "handle": "n.id", "category": "o.kind"}
    texts = ("n.title", "n.body")
    needs: ClassVar = {"sound": "player"}

    player: str | None = None
    longest: int = 100

    def clicks(self) -> Clicks:
        return Clicks({OpenApp: Click({"n.app": True})}, vendor="ACME")

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        return {}

    @property
    def hosts(self) -> Hosts:
        return Hosts(self.facts)

    @property
    def limits(self) -> dict[str, int]:
        return {"n.title": self.longest}


def batch(*tokens: str, callback: CallBack | None = None, **fields: Any) -> Batch:
    """A push of one notification for each token."""
    note = Notification(**{"title": "t", "body": "b", **fields})
    given = Batch.of([Push(PushToken(1, token), note) for token in tokens])
    given.callback = callback
    return given


def pushed(given: Batch, reply: Any, **settings: Any) -> tuple[Any, list[Outcome]]:
    """The body of the request, and the outcomes by this reply."""
    exchange = Acme(**settings).push(given)
    request = next(exchange)
    assert request is not None
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=json.dumps(reply).encode()))
    return json.loads(request.content), end.value.value


def test_a_body_is_the_notification_and_its_tokens() -> None:
    """Fields by the rules, the receipt parameter of the batch, the intent's category, and the handle."""
    given = batch("a", "b", callback=CallBack("https://im.example", "p"), intent="chat", replace_key="k")
    body, outcomes = pushed(given, {"code": 1, "id": "m"})

    note = body["m"]["n"]
    assert body["m"]["to"] == {"token": ["a", "b"]}
    assert (note["title"], note["body"], note["app"]) == ("t", "b", True)
    assert body["m"]["o"] == {"mark": "p", "kind": "CHAT"}
    assert [(one.message_id, one.handle) for one in outcomes] == [("m", str(note["id"]))] * 2


def ending(make: Any) -> Any:
    """What a function returns, or the refusal that it raises."""
    try:
        return make()
    except Refused as refused:
        return refused.reason, refused.detail


@given(
    st.lists(
        st.fixed_dictionaries(
            {"title": st.text(max_size=12), "body": st.text(max_size=12)},
            optional={
                "intent": st.sampled_from(["chat", "news"]),
                "replace_key": st.text(min_size=1, max_size=3),
                "channel_id": st.sampled_from(["c", "d"]),
                "ttl": st.just(5),
                "sound": st.just("ring"),
            },
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_an_ordinary_notification_is_encoded_as_any_other(notes: list[dict[str, Any]], is_marked: bool) -> None:
    """What is kept of one is right for the next: the same fields, names of what was cut, handle and refusal."""
    acme = Acme(longest=8)
    for fields in notes:
        given_batch = batch("a", callback=CallBack("https://im.example", "mark") if is_marked else None, **fields)
        note = given_batch.notifications[0]
        frame = ending(lambda note=note, given_batch=given_batch: acme.encode(note, given_batch))
        content = ending(lambda note=note, given_batch=given_batch: acme.build(note, given_batch))

        if isinstance(content, tuple):
            assert frame == content
            continue
        assert json.loads(frame.around(b"[]"))["m"] == {**json.loads(content.json()), "to": {"token": []}}
        assert (frame.truncated, frame.omitted) == (content.truncated, content.omitted)
        assert frame.handle == (str(content.fields["n.id"]) if "n.id" in content.fields else None)


def test_the_notifications_own_parameter_has_precedence() -> None:
    """As everywhere."""
    body, _ = pushed(batch("a", callback=CallBack("u", "p"), receipt_parameter="own"), {"code": 1})

    assert body["m"]["o"] == {"mark": "own"}


def test_a_body_is_no_larger_than_the_rules_say() -> None:
    """Without its tokens it takes 200 bytes at most, to the byte, and what is cut is named."""
    size = len(json.dumps(pushed(batch("a"), {"code": 1})[0], separators=(",", ":"))) - len('"a"')
    for body, cut in (("x" * (200 - size + 1), ()), ("x" * (200 - size + 2), ("body",))):
        sent, outcomes = pushed(batch("a", body=body), {"code": 1})

        assert len(json.dumps(sent, separators=(",", ":"), ensure_ascii=False).encode()) - len('"a"') <= 200
        assert outcomes[0].truncated == cut


def test_named_tokens_failed_and_the_others_did_not() -> None:
    """By their own codes, in the order of the batch."""
    reply = {"code": 2, "failed": {"dead": ["b"], "later": ["c"]}}

    assert [one.reason for one in pushed(batch("a", "b", "c"), reply)[1]] == [None, Reason.UNREGISTERED, Reason.MUTED]


def test_names_in_a_success_count_too() -> None:
    """The code says that all was accepted, and the reply names one: it is refused."""
    assert [one.ok for one in pushed(batch("a", "b"), {"code": 1, "failed": {"dead": ["b"]}})[1]] == [True, False]


def test_more_failures_than_names_leave_no_verdict() -> None:
    """Each token that is not named may be the other one."""
    reply = {"code": 2, "failed": {"dead": ["b"]}, "number": 2}

    assert [one.status for one in pushed(batch("a", "b"), reply)[1]] == [Status.UNKNOWN, Status.REJECTED]


@pytest.mark.parametrize(
    ("counts", "accepted"),
    [({}, 0), ({"accepted": 1}, 0), ({"accepted": 2}, 2), ({"number": 0}, 2), ({"number": 0, "accepted": 1}, 0)],
)
def test_a_success_in_part_without_names_needs_counts(counts: dict[str, int], accepted: int) -> None:
    """Without counts at least one failed; with both, the larger number of failures counts."""
    _, outcomes = pushed(batch("a", "b"), {"code": 2, "failed": {}, **counts})

    assert sum(one.ok for one in outcomes) == accepted
    assert {one.status for one in outcomes if not one.ok} <= {Status.UNKNOWN}


def test_a_token_with_two_reasons_is_not_dead() -> None:
    """In whichever order the reply has them."""
    for codes in (("dead", "later"), ("later", "dead")):
        _, outcomes = pushed(batch("a", "b"), {"code": 2, "failed": {code: ["a"] for code in codes}})

        assert [one.reason for one in outcomes] == [Reason.MUTED, None]


def test_all_failed_and_each_has_its_reason() -> None:
    """One that is not named has no verdict, and none is accepted."""
    _, outcomes = pushed(batch("a", "b"), {"code": 3, "failed": {"later": ["a"]}})

    assert [(one.status, one.reason) for one in outcomes] == [
        (Status.REJECTED, Reason.MUTED),
        (Status.UNKNOWN, Reason.NO_VERDICT),
    ]


def test_an_object_for_each_failed_token() -> None:
    """Grouped by code; one that cannot be read leaves doubt about the others."""
    items: list[Any] = [{"to": " a ", "why": 1}, {"to": "b", "why": "1"}, {"to": "c", "why": 2}]

    assert failures_by_code(items, "to", "why").lists == {"1": ["a", "b"], "2": ["c"]}
    for odd in (None, {"to": 5, "why": 1}, {"to": "d"}, {"to": "d", "why": "x"}):
        assert failures_by_code([*items, odd], "to", "why").lists["unreadable"] is None


@pytest.mark.parametrize(
    ("code", "decide", "reasons"),
    [
        (1, True, [Reason.MUTED, None]),
        (4, True, [Reason.MUTED, Reason.NO_VERDICT]),
        (99, True, [Reason.MUTED, Reason.NO_VERDICT]),
        (4, False, None),
    ],
)
def test_names_may_decide_whatever_the_code_is(code: int, decide: bool, reasons: list[Reason | None] | None) -> None:
    """A vendor that names a token beside any code: that token has the reason it is named with, and beside a refusal the
    others have no verdict. Without that, the code decides."""
    replies = ListedReplies(REPLIES.codes, REPLIES.targets, find, ("id",), names_decide=decide)
    response = Response(200, content=json.dumps({"code": code, "failed": {"later": ["a"]}}).encode())
    given, frame = batch("a", "b"), Frame(head=b"")

    if reasons is None:
        with pytest.raises(Refused):
            replies.outcomes(response, frame, given)
        with pytest.raises(Refused):
            replies.reasons(response, ["a", "b"])
        return
    assert [one.reason for one in replies.outcomes(response, frame, given)] == reasons
    assert list(replies.reasons(response, ["a", "b"]).values()) == reasons


def test_a_reply_without_an_id_has_that_of_the_saved_content() -> None:
    """The vendor names it in receipts and statistics."""
    frame = Frame(head=b"", message_id="saved")
    of_reply, of_frame = (
        REPLIES.outcomes(Response(200, content=json.dumps(body).encode()), frame, batch("a"))[0].message_id
        for body in ({"code": 1, "id": "m"}, {"code": 1})
    )

    assert (of_reply, of_frame) == ("m", "saved")


def test_a_content_that_is_saved_has_its_receipts_address_too() -> None:
    """There is no batch yet."""
    content = Acme().build(Notification("t", "b"), callback=CallBack("https://im.example", "p"))

    assert content.fields["o.mark"] == "p"


@attrs.frozen(kw_only=True)
class Posting(Acme):
    """The address of receipts is sent with each message."""

    names: ClassVar = {**Acme.names, "receipt_url": "o.url"}


@pytest.mark.parametrize("more", [{}, {"overrides": {"acme": {"n.sound": "s"}}}])
def test_the_address_of_receipts_is_in_every_message(more: dict[str, Any]) -> None:
    """In ordinary ones, of which JSON is kept, as in those with a rare field."""
    vendor = Posting()
    for number in range(2):
        given = batch("a", **more)
        given.callback = CallBack("https://im.example", f"p{number}")
        request = next(vendor.push(given))
        assert request is not None

        assert json.loads(request.content)["m"]["o"] == {"url": "https://im.example", "mark": f"p{number}"}


@attrs.frozen(kw_only=True)
class Checking(Acme):
    """It has a rule that no row can say."""

    @property
    def checks(self) -> dict[str, Any]:
        return {"n.body": lambda text: "must not be odd" if text == "odd" else ""}


def test_a_check_of_the_plug_in_is_asked() -> None:
    """Its sentence names the host's field, and no request is made."""
    exchange = Checking().push(batch("a", body="odd"))
    with pytest.raises(StopIteration) as end:
        next(exchange)

    assert [one.detail for one in end.value.value] == ["body: must not be odd"]


def test_all_failed_without_names() -> None:
    """A push that was alone is dead; many are tried in smaller batches, because none is named."""
    _, outcomes = pushed(batch("a"), {"code": 3})
    exchange = Acme().push(batch("a", "b"))
    next(exchange)
    with pytest.raises(Refused) as refused:
        exchange.send(Response(200, content=b'{"code": 3}'))

    assert [one.reason for one in outcomes] == [Reason.UNREGISTERED]
    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "target")


@pytest.mark.parametrize("count", [1, 2])
def test_a_success_in_part_that_names_nobody_is_no_verdict(count: int) -> None:
    """Anybody may have failed."""
    exchange = Acme().push(batch(*"ab"[:count]))
    next(exchange)
    with pytest.raises(NoVerdict, match="does not name"):
        exchange.send(Response(200, content=b'{"code": 2}'))


def test_a_refusal_of_the_content_is_raised() -> None:
    """It is not tried in halves."""
    exchange = Acme().push(batch("a", "b"))
    next(exchange)
    with pytest.raises(Refused) as refused:
        exchange.send(Response(200, content=b'{"code": 4}'))

    assert refused.value.about == "content"


@pytest.mark.parametrize("counts", [{}, {"number": 1}, {"accepted": 1}])
def test_an_unknown_code_with_names_is_no_refusal_of_all(counts: dict[str, int]) -> None:
    """Who is named has failed, and the others may have got it: they are not tried again in smaller batches."""
    _, outcomes = pushed(batch("a", "b"), {"code": 7, "failed": {"dead": ["a"]}, **counts})

    assert [one.reason for one in outcomes] == [Reason.UNREGISTERED, Reason.NO_VERDICT]


@pytest.mark.parametrize(("status", "kind"), [(200, Refused), (400, Refused), (500, NoVerdict)])
def test_an_unknown_code_without_names_is_a_refusal(status: int, kind: type[Exception]) -> None:
    """And from a server that failed no verdict, whoever it names."""
    exchange = Acme().push(batch("a", "b"))
    next(exchange)
    named = b', "failed": {"dead": ["a"]}' if status == 500 else b""
    with pytest.raises(kind):
        exchange.send(Response(status, content=b'{"code": 7%b}' % named))


def test_reasons_of_a_call_over_tokens() -> None:
    """None for those it was done for; in part without names it is unknown; an unknown code is no dead token."""

    def reasons(reply: Any, *tokens: str) -> Any:
        return REPLIES.reasons(Response(200, content=json.dumps(reply).encode()), tokens)

    assert reasons({"code": 1}, "a", "b") == {"a": None, "b": None}
    assert reasons({"code": 2, "failed": {"dead": ["a"], "new": ["b"]}}, "a", "b", "c") == {
        "a": Reason.UNREGISTERED,
        "b": Reason.INVALID_NOTIFICATION,
        "c": None,
    }
    assert reasons({"code": 2}, "a") == {"a": Reason.NO_VERDICT}
    for failed, number in (({"dead": ["a"]}, 2), ({"dead": ["a"], "later": None}, 1), ({"dead": ["a", "x"]}, 2)):
        found = reasons({"code": 2, "failed": failed, "number": number}, "a", "b")
        assert found == {"a": Reason.UNREGISTERED, "b": Reason.NO_VERDICT}
    found = reasons({"code": 3, "failed": {"later": ["a"]}}, "a")
    assert found == {"a": Reason.MUTED}  # the reason of the token, not that of the code
    with pytest.raises(Refused) as refused:
        reasons({"code": 3}, "a")
    assert refused.value.reason is Reason.UNREGISTERED


def test_a_wrong_table_of_intents_is_named() -> None:
    """When the certificate is loaded."""
    with pytest.raises(ConfigError, match=r"intents\.chat\.category: must be one of CHAT"):
        Acme(intents={"chat": IntentSetting(category="NEWS")})


def test_what_it_says_of_itself() -> None:
    """Batches by the rules, one region, one mark for a request."""
    vendor = Acme()

    assert (vendor.batching.size, vendor.batching.mixed, vendor.marks) == (3, False, "message")
    assert (vendor.regions(["a"]), vendor.region("a"), vendor.dialect) == (("",), "", "v")


def test_requests_are_by_the_rules() -> None:
    """Method, URL, headers and encoding are those of the rows; a setting that a URL needs is named if it is missing."""
    sent = next(Acme().push(batch("a")))
    asked = Acme().request("find", {"x": "长"})

    assert sent is not None
    assert (sent.method, sent.url, sent.headers["push-type"]) == ("POST", "https://acme.example/send", "0")
    assert sent.headers["content-type"].startswith("application/json")
    assert (asked.url, json.loads(asked.content)) == ("https://acme.example/find", {"x": "长"})
    with pytest.raises(Refused, match="app: is not among the settings, and undo needs it"):
        Acme().request("undo", {})


def test_looks_without_a_setting_are_left_out_and_named() -> None:
    """Beside those that the vendor does not have."""
    asked = batch("a", sound="ring", icon="https://a.example/i.png")
    body, outcomes = pushed(asked, {"code": 1})
    other, outcomes_with_it = pushed(asked, {"code": 1}, player="p")

    assert "sound" not in body["m"]["n"]
    assert outcomes[0].omitted == ("icon", "sound")
    assert other["m"]["n"]["sound"] == "ring"
    assert outcomes_with_it[0].omitted == ("icon",)


def test_a_limit_of_the_certificate_replaces_that_of_the_rules() -> None:
    """At the limit a text is whole; one character more and it is cut, where the row says so."""
    for title, sent, cut in (("four", "four", ()), ("five5", "fiv…", ("title",))):
        body, outcomes = pushed(batch("a", title=title), {"code": 1}, longest=4)

        assert (body["m"]["n"]["title"], outcomes[0].truncated) == (sent, cut)


def explained(**fields: Any) -> dict[tuple[str, str], str]:
    """By field and effect: the row of each ruling."""
    (push,) = batch("a", **fields)
    return {(one.field, one.effect): one.rule for one in Acme().rulings(push)}


def test_rulings_say_what_happens() -> None:
    """Fields and their limits, the size of the body, what is left out or refused, the category, the batch."""
    plain, long = explained(intent="chat"), explained(body="b" * 300)
    odd = explained(sound="ring", network=Network.WIFI)
    huge = explained(overrides={"acme": {"o.mark": "m" * 300}})

    assert plain["body", "applies"] == 'dialects.v.fields."n.body"'
    assert plain["intent", "applies"] == "dialects.v.intents.chat"
    assert plain["batch", "applies"] == "dialects.v.numbers.batch_size"
    assert plain["category", "applies"] == "dialects.v.categories.CHAT"
    assert long["body", "cut"] == "dialects.v.numbers.body_bytes"
    assert ("sound", "ignored") in odd
    assert ("network", "refused") in odd
    assert [key for key in huge if key[1] == "refused"] == [('overrides["acme"]["o.mark"]', "refused")]


@attrs.frozen(kw_only=True)
class Form(SharedVendor):
    """A vendor of these tests whose body is no JSON, that takes the address of receipts with a message."""

    brand: ClassVar[str] = "acme"
    contract: ClassVar[str] = "0.2"
    rules = RULES
    replies = REPLIES
    names: ClassVar = {"mark": "o.mark", "receipt_url": "o.url", "category": "o.kind"}
    needs: ClassVar = {"sound": "paid"}
    paid: bool = False

    clicks = Acme.clicks
    planned = Acme.planned
    hosts = Acme.hosts

    def encode(self, note: Notification, batch: Batch | None) -> Frame:
        content = self.build(note, batch)
        return Frame(head=content.json(), truncated=content.truncated, omitted=content.omitted)

    def ask(self, frame: Frame, sent: Batch) -> Request:
        return Request("POST", "https://acme.example/form", {}, frame.head + b"&to=" + ",".join(sent.tokens).encode())


def test_a_body_of_another_form_is_the_plug_ins() -> None:
    """The notification is encoded once, and the rest of the request is made for its tokens."""
    exchange = Form().push(batch("a", "b", intent="chat", sound="ring"))
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=b'{"code": 2, "failed": {"dead": ["b"]}}'))

    assert request is not None
    assert request.content == b'{"n":{"title":"t","body":"b","app":true},"o":{"kind":"CHAT"}}&to=a,b'
    assert [one.reason for one in end.value.value] == [None, Reason.UNREGISTERED]
    assert end.value.value[0].omitted == ("sound",)
    assert Form(paid=True).encode(batch("a", sound="ring").notifications[0], None).omitted == ()


def test_the_address_of_receipts_travels_with_its_parameter() -> None:
    """Both, unless the notification has its own address or parameter."""
    for own, wanted in (
        ({}, {"url": "https://im.example", "mark": "p"}),
        ({"receipt_url": "https://own.example"}, {"url": "https://own.example"}),
        ({"receipt_parameter": "own"}, {"mark": "own"}),
    ):
        given = batch("a", callback=CallBack("https://im.example", "p"), **own)

        assert json.loads(Form().encode(given.notifications[0], given).head)["o"] == wanted


def test_a_broadcast_that_the_vendor_cannot_time_is_refused() -> None:
    """And explain says so, with the other rulings."""
    later = Broadcast("1", Notification("t", "b"), Audience.everyone(), start_at=datetime(2030, 1, 1, tzinfo=UTC))
    found = {(one.field, one.effect) for one in Form().rulings(later)}

    assert {("start_at", "refused"), ("title", "applies"), ("batch", "applies")} <= found
    with pytest.raises(Refused, match="rate: ACME has no such thing"):
        Form().build(later.notification, broadcast=attrs.evolve(later, start_at=None, rate=9))


def test_explain_names_a_field_that_another_needs() -> None:
    """Each field alone is right, and the notification is refused."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    (push,) = batch("a", show_from=start)
    found = [one for one in Form().rulings(push) if one.effect == "refused"]

    assert [(one.field, one.verdict) for one in found] == [("show_from", "refused: ACME needs n.until with it")]
    (push,) = batch("a", show_from=start, show_until=datetime(2030, 1, 2, tzinfo=UTC))
    assert not [one for one in Form().rulings(push) if one.effect == "refused"]


def test_what_only_a_broadcast_has_is_by_the_rules() -> None:
    """A fixed value, and the value itself."""
    fast = '"n.fast" = { kind = "int", says = "rate", sends = 1, SEEN }'
    speed = '"n.speed" = { kind = "int", says = "rate", SEEN }'
    text = TEXT.replace('"n.title" =', f'{fast}\n{speed}\n"n.title" ='.replace("SEEN", SEEN))

    class Timed(Form):
        rules = parse_rules(text)

    broadcast = Broadcast("1", Notification("t", "b"), Audience.everyone(), rate=7)

    assert Timed().scheduled(broadcast) == {"n.fast": 1, "n.speed": 7}
    assert Timed().build(broadcast.notification, broadcast=broadcast).fields["n.speed"] == 7
    assert Timed().scheduled(attrs.evolve(broadcast, rate=None)) == {}


def test_pushes_with_another_request() -> None:
    """The notification is encoded already: the request names it."""
    frame = Frame(head=b"", omitted=("icon",))
    exchange = Form().push_with(lambda _, sent: Request("POST", "https://acme.example/7", {}, b"x"), batch("a"), frame)
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=b'{"code": 1, "id": "m"}'))

    assert request is not None
    assert request.url == "https://acme.example/7"
    assert [(one.message_id, one.omitted) for one in end.value.value] == [("m", ("icon",))]
