"""`pushgateway sandbox`: a vendor's server, imitated on this machine until Ctrl-C.

Everything that a user needs to use the sandbox is printed once it listens. Its secret and its tokens are printed in
full, because they are valid only at this sandbox.
"""

from __future__ import annotations

import inspect
import json
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import click

from pushgateway.cli import options
from pushgateway.model.errors import ConfigError, FieldError, PluginError
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.vendor import Request

if TYPE_CHECKING:
    from rich.console import Console

CERTIFICATE_ID = "7005"
"""Of the example that is printed."""
SHOWN = 5
"""Tokens printed for people; `--json` gives twenty."""


def make_sandbox(brand: str, tokens: int, given: Mapping[str, object]) -> Sandbox:
    """The sandbox of `brand` with these options of its own; those that are None were not given.

    Raises `PluginError` when there is no such sandbox, `click.UsageError` for an option or a value that it lacks.
    """
    sandbox_class = find_sandbox(brand)
    taken = arguments_of(sandbox_class)
    more: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in more:
        if name not in taken:
            unknown = _("the sandbox of {brand} has no {option}: leave it out")
            raise click.UsageError(unknown.format(brand=brand, option=f"--{name.replace('_', '-')}"))
    if "dialect" in more:
        known = _dialects(sandbox_class)
        if more["dialect"] not in known:
            raise click.UsageError(_("--dialect must be one of {names}").format(names=", ".join(known)))
    try:
        return sandbox_class(tokens=tokens, **more)
    except FieldError as wrong:
        raise click.UsageError(f"--{wrong.field.replace('_', '-')}{str(wrong).removeprefix(wrong.field)}") from None


def arguments_of(sandbox_class: type[Sandbox]) -> set[str]:
    """The keyword arguments that a sandbox takes: its own, and those of its base classes where it passes others on."""
    taken: set[str] = set()
    for one in sandbox_class.__mro__:
        parameters = inspect.signature(one).parameters.values()
        taken.update(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
        taken.update(sandbox_class.options)
    return taken


def _dialects(sandbox_class: type[Sandbox]) -> Iterable[str]:
    """The dialects of a sandbox's rules."""
    from pushgateway.sandbox.kit.ruled import RuledSandbox
    from pushgateway.vendor.rules import load_rules

    if issubclass(sandbox_class, RuledSandbox):
        return sandbox_class.rules.dialects
    return load_rules(sandbox_class.__module__.split(".")[0]).dialects


def set_options(sandbox: Sandbox, given: Iterable[str]) -> None:
    """Set options given as NAME=VALUE, a value being JSON or else text. Raises `click.UsageError` for a wrong one."""
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(_("--set: {text} must be NAME=VALUE").format(text=text))
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            read = value
        try:
            sandbox.set_option(name, read)
        except FieldError as wrong:
            raise click.UsageError(f"--set {wrong}") from None


def login_request(brand: str, settings: dict[str, object], now: float) -> Request | None:
    """The login that the vendor's plug-in would make; None without a plug-in or a login that makes a request."""
    from pushgateway.certificates.certificate import Certificate
    from pushgateway.certificates.plugins import Plugins
    from pushgateway.certificates.settings import load_vendors

    try:
        vendor = load_vendors([Certificate(CERTIFICATE_ID, brand, settings)], Plugins())[CERTIFICATE_ID]
    except ConfigError:
        return None
    if isinstance(vendor, PluginError):
        return None
    exchange = vendor.login(vendor.home_region, now)
    if exchange is None:
        return None
    request = next(exchange, None)  # a token that is signed here needs no request
    exchange.close()
    return request


def curl(request: Request, ca_file: str | None) -> str:
    """The request as a line for a shell."""
    words = ["curl", "-s", "-X", request.method, request.url]
    if ca_file is not None:
        words += ["--cacert", ca_file]
    for name, value in request.headers.items():
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, "--data", request.content.decode("utf-8", "replace")])


def toml(brand: str, settings: dict[str, object]) -> list[str]:
    """A certificate for `pushgateway.toml`."""
    fields = [f"{name} = {_toml_value(value)}" for name, value in settings.items()]
    return [f"[certificates.{CERTIFICATE_ID}]", f'brand = "{brand}"', *fields]


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        fields = (f"{json.dumps(name, ensure_ascii=False)} = {_toml_value(one)}" for name, one in value.items())
        return f"{{ {', '.join(fields)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    # Strings, numbers and truths are written the same way in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


