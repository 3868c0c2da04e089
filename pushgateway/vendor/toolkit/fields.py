"""Builds a vendor's fields from a notification, by the rows of its `rules.toml`.

    sheet = Sheet(RULES, "v1", clicks=CLICKS)
    content = sheet.build(note)              # raises `Refused`, whose sentence names the host's field
    body = content.json()                    # or content.form()

`Sheet.gather` collects the values: overrides first, then the notification's own fields, then those of its intent.
`Sheet.write` checks, cuts and spells them, and asks for the fields that the vendor needs. What the vendor lacks is
decided here for every plug-in: looks are left out and named in `Content.omitted`, everything else ends `UNSUPPORTED`.
Pure; raises nothing but `Refused`. What a row cannot say (fields that depend on each other's values) is a check of the
plug-in.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Protocol, TypeAlias

import attrs

from pushgateway.vendor import AudienceKind, Network, Notification, OpenApp, Refused
from pushgateway.vendor.features import LOOKS, find_omitted
from pushgateway.vendor.rules import FieldRule, Rules
from pushgateway.vendor.text import ELLIPSIS, clean, fit, form_encode, is_visible, most_quoted, size, whole
from pushgateway.vendor.toolkit.clicks import Clicks, target_of
from pushgateway.vendor.toolkit.field_checks import check_field, scaled, unspell
from pushgateway.vendor.toolkit.intents import stable_id, stable_key
from pushgateway.vendor.toolkit.json_text import Json, WireValue, encode_json, quote_json
from pushgateway.vendor.toolkit.refusals import invalid, no_such_field, unsupported

Check: TypeAlias = Callable[[Any], str]
"""A check of one field that a row cannot say: gets the checked value, returns a sentence such as `must be …`, or ""."""


class IntentFields(Protocol):
    """What a `Sheet` needs of a certificate's intents (`intents.IntentTable`)."""

    def add(self, raw: dict[str, Any], note: Notification, given: Mapping[str, Any]) -> None:
        """Add the fields of the notification's intent that are not in `raw` yet; `given` are its overrides."""

    def weigh(self, note: Notification) -> int:
        """At most how many bytes the intent adds to a request, without the notification's own parameters."""


