"""What an intent means for one certificate: category, notify level, channel and template.

Pure; used by both encoders, `explain` and the checks of settings. A notification's own fields come first, then the
certificate's table, then the rules (`[dialects.X.intents]`). An intent for everybody (such as marketing) is never sent
under a private category. Facts of templates: a title without parameters takes no parameters, and its field is left out;
parameters are an object in most clients and text in one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from pushgateway.vendor import FieldError, Intent, Notification, safe_repr
from pushgateway.vendor.rules import Dialect, IntentRule
from pushgateway.vendor.text import clean, fit, form_quote, most_quoted
from pushgateway.vendor.toolkit.json_text import encode_json, quote_json
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway_oppo.field_checks import missing

WIRE: Final[Mapping[str, str]] = {
    "category": "category",
    "notify_level": "notify_level",
    "channel_id": "channel_id",
    "template": "private_msg_template_id",
    "title_parameters": "private_title_parameters",
    "content_parameters": "private_content_parameters",
}
"""By the names of the settings of `OppoIntent`: OPPO's fields."""
_WORDS: Final = {intent.value: intent for intent in Intent}
_LONG_NUMBER: Final = 10**15
_OWN_TEXTS: Final = {"title": "title", "body": "content"}
"""Template parameters that default to the notification's own texts: by name, OPPO's field of that text."""


