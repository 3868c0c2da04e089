"""Access tokens that are signed here: JSON Web Tokens with PS256, for a login that makes no request.

Huawei's service accounts sign so. It needs the package `cryptography` (extra `pushgateway-core[jwt]`), which is
imported only when a key is read. A key is read once, when its certificate is loaded. The salt of a PS256 signature is
random (RFC 7518, 3.5) and is made by OpenSSL: two signatures of one text differ, and both are right.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from pushgateway.model.installing import core_command
from pushgateway.vendor import FieldError, Secret, safe_repr

Sign: TypeAlias = Callable[[bytes], bytes]
"""Signs a text with a key."""
T = TypeVar("T")
_SALT = 32
"""Bytes of the salt: as many as SHA-256 has (RFC 7518, 3.5)."""


def read_ps256_key(pem: str) -> Sign:
    """The function that signs with this RSA private key (PKCS#8 as PEM). Raises `ValueError` with a sentence that
    quotes nothing of the key, also where `cryptography` is not installed."""
    try:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ValueError(f"needs the package cryptography: {core_command('jwt')}") from None
    try:
        # OpenSSL's validation takes 36 to 94 ms; it is for untrusted keys, and this one is the host's own.
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except Exception:
        key = None
    if not isinstance(key, RSAPrivateKey):
        del pem  # a crash reporter stores the variables of this frame
        raise ValueError("must be an RSA private key as PEM, without a password")  # noqa: TRY004 - a wrong setting
    kind, algorithm = padding.PSS(padding.MGF1(hashes.SHA256()), _SALT), hashes.SHA256()
    return lambda text: key.sign(text, kind, algorithm)


@safe_repr
@attrs.frozen(repr=False)
class KeyFile:
    """The JSON file of a service account: its texts, and its key."""

    texts: Mapping[str, str]
    sign: Sign

    @classmethod
    def read(cls, field: str, content: Secret, names: Sequence[str], key: str = "private_key") -> KeyFile:
        """The texts under `names`, and the RSA key (PS256) under `key`. Raises `FieldError`, which names `field` and
        quotes nothing of the file."""
        try:
            given = json.loads(content.reveal())
        except (ValueError, RecursionError):
            given = None
        wrong = f"must be the JSON key file of a service account, which has {', '.join((*names, key))}"
        texts: dict[str, Any] = {name: given.get(name) for name in (*names, key)} if isinstance(given, dict) else {}
        if texts and all(isinstance(text, str) and text for text in texts.values()):
            try:
                return cls(texts, read_ps256_key(texts.pop(key)))
            except ValueError as error:
                wrong = f"{key} {error}"
        del given, texts  # a crash reporter stores the variables of this frame
        raise FieldError(field, wrong)


def key_file_setting(*names: str) -> Callable[[object, attrs.Attribute[Any], Secret | None], None]:
    """A validator of a setting that holds the JSON key file of a service account with these texts, or None."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Secret | None) -> None:
        if value is not None:
            KeyFile.read(attribute.name, value, names)

    return check


def signed_jwt(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Sign) -> str:
    """A JSON Web Token in its compact form."""
    text = b".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return b".".join((text, _base64url(sign(text)))).decode("ascii")


def ended(result: T) -> Generator[None, Any, T]:
    """An exchange that makes no request and ends with `result`: a login whose access token is signed here."""
    return result
    yield


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
