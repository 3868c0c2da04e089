"""How the texts of a command line become a notification, an audience and a moment.

No network. A wrong value is refused as wrong usage, before anything could be sent.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pushgateway.cli.broadcast import read_audience, read_tokens
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.options import json_object, moment, read_notification
from pushgateway.model.audience import Audience
from pushgateway.model.click import OpenActivity, OpenIntent, OpenIntentUri, OpenUrl

_TAPS = ("url", "activity", "intent")
CONTENT = dict.fromkeys(
    ("subtitle", "ttl", *_TAPS, "data", "channel_id", "dedupe_id", "kind", "parameters", "overrides")
)


def run(*arguments: object) -> Result:
    """The result of a command that is run in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_there_is_one_action_for_a_tap() -> None:
    """The options for a tap become one action; two of them together are wrong usage."""
    actions = {
        ("url", "https://example.com"): OpenUrl("https://example.com"),
        ("activity", "com.example.Chat"): OpenActivity("com.example.Chat"),
        ("intent", "com.example.CHAT"): OpenIntent("com.example.CHAT"),
        ("intent", "intent://x#Intent;end"): OpenIntentUri("intent://x#Intent;end"),
    }

    read = {
        option: read_notification({**CONTENT, "title": "a", "body": "b", option[0]: option[1]}).click
        for option in actions
    }

    assert read == actions
    with pytest.raises(click.UsageError):
        read_notification({**CONTENT, "title": "a", "body": "b", "url": "https://example.com", "intent": "x"})


def test_wrong_values_are_refused() -> None:
    """JSON must be an object, and a moment must have a time zone; right values are read."""
    wrong_json = ["[1]", "{", '{"a": NaN}', "[" * 100_000]
    wrong_moments = ["tomorrow", "2026-11-22T20:00"]

    assert json_object('{"chat": 7}') == {"chat": 7}
    assert moment("2026-11-22T20:00+00:00") == datetime(2026, 11, 22, 20, tzinfo=UTC)
    for text in wrong_json:
        with pytest.raises(click.BadParameter):
            json_object(text)
    for text in wrong_moments:
        with pytest.raises(click.BadParameter):
            moment(text)


def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    """A file without a certificate is wrong usage, before anything is sent."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")

    result = run("check", "--ca-file", file)

    assert result.exit_code == Exit.USAGE
    assert "holds no certificate authority" in result.stderr


def test_an_audience_is_of_one_kind(tmp_path: Path) -> None:
    """Tokens of the command line and of a file become one list; two kinds of audience together, and none at all, are
    refused."""
    named: dict[str, Any] = {"alias": (), "account": (), "tag": ()}
    file, empty = tmp_path / "tokens", tmp_path / "empty"
    file.write_text("CN_2\n\n  CN_3  \nCN_1\n")
    empty.write_text("\n")

    with file.open() as tokens:
        listed = read_tokens(("CN_1",), tokens)

    assert listed == ["CN_1", "CN_2", "CN_3", "CN_1"]
    assert read_audience(False, False, listed, named) == Audience.of_tokens(["CN_1", "CN_2", "CN_3"])
    assert read_audience(True, True, None, named) == Audience.everyone()
    assert read_audience(False, False, None, {**named, "alias": ("ann",)}) == Audience.of_aliases(["ann"])
    assert read_audience(False, False, None, {**named, "account": ("7", "8")}) == Audience.of_accounts(["7", "8"])
    assert read_audience(False, False, None, {**named, "tag": ("vip",)}) == Audience.of_tags(["vip"])
    assert read_tokens((), None) is None
    with empty.open() as nothing, pytest.raises(click.UsageError):
        read_audience(False, False, read_tokens((), nothing), named)
    for everyone, confirmed, who in [(False, True, None), (True, False, None), (True, True, ["CN_1"])]:
        with pytest.raises(click.UsageError):
            read_audience(everyone, confirmed, who, named)
    with pytest.raises(click.UsageError):
        read_audience(False, False, None, {**named, "account": ("7",), "alias": ("ann",)})


def test_all_needs_yes() -> None:
    """`--all` without `--yes` sends nothing and says what is missing."""
    result = run("broadcast", "7005", "--all", "--title", "a", "--body", "b")

    assert result.exit_code == Exit.USAGE
    assert "--yes" in result.stderr
