"""What plug-in authors import: the contract of a vendor (`Vendor`), its values, and the reading of JSON replies.

A vendor is a translator, not a client: it turns pushes into requests and replies into outcomes. It does not wait, keeps
no state, sends nothing and has no clock or random of its own. Queueing, retries, limits and access tokens are the
core's. Everything here is pure.

A plug-in is one class, registered in the entry point group `pushgateway.vendors` under its brand:

    @attrs.frozen
    class Acme(Vendor):
        brand = "acme"
        contract = "0.2"
        secret: Secret                       # the fields are the settings of a certificate

        def push(self, batch):
            body = json.dumps({"to": [push.push_token.token for push in batch], "title": batch[0].notification.title})
            reply = read_reply((yield Request("POST", "https://push.acme.example/send", content=body.encode())))
            if reply.code != "0":            # a refusal is a reply too: the plug-in says what its code means
                raise Refused(Reason.CREDENTIALS, reply.code, reply.message)
            return [Outcome.accepted(push, reply.body.get("id")) for push in batch]

What the core guarantees: a batch holds pushes of one certificate and one region, at most `batching.size`, no token
twice, and (unless `batching.mixed`) one notification. What a plug-in must do: raise nothing but `Refused` and
`NoVerdict`, and return one outcome for each push in the order of the batch. If a plug-in breaks this, only its own
pushes are affected.
"""

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.batch import Batch, Saved
from pushgateway.model.click import ClickAction, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Network, Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceiptKind, Statistics
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.vendor.capacity import Batching, Rates
from pushgateway.vendor.contract import CONTRACT, Vendor
from pushgateway.vendor.exchange import AccessToken, Exchange, Request, Response
from pushgateway.vendor.features import find_omitted, find_unsupported
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, NoVerdict, Refused
from pushgateway.vendor.replies import Reply, code_text, read_json, read_posted, read_reply
from pushgateway.vendor.ruling import Effect, Ruling
from pushgateway.vendor.urls import check_base_url, is_loopback

__all__ = [
    "CONTRACT",
    "AccessExpired",
    "AccessToken",
    "Alert",
    "Audience",
    "AudienceKind",
    "Badge",
    "Batch",
    "Batching",
    "Broadcast",
    "BroadcastOutcome",
    "Button",
    "Call",
    "CallBack",
    "ClickAction",
    "ClockSkew",
    "ConfigError",
    "Effect",
    "Exchange",
    "FieldError",
    "Intent",
    "Network",
    "NoVerdict",
    "Notification",
    "OpenActivity",
    "OpenApp",
    "OpenIntent",
    "OpenIntentUri",
    "OpenUrl",
    "Outcome",
    "Push",
    "PushToken",
    "Rates",
    "Reason",
    "Receipt",
    "ReceiptKind",
    "Refused",
    "Reply",
    "Request",
    "Response",
    "Ruling",
    "Saved",
    "Secret",
    "Statistics",
    "Status",
    "Vendor",
    "check_base_url",
    "code_text",
    "find_omitted",
    "find_unsupported",
    "is_loopback",
    "read_json",
    "read_posted",
    "read_reply",
    "safe_repr",
]
