"""`pushgateway.toml`: its contents, where its secrets come from, and that every mistake is reported together, without a
value in the messages."""

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
import trustme

from pushgateway import Gateway
from pushgateway.certificates.certificate import Certificate
from pushgateway.config import MAX_SECRET, Config, DevicesSettings, Options, load_config
from pushgateway.model.errors import ConfigError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.secret import Secret
from pushgateway.state import StateAddress
from pushgateway.vendor import Exchange, Request, Vendor

CANARY = "canary-5d1f"
Read = Callable[..., Config]
STATE_URL = "state.url: must be sqlite:///file, redis://host:6379/0, rediss://… or unix:///path/of/redis.sock"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a `pushgateway.toml` and read it, with these environment variables and no others."""

    def reading(text: str | bytes, environ: Mapping[str, str] | None = None) -> Config:
        path = tmp_path / "conf" / "pushgateway.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(path, environ={} if environ is None else environ)

    return reading


def setting(value: str) -> str:
    """A configuration whose one certificate has this text as its secret; its brand has no plug-in, so only the file is
    checked."""
    return f"[certificates.7005]\nbrand = 'acme'\nmaster_secret = {value}\n"


def problems(read: Read, text: str | bytes, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The problems of this configuration. No message ever holds the canary."""
    with pytest.raises(ConfigError) as caught:
        read(text, environ)
    assert CANARY not in f"{caught.value!r} {caught.value}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.problems


def test_a_configuration_becomes_certificates_and_options(read: Read) -> None:
    """Each table becomes a certificate, its id text, everything but the brand a setting; options are set only where the
    file names them."""
    config = read(
        "[gateway]\ntimeout = 30\nconnections = 4\n"
        "[certificates.7005]\nbrand = 'OPPO'\napp_key = 12345\nmaster_secret = 'text'\n"
        "[certificates.'a b']\nbrand = 'acme'\n"
    )

    assert config.certificates == (
        Certificate("7005", "oppo", {"app_key": 12345, "master_secret": "text"}),
        Certificate("a b", "acme"),
    )
    assert config.options == {"timeout": 30, "connections": 4}


@pytest.mark.parametrize("text", ["", "# nothing", "[gateway]\n[certificates]\n", "\ufeff[gateway]\n"])
def test_an_empty_configuration_is_valid(read: Read, text: str) -> None:
    """It has no certificates and no options; a byte order mark, which some editors add, is ignored."""
    assert read(text) == Config(())


def test_a_text_may_hold_a_colon(read: Read) -> None:
    """Only `env:` and `file:` are sources; other words before a colon, and other types, are not changed."""
    config = read(
        "[certificates.1]\nbrand = 'x'\nhost = 'https://host'\nword = 'environment:A'\nupper = 'ENV:A'\n"
        "list = ['env:A']\nswitch = true\n"
    )

    assert config.certificates[0].settings == {
        "host": "https://host",
        "word": "environment:A",
        "upper": "ENV:A",
        "list": ["env:A"],
        "switch": True,
    }


