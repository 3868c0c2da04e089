"""The dated facts of a vendor: the format of `rules.toml`, and how it is read.

Each limit, return code, host or quota of a vendor is a row of its `rules.toml`, with its source and the day on which
the source was last checked. The plug-in's encoding, its sandbox, `explain` and the tables of the documentation all read
the same row. This module holds no vendor's name and no behaviour. Bad rows raise a `PluginError` that names each by its
path in the file.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import attrs
import cattrs
from cattrs.v import format_exception

from pushgateway.model.audience import AudienceKind
from pushgateway.model.errors import PluginError
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Notification
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import safe_repr

SPECIAL_REASONS: Mapping[str, Reason | None] = {
    "accepted": None,
    "expired": Reason.CREDENTIALS,
    "clock": Reason.CREDENTIALS,
    "repeated": Reason.INVALID_NOTIFICATION,
    "copy": Reason.INVALID_NOTIFICATION,
    "partial": None,
}
"""Values of a code's `reason` besides the names of `Reason`, and the `Reason` that a host sees; None: not refused as a
whole. "accepted": a success; "partial": a part was accepted, and the reply says which; "expired": the access token is
not accepted any more; "clock": our time is not accepted; "repeated": this id was pushed before; "copy": a target was
named twice, and the first counts."""

WORDS: Final = frozenset(
    {
        *(field.name for field in attrs.fields(Notification)),
        *("badge.how", "badge.number", "badge.add", "badge.set"),
        *("start_at", "rate"),
    }
)
"""What a row may have as `says`: the attributes of `Notification` and its `Badge`, and what only a `Broadcast` has
(`start_at`, `rate`)."""

Scalar: TypeAlias = str | int | bool

Confidence: TypeAlias = Literal["documented", "one source", "contradicted", "inferred"]
"""`documented`: by the vendor's own document or several independent sources; `contradicted`: sources disagree;
`inferred`: no source says it, it was concluded."""


@safe_repr
@attrs.frozen
class Source:
    """A document or other source of facts; rows name it by its key."""

    title: str
    url: str = ""
    date: date | None = None
    """The date in the source itself, if it has one."""
    confidence: Confidence = "documented"
    """How certain a fact of this source is, unless its row has a `confidence`."""


@safe_repr
@attrs.frozen(kw_only=True)
class Row:
    """What every row has."""

    source: str
    """A key of `Rules.sources`."""
    seen: date
    """The last day on which the source was checked."""
    note: str = ""
    confidence: Confidence | None = None
    """None: that of its source; see `Rules.confidence`."""


@safe_repr
@attrs.frozen(kw_only=True)
class Host(Row):
    """A server of the vendor: its URL without path or trailing slash."""

    url: str


@safe_repr
@attrs.frozen(kw_only=True)
class Operation(Row):
    """One call of the vendor's interface."""

    method: str
    path: str
    """The path, in which `{name}` is a place that `url_path` fills: `/v1/{client_id}/messages:send`."""
    body: str = ""
    """The form field that holds JSON text, for calls that have one; otherwise ""."""
    host: str = ""
    """Key of the dialect's host that serves it; "": the host of the token's region."""
    encoding: Literal["form", "json", "query", "multipart"] = "form"
    """How its fields are encoded in the request."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Further headers that the call needs, names in lower case: `push-type`."""
    struck_out: bool = False
    """The document shows it crossed out."""

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the places in the path."""
        return tuple(_PLACE.findall(self.path))

    def url_path(self, **places: str) -> str:
        """The path with its places filled, each quoted. Raises `KeyError` for a place that has no value."""
        return _PLACE.sub(lambda found: quote(places[found[1]], safe=""), self.path) if "{" in self.path else self.path


_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)


@safe_repr
@attrs.frozen(kw_only=True)
class FieldRule(Row):
    """A field of the notification, by its wire name.

    A name with dots says where the field is in nested JSON: `android.notification.title`, unless the dialect has
    `dots = "plain"`. Minimum, maximum and choices are in the vendor's unit.
    """

    kind: Literal["text", "int", "bool", "json", "time", "object", "texts", "choice"]
    """`json`: a JSON text; `time`: epoch milliseconds; `object`: a JSON value or its text; `texts`: a JSON object of
    texts, in which other values become their JSON, and whose maximum is for all keys and values together; `choice`: one
    of the texts in `choices`."""
    says: str = ""
    """The attribute of `Notification` that it carries, one of `WORDS`; "": only an override or code of the plug-in sets
    it. Sentences and `Outcome.truncated` use this name."""
    also: tuple[str, ...] = ()
    """Further attributes for which it is sent. Only with `sends`."""
    sends: Scalar | None = None
    """The value that is sent whatever value the attribute has: 1 for "there is a display window". None: the value."""
    values: Mapping[str, Scalar] = attrs.field(factory=dict)
    """By the attribute's value as text (`silent`, `wifi`, `false`): the value that is sent. What is not listed counts
    as a feature that the vendor lacks. Empty: the attribute's own value. In the field of a category, which `says`
    intent: by category, the value that is sent."""
    scope: Literal["all", "broadcast", "message"] = "all"
    """`all`: unicast and broadcast; `message`: a field next to the notification, not in it, whose name is never nested
    by its dots, of single pushes and of broadcasts to its `audiences`, if it names any."""
    required: bool = False
    required_when: tuple[str, ...] = ()
    """Conditions such as `click_action_type=1`: if one holds, the field is required."""
    min: int | None = None
    """Smallest value, or fewest characters of a text."""
    max: int | None = None
    """Largest value, or most characters of a text."""
    max_when: Mapping[str, int] = attrs.field(factory=dict)
    """By condition (`style=2`): a maximum that replaces `max`."""
    counts: Literal["utf16", "points", "bytes"] = "utf16"
    """How the characters of a text are counted: in UTF-16 units, code points, or bytes of UTF-8. A value that is
    refused above its maximum is counted in code points where this is "utf16": no source says more."""
    past: Literal["refuse", "cut", "clamp"] = "refuse"
    """What happens above the maximum: `refuse`: the push is not sent; `cut`: the plug-in cuts the text or lowers the
    number, because the vendor would refuse it; `clamp`: the vendor lowers the value."""
    below: Literal["refuse", "raise"] = "refuse"
    """What happens to a number below the minimum: the push is not sent, or the number is raised to the minimum."""
    unit: str = ""
    """Unit of the value, of the host's value where there is a `scale`; "": none."""
    scale: float = 1.0
    """How many units of the attribute one unit of the vendor has: 3600 for hours of a ttl, 0.001 for milliseconds.
    Overrides are in the vendor's unit."""
    round: Literal["down", "up"] = "down"
    """How a number is rounded to the vendor's unit."""
    wire: str = ""
    """How the value is written: "" as it is; "text" as its text (numbers too, `true` and `false`); "number" as a
    number, for booleans 1 and 0; "date": a time as `2026-11-22 08:00:00` on the clock of China; a text with `{}` as
    that text (`{}s`)."""
    choices: tuple[int | str, ...] = ()
    """The allowed values, numbers or texts; empty: not limited to a list."""
    pattern: str = ""
    """A regular expression that the whole text must match; "": any text."""
    must: str = ""
    """A sentence about a text that does not match: `must be 1 to 8 letters or digits`; "": names the pattern."""
    blank: bool = False
    """True: a text may be blank. Otherwise a field that is given must have a visible character."""
    excludes: tuple[str, ...] = ()
    """Fields (wire names) that cannot stand beside it."""
    required_with: tuple[str, ...] = ()
    """It is required if one of these fields (wire names) is there."""
    audiences: tuple[str, ...] = ()
    """The kinds of audience (`AudienceKind` values) that may have the field; empty: all."""
    alone: bool = False
    """True: only a push to one phone may have it, in a request of its own (vivo: `profileId`)."""

    def maximum(self, fields: Mapping[str, object]) -> int | None:
        """The maximum, given the other fields of the notification."""
        for condition, value in self.max_when.items():
            if _holds(condition, fields):
                return value
        return self.max

    def needed(self, fields: Mapping[str, object]) -> bool:
        """Whether the field is required, given the other fields of the notification."""
        return self.required or any(_holds(condition, fields) for condition in self.required_when)


