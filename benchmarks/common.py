"""What the benchmarks share: messages, readings, tables, targets and the command line.

Nothing is measured here. A reading is the wall time and the CPU time of this process. Contenders take turns over
several rounds, and the median counts. Machines are noisy, so only ratios within one run are compared. A missed target
is reported in words and by the exit code.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from pushgateway import Notification, OpenIntent, Outcome, Push, PushToken

CERTIFICATE_ID = "7005"
SEED = 7
"""Of the sandboxes: two with the same seed and number of phones have the same tokens."""
_TITLE, _BODY, _DATA = (8, 16), (50, 70), 40


# Messages


def make_pushes(tokens: Sequence[str], count: int) -> Iterator[Push]:
    """`count` different pushes to `tokens` in turns: titles of about 12 and bodies of about 60 Han characters.

    As a chat server would send them: a tap opens an intent, and the data name the chat.
    """
    rng = random.Random(SEED)
    for number in range(count):
        note = Notification(
            _han(rng, *_TITLE),
            _han(rng, *_BODY),
            click=OpenIntent("com.example.chat.OPEN"),
            data={"conversation": f"group-{number:09d}", "sender": f"user-{rng.getrandbits(_DATA):012x}", "kind": 1},
            ttl=86_400,
        )
        yield Push(PushToken(CERTIFICATE_ID, tokens[number % len(tokens)]), note)


def _han(rng: random.Random, least: int, most: int) -> str:
    return "".join(map(chr, rng.choices(range(0x4E00, 0x9FA6), k=rng.randint(least, most))))


def wire_message(push: Push, message_id: str) -> dict[str, Any]:
    """The same push as the dict that OPPO wants, as somebody without a gateway would write it."""
    note = push.notification
    assert isinstance(note.click, OpenIntent)
    return {
        "target_type": 2,
        "target_value": push.push_token.token,
        "notification": {
            "app_message_id": message_id,
            "title": note.title,
            "content": note.body,
            "click_action_type": 1,
            "click_action_activity": note.click.action,
            "action_parameters": json.dumps(note.data, ensure_ascii=False),
            "off_line_ttl": note.ttl,
        },
    }


def expect_accepted(outcomes: Iterable[Outcome], count: int) -> None:
    """Raise `RuntimeError` unless there are `count` outcomes and each is accepted and not truncated: otherwise the
    figure would be of something else.
    """
    taken = sum(outcome.ok and not outcome.truncated for outcome in outcomes)
    if taken != count:
        raise RuntimeError(f"{taken} of {count} pushes were accepted whole")


# Readings


@attrs.frozen
class Reading:
    """One round of one contender."""

    pushes: int
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of CPU of this process."""
    beside: float | None = None
    """Seconds of CPU per push that N took for the same messages, right before and right after; None: not measured."""


class Stopwatch:
    """Measures wall and CPU time of this process since its creation."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()  # objects made before, such as the messages, must not cost garbage collection time here
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self, pushes: int) -> Reading:
        """The time since creation, for so many pushes."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        gc.unfreeze()
        return Reading(pushes, wall, cpu)


@attrs.frozen
class Row:
    """The medians of one contender."""

    name: str
    pushes: int
    per_second: float
    cpu: float
    """Microseconds per push."""
    times_n: float | None
    """CPU in units of N; None if N was not measured beside it."""


def median_row(name: str, readings: Sequence[Reading]) -> Row:
    """The medians over all rounds."""
    per_second = statistics.median(reading.pushes / reading.wall for reading in readings)
    cpu = statistics.median(reading.cpu / reading.pushes for reading in readings)
    return Row(name, readings[0].pushes, per_second, cpu * 1e6, times_n(readings))


def times_n(readings: Sequence[Reading]) -> float | None:
    """CPU per push, times that of N for the same messages: the median of the ratios of all rounds.

    This is the only place that makes this ratio, so tables, targets and the plot show the same figure.
    """
    ratios = [one.cpu / one.pushes / one.beside for one in readings if one.beside is not None]
    return statistics.median(ratios) if ratios else None


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios within each round, which a slow moment of the machine moves least."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


# Targets, tables and how they are shown

Cell: TypeAlias = str | int | float | None


@attrs.frozen
class Target:
    """A limit, and what was measured."""

    text: str
    measured: float
    limit: float
    at_least: bool = False
    """True: more is better."""

    @property
    def met(self) -> bool:
        """Whether the measured value is within the limit; the limit itself still counts."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "missed"
        return f"target: {self.text} {self.limit:g} - measured {self.measured:.2f} - {verdict}"


@attrs.frozen
class Table:
    """Figures under column heads. Numbers stay numbers until they are shown."""

    name: str
    """Within its script; by it the page finds the table."""
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __str__(self) -> str:
        """Markdown."""
        rule = ["---", *["---:"] * (len(self.heads) - 1)]
        cells = [self.heads, rule, *([show(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def show(cell: Cell) -> str:
    """A cell as text: about three significant figures, with thousands separators. A dash if it was not measured."""
    if cell is None or isinstance(cell, str):
        return cell or "-"
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def report(tables: Sequence[Table], targets: Sequence[Target], *, as_json: bool) -> int:
    """Print tables and verdicts, or one JSON object; the exit code is 1 when a target is missed."""
    if as_json:
        judged = [{**attrs.asdict(target), "met": target.met} for target in targets]
        print(json.dumps({"tables": [attrs.asdict(table) for table in tables], "targets": judged}))
    else:
        print("\n\n".join([*map(str, tables), "\n".join(map(str, targets))]))
    return 0 if all(target.met for target in targets) else 1


def cost_table(name: str, rows: Sequence[Row]) -> Table:
    """Throughput and CPU of each row, also in units of N."""
    return Table(
        name,
        ("what", "pushes", "pushes/s", "CPU us/push", "CPU / N"),
        [(row.name, row.pushes, row.per_second, row.cpu, row.times_n) for row in rows],
    )


def options(
    docstring: str, *, count: int, rounds: int = 0, more: Callable[[argparse.ArgumentParser], None] | None = None
) -> Any:
    """The command line: `--count`, `--most`, `--json`, `--rounds` where there are any, and what the script adds."""
    parser = argparse.ArgumentParser(description=docstring.partition("\n")[0])
    parser.add_argument("--count", type=positive, default=count, help="pushes (default: %(default)s)")
    parser.add_argument("--most", type=positive, default=None, help="no more pushes than this, for a short run")
    if rounds:
        parser.add_argument("--rounds", type=positive, default=rounds, help="rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
    if more is not None:
        more(parser)
    given = parser.parse_args()
    given.count = min(given.count, given.most or given.count)
    return given


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


# The second process


@contextmanager
def neighbour(phones: int, *, program: str = "stub.py", brand: str = "oppo") -> Iterator[Mapping[str, Any]]:
    """Run a vendor on loopback in a second process, whose CPU is not counted here. Gives a certificate's settings.

    `stub.py` answers as fast as it can and knows every token of any `brand`; `neighbour.py` is OPPO's strict sandbox
    with `phones`.
    """
    command = [sys.executable, str(Path(__file__).with_name(program)), str(phones), str(SEED), brand]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            announced = process.stdout.readline()
            if not announced:
                raise RuntimeError("the second process did not start")
            yield json.loads(announced)
        finally:
            process.stdin.close()  # it ends when its standard input is closed, also if this process is killed
