"""Says which rules apply to a push, for `explain`.

Pure. It checks the same fields as the encoder, by the same checks, and names the row of `rules.toml` of each. It
quotes no text, token or value of the host, only what the rules and the certificate's settings say. What the rules
forbid is returned as a ruling, not raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from pushgateway.vendor import AudienceKind, Broadcast, Effect, Push, Refused, Ruling
from pushgateway.vendor.rules import Dialect, FieldRule, Row
from pushgateway_oppo.field_checks import missing
from pushgateway_oppo.intents import Intents
from pushgateway_oppo.notification import WORDS, check_field, gather_fields, planned_fields
from pushgateway_oppo.replies import RULES
from pushgateway_oppo.tokens import region_of, token_problem

_PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class _DialectRows:
    """The rows of one dialect, and the rulings made of them."""

    def __init__(self, name: str) -> None:
        self.dialect: Dialect = RULES.dialects[name]
        self._path = f"dialects.{name}" if _PLAIN.fullmatch(name) else f'dialects."{name}"'

    def ruling(self, field: str, verdict: str, table: str, key: str, effect: Effect = "applies") -> Ruling:
        """A ruling by the row `key` of `table`: `verdict` says what the row means for this push."""
        row: Row = getattr(self.dialect, table)[key]
        return Ruling(
            field=field,
            verdict=verdict,
            effect=effect,
            rule=f"{self._path}.{table}.{key}",
            source=RULES.sources[row.source].title,
            seen=row.seen,
            confidence=RULES.confidence(row),
        )

    def absent(self, field: str, name: str, effect: Effect = "refused") -> Ruling:
        """A ruling that this dialect has no field `name`. It cites the row of the dialect that has the field."""
        for other in RULES.dialects:
            if name in RULES.dialects[other].fields:
                verdict = f"{'has no effect' if effect == 'ignored' else effect}: {missing(name, self.dialect)}"
                return _DialectRows(other).ruling(field, verdict, "fields", name, effect)
        raise LookupError(name)


def rulings_of(asked: Push | Broadcast, dialect: str, region: str, intents: Intents, quota: str) -> Sequence[Ruling]:
    """The rulings for a push or a broadcast in a dialect: host, token, fields, intent, quota and rate.

    `region` is where it goes, `quota` the name of the quota that it counts against.
    """
    rows = _DialectRows(dialect)
    return [
        *_of_host(rows, asked, region),
        *_of_token(rows, asked),
        *_of_fields(rows, asked, intents),
        *_of_intent(rows, asked, intents),
        *_of_quotas_and_rates(rows, asked, quota),
    ]


def _of_host(rows: _DialectRows, asked: Push | Broadcast, region: str) -> Iterator[Ruling]:
    if region in rows.dialect.hosts:
        named = not isinstance(asked, Push) or region_of(asked.push_token.token) is not None
        verdict = f"belongs to the region {region}" if named else f"names no region: goes to the home region {region}"
        yield rows.ruling("token", verdict, "hosts", region)


def _of_token(rows: _DialectRows, asked: Push | Broadcast) -> Iterator[Ruling]:
    if isinstance(asked, Push):
        longest = rows.dialect.number("token_bytes")
        if problem := token_problem(asked.push_token.token, longest):
            verdict = f"refused: {problem.removeprefix('token: ')}"
            yield rows.ruling("token", verdict, "numbers", "token_bytes", "refused")


def _of_fields(rows: _DialectRows, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    audience = None if isinstance(asked, Push) else asked.audience.kind
    planned = None if isinstance(asked, Push) else planned_fields(asked)
    note = asked.notification
    try:
        raw = gather_fields(note, rows.dialect, planned, intents)
    except Refused:  # an override or a parameter that no row has; the other fields are still explained
        raw = gather_fields(attrs.evolve(note, overrides={}, intent=None), rows.dialect, planned, intents)
    for name, value in raw.items():
        yield _of_field(rows, name, value, raw, audience)


def _of_field(rows: _DialectRows, name: str, value: Any, raw: dict[str, Any], audience: AudienceKind | None) -> Ruling:
    word, rule = WORDS.get(name, name), rows.dialect.fields.get(name)
    if rule is None:
        return rows.absent(word, name)
    maximum = rule.maximum(raw)
    try:
        _, was_cut = check_field(word, name, rule, value, maximum, audience=audience)
    except Refused as refused:
        return rows.ruling(word, f"refused: {refused.detail.removeprefix(f'{word}: ')}", "fields", name, "refused")
    if was_cut:
        verdict = f"cut to {maximum} characters, has {len(value)}"
        return rows.ruling(word, verdict, "fields", name, "cut")
    return rows.ruling(word, _limit(rule, maximum), "fields", name)


def _of_intent(rows: _DialectRows, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    intent = asked.notification.intent
    if asked.notification.parameters:
        yield from _of_parameters(rows, asked, intents)
    if intent is None:
        return
    if "category" not in rows.dialect.fields:
        yield rows.absent("intent", "category", "ignored")
        return
    rule, category = rows.dialect.intents.get(intent.value), intents.category(asked.notification)
    if rule is not None and rule.category == category:
        yield rows.ruling("intent", f"{intent.value} is sent as category {category}", "intents", intent.value)
    elif category:
        verdict = f"{intent.value} is sent as category {category} by the certificate's settings"
        yield rows.ruling("intent", verdict, "fields", "category")


def _of_parameters(rows: _DialectRows, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    """Parameters without a template fill nothing."""
    note, name = asked.notification, "private_msg_template_id"
    usage = None if note.intent is None else intents.rows.get(note.intent)
    if name not in rows.dialect.fields:
        yield rows.absent("parameters", name, "ignored")
    elif usage is None or not usage.template:
        verdict = "has no effect: the settings name no template for this intent"
        yield rows.ruling("parameters", verdict, "fields", name, "ignored")


def _of_quotas_and_rates(rows: _DialectRows, asked: Push | Broadcast, quota: str) -> Iterator[Ruling]:
    row = rows.dialect.categories.get(quota)
    if row is not None:
        verdict = (
            "a private category: no daily limit, not for public intents"
            if row.private
            else "a public category: counts against the daily quota"
        )
        yield rows.ruling("category", f"{quota} is {verdict}", "categories", quota)
    for name, figure in rows.dialect.quotas.items():
        is_rate = name.startswith("rate_")
        if is_rate or row is None or not row.private:
            yield rows.ruling("rate" if is_rate else "quota", f"{figure.value:,} {figure.unit}", "quotas", name)
    number = "batch_size" if isinstance(asked, Push) else "audience_size"
    figure = rows.dialect.numbers[number]
    yield rows.ruling("batch", f"at most {figure.value:,} {figure.unit}", "numbers", number)


def _limit(rule: FieldRule, maximum: int | None) -> str:
    if rule.choices:
        return f"one of {', '.join(map(str, rule.choices))}"
    unit = {"text": "characters", "json": "characters of JSON"}.get(rule.kind, rule.unit)
    bounds = [f"at least {rule.min}"] if rule.min else []
    bounds += [] if maximum is None else [f"at most {maximum}"]
    return f"{' and '.join(bounds)} {unit}".strip() if bounds else "is sent unchanged"
