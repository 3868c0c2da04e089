"""Writes `tests/scenarios/broken.md`, the list of broken plug-ins, to standard output: `python -m broken.listing`."""

from __future__ import annotations

import sys

from broken import answering, beside, content, honors, huaweis, meizus, oppos, sending, vaults, verifier, xiaomis

BROKEN = [
    one
    for part in (sending, verifier, content, answering, vaults, oppos, beside, xiaomis, huaweis, honors, meizus)
    for one in part.BROKEN
]

HEAD = """\
# Broken plug-ins

Each of these is a sound plug-in with one rule of the contract removed or one mistake made (`tests/support/broken`): of
`quill` (`tests/support/quill`: as the tutorial's, without the toolkit), of `beam` (no login, no mixed batches), of
`vault` (saved content, signed tokens and receipts) or of a real vendor's. Each must be caught by the conformance kit:
`tests/testing/test_broken_plugins.py` fails when one passes the scenario named here. The promises are those of
`pushgateway.testing.conformance.PROMISES`. Written by `python -m broken.listing`.

| broken | copy of | promise | caught by |
| --- | --- | --- | --- |
"""


def listing() -> str:
    """The whole page."""
    rows = ((one.name, one.base.name, one.promise, f"`{one.scenario}`") for one in BROKEN)
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(listing())
