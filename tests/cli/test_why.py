"""`explain`, `why` and what `check` says is missing, against OPPO's sandbox over real HTTP.

What is printed is compared with the sandbox's ledger; the token is never printed whole unless the user asks for it.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pushgateway import Journal, Notification, Push, PushToken, Receipt, ReceiptKind, load_config, sync
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.records import usual_path
from pushgateway.cli.render import moment
from pushgateway.cli.sandbox_lines import toml
from pushgateway.cli.why import conclusion, journal_findings, zone_of
from pushgateway.model.secret import mask
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.serving.server import serve

SECRET = "the-app-secret-of-the-console"


@pytest.fixture
def sandbox() -> Sandbox:
    """OPPO's sandbox in its current dialect, with ten phones."""
    return find_sandbox("oppo")(tokens=10, dialect="current")


@pytest.fixture
def tokens(sandbox: Sandbox) -> tuple[str, ...]:
    """The phones of the sandbox; a test may uninstall one, and its token stays in the tuple."""
    return tuple(sandbox.tokens)


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """A good certificate (7005), one with the wrong secret (7006) and a complete one (7007), while the sandbox
    serves."""
    path = tmp_path / "pushgateway.toml"
    with serve(sandbox) as served:
        settings = sandbox.settings(served.url)
        bad = [line.replace("7005", "7006") for line in toml("oppo", {**settings, "master_secret": SECRET})]
        good = [line.replace("7005", "7007") for line in toml("oppo", settings)]
        words = ("chat", "group_chat", "mention", "call", "recall", "friend", "system", "order", "marketing", "news")
        rows = [f'[certificates.7007.intents.{word}]\ntemplate = "6"\nchannel_id = "c"' for word in words]
        path.write_text("\n".join([*toml("oppo", settings), *bad, *good, *rows]), "utf-8")
        yield path


@pytest.fixture
def journal(sandbox: Sandbox, tokens: tuple[str, ...], config: Path, tmp_path: Path) -> Path:
    """A host's journal: one push accepted by the first phone, one refused by the second, a receipt of the third."""
    path = tmp_path / "push.jsonl"
    sandbox.uninstall(tokens[1])
    known = load_config(config)
    with Journal(path) as journal, sync.Gateway(known.certificates, journal=journal) as gateway:
        gateway.send_each(Push(PushToken(7005, token), Notification("Ann", "Hi")) for token in tokens[:3])
        journal.note_receipt(
            Receipt(
                push_token=PushToken(7005, tokens[2]),
                kind=ReceiptKind.ARRIVED,
                event="push_arrive",
                at=datetime.now(UTC).timestamp() + 5,
            )
        )
    return path


def run(*arguments: object) -> Result:
    """The result of a command that is run in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def why(config: Path, token: str, *arguments: object, certificate: int = 7005) -> Result:
    """The result of `pushgateway why` for a token."""
    return run("why", "--certificate", certificate, "--token", token, "--config", config, *arguments)


def test_explain_shows_the_request_and_the_rules(sandbox: Sandbox, tokens: tuple[str, ...], config: Path) -> None:
    """The output shows the request with the token shortened, what is cut, and each rule with its source; nothing is
    sent."""
    token = tokens[0]

    result = run("explain", 7005, token, "--title", "今晚", "--body", "八" * 51, "--is", "call", "--config", config)

    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("unicast to http://127.0.0.1:")
    assert token not in result.output
    assert '"category":"IM"' in result.stdout
    assert "cut to 50 characters, has 51" in result.stdout
    assert "dialects.current.fields.content; github Mininglamp-OSS/octo-server" in result.stdout
    assert "seen 2026-08-24; documented" in result.stdout
    assert sum(sandbox.ledger.calls.values()) == 0


def test_explain_in_json_is_the_same(tokens: tuple[str, ...], config: Path) -> None:
    """The JSON holds request, fields, rulings, and how the push would end."""
    token = tokens[0]
    result = run("explain", 7005, token, "--title", "t", "--body", "b", "--ttl", 864_001, "--json", "--config", config)
    report = json.loads(result.stdout)
    fine = json.loads(run("explain", 7005, token, "--title", "t", "--body", "b", "--json", "--config", config).stdout)

    assert result.exit_code == Exit.FAILED
    assert (report["status"], report["reason"], report["requests"]) == ("not_sent", "invalid_notification", [])
    assert [one["field"] for one in report["rulings"] if one["effect"] == "refused"] == ["ttl"]
    (request,) = fine["requests"]
    assert json.loads(request["fields"]["message"])["target_value"] == mask(token)
    assert (fine["status"], fine["operation"], fine["priority"]) == (None, "unicast", "normal")


def test_explain_shows_parameters_and_overrides(tokens: tuple[str, ...], config: Path) -> None:
    """The values for a template and the vendor's own fields stand in the request that is shown."""
    overrides = '{"oppo": {"private_msg_template_id": "66", "private_title_parameters": {"a": "1"}}}'
    given = ("--is", "chat", "--overrides", overrides, "--parameters", '{"x": 1}')

    result = run("explain", 7005, tokens[0], "--title", "t", "--body", "b", *given, "--config", config)

    assert result.exit_code == Exit.OK
    assert '"private_title_parameters":{"a":"1"}' in result.stdout


