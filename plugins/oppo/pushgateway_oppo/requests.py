"""Builds OPPO's request bodies for pushes and broadcasts.

Pure. `message` and `messages` are JSON text inside a form field; the toolkit's `Columns` writes them, each distinct
notification once. Here is how OPPO writes one message, and the forms of a broadcast.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

from pushgateway.vendor import Audience, AudienceKind, CallBack, Notification, Reason, Refused
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.text import form_encode, form_quote
from pushgateway.vendor.toolkit.columns import Columns, Frame, quote_inner
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.form_json import FormEncoder
from pushgateway.vendor.toolkit.intents import IntentTable
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.requests import PLAIN
from pushgateway_oppo.notification import BRAND, encode_notification
from pushgateway_oppo.tokens import MISSPELT, token_refusal

_PLAIN_LIST = re.compile(r"[A-Za-z0-9_.~;-]+", re.ASCII)
_TEXT_END = form_quote('",')
_NOTIFICATION = form_quote('"notification":{')
_CALLBACK_URL = form_quote('"call_back_url":"')
_CALLBACK_PARAMETER = form_quote('"call_back_parameter":"')
_CALLBACK_FIELDS: Final = frozenset({"call_back_url", "call_back_parameter"})


def make_columns(sheet: Sheet, intents: IntentTable) -> Columns:
    """How the pushes of a certificate are written."""
    rules, longest = sheet.dialect, sheet.dialect.number("token_bytes")
    frame = Frame(
        opening=rules.operations["unicast_batch"].body.encode("ascii") + b"=%5B",
        opening_of_one=rules.operations["unicast"].body.encode("ascii") + b"=",
        target=form_quote(f'{{"target_type":{rules.targets["tokens"].unicast},"target_value":"'),
        before=_TEXT_END + _NOTIFICATION,
        beside=form_quote(",") + _NOTIFICATION,
        message_id=form_quote('"app_message_id":"'),
        end=form_quote("}}"),
    )
    return Columns(
        frame,
        functools.partial(encode_notification, sheet=sheet, intents=intents),
        functools.partial(token_refusal, longest=longest),
        longest,
        ordinary=FormEncoder(sheet, intents),
        odd=_may_be_misspelt,
        callback=_callback,
    )


def _may_be_misspelt(together: str, plain: bytes, end: int, underscores: int) -> bool:
    """Whether one of the texts may be a token whose prefix is not in capitals. Nearly always each "_" belongs to the
    prefix "CN_" of a token; to count these is cheaper than a search."""
    prefixes = plain.count(b"\nCN_", 0, end) + plain.startswith(b"CN_")
    return underscores != prefixes and MISSPELT.search(together) is not None


def _callback(note: Notification, callback: CallBack) -> tuple[bytes, ...]:
    """The fields of `Push.callback`; none if the notification itself names a URL or a parameter for receipts."""
    own = note.overrides.get(BRAND, {}) if note.overrides else {}
    if note.receipt_url is not None or note.receipt_parameter is not None or not _CALLBACK_FIELDS.isdisjoint(own):
        return ()
    parameter = callback.parameter
    quoted = quote_inner(parameter) if PLAIN.fullmatch(parameter) is None else "".join((parameter,)).encode("ascii")
    return _CALLBACK_URL, _quoted_url(callback.url), _TEXT_END, _CALLBACK_PARAMETER, quoted, _TEXT_END


@functools.lru_cache(maxsize=64)
def _quoted_url(url: str) -> bytes:
    return quote_inner(url)  # cached: all pushes of a certificate have the same


def encode_broadcast(saved: str, audience: Audience, values: Sequence[str], dialect: Dialect) -> bytes:
    """The form of `broadcast` for the saved content; `values` are the tokens or aliases to be sent."""
    target = dialect.targets[audience.kind.value].broadcast
    form = form_encode({"message_id": saved, "target_type": str(target)})
    if audience.kind is AudienceKind.EVERYONE:
        return form
    joined = _tags(audience, dialect) if audience.kind is AudienceKind.TAGS else ";".join(values)
    if _PLAIN_LIST.fullmatch(joined):
        return form + b"&target_value=" + joined.replace(";", "%3B").encode("ascii")
    return form + b"&target_value=" + form_quote(joined)


def check_audience(audience: Audience, dialect: Dialect) -> None:
    """Raise `Refused` for an audience that this dialect cannot express. Tokens are checked later, one by one."""
    if audience.kind is AudienceKind.TAGS:
        _tags(audience, dialect)
    if audience.kind is AudienceKind.ALIASES:
        for alias in audience.values:
            check_alias("audience", alias, dialect)


def check_alias(word: str, alias: object, dialect: Dialect) -> None:
    """Raise `Refused`, naming `word`, if this cannot be an alias in this dialect."""
    if not isinstance(alias, str):
        raise invalid(word, f"an alias must be a str, is {type(alias).__name__}")
    if not alias.strip() or not alias.isprintable() or ";" in alias:
        raise invalid(word, "an alias must not be blank and must hold no control character and no ';'")
    limit = dialect.numbers.get("alias_characters")
    if limit is not None and len(alias) > limit.value:
        raise invalid(word, f"an alias must have at most {limit.value} characters, one has {len(alias)}")


def _tags(audience: Audience, dialect: Dialect) -> str:
    tags = (*audience.values, *audience.all_of, *audience.none_of)
    if not all(tag.strip() and tag.isprintable() for tag in tags):
        raise invalid("audience", "a tag must not be blank and must hold no control character")
    if dialect.targets["tags"].struck_out:
        # V1.3 shows tags crossed out, and a list as their only form.
        if audience.all_of or audience.none_of:
            raise Refused(Reason.UNSUPPORTED, detail="audience: this dialect of OPPO has no all_of and no none_of tags")
        if any(";" in tag for tag in tags):
            raise invalid("audience", "a tag must hold no ';'")
        return ";".join(audience.values)
    groups = {"or": audience.values, "and": audience.all_of, "not": audience.none_of}
    return encode_json({name: list(group) for name, group in groups.items() if group})
