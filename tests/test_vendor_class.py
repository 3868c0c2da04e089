"""The contract's other half: what a vendor is without saying so, and which hosts it may be pointed at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.errors import FieldError
from pushgateway.model import Audience, Broadcast, Notification, Push, PushToken
from pushgateway.outcome import Outcome
from pushgateway.vendor import AccessToken, Batching, Exchange, Request, Vendor, check_base_url, is_loopback

CANARY = "canary-5d1f"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host", "https://host"),
        ("https://host:8443/", "https://host:8443"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.255.0.1", "http://127.255.0.1"),
        ("http://[::1]:1/", "http://[::1]:1"),
        ("http://localhost:65535", "http://localhost:65535"),
    ],
)
def test_a_base_url_is_https_or_loopback(url: str, kept: str) -> None:
    """Kept without its trailing slash."""
    assert check_base_url("host", url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "//host",
        "https://",
        "ftp://host",
        "http://host",
        "http://128.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "http://[::2]",
        "http://[::1",
        "https://host:65536",
        "https://host:x",
        f"https://{CANARY}@host",
        f"https://u:{CANARY}@host",
        f"https://host?{CANARY}",
        f"https://host#{CANARY}",
        None,
        5,
    ],
)
def test_no_other_url_is_taken(url: Any) -> None:
    """Plain HTTP would show secrets to the network; a password in a URL would end in a log, and is not quoted."""
    with pytest.raises(FieldError) as caught:
        check_base_url("host", url)

    assert caught.value.field == "host"
    assert CANARY not in str(caught.value)


def test_loopback_is_known_without_asking() -> None:
    """By its text alone: no name is looked up, so no resolver can lie."""
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("LOCALHOST.", "126.255.255.255", "128.0.0.1", "::2", "", "x")] == [False] * 6


class Least(Vendor):
    """As little as a vendor needs."""

    brand = "least"

    def push(self, batch: list[Push]) -> Exchange[list[Outcome]]:  # type: ignore[override]
        yield Request("POST", "https://host")
        return []


def test_a_least_vendor_promises_little() -> None:
    """One by one, no login, no broadcast, no repeats without a verdict, one host."""
    vendor = Least()

    assert vendor.batching == Batching(size=1, mixed=False, max_bytes=None)
    assert (vendor.deduplicates, vendor.audiences, vendor.login("", 0.0)) == (False, frozenset(), None)
    assert (vendor.region("x"), vendor.home_region) == ("", "")
    broadcast = Broadcast(1, Notification("t", "b"), Audience.everyone())
    assert vendor.save(broadcast) is None
    with pytest.raises(NotImplementedError, match="Least"):
        vendor.broadcast(broadcast, "")


def test_a_vendor_without_push_cannot_be_made() -> None:
    """The one method that every vendor has."""
    with pytest.raises(TypeError, match="abstract"):
        Vendor()  # type: ignore[abstract]


def test_an_access_token_is_added_and_nothing_lost() -> None:
    """`authorize` gives a new request: the old one stays as it was, its other headers come along."""
    request = Request("POST", "https://host/a", {"x": "1"}, b"body")

    asked = Least().authorize(request, AccessToken("abc", 5.0))

    assert asked == Request("POST", "https://host/a", {"x": "1", "authorization": "Bearer abc"}, b"body")
    assert request.headers == {"x": "1"}


@given(st.text(), st.text())
def test_more_text_never_weighs_less(title: str, more: str) -> None:
    """The default weight grows with the text and is more than the text's UTF-8 bytes, form-quoted."""
    light, heavy = (Push(PushToken(1, "t"), Notification(text, text)) for text in (title, title + more))

    assert Least().weigh(light) <= Least().weigh(heavy)
    assert Least().weigh(light) > 9 * 2 * min(len(title), 4000)
