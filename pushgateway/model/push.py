"""`PushToken`: the address of one app on one phone; `Owner`: whose phone that is; `Push`: one notification for it.

Frozen values and their checks: no I/O, no clock, no random, no vendor's name. A `repr` may be logged, so it never holds
a token, a title, a body or a secret. Made by hosts and by the gateway, read by plug-ins.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from pushgateway.model.checks import as_certificate_id, check_kind, check_seconds
from pushgateway.model.errors import FieldError
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.secret import UNSET, mask, safe_repr, shown

_QUOTATION_MARKS = frozenset("\"'`\u2018\u2019\u201c\u201d\u300c\u300d\uff02\uff07")


def as_token(value: str, field: str = "PushToken.token") -> str:
    """A vendor's token as `str`, without blanks around it.

    Raises `FieldError` that names `field` and the place of the first character that no token can hold: a blank, a
    control character or an invisible one (a byte order mark, a zero-width space) inside, or a quotation mark at an end.
    Such a text is damaged input, for example from a file. If it were sent, the vendor would call it a dead token.
    """
    if type(value) is str and value.isascii() and value.isidentifier():
        return value  # letters, digits and "_": nearly all tokens
    text = str.__str__(value).strip() if isinstance(value, str) else ""
    problem = _token_problem(text) if isinstance(value, str) else f"must be a str, is {type(value).__name__}"
    if problem:
        del value, text  # a crash reporter stores the variables of this frame
        raise FieldError(field, problem)
    return text


def _token_problem(text: str) -> str:
    odd = not text.isprintable() or " " in text
    for place, letter in enumerate(text) if odd else ():
        if not letter.isprintable() or letter == " ":
            name = unicodedata.name(letter, "")
            shown = f"U+{ord(letter):04X}{f' ({name})' if name else ''}"
            return f"character {place + 1} of {len(text)} is {shown}, which no token can hold"
    for place in (0, len(text) - 1) if text else ():
        if text[place] in _QUOTATION_MARKS:
            return f"character {place + 1} of {len(text)} is a quotation mark: give the token without it"
    return ""


@safe_repr
@attrs.frozen(repr=False)
class PushToken:
    """The pair that addresses one app on one phone, as Tencent IM's `TIMOfflinePushToken`.

    `certificate_id` may be given as `int` or `str` and is kept as `str`. `token` is the vendor's address (OPPO:
    regId); blanks around both are removed. Raises `FieldError` for other types and for a character that no token can
    hold (`as_token`). An empty or unusual token raises nothing: the vendor decides about it, and the push has an
    outcome.
    """

    certificate_id: str = attrs.field(converter=as_certificate_id)
    token: str = attrs.field(converter=as_token)

    def __repr__(self) -> str:
        return f"PushToken({shown(self, 'certificate_id')}, {_masked(self)})"


def _masked(push_token: PushToken) -> str:
    token = getattr(push_token, "token", UNSET)
    return mask(token) if isinstance(token, str) else "unset"


def _perhaps(priority: Priority | None) -> Priority:
    return priority  # type: ignore[return-value]  # __attrs_post_init__ replaces None by the priority of the intent


@safe_repr
@attrs.frozen(repr=False)
class CallBack:
    """The URL to which the vendor posts receipts for a push, and the text that it returns with them. Made by the
    gateway."""

    url: str
    parameter: str

    def __repr__(self) -> str:
        return "CallBack(…)"


LONGEST_ID = 255
"""Bytes of a user's or a device's id in UTF-8, at most: more does not fit into the index of every database."""


def as_owner_id(field: str, value: str) -> str:
    """The id of a user or a device, of 1 to 255 bytes. Raises `FieldError` that names `field` for other types and
    lengths, and for a text that databases do not compare exactly: with control characters, or blanks around it."""
    if type(value) is not str:
        raise FieldError(field, f"must be a str, is {type(value).__name__}")
    if not value.isprintable() or value != value.strip():
        raise FieldError(field, "must have no control characters and no blanks around it")
    if not 0 < len(value.encode()) <= LONGEST_ID:
        raise FieldError(field, f"must have 1 to {LONGEST_ID} bytes in UTF-8")
    return value


@safe_repr
@attrs.frozen(repr=False)
class Owner:
    """Whose phone a push is for: a user, and the device that the push token belongs to.

    `Binding.owner` of `pushgateway.devices` is one. A host with device records of its own may make it of the first two
    fields: then nothing is asked before the push is sent.
    """

    user: str
    device: str
    """The host's id of one installation of the app, for example one that it made at the first start."""
    binding: int = 0
    """Number of the binding of device and push token in `pushgateway.devices`; another one whenever either changes. 0:
    there is none."""
    generation: int = 0
    """How often the device had reported this token when the push was made: a verdict about an earlier report does not
    retire the token."""

    def __attrs_post_init__(self) -> None:
        as_owner_id("Owner.user", self.user)
        as_owner_id("Owner.device", self.device)
        for name, number in (("binding", self.binding), ("generation", self.generation)):
            if type(number) is not int or not 0 <= number < 2**63:
                raise FieldError(f"Owner.{name}", "must be a whole number, as `Binding.owner` has it")

    def __repr__(self) -> str:
        user = getattr(self, "user", UNSET)
        return f"Owner({mask(user) if isinstance(user, str) else 'unset'})"


