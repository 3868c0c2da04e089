"""Fuzzing of files: a plug-in's `rules.toml`, a host's `pushgateway.toml`, and the settings of a certificate.

A wrong file raises `PluginError` or `ConfigError` with sentences, and no sentence quotes a value that may be a secret.
"""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pushgateway_oppo import Oppo

from fuzzing.odd import CANARY, DEEP, ENDLESS, broken, check_words, some
from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.config import load_config
from pushgateway.model.errors import ConfigError, FieldError, PluginError
from pushgateway.model.secret import Secret
from pushgateway.vendor import Vendor
from pushgateway.vendor.rules import CodeRule, parse_rules

_ODD = (
    *("0", "1", "-1", "1.5", "nan", "-inf", "true", '""', '"x"', "[]", "{}", "[[]]", "[1,'a']", "{a=1}", "2026-08-01"),
    *("2026-08-01T00:00:00", "11:00:00", "2026-13-01", "0x10", "1_000", ENDLESS, "9" * 400, f"'{CANARY}'", '"\\ud800"'),
    *('"\\u0000"', "'''a\nb'''", "1e400", "+1", "=", "", "[", "'", "{a.b.c=1}", "[{},{}]", "9223372036854775808"),
)
_RARE = ("[" * DEEP, "{a=" * 20_000, ".".join("a" * 3000) + "=1", '"' + "x" * 100_000 + '"', "[" * 400 + "]" * 400)


_KEYS = ("x", "brand", CANARY, "7005", '""', "a.b")


def _odd(chance: random.Random) -> str:
    return some(chance, _RARE) if chance.random() < 0.002 else some(chance, _ODD)


def _table(chance: random.Random, fields: dict[str, tuple[str, ...]]) -> str:
    lines = []
    for name, values in fields.items():
        draw = chance.random()
        if draw < 0.93:
            lines.append(f"{name} = {_odd(chance) if draw < 0.04 else some(chance, values)}")
    while chance.random() < 0.05:
        lines.append(f"{some(chance, _KEYS)} = {_odd(chance)}")
    return "\n".join(lines)


