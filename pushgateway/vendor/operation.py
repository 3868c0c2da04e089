"""`Call`: one of a vendor's own operations other than sending, such as statistics or aliases.

A frozen value. An operation is a method of the vendor class that returns a `Call`; the core carries it out like a push:
with the certificate's access token, within its limits, and with a `CallOutcome`. See `Gateway.vendor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.vendor.exchange import Exchange, T


@safe_repr
@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """One operation of a vendor, ready to be carried out; its result is of type `T`.

    If an argument is wrong, the exchange raises `Refused` with `INVALID_NOTIFICATION` or `UNSUPPORTED`, and a `detail`
    that names the argument, before its first request.
    """

    name: str
    """The vendor's name of the operation, such as `subscribe_alias`; shown in events and the log."""
    begin: Callable[[], Exchange[T]] = attrs.field(repr=False)
    """Makes the exchange; called again if the access token had to be renewed."""
    region: str
    """The region whose server and access token are used, as in `Vendor.region`."""
    repeatable: bool = True
    """False: the core does not retry it after an attempt without a verdict, because it may have been performed."""
    most: int | None = None
    """For `Vendor.recall` and `Vendor.check_tokens`: how many tokens such a call takes, at most. For a longer list the
    core asks for several calls. None: 1,000."""
