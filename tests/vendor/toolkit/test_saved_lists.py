"""A vendor that takes one token with a notification, or a list with a content that was saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs
import pytest

from pushgateway.vendor import (
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    BroadcastOutcome,
    CallBack,
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
    Saved,
    Status,
)
from pushgateway.vendor.rules import parse_rules
from pushgateway.vendor.toolkit.batches import Frame
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.multicast import Failures, ListedReplies
from pushgateway.vendor.toolkit.saved_lists import SavedListVendor
from pushgateway.vendor.toolkit.settings import Hosts

RULES = parse_rules(
    """
brand = "acme"
title = "ACME"
[sources]
S = { title = "s" }
[codes]
0 = { reason = "accepted", meaning = "sent", dialects = ["v"], SEEN }
3 = { reason = "UNREGISTERED", scope = "target", meaning = "dead", dialects = ["v"], SEEN }
4 = { reason = "INVALID_NOTIFICATION", scope = "content", meaning = "wrong text", dialects = ["v"], SEEN }
5 = { reason = "QUOTA_EXCEEDED", meaning = "all messages are used up", dialects = ["v"], SEEN }
6 = { reason = "QUOTA_EXCEEDED", scope = "saved", meaning = "all contents are used up", dialects = ["v"], SEEN }
[target_codes]
dead = { reason = "UNREGISTERED", scope = "target", meaning = "dead", dialects = ["v"], SEEN }
[dialects.v]
title = "v"
[dialects.v.hosts]
h = { url = "https://acme.example", SEEN }
[dialects.v.operations]
send = { method = "POST", path = "/one", host = "h", encoding = "json", SEEN }
save = { method = "POST", path = "/content", host = "h", encoding = "json", SEEN }
list = { method = "POST", path = "/many", host = "h", encoding = "json", SEEN }
everyone = { method = "POST", path = "/all", host = "h", encoding = "json", SEEN }
figures = { method = "POST", path = "/figures", host = "h", encoding = "json", SEEN }
[dialects.v.fields]
id = { kind = "text", says = "dedupe_id", max = 8, SEEN }
title = { kind = "text", says = "title", max = 5, past = "cut", SEEN }
body = { kind = "text", says = "body", SEEN }
app = { kind = "bool", SEEN }
mark = { kind = "text", says = "receipt_parameter", scope = "message", audiences = ["tokens", "aliases"], SEEN }
user = { kind = "text", says = "user_id", alone = true, SEEN }
[dialects.v.numbers]
batch_size = { value = 3, unit = "tokens", SEEN }
batch_least = { value = 2, unit = "tokens", SEEN }
token_characters = { value = 9, unit = "characters", SEEN }
alias_characters = { value = 4, unit = "characters", SEEN }
saved_lifetime = { value = 600, unit = "seconds", SEEN }
call_size = { value = 2, unit = "tokens", SEEN }
""".replace("SEEN", 'source = "S", seen = 2026-11-01')
)


def find(reply: Reply, _: Response) -> Failures | None:
    """The member `failed` of a reply."""
    failed = reply.body.get("failed")
    return Failures({"dead": failed}) if failed else None


@attrs.frozen(kw_only=True)
class Acme(SavedListVendor):
    """The vendor of these tests."""

    brand: ClassVar[str] = "acme"
    contract: ClassVar[str] = "0.2"
    rules = RULES
    replies = ListedReplies(CodeTable.of(RULES), CodeTable.of(RULES, "target_codes"), find, ("task",))
    sending = ("send", "list", "everyone")
    names: ClassVar[Mapping[str, str]] = {
        "mark": "mark",
        "beside": "extra",
        "saved": "content",
        "request_id": "id",
        "token": "to",
        "tokens": "tos",
        "alias": "name",
        "aliases": "names",
    }

    test: bool = False

    def clicks(self) -> Clicks:
        return Clicks({OpenApp: Click({"app": True})}, vendor="ACME")

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        return {}

    @property
    def hosts(self) -> Hosts:
        return Hosts(self.facts)

    def list_fields(self, note: Notification) -> Mapping[str, Any]:
        return {"test": 1} if self.test else {}

    def ask_all(self, frame: Frame, audience: Audience) -> Request:
        return self.with_fields("everyone", frame.head, {"tags": list(audience.values)})


NOTE = Notification("a title", "b")
SAVED = Saved("c-1", ("title",), ("icon",))


def batch(*tokens: str, saved: Saved | None = None, note: Notification = NOTE, ids: bool = True) -> Batch:
    """A push of one notification for each token."""
    pushes = [Push(PushToken(1, token), note, dedupe_id=f"d-{token}" if ids else "") for token in tokens]
    given = Batch.of(pushes)
    given.saved = saved
    return given


def carried(exchange: Any, reply: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Path and body of each request, and the result by this reply to all of them."""
    asked, result = [], None
    try:
        request = next(exchange)
        while True:
            asked.append((request.url.removeprefix("https://acme.example"), json.loads(request.content)))
            request = exchange.send(Response(200, content=json.dumps(reply).encode()))
    except StopIteration as end:
        result = end.value
    return asked, result


