"""`LaneOptions`: connections, waiting times, rates and repeats of one certificate's lane.

Made by `Lanes` of the gateway's options and of what the certificate sets for itself.
"""

from __future__ import annotations

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.model.secret import safe_repr
from pushgateway.transport import CONNECTIONS
from pushgateway.transport.pool import most_for_one
from pushgateway.vendor.capacity import Batching, Rates


@safe_repr
@attrs.frozen(kw_only=True)
class LaneOptions:
    """How a lane works; times in seconds."""

    connections: int | None = None
    """Requests at once to each of the vendor's servers, as the host has set it for the certificate or the gateway.
    None: what the plug-in says."""
    usual_connections: int = CONNECTIONS
    """Where neither says anything."""
    most_connections: int | None = None
    """Of the host's own transport. None: the transport has as many as are wanted."""
    linger: float
    """A push may wait so long for others after a batch has left; 0 sends each push in a request of its own."""
    queue: int
    """Pushes that may be there before a further one that does not want to wait is refused."""
    retry: RetryPolicy
    pushes_per_second: float | None = None
    """None: the vendor's own figure, as for the next one."""
    requests_per_second: float | None = None
    signer: ReceiptSigner | None = None
    """What marks pushes so that their receipts can be verified; None: none are asked for."""

    def requests_at_once(self, batching: Batching, named: Rates) -> int:
        """To each server. The plug-in's figure is for requests with one notification: with mixed ones a few connections
        carry everything. It is cut to what leaves other certificates enough of the process's file descriptors."""
        wanted = self.connections
        if wanted is None and (batching.mixed or named.connections is None):
            wanted = self.usual_connections
        elif wanted is None:
            wanted = min(named.connections or self.usual_connections, most_for_one())
        return wanted if self.most_connections is None else min(wanted, self.most_connections)

    def rates(self, named: Rates) -> Rates:
        """The certificate's own figures, and where it has none, those that the vendor named."""
        return Rates(
            pushes=named.pushes if self.pushes_per_second is None else self.pushes_per_second,
            requests=named.requests if self.requests_per_second is None else self.requests_per_second,
        )
