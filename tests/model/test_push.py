"""The values that a host hands in: what they accept, what they refuse by name, and what of them a log may show.

One canary text is used for every token, title, body and secret; it must not come out anywhere.
"""

import copy
import enum
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from error_texts import field_of
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.certificates.certificate import Certificate
from pushgateway.model.appearance import Button
from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.checks import as_certificate_id
from pushgateway.model.click import OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Network, Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome, PushFailed
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import Secret, mask
from pushgateway.vendor import AccessToken, Reply, Request, Response
from pushgateway.vendor.refusals import AccessExpired, Refused

CANARY = "canary-5d1f"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTE = Notification("title", "body")
TOKEN = PushToken(7005, "token")


@pytest.mark.parametrize(
    ("given", "kept"), [(7005, "7005"), ("7005", "7005"), (" 7005\n", "7005"), (0, "0"), (-1, "-1"), ("a b", "a b")]
)
def test_a_certificate_id_is_kept_as_text(given: int | str, kept: str) -> None:
    """7005 and "7005" are the same certificate everywhere."""
    assert as_certificate_id(given) == kept
    assert PushToken(given, "t") == PushToken(kept, "t")


@pytest.mark.parametrize("wrong", [True, False, None, 7.0, b"7005", "", "  ", ["7005"]])
def test_an_invalid_certificate_id_is_refused(wrong: Any) -> None:
    """A bool is not a number of a certificate, and an empty id names none."""
    assert field_of(lambda: as_certificate_id(wrong)) == "certificate_id"
    assert field_of(lambda: PushToken(wrong, "t")) == "certificate_id"
    assert field_of(lambda: Broadcast(wrong, NOTE, Audience.everyone())) == "certificate_id"


@pytest.mark.parametrize("wrong", [None, 5, b"token", ["token"]])
def test_a_token_is_text(wrong: Any) -> None:
    """A token of another type is a mistake of the host; an empty or odd one is for the vendor to refuse."""
    assert field_of(lambda: PushToken(1, wrong)) == "PushToken.token"
    assert [PushToken(1, odd).token for odd in ("", "a;b", "\u4f60", "a" * 10_000)] == [
        "",
        "a;b",
        "\u4f60",
        "a" * 10_000,
    ]


@pytest.mark.parametrize("around", [" ", "\n", "\t", "\r\n", "\u3000", "\xa0"])
def test_blanks_around_a_token_are_removed(around: str) -> None:
    """A line end from a file is removed, as from a certificate id: it is the same phone, and gets its pushes."""
    assert PushToken(1, f"{around}CN_a{around}") == PushToken(1, "CN_a")
    assert Audience.of_tokens([f"CN_a{around}", "CN_a"]).values == ("CN_a",)


@pytest.mark.parametrize(
    ("odd", "place", "name"),
    [
        ("\ufeffCN_a", 1, "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
        ("CN\u200b_a", 3, "U+200B (ZERO WIDTH SPACE)"),
        ("CN_a\u2060", 5, "U+2060 (WORD JOINER)"),
        ("CN\x00_a", 3, "U+0000"),
        ("CN _a", 3, "U+0020 (SPACE)"),
        ("CN\n_a", 3, "U+000A"),
        ("CN_a\ud800", 5, "U+D800"),
        ('"CN_a"', 1, "a quotation mark"),
        ("CN_a'", 5, "a quotation mark"),
        ("\u201cCN_a\u201d", 1, "a quotation mark"),
    ],
)
def test_an_impossible_character_in_a_token_is_named_by_its_place(odd: str, place: int, name: str) -> None:
    """A damaged input is a mistake of the host and raises at once; as an outcome it would say that a living phone is
    dead."""
    for make, field in (
        (lambda: PushToken(1, odd), "PushToken.token"),
        (lambda: Audience.of_tokens(["CN_b", odd]), "Audience.of_tokens[1]"),
        (lambda: Audience(AudienceKind.TOKENS, (odd,)), "Audience.values[0]"),
    ):
        with pytest.raises(FieldError) as caught:
            make()
        assert str(caught.value).startswith(f"{field}: character {place} of {len(odd)} is {name}")
        assert "CN_" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("title", None),
        ("title", b"t"),
        ("body", 5),
        ("subtitle", 5),
        ("click", "https://example.com"),
        ("click", None),
        ("data", [("a", 1)]),
        ("data", None),
        ("ttl", -1),
        ("ttl", 1.0),
        ("ttl", True),
        ("ttl", "60"),
        ("store_offline", 1),
        ("store_offline", None),
        ("dedupe_id", 5),
        ("network", "wifi"),
        ("time_zone", 8),
        ("show_from", "2026-01-01"),
        ("show_from", datetime(2026, 1, 1)),  # noqa: DTZ001 - that is the mistake
        ("show_until", datetime(2026, 1, 1)),  # noqa: DTZ001
        ("show_until", 1_700_000_000),
        ("receipt_url", b"https://example.com"),
        ("receipt_parameter", 5),
        ("channel_id", 5),
        ("intent", "chatter"),
        ("intent", 5),
        ("parameters", ["name"]),
        ("overrides", ["oppo"]),
        ("overrides", {"oppo": 5}),
        ("overrides", {5: {}}),
        ("badge", 1),
        ("badge", {"add": 1}),
        ("replace_key", 4711),
        ("alert", "silent"),
        ("alert", 1),
        ("sound", True),
        ("long_body", b"text"),
        ("picture", 1),
        ("icon", ["https://im.example/icon.png"]),
        ("buttons", "Answer"),
        ("buttons", ("Answer",)),
        ("buttons", [Button("Answer")] * 4),
        ("group", 5),
        ("show_in_foreground", 1),
        ("show_in_foreground", None),
        ("user_id", 5),
    ],
)
def test_a_wrong_type_in_a_notification_names_its_field(name: str, wrong: Any) -> None:
    """Wrong types are found where the host wrote them, not at the vendor."""
    fields = {"title": "t", "body": "b", name: wrong}

    assert field_of(lambda: Notification(fields.pop("title"), fields.pop("body"), **fields)) == f"Notification.{name}"  # type: ignore[arg-type]


