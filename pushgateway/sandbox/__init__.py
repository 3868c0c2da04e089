"""Sandboxes: strict imitations of the vendors' servers, for tests and for the command.

A sandbox refuses what the vendor refuses, with the vendor's codes, and its ledger holds every push that it performed,
whatever it answered. `kit` has the parts of a vendor's sandbox, without socket or thread; clock and random seed are
passed in. `serving` runs a sandbox as an HTTP server on loopback; it needs the extra `pushgateway-core[sandbox]`, so it
is not imported here.
"""

from pushgateway.sandbox.find import find_sandbox, installed_brands
from pushgateway.sandbox.kit.base import Answer, Reached, Sandbox
from pushgateway.sandbox.kit.faults import Fault, Faults
from pushgateway.sandbox.kit.ledger import Delivery, Ledger
from pushgateway.sandbox.kit.options import SandboxOption
from pushgateway.sandbox.kit.phones import Phone, Phones

__all__ = [
    "Answer",
    "Delivery",
    "Fault",
    "Faults",
    "Ledger",
    "Phone",
    "Phones",
    "Reached",
    "Sandbox",
    "SandboxOption",
    "find_sandbox",
    "installed_brands",
]
