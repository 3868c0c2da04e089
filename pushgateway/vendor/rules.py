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
from typing import Any, Literal, TypeAlias

import attrs
import cattrs
from cattrs.v import format_exception

from pushgateway.model.audience import AudienceKind
from pushgateway.model.errors import PluginError
from pushgateway.model.intent import Intent
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import safe_repr

SPECIAL_REASONS: Mapping[str, Reason | None] = {
    "accepted": None,
    "expired": Reason.CREDENTIALS,
    "clock": Reason.CREDENTIALS,
    "repeated": Reason.INVALID_NOTIFICATION,
    "copy": Reason.INVALID_NOTIFICATION,
}
"""Values of a code's `reason` besides the names of `Reason`, and the `Reason` that a host sees; None: accepted."""


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
    body: str = ""
    """The form field that holds JSON text, for calls that have one; otherwise ""."""
    host: str = ""
    """Key of the dialect's host that serves it; "": the host of the token's region."""
    encoding: Literal["form", "json", "query", "multipart"] = "form"
    """How its fields are encoded in the request."""
    struck_out: bool = False
    """The document shows it crossed out."""


@safe_repr
@attrs.frozen(kw_only=True)
class FieldRule(Row):
    """A field of the notification, by its wire name."""

    kind: Literal["text", "int", "bool", "json", "time", "object"]
    """`json`: a JSON text; `time`: epoch milliseconds; `object`: a JSON value or its text."""
    scope: Literal["all", "broadcast", "message"] = "all"
    """`all`: unicast and broadcast; `message`: a field next to the notification, not in it."""
    required: bool = False
    required_when: tuple[str, ...] = ()
    """Conditions such as `click_action_type=1`: if one holds, the field is required."""
    min: int | None = None
    """Smallest value, or fewest characters of a text."""
    max: int | None = None
    """Largest value, or most characters of a text."""
    max_when: Mapping[str, int] = attrs.field(factory=dict)
    """By condition (`style=2`): a maximum that replaces `max`."""
    past: Literal["refuse", "cut", "clamp"] = "refuse"
    """What happens above the maximum: `refuse`: the push is not sent; `cut`: the plug-in cuts the text, because the
    vendor would refuse it; `clamp`: the vendor lowers the value."""
    unit: str = ""
    """Unit of the value; "": none."""
    choices: tuple[int, ...] = ()
    """The allowed values; empty: not limited to a list."""
    audiences: tuple[str, ...] = ()
    """The kinds of audience (`AudienceKind` values) that may have the field; empty: all."""

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
    hosts: Mapping[str, Host]
    operations: Mapping[str, Operation]
    fields: Mapping[str, FieldRule]
    numbers: Mapping[str, Number]
    targets: Mapping[str, Target]
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
    scope: Literal["request", "target"] = "request"
    """Whether it concerns the whole request or one target in it."""
    advice: str = ""
    """What to do about it."""
    retry_after: float | None = None
    """Seconds to wait if the reply has no `Retry-After`; None: waiting does not help, or the time is not known."""
    dialects: tuple[str, ...]
    """The dialects that have this code."""

    @property
    def host_reason(self) -> Reason | None:
        """The `Reason` a host sees; None for success."""
        return SPECIAL_REASONS[self.reason] if self.reason in SPECIAL_REASONS else Reason[self.reason]


@safe_repr
@attrs.frozen(kw_only=True)
class Rules:
    """The content of a `rules.toml`."""

    brand: str
    sources: Mapping[str, Source]
    dialects: Mapping[str, Dialect]
    codes: Mapping[str, CodeRule]
    """By the code as text."""

    def confidence(self, row: Row) -> Confidence:
        """How certain a row is: by itself, or else by its source."""
        return row.confidence or self.sources[row.source].confidence