CONTENT = {"title": "a ti…", "body": "b", "app": True}


def test_one_token_goes_with_its_notification() -> None:
    """Also where a content is saved: one token is no list."""
    for saved in (None, SAVED):
        ((path, body),), (outcome,) = carried(Acme().push(batch("a", saved=saved)), {"code": 0, "task": "m"})

        assert (path, body) == ("/one", {"id": "d-a", "to": "a", **CONTENT})
        assert (outcome.message_id, outcome.truncated) == ("m", ("title",))


def test_a_list_names_the_saved_content() -> None:
    """Outcomes have its id and say what was cut; the request has an id of its own."""
    reply = {"code": 0, "failed": ["b"]}
    ((path, body),), outcomes = carried(Acme(test=True).push(batch("a", "b", saved=SAVED)), reply)

    assert len(body.pop("id")) == 32
    assert (path, body) == ("/many", {"tos": ["a", "b"], "content": "c-1", "test": 1})
    assert [one.reason for one in outcomes] == [None, Reason.UNREGISTERED]
    assert (outcomes[0].message_id, outcomes[0].truncated, outcomes[0].omitted) == ("c-1", ("title",), ("icon",))


def request_id(*pushes: tuple[str, str]) -> str:
    """The id of the request for pushes with these tokens and dedupe ids."""
    given = Batch.of([Push(PushToken(1, token), NOTE, dedupe_id=own) for token, own in pushes])
    given.saved = SAVED if len(pushes) > 1 else None
    ((_, body),), _ = carried(Acme().push(given), {"code": 0})
    found: str = body["id"]
    return found


@pytest.mark.parametrize(("own", "is_sent"), [("d" * 8, True), ("d" * 9, False), (" ", False), ("d\n", False)])
def test_a_single_push_has_its_own_id_where_that_fits(own: str, is_sent: bool) -> None:
    """At the limit and one beyond; a vendor takes no blank one. The same push has the same one."""
    found = request_id(("a", own))

    assert (found == own) is is_sent
    assert is_sent or len(found) == 32
    assert found == request_id(("a", own))


def test_lists_have_different_ids() -> None:
    """The same pushes have the same one; other targets with one dedupe id, and other ids that join to the same text,
    have another one."""
    lists = [
        (("a", "1"), ("b", "23")),
        (("a", "12"), ("b", "3")),
        (("a", "d"), ("b", "d")),
        (("c", "d"), ("e", "d")),
        (("ab", "d"), ("c", "d")),
        (("a", "d"), ("bc", "d")),
    ]
    found = [request_id(*pushes) for pushes in lists]

    assert len(set(found)) == len(lists)
    assert found == [request_id(*pushes) for pushes in lists]