def test_explain_for_an_unknown_certificate(config: Path) -> None:
    """An unknown certificate gives exit code 2, and no request is shown."""
    result = run("explain", 7999, "token", "--title", "t", "--body", "b", "--config", config)

    assert result.exit_code == Exit.USAGE
    assert result.stdout.startswith("no request would be sent")


def test_check_names_what_is_missing(config: Path) -> None:
    """What is missing is no fault, so the exit code is 0; with --strict it is 1. A complete certificate gives 0 in both
    cases."""
    plain = run("check", 7005, "--config", config)
    strict = run("check", 7005, "--strict", "--json", "--config", config)
    whole = run("check", 7007, "--strict", "--config", config)

    report = json.loads(strict.stdout)
    assert (plain.exit_code, strict.exit_code, whole.exit_code) == (Exit.OK, Exit.FAILED, Exit.OK)
    assert "note           intents.{chat, group_chat" in plain.stdout
    assert "template is missing" in plain.stdout
    assert report["ok"] is False
    assert len(report["certificates"][0]["missing"]) == 2


def test_why_of_a_dead_token(tokens: tuple[str, ...], config: Path, journal: Path) -> None:
    """The output gives the reason of the loss, who must act, what the vendor's code means, and the four facts; exit
    code 1."""
    token = tokens[1]

    result = why(config, token, "--journal", journal, "--app", "Example IM")

    assert result.exit_code == Exit.FAILED
    assert token not in result.output
    assert "rejected: unregistered (vendor code 10000)" in result.stdout
    assert "retire this token" in result.stdout
    assert "registration id invalid: drop the token" in result.stdout
    assert "the login was accepted" in result.stdout
    facts = result.stdout.partition("For the vendor's support:")[2]
    assert [line[2:17].strip() for line in facts.strip("\n").splitlines()][:4] == [
        "time",
        "app",
        "certificate id",
        "token",
    ]
    assert "Example IM" in facts
    assert mask(token) in facts


def test_why_of_an_accepted_push(sandbox: Sandbox, tokens: tuple[str, ...], config: Path, journal: Path) -> None:
    """Nothing is wrong on this side: the advice is to look at the phone, with the vendor's message id; exit code 0."""
    result = why(config, tokens[0], "--journal", journal, "--show-token")

    assert result.exit_code == Exit.OK
    assert "the vendor accepted it, so it was lost at the vendor or on the phone" in result.stdout
    assert f"token          {tokens[0]}" in result.stdout
    assert sandbox.ledger.deliveries[0].message_id in result.stdout


def test_why_of_a_push_with_a_receipt(tokens: tuple[str, ...], config: Path, journal: Path) -> None:
    """A receipt is shown rather than the outcome, because it says more."""
    result = why(config, tokens[2], "--journal", journal)

    assert result.exit_code == Exit.OK
    assert "arrived (push_arrive)" in result.stdout
    assert "it reached the phone" in result.stdout


def test_why_when_nothing_was_sent(tokens: tuple[str, ...], config: Path, journal: Path) -> None:
    """Without an entry, without one around that time, and without any journal no push is found: this has an exit code
    of its own, because nothing is wrong."""
    never = why(config, tokens[5], "--journal", journal)
    then = why(config, tokens[0], "--journal", journal, "--at", "2020-01-01T08:00+08:00", "--json")
    nowhere = why(config, tokens[0], "--no-journal")

    assert (never.exit_code, then.exit_code, nowhere.exit_code) == (Exit.NOT_FOUND,) * 3
    assert "no push was found: nothing was sent to this token at that time" in never.stdout
    report = json.loads(then.stdout)
    assert (report["ok"], report["found"], report["facts"]["time"]) == (True, False, "2020-01-01T08:00:00+08:00")
    assert "no push was found: this command has sent none" in nowhere.stdout


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a user's state folder that does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    return tmp_path / "home" / "state"