# Values of a notification


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds."""
    return int(moment.timestamp() * 1000)


def _visible(text: str | None) -> str | None:
    """A text that shows something; a blank one counts as none."""
    return text if text is not None and is_visible(clean(text)) else None


def _moment(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


_READ: Final[Mapping[str, Callable[[Notification], Any]]] = {
    "title": lambda note: note.title,
    "body": lambda note: note.body,
    "subtitle": lambda note: _visible(note.subtitle),
    "click": lambda note: None if type(note.click) is OpenApp else note.click,
    "data": lambda note: note.data or None,
    "store_offline": lambda note: None if note.store_offline else False,
    "ttl": lambda note: note.ttl,
    "network": lambda note: None if note.network is Network.ANY else note.network.value,
    "show_from": lambda note: _moment(note.show_from),
    "show_until": lambda note: _moment(note.show_until),
    "time_zone": lambda note: note.time_zone,
    "receipt_url": lambda note: note.receipt_url,
    "receipt_parameter": lambda note: note.receipt_parameter,
    "channel_id": lambda note: note.channel_id,
    "badge": lambda note: note.badge,
    "replace_key": lambda note: note.replace_key,
    "alert": lambda note: None if note.alert is None else note.alert.value,
    "sound": lambda note: note.sound,
    "long_body": lambda note: _visible(note.long_body),
    "picture": lambda note: note.picture,
    "icon": lambda note: note.icon,
    "buttons": lambda note: note.buttons or None,
    "group": lambda note: note.group,
    "show_in_foreground": lambda note: None if note.show_in_foreground else False,
    "user_id": lambda note: note.user_id,
}
"""By attribute: its value; None where the notification does not use it. In the order in which fields are written."""
_USUAL: Final = ("title", "body", "click", "data", "ttl", "channel_id")
"""The attributes that nearly every notification has; the others are looked at together (`is_ordinary`)."""
_VALUES: Callable[[Notification], tuple[Any, ...]] = attrgetter(*_READ)
_ANY: Final = Network.ANY  # a global: to look up an enum member takes Python code


def is_ordinary(note: Notification) -> bool:
    """Whether a notification uses nothing but title, body, click, data, ttl, channel, intent, parameters and
    overrides."""
    # A chain of comparisons takes a third of the time of an attrgetter and one comparison.
    return (
        note.subtitle is None
        and note.store_offline
        and note.network is _ANY
        and note.time_zone is None
        and note.show_from is None
        and note.show_until is None
        and note.receipt_url is None
        and note.receipt_parameter is None
        and note.badge is None
        and note.replace_key is None
        and note.alert is None
        and note.sound is None
        and note.long_body is None
        and note.picture is None
        and note.icon is None
        and not note.buttons
        and note.group is None
        and note.show_in_foreground
        and note.user_id is None
    )


_BADGE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "badge": lambda badge: badge,
    "badge.how": lambda badge: badge.how,
    "badge.number": lambda badge: badge.number,
    "badge.add": lambda badge: badge.number if badge.how == "add" else None,
    "badge.set": lambda badge: badge.number if badge.how == "set" else None,
}


def _key(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _convert(rule: FieldRule, value: Any) -> Any:
    """The attribute's value in the vendor's terms, not yet checked; None: the vendor has no such value."""
    word = rule.says.partition(".")[0]
    if word == "badge" and (value := _BADGE[rule.says](value)) is None:
        return None
    if rule.sends is not None:
        return rule.sends
    if rule.values:
        return rule.values.get(_key(value))
    if word == "replace_key":
        return replace_value(rule, value)
    if rule.kind == "int" and type(value) is int:
        return scaled(rule, value)
    return value


def replace_value(rule: FieldRule, key: str) -> int | str:
    """A `Notification.replace_key` as the vendor's field takes it: itself where it fits, otherwise a number or a short
    key made from it, the same for the same text."""
    if rule.kind == "int":
        return stable_id(key, 31 if rule.max is None else (rule.max + 1).bit_length() - 1)
    try:
        check_field("replace_key", rule, key, rule.max)
    except Refused:
        return stable_key(key, min(rule.max or 32, 32))
    return key


def _add(raw: dict[str, Any], rows: Iterable[tuple[str, FieldRule]], value: Any) -> bool:
    """Add the fields that carry an attribute's value, if they are not there yet; whether the vendor has such a
    value."""
    has = False
    for name, row in rows:
        if (converted := _convert(row, value)) is not None:
            raw.setdefault(name, converted)
            has = True
    return has


# What goes out


@attrs.frozen(repr=False)
class Content:
    """A notification in the vendor's fields, checked."""

    fields: Mapping[str, WireValue]
    """By wire name, with dots where they are nested."""
    beside: Mapping[str, WireValue] = attrs.field(factory=dict)
    """Fields with the scope "message", which stand beside the notification and not in it."""
    truncated: tuple[str, ...] = ()
    """The host's names of the fields that were cut."""
    omitted: tuple[str, ...] = ()
    """The host's names of the looks that the vendor lacks."""
    nested: bool = True
    """Whether dots in names mean nested JSON (`Dialect.dots`)."""

    def json(self, beside: str = "") -> bytes:
        """The fields as JSON in UTF-8, nested where dots mean that. `beside`: the name of an object in it that has the
        fields `beside`, if there are any; "": they are not in it."""
        tree: dict[str, Any] = nest(self.fields) if self.nested else dict(self.fields)
        if beside and self.beside:
            tree[beside] = dict(self.beside)
        return whole(encode_tree(tree)).encode()

    def form(self) -> bytes:
        """The fields as a flat form."""
        return form_encode({name: form_text(value) for name, value in self.fields.items()})

    def shrunk(self, name: str, word: str, most: int, around: int = 0) -> Content:
        """The same content with the text `name` cut until `json()` takes at most `most` bytes less `around` (bytes of
        the request around it). `word` is its name in `truncated`. Raises `Refused` if the rest alone is too large."""
        fields = dict(self.fields)
        if not shrink(fields, name, word, most - around):
            return self
        truncated = self.truncated if word in self.truncated else (*self.truncated, word)
        return attrs.evolve(self, fields=fields, truncated=truncated)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested dicts: `{"a.b": 1}` as `{"a": {"b": 1}}`."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        if "." not in name:
            tree[name] = value
            continue
        *path, last = name.split(".")
        here = tree
        for part in path:
            here = here.setdefault(part, {})
        here[last] = value
    return tree


