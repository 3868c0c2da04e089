"""The bodies of Xiaomi's send calls: one form for one notification, spliced messages for different ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_xiaomi import notification
from pushgateway_xiaomi.notification import ids_of
from pushgateway_xiaomi.settings import FACTS
from xiaomi_client import CHANNELS, batch, form_of, make, messages_of, push

from pushgateway import Notification
from pushgateway.vendor import CallBack
from pushgateway.vendor.text import form_quote, most_quoted

CHAT = Notification("Lena", "Lunch?")
MARK = CallBack("https://im.example/push/1/secret", "~mark.mac")


def test_one_notification_is_one_form() -> None:
    """A thousand tokens are joined in one field; the notification is there once."""
    tokens = [f"a+/{number}==" for number in range(1000)]
    outcomes, (request,) = push(make(), batch(CHAT, tokens))

    form = form_of(request)
    assert form["registration_id"] == ",".join(tokens)
    assert (form["title"], form["description"]) == ("Lena", "Lunch?")
    assert form["restricted_package_name"] == "com.example.chat"
    assert form["pass_through"] == "0"
    assert all(outcome.ok for outcome in outcomes)


def test_the_setting_chooses_the_version_of_the_path() -> None:
    """v3 or v2; calls that have one version only keep it."""
    for api in ("v3", "v2"):
        vendor = make(api=api)
        _, (same,) = push(vendor, batch(CHAT))
        _, (each,) = push(vendor, batch([CHAT, Notification("Bob", "Hi")], ["a", "b"]))

        assert same.url == f"https://api.xmpush.xiaomi.com/{api}/message/regid"
        assert each.url == "https://api.xmpush.xiaomi.com/v2/multi_messages/regids"


def test_different_notifications_are_one_request() -> None:
    """Each message has its target, its number and its key; what is shared is encoded once."""
    notes = [Notification(f"t{number}", f"b{number}", data={"n": number}) for number in range(3)]
    outcomes, (request,) = push(make(channel_id="150001"), batch([*notes, notes[0]], ["a", "b", "c", "d"]))

    messages = messages_of(request)
    assert [one["target"] for one in messages] == ["a", "b", "c", "d"]
    assert [one["message"]["title"] for one in messages] == ["t0", "t1", "t2", "t0"]
    assert [json.loads(one["message"]["payload"])["n"] for one in messages] == [0, 1, 2, 0]
    assert {one["message"]["extra"]["channel_id"] for one in messages} == {"150001"}
    numbers = [str(one["message"]["notify_id"]) for one in messages]
    assert [outcome.handle for outcome in outcomes] == numbers
    assert len(set(numbers)) == 3
    assert numbers[0] == numbers[3]  # the same message on another phone


def test_each_distinct_notification_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are quoted per notification and not per push, and no message is encoded as a whole."""
    quoted: list[str] = []
    real = notification.form_quote
    monkeypatch.setattr(notification, "form_quote", lambda text: quoted.append(text) or real(text))
    vendor = make()
    notes = [Notification(f"t{number % 5}", "b") for number in range(5)]
    push(vendor, batch([notes[number % 5] for number in range(1000)], [f"t{number}" for number in range(1000)]))

    # Two for what all share, one for the texts of each notification, one for all tokens.
    assert len(quoted) == 2 + 5 + 1


def test_a_shared_notification_with_different_messages_is_sent_message_by_message() -> None:
    """Two messages with the same text to one phone would otherwise have one jobkey, and the phone shows only one."""
    _, (request,) = push(make(), batch(CHAT, ["a", "b"], ids=["m-1", "m-2"]))

    assert [one["message"]["extra"]["jobkey"] for one in messages_of(request)] == ["m-1", "m-2"]


# Ids


def test_a_message_id_becomes_number_and_key() -> None:
    """The same for the same id, and different for different ones; a short id of the right letters is kept."""
    assert ids_of("order-99", {})[1] == "order-99"
    long = ids_of("3f2a" * 8, {})
    assert long == ids_of("3f2a" * 8, {"a": "other"})
    assert len(long[1]) == 20
    assert ids_of("3f2a" * 8 + "x", {}) != long


def test_ids_that_are_too_long_for_a_key_become_shorter_ones() -> None:
    """Twenty characters are sent as they are; longer ids that begin alike stay apart."""
    fits, long, other = "a" * 20, "a" * 21, "a" * 22

    assert ids_of(fits, {})[1] == fits
    keys = {ids_of(one, {})[1] for one in (fits, long, other)}
    assert len(keys) == 3
    assert all(len(key) <= 20 for key in keys)


def test_different_messages_of_a_template_have_their_own_values() -> None:
    """In one request."""
    intents = {"chat": {"channel_id": "150002", "template": "T1", "title_parameters": ["who"]}}
    notes = [Notification("t", "b", intent="chat", parameters={"who": who}) for who in ("Lena", "Bob")]
    _, (request,) = push(make(channels=CHANNELS, intents=intents), batch(notes, ["a", "b"]))

    extras = [message["message"]["extra"] for message in messages_of(request)]
    assert [json.loads(extra["template_param"]) for extra in extras] == [{"who": "Lena"}, {"who": "Bob"}]
    assert {extra["template_id"] for extra in extras} == {"T1"}


def test_without_an_id_there_is_no_key() -> None:
    """A phone would drop the same text of another day; but the number is not that of every other notification."""
    numbers = {ids_of("", {"title": text}) for text in ("a", "b")}

    assert {key for _, key in numbers} == {""}
    assert len({number for number, _ in numbers}) == 2


