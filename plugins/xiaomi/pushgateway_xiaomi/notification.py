"""Turns notifications into Xiaomi's fields, and encoded ones into the bodies of its send calls.

Pure. The rows of `rules.toml` say which field carries what; here is what a row cannot say: clicks, buttons, sounds, the
classes of channels, own keys. One notification for many phones is a form. Different ones are a JSON array in a form
field, in which each distinct notification is encoded once and put between token, number and key of each push.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from unicodedata import category
from urllib.parse import quote

import attrs

from pushgateway.vendor import (
    AudienceKind,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Refused,
)
from pushgateway.vendor.text import clean, form_encode, form_quote, whole
from pushgateway.vendor.toolkit.clicks import Click, Clicks, intent_uri, web_url
from pushgateway.vendor.toolkit.fields import Content, Sheet, encode_tree, form_text
from pushgateway.vendor.toolkit.json_text import decode_json, quote_json
from pushgateway.vendor.toolkit.ordinary import Encoded, OrdinaryEncoder
from pushgateway.vendor.toolkit.refusals import invalid, unsupported
from pushgateway_xiaomi.settings import CHANNEL, FACTS, PARAMETERS, PRIVATE, RULES, Settings

EXTRA: Final = "extra."
_KEYS: Final = 'overrides["xiaomi"]["extra"]'


class Rest(NamedTuple):
    """The fields that many notifications share, quoted."""

    message: bytes
    """The members of a message in `messages`, each behind a comma."""
    extra: bytes
    """The members of its `extra`, with commas between them."""
    form: bytes
    """The fields of a form, each behind an ampersand."""
    asks: bool
    """Whether the notification itself asks for receipts."""


class Encoder:
    """Encodes the notifications of one certificate."""

    def __init__(self, settings: Settings) -> None:
        self._settings, package = settings, settings.package_name
        to_intent = Click({"extra.notify_effect": "2"}, "extra.intent_uri", lambda click: intent_uri(click, package))
        to_page = Click({"extra.notify_effect": "3"}, "extra.web_uri", lambda click: web_url(click, https_only=False))
        rows: dict[type[Any], Click] = dict.fromkeys((OpenIntent, OpenActivity, OpenIntentUri), to_intent)
        rows |= {OpenApp: Click({"extra.notify_effect": "1"}), OpenUrl: to_page}
        self._clicks = Clicks(rows, switch="extra.notify_effect", vendor=RULES.vendor)
        checks = {PARAMETERS: _parameter_problem}
        self.sheet = Sheet(RULES, "current", clicks=self._clicks, carries={"buttons"}, checks=checks)
        self._ordinary = OrdinaryEncoder(self.sheet, self._build, _render, settings.table)

    def encode(
        self, note: Notification, planned: Mapping[str, Any] | None = None, audience: AudienceKind | None = None
    ) -> Encoded[Rest] | Refused:
        """A notification, encoded, or why it must not be sent. `planned`: the fields that only a broadcast has."""
        try:
            made = (
                self._ordinary.split(self._build(note, planned, audience)) if audience else self._ordinary.encode(note)
            )
        except Refused as refused:
            return refused
        if self._settings.payload_pre_encode and not isinstance(made, Refused) and "payload" in made.own:
            return attrs.evolve(made, own={**made.own, "payload": quote(form_text(made.own["payload"]), safe="")})
        return made

    def gather(self, note: Notification, planned: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The fields of a notification, not yet checked. Raises `Refused`."""
        raw = self.sheet.gather(note, {**self._planned(note), **(planned or {})}, self._settings.table)
        if self._settings.channel_id:
            raw.setdefault(CHANNEL, self._settings.channel_id)
        self._check_channel(note, raw.get(CHANNEL))
        return raw

    def _build(
        self, note: Notification, planned: Mapping[str, Any] | None = None, audience: AudienceKind | None = None
    ) -> Content:
        raw = self.gather(note, planned)
        keys, cut = _own_keys(raw.pop("extra", {})), self._bound_by_channel(note, raw)
        content = self.sheet.write(note, raw, audience)
        return attrs.evolve(content, fields={**content.fields, **keys}, truncated=(*content.truncated, *cut))

    def _planned(self, note: Notification) -> dict[str, Any]:
        if note.data and type(note.click) is OpenUrl:
            raise unsupported("data", "Xiaomi passes none to a web page; put them into its URL")
        planned: dict[str, Any] = {"restricted_package_name": self._settings.package_name, "pass_through": 0}
        if note.alert is None:
            planned["notify_type"] = -1
        if note.sound is not None:  # Android names a file in res/raw without its suffix
            planned["extra.sound_uri"] = (
                f"android.resource://{self._settings.package_name}/raw/{note.sound.split('.')[0]}"
            )
        if note.receipt_url is not None or note.receipt_parameter is not None:
            planned["extra.callback.type"] = self._settings.receipt_types
        for side, button in zip(("left", "mid", "right"), note.buttons, strict=False):
            fields = {"extra.name": button.text, **self._clicks.fields(button.click)}
            planned |= {name.replace(".", f".notification_style_button_{side}_"): each for name, each in fields.items()}
        return planned

    def _check_channel(self, note: Notification, channel: object) -> None:
        channels = self._settings.channels
        if channels and channel is not None and channel not in channels:
            raise invalid("channel_id", f"must be one of the certificate's channels: {', '.join(channels)}")
        is_public = note.intent is not None and note.intent.is_public
        if is_public and isinstance(channel, str) and channels.get(channel) == PRIVATE:
            raise invalid("channel_id", f"{channel!r} is private, and marketing and news are for everybody")

    def _bound_by_channel(self, note: Notification, raw: dict[str, Any]) -> tuple[str, ...]:
        """Lower the ttl to what the class of the channel allows; returns the names of fields that were cut."""
        kind, ttl = self._settings.channels.get(raw.get(CHANNEL, "")), raw.get("time_to_live")
        most = 1000 * FACTS.number(f"{kind}_ttl") if kind else None
        if most is None or note.ttl is None or not isinstance(ttl, int) or not most < ttl <= _MOST_TTL:
            return ()
        raw["time_to_live"] = most
        return ("ttl",)


