"""What tests of hosts and plug-ins need: a transport without a network, and virtual time.

Only tests, demos and benchmarks import this package. Fixtures for pytest are in `fixtures`, the tests for plug-ins in
`conformance`.
"""

from pushgateway.testing.transport import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

__all__ = ["SandboxTransport", "loop_wall_clock", "run_virtual"]