@pytest.mark.parametrize("audience", [Audience.of_tokens, Audience.of_aliases])
def test_each_list_of_a_broadcast_has_an_id_of_its_own(audience: Callable[[list[str]], Audience]) -> None:
    """Although all of them have the one dedupe id of the notification."""
    note = Notification("t", "b", dedupe_id="day-7")
    first, second = (
        carried(Acme().broadcast(Broadcast("1", note, audience(targets)), "c-1"), {"code": 0})[0][0][1]["id"]
        for targets in (["a", "b"], ["c", "d"])
    )

    assert first != second


def test_a_list_without_a_saved_content_is_not_sent() -> None:
    """There is no call for it."""
    asked, outcomes = carried(Acme().push(batch("a", "b")), {"code": 0})

    assert asked == []
    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.UNAVAILABLE)}


def test_a_content_is_saved_with_its_receipts() -> None:
    """The vendor's id is needed; a refusal is raised."""
    callback = CallBack("https://im.example", "p")
    asked, saved = carried(Acme().save_push(NOTE, callback, ""), {"code": 0, "task": 7})

    assert asked == [("/content", {**CONTENT, "extra": {"mark": "p"}})]
    assert saved == Saved("7", ("title",), (), 600)
    with pytest.raises(NoVerdict):
        carried(Acme().save_push(NOTE, None, ""), {"code": 0})
    with pytest.raises(Refused) as refused:
        carried(Acme().save_push(NOTE, None, ""), {"code": 4})
    assert refused.value.about == "content"


@pytest.mark.parametrize(("code", "pause"), [(5, 10.0), (6, None)])
def test_a_save_that_is_refused_for_the_quota_of_its_pushes_closes_saving_briefly(
    code: int, pause: float | None
) -> None:
    """The pushes go alone and show that their quota is closed; the number of saved contents is closed for the day."""
    with pytest.raises(Refused) as refused:
        carried(Acme().save_push(NOTE, None, ""), {"code": code})

    assert (refused.value.reason, refused.value.code) == (Reason.QUOTA_EXCEEDED, str(code))
    assert refused.value.retry_after == pause


def test_a_request_that_sends_has_an_id_by_its_time_if_it_has_none() -> None:
    """Another one at another time, so that a content may be saved again; calls that send nothing have none."""
    vendor = Acme()
    save, call = next(vendor.save_push(NOTE, None, "")), vendor.request("figures", {"x": 1})
    named = vendor.ask(vendor.encode(NOTE, batch("a")), batch("a"))
    assert save is not None
    first, later = (json.loads(vendor.finish(save, None, now).content)["id"] for now in (1.0, 2.0))

    assert len(first) == len(later) == 32
    assert first != later
    assert vendor.finish(call, None, 1.0) == call
    assert vendor.finish(named, None, 1.0) == named


def broadcast(audience: Audience, saved: str, reply: Any, note: Notification = NOTE) -> tuple[Any, BroadcastOutcome]:
    """The requests of a broadcast and its outcome by this reply."""
    return carried(Acme().broadcast(Broadcast("1", note, audience), saved), reply)


@pytest.mark.parametrize(
    ("audience", "is_saved"),
    [
        (Audience.of_tokens(["a", "b"]), True),
        (Audience.of_tokens(["a"]), False),
        (Audience.of_aliases(["a", "b"]), True),
        (Audience.of_aliases(["a"]), False),
        (Audience.everyone(), False),
    ],
)
def test_the_content_of_a_list_is_saved(audience: Audience, is_saved: bool) -> None:
    """From two targets on."""
    exchange = Acme().save(Broadcast("1", NOTE, audience))

    assert (exchange is not None) is is_saved
    if exchange is not None:
        assert carried(exchange, {"code": 0, "task": "c"})[1] == Saved("c", ("title",), (), 600)