@safe_repr
@attrs.frozen(kw_only=True)
class Number(Row):
    """A size, a time or a rate."""

    value: int
    unit: str
    quota: str = ""
    """Of a row of `quotas`: the quota of `Vendor.quota` that it limits; "": whatever is not sent under a private
    category."""


@safe_repr
@attrs.frozen(kw_only=True)
class Target(Row):
    """The vendor's numbers for one kind of audience, in broadcasts and single pushes."""

    broadcast: int
    unicast: int | None = None
    struck_out: bool = False
    """The document shows it crossed out."""


@safe_repr
@attrs.frozen(kw_only=True)
class Category(Row):
    """A message category of the vendor."""

    group: str
    meaning: str
    private: bool = False
    """True: only for messages that concern this one user, usually without a daily limit; not for marketing."""


@safe_repr
@attrs.frozen(kw_only=True)
class IntentRule(Row):
    """The vendor's category for one of our intents (`Intent` values), unless the certificate's settings name
    another."""

    category: str = ""
    """Key of the dialect's categories."""
    fields: Mapping[str, Scalar] = attrs.field(factory=dict)
    """Further fields of the intent, by wire name: importance, urgency."""


@safe_repr
@attrs.frozen(kw_only=True)
class EventRule(Row):
    """A kind of receipt, by the vendor's name for it."""

    kind: str
    """The name of a `ReceiptKind`."""
    meaning: str
    """The vendor's meaning, in English."""


