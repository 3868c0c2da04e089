"""Ordinary notifications are encoded fast, and as the full encoder encodes them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit_rules import RULES

from pushgateway.model.click import OpenUrl
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Network, Notification
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.fields import Content, Sheet
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable
from pushgateway.vendor.toolkit.json_text import WireValue
from pushgateway.vendor.toolkit.ordinary import MOST, Encoded, OrdinaryEncoder

CLICKS = Clicks({OpenUrl: Click({"click.kind": 2}, "click.url")}, switch="click.kind", vendor="ACME")
WIRE = {"channel_id": "extra.channel", "template": "template", "content_parameters": "template_text"}
CHAT = IntentSetting(channel_id="7", template="t-1", content_parameters=("who", "body"))
OWN = {"title", "text", "extra.data", "extra.notify", "template_text"}


class Acme:
    """An encoder, and how often it has built and rendered."""

    def __init__(self) -> None:
        self.sheet = Sheet(RULES, "new", clicks=CLICKS)
        self.table = IntentTable(RULES, "new", {"chat": CHAT}, WIRE)
        self.built = self.rendered = 0
        self.encoder = OrdinaryEncoder(self.sheet, self.build, self.render, self.table)

    def build(self, note: Notification) -> Content:
        self.built += 1
        content = self.sheet.build(note, intents=self.table)
        return attrs.evolve(content, truncated=(*content.truncated, *(["ttl"] if note.ttl == 100 else [])))

    def render(self, content: Content) -> dict[str, WireValue]:
        self.rendered += 1
        return dict(content.fields)

    def encode(self, note: Notification) -> Encoded[dict[str, WireValue]]:
        encoded = self.encoder.encode(note)
        assert not isinstance(encoded, Refused), encoded.detail
        return encoded


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def test_the_rest_is_built_once() -> None:
    """Texts, data, template values and replace keys are checked for each; all else is kept."""
    acme = Acme()
    first = acme.encode(note(ttl=60, intent="chat", parameters={"who": "Ann"}, data={"n": 1}))
    second = acme.encode(
        note(title="Ho", ttl=60, intent="chat", parameters={"who": "Bob"}, data={"n": 2}, replace_key="k")
    )

    assert (acme.built, acme.rendered) == (1, 1)
    assert second.rest is first.rest
    assert set(first.own) == OWN - {"extra.notify"}
    assert second.own["title"] == "Ho"
    assert set(second.own) == OWN
    assert set(first.rest) == {"extra.keep", "extra.channel", "template"} | set(first.rest) - OWN


def test_it_is_what_the_full_encoder_makes() -> None:
    """Encoded fast or in full: the same fields, cuts and omissions."""
    fast = Acme()
    for fields in (
        {"title": "x" * 30, "body": "y" * 50},
        {"channel_id": "12", "replace_key": "chat-1"},
        {"click": OpenUrl("https://a.example"), "data": {"a": ["长", None]}},
        {"intent": "chat", "parameters": {"who": "A"}},
        {"ttl": 100},
    ):
        fast.encode(note(**{**fields, "title": "other"}))
        before = fast.built
        quick, full = fast.encode(note(**fields)), Acme().encode(note(**fields))

        assert fast.built == before
        assert ({**quick.own, **quick.rest}, quick.truncated, quick.omitted) == (
            {**full.own, **full.rest},
            full.truncated,
            full.omitted,
        )


@given(st.text(max_size=40), st.text(max_size=60), st.none() | st.text(min_size=1, max_size=5))
def test_any_text_is_checked(title: str, body: str, key: str | None) -> None:
    """A blank, long or odd text ends as in the full encoder."""
    fast, full = Acme(), Acme()
    fast.encode(note())
    quick, right = (acme.encoder.encode(note(title=title, body=body, replace_key=key)) for acme in (fast, full))

    if isinstance(right, Refused):
        assert isinstance(quick, Refused)
        assert quick.detail == right.detail
    else:
        assert not isinstance(quick, Refused)
        assert (quick.own, quick.truncated) == (right.own, right.truncated)


@pytest.mark.parametrize(
    "fields",
    [
        {"overrides": {"acme": {"style": 3}}},
        {"network": Network.WIFI},
        {"icon": "https://a.example/i.png"},
        {"ttl": 61},
        {"channel_id": "8"},
        {"intent": Intent.MARKETING},
        {"click": OpenUrl("https://b.example")},
        {"data": {"n": 1}},
    ],
)
def test_anything_else_is_built_in_full(fields: dict[str, Any]) -> None:
    """A kept rest is not used for a notification that has another one."""
    acme = Acme()
    acme.encode(note(ttl=60))
    acme.encode(note(**{"ttl": 60, **fields}))

    assert acme.built == 2


def test_a_refusal_is_returned() -> None:
    """The full encoder's, and that of a field that is checked anew."""
    acme = Acme()
    acme.encode(note(intent="chat", parameters={"who": "Ann"}))
    missing = acme.encoder.encode(note(intent="chat"))
    long = acme.encoder.encode(note(data={"k": "x" * 100}))

    assert isinstance(missing, Refused)
    assert missing.detail.startswith('parameters["who"]: is missing')
    assert isinstance(long, Refused)
    assert long.detail.startswith("data: ")


def test_what_is_kept_is_bounded() -> None:
    """Any number of channels or times to live takes bounded memory."""
    acme = Acme()
    for number in range(3 * MOST):
        acme.encode(note(ttl=60 + number))

    assert len(acme.encoder._kept) <= MOST
