"""Signed logins, forms and receipts, and JWT that clients sign."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pushgateway.model.errors import PluginError
from pushgateway.sandbox.kit import signatures
from pushgateway.sandbox.kit.signatures import JwtCheck, hmac_sha256, is_digest, is_signed_form, make_key

NOW = 1_700_000_000
CLAIMS = {"iss": "me", "aud": "https://vendor/token", "iat": NOW, "exp": NOW + 3600}


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (hashlib.sha256(b"key5secret").hexdigest(), True),
        (hashlib.sha256(b"key5secret").hexdigest().upper(), False),
        (hashlib.sha256(b"key5secreT").hexdigest(), False),
        ("ä", False),
        ("\ud800", False),
        (None, False),
        (5, False),
    ],
)
def test_a_digest_of_joined_parts(given: object, right: bool) -> None:
    """Numbers are joined as their text; anything may be given."""
    assert is_digest(given, ["key", 5, "secret"]) is right


def test_other_algorithms() -> None:
    """vivo and Meizu sign with MD5."""
    assert is_digest(hashlib.md5(b"ab", usedforsecurity=False).hexdigest(), ["a", "b"], "md5")


def test_a_signed_form() -> None:
    """The fields are sorted; one that is changed or added is seen."""
    sign = hashlib.md5(b"a=2b=1secret", usedforsecurity=False).hexdigest()

    assert is_signed_form({"b": "1", "a": "2", "sign": sign}, "secret")
    assert not is_signed_form({"b": "1", "a": "3", "sign": sign}, "secret")
    assert not is_signed_form({"b": "1", "a": "2", "c": "", "sign": sign}, "secret")
    assert not is_signed_form({"b": "1", "a": "2"}, "secret")


def test_an_hmac_in_base64() -> None:
    """The example of RFC 4231, case 2."""
    right = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")

    assert base64.b64decode(hmac_sha256(b"Jefe", "what do ya want ", "for nothing?")) == right


def encoded(part: bytes | dict[str, Any]) -> str:
    """Base64url without padding."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A JWT of the key of this process."""
    key: Any = load_pem_private_key(make_key()[0].encode(), None)
    text = f"{encoded(header or {'alg': 'PS256', 'kid': 'k1'})}.{encoded(claims)}"
    proof = key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return f"{text}.{encoded(proof)}"


def check() -> JwtCheck:
    """The check of the account `me`."""
    return JwtCheck(make_key()[1].encode(), "me", CLAIMS["aud"], key_id="k1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claims", "objection"),
    [
        ({}, None),
        ({"iss": "another"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW + 1}, None),
        ({"exp": NOW + 86_400 + 300}, None),
        ({"exp": NOW + 86_400 + 301}, "too_long"),
        ({"iat": NOW + 300}, None),
        ({"iat": NOW + 301}, "early"),
        ({"exp": None}, "malformed"),
        ({"exp": 1e10}, "malformed"),
    ],
)
def test_the_claims_of_a_jwt(claims: dict[str, Any], objection: str | None) -> None:
    """Each is checked, the times to the second."""
    assert check().objection(signed({**CLAIMS, **claims}), NOW) == objection


def test_a_jwt_is_not_changed_and_not_of_another_key() -> None:
    """A verified one is remembered, and its time is looked at each time."""
    token, checked = signed(CLAIMS), check()
    head, body, proof = token.split(".")
    changed = f"{head}.{encoded({**CLAIMS, 'exp': NOW + 7000})}.{proof}"

    seen = [checked.objection(one, NOW) for one in (token, changed, f"{head}.{body}.AAAA", token)]

    assert seen == [None, "signature", "signature", None]
    assert checked.objection(token, NOW + 3600) == "expired"
    assert checked.objection(signed(CLAIMS, {"alg": "PS256", "kid": "k2"}), NOW) == "key"
    assert checked.objection(signed(CLAIMS, {"alg": "none", "kid": "k1"}), NOW) == "algorithm"


@pytest.mark.parametrize("token", [None, "", "a.b", "a.b.c", "!!.!!.!!", "W10.W10.AAAA", "e30=.e30.AAAA", 5])
def test_what_is_no_jwt(token: object) -> None:
    """Anything may be sent."""
    assert check().objection(token, NOW) in ("malformed", "algorithm")


def test_without_cryptography_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is optional."""

    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(signatures, "_Cryptography", missing)
    signatures._crypto.cache_clear()

    with pytest.raises(PluginError, match="cryptography"):
        check()
    signatures._crypto.cache_clear()
