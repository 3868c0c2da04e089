"""What an intent means for one certificate (category, channel, template, further fields); stable numbers and keys.

Pure; used by `fields.Sheet`, `rulings`, and the checks of settings. A notification's own fields come first, then the
certificate's table (`IntentSetting`), then the rules (`[dialects.X.intents]`). An intent for everybody (such as
marketing) is never sent under a private category. Names of parameters are places of a template that the vendor has
approved; a part of a template without places takes no parameters, and its field is left out. Where the row of the
category's field has `values`, these are sent for the categories (`values = { public = 0, private = 1 }`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from pushgateway.vendor import FieldError, Intent, Notification, Refused, safe_repr
from pushgateway.vendor.rules import FieldRule, IntentRule, Rules, Scalar
from pushgateway.vendor.text import clean, fit, most_quoted
from pushgateway.vendor.toolkit.field_checks import check_field
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.refusals import invalid, no_such_field

INTENTS: Final[Mapping[str, Intent]] = {intent.value: intent for intent in Intent}
"""All intents by their words."""
PARTS: Final = ("title_parameters", "content_parameters")
"""The settings that name the places of a template."""
_OWN_TEXTS: Final[tuple[str, ...]] = ("title", "body")
"""Places of a template that default to the notification's own texts."""
_KEY_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def stable_id(text: str, bits: int = 31) -> int:
    """A number from 1 to 2**bits - 1 made from a text, the same for the same text: a replace key where the vendor takes
    numbers (vivo, Huawei, Xiaomi, OPPO). Two of 65,000 texts have the same number of 31 bits with a chance of a
    half."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
    largest: int = 2**bits - 1
    return 1 + int.from_bytes(digest) % largest


def stable_key(text: str, length: int, alphabet: str = _KEY_LETTERS) -> str:
    """A key of `length` letters made from a text, the same for the same text: a replace key where the vendor takes
    short ones (Meizu: 8 characters)."""
    number = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=32).digest())
    letters = []
    for _ in range(length):
        number, place = divmod(number, len(alphabet))
        letters.append(alphabet[place])
    return "".join(letters)


def as_places(value: Any) -> Any:
    """A list of places as a tuple; anything else unchanged."""
    return tuple(value) if isinstance(value, list) else value


@safe_repr
@attrs.frozen(kw_only=True)
class IntentSetting:
    """The settings of one intent in a certificate; None: as the rules have it. A plug-in derives its own class from it
    where the vendor has more, such as an importance."""

    category: str | None = None
    """The vendor's category (message class); "": none."""
    channel_id: str | None = None
    """Notification channel, which the app must have created or the vendor approved."""
    template: str | None = None
    """Id of the template that the vendor approved."""
    title_parameters: tuple[str, ...] = attrs.field(default=(), converter=as_places)
    """Names of the parameters (places) in the template's title; none: its title is fixed."""
    content_parameters: tuple[str, ...] = attrs.field(default=(), converter=as_places)
    """Names of the parameters in the template's text."""


@safe_repr
@attrs.frozen(kw_only=True)
class Usage:
    """What one intent adds to a notification."""

    category: str
    """The vendor's category, or ""."""
    template: str
    """Id of the template, or ""."""
    fields: Mapping[str, Scalar]
    """The vendor's fields, without the channel and the template's parameters."""
    channel_id: str | None
    places: Mapping[str, tuple[str, ...]]
    """By wire name of a field of parameters: the names of its places."""
    names: frozenset[str]
    """The names of all places."""
    weight: int
    """At most how many bytes the intent adds to a request, without the notification's own parameters."""


