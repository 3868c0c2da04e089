"""The faults that the page switches on and off, each by the kinds of `Fault` that every sandbox has.

down      connections break; the request is not performed
slow      replies come 3 seconds late
quota     every push is refused with the vendor's code for a used-up daily quota
revoked   all access tokens expire, once
wrong     every reply to a push is an HTML page
mangled   lists in replies are in disorder, incomplete or repeated
"""

from __future__ import annotations

from typing import Final

from pushgateway.model.errors import FieldError
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.faults import Fault
from pushgateway.vendor import Reason

LATE: Final = 3.0
"""Seconds by which replies are late."""
QUOTA: Final = "quota"
REVOKED: Final = "revoked"
NAMES: Final = ("down", "slow", QUOTA, REVOKED, "wrong", "mangled")


def faults_of(sandbox: Sandbox, name: str) -> list[Fault]:
    """The faults that a switch sets; empty where this vendor has no such fault, or nothing stays switched on."""
    pushing: list[str | None] = [*sandbox.pushing] or [None]
    match name:
        case "down":
            return [Fault(kind="refuse", times=None)]
        case "slow":
            return [Fault(kind="delay", seconds=LATE, times=None)]
        case "quota":
            code = sandbox.code_for(Reason.QUOTA_EXCEEDED)
            return [] if code is None else [Fault(kind="code", code=code, operation=one, times=None) for one in pushing]
        case "wrong":
            return [Fault(kind="html", operation=operation, times=None) for operation in pushing]
        case "mangled":
            return [
                Fault(kind=kind, operation=operation, share=0.5, times=None)
                for kind in sandbox.manglings
                for operation in pushing
            ]
    return []


def can(sandbox: Sandbox) -> list[str]:
    """The switches that this vendor has."""
    return [
        name for name in NAMES if (sandbox.has_access_tokens() if name == REVOKED else bool(faults_of(sandbox, name)))
    ]


def switched_on(sandbox: Sandbox) -> list[str]:
    """The switches that are on: those whose faults are all set."""
    if not len(sandbox.faults):
        return []
    sets = {name: faults_of(sandbox, name) for name in NAMES}
    return [name for name, faults in sets.items() if faults and all(fault in sandbox.faults for fault in faults)]


def switch(sandbox: Sandbox, name: str, on: bool) -> None:
    """Switch a fault on or off. Raises `FieldError` for one that this vendor does not have."""
    known = can(sandbox)
    if name not in known:
        raise FieldError("fault", f"must be one of {', '.join(known)}")
    with sandbox.lock:
        faults = faults_of(sandbox, name)
        sandbox.faults.remove(*faults)
        if on and name == REVOKED:
            sandbox.expire_tokens()
        elif on:
            sandbox.faults.add(*faults)
        sandbox.phones_known.changes.note()
