"""The list of broken plug-ins, as it stands in `tests/broken.md`: `python -m broken.listing` writes it anew."""

from __future__ import annotations

import sys

from broken import hearing, sending

BROKEN = [*sending.BROKEN, *hearing.BROKEN]

HEAD = """\
# Broken plug-ins

Each of these is the tutorial's plug-in (`examples/acme`) with one rule of the contract removed or one mistake made
(`tests/support/broken`), and each must be caught by the conformance kit: `tests/test_broken.py` fails when one passes
the scenario named here. The promises are those of `pushgateway.testing.conformance.PROMISES`. Written by
`python -m broken.listing`.

| broken | promise | caught by |
| --- | --- | --- |
"""


def listing() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {one.name} | {one.promise} | `{one.scenario}` |\n" for one in BROKEN)


if __name__ == "__main__":
    sys.stdout.write(listing())
