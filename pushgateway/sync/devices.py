"""`pushgateway.devices.Devices`, blocking: those of a `sync.Gateway`, used in its thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from pushgateway.gateway import Gateway
from pushgateway.model.binding import Binding
from pushgateway.model.errors import StoreError
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.model.receipt import Receipt
from pushgateway.model.secret import safe_repr

if TYPE_CHECKING:
    from pushgateway import devices as _async  # imported by hosts that have devices
    from pushgateway.devices import Counts

R = TypeVar("R")


class RunInThread(Protocol):
    """Runs a call in the gateway's thread and waits for its value; after the close the second function is called."""

    def __call__(self, begin: Callable[[Gateway], Coroutine[Any, Any, R]], closed: Callable[[], R], /) -> R: ...


@safe_repr
class Devices:
    """`pushgateway.devices.Devices`, blocking. Got from `sync.Gateway.devices`. After the gateway's close all methods
    raise `StoreError`."""

    def __init__(self, inner: _async.Devices, call: RunInThread) -> None:
        self._inner = inner
        self._call = call

    def bind(
        self, user: str, device: str, push_token: PushToken, *, locale: str = "", at: float | None = None
    ) -> Binding:
        """See `pushgateway.devices.Devices.bind`."""
        return self._call(lambda _: self._inner.bind(user, device, push_token, locale=locale, at=at), closed)

    def rotate(self, old: PushToken, new: PushToken) -> Binding | None:
        """See `pushgateway.devices.Devices.rotate`."""
        return self._call(lambda _: self._inner.rotate(old, new), closed)

    def unbind(self, user: str, device: str) -> bool:
        """See `pushgateway.devices.Devices.unbind`."""
        return self._call(lambda _: self._inner.unbind(user, device), closed)

    def unbind_user(self, user: str, *, keep: str | None = None) -> int:
        """See `pushgateway.devices.Devices.unbind_user`."""
        return self._call(lambda _: self._inner.unbind_user(user, keep=keep), closed)

    def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """See `pushgateway.devices.Devices.of_users`."""
        given = users if isinstance(users, str) else list(users)
        return self._call(lambda _: self._inner.of_users(given), closed)

    def counts(self) -> Counts:
        """See `pushgateway.devices.Devices.counts`."""
        return self._call(lambda _: self._inner.counts(), closed)

    def pushes(
        self,
        users: Iterable[str],
        notification: Notification,
        *,
        timeout: float | None = None,
        priority: Priority | None = None,
        context: object = None,
    ) -> list[Push]:
        """See `pushgateway.devices.Devices.pushes`."""
        given = users if isinstance(users, str) else list(users)
        return self._call(
            lambda _: self._inner.pushes(given, notification, timeout=timeout, priority=priority, context=context),
            closed,
        )

    def count_badges(self, users: Iterable[str], add: int = 1) -> Mapping[str, int]:
        """See `pushgateway.devices.Devices.count_badges`."""
        given = users if isinstance(users, str) else list(users)
        return self._call(lambda _: self._inner.count_badges(given, add), closed)

    def set_badge(self, user: str, count: int = 0) -> None:
        """See `pushgateway.devices.Devices.set_badge`."""
        return self._call(lambda _: self._inner.set_badge(user, count), closed)

    def retire(self, push_token: PushToken, *, before: float) -> bool:
        """See `pushgateway.devices.Devices.retire`."""
        return self._call(lambda _: self._inner.retire(push_token, before=before), closed)

    def take_receipts(self, receipts: Iterable[Receipt]) -> int:
        """See `pushgateway.devices.Devices.take_receipts`."""
        given = list(receipts)
        return self._call(lambda _: self._inner.take_receipts(given), closed)

    def prune(self, *, seen_before: float) -> int:
        """See `pushgateway.devices.Devices.prune`."""
        return self._call(lambda _: self._inner.prune(seen_before=seen_before), closed)

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


def closed() -> NoReturn:
    """What a call gets after the close."""
    raise StoreError("the gateway was closed, and its devices with it")