def send(config: Path, token: str, *arguments: object) -> Result:
    """The result of `pushgateway send` to a token."""
    return run("send", 7005, token, "--title", "TiTlE", "--body", "BoDy", "--config", config, *arguments)


def test_why_finds_the_pushes_of_send(sandbox: Sandbox, tokens: tuple[str, ...], config: Path, state: Path) -> None:
    """Without any option `why` reports how the pushes of `send` ended: the accepted one with the vendor's message id,
    the refused one with who must act. The file can be read by the user only and holds neither token nor text."""
    sandbox.uninstall(tokens[1])
    sent = [send(config, token).exit_code for token in tokens[:2]]

    good, dead = why(config, tokens[0]), why(config, tokens[1], "--json")
    blind = why(config, tokens[0], "--no-journal")
    (path,) = state.rglob("*.jsonl")

    assert sent == [Exit.OK, Exit.FAILED]
    assert (good.exit_code, blind.exit_code) == (Exit.OK, Exit.NOT_FOUND)
    assert f"accepted, message id {sandbox.ledger.deliveries[0].message_id}" in good.stdout
    assert (dead.exit_code, json.loads(dead.stdout)["found"]) == (Exit.FAILED, True)
    assert [one["reason"] for one in json.loads(dead.stdout)["journal"]] == ["unregistered"]
    assert path == state / "pushgateway" / "sent.jsonl"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not any(word in path.read_text("utf-8") for word in ("TiTlE", "BoDy", *tokens[:2]))


def test_send_writes_the_journal_that_is_named(
    tokens: tuple[str, ...], config: Path, state: Path, tmp_path: Path
) -> None:
    """`send` writes the journal into the file that is named, which must then be named to `why` too, or writes none. If
    a named file cannot be written the user gets an error, and nothing is sent."""
    named = tmp_path / "named.jsonl"

    codes = [
        send(config, tokens[0], "--journal", named).exit_code,
        send(config, tokens[1], "--no-journal").exit_code,
        send(config, tokens[2], "--journal", tmp_path / "nowhere" / "x.jsonl").exit_code,
        send(config, tokens[3], "--journal", named, "--no-journal").exit_code,
        why(config, tokens[0]).exit_code,
        why(config, tokens[0], "--journal", named).exit_code,
        why(config, tokens[1], "--journal", named).exit_code,
    ]

    assert codes == [Exit.OK, Exit.OK, Exit.USAGE, Exit.USAGE, Exit.NOT_FOUND, Exit.OK, Exit.NOT_FOUND]
    assert not state.exists()


def test_a_state_folder_that_cannot_be_written_stops_no_push(
    sandbox: Sandbox, tokens: tuple[str, ...], config: Path, state: Path
) -> None:
    """The push is sent, because that is what the user asked for; standard error says that it is not recorded."""
    state.parent.mkdir(parents=True)
    state.write_text("a file in the folder's place")

    result = send(config, tokens[0])

    assert result.exit_code == Exit.OK
    assert "not recorded" in result.stderr
    assert sandbox.ledger.count(tokens[0]) == 1


