"""What one lane works by until a reload changes it. Shared by the lane and its endpoints, so both change at once."""

from __future__ import annotations

from collections.abc import Callable

from pushgateway.engine.options import LaneOptions
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.model.reason import Reason


class LaneSettings:
    """The vendor session, what the plug-in says, and the options of one certificate.

    After a reload the new ones are taken when something is decided next: to change thousands of lanes at once would
    hold the loop.
    """

    __slots__ = (
        "batch_size",
        "connections",
        "end",
        "in_haste",
        "linger",
        "options",
        "renewal",
        "rests",
        "session",
        "vendor",
    )

    def __init__(self, session: VendorSession, options: LaneOptions) -> None:
        self.renewal: Callable[[], None] | None = None
        """After a reload: takes the new settings."""
        self.end: tuple[Reason, str] | None = None
        """Why nothing that has not left yet may leave any more, if so."""
        self.adopt(session, options)

    def adopt(self, session: VendorSession, options: LaneOptions) -> None:
        """Take these."""
        self.session = session
        self.vendor: GuardedVendor = session.vendor
        self.options = options
        self.connections = options.requests_at_once(self.vendor.batching, self.vendor.rates)
        self.batch_size = max(1, self.vendor.batching.size) if options.linger > 0 else 1
        # Where only pushes of one notification share a request, most can share with nobody: none waits beyond the turn
        # of the loop in which the others of its group come in, but those that follow one of their notification.
        is_mixed = self.vendor.batching.mixed
        self.linger = options.linger if is_mixed else 0.0
        self.rests = 0.0 if is_mixed or self.batch_size == 1 else options.linger
        """There, seconds after a request of one notification in which further pushes of it gather. 0: they do not."""
        self.in_haste = 2 * options.linger  # seconds; a push with no more time than that waits for no others

    def catch_up(self) -> None:
        """Take the settings of the last reload, if that was not done yet."""
        if self.renewal is not None:
            renewal, self.renewal = self.renewal, None
            renewal()
