"""Runs many simulated days on all processors: `python -m simulated.many COUNT [FIRST]`. Used by `tox -e simulate`.

It prints each failing day with as few troubles as the failure needs, and what happened in all: hours, outcomes,
requests, receipts, and a digest of the records of all days, which is the same in each run of the same seeds. Every
twentieth day is lived twice, and must be the same. It exits with 1 if a day failed.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import attrs

from simulated.day import END, DayReport, Plan, describe, live, shrink

WORTH_PRINTING = 20
TWICE = 20
"""Of so many days one is lived twice."""


def lived(seed: int) -> tuple[DayReport, str]:
    """Run one day. Returns its report, and the text to print if it failed."""
    report = live(Plan.drawn(seed))
    if report.faults:
        text = describe(live(shrink(report.plan, lambda plan: bool(live(plan).faults))))
    elif seed % TWICE == 0 and live(report.plan).story != report.story:
        text = f"seed {seed}: the same day was another one when it was lived again"
    else:
        text = ""
    return attrs.evolve(report, plan=attrs.evolve(report.plan, troubles=(), acts=())), text


def main(count: int, first: int = 0) -> int:
    """Run the seeds `first` and the `count - 1` after it."""
    begun, failed, record = time.monotonic(), 0, hashlib.blake2b(digest_size=16)
    outcomes, calls = Counter[str](), Counter[str]()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        days = pool.map(lived, range(first, first + count), chunksize=10)
        for number, (report, text) in enumerate(days, 1):
            record.update(report.story.encode())
            outcomes.update(report.outcomes)
            calls.update(report.calls)
            failed += bool(text)
            if text and failed <= WORTH_PRINTING:
                sys.stdout.write(f"{text}\n\n")
            if number % 500 == 0 or number == count:
                hours, took = number * END / 3600, time.monotonic() - begun
                sys.stdout.write(f"{number:,} days ({hours:,.0f} hours), {outcomes.total():,} pushes, {took:.0f} s: ")
                sys.stdout.write(f"{failed} with a broken promise\n")
                sys.stdout.flush()
    for what, counted in (("outcomes", outcomes), ("requests, receipts and calls", calls)):
        sys.stdout.write(f"{what}: {', '.join(f'{times:,} {name}' for name, times in counted.most_common())}\n")
    sys.stdout.write(f"record: {record.hexdigest()}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
