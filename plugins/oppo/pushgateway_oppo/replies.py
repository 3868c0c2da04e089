"""OPPO's replies to logins, pushes and broadcasts, read into outcomes.

Pure; raises nothing but `Refused` and `NoVerdict`, whatever came in. What a code means is a row of `rules.toml`. A
target that a reply does not name has no verdict, and a refusal that does not name its target never retires a token.
Replies to the other calls are read in `aliases_and_tags`, `feedback` and `pictures`, by `read_accepted`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from pushgateway.vendor import (
    AccessToken,
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    BroadcastOutcome,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Response,
    Status,
)
from pushgateway.vendor.toolkit.access import read_access_token
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.columns import Names
from pushgateway.vendor.toolkit.items import ItemReader
from pushgateway.vendor.toolkit.readers import data_of, epoch_seconds, first_identifier, identifier, texts
from pushgateway.vendor.toolkit.token_lists import listed_outcomes
from pushgateway_oppo.notification import RULES

CODES: Final = CodeTable(RULES.codes)

_GROUP = re.compile(r"[0-9]{1,9}", re.ASCII)
_DATA: Final = ("data", "value")
"""V1.3 types `data` as text, shows an object, and calls it `value` in two tables."""
_MESSAGE_IDS: Final = ("messageId", "message_id")
"""Unicast and batch say messageId, save and broadcast message_id; broadcast once said messageId."""
_ITEMS: Final = ItemReader(
    CODES,
    token="registrationId",  # noqa: S106 - the name of a field
    message_ids=_MESSAGE_IDS,
    code="errorCode",
    message="errorMessage",
    inside=_DATA,
    decides=_GROUP.fullmatch,
)


def read_accepted(response: Response, *, one_target: bool = False, token: str = "") -> Any:
    """The `data` of a reply with code 0. Raises `Refused`, and `NoVerdict` for an unreadable or contradictory one.

    `one_target`: the call named a single token or alias, so a code about a target is about that one. `token`: the
    token that the call named; a reply that names another one raises `NoVerdict`.
    """
    data = _data(CODES.read_accepted(response, one_target=one_target).body)
    if token:
        _check_target(response, data, token)
    return data


def decode_login(response: Response, lifetime: float, longest: int) -> AccessToken:
    """The access token; `lifetime` in seconds, `longest` in bytes. Raises `Refused` and `NoVerdict`.

    Its creation time is text in OPPO's documents and a number in its clients' code.
    """
    reply = CODES.read(response)
    if reply.code != "0":
        raise CODES.login_refusal(reply, response)
    data = _data(reply.body)
    login = data if isinstance(data, dict) else {}
    created_at = epoch_seconds(login.get("create_time"))
    return read_access_token(
        login.get("auth_token"), lifetime, name="auth_token", longest=longest, created_at=created_at
    )


def decode_unicast(
    response: Response, pushes: Sequence[Push], truncated: Names, omitted: Names | None = None
) -> Sequence[Outcome]:
    """The outcome of the only push of a request; `truncated`, `omitted`: for each push, the names of the fields that
    were cut or left out."""
    reply = CODES.read(response)
    if reply.code != "0":
        left_out = () if omitted is None else omitted[0]
        return [CODES.only_push_refused(pushes[0], reply, response, truncated[0], left_out)]
    data = _data(reply.body)
    # Nearly always there is a messageId and nothing else.
    is_usual = type(data) is dict and len(data) == 1 and "messageId" in data
    if not is_usual or response.content.count(b'"data"') != 1:
        _check_target(response, data, pushes[0].push_token.token)
    return Outcome.all_accepted(pushes, [first_identifier(data, _MESSAGE_IDS)], truncated, omitted)


def decode_batch(
    response: Response, pushes: Sequence[Push], truncated: Names, omitted: Names | None = None
) -> Generator[None, Any, list[Outcome]]:
    """The outcome of each push, in their order. Yields None at checkpoints."""
    return (yield from _ITEMS.outcomes(response, read_accepted(response), Batch.of(pushes), truncated, omitted))


def _check_target(response: Response, data: object, token: str) -> None:
    """Raise `NoVerdict` for a reply with code 0 that names another target than `token`, or holds an error code."""
    _ITEMS.check_names(response)
    items = data if isinstance(data, list) else [data]
    for item in items:
        if not isinstance(item, dict):
            continue
        named = [item[name] for name in _TARGETS if item.get(name) is not None]
        if any(name != token for name in named):
            raise NoVerdict("the reply's code is 0, and it names another registration id")
        if _ITEMS.fails(item) or any(_GROUP.fullmatch(key) and value for key, value in item.items()):
            raise NoVerdict(_FAILS)


_TARGETS: Final = ("registrationId", "registration_id")
_FAILS: Final = "the reply's code is 0, and it holds an errorCode"


def decode_saved(response: Response) -> str:
    """The id of the saved content."""
    if (saved := first_identifier(read_accepted(response), _MESSAGE_IDS)) is None:
        raise NoVerdict("the reply to save_message_content holds no message_id")
    return saved


def decode_broadcast(
    response: Response, broadcast: Broadcast, saved: str, values: Sequence[str]
) -> tuple[BroadcastOutcome, dict[str, Outcome]]:
    """The outcome of a broadcast, and by token the outcomes of `values` if it was for tokens."""
    data = read_accepted(response)
    _ITEMS.check_names(response)
    groups = _groups(data) if isinstance(data, dict) else {}
    _check_broadcast(data, groups, saved, broadcast.audience, values)
    task_id = identifier(data.get("task_id", data.get("taskId"))) if isinstance(data, dict) else None
    outcome = BroadcastOutcome(
        certificate_id=broadcast.certificate_id,
        status=Status.ACCEPTED,
        message_id=first_identifier(data, _MESSAGE_IDS) or saved,
        task_ids=(task_id,) if task_id else (),
        detail=_refused_detail(broadcast.audience, groups),
    )
    if broadcast.audience.kind is not AudienceKind.TOKENS:
        return outcome, {}
    # `Audience` has checked the tokens, so they are not checked again: there may be thousands.
    id_, note = broadcast.certificate_id, broadcast.notification
    outcomes = listed_outcomes(
        CODES,
        [Push.with_defaults(PushToken(id_, value), note, "") for value in values],
        groups,
        message_id=outcome.message_id,
        pause=response.retry_after,
        readable=data is None or isinstance(data, dict) or data in ([], ""),
    )
    return outcome, dict(zip(values, outcomes, strict=True))


def _check_broadcast(
    data: object, groups: Mapping[str, list[str] | None], saved: str, audience: Audience, values: Sequence[str]
) -> None:
    """Raise `NoVerdict` where a reply is about another content, or names targets that the request did not have.

    V1.3 describes the `message_id` of the request and of the reply by the same words, "消息 Id". A target that is not
    named counts as accepted, so a reply about another list must not be read as one about this list.
    """
    named = identifier(data.get("message_id")) if isinstance(data, dict) else None
    if saved and named is not None and named != saved:
        raise NoVerdict("the reply's code is 0, and it names another message_id")
    if not groups or audience.kind not in (AudienceKind.TOKENS, AudienceKind.ALIASES):
        return
    sent = {"", *values}
    if audience.kind is AudienceKind.ALIASES:
        sent.update(part for value in values for part in texts(value) or ())
    if not sent.issuperset(text for listed in groups.values() for text in listed or ()):
        raise NoVerdict("the reply's code is 0, and it names targets that were not in the request")


def _refused_detail(audience: Audience, groups: Mapping[str, list[str] | None]) -> str:
    refused = {value for code, listed in groups.items() for value in listed or () if not CODES.is_copy(code)}
    if audience.kind is AudienceKind.TOKENS or not refused:
        return ""
    return f"{len(refused)} of the {audience.kind.value} were refused (codes {', '.join(sorted(groups))})"


def _groups(data: Mapping[str, Any]) -> dict[str, list[str] | None]:
    # The groups of refused targets stand among other keys (message_id, task_id, status ...): each key of digits is one.
    return {key: texts(value) for key, value in data.items() if _GROUP.fullmatch(key)}


def _data(body: Mapping[str, Any]) -> Any:
    """The data of a reply with code 0. Raises `NoVerdict` if the reply or its data holds the errorCode of a failure."""
    data = data_of(body, _DATA)
    if "errorCode" in body and _ITEMS.fails(body):
        raise NoVerdict(_FAILS)
    if type(data) is dict and "errorCode" in data and _ITEMS.fails(data):
        raise NoVerdict(_FAILS)
    return data