@given(st.text(max_size=60))
def test_any_id_makes_a_valid_key_and_number(text: str) -> None:
    """By the rows of the rules: at most 20 of the allowed letters, not beginning with "_"; 0 to 2147483647."""
    number, key = ids_of(text, {"title": "x"})
    row, whole = FACTS.fields["extra.jobkey"], FACTS.fields["notify_id"]

    assert (whole.min or 0) <= int(number) <= (whole.max or 0)
    assert key == "" if not text else (0 < len(key) <= (row.max or 0) and notification._JOBKEY.fullmatch(key))


def test_notifications_do_not_replace_each_other() -> None:
    """Without a replace key every message has a number of its own: with Xiaomi's default of 0 all would."""
    vendor = make()
    numbers = {form_of(push(vendor, batch(CHAT, ids=f"m-{number}"))[1][0])["notify_id"] for number in range(50)}

    assert len(numbers) == 50
    assert "0" not in numbers


def test_a_replace_key_is_a_stable_number() -> None:
    """Two messages with the key of one chat replace each other, in both calls; other chats stay."""
    vendor = make()

    def numbers(*keys: str | None) -> list[str]:
        notes = [Notification(f"t{place}", "b", replace_key=key) for place, key in enumerate(keys)]
        outcomes, requests = push(vendor, batch(notes, [f"a{place}" for place in range(len(keys))]))
        sent = [form_of(requests[0])["notify_id"]] if len(keys) == 1 else []
        sent = sent or [str(one["message"]["notify_id"]) for one in messages_of(requests[0])]
        assert [outcome.handle for outcome in outcomes] == sent
        return sent

    alone = numbers("chat-1")
    both = numbers("chat-1", "chat-2", None)
    assert both[0] == alone[0] == numbers("chat-1")[0]
    assert len(set(both)) == 3


# Receipts


def test_the_callback_of_a_request_is_in_each_of_its_messages() -> None:
    """Address, parameter and the types of receipts; in the form and in every message."""
    vendor = make(receipt_types=1267)
    wanted = {"callback": MARK.url, "callback.param": MARK.parameter, "callback.type": "1267"}
    _, (same,) = push(vendor, batch(CHAT, ["a", "b"], callback=MARK))
    _, (each,) = push(vendor, batch([CHAT, Notification("Bob", "Hi")], ["a", "b"], callback=MARK))

    form = form_of(same)
    assert {name: form[f"extra.{name}"] for name in wanted} == wanted
    for one in messages_of(each):
        assert {name: one["message"]["extra"][name] for name in wanted} == wanted


def test_a_notifications_own_receipt_fields_replace_the_callback() -> None:
    """Its address stays, and no part of the gateway's is beside it."""
    own = Notification("Lena", "b", receipt_url="https://own.example/r", receipt_parameter="mine")
    _, (same,) = push(make(), batch(own, ["a", "b"], callback=MARK))
    _, (each,) = push(make(), batch([own, CHAT], ["a", "b"], callback=MARK))

    assert form_of(same)["extra.callback.param"] == "mine"
    first, second = (one["message"]["extra"] for one in messages_of(each))
    assert (first["callback"], first["callback.param"], first["callback.type"]) == (
        "https://own.example/r",
        "mine",
        "243",
    )
    assert (second["callback"], second["callback.param"]) == (MARK.url, MARK.parameter)


def test_without_a_callback_no_receipts_are_asked_for() -> None:
    """No address, no types."""
    _, (request,) = push(make(), batch(CHAT))

    assert not [name for name in form_of(request) if "callback" in name]


# Any text


TEXT = st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable() and bool(text.strip()))


@given(TEXT, TEXT, st.dictionaries(TEXT, st.text(max_size=20) | st.integers() | st.booleans() | st.none(), max_size=3))
def test_both_calls_carry_the_same(title: str, body: str, data: dict[str, Any]) -> None:
    """Any text, alone in a form and beside another in `messages`: the same values arrive."""
    note = Notification(title, body, data=data)
    vendor = make(channels=CHANNELS, channel_id="150002")
    outcomes, requests = push(vendor, batch(note))
    if not outcomes[0].ok:
        return  # a text without a visible character
    _, (each,) = push(vendor, batch([note, CHAT], ["a", "b"], ids=["message-0", "m"]))

    form, message = form_of(requests[0]), messages_of(each)[0]["message"]
    extra = {f"extra.{name}": value for name, value in message.pop("extra").items()}
    form.pop("registration_id")
    assert {name: str(value) for name, value in {**message, **extra}.items()} == form
    if data:
        assert json.loads(form["payload"]) == data


@given(TEXT, TEXT, TEXT)
def test_a_push_weighs_no_more_than_it_says(title: str, body: str, text: str) -> None:
    """In a request with others, so that what is shared hides nothing."""
    vendor = make(channel_id="150001")
    before = [CHAT, Notification("Bob", "Hi")]
    note = Notification(title * 30, body * 30, data={text: text}, replace_key=text)
    alone = sum(len(request.content) for request in push(vendor, batch(before, ["a", "b"]))[1])
    added = sum(len(request.content) for request in push(vendor, batch([*before, note], ["a", "b", "c"]))[1]) - alone

    assert added <= vendor.weigh(note) + most_quoted("c") + most_quoted("message-2")


def test_the_request_is_cut_to_what_rules_say() -> None:
    """The sizes of a batch are those of the rules, and a setting lowers the number of pushes."""
    assert make().batching.size == FACTS.number("batch_size")
    assert make(batch_size=50).batching.size == 50
    assert make().batching.mixed
    assert form_quote(",") == b"%2C"
