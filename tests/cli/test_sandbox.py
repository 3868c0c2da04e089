"""`pushgateway sandbox` as a user runs it: a process that prints where it listens and ends on a signal.

No test waits for a time; each waits for lines of output and for the end of processes.
"""

import hashlib
import http.client
import json
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

import click
import pytest
from click.testing import CliRunner
from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.sandbox import arguments_of, make_sandbox, set_options
from pushgateway.cli.sandbox_lines import login_request, toml
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES
from pushgateway.vendor import AccessToken, Request

FORM = {"content-type": "application/x-www-form-urlencoded"}
HANGS_AFTER = 60
"""Seconds after which a process that hangs is killed, so that the test fails instead of hanging with it."""


def push_code(sandbox: Sandbox) -> Any:
    """OPPO's code for one push, without a network."""

    def ask(path: str, form: str) -> Any:
        response = sandbox.answer(Request("POST", f"https://oppo.example{path}", FORM, form.encode())).response
        assert response is not None
        return json.loads(response.content)

    settings = {name: str(value) for name, value in sandbox.settings("").items()}
    access = ask("/server/v1/auth", signed(settings))["data"]["auth_token"]
    note = {"title": "Hi", "content": "There"}
    message = json.dumps({"target_type": 2, "target_value": sandbox.tokens[0], "notification": note})
    form = urlencode({"auth_token": access, "message": message})
    return ask("/server/v1/message/notification/unicast", form)["code"]


