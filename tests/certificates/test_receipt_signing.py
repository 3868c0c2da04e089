"""The signature in the receipt parameter: a vendor sends it back unchanged, it identifies the push, and only the host's
secret can make it."""

import hashlib
import hmac
import random
from urllib.parse import unquote

import attrs
import pytest

from pushgateway import Audience, Broadcast, Notification, Push, PushToken, Receipt, ReceiptKind, Secret
from pushgateway.certificates.receipt_signing import (
    LONGEST_PARAMETER,
    LONGEST_URL,
    ReceiptSigner,
    _Key,
    longest_base,
    of_segment,
)

BASE = "https://im.example.com/push"
OLD, NEW = Secret("the old secret of a certificate"), Secret("the new secret of a certificate")
MADE = "0123456789abcdef0123456789abcdef"


def push(token: str = "CN_token", dedupe_id: str = MADE, **more: str) -> Push:
    return Push(PushToken(7005, token), Notification("title", "body", **more), dedupe_id=dedupe_id)


def receipt(parameter: str, token: str = "CN_token") -> Receipt:
    return Receipt(
        push_token=PushToken(7005, token), kind=ReceiptKind.ARRIVED, event="push_arrive", parameter=parameter
    )


def test_a_receipt_parameter_gives_the_dedupe_id_back() -> None:
    """The parameter fits the smallest limit, holds only characters that need no quoting, and identifies the push."""
    signer = ReceiptSigner("7005", BASE, [NEW])

    callback = signer.callback_for(push())
    opened = signer.verify(receipt(callback.parameter))

    assert opened is not None
    assert (opened.dedupe_id, len(callback.parameter)) == (MADE, 49)
    assert len(callback.parameter) <= LONGEST_PARAMETER
    assert callback.parameter.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert signer.sign(push()).callback == callback
    assert NEW.reveal() not in f"{signer!r}{callback!r}{signer.sign(push())!r}"
    assert MADE not in repr(callback)


@pytest.mark.parametrize(
    ("dedupe_id", "back"),
    [("a" * 33, "a" * 33), ("a" * 34, ""), ("with.dot", ""), ("", ""), ("你好", ""), ("~tilde", ""), ("\ud800", "")],
)
def test_an_id_that_does_not_fit_is_replaced_by_a_digest(dedupe_id: str, back: str) -> None:
    """A dedupe id of at most 33 plain characters comes back as it is; of a longer or an odd one the parameter holds a
    digest, which can be checked and not turned back."""
    signer = ReceiptSigner("7005", BASE, [NEW])

    parameter = signer.callback_for(push(dedupe_id=dedupe_id)).parameter
    opened = signer.verify(receipt(parameter))

    assert opened is not None
    assert opened.dedupe_id == back
    assert len(parameter) <= LONGEST_PARAMETER
    assert signer.callback_for(push(dedupe_id=dedupe_id + "x")).parameter != parameter


def test_a_changed_parameter_is_not_accepted() -> None:
    """A parameter is not accepted with another id, MAC, token, certificate, secret or kind."""
    signer = ReceiptSigner("7005", BASE, [NEW])
    good = signer.callback_for(push()).parameter
    flipped = [good[:place] + chr(ord(good[place]) ^ 1) + good[place + 1 :] for place in range(len(good))]
    broadcast = signer.sign_broadcast(Broadcast(7005, Notification("a", "b"), Audience.of_tokens(["CN_token"])), MADE)

    assert signer.verify(receipt(good)) is not None
    assert [signer.verify(receipt(parameter)) for parameter in flipped] == [None] * 49
    assert signer.verify(receipt(good, "CN_other")) is None
    assert ReceiptSigner("7006", BASE, [NEW]).verify(receipt(good)) is None
    assert ReceiptSigner("7005", BASE, [OLD]).verify(receipt(good)) is None
    assert broadcast.notification.receipt_parameter != good
    assert [signer.verify(receipt(odd)) for odd in ("", ".", good[:-1], good + "=", f" {good}", f"{good}\n", "你")] == (
        [None] * 7
    )


