"""`pushgateway.toml` -> certificates and the gateway's settings.

    [gateway]                      # all optional, named as in Gateway()
    timeout = 30.0
    [certificates.7005]            # one table for each certificate id
    brand = "oppo"
    app_key = "…"
    master_secret = "env:OPPO_MASTER_SECRET"     # or "file:secrets/oppo", or the text itself

Law of this file: it reads once and decides nothing. Every problem is named by its place; no value is quoted.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from pushgateway.certificates import Certificate
from pushgateway.errors import ConfigError, FieldError
from pushgateway.gateway import Gateway

_NUMBERS = {"timeout": float, "request_timeout": float, "connections": int, "linger": float}
_MAY_BE_ZERO = frozenset({"linger"})
_OURS = frozenset({"brand", "linger"})
"""Keys of a certificate's table that are not its plug-in's."""
MAX_SECRET = 64 * 1024
"""Bytes of a `file:` source."""


@attrs.frozen
class Config:
    """What a `pushgateway.toml` says."""

    certificates: tuple[Certificate, ...]
    options: Mapping[str, float | int] = attrs.field(factory=dict)
    """Keyword arguments of `Gateway`."""

    def gateway(self, **more: Any) -> Gateway:
        """A `Gateway` with these certificates and options; `more` are further keyword arguments and win."""
        return Gateway(self.certificates, **{**self.options, **more})


def load_config(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path`. Raises `ConfigError` with every problem found, such as a variable or a file that is missing."""
    where = Path(path)
    try:
        document = tomllib.loads(where.read_text("utf-8-sig"))
    except OSError as trouble:
        raise ConfigError([f"{where.name}: {trouble.strerror or 'cannot be read'}"]) from None
    except (ValueError, RecursionError) as wrong:  # not UTF-8, not TOML, an endless number, nested without end
        raise ConfigError([f"{where.name} is not TOML: {_place(wrong)}"]) from None
    problems = [f"{key}: is not known; known: gateway, certificates" for key in document if key not in _TABLES]
    options = _options(document.get("gateway", {}), problems)
    sources = _Sources(where.parent, os.environ if environ is None else environ, problems)
    certificates = _certificates(document.get("certificates", {}), sources, problems)
    if problems:
        raise ConfigError(problems)
    return Config(tuple(certificates), options)


_TABLES = frozenset({"gateway", "certificates"})


def _place(wrong: Exception) -> str:
    # The message of a TOML error ends with its place; what stands before may quote a value.
    if isinstance(wrong, UnicodeDecodeError):
        return "not UTF-8"
    text = str(wrong)
    return text[text.rfind("(at ") :] if "(at " in text else "a number is too long or tables lie too deep"


def _options(table: Any, problems: list[str]) -> dict[str, float | int]:
    if not isinstance(table, dict):
        problems.append("gateway: must be a table")
        return {}
    options: dict[str, float | int] = {}
    for key, value in table.items():
        kind = _NUMBERS.get(key)
        if kind is None:
            problems.append(f"gateway.{key}: is not known; known: {', '.join(sorted(_NUMBERS))}")
        elif not _is_number(value, kind) or not (value > 0 or (value == 0 and key in _MAY_BE_ZERO)):
            least = "of 0 or more" if key in _MAY_BE_ZERO else "above 0"
            problems.append(f"gateway.{key}: must be a {'number' if kind is float else 'whole number'} {least}")
        else:
            options[key] = value
    return options


def _is_number(value: object, kind: type) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float) if kind is float else int)


def _certificates(tables: Any, sources: _Sources, problems: list[str]) -> list[Certificate]:
    if not isinstance(tables, dict):
        problems.append("certificates: must be tables such as [certificates.7005]")
        return []
    certificates: list[Certificate] = []
    for key, table in tables.items():
        place = f"certificates[{key!r}]"
        if not isinstance(table, dict):
            problems.append(f"{place}: must be a table")
            continue
        settings = {
            name: sources.resolve(f"{place}.{name}", value) for name, value in table.items() if name not in _OURS
        }
        try:
            certificates.append(Certificate(key, table.get("brand", ""), settings, linger=table.get("linger")))
        except FieldError as wrong:
            problems.append(f"{place}: {wrong}")
    return certificates


@attrs.frozen
class _Sources:
    """Where `env:` and `file:` values come from."""

    folder: Path
    environ: Mapping[str, str] = attrs.field(repr=False)
    problems: list[str]

    def resolve(self, place: str, value: Any) -> Any:
        """The value itself, or what its source holds; a problem is noted and the value left out as ""."""
        if not isinstance(value, str):
            return value
        source, _, name = value.partition(":")
        if source == "env":
            return self._variable(place, name)
        if source == "file":
            return self._file(place, name)
        return value

    def _variable(self, place: str, name: str) -> str:
        text = self.environ.get(name, "")
        if not text:
            self.problems.append(f"{place}: the environment variable {name} is not set")
        return text

    def _file(self, place: str, name: str) -> str:
        path = self.folder / name
        try:
            if not Path(name).is_absolute() and not path.resolve().is_relative_to(self.folder.resolve()):
                self.problems.append(f"{place}: a relative file: must lie below the folder of the configuration")
                return ""
            with path.open("rb") as file:
                content = file.read(MAX_SECRET + 1)
            # The cap counts what is in the file, so that nothing is ever cut and taken for whole.
            text = content.decode("utf-8").rstrip("\r\n") if len(content) <= MAX_SECRET else ""
        except (OSError, ValueError, RuntimeError) as trouble:  # unreadable, not UTF-8 or a NUL, a loop of links
            self.problems.append(f"{place}: the file {name} cannot be read ({type(trouble).__name__})")
            return ""
        if not text:
            self.problems.append(f"{place}: the file {name} is empty or larger than {MAX_SECRET} bytes")
        return text
