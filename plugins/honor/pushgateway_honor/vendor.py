"""`Honor`: one app at Honor Push.

Pure. Its facts are in `rules.toml`; how replies and receipts are read is in `replies`. Honor's interface is like
Huawei's: one notification for up to 1,000 tokens, a login with OAuth 2.0, receipts by an address in the console. It has
no broadcast, topic, alias, recall, token check or statistics, and drops no repeats.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from pushgateway.vendor import (
    AccessToken,
    Batch,
    Button,
    Exchange,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Rates,
    Receipt,
    Request,
    Response,
    Secret,
    safe_repr,
)
from pushgateway.vendor.text import clean, fit, is_visible
from pushgateway.vendor.toolkit.access import oauth_login
from pushgateway.vendor.toolkit.clicks import Click, Clicks, activity_uri, web_url
from pushgateway.vendor.toolkit.field_checks import check_field
from pushgateway.vendor.toolkit.multicast import MulticastVendor
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.requests import bearer, in_header
from pushgateway.vendor.toolkit.settings import Hosts, host_setting, longest_setting, one_of_setting, text_setting
from pushgateway_honor.replies import ALL_INVALID, ANSWER, CODES, LOGIN_CODES, REPLIES, RULES, decode_receipts

_FACTS: Final = RULES.dialects["v1"]
_LOGINS: Final = {row.path: row for name, row in _FACTS.operations.items() if name.startswith("login")}
"""The calls that log in, by path: Honor's guide shows another than the clients use."""
_NOTE: Final = "android.notification"
_TITLE, _BODY, _KIND = f"{_NOTE}.title", f"{_NOTE}.body", f"{_NOTE}.clickAction.type"
_PAGE, _WEB, _APP = 1, 2, 3
"""Kinds of click actions."""