@contextmanager
def started(*arguments: str, brand: str = "oppo") -> Iterator[tuple["subprocess.Popen[str]", IO[str]]]:
    """`pushgateway sandbox oppo …` in a process of its own, with its standard output. `brand`: "" for all."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pushgateway.cli", "sandbox", *([brand] if brand else []), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    watchdog = threading.Timer(HANGS_AFTER, process.kill)
    watchdog.start()
    try:
        with process:
            assert process.stdout is not None
            yield process, process.stdout
            if process.poll() is None:
                process.kill()
    finally:
        watchdog.cancel()


def post(url: str, content: str, ca_file: str | None = None) -> Any:
    """The reply that a plain HTTP client gets for a form."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=HANGS_AFTER, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=HANGS_AFTER)
    try:
        connection.request("POST", parts.path, content, FORM)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def get(url: str, command: str | None = None) -> Any:
    """JSON that is read with GET, or the answer to a JSON command."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=HANGS_AFTER)
    try:
        method, headers = ("GET", {}) if command is None else ("POST", {"content-type": "application/json"})
        connection.request(method, f"{parts.path}?{parts.query}", command, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def signed(settings: dict[str, str]) -> str:
    """The form of a login, made without code of this project."""
    timestamp = str(time.time_ns() // 1_000_000)
    text = settings["app_key"] + timestamp + settings["master_secret"]
    sign = hashlib.sha256(text.encode()).hexdigest()
    return urlencode({"app_key": settings["app_key"], "timestamp": timestamp, "sign": sign})


def ended(process: "subprocess.Popen[str]", by: signal.Signals) -> tuple[int, str]:
    """(exit code, standard error) of the process after a signal."""
    process.send_signal(by)
    _, errors = process.communicate(timeout=HANGS_AFTER)
    return process.returncode, errors


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_the_first_json_line_is_enough_to_log_in(by: signal.Signals) -> None:
    """With --json the first line has all that a client needs, at once; a signal ends the process cleanly."""
    with started("--json") as (process, output):
        first = json.loads(output.readline())
        reply = post(f"{first['url']}/server/v1/auth", signed(first["settings"]))
        code, errors = ended(process, by)

    assert first["brand"] == "oppo"
    assert first["settings"]["host"] == first["url"]
    assert len(first["tokens"]) == 20
    assert "ca_file" not in first
    assert (reply["code"], bool(reply["data"]["auth_token"])) == (0, True)
    assert (code, errors) == (0, "")


def test_with_tls_the_first_line_names_the_authority() -> None:
    """With --tls the first line names the file of the authority to trust; the file is removed at the end."""
    with started("--json", "--tls") as (process, output):
        first = json.loads(output.readline())
        reply = post(f"{first['url']}/server/v1/auth", signed(first["settings"]), first["ca_file"])
        code, errors = ended(process, signal.SIGTERM)

    assert first["url"].startswith("https://127.0.0.1:")
    assert reply["code"] == 0
    assert (code, errors) == (0, "")
    assert not Path(first["ca_file"]).exists()


def test_the_lines_for_people_can_be_used() -> None:
    """Without --json the output holds a certificate in TOML, tokens, the URL of the page of phones, and a login command
    that works."""
    lines: list[str] = []
    with started("--dialect", "current", "--tokens", "3") as (process, output):
        while not lines or not lines[-1].startswith("  curl "):
            lines.append(output.readline())
            assert lines[-1], "the output ended before the login"
        curl = shlex.split(lines[-1])
        reply = post(curl[curl.index("POST") + 1], curl[curl.index("--data") + 1])
        code, errors = ended(process, signal.SIGTERM)

    start = lines.index("  [certificates.7005]\n")
    certificate = tomllib.loads("".join(lines[start : lines.index("\n", start)]))["certificates"]["7005"]
    assert reply["code"] == 0
    assert (code, errors) == (0, "")
    assert certificate["brand"] == "oppo"
    assert certificate["dialect"] == "current"
    assert f"{certificate['host']}/_sandbox/phones/\n" in lines[1]
    assert sum(line.startswith("  CN_") for line in lines) == 3


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_without_a_brand_all_are_served_with_one_page(by: signal.Signals) -> None:
    """With --json the first line has the page and each sandbox; a push that is sent on the page arrives, and its
    receipt is verified. A signal ends everything cleanly."""
    with started("--json", "--tokens", "2", brand="") as (process, output):
        first = json.loads(output.readline())
        command = {"do": "send", "brand": None, "all": True, "title": "Hello", "body": "you"}
        sent = get(f"{first['page']}do", json.dumps(command))
        phone = next(one for one in first["sandboxes"] if one["brand"] == "oppo")
        screen = get(f"{phone['url']}/_sandbox/phone?token={phone['tokens'][0]}")
        code, errors = ended(process, by)

    brands = sorted(entry.name for entry in entry_points(group=SANDBOXES))
    assert [one["brand"] for one in first["sandboxes"]] == brands
    assert [int(one["certificate_id"]) for one in first["sandboxes"]] == list(range(7001, 7001 + len(brands)))
    assert all(one["settings"] and len(one["tokens"]) == 2 for one in first["sandboxes"])
    assert (sent["count"], sent["outcomes"]) == (2 * len(brands), {"accepted": 2 * len(brands)})
    assert [one["title"] for one in screen["shown"]] == ["Hello"]
    assert (code, errors) == (0, "")


def test_the_lines_of_all_brands_can_be_used() -> None:
    """Without --json the output holds the page, a certificate for each brand that is right for its plug-in, and a
    command for a phone of each."""
    brands = sorted(entry.name for entry in entry_points(group=SANDBOXES))
    lines: list[str] = []
    with started("--tokens", "1", brand="") as (process, output):
        while sum(line.startswith("  pushgateway send ") for line in lines) < len(brands):
            lines.append(output.readline())
            assert lines[-1], "the output ended before the commands"
        page = lines[0].split("  (")[0].rpartition(" ")[2]
        state = get(f"{page}state")
        code, errors = ended(process, signal.SIGTERM)

    start, end = lines.index("For pushgateway.toml:\n"), lines.index("Send to a phone of each brand:\n")
    certificates = tomllib.loads("".join(lines[start + 1 : end]))["certificates"]
    assert [one["brand"] for one in certificates.values()] == brands
    for key, one in certificates.items():
        settings = {name: value for name, value in one.items() if name != "brand"}
        assert load_vendors([Certificate(key, one["brand"], settings)], Plugins())[key].brand == one["brand"]
    assert [brand["brand"] for brand in state["brands"]] == brands
    assert (code, errors) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tls"],
        ["--dialect", "current"],
        ["--daily-limit", "1"],
        ["--per-second", "1"],
        ["--last-login-wins"],
        ["--repeats", "absorb"],
        ["--set", "a=1"],
        ["--receipts-at", "http://127.0.0.1:1/"],
    ],
    ids=" ".join,
)
def test_options_of_one_brand_need_it(arguments: list[str]) -> None:
    """They are not silently ignored, and nothing is started."""
    result = CliRunner().invoke(command, ["sandbox", *arguments])

    assert result.exit_code == Exit.USAGE
    assert f"{arguments[0]} is about one brand: name it, such as pushgateway sandbox oppo" in result.stderr


def test_the_language_of_the_page_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese command opens a Chinese page; otherwise the browser decides."""
    seen: list[str | None] = []

    def watched(sandboxes: object, port: int, language: str | None) -> None:
        seen.append(language)

    monkeypatch.setattr("pushgateway.cli.sandbox_page.serve_all", watched)
    monkeypatch.setattr("pushgateway.sandbox.serving.server.run_until_stopped", lambda serving, on_ready: None)
    for language in ("zh", "en"):
        monkeypatch.setenv("LANGUAGE", language)
        CliRunner().invoke(command, ["sandbox"])

    assert seen == ["zh", None]


