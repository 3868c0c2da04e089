"""The command line as a whole: help, exit codes, mistakes of the user, texts.

No network. How options become values is tested in test_options.py, what a command prints about a running sandbox in
test_sending.py and test_sandbox.py, the demo in test_demo.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pushgateway.cli import render
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import MEANINGS, Exit, exit_code
from pushgateway.cli.gateway_session import ask
from pushgateway.config import Config, load_config
from pushgateway.gateway import Gateway
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import CertificateCheck, Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status

PUSH = Push(PushToken(7005, "CN_secret_token"), Notification("a", "b"))


def run(*arguments: object) -> Result:
    """The result of a command that is run in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def python(code: str) -> "subprocess.CompletedProcess[str]":
    """The result of Python code that is run in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_help_explains_the_exit_codes() -> None:
    """`--help` lists every command and every exit code."""
    result = run("--help")

    assert result.exit_code == Exit.OK
    assert all(f"{code.value}  {MEANINGS[code]}" in result.output for code in Exit)
    assert all(name in result.output for name in ("broadcast", "check", "demo", "sandbox", "send", "vendors"))


def test_the_module_runs() -> None:
    """`python -m pushgateway.cli` is the same command as the script."""
    result = subprocess.run(
        [sys.executable, "-m", "pushgateway.cli", "--version"], capture_output=True, text=True, check=False, timeout=60
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("pushgateway, version ")


def test_help_loads_no_server() -> None:
    """`--help` is fast because it does not import the server of the sandbox."""
    result = python(
        "import sys, pushgateway.cli.command; "
        "print([m for m in ('uvicorn', 'starlette', 'trustme') if m in sys.modules])"
    )

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_says_what_to_install(missing: str) -> None:
    """Without the extra the command says what to install, and nothing else."""
    result = python(f"import sys; sys.modules[{missing!r}] = None; from pushgateway.cli import main; main()")

    assert result.returncode == Exit.USAGE
    assert result.stdout == ""
    command = 'pip install ".[cli]" in a checkout of this project'
    assert result.stderr == f"the pushgateway command needs {missing}: {command}\n"


def test_a_terminal_without_chinese_gets_escapes() -> None:
    """Where the output encoding has no Chinese, the text is escaped, and the command does not fail."""
    code = "import sys; sys.argv[1:] = ['check', '--config', '\u4f60']; from pushgateway.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "latin-1:strict"},
    )

    assert result.returncode == Exit.USAGE
    assert "\\u4f60" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], Exit.OK),
        ([Status.ACCEPTED], Exit.OK),
        ([Status.ACCEPTED, Status.REJECTED], Exit.FAILED),
        ([Status.NOT_SENT], Exit.FAILED),
        ([Status.REJECTED, Status.UNKNOWN, Status.ACCEPTED], Exit.UNKNOWN),
    ],
)
def test_exit_codes(statuses: list[Status], code: Exit) -> None:
    """One push that is not accepted makes the command fail; one without a verdict gives the exit code for "unknown",
    whatever the others are."""
    assert exit_code(statuses) is code


def test_every_status_and_reason_has_a_sentence() -> None:
    """For each status and each reason there is a sentence for the user."""
    assert render.ENDINGS.keys() == set(Status)
    assert MEANINGS.keys() == set(Exit)
    assert all(reason.advice for reason in Reason)


def test_tokens_are_shortened_in_the_texts_of_a_vendor() -> None:
    """A vendor's message may quote the token or hold terminal control codes: both are made harmless, in text and in
    JSON."""
    message = "\x1b[31mbad CN_secret_token\n"
    outcome = Outcome.rejected(PUSH, Reason.UNREGISTERED, code="1", message=message, detail="CN_secret_token is bad")

    shown = repr((render.outcome_json(outcome), render.outcome_lines(outcome)))

    assert "secret_token" not in shown
    assert "\\x1b" not in shown
    assert "tok:" in shown


def test_the_length_of_a_vendors_message_is_limited() -> None:
    """At most 300 characters of a vendor's message are shown."""
    assert render.plain("x" * 300) == "x" * 300
    assert render.plain("x" * 301) == "x" * 300


