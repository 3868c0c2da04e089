"""Reads `pushgateway.toml`: certificates and the options of the gateway.

    [gateway]                      # all optional, named as in Gateway()
    timeout = 30.0
    [certificates.7005]            # one table for each certificate id
    brand = "oppo"
    app_key = "…"
    master_secret = "env:OPPO_MASTER_SECRET"     # or "file:secrets/oppo", or the text itself
    [state]                        # optional: what several processes share, see `Gateway(state=…)`
    url = "redis://localhost:6379/0"             # or "sqlite:///push-state.db", relative to this file
    [outbox]                       # optional: pushes are stored before they are sent, see `pushgateway.outbox`
    url = "sqlite:///outbox.db"                  # relative to this file
    [devices]                      # optional: which phone belongs to which user, see `Config.devices`
    url = "env:PUSH_DATABASE"                    # such as "postgresql://…" or "sqlite:///devices.db"
    shared = true                                # other processes send to the same users

The file is read once. Every problem, of the file and of the settings in it, is reported at once and by its place; no
value is quoted. Used by hosts and by the command.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.gateway import Gateway
from pushgateway.model.checks import check_connections, check_count, check_linger, check_rate, check_seconds
from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.state.address import PREFIX, StateAddress, check_prefix, check_state_url
from pushgateway.transport.auto import TransportName, check_name
from pushgateway.transport.request_head import Proxy
from pushgateway.transport.tls import check_authorities
from pushgateway.vendor import Vendor

if TYPE_CHECKING:  # imported only where there is a table [devices] or [outbox]
    from pushgateway.devices import Devices
    from pushgateway.outbox import Outbox, Worker
    from pushgateway.outbox.settings import OutboxSettings

_TABLES = ("gateway", "certificates", "devices", "outbox", "state")
_LIMITS: Mapping[str, Callable[[str, object], None]] = {
    "linger": check_linger,
    "pushes_per_second": check_rate,
    "requests_per_second": check_rate,
    "connections": check_connections,
}
"""Keys of a certificate's table, besides `brand`, that are no settings of its plug-in, and their checks."""
_RECEIPTS = ("receipt_url", "receipt_secret")
"""The same, for keys whose value may have a source (`env:` or `file:`)."""
MAX_SECRET = 64 * 1024
"""Bytes of a `file:` source, at most."""


class Options(TypedDict, total=False):
    """The tables `[gateway]` and `[state]`: keyword arguments of `Gateway`; only those in the file."""

    timeout: float
    request_timeout: float
    connections: int
    connect_timeout: float
    proxy: str
    ca_file: str
    linger: float
    queue: int
    trace: int
    transport: TransportName
    state: StateAddress


