"""What a plug-in says about how its pushes travel.

Law of this file: asked once per settings where it is the same for all, and whatever a plug-in gives is checked or
bounded here. What fails is the caller's to judge, but for a weight: that has a safe answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.session import claims
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.model.batch import distinct
from pushgateway.model.notification import Notification
from pushgateway.model.push import PushToken
from pushgateway.vendor import Batching, Rates, Vendor

Route: TypeAlias = tuple[str, str, Hashable]
"""Region, daily quota and part of a push; pushes that are of one region and part may share a request."""


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
        self._signer_weight = 0 if signer is None else signer.weight
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

    def route(
        self, push_tokens: Sequence[PushToken], notifications: Sequence[Notification], part: Hashable
    ) -> Route | list[Route]:
        """Where pushes go and what they may share a request with: one answer where it is the same for all of them,
        otherwise one for each. `part`: of a batch that was halved. Raises what the plug-in raises."""
        if len(push_tokens) == 1:
            region = self.region_of(push_tokens[0].token)
            if type(region) is not str:
                region = claims.text("region()", region)
            return (region, *self.share(notifications[0], part))
        tokens = [push_token.token for push_token in push_tokens]
        regions = set(claims.regions(self._regions_of(tokens)))
        shares = {id(one): self.share(one, part) for one in distinct(notifications)}
        if len(regions) == 1 and len(set(shares.values())) == 1:
            return (regions.pop(), *next(iter(shares.values())))
        only = regions.pop() if len(regions) == 1 else None
        each = [claims.text("region()", self.region_of(token)) if only is None else only for token in tokens]
        return [(region, *shares[id(one)]) for region, one in zip(each, notifications, strict=True)]

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
            return weight + self._signer_weight
        except BaseException as broken:
            self._session.blame(broken)
            return self.batching.max_bytes or 0  # so it goes alone
