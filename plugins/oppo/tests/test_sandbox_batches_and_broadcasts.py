"""The OPPO sandbox with many phones: batches, repeated ids and broadcasts.

Requests are written by hand and by the standard library, never by the plug-in, and go straight to `answer`; the clock
is a number.
"""

from __future__ import annotations

from typing import Any

import pytest
from oppo_client import DIALECTS, NOTE, Client


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest) -> Client:
    """A client in each dialect."""
    return Client(request.param)


# Batches.


def test_each_item_of_a_batch_has_its_own_verdict(client: Client) -> None:
    """Valid items are pushed whatever the others are; an item that is refused has its token and its code."""
    one, two, three, four, *_ = client.sandbox.tokens
    client.sandbox.mute(three)
    bad_note = {"target_type": 2, "target_value": four, "notification": {"title": "Hi"}}

    reply = client.batch([one, "CN_nobody", two, three, bad_note])

    assert reply["code"] == 0
    assert [(item["registrationId"], item.get("errorCode")) for item in reply["data"]] == [
        (one, None),
        ("CN_nobody", 10000),
        (two, None),
        (three, 10001),
        (four, 40),
    ]
    assert all(item["errorMessage"] for item in reply["data"] if "errorCode" in item)
    assert client.got() == [one, two]
    assert len({item["messageId"] for item in reply["data"]}) == 5


def test_a_batch_holds_a_thousand(client: Client) -> None:
    """1,000 messages are accepted; 1,001 are refused as a whole, and nobody gets anything."""
    client.sandbox.register(1001)
    limit = client.facts.number("batch_size")

    at_limit = client.batch(client.sandbox.tokens[:limit])
    got = len(client.got())
    beyond = client.batch(client.sandbox.tokens[: limit + 1])

    assert (at_limit["code"], len(at_limit["data"]), got) == (0, limit, limit)
    assert beyond["code"] == 41
    assert len(client.got()) == limit


@pytest.mark.parametrize(
    ("messages", "code"),
    [([], 41), ([1], 41), ([{}], 40), ([{"target_type": 2}], 40), ([{"target_type": 3, "target_value": "x"}], 41)],
)
def test_a_batch_without_targets_is_refused_as_a_whole(messages: list[Any], code: int) -> None:
    """An item that the reply cannot name makes the call fail, and valid items are not pushed."""
    client = Client("current")
    good = [{"target_type": 2, "target_value": client.sandbox.tokens[0], "notification": NOTE}] if messages else []

    assert client.batch(good + messages)["code"] == code
    assert client.got() == []


# Repetition.


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_repeated_id_is_refused_or_absorbed(dialect: str) -> None:
    """The phone shows the push once either way; absorbed, the reply has the first message id again."""
    refusing, absorbing = Client(dialect), Client(dialect, repeats="absorb")

    def twice(client: Client) -> list[Any]:
        return [client.unicast(client.sandbox.tokens[0], app_message_id="m-1") for _ in range(2)]

    first, second = twice(refusing)
    again_first, again_second = twice(absorbing)

    assert (first["code"], second["code"]) == (0, 32)
    assert again_first == again_second
    assert again_first["code"] == 0
    assert refusing.sandbox.ledger.total == absorbing.sandbox.ledger.total == 1


def test_an_id_is_used_once_or_once_per_target() -> None:
    """Once in V1.3, once per target in `current`; other ids, and no id, are free."""
    codes = {}
    for dialect in DIALECTS:
        client = Client(dialect)
        one, two, *_ = client.sandbox.tokens
        sent = [(one, "m-1"), (two, "m-1"), (two, "m-2"), (one, None), (one, None)]
        codes[dialect] = [client.unicast(target, app_message_id=once)["code"] for target, once in sent]

    assert codes == {"v1.3": [0, 32, 0, 0, 0], "current": [0, 0, 0, 0, 0]}


def test_the_same_id_twice_in_one_batch_is_refused_at_the_item(client: Client) -> None:
    """The first item is pushed, its repetition is 32, and the call as a whole is 0."""
    one = client.sandbox.tokens[0]

    reply = client.batch([one, one], app_message_id="m-1")

    assert reply["code"] == 0
    assert [item.get("errorCode") for item in reply["data"]] == [None, 32]
    assert client.got() == [one]


def test_a_refused_push_does_not_use_up_its_id(client: Client) -> None:
    """It may be sent again with the same id."""
    one = client.sandbox.tokens[0]
    client.sandbox.mute(one)
    first = client.unicast(one, app_message_id="m-1")["code"]
    client.sandbox.mute(one, False)

    assert first == 10001
    assert client.unicast(one, app_message_id="m-1")["code"] == 0


# Broadcasts.


def test_content_with_the_same_id_is_stored_once(client: Client) -> None:
    """Saving again returns the first id and keeps the first content; without an id each save is new."""
    first, again = client.save(app_message_id="b-1"), client.save(app_message_id="b-1", title="Other")
    others = {client.save(), client.save()}
    client.broadcast("everyone", saved=again)

    assert first == again
    assert len(others | {first}) == 3
    assert {delivery.title for delivery in client.sandbox.ledger.deliveries} == {"Hi"}


