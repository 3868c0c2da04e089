"""A wide corpus of notifications, and the requests and refusals that the plug-in makes of them.

The corpus is the same in every run (its random numbers have a fixed start), so the requests of two versions of the
plug-in can be compared byte for byte: `test_request_corpus` compares hashes with those in `corpus.json`, which this
file prints (with an argument it prints every request).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pushgateway_oppo import Oppo
from pushgateway_oppo.intents import OppoIntent

from pushgateway.vendor import (
    Audience,
    Batch,
    Broadcast,
    CallBack,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
    Refused,
    Secret,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
FAMILY = "👨‍👩‍👧‍👦"
TEXTS = (
    *(
        "Hi",
        "你好",
        "you have mail",
        "新消息：张三发来一张图片",
        'a "b" \\ c',
        "a\nb\tc",
        "a\x00b\x07",
        "x\ud800y",
        FAMILY * 3,
    ),
    *(
        "t" * 32,
        "t" * 33,
        "t" * 50,
        "t" * 51,
        "你" * 50,
        "你" * 51,
        "你" * 201,
        "😀" * 26,
        " " * 60 + "late",
        "e\u0301" * 60,
    ),
    *("<b>&amp;</b> %41 +", "\u200b", " ", "", "\u200bx", "a=b;c,d", "‘’“”…、。", "\u202ertl", "long text " * 30),
)
CLICKS = (
    *(
        OpenApp(),
        OpenIntent("com.example.OPEN"),
        OpenActivity("com.example.Main"),
        OpenUrl("https://a.example/?q=1&r=%20#x"),
    ),
    *(OpenIntentUri("intent://x/#Intent;scheme=app;end"), OpenActivity("com.例"), OpenUrl("https://" + "a" * 492)),
    *(
        OpenUrl("https://" + "a" * 493),
        OpenUrl("https://" + "a" * 1993),
        OpenIntent(" "),
        OpenIntent("a b"),
        OpenActivity("a" * 501),
    ),
)
DATA: tuple[Mapping[str, Any], ...] = (
    *(
        {},
        {"a": 1},
        {"room": "7", "text": '你 "x" \\ &=+%;', "n": 1.5, "ok": True, "no": None},
        {"a": {"b": [1, "2", {}]}},
    ),
    *({"k": "v" * 3989}, {"k": "v" * 4100}, {"\u2028": "\x07"}, {"s": "\ud83d\ude00"}),
)
OVERRIDES: tuple[Mapping[str, Any], ...] = (
    *(
        {},
        {"title": "other"},
        {"title": 5},
        {"content": "c" * 60, "style": 2},
        {"style": 3},
        {"style": 3, "big_picture_id": "b"},
    ),
    *({"style": 9}, {"titel": "x"}, {"app_message_id": "x"}, {"click_action_type": 1, "click_action_activity": "a.B"}),
    *({"click_action_type": 2}, {"click_action_type": 4, "click_action_activity": "a.B"}, {"click_action_url": "u"}),
    *(
        {"off_line_ttl": 864001},
        {"off_line_ttl": -1},
        {"off_line_ttl": 5},
        {"show_ttl": 7},
        {"notify_id": 7},
        {"notify_id": 2**63},
    ),
    *(
        {"badge_operation_type": 1, "badge_message_count": 3},
        {"category": "IM", "notify_level": 16},
        {"notify_level": 16},
    ),
    *(
        {"category": "MARKETING"},
        {"private_msg_template_id": "t", "private_title_parameters": {"a": "b"}},
        {"channel_id": "c"},
    ),
    *(
        {"private_content_parameters": {"a": 1}},
        {"auditResponse": {"x": [1]}},
        {"auditResponse": "[1]"},
        {"auditResponse": 5},
    ),
    *(
        {"verify_registration_id": True},
        {"verify_registration_id": 1},
        {"buttons": [{"name": "a"}]},
        {"option": {"a": "b"}},
    ),
    *(
        {"call_back_url": "https://a.example/"},
        {"call_back_url": "ftp://a"},
        {"call_back_parameter": " "},
        {"time_zone": ""},
    ),
    *(
        {"show_time_type": 1, "show_start_time": 1767225600000},
        {"fix_speed": True},
        {"fix_speed": True, "fix_speed_rate": 1000},
    ),
    *({"show_time_type": 1, "show_start_time": 1767225600001, "show_end_time": 1767225600000}, {"network_type": 1}),
    *(
        {"action_parameters": {"x": "y"}},
        {"action_parameters": "[1]"},
        {"sub_title": "s" * 11},
        {"small_picture_id": "p"},
    ),
)
RARE: tuple[Mapping[str, Any], ...] = (
    *(
        {"subtitle": "sub"},
        {"subtitle": "s" * 11},
        {"subtitle": " "},
        {"store_offline": False},
        {"network": Network.WIFI},
    ),
    *(
        {"time_zone": "GMT+09:00"},
        {"time_zone": " "},
        {"receipt_url": "https://h.example/r"},
        {"receipt_url": "h.example"},
    ),
    *(
        {"receipt_url": "https://h.example/r", "receipt_parameter": "p & 1"},
        {"receipt_parameter": "p" * 51},
        {"receipt_parameter": " "},
    ),
    *(
        {"receipt_url": "https://h.example/" + "r" * 190},
        {"show_from": NOW, "show_until": LATER},
        {"show_from": NOW},
        {"show_until": LATER},
    ),
)
TTLS = (None, 0, 1, 3600, 259200, 259201, 864000, 864001)
INTENTS = (None, None, "chat", "group_chat", "call", "marketing", "order", "system")
PARAMETERS: tuple[Mapping[str, Any], ...] = (
    *(
        {},
        {"who": "Ann", "count": 3},
        {"who": "Ann"},
        {"who": "你\x00", "count": 1.5, "x": 1},
        {"who": True, "count": 1},
        {"count": 2},
    ),
)
TABLES: Mapping[str, Mapping[str, OppoIntent]] = {
    "none": {},
    "channels": {"chat": OppoIntent(channel_id="chats"), "call": OppoIntent(channel_id="通话", notify_level=16)},
    "templates": {
        "chat": OppoIntent(
            template="T1", title_parameters=("who",), content_parameters=("body", "count"), channel_id="c"
        ),
        "order": OppoIntent(template="T 2", content_parameters=("title", "名"), category=""),
        "group_chat": OppoIntent(template="T3"),
        "marketing": OppoIntent(category="NEWS", notify_level=2),
    },
}
TOKENS = ("CN_" + "a1" * 16, "b2" * 16, "OPPO_CN_" + "c3" * 16, "CN_" + "d4~." * 8)
ODD_TOKENS = ("cn_" + "a" * 32, "x" * 257, 'CN_a"x', "CN_a;b", "OPPO_EUEX_" + "e" * 32, "")


def vendors() -> Iterator[tuple[str, Oppo]]:
    """Certificates of each dialect with each table of intents that it can have."""
    for dialect in ("v1.3", "current"):
        for name, table in TABLES.items():
            if dialect == "current" or not table:
                yield f"{dialect} {name}", Oppo(app_key="k", master_secret=Secret("s"), dialect=dialect, intents=table)
    text = Oppo(
        app_key="k",
        master_secret=Secret("s"),
        dialect="current",
        intents=TABLES["templates"],
        template_parameters="text",
    )
    yield "current as text", text


def fields(random: Random, *, rare: bool) -> dict[str, Any]:
    """The fields of one notification."""
    made: dict[str, Any] = {"title": random.choice(TEXTS), "body": random.choice(TEXTS)}
    for name, values in (("click", CLICKS), ("data", DATA), ("ttl", TTLS), ("intent", INTENTS)):
        if random.random() < 0.4:
            made[name] = random.choice(values)
    if made.get("intent") and random.random() < 0.7:
        made["parameters"] = random.choice(PARAMETERS)
    if rare:
        made.update(random.choice(RARE))
    if random.random() < (0.5 if rare else 0.1):
        made["overrides"] = {"oppo": random.choice(OVERRIDES), "other": {"x": 1}}
    return made


def notifications(seed: int, count: int, dialect: str) -> list[Notification]:
    """`count` notifications; every text, override and rare field comes alone first."""
    random = Random(seed)
    alone: list[dict[str, Any]] = [{"title": text, "body": "b"} for text in TEXTS]
    alone += [{"title": "t", "body": text} for text in TEXTS]
    alone += [{"title": "t", "body": "b", "overrides": {"oppo": one}} for one in OVERRIDES]
    alone += [{"title": "t", "body": "b", **one} for one in RARE]
    alone += [{"title": "t", "body": "b", "click": one} for one in CLICKS] + [
        {"title": "t", "body": "b", "data": one} for one in DATA
    ]
    alone += [{"title": "t", "body": "b", "ttl": one} for one in TTLS]
    if dialect == "current":
        alone += [{"title": "t", "body": "b", "channel_id": one, "intent": "chat"} for one in ("c", "通道", " ", "a b")]
    alone += [fields(random, rare=random.random() < 0.4) for _ in range(count)]
    return [Notification(**one) for one in alone]


def first_step(exchange: Any) -> tuple[Any, ...]:
    """The first request of an exchange, or how it ended without one."""
    try:
        step = next(exchange)
        while step is None:
            step = exchange.send(None)
    except StopIteration as done:
        return "outcomes", [(one.status, one.reason, one.detail) for one in done.value]
    except Refused as refused:
        return "refused", refused.reason, refused.detail
    return step.method, step.url, dict(step.headers), step.content


def pushes_of(notes: list[Notification], tokens: tuple[str, ...], back: CallBack | None = None) -> Batch:
    """A batch of these notifications, each to a phone of its own."""
    made = []
    for place, note in enumerate(notes):
        token = tokens[place] if place < len(tokens) else f"CN_{place:032x}"
        made.append(Push(PushToken("7", token), note, dedupe_id=f"d-{place:08x}", callback=back))
    return Batch.of(made)


def cases() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Name and result of every case."""
    for seed, (name, vendor) in enumerate(vendors()):
        notes = notifications(seed, 400, vendor.dialect)
        for place, note in enumerate(notes):
            yield f"{name} single {place}", first_step(vendor.push(pushes_of([note], TOKENS[:1])))
        yield from batches(name, vendor, notes)
        for place, note in enumerate(notes[::3]):
            for kind, audience in AUDIENCES.items():
                yield (
                    f"{name} save {kind} {place}",
                    first_step(vendor.save(Broadcast("7", note, audience, start_at=PLANNED.get(kind), rate=None))),
                )
        rated = Broadcast("7", notes[0], Audience.everyone(), start_at=NOW, rate=5000)
        yield f"{name} planned", first_step(vendor.save(rated))


