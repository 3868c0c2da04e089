"""`pushgateway demo`: the gateway against a vendor's sandbox on this machine, over real HTTP.

It prints the results of `demo_scenes` in a few lines for a user who sees the project for the first time, and each
number that does not agree with the sandbox's ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit

if TYPE_CHECKING:
    from rich.console import Console

    from pushgateway.cli.demo_scenes import DemoSetup, Scene
    from pushgateway.sandbox import Sandbox

BRAND = "oppo"
DIALECT = "current"
"""OPPO's current interface. The default of a certificate is that of 2018 (V1.3), which has no channels."""


@click.command(short_help="See the gateway work with a sandbox on this machine.")
@click.option(
    "--count",
    type=click.IntRange(10, 200_000),
    default=10_000,
    show_default=True,
    help="How many different messages are sent in batches.",
)
@options.as_json
@click.pass_context
def demo(ctx: click.Context, count: int, as_json: bool) -> None:
    """See the gateway work with OPPO's sandbox on this machine: one push, many, a broadcast, an expired access token.

    Each outcome is compared with what the sandbox delivered; exit code 0 means that all numbers agree.
    """
    from pushgateway.cli import console
    from pushgateway.sandbox import find_sandbox
    from pushgateway.sandbox.serving.server import serve

    taken: dict[str, Any] = {"tokens": 0, "dialect": DIALECT}
    sandbox = find_sandbox(BRAND)(**taken)
    to = None if as_json else console.console()
    began = time.perf_counter()
    with serve(sandbox) as served:
        if to is not None:
            where = _("OPPO's sandbox at {url}, over real HTTP").format(url=served.url)
            console.line(to, ("pushgateway demo", "bold"), f": {where}")
        report = asyncio.run(play(sandbox, served.url, count, to))
    report["seconds"] = round(time.perf_counter() - began, 2)
    if to is None:
        console.as_json(report)
    else:
        _print_end(to, report)
    ctx.exit(Exit.OK if report["ok"] else Exit.FAILED)


async def play(sandbox: Sandbox, url: str, count: int, to: Console | None) -> dict[str, Any]:
    """Run all scenes and print each when it is over. Returns the report of `--json`."""
    from pushgateway.certificates.certificate import Certificate
    from pushgateway.cli import demo_scenes
    from pushgateway.gateway import Gateway
    from pushgateway.transport.auto import make_transport

    transport = demo_scenes.CountingTransport(make_transport(), sandbox.operation)
    # Without the rate that OPPO names for the smallest apps: what is shown is what the gateway can do.
    certificate = Certificate(demo_scenes.CERTIFICATE_ID, BRAND, sandbox.settings(url), pushes_per_second=float("inf"))
    try:
        async with Gateway([certificate], transport=transport) as gateway:
            setup = demo_scenes.DemoSetup(sandbox, gateway, transport)
            played = await _play_scenes(setup, count, to)
    finally:
        await transport.aclose()
    problems = demo_scenes.all_problems(setup, played)
    return {
        "ok": not problems,
        "problems": problems,
        **{scene.name.replace(" ", "_"): dict(scene.numbers) for scene in played},
        "phones": demo_scenes.phone_screens(setup, played),
        "ledger": {"delivered": sandbox.ledger.total, "calls": dict(sandbox.ledger.calls)},
    }


async def _play_scenes(setup: DemoSetup, count: int, to: Console | None) -> list[Scene]:
    from pushgateway.cli import demo_scenes

    played = [await demo_scenes.one_long_message(setup, _limits(setup.sandbox))]
    if to is not None:
        _print_long(to, played[-1].numbers)
    played.append(await _many(setup, count, to))
    if to is not None:
        _print_many(to, played[-1].numbers)
    played.append(await demo_scenes.one_broadcast(setup))
    if to is not None:
        _print_broadcast(to, played[-1].numbers)
    played.append(await demo_scenes.one_renewal(setup))
    if to is not None:
        _print_renewal(to, played[-1].numbers)
    return played


