"""What a plug-in says about how its pushes travel.

Law of this file: asked once per settings where it is the same for all, and whatever a plug-in gives is checked or
bounded here. What fails is the caller's to judge, but for a weight: that has a safe answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.session import claims
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.model.push import Notification, PushToken
from pushgateway.vendor import Batching, Rates, Vendor


class GuardedVendor:
    """Of one certificate, until its settings change."""

    def __init__(self, session: VendorSession, signer: ReceiptSigner | None) -> None:
        vendor = session.vendor
        self.fault = ""
        """What is wrong with the plug-in before any push, if something is."""
        self.batching, self.rates = Batching(), Rates()
        self.deduplicates = False
        self.day_offset = 0.0
        self.region_of = vendor.region
        self._regions_of = vendor.regions
        self._session = session
        self._weigh = vendor.weigh
        self._seal_weight = 0 if signer is None else signer.weight
        self._quota: Callable[[Notification], str] | None = None
        try:
            self.batching = claims.batching(vendor)
            self.deduplicates = claims.deduplicates(vendor)
            self.rates = claims.rates(vendor)
            self.day_offset = claims.day_offset(vendor)
            if type(vendor).quota is not Vendor.quota:
                self._quota = vendor.quota
        except BaseException as broken:
            self.fault = session.blame(broken)

    def share(self, notification: Notification, part: Hashable) -> tuple[str, Hashable]:
        """The quota of a notification, and what its pushes may share a request with. `part`: of a batch that was split.
        Raises what the plug-in raises."""
        quota = ""
        if self._quota is not None:
            quota = self._quota(notification)
            if type(quota) is not str:  # asked here, because it is for nearly every push
                quota = claims.text("quota()", quota)
        if part is None and (quota or not self.batching.mixed):
            part = quota if self.batching.mixed else (quota, notification)
        return quota, part

    def common(
        self, push_tokens: Iterable[PushToken], notifications: Sequence[Notification]
    ) -> tuple[str, str, Hashable] | None:
        """Region, quota and part of pushes to these phones and of these notifications, where they are the same for all.
        Raises what the plug-in raises."""
        regions = set(claims.regions(self._regions_of([push_token.token for push_token in push_tokens])))
        if len(regions) > 1 or (len(notifications) > 1 and not self.batching.mixed):
            return None
        shares = {self.share(notification, None) for notification in notifications}
        return (regions.pop(), *shares.pop()) if len(shares) == 1 else None

    def quota(self, notification: Notification) -> str:
        """The daily quota that a notification counts against."""
        try:
            return self.share(notification, None)[0]
        except BaseException as broken:
            self._session.blame(broken)
            return ""

    def weigh(self, notification: Notification) -> int:
        """Bytes that a push of this notification adds to a request."""
        try:
            weight = self._weigh(notification)
            if type(weight) is not int or weight < 0:  # asked here, because it is for nearly every push
                weight = claims.weight(weight)
            return weight + self._seal_weight
        except BaseException as broken:
            self._session.blame(broken)
            return self.batching.max_bytes or 0  # so it goes alone