_MOST_TTL: Final = FACTS.fields["time_to_live"].max or 0


def _own_keys(keys: object) -> dict[str, str]:
    """The app's own keys in `extra`."""
    most, longest = FACTS.number("extra_keys"), FACTS.number("extra_size")
    if not isinstance(keys, Mapping) or len(keys) > most:
        raise invalid(_KEYS, f"must be a mapping of at most {most} keys")
    own = {
        clean(str(key)): value for key, value in keys.items()
    }  # first: "jobkey" with a control character is "jobkey"
    if len(own) < len(keys):
        raise invalid(_KEYS, "holds two keys that differ in control characters only")
    for key, value in own.items():
        if f"{EXTRA}{key}" in FACTS.fields:
            raise invalid(_KEYS, f'holds a key of Xiaomi: use overrides["xiaomi"]["extra.{key}"]')
        if not isinstance(value, str) or not 0 < len(key) <= longest or len(value) > longest:
            raise invalid(_KEYS, f"must hold texts of at most {longest} characters")
    return {f"{EXTRA}{key}": clean(value) for key, value in own.items()}


def _parameter_problem(text: Any) -> str:
    """What is wrong with the variables of a template, given as JSON text (page 2314)."""
    values, most, longest = (
        decode_json(text),
        FACTS.number("template_parameters"),
        FACTS.number("template_parameter_size"),
    )
    if len(values) > most:
        return f"must be at most {most} variables"
    for value in values.values():
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            return f"must be texts of 1 to {longest} characters, not blank"
        if not value.isascii() and any(category(letter) in ("So", "Cn") for letter in value):
            return "must hold no emoji, symbol or unassigned character"
    return ""


