"""`send`, `broadcast` and `check` against OPPO's sandbox over real HTTP.

The words and numbers that a command prints are compared with the sandbox's ledger.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pushgateway_oppo import Oppo

from pushgateway import CertificateCheck, Gateway, Notification, Outcome, Push, PushToken, RetryPolicy
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.render import outcome_json, outcome_lines
from pushgateway.cli.sandbox_lines import toml
from pushgateway.model.secret import mask
from pushgateway.sandbox import Fault, Sandbox, find_sandbox
from pushgateway.sandbox.serving.server import serve

TEXT = ("--title", "今晚", "--body", "八点见")
WRONG = "the-app-secret-of-the-console"


@pytest.fixture
def sandbox() -> Sandbox:
    """OPPO's sandbox with ten phones."""
    return find_sandbox("oppo")(tokens=10)


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """A configuration with a good certificate (7005) and one with the wrong secret (7006), while the sandbox serves."""
    path = tmp_path / "pushgateway.toml"
    with serve(sandbox) as served:
        settings = sandbox.settings(served.url)
        bad = [line.replace("7005", "7006") for line in toml("oppo", {**settings, "master_secret": WRONG})]
        path.write_text("\n".join(["[gateway]", "timeout = 1.0", *toml("oppo", settings), *bad]), "utf-8")
        yield path