@click.command(short_help="Imitate a vendor's server on this machine.")
@click.argument("brand")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; 0 (default): any free port.")
@click.option("--tls", is_flag=True, help="Serve https with a certificate authority made for this run.")
@click.option("--dialect", help="The vendor's interface to imitate; OPPO: v1.3 (default) or current.")
@click.option(
    "--tokens", type=click.IntRange(0, 1_000_000), default=20, show_default=True, help="Number of registered phones."
)
@click.option("--daily-limit", type=click.IntRange(min=0), help="The most phones pushed to in a day.")
@click.option("--per-second", type=click.IntRange(min=0), help="The most phones pushed to in a second.")
@click.option("--last-login-wins", is_flag=True, default=None, help="A new login ends the previous access token.")
@click.option("--repeats", help="What is done with a push whose id was used before; OPPO: refuse (default) or absorb.")
@click.option("--set", "chosen", multiple=True, help="Set an option of the sandbox: NAME=VALUE. Several times.")
@click.option("--receipts-at", default="", help="Where receipts are posted, if a push cannot say it at this vendor.")
@options.as_json
def sandbox(
    *,
    brand: str,
    port: int,
    tls: bool,
    tokens: int,
    chosen: Sequence[str],
    receipts_at: str,
    as_json: bool,
    **given: object,
) -> None:
    """Imitate the server of BRAND (such as oppo) on this machine, until Ctrl-C.

    With --json the first line on standard output is one JSON object: brand, url, settings, tokens, phones, ledger,
    and with --tls ca_file.
    """
    from pushgateway.sandbox.serving.server import Served, run

    imitated = make_sandbox(brand, tokens, given)
    set_options(imitated, chosen)
    imitated.receipts_at = receipts_at

    def announce(served: Served) -> None:
        if as_json:
            _print_json(imitated, served)
        else:
            _print(imitated, served)

    try:
        run(imitated, port, tls, announce)
    except OSError as taken:
        problem = _("port {port} cannot be used: {why}")
        raise click.UsageError(problem.format(port=port, why=taken.strerror or _("it is in use"))) from None


def _print_json(imitated: Sandbox, served: Any) -> None:
    from pushgateway.cli import console

    announced: dict[str, Any] = {
        "brand": imitated.brand,
        "url": served.url,
        "settings": imitated.settings(served.url),
        "tokens": list(imitated.tokens[:20]),
        "phones": f"{served.url}/_sandbox/phones",
        "ledger": f"{served.url}/_sandbox/ledger",
    }
    if served.ca_file is not None:
        announced["ca_file"] = str(served.ca_file)
    console.as_json(announced)


def _print(imitated: Sandbox, served: Any) -> None:
    from pushgateway.cli import console

    to = console.console()
    settings = imitated.settings(served.url)
    ca_file = None if served.ca_file is None else str(served.ca_file)
    listens = _("The {brand} sandbox listens on {url}").format(brand=imitated.brand, url=served.url)
    console.line(to, (listens, console.GOOD), "  ", _("(Ctrl-C ends it)"))
    pages = [(_("phones"), f"{served.url}/_sandbox/phones"), (_("ledger"), f"{served.url}/_sandbox/ledger")]
    console.labelled(to, [*pages, (_("authority"), ca_file)] if ca_file else pages)
    _to_copy(to, _("For pushgateway.toml:"), toml(imitated.brand, settings))
    _to_copy(to, _("Some of its {count:,} tokens:").format(count=len(imitated.tokens)), imitated.tokens[:SHOWN])
    if imitated.tokens:
        trust = f" --ca-file {shlex.quote(ca_file)}" if ca_file else ""
        command = f"pushgateway send {CERTIFICATE_ID} {imitated.tokens[0]} --title Hello --body 你好{trust}"
        _to_copy(to, _("Send to one of them:"), [command])
    request = login_request(imitated.brand, settings, time.time())
    if request is not None:
        _to_copy(to, _("Log in by hand (signed just now, valid for a short time):"), [curl(request, ca_file)])
    to.file.flush()


def _to_copy(to: Console, heading: str, lines: Iterable[str]) -> None:
    from pushgateway.cli import console

    for text in ("", heading, ""):
        console.line(to, text)
    for text in lines:
        console.line(to, f"  {text}", whole=True)
