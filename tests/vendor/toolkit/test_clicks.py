"""What a tap becomes: fields, intent URIs, web addresses, data."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pushgateway.model.click import ClickAction, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.reason import Reason
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.toolkit.clicks import (
    Click,
    Clicks,
    activity_uri,
    any_address,
    data_as,
    intent_uri,
    is_package,
    target_of,
    web_url,
    with_query,
)
from pushgateway.vendor.toolkit.json_text import Json

PACKAGE = "com.example.chat"
URI = "intent://chat/17#Intent;scheme=ex;end"


def test_a_kind_becomes_its_fields() -> None:
    """Fixed fields, and the target where the row says so."""
    clicks = Clicks({OpenUrl: Click({"kind": 2}, "url"), OpenApp: Click({"kind": 1})}, switch="kind")

    assert clicks.fields(OpenUrl("https://a.example/")) == {"kind": 2, "url": "https://a.example/"}
    assert clicks.fields(OpenApp()) == {"kind": 1}
    assert clicks.names == {"kind", "url"}
    assert Clicks({}).fields(OpenApp()) == {}


def test_a_kind_without_a_row_is_unsupported() -> None:
    """The sentence names the kind and those that the vendor has."""
    clicks = Clicks({OpenUrl: Click({"kind": 2}, "url")}, vendor="ACME")

    with pytest.raises(Refused) as caught:
        clicks.fields(OpenActivity("com.a.Main"))

    assert caught.value.reason is Reason.UNSUPPORTED
    assert caught.value.detail == "click: ACME has no OpenActivity; it has OpenUrl"


def test_a_row_may_make_its_target() -> None:
    """Such as an intent URI."""
    clicks = Clicks({OpenActivity: Click({}, "intent", lambda click: intent_uri(click, PACKAGE))})

    made = clicks.fields(OpenActivity("com.example.Main"))

    assert made == {"intent": "intent:#Intent;component=com.example.chat/com.example.Main;end"}


@pytest.mark.parametrize(
    ("click", "text"),
    [
        (OpenApp(), ""),
        (OpenIntent("a.B"), "a.B"),
        (OpenActivity("a.C"), "a.C"),
        (OpenUrl("https://a.example/"), "https://a.example/"),
        (OpenIntentUri(URI), URI),
    ],
)
def test_the_target_of_each_kind(click: ClickAction, text: str) -> None:
    """The text that the click action holds."""
    assert target_of(click) == text


@pytest.mark.parametrize(
    ("click", "extras", "uri"),
    [
        (OpenIntent("com.a.OPEN"), {}, f"intent:#Intent;action=com.a.OPEN;package={PACKAGE};end"),
        (OpenActivity("com.a.Main"), {}, f"intent:#Intent;component={PACKAGE}/com.a.Main;end"),
        (OpenActivity("com.b/.Main"), {}, "intent:#Intent;component=com.b/.Main;end"),
        (
            OpenActivity(".Main"),
            {"room": "7;=你", "n": 5, "ok": True, "x": 1.5, "o": {"a": 1}},
            (
                f"intent:#Intent;component={PACKAGE}/.Main;S.room=7%3B%3D%E4%BD%A0;l.n=5;B.ok=true;d.x=1.5;"
                "S.o=%7B%22a%22%3A1%7D;end"
            ),
        ),
        (OpenIntentUri(URI), {"k": "v"}, "intent://chat/17#Intent;scheme=ex;S.k=v;end"),
        (
            OpenApp(),
            {},
            (
                "intent:#Intent;action=android.intent.action.MAIN;category=android.intent.category.LAUNCHER;"
                f"package={PACKAGE};end"
            ),
        ),
    ],
)
def test_intent_uris(click: ClickAction, extras: dict[str, Any], uri: str) -> None:
    """As Android's `Intent.toUri` writes them; extras are quoted, with their type."""
    assert intent_uri(click, PACKAGE, extras) == uri


@pytest.mark.parametrize(
    "click",
    [
        OpenIntent(" "),
        OpenIntent("a\nb"),
        OpenActivity("a b"),
        OpenActivity("a;end"),
        OpenIntentUri("https://a.example/"),
        OpenIntentUri("intent://a b#Intent;end"),
        OpenUrl("https://a.example/"),
    ],
)
def test_what_no_intent_uri_can_hold_is_refused(click: ClickAction) -> None:
    """Named as the host's `click`."""
    with pytest.raises(Refused, match="click: ") as caught:
        intent_uri(click, PACKAGE)
    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_an_activity_is_in_the_app_of_the_certificate() -> None:
    """Or in the one that its class name has; without either it is refused."""
    inside = "intent:#Intent;component=com.other/.Main;end"

    assert activity_uri(OpenActivity("a.Main"), PACKAGE) == f"intent:#Intent;component={PACKAGE}/a.Main;end"
    assert activity_uri(OpenActivity("com.other/.Main"), PACKAGE) == inside
    assert activity_uri(OpenActivity("com.other/.Main"), None) == inside
    with pytest.raises(Refused, match="click: OpenActivity needs the setting package"):
        activity_uri(OpenActivity("a.Main"), None)


def test_web_addresses() -> None:
    """Plain http is refused where the vendor wants https."""
    assert web_url(OpenUrl("HTTPS://a.example/x")) == "HTTPS://a.example/x"
    assert web_url(OpenUrl("http://a.example/"), https_only=False) == "http://a.example/"
    for url in ("http://a.example/", "https://", "https://a b/", "ftp://a.example/", ""):
        with pytest.raises(Refused, match="click: must be a URL that begins with https://"):
            web_url(OpenUrl(url))


def test_any_address() -> None:
    """A web page, or a deep link of the app."""
    for url in ("https://a.example/?b=c#d", "chat://room/7", "tel:1"):
        assert any_address(OpenUrl(url)) == url
    for url in ("", "a.example", "//a.example", "https:", "chat://a b", "chat://a\x00", "1a:b"):
        with pytest.raises(Refused, match="click: must be a URL with a scheme"):
            any_address(OpenUrl(url))


def test_data_in_four_shapes() -> None:
    """JSON text, a JSON value, a map of texts, a query."""
    data = {"a": "你 &", "n": 1, "o": {"x": [True]}}

    assert data_as(data, "json") == '{"a":"你 &","n":1,"o":{"x":[true]}}'
    assert data_as(data, "object") == Json('{"a":"你 &","n":1,"o":{"x":[true]}}')
    assert data_as(data, "texts") == {"a": "你 &", "n": "1", "o": '{"x":[true]}'}
    url = with_query("https://a.example/?q=1#top", data_as({"a": "你 &"}, "query"))
    assert dict(parse_qsl(urlsplit(url).query)) == {"q": "1", "a": "你 &"}
    assert url.endswith("#top")
    assert with_query("https://a.example/", "") == "https://a.example/"
    assert with_query("https://a.example/", "a=1") == "https://a.example/?a=1"
    with pytest.raises(Refused, match="data: "):
        data_as({"a": object()}, "texts")


def test_package_names() -> None:
    """Two parts at least, letters, digits and underscores."""
    assert is_package("com.example.chat_1")
    assert not any(map(is_package, ("", "com", "com.", "com.a;b", "com.你")))
