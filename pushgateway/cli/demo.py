"""`pushgateway demo`: the gateway against the sandboxes of all installed brands on this machine, over real HTTP.

It prints the results of `demo_scenes` in a few lines for a user who sees the project for the first time, and each
number that does not agree with a sandbox's ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.errors import PluginError

if TYPE_CHECKING:
    from rich.console import Console

    from pushgateway.cli.demo_scenes import DemoSetup, Scene
    from pushgateway.sandbox import Sandbox

FIRST_ID = 7001
"""The certificate id of the first brand; the others have the following ones."""
RECEIPT_URL, RECEIPT_SECRET = "http://127.0.0.1:1/push", "the-secret-of-the-demo"
"""Every push asks for receipts, which are taken from the sandboxes directly: nothing is posted."""
SHOWN = ("one long message", "many messages")
"""The scenes whose phones are printed; `--json` has those of all scenes."""


@click.command(short_help="See the gateway work with sandboxes on this machine.")
@click.option(
    "--count",
    type=click.IntRange(10, 200_000),
    default=10_000,
    show_default=True,
    help="How many different messages are sent in batches.",
)
@click.option("--brand", "brands", multiple=True, help="Only this brand; may be repeated. Default: all installed ones.")
@options.as_json
@click.pass_context
def demo(ctx: click.Context, count: int, brands: tuple[str, ...], as_json: bool) -> None:
    """See the gateway work with the sandboxes of all installed brands on this machine: one long message, many, one text
    for a whole fleet, expired access tokens, a vendor that is down.

    Each outcome is compared with what the sandboxes delivered; exit code 0 means that all numbers agree.
    """
    from pushgateway.cli import console
    from pushgateway.sandbox import find_sandbox

    sandboxes = {brand: find_sandbox(brand) for brand in dict.fromkeys(brands or _installed())}
    to = None if as_json else console.console()
    began = time.perf_counter()
    report = _run({brand: made(tokens=0, **made.demo_options) for brand, made in sandboxes.items()}, count, to)
    report["seconds"] = round(time.perf_counter() - began, 2)
    if to is None:
        console.as_json(report)
    else:
        _print_end(to, report)
    ctx.exit(Exit.OK if report["ok"] else Exit.FAILED)


def _installed() -> Sequence[str]:
    """The brands with a plug-in and a sandbox. Raises `PluginError` if there is none."""
    from pushgateway.certificates.plugins import installed
    from pushgateway.sandbox.find import SANDBOXES

    found = [brand for brand in installed() if brand in installed(SANDBOXES)]
    if not found:
        raise PluginError("no vendor plug-in with a sandbox is installed: pip install ./plugins/* in a checkout")
    return found


def _run(sandboxes: Mapping[str, Sandbox], count: int, to: Console | None) -> dict[str, Any]:
    """Serve the sandboxes and play all scenes."""
    from pushgateway.cli import console
    from pushgateway.sandbox.serving.server import serve

    with ExitStack() as serving:
        servers = {brand: serving.enter_context(ExitStack()) for brand in sandboxes}
        urls = {
            brand: servers[brand].enter_context(serve(sandbox, post_receipts=False)).url
            for brand, sandbox in sandboxes.items()
        }
        if to is not None:
            console.line(to, ("pushgateway demo", "bold"), ": " + _("imitations of these vendors, over real HTTP:"))
            console.line(to, "   " + ", ".join(f"{brand} {url}" for brand, url in urls.items()))
        return asyncio.run(play(sandboxes, urls, servers, count, to))


async def play(
    sandboxes: Mapping[str, Sandbox],
    urls: Mapping[str, str],
    servers: Mapping[str, ExitStack],
    count: int,
    to: Console | None,
) -> dict[str, Any]:
    """Run all scenes and print each when it is over. Returns the report of `--json`. `servers`: by brand, what stops
    its sandbox's server when it is closed."""
    from pushgateway.certificates.certificate import Certificate
    from pushgateway.cli import demo_scenes
    from pushgateway.gateway import Gateway
    from pushgateway.transport.auto import make_transport

    vendors = [
        demo_scenes.DemoVendor(brand, str(number), sandbox, servers[brand].close)
        for number, (brand, sandbox) in enumerate(sandboxes.items(), start=FIRST_ID)
    ]
    # Without the rates that vendors name for small apps: what is shown is what the gateway can do.
    certificates = [
        Certificate(
            one.certificate_id,
            one.brand,
            one.sandbox.settings(urls[one.brand]),
            pushes_per_second=float("inf"),
            requests_per_second=float("inf"),
            receipt_url=RECEIPT_URL,
            receipt_secret=RECEIPT_SECRET,
        )
        for one in vendors
    ]
    operations = {one.certificate_id: one.sandbox.operation for one in vendors}
    transport = demo_scenes.CountingTransport(make_transport(), operations)
    logins = demo_scenes.Logins()
    try:
        async with Gateway(certificates, transport=transport, observer=logins) as gateway:
            for one in vendors:
                one.sandbox.receipts_at = gateway.receipt_address(one.certificate_id)
            setup = demo_scenes.DemoSetup(vendors, gateway, transport, logins)
            played = await _play_scenes(setup, count, to)
    finally:
        await transport.aclose()
    problems = demo_scenes.all_problems(setup, played)
    return {
        "ok": not problems,
        "problems": problems,
        "brands": [one.brand for one in vendors],
        **{scene.name.replace(" ", "_"): dict(scene.numbers) for scene in played},
        "phones": demo_scenes.phone_screens(setup, played),
        "ledger": {
            one.brand: {"delivered": one.sandbox.ledger.total, "calls": dict(one.sandbox.ledger.calls)}
            for one in vendors
        },
    }


