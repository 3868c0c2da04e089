"""`python -m kills COUNT [SEED [URL]]`: kill, print what was found, and exit with 1 if a promise was broken."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from kills.judge import play


def main(count: str, seed: str = "0", url: str = "") -> int:
    """Play and print. `url`: of the store, such as a PostgreSQL; "": an SQLite file."""
    with tempfile.TemporaryDirectory(prefix="pushgateway-kills-") as folder:
        report = play(Path(folder), int(count), int(seed), url)
    sys.stdout.write(f"{report.kills:,} kills, {report.put:,} pushes put, {report.delivered:,} delivered\n")
    for (brand, status), number in sorted(report.results.items()):
        sys.stdout.write(f"{brand}: {number:,} {status}\n")
    for brand, number in sorted(report.twice.items()):
        sys.stdout.write(f"{brand}: {number:,} delivered more than once\n")
    sys.stdout.write(f"{len(report.broken)} broken promises\n")
    for sentence, number in Counter(report.broken).most_common(20):
        sys.stdout.write(f"  {number:,} x {sentence}\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
