"""`pushgateway demo`: the gateway against the sandboxes of all installed brands on this machine, over real HTTP.

It prints the results of `demo_scenes` in a few lines for a user who sees the project for the first time, and each
number that does not agree with a sandbox's ledger.
"""

from __future__ import annotations

import asyncio
import time
import webbrowser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from pushgateway.cli.console import Cell
    from pushgateway.cli.demo_scenes import Demo, DemoVendor, Outage
    from pushgateway.sandbox.serving.server import ServedPage

LEAST = 10
"""Phones of each brand, at least: the tenth is muted."""
FIRST_ID = 7001
"""The certificate id of the first brand; the others have the following ones."""
RECEIPT_URL, RECEIPT_SECRET = "http://127.0.0.1:1/push", "the-secret-of-the-demo"
"""Every push asks for receipts, which are taken from the sandboxes directly: nothing is posted."""


@click.command(short_help="See the gateway work with sandboxes on this machine.")
@click.option(
    "--count",
    type=click.IntRange(LEAST, 200_000),
    default=10_000,
    show_default=True,
    help="How many different messages are sent in one call.",
)
@click.option("--brand", "brands", multiple=True, help="Only this brand; may be repeated. Default: all installed ones.")
@click.option("--browser", is_flag=True, help="Show the phones live in a browser, until Ctrl-C.")
@options.as_json
@click.pass_context
def demo(ctx: click.Context, count: int, brands: tuple[str, ...], browser: bool, as_json: bool) -> None:
    """See the gateway work with the sandboxes of all installed brands on this machine: many messages to a mixed fleet
    while one vendor is down for a while, a message that is too long, one text for all, expired access tokens.

    Each outcome is compared with what the sandboxes delivered; exit code 0 means that all numbers agree.
    """
    from pushgateway.cli import console
    from pushgateway.cli.demo_scenes import DemoVendor
    from pushgateway.sandbox import find_sandbox, installed_brands

    if browser and as_json:
        raise click.UsageError(_("give --browser or --json, not both"))
    classes = {brand: find_sandbox(brand) for brand in dict.fromkeys(brands or installed_brands())}
    vendors = [
        DemoVendor(brand, str(number), found(tokens=0, **found.demo_options))
        for number, (brand, found) in enumerate(classes.items(), start=FIRST_ID)
    ]
    to = None if as_json else console.console()
    began = time.perf_counter()
    with ExitStack() as serving:
        for one in vendors:
            serving.callback(one.stop)
            one.start()
        page = serving.enter_context(_page(to, vendors)) if browser and to is not None else None
        report = asyncio.run(play(vendors, max(count, LEAST * len(vendors)), to))
        report["seconds"] = round(time.perf_counter() - began, 2)
        if to is None:
            console.as_json(report)
        else:
            _print_end(to, report)
            if page is not None:
                _stay(to, vendors, page)
    ctx.exit(Exit.OK if report["ok"] else Exit.FAILED)


@contextmanager
def _page(to: Console, vendors: Sequence[DemoVendor]) -> Iterator[ServedPage]:
    """Serve the page of phones as long as the block lasts, and open it in the user's browser, if there is one."""
    from pushgateway.cli import console
    from pushgateway.cli.language import is_chinese
    from pushgateway.sandbox.serving.server import serve_page

    sandboxes = {one.url: one.sandbox for one in vendors}
    with serve_page(sandboxes, language="zh" if is_chinese() else None, post_receipts=False) as page:
        console.line(to, _("The phones, live:") + f" {page.url}", whole=True)
        with suppress(webbrowser.Error):
            webbrowser.open(page.url)
        yield page


def _stay(to: Console, vendors: Sequence[DemoVendor], page: ServedPage) -> None:
    """Let people send on the page, until Ctrl-C. Receipts are posted to the page from now on."""
    from pushgateway.cli import console
    from pushgateway.cli.page_gateway import SandboxGateway
    from pushgateway.sandbox.serving.server import run_until_stopped

    for one in vendors:
        one.stop()
        one.start(post_receipts=True)
    gateway = SandboxGateway({one.url: one.sandbox for one in vendors}, page.receipts)
    page.attach(gateway)
    line = _("The page of phones stays until Ctrl-C; you can send to them there.")
    run_until_stopped(closing(gateway), lambda _: console.line(to, line))


