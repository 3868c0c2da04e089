"""Validators of a certificate's settings, and the URLs of a vendor's calls.

Pure. A validator raises a `FieldError` that names its field and never quotes the value. `Hosts` makes URLs from the
rows of `rules.toml` and from the settings that replace a row's host or complete its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import attrs

from pushgateway.vendor import ConfigError, FieldError, check_base_url
from pushgateway.vendor.rules import Dialect, FieldRule, Operation
from pushgateway.vendor.toolkit.clicks import is_package

Validator: TypeAlias = Callable[[Any, Any, Any], None]
"""A validator of attrs: `(instance, attribute, value)`."""


def text_setting(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A text that is not blank; None where that is the default."""
    if value is None and attribute.default is None:
        return
    if not isinstance(value, str) or not value.strip():
        raise FieldError(attribute.name, "must be a non-empty string")


def one_of_setting(*words: str | int) -> Validator:
    """One of these texts or numbers; None where that is the default."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        is_one = any(type(value) is type(word) and value == word for word in words)
        if not is_one and not (value is None and attribute.default is None):
            raise FieldError(attribute.name, f"must be one of {', '.join(map(str, words))}")

    return check


def whole_setting(low: int, high: int) -> Validator:
    """A whole number from `low` to `high`."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise FieldError(attribute.name, f"must be a whole number of {low} to {high}")

    return check


def longest_setting(rule: FieldRule, most: int) -> Any:
    """A field of attrs: a whole number of 1 to `most` that replaces the maximum of a field of the rules, which is its
    default."""
    return attrs.field(default=rule.max, validator=whole_setting(1, most))


def host_setting(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """`https://host[:port]` without a path (`http://` for loopback addresses only); None: the vendor's own."""
    if value is not None and check_base_url(attribute.name, value).count("/") != 2:
        raise FieldError(attribute.name, "must be a URL such as https://host, without a path")


def packages_setting(most: int) -> Validator:
    """A tuple of at most `most` package names of Android apps."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        given = value if isinstance(value, tuple) else (None,)
        if len(given) > most or not all(isinstance(one, str) and is_package(one) for one in given):
            raise FieldError(attribute.name, f"must be a list of at most {most} packages, such as com.example.chat")

    return check


_PATH: Final = re.compile(r"(/[A-Za-z0-9_.:-]+)+", re.ASCII)


def paths_setting(dialect_of: Callable[[Any], Dialect]) -> Validator:
    """A table of paths for calls that the rules know by name only (an empty `path`). `dialect_of` gets the instance."""

    def check(settings: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        unknown = [name for name, operation in dialect_of(settings).operations.items() if not operation.path]
        if not isinstance(value, Mapping):
            raise FieldError(attribute.name, "must be a table of paths by the name of the call")
        for name, path in value.items():
            if name not in unknown:
                here = f"; dialect = {settings.dialect!r} lacks the path of: {', '.join(unknown) or 'none'}"
                raise FieldError(attribute.name, f"names a call whose path is known, or no call{here}")
            if not isinstance(path, str) or not _PATH.fullmatch(path):
                raise FieldError(attribute.name, f"{name} must be a path such as /server/v1/…, without a query")

    return check


def copied(value: Any) -> Any:
    """A converter: a mapping as a dict of its own."""
    return dict(value) if isinstance(value, Mapping) else value


def intents_setting(problems_of: Callable[[Any, Any], Any]) -> Validator:
    """A table of intents. `problems_of(instance, value)` gives a sentence for each fault, such as
    `IntentTable(…).problems()`; all are reported together."""

    def check(settings: Any, _: attrs.Attribute[Any], value: Any) -> None:
        if wrong := list(problems_of(settings, value)):
            raise ConfigError(wrong)

    return check


class Hosts:
    """The URLs of one certificate's calls."""

    def __init__(self, dialect: Dialect, own: Mapping[str, str | None] | None = None, **places: str) -> None:
        """`own`: by key of a host in the rules, the setting that replaces it. `places`: what stands in the places of
        paths, such as `client_id`."""
        self._dialect = dialect
        self._own = {key: url for key, url in (own or {}).items() if url is not None}
        self._places = places
        self._urls: dict[tuple[str, str, str], str] = {}

    def is_own(self, key: str) -> bool:
        """Whether a setting replaces this host."""
        return key in self._own

    def name_of(self, url: str) -> str:
        """The name of the operation with this URL's path; "": no row has it."""
        path = urlsplit(url).path
        return next((name for name, row in self._dialect.operations.items() if row.path and row.path == path), "")

    def base(self, key: str) -> str:
        """The URL of a host, without a path."""
        own = self._own.get(key)
        return (self._dialect.hosts[key].url if own is None else own).rstrip("/")

    def url(self, operation: Operation | str, region: str = "", *, path: str = "", **places: str) -> str:
        """The URL of a call, given as a row or by its name: at the row's host, or else at the host of the region.

        `path`: for a row without one.
        """
        row = self._dialect.operations[operation] if isinstance(operation, str) else operation
        key = (row.host or region, row.path or path, "")
        url = None if places else self._urls.get(key)
        if url is None:
            where = row.url_path(**{**self._places, **places}) if row.path else path
            url = self.base(row.host or region) + where
            if not places:
                self._urls[key] = url
        return url
