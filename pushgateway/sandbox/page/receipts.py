"""`ReceiptIndex`: the receipts that a sandbox has posted, by token and message id, read with the vendor's plug-in.

The sandbox keeps them in the vendor's own form. Only the plug-in of the brand can read that, so without one the page
shows how many were posted and not which.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import ConfigError
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.receipt_log import PostedReceipts
from pushgateway.vendor import Receipt, Vendor

MOST_READ = 20_000
"""Pushes whose receipts are remembered, at most; then those of the oldest are forgotten."""
MOST_OF_A_PUSH = 5
"""Receipts of one push on one phone, at most."""
_ID = "page"
"""The certificate id of the plug-in that reads them."""


@safe_repr
@attrs.frozen
class ReadReceipt:
    """One receipt."""

    receipt: Receipt
    post: PostedReceipts
    """The request that posted it."""


@safe_repr
class ReceiptIndex:
    """The posted receipts of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._step = 0
        self._vendor: Vendor | None = None
        self._loaded = False
        self._by_push: Bounded[list[ReadReceipt]] = Bounded(MOST_READ)
        self._by_post: Bounded[Sequence[Receipt]] = Bounded(MOST_READ)

    def __repr__(self) -> str:
        return f"ReceiptIndex({self._sandbox.brand})"

    def refresh(self) -> None:
        """Read what was posted since the last time, and note the phones that it is about as changed. Call it with the
        sandbox's lock held."""
        log, changes = self._sandbox.receipt_log, self._sandbox.phones_known.changes
        for post in log.since(self._step):
            for receipt in self._read(post):
                changes.note(receipt.push_token.token)
        self._step = log.number

    def of(self, token: str, message_id: str) -> Sequence[ReadReceipt]:
        """The receipts of this push on this phone, the oldest first."""
        return self._by_push.get((token, message_id)) or ()

    def _read(self, post: PostedReceipts) -> Sequence[Receipt]:
        known = self._by_post.get(post)
        if known is not None:
            return known
        receipts = self._decoded(post)
        self._by_post.put(post, receipts)
        for receipt in receipts:
            key = receipt.push_token.token, receipt.message_id or ""
            listed = self._by_push.get(key) or []
            if len(listed) < MOST_OF_A_PUSH:
                self._by_push.put(key, [*listed, ReadReceipt(receipt, post)])
        return receipts

    def _decoded(self, post: PostedReceipts) -> Sequence[Receipt]:
        vendor = self._plug_in()
        if vendor is None:
            return ()
        headers = {name.lower(): value for name, value in post.request.headers.items()}
        try:
            read = vendor.receipts(_ID, headers, post.request.content, post.at)
        except Exception:  # what the plug-in cannot read is not shown
            return ()
        return [receipt for receipt in read if receipt is not None]

    def _plug_in(self) -> Vendor | None:
        if not self._loaded:
            self._loaded = True
            certificate = Certificate(_ID, self._sandbox.brand, self._sandbox.settings("http://127.0.0.1"))
            try:
                vendor = load_vendors([certificate], Plugins())[_ID]
            except ConfigError:
                return None
            self._vendor = vendor if isinstance(vendor, Vendor) else None
        return self._vendor
