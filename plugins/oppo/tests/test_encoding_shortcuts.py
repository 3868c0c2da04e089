"""Fast code paths of encoding give what the standard library and the plain code paths give."""

import enum
import itertools
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import pytest
from encoding import TOKEN, V13, columns_of, encode_single, encode_unicast, encoded_batch
from exchanges import OPPO, first, form, push
from hypothesis import example, given
from hypothesis import strategies as st
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.tokens import token_problem

from pushgateway.vendor import Batch, CallBack, Notification, OpenIntent, Outcome, Push, PushToken, Request
from pushgateway.vendor.text import clean, form_quote
from pushgateway.vendor.toolkit import json_text

TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
WORD = st.text("aZ09_.~-+%&\\é值", max_size=12)
VALUES = st.recursive(
    st.one_of(TEXT, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=12,
)
SLOW = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Word(enum.StrEnum):
    """A `str` whose `format` and `str` give another text."""

    TEXT = "text_0"

    def __format__(self, _: str) -> str:
        return "another"

    __str__ = __repr__ = lambda self: "another"


def asked(*pushes: Push) -> list[Request]:
    """The request for these pushes, if there is one."""
    return [word for word in itertools.islice(OPPO.push(pushes), 1) if word is not None]


def written(encode: Any, value: object) -> object:
    """The JSON, or None if it is refused."""
    try:
        return encode(value)
    except (TypeError, ValueError, RecursionError):
        return None


@given(st.one_of(VALUES, st.dictionaries(st.one_of(TEXT, st.integers(), st.none(), st.floats()), VALUES, max_size=3)))
def test_json_equals_that_of_the_standard_library(value: object) -> None:
    """Byte for byte, and values that it refuses are refused."""
    assert written(json_text.encode_json, value) == written(SLOW.encode, value)


@pytest.mark.parametrize("wrong", [object(), {"a": {1, 2}}, {(): 1}, [float("inf")], b"bytes"])
def test_values_that_json_does_not_have_are_refused(wrong: object) -> None:
    """A set, an object, a key that is no text, infinity."""
    assert written(json_text.encode_json, wrong) is None


def test_circular_data_is_refused() -> None:
    """The encoder ends, and it still works afterwards."""
    circle: dict[str, Any] = {"a": 1}
    circle["self"] = circle

    assert written(json_text.encode_json, circle) is None
    assert json_text.encode_json({"a": [1]}) == '{"a":[1]}'


def test_without_the_c_encoder_json_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Python without it the encoder is slower, with the same result."""
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert json_text._make_encode()({"值": ['"', 1.5, None]}) == '{"值":["\\"",1.5,null]}'


@given(WORD, WORD, st.text(st.characters(exclude_categories=()), max_size=15), TEXT)
def test_tokens_ids_and_texts_come_back_from_the_form(token: str, dedupe_id: str, title: str, body: str) -> None:
    """`parse_qsl` and `json` decode every token, id and text to the cleaned original."""
    given_push = push(token, Notification("t" + title, "b" + body), dedupe_id)
    words = asked(given_push)

    assert (words == []) == bool(token_problem(token, 256))
    if words:
        message = json.loads(form(words[0])["message"])
        assert message["target_value"] == token
        assert message["notification"].get("app_message_id", "") == clean(dedupe_id)
        assert message["notification"]["title"] == clean("t" + title)
        assert message["notification"]["content"] == clean("b" + body)


@given(st.text("aZ_-:\"'`「」“”＂＇ \u3000\ufeff\u200b\n值\ud800", max_size=4) | TEXT)
def test_a_possible_token_makes_a_push_token(text: str) -> None:
    """A token in a receipt that passes the plug-in's check never fails in `PushToken`."""
    if not token_problem(text, 256):
        assert PushToken(1, text).token == text


def test_the_value_of_a_str_subclass_is_sent() -> None:
    """Such as the value of a `StrEnum`, in each place where a text is sent."""
    note = Notification(Word.TEXT, Word.TEXT, data={"word": Word.TEXT})

    message = json.loads(form(first(OPPO.push([push(Word.TEXT, note, Word.TEXT)])))["message"])

    fields = message["notification"]
    assert message["target_value"] == fields["app_message_id"] == fields["title"] == fields["content"] == "text_0"
    assert json.loads(fields["action_parameters"]) == {"word": "text_0"}


@given(st.text("aUS_0 ;", max_size=12))
def test_the_region_is_read_from_the_prefix(token: str) -> None:
    """Overseas only with two capitals before the last `_`, and at most a mark before them.

    Other texts cause no overseas login.
    """
    region = "cn"
    match token.split("_"):
        case [code, rest] if re.fullmatch("[US]{2}", code) and re.fullmatch("[aUS0]+", rest):
            region = "overseas"
        case [mark, code, rest] if re.fullmatch("[aUS0]{2,10}", mark) and re.fullmatch("[US]{2}[aUS0]+", code + rest):
            region = "overseas" if len(code) == 2 and rest else "cn"

    assert OPPO.region(token) == region


@given(st.lists(st.text("aCN_0 ;\n", max_size=8) | st.sampled_from(["CN_a", "CN_b", "c", "US_a"]), max_size=6))
def test_regions_of_many_tokens_are_those_of_each(tokens: list[str]) -> None:
    """Whatever the tokens hold, line ends too."""
    assert set(OPPO.regions(tokens)) == set(map(OPPO.region, tokens))


@given(TEXT)
def test_quoting_every_byte_is_decoded_correctly(text: str) -> None:
    """Three bytes for each byte of UTF-8, which `parse_qsl` decodes to the same text."""
    whole = "值" + text

    quoted = form_quote(whole)

    sent = parse_qsl("a=" + quoted.decode("ascii"), keep_blank_values=True, strict_parsing=True)[0][1]
    assert sent.encode() == whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    assert len(quoted) == 3 * len(sent.encode())


@given(st.lists(st.tuples(st.text("ab_~;é", max_size=6), st.integers(0, 2)), max_size=12, unique_by=lambda t: t[0]))
def test_a_batch_is_the_array_of_its_messages(chosen: list[tuple[str, int]]) -> None:
    """Each message is as it is alone, also if pushes are refused, the first one too: no comma too many."""
    notes = [Notification("t", "b"), Notification("", "refused"), Notification("s", "c", subtitle="sub")]
    pushes = [Push(PushToken(1, token), notes[number], dedupe_id=f"d{token}") for token, number in chosen]
    alone = [form(word)["message"] for one in pushes for word in asked(one)]

    together = [form(word) for word in asked(*pushes)]

    if len(alone) > 1:
        assert json.loads(together[0]["messages"]) == [json.loads(message) for message in alone]
    else:
        assert [body["message"] for body in together] == alone


NOTES = [
    Notification("新消息 & more", '正文: 100%+1 "quoted"', click=OpenIntent("com.example.OPEN"), data={"键": "值 & +"}),
    Notification("t", "b", subtitle="sub"),
    Notification("", "refused"),
]
CALLBACK = CallBack("https://host.example/receipts?a=b&c", "p a+r")


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 63, 64, 65, 250]), st.booleans(), st.booleans()), max_size=4
    )
)
@example([(0, 1000, True, False)])
def test_a_run_of_one_notification_is_the_array_of_its_messages(runs: list[tuple[int, int, bool, bool]]) -> None:
    """For runs of any length, before and after others, refused or not, with and without ids and callbacks."""
    pushes: list[Push] = []
    for number, length, has_id, calls_back in runs:
        for _ in range(length):
            place = len(pushes)
            callback = CALLBACK if calls_back and place % 3 == 0 else None
            dedupe_id = f"d-{place}" if has_id else ""
            pushes.append(Push(PushToken(1, f"CN_{place:04d}"), NOTES[number], dedupe_id=dedupe_id, callback=callback))
    whole = [one for one in pushes if one.notification.title]
    alone = {id(note): json.loads(form(first(OPPO.push([push("CN_a", note)])))["message"]) for note in NOTES[:2]}

    body = form(first(OPPO.push(pushes))) if whole else {"messages": "[]"}

    messages = json.loads(body.get("messages", f"[{body.get('message')}]"))
    assert [message["target_value"] for message in messages] == [one.push_token.token for one in whole]
    for given_push, message in zip(whole, messages, strict=True):
        own = {"app_message_id": given_push.dedupe_id} if given_push.dedupe_id else {}
        if given_push.callback is not None:
            own |= {"call_back_url": CALLBACK.url, "call_back_parameter": CALLBACK.parameter}
        usual = alone[id(given_push.notification)]
        fields = {**usual["notification"], **own}
        assert message == {**usual, "target_value": given_push.push_token.token, "notification": fields}