def _spoilt(chance: random.Random, text: str) -> str:
    return broken(chance, text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


# rules.toml

_ROW = 'source = "S", seen = 2026-08-01'


def _row(chance: random.Random, content: str) -> str:
    draw = chance.random()
    if draw < 0.9:
        return f"{{ {content}, {_ROW} }}"
    return (
        _odd(chance)
        if draw < 0.93
        else f"{{ {content}, {some(chance, (_ROW, 'source = 5', 'x = 1'))}, max = {_odd(chance)} }}"
    )


_CODES = ('reason = "accepted"', 'reason = "UNREGISTERED"', 'reason = "MUTED"', 'reason = "nonsense"', "reason = 1")
_FIELDS = (
    'kind = "text", max = 50, max_when = { "b=2" = 10 }',
    'kind = "int", min = 9, max = 3',
    'kind = "blob"',
    'kind = "int", choices = [1, "2"]',
    'kind = "json", required_when = ["c=1", ""], audiences = ["tags", "nobody"]',
    'kind = "text", min = 1, required = true, scope = "message", past = "cut"',
)

_TOY = '"toy"'
_SOURCES = ('S = { title = "a source" }', 'S = { title = "a source", date = 2020-01-01 }', "S = { title = 5, url = 5 }")
_MORE = ', meaning = "m", dialects = ["d"]'
_HOSTS = ('url = "https://a.example"', 'url = "https://a.example"', 'url = "http://a"', "url = 5")
_OPERATION = 'method = "POST", path = "/x"'
_NUMBER = 'value = 5, unit = "s"'


def rules(chance: random.Random) -> None:
    """`parse_rules`."""
    lines = [
        f"brand = {_odd(chance) if chance.random() < 0.05 else _TOY}",
        "[sources]",
        some(chance, _SOURCES),
        "[codes]",
    ]
    for code in chance.sample(("0", "-1", "11", '"x"', "00", "1234567890", "'-0'"), chance.randrange(4)):
        lines.append(f"{code} = {_row(chance, some(chance, _CODES) + _MORE)}")
    lines += ["[dialects.d]", 'title = "D"', "[dialects.d.hosts]", f"a = {_row(chance, some(chance, _HOSTS))}"]
    lines += ["[dialects.d.operations]", f"send = {_row(chance, _OPERATION)}", "[dialects.d.fields]"]
    lines += [f"{name} = {_row(chance, some(chance, _FIELDS))}" for name in ("a", "b", "c") if chance.random() < 0.5]
    lines += ["[dialects.d.numbers]", f"n = {_row(chance, _NUMBER)}", "[dialects.d.targets]"]
    lines.append(f"{some(chance, ('tokens', 'tags', 'nobody'))} = {_row(chance, 'broadcast = 2')}")
    if chance.random() < 0.05:
        lines.insert(chance.randrange(len(lines)), _odd(chance))

    try:
        read = parse_rules(_spoilt(chance, "\n".join(lines)), "toy/rules.toml")
    except PluginError as wrong:
        check_named(wrong)
        return

    for rule in read.codes.values():
        assert isinstance(rule, CodeRule)
        assert rule.host_reason is None or rule.host_reason.value
        assert rule.source in read.sources
        assert set(rule.dialects) <= set(read.dialects)
    for dialect in read.dialects.values():
        for field in dialect.fields.values():
            field.maximum({"b": "2"})
            field.needed({"c": 1})


def check_named(wrong: PluginError) -> None:
    """The message begins with the name of the wrong file."""
    assert str(wrong).startswith("toy/rules.toml: ")


# pushgateway.toml

_FOLDER: list[Path] = []
_GATEWAY = {"timeout": ("30.0", "5"), "request_timeout": ("10",), "connections": ("8",), "linger": ("0", "0.01", "61")}
_CERTIFICATE: dict[str, tuple[str, ...]] = {
    "brand": ('"oppo"', '" OPPO "'),
    "app_key": (f'"{CANARY}key"', '"env:KEY"', "12345"),
    "master_secret": (
        f'"{CANARY}secret"',
        '"env:SECRET"',
        '"env:EMPTY"',
        '"env:"',
        '"file:secret"',
        '"file:../x"',
        '"file:"',
    ),
    "dialect": ('"current"', '"v1.3"', '"v2"'),
    "host": ('"https://a.example"', '"http://a.example"', '"http://127.0.0.1:1"', f'"https://u:{CANARY}@a"', '"//["'),
    "batch_size": ("100", "0", "1001"),
    "linger": ("0.0", "0.5", "-1"),
}
_ENVIRONMENT = {"KEY": f"{CANARY}key", "SECRET": f"{CANARY}-s", "EMPTY": ""}
_PLUGIN_KEYS = [name for name in _CERTIFICATE if name not in ("brand", "linger")]


def _folder() -> Path:
    if not _FOLDER:
        folder = Path(tempfile.mkdtemp(prefix="pushgateway-fuzz-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "secret").write_text(f"{CANARY}-file\n")
        _FOLDER.append(folder)
    return _FOLDER[0]


_VENDORS: dict[str, type[Vendor]] = {"oppo": Oppo}


def config(chance: random.Random) -> None:
    """`load_config` returns certificates and options, or raises `ConfigError` with sentences that quote no value."""
    parts = []
    if chance.random() < 0.6:
        parts.append(f"[gateway]\n{_table(chance, _GATEWAY)}")
    for key in chance.sample(("7005", '"a b"', '""', '"\\ud800"', "x.y", "brand"), chance.randrange(1, 3)):
        parts.append(f"[certificates.{key}]\n{_table(chance, _CERTIFICATE)}")
    if chance.random() < 0.1:
        parts.insert(0, f"{some(chance, ('gateway', 'certificates', CANARY, 'x'))} = {_odd(chance)}")
    path = _folder() / "pushgateway.toml"
    text = "\n".join(parts)
    path.write_bytes(broken(chance, text.encode("utf-8", "surrogatepass")))

    try:
        read = load_config(path, environ=_ENVIRONMENT, vendors=_VENDORS)
    except ConfigError as wrong:
        check_problems(wrong)
        return

    assert all(isinstance(certificate, Certificate) for certificate in read.certificates)
    assert read.options.keys() <= _GATEWAY.keys()
    assert CANARY not in repr(read.certificates).replace(f"'{CANARY}'", "")  # the id of a certificate may be the canary
    vendors = load_vendors(read.certificates, Plugins(_VENDORS))
    assert all(isinstance(vendor, Oppo | PluginError) for vendor in vendors.values())


def check_problems(wrong: ConfigError) -> None:
    """Each problem is a sentence that names its place. It may quote a key, but never a value."""
    assert wrong.problems
    for problem in wrong.problems:
        assert ": " in problem, problem
        for secret in (f"{CANARY}key", f"{CANARY}secret", f"{CANARY}-s", f"{CANARY}-file", f"{CANARY}@"):
            assert secret not in problem, "a sentence that quotes a value"


# Settings


class Hostile:
    """An object whose `repr` and `str` are unusable."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


_VALUES: tuple[Callable[[], Any], ...] = (
    *(
        lambda: None,
        lambda: 5,
        lambda: -1.5,
        lambda: float("nan"),
        lambda: True,
        lambda: "",
        lambda: b"\xff",
        list,
        dict,
    ),
    *(
        lambda: f"{CANARY}key",
        lambda: "\ud800",
        lambda: "\x00",
        lambda: "x" * 10_000,
        lambda: Secret(f"{CANARY}secret"),
    ),
    *(lambda: [f"{CANARY}key"], lambda: {"a": f"{CANARY}key"}, object, Hostile, lambda: 10**5000, lambda: (1, [2])),
    *(
        lambda: "https://a.example",
        lambda: "http://[",
        lambda: f"https://u:{CANARY}@a",
        lambda: "current",
        lambda: 1000,
    ),
)


def settings(chance: random.Random) -> None:
    """A certificate's settings, as a host passes them in code."""
    given: Any = {"app_key": f"{CANARY}key", "master_secret": f"{CANARY}secret"}
    for _ in range(chance.randrange(4)):
        given[some(chance, (*_PLUGIN_KEYS, *_PLUGIN_KEYS, "access_token_in", "home_region", "", "x"))] = chance.choice(
            _VALUES
        )()
    if chance.random() < 0.1:
        given.pop(chance.choice(list(given)))
    if chance.random() < 0.02:
        given = chance.choice(_VALUES)()

    try:
        certificate = Certificate(
            chance.choice((7, "7", "", None, "\ud800", CANARY)), chance.choice(("oppo", "", 5)), given
        )
        (vendor,) = load_vendors([certificate], Plugins({"oppo": Oppo})).values()
    except ConfigError as wrong:
        check_problems(wrong)
    except FieldError as wrong:
        check_words(wrong)
    else:
        assert isinstance(vendor, Oppo | PluginError)
        assert CANARY not in repr(vendor)
        assert CANARY not in repr(certificate).replace(f"'{CANARY}'", "")


TARGETS = {"rules": rules, "config": config, "settings": settings}
