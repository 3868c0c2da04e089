"""OPPO's calls other than sending: alias, tags, statistics, invalid tokens, quota, pictures.

Pure. Each method returns a `Call`; no request is made before the call is awaited:
`await gateway.vendor(certificate_id).subscribe_alias(token, "ann")`. Fields and replies are in `aliases_and_tags`,
`feedback` and `pictures`. A call that a dialect does not have ends with `UNSUPPORTED` and a sentence that says which
dialect or which setting has it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from pushgateway.vendor import Call, Exchange, Reason, Refused, Request, Response, Statistics
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.calls import call, find_operation
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.requests import File, make_request
from pushgateway_oppo import aliases_and_tags, feedback, pictures
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.settings import FEEDBACK, MEDIA, Settings
from pushgateway_oppo.tokens import MAINLAND, OVERSEAS

T = TypeVar("T")

_MAINLAND_ONLY: Final = {MEDIA: "media_host", FEEDBACK: "feedback_host"}
"""Hosts of which only a mainland one is known, and the setting that names another."""


class Operations(Settings):
    """OPPO's calls other than sending, for one certificate.

    Each may be repeated after a failure unless its docstring says otherwise. A wrong argument ends the call without a
    request: `UNREGISTERED` for a token that is too long to be one of OPPO's, else `INVALID_NOTIFICATION`, whose
    sentence names the argument.
    """

    # Aliases and tags

    def subscribe_alias(self, token: str, alias: str) -> Call[aliases_and_tags.Alias]:
        """Give a phone an alias. The last call wins: the phone loses its former alias, and the alias its former phone.

        At most 64 characters and no `;` in `current`. Source: V1.3 (crossed out there); current page 11087.
        """
        fields = functools.partial(aliases_and_tags.encode_alias, token, alias, alone=False)
        return self._call(
            "subscribe_alias", token, fields, lambda reply: aliases_and_tags.decode_alias(reply, token, alias)
        )

    def unsubscribe_alias(self, token: str, alias: str) -> Call[aliases_and_tags.Alias]:
        """Take an alias from a phone; returns the alias.

        Source: V1.3 (crossed out there). In `current` one client sends the alias alone, and so does this: `token` only
        decides the region, and if another phone has the alias by now, it is taken from that phone.
        """
        by_alias = self._rules.operations["unsubscribe_alias"].encoding == "json"
        fields = functools.partial(aliases_and_tags.encode_alias, token, alias, alone=by_alias)
        return self._call(
            "unsubscribe_alias", token, fields, lambda reply: aliases_and_tags.decode_alias(reply, token, alias)
        )

    def get_alias(self, token: str) -> Call[aliases_and_tags.Alias]:
        """The alias of a phone.

        Source: V1.3 (crossed out there). In `current` there is such a call, but no source shows its path:
        `UNSUPPORTED` until the setting `paths` has it.
        """
        fields = functools.partial(aliases_and_tags.encode_token, token)
        return self._call("get_alias", token, fields, lambda reply: aliases_and_tags.decode_alias(reply, token, None))

    def add_tag(self, name: str, description: str = "") -> Call[aliases_and_tags.RawReply]:
        """Create a tag, in `current`. Source: one client's test (S12b); what OPPO replies is not known."""
        return self._call(
            "add_tag", None, lambda _: aliases_and_tags.encode_tag(name, description), aliases_and_tags.decode_raw_reply
        )

    def add_tag_group(self, group: str, tags: Iterable[str], description: str = "") -> Call[aliases_and_tags.RawReply]:
        """Create a group of tags, in `current`. Source: one client's test (S12b); what OPPO replies is not known."""
        fields = functools.partial(aliases_and_tags.encode_group, group, _kept(tags), description)
        return self._call("add_tag_group", None, fields, aliases_and_tags.decode_raw_reply)

    def subscribe_tags(self, token: str, tags: Iterable[str]) -> Call[aliases_and_tags.Tags]:
        """Add tags to those of a phone. OPPO skips a tag that fails; `skipped` names it.

        A tag holds no `,` in `v1.3` and no `;` in `current`. Source: V1.3 (crossed out there); three current clients.
        """
        return self._tags("subscribe_tags", token, tags)

    def unsubscribe_tags(self, token: str, tags: Iterable[str]) -> Call[aliases_and_tags.Tags]:
        """Take tags from a phone. OPPO skips a tag that fails; `skipped` names it. Source: as for `subscribe_tags`."""
        return self._tags("unsubscribe_tags", token, tags)

    def get_tags(self, token: str) -> Call[aliases_and_tags.Tags]:
        """All tags of a phone. Source: V1.3 (crossed out there); in `current` one client's test (S12b)."""
        fields = functools.partial(aliases_and_tags.encode_token, token)
        return self._call("get_tags", token, fields, lambda reply: aliases_and_tags.decode_tags(reply, token))

    # Statistics, invalid tokens, quota

    def statistics(self, message_id: str = "", task_id: str = "", *, region: str = "") -> Call[Statistics]:
        """How far a broadcast has come: by `BroadcastOutcome.message_id`, one of its `task_ids`, or both.

        `region`: `cn` or `overseas`, whose host sent it; "" for `home_region`. Source: V1.3 (crossed out there). No
        current page has it: in `current` it is `UNSUPPORTED` until the setting `paths` has its path.
        """

        def fields(_: Dialect) -> dict[str, str]:
            if region not in ("", MAINLAND, OVERSEAS):
                raise invalid("region", f"must be {MAINLAND} or {OVERSEAS}")
            return feedback.encode_statistics(message_id, task_id)

        where = region if region in (MAINLAND, OVERSEAS) else None
        return self._call("statistics", None, fields, feedback.decode_statistics, region=where)

    def invalid_tokens(self) -> Call[feedback.InvalidTokens]:
        """The registration ids that OPPO reports as invalid, in `current`: retire each, if the device still has it.

        Repeats the request as long as OPPO counts more ids than it returns, ten times at most; `complete` says whether
        these are all. It is not known whether reading empties OPPO's list, so store them before you ask again. Source:
        clients (S10, S19).
        """

        def begin() -> Exchange[feedback.InvalidTokens]:
            self._check_operation("invalid_tokens", self.home_region)
            request = self._asked("invalid_tokens", self.home_region, {})
            return (yield from feedback.fetch_invalid_tokens(request, self._rules.number("token_bytes")))

        return Call(name="invalid_tokens", begin=begin, region=self.home_region)

    def push_permit(self) -> Call[aliases_and_tags.RawReply]:
        """How much the app may push, in `current`. Not interpreted: no source shows the reply's shape (S30, S31)."""
        return self._call("push_permit", None, lambda _: {}, aliases_and_tags.decode_raw_reply)

    # Pictures

    def upload_picture(self, kind: str, content: bytes, ttl: int | None = None) -> Call[pictures.Picture]:
        """Upload a picture, in `current`; OPPO keeps it for `ttl` seconds (None: 30 days). Use its id in broadcasts.

        `kind` is `big` (876x324 or 984x369 pixels, at most 1 MiB) or `small` (144x144, at most 50 KiB); `content` is
        the PNG or JPEG file. Not repeated if no verdict came: OPPO counts uploads per day. Mainland only, by OPPO's
        SDK. Source: OPPO's Java SDK 1.1.0 (S7).
        """
        # An unknown kind is refused when the call begins, if the dialect has pictures; the call needs a name before.
        known = kind in pictures.KINDS
        name = f"upload_{kind}_picture" if known else "upload_picture"

        def begin() -> Exchange[pictures.Picture]:
            self._check_operation(name if known else "upload_big_picture", self.home_region)
            fields, file = pictures.encode_picture(kind, content, ttl, self._rules)
            return pictures.decode_picture((yield self._asked(name, self.home_region, fields, file)), kind)

        return Call(name=name, begin=begin, region=self.home_region, repeatable=False)

    # Building the calls

    def _tags(self, name: str, token: str, tags: Iterable[str]) -> Call[aliases_and_tags.Tags]:
        given = _kept(tags)
        fields = functools.partial(aliases_and_tags.encode_tags, token, given)
        decode = aliases_and_tags.decode_tags
        return self._call(name, token, fields, lambda reply: decode(reply, token, aliases_and_tags.listed(given)))

    def _call(
        self,
        name: str,
        token: str | None,
        fields: Callable[[Dialect], Mapping[str, str]],
        read: Callable[[Response], T],
        *,
        region: str | None = None,
    ) -> Call[T]:
        where = region or (self.region(token) if isinstance(token, str) else self.home_region)

        def ask() -> Request:
            self._check_operation(name, where)
            return self._asked(name, where, fields(self._rules))

        return call(name, where, ask, read)

    def _asked(self, name: str, region: str, fields: Mapping[str, str], file: File | None = None) -> Request:
        return make_request(self.url_of(name, region), self._rules.operations[name], fields, file)

    def _check_operation(self, name: str, region: str) -> None:
        """Raise `Refused` if the dialect or the region does not have the call."""
        operation = find_operation(RULES, self.dialect, name, self.paths)
        setting = _MAINLAND_ONLY.get(operation.host)
        if setting is not None and region == OVERSEAS and not self._hosts.is_own(operation.host):
            raise Refused(Reason.UNSUPPORTED, detail=f"{name}: OPPO has no known overseas host for it; see {setting}")


def _kept(tags: Iterable[str]) -> Iterable[str]:
    """The tags as a tuple, because a call may be begun twice. A text or a non-iterable is kept, and refused later."""
    return tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str | bytes) else tags
