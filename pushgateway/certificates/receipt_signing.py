"""`ReceiptSigner` signs pushes so that their receipts can be verified.

Pure. Most vendors sign nothing, so anybody who knows an address can post to it. Therefore the address has a secret
part, and the parameter that comes back with each receipt names the push and holds a MAC of it:

    https://im.example.com/push/7005/<secret part>        a MAC of the certificate, 144 bits
    <dedupe id>.<MAC of certificate, dedupe id, token>    49 characters for an id made here; vendors take 50

The MAC covers certificate, dedupe id and token: with one receipt nobody can make another for a different phone. It does
not cover the event, the vendor's ids and the time, because these are not known when the push is sent: with one receipt
one can post it again with another event (see `pushgateway.model.receipt.Proof`). A broadcast is saved once for many
phones and has one parameter for all of them, whose MAC covers no token; so has a request of a vendor that takes one
parameter for all its pushes (`Vendor.marks`). A dedupe id that does not fit is replaced by its digest and does not come
back, and that of a request never comes back, because it names one push of several. MACs are HMAC-SHA256 with a key for
each certificate; comparisons take constant time.

Used by the engine for pushes and receipts, and by `pushgateway.receipts` for the address.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from urllib.parse import quote, unquote

import attrs

from pushgateway.model.audience import Broadcast
from pushgateway.model.batch import Batch, distinct
from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push
from pushgateway.model.receipt import Proof, Receipt
from pushgateway.model.secret import Secret, safe_repr

LONGEST_PARAMETER = 50
"""Characters of the parameter, at most: the smallest limit of a vendor (OPPO V1.3)."""
LONGEST_URL = 200
"""Characters of the address, at most: the smallest limit of a vendor (OPPO V1.3)."""
_MAC = 12
"""Bytes of the MAC in a parameter, which are 16 characters."""
_PATH = 18
"""Bytes of the secret part of the address, which are 24 characters."""
_FITS = re.compile(r"[A-Za-z0-9_-]{1,33}", re.ASCII)
_PARAMETER = re.compile(r"(~?[A-Za-z0-9_-]{1,33})\.([A-Za-z0-9_-]{16})", re.ASCII)
_PUSH, _MESSAGE, _OF_PATH = b"push\0", b"broadcast\0", b"path\0"


@safe_repr
class ReceiptSigner:
    """Signs the pushes, requests and broadcasts of one certificate, and verifies their receipts."""

    __slots__ = ("_id", "_keys", "_paths", "url", "weight")

    def __init__(self, certificate_id: str, receipt_url: str, secrets: Sequence[Secret]) -> None:
        """`secrets`: the first one is used to sign; receipts signed with the others are still accepted."""
        self._id = certificate_id
        self._keys = [_Key(certificate_id, secret) for secret in secrets]
        self._paths = [key.mac(_OF_PATH, _PATH) for key in self._keys]
        self.url = f"{receipt_url}/{segment(certificate_id)}/{self._paths[0].decode('ascii')}"
        """The address to which the vendor posts receipts."""
        self.weight = 3 * (len(self.url) + LONGEST_PARAMETER)
        """Bytes of address and parameter in a form, at most: nothing in them has to be escaped in JSON."""

    def callback_for(self, push: Push) -> CallBack:
        """Address and parameter for a push; the same for the same push."""
        name = _name(push.dedupe_id)
        return CallBack(self.url, self._parameter(name, _of_push(name, push.push_token.token)))

    def sign(self, push: Push) -> Push:
        """The push with its `callback`, or unchanged if its notification has a receipt URL or parameter."""
        if _has_own_receipts(push.notification):
            return push
        return push.with_callback(self.callback_for(push))

    def callback_for_message(self, *dedupe_ids: str) -> CallBack:
        """Address and parameter for a request, or for a saved content, whose pushes share them. `dedupe_ids`: those of
        its pushes, so that the same request has the same parameter when it is repeated, and one with other pushes has
        another one; of a saved content, that of the push for which it is saved."""
        name = _digest("\0".join(dedupe_ids))
        return CallBack(self.url, self._parameter(name, _of_message(name)))

    def sign_batch(self, batch: Batch) -> None:
        """Set `Batch.callback`, unless the notification of every push has a receipt URL or parameter."""
        if not all(map(_has_own_receipts, distinct(batch.notifications))):
            batch.callback = self.callback_for_message(*batch.dedupe_ids)

    def sign_broadcast(self, broadcast: Broadcast, made: str) -> Broadcast:
        """The broadcast with receipt URL and parameter, unless its notification has them. `made`: the id that is used
        if the notification has no dedupe id."""
        note = broadcast.notification
        if _has_own_receipts(note):
            return broadcast
        name = _name(note.dedupe_id or made)
        parameter = self._parameter(name, _of_message(name))
        marked = attrs.evolve(note, receipt_url=self.url, receipt_parameter=parameter)
        return attrs.evolve(broadcast, notification=marked)

    @property
    def hidden(self) -> list[str]:
        """The secret parts of the address, for texts that must not show them."""
        return [path.decode("ascii") for path in self._paths]

    def admits(self, path_secret: str) -> bool:
        """True if this is the secret part of the address."""
        given = path_secret.encode("utf-8", "replace")
        return any(hmac.compare_digest(path, given) for path in self._paths)

    def verify(self, receipt: Receipt) -> Receipt | None:
        """The receipt with its dedupe id and `proof` set; None if its parameter was not made by this signer."""
        found = _PARAMETER.fullmatch(receipt.parameter)
        if found is None:
            return None
        name, given = found[1], found[2].encode("ascii")
        texts = {
            Proof.PUSH: _of_push(name, receipt.push_token.token),
            Proof.MESSAGE: _of_message(name),
        }
        for proof, text in texts.items():
            if any(hmac.compare_digest(key.mac(text), given) for key in self._keys):
                return attrs.evolve(receipt, dedupe_id="" if name.startswith("~") else name, proof=proof)
        return None

    def _parameter(self, name: str, text: bytes) -> str:
        return f"{name}.{self._keys[0].mac(text).decode('ascii')}"

    def __repr__(self) -> str:
        return f"ReceiptSigner({self._id!r})"


def bound_name(parameter: str) -> str:
    """The part of a verified parameter that names the message: the dedupe id, or "~" and its digest."""
    return parameter.rpartition(".")[0]


def segment(certificate_id: str) -> str:
    """A certificate id as a part of a URL's path. It is quoted twice, because servers unquote paths once and an id may
    hold a slash. Nearly all ids are numbers, in which nothing has to be quoted."""
    return quote(quote(certificate_id, safe=""), safe="")


def of_segment(resolved: str) -> str:
    """The certificate id of a part of a path that the server has unquoted once."""
    return unquote(resolved)


def longest_base(certificate_id: str) -> int:
    """Characters that `Certificate.receipt_url` may have so that the whole address is not too long."""
    return LONGEST_URL - 2 - len(segment(certificate_id)) - 4 * _PATH // 3


class _Key:
    """A key whose inner and outer hash of HMAC have been started: copying them takes a third of the time of
    `hmac.digest`, and each push needs a MAC."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, certificate_id: str, secret: Secret) -> None:
        text = b"pushgateway receipts\0" + certificate_id.encode("utf-8", "surrogatepass")
        key = hmac.digest(secret.reveal().encode("utf-8", "surrogatepass"), text, "sha256").ljust(64, b"\0")
        self._inner = hashlib.sha256(key.translate(_INNER))
        self._outer = hashlib.sha256(key.translate(_OUTER))

    def mac(self, text: bytes, size: int = _MAC) -> bytes:
        """The first `size` bytes of HMAC-SHA256, as URL-safe base64."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return urlsafe_b64encode(outer.digest()[:size])


_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def _of_push(name: str, token: str) -> bytes:
    return _PUSH + f"{name}\0{token}".encode("utf-8", "surrogatepass")


def _of_message(name: str) -> bytes:
    return _MESSAGE + name.encode("ascii")


def _has_own_receipts(notification: Notification) -> bool:
    """True if the host has said itself where receipts go, or what comes back with them."""
    return notification.receipt_url is not None or notification.receipt_parameter is not None


def _name(dedupe_id: str) -> str:
    """A dedupe id as it fits into a parameter, or "~" and its digest."""
    return dedupe_id if _FITS.fullmatch(dedupe_id) else _digest(dedupe_id)


def _digest(dedupe_id: str) -> str:
    """A name that stands for a dedupe id which shall not come back."""
    return f"~{hashlib.blake2b(dedupe_id.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
