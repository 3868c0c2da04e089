"""`abilities_of`: what an installed brand carries of a notification, and what else its plug-in can do.

Every cell is found by sending: a real gateway with the plug-in, the brand's sandbox, its settings, and virtual time. So
it cannot disagree with the plug-in, and a plug-in whose outcome and phone disagree has a cell that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs

from pushgateway.abilities.asking import Answer, Asker, MakeAudience, MakeSandbox
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.facts import Facts, facts_of
from pushgateway.abilities.features import AUDIENCES, FEATURES, PLAIN, Feature
from pushgateway.abilities.limits import with_beside, with_limit
from pushgateway.certificates.plugins import Plugins
from pushgateway.model.errors import ConfigError, PluginError
from pushgateway.model.intent import Intent
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Delivery, Sandbox, find_sandbox
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.testing import run_virtual
from pushgateway.vendor import Vendor

TEMPLATE: Final = {"template": "T1", "title_parameters": ["who"], "content_parameters": ["what"]}
"""The settings of an intent that has a template, as the toolkit's plug-ins take them."""
PARAMETERS: Final = {"who": "Ann", "what": "3"}
UNKNOWN: Final = "no_such_field_5d1c"
"""A field that no vendor has, for `overrides`."""
RATE: Final = 5000
"""Phones per second of a broadcast: above the smallest number that a vendor takes."""