def _render(content: Content) -> Rest:
    message = {name: value for name, value in content.fields.items() if not name.startswith(EXTRA)}
    extra = {name.removeprefix(EXTRA): value for name, value in content.fields.items() if name.startswith(EXTRA)}
    return Rest(
        form_quote(whole(f',{encode_tree(message)[1:-1]},"notify_id":')),
        form_quote(whole(f',"extra":{{{encode_tree(extra)[1:-1]}')),
        b"&" + form_encode({name: form_text(value) for name, value in content.fields.items()}),
        "callback" in extra or "callback.param" in extra,
    )


# Bodies

_JOBKEY: Final = re.compile(FACTS.fields["extra.jobkey"].pattern)
_COMMA, _TARGET, _MESSAGE = form_quote(","), form_quote('{"target":"'), form_quote('","message":{')
_KEY, _END, _END_OF_KEY = form_quote(',"jobkey":"'), form_quote("}}}"), form_quote('"}}}')


def ids_of(message_id: str, otherwise: Mapping[str, Any]) -> tuple[str, str]:
    """`notify_id` and `extra.jobkey` of a message: the same for the same id, and different for any other. Without an id
    the number is made of `otherwise`, and there is no jobkey, because phones drop a repeated one."""
    named = message_id or str(otherwise)
    digest = hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=14).hexdigest()
    number = str(int(digest[20:], 16) >> 1)
    if not message_id:
        return number, ""
    return number, message_id if len(message_id) <= 20 and _JOBKEY.fullmatch(message_id) else digest[:20]


def encode_same(
    encoded: Encoded[Rest], message_id: str, target: Mapping[str, str], callback: Mapping[str, str]
) -> tuple[bytes, str]:
    """The form of one notification to the target that these fields name; and its `notify_id`."""
    number, jobkey = ids_of(message_id, encoded.own)
    fields = {"notify_id": number, **{name: form_text(value) for name, value in encoded.own.items()}}
    fields |= {"extra.jobkey": jobkey} if jobkey else {}
    fields |= {} if encoded.rest.asks else callback
    return form_encode({**fields, **target}) + encoded.rest.form, fields["notify_id"]


def encode_each(
    notes: Sequence[Encoded[Rest]], message_ids: Sequence[str], tokens: Sequence[str], callback: Mapping[str, str]
) -> tuple[bytes, list[str]]:
    """The form of different notifications, one for each of `tokens`; and the `notify_id` of each."""
    asked = {name.removeprefix(EXTRA): value for name, value in callback.items()}
    ending = form_quote("," + encode_tree(asked)[1:-1]) if asked else b""
    parts: dict[int, tuple[bytes, bytes]] = {}
    pieces, numbers = [], []
    for token, encoded, message_id in zip(form_quote(",".join(tokens)).split(_COMMA), notes, message_ids, strict=True):
        part = parts.get(id(encoded)) or parts.setdefault(id(encoded), _parts(encoded, ending))
        number, jobkey = ids_of(message_id, encoded.own)
        if "notify_id" in encoded.own:
            number = str(encoded.own["notify_id"])
        numbers.append(number)
        key = (_KEY, jobkey.encode(), _END_OF_KEY) if jobkey else (_END,)
        pieces.append(b"".join((_TARGET, token, part[0], number.encode(), part[1], *key)))
    return b"messages=%5B" + _COMMA.join(pieces) + b"%5D&time_to_send=0", numbers


def _parts(encoded: Encoded[Rest], asked: bytes) -> tuple[bytes, bytes]:
    """What is between token and notify_id, and what is between notify_id and jobkey."""
    own = [f'"{name}":{quote_json(str(value))}' for name, value in encoded.own.items() if name in _IN_MESSAGE]
    extra = encoded.rest.extra if encoded.rest.asks else encoded.rest.extra + asked
    if PARAMETERS in encoded.own:
        extra += form_quote(f',"template_param":{quote_json(str(encoded.own[PARAMETERS]))}')
    return _MESSAGE + form_quote(",".join(own)) + encoded.rest.message, extra


_IN_MESSAGE: Final = ("title", "description", "payload")
