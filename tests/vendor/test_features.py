"""Which features of a notification a vendor lacks: refused, or left out and named."""

import attrs
import pytest

from pushgateway import Alert, Badge, Button, Network, Notification, OpenUrl
from pushgateway.vendor import find_omitted, find_unsupported
from pushgateway.vendor.features import FEATURES, LOOKS

SELECTS = {"title", "body", "dedupe_id", "intent", "parameters", "overrides"}
"""Fields that no vendor lacks, or that only select a category, a template or another vendor's fields."""
USED = {
    "subtitle": "second",
    "click": OpenUrl("https://host.example"),
    "data": {"k": 1},
    "ttl": 0,
    "store_offline": False,
    "network": Network.WIFI,
    "channel_id": "messages",
    "badge": Badge.set(0),
    "replace_key": "chat-1",
    "alert": Alert.SILENT,
    "sound": "ring.mp3",
    "long_body": "more",
    "picture": "https://host.example/a.png",
    "icon": "https://host.example/b.png",
    "buttons": (Button("yes"),),
    "group": "chats",
    "show_in_foreground": False,
    "user_id": "ann",
}


def test_every_field_is_listed_once() -> None:
    """A field that is in neither list would be dropped silently."""
    fields = {field.name for field in attrs.fields(Notification)}

    assert fields == FEATURES.keys() | LOOKS.keys() | SELECTS
    assert not FEATURES.keys() & LOOKS.keys()


@pytest.mark.parametrize("name", USED)
def test_a_field_is_refused_or_left_out(name: str) -> None:
    """By what it changes: when, to whom and what it does is refused, looks are left out."""
    note = Notification("title", "body", **{name: USED[name]})
    found = (find_unsupported(note, ()), find_omitted(note, ()))

    assert found == (((name,), ()) if name in FEATURES else ((), (name,)))
    assert (find_unsupported(note, {name}), find_omitted(note, {name})) == ((), ())


def test_a_plain_notification_uses_nothing() -> None:
    """Nothing is refused and nothing left out."""
    note = Notification("title", "body", dedupe_id="d", intent="chat")

    assert (find_unsupported(note, ()), find_omitted(note, ())) == ((), ())


def test_fields_of_this_brand_are_refused_too() -> None:
    """`overrides` of another brand are of no concern."""
    note = Notification("title", "body", overrides={"acme": {"link": "x"}})

    assert find_unsupported(note, (), "acme") == ("overrides",)
    assert find_unsupported(note, (), "beam") == find_unsupported(note, ("overrides",), "acme") == ()
