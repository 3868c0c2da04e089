"""Checks of what clients have signed: logins by a digest, forms, and access tokens that clients sign themselves (JWT).

Pure; the time is a parameter. `JwtCheck` and `make_key` need the package `cryptography` and raise `PluginError` without
it. Comparisons take constant time.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from pushgateway.model.errors import PluginError
from pushgateway.model.installing import core_command
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.bounded import Bounded

JwtFault: TypeAlias = Literal[
    "malformed", "algorithm", "signature", "issuer", "audience", "expired", "early", "too_long", "key"
]
"""What is wrong with a JWT. "early": it was signed in the future; "too_long": it is valid for longer than allowed;
"key": it names another key."""
_TOLERANCE: Final = 300.0
"""Seconds that a client's clock may be ahead."""
_VERIFIED: Final = 10_000


def is_digest(given: object, parts: Iterable[object], algorithm: str = "sha256") -> bool:
    """Whether `given` is the hexadecimal digest of these parts joined together (OPPO: SHA-256, vivo: MD5)."""
    text = "".join(map(str, parts)).encode("utf-8", "surrogatepass")
    right = hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()
    return isinstance(given, str) and _is_same(given, right)


def is_signed_form(form: Mapping[str, object], secret: str, name: str = "sign", algorithm: str = "md5") -> bool:
    """Whether the field `name` of a form is the digest of its other fields, sorted and joined as `key=value`, and the
    secret (Meizu)."""
    parts = [f"{key}={form[key]}" for key in sorted(form) if key != name]
    return is_digest(form.get(name), [*parts, secret], algorithm)


def hmac_sha256(secret: bytes, *parts: str) -> str:
    """The HMAC of these texts joined together, in Base64: how Huawei signs its receipts."""
    return base64.b64encode(hmac.digest(secret, "".join(parts).encode(), "sha256")).decode()


@safe_repr
class JwtCheck:
    """Checks the access tokens that clients of one account sign themselves: JWT with PS256 (Huawei)."""

    def __init__(
        self, public_key: bytes, issuer: str, audience: str, most: float = 86_400.0, key_id: str | None = None
    ) -> None:
        """`public_key`: PEM. `most`: seconds that a token may be valid. `key_id`: its `kid`; None: any."""
        self._key = _crypto().load_pem_public_key(public_key)
        self._issuer = issuer
        self._audience = audience
        self._most = most
        self._key_id = key_id
        self._verified: Bounded[Mapping[str, Any]] = Bounded(_VERIFIED)

    def __repr__(self) -> str:
        return "JwtCheck(…)"

    def objection(self, token: object, now: float) -> JwtFault | None:
        """What is wrong with a token at `now` (epoch seconds); None: nothing."""
        if not isinstance(token, str) or token.count(".") != 2:
            return "malformed"
        claims = self._verified.get(token)  # checking a signature takes 30 times as long as the rest
        if claims is None:
            read = self._verify(token)
            if isinstance(read, str):
                return read
            self._verified.put(token, claims := read)
        return self._claims_objection(claims, now)

    def _verify(self, token: str) -> Mapping[str, Any] | JwtFault:
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            header, claims, proof = json.loads(_decode(head)), json.loads(_decode(body)), _decode(signature)
        except (ValueError, RecursionError):
            return "malformed"
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return "malformed"
        if header.get("alg") != "PS256":
            return "algorithm"
        if self._key_id is not None and header.get("kid") != self._key_id:
            return "key"
        return claims if _crypto().verify_ps256(self._key, proof, signed.encode()) else "signature"

    def _claims_objection(self, claims: Mapping[str, Any], now: float) -> JwtFault | None:
        begin, end = claims.get("iat"), claims.get("exp")
        if type(begin) is not int or type(end) is not int:
            return "malformed"
        if claims.get("iss") != self._issuer:
            return "issuer"
        if claims.get("aud") != self._audience:
            return "audience"
        if now >= end:
            return "expired"
        if begin > now + _TOLERANCE:
            return "early"
        return "too_long" if end - now > self._most + _TOLERANCE else None


@functools.cache
def make_key() -> tuple[str, str]:
    """A new RSA key as PEM, (private in PKCS#8, public); one for the process, because making one takes 0.1 s. Valid
    for sandboxes only."""
    private, public = _crypto().make_rsa_key()
    return private, public


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _decode(text: str) -> bytes:
    """Base64url without padding, strictly."""
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url")
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)


@functools.cache
def _crypto() -> Any:
    try:
        return _Cryptography()
    except ImportError:
        raise PluginError(f"this sandbox needs the package cryptography: {core_command('jwt')}") from None


class _Cryptography:
    """What is needed of `cryptography`, imported when a sandbox first needs it."""

    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        self._invalid = InvalidSignature
        self._hash = hashes.SHA256()
        self._padding = padding.PSS(padding.MGF1(hashes.SHA256()), 32)  # RFC 7518: a salt as long as the hash
        self._serialization = serialization
        self._rsa = rsa

    def load_pem_public_key(self, pem: bytes) -> Any:
        return self._serialization.load_pem_public_key(pem)

    def verify_ps256(self, key: Any, proof: bytes, signed: bytes) -> bool:
        try:
            key.verify(proof, signed, self._padding, self._hash)
        except self._invalid:
            return False
        return True

    def make_rsa_key(self) -> tuple[str, str]:
        key, pem = self._rsa.generate_private_key(65537, 2048), self._serialization.Encoding.PEM
        formats, none = self._serialization, self._serialization.NoEncryption()
        private = key.private_bytes(pem, formats.PrivateFormat.PKCS8, none)
        public = key.public_key().public_bytes(pem, formats.PublicFormat.SubjectPublicKeyInfo)
        return private.decode(), public.decode()
