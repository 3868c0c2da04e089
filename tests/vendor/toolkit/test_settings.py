"""Validators of settings, and the URLs of calls."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from toolkit_rules import RULES

from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.vendor.toolkit.settings import (
    Hosts,
    copied,
    host_setting,
    intents_setting,
    longest_setting,
    one_of_setting,
    packages_setting,
    paths_setting,
    text_setting,
    whole_setting,
)

OLD, NEW = RULES.dialects["old"], RULES.dialects["new"]


@attrs.frozen(kw_only=True)
class Settings:
    text: Any = attrs.field(default="a", validator=text_setting)
    maybe: Any = attrs.field(default=None, validator=text_setting)
    word: Any = attrs.field(default="a", validator=one_of_setting("a", "b"))
    choice: Any = attrs.field(default=None, validator=one_of_setting(1, 2))
    longest: Any = longest_setting(NEW.fields["title"], 99)  # noqa: RUF009 - a field of attrs
    number: Any = attrs.field(default=5, validator=whole_setting(1, 9))
    host: Any = attrs.field(default=None, validator=host_setting)
    dialect: str = "old"
    paths: Any = attrs.field(
        factory=dict, converter=copied, validator=paths_setting(lambda self: RULES.dialects[self.dialect])
    )
    intents: Any = attrs.field(
        factory=dict, validator=intents_setting(lambda _, value: [f"intents.{one}: x" for one in value])
    )


@pytest.mark.parametrize(
    "given",
    [
        {"text": "x", "maybe": "y", "word": "b", "number": 1, "host": "https://a.example:8443"},
        {"number": 9, "host": "http://127.0.0.1:80", "maybe": None},
        {"choice": 2, "longest": 99},
        {"choice": None, "longest": 1},
        {"paths": {"later": "/server/v1/later"}},
    ],
)
def test_right_settings(given: dict[str, Any]) -> None:
    """At the limits too; what replaces a maximum of the rules is that maximum by default."""
    assert Settings(**given)
    assert Settings().longest == 10


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("text", " ", "text: must be a non-empty string"),
        ("text", None, "text: must be a non-empty string"),
        ("maybe", "", "maybe: must be a non-empty string"),
        ("word", "c", "word: must be one of a, b"),
        ("choice", 3, "choice: must be one of 1, 2"),
        ("choice", True, "choice: must be one of 1, 2"),
        ("longest", 0, "longest: must be a whole number of 1 to 99"),
        ("longest", 100, "longest: must be a whole number of 1 to 99"),
        ("number", 0, "number: must be a whole number of 1 to 9"),
        ("number", 10, "number: must be a whole number of 1 to 9"),
        ("number", True, "number: must be a whole number of 1 to 9"),
        ("host", "https://a.example/x", "host: must be a URL such as https://host, without a path"),
        ("host", "http://a.example", "host"),
        ("paths", [], "paths: must be a table of paths by the name of the call"),
        (
            "paths",
            {"send": "/x"},
            "paths: names a call whose path is known, or no call; dialect = 'old' lacks the path of",
        ),
        ("paths", {"later": "x?y"}, "paths: later must be a path such as"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(name: str, value: object, sentence: str) -> None:
    """The error names the field and says what would be right."""
    with pytest.raises(FieldError) as caught:
        Settings(**{name: value})

    assert str(caught.value).startswith(sentence)


def test_problems_of_intents_are_reported_together() -> None:
    """Each has a sentence of its own."""
    with pytest.raises(ConfigError) as caught:
        Settings(intents={"a": 1, "b": 2})
    assert "intents.a: x" in str(caught.value)
    assert "intents.b: x" in str(caught.value)


def test_a_copied_table_does_not_change() -> None:
    """Whatever the host does with its own."""
    given = {"later": "/x"}
    settings = Settings(paths=given)
    given.clear()

    assert settings.paths == {"later": "/x"}
    assert copied(5) == 5


def test_urls() -> None:
    """At the row's host or that of the region; a setting replaces a host, places are filled."""
    hosts = Hosts(NEW, {"eu": "http://127.0.0.1:8000/", "main": None}, app_id="7")

    assert hosts.url("send", "main") == "https://push.acme.example/v2/7/send"
    assert hosts.url("send", "eu") == hosts.url("send", "eu") == "http://127.0.0.1:8000/v2/7/send"
    assert hosts.url("send", "main", app_id="a b") == "https://push.acme.example/v2/a%20b/send"
    assert (hosts.is_own("eu"), hosts.is_own("main")) == (True, False)


def test_the_host_and_path_of_a_row() -> None:
    """A row with a host ignores the region; a row without a path takes one."""
    hosts = Hosts(OLD)

    assert hosts.url("upload", "nowhere") == "https://push.acme.example/upload"
    assert hosts.url(OLD.operations["later"], "main", path="/x") == "https://push.acme.example/x"
    assert hosts.base("main") == "https://push.acme.example"


def test_the_name_of_a_call_by_its_url() -> None:
    """Whatever the host is; a path that no row has, and an empty one, are no call."""
    hosts = Hosts(OLD)

    assert hosts.name_of("https://elsewhere.example:8443/save?x=1") == "save"
    assert hosts.name_of("https://push.acme.example/other") == ""
    assert hosts.name_of("https://push.acme.example") == ""


def test_packages() -> None:
    """At most as many as the vendor takes."""

    @attrs.frozen
    class One:
        packages: Any = attrs.field(default=(), validator=packages_setting(2))

    assert One(("com.a.b", "com.a.c")).packages == ("com.a.b", "com.a.c")
    for wrong in (("com.a.b",) * 3, ("a",), (5,), ["com.a.b"], None):
        with pytest.raises(FieldError, match="packages: must be a list of at most 2 packages"):
            One(wrong)
