"""`Binding`: a device of a user with its push token, as `pushgateway.devices` keeps it.

A frozen value: no I/O, no clock. Its `repr` may be logged: it holds no token and no user. Made by the devices, read by
hosts and by the gateway.
"""

from __future__ import annotations

import attrs

from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.push import Owner, Push, PushToken
from pushgateway.model.secret import safe_repr


@safe_repr
@attrs.frozen(kw_only=True)
class Binding:
    """A device of a user with its push token."""

    owner: Owner
    """The user, the device, and which binding of them it is: for `Push.owner`."""
    push_token: PushToken
    locale: str = ""
    """The language that the app reported, such as `zh-Hans-CN`; "" if it reported none."""
    bound_at: float
    """Epoch seconds when the device got this token, or this user."""
    seen_at: float
    """Epoch seconds when the device reported it last."""

    @property
    def user(self) -> str:
        """Whose device it is."""
        return self.owner.user

    @property
    def device(self) -> str:
        """The host's id of the installation of the app."""
        return self.owner.device

    def push(
        self,
        notification: Notification,
        *,
        timeout: float | None = None,
        priority: Priority | None = None,
        context: object = None,
    ) -> Push:
        """A push of this notification to the device, for as long as it is this user's. The arguments are those of
        `Push`; raises `FieldError` as it does."""
        return Push(
            self.push_token, notification, timeout=timeout, priority=priority, context=context, owner=self.owner
        )