def test_a_secret_comes_from_the_environment(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of the variable is taken as it is; by default from the process's own environment."""
    config = read(setting("'env:OPPO'"), {"OPPO": f"a {CANARY}"})
    monkeypatch.setitem(os.environ, "PUSHGATEWAY_TEST_SECRET", "from the process")
    (tmp_path / "own.toml").write_text(setting("'env:PUSHGATEWAY_TEST_SECRET'"))

    assert config.certificates[0].settings == {"master_secret": f"a {CANARY}"}
    assert load_config(str(tmp_path / "own.toml")).certificates[0].settings == {"master_secret": "from the process"}


@pytest.mark.parametrize("environ", [{}, {"OPPO": ""}, {"oppo": CANARY}])
def test_a_missing_variable_is_named(read: Read, environ: dict[str, str]) -> None:
    """An empty variable is missing too: an empty secret would sign everything the same way."""
    assert problems(read, setting("'env:OPPO'"), environ) == (
        "certificates['7005'].master_secret: the environment variable OPPO is not set",
    )


@pytest.mark.parametrize("where", ["secret", "sub/secret", "sub/../secret", "./secret"])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_secret_comes_from_a_file(read: Read, tmp_path: Path, where: str, ending: bytes, mark: bytes) -> None:
    """A relative path starts at the folder of the configuration, not of the process; a line end and a byte order mark,
    which an editor adds, are removed."""
    (tmp_path / "conf" / "sub").mkdir(parents=True)
    (tmp_path / "conf" / where).write_bytes(mark + CANARY.encode() + ending)

    config = read(setting(f"'file:{where}'"))

    assert config.certificates[0].settings == {"master_secret": CANARY}


def test_an_absolute_file_may_be_anywhere(read: Read, tmp_path: Path) -> None:
    """A full path is taken as the host wrote it."""
    (tmp_path / "secret").write_text(CANARY)

    assert read(setting(f"'file:{tmp_path / 'secret'}'")).certificates[0].settings == {"master_secret": CANARY}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{CANARY}\u200b", "character 12 of 12 is U+200B (ZERO WIDTH SPACE), which cannot be seen: take it out"),
        (
            f"\ufeff{CANARY}",
            "character 1 of 12 is U+FEFF (ZERO WIDTH NO-BREAK SPACE), which cannot be seen: take it out",
        ),
        (f"can\x07{CANARY}", "character 4 of 15 is U+0007 (a control character), which cannot be seen: take it out"),
        (f"{CANARY} ", "a blank stands at its end: take it off"),
        (f"{CANARY}\n", "a blank stands at its end: take it off"),
        (f"\u3000{CANARY}", "a blank stands at its beginning: take it off"),
        (" ", "a blank stands at its end: take it off"),
    ],
)
def test_invisible_characters_in_a_secret_are_reported(read: Read, text: str, problem: str) -> None:
    """Such a character, copied with the secret, makes the vendor refuse the login with a code that does not say why. It
    is found everywhere in a certificate: in a setting, a table or list in it, a receipt secret."""
    document = setting("'env:OPPO'") + "[certificates.7005.intents.chat]\nnames = ['env', 'x']\n"
    inner = document.replace("'x'", f"'{text}'") if "\n" not in text and "\x07" not in text else document
    receipts = "receipt_url = 'https://im.example/push'\nreceipt_secret = ['0123456789abcdef', 'env:OPPO']"

    assert problems(read, document, {"OPPO": text}) == (f"certificates['7005'].master_secret: {problem}",)
    if inner is not document:
        assert problems(read, inner, {"OPPO": "fine"}) == (f"certificates['7005'].intents.chat.names[1]: {problem}",)
    if len(text) >= 16:
        expected = (f"certificates['7005'].receipt_secret[1]: {problem}",)
        assert problems(read, setting("'fine'") + receipts, {"OPPO": text}) == expected


def test_a_key_of_several_lines_is_accepted(read: Read) -> None:
    """A private key in PEM has line ends within and may have one at its end."""
    key = "-----BEGIN PRIVATE KEY-----\nAbC\n-----END PRIVATE KEY-----\n"

    assert read(setting("'env:OPPO'"), {"OPPO": key}).certificates[0].settings == {"master_secret": key}