@safe_repr
@attrs.frozen(kw_only=True)
class Dialect:
    """One version of the vendor's interface, complete in itself."""

    title: str
    dots: Literal["nested", "plain"] = "nested"
    """What a dot in the name of a field means: "nested": the field is inside an object of that name; "plain": the name
    has a dot, as the form field `extra.channel_id`."""
    hosts: Mapping[str, Host]
    operations: Mapping[str, Operation]
    fields: Mapping[str, FieldRule]
    numbers: Mapping[str, Number]
    targets: Mapping[str, Target] = attrs.field(factory=dict)
    quotas: Mapping[str, Number] = attrs.field(factory=dict)
    categories: Mapping[str, Category] = attrs.field(factory=dict)
    intents: Mapping[str, IntentRule] = attrs.field(factory=dict)
    events: Mapping[str, EventRule] = attrs.field(factory=dict)

    def number(self, name: str) -> int:
        """The value of the row `name` of `numbers`."""
        return self.numbers[name].value


@safe_repr
@attrs.frozen(kw_only=True)
class CodeRule(Row):
    """A return code."""

    reason: str
    """The name of a `Reason`, or one of `SPECIAL_REASONS`."""
    meaning: str
    """The vendor's meaning, in English."""
    text: str = ""
    """The sentence of the vendor's replies with this code, used by the sandbox; "": not known."""
    scope: Literal["request", "target", "content", "compartment", "saved"] = "request"
    """What it concerns: the whole request, one target in it, the notification, what all pushes of the request share by
    `Vendor.compartment`, or what `Vendor.save_push` stored; see `about`."""
    advice: str = ""
    """What to do about it."""
    retry_after: float | None = None
    """Seconds to wait if the reply has no `Retry-After`; None: waiting does not help, or the time is not known."""
    hours: str = ""
    """The hours of China's day in which the vendor takes what it refuses with this code: `07:00-23:00`; "": the code is
    about no hours."""
    dialects: tuple[str, ...]
    """The dialects that have this code."""

    @property
    def about(self) -> Literal["", "content", "compartment", "target", "saved"]:
        """What a refusal with this code is about, as `Refused.about`."""
        return "" if self.scope == "request" else self.scope

    @property
    def host_reason(self) -> Reason | None:
        """The `Reason` a host sees; None for success and for a success in part."""
        return SPECIAL_REASONS[self.reason] if self.reason in SPECIAL_REASONS else Reason[self.reason]


