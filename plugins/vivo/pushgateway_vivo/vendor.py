"""`Vivo`: one app at vivo push.

Pure. Facts are in `rules.toml`, replies are read in `replies`. vivo has two classes of messages, system and
operational, each with a daily number of its own; the category says which class a message is of.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from pushgateway.vendor import (
    AccessToken,
    Alert,
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    Call,
    Exchange,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Rates,
    Reason,
    Receipt,
    Request,
    Response,
    Secret,
    Statistics,
    code_text,
    safe_repr,
)
from pushgateway.vendor.toolkit.access import access_token_reader, digest_login
from pushgateway.vendor.toolkit.batches import Frame
from pushgateway.vendor.toolkit.calls import call, listed
from pushgateway.vendor.toolkit.clicks import Click, Clicks, activity_uri, intent_uri, web_url
from pushgateway.vendor.toolkit.multicast import ListedReplies
from pushgateway.vendor.toolkit.readers import as_number, entry, figure_names, figures_of, identifier, needed
from pushgateway.vendor.toolkit.receipts import make_receipt, read_keyed, read_tokens
from pushgateway.vendor.toolkit.refusals import invalid, joined_names, unsupported
from pushgateway.vendor.toolkit.requests import in_body, in_header
from pushgateway.vendor.toolkit.saved_lists import LISTS, SavedListVendor
from pushgateway.vendor.toolkit.settings import Hosts, host_setting, longest_setting, one_of_setting, text_setting
from pushgateway_vivo.replies import CODES, LOGIN_CODES, MANY, REPLIES, RULES

_FACTS: Final = RULES.dialects["v2"]
_FIGURES: Final = figure_names("target", "valid", "send", "receive", "display", "click")
_LOGIN: Final = access_token_reader(LOGIN_CODES, _FACTS.number("access_kept"), name="authToken")


@safe_repr
@attrs.frozen(kw_only=True)
class Vivo(SavedListVendor):
    """One app at vivo push."""

    brand: ClassVar[str] = "vivo"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.EVERYONE, AudienceKind.TAGS, *LISTS})
    audience_size: ClassVar[int] = _FACTS.number("audience_size")
    rules = RULES
    sending = ("send", "list", "everyone", "tags")
    names: ClassVar[Mapping[str, str]] = {
        "mark": "callback.param",
        "category": "category",
        "beside": "extra",
        "saved": "taskId",
        "request_id": "requestId",
        "token": "regId",
        "tokens": "regIds",
        "alias": "alias",
        "aliases": "aliases",
    }

    app_id: str = attrs.field(validator=text_setting)
    """The app id."""
    app_key: str = attrs.field(validator=text_setting)
    """The app key, which vivo's console gives beside the secret."""
    app_secret: Secret
    """The app secret, which signs logins."""
    package: str | None = attrs.field(default=None, validator=text_setting)
    """The app's package, for `OpenActivity` and `OpenIntent`."""
    category: str | None = attrs.field(default=None, validator=one_of_setting(*_FACTS.categories))
    """The category of a notification without an intent. None: operational, without a category."""
    notify_type: int = attrs.field(default=4, validator=one_of_setting(1, 2, 3, 4))
    """How a notification without `alert` rings: 1 not at all, 2 sound, 3 vibration, 4 both."""
    receipt_id: str | None = attrs.field(default=None, validator=text_setting)
    """The id of the receipt address in vivo's console. None: vivo reports only pushes that have a `receipt_url`."""
    unsubscribed: str = attrs.field(default="dead", validator=one_of_setting("dead", "keep"))
    """What an unsubscribed token is: dead by vivo's present document, or to be kept, as the one of 2020 says."""
    test_messages: bool = False
    """True: all pushes go to the test devices of vivo's console only, outside of all quotas."""
    experimental_recall: bool = False
    """True: `recall` uses a call that only one client shows."""
    title_characters: int = longest_setting(_FACTS.fields["title"], 4096)
    """A longer title is cut."""
    body_characters: int = longest_setting(_FACTS.fields["content"], 4096)
    """A longer text is cut."""
    click_characters: int = longest_setting(_FACTS.fields["skipContent"], 4096)
    """A longer target of a click action is refused."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of vivo's; `http://` for loopback addresses only."""

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The URLs of calls."""
        return Hosts(self.facts, {"push": self.host})

    @property
    def replies(self) -> ListedReplies:  # type: ignore[override]
        """How replies are read."""
        return REPLIES[self.unsubscribed]

    @property
    def limits(self) -> Mapping[str, int]:
        """The maxima of this certificate."""
        return {"title": self.title_characters, "content": self.body_characters, "skipContent": self.click_characters}

    @property
    def rates(self) -> Rates:
        """Pushes per second of an app with few users, and the connections that they need over a round trip of 50 ms."""
        return Rates(pushes=self.facts.quotas["rate_below_5m"].value, connections=150)

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        """One parameter for a saved content, where the console has an address for receipts."""
        return "message" if self.receipt_id else "none"

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """The MD5 of app id, app key, time in milliseconds and secret. An access token lives a day, with others beside
        it; it is used for two hours, as vivo advises."""
        at = str(int(now * 1000))
        fields = {"appId": as_number(self.app_id), "appKey": self.app_key, "timestamp": int(at)}
        parts = (self.app_id, self.app_key, at, self.app_secret.reveal())
        return digest_login(self.hosts.url("login"), fields, parts, _LOGIN, algorithm="md5", encoding="json")

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The app and the access token, too."""
        request = in_body(super().finish(request, access, now), "appId", as_number(self.app_id))
        return request if access is None else in_header(request, "authtoken", access.value)

    # Notifications

    def clicks(self) -> Clicks:
        """Pages of the app are intent URIs."""
        page = {"skipType": 4}
        rows = {
            OpenApp: Click({"skipType": 1}),
            OpenIntent: Click(page, "skipContent", lambda click: intent_uri(click, self.package or "")),
            OpenActivity: Click(page, "skipContent", lambda click: activity_uri(click, self.package)),
            OpenUrl: Click({"skipType": 2}, "skipContent", lambda click: web_url(click, https_only=False)),
            OpenIntentUri: Click(page, "skipContent"),
        }
        return Clicks(rows, "skipType", RULES.vendor)

    def category_of(self, note: Notification) -> str:
        """The category that an override, the intent or the settings choose; "": none."""
        given = self.sheet.overrides(note).get("category")
        usual = (self.category or "") if note.intent is None else self.intent_table.category(note)
        return given if isinstance(given, str) else usual

    def class_of(self, note: Notification) -> str:
        """The class: of the category, or else of an override."""
        row = self.facts.categories.get(self.category_of(note))
        is_system = self.sheet.overrides(note).get("classification") == 1
        return row.group if row is not None else "system" if is_system else "operational"

    def mode_of(self, note: Notification) -> Any:
        """The `pushMode` of an override, or else of the settings; None: it is left out."""
        return self.sheet.overrides(note).get("pushMode", 1 if self.test_messages else None)

    def quota(self, notification: Notification) -> str:
        """The class. Test messages count against none, and are taken at night."""
        return "test" if self.mode_of(notification) == 1 else self.class_of(notification)

    def broadcast_quota(self, broadcast: Broadcast) -> str:
        """The class, and whether it goes to everyone, to tags or to a list. Broadcasts to everyone and saved contents
        have numbers of their own (10254, 10252), which close nothing else; the number and the hours of one class
        (10070, 10071, 10073) do not close the other one."""
        kind = broadcast.audience.kind
        return f"{self.quota(broadcast.notification)}.{'lists' if kind in LISTS else kind.value}"

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """Category and class, which must fit, how it rings, the data as texts, the receipts."""
        category, kind = self.category_of(note), self.class_of(note)
        classification = int(kind == "system")
        if category and self.sheet.overrides(note).get("classification", classification) != classification:
            raise invalid('overrides["vivo"]["classification"]', f"does not fit {category}, which is of class {kind}")
        if self.receipt_id is not None and note.receipt_url is not None:
            raise unsupported("receipt_url", "vivo posts to the address in its console, because receipt_id is set")
        if self.receipt_id is None and note.receipt_parameter is not None and note.receipt_url is None:
            raise unsupported("receipt_parameter", "vivo returns it in receipts only: set receipt_id, or receipt_url")
        fields: dict[str, Any] = {
            "classification": classification,
            "category": category or None,
            "callback.id": self.receipt_id,
            "notifyType": None if note.alert in (Alert.SILENT, Alert.NORMAL) else self.notify_type,
            "pushMode": 1 if self.test_messages else None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def list_fields(self, note: Notification) -> Mapping[str, Any]:
        """Whether it is a test, as its saved content says."""
        mode = self.mode_of(note)
        return {} if mode is None else {"pushMode": mode}

    def ask_all(self, frame: Frame, audience: Audience) -> Request:
        """To everyone, or to some of the tags, all of them, none of them."""
        if audience.kind is AudienceKind.EVERYONE:
            return self.with_fields("everyone", frame.head, {})
        if not (audience.values or audience.all_of):
            raise unsupported("audience", "vivo needs a tag that the phones have")
        tags = {"orTags": audience.values, "andTags": audience.all_of, "notTags": audience.none_of}
        return self.with_fields("tags", frame.head, {"tagExpression": {name: [*each] for name, each in tags.items()}})

    # Other calls

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Which tokens are alive; vivo means it for hours in which little is sent. What the reply looks like is not
        documented: one without a list is no verdict."""

        def read(response: Response, part: Sequence[str]) -> Mapping[str, Reason | None]:
            if (reply := CODES.read(response)).code in CODES.accepted:
                needed(reply.body.get(MANY), list)
            return self.replies.reasons(response, part)

        return self._call_over("check_tokens", "userIds", tokens, read, userType=1)

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Take a message back by its task id. Only one client shows how, so a setting has to allow it."""
        if not self.experimental_recall:
            raise unsupported("recall", "vivo documents none: set experimental_recall to use the call of one client")
        return self._call_over("recall", "userIds", tokens, self.replies.reasons, taskId=handle, userType=1)

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How far a list or a broadcast has come."""
        task = task_id or message_id

        def read(tasks: list[Any]) -> Statistics:
            own = (one for one in tasks if isinstance(one, dict) and identifier(one.get("taskId")) == task)
            return figures_of(next(own, None), _FIGURES)

        return self._of_tasks("statistics", [task], "statistics", read)

    def review(self, task_ids: Sequence[str]) -> Call[Mapping[str, str]]:
        """By task id what vivo says of the review of its content, in Chinese; once a second at most."""
        return self._of_tasks("audit", task_ids, "data", lambda tasks: dict(map(_reviewed, tasks)))

    def tag(self, name: str, tokens: Sequence[str], *, remove: bool = False) -> Call[Mapping[str, str]]:
        """Give phones a tag, which `change_tags("add_tag", {"name": name})` makes, or take it from them. The result has
        vivo's status by token for those that failed: 1 unknown, 2 notifications off, 3 offline for 7 days."""
        operation = "remove_members" if remove else "add_members"
        return self._call_over(operation, "ids", tokens, _read_members, name=name, type=1)

    def change_tags(self, name: str, fields: Mapping[str, Any]) -> Call[Mapping[str, Any]]:
        """A call about tags, groups or segments, by its name in `rules.toml`; the fields and the reply are vivo's."""
        known = [key for key, row in self.facts.operations.items() if row.path.startswith("/tag")]
        if name not in known:
            raise unsupported("name", f"must be one of {', '.join(known)}")
        return call(name, "", lambda: self.request(name, fields), lambda reply: CODES.read_accepted(reply).body)

    def _of_tasks(self, name: str, ids: Sequence[str], data: str, read: Callable[[list[Any]], Any]) -> Call[Any]:
        """A query about tasks. `read` gets the list under `data` of its reply, which is not empty."""
        most, ids = self.facts.number("query_size"), listed(ids)

        def ask() -> Request:
            return self.request(name, {"taskIds": joined_names("task_ids", ids, most=most)})

        return call(
            name, "", ask, lambda reply: read(needed(CODES.read_accepted(reply).body.get(data), list) or [None])
        )

    # Receipts, settings

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """Receipts by task id. vivo signs none. The old style has no `ackType`, and reports what was delivered."""
        lost = "102/20001" if self.unsubscribed == "keep" else ""
        events = {name: row for name, row in self.facts.events.items() if name != lost}

        def read(task_id: str, element: Mapping[str, Any]) -> Iterator[Receipt | None]:
            kind, detail = code_text(element.get("ackType", "0")), code_text(element.get("subAckType"))
            event = f"{kind}/{detail}" if kind and detail else kind or ""
            more = {"message_id": task_id, "at": element.get("ackTime"), "parameter": element.get("param")}
            for token in read_tokens(element.get("targets"), str.isprintable):
                yield make_receipt(certificate_id, token, event, events, **more)

        return read_keyed(body.decode("utf-8", "replace"), read)

    def advice(self) -> Sequence[str]:
        """What the settings lack."""
        found = {
            "receipt_id is missing: vivo reports only pushes that have a receipt_url": self.receipt_id is None,
            "category is missing: a notification without an intent is operational, by day only": self.category is None,
            "test_messages is on: pushes reach only the test devices of vivo's console": self.test_messages,
        }
        return [sentence for sentence, is_so in found.items() if is_so]


def _reviewed(one: object) -> tuple[str, str]:
    return needed(identifier(needed(one, dict).get("taskId")), str), entry("desc", str)(one)


def _read_members(response: Response, _: Sequence[str]) -> dict[str, str]:
    failed = needed(CODES.read_accepted(response).body.get("data", []), list)
    return {entry("userid", str)(one): needed(code_text(one.get("status")), str) for one in failed}