def test_every_field_of_a_notification_has_a_wrong_type() -> None:
    """The table above has every field, so a new field without a check fails here."""
    checked = {"title", "body", "subtitle", "click", "data", "ttl", "store_offline", "dedupe_id", "network"}
    checked |= {"time_zone", "show_from", "show_until", "receipt_url", "receipt_parameter", "channel_id", "overrides"}
    checked |= {"intent", "parameters", "badge", "replace_key", "alert", "sound", "long_body", "picture", "icon"}
    checked |= {"buttons", "group", "show_in_foreground", "user_id"}

    assert {field.name for field in attrs.fields(Notification)} == checked


def test_a_ttl_of_zero_is_accepted() -> None:
    """0 seconds is the limit and accepted; empty texts are for the vendor's rules."""
    assert Notification("", "", ttl=0).ttl == 0


def test_a_display_window_has_a_length() -> None:
    """It ends later than it begins, by at least a microsecond, whatever the zones; a window with one end only is
    accepted."""
    elsewhere = NOON.astimezone(timezone(timedelta(hours=8)))
    tick = timedelta(microseconds=1)

    window = Notification("t", "b", show_from=NOON, show_until=NOON + tick)

    assert window.show_until == NOON + tick
    assert field_of(lambda: Notification("t", "b", show_from=NOON, show_until=elsewhere)) == "Notification.show_until"
    assert field_of(lambda: Notification("t", "b", show_from=NOON + tick, show_until=NOON)) == "Notification.show_until"
    assert Notification("t", "b", show_from=NOON).show_until is None
    assert Notification("t", "b", show_until=NOON).show_from is None


@given(st.integers(0, 2**40), st.booleans(), st.sampled_from(Network), st.text(), st.text())
def test_equal_notifications_are_one_key(ttl: int, store: bool, network: Network, title: str, body: str) -> None:
    """Batches are grouped by the hash of the notification: equal ones are always together, and one other field makes
    them different."""
    first, second = (
        Notification(title, body, ttl=ttl, store_offline=store, network=network, data={"n": [1, {"a": None}]})
        for _ in range(2)
    )
    other = attrs.evolve(first, data={"n": [2]})

    assert first == second
    assert hash(first) == hash(second)
    assert len({first: 1, second: 2, other: 3}) == 2


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), True, "5", b"", [5]])
def test_a_timeout_is_a_positive_number(wrong: Any) -> None:
    """A push without time could never be sent."""
    assert field_of(lambda: Push(TOKEN, NOTE, timeout=wrong)) == "Push.timeout"
    assert Push(TOKEN, NOTE, timeout=1e-9).timeout == 1e-9


