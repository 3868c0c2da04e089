"""`SavedListVendor`: for vendors that take one token with a notification, or a list with a content that was saved.

vivo is so. Bodies are JSON objects. A plug-in derives its class from it, and adds its settings, its login, what its
rules cannot say, and the requests for audiences that are no lists. Pure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from pushgateway.vendor import (
    AccessToken,
    Audience,
    AudienceKind,
    Batch,
    Batching,
    Broadcast,
    BroadcastOutcome,
    CallBack,
    Exchange,
    Notification,
    Outcome,
    Push,
    Reason,
    Refused,
    Request,
    Saved,
    safe_repr,
)
from pushgateway.vendor.toolkit.batches import Frame
from pushgateway.vendor.toolkit.broadcasts import broadcast_as_pushes, counted
from pushgateway.vendor.toolkit.fields import Content
from pushgateway.vendor.toolkit.intents import stable_key
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.multicast import SharedVendor
from pushgateway.vendor.toolkit.readers import needed
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.requests import JSON, in_body

LISTS: Final = frozenset({AudienceKind.TOKENS, AudienceKind.ALIASES})
"""The audiences that are sent as lists."""
BRIEFLY: Final = 10.0
"""Seconds, in which a push that goes alone has its reply."""
_PLURAL: Final = {"token": "tokens", "alias": "aliases"}


@safe_repr
@attrs.frozen(kw_only=True)
class SavedListVendor(SharedVendor):
    """A `SharedVendor` with lists of tokens and aliases for a saved content.

    The rules have the operations `send`, `save` and `list`, `scope = "saved"` for the codes of a saved content that is
    not known and of a used up number of saved contents, and the numbers `batch_size`, `batch_least` (targets of a
    list), `alias_characters` and `saved_lifetime` (seconds).
    """

    names: ClassVar[Mapping[str, str]]
    """As in `SharedVendor`, and the fields of a body: `token`, `tokens`, `alias`, `aliases`, `saved` (the id of a saved
    content), `request_id` (which is a field of the rules too) and `beside` (the object of what is beside the
    notification)."""

    sending: ClassVar[Collection[str]]
    """The operations that send to phones."""

    # Of each vendor

    @abstractmethod
    def ask_all(self, frame: Frame, audience: Audience) -> Request:
        """The request for everyone or for tags. Raises `Refused`."""

    def list_fields(self, note: Notification) -> Mapping[str, Any]:
        """What the request of a list with this notification has beside its targets and the id of its content. Default:
        nothing."""
        return {}

    # The same for all

    @property
    def batching(self) -> Batching:
        """One token, or a list with a saved content."""
        size, least = (self.facts.number(name) for name in ("batch_size", "batch_least"))
        return Batching(size=size, least=least, saves=True)

    def operation(self, request: Request) -> str:
        """The name of a call in the rules."""
        return self.hosts.name_of(request.url) or super().operation(request)

    def with_fields(self, name: str, content: bytes, fields: Mapping[str, Any]) -> Request:
        """The request of a call whose body is `content` with these fields before it, the last one first."""
        request = Request(self.facts.operations[name].method, self.hosts.url(name), JSON, content)
        for field, value in fields.items():
            request = in_body(request, field, value)
        return request

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """An id for a request that sends and has none, because no push names one: a content may be saved or broadcast
        again another day, and is then no repeat. A plug-in adds the access token."""
        start = f"{{{encode_json(self.names['request_id'])}:".encode()
        is_call = self.operation(request) not in (*self.sending, "save")
        if is_call or request.content.startswith(start):
            return request
        return in_body(request, self.names["request_id"], stable_key(f"{now}{request.content.decode()}", 32))

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        """Store a content for lists of tokens.

        A refusal for the quota of its pushes, whose code is not about what is saved (`scope = "saved"`), says nothing
        of other contents: saving is closed for `BRIEFLY` only. The pushes go alone meanwhile, and the refusal of the
        first one closes their quota.
        """
        try:
            return (yield from self._store(self.build(notification, callback=callback)))
        except Refused as refused:
            if refused.reason is not Reason.QUOTA_EXCEEDED or refused.about == "saved":
                raise
            raise Refused(refused.reason, refused.code, refused.message, BRIEFLY, refused.detail) from None

    def _store(self, content: Content) -> Exchange[Saved]:
        response = yield self.with_fields("save", content.json(self.names["beside"]), {})
        number = needed(self.replies.message_id(self.replies.codes.read_accepted(response)), str)
        return Saved(number, content.truncated, content.omitted, self.facts.number("saved_lifetime"))

    def encode(self, note: Notification, batch: Batch | None, broadcast: Broadcast | None = None) -> Frame:
        """The notification, or for a list the id of its saved content."""
        if batch is not None and len(batch) >= self.batching.least:
            if batch.saved is None:
                raise Refused(Reason.UNAVAILABLE, detail="a list needs a content that was saved")
            return self._named(note, batch.saved)
        content = self.build(note, batch, broadcast)
        head = content.json(self.names["beside"])
        return Frame(head=head, truncated=content.truncated, omitted=content.omitted)

    def _named(self, note: Notification, saved: Saved) -> Frame:
        head = encode_json({self.names["saved"]: saved.id, **self.list_fields(note)}).encode()
        return Frame(head=head, truncated=saved.truncated, omitted=saved.omitted, message_id=saved.id)

    def ask(self, frame: Frame, sent: Batch) -> Request:
        """The call for one token or for a list."""
        return self._to(frame, "token", sent.tokens, sent.dedupe_ids)

    def _to(self, frame: Frame, kind: str, targets: Sequence[str], ids: Sequence[str]) -> Request:
        """`ids`: the dedupe ids, from which that of the request is made and stands first; all are "": it has none. That
        of a list depends on its targets too, because a broadcast has one dedupe id for all of its lists."""
        is_list = frame.message_id is not None
        fields: dict[str, Any] = (
            {self.names[_PLURAL[kind]]: list(targets)} if is_list else {self.names[kind]: targets[0]}
        )
        if any(ids):
            name, own = self.names["request_id"], ids[0]
            fits = not is_list and own.isprintable() and own.strip() and len(own) <= (self.facts.fields[name].max or 0)
            fields[name] = own if fits else stable_key("\0".join((*ids, *targets) if is_list else ids), 32)
        return self.with_fields("list" if is_list else "send", frame.head, fields)

    # Broadcasts

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        """The content of a list; one target needs none."""
        audience = broadcast.audience
        is_list = audience.kind in LISTS and len(audience.values) >= self.batching.least
        return self._store_for(broadcast) if is_list else None

    def _store_for(self, broadcast: Broadcast) -> Exchange[Saved]:
        return (yield from self._store(self.build(broadcast.notification, broadcast=broadcast)))

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """To a list with its saved content, or to others by one request. A list ends as its targets do."""
        audience, note = broadcast.audience, broadcast.notification
        frame = self.encode(note, None, broadcast)
        content = Saved(saved, frame.truncated, frame.omitted) if saved and len(audience.values) > 1 else None
        if audience.kind is AudienceKind.TOKENS:

            def push(pushes: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
                batch = Batch.of(pushes)
                batch.saved = content
                return self.push(batch)

            return (yield from broadcast_as_pushes(broadcast, push))
        if audience.kind in LISTS:
            most = self.facts.number("alias_characters")
            if not all(0 < len(alias.strip()) <= len(alias) <= most for alias in audience.values):
                raise invalid("audience", f"an alias must have 1 to {most} characters, and not be blank")
            used = frame if content is None else self._named(note, content)
            response = yield self._to(used, "alias", audience.values, [note.dedupe_id or ""])
            reasons = self.replies.reasons(response, audience.values)
        else:
            response = yield self.ask_all(frame, audience)
            self.replies.codes.read_accepted(response)
            reasons = {"": None}
        task = self.replies.message_id(self.replies.codes.read(response)) or saved
        tasks = (task,) if task else ()
        cut: dict[str, Any] = {"truncated": frame.truncated, "omitted": frame.omitted}
        return counted(broadcast, reasons, message_id=task or None, task_ids=tasks, **cut)
