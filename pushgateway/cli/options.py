"""Options that several commands share, and how their texts become values.

It reads only the command line; a wrong value is a `click.BadParameter` that says what would be right.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from gettext import gettext as _
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from pushgateway.cli.language import speak_english
from pushgateway.config import Config, Options, load_config
from pushgateway.model.audience import check_start
from pushgateway.model.click import ClickAction, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Notification
from pushgateway.transport.request_head import Proxy

F = TypeVar("F", bound=Callable[..., Any])
CONFIG = "pushgateway.toml"


def json_object(text: str) -> Mapping[str, Any]:
    """A JSON object as a dict."""
    try:
        read = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise click.BadParameter(_("is not JSON")) from None
    if not isinstance(read, dict):
        raise click.BadParameter(_('must be a JSON object such as {"chat": 7}'))
    return read


def _no_constant(text: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def moment(text: str) -> datetime:
    """A moment in ISO 8601; one without a time zone is refused, because two machines would read it differently."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(_("must look like 2026-11-22T20:00+08:00")) from None
    if read.tzinfo is None:
        raise click.BadParameter(_("needs a time zone, such as 2026-11-22T20:00+08:00"))
    return read


def coming(text: str) -> datetime:
    """The same for a moment that must not have passed."""
    read = moment(text)
    try:
        check_start("", read, time.time)
    except FieldError as wrong:
        raise click.BadParameter(str(wrong).removeprefix(": ")) from None
    return read


def _authority(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that really holds an authority: found out here, because later it would look like the network."""
    if path is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except (OSError, ssl.SSLError):
            raise click.BadParameter(_("holds no certificate authority (PEM)")) from None
    return path


def _proxy(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    if url is not None:
        try:
            Proxy.read("proxy", url)
        except FieldError:
            raise click.BadParameter(_("must be http://host:port")) from None
    return url


def _joined(*options: Callable[[F], F]) -> Callable[[F], F]:
    def join(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return join


def _as_json(context: click.Context, parameter: click.Parameter, wanted: bool) -> bool:
    if wanted:
        speak_english()
    return wanted


as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_as_json,
    help="Print one JSON object instead of text, always in English.",
)


def config_with(table: str) -> Callable[[F], F]:
    """The option `--config` of commands that read only this table."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        default=CONFIG,
        show_default=True,
        help=f"File with the table [{table}].",
    )


connection = _joined(
    click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        default=CONFIG,
        show_default=True,
        help="File with the certificates.",
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=_authority,
        help="Also trust this certificate authority (PEM), such as that of `sandbox --tls`.",
    ),
    click.option(
        "--proxy",
        metavar="URL",
        callback=_proxy,
        help="HTTP proxy to the vendor: http://[user:password@]host:port. HTTPS_PROXY is not used.",
    ),
)


def read_config(path: Path, ca_file: Path | None, proxy: str | None) -> Config:
    """The configuration at `path`, with what the options of `connection` say in the place of its own."""
    config = load_config(path)
    given: Options = {}
    if ca_file is not None:
        given["ca_file"] = str(ca_file)
    if proxy is not None:
        given["proxy"] = proxy
    return attrs.evolve(config, options={**config.options, **given})


notification = _joined(
    click.option("--title", required=True, help="First line."),
    click.option("--body", required=True, help="The text below the title."),
    click.option("--subtitle", help="A short second line, for vendors that have one."),
    click.option(
        "--ttl",
        type=click.IntRange(min=0),
        metavar="SECONDS",
        help="How long the vendor keeps it for a phone that is offline.",
    ),
    click.option("--url", metavar="URL", help="A tap opens this web page."),
    click.option("--activity", metavar="CLASS", help="A tap opens the activity of this class name."),
    click.option("--intent", metavar="ACTION", help="A tap opens this intent action, or this intent:// URL."),
    click.option(
        "--data", type=json_object, metavar="JSON", help="JSON object for the app or page that the tap opens."
    ),
    click.option("--channel-id", metavar="ID", help="Android notification channel."),
    click.option(
        "--dedupe-id",
        metavar="ID",
        help="Your id of this message: a vendor that drops repeats delivers it to a phone only once.",
    ),
    click.option(
        "--is",
        "kind",
        type=click.Choice([intent.value for intent in Intent]),
        help="What the push is for; it decides the vendor's message category.",
    ),
    click.option(
        "--parameters", type=json_object, metavar="JSON", help="Values of the placeholders in the vendor's template."
    ),
    click.option("--overrides", type=json_object, metavar="JSON", help='The vendor\'s own fields: {"oppo": {…}}.'),
)


def read_notification(given: Mapping[str, Any]) -> Notification:
    """The notification that the options of `notification` describe."""
    return Notification(
        given["title"],
        given["body"],
        subtitle=given["subtitle"],
        ttl=given["ttl"],
        click=_click_action(given["url"], given["activity"], given["intent"]),
        data=given["data"] or {},
        channel_id=given["channel_id"],
        dedupe_id=given["dedupe_id"],
        intent=given["kind"],
        parameters=given["parameters"] or {},
        overrides=given["overrides"] or {},
    )


def _click_action(url: str | None, activity: str | None, intent: str | None) -> ClickAction:
    if sum(value is not None for value in (url, activity, intent)) > 1:
        raise click.UsageError(_("give only one of --url, --activity and --intent: a tap does one thing"))
    if url is not None:
        return OpenUrl(url)
    if activity is not None:
        return OpenActivity(activity)
    if intent is not None:
        return OpenIntentUri(intent) if intent.startswith("intent:") else OpenIntent(intent)
    return OpenApp()
