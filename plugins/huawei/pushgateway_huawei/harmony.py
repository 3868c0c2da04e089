"""`Harmony`: Push Kit v3, for phones with HarmonyOS NEXT or 5.

Pure. Its facts are in `harmony.toml`; what it shares with `huawei` is in `push_kit`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from pushgateway.vendor import (
    Batch,
    Batching,
    Call,
    Notification,
    NoVerdict,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    Reason,
    Request,
    Response,
    Secret,
    safe_repr,
)
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.calls import call, call_in_chunks
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.intents import stable_id, stable_key
from pushgateway.vendor.toolkit.jwt import key_file_setting
from pushgateway.vendor.toolkit.readers import count
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.settings import one_of_setting
from pushgateway_huawei.push_kit import KEY_FILE, PushKit
from pushgateway_huawei.replies import make_replies

RULES: Final = load_rules("pushgateway_huawei", "harmony")
_NOTE: Final = "payload.notification"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9+/=_\s-]{1,64}", re.ASCII)


@safe_repr
@attrs.frozen(kw_only=True)
class Harmony(PushKit):
    """One app at Push Kit for HarmonyOS phones."""

    brand: ClassVar[str] = "harmony"
    deduplicates: ClassVar[Literal["message"]] = "message"
    rules = RULES
    replies = make_replies(RULES)
    frame = (b"", b'"target":{', b"}}")
    test: ClassVar[Mapping[str, Any]] = {"pushOptions.testMessage": True}
    names: ClassVar[Mapping[str, str]] = {
        "mark": "pushOptions.biTag",
        "receipt_id": "pushOptions.receiptId",
        "category": f"{_NOTE}.category",
        "handle": f"{_NOTE}.notifyId",
    }
    texts = (f"{_NOTE}.body", f"{_NOTE}.bigBody", f"{_NOTE}.title")

    service_account: Secret = attrs.field(validator=key_file_setting(*KEY_FILE))
    """The JSON key file of a service account, such as `file:huawei.json`; needs `pushgateway-huawei[jwt]`."""
    category: str = attrs.field(default="MARKETING", validator=one_of_setting(*RULES.dialects["v3"].categories))
    """The category of a notification without an intent: Huawei needs one."""

    @property
    def batching(self) -> Batching:
        """Up to 1,000 tokens with one notification, 10 in a test message."""
        return Batching(size=self.facts.number("test_batch_size" if self.test_messages else "batch_size"))

    def clicks(self) -> Clicks:
        """The app, or an ability of it by action or URI. There is no web page: an ability has to open it."""
        kind = f"{_NOTE}.clickAction.actionType"
        rows = {
            OpenApp: Click({kind: 0}),
            OpenIntent: Click({kind: 1}, f"{_NOTE}.clickAction.action"),
            OpenIntentUri: Click({kind: 1}, f"{_NOTE}.clickAction.uri"),
        }
        return Clicks(rows, kind, RULES.vendor)

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """A category; the id by which phones drop repeats; and a `notifyId`, without which nothing can be recalled."""
        fields = super().planned(note, batch)
        if note.intent is None:
            fields[self.names["category"]] = self.category
        return fields if batch is None else {**fields, **self.identified(note, batch)}

    def identified(self, note: Notification, batch: Batch) -> Mapping[str, Any]:
        """`appMessageId`, and `notifyId` if nothing else names it."""
        if not (message_id := batch.message_id):
            return {}
        fits = _MESSAGE_ID.fullmatch(message_id)
        fields = {f"{_NOTE}.appMessageId": message_id if fits else stable_key(message_id, 32)}
        return fields if note.replace_key is not None else {**fields, self.names["handle"]: stable_id(message_id)}

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Take a notification back by its `notifyId`, which is `Outcome.handle`."""

        def ask(part: Sequence[str]) -> Request:
            if (notify_id := count(handle)) is None or notify_id >= 2**31:
                raise invalid("handle", "must be the Outcome.handle of a push to HarmonyOS")
            return self.request("recall", {"notifyId": notify_id, "token": list(part)})

        size = self.facts.number("batch_size")
        return call_in_chunks("recall", "", tokens, size=size, ask=ask, read=self.replies.reasons)

    def verify_image(self, url: str) -> Call[str]:
        """Have a picture verified for notifications. The result is the URL for `Notification.picture`; Huawei shows
        none that it has not verified."""

        def read(response: Response) -> str:
            found = self.replies.codes.read_accepted(response).body.get("downloadUrl")
            if not isinstance(found, str) or not found:
                raise NoVerdict("the reply holds no downloadUrl")
            return found

        return call("verify_image", "", lambda: self.request("verify_image", {"imageUrl": url}), read)

    def advice(self) -> Sequence[str]:
        """What `recall` lacks, and how a notification without an intent is sent."""
        found = [] if self.client_id else ["client_id is missing: recall needs it"]
        if self.category == "MARKETING":
            found.append("category is MARKETING: a notification without an intent is silent and limited to 2 a day")
        return found
