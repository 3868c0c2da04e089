"""`pushgateway demo`: the report shows what happened, and the demo fails when its numbers do not agree.

The numbers of the report are compared with each other, and sandboxes that behave wrongly must be detected.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

import pushgateway.sandbox
from pushgateway.abilities.facts import facts_of
from pushgateway.certificates.plugins import Plugins, installed
from pushgateway.cli import demo_scenes
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.demo import fleet_table
from pushgateway.cli.demo_board import Board, total
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceiptKind
from pushgateway.observe.events import BreakerChanged, BreakerState, Event, LoginDone, OutcomeGiven, RequestDone
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES

STAYS = "The page of phones stays until Ctrl-C; you can send to them there.\n"
WAITS = 180
"""Seconds after which a demo that hangs fails its test."""


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The result of the demo, run as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "pushgateway.cli", "demo", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=WAITS,
    )


def short_demo(*arguments: str, brand: str = "oppo") -> Result:
    """The result of a short demo of one brand, in this process."""
    return CliRunner().invoke(command, ["demo", "--count", "10", "--brand", brand, *arguments])


def cheating(method: str, replacement: Any) -> type[Sandbox]:
    """OPPO's sandbox with one method replaced."""
    unchanged = find_sandbox("oppo")
    return type("Cheating", (unchanged,), {method: replacement, "__module__": unchanged.__module__})


# The whole demo