def test_the_advice_for_a_repeat_is_not_about_the_content() -> None:
    """If the vendor already has a message, the advice is that the phone got it, and not to change the content."""
    outcome = Outcome.rejected(PUSH, Reason.INVALID_NOTIFICATION, code="32", repeated=True)

    assert render.advice(outcome) == render.REPEATED
    assert render.advice(Outcome.accepted(PUSH, "1")) is None


@pytest.mark.parametrize(
    ("reason", "code", "detail", "part"),
    [
        (Reason.CREDENTIALS, "16", "invalid signature: check master_secret", "settings of this certificate"),
        (Reason.CREDENTIALS, None, "no plug-in: pip install pushgateway-acme", ""),
        (Reason.UNAVAILABLE, None, "login: dns: the host's name was not resolved", "resolve names"),
        (Reason.UNAVAILABLE, None, "login: tls: the server's certificate is not trusted (x)", "--ca-file"),
        (Reason.UNAVAILABLE, None, "login: connect: refused or unreachable", "firewall"),
        (Reason.UNAVAILABLE, None, "login: timeout: no complete reply in time", "request_timeout"),
        (Reason.UNAVAILABLE, None, "login: the reply is not JSON", "its reply to the login is not readable"),
        (Reason.RATE_LIMITED, "13", "too fast", "later"),
    ],
)
def test_advice_for_a_check(reason: Reason, code: str | None, detail: str, part: str) -> None:
    """When a login failed the advice says what to look at: the settings, the network, or the system clock."""
    check = CertificateCheck(certificate_id="1", brand="acme", ok=False, detail=detail, reason=reason, vendor_code=code)

    advice = render.check_advice(check)

    assert part in advice
    assert bool(advice) is bool(part)


def test_a_broken_configuration_lists_every_problem(tmp_path: Path) -> None:
    """Each problem is a line of its own, no value is quoted, and the exit code is that of wrong usage."""
    config = tmp_path / "pushgateway.toml"
    config.write_text(
        '[gateway]\ntimeout = 0\nspeed = 1\n[certificates.1]\nbrand = "oppo"\nmaster_secret = "env:NOT_THERE_AT_ALL"\n'
        '[certificates.2]\nmaster_secret = "hush-hush"\n'
    )

    result = run("check", "--config", config)

    lines = result.stderr.splitlines()
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""
    assert [line.split(": ")[:2] for line in lines] == [
        ["Error", "gateway.timeout"],
        ["Error", "gateway.speed"],
        ["Error", "certificates['1'].master_secret"],
        ["Error", "certificates['2']"],
        ["Error", "certificates['1'].app_key"],
    ]
    assert "hush" not in result.output


def test_settings_that_a_plugin_refuses_are_listed(tmp_path: Path) -> None:
    """Each setting that the plug-in does not take is named by certificate and field, all of them together."""
    config = tmp_path / "pushgateway.toml"
    config.write_text(
        '[certificates.1]\nbrand = "oppo"\napp_key = "k"\napp_secret = "s"\n[certificates.2]\nbrand="oppo"'
    )

    result = run("send", 1, "CN_1", "--title", "a", "--body", "b", "--config", config)

    assert result.exit_code == Exit.USAGE
    assert [part in result.stderr for part in ("['1'].app_secret: is not", "['1'].master_secret", "['2'].app_key")] == [
        True
    ] * 3


