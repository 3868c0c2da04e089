"""A strict imitation of OPPO's server, for tests and for trying things out.

It reads limits, codes and paths from the same `rules.toml` as the plug-in and shares no other code with it: an encoder
and a checker that share code would share their mistakes. What the documents leave open is decided in `server` and
listed there.
"""

from pushgateway_oppo.sandbox.server import OppoSandbox

__all__ = ["OppoSandbox"]