@pytest.mark.parametrize("brand", ["oppo", ""])
def test_a_port_in_use_is_one_sentence(brand: str) -> None:
    """A port that another process uses is wrong usage, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started("--port", str(port), brand=brand) as (process, _):
            _, errors = process.communicate(timeout=HANGS_AFTER)

    assert process.returncode == Exit.USAGE
    assert f"port {port} cannot be used" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nokia"], "no sandbox for brand 'nokia' is installed"),
        (["oppo", "--dialect", "v9"], "--dialect must be one of v1.3, current"),
        (["oppo", "--repeats", "drop"], "--repeats: must be refuse or absorb"),
        (["oppo", "--daily-limit", "-1"], "--daily-limit"),
        (["oppo", "--per-second", "-1"], "--per-second"),
        (["oppo", "--port", "65536"], "--port"),
        (["oppo", "--tokens", "-1"], "--tokens"),
        (["oppo", "--set", "repeats"], "--set: repeats must be NAME=VALUE"),
        (["oppo", "--set", "repeats=drop"], "--set repeats: must be refuse or absorb"),
        (["oppo", "--set", "nothing=1"], "--set nothing: the sandbox of oppo has no such option; it has: camel_case"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """For a brand or a dialect that does not exist there is one sentence, and no server is started."""
    result = CliRunner().invoke(command, ["sandbox", *arguments])

    assert result.exit_code == Exit.USAGE
    assert sentence in result.stderr


def test_options_reach_the_sandbox() -> None:
    """Options of the command line change the sandbox; without an option the sandbox's own default applies."""
    given = {"daily_limit": 0, "per_second": 7, "last_login_wins": True, "repeats": "absorb", "dialect": None}

    limited = make_sandbox("oppo", 1, given)
    plain = make_sandbox("oppo", 1, dict.fromkeys(given))

    assert push_code(limited) == 33
    assert push_code(plain) == 0


def test_any_option_can_be_set_by_its_name() -> None:
    """A value is JSON, or a text where it is none."""
    sandbox = make_sandbox("oppo", 1, {})

    set_options(sandbox, ["daily_limit=0", "repeats=absorb", 'templates={"1": {"title": ["a"]}}'])

    assert push_code(sandbox) == 33
    assert isinstance(sandbox, OppoSandbox)
    assert sandbox.chosen["repeats"] == "absorb"
    assert sandbox.chosen["templates"] == {"1": {"title": ["a"]}}


