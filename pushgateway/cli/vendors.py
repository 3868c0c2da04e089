"""`pushgateway vendors`: which plug-ins are installed, and what each can do.

A broken plug-in is reported in one sentence, and the others are listed all the same. What a plug-in can do is read
from an instance with the settings of its sandbox, or with made-up ones; with `--table` it is asked by sending to the
sandboxes in this process (`pushgateway.abilities`).
"""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import attrs
import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.errors import PluginError
from pushgateway.model.secret import safe_repr

if TYPE_CHECKING:
    from rich.console import Console

    from pushgateway.abilities.brand import Abilities
    from pushgateway.abilities.facts import Facts


@safe_repr
@attrs.frozen(kw_only=True)
class Described:
    """What was found out about the plug-in of one brand."""

    brand: str
    entries: Sequence[EntryPoint]
    """Its entry points, of which there should be one."""
    facts: Facts | None = None
    abilities: Sequence[Abilities] = ()
    """For the table; one for each dialect."""
    problem: str | None = None
    """What is wrong with it."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "brand": self.brand,
            "plugins": [
                {
                    "distribution": entry.dist.name if entry.dist else None,
                    "version": entry.dist.version if entry.dist else None,
                    "class": entry.value,
                }
                for entry in self.entries
            ],
            "problem": self.problem,
            "can": None if self.facts is None else self.facts.as_json(),
            **({"abilities": [one.as_json() for one in self.abilities]} if self.abilities else {}),
        }


def describe(brand: str, *, table: bool = False) -> Described:
    """Ask the plug-in of `brand`. `table`: also about every feature, which takes up to a second."""
    from pushgateway.abilities.brand import abilities_of, facts_of_brand
    from pushgateway.certificates.plugins import Plugins, installed

    entries, plugins = installed().get(brand, ()), Plugins()
    try:
        facts = facts_of_brand(brand, plugins)
        abilities = abilities_of(brand, plugins) if table else ()
    except PluginError as broken:
        return Described(brand=brand, entries=entries, problem=str(broken))
    except Exception as broken:
        # The plug-in broke its promise when it was asked. Its sentence may hold anything, its kind cannot.
        problem = f"the plug-in for brand {brand!r} could not say what it can: {type(broken).__name__}"
        return Described(brand=brand, entries=entries, problem=problem)
    return Described(brand=brand, entries=entries, facts=facts, abilities=abilities)


def lines(facts: Facts) -> list[tuple[str, str]]:
    """(label, text) for people."""
    unknown = _("depends on the settings")
    if facts.batch_size is None:
        batch = unknown
    elif facts.batch_size == 1:
        batch = _("one push in each request")
    elif facts.mixed:
        batch = _("up to {size:,} pushes in a request, each with its own text").format(size=facts.batch_size)
    else:
        batch = _("up to {size:,} pushes in a request, all with one text").format(size=facts.batch_size)
    audience = unknown if facts.audiences is None else ", ".join(facts.audiences) or _("none")
    if facts.audiences:
        audience += _(" (up to {size:,} in a request)").format(size=facts.audience_size)
    login: dict[str | None, str] = {
        "request": _("an access token of the vendor"),
        "signed": _("an access token that is signed here"),
        "none": _("none"),
        None: unknown,
    }
    receipts: dict[str | None, str] = {
        "none": _("none"),
        "push": _("verified by a parameter of each push"),
        "message": _("verified by a parameter of each request"),
        "signed": _("signed by the vendor"),
        "unproved": _("posted, and proved by nothing"),
        None: unknown,
    }
    return [
        (_("batches"), batch),
        (_("dedupe id"), _deduplicates(facts.deduplicates)),
        (_("login"), login[facts.login]),
        (_("broadcasts"), audience),
        (_("receipts"), receipts[facts.receipts]),
        (_("recall"), _("yes") if facts.recall else _("none")),
        (_("token check"), _("yes") if facts.check_tokens else _("none")),
        (_("settings"), ", ".join(facts.required) or _("none")),
        ("  " + _("optional"), ", ".join(facts.optional) or _("none")),
    ]


def _deduplicates(how: bool | str | None) -> str:
    if how is None:
        return _("depends on the settings")
    if how == "message":
        return _("the phone drops a repeat")
    return _("the vendor drops a repeat") if how else _("the vendor does not use it")


@click.command(short_help="List installed vendor plug-ins and what each can do.")
@click.option("--table", is_flag=True, help="Compare what the brands carry of a notification, field by field.")
@click.option("--brand", "brands", multiple=True, help="Only this brand; may be repeated. Default: all installed ones.")
@options.as_json
@click.pass_context
def vendors(ctx: click.Context, table: bool, brands: tuple[str, ...], as_json: bool) -> None:
    """List the installed vendor plug-ins and what each can do.

    With --table every use of every field of a notification is sent through each plug-in to its sandbox in this
    process, and the table says what came of it: carried, cut at a limit, left out or refused.
    """
    from pushgateway.certificates.plugins import installed
    from pushgateway.cli import brand_table, console

    to = console.console()
    with console.waiting(to, _("asking the plug-ins"), quiet=as_json or not table):
        found = [describe(brand, table=table) for brand in dict.fromkeys(brands or installed())]
    columns = [column for one in found for column in one.abilities]
    if as_json:
        console.as_json({"vendors": [one.as_json() for one in found]})
    else:
        if table:
            brand_table.show(to, columns)
        _print(to, found, table)
    is_good = all(one.problem is None for one in found) and not brand_table.faults(columns)
    ctx.exit(Exit.OK if is_good else Exit.FAILED)


def _print(to: Console, found: Sequence[Described], table: bool) -> None:
    """Each plug-in with what it can do; in addition to a table, only what is wrong."""
    from pushgateway.cli import console

    for one in found:
        names = ", ".join(f"{entry.dist.name} {entry.dist.version}" for entry in one.entries if entry.dist)
        if one.problem is not None or not table:
            console.line(to, (one.brand, "bold"), f"  {names}")
        if one.problem is not None:
            console.line(to, "  ", (one.problem, console.BAD))
        elif one.facts is not None and not table:
            console.labelled(to, lines(one.facts))
    if not found:
        console.line(to, _("no vendor plug-in is installed; from a checkout of this project, for OPPO:"))
        console.line(to, "  pip install ./plugins/oppo", whole=True)
