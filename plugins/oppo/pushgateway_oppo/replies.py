"""OPPO's replies.

Law of this file: pure; from the wire to the model, and nothing but `Refused` and `NoVerdict` comes out of it, whatever
came in. What a code means is a row of `rules.toml`. A reply is believed as far as it can be read: a target that it
does not speak of has no verdict, and a refusal that does not name its target never costs a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    BroadcastOutcome,
    ClockSkew,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Reply,
    Response,
    Status,
    code_text,
    read_reply,
)
from pushgateway.vendor.rules import CodeRule, load_rules
from pushgateway.vendor.text import fit

RULES: Final = load_rules("pushgateway_oppo")

_GROUP = re.compile(r"[0-9]{1,9}", re.ASCII)
_ID_LENGTH = 200
_MESSAGE_LENGTH = 200
_DECISIVE = frozenset({"data", "value", "registrationId", "errorCode"})
BREATH: Final = 256
"""Items read between two breaths that were not simply accepted; more of any kind begin with one, after the JSON."""
_UNREAD = "the reply does not say what became of this one"


def read_accepted(response: Response, *, one_target: bool = False, token: str = "") -> Any:
    """The `data` of a reply with code 0. Raises `Refused`, and `NoVerdict` for a reply that contradicts itself too.

    `one_target`: the call named one token or alias alone, so a code that speaks of a target speaks of that one.
    `token`: the token that the call named; a reply that names another one is no answer to it.
    """
    reply = read_reply(response)
    if reply.code == "0":
        data = _data(reply.body)
        if token:
            _check_target(response, data, token)
        return data
    rule = RULES.codes.get(reply.code)
    if one_target and rule is not None and rule.scope == "target" and rule.host_reason is not None:
        raise Refused(rule.host_reason, reply.code, _short(reply.message), None, _sentence(rule))
    raise _refused(reply, response)


def decode_login(response: Response, lifetime: float, longest: int) -> AccessToken:
    """The access token. Its creation time is text in OPPO's documents and a number in its clients' code."""
    reply = read_reply(response)
    if reply.code != "0":
        raise _login_refused(_refused(reply, response))
    data = _data(reply.body)
    value = data.get("auth_token") if isinstance(data, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise NoVerdict(f"the login's reply holds no auth_token of 1 to {longest} characters")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise NoVerdict("the login's auth_token holds characters that no header can carry")
    return AccessToken(value, lifetime, _epoch_seconds(data.get("create_time")))


def decode_unicast(response: Response, push: Push, truncated: tuple[str, ...]) -> Outcome:
    """What became of the only push of a request."""
    reply = read_reply(response)
    if reply.code == "0":
        data = _data(reply.body)
        # Nearly always there is a messageId and nothing else.
        is_usual = type(data) is dict and len(data) == 1 and "messageId" in data
        if not is_usual or response.content.count(b'"data"') != 1:
            _check_target(response, data, push.push_token.token)
        return Outcome.accepted(push, _message_id(data), truncated=truncated)
    rule = RULES.codes.get(reply.code)
    if rule is None or (rule.scope == "request" and rule.reason != "repeated"):
        raise _refused(reply, response)
    return _rejected(push, reply.code, message=reply.message, truncated=truncated, pause=response.retry_after)


def decode_batch(
    response: Response, pushes: Sequence[Push], truncated: Sequence[tuple[str, ...]]
) -> Generator[None, Any, list[Outcome]]:
    """What became of each push, in their order, with breaths between. Items are matched by registration id, never by
    place alone."""
    sent = Batch.of(pushes)
    items = read_accepted(response)
    if not isinstance(items, list):
        items = []
    ids = _usual_ids(items, sent)
    if _may_name_twice(response.content, items, are_usual=ids is not None):
        _check_names(response)
    found = {} if ids is not None else _by_token(items, sent)
    if len(sent) > BREATH:
        yield
    if ids is not None:
        return Outcome.all_accepted(sent, ids, truncated)
    pause = response.retry_after
    outcomes: list[Outcome] = []
    accepted = Outcome.accepted
    effort = 0
    for push, cut in zip(sent, truncated, strict=True):
        item = found.get(push.push_token.token)
        if item is not None and item.get("errorCode") is None:
            outcomes.append(accepted(push, _message_id(item), truncated=cut))
            continue
        if effort >= BREATH:
            effort = 0
            yield
        effort += 1
        outcomes.append(_item_outcome(item, push, cut, pause))
    return outcomes


_REGISTRATION_ID, _MESSAGE_ID = itemgetter("registrationId"), itemgetter("messageId")


def _usual_ids(items: Sequence[Any], sent: Batch) -> list[str] | None:
    """The message ids of a reply as nearly all are, looked at in one: each push in order, as OPPO has always sent them,
    accepted, with an id of the usual kind and nothing else. None for any other. A batch holds no token twice, so each
    item is then the only one for its token."""
    try:
        if set(map(len, items)) != {2} or list(map(_REGISTRATION_ID, items)) != sent.tokens:
            return None
        ids = list(map(_MESSAGE_ID, items))
        are_printable = "".join(ids).isprintable()
    except (LookupError, TypeError):  # an item is no object, or lacks one of both, or an id is no text
        return None
    return ids if are_printable and all(ids) and max(map(len, ids)) <= _ID_LENGTH else None


def _may_name_twice(content: bytes, items: Sequence[Any], *, are_usual: bool) -> bool:
    """Whether more is named than was read, which costs nothing to see; a full look at every reply would double it.

    A name may also be spelled with escapes. `are_usual`: each item has an id, a registration id, and nothing else.
    """
    if content.count(b'"data"') != 1 or b'"value"' in content or b"\\" in content:
        return True
    named = content.count(b'"registrationId"')
    if are_usual:
        return named != len(items)
    objects = [item for item in items if type(item) is dict]
    refused = sum("errorCode" in item for item in objects)
    return named != sum("registrationId" in item for item in objects) or content.count(b'"errorCode"') != refused


def _check_names(response: Response) -> None:
    """Raise `NoVerdict` where a name that decides is given twice and differently: readers of JSON keep the last, but
    who knows which one counts. `data` that is text is looked into too."""
    try:
        body = json.loads(response.content.decode("utf-8-sig"), object_pairs_hook=_clear)
        for name in ("data", "value"):
            if isinstance(body.get(name), str):
                json.loads(body[name], object_pairs_hook=_clear)
    except _NamedTwiceError:
        raise NoVerdict("the reply names one thing twice and differently") from None
    except (ValueError, RecursionError):
        return  # data that is text and no JSON


def _check_target(response: Response, data: object, token: str) -> None:
    """Raise `NoVerdict` where a reply with code 0 about this one target names another one, or a failure of one."""
    _check_names(response)
    items = data if isinstance(data, list) else [data]
    for item in items:
        if not isinstance(item, dict):
            continue
        named = [item[name] for name in _TARGETS if item.get(name) is not None]
        if any(name != token for name in named):
            raise NoVerdict("the reply's code is 0, and it names another registration id")
        if _fails(item) or any(_GROUP.fullmatch(key) and value for key, value in item.items()):
            raise NoVerdict(_FAILS)


def _fails(item: Mapping[str, Any]) -> bool:
    code = item.get("errorCode")
    return code is not None and code_text(code) != "0"


_TARGETS: Final = ("registrationId", "registration_id")
_FAILS: Final = "the reply's code is 0, and it holds an errorCode"


class _NamedTwiceError(Exception):
    pass


def _clear(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            decides = name in _DECISIVE or _GROUP.fullmatch(name)
            if decides and repr(found[name]) != repr(value):  # 1, 1.0 and true would be equal
                raise _NamedTwiceError
    return found


def decode_saved(response: Response) -> str:
    """The id of the saved content."""
    if (saved := _message_id(read_accepted(response))) is None:
        raise NoVerdict("the reply to save_message_content holds no message_id")
    return saved


def decode_broadcast(
    response: Response, broadcast: Broadcast, saved: str, values: Sequence[str]
) -> tuple[BroadcastOutcome, dict[str, Outcome]]:
    """What became of a broadcast, and of each token of `values` where it was for tokens."""
    data = read_accepted(response)
    _check_names(response)
    groups = _groups(data) if isinstance(data, dict) else {}
    _check_broadcast(data, groups, saved, broadcast.audience, values)
    readable = None not in groups.values() and (data is None or isinstance(data, dict) or data in ([], ""))
    refused = {value: code for code, listed in groups.items() for value in listed or () if not _is_copy(code)}
    task_id = read_identifier(data.get("task_id", data.get("taskId"))) if isinstance(data, dict) else None
    outcome = BroadcastOutcome(
        certificate_id=broadcast.certificate_id,
        status=Status.ACCEPTED,
        message_id=_message_id(data) or saved,
        task_ids=(task_id,) if task_id else (),
        detail=_listed(broadcast.audience, groups, refused),
    )
    if broadcast.audience.kind is not AudienceKind.TOKENS:
        return outcome, {}
    pushes = {value: _push(broadcast, value) for value in values}
    return outcome, {
        value: _rejected(push, refused[value], pause=response.retry_after, message_id=outcome.message_id)
        if value in refused
        else _passed(push, outcome.message_id, readable)
        for value, push in pushes.items()
    }


def _check_broadcast(
    data: object, groups: Mapping[str, list[str] | None], saved: str, audience: Audience, values: Sequence[str]
) -> None:
    """Raise `NoVerdict` where a reply is about another content, or names targets that the request did not have.

    V1.3 has the same words, "消息 Id", for the `message_id` of the request and of the reply. Who is not named counts as
    accepted, so a reply about another list says nothing of this one.
    """
    named = read_identifier(data.get("message_id")) if isinstance(data, dict) else None
    if saved and named is not None and named != saved:
        raise NoVerdict("the reply's code is 0, and it names another message_id")
    if not groups or audience.kind not in (AudienceKind.TOKENS, AudienceKind.ALIASES):
        return
    sent = {"", *values}
    if audience.kind is AudienceKind.ALIASES:
        sent.update(part for value in values for part in read_texts(value) or ())
    if not sent.issuperset(text for listed in groups.values() for text in listed or ()):
        raise NoVerdict("the reply's code is 0, and it names targets that were not in the request")


def _push(broadcast: Broadcast, token: str) -> Push:
    # The audience has checked the tokens: nothing is checked again for each of thousands.
    return Push.ordinary(PushToken(broadcast.certificate_id, token), broadcast.notification, "")


def _passed(push: Push, message_id: str | None, readable: bool) -> Outcome:
    return Outcome.accepted(push, message_id) if readable else Outcome.unknown(push, _UNREAD)


def _listed(audience: Audience, groups: Mapping[str, object], refused: Mapping[str, str]) -> str:
    if audience.kind is AudienceKind.TOKENS or not refused:
        return ""
    return f"{len(refused)} of the {audience.kind.value} were refused (codes {', '.join(sorted(groups))})"


def _groups(data: Mapping[str, Any]) -> dict[str, list[str] | None]:
    # The error groups lie between named keys (message_id, task_id, status ...): every key of digits is one.
    return {key: read_texts(value) for key, value in data.items() if _GROUP.fullmatch(key)}


def read_texts(value: object) -> list[str] | None:
    """The texts of a list, or of one text that OPPO joins with `;` or `,`; None for anything else."""
    if value is None:
        return []
    if isinstance(value, str):
        return re.split(r"\s*[;,]\s*", value.strip())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None


def _is_copy(code: str) -> bool:
    rule = RULES.codes.get(code)
    return rule is not None and rule.reason == "copy"


def _by_token(items: Iterable[Any], sent: Sequence[Push]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    nameless: list[Mapping[str, Any]] = []
    others = False
    for item in items:
        name = item.get("registrationId") if isinstance(item, dict) else None
        if isinstance(name, str):
            known = found.get(name)
            found[name] = item if known is None else max(known, item, key=_badness)
        elif isinstance(item, dict) and name is None:
            nameless.append(item)
        else:
            others = True
    if not found and not others and len(nameless) == len(sent):
        return {push.push_token.token: item for push, item in zip(sent, nameless, strict=True)}
    return found


def _badness(item: Mapping[str, Any]) -> int:
    """Accepted 0, unreadable 1, refused 2: of two verdicts on one token the worse one counts."""
    code = item.get("errorCode")
    text = "0" if code is None else code_text(code)
    return 1 if text is None else 0 if text == "0" else 2


def _item_outcome(
    item: Mapping[str, Any] | None, push: Push, truncated: tuple[str, ...], pause: float | None
) -> Outcome:
    if item is None:
        return Outcome.unknown(push, _UNREAD)
    code = item.get("errorCode")
    text = "0" if code is None else code_text(code)
    if text is None:
        return Outcome.unknown(push, _UNREAD)
    if text == "0":
        return Outcome.accepted(push, _message_id(item), truncated=truncated)
    message = item.get("errorMessage")
    return _rejected(push, text, message=message, truncated=truncated, pause=pause, message_id=_message_id(item))


def _rejected(
    push: Push,
    code: str,
    *,
    message: object = None,
    truncated: tuple[str, ...] = (),
    pause: float | None = None,
    message_id: str | None = None,
) -> Outcome:
    rule = RULES.codes.get(code)
    reason = (rule.host_reason if rule else None) or Reason.INVALID_NOTIFICATION
    return Outcome.rejected(
        push,
        reason,
        code=code,
        message=_short(message),
        detail=_sentence(rule),
        retry_after=_pause(rule, pause),
        message_id=message_id,
        repeated=rule is not None and rule.reason == "repeated",
        truncated=truncated,
    )


def _refused(reply: Reply, response: Response) -> Refused | NoVerdict:
    rule = RULES.codes.get(reply.code)
    if rule is None and response.status >= 500:
        return NoVerdict(f"HTTP {response.status} with the unknown code {reply.code}")
    kind: type[Refused] = Refused
    if rule is not None and rule.reason in ("expired", "clock"):
        kind = AccessExpired if rule.reason == "expired" else ClockSkew
    reason = (rule.host_reason if rule else None) or Reason.INVALID_NOTIFICATION
    detail = _sentence(rule)
    if rule is not None and rule.scope == "target":
        # It does not say which target: to blame all of them would retire tokens that are alive.
        reason, detail = Reason.INVALID_NOTIFICATION, f"{detail}; the reply does not name the target"
        return kind(reason, reply.code, _short(reply.message), None, detail, about="target")
    return kind(reason, reply.code, _short(reply.message), _pause(rule, response.retry_after), detail)


def _login_refused(refused: Refused | NoVerdict) -> Refused | NoVerdict:
    # At the login no notification is in play, and "log in again" would lead in a circle.
    if isinstance(refused, Refused) and (
        isinstance(refused, AccessExpired) or refused.reason is Reason.INVALID_NOTIFICATION
    ):
        return Refused(Reason.CREDENTIALS, refused.code, refused.message, refused.retry_after, refused.detail)
    return refused


def _sentence(rule: CodeRule | None) -> str:
    if rule is None:
        return "unknown code"
    return f"{rule.meaning}: {rule.advice}" if rule.advice else rule.meaning


def _pause(rule: CodeRule | None, hint: float | None) -> float | None:
    if rule is None or rule.host_reason not in (Reason.RATE_LIMITED, Reason.UNAVAILABLE, Reason.QUOTA_EXCEEDED):
        return None
    return rule.retry_after if hint is None else hint


def _data(body: Mapping[str, Any]) -> Any:
    """What came with a code 0. Raises `NoVerdict` where an errorCode beside the code, or for all of it, contradicts."""
    data = _read_data(body)
    if "errorCode" in body and _fails(body):
        raise NoVerdict(_FAILS)
    if type(data) is dict and "errorCode" in data and _fails(data):
        raise NoVerdict(_FAILS)
    return data


def _read_data(body: Mapping[str, Any]) -> Any:
    # V1.3 types `data` as text, shows an object, and calls it `value` in two tables.
    data = body.get("data")
    if data is None:
        data = body.get("value")
    if isinstance(data, str):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return data
    return data


def _message_id(data: object) -> str | None:
    if type(data) is dict:
        first = data.get("messageId")
        if type(first) is str and 0 < len(first) <= _ID_LENGTH and first.isprintable():
            return first  # the usual case
    if not isinstance(data, dict):
        return None
    # Unicast and batch say messageId, save and broadcast message_id; broadcast once said messageId.
    first = read_identifier(data.get("messageId"))
    return first if first is not None else read_identifier(data.get("message_id"))


def read_identifier(value: object) -> str | None:
    """An id that may be shown and sent again, or None."""
    if type(value) is str:
        return value if 0 < len(value) <= _ID_LENGTH and value.isprintable() else None
    if type(value) is int:
        return str(value) if abs(value) < 10**_ID_LENGTH else None
    return None


def _short(message: object) -> str | None:
    return fit(message, _MESSAGE_LENGTH)[0] if isinstance(message, str) else None


def _epoch_seconds(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**15:
        return None
    return value / 1000