def test_receipts_can_be_posted_to_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """For vendors that take no address with a push."""
    served: list[Sandbox] = []
    monkeypatch.setattr("pushgateway.sandbox.serving.server.run", lambda sandbox, *_: served.append(sandbox))

    results = [
        CliRunner().invoke(command, ["sandbox", "oppo", *more])
        for more in ([], ["--receipts-at", "http://127.0.0.1:1/r"])
    ]

    assert [result.exit_code for result in results] == [0, 0]
    assert [sandbox.receipts_at for sandbox in served] == ["", "http://127.0.0.1:1/r"]


def test_an_option_that_a_sandbox_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a vendor without a daily quota the option is refused with a sentence, not ignored."""

    class Plain(OppoSandbox):
        def __init__(self, *, tokens: int = 20) -> None:
            super().__init__(tokens=tokens)

    monkeypatch.setattr("pushgateway.cli.sandbox.find_sandbox", lambda _: Plain)

    result = CliRunner().invoke(command, ["sandbox", "oppo", "--daily-limit", "3"])

    assert result.exit_code == Exit.USAGE
    assert "the sandbox of oppo has no --daily-limit: leave it out" in result.stderr


def test_the_daily_quota_of_a_started_sandbox() -> None:
    """The daily quota of the command line is the one of the server: with a quota of one, the second push gets code 33
    over HTTP."""
    with started("--json", "--daily-limit", "1") as (_, output):
        announced = json.loads(output.readline())
        url, token = announced["url"], announced["tokens"][0]
        access = post(f"{url}/server/v1/auth", signed(announced["settings"]))["data"]["auth_token"]
        message = {"target_type": 2, "target_value": token, "notification": {"title": "Hi", "content": "There"}}
        form = urlencode({"auth_token": access, "message": json.dumps(message)})
        codes = [post(f"{url}/server/v1/message/notification/unicast", form)["code"] for _ in range(2)]

    assert codes == [0, 33]


def test_printed_settings_are_read_back_from_toml() -> None:
    """The settings that are printed for pushgateway.toml are read back unchanged, also with odd characters."""
    nested = {"150001": "public", "a b": {"c": ["d", {"e": 5}]}}
    settings: dict[str, object] = {"app_key": 'a"\\\n张', "batch_size": 5, "flag": True, "channels": nested}

    read = tomllib.loads("\n".join(toml("oppo", settings)))

    assert read == {"certificates": {"7005": {"brand": "oppo", **settings}}}


@pytest.mark.parametrize("brand", sorted(entry.name for entry in entry_points(group=SANDBOXES)))
def test_the_sandbox_of_every_brand_can_be_started(brand: str) -> None:
    """Its settings are read back from TOML and make a certificate; what it lacks is refused by name."""
    sandbox = make_sandbox(brand, 1, {"dialect": None, **dict.fromkeys(sandbox_options(brand))})
    settings = sandbox.settings("http://127.0.0.1:1")

    read = tomllib.loads("\n".join(toml(brand, settings)))["certificates"]["7005"]

    assert read == {"brand": brand, **settings}
    assert load_vendors([Certificate("7005", brand, settings)], Plugins())["7005"].brand == brand
    assert set(sandbox.pushing) <= set(sandbox.operations)
    assert {"clock", "dialect", "keep", "seed", "tokens", *sandbox.options} <= arguments_of(type(sandbox))
    with pytest.raises(click.UsageError, match="has no --others"):
        make_sandbox(brand, 1, {"others": 1})


def sandbox_options(brand: str) -> list[str]:
    """The options of a brand's sandbox."""
    return sorted(find_sandbox(brand).options)


def test_without_a_login_request_no_login_line_is_printed() -> None:
    """Without a plug-in, or with settings that it refuses, only the example of a login is missing."""
    assert login_request("nokia", {}, 0.0) is None
    assert login_request("oppo", {"app_key": "only"}, 0.0) is None


def test_a_login_without_a_request_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is signed here needs none."""

    def login(*_: object) -> Any:
        return AccessToken("signed", 60)
        yield

    monkeypatch.setattr(Oppo, "login", login)

    assert login_request("oppo", {"app_key": "a", "master_secret": "b"}, 0.0) is None