@safe_repr
@attrs.frozen(kw_only=True)
class Rules:
    """The content of a `rules.toml`."""

    brand: str
    title: str = ""
    """How sentences call the vendor: "OPPO"; "": as `brand`."""
    sources: Mapping[str, Source]
    dialects: Mapping[str, Dialect]
    codes: Mapping[str, CodeRule]
    """The codes of a request, by the code as text: a number, or a word."""
    target_codes: Mapping[str, CodeRule] = attrs.field(factory=dict)
    """The codes of one target within a reply, where a vendor has others there. A code that is not here is looked up in
    `codes`."""
    login_codes: Mapping[str, CodeRule] = attrs.field(factory=dict)
    """The codes of a login, likewise."""

    @property
    def vendor(self) -> str:
        """How sentences call the vendor."""
        return self.title or self.brand

    def codes_of(self, place: Literal["codes", "target_codes", "login_codes"]) -> Mapping[str, CodeRule]:
        """All codes that a reply may have at this place, by code: those of the table and, behind them, `codes`."""
        table: Mapping[str, CodeRule] = getattr(self, place)
        return {**self.codes, **table} if table and place != "codes" else self.codes

    def code_for(self, reason: Reason, dialect: str = "") -> str | None:
        """The code with which a whole request is refused for `reason` in this dialect ("": in any); of several the
        first, or the first that is about the content. None: there is none."""
        named = {
            code: rule
            for code, rule in self.codes.items()
            if rule.scope != "target" and rule.reason == reason.name and (not dialect or dialect in rule.dialects)
        }
        return min(named, key=lambda code: named[code].scope != "content", default=None)

    def confidence(self, row: Row) -> Confidence:
        """How certain a row is: by itself, or else by its source."""
        return row.confidence or self.sources[row.source].confidence


@functools.cache
def load_rules(package: str, name: str = "rules") -> Rules:
    """The rules of a plug-in package, from its file `name`.toml; read once. A package with two brands has two files.
    Raises `PluginError`, naming every bad row."""
    path = f"{package}/{name}.toml"
    try:
        text = resources.files(package).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError):
        raise PluginError(f"{path}: cannot be read; reinstall the plug-in") from None
    return parse_rules(text, path)


