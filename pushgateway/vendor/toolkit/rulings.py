"""Says which rules apply to a push, for `Vendor.rulings` (`explain`).

Pure. It checks the same fields as the encoder, by the same rows, and names the row of `rules.toml` of each. It quotes
no text, token, secret or value of the host, only what the rules and the certificate's settings say. What the rules
forbid and what is left out are returned as rulings, not raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from pushgateway.vendor import AudienceKind, Broadcast, Effect, Notification, Push, Refused, Ruling
from pushgateway.vendor.features import FEATURES, LOOKS
from pushgateway.vendor.rules import Dialect, FieldRule, Row
from pushgateway.vendor.text import size
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.intents import IntentTable

Gather = Callable[[Notification], Mapping[str, Any]]
"""The fields of a notification, not yet checked: the plug-in's `Sheet.gather` with what it adds. May raise
`Refused`."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_BLANK = Notification("", "")
_USES = {**FEATURES, **LOOKS}


class Rulings:
    """The rulings for one push or broadcast in a dialect."""

    def __init__(self, asked: Push | Broadcast, sheet: Sheet, intents: IntentTable | None = None) -> None:
        self.asked, self.sheet, self.intents = asked, sheet, intents
        self.note = asked.notification
        self.audience: AudienceKind | None = None if isinstance(asked, Push) else asked.audience.kind

    def ruling(
        self, field: str, verdict: str, table: str, key: str, effect: Effect = "applies", *, dialect: str | None = None
    ) -> Ruling:
        """A ruling by the row `key` of `table`: `verdict` says what the row means for this push."""
        rules, name = self.sheet.rules, self.sheet.name if dialect is None else dialect
        row: Row = getattr(rules.dialects[name], table)[key]
        path = f"dialects.{name}" if _PLAIN.fullmatch(name) else f'dialects."{name}"'
        return Ruling(
            field=field,
            verdict=verdict,
            effect=effect,
            rule=f"{path}.{table}.{key}" if _PLAIN.fullmatch(key) else f'{path}.{table}."{key}"',
            source=rules.sources[row.source].title,
            seen=row.seen,
            confidence=rules.confidence(row),
        )

    def absent(self, field: str, name: str, effect: Effect = "refused") -> Ruling:
        """A ruling that this dialect has no field `name`. It cites the row of the dialect that has the field."""
        has = next(other for other, dialect in self.sheet.rules.dialects.items() if name in dialect.fields)
        verdict = f"{'has no effect' if effect == 'ignored' else effect}: {self.sheet.missing(name)}"
        return self.ruling(field, verdict, "fields", name, effect, dialect=has)

    def of_row(self, word: str, verdict: str, effect: Effect) -> Ruling:
        """A ruling about an attribute of the notification: by the row that carries it, in this dialect or another; or
        else by the first operation, which has no such field."""
        dialects = {self.sheet.name: self.sheet.dialect, **self.sheet.rules.dialects}
        for name, dialect in dialects.items():
            for key in _rows_of(dialect, word):
                return self.ruling(word, verdict, "fields", key, effect, dialect=name)
        return self.ruling(word, verdict, "operations", next(iter(self.sheet.dialect.operations)), effect)

    # Fields

    def fields(self, gather: Gather) -> Iterator[Ruling]:
        """What happens to each field: its limit, that it is cut, left out or refused."""
        refused, raw = self._gathered(gather)
        yield from refused
        for name, value in raw.items():
            row = self.sheet.fields.get(name)
            word = self._word(name, row)
            yield self.absent(word, name) if row is None else self._of_field(word, name, row, value, raw)
        refused_words = {one.field for one in refused}
        yield from (one for one in self._omitted(raw) if one.field not in refused_words)

    def _word(self, name: str, row: FieldRule | None) -> str:
        """The host's name of a field; that of the vendor for a look that only an override gives."""
        word = name if row is None else row.says.partition(".")[0] or name
        uses = LOOKS.get(word)
        is_own = uses is not None and not uses(self.note) and name in self.sheet.overrides(self.note)
        return name if is_own else word

    def _gathered(self, gather: Gather) -> tuple[list[Ruling], Mapping[str, Any]]:
        """The rulings of features that the vendor lacks, and the fields of the rest."""
        note, rulings = self.note, list[Ruling]()
        for _ in _USES:
            try:
                return rulings, gather(note)
            except Refused as refused:
                word, _, sentence = refused.detail.partition(": ")
                uses = _USES.get(word)
                if uses is None or not uses(note):
                    break  # an override or a parameter that no row has; the other fields are still explained
                rulings.append(self.of_row(word, f"refused: {sentence}", "refused"))
                note = attrs.evolve(note, **{word: getattr(_BLANK, word)})
        try:
            return rulings, gather(attrs.evolve(note, overrides={}, intent=None))
        except Refused:
            return rulings, {}

    def _of_field(self, word: str, name: str, row: FieldRule, value: Any, raw: Mapping[str, Any]) -> Ruling:
        if problem := self.sheet.scope_problem(row, self.audience):
            verb, effect = _NO_EFFECT if word in LOOKS else _REFUSED
            return self.ruling(word, f"{verb}: {problem}", "fields", name, effect)
        try:
            _, was_cut = self.sheet.check(word, name, row, value, raw)
        except Refused as refused:
            sentence = refused.detail.removeprefix(f"{word}: ")
            return self.ruling(word, f"refused: {sentence}", "fields", name, "refused")
        maximum = row.maximum(raw)
        if was_cut and isinstance(value, int):
            bound, verb = (maximum, "cut") if maximum is not None and value > maximum else (row.min, "raised")
            return self.ruling(word, f"{verb} to {int((bound or 0) * row.scale)} {row.unit}", "fields", name, "cut")
        if was_cut:
            unit = "bytes" if row.counts == "bytes" else "characters"
            length = size(value, row.counts) if row.counts == "bytes" else len(value)
            return self.ruling(word, f"cut to {maximum} {unit}, has {length}", "fields", name, "cut")
        return self.ruling(word, limit_of(row, maximum), "fields", name)

    def _omitted(self, raw: Mapping[str, Any]) -> Iterator[Ruling]:
        for word, uses in LOOKS.items():
            keys = _rows_of(self.sheet.dialect, word)
            if uses(self.note) and not self.sheet.shows(word, self.note, raw):
                has = [name for name, dialect in self.sheet.rules.dialects.items() if _rows_of(dialect, word)]
                others = "" if keys else "".join(f'; dialect = "{name}" has it' for name in has)
                verdict = f"has no effect: {self.sheet.rules.vendor} has no such {'value' if keys else 'field'} here"
                yield self.of_row(word, f"{verdict}{others}", "ignored")

    # Intents and limits

    def of_intent(self, category: str, template: str = "") -> Iterator[Ruling]:
        """What the intent and the parameters mean. `category`, `template`: the fields of both."""
        intent, table = self.note.intent, self.intents
        if self.note.parameters and template:
            yield from self._of_parameters(template)
        if intent is None or table is None:
            return
        if category not in self.sheet.fields:
            yield self.absent("intent", category, "ignored")
            return
        rule, chosen = self.sheet.dialect.intents.get(intent.value), table.category(self.note)
        if rule is not None and rule.category == chosen:
            yield self.ruling("intent", f"{intent.value} is sent as category {chosen}", "intents", intent.value)
        elif chosen:
            verdict = f"{intent.value} is sent as category {chosen} by the certificate's settings"
            yield self.ruling("intent", verdict, "fields", category)

    def _of_parameters(self, template: str) -> Iterator[Ruling]:
        """Parameters without a template fill nothing."""
        usage = None if self.intents is None else self.intents.usage(self.note)
        if template not in self.sheet.fields:
            yield self.absent("parameters", template, "ignored")
        elif usage is None or not usage.template:
            verdict = "has no effect: the settings name no template for this intent"
            yield self.ruling("parameters", verdict, "fields", template, "ignored")

    def of_quotas_and_rates(self, category: str, quota: str = "") -> Iterator[Ruling]:
        """The category, the daily quotas and the rates. `category`: that of the push; `quota`: what it counts against,
        for a vendor whose rows of quotas name what they limit."""
        row, figures = self.sheet.dialect.categories.get(category), self.sheet.dialect.quotas
        is_limited = any(figure.quota == quota for figure in figures.values()) if quota else True
        if row is not None:
            limit = "counts against the daily quota" if not row.private or (quota and is_limited) else "no daily limit"
            verdict = (
                f"a private category: {limit}, not for public intents" if row.private else f"a public category: {limit}"
            )
            yield self.ruling("category", f"{category} is {verdict}", "categories", category)
        for name, figure in figures.items():
            is_rate = name.startswith("rate_")
            applies = figure.quota == quota if figure.quota else row is None or not row.private
            if is_rate or applies:
                verdict = f"{figure.value:,} {figure.unit}"
                yield self.ruling("rate" if is_rate else "quota", verdict, "quotas", name)

    def of_batch(self, single: str = "batch_size", broadcast: str = "audience_size") -> Iterator[Ruling]:
        """How many fit into one request, by the rows of these names."""
        number = single if isinstance(self.asked, Push) else broadcast
        figure = self.sheet.dialect.numbers[number]
        yield self.ruling("batch", f"at most {figure.value:,} {figure.unit}", "numbers", number)


_REFUSED: tuple[str, Effect] = ("refused", "refused")
_NO_EFFECT: tuple[str, Effect] = ("has no effect", "ignored")


def _rows_of(dialect: Dialect, word: str) -> list[str]:
    return [name for name, row in dialect.fields.items() if row.says.partition(".")[0] == word]


def limit_of(rule: FieldRule, maximum: int | None) -> str:
    """The limit of a field in words."""
    if rule.choices:
        return f"one of {', '.join(map(str, rule.choices))}"
    kinds = {"text": "characters", "json": "characters of JSON"}
    unit = "bytes" if rule.counts == "bytes" and rule.kind in kinds else kinds.get(rule.kind, rule.unit)
    # A bound in the vendor's own unit is said in the host's.
    least, most = (None if one is None else int(one * rule.scale) for one in (rule.min, maximum))
    bounds = [f"at least {least}"] if least else []
    bounds += [] if most is None else [f"at most {most}"]
    return f"{' and '.join(bounds)} {unit}".strip() if bounds else "is sent unchanged"
