"""`python -m fleet COUNT [SEED]`: play, print what happened, and exit with 1 if a promise was broken."""

from __future__ import annotations

import sys
import time
from collections import Counter

from fleet.rounds import play


def main(count: int, seed: int = 0) -> int:
    """Play and print."""
    begun, shown = time.monotonic(), 0

    def show(pushes: int) -> None:
        nonlocal shown
        if pushes >= shown + 100_000:
            shown = pushes
            sys.stdout.write(f"{pushes:,} pushes, {time.monotonic() - begun:.0f} s\n")
            sys.stdout.flush()

    report = play(count, seed=seed, after_round=show)
    for name, counted in (("pushes", report.outcomes), ("receipts", report.receipts), ("checks", report.checks)):
        _show(name, counted)
    sys.stdout.write(f"{report.pushes:,} pushes, {len(report.broken)} broken promises\n")
    for sentence in report.broken[:20]:
        sys.stdout.write(f"  {sentence}\n")
    return 1 if report.broken else 0


def _show(name: str, counted: Counter[tuple[str, str]]) -> None:
    by_brand: dict[str, list[str]] = {}
    for (brand, ending), number in sorted(counted.items()):
        by_brand.setdefault(brand, []).append(f"{number:,} {ending}")
    for brand, endings in by_brand.items():
        sys.stdout.write(f"{brand}, {name}: {', '.join(endings)}\n")


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