def parse_rules(text: str, name: str = "rules.toml") -> Rules:
    """The rules in a TOML text. Raises `PluginError` with one sentence for each bad row."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as broken:  # not TOML, a number that is too long, or nested too deeply
        raise PluginError(f"{name}: not TOML: {broken}") from None
    try:
        rules = _converter().structure(document, Rules)
    except cattrs.BaseValidationError as broken:
        raise PluginError(f"{name}: {'; '.join(cattrs.transform_error(broken, format_exception=_sentence))}") from None
    problems = list(_problems(rules))
    if problems:
        raise PluginError(f"{name}: {'; '.join(problems)}")
    return rules


class _WrongTypeError(ValueError):
    """A value has a type that the row does not accept; the message is a sentence."""


def _sentence(wrong: BaseException, wanted: type | None) -> str:
    return str(wrong) if isinstance(wrong, _WrongTypeError) else format_exception(wrong, wanted)


def _holds(condition: str, fields: Mapping[str, object]) -> bool:
    name, _, value = condition.partition("=")
    return name in fields and str(fields[name]).lower() == value.lower()


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    # cattrs would turn 5 into "5" and "abc" into ("a", "b", "c"): such a mistake must be reported.
    for kind in (str, int, bool, date):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, lambda value, _: float(_exactly(int, float)(value, float)))
    converter.register_structure_hook_func(functools.partial(_is_tuple_of, str), _each(str))
    converter.register_structure_hook_func(functools.partial(_is_tuple_of, int | str), _each(int, str))
    for scalar in (Scalar, Scalar | None):
        converter.register_structure_hook_func(functools.partial(_is_same, scalar), _exactly(str, int, bool))
    return converter


def _is_same(one: Any, wanted: Any) -> bool:
    return bool(wanted == one)


def _is_tuple_of(each: Any, wanted: Any) -> bool:
    return bool(wanted == tuple[each, ...])


def _exactly(*kinds: type) -> Any:
    def structure(value: object, _: Any) -> Any:
        if type(value) not in kinds:
            raise _WrongTypeError(f"must be {' or '.join(kind.__name__ for kind in kinds)}, is {type(value).__name__}")
        return value

    return structure


def _each(*kinds: type) -> Any:
    def structure(value: object, _: Any) -> Any:
        if isinstance(value, list) and any(all(type(item) is kind for item in value) for kind in kinds):
            return tuple(value)
        raise _WrongTypeError(f"must be a list of {' or of '.join(kind.__name__ for kind in kinds)}")

    return structure


def _problems(rules: Rules) -> Iterator[str]:
    for path, row in rows(rules):
        if row.source not in rules.sources:
            yield f"{path}.source: no such source: {row.source!r} @ $.sources"
        match row:
            case Host() if not re.fullmatch(r"https://[a-z0-9.-]+", row.url):
                yield f"{path}.url: must be https://host without a path"
            case Operation() if "{" in _PLACE.sub("", row.path) or "}" in _PLACE.sub("", row.path):
                yield f"{path}.path: a place must be a name in braces, such as {{client_id}}"
            case FieldRule():
                yield from (f"{path}.{problem}" for problem in _field_problems(row))
            case EventRule() if row.kind not in ReceiptKind.__members__:
                yield f"{path}.kind: must be one of {', '.join(ReceiptKind.__members__)}"
    yield from _code_problems(rules)
    for name, content in rules.dialects.items():
        yield from _dialect_problems(f"$.dialects['{name}']", content)


def _field_problems(row: FieldRule) -> Iterator[str]:
    """What is wrong within one row of a field: sentences that begin with the name of the entry."""
    yield from _value_problems(row)
    for entry, words in (("says", (row.says,) if row.says else ()), ("also", row.also)):
        for wrong in sorted(set(words) - WORDS):
            known = ", ".join(sorted(WORDS))
            yield f"{entry}: {wrong!r} is no attribute of a Notification; it must be one of {known}"
    if (row.also or row.sends is not None or row.values or row.scale != 1) and not row.says:
        yield "says: is needed beside also, sends, values and scale"
    if row.also and row.sends is None:
        yield "also: needs sends, because a field has one value"


def _value_problems(row: FieldRule) -> Iterator[str]:
    if row.min is not None and row.max is not None and row.min > row.max:
        yield "min: is above max"
    if row.kind == "choice" and not all(isinstance(choice, str) for choice in row.choices or (0,)):
        yield "choices: must be texts for the kind choice"
    if row.choices and row.kind not in ("int", "choice"):
        yield "choices: are for the kinds int and choice"
    if not row.scale > 0 or (row.scale if row.scale >= 1 else 1 / row.scale) % 1 > 1e-9:
        yield "scale: must be a whole number, or 1 divided by one"
    if row.scale != 1 and row.kind != "int":
        yield "scale: is for the kind int"
    if row.wire not in ("", "text", "number", "date") and row.wire.count("{}") != 1:
        yield "wire: must be text, number, date, or a text that holds {} once"
    if row.wire == "date" and row.kind != "time":
        yield "wire: date is for the kind time"
    if not _is_pattern(row.pattern):
        yield "pattern: is no regular expression"


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _code_problems(rules: Rules) -> Iterator[str]:
    words = [*Reason.__members__, *SPECIAL_REASONS]
    for table in CODE_TABLES:
        for code, rule in getattr(rules, table).items():
            here = f"$.{table}['{code}']"
            if not _CODE.fullmatch(code):
                yield f"{here}: must be a whole number, or a word"
            if rule.reason not in words:
                yield f"{here}.reason: must be one of {', '.join(words)}"
            if rule.hours and not _HOURS.fullmatch(rule.hours):
                yield f"{here}.hours: must be hours such as 07:00-23:00"
            for dialect in rule.dialects:
                if dialect not in rules.dialects:
                    yield f"{here}.dialects: no such dialect: {dialect!r}"


CODE_TABLES: Final = ("codes", "target_codes", "login_codes")
"""The tables of codes, as attributes of `Rules`."""
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_CODE = re.compile(r"0|-?[1-9][0-9]{0,8}|[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


def _dialect_problems(path: str, dialect: Dialect) -> Iterator[str]:
    kinds = {kind.value for kind in AudienceKind}
    for kind in sorted(dialect.targets.keys() - kinds):
        yield f"{path}.targets['{kind}']: must be one of {', '.join(sorted(kinds))}"
    # A dot in the name of a field beside the notification (scope "message") is a part of the name.
    inside = [wire for wire, field in dialect.fields.items() if dialect.dots == "nested" and field.scope != "message"]
    parents = {wire[:dot] for wire in inside for dot, sign in enumerate(wire) if sign == "."}
    for wire, field in dialect.fields.items():
        here = f"{path}.fields['{wire}']"
        for kind in sorted(set(field.audiences) - kinds):
            yield f"{here}.audiences: {kind!r} must be one of {', '.join(sorted(kinds))}"
        yield from (f"{here}{problem}" for problem in _reference_problems(field, dialect.fields))
        if field.scope != "message" and wire in parents:
            yield f"{here}: is a field, and other fields are inside it"
    for name, operation in dialect.operations.items():
        if operation.host and operation.host not in dialect.hosts:
            yield f"{path}.operations['{name}'].host: no such host: {operation.host!r}"
    yield from _intent_problems(path, dialect)


def _reference_problems(field: FieldRule, fields: Mapping[str, FieldRule]) -> Iterator[str]:
    """Names of other fields in the row that do not exist."""
    for condition in (*field.required_when, *field.max_when):
        if condition.partition("=")[0] not in fields:
            yield f": condition {condition!r} names no field"
    for entry in ("excludes", "required_with"):
        for other in getattr(field, entry):
            if other not in fields:
                yield f".{entry}: no such field: {other!r}"


def _intent_problems(path: str, dialect: Dialect) -> Iterator[str]:
    words = [intent.value for intent in Intent]
    for word, rule in dialect.intents.items():
        here = f"{path}.intents['{word}']"
        category = dialect.categories.get(rule.category)
        if word not in words:
            yield f"{here}: must be one of {', '.join(words)}"
        elif rule.category and category is None:
            yield f"{here}.category: no such category: {rule.category!r}"
        elif category is not None and category.private and Intent(word).is_public:
            yield f"{here}.category: {rule.category!r} is private, and {word} is for everybody"
        for field in rule.fields:
            if field not in dialect.fields:
                yield f"{here}.fields: no such field: {field!r}"


_TABLES = ("hosts", "operations", "fields", "numbers", "targets", "quotas", "categories", "intents", "events")


def rows(rules: Rules) -> Iterator[tuple[str, Row]]:
    """Every row with its path in the file."""
    for name in CODE_TABLES:
        for code, rule in getattr(rules, name).items():
            yield f"$.{name}['{code}']", rule
    for name, dialect in rules.dialects.items():
        for table in _TABLES:
            for key, row in getattr(dialect, table).items():
                yield f"$.dialects['{name}'].{table}['{key}']", row
