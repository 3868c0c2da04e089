"""The calls for aliases and tags of the sandbox's phones.

Pure; takes fields, returns the `data` of a reply, or raises `CallRefused`. V1.3 documents the replies; of the device
host's replies only that of `set_alias` is known, which has no data, and the others have V1.3's shape.

Not documented, decided here: an unknown phone is 10000, an invalid alias 10002, an alias that the phone does not have
10003; a phone without alias has "". A tag that fails is skipped: a blank one, one that the phone does not have when it
is removed, and with `created_tags_only` one that `add_tag` did not create.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pushgateway.sandbox import Phone, Phones
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.readers import text_field
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor.rules import Dialect
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG

MOST_TAGS = 100_000
"""Tags that are remembered at most; then the oldest is forgotten."""
_text = partial(text_field, missing=MISSING, wrong=WRONG)


class Device:
    """The calls of the device host, or (`former`) V1.3's calls of the same purpose."""

    created_tags_only = False
    """Whether tags that `add_tag` did not create are skipped."""

    def __init__(self, dialect: Dialect, phones: Phones, new_id: Callable[[], str], *, former: bool) -> None:
        self._phones = phones
        self._new_id = new_id
        self._former = former
        limit = dialect.numbers.get("alias_characters")
        self._longest = None if limit is None else limit.value
        self._separator = chr(dialect.number("tag_separator"))
        self._tags: Bounded[str] = Bounded(MOST_TAGS)
        self._created: Bounded[bool] = Bounded(MOST_TAGS)
        self.calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "subscribe_alias": self._subscribe_alias,
            "unsubscribe_alias": self._unsubscribe_alias,
            "get_alias": self._get_alias,
            "add_tag": self._add_tag,
            "add_tag_group": self._add_tag_group,
            "subscribe_tags": self._subscribe_tags,
            "unsubscribe_tags": self._unsubscribe_tags,
            "get_tags": self._get_tags,
        }

    def _subscribe_alias(self, fields: Mapping[str, Any]) -> Any:
        phone, alias = self._phone(fields), self._alias(fields)
        self._phones.set_alias(phone.token, alias)
        return {"registrationId": phone.token, "alias": alias} if self._former else None

    def _unsubscribe_alias(self, fields: Mapping[str, Any]) -> Any:
        phone = self._phone(fields) if self._former else None
        alias = self._alias(fields)
        named = self._phones.by_alias(alias)
        if named is None or (phone is not None and named is not phone):
            raise CallRefused("10003", "alias")
        self._phones.set_alias(named.token, None)
        return {"registrationId": named.token, "alias": alias} if self._former else None

    def _get_alias(self, fields: Mapping[str, Any]) -> Any:
        phone = self._phone(fields)
        return {"registrationId": phone.token, "alias": phone.alias or ""}

    def _add_tag(self, fields: Mapping[str, Any]) -> Any:
        name = _text(fields, "name")
        _text(fields, "desc", required=False)
        if self._created.get(name):
            raise CallRefused("32", "name")
        self._created.put(name, True)
        return None

    def _add_tag_group(self, fields: Mapping[str, Any]) -> Any:
        _text(fields, "group")
        _text(fields, "desc", required=False)
        if not all(self._created.get(name) for name in self._names(fields)):
            raise CallRefused("31", "tags")
        return None

    def _subscribe_tags(self, fields: Mapping[str, Any]) -> Any:
        phone = self._phone(fields)
        names = [n for n in self._names(fields) if n.strip() and (self._created.get(n) or not self.created_tags_only)]
        self._phones.set_tags(phone.token, phone.tags | set(names))
        return self._listed(phone, names)

    def _unsubscribe_tags(self, fields: Mapping[str, Any]) -> Any:
        phone = self._phone(fields)
        names = [name for name in self._names(fields) if name in phone.tags]
        self._phones.set_tags(phone.token, phone.tags - set(names))
        return self._listed(phone, names)

    def _get_tags(self, fields: Mapping[str, Any]) -> Any:
        phone = self._phone(fields)
        names = sorted(phone.tags)
        # V1.3's sample lists its last tag twice, so a client must accept that.
        return self._listed(phone, [*names, *names[-1:]] if self._former else names)

    def _listed(self, phone: Phone, names: Iterable[str]) -> dict[str, Any]:
        tags = [{"tagId": self._tag_id(name), "tagName": name} for name in names]
        return {"registrationId": phone.token, "tags": tags}

    def _tag_id(self, name: str) -> str:
        known = self._tags.get(name)
        if known is None:
            known = self._new_id()
            self._tags.put(name, known)
        return known

    def _phone(self, fields: Mapping[str, Any]) -> Phone:
        phone = self._phones.get(_text(fields, "registration_id"))
        if phone is None:
            raise CallRefused("10000", "registration_id")
        return phone

    def _alias(self, fields: Mapping[str, Any]) -> str:
        alias = _text(fields, "alias")
        if not alias.strip() or ";" in alias or (self._longest is not None and len(alias) > self._longest):
            raise CallRefused("10002", "alias")
        return alias

    def _names(self, fields: Mapping[str, Any]) -> list[str]:
        return list(dict.fromkeys(_text(fields, "tags").split(self._separator)))
