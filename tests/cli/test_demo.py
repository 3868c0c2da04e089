"""`pushgateway demo`: the report shows what happened, and the demo fails when its numbers do not agree.

The numbers of the report are compared with each other, and sandboxes that behave wrongly must be detected.
"""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner

import pushgateway.sandbox
from pushgateway.certificates.plugins import installed
from pushgateway.cli import demo_scenes
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The result of the demo, run as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "pushgateway.cli", "demo", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def cheating(method: str, replacement: Any) -> type[Sandbox]:
    """OPPO's sandbox with one method replaced."""
    unchanged = find_sandbox("oppo")
    return type("Cheating", (unchanged,), {method: replacement, "__module__": unchanged.__module__})


def test_the_numbers_add_up() -> None:
    """2,000 messages and more to every installed brand: every outcome is counted, in few calls, with one login at each
    vendor and one more after its access tokens expired."""
    result = demo("--json", "--count", "2000")

    report = json.loads(result.stdout)
    brands, share = report["brands"], 2000 // len(report["brands"])
    long, many, one_text, renewal = (
        report[name]["brands"] for name in ("one_long_message", "many_messages", "one_text", "renewal")
    )
    assert (result.returncode, result.stderr, report["problems"], report["ok"]) == (0, "", [], True)
    assert brands == sorted(set(installed()) & set(installed(SANDBOXES)))
    assert all(set(part) == set(brands) for part in (long, many, one_text, renewal, report["ledger"]))
    for brand in brands:
        dead, muted = many[brand]["dead"], many[brand]["muted"]
        refused = sum(number for name, number in many[brand]["outcomes"].items() if name != "accepted")
        assert set(long[brand]["truncated"]) in ({"title", "body"}, {"body"})  # Huawei limits both together
        assert many[brand]["pushes"] == sum(many[brand]["outcomes"].values()) == share
        assert (dead, muted) == (len(range(7, share, 100)), len(range(9, share, 250)))
        assert refused + sum(many[brand]["receipts"].values()) == dead + muted
        assert one_text[brand]["outcomes"] == {"accepted": 1500}
        assert sum(one_text[brand]["calls"].values()) <= 4
        assert renewal[brand]["outcomes"] == {"accepted": 40}
        assert report["ledger"][brand]["delivered"] == 1 + share - dead - muted + 1500 + 40 + outage_of(report, brand)
    assert many["oppo"]["outcomes"] == {"accepted": share - dead - muted, "unregistered": dead, "muted": muted}
    assert renewal["oppo"]["logins"] == 1
    assert report["ledger"]["oppo"]["calls"]["auth"] == 2


def outage_of(report: Any, brand: str) -> int:
    """Pushes of `brand` that were accepted while another vendor was down. There is an outage where there are several
    brands: the last one is down, its pushes end without being sent, all others are accepted."""
    if len(report["brands"]) == 1:
        return 0
    *others, down = report["brands"]
    outcomes = {name: one["outcomes"] for name, one in report["outage"]["brands"].items()}
    assert report["outage"]["down"] == down
    assert {name: outcomes[name] for name in others} == {name: {"accepted": 40} for name in others}
    assert sum(outcomes[down].values()) == 40
    assert set(outcomes[down]) <= {"unavailable", "expired"}
    return 0 if brand == down else 40


def test_without_json_there_are_short_sections() -> None:
    """Without a terminal there is no colour and no progress bar; each section says what it showed."""
    result = demo("--count", "10")

    sections = [line[:2] for line in result.stdout.splitlines() if line[:1].isdigit()]
    assert (result.returncode, result.stderr) == (0, "")
    assert sections == [f"{number} " for number in range(1, len(sections) + 1)]
    assert len(sections) >= 5
    assert "Every number agrees" in result.stdout
    assert not set("\x1b\r\x08") & set(result.stdout)
    assert len(result.stdout.splitlines()) < 80
    assert "CN_" not in result.stdout


def test_one_brand_can_be_chosen() -> None:
    """`--brand` plays it alone, so that there is no outage that others could notice; an unknown brand is an error."""
    one = CliRunner().invoke(command, ["demo", "--json", "--count", "10", "--brand", "oppo"])
    none = CliRunner().invoke(command, ["demo", "--brand", "nobody"])

    report = json.loads(one.stdout)
    assert (one.exit_code, report["brands"], "outage" in report) == (Exit.OK, ["oppo"], False)
    assert none.exit_code == Exit.USAGE
    assert "no sandbox for brand 'nobody'" in none.output


@pytest.mark.parametrize("count", ["9", "200001"])
def test_the_number_of_messages_is_limited(count: str) -> None:
    """Fewer than ten messages are refused, because none would be for a muted phone; more than 200,000 are refused as
    too long for a demo."""
    result = CliRunner().invoke(command, ["demo", "--count", count])

    assert result.exit_code == Exit.USAGE


def test_the_demo_detects_a_push_that_is_delivered_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """When pushes are delivered twice the demo says so, in text and in JSON, and fails."""

    def twice(self: Sandbox, phone: Any, delivery: Any) -> None:
        Sandbox.deliver(self, phone, delivery)
        Sandbox.deliver(self, phone, delivery)

    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("deliver", twice))

    as_json = CliRunner().invoke(command, ["demo", "--json", "--count", "10", "--brand", "oppo"])
    words = CliRunner().invoke(command, ["demo", "--count", "10", "--brand", "oppo"])

    report = json.loads(as_json.stdout)
    assert as_json.exit_code == words.exit_code == Exit.FAILED
    assert report["ok"] is False
    assert "many messages: oppo: 8 pushes ended accepted and were delivered 2 times" in report["problems"]
    assert "These numbers do not agree:" in words.stdout
    assert "Every number agrees" not in words.stdout


def test_the_demo_detects_access_tokens_that_never_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that did not take place is not reported as one."""
    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("expire_tokens", lambda self: None))

    result = CliRunner().invoke(command, ["demo", "--json", "--count", "10", "--brand", "oppo"])

    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stdout)["problems"] == ["renewal: oppo: logins after the expiry: 0, must be 1"]


def test_audit_finds_every_contradiction() -> None:
    """An accepted push must be delivered once and a refused one never; a push without a verdict counts as a problem."""
    pushes = [Push(PushToken(1, token), Notification("a", "b")) for token in "abcde"]
    a, b, c, d, e = pushes
    outcomes = [
        Outcome.accepted(a, "1"),
        Outcome.accepted(b, "2"),
        Outcome.rejected(c, Reason.MUTED),
        Outcome.rejected(d, Reason.MUTED),
        Outcome.unknown(e, "silence"),
    ]
    delivered = Counter({"a": 1, "d": 1, "e": 1})

    found = demo_scenes.compare_with_ledger(outcomes, lambda token: delivered[token])

    assert sorted(found) == [
        "1 pushes ended accepted and were delivered 0 times",
        "1 pushes ended rejected and were delivered 1 times",
        "1 pushes ended without a verdict",
    ]
    assert demo_scenes.compare_with_ledger([outcomes[0], outcomes[2]], lambda token: delivered[token]) == []