@pytest.mark.parametrize("arguments", [["check"], ["send", "1", "t", "--title", "a", "--body", "b"]])
def test_a_missing_configuration_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a pushgateway.toml the commands say so in one line."""
    monkeypatch.chdir(tmp_path)

    result = run(*arguments)

    assert result.exit_code == Exit.USAGE
    assert result.stderr == "Error: pushgateway.toml: No such file or directory\n"


def test_a_configuration_without_certificates_is_an_error(tmp_path: Path) -> None:
    """With nothing to check, `check` must not succeed."""
    config = tmp_path / "empty.toml"
    config.write_text("")

    result = run("check", "--config", config)

    assert result.exit_code == Exit.USAGE
    assert "[certificates.7005]" in result.stdout


def test_a_missing_plugin_affects_its_certificate_only(tmp_path: Path) -> None:
    """A brand without a plug-in is reported as not installed; a mistyped one gets the name that is near."""
    config = tmp_path / "pushgateway.toml"
    config.write_text('[certificates.9]\nbrand = "nobody"\n[certificates.8]\nbrand = "opo"\n')

    text = run("check", "--config", config)
    as_json = run("check", "9", "--json", "--config", config)
    sent = run("send", 8, "CN_1", "--title", "a", "--body", "b", "--config", config)

    assert [result.exit_code for result in (text, as_json, sent)] == [Exit.USAGE] * 3
    assert "no plug-in for brand 'nobody' is installed" in " ".join(text.stdout.split())
    assert "did you mean 'oppo'?" in text.stdout
    assert "pip install pushgateway-opo" not in text.stdout
    assert json.loads(as_json.stdout)["ok"] is False
    assert "not_sent: credentials" in sent.stdout


@pytest.mark.parametrize("arguments", [["check", "7"], ["check", "7", "--json"], ["broadcast", "7", "--token", "x"]])
def test_an_unknown_certificate_is_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    """A typing error in the id has its own exit code, not that of a vendor's refusal; the certificates that exist are
    still reported."""
    config = tmp_path / "pushgateway.toml"
    config.write_text('[certificates.9]\nbrand = "oppo"\napp_key = "k"\nmaster_secret = "s"\n')
    text = ["--title", "a", "--body", "b"] if arguments[0] == "broadcast" else []

    result = run(*arguments, *text, "--config", config)

    assert result.exit_code == Exit.USAGE
    assert "is not configured" in result.stdout


def test_an_interrupted_command_ends_as_unknown() -> None:
    """Ctrl-C while a request may be on its way gives the exit code for "unknown"."""

    async def interrupted(_: Gateway) -> None:
        raise KeyboardInterrupt

    with pytest.raises(click.exceptions.Exit) as ended:
        ask(Config(()), interrupted)

    assert ended.value.exit_code == Exit.UNKNOWN


def test_the_receipt_address_of_a_certificate(tmp_path: Path) -> None:
    """The whole URL on a line of its own, to be copied, and a sentence on standard error; a certificate without one is
    a sentence and exit code 2."""
    config = tmp_path / "pushgateway.toml"
    config.write_text(
        '[certificates.7005]\nbrand = "oppo"\napp_key = "k"\nmaster_secret = "s"\n'
        f'receipt_url = "https://im.example.com/{"long/" * 20}push"\nreceipt_secret = "sixteen characters"\n'
        '[certificates.7006]\nbrand = "oppo"\napp_key = "k"\nmaster_secret = "s"\n',
        "utf-8",
    )
    address = load_config(config).gateway().receipt_address(7005)

    shown, as_json = (run("receipt-address", "7005", "--config", config, *more) for more in ((), ("--json",)))
    missing = run("receipt-address", "7006", "--config", config)

    assert (shown.exit_code, shown.stdout) == (Exit.OK, f"{address}\n")
    assert "keep it secret" in shown.stderr
    assert json.loads(as_json.stdout) == {"certificate_id": "7005", "receipt_address": address}
    assert missing.exit_code == Exit.USAGE
    assert "has no receipt_url" in missing.stderr


def test_a_plugin_of_another_contract_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`vendors` and `check` say what does not fit and what to do, and the others are shown and checked."""
    from pushgateway_oppo import Oppo

    monkeypatch.setattr(Oppo, "contract", "0.1")
    sentence = "was written for contract 0.1, this pushgateway has contract 0.2: install versions that fit each other"
    config = tmp_path / "pushgateway.toml"
    config.write_text("[certificates.1]\nbrand = 'oppo'\napp_key = 'k'\nmaster_secret = 's'\n")

    listed, as_json = run("vendors"), json.loads(run("vendors", "--json").stdout)["vendors"]
    checked = run("check", "--config", config)

    assert sentence in " ".join(listed.stdout.split())
    assert [sentence in (one["problem"] or "") for one in as_json if one["brand"] == "oppo"] == [True]
    assert listed.exit_code == Exit.FAILED
    assert sentence in " ".join(checked.stdout.split())
    assert checked.exit_code != Exit.OK
