"""What tests of hosts and plug-ins need: transports without a network.

Law of this package: for tests only; nothing outside tests, demos and benchmarks imports it.
"""

from pushgateway.testing.transport import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

__all__ = ["SandboxTransport", "loop_wall_clock", "run_virtual"]