def test_a_broadcast_has_one_parameter_for_all_phones() -> None:
    """The parameter is valid for each phone; a parameter that the host sets itself is used instead of ours."""
    signer = ReceiptSigner("7005", BASE, [NEW])
    note = Notification("a", "b", dedupe_id="news-1")
    wanted = Broadcast(7005, note, Audience.of_tokens(["x", "y"]))

    marked = signer.sign_broadcast(wanted, MADE)
    parameter = marked.notification.receipt_parameter or ""
    own = signer.sign_broadcast(attrs.evolve(wanted, notification=attrs.evolve(note, receipt_url="https://mine")), MADE)
    unnamed = signer.sign_broadcast(attrs.evolve(wanted, notification=Notification("a", "b")), MADE)

    assert marked.notification.receipt_url == signer.url
    assert {one.dedupe_id for token in ("x", "y") if (one := signer.verify(receipt(parameter, token)))} == {"news-1"}
    assert own.notification.receipt_parameter is None
    assert (unnamed.notification.receipt_parameter or "").startswith(f"{MADE}.")


def test_a_parameter_of_the_host_is_not_replaced() -> None:
    """A push whose notification already says where receipts go is not changed."""
    signer = ReceiptSigner("7005", BASE, [NEW])

    assert signer.sign(push(receipt_url="https://mine.example")).callback is None
    assert signer.sign(push(receipt_parameter="mine")).callback is None


def test_an_old_secret_is_still_accepted_and_no_longer_used() -> None:
    """Address and parameter are made with the first secret; those made with any of the secrets are accepted."""
    old, both = ReceiptSigner("7005", BASE, [OLD]), ReceiptSigner("7005", BASE, [NEW, OLD])
    before = old.callback_for(push()).parameter

    assert both.verify(receipt(before)) is not None
    assert both.callback_for(push()) == ReceiptSigner("7005", BASE, [NEW]).callback_for(push())
    assert both.admits(old.url.rsplit("/", 1)[1])
    assert both.admits(both.url.rsplit("/", 1)[1])
    assert not old.admits(both.url.rsplit("/", 1)[1])
    assert not any(both.admits(odd) for odd in ("", "7005", "\ud800", "x" * 10_000))


@pytest.mark.parametrize("certificate_id", ["7005", "a/b", "100%", "%2F", "证书", "a b"])
def test_the_address_names_the_certificate(certificate_id: str) -> None:
    """A server decodes one layer of quoting; an odd certificate id, even one with a slash, comes out as it was."""
    signer = ReceiptSigner(certificate_id, BASE, [NEW])

    resolved = unquote(signer.url.removeprefix(f"{BASE}/"))
    part, _, path_secret = resolved.partition("/")

    assert of_segment(part) == certificate_id
    assert signer.admits(path_secret)
    assert len(path_secret) == 24
    longest = ReceiptSigner(certificate_id, "h" * longest_base(certificate_id), [NEW])
    assert len(longest.url) == LONGEST_URL


def test_the_mac_is_hmac_sha256() -> None:
    """The MAC from the two prepared hash states equals the one that the standard library computes."""
    draw = random.Random(5)
    for size in (0, 1, 55, 64, 1000):
        text, secret = draw.randbytes(size), Secret("s" * (size + 16))
        key = hmac.digest(secret.reveal().encode(), b"pushgateway receipts\x007005", hashlib.sha256)

        made = _Key("7005", secret).mac(text, 32)

        assert made == hmac_text(key, text)


def hmac_text(key: bytes, text: bytes) -> bytes:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256))


def test_url_and_parameter_take_no_more_than_was_counted() -> None:
    """URL and parameter never take more bytes of a request than the core counted for them."""
    from pushgateway.vendor.text import form_quote

    for signer in (ReceiptSigner("证书/%", f"{BASE}/~a-b_c", [NEW]), ReceiptSigner("7005", BASE, [NEW])):
        callback = signer.callback_for(push(dedupe_id="_" * 33))

        assert len(form_quote(callback.url) + form_quote(callback.parameter)) <= signer.weight
