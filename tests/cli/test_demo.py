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
from pushgateway.cli import demo_scenes
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.sandbox import Sandbox, find_sandbox


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
    """2,000 messages, a broadcast and a renewal: every outcome is counted, in few calls, with two logins in all."""
    result = demo("--json", "--count", "2000")

    report = json.loads(result.stdout)
    many, broadcast, renewal = report["many_messages"], report["broadcast"], report["renewal"]
    assert (result.returncode, result.stderr) == (0, "")
    assert (report["ok"], report["problems"]) == (True, [])
    assert report["one_long_message"]["truncated"] == ["title", "body"]
    assert report["one_long_message"]["limits"] == [50, 50]  # OPPO as it is today
    assert report["one_long_message"]["received"] == [limit - 1 for limit in report["one_long_message"]["limits"]]
    assert many["outcomes"] == {"accepted": 1972, "unregistered": 20, "muted": 8}
    assert broadcast["outcomes"] == {"accepted": 1470, "unregistered": 30}
    assert renewal["outcomes"] == {"accepted": 40}
    assert renewal["logins"] == 1
    assert report["ledger"]["calls"]["auth"] == 2
    assert report["ledger"]["calls"]["unicast_batch"] < 20
    assert report["ledger"]["delivered"] == 1 + 1972 + 1470 + 40
    assert len(report["phones"]) == 4


def test_without_json_there_are_five_short_sections() -> None:
    """Without a terminal there is no colour and no progress bar; each section says what it showed."""
    result = demo("--count", "10")

    assert (result.returncode, result.stderr) == (0, "")
    assert [line[:2] for line in result.stdout.splitlines() if line[:1].isdigit()] == ["1 ", "2 ", "3 ", "4 ", "5 "]
    assert "Every number agrees" in result.stdout
    assert not set("\x1b\r\x08") & set(result.stdout)
    assert len(result.stdout.splitlines()) < 50
    assert "CN_" not in result.stdout


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

    as_json = CliRunner().invoke(command, ["demo", "--json", "--count", "10"])
    words = CliRunner().invoke(command, ["demo", "--count", "10"])

    report = json.loads(as_json.stdout)
    assert as_json.exit_code == words.exit_code == Exit.FAILED
    assert report["ok"] is False
    assert "many messages: 8 pushes ended accepted and were delivered 2 times" in report["problems"]
    assert "These numbers do not agree:" in words.stdout
    assert "Every number agrees" not in words.stdout


def test_the_demo_detects_access_tokens_that_never_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that did not take place is not reported as one."""
    monkeypatch.setattr(pushgateway.sandbox, "find_sandbox", lambda _: cheating("expire_tokens", lambda self: None))

    result = CliRunner().invoke(command, ["demo", "--json", "--count", "10"])

    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stdout)["problems"] == ["renewal: logins after the expiry: 0, must be 1"]


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