def test_a_push_refuses_arguments_of_another_type() -> None:
    """A token in place of a push token, or a text in place of a notification, is named by argument and type; its value
    is not quoted."""
    wrong: Any = CANARY

    assert field_of(lambda: Push(wrong, NOTE)) == "Push.push_token"
    assert field_of(lambda: Push(TOKEN, wrong)) == "Push.notification"
    assert field_of(lambda: Push(TOKEN, NOTE, dedupe_id=5)) == "Push.dedupe_id"  # type: ignore[arg-type]
    assert field_of(lambda: Broadcast(1, wrong, Audience.everyone())) == "Broadcast.notification"
    assert field_of(lambda: Broadcast(1, NOTE, wrong)) == "Broadcast.audience"
    with pytest.raises(FieldError) as caught:
        Push(wrong, NOTE)
    assert CANARY not in shown(caught.value)


def test_a_push_made_the_short_way_equals_one_with_defaults() -> None:
    """The faster constructor for nearly every send makes an equal value."""
    token, note = PushToken(7, "t"), Notification("t", "b")

    made = Push.with_defaults(token, note, "d-1")

    assert made == Push(token, note, dedupe_id="d-1")
    assert made.context is None


def test_the_same_push_under_another_id() -> None:
    """Every other field stays the same object where a copy would be waste; the result is as frozen as the first."""
    context = object()
    push = Push(PushToken(1, "a"), Notification("t", "b"), timeout=5.0, coalesce=False, context=context)

    twin = push.with_dedupe_id("d-1")

    assert type(twin) is Push
    assert twin == attrs.evolve(push, dedupe_id="d-1") == copy.copy(twin)
    for field in attrs.fields(Push):
        wanted = "d-1" if field.name == "dedupe_id" else getattr(push, field.name)
        assert getattr(twin, field.name) is wanted
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        twin.dedupe_id = "d-2"  # type: ignore[misc]


def test_subclasses_are_accepted_too() -> None:
    """The check for the exact types only saves time; subclasses pass the full check."""

    class Word(enum.StrEnum):
        HI = "hi"

    data = MappingProxyType({"k": "v"})

    note = Notification(Word.HI, Word.HI, subtitle=Word.HI, data=data, overrides=MappingProxyType({"oppo": data}))

    assert (note.title, note.data) == ("hi", {"k": "v"})
    assert PushToken(Word.HI, Word.HI) == PushToken("hi", "hi")


@given(st.text(min_size=1), st.text(min_size=1))
def test_secrets_are_equal_by_their_text(one: str, other: str) -> None:
    """Any text works, lone surrogates too, and a `Secret` never equals the text itself."""
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one).reveal() == one
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


@pytest.mark.parametrize("wrong", ["", None, 5, b"secret"])
def test_an_empty_secret_is_refused(wrong: Any) -> None:
    """An empty secret would sign everything the same way."""
    assert field_of(lambda: Secret(wrong)) == "secret"


def test_a_secret_is_not_shown() -> None:
    """No way to make text of it, alone or within another value, shows it, and it has no other readable attribute."""
    secret = Secret(CANARY)
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!s:>40}", f"{secret:40}", "%s %r" % (secret, secret)]  # noqa: UP031
    texts += ["{}".format(secret), repr([secret]), repr({"a": secret})]  # noqa: UP032

    assert [text for text in texts if CANARY in text] == []
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("protocol", range(6))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    """Pickled data gets into queues and onto disks; a copy within the process is the same object."""
    with pytest.raises(TypeError, match="not pickled") as caught:
        Secret(CANARY).__reduce_ex__(protocol)
    (kept,) = copy.deepcopy([secret := Secret(CANARY)])

    assert kept is secret is copy.copy(secret)
    assert CANARY not in str(caught.value)


@given(st.text())
def test_a_mask_distinguishes_tokens_without_showing_them(token: str) -> None:
    """The same token has the same mask everywhere, of one length, however long or odd the token is."""
    assert mask(token) == mask(token)
    assert len(mask(token)) == len("tok:01234567")
    assert mask(token) != mask(token + "a")


def test_values_are_frozen() -> None:
    """A value that was handed in cannot be changed later."""
    for value in (TOKEN, NOTE, Push(TOKEN, NOTE), Audience.everyone(), OpenUrl("u")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, attrs.fields(type(value))[0].name, "changed")


def shown(error: BaseException) -> str:
    """Everything that a log may make of an exception."""
    return "".join(traceback.TracebackException.from_exception(error).format_exception_only()) + repr(error)