async def play(vendors: Sequence[DemoVendor], count: int, to: Console | None) -> dict[str, Any]:
    """Run all scenes, show them, and return the report of `--json`."""
    from pushgateway.certificates.certificate import Certificate
    from pushgateway.cli import demo_scenes
    from pushgateway.cli.demo_board import Board
    from pushgateway.gateway import Gateway

    # Without the rates that vendors name for small apps: what is shown is what the gateway can do.
    certificates = [
        Certificate(
            one.certificate_id,
            one.brand,
            one.sandbox.settings(one.url),
            pushes_per_second=float("inf"),
            requests_per_second=float("inf"),
            receipt_url=RECEIPT_URL,
            receipt_secret=RECEIPT_SECRET,
        )
        for one in vendors
    ]
    board = Board(one.certificate_id for one in vendors)
    # A slow machine has more time: nothing is to expire because servers and gateway share one processor.
    timeout = 60.0 + count / 100
    async with Gateway(certificates, observer=board, timeout=timeout, request_timeout=timeout / 2) as gateway:
        for one in vendors:
            one.sandbox.receipts_at = gateway.receipt_address(one.certificate_id)
        audit = demo_scenes.Audit()
        setup = demo_scenes.Demo(vendors, gateway, board, audit)
        fleet = await _play_fleet(setup, count, to)
        scenes = {
            "long_message": await demo_scenes.long_message(setup),
            "one_text": await demo_scenes.one_text(setup),
            "renewal": await demo_scenes.renewal(setup),
        }
        setup.read_receipts()  # nobody else takes those of the last scenes
    audit.ledgers(vendors, board.rows)
    if to is not None:
        _print_more(to, vendors, **scenes)
    return {
        "ok": not audit.problems,
        "problems": audit.problems,
        "brands": [one.brand for one in vendors],
        "fleet": fleet,
        **scenes,
        "totals": {status.value: dict(sums) for status, sums in audit.totals.items()},
        "ledger": {
            one.brand: {"delivered": one.sandbox.ledger.total, "calls": dict(one.sandbox.ledger.calls)}
            for one in vendors
        },
    }


async def _play_fleet(setup: Demo, count: int, to: Console | None) -> dict[str, Any]:
    """The first scene, with its live table."""
    from pushgateway.cli import console, demo_scenes

    if to is None:
        return await demo_scenes.mixed_fleet(setup, count, lambda outage: None)
    titles = ", ".join(one.title for one in setup.vendors)
    console.line(to, ("pushgateway demo", "bold"), ": " + _("strict imitations of these vendors, over real HTTP:"))
    console.line(to, f"  {titles}")
    heading = _("{count:,} different messages to mixed brands in one call; some phones have no app or are switched off")
    _heading(to, 1, heading.format(count=count))
    with console.live(to) as show:
        numbers = await demo_scenes.mixed_fleet(setup, count, lambda outage: show(_fleet(setup, outage)))
    speed = _("{seconds:.1f} s, {speed:,} pushes a second (gateway and sandboxes share this process)")
    console.line(to, "  " + speed.format(seconds=numbers["seconds"], speed=numbers["pushes_per_second"]))
    for note in (
        _("unregistered: retire the token; muted: the user switched notifications off, keep it"),
        _("later: the vendor accepted it at first, and then reported by a receipt that it was not delivered"),
        _("unknown: the request had left when the server stopped, so the phone may have got it; it is not repeated"),
    ):
        console.line(to, f"  {note}")
    return numbers


def _fleet(setup: Demo, outage: Outage | None) -> RenderableType:
    """The live table with what has happened so far below it."""
    from pushgateway.cli import console

    heads, rows = fleet_table({one.title: setup.row(one).numbers() for one in setup.vendors})
    table = console.make_table(heads, rows, numbers=heads[1:])
    resumed = None if outage is None else setup.row(outage.vendor).resumed
    return console.below(table, (f"  {line}" for line in _steps(outage, resumed)))


