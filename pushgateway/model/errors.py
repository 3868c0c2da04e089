"""The exceptions of pushgateway: the whole tree, and those of them that a host's own mistake raises.

The result of a push is never an exception: it is an `Outcome`. `PushFailed` is defined with it in
`pushgateway.model.outcome`; `ExchangeError` and its subclasses, which only plug-ins and the core raise, in
`pushgateway.vendor.refusals`. No message may hold a secret, a token, a title or a body.

    PushgatewayError
    ├── FieldError          (ValueError)    a value the host gave is wrong; names the field and what would be right
    │   └── IdConflict                      a dedupe id was put into the outbox before with another content
    ├── ConfigError         (ValueError)    certificates or settings are wrong; `problems` lists every one
    ├── PluginError                         a brand has no usable plug-in; says what to install or remove
    ├── LoopError           (RuntimeError)  the gateway is used in a second event loop, after a fork, or sync in async
    ├── StoreError                          a database cannot be used now: unreachable, locked, damaged; says which
    │   └── StoreFull                       it has no space left; nothing was stored
    │       └── OutboxFull                  the same of the outbox
    ├── NotTaken                            results of the outbox were not taken; they are handed over again
    ├── PushFailed                          only from `Outcome.raise_for_failure()`; `outcome` is the value
    └── ExchangeError                       between plug-in and core; hosts never see these
        ├── NoVerdict                       no readable reply came
        │   └── TooLate                     the request did not leave before the time that the core had set
        └── Refused                         the request as a whole was refused, readably
            ├── AccessExpired               the vendor does not accept the access token: log in again
            │   └── SignatureRefused        one that was signed here, for the second time (core only)
            └── ClockSkew                   the vendor does not accept our clock
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class PushgatewayError(Exception):
    """Base class of all exceptions of pushgateway.

    All of them can be pickled and copied, so they pass through a process pool or a task queue.
    """

    def __reduce__(self) -> Any:
        # The default would call the class with the message, but these classes take other arguments.
        return _restored, (type(self), self.args, {**self.__dict__})


def _restored(kind: type[PushgatewayError], args: tuple[Any, ...], state: dict[str, Any]) -> PushgatewayError:
    """Undo `PushgatewayError.__reduce__`: an error with this message and these attributes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class FieldError(PushgatewayError, ValueError):
    """A value the host gave is wrong. `field` is its name; the text says what would be right."""

    def __init__(self, field: str, right: str) -> None:
        super().__init__(f"{field}: {right}")
        self.field = field


class ConfigError(PushgatewayError, ValueError):
    """Certificates or settings are wrong. `problems` has one sentence for each; nothing was changed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class PluginError(PushgatewayError):
    """A brand has no usable plug-in: none installed, two of one name, broken, or not a `Vendor`."""


class LoopError(PushgatewayError, RuntimeError):
    """The gateway belongs to one event loop of one process, and this call came from another one."""


class StoreError(PushgatewayError):
    """A database of the host (shared state, devices, outbox) cannot be used now; the text says which and why.

    It names no password and nothing of what was stored. Try again later, or repair what the text says.
    """


class StoreFull(StoreError):
    """The database has no space left. Nothing was stored."""


class NotTaken(PushgatewayError):
    """Results of the outbox were not taken by who should have kept them; the text says why. They are handed over
    again. A handler of results may raise it: its text is logged, while of other exceptions only the type is."""