def _limits(sandbox: Sandbox) -> tuple[int, int]:
    """The most that title and body may hold, by the rules that plug-in and sandbox read too."""
    from pushgateway.vendor.rules import load_rules

    fields = load_rules(type(sandbox).__module__.split(".")[0]).dialects[DIALECT].fields
    title, content = fields["title"].max, fields["content"].max
    assert title is not None  # noqa: S101 - OPPO's rules have both
    assert content is not None  # noqa: S101
    return title, content


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


def _calls(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in calls.items())


def _endings(to: Console, outcomes: Mapping[str, int]) -> None:
    from pushgateway.cli import console

    means = {
        "accepted": _("the vendor accepted it"),
        "unregistered": _("the app was removed from this phone: retire the token"),
        "muted": _("the user switched notifications off: keep the token"),
    }
    rows = [(f"{number:,}", name, means.get(name, "")) for name, number in outcomes.items()]
    console.table(to, (_("pushes"), _("outcome"), _("which means")), rows, numbers=(_("pushes"),))


def _print_long(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 1, _("One message that is too long, with an emoji exactly at the limit"))
    columns = zip(("title", "body"), numbers["sent"], numbers["limits"], numbers["received"], strict=True)
    ends = (numbers["title_received"][-6:], numbers["body_received"][-6:])
    rows = [(*map(str, column), end) for column, end in zip(columns, ends, strict=True)]
    counted = (_("sent"), _("limit"), _("on the phone"))
    console.table(to, ("", *counted, _("ends with")), rows, numbers=counted)
    cut = ", ".join(numbers["truncated"]) or _("nothing")
    cut_fields = _("{status}; the outcome names the fields that were cut: {fields}")
    console.line(to, "   " + cut_fields.format(status=numbers["status"], fields=cut))
    console.line(to, "   " + _("the emoji (a family, five code points) is left out as a whole, never cut in two"))


def _print_many(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    heading = _("{count:,} different messages, in batches; on some phones the app was removed or notifications are off")
    _heading(to, 2, heading.format(count=numbers["pushes"]))
    _endings(to, numbers["outcomes"])
    console.line(to, "   " + _("requests to the vendor: {calls}").format(calls=_calls(numbers["calls"])))
    speed = _("{seconds:.1f} s, {speed:,} pushes a second (gateway and sandbox share this process)")
    console.line(to, "   " + speed.format(seconds=numbers["seconds"], speed=numbers["pushes_per_second"]))


def _print_broadcast(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 3, _("One broadcast to {count:,} tokens, with an outcome for each").format(count=numbers["tokens"]))
    _endings(to, numbers["outcomes"])
    console.line(to, "   " + _("requests to the vendor: {calls}").format(calls=_calls(numbers["calls"])))


def _print_renewal(to: Console, numbers: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 4, _("The access token expires, then {count} sends at once").format(count=numbers["sends"]))
    _endings(to, numbers["outcomes"])
    console.line(to, "   " + _("logins for all of these sends: {count}").format(count=numbers["logins"]))


def _print_end(to: Console, report: Mapping[str, Any]) -> None:
    from pushgateway.cli import console

    _heading(to, 5, _("What some of the phones show"))
    rows = [(phone["token"], _short(phone["title"]), _short(phone["body"])) for phone in report["phones"]]
    console.table(to, (_("phone"), _("title"), _("body")), rows)
    console.line(to, "")
    ledger = report["ledger"]
    if report["ok"]:
        totals = _("{delivered:,} pushes delivered, each exactly once, in {calls} requests; {seconds} s.").format(
            delivered=ledger["delivered"], calls=sum(ledger["calls"].values()), seconds=report["seconds"]
        )
        console.line(to, (_("Every number agrees with the sandbox's ledger: "), console.GOOD), totals)
    else:
        _print_problems(to, report["problems"])


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:5]} … {text[-5:]}"


def _print_problems(to: Console, problems: Sequence[str]) -> None:
    from pushgateway.cli import console

    console.line(to, (_("These numbers do not agree:"), console.BAD))
    for problem in problems:
        console.line(to, f"  {problem}")