class _Draft:
    """The slots of a push, not frozen, because writing a frozen value field by field takes several times as long."""

    __slots__ = (
        *("push_token", "notification", "timeout", "dedupe_id", "coalesce", "priority", "context", "callback", "owner"),
        "__weakref__",
    )


@safe_repr
@attrs.frozen(repr=False)
class Push(_Draft):
    """One notification for one push token."""

    push_token: PushToken
    notification: Notification
    timeout: float | None = attrs.field(default=None, kw_only=True)
    """Seconds from the call until the push must have its outcome. None: the gateway's default."""
    dedupe_id: str = attrs.field(default="", kw_only=True)
    """Id by which the vendor recognises a repeat. Empty: the gateway makes one before the first attempt. A host that
    sets it must not use one id for two pushes, because vendors drop the second one as a repeat."""
    coalesce: bool = attrs.field(default=True, kw_only=True)
    """False: sent at once in a request of its own, not together with other pushes."""
    priority: Priority = attrs.field(default=None, kw_only=True, converter=_perhaps)
    """Which pushes of the same certificate are sent first when they have to wait. None: by the notification's
    intent."""
    context: object = attrs.field(default=None, kw_only=True, eq=False)
    """Any object of the host, such as a row id: never sent or shown, and returned as `Outcome.context`."""
    callback: CallBack | None = attrs.field(default=None, kw_only=True)
    """Where its receipts go, set by the gateway if the certificate has a `receipt_url`. It is not used if the
    notification itself has a receipt URL or parameter."""
    owner: Owner | None = attrs.field(default=None, kw_only=True)
    """Whose phone it is. A gateway with `devices` asks before the push is sent whether that still holds; if not, the
    push ends `NOT_SENT` / `UNBOUND`."""

    def __attrs_post_init__(self) -> None:
        check_kind("Push.push_token", PushToken, self.push_token)
        check_kind("Push.notification", Notification, self.notification)
        if self.timeout is not None:
            check_seconds("Push.timeout", self.timeout)
        if not isinstance(self.dedupe_id, str):
            raise FieldError("Push.dedupe_id", f"must be a str, is {type(self.dedupe_id).__name__}")
        if not isinstance(self.coalesce, bool):
            raise FieldError("Push.coalesce", f"must be True or False, is {type(self.coalesce).__name__}")
        if self.priority is None:
            object.__setattr__(self, "priority", _priority(self.notification))
        elif not isinstance(self.priority, Priority):
            raise FieldError("Push.priority", f"must be a Priority, is {type(self.priority).__name__}")
        if self.owner is not None:
            check_kind("Push.owner", Owner, self.owner)

    @classmethod
    def with_defaults(cls, push_token: PushToken, notification: Notification, dedupe_id: str) -> Push:
        """A push whose other fields have their defaults. The values must have been checked before."""
        draft: Any = _Draft()
        draft.push_token = push_token
        draft.notification = notification
        draft.timeout = None
        draft.dedupe_id = dedupe_id
        draft.coalesce = True
        draft.priority = _priority(notification)
        draft.context = draft.callback = draft.owner = None
        draft.__class__ = Push
        made: Push = draft
        return made

    @classmethod
    def restored(
        cls,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float,
        dedupe_id: str,
        coalesce: bool,
        priority: Priority,
        context: object,
        owner: Owner | None,
    ) -> Push:
        """A push that was stored. The values must have been checked before: a fifth of the time of a new push."""
        draft: Any = _Draft()
        draft.push_token = push_token
        draft.notification = notification
        draft.timeout = timeout
        draft.dedupe_id = dedupe_id
        draft.coalesce = coalesce
        draft.priority = priority
        draft.context = context
        draft.callback = None
        draft.owner = owner
        draft.__class__ = Push
        made: Push = draft
        return made

    def with_dedupe_id(self, dedupe_id: str) -> Push:
        """The same push with this dedupe id."""
        return self.copies((self,), (self.push_token,), (dedupe_id,))[0]

    @staticmethod
    def copies(pushes: Iterable[Push], push_tokens: Sequence[PushToken], dedupe_ids: Iterable[str]) -> list[Push]:
        """Copies of these pushes for these phones under these ids; nothing is checked a second time. Made in one loop,
        because one call for each push takes 1.5 times as long."""
        copies = []
        for push_token, dedupe_id, push in zip(push_tokens, dedupe_ids, pushes, strict=False):
            draft: Any = _Draft()
            draft.push_token = push_token
            draft.notification = push.notification
            draft.timeout = push.timeout
            draft.dedupe_id = dedupe_id
            draft.coalesce = push.coalesce
            draft.priority = push.priority
            draft.context = push.context
            draft.callback = push.callback
            draft.owner = push.owner
            draft.__class__ = Push
            copies.append(draft)
        return copies

    def with_callback(self, callback: CallBack) -> Push:
        """The same push with this `callback`."""
        copy = self.with_dedupe_id(self.dedupe_id)
        object.__setattr__(copy, "callback", callback)
        return copy

    def __repr__(self) -> str:
        return f"Push({shown(self, 'push_token')}, {shown(self, 'notification')})"


_NORMAL = Priority.NORMAL  # enum members are looked up in Python


def _priority(notification: Notification) -> Priority:
    return _NORMAL if notification.intent is None else notification.intent.priority
