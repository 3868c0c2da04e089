"""Runs every benchmark and writes the performance page: `measured.json`, its tables in every language, its plot.

Law of this file: no figure is typed. The page's words are written by hand; what stands between its markers comes from
`measured.json`, and that comes from one run. `--written` leaves the run out and writes the page from the last one.
The scripts speak English; what a table says in Chinese is in `docs/zh/words.toml`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from common import Table, Target, positive, show

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs" / "tools"))  # where the languages are

from words import LANGUAGES, Say, words

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
MEASURED = HERE / "measured.json"
PAGES = {language: DOCS / language / "performance.md" for language in LANGUAGES}
PLOT = PAGES["en"].with_suffix(".svg")
SCRIPTS = ("throughput", "singles", "latency", "growth", "holds", "waiting", "memory")
"""In the order in which they run."""
_SLOT = re.compile(r"(<!-- table: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def measure(most: int | None) -> dict[str, Any]:
    """Run them all; what they printed, and on what kind of machine. `most`: pushes of a script, for a short run."""
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "most": most,
        "scripts": {},
    }
    for name in SCRIPTS:
        begun = time.monotonic()
        more = [] if most is None else ["--most", str(most)]
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), "--json", *more], check=False, stdout=subprocess.PIPE, text=True
        )
        if not done.stdout:
            raise RuntimeError(f"{name}.py gave no figures")
        seconds = round(time.monotonic() - begun)
        found["scripts"][name] = {"seconds": seconds, **json.loads(done.stdout)}
        sys.stderr.write(f"{name}: {seconds} s\n")
    return found


def targets(measured: Mapping[str, Any]) -> list[Target]:
    """What was promised, by all scripts."""
    names = [field.name for field in attrs.fields(Target)]
    found = [one for run in measured["scripts"].values() for one in run["targets"]]
    return [Target(**{name: one[name] for name in names}) for one in found]


def slots(measured: Mapping[str, Any], say: Say = str) -> Iterator[tuple[str, str]]:
    """What belongs between the markers of the page: name and Markdown, each cell said in the language of the page."""
    for script, run in measured["scripts"].items():
        for table in run["tables"]:
            yield f"{script}.{table['name']}", str(said(Table(**table), say))
    rows = [
        (one.text, f"{one.limit:g}", show(float(one.measured)), "met" if one.met else "missed")
        for one in targets(measured)
    ]
    yield "targets", str(said(Table("targets", ("what", "limit", "measured", ""), rows), say))
    seconds = sum(run["seconds"] for run in measured["scripts"].values())
    where = f"{measured['cores']} cores, {measured['system']}, {measured['python']}"
    short = f", short: at most {measured['most']:,} pushes a script" if measured["most"] else ""
    yield "run", say(f"One run of {round(seconds / 60)} minutes on {where}{short}.")


def said(table: Table, say: Say) -> Table:
    """The table in the language of the page."""
    rows = [[say(show(cell)) for cell in row] for row in table.rows]
    return Table(table.name, [say(head) for head in table.heads], rows)


def filled(page: str, measured: Mapping[str, Any], say: Say = str) -> str:
    """The page with everything between its markers as measured. Raises `KeyError` for a marker nothing belongs to."""
    found = dict(slots(measured, say))
    return _SLOT.sub(lambda slot: f"{slot[1]}{found[slot[2]]}\n{slot[3]}", page)


def main() -> int:
    """Measure and write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--written", action="store_true", help="no run: write the page from measured.json")
    parser.add_argument("--most", type=positive, help="a short run: no more pushes than this in each script")
    given = parser.parse_args()
    from plot import draw  # before the long run, because it needs matplotlib

    measured = json.loads(MEASURED.read_text("utf-8")) if given.written else measure(given.most)
    MEASURED.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")  # first: a page can be written again, a run not
    PLOT.write_text(draw(measured), "utf-8")
    for language, path in PAGES.items():
        spoken = words(language, path.name)
        text = filled(path.read_text("utf-8"), measured, spoken.say)
        spoken.check()
        path.write_text(text, "utf-8")
    judged = targets(measured)
    print("\n".join(map(str, judged)))
    return 0 if all(target.met for target in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