async def _play_scenes(setup: DemoSetup, count: int, to: Console | None) -> list[Scene]:
    from pushgateway.cli import demo_scenes

    played = [await demo_scenes.one_long_message(setup)]
    if to is not None:
        _print_long(to, played[-1].numbers)
    played.append(await _many(setup, count, to))
    if to is not None:
        _print_many(to, played[-1].numbers)
    played.append(await demo_scenes.one_text(setup))
    if to is not None:
        _print_one_text(to, played[-1].numbers)
    played.append(await demo_scenes.one_renewal(setup))
    if to is not None:
        _print_renewal(to, played[-1].numbers)
    if len(setup.vendors) > 1:
        played.append(await demo_scenes.one_outage(setup))
        if to is not None:
            _print_outage(to, played[-1].numbers)
    return played


async def _many(setup: DemoSetup, count: int, to: Console | None) -> Scene:
    from pushgateway.cli import demo_scenes

    if to is None or not to.is_terminal:
        return await demo_scenes.many_messages(setup, count, lambda done: None)
    from rich.progress import Progress

    with Progress(console=to, transient=True) as progress:
        bar = progress.add_task("   " + _("{count:,} messages").format(count=count), total=count)
        return await demo_scenes.many_messages(setup, count, lambda done: progress.update(bar, completed=done))


def _heading(to: Console, number: int, text: str) -> None:
    from pushgateway.cli import console

    console.line(to, "")
    console.line(to, (f"{number}  {text}", "bold"))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _print_long(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 1, _("One message that is too long, full of emoji, to a phone of each brand"))
    title, body = numbers["sent"]
    rows = [
        (brand, one["status"], *map(str, one["received"]), ", ".join(one["truncated"]))
        for brand, one in numbers["brands"].items()
    ]
    counted = (_("title (of {size})").format(size=title), _("body (of {size})").format(size=body))
    console.table(to, (_("brand"), _("outcome"), *counted, _("cut, by the outcome")), rows, numbers=counted)
    console.line(to, "   " + _("each emoji (a family, five code points) is whole or left out, never cut in two"))


def _print_many(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    heading = _("{count:,} different messages to mixed brands in one call; some phones have no app or are switched off")
    _heading(to, 2, heading.format(count=numbers["pushes"]))
    rows = [
        (brand, _counted(one["outcomes"]), _counted(one["receipts"]), _counted(one["calls"]))
        for brand, one in numbers["brands"].items()
    ]
    columns = (_("brand"), _("outcomes"), _("later, by receipt"), _("requests"))
    console.table(to, columns, rows)
    speed = _("{seconds:.1f} s, {speed:,} pushes a second (gateway and sandboxes share this process)")
    console.line(to, "   " + speed.format(seconds=numbers["seconds"], speed=numbers["pushes_per_second"]))
    console.line(to, "   " + _("unregistered: retire the token; muted: the user switched notifications off, keep it"))


def _print_one_text(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 3, _("One text to {count:,} phones of all brands in one call").format(count=numbers["pushes"]))
    rows = [(brand, _counted(one["outcomes"]), _counted(one["calls"])) for brand, one in numbers["brands"].items()]
    console.table(to, (_("brand"), _("outcomes"), _("requests")), rows)


def _print_renewal(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 4, _("All access tokens expire, then many sends at once"))
    rows = [
        (brand, str(one["sends"]), _counted(one["outcomes"]), str(one["logins"]))
        for brand, one in numbers["brands"].items()
    ]
    counted = (_("sends"), _("logins"))
    console.table(to, (_("brand"), counted[0], _("outcomes"), counted[1]), rows, numbers=counted)


def _print_outage(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    heading = _("{brand} is down: its pushes are not sent, all others are accepted")
    _heading(to, 5, heading.format(brand=numbers["down"]))
    rows = [(brand, _counted(one["outcomes"])) for brand, one in numbers["brands"].items()]
    console.table(to, (_("brand"), _("outcomes")), rows)


def _print_end(to: Console, report: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 6 if "outage" in report else 5, _("What some of the phones show"))
    rows = [
        (phone["brand"], phone["token"], _short(phone["title"]), _short(phone["body"]))
        for phone in report["phones"]
        if phone["scene"] in SHOWN
    ]
    console.table(to, (_("brand"), _("phone"), _("title"), _("body")), rows)
    console.line(to, "")
    ledgers = report["ledger"].values()
    if report["ok"]:
        totals = _("{delivered:,} pushes delivered, each exactly once, in {calls} requests; {seconds} s.").format(
            delivered=sum(one["delivered"] for one in ledgers),
            calls=sum(sum(one["calls"].values()) for one in ledgers),
            seconds=report["seconds"],
        )
        console.line(to, (_("Every number agrees with the sandboxes' ledgers: "), console.GOOD), totals)
    else:
        _print_problems(to, report["problems"])


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:5]} … {text[-5:]}"


def _print_problems(to: Console, problems: Sequence[str]) -> None:
    from pushgateway.cli import console

    console.line(to, (_("These numbers do not agree:"), console.BAD))
    for problem in problems:
        console.line(to, f"  {problem}")
