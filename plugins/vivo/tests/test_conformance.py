"""The conformance kit of `pushgateway.testing`, run for the vivo plug-in in this process and over HTTP."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pushgateway_vivo import Vivo
from pushgateway_vivo.sandbox import VivoSandbox

from pushgateway.testing.conformance import CallSample, OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.vendor import Reason, ReceiptKind, Statistics

DEAD = '{"result":10302,"desc":"regId不合法","invalidUser":{"status":%s,"userid":"{token}"}}'


def refusal(code: int) -> str:
    """A reply with a code only, as vivo's documents print them."""
    return f'{{"result":{code},"desc":"失败"}}'


SAMPLES = (
    Sample('{"result":0,"desc":"请求成功","taskId":"998877665544332211"}', None, "V5, accepted"),
    Sample('{"result":"0","desc":"请求成功","taskId":998877665544332211}', None, "numbers and texts alike"),
    Sample(DEAD % 1, Reason.UNREGISTERED, "V2, status 1: not known for this app"),
    Sample(DEAD % 2, Reason.UNREGISTERED, "V2, status 2: uninstalled, unsubscribed or cleared"),
    Sample(DEAD % 3, Reason.MUTED, "V4, status 3: inactive for long"),
    Sample(DEAD % '"4"', Reason.CREDENTIALS, "V4, status 4: not a test device"),
    Sample(DEAD % 9, Reason.INVALID_NOTIFICATION, "a status that no document has is no dead token"),
    Sample(DEAD % '"x"', Reason.NO_VERDICT, "a status that cannot be read"),
    Sample(refusal(10302), Reason.UNREGISTERED, "V4, 10302 without a name, for a single push"),
    Sample(
        '{"result":0,"desc":"请求成功","invalidUser":{"status":1,"userid":"{token}"}}',
        Reason.UNREGISTERED,
        "the name decides, whatever the code is",
    ),
    Sample(
        '{"result":10302,"desc":"失败","invalidUser":{"status":1,"userid":"another"}}',
        Reason.NO_VERDICT,
        "another token is named",
    ),
    Sample('{"result":0,"desc":"请求成功","taskId":"9","invalidUsers":[]}', None, "an empty list, as one client needs"),
    Sample(refusal(10000), Reason.CREDENTIALS, "V5, the access token"),
    Sample(refusal(10070), Reason.QUOTA_EXCEEDED, "V1, the day's operational messages"),
    Sample(refusal(10071), Reason.QUOTA_EXCEEDED, "V1, the hours of operational messages"),
    Sample(refusal(10072), Reason.RATE_LIMITED, "V1, too fast"),
    Sample(refusal(10073), Reason.QUOTA_EXCEEDED, "V1, the day's system messages"),
    Sample(refusal(10094), Reason.CREDENTIALS, "V1, another app"),
    Sample(refusal(10097), Reason.INVALID_NOTIFICATION, "V2, category and classification"),
    Sample(refusal(10040), Reason.UNAVAILABLE, "V20, refused for now"),
)
"""Replies to one push."""


def posted(body: str, source: str, *receipts: Mapping[str, Any]) -> PostedSample:
    """Receipts as vivo posts them: an object by task id."""
    return PostedSample(body, receipts, source)


def one(kind: str, detail: str, meant: ReceiptKind) -> PostedSample:
    """A receipt of one phone with these types."""
    more = f',"subAckType":"{detail}"' if detail else ""
    event = f"{kind}/{detail}" if detail else kind
    body = f'{{"99":{{"targets":"v2-a","param":"m","ackTime":1764000123456,"ackType":"{kind}"{more}}}}}'
    return posted(body, f"V6, {event}", {"token": "v2-a", "kind": meant, "event": event, "message_id": "99"})


