"""The conformance kit of `pushgateway.testing`, run for both brands, for each way to log in, and over HTTP."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pushgateway_huawei import Harmony, Huawei
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox
from pushgateway_huawei.sandbox.server import CALLBACK_SECRET, CALLBACK_USER

from pushgateway.sandbox.kit.signatures import hmac_sha256
from pushgateway.testing.conformance import CallSample, OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.testing.conformance.harness import CANARY
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Reason, ReceiptKind


def reply(code: str, msg: str) -> str:
    """A reply in Huawei's envelope."""
    return json.dumps({"code": code, "msg": msg, "requestId": "1698"})


COMMON = (
    Sample(reply("80000000", "Success"), None, "response: 80000000"),
    Sample(reply("80100003", "Illegal payload"), Reason.INVALID_NOTIFICATION, "response: 80100003"),
    Sample(reply("80200001", "Authentication error"), Reason.CREDENTIALS, "response: 80200001"),
    Sample(reply("80300002", "no right"), Reason.CREDENTIALS, "response: 80300002"),
    Sample(reply("81000001", "Internal error"), Reason.UNAVAILABLE, "response: 81000001"),
    Sample(reply("80100000", "not JSON"), Reason.NO_VERDICT, "a success in part that names nobody"),
)
V1 = (
    *COMMON,
    Sample(reply("80300007", "All the tokens are invalid."), Reason.UNREGISTERED, "response: 80300007"),
    Sample(
        reply("80100000", '{"success":0,"failure":1,"illegal_tokens":["{token}"]}'),
        Reason.UNREGISTERED,
        "v1, success in part: illegal_tokens",
    ),
    Sample(
        reply("80100000", '{"success":1,"failure":0,"illegal_tokens":[]}'), None, "v1, success in part: none failed"
    ),
    Sample(
        reply("80100000", '{"success":0,"failure":1,"illegal_tokens":["another"]}'),
        Reason.NO_VERDICT,
        "v1: one failed, and another token is named",
    ),
    Sample(reply("80100017", "too many"), Reason.RATE_LIMITED, "v1, codes: 80100017"),
)
V3 = (
    *COMMON,
    Sample(
        reply("80300007", "All the tokens are invalid."),
        Reason.INVALID_NOTIFICATION,
        "v3, all failed without reasons: noRight may be one, which is no dead token",
    ),
    Sample(
        reply("80100000", '{" illegalTokens ":{"tokenFormatError":["{token}"]},"success":0,"failure":1}'),
        Reason.UNREGISTERED,
        "v3, success in part, with the blanks of the official sample",
    ),
    Sample(
        reply("80300007", '{"failure":1,"illegalTokens":{"noRight":["{token}"]}}'),
        Reason.CREDENTIALS,
        "v3, all failed: another project, or a phone that was upgraded",
    ),
    Sample(
        reply("80300007", '{"failure":1,"illegalTokens":{"noRight":["another"]}}'),
        Reason.NO_VERDICT,
        "v3, all failed: the reason of another token is none of this one",
    ),
    Sample(
        reply("80100000", '{"illegalTokens":{"aNewReason":["{token}"]},"success":0,"failure":1}'),
        Reason.INVALID_NOTIFICATION,
        "v3: a reason that is not in the documents is no dead token",
    ),
    Sample(reply("80300029", "too frequent"), Reason.RATE_LIMITED, "v3, codes: 80300029"),
)
"""Replies to one push, in the shapes of Huawei's pages."""

AT = str(int(EPOCH * 1000))
SIGNED = {
    "x-huawei-callback-id": f"timestamp={AT};nonce=n-1;"
    f"value={hmac_sha256(CALLBACK_SECRET.encode(), AT, 'n-1', CALLBACK_USER)}"
}
"""The header of the documents, without the blanks behind its semicolons, which may be missing."""
V1_POSTED = PostedSample(
    '{"statuses":[{"biTag":"m-42","appid":"100000001","token":"TOK-A","status":0,'
    '"timestamp":1790000000123,"requestId":"1698"}]}',
    (
        {
            "token": "TOK-A",
            "kind": ReceiptKind.ARRIVED,
            "event": "0",
            "message_id": "1698",
            "parameter": "m-42",
            "at": 1_790_000_000.123,
        },
    ),
    "push-msg-receipt, V1",
    SIGNED,
)
V2_POSTED = PostedSample(
    '{"statuses":[{"biTag":"m-42","pushType":0,"appPackageName":"com.example.chat","token":"MAMzLexampleTOKEN",'
    '"requestId":"1698","deliveryStatus":{"result":2,"timestamp":1790000000123}}]}',
    (
        {
            "token": "MAMzLexampleTOKEN",
            "kind": ReceiptKind.UNREGISTERED,
            "event": "2",
            "message_id": "1698",
            "parameter": "m-42",
            "at": 1_790_000_000.123,
        },
    ),
    "push-api-msg-receipt, V2",
    SIGNED,
)


