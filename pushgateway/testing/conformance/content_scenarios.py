"""Scenarios: the content of a notification, compared with what the phone shows and does.

Each feature of `Notification` must reach the phone unchanged, or be cut and named in `Outcome.truncated`, or be
refused by its name before any request. The sandbox's `Delivery` is what the phone received.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.click import OpenActivity, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Network, Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.sandbox import Delivery
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import ICON, PICTURE, Harness
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.testing.delivery_comparison import changed, is_whole_cut, same
from pushgateway.vendor.refusals import NoVerdict, Refused

NOW = datetime.fromtimestamp(EPOCH, UTC)
PLAIN = Notification("title", "for all")

FEATURES: Mapping[str, Mapping[str, Any]] = {
    "subtitle": {"subtitle": "second"},
    "click: intent": {"click": OpenIntent("com.example.OPEN")},
    "click: activity": {"click": OpenActivity("com.example.Main")},
    "click: url": {"click": OpenUrl("https://host.example/a?b=c&d=%20;#e")},
    "click: intent uri": {"click": OpenIntentUri("intent://x/#Intent;scheme=app;end")},
    "data": {"data": {"text": '长 "x" \\ &=+%;', "number": 7, "nested": {"list": [1, "2", None, False]}}},
    "ttl": {"ttl": 7200},
    "ttl of a second": {"ttl": 1},
    "ttl of nothing": {"ttl": 0},
    "store_offline": {"store_offline": False},
    "network": {"network": Network.WIFI},
    "time_zone": {"time_zone": "GMT+09:00"},
    "show_from, show_until": {"show_from": NOW + timedelta(hours=1), "show_until": NOW + timedelta(hours=2)},
    "show_from alone": {"show_from": NOW + timedelta(hours=1)},
    "show_until alone": {"show_until": NOW + timedelta(hours=2)},
    "channel_id": {"channel_id": "messages"},
    "receipt_url": {"receipt_url": "https://host.example/receipts"},
    "receipt_parameter": {"receipt_url": "https://host.example/receipts", "receipt_parameter": "p & 1"},
    "badge: add": {"badge": Badge.add(2)},
    "badge: set": {"badge": Badge.set(3)},
    "badge: none": {"badge": Badge.set(0)},
    "replace_key": {"replace_key": "chat-17"},
    "alert: silent": {"alert": Alert.SILENT},
    "alert: normal": {"alert": Alert.NORMAL},
    "alert: urgent": {"alert": Alert.URGENT},
    "sound": {"sound": "ring.mp3"},
    "long_body": {"long_body": "for all, and more of it"},
    "picture": {"picture": PICTURE},
    "icon": {"icon": ICON},
    "buttons": {"buttons": (Button("Reply"), Button("Open", OpenUrl("https://host.example/b")))},
    "group": {"group": "chats"},
    "show_in_foreground": {"show_in_foreground": False},
    "user_id": {"user_id": "ann"},
    "looks": {"badge": Badge.add(1), "replace_key": "k", "alert": Alert.SILENT, "long_body": "for all!", "group": "g"},
    "everything": {"subtitle": "second", "data": {"key": "value"}, "ttl": 3600, "click": OpenUrl("https://a.example/")},
}
"""By name: the fields of a notification that use one feature."""

SIZES: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "title": lambda text: {"title": text},
    "body": lambda text: {"body": text},
    "subtitle": lambda text: {"subtitle": text},
    "data": lambda text: {"data": {"key": text}},
    "click": lambda text: {"click": OpenUrl("https://host.example/" + text)},
    "channel_id": lambda text: {"channel_id": text},
    "receipt_url": lambda text: {"receipt_url": "https://host.example/" + text},
    "receipt_parameter": lambda text: {"receipt_url": "https://host.example/r", "receipt_parameter": text},
    "replace_key": lambda text: {"replace_key": text},
    "long_body": lambda text: {"long_body": text},
    "sound": lambda text: {"sound": f"{text}.mp3"},
    "group": lambda text: {"group": text},
    "user_id": lambda text: {"user_id": text},
}
PLAIN_ON_THE_PHONE = (
    *("ttl", "channel_id", "time_zone", "category", "badge", "alert", "sound", "long_body", "picture", "icon"),
    *("buttons", "group", "show_in_foreground", "user_id"),
)
"""Fields of `Delivery` that are the same for all plain notifications."""
MOST = 6000
"""Characters up to which a limit is looked for."""


def with_fields(note: Notification, fields: Mapping[str, Any]) -> Notification:
    """The notification with other values in these fields."""
    return attrs.evolve(note, **fields)


def names_of(fields: Mapping[str, Any]) -> Sequence[str]:
    """What a refusal of these fields may name: of a window in which something is shown, the bound that is missing
    too."""
    window = ("show_from", "show_until")
    return (*fields, *window) if fields.keys() & set(window) else tuple(fields)


FAMILY = "👨‍👩‍👧‍👦"
CLUSTERS = {"family": FAMILY, "flag": "🇨🇳", "skin": "👍🏽", "accent": "e\u0301"}


def _own(seen: Delivery, names: Iterable[str]) -> dict[str, Any]:
    return {name: seen.notification.get(name) for name in names}


class ContentScenarios(Harness):
    """Each feature of a notification: alone, with others and at its limit."""

    def shown(self, driver: ExchangeDriver, notes: Sequence[Notification]) -> list[tuple[Outcome, Delivery | None]]:
        """Push these notifications in one batch to different phones; the outcome of each and what its phone shows."""
        driver.sandbox.ledger.clear()
        tokens = driver.sandbox.register(len(notes))
        batch = [
            Push(PushToken(1, token), note, dedupe_id=f"d-{token[-20:]}")
            for token, note in zip(tokens, notes, strict=True)
        ]
        try:
            outcomes: Sequence[Outcome] = driver.push(batch)
        except Refused as refused:
            sent = not driver.is_saving
            outcomes = [refused.kept.get(place) or refused.outcome(push, sent=sent) for place, push in enumerate(batch)]
        except NoVerdict as silent:
            raise AssertionError(f"the sandbox gave no verdict on a notification: {silent.detail}") from None
        seen = {delivery.token: delivery for delivery in driver.sandbox.ledger.deliveries}
        return [(outcome, seen.get(token)) for outcome, token in zip(outcomes, tokens, strict=True)]

    def check_shown_or_refused(self, note: Notification, outcome: Outcome, seen: Delivery | None, *names: str) -> bool:
        """Whether it reached the phone. Fails if it was changed on the way, or refused without the name of the
        feature."""
        if seen is not None:
            assert outcome.ok, f"the phone shows it, and the push ended {outcome!r}"
            given, left_out = self.as_received(note), outcome.omitted
            problems = changed(given, seen, outcome.truncated, left_out, ttl_unit=self.ttl_unit)
            assert not problems, "; ".join(problems)
            return True
        names = names or ("title", "body")
        assert not outcome.ok, f"{', '.join(names)}: the push ended ACCEPTED, and the phone shows nothing"
        assert outcome.status is Status.NOT_SENT, (
            f"{', '.join(names)}: the vendor refused the whole request for it ({outcome!r}): cut it, or settle the "
            "push with Outcome.not_sent before the request"
        )
        allowed = (Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED)
        assert outcome.reason in allowed, (
            f"{', '.join(names)}: ended {outcome!r}, not INVALID_NOTIFICATION or UNSUPPORTED"
        )
        assert any(name in outcome.detail for name in names), (
            f"refused, and {' or '.join(names)} not named: {outcome!r}"
        )
        return False

    @pytest.mark.parametrize("feature", FEATURES)
    @checks("content")
    def test_each_feature_reaches_the_phone_or_is_refused_by_name(self, feature: str) -> None:
        """It arrives as it was given: not lost, not changed, not in another unit."""
        driver, fields = self.driver(), FEATURES[feature]
        note = Notification("title", "for all", **fields)
        ((outcome, seen),) = self.shown(driver, [note])

        self.check_shown_or_refused(note, outcome, seen, *names_of(fields))

    @checks("content")
    def test_each_phone_gets_its_own_features(self) -> None:
        """In one batch with others: nothing of one notification shows on another's phone."""
        driver = self.driver()
        if self.size < 3 or not driver.vendor.batching.mixed:
            return
        ((_, alone),) = self.shown(driver, [PLAIN])
        assert alone is not None, "a plain notification does not arrive"
        for fields in FEATURES.values():
            odd = Notification("title", "for one", **fields)
            plain = Notification("title", "for another")
            first, (outcome, seen), last = self.shown(driver, [plain, odd, plain])
            self.check_shown_or_refused(odd, outcome, seen, *names_of(fields))
            for result, other in (first, last):
                assert other is not None, f"a plain push beside one with {', '.join(fields)} ended {result!r}"
                self.check_shown_or_refused(plain, result, other)
                for name in PLAIN_ON_THE_PHONE:
                    mine, usual = getattr(other, name), getattr(alone, name)
                    assert mine == usual, f"beside a push with {', '.join(fields)} a plain one has another's {name}"

    @pytest.mark.parametrize("feature", SIZES)
    @checks("content")
    def test_at_the_limit_and_one_beyond(self, feature: str) -> None:
        """The longest that passes is shown whole; one more is cut and named, or refused by name."""
        driver, make = self.driver(), SIZES[feature]

        def passes(sign: str, count: int) -> bool:
            note = with_fields(PLAIN, make(sign * count))
            ((outcome, seen),) = self.shown(driver, [note])
            arrived = self.check_shown_or_refused(
                note, outcome, seen, feature, "receipt_url" if "receipt" in feature else feature
            )
            return arrived and not outcome.truncated and feature not in outcome.omitted

        for sign in ("x", "长", "😀", FAMILY):
            low, high = 0, 1
            while high < MOST and passes(sign, high):
                low, high = high, 2 * high
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if passes(sign, middle) else (low, middle)
            passes(sign, high + 1), passes(sign, 3 * high)
            if sign == "x" and feature in self.limits:
                most = self.limits[feature]
                assert low == most, (
                    f"{feature}: the vendor takes {most} characters, and {low} is the longest that passes"
                )

    @checks("content")
    def test_numbers_at_the_limit_and_one_beyond(self) -> None:
        """The longest `ttl` that passes arrives as it is; one second more is refused by name, or cut and named."""
        driver = self.driver()

        def passes(ttl: int) -> bool:
            note = attrs.evolve(PLAIN, ttl=ttl)
            ((outcome, seen),) = self.shown(driver, [note])
            return self.check_shown_or_refused(note, outcome, seen, "ttl") and "ttl" not in outcome.truncated

        # A vendor may have a shortest one too, which is never more than an hour.
        low, high = (0, 1) if passes(1) or not passes(3600) else (3600, 7200)
        while high < 2**40 and passes(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle) else (low, middle)
        passes(high + 1)
        most = self.limits.get("ttl", low)
        assert low == most, f"ttl: the vendor takes {most} seconds, and {low} is the longest that passes"

    @pytest.mark.parametrize("name", ["title", "body"])
    @checks("any text")
    def test_a_blank_title_or_text_alone(self, name: str) -> None:
        """With a good other text it is refused by its name before any request, or shown as it is."""
        for blank in ("", " ", "\t\n", "\u200b", "\u3164"):
            note = with_fields(PLAIN, {name: blank})
            ((outcome, seen),) = self.shown(self.driver(), [note])
            self.check_shown_or_refused(note, outcome, seen, name)

    @pytest.mark.parametrize("name", ["title", "body", "subtitle"])
    @checks("any text")
    def test_no_character_is_torn_at_the_cut(self, name: str) -> None:
        """An emoji of several characters, or an accent, is shown whole or not at all."""
        driver = self.driver()
        ((outcome, seen),) = self.shown(driver, [with_fields(PLAIN, {name: "x" * MOST})])
        if seen is None or name not in outcome.truncated:
            return  # refused when too long: nothing is cut
        length = len(getattr(seen, name))
        for kind, cluster in CLUSTERS.items():
            for before in range(max(length - 14, 0), length + 1):
                text = "x" * before + cluster * 3 + "y" * 20
                ((outcome, seen),) = self.shown(driver, [with_fields(PLAIN, {name: text})])
                if seen is not None:
                    whole = is_whole_cut(text, getattr(seen, name))
                    assert whole, f"the {name} was cut inside of an emoji or a letter with its accent ({kind})"

    @pytest.mark.parametrize("name", ["title", "body"])
    @checks("any text")
    def test_something_can_be_seen_of_a_text_that_is_cut(self, name: str) -> None:
        """A letter with more marks than the limit allows is cut inside, and not left out."""
        driver = self.driver()
        for text in ("Z" + "\u0301" * 1000, "e\u0301\u200d" * 1000, "\U0001f468\u200d" * 1000):
            note = with_fields(PLAIN, {name: text})
            ((outcome, seen),) = self.shown(driver, [note])
            self.check_shown_or_refused(note, outcome, seen, name)

    @checks("content")
    def test_what_equals_in_python_is_not_the_same(self) -> None:
        """`1`, `True` and `1.0` are equal in Python; each phone gets its own value."""
        values: tuple[Any, ...] = (1, True, 1.0, "1", 0, False, 0.0, None, [1], [True], {"a": 1}, {"a": True})
        for make in (lambda value: {"data": {"n": value}}, lambda value: {"data": {"n": {"deep": [value]}}}):
            sandbox = self.sandbox(tokens=len(values))
            notes = [with_fields(PLAIN, make(value)) for value in values]
            pushes = [Push(PushToken(1, t), note) for t, note in zip(sandbox.tokens, notes, strict=True)]
            outcomes = self.deliver(sandbox, pushes)

            self.check_contract(outcomes)
            seen = {delivery.token: delivery for delivery in sandbox.ledger.deliveries}
            for push, outcome in zip(pushes, outcomes, strict=True):
                if outcome.ok:
                    got = seen[outcome.push_token.token].data
                    wanted = self.as_received(push.notification).data
                    assert same(got, wanted), f"a phone got the data {dict(got)!r}, and {dict(wanted)!r} was for it"

    @checks("content")
    def test_parameters_and_overrides_that_equal_in_python(self) -> None:
        """Of the values of a template and of the vendor's own fields none takes the place of another.

        Neither within a request nor between requests, although `1`, `True` and `1.0` are equal.
        """
        values: tuple[Any, ...] = (1, True, 1.0, "1")
        template = self.with_template(self.make_sandbox(clock=lambda: EPOCH, tokens=0).settings(self.host))
        notes = [
            attrs.evolve(PLAIN, overrides={self.vendor.brand: {name: value}})
            for name in list(self.own_fields)[:1]
            for value in values
        ]
        if template is not None:
            notes += [attrs.evolve(PLAIN, intent=Intent.CHAT, parameters={"who": one, "what": "x"}) for one in values]
        settings = template or {}
        alone = [self.shown(self.driver(settings=settings), [note])[0][1] for note in notes]
        sandbox = self.sandbox(tokens=len(notes))
        pushes = [Push(PushToken(1, token), note) for token, note in zip(sandbox.tokens, notes, strict=True)]

        outcomes = self.deliver(sandbox, pushes, self.certificate(sandbox, **settings)) if pushes else []

        self.check_contract(outcomes)
        on_phone = {delivery.token: delivery for delivery in sandbox.ledger.deliveries}
        for push, outcome, usual in zip(pushes, outcomes, alone, strict=True):
            seen, note = on_phone.get(push.push_token.token), push.notification
            assert outcome.ok == (usual is not None), f"beside others that equal it in Python a push ended {outcome!r}"
            if seen is None or usual is None:
                continue
            right = self.are_filled(seen.parameters, note.parameters)
            assert right, f"a template was filled with {dict(seen.parameters)!r}, given was {dict(note.parameters)!r}"
            got, wanted = (_own(one, self.own_fields) for one in (seen, usual))
            assert same(got, wanted), f"alone, a push has {wanted!r} on the phone, beside others {got!r}"

    @checks("content")
    def test_one_key_replaces_and_another_does_not(self) -> None:
        """Two notifications with one `replace_key` take each other's place; with two keys, or without, both stay."""
        driver = self.driver()
        token = driver.sandbox.tokens[0]
        kept = []
        for number, key in enumerate(("chat-1", "chat-1", "chat-2", None, None)):
            note = Notification(f"title {number}", f"for all {number}", replace_key=key)
            (outcome,) = driver.push([Push(PushToken(1, token), note, dedupe_id=f"d-{number}")])
            if "replace_key" in outcome.omitted:
                return
            kept.append(driver.sandbox.ledger.deliveries[-1].replaces)
        first, again, other, *plain = kept
        assert first, "replace_key was lost"
        assert first == again, "two notifications with one replace_key do not take each other's place"
        assert other not in (first, ""), "two notifications with different keys take each other's place"
        assert not {first, other} & set(plain), "a notification without a key takes the place of one with a key"

    @checks("content")
    def test_overrides_win_or_are_refused_by_name(self) -> None:
        """Fields in the vendor's own names arrive; an unknown one is refused; another brand's do nothing."""
        driver, brand = self.driver(), self.vendor.brand
        for name, value in self.own_fields.items():
            note = attrs.evolve(PLAIN, overrides={brand: {name: value}})
            ((outcome, seen),) = self.shown(driver, [note])
            assert seen is not None, f"overrides[{brand!r}][{name!r}] of own_fields should be ACCEPTED: {outcome!r}"
            got = seen.notification.get(name)
            alike = same(got, value) or str(got).lower() == str(value).lower()
            assert alike, f"overrides[{brand!r}][{name!r}] was lost: the vendor got {got!r}"
        unknown = "no_such_field_5d1c"
        ((outcome, seen),) = self.shown(driver, [attrs.evolve(PLAIN, overrides={brand: {unknown: "x"}})])
        if seen is not None:
            assert unknown in seen.notification, f"overrides[{brand!r}] has a field that was dropped silently"
        else:
            self.check_shown_or_refused(PLAIN, outcome, None, unknown, "overrides")
        note = attrs.evolve(PLAIN, overrides={"another-brand": {unknown: "x"}})
        ((outcome, seen),) = self.shown(driver, [note])
        assert self.check_shown_or_refused(note, outcome, seen, "overrides"), (
            "overrides of another brand are refused here"
        )

    @checks("content")
    def test_two_notifications_do_not_replace_each_other(self) -> None:
        """A second message to the same phone leaves the first one on its screen."""
        driver = self.driver()
        token = driver.sandbox.tokens[0]
        for number in range(2):
            note = Notification(f"title {number}", f"for all {number}")
            driver.push([Push(PushToken(1, token), note, dedupe_id=f"d-{number}")])
        first, second = driver.sandbox.ledger.deliveries

        assert first.replaces == "" or first.replaces != second.replaces, (
            "two different notifications bear the same id on the phone, so the second one takes the place of the first"
        )

    @checks("content")
    def test_the_gateways_receipt_address_travels(self) -> None:
        """It is used if the notification has no receipt fields, with the parameter of each push or of the request."""
        driver = self.driver()
        kind = driver.vendor.marks
        if not self.posts_receipts() or kind == "none":
            return
        note = PLAIN
        has_url = self.takes_receipt_url()
        tokens = driver.sandbox.tokens[: min(3, self.size)]
        numbers = dict.fromkeys(tokens, 0) if kind == "message" else {token: n for n, token in enumerate(tokens)}
        marks = {token: CallBack("https://host.example/r", f"mark-{number}") for token, number in numbers.items()}
        driver.push(
            [Push(PushToken(1, token), note, dedupe_id=f"d-{token}", callback=mark) for token, mark in marks.items()]
        )

        for seen in driver.sandbox.ledger.deliveries:
            mark = marks[seen.token]
            used = seen.receipt_url == mark.url or not has_url
            assert used, "the gateway's callback was not used: no receipt would ever come"
            assert seen.receipt_parameter == mark.parameter, (
                f"the receipt of this push would bring back {seen.receipt_parameter!r}, its own is {mark.parameter!r}"
            )

    def are_filled(self, seen: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Whether the places of a template have these values, or their texts where the vendor takes texts only."""
        if not self.parameters_are_texts:
            return same(seen, given)
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
        return same(seen, texts)

    def posts_receipts(self) -> bool:
        """Whether the plug-in reads receipts."""
        try:
            self.loaded().receipts("1", {}, b"[]", EPOCH)
        except Refused as refused:
            return refused.reason is not Reason.UNSUPPORTED
        return True

    # Intents and templates

    @checks("intents")
    def test_marketing_is_never_sent_as_private(self) -> None:
        """Marketing and news are never sent under a category or channel that is only for personal messages."""
        for driver in self._drivers():
            for note in self._intents():
                ((outcome, seen),) = self.shown(driver, [note])
                self._check_public(note, outcome, seen)
            for channel in self._private_channels(driver):
                for intent in (intent for intent in Intent if intent.is_public):
                    note = with_fields(PLAIN, {"intent": intent, "channel_id": channel})
                    ((outcome, seen),) = self.shown(driver, [note])
                    self._check_public(note, outcome, seen)
            if self.size >= len(Intent) and driver.vendor.batching.mixed:
                notes = list(self._intents())
                for batch in (notes, notes[::-1]):
                    for note, (outcome, seen) in zip(batch, self.shown(driver, batch), strict=True):
                        self._check_public(note, outcome, seen)

    def _drivers(self) -> Iterator[ExchangeDriver]:
        yield self.driver()
        sandbox = self.make_sandbox(clock=lambda: EPOCH, tokens=0)
        settings = self.with_template(sandbox.settings(self.host))
        if settings is not None:
            yield self.driver(settings=settings)

    def _private_channels(self, driver: ExchangeDriver) -> set[str]:
        """The channels of personal messages."""
        shown = [self.shown(driver, [note])[0][1] for note in self._intents()]
        return {seen.channel_id for seen in shown if seen is not None and seen.private and seen.channel_id}

    @checks("intents")
    def test_each_intent_has_the_category_of_the_rules(self) -> None:
        """A chat under another category would count against the wrong quota, or be held back at night."""
        rules, driver = self.rules, self.driver()
        if rules is None:
            return
        rows = (rules.dialects.get(driver.vendor.dialect) or next(iter(rules.dialects.values()))).intents
        for intent, row in rows.items():
            note = with_fields(PLAIN, {"intent": intent})
            ((_, seen),) = self.shown(driver, [note])
            if seen is not None:
                assert seen.category == row.category, (
                    f"{intent} is sent under the category {seen.category!r}, by the rules it is {row.category!r}"
                )

    def _intents(self) -> Iterator[Notification]:
        for intent in Intent:
            yield attrs.evolve(PLAIN, intent=intent, parameters={"who": "Ann", "what": "3"})

    def _check_public(self, note: Notification, outcome: Outcome, seen: Delivery | None) -> None:
        assert note.intent is not None
        if seen is None:
            names = ("intent", note.intent.value, "parameters", "template", "channel", "category", "channel_id")
            assert any(name in outcome.detail for name in names), (
                f"{note.intent.value} was refused unnamed: {outcome!r}"
            )
            return
        if note.intent.is_public:
            assert not seen.private, (
                f"{note.intent.value} left under the category or channel {seen.category or seen.channel_id!r}, which "
                "is kept for personal messages: the vendor bans apps for that"
            )

    @checks("intents")
    def test_a_template_gets_its_parameters(self) -> None:
        """Each push has its own values; a missing or unknown placeholder is refused by its name."""
        settings = self.with_template(self.make_sandbox(clock=lambda: EPOCH, tokens=0).settings(self.host))
        if settings is None:
            return
        driver = self.driver(settings=settings)
        filled: list[Mapping[str, Any]] = [
            {"who": "Ann", "what": 3},
            {"who": 'Bob & "Co"', "what": "长"},
            {"who": "Ann", "what": True},
        ]
        notes = [attrs.evolve(PLAIN, intent=Intent.CHAT, parameters=each) for each in filled[:2]]
        for batch in ([notes[0]], notes[: self.size] if driver.vendor.batching.mixed else [notes[1]]):
            for note, (outcome, seen) in zip(batch, self.shown(driver, batch), strict=True):
                assert seen is not None, f"a push with a template and all its parameters ended {outcome!r}"
                assert seen.template, "with_template() names a template, and the push was sent without one"
                assert self.are_filled(seen.parameters, note.parameters), (
                    f"the places of the template were filled with {dict(seen.parameters)!r}, given was "
                    f"{dict(note.parameters)!r} (a vendor that takes texts only: set parameters_are_texts = True)"
                )
        for intent in (Intent.CALL, Intent.ORDER, Intent.MARKETING):
            ((_, seen),) = self.shown(driver, [with_fields(PLAIN, {"intent": intent})])
            assert seen is None or not seen.template, f"the template is for chats, and {intent.value} left with it"
        for odd, name in (({"who": "Ann"}, "what"), ({"who": "Ann", "what": "3", "where": "x"}, "where")):
            note = with_fields(PLAIN, {"intent": Intent.CHAT, "parameters": odd})
            ((outcome, seen),) = self.shown(driver, [note])
            assert seen is None, f"the place {name!r} of a template is missing or unknown, and the push was sent"
            assert self.check_shown_or_refused(note, outcome, seen, name) is False
