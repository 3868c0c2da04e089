"""Sandboxes: strict imitations of the vendors' servers that run here.

Law of this package: a sandbox is strict (it refuses what the vendor refuses, with the vendor's codes) and honest (its
ledger knows every push that it performed, whatever it then answered). `base`, `faults`, `ledger` and `phones` are
pure: no socket, no thread, no clock or random of their own. Only `server` opens a socket, and only on loopback; it
needs the extra `pushgateway-core[sandbox]`, which is why it is not imported here.
"""

from pushgateway.sandbox.find import find_sandbox
from pushgateway.sandbox.kit.base import Answer, Sandbox, Switch
from pushgateway.sandbox.kit.faults import Fault, Faults
from pushgateway.sandbox.kit.ledger import Delivery, Ledger
from pushgateway.sandbox.kit.phones import Phone, Phones

__all__ = [
    "Answer",
    "Delivery",
    "Fault",
    "Faults",
    "Ledger",
    "Phone",
    "Phones",
    "Sandbox",
    "Switch",
    "find_sandbox",
]
