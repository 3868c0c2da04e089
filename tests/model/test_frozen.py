"""Values that a host hands in are frozen at that moment: later changes of the host's own objects do not reach a phone.

Also what "the same notification" means: equal in value and in type, because another type is other JSON.
"""

import asyncio
import copy
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_vendor import Toy, ToyServer, certificate, gateway

from pushgateway.certificates.certificate import Certificate
from pushgateway.model.audience import Audience, AudienceKind
from pushgateway.model.click import OpenActivity, OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.frozen import DEEPEST, same
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange

SEVERAL = ("data", "parameters", "overrides")
SCALARS: list[Any] = [1, True, 1.0, 0, False, 0.0, -0.0, "1", None]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def carrying(name: str, value: Any) -> Notification:
    """A notification with this value in one of its mappings."""
    content = {"k": value}
    return Notification("t", "b", **{name: {"toy": content} if name == "overrides" else content})


def carried(note: Notification, name: str) -> Any:
    """The value in that notification."""
    content = getattr(note, name)
    return (content["toy"] if name == "overrides" else content)["k"]


class ShowsData(Toy):
    """The toy vendor with the data in place of the title, so that a test can read what each phone got."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        shown = [attrs.evolve(one, notification=Notification(_spelt(one), "b")) for one in batch]
        if not self.mixed:  # as a vendor with one notification for the whole request
            shown = [attrs.evolve(one, notification=shown[0].notification) for one in shown]
        return (yield from Toy.push(self, shown))


def _spelt(push: Push) -> str:
    note = push.notification
    return json.dumps([note.data, note.parameters, note.overrides])


def titles(server: ToyServer) -> dict[str, str]:
    """The title that each phone got, by its token."""
    return {token: title for batch in server.batches for token, title, _ in batch}


@pytest.mark.parametrize("depth", ["flat", "deep"])
@pytest.mark.parametrize("name", SEVERAL)
def test_a_dict_that_the_host_changes_later_changes_no_push(name: str, depth: str) -> None:
    """Twenty notifications are made from one dict that changes in between, at every depth: twenty different texts
    arrive."""
    server = ToyServer()
    inner: dict[str, int] = {}
    content: dict[str, Any] = inner if depth == "flat" else {"k": [inner]}

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(), vendors={"toy": ShowsData}) as g:
            sends, pushes = [], []
            for number in range(20):
                inner["n"] = number
                note = Notification("t", "b", **{name: {"toy": content} if name == "overrides" else content})
                sends.append(asyncio.ensure_future(g.send(PushToken(1, f"s{number}"), note)))
                pushes.append(Push(PushToken(1, f"e{number}"), note))
            return [*await asyncio.gather(*sends), *await g.send_each(pushes)]

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert len(titles(server)) == 40
    for token, title in titles(server).items():
        assert f'{{"n": {token[1:]}}}' in title


@pytest.mark.parametrize("name", SEVERAL)
def test_the_mappings_of_a_notification_cannot_be_changed(name: str) -> None:
    """Neither a plug-in nor a host can change a notification under way, at any depth."""
    mapping = carried(carrying(name, {"a": [1, {"b": 2}]}), name)
    changes = [
        *(lambda how=how: getattr(mapping, how)({"x": 1}) for how in ("update", "__ior__", "pop", "setdefault")),
        *(lambda how=how: getattr(mapping["a"], how)([]) for how in ("append", "extend", "__iadd__", "remove")),
        lambda: mapping.__setitem__("a", 1),
        lambda: mapping.__delitem__("a"),
        lambda: mapping["a"].__setitem__(0, 1),
        lambda: mapping["a"].__delitem__(0),
        lambda: mapping["a"].insert(0, 1),
        lambda: mapping["a"][1].__setitem__("b", 1),
        *(
            mapping.clear,
            mapping.popitem,
            mapping["a"].clear,
            mapping["a"].pop,
            mapping["a"].sort,
            mapping["a"].reverse,
        ),
        lambda: mapping["a"].__imul__(2),
    ]

    for change in changes:
        with pytest.raises(TypeError, match="frozen"):
            change()
    assert mapping == {"a": [1, {"b": 2}]}


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_frozen_mapping_equals_the_dict_that_was_given(data: dict[str, Any]) -> None:
    """It is equal to it, gives the same JSON, and supports `copy`, and its copies can be changed."""
    note = Notification("t", "b", data=data)

    assert note.data == data
    assert json.dumps(note.data) == json.dumps(data)
    assert copy.deepcopy(note) == note == copy.copy(note) == attrs.evolve(note)
    assert {**note.data, "more": 1} == {**data, "more": 1}
    assert isinstance(hash(note), int)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", SEVERAL)
def test_equal_values_of_different_types_are_not_mixed_up(name: str, mixed: bool) -> None:
    """1, True and 1.0 are equal in Python and different in JSON: where a request has one notification, each gets a
    request of its own."""
    server = ToyServer()
    deep: list[Any] = [value for scalar in SCALARS for value in (scalar, [scalar], {"n": scalar})]
    notes = [carrying(name, value) for value in deep] * 2

    async def main() -> list[Outcome]:
        settings = certificate(mixed=mixed)
        async with gateway(server, settings, vendors={"toy": ShowsData}) as g:
            return await g.send_each([Push(PushToken(1, f"t{place}"), note) for place, note in enumerate(notes)])

    assert all(outcome.ok for outcome in run_virtual(main()))
    expected = {f"t{place}": _spelt(Push(PushToken(1, "t"), note)) for place, note in enumerate(notes)}
    assert titles(server) == expected
    assert mixed or server.calls["push"] == len(deep)


def test_same_compares_value_and_type() -> None:
    """This holds at every depth; the order of keys does not count, and the same moment in another zone is another
    value."""
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    elsewhere = noon.astimezone(datetime.timezone(datetime.timedelta(hours=8)))
    different: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"data": {"n": 1}}, {"data": {"n": True}}),
        ({"data": {"n": [1.0]}}, {"data": {"n": [1]}}),
        ({"data": {"n": 0.0}}, {"data": {"n": -0.0}}),
        ({"parameters": {"n": 1}}, {"parameters": {"n": 1.0}}),
        ({"overrides": {"a": {"n": 1}}}, {"overrides": {"a": {"n": True}}}),
        ({"show_from": noon}, {"show_from": elsewhere}),
        ({"click": OpenUrl("a")}, {"click": OpenActivity("a")}),
    ]

    for one, other in different:
        assert Notification("t", "b", **one) != Notification("t", "b", **other)
        assert len({Notification("t", "b", **one), Notification("t", "b", **other), Notification("t", "b", **one)}) == 2
    first, second = Notification("t", "b", data={"a": 1, "b": [2]}), Notification("t", "b", data={"b": [2], "a": 1})
    assert (first == second, hash(first) == hash(second)) == (True, True)
    assert first != "t"


@given(JSON, JSON)
def test_same_is_narrower_than_equal(one: Any, other: Any) -> None:
    """Values that are the same are equal and give the same JSON, whatever the order of keys."""
    first, second = carrying("data", one), carrying("data", other)

    assert first == carrying("data", copy.deepcopy(one))
    if first == second:
        assert one == other
        assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert hash(first) == hash(second)
    assert same(one, one)


class Word(enum.StrEnum):
    HI = "hi"


class Loud(str):
    """A text class whose `str` differs from its JSON."""

    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"


class Number(enum.IntEnum):
    ONE = 1


def test_subclasses_of_plain_types_become_plain() -> None:
    """A member of an enumeration and its plain text or number make the same notification, in a request and for
    grouping."""
    usual = Notification("hi", "hi", subtitle="hi", click=OpenUrl("hi"), ttl=1, data={"hi": ["hi", 1]})
    given_by_host = Notification(
        Word.HI,
        Loud("hi"),
        subtitle=Word.HI,
        click=OpenUrl(Loud("hi")),
        ttl=Number.ONE,
        data={Word.HI: [Word.HI, Number.ONE]},
    )

    assert given_by_host == usual
    assert {type(value) for value in (given_by_host.title, given_by_host.body, given_by_host.subtitle)} == {str}
    assert type(given_by_host.ttl) is int
    assert str(PushToken(Loud("hi"), Loud("hi")).token) == "hi"


def test_a_subclass_of_a_click_keeps_its_action() -> None:
    """It must not become the default, which opens the app."""

    class Shop(OpenUrl):
        def __init__(self, number: int) -> None:
            super().__init__(f"https://shop.example/{number}")

    assert Notification("t", "b", click=Shop(5)).click == OpenUrl("https://shop.example/5")
    with pytest.raises(FieldError, match=r"OpenUrl.url: must be a str, is int"):
        OpenUrl(5)  # type: ignore[arg-type]


def refusal(name: str, value: Any) -> str:
    """The message of the refusal."""
    with pytest.raises(FieldError) as caught:
        carrying(name, value)
    return str(caught.value)


RIGHT = "JSON takes text, numbers, True, False, None, lists and mappings"
CANARY = "canary-5d1f"


@pytest.mark.parametrize(
    ("value", "place", "sentence"),
    [
        (uuid.UUID(int=5), "", f"is of type UUID; {RIGHT}: use str(value)"),
        ([decimal.Decimal(5)], "[0]", f"is of type Decimal; {RIGHT}: use str(value)"),
        ({"a": [1, b"5"]}, '["a"][1]', f"is of type bytes; {RIGHT}: use value.decode()"),
        (datetime.date(2026, 1, 1), "", f"is of type date; {RIGHT}: use value.isoformat()"),
        ({CANARY}, "", f"is of type set; {RIGHT}: use list(value)"),
        (enum.Enum("Kind", "A")["A"], "", f"is of type Kind; {RIGHT}: use value.value"),
        (object(), "", f"is of type object; {RIGHT}"),
        (float("nan"), "", "is no finite number; JSON has no NaN and no Infinity"),
        ([float("-inf")], "[0]", "is no finite number; JSON has no NaN and no Infinity"),
        (2**1024, "", "is a number too long for JSON: use str(value)"),
        ({1: "a", "1": "b"}, "", "a key is of type int; JSON takes text only: use str(key)"),
        ([{None: "a"}], "[0]", "a key is of type NoneType; JSON takes text only: use str(key)"),
        ({"\ud800": 1}, "", "a key holds a lone surrogate, which no encoding can carry"),
    ],
)
@pytest.mark.parametrize("name", SEVERAL)
def test_values_that_json_cannot_hold_are_refused_by_key(name: str, value: Any, place: str, sentence: str) -> None:
    """The error is raised when the notification is made; it names the key and what would be right, never the value."""
    owner = f'Notification.{name}["toy"]["k"]' if name == "overrides" else f'Notification.{name}["k"]'

    assert refusal(name, value) == f"{owner}{place}: {sentence}"


def test_the_depth_and_size_of_values_are_limited() -> None:
    """The deepest allowed value is accepted, one level more is not; a value that contains itself, or grows without end,
    is refused."""
    deep: Any = "x"
    for _ in range(DEEPEST - 1):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)
    doubling: Any = ["x"]
    for _ in range(40):
        doubling = [doubling, doubling]

    assert carried(carrying("data", deep), "data") == deep
    assert carried(carrying("data", 2**1024 - 1), "data") == 2**1024 - 1
    for wrong in ([deep], circle, doubling):
        assert refusal("data", wrong).startswith("Notification.data: must ")
    with pytest.raises(FieldError, match="names a brand twice"):
        Notification("t", "b", overrides={"OPPO": {}, "oppo ": {}})


def test_other_values_are_frozen_too() -> None:
    """A certificate's settings and an audience's lists are copies that cannot be changed."""
    settings = {"a": {"b": ["x"]}}
    tokens = ["t1"]
    made, audience = Certificate(1, "toy", settings), Audience(AudienceKind.TOKENS, tokens)  # type: ignore[arg-type]
    settings["a"]["b"].append("y")
    tokens.append("t2")

    assert made.settings == {"a": {"b": ["x"]}}
    assert audience.values == ("t1",)
    with pytest.raises(TypeError, match="frozen"):
        made.settings["a"]["b"].append("z")
    assert Notification("t", "b", data=MappingProxyType({"k": 1})).data == {"k": 1}
