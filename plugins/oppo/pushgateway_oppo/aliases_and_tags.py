"""Fields and replies of the calls for aliases and tags, the names by which a broadcast selects phones.

Pure: `encode_*` makes fields, `decode_*` reads replies; `operations` sends them. V1.3 lists these calls as struck out;
today they are on a host of their own, under other paths and as JSON. V1.3's sample of a reply names the phone and its
alias or tags, today's sample of `set_alias` has no data at all: what a reply leaves out is taken from the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from pushgateway.vendor import Refused, Response, safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.refusals import checked_text, invalid
from pushgateway_oppo.replies import read_accepted
from pushgateway_oppo.requests import check_alias
from pushgateway_oppo.tokens import token_refusal


@safe_repr
@attrs.frozen
class Alias:
    """A phone and its alias. Source: V1.3, `subscribe_alias` (S1); current page 11087 (S12)."""

    token: str = attrs.field(repr=False)
    alias: str | None = attrs.field(repr=False)
    """None: the phone has no alias."""


@safe_repr
@attrs.frozen
class Tag:
    """A tag, as OPPO knows it."""

    name: str
    tag_id: str | None = None
    """OPPO's id of the tag, if the reply gives one."""


@safe_repr
@attrs.frozen
class Tags:
    """A phone and the tags that the reply lists, each once. Source: V1.3, `subscribe_tags` (S1)."""

    token: str = attrs.field(repr=False)
    tags: tuple[Tag, ...] = ()
    """For subscribing and unsubscribing: the tags for which it was done. Empty where the reply has no list."""
    skipped: tuple[str, ...] = ()
    """Tags that were asked for and are not in the reply's list: OPPO skips a tag that fails, without an error."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tags' names."""
        return tuple(tag.name for tag in self.tags)


@safe_repr
@attrs.frozen
class RawReply:
    """The data of a successful reply as OPPO sent it, not interpreted: no source shows the shape of this reply."""

    data: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)
    """The reply's `data`; under the name `data` where it is no object."""


def encode_token(token: str, rules: Dialect) -> dict[str, str]:
    """The field of a registration id. Raises `Refused` for a text that cannot be one."""
    if not isinstance(token, str):
        raise invalid("token", f"must be a str, is {type(token).__name__}")
    if (refusal := token_refusal(token, rules.number("token_bytes"))) is not None:
        reason, problem = refusal
        raise Refused(reason, detail=problem)
    return {"registration_id": token}


def encode_alias(token: str, alias: str, rules: Dialect, *, alone: bool) -> dict[str, str]:
    """The fields of an alias and its phone, or of the alias alone. Raises `Refused`."""
    fields = encode_token(token, rules)
    check_alias("alias", alias, rules)
    return {"alias": alias} if alone else {**fields, "alias": alias}


def encode_tags(token: str, tags: Iterable[str], rules: Dialect) -> dict[str, str]:
    """The fields of tags and their phone. Raises `Refused`."""
    return {**encode_token(token, rules), "tags": join_tags(tags, rules)}


def encode_tag(name: str, description: str) -> dict[str, str]:
    """The fields of a new tag. Raises `Refused`."""
    return {"name": checked_text("name", name), "desc": checked_text("description", description, blank=True)}


def encode_group(group: str, tags: Iterable[str], description: str, rules: Dialect) -> dict[str, str]:
    """The fields of a new group of tags. Raises `Refused`."""
    fields = {"group": checked_text("group", group), "tags": join_tags(tags, rules)}
    return {**fields, "desc": checked_text("description", description, blank=True)}


def join_tags(tags: Iterable[str], rules: Dialect) -> str:
    """Tags as one text: V1.3 puts commas between them, the current device host semicolons. Raises `Refused`."""
    separator = chr(rules.number("tag_separator"))
    given = listed(tags)
    if not given:
        raise invalid("tags", "must name at least one tag")
    if any(separator in tag for tag in given):
        raise invalid("tags", f"a tag must hold no {separator!r}, which stands between tags")
    return separator.join(given)


def listed(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag once, in the order given. Raises `Refused`."""
    if isinstance(tags, str | bytes) or not isinstance(tags, Iterable):
        raise invalid("tags", f"must be a list of str, is {type(tags).__name__}")
    return tuple(dict.fromkeys(checked_text("tags", tag) for tag in tags))


def decode_alias(response: Response, token: str, alias: str | None) -> Alias:
    """The phone and the alias of the reply. For a reply without an alias it is `alias`: the one set, or None."""
    data = read_accepted(response, one_target=True, token=token)
    named = data.get("alias") if isinstance(data, dict) else None
    return Alias(token, named if isinstance(named, str) and named else alias)


def decode_tags(response: Response, token: str, asked: Sequence[str] = ()) -> Tags:
    """The tags of the reply, each once (V1.3's sample lists one twice); `asked` are the tags of the request."""
    data = read_accepted(response, one_target=True, token=token)
    items = data.get("tags") if isinstance(data, dict) else data
    if not isinstance(items, list):
        return Tags(token)
    tags = dict.fromkeys(tag for item in items if (tag := _tag(item)) is not None)
    names = {tag.name for tag in tags}
    return Tags(token, tuple(tags), tuple(name for name in asked if name not in names))


def decode_raw_reply(response: Response) -> RawReply:
    """The data of a reply with code 0, not interpreted; empty where there is none."""
    data = read_accepted(response)
    if data in (None, "", []):
        return RawReply()
    return RawReply(data if isinstance(data, dict) else {"data": data})


def _tag(item: object) -> Tag | None:
    if isinstance(item, str):
        return Tag(item) if item else None
    if not isinstance(item, dict):
        return None
    name, tag_id = item.get("tagName"), item.get("tagId")
    if not isinstance(name, str) or not name:
        return None
    return Tag(name, tag_id if isinstance(tag_id, str) and tag_id else None)
