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


class _Docket:
    """Makes rulings of rows of one dialect."""

    def __init__(self, name: str) -> None:
        self.dialect: Dialect = RULES.dialects[name]
        self._path = f"dialects.{name}" if _PLAIN.fullmatch(name) else f'dialects."{name}"'

    def ruling(self, field: str, verdict: str, table: str, key: str, effect: Effect = "applies") -> Ruling:
        """What the row `key` of `table` says."""
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
        """That this dialect has no such field; it is another one's row that knows it."""
        for other in RULES.dialects:
            if name in RULES.dialects[other].fields:
                verdict = f"{'has no effect' if effect == 'ignored' else effect}: {missing(name, self.dialect)}"
                return _Docket(other).ruling(field, verdict, "fields", name, effect)
        raise LookupError(name)


def rulings_of(asked: Push | Broadcast, dialect: str, region: str, intents: Intents, quota: str) -> Sequence[Ruling]:
    """What the rules of a dialect say of what is asked: host, fields, intent, quota and rate."""
    docket = _Docket(dialect)
    return [
        *_of_host(docket, asked, region),
        *_of_token(docket, asked),
        *_of_fields(docket, asked, intents),
        *_of_intent(docket, asked, intents),
        *_of_shares(docket, asked, quota),
    ]


def _of_host(docket: _Docket, asked: Push | Broadcast, region: str) -> Iterator[Ruling]:
    if region in docket.dialect.hosts:
        named = not isinstance(asked, Push) or region_of(asked.push_token.token) is not None
        verdict = f"belongs to the region {region}" if named else f"names no region: goes to the home region {region}"
        yield docket.ruling("token", verdict, "hosts", region)


def _of_token(docket: _Docket, asked: Push | Broadcast) -> Iterator[Ruling]:
    if isinstance(asked, Push):
        longest = docket.dialect.number("token_bytes")
        if problem := token_problem(asked.push_token.token, longest):
            verdict = f"refused: {problem.removeprefix('token: ')}"
            yield docket.ruling("token", verdict, "numbers", "token_bytes", "refused")


def _of_fields(docket: _Docket, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    audience = None if isinstance(asked, Push) else asked.audience.kind
    planned = None if isinstance(asked, Push) else planned_fields(asked)
    note = asked.notification
    try:
        raw = gather_fields(note, docket.dialect, planned, intents)
    except Refused:  # an override or a parameter that no row knows; the rest is still to be explained
        raw = gather_fields(attrs.evolve(note, overrides={}, intent=None), docket.dialect, planned, intents)
    for name, value in raw.items():
        yield _of_field(docket, name, value, raw, audience)


def _of_field(docket: _Docket, name: str, value: Any, raw: dict[str, Any], audience: AudienceKind | None) -> Ruling:
    word, rule = WORDS.get(name, name), docket.dialect.fields.get(name)
    if rule is None:
        return docket.absent(word, name)
    maximum = rule.maximum(raw)
    try:
        _, was_cut = check_field(word, name, rule, value, maximum, audience=audience)
    except Refused as refused:
        return docket.ruling(word, f"refused: {refused.detail.removeprefix(f'{word}: ')}", "fields", name, "refused")
    if was_cut:
        verdict = f"cut to {maximum} characters, has {len(value)}"
        return docket.ruling(word, verdict, "fields", name, "cut")
    return docket.ruling(word, _limit(rule, maximum), "fields", name)


def _of_intent(docket: _Docket, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    intent = asked.notification.intent
    if asked.notification.parameters:
        yield from _of_parameters(docket, asked, intents)
    if intent is None:
        return
    if "category" not in docket.dialect.fields:
        yield docket.absent("intent", "category", "ignored")
        return
    rule, category = docket.dialect.intents.get(intent.value), intents.category(asked.notification)
    if rule is not None and rule.category == category:
        yield docket.ruling("intent", f"{intent.value} is category {category}", "intents", intent.value)
    elif category:
        verdict = f"{intent.value} is category {category} by the certificate's settings"
        yield docket.ruling("intent", verdict, "fields", "category")


def _of_parameters(docket: _Docket, asked: Push | Broadcast, intents: Intents) -> Iterator[Ruling]:
    """Parameters without a template fill nothing."""
    note, name = asked.notification, "private_msg_template_id"
    usage = None if note.intent is None else intents.rows.get(note.intent)
    if name not in docket.dialect.fields:
        yield docket.absent("parameters", name, "ignored")
    elif usage is None or not usage.template:
        verdict = "has no effect: the settings name no template for this intent"
        yield docket.ruling("parameters", verdict, "fields", name, "ignored")


def _of_shares(docket: _Docket, asked: Push | Broadcast, quota: str) -> Iterator[Ruling]:
    row = docket.dialect.categories.get(quota)
    if row is not None:
        verdict = "private: no daily limit, and never for everybody" if row.private else "public: counted by the day"
        yield docket.ruling("category", f"{quota} is {verdict}", "categories", quota)
    for name, figure in docket.dialect.quotas.items():
        is_rate = name.startswith("rate_")
        if is_rate or row is None or not row.private:
            yield docket.ruling("rate" if is_rate else "quota", f"{figure.value:,} {figure.unit}", "quotas", name)
    number = "batch_size" if isinstance(asked, Push) else "audience_size"
    figure = docket.dialect.numbers[number]
    yield docket.ruling("batch", f"at most {figure.value:,} {figure.unit}", "numbers", number)


def _limit(rule: FieldRule, maximum: int | None) -> str:
    if rule.choices:
        return f"one of {', '.join(map(str, rule.choices))}"
    unit = {"text": "characters", "json": "characters of JSON"}.get(rule.kind, rule.unit)
    bounds = [f"at least {rule.min}"] if rule.min else []
    bounds += [] if maximum is None else [f"at most {maximum}"]
    return f"{' and '.join(bounds)} {unit}".strip() if bounds else "goes out as it is"