class IntentTable:
    """The intents of one certificate."""

    def __init__(
        self,
        rules: Rules,
        dialect: str,
        rows: Mapping[str, IntentSetting],
        wire: Mapping[str, str],
        *,
        as_text: bool = False,
        text_values: bool = False,
    ) -> None:
        """`rows`: the certificate's settings, by the intent's word. `wire`: the vendor's field of each setting, by the
        setting's name. `as_text`: parameters of a template are sent as JSON text where the field takes a value.
        `text_values`: each of them is sent as a text, numbers too. Both parts of a template may have one field."""
        self.rules, self.name, self.dialect = rules, dialect, rules.dialects[dialect]
        self.settings, self.wire, self.as_text, self.text_values = rows, wire, as_text, text_values
        fields = self.dialect.fields
        self._spelled = fields[wire["category"]].values if wire.get("category") in fields else {}
        self._texts = {word: (name, row) for name, row in fields.items() for word in _OWN_TEXTS if row.says == word}
        self.usages: Mapping[Intent, Usage] = {
            intent: self._usage(rows.get(word), self.dialect.intents.get(word))
            for word, intent in INTENTS.items()
            if word in rows or word in self.dialect.intents
        }

    def _usage(self, own: IntentSetting | None, rule: IntentRule | None) -> Usage:
        setting = IntentSetting() if own is None else own
        fields: dict[str, Scalar] = {}
        category = (rule.category if rule is not None else "") if setting.category is None else setting.category
        if category and "category" in self.wire:
            fields[self.wire["category"]] = self.spelled(category)
        for name, wire in self.wire.items():
            value = getattr(setting, name, None)
            if name not in ("category", "channel_id", *PARTS) and value is not None:
                fields[wire] = value
        for wire, value in {} if rule is None else rule.fields.items():
            fields.setdefault(wire, value)
        places: dict[str, tuple[str, ...]] = {}
        for part in PARTS:
            if part in self.wire and (names_of_part := getattr(setting, part)):
                places[self.wire[part]] = (*places.get(self.wire[part], ()), *names_of_part)
        names = [name for part in places.values() for name in part]
        texts = [f"{name}:{value}" for name, value in fields.items()] + names + [setting.channel_id or ""]
        weight = 100 + sum(2 * most_quoted(text) + 24 for text in texts)  # twice: JSON may be inside JSON
        if not set(names).isdisjoint(_OWN_TEXTS):
            limits = [max([row.max or 0, *row.max_when.values()]) for _, row in self._texts.values()]
            weight += 24 * sum(limits)
        return Usage(
            category=category,
            template=setting.template or "",
            fields=fields,
            channel_id=setting.channel_id,
            places=places,
            names=frozenset(names),
            weight=weight,
        )

    def spelled(self, category: str) -> Scalar:
        """A category as it is sent."""
        return self._spelled.get(category, category)

    def _category_of(self, value: object) -> str:
        """The category that is sent as this value; "" for none."""
        found = (name for name, sent in self._spelled.items() if type(sent) is type(value) and sent == value)
        return next(found, value if isinstance(value, str) else "")

    def usage(self, note: Notification) -> Usage | None:
        """What the notification's intent adds; None: nothing."""
        return None if note.intent is None else self.usages.get(note.intent)

    def add(self, raw: dict[str, Any], note: Notification, given: Mapping[str, Any]) -> None:
        """Add to `raw` the fields of the notification's intent that are not in it yet.

        `given`: the notification's overrides. Raises `Refused`, naming the parameter or field.
        """
        usage = self.usage(note)
        if usage is not None and usage.template and self.wire.get("template") not in given:
            self._fill(raw, note, usage)
        if note.intent is not None:
            self.add_fixed(raw, note.intent, usage)

    def add_fixed(self, raw: dict[str, Any], intent: Intent, usage: Usage | None) -> None:
        """Add the fields that are the same for all notifications of the intent: all but the template's parameters."""
        if usage is not None:
            for name, value in usage.fields.items():
                raw.setdefault(name, value)
            if usage.channel_id is not None and "channel_id" in self.wire:
                raw.setdefault(self.wire["channel_id"], usage.channel_id)
        if intent.is_public and "category" in self.wire:
            wire = self.wire["category"]
            self._check_public(intent, raw.get(wire), f'overrides["{self.rules.brand}"]["{wire}"]')

    def _fill(self, raw: dict[str, Any], note: Notification, usage: Usage) -> None:
        for name in note.parameters:
            if name not in usage.names:
                known = ", ".join(dict.fromkeys(place for part in usage.places.values() for place in part)) or "none"
                raise invalid(_parameter(name), f"the template of this intent has no such place; it has {known}")
        for wire, names in usage.places.items():
            if wire not in raw:
                values = {name: self._value(name, raw, note) for name in names}
                if self.text_values:
                    values = {name: str(value) for name, value in values.items()}
                raw[wire] = encode_json(values) if self.as_text else values

    def _value(self, name: str, raw: Mapping[str, Any], note: Notification) -> str | int | float:
        value = note.parameters.get(name)
        if value is None:
            field = self._texts.get(name)
            own = None if field is None else raw.get(field[0])
            if not isinstance(own, str) or field is None:
                raise invalid(_parameter(name), "is missing: the template of this intent has a place for it")
            row = field[1]
            most = row.maximum(raw)  # cut to the same limit as the field
            return clean(own) if most is None else fit(own, most, counts=row.counts)[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid(_parameter(name), f"must be a text or a number, is {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid(_parameter(name), "must be a number that JSON has")
        return clean(value) if isinstance(value, str) else value

    def _check_public(self, intent: Intent, value: object, word: str) -> None:
        category = self._category_of(value)
        row = self.dialect.categories.get(category)
        if row is not None and row.private:
            raise invalid(word, f"{category!r} is private, and {intent.value} is for everybody")

    def category(self, note: Notification) -> str:
        """The category of the notification's intent, or ""."""
        usage = self.usage(note)
        return "" if usage is None else usage.category

    def channel(self, note: Notification) -> str:
        """The channel that the notification is sent under, without overrides; "" if there is none."""
        if self.wire.get("channel_id") not in self.dialect.fields:
            return ""
        usage = self.usage(note)
        return note.channel_id or ("" if usage is None else usage.channel_id or "")

    def quota(self, note: Notification, given: Mapping[str, Any]) -> str:
        """The name of the daily quota: the category, or else the channel, or "". `given`: the notification's
        overrides."""
        if not (given or note.channel_id or note.intent):
            return ""
        for name in ("category", "channel_id"):
            wire = self.wire.get(name)
            if wire in self.dialect.fields and wire is not None and (value := given.get(wire)) not in (None, ""):
                return self._category_of(value) or str(value)
            if name == "category" and (usual := self.category(note)):
                return usual
        return self.channel(note)

    def weigh(self, note: Notification) -> int:
        """At most how many bytes the intent adds, without the notification's own parameters."""
        usage = self.usage(note)
        return 0 if usage is None else usage.weight

    # What it says about the settings

    def problems(self) -> Iterator[str]:
        """What is wrong with the settings: one sentence per fault, which names the setting."""
        for word, own in self.settings.items():
            here = f"intents.{word}"
            if word not in INTENTS:
                yield f"{here}: must be one of {', '.join(INTENTS)}"
                continue
            for field in attrs.fields(type(own)):
                if field.name not in self.wire and getattr(own, field.name) not in (None, ()):
                    yield f"{here}.{field.name}: {self.rules.vendor} has no such thing"
            given = [name for name in self.wire if getattr(own, name) not in (None, ())]
            absent = [name for name in given if self.wire[name] not in self.dialect.fields]
            for name in absent:
                yield f"{here}.{name}: {no_such_field(self.wire[name], self.dialect, self.rules)}"
            if not absent:
                yield from (f"{here}.{problem}" for problem in self._row_problems(INTENTS[word], own, given))

    def _row_problems(self, intent: Intent, own: IntentSetting, given: list[str]) -> Iterator[str]:
        if own.category:
            yield from self._category_problems(intent, own.category)
        for name in given:
            row = self.dialect.fields[self.wire[name]]
            if name in PARTS:
                yield from self._place_problems(name, getattr(own, name))
            elif name != "category":
                yield from _value_problems(name, row, getattr(own, name))
            yield from self._lone_problems(name, self.usages[intent])

    def _category_problems(self, intent: Intent, category: str) -> Iterator[str]:
        categories = self.dialect.categories
        row = categories.get(category)
        if row is None and categories:
            yield f"category: must be one of {', '.join(categories)}"
        elif row is not None and row.private and intent.is_public:
            public = ", ".join(name for name, one in categories.items() if not one.private)
            yield f"category: {category!r} is private, and {intent.value} is for everybody: use one of {public}"

    def _place_problems(self, name: str, places: tuple[str, ...]) -> Iterator[str]:
        if len(set(places)) < len(places) or not all(isinstance(each, str) and each.strip() for each in places):
            yield f"{name}: must hold different names, none of them blank"

    def _lone_problems(self, name: str, usage: Usage) -> Iterator[str]:
        """Fields that the vendor needs beside a setting's field and that the intent does not have."""
        for other, row in self.dialect.fields.items():
            if self.wire[name] in row.required_with and other not in usage.fields:
                yield f"{name}: needs {next((own for own, wire in self.wire.items() if wire == other), other)} with it"

    def bare(self) -> Mapping[str, str]:
        """By word: the private category of each intent that has no template."""
        private = {
            intent.value: usage.category
            for intent, usage in self.usages.items()
            if usage.category in self.dialect.categories and self.dialect.categories[usage.category].private
        }
        return {word: category for word, category in private.items() if not self.usages[INTENTS[word]].template}

    def advice(self, *, no_template: str = "", no_channel: str = "") -> Iterator[str]:
        """A sentence for each intent of the settings that lacks a template or a channel, and one for all other intents.

        `no_template`, `no_channel`: what to say, with `{0}` for the setting and `{1}` for the categories: `{0}.template
        is missing: …`; "": nothing.
        """
        bare = self.bare()
        silent = {intent.value: "" for intent, usage in self.usages.items() if not usage.channel_id}
        for lacks, sentence in ((bare, no_template), (silent, no_channel)):
            if not sentence:
                continue
            for word in lacks:
                if word in self.settings:
                    yield sentence.format(f"intents.{word}", bare.get(word, ""))
            if others := [word for word in lacks if word not in self.settings]:
                categories = dict.fromkeys(bare[word] for word in others if word in bare)
                yield sentence.format(f"intents.{{{', '.join(others)}}}", ", ".join(categories))


def _value_problems(name: str, row: FieldRule, value: Any) -> Iterator[str]:
    if isinstance(value, str) and not value.strip():
        yield f"{name}: must not be blank"
        return
    try:
        check_field(name, row, value, row.max)
    except Refused as refused:
        yield refused.detail


def _parameter(name: object) -> str:
    return f'parameters["{clean(str(name))[:60]}"]'


def by_word(table: Any) -> Any:
    """A table of settings with the words of intents as keys in place of `Intent`: the converter of a setting `intents`.
    Raises `FieldError` if it is no mapping."""
    if not isinstance(table, Mapping):
        raise FieldError("intents", "must be a table of intents such as [certificates.7005.intents.chat]")
    return {key.value if isinstance(key, Intent) else key: own for key, own in table.items()}