def fleet_table(brands: Mapping[str, Mapping[str, Any]]) -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    """Heads and rows of the live table, by the `Row.numbers` of each brand, with their sum at the end. Each reason for
    which pushes were rejected, or reported later as not delivered, has a column."""
    from pushgateway.cli import console
    from pushgateway.cli.demo_board import total

    everyone = total(brands.values())
    reasons = list({**everyone["rejected"], **everyone["reported"]})
    heads = _("brand"), _("accepted"), *reasons, _("not\nsent"), _("unknown"), _("calls"), _("per s")
    rows: list[Sequence[Cell]] = [
        (title, *_cells(one, reasons), (_("down"), console.BAD) if one["down"] else f"{one['pushes_per_second']:,}")
        for title, one in brands.items()
    ]
    return heads, [*rows, (_("all"), *_cells(everyone, reasons), "")]


def _cells(one: Mapping[str, Any], reasons: Iterable[str]) -> Iterable[str]:
    yield f"{one['accepted']:,}"
    for reason in reasons:
        now, later = (one[name].get(reason, 0) for name in ("rejected", "reported"))
        by_receipt = [_("{count:,} later").format(count=later)] if later else []
        yield ", ".join([f"{now:,}", *by_receipt] if now or not later else by_receipt)
    yield from (f"{number:,}" for number in (sum(one["not_sent"].values()), one["unknown"], one["calls"]))


def _steps(outage: Outage | None, resumed: float | None) -> Iterable[str]:
    """What has happened to the vendor that is down for a while."""
    if outage is None:
        return
    stops = _("{seconds:.1f} s: the server of {brand} stops, {count:,} of its pushes wait")
    yield stops.format(seconds=outage.stopped, brand=outage.vendor.title, count=outage.waiting)
    if outage.started is not None:
        yield _("{seconds:.1f} s: it starts again").format(seconds=outage.started)
    if resumed is not None:
        yield _("{seconds:.1f} s: it has answered a test request; what waited is sent").format(seconds=resumed)


def _heading(to: Console, number: int, text: str) -> None:
    from pushgateway.cli import console

    console.line(to, "")
    console.line(to, (f"{number}  {text}", "bold"))


def _print_more(
    to: Console,
    vendors: Sequence[DemoVendor],
    *,
    long_message: Mapping[str, Any],
    one_text: Mapping[str, Any],
    renewal: Mapping[str, Any],
) -> None:
    from pushgateway.cli import console

    _heading(to, 2, _("A message that is too long, one text to many phones, expired access tokens"))
    counted = (
        _("title\nof {size:,}").format(size=long_message["title"]),
        _("body\nof {size:,}").format(size=long_message["body"]),
        _("requests for\n{count:,} phones").format(count=one_text["pushes"] // len(vendors)),
        _("logins for\n{count} sends").format(count=renewal["pushes"] // len(vendors)),
    )
    rows = []
    for one in vendors:
        cut, text, login = (scene["brands"][one.brand] for scene in (long_message, one_text, renewal))
        rows.append((one.title, f"{cut['title']:,}", f"{cut['body']:,}", f"{text['calls']:,}", str(login["logins"])))
    console.table(to, (_("brand"), *counted), rows, numbers=counted)
    console.line(to, "  " + _("each emoji (a family, five code points) is whole or left out, never cut in two"))


def _print_end(to: Console, report: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 3, _("All outcomes against the sandboxes' ledgers"))
    names = {
        "accepted": _("accepted"),
        "rejected": _("rejected"),
        "not_sent": _("not sent"),
        "unknown": _("unknown"),
    }
    counted = (_("pushes"), _("delivered"), _("not delivered, by receipt"))
    rows = [
        (names[status], *(f"{sums[name]:,}" for name in ("pushes", "delivered", "reported")))
        for status, sums in report["totals"].items()
    ]
    console.table(to, (_("outcome"), *counted), rows, numbers=counted)
    console.line(to, "")
    if report["ok"]:
        ledgers = report["ledger"].values()
        totals = _("{delivered:,} pushes delivered, each exactly once, in {calls} requests; {seconds} s.").format(
            delivered=sum(one["delivered"] for one in ledgers),
            calls=sum(sum(one["calls"].values()) for one in ledgers),
            seconds=report["seconds"],
        )
        console.line(to, (_("Every number agrees with the sandboxes' ledgers: "), console.GOOD), totals)
    else:
        console.line(to, (_("These numbers do not agree:"), console.BAD))
        for problem in report["problems"]:
            console.line(to, f"  {problem}")
