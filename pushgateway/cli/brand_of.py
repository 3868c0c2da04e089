"""`pushgateway brand-of`: the brand whose push service a phone has, by the names that the phone reports."""

from __future__ import annotations

from gettext import gettext as _

import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit


@click.command("brand-of", short_help="Show the brand of a phone by its maker or model.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--manufacturer", default="", help="What the phone reports as its manufacturer (Build.MANUFACTURER).")
@click.option("--system", default="", help="Its operating system with the version, such as OpenHarmony-5.0.0.")
@options.as_json
@click.pass_context
def brand_of(ctx: click.Context, names: tuple[str, ...], manufacturer: str, system: str, as_json: bool) -> None:
    """Show the brand of each NAME: a maker, a brand or a model, as a phone reports it or a user writes it.

    The brand is that of a certificate: the vendor whose push service the phone has. Exit code 1: a name is not known.
    """
    from pushgateway.brands import find_brand
    from pushgateway.cli import console, render

    found = [(name, find_brand(name, manufacturer=manufacturer, system=system)) for name in names]
    if as_json:
        brands = [{"name": name, "brand": one.brand, "because": one.because} for name, one in found]
        console.as_json({"brands": brands})
    else:
        to = console.console()
        for name, one in found:
            verdict = (_("unknown"), console.BAD) if one.brand is None else (one.brand, console.GOOD)
            console.line(to, f"{render.plain(name)}: ", verdict)
            console.line(to, f"  {one.because}")
    ctx.exit(Exit.OK if all(one.brand is not None for _name, one in found) else Exit.FAILED)