def run(*arguments: object) -> Result:
    """The result of a command that is run in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_send_reaches_the_phone(sandbox: Sandbox, config: Path) -> None:
    """An accepted send is one delivery with the given text, and exit code 0; the token is not shown."""
    token = sandbox.tokens[0]

    result = run("send", "7005", token, *TEXT, "--ttl", 60, "--data", '{"chat": 7}', "--config", config)

    (delivery,) = sandbox.ledger.deliveries
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith(f"accepted  {mask(token)}\n")
    assert token not in result.output
    assert (delivery.token, delivery.title, delivery.body) == (token, "今晚", "八点见")
    assert delivery.notification["off_line_ttl"] in (60, "60")


def test_send_says_what_was_cut(sandbox: Sandbox, config: Path) -> None:
    """A title at the limit is sent whole; one character more, and it is reported as cut."""
    token = sandbox.tokens[0]

    at_limit, above = (
        json.loads(run("send", "7005", token, "--title", "好" * n, "--body", "b", "--json", "--config", config).stdout)
        for n in (32, 33)
    )

    assert at_limit["truncated"] == []
    assert above["truncated"] == ["title"]
    assert [one.title for one in sandbox.ledger.deliveries] == ["好" * 32, "好" * 31 + "…"]


def test_send_says_what_was_left_out() -> None:
    """A field that the vendor does not have and that changes only the looks, for people and for programs."""
    to, note = PushToken(1, "t"), Notification("title", "body", group="chats")
    outcome = Outcome.accepted(Push(to, note), "m1", omitted=("group",))

    assert outcome_json(outcome)["omitted"] == ["group"]
    assert ("left out, because the vendor has no such thing", "group") in outcome_lines(outcome)


def test_send_to_a_dead_token_says_who_must_act(sandbox: Sandbox, config: Path) -> None:
    """A dead token gives exit code 1, the vendor's code, and the advice to retire it; in JSON the token is
    shortened."""
    token = sandbox.tokens[0]
    sandbox.uninstall(token)

    words = run("send", "7005", token, *TEXT, "--config", config)
    result = run("send", "7005", token, *TEXT, "--json", "--config", config)

    report = json.loads(result.stdout)
    assert words.exit_code == result.exit_code == Exit.FAILED
    assert words.stdout.startswith("rejected: unregistered")
    assert "retire this token" in words.stdout
    assert "10000" in words.stdout
    assert (report["status"], report["reason"], report["vendor_code"]) == ("rejected", "unregistered", "10000")
    assert report["token"] == mask(token)
    assert token not in words.output + result.output
    assert sandbox.ledger.total == 0


def test_send_without_a_verdict_is_unknown(sandbox: Sandbox, config: Path) -> None:
    """When the reply never comes the exit code is 3, and the output does not say that nobody got the push."""
    sandbox.faults.add(Fault(kind="drop", operation="unicast", times=None))

    result = run("send", "7005", sandbox.tokens[0], *TEXT, "--config", config)

    assert result.exit_code == Exit.UNKNOWN
    assert result.stdout.startswith("unknown: no_verdict")
    assert "it may have been delivered" in result.stdout


def test_send_for_an_unknown_certificate(sandbox: Sandbox, config: Path) -> None:
    """A missing certificate is never reported as a fault of the token, and nothing is sent."""
    result = run("send", "1", sandbox.tokens[0], *TEXT, "--config", config)

    assert result.exit_code == Exit.USAGE
    assert "not_sent: credentials" in result.stdout
    assert "keep it" in result.stdout
    assert sandbox.ledger.calls.total() == 0


def test_broadcast_reports_what_became_of_each_token(sandbox: Sandbox, config: Path, tmp_path: Path) -> None:
    """Accepted tokens were delivered once, refused ones never; one refused token is exit code 1."""
    dead, *living = sandbox.tokens
    sandbox.uninstall(dead)
    file = tmp_path / "tokens.txt"
    file.write_text("\n".join([dead, *living]))

    result = run("broadcast", "7005", "--tokens-file", file, *TEXT, "--json", "--config", config)

    report = json.loads(result.stdout)
    assert result.exit_code == Exit.FAILED
    assert (report["status"], report["detail"]) == ("partly", "9 of 10 accepted")
    assert report["counts"] == [
        {"status": "accepted", "reason": None, "count": 9},
        {"status": "rejected", "reason": "unregistered", "count": 1},
    ]
    assert [(one["index"], one["status"]) for one in report["outcomes"]] == [
        (0, "rejected"),
        *((index, "accepted") for index in range(1, 10)),
    ]
    assert [sandbox.ledger.count(token) for token in (dead, *living)] == [0] + [1] * 9
    assert dead not in result.output


def test_broadcast_reports_a_part_that_was_not_sent(
    sandbox: Sandbox, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine phones got it and one request was not sent: "9 of 10", exit code 1, and never "nobody got it"."""
    other = sandbox.tokens[-1]
    file = tmp_path / "tokens.txt"
    file.write_text("\n".join(sandbox.tokens))
    monkeypatch.setattr(Oppo, "region", lambda self, token: "overseas" if token == other else "cn")
    monkeypatch.setattr(RetryPolicy, "delay", lambda *_: math.inf)
    text = config.read_text("utf-8")
    nowhere = re.sub(r'^overseas_host = ".*"$', 'overseas_host = "http://127.0.0.1:9"', text, flags=re.MULTILINE)
    config.write_text(nowhere, "utf-8")

    result = run("broadcast", "7005", "--tokens-file", file, *TEXT, "--config", config)

    assert result.exit_code == Exit.FAILED
    assert "part of it: 9 of 10 accepted" in result.output
    assert "send it again only to those that did not get it" in result.output
    assert "no complete request left" not in result.output
    assert [sandbox.ledger.count(token) for token in sandbox.tokens] == [1] * 9 + [0]


