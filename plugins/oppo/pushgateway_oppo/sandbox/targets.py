"""The targets of a call, and how its JSON is read.

Pure; takes the fields of a call and the known phones, returns phones and refused targets. Numbers of target types and
the greatest count come from the rules of the dialect. V1.3 has `registration_id` and `registration_ids`; in the current
dialect there is only `target_value`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from pushgateway.sandbox import Phone, Phones
from pushgateway.sandbox.kit.readers import json_field, read_json_text
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.values import whole
from pushgateway.vendor import safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG

_CAPITAL = re.compile("(?<=[a-z0-9])[A-Z]")
_TAG_GROUPS = frozenset({"or", "and", "not"})


@safe_repr
@attrs.frozen
class Audience:
    """The phones of a broadcast, and the targets that are refused."""

    kind: str
    phones: Sequence[Phone] = attrs.field(repr=False)
    refused: Mapping[str, list[str]] = attrs.field(factory=dict, repr=False)
    """By code: the targets that get nothing, in the order given."""
    targets: int = 0
    """How many different targets the broadcast named."""
    valid: int = 0
    """How many of them are known."""


def read_notification(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The notification of a unicast: an object, or (before V0.9 of the document) its JSON text."""
    fields = message.get("notification")
    if isinstance(fields, str):
        fields = json_field(message, "notification", MISSING, WRONG)
    if fields is None:
        raise CallRefused(MISSING, "notification")
    if not isinstance(fields, dict):
        raise CallRefused(WRONG, "notification")
    return fields


def in_snake_case(fields: Mapping[str, Any], known: Collection[str]) -> Mapping[str, Any]:
    """The fields with names like `clickActionType` as `click_action_type`, if that is a known field."""
    snaked = {name: _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name) for name in fields}
    return {snake if name not in known and snake in known else name: fields[name] for name, snake in snaked.items()}


class Targets:
    """Reads targets in one dialect. `target_codes`: by target, the code by which it is refused, known or not."""

    def __init__(
        self, dialect: Dialect, phones: Phones, target_codes: Mapping[str, str], *, registration_ids: bool
    ) -> None:
        self._phones = phones
        self._target_codes = target_codes
        self._registration_ids = registration_ids
        self._most = dialect.number("audience_size")
        self._broadcast = {target.broadcast: kind for kind, target in dialect.targets.items()}
        self._expressions = not dialect.targets["tags"].struck_out
        self._unicast = {target.unicast: kind for kind, target in dialect.targets.items() if target.unicast is not None}

    def of_message(self, message: Mapping[str, Any]) -> tuple[str, str]:
        """(kind, target) of a unicast. Raises `CallRefused`."""
        kind = self._kind(message.get("target_type"), self._unicast)
        # V1.3's table has unicasts to a tag, crossed out; a tag may have several phones.
        if kind not in ("tokens", "aliases"):
            raise CallRefused(WRONG, "target_type")
        target = message.get("target_value")
        if target in (None, "") and self._registration_ids and kind == "tokens":
            target = message.get("registration_id")
        if target in (None, ""):
            raise CallRefused(MISSING, "target_value")
        if not isinstance(target, str):
            raise CallRefused(WRONG, "target_value")
        return kind, target

    def find(self, kind: str, target: str) -> tuple[Phone | None, str]:
        """(phone, "") for a target that can be reached, (None, code) for any other."""
        if self._target_codes and target in self._target_codes:
            return None, self._target_codes[target]
        phone = self._phones.by_alias(target) if kind == "aliases" else self._phones.get(target)
        if phone is None:
            return None, "10002" if kind == "aliases" else "10000"
        if phone.muted:
            return None, "10003" if kind == "aliases" else "10001"
        return phone, ""

    def of_broadcast(self, form: Mapping[str, str]) -> Audience:
        """The audience of a broadcast. Raises `CallRefused`."""
        kind = self._kind(form.get("target_type"), self._broadcast)
        if kind == "everyone":
            return _whole(kind, list(self._phones))
        text = form.get("target_value")
        if not text and self._registration_ids and kind == "tokens":
            text = form.get("registration_ids")
        if not text:
            raise CallRefused(MISSING, "target_value")
        if kind == "tags":
            return _whole(kind, self._tagged(text))
        return self._listed(kind, text.split(";"))

    def _kind(self, given: object, kinds: Mapping[int, str]) -> str:
        if given in (None, ""):
            raise CallRefused(MISSING, "target_type")
        number = whole(given)
        if number is None or number not in kinds:
            raise CallRefused(WRONG, "target_type")
        return kinds[number]

    def _listed(self, kind: str, targets: Sequence[str]) -> Audience:
        if len(targets) > self._most:
            raise CallRefused(WRONG, "target_value")
        phones: list[Phone] = []
        refused: dict[str, list[str]] = {}
        seen: set[str] = set()
        valid = 0
        for target in targets:
            if target in seen:
                refused.setdefault("10005" if kind == "aliases" else "10004", []).append(target)
                continue
            seen.add(target)
            phone, code = self.find(kind, target)
            valid += code in ("", "10001", "10003")
            if phone is None:
                refused.setdefault(code, []).append(target)
            else:
                phones.append(phone)
        return Audience(kind, phones, refused, targets=len(seen), valid=valid)

    def _tagged(self, text: str) -> Sequence[Phone]:
        # V1.3 has tags crossed out, and as a list only; the JSON expression is on the current pages.
        if not (self._expressions and text.startswith("{")):
            names = text.split(";")
            if len(names) > self._most:
                raise CallRefused(WRONG, "target_value")
            return self._phones.tagged(names)
        return self._phones.tagged(*_tag_groups(text))


def _whole(kind: str, phones: Sequence[Phone]) -> Audience:
    """An audience of known phones; muted ones count as valid but get nothing."""
    return Audience(kind, [phone for phone in phones if not phone.muted], targets=len(phones), valid=len(phones))


def _tag_groups(text: str) -> Sequence[Collection[str]]:
    """(any of, all of, none of) from a JSON expression. Raises `CallRefused`."""
    try:
        groups = read_json_text(text)
    except ValueError:
        raise CallRefused(WRONG, "target_value") from None
    well_formed = isinstance(groups, dict) and groups and groups.keys() <= _TAG_GROUPS
    if not well_formed or not all(
        # An empty group would limit nothing, so that everybody would get the push.
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        for names in groups.values()
    ):
        raise CallRefused(WRONG, "target_value")
    return [groups.get(name, ()) for name in ("or", "and", "not")]
