"""A vendor's own operations beside sending: what the core needs to know to carry one out.

Law of this file: values and nothing else. A vendor's operation is a method that returns a `Call`; the core carries it
through the certificate's lane like a push: with its access token, within its limits, with an outcome.
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
    """One operation of a vendor, ready to be carried out; its result is a `T`.

    What can be wrong with the arguments is said when the exchange is begun, as `Refused` with `INVALID_NOTIFICATION`
    or `UNSUPPORTED` and a `detail` that names the argument: before any request.
    """

    name: str
    """What the vendor calls it, such as `subscribe_alias`; events and the log show it."""
    begin: Callable[[], Exchange[T]] = attrs.field(repr=False)
    """Begins the conversation; called again when the access token had to be renewed."""
    region: str
    """Which of the vendor's servers it belongs to, as `Vendor.region` names them: its access token is used."""
    repeatable: bool = True
    """False: it must not be asked a second time when no verdict came, because it may have happened."""