AUDIENCES = {
    "everyone": Audience.everyone(),
    "tokens": Audience.of_tokens(TOKENS),
    "aliases": Audience.of_aliases(["ann"]),
    "tags": Audience.of_tags(["a"]),
}
PLANNED = {"everyone": NOW}


def batches(name: str, vendor: Oppo, notes: list[Notification]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Batches of every shape: few and many, different and equal, with odd tokens, callbacks and missing ids."""
    back = CallBack("https://h.example/r", "p.~1 &")
    for size in (2, 7, 8, 40, 300):
        yield f"{name} different {size}", first_step(vendor.push(pushes_of(notes[:size], TOKENS[:3])))
        yield f"{name} same {size}", first_step(vendor.push(pushes_of([notes[3]] * size, TOKENS[:3])))
        mixed = [notes[(place // 5) % 90] for place in range(size)]
        yield f"{name} runs {size}", first_step(vendor.push(pushes_of(mixed, TOKENS[:3])))
        yield f"{name} odd {size}", first_step(vendor.push(pushes_of(notes[:size], ODD_TOKENS)))
        yield f"{name} called back {size}", first_step(vendor.push(pushes_of(mixed, TOKENS, back)))
    bare = Batch.of([Push(PushToken("7", f"CN_{place:032x}"), note) for place, note in enumerate(notes[:9])])
    yield f"{name} without ids", first_step(vendor.push(bare))
    yield f"{name} 1000 of 5", first_step(vendor.push(pushes_of([notes[place % 5] for place in range(1000)], ())))


def digests() -> dict[str, str]:
    """By vendor and kind of case: a hash of all its requests and refusals."""
    hashes: dict[str, Any] = {}
    for name, result in cases():
        group = name.rstrip("0123456789 ") if " single " in name or " save " in name else name
        hashes.setdefault(group, hashlib.sha256()).update(repr(result).encode("utf-8", "backslashreplace"))
    return {group: made.hexdigest()[:16] for group, made in hashes.items()}


if __name__ == "__main__":
    import sys

    whole = {name: repr(result) for name, result in cases()}
    sys.stdout.write(json.dumps(whole if len(sys.argv) > 1 else digests(), indent=1) + "\n")