@safe_repr
@attrs.frozen(kw_only=True)
class Honor(MulticastVendor):
    """One app at Honor Push. Honor's console gives it an app id, a client id and a client secret; its app secret is
    not used."""

    brand: ClassVar[str] = "honor"
    contract: ClassVar[str] = "0.2"
    rules = RULES
    replies = REPLIES
    frame = (b"", b"", b"}")
    names: ClassVar[Mapping[str, str]] = {"mark": "android.biTag", "category": f"{_NOTE}.importance"}
    texts = (_BODY, f"{_NOTE}.bigBody", _TITLE)
    needs: ClassVar[Mapping[str, str]] = {"badge": "badge_class"}

    app_id: str = attrs.field(validator=text_setting)
    """The app id, which stands in the URL of pushes."""
    client_id: str = attrs.field(validator=text_setting)
    """The client id, for the login. It is not the app id."""
    client_secret: Secret
    """The client secret, for the login. It is not the app secret."""
    package: str | None = attrs.field(default=None, validator=text_setting)
    """The app's package, for `OpenActivity`."""
    badge_class: str | None = attrs.field(default=None, validator=text_setting)
    """The full name of the launcher activity, which Honor needs for a badge."""
    test_messages: bool = False
    """True: all pushes are test messages, 1,000 a day for an app."""
    title_characters: int = longest_setting(_FACTS.fields[_TITLE], _FACTS.number("body_bytes"))
    """A longer title is cut."""
    body_characters: int = longest_setting(_FACTS.fields[_BODY], _FACTS.number("body_bytes"))
    """A longer text is cut."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of Honor's; `http://` for loopback addresses only."""
    login_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the login."""
    login_path: str = attrs.field(default=next(iter(_LOGINS)), validator=one_of_setting(*_LOGINS))
    """The path of the login: the current one, or the older one of Honor's guide."""

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The URLs of calls."""
        return Hosts(self.facts, {"push": self.host, "login": self.login_host}, app_id=self.app_id)

    @property
    def limits(self) -> Mapping[str, int]:
        """The maxima of this certificate."""
        return {_TITLE: self.title_characters, _BODY: self.body_characters}

    @property
    def rates(self) -> Rates:
        """The phones per second of an app, and the connections that so many single pushes need over a round trip of
        50 ms."""
        return Rates(pushes=self.facts.quotas["rate_of_an_app"].value, connections=150)

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """OAuth 2.0 with client id and secret."""
        url, secret = self.hosts.url(_LOGINS[self.login_path]), self.client_secret.reveal()
        lifetime = self.facts.number("access_lifetime")
        return oauth_login(url, self.client_id, secret, (LOGIN_CODES, CODES), lifetime=lifetime)

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The access token, and the time in milliseconds: Honor refuses a request without it."""
        dated = in_header(request, "timestamp", str(int(now * 1000)))
        return dated if access is None else bearer(dated, access.value)

    def probe(self) -> Exchange[str]:
        """A message that shows nothing, to a token that nobody has: Honor's answer that it is invalid proves login and
        app id."""
        request = self.send_request(b'{"data":"{}","token":["pushgateway-check"]}')
        CODES.read_accepted((yield request), also=(ALL_INVALID,))
        return "Honor has answered a message to a token that nobody has: the login and the app id are right"

    # Notifications

    def clicks(self) -> Clicks:
        """Honor needs a click action always."""
        intent = f"{_NOTE}.clickAction.intent"
        rows = {
            OpenApp: Click({_KIND: _APP}),
            OpenIntent: Click({_KIND: _PAGE}, f"{_NOTE}.clickAction.action"),
            OpenActivity: Click({_KIND: _PAGE}, intent, lambda click: activity_uri(click, self.package)),
            OpenUrl: Click({_KIND: _WEB}, f"{_NOTE}.clickAction.url", web_url),
            OpenIntentUri: Click({_KIND: _PAGE}, intent),
        }
        return Clicks(rows, _KIND, RULES.vendor)

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """Whether it is a test message, the activity of a badge, the title of a long text, and the buttons."""
        fields: dict[str, Any] = {"android.targetUserType": 1} if self.test_messages else {}
        if note.badge is not None:
            fields[f"{_NOTE}.badge.badgeClass"] = self.badge_class
        if note.long_body is not None and is_visible(clean(note.long_body)):
            fields[f"{_NOTE}.bigTitle"] = fit(note.title, self.title_characters)[0]  # "should equal title"
        if note.buttons:
            fields[f"{_NOTE}.buttons"] = [self._button(button) for button in note.buttons]
        return fields

    def _button(self, button: Button) -> dict[str, Any]:
        """`actionType`: 0 opens the app, 1 a page of it, 2 a web page; `intentType` of a page: 0 a URI, 1 an action."""
        most = self.facts.number("button_characters")
        if not 0 < len(button.text) <= most or not is_visible(clean(button.text)):
            raise invalid("buttons", f"the text of a button must have 1 to {most} characters")
        fields = self.clicks().fields(button.click)
        kind = fields.pop(_KIND)
        made = {"name": clean(button.text), "actionType": 0 if kind == _APP else kind}
        for name, target in fields.items():
            made["intent"], _ = check_field("buttons", self.facts.fields[name], target)
            if kind == _PAGE:
                made["intentType"] = int(name.endswith("action"))
        return made

    # Receipts

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that Honor posts to the address in its console, one for each phone and event. Honor signs
        nothing."""
        return decode_receipts(certificate_id, self.app_id, body, self.facts.events)

    def receipt_answer(self, taken: bool) -> Response:
        """A success in JSON; 503 if the host could not keep them."""
        return Response(200, {"content-type": "application/json"}, ANSWER) if taken else Response(503)

    # Settings

    def advice(self) -> Sequence[str]:
        """What the settings lack, and the usual mistake with them."""
        found = [] if self.badge_class else ["badge_class is missing: badges are left out"]
        if self.client_id == self.app_id:
            found.append("client_id is the app id: Honor gives an app a client id of its own for the login")
        return found