def _check_trace(place: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FieldError(place, "must be a whole number, 0 or more")


def _check_proxy(place: str, value: object) -> None:
    if not isinstance(value, str):
        raise FieldError(place, "must be http://host:port")
    Proxy.read(place, value)


_OPTIONS: Mapping[str, Callable[[str, Any], object]] = {
    "timeout": partial(check_seconds, optional=False),
    "request_timeout": partial(check_seconds, optional=False),
    "connections": check_count,
    "connect_timeout": partial(check_seconds, optional=False),
    "proxy": _check_proxy,
    "ca_file": check_authorities,
    "linger": check_linger,
    "queue": check_count,
    "trace": _check_trace,
    "transport": check_name,
}
"""The keys of the table `[gateway]`, and the check of each."""
_STATE = ("url", "prefix")
"""The keys of the table `[state]`."""
_DEVICES = ("url", "shared", "most")
"""The keys of the table `[devices]`."""


@safe_repr
@attrs.frozen
class DevicesSettings:
    """The table `[devices]`: arguments of `pushgateway.devices.Devices`."""

    url: Secret
    folder: Path
    """What the path of an SQLite file is relative to."""
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """Further keyword arguments; only those in the file."""

    @property
    def file(self) -> Path | None:
        """The SQLite file; None: it is something else."""
        from pushgateway.databases.sqlite import sqlite_file

        return sqlite_file("devices.url", self.url.reveal(), self.folder)


@safe_repr
@attrs.frozen
class Config:
    """The content of a `pushgateway.toml`."""

    certificates: tuple[Certificate, ...]
    options: Options = attrs.field(factory=Options, repr=lambda options: f"{{{', '.join(sorted(options))}}}")
    """For `Gateway` or `sync.Gateway`: `Gateway(config.certificates, **config.options)`."""
    outbox_settings: OutboxSettings | None = None
    """The table `[outbox]`; None: there is none."""
    devices_settings: DevicesSettings | None = None
    """The table `[devices]`; None: there is none."""

    def gateway(self, **more: Any) -> Gateway:
        """A `Gateway` with these certificates and options; `more` are further keyword arguments, which take
        precedence."""
        return Gateway(self.certificates, **{**self.options, **more})

    def devices(self, **more: Any) -> Devices:
        """New `Devices` by the table `[devices]`, for `gateway(devices=…)`; close them after the gateway. `more` are
        further keyword arguments, which take precedence. Raises `ConfigError` if there is no such table."""
        from pushgateway.devices import Devices

        settings = self.devices_settings
        if settings is None:
            raise ConfigError(["devices: is missing: write [devices] and its url"])
        return Devices(settings.url.reveal(), **{"folder": settings.folder, **settings.options, **more})

    def outbox(self) -> Outbox:
        """An `Outbox` as the table `[outbox]` says. Raises `ConfigError` if there is none."""
        return self._outbox_settings().outbox()

    def worker(self, outbox: Outbox, gateway: Gateway, **more: Any) -> Worker:
        """A `Worker` as the table `[outbox]` says; `more` are further keyword arguments, which take precedence. Raises
        `ConfigError` if there is no such table."""
        return self._outbox_settings().worker(outbox, gateway, **more)

    def _outbox_settings(self) -> OutboxSettings:
        if self.outbox_settings is None:
            raise ConfigError(['outbox: is missing: add a table [outbox] with url = "sqlite:///outbox.db"'])
        return self.outbox_settings


def load_config(
    path: str | Path, *, environ: Mapping[str, str] | None = None, vendors: Mapping[str, type[Vendor]] | None = None
) -> Config:
    """Read `path`. Raises `ConfigError` with every problem found: in the file, its sources and the settings.

    `environ`: the variables for `env:` (default: the process's environment). `vendors`: the classes by brand that you
    pass to `Gateway`, if any, so that settings are checked by them. A brand without a plug-in is no problem here; only
    the pushes of that certificate fail.
    """
    read = _read(Path(path), os.environ if environ is None else environ, vendors)
    del environ
    if isinstance(read, Config):
        return read
    raise ConfigError(read)  # here, where no frame holds a raw secret that a crash reporter could store


def _read(
    where: Path, environ: Mapping[str, str], vendors: Mapping[str, type[Vendor]] | None
) -> Config | Sequence[str]:
    """The content of the file, or everything that is wrong with it."""
    try:
        document = tomllib.loads(where.read_text("utf-8-sig"))
    except OSError as trouble:
        return [f"{where.name}: {trouble.strerror or 'cannot be read'}"]
    except (ValueError, RecursionError) as wrong:  # not UTF-8, not TOML, too long a number, nested too deeply
        return [f"{where.name} is not TOML: {_place(wrong)}"]
    problems = [f"{key}: is not known; known: {', '.join(_TABLES)}" for key in document if key not in _TABLES]
    sources = _Sources(where.parent, environ, problems)
    options = _options(document.get("gateway", {}), sources, problems)
    if "state" in document and (state := _state(document["state"], sources, problems)) is not None:
        options["state"] = state
    certificates = _certificates(document.get("certificates", {}), sources, problems)
    outbox = _outbox(document["outbox"], sources, problems) if "outbox" in document else None
    problems += _settings_problems(certificates, vendors, sources.missing)
    devices = _devices(document["devices"], sources, problems) if "devices" in document else None
    return problems or Config(tuple(certificates), options, outbox, devices)


def _settings_problems(
    certificates: list[Certificate], vendors: Mapping[str, type[Vendor]] | None, missing: set[str]
) -> list[str]:
    """What the plug-ins find wrong in the settings, except for settings whose source has failed, which is a problem
    already."""
    try:
        load_vendors(certificates, Plugins(vendors))
    except ConfigError as wrong:
        return [problem for problem in wrong.problems if problem.split(": ")[0] not in missing]
    return []


def _place(wrong: Exception) -> str:
    # The message of a TOML error ends with its place; the part before may quote a value.
    if isinstance(wrong, UnicodeDecodeError):
        return "not UTF-8"
    text = str(wrong)
    return text[text.rfind("(at ") :] if "(at " in text else "a number is too long or tables lie too deep"


def _options(table: Any, sources: _Sources, problems: list[str]) -> Options:
    if not isinstance(table, dict):
        problems.append("gateway: must be a table")
        return Options()
    options: dict[str, Any] = {}
    for key, given in table.items():
        place, value = f"gateway.{key}", given
        if key not in _OPTIONS:
            problems.append(f"{place}: is not known; known: {', '.join(sorted(_OPTIONS))}")
            continue
        if key == "proxy":  # it may hold a password
            value = sources.resolve(place, given)
            if place in sources.missing:
                continue
        elif key == "ca_file" and isinstance(given, str):
            value = str(sources.folder / given)
        if problem := _problem(_OPTIONS[key], place, value):
            problems.append(problem)
        options[key] = value
    return cast("Options", options)


def _state(table: Any, sources: _Sources, problems: list[str]) -> StateAddress | None:
    """The shared state that the table `[state]` names; None if something is wrong with it."""
    if not isinstance(table, dict):
        problems.append("state: must be a table")
        return None
    before = len(problems)
    problems += [f"state.{key}: is not known; known: {', '.join(_STATE)}" for key in table if key not in _STATE]
    url = sources.resolve("state.url", table.get("url"))
    if "state.url" not in sources.missing and (problem := _problem(check_state_url, "state.url", url)):
        problems.append(problem)
    if problem := _problem(check_prefix, "state.prefix", table.get("prefix", PREFIX)):
        problems.append(problem)
    if len(problems) > before:
        return None
    return StateAddress(url, table.get("prefix", PREFIX), sources.folder)


def _outbox(table: Any, sources: _Sources, problems: list[str]) -> OutboxSettings | None:
    """What the table `[outbox]` says; None if something is wrong with it."""
    from pushgateway.outbox.settings import CHECKS, SECRET, OutboxSettings, check_url

    if not isinstance(table, dict):
        problems.append("outbox: must be a table")
        return None
    before = len(problems)
    checks = {"url": check_url, **CHECKS}
    values: dict[str, Any] = {}
    for key, given in {"url": None, **table}.items():
        place = f"outbox.{key}"
        if key not in checks:
            problems.append(f"{place}: is not known; known: {', '.join(sorted(checks))}")
            continue
        values[key] = sources.resolve(place, given) if key in SECRET else given
        if place not in sources.missing and (problem := _problem(checks[key], place, values[key])):
            problems.append(problem)
    if len(problems) > before:
        return None
    try:
        return OutboxSettings(values.pop("url"), sources.folder, values)
    except FieldError as wrong:
        problems.append(str(wrong))
        return None


def _devices(table: Any, sources: _Sources, problems: list[str]) -> DevicesSettings | None:
    """What the table `[devices]` says; None if something is wrong with it."""
    from pushgateway.devices.devices import check_devices_url

    if not isinstance(table, dict):
        problems.append("devices: must be a table")
        return None
    before = len(problems)
    problems += [f"devices.{key}: is not known; known: {', '.join(_DEVICES)}" for key in table if key not in _DEVICES]
    url = sources.resolve("devices.url", table.get("url"))
    options = {name: value for name, value in table.items() if name != "url"}
    if "devices.url" not in sources.missing and (problem := _problem(check_devices_url, "devices.url", url)):
        problems.append(problem)
    if not isinstance(options.get("shared", True), bool):
        problems.append("devices.shared: must be true or false")
    if problem := _problem(check_count, "devices.most", options.get("most", 1)):
        problems.append(problem)
    return None if len(problems) > before else DevicesSettings(Secret(url), sources.folder, options)


def _problem(check: Callable[[str, Any], object], place: str, value: object) -> str | None:
    try:
        check(place, value)
    except (FieldError, ConfigError) as wrong:  # a `ConfigError`: an extra is missing
        return str(wrong)
    return None


def _certificates(tables: Any, sources: _Sources, problems: list[str]) -> list[Certificate]:
    if not isinstance(tables, dict):
        problems.append("certificates: must be tables such as [certificates.7005]")
        return []
    if "brand" in tables and not isinstance(tables["brand"], dict):
        problems.append("certificates: a certificate needs its id: write [certificates.7005] above its brand")
        tables = {key: table for key, table in tables.items() if isinstance(table, dict)}
    certificates: list[Certificate] = []
    for key, table in tables.items():
        place = f"certificates[{key!r}]"
        if not isinstance(table, dict):
            problems.append(f"{place}: must be a table such as [certificates.7005]")
            continue
        settings = {
            name: sources.resolve(f"{place}.{name}", value)
            for name, value in table.items()
            if name != "brand" and name not in _LIMITS and name not in _RECEIPTS
        }
        lane_options: dict[str, Any] = {name: table[name] for name in _LIMITS if name in table}
        for name, value in list(lane_options.items()):
            if problem := _problem(_LIMITS[name], f"{place}.{name}", value):
                problems.append(problem)
                del lane_options[name]
        receipts = {name: sources.resolve_each(f"{place}.{name}", table[name]) for name in _RECEIPTS if name in table}
        if sources.missing.isdisjoint(f"{place}.{name}" for name in _RECEIPTS):
            lane_options |= receipts
        try:
            certificates.append(Certificate(key, table.get("brand", ""), settings, **lane_options))
        except FieldError as wrong:
            problems.append(f"{place}: {wrong}")
    return certificates


@safe_repr
@attrs.frozen
class _Sources:
    """Resolves `env:` and `file:` values."""

    folder: Path
    environ: Mapping[str, str] = attrs.field(repr=False)
    problems: list[str]
    missing: set[str] = attrs.field(factory=set)
    """The places of settings whose source has failed."""

    def resolve(self, place: str, value: Any) -> Any:
        """The value itself, or what its source holds. If that fails, the problem is added to `problems` and None
        returned."""
        source, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
        if source not in ("env", "file"):
            return value
        read = self._variable(name) if source == "env" else self._file(name)
        if isinstance(read, _Problem):
            self.problems.append(f"{place}: {read.sentence}")
            self.missing.add(place)
            return None
        return read

    def resolve_each(self, place: str, value: Any) -> Any:
        """`resolve` for a value, or for each element of a list."""
        return [self.resolve(place, one) for one in value] if isinstance(value, list) else self.resolve(place, value)

    def _variable(self, name: str) -> str | _Problem:
        if not name:
            return _Problem("env: names no variable: write env:NAME")
        return self.environ.get(name, "") or _Problem(f"the environment variable {name} is not set")

    def _file(self, name: str) -> str | _Problem:
        if not name:
            return _Problem("file: names no file: write file:PATH")
        path = self.folder / name
        try:
            if not Path(name).is_absolute() and not path.resolve().is_relative_to(self.folder.resolve()):
                return _Problem("a relative file: must lie below the folder of the configuration")
            if path.exists() and not path.is_file():  # opening a FIFO would wait for its writer
                return _Problem(f"the file {name} cannot be read (it is no regular file)")
            with path.open("rb") as file:
                content = file.read(MAX_SECRET + 1)
            # One byte more than the limit is read, so that a file that is too large is noticed and never used in part.
            text = content.decode("utf-8-sig").rstrip("\r\n") if len(content) <= MAX_SECRET else ""
        except (OSError, ValueError, RuntimeError) as trouble:  # unreadable, not UTF-8 or a NUL, a loop of links
            return _Problem(f"the file {name} cannot be read ({type(trouble).__name__})")
        return text or _Problem(f"the file {name} is empty or larger than {MAX_SECRET} bytes")


@safe_repr
@attrs.frozen
class _Problem:
    sentence: str
