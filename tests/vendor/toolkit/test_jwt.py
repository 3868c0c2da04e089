"""JSON Web Tokens that are signed here."""

import base64
import json

import attrs
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pushgateway.vendor import FieldError, Secret
from pushgateway.vendor.toolkit.jwt import KeyFile, ended, key_file_setting, read_ps256_key, signed_jwt


def as_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """A private key as PKCS#8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """A key of this run: none is kept in the repository."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def decoded(part: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_signed_token_is_verified_by_the_public_key(key: rsa.RSAPrivateKey) -> None:
    """Header and claims are the first two parts, and the third signs both with PS256 and a salt of 32 bytes."""
    header, claims = {"alg": "PS256", "typ": "JWT"}, {"iss": "1", "iat": 5}

    token = signed_jwt(header, claims, read_ps256_key(as_pem(key)))
    parts = token.split(".")

    assert [json.loads(decoded(part)) for part in parts[:2]] == [header, claims]
    assert "=" not in token
    text = f"{parts[0]}.{parts[1]}".encode()
    kind = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.public_key().verify(decoded(parts[2]), text, kind, hashes.SHA256())


def test_what_is_no_rsa_key_is_named_and_not_quoted() -> None:
    """Another kind of key, no key at all: a sentence without a part of it."""
    for wrong in ("", "secret", as_pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(ValueError, match="must be an RSA private key") as raised:
            read_ps256_key(wrong)
        assert "secret" not in str(raised.value)


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)

    with pytest.raises(ValueError, match=r'pip install "\.\[jwt\]"'):
        read_ps256_key("")


def test_an_exchange_may_end_without_a_request() -> None:
    """Its first step is its end."""
    with pytest.raises(StopIteration) as end:
        next(ended(5))

    assert end.value.value == 5


def test_a_key_file_has_texts_and_a_key(key: rsa.RSAPrivateKey) -> None:
    """The key signs, and is not among the texts or in the `repr`."""
    file = {"key_id": "k", "sub_account": "s", "private_key": as_pem(key), "more": 1}
    read = KeyFile.read("account", Secret(json.dumps(file)), ("key_id", "sub_account"))

    assert read.texts == {"key_id": "k", "sub_account": "s"}
    assert read.sign(b"text")
    assert "PRIVATE" not in repr(read)


@pytest.mark.parametrize("file", ["", "no json", "[]", "{}", {"key_id": "", "private_key": "x"}, {"key_id": "k"}])
def test_what_is_no_key_file_is_named_and_not_quoted(file: object) -> None:
    """No JSON, no object, a text missing or empty."""
    text = file if isinstance(file, str) else json.dumps(file)
    with pytest.raises(FieldError, match=r"account: must be the JSON key file .* key_id, private_key"):
        KeyFile.read("account", Secret(text or " "), ("key_id",))


def test_a_wrong_key_in_a_key_file_is_named() -> None:
    """The sentence names the part and quotes nothing."""
    with pytest.raises(FieldError, match="account: private_key must be an RSA private key") as raised:
        KeyFile.read("account", Secret(json.dumps({"key_id": "k", "private_key": "very secret"})), ("key_id",))
    assert "very secret" not in str(raised.value)


def test_a_setting_may_hold_a_key_file(key: rsa.RSAPrivateKey) -> None:
    """Or nothing; a wrong one is named by its field."""
    setting = attrs.make_class("Setting", {"account": attrs.field(validator=key_file_setting("key_id"))})

    setting(None)
    setting(Secret(json.dumps({"key_id": "k", "private_key": as_pem(key)})))
    with pytest.raises(FieldError, match="account: must be the JSON key file"):
        setting(Secret("{}"))