@pytest.mark.parametrize("numbers", [[0] * 300, [1] * 2, [0, 0, 1, 1, 0, 2], [2, 2], [0, 1, 2] * 100])
@pytest.mark.parametrize("calls_back", [True, False])
def test_a_batch_in_columns_equals_a_batch_of_pushes(numbers: list[int], calls_back: bool) -> None:
    """Byte for byte, with the same outcomes for pushes that are not sent."""
    callback = CALLBACK if calls_back else None
    origins = [Push(PushToken(1, "nobody"), NOTES[number], dedupe_id="none", callback=callback) for number in numbers]
    push_tokens = [PushToken(1, f"CN_{place:04d}") for place in range(len(numbers))]
    notes = [NOTES[number] for number in numbers]
    columns = Batch(push_tokens, notes, [f"d-{place}" for place in range(len(numbers))], origins)
    pushes = list(Batch(push_tokens, notes, columns.dedupe_ids, origins))

    assert written_batch(columns) == written_batch(pushes)


def written_batch(batch: Sequence[Push]) -> tuple[bytes, list[tuple[str, ...]], list[int], dict[int, Outcome]]:
    """The encoded batch: body, cut fields, places, and outcomes of pushes that are not sent."""
    encoded = encoded_batch(batch, V13)
    assert [one.dedupe_id for one in encoded.sent] == [f"d-{place}" for place in encoded.places]
    return encoded.body.getvalue(), list(encoded.truncated), list(encoded.places), encoded.settled


