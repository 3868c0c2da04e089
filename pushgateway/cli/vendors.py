"""`pushgateway vendors`: which plug-ins are installed, and what each can do.

A broken plug-in is reported in one sentence, and the others are listed all the same. What a plug-in can do is read
from an instance with made-up settings that is used only here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from gettext import gettext as _
from typing import Any

import attrs
import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.errors import ConfigError, PluginError
from pushgateway.vendor import Vendor


def describe(brand: str) -> dict[str, Any]:
    """The facts about the plug-in of `brand`; `problem` is None if it works."""
    from pushgateway.certificates.plugins import Plugins, installed

    found: dict[str, Any] = {
        "brand": brand,
        "plugins": [
            {
                "distribution": entry.dist.name if entry.dist else None,
                "version": entry.dist.version if entry.dist else None,
                "class": entry.value,
            }
            for entry in installed().get(brand, ())
        ],
        "problem": None,
        "can": None,
    }
    plugins = Plugins()
    try:
        found["can"] = abilities(plugins.vendor(brand), plugins)
    except PluginError as broken:
        found["problem"] = str(broken)
    except Exception as broken:
        # The plug-in broke its promise when it was asked. Its sentence may hold anything, its kind cannot.
        found["problem"] = f"the plug-in for brand {brand!r} could not say what it can: {type(broken).__name__}"
    return found


def abilities(vendor_class: type[Vendor], plugins: Any) -> dict[str, Any]:
    """What a vendor can do. None: it depends on settings that could not be made up."""
    fields = attrs.fields(vendor_class) if attrs.has(vendor_class) else ()
    required = [field.name for field in fields if field.init and field.default is attrs.NOTHING]
    optional = [field.name for field in fields if field.init and field.default is not attrs.NOTHING]
    vendor = _made_up(vendor_class, required, plugins)
    return {
        "batch_size": vendor.batching.size if vendor else None,
        "mixed": vendor.batching.mixed if vendor else None,
        "login": vendor.login(vendor.home_region, 0.0) is not None if vendor else None,
        "deduplicates": vendor.deduplicates if vendor else None,
        "receipts": _receipts(vendor),
        "recall": vendor_class.recall is not Vendor.recall,
        "check_tokens": vendor_class.check_tokens is not Vendor.check_tokens,
        "audiences": sorted(kind.value for kind in vendor.audiences) if vendor else None,
        "audience_size": vendor.audience_size if vendor and vendor.audiences else None,
        "settings": {"required": required, "optional": optional},
    }


def _receipts(vendor: Vendor | None) -> str | None:
    """How the vendor's receipts are proved: "signed", "push", "message" or "unproved"; "none": it posts none."""
    if vendor is None:
        return None
    if type(vendor).receipts is Vendor.receipts:
        return "none"
    if vendor.proves_receipts:
        return "signed"
    return "unproved" if vendor.marks == "none" else vendor.marks


def _made_up(vendor_class: type[Vendor], required: list[str], plugins: Any) -> Vendor | None:
    """With the required settings alone, or with those of the brand's sandbox, where "x" is no setting, such as in the
    place of a key."""
    from pushgateway.certificates.certificate import Certificate
    from pushgateway.certificates.settings import load_vendors

    for make in (lambda: dict.fromkeys(required, "x"), lambda: _sandbox_settings(vendor_class.brand)):
        with contextlib.suppress(ConfigError):
            vendor = load_vendors([Certificate("0", vendor_class.brand, make())], plugins)["0"]
            return vendor if isinstance(vendor, Vendor) else None
    return None


def _sandbox_settings(brand: str) -> Mapping[str, Any]:
    """Raises `ConfigError` where there is no usable sandbox."""
    from pushgateway.sandbox import find_sandbox

    try:
        return find_sandbox(brand)(tokens=1).settings("http://127.0.0.1:1")
    except Exception as broken:
        raise ConfigError([type(broken).__name__]) from None


def _lines(can: Mapping[str, Any]) -> list[tuple[str, str]]:
    if can["batch_size"] is None:
        batch = _("depends on the settings")
    elif can["batch_size"] == 1:
        batch = _("one push in each request")
    elif can["mixed"]:
        batch = _("up to {size:,} pushes in a request, each with its own text").format(size=can["batch_size"])
    else:
        batch = _("up to {size:,} pushes in a request, all with one text").format(size=can["batch_size"])
    audience = _("depends on the settings")
    if can["audiences"] is not None:
        audience = ", ".join(can["audiences"]) or _("none")
    if can["audiences"]:
        audience += _(" (up to {size:,} in a request)").format(size=can["audience_size"])
    receipts: str = {
        "none": _("none"),
        "push": _("verified by a parameter of each push"),
        "message": _("verified by a parameter of each request"),
        "signed": _("signed by the vendor"),
        "unproved": _("posted, and proved by nothing"),
        None: _("depends on the settings"),
    }[can["receipts"]]
    has: dict[bool | None, str] = {True: _("yes"), False: _("none"), None: _("depends on the settings")}
    return [
        (_("batches"), batch),
        (_("dedupe id"), _deduplicates(can["deduplicates"])),
        (_("login"), has[can["login"]]),
        (_("broadcasts"), audience),
        (_("receipts"), receipts),
        (_("recall"), has[can["recall"]]),
        (_("token check"), has[can["check_tokens"]]),
        (_("settings"), ", ".join(can["settings"]["required"]) or _("none")),
        ("  " + _("optional"), ", ".join(can["settings"]["optional"]) or _("none")),
    ]


def _deduplicates(how: bool | str | None) -> str:
    if how is None:
        return _("depends on the settings")
    if how == "message":
        return _("the phone drops a repeat")
    return _("the vendor drops a repeat") if how else _("the vendor does not use it")


@click.command(short_help="List installed vendor plug-ins and what each can do.")
@options.as_json
@click.pass_context
def vendors(ctx: click.Context, as_json: bool) -> None:
    """List the installed vendor plug-ins and what each can do."""
    from pushgateway.certificates.plugins import installed
    from pushgateway.cli import console

    found = [describe(brand) for brand in installed()]
    if as_json:
        console.as_json({"vendors": found})
    else:
        to = console.console()
        for one in found:
            names = ", ".join(f"{plugin['distribution']} {plugin['version']}" for plugin in one["plugins"])
            console.line(to, (one["brand"], "bold"), f"  {names}")
            if one["problem"] is not None:
                console.line(to, "  ", (one["problem"], console.BAD))
            else:
                console.labelled(to, _lines(one["can"]))
        if not found:
            console.line(to, _("no vendor plug-in is installed; from a checkout of this project, for OPPO:"))
            console.line(to, "  pip install ./plugins/oppo", whole=True)
    ctx.exit(Exit.FAILED if any(one["problem"] for one in found) else Exit.OK)