def test_the_numbers_add_up() -> None:
    """2,000 messages and more to every installed brand: every outcome is counted, no phone got anything twice, with one
    login at each vendor and one more after its access tokens expired."""
    result = demo("--json", "--count", "2000")

    report = json.loads(result.stdout)
    assert (result.returncode, result.stderr, report["problems"], report["ok"]) == (0, "", [], True)
    brands, fleet = report["brands"], report["fleet"]
    assert brands == sorted(set(installed()) & set(installed(SANDBOXES)))
    assert fleet["pushes"] == sum(fleet["brands"][brand]["pushes"] for brand in brands) == 2000
    assert fleet["outage"]["brand"] in brands
    for brand in brands:
        row = fleet["brands"][brand]
        rejected, later, lost = (sum(row[name].values()) for name in ("rejected", "reported", "not_sent"))
        share = 2000 // len(brands) + (brands.index(brand) < 2000 % len(brands))
        assert row["accepted"] + rejected + lost + row["unknown"] == row["pushes"] == share
        assert (row["dead"], row["muted"]) == (len(range(7, share, 100)), len(range(9, share, 250)))
        if brand != fleet["outage"]["brand"]:
            assert (lost, row["unknown"], rejected + later) == (0, 0, row["dead"] + row["muted"])
        assert set(report["long_message"]["brands"][brand]["truncated"]) in ({"title", "body"}, {"body"})
        assert report["one_text"]["brands"][brand]["outcomes"] == {"accepted": 1500}
        size = facts_of(Plugins().vendor(brand), pushgateway.sandbox.find_sandbox(brand)()).batch_size
        assert report["one_text"]["brands"][brand]["calls"] <= 2 * -(-1500 // size)
        assert report["renewal"]["brands"][brand]["outcomes"] == {"accepted": 40}
    assert report["renewal"]["brands"]["oppo"]["logins"] == 1
    assert report["ledger"]["oppo"]["calls"]["auth"] == 2
    totals = report["totals"]
    assert sum(one["pushes"] for one in totals.values()) == 2000 + (1 + 1500 + 40) * len(brands)
    assert totals["accepted"]["pushes"] == totals["accepted"]["delivered"] + totals["accepted"]["reported"]
    assert totals["rejected"]["delivered"] == totals["not_sent"]["delivered"] == 0
    delivered = sum(one["delivered"] for one in report["ledger"].values())
    assert sum(one["delivered"] for one in totals.values()) == delivered


def test_without_json_there_are_short_sections() -> None:
    """Without a terminal there is no colour, and the table is printed once, at the end; each section says what it
    showed."""
    result = demo("--count", "10")

    sections = [line[:2] for line in result.stdout.splitlines() if line[:1].isdigit()]
    assert (result.returncode, result.stderr) == (0, "")
    assert sections == ["1 ", "2 ", "3 "]
    assert result.stdout.count("per s") == 1
    assert "Every number agrees" in result.stdout
    assert not set("\x1b\r\x08") & set(result.stdout)
    assert len(result.stdout.splitlines()) < 60


def test_one_brand_can_be_chosen() -> None:
    """`--brand` plays it alone; an unknown brand is an error."""
    one = short_demo("--json")
    none = CliRunner().invoke(command, ["demo", "--brand", "nobody"])

    assert (one.exit_code, json.loads(one.stdout)["brands"]) == (Exit.OK, ["oppo"])
    assert none.exit_code == Exit.USAGE
    assert "no sandbox for brand 'nobody'" in none.output


@pytest.mark.parametrize("count", ["9", "200001"])
def test_the_number_of_messages_is_limited(count: str) -> None:
    """Fewer than ten messages are refused, because none would be for a muted phone; more than 200,000 are refused as
    too long for a demo."""
    result = CliRunner().invoke(command, ["demo", "--count", count])

    assert result.exit_code == Exit.USAGE


# A vendor that is down for a while


def test_a_vendor_is_down_for_a_while_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Huawei's server stops in the middle of 2,000 pushes, each a request of its own: those that wait are sent when it
    is back, those under way may end without a verdict, and no phone gets one twice."""
    monkeypatch.setattr(demo_scenes, "OUTAGE", 0.3)

    result = CliRunner().invoke(command, ["demo", "--json", "--count", "2000", "--brand", "huawei"])

    report = json.loads(result.stdout)
    row, outage = report["fleet"]["brands"]["huawei"], report["fleet"]["outage"]
    assert (result.exit_code, report["problems"]) == (Exit.OK, [])
    assert (outage["brand"], outage["waiting"] > 0) == ("huawei", True)
    assert outage["stopped"] + 0.3 <= outage["started"] <= outage["resumed"] <= report["fleet"]["seconds"]
    assert row["not_sent"] == {}
    assert row["accepted"] + row["unknown"] + sum(row["rejected"].values()) == 2000
    assert row["accepted"] > 2000 - outage["waiting"]
    assert report["totals"]["unknown"]["delivered"] <= row["unknown"]


def test_a_server_that_is_back_answers_on_its_port() -> None:
    """A vendor's server can be stopped at any time, stops once, and starts again at the address in the certificate."""
    vendor = demo_scenes.DemoVendor("oppo", "7001", find_sandbox("oppo")(tokens=0))
    vendor.stop()  # nothing to stop yet
    vendor.start()
    first = vendor.url
    vendor.stop()
    vendor.start()

    assert vendor.url == first
    vendor.stop()
    vendor.stop()


# The page of phones


@contextmanager
def demo_in_browser(tmp_path: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", IO[str], str]]:
    """A demo of OPPO with its page, its output behind the URL of the page, and that URL. The browser is a script that
    writes down what it is to open."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o700)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a shell runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # otherwise the process ignores it too
    process = subprocess.Popen(
        [sys.executable, "-m", "pushgateway.cli", "demo", "--brand", "oppo", "--browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "BROWSER": str(browser), "LANG": "C.UTF-8"},
    )
    watchdog = threading.Timer(WAITS, process.kill)
    watchdog.start()
    try:
        with process:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield process, process.stdout, found[0]
            if process.poll() is None:
                process.kill()
    finally:
        watchdog.cancel()


def page_state(url: str) -> Any:
    """What the page shows first."""
    with urllib.request.urlopen(f"{url}state", timeout=WAITS) as reply:
        return json.load(reply)


def post(url: str, command: object) -> Any:
    """The reply to a command of the page."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(command).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAITS) as reply:
        return json.load(reply)


def test_the_phones_are_live_in_the_browser(tmp_path: Path) -> None:
    """The page is there from the beginning and shows the phones of the demo; when all scenes are over people can send
    to them; it stays until Ctrl-C, and then nothing of it is left."""
    with demo_in_browser(tmp_path, "--count", "200") as (process, output, url):
        during = page_state(url)
        lines = list(iter(output.readline, STAYS))
        (brand,) = page_state(url)["brands"]
        token = brand["recent"][0]["token"]
        sent = post(f"{url}do", {"do": "send", "brand": "oppo", "tokens": [token], "title": "Ann", "body": "Hello"})
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAITS)

    assert [one["brand"] for one in during["brands"]] == ["oppo"]
    assert (brand["brand"], brand["pushes"], len(brand["recent"])) == ("oppo", 197 + 1 + 1500 + 40, 12)
    assert re.search("第 [0-9]+ 条", brand["recent"][0]["shown"][0]["body"])
    assert "Every number agrees" in "".join(lines)
    assert [one["status"] for one in sent["sends"]] == ["accepted"]
    assert (tmp_path / "opened").read_text().strip() == url
    assert (process.returncode, errors) == (Exit.OK, "")
    with pytest.raises(urllib.error.URLError):
        page_state(url)


def test_ctrl_c_ends_the_demo_in_the_middle(tmp_path: Path) -> None:
    """While scenes are played it is an abort, without a traceback, and nothing is left either."""
    with demo_in_browser(tmp_path, "--count", "200000") as (process, output, url):
        output.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAITS)

    assert (process.returncode, errors.strip()) == (1, "Aborted!")
    with pytest.raises(urllib.error.URLError):
        page_state(url)