def test_a_fifo_is_refused_as_a_secret(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not opened, because opening it would wait until another process writes to it."""
    (tmp_path / "conf").mkdir()
    os.mkfifo(tmp_path / "conf" / "secret")
    whole = Path.open

    def opened(path: Path, *how: object, **more: object) -> object:
        assert path.name != "secret", "it would wait for ever"
        return whole(path, *how, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)

    assert problems(read, setting("'file:secret'")) == (
        "certificates['7005'].master_secret: the file secret cannot be read (it is no regular file)",
    )


@pytest.mark.parametrize("where", ["../secret", "sub/../../secret", "link", "../conf2/secret"])
def test_a_relative_path_stays_within_its_folder(read: Read, tmp_path: Path, where: str) -> None:
    """It cannot leave the folder by dots or by a link, nor reach a folder whose name begins with the same letters."""
    for folder in ("conf/sub", "conf2"):
        (tmp_path / folder).mkdir(parents=True)
    for path in (tmp_path / "secret", tmp_path / "conf2" / "secret"):
        path.write_text(CANARY)
    (tmp_path / "conf" / "link").symlink_to(tmp_path / "secret")

    assert problems(read, setting(f"'file:{where}'")) == (
        "certificates['7005'].master_secret: a relative file: must lie below the folder of the configuration",
    )


def test_a_link_within_the_folder_is_followed(read: Read, tmp_path: Path) -> None:
    """Mounted secrets are links to a folder beside them."""
    (tmp_path / "conf" / "..data").mkdir(parents=True)
    (tmp_path / "conf" / "..data" / "secret").write_text(CANARY)
    (tmp_path / "conf" / "secret").symlink_to("..data/secret")

    assert read(setting("'file:secret'")).certificates[0].settings == {"master_secret": CANARY}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        (b"", "is empty or larger than 65536 bytes"),
        (b"\r\n\n", "is empty or larger than 65536 bytes"),
        (b"\xff" + CANARY.encode(), "cannot be read (UnicodeDecodeError)"),
        (b"x" * (MAX_SECRET + 1), "is empty or larger than 65536 bytes"),
        (b"x" * MAX_SECRET + b"\n" + CANARY.encode(), "is empty or larger than 65536 bytes"),
        (b"x" + "\u00e9".encode() * MAX_SECRET, "is empty or larger than 65536 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(read: Read, tmp_path: Path, content: bytes | None, says: str) -> None:
    """A file that is missing, empty, not text, or too large is refused; it is never cut and used."""
    (tmp_path / "conf").mkdir()
    if content is not None:
        (tmp_path / "conf" / "secret").write_bytes(content)

    assert problems(read, setting("'file:secret'")) == (f"certificates['7005'].master_secret: the file secret {says}",)


def test_a_file_at_the_limit_is_taken(read: Read, tmp_path: Path) -> None:
    """A file of 65,536 bytes, not characters, is accepted."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "secret").write_bytes("\u00e9".encode() * (MAX_SECRET // 2))

    assert len(read(setting("'file:secret'")).certificates[0].settings["master_secret"]) == MAX_SECRET // 2


@pytest.mark.parametrize("where", [".", "sub", "a\\u0000b", "loop"])
def test_an_odd_path_is_reported_without_an_exception(read: Read, tmp_path: Path, where: str) -> None:
    """A folder, a NUL, and a link to itself are problems of the configuration."""
    (tmp_path / "conf" / "sub").mkdir(parents=True)
    (tmp_path / "conf" / "loop").symlink_to("loop")

    (problem,) = problems(read, setting(f'"file:{where}"'))

    assert problem.startswith("certificates['7005'].master_secret: the file ")
    assert " cannot be read (" in problem


@pytest.mark.parametrize(
    ("source", "says"),
    [("env:", "env: names no variable: write env:NAME"), ("file:", "file: names no file: write file:PATH")],
)
def test_a_source_without_a_name_says_what_to_write(read: Read, source: str, says: str) -> None:
    """The message is not "the variable  is not set", which would lead the reader to the environment."""
    assert problems(read, setting(f"'{source}'"), {"": CANARY}) == (f"certificates['7005'].master_secret: {says}",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"a = {CANARY}", "(at line 1, column 5)"),
        (f"\n[x]\na = '{CANARY}", "(at end of document)"),
        (f"a = '{CANARY}' b", "(at line 1, column 19)"),
        (f"a = '(at {CANARY}' b", "(at line 1, column 23)"),
        (f"a = '{CANARY}'\na = 1\n", "(at line 2, column 6)"),
        (f"[{CANARY}]\n[{CANARY}]", "(at line 2, column 13)"),
        (b"a = '\xff" + CANARY.encode(), "not UTF-8"),
        (CANARY.encode("utf-16"), "not UTF-8"),
        ("a = " + "9" * 5000, "a number is too long or tables lie too deep"),
        ("a = " + "[" * 100_000, "a number is too long or tables lie too deep"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_invalid_toml_is_reported_by_its_place(read: Read, text: str | bytes, place: str) -> None:
    """The message gives line and column, and nothing of the text there."""
    assert problems(read, text) == (f"pushgateway.toml is not TOML: {place}",)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    """The message gives its name and the system's reason, also when it is a folder."""
    for path, reason in ((tmp_path / "nothing.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=f"{path.name}: {reason}"):
            load_config(path, environ={})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("timeout = 0", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("timeout = -1.5", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("timeout = nan", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("timeout = true", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        (f"timeout = '{CANARY}'", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("request_timeout = []", "gateway.request_timeout: must be more than 0 seconds and at most 30 days"),
        ("timeout = 2592000.1", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("timeout = inf", "gateway.timeout: must be more than 0 seconds and at most 30 days"),
        ("linger = -0.1", "gateway.linger: must be 0 to 60 seconds"),
        ("linger = 60.1", "gateway.linger: must be 0 to 60 seconds"),
        ("linger = false", "gateway.linger: must be 0 to 60 seconds"),
        ("queue = 0", "gateway.queue: must be a whole number, 1 or more"),
        ("connections = 0", "gateway.connections: must be a whole number, 1 or more"),
        ("connections = 1.0", "gateway.connections: must be a whole number, 1 or more"),
        ("connections = true", "gateway.connections: must be a whole number, 1 or more"),
        (
            "plugins = 1",
            (
                "gateway.plugins: is not known; known: ca_file, connect_timeout, connections, linger, proxy, queue, "
                "request_timeout, timeout, trace, transport"
            ),
        ),
    ],
)
def test_a_wrong_option_is_named(read: Read, line: str, says: str) -> None:
    """The message says what would be right, or which options there are."""
    assert problems(read, f"[gateway]\n{line}\n") == (says,)


def test_options_at_their_limit_are_taken(read: Read) -> None:
    """Above 0 and up to 30 days, one connection, a linger of 0 to 60 seconds are accepted here and by the gateway."""
    config = read("[gateway]\ntimeout = 0.001\nrequest_timeout = 2592000\nconnections = 1\nlinger = 60\n")

    assert config.options == {"timeout": 0.001, "request_timeout": 2592000, "connections": 1, "linger": 60}
    assert config.gateway().certificates == ()
    assert read("[gateway]\nlinger = 0\n").options == {"linger": 0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gateway = 5", "gateway: must be a table"),
        ("certificates = 5", "certificates: must be tables such as [certificates.7005]"),
        ("[[certificates]]\nbrand = 'x'", "certificates: must be tables such as [certificates.7005]"),
        (f"certificates.7005 = '{CANARY}'", "certificates['7005']: must be a table"),
        (f"[certificates.7005]\nkey = '{CANARY}'", "certificates['7005']: Certificate.brand: must be a brand such as"),
        (
            f"[certificates.7005]\nbrand = ['{CANARY}']",
            "certificates['7005']: Certificate.brand: must be a brand such as",
        ),
        (
            f"[certificates]\nbrand = 'oppo'\nmaster_secret = '{CANARY}'",
            "certificates: a certificate needs its id: write [certificates.7005]",
        ),
        ("[certificates.'']\nbrand = 'x'", "certificates['']: certificate_id: must not be empty"),
        ("[certificate.7005]", "certificate: is not known; known: gateway, certificates, devices, outbox, state"),
        (f"secret = '{CANARY}'", "secret: is not known; known: gateway, certificates, devices, outbox, state"),
    ],
)
def test_a_table_in_the_wrong_place_is_named(read: Read, text: str, says: str) -> None:
    """A typing error in a heading must not make a certificate disappear."""
    (problem,) = problems(read, text)

    assert problem.startswith(says)


def test_every_problem_is_reported_together(read: Read) -> None:
    """Unknown tables, options, sources and certificates are reported in one list, sorted by kind."""
    found = problems(
        read,
        f"[more]\n[gateway]\ntimeout = 0\nspeed = 1\n[certificates.1]\nbrand = 'x'\na = 'env:A'\nb = 'file:../b'\n"
        f"c = '{CANARY}'\n[certificates.2]\nd = 'file:d'\n",
    )

    assert [problem.split(":")[0] for problem in found] == [
        "more",
        "gateway.timeout",
        "gateway.speed",
        "certificates['1'].a",
        "certificates['1'].b",
        "certificates['2'].d",
        "certificates['2']",
    ]


def test_a_certificate_has_limits_of_its_own(read: Read) -> None:
    """They stand in its table beside the settings of its plug-in, and are checked."""
    table = "[certificates.1]\nbrand = 'oppo'\napp_key = 'k'\nmaster_secret = 's'\n"

    (certificate,) = read(f"{table}connections = 300\npushes_per_second = 6000\nlinger = 0\n").certificates

    assert (certificate.connections, certificate.pushes_per_second, certificate.linger) == (300, 6000, 0)
    assert list(problems(read, f"{table}connections = 0\n")) == [
        "certificates['1'].connections: must be a whole number, 1 or more"
    ]


def test_the_file_and_its_settings_are_checked_together(read: Read) -> None:
    """What the plug-in refuses is reported beside the mistakes of the file, so that all can be corrected at once."""
    found = problems(
        read,
        f"[gateway]\ntimeout = 0\n"
        f"[certificates.1]\nbrand = 'oppo'\napp_secret = '{CANARY}'\nmaster_secret = 'env:A'\nbatch_size = 1001\n"
        f"linger = 61\n[certificates.2]\nbrand = 'oppo'\napp_key = 'k'\nmaster_secret = ''\n[certificates.' 2']\n"
        f"brand = 'nobody'\n",
    )

    assert [problem.split(":")[0] for problem in found[:3]] == [
        "gateway.timeout",
        "certificates['1'].master_secret",
        "certificates['1'].linger",
    ]
    assert sorted(problem.split(":")[0] for problem in found[3:]) == [
        "certificates['1'].app_key",
        "certificates['1'].app_secret",
        "certificates['1'].batch_size",
        "certificates['2']",
        "certificates['2'].master_secret",
    ]


def test_a_source_that_failed_is_reported_once(read: Read) -> None:
    """The plug-in's message about the missing text would only hide the cause, so it is left out; messages about other
    fields stay."""
    text = "[certificates.1]\nbrand = 'oppo'\napp_key = 'env:A'\nmaster_secret = 'file:b'\nhost = 'env:C'\nsize = 1\n"

    found = problems(read, text)

    assert [problem.split(":")[0] for problem in found] == [
        f"certificates['1'].{field}" for field in ("app_key", "master_secret", "host", "size")
    ]


def test_a_missing_plugin_is_no_problem_of_the_file(read: Read) -> None:
    """It affects its own certificate only, and the gateway reports it; the settings of other certificates are
    checked."""
    nobody = "[certificates.1]\nbrand = 'nobody'\nanything = 1\n"

    assert read(nobody).certificates[0].settings == {"anything": 1}
    assert len(problems(read, nobody + "[certificates.2]\nbrand = 'oppo'\n")) == 2


class Acme(Vendor):
    """A vendor whose class the host hands over."""

    brand = "oppo"
    contract = "0.2"

    def push(self, batch: list[Push]) -> Exchange[list[Outcome]]:  # type: ignore[override]
        yield Request("POST", "https://host")
        return []


def test_settings_are_checked_with_the_classes_of_the_host(read: Read, tmp_path: Path) -> None:
    """A class given to `Gateway(vendors=…)` is used before an installed one, here as there."""
    read("")
    path = tmp_path / "conf" / "pushgateway.toml"
    path.write_text("[certificates.1]\nbrand = 'oppo'\nregion = 'x'\n")

    config = load_config(path, environ={}, vendors={"oppo": attrs.make_class("Mine", ["region"], bases=(Acme,))})

    assert config.certificates[0].settings == {"region": "x"}
    with pytest.raises(ConfigError, match="region"):
        load_config(path, environ={})


def test_a_configuration_does_not_show_its_secrets(read: Read) -> None:
    """Its `repr` names certificates and options only."""
    config = read(setting(f"'{CANARY}'"))

    assert CANARY not in repr(config)
    assert "Certificate('7005', 'acme', 1 settings)" in repr(config)


def test_the_table_of_the_gateway_has_every_argument_that_a_file_can_say() -> None:
    """README: the keys are the names of Gateway()'s arguments, without those that take an object."""
    objects = {"certificates", "retry", "observer", "journal", "vendors", "devices", "clock", "rng", "self"}

    assert Options.__annotations__.keys() == inspect.signature(Gateway.__init__).parameters.keys() - objects


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('proxy = "socks5://x"', "gateway.proxy: must be http://host:port"),
        ("proxy = 1", "gateway.proxy: must be http://host:port"),
        ('proxy = "env:NO_SUCH"', "gateway.proxy: the environment variable NO_SUCH is not set"),
        ('ca_file = "nowhere.pem"', "gateway.ca_file: must be a file with certificate authorities (PEM)"),
        ("ca_file = 1", "gateway.ca_file: must be a file with certificate authorities (PEM)"),
        ("connect_timeout = 0", "gateway.connect_timeout: must be more than 0 seconds and at most 30 days"),
        ("trace = -1", "gateway.trace: must be a whole number, 0 or more"),
        ("trace = true", "gateway.trace: must be a whole number, 0 or more"),
        ('transport = "fsat"', 'gateway.transport: must be "httpx" or "fast"'),
        ("transport = 1", 'gateway.transport: must be "httpx" or "fast"'),
        ('transport = ["fast"]', 'gateway.transport: must be "httpx" or "fast"'),
    ],
)
def test_a_wrong_option_of_the_network_is_named(tmp_path: Path, line: str, says: str) -> None:
    """The message names its key and not its value: a proxy's URL may hold a password."""
    path = tmp_path / "pushgateway.toml"
    path.write_text(f"[gateway]\n{line}\n", "utf-8")

    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})

    assert caught.value.problems == (says,)


def test_options_of_the_network_reach_the_gateway(tmp_path: Path) -> None:
    """A proxy may come from the environment; a relative path of an authority's file starts at the configuration's
    folder."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    path = tmp_path / "pushgateway.toml"
    path.write_text(
        '[gateway]\nproxy = "env:PROXY"\nca_file = "ca.pem"\nconnect_timeout = 1.5\ntrace = 0\ntransport = "httpx"\n',
        "utf-8",
    )

    config = load_config(path, environ={"PROXY": "http://user:secret@proxy:3128"})

    assert config.options == {
        "proxy": "http://user:secret@proxy:3128",
        "ca_file": str(tmp_path / "ca.pem"),
        "connect_timeout": 1.5,
        "trace": 0,
        "transport": "httpx",
    }
    assert config.gateway() is not None
    assert "secret" not in repr(config)


def test_the_shared_state_becomes_an_address(read: Read, tmp_path: Path) -> None:
    """`[state]` is an option of the gateway: its URL may come from a source, and a file lies beside the configuration.
    Nothing of the URL is shown."""
    plain = read("[state]\nurl = 'sqlite:///push.db'\n").options
    secret = read("[state]\nurl = 'env:STATE'\nprefix = 'staging'\n", {"STATE": f"redis://:{CANARY}@host/0"})

    assert plain == {"state": StateAddress("sqlite:///push.db", folder=tmp_path / "conf")}
    assert secret.options["state"].url.reveal() == f"redis://:{CANARY}@host/0"
    assert secret.options["state"].prefix == "staging"
    assert CANARY not in repr(secret)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state = 7", ["state: must be a table"]),
        ("[state]", [STATE_URL]),
        (f"[state]\nurl = '{CANARY}'", [STATE_URL]),
        ("[state]\nurl = ['redis://host']", [STATE_URL]),
        ("[state]\nurl = 'env:NOBODY'", ["state.url: the environment variable NOBODY is not set"]),
        (
            "[state]\nurl = 'redis://host'\nprefix = 7",
            ["state.prefix: must be a text without braces and control characters"],
        ),
        ("[state]\nurl = 'redis://host'\nsecret = 7", ["state.secret: is not known; known: url, prefix"]),
    ],
)
def test_a_wrong_state_is_named(read: Read, text: str, expected: list[str]) -> None:
    """Each mistake in `[state]` is reported by its place."""
    assert list(problems(read, text)) == expected


def test_the_devices_are_made_of_their_table(read: Read, tmp_path: Path) -> None:
    """The URL may come from a source, a file lies beside the configuration, and no `repr` shows the URL."""
    url = f"postgresql://user:{CANARY}@db.example/push"
    server = read("[devices]\nurl = 'env:DEVICES'\nshared = false\n", {"DEVICES": url})
    file = read("[devices]\nurl = 'sqlite:///devices.db'\n")

    assert repr(server.devices()) == "Devices(SqlDevices('postgresql://db.example/push'))"
    assert repr(file.devices()) == "Devices(SqlDevices('devices.db'))"
    assert CANARY not in repr(server)
    assert server.devices_settings == DevicesSettings(Secret(url), tmp_path / "conf", {"shared": False})
    assert file.devices_settings == DevicesSettings(Secret("sqlite:///devices.db"), tmp_path / "conf")


def test_a_file_without_devices_makes_none(read: Read) -> None:
    """The error says what to write."""
    with pytest.raises(ConfigError, match=r"devices: is missing: write \[devices\]"):
        read("").devices()


DEVICES_URL = "devices.url: must be sqlite:///file, postgresql://user:password@host/name or mysql://…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("devices = 7", ["devices: must be a table"]),
        ("[devices]", [DEVICES_URL]),
        (f"[devices]\nurl = 'redis://:{CANARY}@host'", [DEVICES_URL]),
        ("[devices]\nurl = 'env:NOBODY'", ["devices.url: the environment variable NOBODY is not set"]),
        (
            "[devices]\nurl = 'sqlite:///d.db'\nshared = 1\nuser = 7",
            ["devices.user: is not known; known: url, shared, most", "devices.shared: must be true or false"],
        ),
        ("[devices]\nurl = 'mysql://host'", ["devices.url: must name a database: add /name to its end"]),
    ],
)
def test_wrong_devices_are_named(read: Read, text: str, expected: list[str]) -> None:
    """Every problem at once, by its place and without its value."""
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert list(caught.value.problems) == expected
