"""Replies with an item for each push: items are matched by token, whatever their order, number and shape."""

import json
from typing import Any

import pytest
from rules_of_codes import ROWS, pushes

from pushgateway.vendor import Batch, NoVerdict, Outcome, Reason, Response, Status
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.items import CHECKPOINT_EVERY, UNREAD, ItemReader

ITEMS = ItemReader(
    CodeTable(ROWS), token="to", message_ids=("id", "msg_id"), code="code_of_one", message="why", inside=("list", "old")
)
SENT = pushes("t1", "t2", "t3")


def read(items: Any, sent: Any = None, body: bytes = b"", **headers: str) -> tuple[list[Outcome], int]:
    """The outcomes, and the number of checkpoints."""
    batch = SENT if sent is None else sent
    content = body or json.dumps({"code": 0, "list": items}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reading = ITEMS.outcomes(Response(200, named, content), items, Batch.of(batch), [()] * len(batch))
    checkpoints = 0
    while True:
        try:
            next(reading)
            checkpoints += 1
        except StopIteration as ended:
            return ended.value, checkpoints


def accepted(*tokens: str) -> list[dict[str, Any]]:
    return [{"to": token, "id": f"m-{token}"} for token in tokens]


def ends(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status.value, outcome.message_id) for outcome in outcomes]


ALL = [("accepted", "m-t1"), ("accepted", "m-t2"), ("accepted", "m-t3")]


@pytest.mark.parametrize("order", [("t1", "t2", "t3"), ("t3", "t1", "t2")])
def test_items_may_come_in_any_order(order: tuple[str, ...]) -> None:
    """Each outcome has the id of its own token."""
    outcomes, _ = read(accepted(*order))

    assert ends(outcomes) == ALL
    assert [one.push_token.token for one in outcomes] == ["t1", "t2", "t3"]


def test_a_push_without_an_item_has_no_verdict() -> None:
    """A missing item proves nothing; an item with an unknown token changes nothing."""
    outcomes, _ = read(accepted("t1", "stranger", "t3"))

    assert ends(outcomes) == [ALL[0], ("unknown", None), ALL[2]]
    assert outcomes[1].detail == UNREAD


@pytest.mark.parametrize("items", [None, "x", {"to": "t1"}, []])
def test_a_reply_without_items_is_no_verdict(items: object) -> None:
    """A value that is no list accepts no push."""
    outcomes, _ = read(items)

    assert [one.status for one in outcomes] == [Status.UNKNOWN] * 3


def test_a_refused_item_is_the_outcome_of_its_push() -> None:
    """It has the reason of the row, the item's message and id, and the pause of the reply."""
    refused = {"to": "t2", "code_of_one": 13, "why": "slow", "msg_id": "m"}
    outcomes, _ = read([*accepted("t1"), refused, {"to": "t3", "code_of_one": "0", "id": 7}], retry_after="9")

    assert outcomes[1].reason is Reason.RATE_LIMITED
    assert (outcomes[1].vendor_code, outcomes[1].vendor_message) == ("13", "slow")
    assert (outcomes[1].message_id, outcomes[1].retry_after) == ("m", 9.0)
    assert ends(outcomes)[2] == ("accepted", "7")


@pytest.mark.parametrize("code", [True, 1.5, "x", []])
def test_a_code_that_cannot_be_read_is_no_verdict(code: object) -> None:
    """The push is neither accepted nor refused."""
    outcomes, _ = read([*accepted("t1", "t3"), {"to": "t2", "code_of_one": code}])

    assert outcomes[1].status is Status.UNKNOWN


@pytest.mark.parametrize("last", [True, False])
def test_of_two_items_for_one_token_the_worse_counts(last: bool) -> None:
    """Refused comes before unreadable, unreadable before accepted, in any order."""
    dead, odd = {"to": "t2", "code_of_one": 100}, {"to": "t1", "code_of_one": "x"}
    items = [*accepted("t1", "t2", "t3"), dead, odd]
    outcomes, _ = read(items if last else items[::-1])

    assert [one.status.value for one in outcomes] == ["unknown", "rejected", "accepted"]


def test_places_count_only_where_no_item_has_a_token() -> None:
    """There must be as many items without a token as pushes, and no others."""
    nameless: list[Any] = [{"id": "a"}, {"code_of_one": 100}, {"id": "c"}]

    assert [one.status.value for one in read(nameless)[0]] == ["accepted", "rejected", "accepted"]
    for other in (nameless[:2], [*nameless, {"id": "d"}], [*nameless, 5], [*nameless[:2], *accepted("t3")]):
        found = read(other)[0]
        assert [one.status for one in found[:2]] == [Status.UNKNOWN] * 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"list": [], "list": [{"to": "t1", "id": "m-t1"}]}',
        b'{"list": [{"to": "t1", "to": "t2", "id": "m"}]}',
        b'{"list": [{"to": "t1", "code_of_one": 100, "code_of_one": 0}]}',
        b'{"list": [{"to": "t1", "\\u0074o": "t2", "id": "m"}]}',
        b'{"old": 1, "old": 2, "list": []}',
    ],
)
def test_a_reply_that_names_one_thing_twice_is_no_verdict(body: bytes) -> None:
    """Python keeps the last value; which one the vendor meant is not known."""
    with pytest.raises(NoVerdict, match="twice and differently"):
        read(json.loads(body)["list"], body=body)


def test_a_long_reply_is_read_with_checkpoints() -> None:
    """There is one after the JSON, and one for each so many items that were not simply accepted."""
    many = pushes(*(f"t{number}" for number in range(2 * CHECKPOINT_EVERY + 1)))
    dead = [{"to": push.push_token.token, "code_of_one": 100} for push in many]

    assert read(accepted(*(push.push_token.token for push in many)), many)[1] == 1
    assert read(dead, many)[1] == 3
    assert read(accepted("t1", "t2", "t3"))[1] == 0