@functools.cache
def load_rules(package: str) -> Rules:
    """The rules of a plug-in package, from its `rules.toml`; read once. Raises `PluginError`, naming every bad row."""
    name = f"{package}/rules.toml"
    try:
        text = resources.files(package).joinpath("rules.toml").read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError):
        raise PluginError(f"{name}: cannot be read; reinstall the plug-in") from None
    return parse_rules(text, name)


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
    for each in (str, int):
        many = _each(each)
        converter.register_structure_hook_func(functools.partial(_is_tuple_of, each), many)
    return converter


def _is_tuple_of(each: type, wanted: Any) -> bool:
    return bool(wanted == tuple[each, ...])  # type: ignore[valid-type]


def _exactly(*kinds: type) -> Any:
    def structure(value: object, _: Any) -> Any:
        if type(value) not in kinds:
            raise _WrongTypeError(f"must be {' or '.join(kind.__name__ for kind in kinds)}, is {type(value).__name__}")
        return value

    return structure


def _each(kind: type) -> Any:
    def structure(value: object, _: Any) -> Any:
        if not isinstance(value, list) or any(type(item) is not kind for item in value):
            raise _WrongTypeError(f"must be a list of {kind.__name__}")
        return tuple(value)

    return structure


def _problems(rules: Rules) -> Iterator[str]:
    for path, row in rows(rules):
        if row.source not in rules.sources:
            yield f"{path}.source: no such source: {row.source!r} @ $.sources"
        match row:
            case Host() if not re.fullmatch(r"https://[a-z0-9.-]+", row.url):
                yield f"{path}.url: must be https://host without a path"
            case FieldRule() if row.min is not None and row.max is not None and row.min > row.max:
                yield f"{path}.min: is above max"
            case EventRule() if row.kind not in ReceiptKind.__members__:
                yield f"{path}.kind: must be one of {', '.join(ReceiptKind.__members__)}"
    yield from _code_problems(rules)
    for name, content in rules.dialects.items():
        yield from _dialect_problems(f"$.dialects['{name}']", content)


def _code_problems(rules: Rules) -> Iterator[str]:
    words = [*Reason.__members__, *SPECIAL_REASONS]
    for code, rule in rules.codes.items():
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,8}", code):
            yield f"$.codes['{code}']: must be a whole number"
        if rule.reason not in words:
            yield f"$.codes['{code}'].reason: must be one of {', '.join(words)}"
        for dialect in rule.dialects:
            if dialect not in rules.dialects:
                yield f"$.codes['{code}'].dialects: no such dialect: {dialect!r}"


def _dialect_problems(path: str, dialect: Dialect) -> Iterator[str]:
    kinds = {kind.value for kind in AudienceKind}
    for kind in sorted(dialect.targets.keys() - kinds):
        yield f"{path}.targets['{kind}']: must be one of {', '.join(sorted(kinds))}"
    for wire, field in dialect.fields.items():
        for kind in sorted(set(field.audiences) - kinds):
            yield f"{path}.fields['{wire}'].audiences: {kind!r} must be one of {', '.join(sorted(kinds))}"
        for condition in (*field.required_when, *field.max_when):
            if condition.partition("=")[0] not in dialect.fields:
                yield f"{path}.fields['{wire}']: condition {condition!r} names no field"
    for name, operation in dialect.operations.items():
        if operation.host and operation.host not in dialect.hosts:
            yield f"{path}.operations['{name}'].host: no such host: {operation.host!r}"
    yield from _intent_problems(path, dialect)


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


_TABLES = ("hosts", "operations", "fields", "numbers", "targets", "quotas", "categories", "intents", "events")


def rows(rules: Rules) -> Iterator[tuple[str, Row]]:
    """Every row with its path in the file."""
    for code, rule in rules.codes.items():
        yield f"$.codes['{code}']", rule
    for name, dialect in rules.dialects.items():
        for table in _TABLES:
            for key, row in getattr(dialect, table).items():
                yield f"$.dialects['{name}'].{table}['{key}']", row