POSTED = (
    posted(
        '{"998877665544332211":{"targets":"v2-AAA,v2-BBB","param":"batch-7","ackTime":1764000123456,'
        '"ackType":"104","subAckType":"2124"}}',
        "V6, two phones with the same operational text",
        *(
            {
                "token": token,
                "kind": ReceiptKind.DROPPED,
                "event": "104/2124",
                "message_id": "998877665544332211",
                "parameter": "batch-7",
                "at": 1_764_000_123.456,
            }
            for token in ("v2-AAA", "v2-BBB")
        ),
    ),
    posted(
        '{"998877665544332211":{"param":"m-42","targets":"v2-AAA"}}',
        "V9, the old style: presence means delivered",
        {"token": "v2-AAA", "kind": ReceiptKind.ARRIVED, "event": "0", "parameter": "m-42"},
    ),
    *(
        one(*sample)
        for sample in (
            ("0", "", ReceiptKind.ARRIVED),
            ("100", "11001", ReceiptKind.DROPPED),
            ("100", "12000", ReceiptKind.LIMITED),
            ("100", "10012", ReceiptKind.DROPPED),
            ("100", "77777", ReceiptKind.DROPPED),
            ("101", "", ReceiptKind.DROPPED),
            ("102", "20001", ReceiptKind.UNREGISTERED),
            ("102", "20002", ReceiptKind.UNREGISTERED),
            ("102", "20006", ReceiptKind.DROPPED),
            ("103", "", ReceiptKind.DROPPED),
            ("104", "1017", ReceiptKind.DROPPED),
            ("104", "2183", ReceiptKind.UNREGISTERED),
            ("104", "2333", ReceiptKind.MUTED),
            ("105", "", ReceiptKind.OTHER),
        )
    ),
)

CALLS = (
    CallSample(
        "statistics",
        {"message_id": "", "task_id": "9"},
        '{"result":0,"desc":"ok","statistics":[{"taskId":"9","target":1000,"valid":980,"send":"950","receive":900,'
        '"display":870,"click":120,"targetInvalid":5}]}',
        Statistics(targets=1000, valid=980, sent=950, arrived=900, shown=870, opened=120),
        "V8, all counters",
    ),
    CallSample(
        "statistics",
        {"message_id": "9", "task_id": ""},
        '{"result":0,"desc":"ok","statistics":[{"taskId":"9","send":950,"receive":900}]}',
        Statistics(sent=950, arrived=900),
        "V3, the counters of SDK 3.3 are optional",
    ),
    CallSample(
        "statistics",
        {"message_id": "9", "task_id": ""},
        '{"result":0,"desc":"ok","statistics":[]}',
        Reason.NO_VERDICT,
        "no task is named",
    ),
    CallSample(
        "review",
        {"task_ids": ["9", "10"]},
        '{"result":0,"desc":"ok","data":[{"taskId":"9","desc":"包含敏感词"}]}',
        {"9": "包含敏感词"},
        "V5, audit status",
    ),
    CallSample(
        "check_tokens",
        {"tokens": ["v2-a", "v2-b"]},
        '{"result":0,"desc":"ok","invalidUsers":[{"status":1,"userid":"v2-b"}]}',
        {"v2-a": None, "v2-b": Reason.UNREGISTERED},
        "inferred: the shape of the answer is not documented",
    ),
    CallSample(
        "check_tokens",
        {"tokens": ["v2-a"]},
        '{"result":0,"desc":"ok"}',
        Reason.NO_VERDICT,
        "an answer without a list says nothing",
    ),
    CallSample(
        "recall",
        {"handle": "998877665544332211", "tokens": ["v2-a"]},
        '{"result":0,"desc":"ok"}',
        {"v2-a": None},
        "V6, the answer of the one client",
    ),
    CallSample(
        "tag",
        {"name": "vip", "tokens": ["v2-a", "v2-b"]},
        '{"result":0,"desc":"ok","data":[{"status":2,"userid":"v2-b"}]}',
        {"v2-b": "2"},
        "V5, members of a tag",
    ),
)


class TestVivo(PluginConformance):
    """The plug-in against its sandbox."""

    vendor = Vivo
    data_are_texts = True
    samples = SAMPLES
    posted_samples = POSTED
    call_samples = CALLS
    own_fields: ClassVar[Mapping[str, Any]] = {"serverSdkVer": "3.3", "networkType": 1, "title": "own"}
    limits: ClassVar[Mapping[str, int]] = {"title": 40, "body": 100, "ttl": 86_400, "user_id": 64}

    def make_sandbox(self, **options: Any) -> VivoSandbox:
        """A sandbox of one app."""
        return VivoSandbox(**options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another secret."""
        return {**settings, "app_secret": "another"}


class TestOverHttp(OverHttp, TestVivo):
    """The same against the sandbox served over HTTP."""
