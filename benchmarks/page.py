"""Runs every benchmark and writes the performance page: `measured.json`, its tables in both languages, its plot.

The text of the page is written by hand. What stands between its markers comes from `measured.json`, which is the result
of one run. `--written` skips the run and writes the page from the last one. The scripts print English; the Chinese
texts of the tables are in `docs/zh/words.toml`.
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

from words import LANGUAGES, Translate, words

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
MEASURED = HERE / "measured.json"
PAGES = {language: DOCS / language / "performance.md" for language in LANGUAGES}
PLOT = PAGES["en"].with_suffix(".svg")
SCRIPTS = ("throughput", "singles", "latency", "growth", "holds", "waiting", "memory")
"""In the order in which they run."""
_SLOT = re.compile(r"(<!-- table: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def measure(most: int | None) -> dict[str, Any]:
    """Run all scripts. Returns what they printed and the kind of machine. `most`: a limit of pushes, for a short
    run.
    """
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
    """The targets of all scripts."""
    names = [field.name for field in attrs.fields(Target)]
    found = [one for run in measured["scripts"].values() for one in run["targets"]]
    return [Target(**{name: one[name] for name in names}) for one in found]


def slots(measured: Mapping[str, Any], translate: Translate = str) -> Iterator[tuple[str, str]]:
    """What belongs between the markers of the page: name and Markdown, translated into the language of the page."""
    for script, run in measured["scripts"].items():
        for table in run["tables"]:
            yield f"{script}.{table['name']}", str(translated(Table(**table), translate))
    rows = [
        (one.text, f"{one.limit:g}", show(float(one.measured)), "met" if one.met else "missed")
        for one in targets(measured)
    ]
    yield "targets", str(translated(Table("targets", ("what", "limit", "measured", ""), rows), translate))
    seconds = sum(run["seconds"] for run in measured["scripts"].values())
    where = f"{measured['cores']} cores, {measured['system']}, {measured['python']}"
    short = f", short: at most {measured['most']:,} pushes a script" if measured["most"] else ""
    yield "run", translate(f"One run of {round(seconds / 60)} minutes on {where}{short}.")


def translated(table: Table, translate: Translate) -> Table:
    """The table in the language of the page."""
    rows = [[translate(show(cell)) for cell in row] for row in table.rows]
    return Table(table.name, [translate(head) for head in table.heads], rows)


def filled(page: str, measured: Mapping[str, Any], translate: Translate = str) -> str:
    """The page with the measured figures between its markers. Raises `KeyError` for an unknown marker."""
    found = dict(slots(measured, translate))
    return _SLOT.sub(lambda slot: f"{slot[1]}{found[slot[2]]}\n{slot[3]}", page)


def main() -> int:
    """Measure and write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--written", action="store_true", help="no run: write the page from measured.json")
    parser.add_argument("--most", type=positive, help="a short run: no more pushes than this in each script")
    given = parser.parse_args()
    from plot import draw  # before the long run: it fails here if matplotlib is missing

    measured = json.loads(MEASURED.read_text("utf-8")) if given.written else measure(given.most)
    MEASURED.write_text(
        json.dumps(measured, indent=1) + "\n", "utf-8"
    )  # first, because the run cannot be repeated quickly
    PLOT.write_text(draw(measured), "utf-8")
    for language, path in PAGES.items():
        translations = words(language, path.name)
        text = filled(path.read_text("utf-8"), measured, translations.translate)
        translations.check()
        path.write_text(text, "utf-8")
    judged = targets(measured)
    print("\n".join(map(str, judged)))
    return 0 if all(target.met for target in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
