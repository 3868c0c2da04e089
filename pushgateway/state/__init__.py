"""Shared state: what several processes with the same certificates must know together.

One vendor counts all processes of a host as one: a login of one may end the access token of another, the rate and the
day's quota are for all of them, and a receipt is posted once, to any of them. `protocol` says what a store must do;
`memory`, `redis` and `sqlite` do it; `address` opens the one that a URL names. `guard` bounds the time of each call and
reports when the store is gone. Here nothing is decided: what the figures mean is the engine's business.
"""

from pushgateway.state.address import StateAddress, open_state
from pushgateway.state.memory import MemoryState
from pushgateway.state.protocol import (
    Awaited,
    Claim,
    Contents,
    Exchanged,
    LoginResult,
    LoginTurn,
    Portion,
    SharedState,
    Wish,
)

__all__ = [
    "Awaited",
    "Claim",
    "Contents",
    "Exchanged",
    "LoginResult",
    "LoginTurn",
    "MemoryState",
    "Portion",
    "SharedState",
    "StateAddress",
    "Wish",
    "open_state",
]