def flatten(tree: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Nested mappings as dotted names, the opposite of `nest`. A name in `known` is a field, whatever its value is; a
    mapping under another name is opened if a known name begins with it."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        inside = f"{name}."
        if name not in known and isinstance(value, Mapping) and any(one.startswith(inside) for one in known):
            shorter = {one.removeprefix(inside) for one in known if one.startswith(inside)}
            flat.update((inside + inner, one) for inner, one in flatten(value, shorter).items())
        else:
            flat[name] = value
    return flat


def encode_tree(value: Any) -> str:
    """JSON of nested dicts whose leaves are wire values; `Json` stands for its own value."""
    if type(value) is dict:
        return "{" + ",".join([f"{quote_json(name)}:{encode_tree(one)}" for name, one in value.items()]) + "}"
    if type(value) is str:
        return quote_json(value)
    return value.text if isinstance(value, Json) else encode_json(value)


def form_text(value: WireValue) -> str:
    """A value as a form field of its own."""
    if isinstance(value, Json):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shrink(fields: dict[str, WireValue], name: str, word: str, most: int) -> bool:
    """Cut the text `fields[name]` until all fields take at most `most` bytes as nested JSON (Huawei and Honor: 4,096);
    whether it was cut. Raises `Refused` (`INVALID_NOTIFICATION`), naming `word`, if the other fields are too large."""
    text = fields.get(name)
    given, left = text if isinstance(text, str) else "", size(text, "bytes") if isinstance(text, str) else 0
    was_cut = False
    while (over := size(encode_tree(nest(fields)), "bytes") - most) > 0:
        kept = str(fields.get(name, ""))
        # In JSON a quotation mark takes two bytes, so fewer of the text's own bytes have to go.
        left -= max(1, over * size(kept, "bytes") // size(quote_json(kept), "bytes"))
        fields[name] = kept = fit(given, left, counts="bytes")[0] if left > 0 else ""
        was_cut = True
        if not is_visible(kept.removesuffix(ELLIPSIS)):
            raise invalid(word, f"the notification must take at most {most} bytes, and its other fields take more")
    return was_cut


# The sheet


class Sheet:
    """How a notification becomes the fields of one dialect. Made once for a dialect or certificate."""

    def __init__(
        self,
        rules: Rules,
        dialect: str,
        *,
        clicks: Clicks | None = None,
        carries: Collection[str] = (),
        checks: Mapping[str, Check] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """`clicks`: the table of click actions; None: rows and the plug-in know none but "open the app". `carries`:
        attributes that the plug-in itself turns into fields (given as `planned`), so they are not missing. `checks`,
        `limits`: by wire name; a limit is a maximum in the place of that of the row, where a certificate has its own.
        """
        self.rules = rules
        self.name = dialect
        self.dialect = rules.dialects[dialect]
        self.brand = rules.brand
        self._nested = self.dialect.dots == "nested" and any("." in name for name in self.dialect.fields)
        own = {name: attrs.evolve(self.dialect.fields[name], max=most) for name, most in (limits or {}).items()}
        self.fields: Mapping[str, FieldRule] = {**self.dialect.fields, **own}
        self.clicks = clicks
        self.carries = frozenset(carries) | ({"click"} if clicks is not None else set())
        self._checks = {} if checks is None else dict(checks)
        steps = [(word, read, self._rows_of(word)) for word, read in _READ.items()]
        self._steps = [step for step in steps if step[2] or step[0] == "click" or self._must_say(step[0])]
        self._usual = [step for step in self._steps if step[0] in _USUAL]
        self._words = {name: row.says.partition(".")[0] or name for name, row in self.fields.items()}
        # By name: texts up to this length are sent as they are; each limit is a quarter, for characters of four bytes.
        self._plain = {
            name: min([row.max or 2**30, *row.max_when.values()]) // 4
            for name, row in self.fields.items()
            if row.kind == "text" and row.scope == "all"
            if not (row.audiences or row.alone or row.pattern or row.wire)
            if (row.min or 0) <= 1 and name not in self._checks
        }
        self._carriers = {word: self._rows_of(word) for word in LOOKS}
        self._alone = [(name, row.says) for name, row in self.fields.items() if row.alone]
        self._offline = any(row.says == "store_offline" for row in self.fields.values())
        self._conditional = [
            (name, row, _causes(row.excludes), _causes(row.required_when))
            for name, row in self.fields.items()
            if row.required or row.required_when or row.required_with or row.excludes
        ]
        self._most_title, self._most_body = self._most_bytes("title"), self._most_bytes("body")
        usual = {name for name, row in self.fields.items() if row.required or row.says.partition(".")[0] in _USUAL}
        self._base = 100 + sum(3 * len(name) + 24 for name in usual)
        self._rare_base = sum(3 * len(name) + 24 for name, row in self.fields.items() if row.says and name not in usual)

    def _rows_of(self, word: str) -> list[tuple[str, FieldRule]]:
        """The fields that carry an attribute."""
        return [
            (name, row)
            for name, row in self.fields.items()
            if word == row.says.partition(".")[0] or word in row.also
            if word != "click"  # set by the table of click actions
        ]

    def _must_say(self, word: str) -> bool:
        """Whether a notification with this attribute is refused if no field carries it."""
        return word not in LOOKS and word not in self.carries

    def word(self, name: str, note: Notification) -> str:
        """The host's name of a field: `ttl`, or `overrides["oppo"]["off_line_ttl"]` where the notification sets it
        so."""
        return self._word(name, self.overrides(note))

    def _word(self, name: str, given: Mapping[str, Any]) -> str:
        if given and name in given:
            return f'overrides["{self.brand}"]["{name}"]'
        return self._words.get(name, name)

    def overrides(self, note: Notification) -> Mapping[str, Any]:
        """The notification's overrides for this brand, with dotted names."""
        given: Mapping[str, Any] | None = note.overrides.get(self.brand) if note.overrides else None
        return flatten(given, self.fields.keys()) if given else {}

    def has(self, word: str) -> bool:
        """Whether a field or the plug-in carries this attribute of a notification."""
        return word in self.carries or any(word == row.says.partition(".")[0] for row in self.fields.values())

    def is_alone(self, note: Notification) -> bool:
        """Whether a notification has a field that only a push to one phone may have (`FieldRule.alone`)."""
        if not self._alone:
            return False
        given = self.overrides(note)
        return any(name in given or (word and _READ[word](note) is not None) for name, word in self._alone)

    def has_check(self, name: str) -> bool:
        """Whether the plug-in has a check of its own for this field."""
        return name in self._checks

    def build(
        self,
        note: Notification,
        *,
        planned: Mapping[str, Any] | None = None,
        intents: IntentFields | None = None,
        audience: AudienceKind | None = None,
    ) -> Content:
        """`gather` and `write` in one step."""
        return self.write(note, self.gather(note, planned, intents), audience)

    # Gathering

    def gather(
        self, note: Notification, planned: Mapping[str, Any] | None = None, intents: IntentFields | None = None
    ) -> dict[str, Any]:
        """All values to be sent, by wire name, not yet checked.

        `planned`: fields that the plug-in sets itself; they replace the notification's, and overrides replace them.
        Raises `Refused` for an unknown override, for a feature that the vendor lacks, and for parameters or a category
        that do not fit the intent.
        """
        raw = self._neutral(note)
        if planned:
            raw.update(planned)
        given = self.overrides(note)
        if given:
            self._override(raw, given)
        if intents is not None and note.intent is not None:
            intents.add(raw, note, given)
        return raw

    def _neutral(self, note: Notification) -> dict[str, Any]:
        """The values of the notification's own fields."""
        raw: dict[str, Any] = {}
        stores_nothing = note.ttl == 0 and self._offline  # a ttl of 0 asks for it, and it has a field of its own
        for word, read, rows in self._usual if is_ordinary(note) and not stores_nothing else self._steps:
            value = read(note)
            if stores_nothing and word in ("ttl", "store_offline"):
                value = None if word == "ttl" else False
            if value is None:
                continue
            if word == "click":
                self._add_click(raw, note)
            elif not _add(raw, rows, value) and self._must_say(word):
                raise self._lacks(word, rows)
        if self.clicks is not None and type(note.click) is OpenApp and OpenApp in self.clicks.rows:
            raw.update(self.clicks.fields(note.click))
        return raw

    def _add_click(self, raw: dict[str, Any], note: Notification) -> None:
        if self.clicks is not None:
            raw.update(self.clicks.fields(note.click))
        elif "click" not in self.carries:
            raise self._lacks("click", ())

    def _lacks(self, word: str, rows: Iterable[tuple[str, FieldRule]]) -> Refused:
        """The refusal of a feature that the vendor lacks."""
        values = [value for _, row in rows for value in row.values]
        if values:
            return unsupported(word, f"{self.rules.vendor} has {', '.join(values)} only")
        others = [
            key
            for key, dialect in self.rules.dialects.items()
            if any(word == row.says.partition(".")[0] for row in dialect.fields.values())
        ]
        if len(self.rules.dialects) == 1:
            return unsupported(word, f"{self.rules.vendor} has no such thing")
        has = "".join(f'; dialect = "{key}" has it' for key in others)
        return unsupported(word, f'dialect = "{self.name}" has no such field{has}')

    def missing(self, name: str) -> str:
        """A sentence that the dialect has no field `name`, and which dialect has it."""
        return no_such_field(name, self.dialect, self.rules)

    def _override(self, raw: dict[str, Any], given: Mapping[str, Any]) -> None:
        for name in given:
            row = self.fields.get(name)
            if row is None:
                near = difflib.get_close_matches(str(name)[:60], self.fields, n=1)
                hint = f"; nearest is {near[0]}" if near else ""
                word = f'overrides["{self.brand}"]["{clean(str(name))[:60]}"]'
                raise invalid(word, self.missing(name) + hint)
            if row.says == "dedupe_id":
                raise invalid(self._word(name, given), "is made for each push; set Notification.dedupe_id instead")
        if self.clicks is not None and self.clicks.switch in given:
            for name in self.clicks.names:
                raw.pop(name, None)
        for name, value in given.items():
            row = self.fields[name]
            raw[name] = unspell(row, value) if row.wire else value

    # Writing

    def write(self, note: Notification, raw: Mapping[str, Any], audience: AudienceKind | None = None) -> Content:
        """The fields of `gather`, checked, cut and spelled: for single pushes if `audience` is None, else for a
        broadcast. Raises `Refused`, whose sentence begins with the host's name of the field."""
        given = self.overrides(note)
        fields: dict[str, WireValue] = {}
        beside: dict[str, WireValue] = {}
        truncated: list[str] = []
        elsewhere: set[str] = set()
        for name, value in raw.items():
            row = self.fields.get(name)
            if name in self._plain and _goes_plainly(self._plain[name], value):
                fields[name] = value
                continue
            word = self._word(name, given)
            if row is None:
                raise unsupported(word, self.missing(name))
            if row.scope != "all" or row.audiences or row.alone:
                problem = self.scope_problem(row, audience)
                if problem and word in LOOKS:
                    elsewhere.add(word)
                    continue
                if problem:
                    raise unsupported(word, problem)
            checked, was_cut = self.check(word, name, row, value, raw)
            if was_cut:
                truncated.append(self._words[name])
            (beside if row.scope == "message" else fields)[name] = checked
        self._check_together({**fields, **beside} if beside else fields, given, audience)
        omitted = self._omitted(note, used, fields, elsewhere) if (used := find_omitted(note, ())) else used
        return Content(fields, beside, tuple(dict.fromkeys(truncated)), omitted, self._nested)

    def check(self, word: str, name: str, row: FieldRule, value: Any, raw: Mapping[str, Any]) -> tuple[WireValue, bool]:
        """One value as it is sent beside the others of `raw`, and whether it was cut. Raises `Refused`, naming
        `word`."""
        checked, was_cut = check_field(word, row, value, row.maximum(raw) if row.max_when else row.max)
        if name in self._checks and (problem := self._checks[name](checked)):
            raise invalid(word, problem)
        return checked, was_cut

    def scope_problem(self, row: FieldRule, audience: AudienceKind | None) -> str:
        """Why a field cannot be in this kind of push, in a sentence; "": it can."""
        vendor = self.rules.vendor
        if row.alone and audience is not None:
            return f"{vendor} has it for single pushes only"
        if row.scope == "broadcast" and audience is None:
            return f"{vendor} has it for broadcasts only"
        if row.scope == "message" and audience is not None and audience.value not in row.audiences:
            lists = f" and broadcasts to {' and '.join(row.audiences)}" if row.audiences else ""
            return f"{vendor} has it for single pushes{lists} only"
        if row.audiences and audience is not None and audience.value not in row.audiences:
            return f"{vendor} has it for broadcasts to {' and '.join(row.audiences)} only"
        return ""

    def _omitted(
        self, note: Notification, used: Iterable[str], sent: Mapping[str, WireValue], elsewhere: Collection[str]
    ) -> tuple[str, ...]:
        """Of the looks that the notification has, those that are not sent."""
        return tuple(
            word
            for word in used
            if _READ[word](note) is not None  # a blank text counts as none
            if word in elsewhere or not self.shows(word, note, sent)
        )

    def shows(self, word: str, note: Notification, sent: Mapping[str, Any]) -> bool:
        """Whether a look of the notification is among the fields that are sent: by the plug-in, by an override, or by a
        row that has its value. A field that the plug-in sets always, such as the kind of an alert, shows only the
        values that its row has."""
        if word in self.carries:
            return True
        given, value = self.overrides(note), _READ[word](note)
        return any(
            name in sent and (name in given or _convert(row, value) is not None) for name, row in self._carriers[word]
        )

    def _check_together(
        self, fields: Mapping[str, WireValue], given: Mapping[str, Any], audience: AudienceKind | None
    ) -> None:
        for name, row, excludes, required_when in self._conditional:
            if name in fields:
                for other, condition in excludes:
                    if other in fields and ("=" not in condition or holds(condition, fields)):
                        raise invalid(self._word(name, given), f"cannot stand beside {condition}")
                continue
            for other, condition in required_when:
                if other in fields and holds(condition, fields):
                    self._ask_for(name, row, condition, given, audience)
            if row.required:
                raise invalid(
                    self._word(name, given), f"{self.rules.vendor} needs {name} together with the other fields"
                )
            for other in row.required_with:
                if other in fields:
                    raise invalid(self._word(other, given), f"{self.rules.vendor} needs {name} with it")

    def _ask_for(
        self, name: str, row: FieldRule, condition: str, given: Mapping[str, Any], audience: AudienceKind | None
    ) -> None:
        """Refuse for a field that the vendor needs because of `condition`."""
        if row.scope == "broadcast" and audience is None:
            # A single push cannot have the field, so the error must not ask the host to add it.
            cause, _, value = condition.partition("=")
            raise unsupported(self._word(cause, given), f"{value} is for broadcasts only")
        raise invalid(self._word(name, given), f"{self.rules.vendor} needs {name} together with the other fields")

    def shorten(self, note: Notification, content: Content, texts: Collection[str], most: int) -> Content:
        """The content of `note` in at most `most` bytes of JSON (Huawei and Honor: 4,096): of the fields `texts` the
        longest is cut first; where that is not enough, it is cut to a quarter, and then the next. Raises `Refused`,
        naming the largest field, where nothing is enough."""
        lengths = {name: size(str(value), "bytes") for name, value in content.fields.items()}
        for name in sorted(lengths.keys() & set(texts), key=lambda one: (-lengths[one], one)):
            word = self.word(name, note)
            try:
                return content.shrunk(name, word, most)
            except Refused:  # the others alone are too large
                short, was_cut = fit(str(content.fields[name]), most // 4, counts="bytes")
                truncated = (*content.truncated, word) if was_cut else content.truncated
                content = attrs.evolve(content, fields={**content.fields, name: short}, truncated=truncated)
        largest = max(lengths, key=lambda one: size(str(content.fields[one]), "bytes"))
        sentence = f"is too long: {self.rules.vendor} takes {most} bytes for all fields together"
        raise invalid(self.word(largest, note), sentence)

    # Weighing

    def weigh(self, note: Notification, intents: IntentFields | None = None) -> int:
        """At most how many bytes the fields of a notification take, quoted as JSON within a form, without encoding
        them. Texts that are cut count by their limits. Fields that no attribute fills count nothing: the plug-in adds
        those that it fills itself. Raises `TypeError` or `ValueError` for data that JSON cannot hold."""
        title, body = 12 * len(note.title), 12 * len(note.body)
        weight = self._base + (title if title < self._most_title else self._most_title)
        weight += body if body < self._most_body else self._most_body
        if type(note.click) is not OpenApp:
            weight += most_quoted(target_of(note.click)) + 500
        if note.data:
            weight += weigh_data(note.data)
        if not is_ordinary(note):
            weight += self._rare_base
            weight += sum(2 * most_quoted(value) for value in _VALUES(note)[2:] if isinstance(value, str))
            weight += sum(most_quoted(one.text) + most_quoted(target_of(one.click)) + 900 for one in note.buttons)
        if note.channel_id is not None:
            weight += most_quoted(note.channel_id)
        if note.intent is not None:
            weight += 2 * weigh_data(note.parameters) + (0 if intents is None else intents.weigh(note))
        if note.overrides and (given := note.overrides.get(self.brand)):
            weight += weigh_data(given)
        return weight

    def _most_bytes(self, word: str) -> int:
        """Bytes that a quoted text of this attribute takes, at most: 9 for each unit that its fields allow."""
        rows = [row for _, row in self._rows_of(word)]
        limits = [max([row.max or 0, *row.max_when.values()]) if row.past == "cut" else 0 for row in rows]
        return 9 * sum(limits) if rows and all(limits) else 2**60


def _goes_plainly(most: int, value: Any) -> bool:
    """Whether a text is so short and plain that it is sent unchanged, however the vendor counts."""
    return type(value) is str and len(value) <= most and value.isprintable() and is_visible(value)


def _causes(conditions: Iterable[str]) -> list[tuple[str, str]]:
    """Conditions, each with the field that it is about."""
    return [(condition.partition("=")[0], condition) for condition in conditions]


def holds(condition: str, fields: Mapping[str, object]) -> bool:
    """Whether a condition such as `style=2` is true of these fields."""
    name, _, value = condition.partition("=")
    return name in fields and str(fields[name]).lower() == value.lower()


_LONG_NUMBER: Final = 10**10


def weigh_data(data: Mapping[Any, Any]) -> int:
    """At most how many bytes `data` takes as JSON text inside a JSON string, quoted for a form."""
    if isinstance(data, dict):
        length = 2
        for key, value in data.items():
            if type(key) is not str or not key.isprintable():
                break
            if type(value) is str and value.isprintable():
                length += len(key) + len(value) + 6
            elif type(value) is int and -_LONG_NUMBER < value < _LONG_NUMBER:
                length += len(key) + 15
            else:
                break
        else:
            return 12 * length  # bytes of a quoted quotation mark, backslash or character of four bytes
    # 12 holds here too. A control character takes 21 bytes, and `str` shows it as four characters.
    return 12 * len(str(data if isinstance(data, dict) else dict(data)))
