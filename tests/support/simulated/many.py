"""Runs many simulated days on all processors: `python -m simulated.many COUNT [FIRST]`. Used by `tox -e simulate`.

It prints each failing day with as few troubles as the failure needs, and exits with 1 if there was one.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from simulated.day import Plan, describe, live, shrink

WORTH_PRINTING = 20


def lived(seed: int) -> tuple[dict[str, int], str]:
    """Run one day. Returns its outcomes by status, and the text to print if a promise was broken."""
    report = live(Plan.drawn(seed))
    if not report.faults:
        return report.outcomes, ""
    return report.outcomes, describe(live(shrink(report.plan, lambda plan: bool(live(plan).faults))))


def main(count: int, first: int = 0) -> int:
    """Run the seeds `first` and the `count - 1` after it."""
    begun, failed, pushes = time.monotonic(), 0, 0
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        days = pool.map(lived, range(first, first + count), chunksize=10)
        for number, (outcomes, report) in enumerate(days, 1):
            pushes += sum(outcomes.values())
            failed += bool(report)
            if report and failed <= WORTH_PRINTING:
                sys.stdout.write(f"{report}\n\n")
            if number % 500 == 0 or number == count:
                took = time.monotonic() - begun
                sys.stdout.write(f"{number} days, {pushes} pushes, {failed} with a broken promise, {took:.0f} s\n")
                sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