def test_each_dialect_has_its_own_frame() -> None:
    """Cached parts of one dialect are never used for the other, which has other limits."""
    made = {name: columns_of(dialect) for name, dialect in RULES.dialects.items()}

    assert len(made) >= 2
    assert len({id(columns.ordinary) for columns in made.values()}) == len(made)
    assert all(columns.longest == RULES.dialects[name].number("token_bytes") for name, columns in made.items())


@given(TEXT, TEXT, st.sampled_from([TOKEN, "", "a b", "cn_x", "x" * 300, "值"]), TEXT, st.booleans(), st.booleans())
@example("title", "body", TOKEN, "", False, False)
@example("t" * 60, "b" * 900, TOKEN, "d", False, True)
def test_a_single_push_is_encoded_as_in_a_batch(
    title: str, body: str, token: str, dedupe_id: str, has_channel: bool, calls_back: bool
) -> None:
    """The request for one push has a code path of its own: the same bytes, cut fields and outcomes as in a batch."""
    channel = {"channel_id": "messages"} if has_channel else {}
    callback = CallBack("https://host.example/push", "parameter") if calls_back else None
    one = Push(PushToken(1, "a"), Notification("T" + title, "B" + body, **channel), dedupe_id=dedupe_id)
    object.__setattr__(one.push_token, "token", token)  # PushToken itself would refuse some of these texts
    batch = Batch.of([one if callback is None else one.with_callback(callback)])

    for dialect in RULES.dialects.values():
        single, encoded = encode_single(batch, dialect, None, {}), encoded_batch(batch, dialect)

        if isinstance(single, Outcome):
            assert encoded.settled == {0: single}
        else:
            content, truncated = single
            assert encode_unicast(encoded, dialect)[1] == content
            assert encoded.truncated == [truncated]