def test_everyone_gets_a_broadcast_to_everyone(client: Client) -> None:
    """All phones but the muted ones, each once."""
    one, *others = client.sandbox.tokens
    client.sandbox.mute(one)

    reply = client.broadcast("everyone")

    assert reply["code"] == 0
    assert reply["data"].keys() == {"message_id", "task_id"}
    assert client.got() == others


def test_refused_targets_of_a_broadcast_are_listed_by_code(client: Client) -> None:
    """Code 0, and by code the lists of targets that got nothing; a target named twice gets it once."""
    one, two, three, *_ = client.sandbox.tokens
    client.sandbox.mute(two)

    reply = client.broadcast("tokens", one, "CN_nobody", two, one, three, "CN_else")

    assert reply["code"] == 0
    assert {key: value for key, value in reply["data"].items() if key.isdigit()} == {
        "10000": ["CN_nobody", "CN_else"],
        "10001": [two],
        "10004": [one],
    }
    assert client.got() == [one, three]


def test_refused_aliases_have_codes_of_their_own(client: Client) -> None:
    """Unknown 10002, muted 10003, repeated 10005."""
    one, two, *_ = client.sandbox.tokens
    client.sandbox.set_alias(one, "ann")
    client.sandbox.set_alias(two, "bob")
    client.sandbox.mute(two)

    data = client.broadcast("aliases", "ann", "bob", "eve", "ann")["data"]

    assert {key: value for key, value in data.items() if key.isdigit()} == {
        "10002": ["eve"],
        "10003": ["bob"],
        "10005": ["ann"],
    }
    assert client.got() == [one]


@pytest.mark.parametrize("kind", ["tokens", "aliases"])
def test_a_broadcast_names_a_thousand(client: Client, kind: str) -> None:
    """1,000 targets are accepted, 1,001 are refused as a whole."""
    targets = [f"t{number}" for number in range(1001)]

    assert client.broadcast(kind, *targets[:1000])["code"] == 0
    assert client.broadcast(kind, *targets)["code"] == 41


@pytest.mark.parametrize(
    ("expression", "who"),
    [
        ("a", [0, 1]),
        ("a;c", [0, 1, 2]),
        ("nobody", []),
    ],
)
def test_tags_select_phones(client: Client, expression: str, who: list[int]) -> None:
    """A tag, or several of which one is enough."""
    for token, tags in zip(client.sandbox.tokens, ["a", "ab", "c"], strict=False):
        client.sandbox.set_tags(token, tags)

    assert client.broadcast("tags", expression)["code"] == 0
    assert client.got() == [client.sandbox.tokens[number] for number in who]


@pytest.mark.parametrize(
    ("expression", "who"),
    [
        ('{"or":["a","c"]}', [0, 1, 2]),
        ('{"and":["a","b"]}', [1]),
        ('{"or":["a","b"],"not":["b"]}', [0]),
        ('{"or":["a"],"and":["b"]}', [1]),
    ],
)
def test_tag_expressions_are_read_in_current_only(expression: str, who: list[int]) -> None:
    """The groups of an expression are combined by AND.

    V1.3 has lists only, so there it is the name of an unknown tag.
    """
    current, former = Client("current"), Client("v1.3")
    for client in (current, former):
        for token, tags in zip(client.sandbox.tokens, ["a", "ab", "c"], strict=False):
            client.sandbox.set_tags(token, tags)

    codes = [client.broadcast("tags", expression)["code"] for client in (current, former)]

    assert codes == [0, 0]
    assert current.got() == [current.sandbox.tokens[number] for number in who]
    assert former.got() == []


@pytest.mark.parametrize(
    "expression",
    [
        "{",
        "{}",
        '{"xor":["a"]}',
        '{"or":"a"}',
        '{"or":[1]}',
        '{"or":[]}',
        '{"or":["a"],"not":[]}',
        '{"and":[],"or":[]}',
    ],
)
def test_a_bad_tag_expression_is_refused(expression: str) -> None:
    """41, and nobody gets anything: an empty group would limit nothing and so reach everybody."""
    client = Client("current")

    assert client.broadcast("tags", expression)["code"] == 41
    assert client.got() == []


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"message_id": ""}, 40),
        ({"message_id": "no such"}, 31),
        ({"target_type": ""}, 40),
        ({"target_type": "3"}, 41),
        ({"target_type": "two"}, 41),
        ({"target_value": ""}, 40),
        ({}, 0),
    ],
)
def test_a_broadcast_is_refused_for_each_fault(client: Client, form: dict[str, str], code: int) -> None:
    """40 for a missing field, 31 for unknown content, 41 for a wrong field."""
    whole = {"message_id": client.save(), "target_type": "2", "target_value": client.sandbox.tokens[0]} | form

    assert client.ask("broadcast", whole)["code"] == code
    assert client.sandbox.ledger.total == int(code == 0)


def test_registration_ids_is_v13_only() -> None:
    """V1.3 accepts it in place of `target_value`; the current pages do not have it."""
    codes = {}
    for dialect in DIALECTS:
        client = Client(dialect)
        form = {"message_id": client.save(), "target_type": 2, "registration_ids": ";".join(client.sandbox.tokens[:2])}
        codes[dialect] = client.ask("broadcast", form)["code"], len(client.got())

    assert codes == {"v1.3": (0, 2), "current": (40, 0)}
