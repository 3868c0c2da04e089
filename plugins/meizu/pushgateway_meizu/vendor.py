"""`Meizu`: one app at Meizu's push service (Flyme).

Pure. There is no login: each request is a form with a signature over all its fields. One notification goes to up to 100
tokens; a list of a broadcast names a task, which has the notification. How replies and receipts are read is in
`replies`, facts are in `rules.toml`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

import attrs

from pushgateway.vendor import (
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    BroadcastOutcome,
    Call,
    Exchange,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntentUri,
    OpenUrl,
    Rates,
    Reason,
    Receipt,
    Refused,
    Request,
    Response,
    Saved,
    Secret,
    Statistics,
    safe_repr,
)
from pushgateway.vendor.toolkit.batches import Frame
from pushgateway.vendor.toolkit.broadcasts import any_or_all, broadcast_as_pushes, counted
from pushgateway.vendor.toolkit.calls import call, call_in_chunks
from pushgateway.vendor.toolkit.clicks import Click, Clicks, any_address, intent_uri
from pushgateway.vendor.toolkit.intents import as_places
from pushgateway.vendor.toolkit.multicast import SharedVendor
from pushgateway.vendor.toolkit.readers import entry, figure_names, figures_of, first_identifier, needed
from pushgateway.vendor.toolkit.refusals import checked_text, joined_names, unsupported
from pushgateway.vendor.toolkit.requests import make_request, sign_form
from pushgateway.vendor.toolkit.settings import Hosts, host_setting, one_of_setting, packages_setting, text_setting
from pushgateway_meizu.replies import CODES, FACTS, REPLIES, RULES, decode_receipts

T = TypeVar("T")
_TYPE, _CLICK, _URL = "noticeBarInfo.noticeMsgType", "clickTypeInfo.clickType", "clickTypeInfo.url"
_EXPANDED: Final = "noticeExpandInfo.noticeExpandType"
_PICTURE: Final = 2
_NOTIFICATIONS: Final = {"pushType": "0"}
"""The type of notifications; 1 are messages that are not shown, which are retired."""
_DEAD: Final = ("110002", "110003")
_OF_ARGUMENTS: Final = "500"
_FIGURES: Final = figure_names("targetNo", "validNo", "pushedNo", "acceptNo", "displayNo", "clickNo")
_SENDS: Final = [name for name, row in FACTS.operations.items() if row.body or "/varnished/" in row.path]
_ASKED: Final = [name for name, row in FACTS.operations.items() if row.method == "POST" and name not in _SENDS]


@safe_repr
@attrs.frozen(kw_only=True)
class Meizu(SharedVendor):
    """One certificate of Meizu."""

    brand: ClassVar[str] = RULES.brand
    contract: ClassVar[str] = "0.2"
    rules = RULES
    replies = REPLIES
    names: ClassVar[Mapping[str, str]] = {"mark": "callback.param", "receipt_url": "callback", "category": _TYPE}
    needs: ClassVar[Mapping[str, str]] = dict.fromkeys(("subtitle", "picture", "icon"), "vip")
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset(AudienceKind) - {AudienceKind.ACCOUNTS}
    receipt_audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS})
    audience_size: ClassVar[int] = FACTS.number("batch_size")

    app_id: str = attrs.field(validator=text_setting)
    """The AppID of Meizu's push console."""
    app_secret: Secret
    """The AppSecret, which signs each request; not the AppKey, which is for phones."""
    category: str = attrs.field(default="public", validator=one_of_setting(*FACTS.categories))
    """`public` or `private`: the type of a notification without an intent."""
    vip: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    """True: the app is a VIP app, which may have subtitles, large pictures and icons."""
    intent_uris: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    """True: `OpenIntentUri` is sent as a URL. No source says whether phones open it."""
    packages: tuple[str, ...] = attrs.field(
        default=(), converter=as_places, validator=packages_setting(FACTS.number("packages"))
    )
    """The packages of the app that get its pushes, for an app with several."""
    receipt_token: Secret | None = None
    """The access token of receipts in Meizu's console. Receipts with another one are refused."""
    overseas: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    """True: the app is served outside of China."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of the server that pushes; `http://` for loopback addresses only."""
    subscription_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the server of subscriptions."""

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The URLs of calls."""
        own = {"push": self.host, "subscriptions": self.subscription_host}
        far = {key: FACTS.hosts[f"{key}_overseas"].url for key in own} if self.overseas else {}
        return Hosts(FACTS, {key: url or far.get(key) for key, url in own.items()})

    @property
    def rates(self) -> Rates:
        """Requests per second of every app, and the connections that they need over a round trip of 100 ms."""
        return Rates(requests=FACTS.quotas["rate_of_every_app"].value, connections=20)

    def request(self, name: str, fields: Mapping[str, str]) -> Request:
        """The request of a call, with its signature."""
        form = sign_form({"appId": self.app_id, **fields}, self.app_secret.reveal())
        return make_request(self.hosts.url(name), FACTS.operations[name], form)

    # Notifications

    def category_of(self, note: Notification) -> str:
        """That of the intent, or the setting `category`."""
        return super().category_of(note) or self.category

    def quota(self, notification: Notification) -> str:
        """The category: what is used up of public messages may be left of private ones."""
        return self.intent_table.quota(notification, self.sheet.overrides(notification)) or self.category

    def clicks(self) -> Clicks:
        """The app, an activity of it, a web page or a deep link."""
        to_url = Click({_CLICK: 2}, _URL, any_address)
        to_activity = Click({_CLICK: 1}, "clickTypeInfo.activity")
        rows: dict[type[Any], Click] = {OpenApp: Click({_CLICK: 0}), OpenActivity: to_activity, OpenUrl: to_url}
        if self.intent_uris:
            rows[OpenIntentUri] = attrs.evolve(to_url, write=lambda click: intent_uri(click, ""))
        return Clicks(rows, _CLICK, RULES.vendor)

    def reduced(self, note: Notification) -> tuple[Notification, tuple[str, ...]]:
        """A picture takes the place of a long text, too."""
        note, left_out = super().reduced(note)
        has_both = note.picture is not None and note.long_body is not None
        return (attrs.evolve(note, long_body=None), (*left_out, "long_body")) if has_both else (note, left_out)

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """The type of a notification without an intent, and the kind of a large picture."""
        fields: dict[str, Any] = {} if note.picture is None else {_EXPANDED: _PICTURE}
        return fields if note.intent is not None else {**fields, _TYPE: self.intent_table.spelled(self.category)}

    def encode(self, note: Notification, batch: Batch | None, broadcast: Broadcast | None = None) -> Frame:
        """The text of `messageJson`, which has what is for receipts in its object `extra`."""
        content = self.build(note, batch, broadcast)
        return Frame(head=content.json("extra"), truncated=content.truncated, omitted=content.omitted)

    def ask(self, frame: Frame, sent: Batch) -> Request:
        """The notification and its tokens."""
        return self._sends("push", frame, {"pushIds": ",".join(sent.tokens)})

    def _sends(self, name: str, frame: Frame, fields: Mapping[str, str]) -> Request:
        """A call that has the notification."""
        packages = {"restrictedPackageNames": ",".join(self.packages)} if self.packages else {}
        return self.request(name, {**fields, **packages, "messageJson": frame.head.decode()})

    # Broadcasts

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        """A task with the notification, for a list; not with receipts, which tasks do not have."""
        note = broadcast.notification
        has_receipts = note.receipt_url is not None or note.receipt_parameter is not None
        return self._save(broadcast) if broadcast.audience.kind.is_list and not has_receipts else None

    def _save(self, broadcast: Broadcast) -> Exchange[Saved]:
        if broadcast.audience.kind is AudienceKind.ALIASES:
            joined_names("audience", broadcast.audience.values, longest=FACTS.number("alias_characters"))
        frame = self.encode(broadcast.notification, None, broadcast)
        response = yield self._sends("save", frame, _NOTIFICATIONS)
        return Saved(needed(_task_of(response), str), frame.truncated, frame.omitted)

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """To everyone or to tags by one request, which makes a task; to a list by its task, or as pushes."""
        audience, values = broadcast.audience, broadcast.audience.values
        frame = self.encode(broadcast.notification, None, broadcast)
        of: dict[str, Any] = {"truncated": frame.truncated, "omitted": frame.omitted, "task_ids": (saved,)}
        if audience.kind is AudienceKind.TOKENS:
            to_task = functools.partial(self._to_task, "task_push", saved, "pushIds")
            ask = (lambda _, sent: to_task(sent.tokens)) if saved else self.ask
            made = yield from broadcast_as_pushes(broadcast, lambda batch: self.push_with(ask, batch, frame))
            return attrs.evolve(made, task_ids=(saved,)) if saved else made
        if audience.kind is AudienceKind.ALIASES:
            response = yield self._to_task("task_aliases", saved, "alias", values)
            return counted(broadcast, self.replies.reasons(response, values), **of)
        name, fields = ("tags", _tags(audience)) if audience.kind is AudienceKind.TAGS else ("everyone", {})
        task = _task_of((yield self._sends(name, frame, {**_NOTIFICATIONS, **fields})))
        return counted(broadcast, {"": None}, **{**of, "message_id": task, "task_ids": (task,) if task else ()})

    def _to_task(self, name: str, task: str, field: str, values: Sequence[str]) -> Request:
        return self.request(name, {"taskId": task, field: ",".join(values)})

    # Receipts, and what it says of its settings

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that Meizu posts to the address of a message: one for each phone. It never posts them again."""
        return decode_receipts(certificate_id, body, self.receipt_token)

    def advice(self) -> Sequence[str]:
        """The settings that are missing."""
        found = []
        if self.receipt_token is None:
            found.append("receipt_token is missing: without it anybody who knows the address can post receipts")
        if self.category == "public":
            most = FACTS.quotas["public_of_a_phone"].value
            found.append(f"category is public: a notification without an intent is one of {most} a day for a phone")
        return found

    def probe(self) -> Exchange[str]:
        """Ask for the switch of a token that nobody has. That Meizu checks the signature first is inferred. The
        sentence also says that there are no new phones: nothing can be done about it, so it is no `advice`."""
        CODES.read_accepted((yield self.request("switch", {"pushId": "PUSHGATEWAYCHECK"})), also=_DEAD)
        end = FACTS.numbers["new_phones_until"].note
        return f"app_id and app_secret were accepted (a query about a token that nobody has). {end}"

    # Other calls

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How far a broadcast has come, by its task id."""
        return self._call("statistics", {"taskId": task_id or message_id}, lambda value: figures_of(value, _FIGURES))

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Whether tokens are alive, with a request for each: `MUTED` where notifications are switched off. That the
        reply names a dead token is inferred."""

        def read(response: Response, part: Sequence[str]) -> Mapping[str, Reason | None]:
            reply = CODES.read_accepted(response, also=_DEAD)
            if reply.code in _DEAD:
                return {part[0]: Reason.UNREGISTERED}
            return {part[0]: None if entry("barTypeSwitch", int)(reply.body.get("value")) else Reason.MUTED}

        def ask(part: Sequence[str]) -> Request:
            return self.request("switch", self._checked({"pushId": part[0]}))

        return call_in_chunks("switch", "", tokens, size=1, ask=ask, read=read)

    def other(self, name: str, fields: Mapping[str, str]) -> Call[object]:
        """Any other call of `rules.toml` that sends nothing, by its name, with Meizu's own fields; the result is the
        `value` of its reply: `other("subscribe_alias", {"pushId": token, "alias": "ann"})`."""
        if name not in _ASKED:
            raise unsupported("name", f"must be one of {', '.join(_ASKED)}")
        return self._call(name, fields, lambda value: value)

    def _call(self, name: str, fields: Mapping[str, str], read: Callable[[Any], T]) -> Call[T]:
        """A call whose result is made of the `value` of its reply. Its code 500 is about the arguments."""
        checked = self._checked(fields)

        def result(response: Response) -> T:
            reply = CODES.read_accepted(response, one_target=True, also=(_OF_ARGUMENTS,))
            if reply.code == _OF_ARGUMENTS:
                raise Refused(Reason.INVALID_NOTIFICATION, reply.code, reply.message, detail=f"{name}: see the message")
            return read(reply.body.get("value"))

        return call(name, "", lambda: self.request(name, checked), result)

    def _checked(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The fields of a call. Raises `Refused` for one that is no text, and for a wrong token."""
        checked = {name: checked_text(name, value) for name, value in fields.items()}
        if "pushId" in checked and (problem := self.token_rule.problem(checked["pushId"])):
            raise Refused(problem[0], detail=problem[1])
        return checked


def _task_of(response: Response) -> str | None:
    """The id of the task that a call has made, a number or a text; None: the reply accepts the call and has none."""
    return first_identifier(CODES.read_accepted(response).body.get("value"), ("taskId",))


def _tags(audience: Audience) -> Mapping[str, str]:
    """The fields of tags. Raises `Refused` for what Meizu cannot express."""
    tags, are_all = any_or_all(audience, RULES.vendor)
    names = joined_names("audience", tags, longest=FACTS.number("tag_characters"), most=FACTS.number("tags"))
    return {"tagNames": names, "scope": "1" if are_all else "0"}
