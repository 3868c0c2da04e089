"""OPPO's server, imitated strictly, for tests and for trying things out.

Law of this package: it reads limits, codes and paths from the same `rules.toml` as the plug-in, and nothing else of
the plug-in: an encoder and a checker that share code would share their mistakes. What the documents leave open is
decided in `oppo` and said there.
"""

from pushgateway_oppo.sandbox.server import OppoSandbox

__all__ = ["OppoSandbox"]