def _texts(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@safe_repr
@attrs.frozen(kw_only=True)
class OppoIntent:
    """The settings of one intent in a certificate; None: as the rules have it."""

    category: str | None = None
    """OPPO's category (message class); "": none."""
    notify_level: int | None = None
    """1: notification drawer; 2: also lock screen; 16: also banner, vibration and sound (OPPO must grant it)."""
    channel_id: str | None = None
    """Notification channel, which the app must have created."""
    template: str | None = None
    """Id of the private template that OPPO approved."""
    title_parameters: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    """Names of the parameters (places) in the template's title; none: its title is fixed."""
    content_parameters: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    """Names of the parameters in the template's text."""


@safe_repr
@attrs.frozen(kw_only=True)
class Usage:
    """What one intent adds to a notification."""

    fields: Mapping[str, str | int]
    """OPPO's fields, without the channel and the template's parameters."""
    channel_id: str | None
    title: tuple[str, ...]
    content: tuple[str, ...]
    quoted: bytes
    """`fields` as quoted JSON members, each behind a comma."""
    parts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """The template's parameter fields: for each its opening as JSON, and of each of its places the opening as JSON and
    the name."""
    places: frozenset[str]
    """The names of all places."""
    weight: int
    """An upper bound of the bytes that the intent adds to a request, without the notification's own parameters."""

    @property
    def category(self) -> str:
        """OPPO's category, or ""."""
        return str(self.fields.get("category", ""))

    @property
    def template(self) -> str:
        """Id of the private template, or ""."""
        return str(self.fields.get("private_msg_template_id", ""))


@safe_repr
@attrs.frozen(eq=False)
class Intents:
    """The intents of one certificate."""

    dialect: Dialect = attrs.field(repr=False)
    rows: Mapping[Intent, Usage]
    as_text: bool = False
    """Whether the parameters of a template are sent as JSON text instead of an object."""

    def add(self, raw: dict[str, Any], note: Notification, given: Mapping[str, Any] | None) -> None:
        """Add to `raw` the fields of the notification's intent that are not in it yet.

        `given`: the notification's overrides. Raises `Refused`, naming the parameter or field.
        """
        usage = None if note.intent is None else self.rows.get(note.intent)
        if usage is not None:
            if usage.template and not (given and "private_msg_template_id" in given):
                self._fill(raw, note, usage)
            for name, value in usage.fields.items():
                raw.setdefault(name, value)
            if usage.channel_id is not None:
                raw.setdefault("channel_id", usage.channel_id)
        if note.intent is not None and note.intent.is_public:
            self._check_public(note.intent, raw.get("category"), 'overrides["oppo"]["category"]')

    def _fill(self, raw: dict[str, Any], note: Notification, usage: Usage) -> None:
        for name in note.parameters:
            if name not in usage.title and name not in usage.content:
                known = ", ".join(dict.fromkeys((*usage.title, *usage.content))) or "none"
                raise invalid(_parameter(name), f"the template of this intent has no such place; it has {known}")
        for wire, names in (("private_title_parameters", usage.title), ("private_content_parameters", usage.content)):
            if names and wire not in raw:
                values = {name: self._value(name, raw, note) for name in names}
                raw[wire] = encode_json(values) if self.as_text else values

    def _value(self, name: str, raw: Mapping[str, Any], note: Notification) -> str | int | float:
        value = note.parameters.get(name)
        if value is None:
            field = _OWN_TEXTS.get(name)
            own = None if field is None else raw.get(field)
            if not isinstance(own, str) or field is None:
                raise invalid(_parameter(name), "is missing: the template of this intent has a place for it")
            most = self.dialect.fields[field].maximum(raw)  # cut to the same limit as the field
            return clean(own) if most is None else fit(own, most)[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid(_parameter(name), f"must be a text or a number, is {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid(_parameter(name), "must be a number that JSON has")
        return clean(value) if isinstance(value, str) else value

    def fill_ordinary(self, note: Notification, usage: Usage) -> str | None:
        """The template's parameters as JSON behind a comma, for a notification whose texts are sent uncut.

        None: a parameter is missing, unknown or unusual, and the full encoder decides.
        """
        given = note.parameters
        if not usage.places.issuperset(given):
            return None
        text = ""
        for opening, places in usage.parts:
            members = []
            for name_opening, name in places:
                value = given.get(name)
                if value is None:
                    value = note.title if name == "title" else note.body if name == "body" else None
                if type(value) is str and (value.isprintable() or clean(value) is value):
                    members.append(name_opening + quote_json(value))
                elif type(value) is int and -_LONG_NUMBER < value < _LONG_NUMBER:
                    members.append(f"{name_opening}{value}")
                else:
                    return None
            filled = "{" + ",".join(members) + "}"
            text += opening + (quote_json(filled) if self.as_text else filled)
        return text

    def _check_public(self, intent: Intent, category: object, word: str) -> None:
        row = self.dialect.categories.get(category) if isinstance(category, str) else None
        if row is not None and row.private:
            raise invalid(word, f"{category!r} is private, and {intent.value} is for everybody")

    def category(self, note: Notification) -> str:
        """The category of the notification's intent, or ""."""
        usage = None if note.intent is None else self.rows.get(note.intent)
        return "" if usage is None else usage.category

    def channel(self, note: Notification) -> str:
        """The channel that the notification is sent under, without overrides; "" if there is none."""
        if "channel_id" not in self.dialect.fields:
            return ""
        usage = None if note.intent is None else self.rows.get(note.intent)
        return note.channel_id or ("" if usage is None else usage.channel_id or "")

    def weigh(self, note: Notification) -> int:
        """An upper bound of the bytes that the intent adds, without the notification's own parameters."""
        usage = None if note.intent is None else self.rows.get(note.intent)
        return 0 if usage is None else usage.weight

    def advice(self, table: Mapping[str, OppoIntent]) -> Iterator[str]:
        """A sentence for each intent of the table that lacks a template or a channel, and one for all other intents.

        `table`: the certificate's setting `intents`.
        """
        if lacking(self.dialect):
            return  # this dialect has neither templates nor channels
        private = {word: category for word, category in self._categories() if self.dialect.categories[category].private}
        bare = [word for word in private if not self.rows[_WORDS[word]].template]
        silent = [intent.value for intent, usage in self.rows.items() if not usage.channel_id]
        for lacks, sentence in ((bare, _NO_TEMPLATE), (silent, _NO_CHANNEL)):
            for word in lacks:
                if word in table:
                    yield sentence.format(f"intents.{word}", private.get(word, ""))
            if others := [word for word in lacks if word not in table]:
                categories = dict.fromkeys(private[word] for word in others if word in private)
                yield sentence.format(f"intents.{{{', '.join(others)}}}", ", ".join(categories))

    def _categories(self) -> Iterator[tuple[str, str]]:
        for intent, usage in self.rows.items():
            if usage.category in self.dialect.categories:
                yield intent.value, usage.category


_NO_TEMPLATE = (
    "{0}.template is missing: since mid 2025 OPPO refuses a private category ({1}) without a template (code 54)"
)
_NO_CHANNEL = "{0}.channel_id is missing: Android shows nothing without a channel that the app has created"


def lacking(dialect: Dialect) -> str:
    """A sentence that the dialect has no categories or channels, and which one has them; "" for one that has both."""
    if {"category", "channel_id"} <= dialect.fields.keys():
        return ""
    return (
        "OPPO now requires a category and a channel; for this certificate intent has no effect and channel_id is "
        f"refused: {missing('category', dialect)}"
    )


def by_word(table: Any) -> Any:
    """The table with the names of intents as keys in place of `Intent`. Raises `FieldError` if it is no mapping."""
    if not isinstance(table, Mapping):
        raise FieldError("intents", "must be a table of intents such as [certificates.7005.intents.chat]")
    return {key.value if isinstance(key, Intent) else key: own for key, own in table.items()}


def _parameter(name: object) -> str:
    return f'parameters["{clean(str(name))[:60]}"]'


_usual: dict[int, Intents] = {}


def usual(dialect: Dialect) -> Intents:
    """The intents of a certificate without a table: as the rules have them."""
    # Keyed by identity: a dialect is a large object. Each value keeps its dialect alive, so no id is used again.
    made = _usual.get(id(dialect))
    if made is None:
        made = _usual[id(dialect)] = make_intents({}, dialect)
    return made


def make_intents(table: Mapping[str, OppoIntent], dialect: Dialect, *, as_text: bool = False) -> Intents:
    """The intents of a certificate with this table, which `problems` has checked."""
    rows = {
        intent: _usage(table.get(word, OppoIntent()), dialect.intents.get(word), dialect)
        for word, intent in _WORDS.items()
        if word in table or word in dialect.intents
    }
    return Intents(dialect, rows, as_text)


def _usage(own: OppoIntent, rule: IntentRule | None, dialect: Dialect) -> Usage:
    fields: dict[str, str | int] = {}
    if category := (rule.category if rule is not None else "") if own.category is None else own.category:
        fields["category"] = category
    if own.notify_level is not None:
        fields["notify_level"] = own.notify_level
    if own.template is not None:
        fields["private_msg_template_id"] = own.template
    members = [f"{quote_json(name)}:{quote_json(v) if isinstance(v, str) else v}" for name, v in fields.items()]
    places = (*own.title_parameters, *own.content_parameters)
    # Twice, because a name may be inside JSON inside JSON.
    weight = 100 + sum(2 * most_quoted(text) for text in (*members, *places, own.channel_id or ""))
    if not _OWN_TEXTS.keys().isdisjoint(places):
        texts = [dialect.fields[field] for field in _OWN_TEXTS.values()]
        weight += 24 * sum(max([rule.max or 0, *rule.max_when.values()]) for rule in texts)
    return Usage(
        fields=fields,
        channel_id=own.channel_id,
        title=own.title_parameters,
        content=own.content_parameters,
        quoted=form_quote("".join(f",{member}" for member in members)),
        parts=tuple(
            (f",{quote_json(WIRE[part])}:", tuple((quote_json(name) + ":", name) for name in getattr(own, part)))
            for part in ("title_parameters", "content_parameters")
            if getattr(own, part)
        ),
        places=frozenset(places),
        weight=weight,
    )


def problems(table: Mapping[str, OppoIntent], dialect: Dialect) -> Iterator[str]:
    """What is wrong with a table: one sentence per fault, which names the setting."""
    for word, own in table.items():
        here = f"intents.{word}"
        if word not in _WORDS:
            yield f"{here}: must be one of {', '.join(_WORDS)}"
            continue
        given = [name for name in WIRE if getattr(own, name) not in (None, ())]
        absent = [name for name in given if WIRE[name] not in dialect.fields]
        for name in absent:
            yield f"{here}.{name}: {missing(WIRE[name], dialect)}"
        if not absent:
            yield from (f"{here}.{problem}" for problem in _row_problems(_WORDS[word], own, dialect))


def _row_problems(intent: Intent, own: OppoIntent, dialect: Dialect) -> Iterator[str]:
    categories = dialect.categories
    if own.category:
        row = categories.get(own.category)
        if row is None:
            yield f"category: must be one of {', '.join(categories)}"
        elif row.private and intent.is_public:
            public = ", ".join(name for name, one in categories.items() if not one.private)
            yield f"category: {own.category!r} is private, and {intent.value} is for everybody: use one of {public}"
    for name in ("channel_id", "template"):
        text = getattr(own, name)
        if text is not None and not text.strip():
            yield f"{name}: must not be blank"
    yield from _level_problems(intent, own, dialect)
    for name in ("title_parameters", "content_parameters"):
        names = getattr(own, name)
        if names and own.template is None:
            yield f"{name}: needs template with it"
        if len(set(names)) < len(names) or not all(each.strip() for each in names):
            yield f"{name}: must hold different names, none of them blank"


def _level_problems(intent: Intent, own: OppoIntent, dialect: Dialect) -> Iterator[str]:
    if own.notify_level is not None:
        choices = dialect.fields["notify_level"].choices
        if own.notify_level not in choices:
            yield f"notify_level: must be one of {', '.join(map(str, choices))}"
        if own.category == "" or (own.category is None and intent.value not in dialect.intents):
            yield "notify_level: needs category with it"