def of_another_receiver(settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Certificates with another secret and another user name of the receipt configuration."""
    return [{**settings, "callback_secret": "another"}, {**settings, "callback_user": "another"}]


class TestHuawei(PluginConformance):
    """Push Kit v1 with a login by client id and secret."""

    vendor = Huawei
    options: ClassVar[Mapping[str, Any]] = {}
    own_fields: ClassVar[Mapping[str, Any]] = {"android.collapse_key": 7, "android.notification.color": "#102030"}
    limits: ClassVar[Mapping[str, int]] = {"ttl": 1_296_000}
    samples = V1
    posted_samples = (V1_POSTED, V2_POSTED)
    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "topics",
            {"token": "TOK-A"},
            '{"code":"80000000","topics":[{"name":"weather","addDate":"2026-01-02"}]}',
            ("weather",),
            "topic:list",
        ),
        CallSample(
            "subscribe_topic",
            {"topic": "weather", "tokens": ["TOK-A", "TOK-B"]},
            '{"code":"80000000","msg":"Success","requestId":"1","successCount":1,"failureCount":1,'
            '"errors":[{"index":1,"reason":"wrong"}]}',
            {"TOK-B": "wrong"},
            "topic:subscribe",
        ),
    )

    def make_sandbox(self, **options: Any) -> HuaweiSandbox:
        """A sandbox for this login and version."""
        return HuaweiSandbox(**self.options, **options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another secret of the app."""
        return {**settings, "client_secret": "another"}

    def of_another_receiver(self, settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Settings that must refuse the receipts of these."""
        return of_another_receiver(settings)


def canary_key_file() -> str:
    """A key file whose texts hold the canary."""
    return json.dumps({**json.loads(HarmonySandbox(tokens=0).service_account), "key_id": CANARY, "sub_account": CANARY})


def another_key(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings with the key file of another account."""
    account = {**json.loads(str(settings["service_account"])), "sub_account": "another"}
    return {**settings, "service_account": json.dumps(account)}


class TestHuaweiServiceAccount(TestHuawei):
    """Push Kit v2 with a service account."""

    options: ClassVar[Mapping[str, Any]] = {"login": "service account", "version": "v2"}

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The key file of another account."""
        return another_key(settings)

    def canary_secret(self) -> str:
        """A key file that must not be shown."""
        return canary_key_file()


class TestHuaweiOverHttp(OverHttp, TestHuawei):
    """Push Kit v1 against the sandbox served over HTTP."""


class TestHarmony(PluginConformance):
    """Push Kit v3."""

    vendor = Harmony
    rules_name = "harmony"
    own_fields: ClassVar[Mapping[str, Any]] = {"pushOptions.collapseKey": 7, "payload.notification.soundDuration": 5}
    limits: ClassVar[Mapping[str, int]] = {"ttl": 1_296_000}
    samples = V3
    posted_samples = (V1_POSTED, V2_POSTED)
    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "verify_image",
            {"url": "https://a.example/p.png"},
            '{"code":"83010000","msg":"success","requestId":"1","downloadUrl":"https://b.example/q","expireTime":60}',
            "https://b.example/q",
            "push-image-control",
        ),
        CallSample(
            "recall",
            {"handle": "7", "tokens": ["MAMzL1", "MAMzL2"]},
            '{"code":"80000000","msg":"Success","requestId":"1"}',
            {"MAMzL1": None, "MAMzL2": None},
            "push-msg-revoke",
        ),
    )

    def make_sandbox(self, **options: Any) -> HarmonySandbox:
        """A sandbox of HarmonyOS."""
        return HarmonySandbox(**options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The key file of another account."""
        return another_key(settings)

    def of_another_receiver(self, settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Settings that must refuse the receipts of these."""
        return of_another_receiver(settings)

    def canary_secret(self) -> str:
        """A key file that must not be shown."""
        return canary_key_file()


class TestHarmonyOverHttp(OverHttp, TestHarmony):
    """Push Kit v3 against the sandbox served over HTTP."""