def test_a_broadcast_to_tokens_ends_as_its_pushes() -> None:
    """In the order of the list."""
    ((path, body),), outcome = broadcast(Audience.of_tokens(["a", "b"]), "c-1", {"code": 0, "failed": ["a"]})

    assert (path, body) == ("/many", {"tos": ["a", "b"], "content": "c-1"})
    assert [one.reason for one in outcome.outcomes] == [Reason.UNREGISTERED, None]
    assert isinstance(outcome.outcomes[1], Outcome)
    assert outcome.task_ids == ("c-1",)


def test_a_broadcast_to_aliases_counts_those_that_failed() -> None:
    """One alias goes with the notification."""
    names = ["a b", '"长"', "c"]
    ((path, body),), outcome = broadcast(Audience.of_aliases(names), "c-1", {"code": 0, "failed": ["c"]})
    ((one_path, one_body),), one = broadcast(Audience.of_aliases(["c"]), "", {"code": 0, "task": "t"})

    assert (path, body) == ("/many", {"names": names, "content": "c-1"})
    assert outcome.requests == ((Status.ACCEPTED, None, 2), (Status.REJECTED, Reason.UNREGISTERED, 1))
    assert (outcome.message_id, outcome.truncated) == ("c-1", ("title",))
    assert (one_path, one_body) == ("/one", {"name": "c", **CONTENT})
    assert (one.status, one.task_ids) == (Status.ACCEPTED, ("t",))


@pytest.mark.parametrize(("alias", "is_right"), [("x" * 4, True), ("x" * 5, False), (" ", False)])
def test_an_alias_has_a_length(alias: str, is_right: bool) -> None:
    """At the limit and one beyond; a wrong one is refused by name, without a request."""
    if is_right:
        assert broadcast(Audience.of_aliases([alias]), "", {"code": 0})[1].ok
        return
    with pytest.raises(Refused, match="audience: an alias must have 1 to 4 characters"):
        broadcast(Audience.of_aliases([alias]), "", {"code": 0})


def test_a_broadcast_to_everyone() -> None:
    """By the request of the plug-in."""
    ((path, body),), outcome = broadcast(Audience.everyone(), "", {"code": 0, "task": "t"})

    assert (path, body) == ("/all", {"tags": [], **CONTENT})
    assert (outcome.message_id, outcome.task_ids, outcome.truncated) == ("t", ("t",), ("title",))


def test_what_only_a_single_push_has_is_refused_in_a_broadcast() -> None:
    """And goes alone otherwise."""
    own = Notification("t", "b", user_id="ann")

    assert Acme().is_alone(own)
    assert not Acme().is_alone(NOTE)
    for audience in (Audience.of_tokens(["a", "b"]), Audience.everyone()):
        with pytest.raises(Refused, match="user_id: ACME has it for single pushes only"):
            broadcast(audience, "c", {"code": 0}, own)


def test_a_call_over_tokens_is_made_in_parts() -> None:
    """Each has the other fields; a blank one is refused."""
    vendor, read = Acme(), lambda response, part: dict.fromkeys(part)
    call = vendor._call_over("figures", "ids", ["a", "b", "c"], read, name="x")
    asked, result = carried(call.begin(), {"code": 0})

    assert asked == [("/figures", {"name": "x", "ids": ["a", "b"]}), ("/figures", {"name": "x", "ids": ["c"]})]
    assert result == {"a": None, "b": None, "c": None}
    with pytest.raises(Refused, match="name: must not be blank"):
        carried(vendor._call_over("figures", "ids", ["a"], read, name=" ").begin(), {"code": 0})


def test_what_it_says_of_itself() -> None:
    """Lists of two and more with a saved content; calls have the names of the rules."""
    vendor = Acme()

    assert (vendor.batching.size, vendor.batching.least, vendor.batching.saves) == (3, 2, True)
    assert vendor.operation(vendor.request("figures", {})) == "figures"
    assert vendor.operation(Request("POST", "https://acme.example/x/other")) == "other"
    assert AudienceKind.TOKENS.is_list
