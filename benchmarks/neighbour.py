"""OPPO's sandbox on loopback, in a process of its own, until its standard input is closed.

It counts pushes and does not keep them (`keep=False`), because a benchmark sends more than fits into memory. `python
neighbour.py PHONES SEED` prints the settings of a certificate for it as one line of JSON.
"""

from __future__ import annotations

import json
import sys

from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.sandbox.serving.server import serve


def main() -> None:
    """Serve until standard input ends."""
    sandbox = OppoSandbox(tokens=int(sys.argv[1]), seed=int(sys.argv[2]), keep=False)
    with serve(sandbox) as served:
        print(json.dumps(sandbox.settings(served.url)), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
