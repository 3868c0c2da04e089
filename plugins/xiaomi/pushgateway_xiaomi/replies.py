"""Reads Xiaomi's replies and the receipts that it posts.

Pure; a reply that is not clearly accepted or refused raises `NoVerdict`. Codes are rows of `rules.toml`. Of documented
shapes that no source confirms (`bad_regids`, ids that are missing), each is read where it is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import attrs

from pushgateway.vendor import (
    Batch,
    Notification,
    NoVerdict,
    Outcome,
    Reason,
    Receipt,
    Refused,
    Reply,
    Response,
)
from pushgateway.vendor.toolkit.batches import TokenRule
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.ordinary import Encoded
from pushgateway.vendor.toolkit.readers import check_named_once, identifier, texts
from pushgateway.vendor.toolkit.receipts import make_receipt, read_keyed, read_posted_form, read_tokens
from pushgateway.vendor.toolkit.token_lists import listed_outcomes
from pushgateway_xiaomi.notification import Rest
from pushgateway_xiaomi.settings import FACTS, RULES

CODES: Final = CodeTable.of(RULES, message="reason")
_OF_TARGETS: Final = CodeTable.of(RULES, "target_codes")
_SENDING_FAILED: Final = "20301"
_EXCEEDED: Final = "channel_exceed_quota"
_BAD: Final = "bad_regids"
_DECISIVE: Final = frozenset({"result", "data", "id", _BAD, _EXCEEDED})
TOKENS: Final = TokenRule(vendor=RULES.vendor, longest=FACTS.number("token_bytes"))
_PART: Final = re.compile(r"(\S+):([0-9]{1,9})")


def read_accepted(response: Response, *, one_target: bool = False) -> Reply:
    """An accepted reply. Raises `Refused` and `NoVerdict`."""
    try:
        reply = CODES.read_accepted(response, one_target=one_target)
    except Refused as refused:
        if refused.code == _SENDING_FAILED and "valid target" not in (refused.message or "").lower():
            pause = response.retry_after
            raise Refused(Reason.UNAVAILABLE, refused.code, refused.message, pause, "sending failed") from None
        raise
    if reply.body.get("result", "ok") != "ok":
        raise NoVerdict("the reply has the code of a success and says that it is none")
    check_named_once(response, _DECISIVE.__contains__)
    return reply


def data_of(reply: Reply) -> Mapping[str, Any]:
    """The data of a reply; anything but an object counts as none."""
    data = reply.body.get("data")
    return data if isinstance(data, dict) else {}


def message_id_of(reply: Reply) -> str | None:
    """The id of the message, or else that of the request, as Xiaomi's SDK does."""
    return identifier(data_of(reply).get("id")) or identifier(reply.body.get("trace_id"))


def read_pushes(
    response: Response,
    sent: Batch,
    encoded: Sequence[Encoded[Rest]],
    numbers: Sequence[str],
    channel_of: Callable[[Notification], str],
) -> Sequence[Outcome]:
    """The outcome of each push of a request. `numbers`: their `notify_id`s."""
    reply = read_accepted(response, one_target=len(sent) == 1)
    message_id, data = message_id_of(reply), data_of(reply)
    truncated, omitted = [one.truncated for one in encoded], [one.omitted for one in encoded]
    if _BAD not in data and _EXCEEDED not in data:
        return Outcome.all_accepted(sent, [message_id] * len(sent), truncated, omitted, numbers)
    used = [channel_of(note) or "no_channel" for note in sent.notifications]
    counts = _exceeded(data.get(_EXCEEDED))
    # Xiaomi counts the pushes that it dropped and does not name them: known only where they are all of a channel.
    full = {channel for channel, number in Counter(used).items() if (counts or {}).get(channel, 0) >= number}
    lists = {
        _BAD: _regids(data.get(_BAD)),
        _EXCEEDED: [token for token, channel in zip(sent.tokens, used, strict=True) if channel in full],
    }
    is_clear = counts is not None and counts.keys() <= full
    outcomes = listed_outcomes(_OF_TARGETS, sent, lists, message_id=message_id, truncated=truncated, readable=is_clear)
    beside = zip(outcomes, omitted, numbers, strict=True)
    return [attrs.evolve(one, omitted=left, handle=number if one.ok else None) for one, left, number in beside]


def check_whole(reply: Reply) -> None:
    """Raise `NoVerdict` for a broadcast of which a part was dropped, of unknown size."""
    if _exceeded(data_of(reply).get(_EXCEEDED)) != {}:
        raise NoVerdict("the daily quota of the channel was used up, and some phones were dropped")


def _regids(value: object) -> list[str] | None:
    listed = texts(value, ",")
    return None if listed is None else [one.strip() for one in listed]


def _exceeded(value: object) -> Mapping[str, int] | None:
    """The number of dropped pushes by channel, from a text such as `no_channel:2 150001:3`; None: unreadable."""
    parts = [_PART.fullmatch(part) for part in value.split()] if isinstance(value, str) else []
    if None in parts or (not parts and value not in (None, "")):
        return None
    return {part[1]: int(part[2]) for part in parts if part is not None and int(part[2])}


# Receipts


def decode_receipts(certificate_id: str, body: bytes) -> list[Receipt | None]:
    """The receipts of a form whose field `data` holds JSON by message id; None for an element that cannot be read.
    Raises `Refused` for any other body."""
    text = read_posted_form(body).get("data", "")
    if not text.lstrip().startswith("{"):
        text = unquote(text)  # one receiver of the field had to decode it twice (M14)
    return read_keyed(text, lambda message_id, element: _receipts(certificate_id, message_id, element))


def _receipts(certificate_id: str, message_id: str, element: Mapping[str, Any]) -> Iterator[Receipt | None]:
    event, extra, replaced = identifier(element.get("type")) or "", element.get("extra"), element.get("replaceTarget")
    of_device = f"{event}_device" if isinstance(extra, dict) and "device_quota" in extra else event
    events = {event: FACTS.events[of_device]} if of_device in FACTS.events else FACTS.events
    for token in read_tokens(element.get("targets"), _is_token):
        other = replaced.get(token) if isinstance(replaced, dict) else None
        receipt = make_receipt(
            certificate_id,
            token,
            event,
            events,
            message_id=message_id,
            at=element.get("timestamp"),
            parameter=element.get("param"),
            replacement=other if isinstance(other, str) and _is_token(other) else None,
        )
        yield receipt


def _is_token(text: str) -> bool:
    return TOKENS.problem(text) is None
