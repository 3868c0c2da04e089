"""Try a random sample of mutants: `tox -e mutate -- --seed 1 --size 50`.

Each mutant is imported by pytest processes of its own (see `replaced`), two mutants at a time, and is tried on the
tests that are nearest to it first: those named after the module, then those of its package and those that import
it, then all of the everyday suite (not with `--near`, which takes a few minutes instead of half an hour). A mutant that
no test notices is printed with its line before and after; the exit code is 1 when more than `--allow` percent survive.
A test run that ends in a time-out has noticed the mutant.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from mutation.mutants import ROOT, Mutant, drawn, module_of
from mutation.replaced import VARIABLE

TIMEOUT = 1500.0
"""Seconds for one run of tests; the whole suite takes a third of it."""
NO_TESTS = pytest.ExitCode.NO_TESTS_COLLECTED
"""All tests of a group are marked `days`."""
AFTER = (
    "test_packaging",
    "test_benchmarks",
    "test_habits",
    "test_layers",
    "test_public_modules",
    "test_catalogue",
    "test_planted",
)
"""Test files that read sources instead of running them, or that take long: never the nearest."""


APART = ("browser", "services")
"""Folders of tests that need more than Python, and have environments of their own."""


def nearest(module: str, *, near: bool = False) -> list[list[str]]:
    """Groups of test files, the nearest to `module` first; together the whole everyday suite of core and plug-ins.

    `near`: without the last group, which has nothing to do with the module but by way of others.
    """
    files = sorted([*ROOT.glob("tests/*/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")])
    files = [path for path in files if path.parent.name not in APART and not path.stem.startswith(AFTER)]
    word = module.rpartition(".")[2]
    is_plugin = module.startswith("pushgateway_")
    if is_plugin:
        package = ROOT / "plugins" / module.partition(".")[0].removeprefix("pushgateway_") / "tests"
    else:
        package = ROOT / "tests" / module.split(".")[1] if "." in module else ROOT / "tests"
    named = [path for path in files if path.stem.removeprefix("test_").startswith(word)]
    named = [path for path in named if path.parent == package or not is_plugin]
    rest = [path for path in files if path not in named]
    importing = [path for path in rest if path.parent == package or module in path.read_text("utf-8")]
    others = [path for path in rest if path not in importing]
    if is_plugin:
        others.sort(key=lambda path: "plugins" not in path.parts)
    groups = (named, importing) if near else (named, importing, others)
    return [[str(path.relative_to(ROOT)) for path in group] for group in groups if group]


def is_green(mutants: Sequence[Mutant], folder: Path, *, near: bool) -> bool:
    """Whether the tests of all these mutants pass without any; otherwise every mutant would seem to be noticed."""
    modules = {module_of(mutant.path) for mutant in mutants}
    files = {file for module in modules for group in nearest(module, near=near) for file in group}
    return not _fails([sorted(files)], {}, folder)


def is_noticed(mutant: Mutant, folder: Path, *, near: bool) -> bool:
    """Whether a test fails with this mutant."""
    module = module_of(mutant.path)
    text = folder / "mutant.py"
    text.write_text(mutant.source(), "utf-8")
    return _fails(nearest(module, near=near), {VARIABLE: f"{module}={text}"}, folder)


def _fails(groups: Sequence[Sequence[str]], variables: Mapping[str, str], folder: Path) -> bool:
    environment = {
        **os.environ,
        **variables,
        "PYTHONPATH": str(ROOT / "tests" / "support"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for group in groups:
        command = [sys.executable, "-m", "pytest", "-p", "mutation.replaced", "-p", "no:cacheprovider", "-x", "-q"]
        command += ["-m", "not days", f"--basetemp={folder / 'tests'}", *group]
        try:
            run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return True
        if run.returncode not in (0, NO_TESTS):
            if not variables:
                say((run.stdout + run.stderr).decode(errors="replace")[-2000:])
            return True
    return False


def tried(mutant: Mutant, *, near: bool) -> tuple[Mutant, bool, float]:
    """A mutant, whether it was noticed, and after how many seconds."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pushgateway-mutant-") as folder:
        noticed = is_noticed(mutant, Path(folder), near=near)
    return mutant, noticed, time.monotonic() - begun


def say(text: str) -> None:
    """A line for people, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Draw, try, print; 1 when too many survive."""
    parser = argparse.ArgumentParser(prog="tox -e mutate --", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the random sample")
    parser.add_argument("--size", type=int, default=50, help="how many mutants; 0: every one")
    parser.add_argument("--only", default="", help="a part of the path of the sources, such as transport/")
    parser.add_argument("--allow", type=float, default=5.0, help="percent that may survive")
    parser.add_argument("--near", action="store_true", help="only the tests of the mutant's module and package")
    given = parser.parse_args(arguments)
    mutants = drawn(given.size, given.seed, given.only)
    with tempfile.TemporaryDirectory(prefix="pushgateway-sound-") as folder:
        if not is_green(mutants, Path(folder), near=given.near):
            say("the suite fails without any change: mend that first")
            return 2
    survivors = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (mutant, noticed, seconds) in enumerate(pool.map(partial(tried, near=given.near), mutants), 1):
            say(f"{number:>4} {'noticed ' if noticed else 'SURVIVED'} {seconds:6.1f} s  {mutant.name}")
            if not noticed:
                survivors.append(mutant)
                before, after = mutant.lines()
                say(f"       - {before.strip()}\n       + {after.strip()}")
    share = 100 * len(survivors) / max(len(mutants), 1)
    say(f"{len(mutants)} mutants, {len(survivors)} survived ({share:.1f} %), seed {given.seed}")
    return 1 if share > given.allow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