def test_broadcast_identifies_tokens_by_their_index(sandbox: Sandbox, config: Path, tmp_path: Path) -> None:
    """A shortened token identifies no phone; the index does, also after a token that was given twice."""
    dead, ann, bob = sandbox.tokens[:3]
    sandbox.uninstall(dead)
    file = tmp_path / "tokens.txt"
    file.write_text(f"{ann}\n\n{dead}\n{bob}\n")

    result = run("broadcast", "7005", "--token", ann, "--tokens-file", file, *TEXT, "--json", "--config", config)

    report = json.loads(result.stdout)["outcomes"]
    assert [(one["index"], one["token"], one["status"]) for one in report] == [
        (0, mask(ann), "accepted"),
        (2, mask(dead), "rejected"),
        (3, mask(bob), "accepted"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_tokens_file_from_an_editor_is_read(sandbox: Sandbox, config: Path, tmp_path: Path, encoding: str) -> None:
    """A byte order mark, blanks around tokens and the line ends of another system are accepted: each phone gets the
    push once."""
    file = tmp_path / "tokens.txt"
    file.write_text("".join(f" {token}\t\r\n" for token in sandbox.tokens), encoding, newline="")

    result = run("broadcast", "7005", "--tokens-file", file, *TEXT, "--config", config)

    assert result.exit_code == Exit.OK
    assert [sandbox.ledger.count(token) for token in sandbox.tokens] == [1] * 10


def test_a_damaged_tokens_file_sends_nothing(sandbox: Sandbox, config: Path, tmp_path: Path) -> None:
    """Each line that holds no token is named, without its text; no phone is reported as dead, and nothing is sent."""
    first, second, *_ = sandbox.tokens
    file = tmp_path / "tokens.txt"
    file.write_text(f'{first}\n"{second}"\n\n{second}\u200b\n{first} {second}\n', "utf-8")
    wide = tmp_path / "wide.txt"
    wide.write_text(first, "utf-16")

    damaged = run("broadcast", "7005", "--token", "a\tb", "--tokens-file", file, *TEXT, "--config", config)
    utf16 = run("broadcast", "7005", "--tokens-file", wide, *TEXT, "--config", config)
    single = run("send", "7005", f"\ufeff{first}", *TEXT, "--config", config)

    assert {result.exit_code for result in (damaged, utf16, single)} == {Exit.USAGE}
    assert "--token: character 2 of 3 is U+0009" in damaged.output
    assert f"line 2: character 1 of {len(second) + 2} is a quotation mark" in damaged.output
    assert f"line 4: character {len(second) + 1} of {len(second) + 1} is U+200B (ZERO WIDTH SPACE)" in damaged.output
    assert f"line 5: character {len(first) + 1} of {2 * len(first) + 1} is U+0020 (SPACE)" in damaged.output
    assert "save it as UTF-8" in utf16.output
    assert "is U+FEFF (ZERO WIDTH NO-BREAK SPACE)" in single.output
    assert not [token for token in (first, second) if token in damaged.output + single.output]
    assert sandbox.ledger.calls.total() == 0


def test_a_start_in_the_past_is_wrong_usage(sandbox: Sandbox, config: Path) -> None:
    """`--all --yes` with a date of years ago is refused, and nothing is sent."""
    everyone = ("broadcast", "7005", "--all", "--yes", *TEXT, "--config", config)

    past = run(*everyone, "--start-at", "2020-01-01T00:00+08:00")

    assert past.exit_code == Exit.USAGE
    assert "lies in the past: leave it out to begin now" in past.output
    assert sandbox.ledger.calls.total() == 0
    assert run(*everyone, "--start-at", "2199-01-01T00:00+08:00").exit_code == Exit.OK


def test_broadcast_to_everyone(sandbox: Sandbox, config: Path) -> None:
    """`--all --yes` reaches every phone once."""
    result = run("broadcast", "7005", "--all", "--yes", *TEXT, "--config", config)

    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("accepted\n")
    assert [sandbox.ledger.count(token) for token in sandbox.tokens] == [1] * 10


def test_broadcast_by_alias_and_tag(sandbox: Sandbox, config: Path) -> None:
    """An alias reaches its phone and a tag its phones; no other phone gets the push."""
    ann, bob, eve = sandbox.tokens[:3]
    sandbox.set_alias(ann, "ann")
    sandbox.set_tags(bob, ["vip"])

    results = [
        run("broadcast", "7005", *who, *TEXT, "--config", config) for who in (("--alias", "ann"), ("--tag", "vip"))
    ]

    assert [result.exit_code for result in results] == [Exit.OK, Exit.OK]
    assert [sandbox.ledger.count(token) for token in (ann, bob, eve)] == [1, 1, 0]


def test_broadcast_table_adds_up(sandbox: Sandbox, config: Path) -> None:
    """The table counts every token once, under what became of it."""
    dead, living = sandbox.tokens[:2]
    sandbox.uninstall(dead)

    result = run("broadcast", "7005", "--token", dead, "--token", living, *TEXT, "--config", config)

    rows = [line.split() for line in result.stdout.splitlines() if line.split()[:1] == ["1"]]
    assert result.exit_code == Exit.FAILED
    assert [row[:2] for row in rows] == [["1", "rejected"], ["1", "accepted"]]


def test_a_wrong_moment_is_wrong_usage(sandbox: Sandbox, config: Path) -> None:
    """A start without a time zone is refused before anything is saved."""
    result = run("broadcast", "7005", "--all", "--yes", "--start-at", "2026-11-22T20:00", *TEXT, "--config", config)

    assert result.exit_code == Exit.USAGE
    assert "time zone" in result.stderr
    assert sandbox.ledger.calls.total() == 0


def test_check_names_the_wrong_secret(sandbox: Sandbox, config: Path) -> None:
    """A wrong secret gives exit code 1 and is named by its field, as MasterSecret and not AppSecret; its value is not
    shown."""
    result = run("check", "--config", config)

    assert result.exit_code == Exit.FAILED
    assert "7005 oppo: ok" in result.stdout
    assert "7006 oppo: NOT OK" in result.stdout
    assert "master_secret" in result.stdout
    assert "not the AppSecret" in result.stdout
    assert WRONG not in result.output
    assert dict(sandbox.ledger.calls) == {"auth": 2}


@pytest.mark.parametrize(("proved", "says"), [(True, "7005 oppo: ok\n"), (False, "7005 oppo: ok, but not proved\n")])
def test_check_says_when_nothing_was_proved(
    config: Path, monkeypatch: pytest.MonkeyPatch, proved: bool, says: str
) -> None:
    """Settings that are well formed are no proof; the exit code is that of "ok" all the same."""

    async def checked(gateway: Gateway, certificate_id: str) -> CertificateCheck:
        return CertificateCheck(certificate_id=certificate_id, brand="oppo", ok=True, detail="so it is", proved=proved)

    monkeypatch.setattr(Gateway, "check", checked)

    shown, as_json = run("check", "7005", "--config", config), run("check", "7005", "--json", "--config", config)

    assert says in shown.stdout
    assert [one["proved"] for one in json.loads(as_json.stdout)["certificates"]] == [proved]
    assert (shown.exit_code, as_json.exit_code) == (Exit.OK, Exit.OK)


def test_check_of_one_certificate(sandbox: Sandbox, config: Path) -> None:
    """Only the named certificates are checked, each once; a good one gives exit code 0, also in JSON."""
    result = run("check", "7005", "7005", "--json", "--config", config)

    report = json.loads(result.stdout)
    assert result.exit_code == Exit.OK
    assert report["ok"] is True
    assert [(one["certificate_id"], one["ok"], one["advice"]) for one in report["certificates"]] == [
        ("7005", True, None)
    ]
    assert dict(sandbox.ledger.calls) == {"auth": 1}


def test_tls_needs_the_authority(sandbox: Sandbox, tmp_path: Path) -> None:
    """With `--ca-file` the sandbox's TLS certificate is accepted; without it nothing is sent, and the message says what
    is missing."""
    config = tmp_path / "pushgateway.toml"
    with serve(sandbox, tls=True) as served:
        assert served.ca_file is not None
        config.write_text("\n".join(toml("oppo", sandbox.settings(served.url))))

        trusted = run("send", "7005", sandbox.tokens[0], *TEXT, "--config", config, "--ca-file", served.ca_file)
        refused = run("check", "--config", config)

    assert trusted.exit_code == Exit.OK
    assert sandbox.ledger.total == 1
    assert refused.exit_code == Exit.FAILED
    assert "--ca-file" in refused.stdout