def test_the_state_folder_is_where_the_convention_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG convention holds: a path that is not absolute is ignored."""
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = tmp_path / ".local" / "state" / "pushgateway" / "sent.jsonl"

    assert usual_path({}) == usual_path({"XDG_STATE_HOME": "state"}) == usual_path({"XDG_STATE_HOME": ""}) == usual
    assert usual_path({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/pushgateway/sent.jsonl")


PUSH = {"at": 1_800_000_000.0, "certificate_id": "7005", "status": "accepted", "reason": None, "message_id": "m-1"}
RECEIPT = {"at": 1_800_000_004.2, "certificate_id": "7005", "receipt": "arrived", "event": "push_arrive"}


def test_receipts_are_shown_with_their_push() -> None:
    """A receipt belongs to its push by the dedupe id if it has one, otherwise by the vendor's message id; its delay is
    shown. A receipt of a push that is in no journal is shown as such."""
    pushes = [{**PUSH, "dedupe_id": f"d-{number}", "message_id": f"m-{number}"} for number in range(3)]
    receipts = [
        {**RECEIPT, "dedupe_id": "d-1", "message_id": "m-0"},
        {**RECEIPT, "dedupe_id": "", "message_id": "m-0", "receipt": "limited"},
        {**RECEIPT, "dedupe_id": "d-9", "message_id": "m-9"},
        {**RECEIPT, "dedupe_id": "d-2", "receipt": "suspect", "event": "regid_invalid"},
    ]

    found = list(journal_findings([*pushes, *receipts], None, UTC))

    assert [(one.about, one.good) for one in found] == [
        ("push", True),
        ("receipt", False),
        ("push", True),
        ("receipt", True),
        ("push", True),
        ("receipt", None),
        ("receipt", True),
    ]
    assert "arrived (push_arrive), 4.2 seconds after the push" in found[3].text
    assert "confirms that the token is dead" in found[5].text
    assert "in none of these journals" in found[6].text


@pytest.mark.parametrize(
    ("kind", "good", "text"),
    [
        ("arrived", True, "check the notification permission"),
        ("clicked", True, "it was shown"),
        ("unregistered", False, "the token is dead"),
        ("muted", False, "the user must allow them"),
        ("limited", False, "its daily number"),
        ("dropped", False, "its time to live ended"),
        ("suspect", None, "it was lost at the vendor or on the phone"),
        ("other", None, "it was lost at the vendor or on the phone"),
    ],
)
def test_each_kind_of_receipt_says_what_to_check_next(kind: str, good: bool | None, text: str, tmp_path: Path) -> None:
    """The receipt says more than the outcome, which is that the vendor accepted it."""
    entries = [{**PUSH, "dedupe_id": "d-1"}, {**RECEIPT, "dedupe_id": "d-1", "receipt": kind}]

    *_, receipt = journal_findings(entries, None, UTC)

    assert (receipt.about, receipt.good) == ("receipt", good)
    assert text in conclusion(entries, [tmp_path]).text


def test_times_are_shown_in_the_local_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are shown in the zone of this machine, with the UTC offset of that day, or in the zone of `--at` where one
    is given."""
    winter, summer = 1_800_000_000.0, 1_783_000_000.0
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        local = [moment(at, None) for at in (winter, summer)]
    finally:
        monkeypatch.undo()
        time.tzset()

    assert local == ["2027-01-15T09:00:00+01:00", "2026-07-02T15:46:40+02:00"]
    assert moment(winter, timezone(timedelta(hours=8))) == "2027-01-15T16:00:00+08:00"
    assert zone_of(datetime(2026, 1, 1, tzinfo=UTC)) is UTC
    assert [moment(at, UTC) for at in ("x", None, True, float("inf"), -1.0, 1e300)] == ["(no time)"] * 6


def test_why_around_the_time(tokens: tuple[str, ...], config: Path, journal: Path) -> None:
    """A push within the given number of seconds is found; the time zone of the question is respected."""
    result = why(config, tokens[1], "--journal", journal, "--at", datetime.now(UTC).isoformat(), "--json")

    report = json.loads(result.stdout)
    assert [one["reason"] for one in report["journal"]] == ["unregistered"]
    assert report["ok"] is False
    assert tokens[1] not in result.stdout


def test_why_of_settings_and_shapes(tokens: tuple[str, ...], config: Path) -> None:
    """A wrong secret, something that is no token, an unknown certificate and a missing journal have a message each."""
    login = why(config, tokens[0], certificate=7006)
    shape = why(config, "CN;01")
    unknown = why(config, tokens[0], certificate=7999)
    lost = why(config, tokens[0], "--journal", "nowhere.jsonl")

    assert (login.exit_code, shape.exit_code) == (Exit.FAILED, Exit.FAILED)
    assert (unknown.exit_code, lost.exit_code) == (Exit.USAGE, Exit.USAGE)
    assert "invalid signature" in login.stdout or "vendor code 16" in login.stdout
    assert SECRET not in login.output
    assert "contains U+003B, which no registration id contains" in shape.stdout
    assert "certificate '7999' is not configured" in unknown.stdout
    assert "there is no such file" in lost.output


def test_why_shows_the_region(tokens: tuple[str, ...], config: Path) -> None:
    """The region that the token leads to is shown."""
    result = why(config, "OPPO_EUEX_" + "0" * 32)

    assert "(region overseas)" in result.stdout