def test_the_page_is_for_people() -> None:
    """`--browser` waits for Ctrl-C, so a program that reads `--json` must not ask for it."""
    result = short_demo("--json", "--browser")

    assert result.exit_code == Exit.USAGE
    assert "--browser or --json" in result.output


# The live table


def events(certificate_id: str, *more: tuple[type[Event], dict[str, Any]]) -> list[Event]:
    """Events of one certificate."""
    return [kind(certificate_id=certificate_id, brand="x", **fields) for kind, fields in more]


def ended(status: Status, reason: Reason | None = None) -> tuple[type[Event], dict[str, Any]]:
    return OutcomeGiven, {"status": status, "reason": reason, "duration": 1.0}


def asked(ending: str, sent: bool = True) -> tuple[type[Event], dict[str, Any]]:
    fields = {"region": "", "operation": "push", "pushes": 1, "duration": 1.0, "status": None}
    return RequestDone, {**fields, "ending": ending, "sent": sent}


def breaker(state: BreakerState) -> tuple[type[Event], dict[str, Any]]:
    return BreakerChanged, {"region": "", "state": state}


def scripted_board() -> Board:
    """A board whose clock goes one second for each question, after events of two vendors."""
    ticks = itertools.count()
    board = Board(["1", "2"], clock=lambda: float(next(ticks)))
    for event in (
        *events("1", *[ended(Status.ACCEPTED)] * 4, ended(Status.REJECTED, Reason.UNREGISTERED), asked("reply")),
        *events("2", ended(Status.ACCEPTED), ended(Status.REJECTED, Reason.MUTED), ended(Status.ACCEPTED)),
        *events("2", ended(Status.UNKNOWN, Reason.NO_VERDICT), ended(Status.NOT_SENT, Reason.UNAVAILABLE)),
        *events("2", asked("reply"), asked("no_verdict"), asked("no_verdict", sent=False)),
        *events("2", (LoginDone, {"region": "", "ok": True, "duration": 1.0}), breaker(BreakerState.OPEN)),
        *events("3", ended(Status.ACCEPTED)),  # of no vendor of the demo
    ):
        board(event)
    receipts = [(PushToken(2, "a"), ReceiptKind.MUTED), (PushToken(2, "b"), ReceiptKind.ARRIVED)]
    board.report("2", [Receipt(push_token=one, kind=kind, event="") for one, kind in receipts])
    return board


def test_the_rows_of_the_live_table() -> None:
    """Each brand has its numbers by status and reason; what a receipt reports later stands beside; a request that
    certainly did not leave is no call; the last row has the sums."""
    rows = {number: row.numbers() for number, row in scripted_board().rows.items()}

    heads, cells = fleet_table(rows)

    assert list(heads) == [
        "brand", "accepted", "unregistered", "muted", "not\nsent", "unknown", "calls", "per s"
    ]  # fmt: skip
    assert [list(row) for row in cells] == [
        ["1", "4", "1", "0", "0", "0", "1", "1"],
        ["2", "2", "0", "1, 1 later", "1", "1", "2", ("down", "red")],
        ["all", "6", "1", "1, 1 later", "1", "1", "3", ""],
    ]
    assert rows["2"]["not_sent"] == {"unavailable": 1}
    assert total(rows.values())["pushes"] == 10


