"""`Huawei`: Push Kit v1 and v2, for phones with Android, EMUI or HarmonyOS up to 4.

Pure. Its facts are in `rules.toml`; what it shares with `harmony` is in `push_kit`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from pushgateway.vendor import (
    AccessToken,
    Audience,
    AudienceKind,
    Batch,
    Broadcast,
    BroadcastOutcome,
    Call,
    Exchange,
    FieldError,
    Notification,
    NoVerdict,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Request,
    Response,
    Secret,
    Status,
    safe_repr,
)
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.access import oauth_login
from pushgateway.vendor.toolkit.calls import call, call_in_chunks
from pushgateway.vendor.toolkit.clicks import Click, Clicks, activity_uri, intent_uri, web_url
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.readers import count, short
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.settings import host_setting, text_setting
from pushgateway_huawei.push_kit import PushKit
from pushgateway_huawei.replies import ALL_INVALID, make_replies

RULES: Final = load_rules("pushgateway_huawei")
_REPLIES: Final = make_replies(RULES)
_CODES: Final = _REPLIES.codes
_LOGINS: Final = (CodeTable.of(RULES, "login_codes", code="sub_error", message="error_description", busy={503}), _CODES)
_NOTE: Final = "android.notification"
_TOPIC = re.compile(r"[0-9A-Za-z_%.~\-\u3400-\u4dbf\u4e00-\u9fff]+")


@safe_repr
@attrs.frozen(kw_only=True)
class Huawei(PushKit):
    """One app at Push Kit for Android phones."""

    brand: ClassVar[str] = "huawei"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TAGS})
    rules = RULES
    replies = _REPLIES
    frame = (b'{"message":', b"", b"}}")
    test: ClassVar[Mapping[str, Any]] = {"android.target_user_type": 1}
    names: ClassVar[Mapping[str, str]] = {
        "mark": "android.bi_tag",
        "receipt_id": "android.receipt_id",
        "category": "android.category",
        "channel_id": f"{_NOTE}.channel_id",
    }
    texts = (f"{_NOTE}.body", f"{_NOTE}.big_body", f"{_NOTE}.title")
    needs: ClassVar[Mapping[str, str]] = {"badge": "badge_class"}

    client_id: str = attrs.field(validator=text_setting)
    """The app id, which is the OAuth client id."""
    client_secret: Secret | None = None
    """The app secret. Either this or `service_account`."""
    package: str | None = attrs.field(default=None, validator=text_setting)
    """The app's package, for `OpenActivity`."""
    badge_class: str | None = attrs.field(default=None, validator=text_setting)
    """The full name of the launcher activity, which Huawei needs for a badge."""
    login_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same as `host` for the login."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if (self.client_secret is None) == (self.service_account is None):
            raise FieldError("client_secret", "must be given, or else service_account, and not both")

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """OAuth 2.0 with client id and secret, or a token that is signed here."""
        if self.client_secret is None:
            return super().login(region, now)
        secret, lifetime = self.client_secret.reveal(), self.facts.number("access_lifetime")
        return oauth_login(self.hosts.url("login"), self.client_id, secret, _LOGINS, lifetime=lifetime)

    def clicks(self) -> Clicks:
        """Huawei needs a click action always: type 1 is an intent, 2 a web page, 3 the app."""
        kind, intent = f"{_NOTE}.click_action.type", f"{_NOTE}.click_action.intent"
        rows = {
            OpenApp: Click({kind: 3}),
            OpenIntent: Click({kind: 1}, f"{_NOTE}.click_action.action"),
            OpenActivity: Click({kind: 1}, intent, lambda click: activity_uri(click, self.package)),
            OpenUrl: Click({kind: 2}, f"{_NOTE}.click_action.url", web_url),
            OpenIntentUri: Click({kind: 1}, intent, lambda click: intent_uri(click, "")),
        }
        return Clicks(rows, kind, RULES.vendor)

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """The activity of a badge too."""
        fields = super().planned(note, batch)
        return fields if note.badge is None else {**fields, f"{_NOTE}.badge.class": self.badge_class}

    @property
    def sending(self) -> str:
        """v2, the call of a project, if the certificate names one; v1, the call of an app, for the same phones."""
        return "send_v2" if self.project_id else "send"

    def probe(self) -> Exchange[str]:
        """A message that Huawei checks and sends to nobody (`validate_only`), to a token that nobody has."""
        body = self.encode(Notification("pushgateway", "check"), None).around(b'["pushgateway-check"]')
        _CODES.read_accepted((yield self.send_request(b'{"validate_only":true,' + body[1:])), also=(ALL_INVALID,))
        return "Huawei has checked a message that goes to nobody: the login and the app id are right"

    # Topics, which are our tags

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to a topic, or to a condition over several."""
        self.scheduled(broadcast)
        name, target = self._target(broadcast.audience)
        frame = self.encode(broadcast.notification, None, name, len(target))
        reply = _CODES.read_accepted((yield self.send_request(frame.around(target))))
        request_id = self.replies.message_id(reply)
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            message_id=request_id,
            task_ids=(request_id,) if request_id else (),
            truncated=frame.truncated,
            omitted=frame.omitted,
        )

    def _target(self, audience: Audience) -> tuple[str, bytes]:
        """`topic`, or `condition`, and its value as JSON."""
        topics = (*audience.values, *audience.all_of, *audience.none_of)
        for topic in topics:
            self._check_topic("audience", topic)
        if len(topics) == 1 and not audience.none_of:
            return "topic", encode_json(topics[0]).encode()
        if len(topics) > (most := self.facts.number("condition_topics")):
            raise invalid("audience", f"must name at most {most} tags, which is the longest condition of Huawei")
        any_of = " || ".join(f"'{topic}' in topics" for topic in audience.values)
        parts = [f"({any_of})" if len(audience.values) > 1 else any_of] if any_of else []
        parts += [f"'{one}' in topics" for one in audience.all_of] + [
            f"!('{one}' in topics)" for one in audience.none_of
        ]
        return "condition", encode_json(" && ".join(parts)).encode()

    def _check_topic(self, word: str, topic: str) -> None:
        most = self.facts.number("topic_characters")
        if len(topic) > most or not _TOPIC.fullmatch(topic):
            raise invalid(word, f"a topic must have 1 to {most} letters, digits, Chinese characters or _ % . ~ -")

    def subscribe_topic(self, topic: str, tokens: Sequence[str]) -> Call[Mapping[str, str]]:
        """These phones get what is sent to the topic. The result has Huawei's reason by token for those that failed."""
        return self._change_topic("subscribe_topic", topic, tokens)

    def unsubscribe_topic(self, topic: str, tokens: Sequence[str]) -> Call[Mapping[str, str]]:
        """These phones get it no more. The result is as that of `subscribe_topic`."""
        return self._change_topic("unsubscribe_topic", topic, tokens)

    def topics(self, token: str) -> Call[tuple[str, ...]]:
        """The topics of one phone."""

        def read(response: Response) -> tuple[str, ...]:
            listed = _listed(_CODES.read_accepted(response, one_target=True).body.get("topics"))
            names = [one["name"] for one in listed if isinstance(one, dict) and isinstance(one.get("name"), str)]
            if len(names) < len(listed):
                raise NoVerdict("the reply holds a topic without a name")
            return tuple(names)

        return call("topics", "", lambda: self.request("topics", {"token": token}), read)

    def _change_topic(self, name: str, topic: str, tokens: Sequence[str]) -> Call[Mapping[str, str]]:
        def ask(part: Sequence[str]) -> Request:
            self._check_topic("topic", topic)
            return self.request(name, {"topic": topic, "tokenArray": list(part)})

        def read(response: Response, part: Sequence[str]) -> dict[str, str]:
            failed = {}
            body = _CODES.read_accepted(response, one_target=len(part) == 1).body
            errors = _listed(body.get("errors"))
            if (count(body.get("failureCount")) or 0) > len(errors):
                raise NoVerdict("the reply has more failures than it names")
            for error in errors:
                place = error.get("index") if isinstance(error, dict) else None
                if type(place) is not int or not 0 <= place < len(part):
                    raise NoVerdict("the reply names a token by a place that the request did not have")
                failed[part[place]] = short(error.get("reason")) or "no reason given"
            return failed

        return call_in_chunks(name, "", tokens, size=self.facts.number("batch_size"), ask=ask, read=read)


def _listed(value: object) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise NoVerdict("the reply holds no list where one belongs")