def values_with_content() -> Iterator[object]:
    """One of each public value, with the canary wherever a host or a vendor may put content."""
    clicks = (OpenIntent(CANARY), OpenActivity(CANARY), OpenUrl(CANARY), OpenIntentUri(CANARY))
    note = Notification(
        CANARY,
        CANARY,
        subtitle=CANARY,
        click=clicks[2],
        data={CANARY: CANARY},
        dedupe_id=CANARY,
        receipt_url=CANARY,
        receipt_parameter=CANARY,
        channel_id=CANARY,
        overrides={"oppo": {CANARY: CANARY}},
    )
    token = PushToken(7005, CANARY)
    push = Push(token, note, dedupe_id=CANARY)
    audiences = [Audience.of_tokens([CANARY]), Audience.of_aliases([CANARY]), Audience.of_tags([CANARY])]
    yield from (*clicks, OpenApp(), note, token, push, *audiences)
    yield from (Broadcast(7005, note, audience) for audience in audiences)
    refusal = Outcome.rejected(push := attrs.evolve(push, dedupe_id=""), Reason.MUTED, code="1", message=CANARY)
    yield from (Outcome.accepted(push, "id"), refusal, Outcome.unknown(push, "silence", message=CANARY))
    yield BroadcastOutcome(
        certificate_id="7005", status=Status.REJECTED, reason=Reason.MUTED, vendor_message=CANARY, outcomes=(refusal,)
    )
    yield from (
        Secret(CANARY),
        AccessToken(CANARY, 5.0),
        Certificate(7005, "oppo", {"key": CANARY, "s": Secret(CANARY)}),
    )
    yield Request("POST", "https://host/path", {"auth_token": CANARY}, CANARY.encode())
    yield from (Response(200, {"x": CANARY}, CANARY.encode()), Reply("0", CANARY, {CANARY: CANARY}))


@pytest.mark.parametrize("value", list(values_with_content()), ids=lambda value: type(value).__name__)
def test_no_repr_shows_content(value: object) -> None:
    """A `repr` may be logged: it holds no token, title, body or secret, nor a vendor's message that quotes one."""
    assert CANARY not in repr(value)
    assert CANARY not in str(value)
    assert CANARY not in f"{[value]}"


def test_no_exception_shows_content() -> None:
    """An exception with an outcome or a vendor's message does not show it; the values stay readable as attributes."""
    refused = Refused(Reason.MUTED, "5", CANARY, 3.0, "a sentence of ours")
    expired = AccessExpired(Reason.CREDENTIALS, "11", CANARY)
    failed = PushFailed(refused.outcome(Push(PushToken(1, CANARY), Notification(CANARY, CANARY))))
    shown_texts = [shown(error) for error in (refused, expired, failed)]

    assert [text for text in shown_texts if CANARY in text] == []
    assert (refused.message, failed.outcome.vendor_message) == (CANARY, CANARY)
    assert str(failed) == "rejected: muted: vendor code 5: a sentence of ours"


@pytest.mark.parametrize("wrong", [CANARY, [CANARY], {CANARY: CANARY}, CANARY.encode()])
def test_no_message_about_a_mistake_quotes_the_value(wrong: Any) -> None:
    """It names field and type: a log of the host's mistakes holds no token and no text."""
    mistakes: list[Callable[[], object]] = [
        lambda: PushToken(1, [wrong]),  # type: ignore[arg-type]
        lambda: PushToken([wrong], "t"),  # type: ignore[arg-type]
        lambda: Notification([wrong], "b"),  # type: ignore[arg-type]
        lambda: Notification("t", "b", click=wrong),
        lambda: Notification("t", "b", data=[wrong]),  # type: ignore[arg-type]
        lambda: Notification("t", "b", ttl=wrong),
        lambda: Notification("t", "b", show_from=wrong),
        lambda: Notification("t", "b", overrides={"oppo": [wrong]}),  # type: ignore[dict-item]
        lambda: Push(wrong, NOTE),
        lambda: Push(TOKEN, wrong),
        lambda: Push(TOKEN, NOTE, timeout=wrong),
        lambda: Audience.of_tokens([[wrong]]),  # type: ignore[list-item]
        lambda: Broadcast(1, NOTE, wrong),
        lambda: Broadcast(1, NOTE, Audience.everyone(), rate=wrong),
        lambda: Broadcast(1, NOTE, Audience.everyone(), start_at=wrong),
        lambda: Secret([wrong]),  # type: ignore[arg-type]
        lambda: Certificate(1, [wrong]),  # type: ignore[arg-type]
        lambda: Certificate(1, "oppo", [wrong]),  # type: ignore[arg-type]
    ]
    for make in mistakes:
        with pytest.raises(FieldError) as caught:
            make()
        assert CANARY not in shown(caught.value)