def test_a_vendor_that_answers_again_is_no_longer_down() -> None:
    """While a test request is under way it is still down; when it was answered the row has the moment."""
    board = scripted_board()
    row = board.rows["2"]
    seen: list[tuple[bool, bool]] = []
    for state in (BreakerState.HALF_OPEN, BreakerState.OPEN, BreakerState.CLOSED):
        for event in events("2", breaker(state)):
            board(event)
        seen.append((row.is_down, row.resumed is not None))

    assert seen == [(True, False), (True, False), (False, True)]


# Numbers that do not agree


def problems(result: Result) -> Sequence[str]:
    """The problems in a report that must have failed."""
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (Exit.FAILED, False)
    return list(report["problems"])


def test_the_demo_detects_a_push_that_is_delivered_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """When pushes are delivered twice the demo says so, in text and in JSON, and fails."""

    def twice(self: Sandbox, phone: Any, delivery: Any) -> None:
        Sandbox.deliver(self, phone, delivery)
        Sandbox.deliver(self, phone, delivery)

    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("deliver", twice))

    words = short_demo()

    assert "mixed fleet: oppo: 8 pushes ended accepted and were delivered 2 times" in problems(short_demo("--json"))
    assert words.exit_code == Exit.FAILED
    assert "These numbers do not agree:" in words.stdout
    assert "Every number agrees" not in words.stdout


def test_the_demo_detects_a_push_that_is_accepted_and_not_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that accepts everything and delivers nothing is found in every scene."""
    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("deliver", lambda *_: None))

    found = problems(short_demo("--json"))

    assert "mixed fleet: oppo: 8 pushes ended accepted and were delivered 0 times" in found
    assert "renewal: oppo: 40 pushes ended accepted and were delivered 0 times" in found


def test_the_demo_detects_deliveries_and_calls_without_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger has too much is found: a delivery to a phone that nothing was sent to, a request that never
    left."""

    def too_much(self: Sandbox, phone: Any, delivery: Any) -> None:
        Sandbox.deliver(self, phone, delivery)
        self.ledger.note("another phone", None)
        self.ledger.note_call("unicast", 0)

    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("deliver", too_much))

    found = [problem.partition(": ")[2] for problem in problems(short_demo("--json"))]

    assert [problem.partition(":")[0] for problem in found] == [
        "deliveries in the ledger",
        "requests that the sandbox counted",
    ]


def test_the_demo_detects_access_tokens_that_never_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that did not take place is not reported as one."""
    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("expire_tokens", lambda self: None))

    assert problems(short_demo("--json")) == ["renewal: oppo: logins after the expiry: 0, must be 1"]


def test_audit_finds_every_contradiction() -> None:
    """An accepted push must be delivered once, or be reported by a receipt; one without a verdict once at most, any
    other one never."""
    pushes = [Push(PushToken(7001, token), Notification("a", "b")) for token in "abcdefg"]
    a, b, c, d, e, f, g = pushes
    sandbox = find_sandbox("oppo")(tokens=0)
    for token in "adeff":
        sandbox.ledger.note(token, None)
    vendor = demo_scenes.DemoVendor("oppo", "7001", sandbox)
    audit = demo_scenes.Audit()

    audit.outcomes(
        "s",
        vendor,
        [
            Outcome.accepted(a, "1"),
            Outcome.accepted(b, "2"),
            Outcome.rejected(c, Reason.MUTED),
            Outcome.rejected(d, Reason.MUTED),
            Outcome.unknown(e, "silence"),
            Outcome.unknown(f, "silence"),
            Outcome.accepted(g, "3"),
        ],
        {"g"},
    )

    assert sorted(audit.problems) == [
        "s: 1 pushes ended accepted and were delivered 0 times",
        "s: 1 pushes ended rejected and were delivered 1 times",
        "s: 1 pushes ended unknown and were delivered 2 times",
    ]
    assert audit.totals[Status.ACCEPTED] == Counter(pushes=3, delivered=1, reported=1)
    assert audit.totals[Status.UNKNOWN] == Counter(pushes=2, delivered=3)