@safe_repr
@attrs.frozen(kw_only=True)
class Abilities:
    """What one brand can do, in one dialect of its interface."""

    brand: str
    dialect: str
    """"": the brand has one."""
    facts: Facts
    cells: Mapping[str, Cell]
    """By the name of the feature or audience. Empty without a sandbox."""
    problem: str = ""
    """Why there are no cells."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "dialect": self.dialect,
            "problem": self.problem or None,
            "can": self.facts.as_json(),
            "features": {name: cell.as_json() for name, cell in self.cells.items()},
        }


def facts_of_brand(brand: str, plugins: Plugins) -> Facts:
    """The facts about the plug-in of `brand`. Nothing is sent. Raises `PluginError`."""
    return facts_of(plugins.vendor(brand), _sandbox(brand, "")[0])


def abilities_of(brand: str, plugins: Plugins) -> list[Abilities]:
    """What `brand` can do: one value for each dialect that a certificate can choose. Raises `PluginError`.

    It sends some hundred pushes to the brand's sandbox in this process, in virtual time. Not to be called while an
    event loop runs.
    """
    vendor = plugins.vendor(brand)
    return [_abilities(vendor, dialect) for dialect in _dialects(vendor)]


def _dialects(vendor: type[Vendor]) -> Sequence[str]:
    """The dialects that a certificate can choose, oldest first; "" where there is no choice."""
    sandbox, _ = _sandbox(vendor.brand, "")
    if isinstance(sandbox, RuledSandbox) and attrs.has(vendor) and "dialect" in attrs.fields_dict(vendor):
        return list(sandbox.rules.dialects)
    return [""]


def _sandbox(brand: str, dialect: str) -> tuple[Sandbox | None, str]:
    """A sandbox of the brand without phones, or why there is none."""
    try:
        return _made(find_sandbox(brand), time.time, dialect), ""
    except PluginError as missing:
        return None, str(missing)
    except Exception as broken:  # of a third party; its text may hold anything, its kind cannot
        return None, f"the sandbox for brand {brand!r} cannot be made: {type(broken).__name__}"


def _made(sandbox: type[Sandbox], clock: Callable[[], float], dialect: str) -> Sandbox:
    options = {**sandbox.demo_options, **({"dialect": dialect} if dialect else {})}
    return sandbox(clock=clock, tokens=0, **options)


def _abilities(vendor: type[Vendor], dialect: str) -> Abilities:
    sandbox, problem = _sandbox(vendor.brand, dialect)
    facts, cells = facts_of(vendor, sandbox), dict[str, Cell]()
    if sandbox is not None:
        cells = run_virtual(_cells(vendor, lambda clock: _made(type(sandbox), clock, dialect)))
    return Abilities(brand=vendor.brand, dialect=dialect, facts=facts, cells=cells, problem=problem)


# The cells


async def _cells(vendor: type[Vendor], make_sandbox: MakeSandbox) -> dict[str, Cell]:
    """Ask about everything."""
    asker = Asker(vendor, make_sandbox, lambda settings: settings)
    try:
        intents = [await asker.ask(attrs.evolve(PLAIN, intent=intent)) for intent in (None, *Intent)]
        cells = {name: (await asker.broadcast(PLAIN, make)).cell() for name, make in AUDIENCES.items()}
        to_many = next((make for name, make in AUDIENCES.items() if cells[name].is_there), None)
        for feature in FEATURES:
            cells[feature.name] = await _feature(asker, feature, to_many)
        if cells["channel_id"].is_refused(Reason.INVALID_NOTIFICATION):
            cells["channel_id"] = await _known_channel(asker, intents, cells["channel_id"])
        cells["intent"] = _intent(intents)
        cells["overrides"] = await _overrides(asker, vendor.brand)
        hour = asker.now + timedelta(hours=1)
        for name, value in {"start_at": hour, "rate": RATE}.items():
            make = to_many or next(iter(AUDIENCES.values()))
            cells[name] = (await asker.broadcast(PLAIN, make, **{name: value})).cell()
    finally:
        await asker.aclose()
    cells["parameters"] = await _parameters(vendor, make_sandbox)
    return cells


async def _feature(asker: Asker, feature: Feature, to_many: MakeAudience | None) -> Cell:
    """The cell of one feature: alone, else with what it may need beside it, else in a broadcast."""
    cell = await _asked(asker, attrs.evolve(feature, beside={}))
    if cell.verdict is Verdict.REFUSED and feature.beside:
        helped = await _asked(asker, feature)
        cell = attrs.evolve(helped, needs=tuple(feature.beside)) if helped.is_there else cell
    if cell.is_refused(Reason.UNSUPPORTED) and to_many is not None:
        broadcast = await asker.broadcast(feature.sample(asker.now), to_many)
        cell = attrs.evolve(cell, in_broadcasts=broadcast.cell(*feature.words).is_there)
    return cell


async def _asked(asker: Asker, feature: Feature) -> Cell:
    sample = with_beside(feature, feature.sample(asker.now))
    cell = (await asker.ask(sample)).cell(*feature.words)
    if cell.verdict is not Verdict.CARRIED:
        return cell
    return attrs.evolve(await with_limit(asker, feature, cell), alone=asker.is_alone(sample))


async def _known_channel(asker: Asker, intents: Sequence[Answer], cell: Cell) -> Cell:
    """The cell of `channel_id` for a brand that takes only those that the certificate names: with one that an intent
    has chosen, and that is not the default."""
    default, *others = [answer.seen.channel_id if answer.seen is not None else "" for answer in intents]
    for channel in dict.fromkeys(others):
        if channel not in ("", default):
            return (await asker.ask(attrs.evolve(PLAIN, channel_id=channel))).cell("channel_id")
    return cell


def _intent(answers: Sequence[Answer]) -> Cell:
    """The cell of `intent`. `answers`: for a push without one, and for each intent."""
    plain, *others = answers
    if wrong := [cell for answer in answers if (cell := answer.cell("intent")).verdict is Verdict.WRONG]:
        return wrong[0]
    has_effect = any(_chosen(answer.seen) != _chosen(plain.seen) for answer in others)
    return Cell(verdict=Verdict.CARRIED if has_effect else Verdict.NO_EFFECT)


def _chosen(seen: Delivery | None) -> tuple[object, ...]:
    """What an intent chooses."""
    return () if seen is None else (seen.category, seen.channel_id, seen.private, seen.alert)


async def _overrides(asker: Asker, brand: str) -> Cell:
    """The cell of `overrides`: a plug-in that reads them names a field that the vendor does not have."""
    answer = await asker.ask(attrs.evolve(PLAIN, overrides={brand: {UNKNOWN: "x"}}))
    cell = answer.cell("overrides")
    if cell.verdict is Verdict.REFUSED and UNKNOWN in cell.detail:
        return Cell(verdict=Verdict.CARRIED)
    if answer.seen is not None and UNKNOWN not in answer.seen.notification:
        return Cell(verdict=Verdict.WRONG, detail="overrides: a field is dropped, and nothing says so")
    return cell


async def _parameters(vendor: type[Vendor], make_sandbox: MakeSandbox) -> Cell:
    """The cell of `parameters`: with a template for chats, where the plug-in has such a setting."""
    note = attrs.evolve(PLAIN, intent=Intent.CHAT, parameters=PARAMETERS)
    try:
        asker = Asker(vendor, make_sandbox, _with_template)
    except ConfigError:
        asker = Asker(vendor, make_sandbox, lambda settings: settings)
    try:
        answer = await asker.ask(note)
    finally:
        await asker.aclose()
    cell = answer.cell("parameters")
    if cell.verdict is Verdict.CARRIED and answer.seen is not None and not answer.seen.parameters:
        return Cell(verdict=Verdict.NO_EFFECT)
    return cell


def _with_template(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a certificate with a template for chats."""
    intents = _mapping(settings.get("intents"))
    return {**settings, "intents": {**intents, "chat": {**_mapping(intents.get("chat")), **TEMPLATE}}}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
