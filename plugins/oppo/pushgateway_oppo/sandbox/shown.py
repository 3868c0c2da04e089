"""What a phone shows and does, from the fields of a notification as they arrived: `Delivery` in vendor-neutral words.

Pure; used by `server` once for each push that is kept. It reads fields that passed the checks: numbers and truth values
may be text, as in a form. What OPPO has no field for stays at the `Delivery`'s default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pushgateway.sandbox.kit.values import is_on, json_object, text, whole
from pushgateway.vendor import Alert, Badge, Network, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.vendor.rules import Dialect

_CLICKS: Final[Mapping[int, tuple[Callable[[str], Any], str]]] = {
    0: (lambda _: OpenApp(), ""),
    1: (OpenIntent, "click_action_activity"),
    2: (OpenUrl, "click_action_url"),
    4: (OpenActivity, "click_action_activity"),
    5: (OpenIntentUri, "click_action_url"),
}
_ALERTS: Final = {1: Alert.SILENT, 2: Alert.NORMAL, 16: Alert.URGENT}
_BADGES: Final = {0: Badge.set, 1: Badge.add}
"""By `badge_operation_type`: 0 sets the number, 1 adds to it (one source, S7)."""


def shown(fields: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The keyword arguments of `Delivery` that say what the phone shows and does."""
    category = dialect.categories.get(text(fields.get("category")))
    parameters = [json_object(fields.get(f"private_{part}_parameters")) for part in ("title", "content")]
    return {
        "subtitle": text(fields.get("sub_title")),
        "click": _click(fields),
        "data": json_object(fields.get("action_parameters")) or {},
        "ttl": whole(fields.get("off_line_ttl")),
        "store_offline": is_on(fields.get("off_line"), default=True),
        "network": Network.WIFI if whole(fields.get("network_type")) == 1 else Network.ANY,
        "time_zone": text(fields.get("time_zone")),
        "show_from": _moment(fields, "show_time_type", "show_start_time"),
        "show_until": _moment(fields, "show_time_type", "show_end_time"),
        "start_at": _moment(fields, "push_time_type", "push_start_time"),
        "rate": whole(fields.get("fix_speed_rate")) if is_on(fields.get("fix_speed")) else None,
        "channel_id": text(fields.get("channel_id")) if "channel_id" in dialect.fields else "",
        "category": text(fields.get("category")),
        "private": category is not None and category.private,
        "template": text(fields.get("private_msg_template_id")),
        "parameters": {name: value for one in parameters if one for name, value in one.items()},
        "badge": _badge(fields),
        "alert": _ALERTS.get(whole(fields.get("notify_level")) or 0),
        "long_body": text(fields.get("content")) if whole(fields.get("style")) == 2 else "",
        "picture": text(fields.get("big_picture_url") or fields.get("big_picture_id")),
        "icon": text(fields.get("small_picture_url") or fields.get("small_picture_id")),
        "replaces": text(whole(fields.get("notify_id"))),
        "receipt_url": text(fields.get("call_back_url")),
        "receipt_parameter": text(fields.get("call_back_parameter")),
    }


def _click(fields: Mapping[str, Any]) -> Any:
    make, name = _CLICKS.get(whole(fields.get("click_action_type")) or 0, (lambda _: None, ""))
    return make(text(fields.get(name)))


def _moment(fields: Mapping[str, Any], switch: str, name: str) -> float | None:
    """The time in epoch seconds, if the field `switch` is 1; else None."""
    if whole(fields.get(switch)) != 1 or not (milliseconds := whole(fields.get(name))):
        return None
    return milliseconds / 1000


def _badge(fields: Mapping[str, Any]) -> Badge | None:
    kind, count = whole(fields.get("badge_operation_type")), whole(fields.get("badge_message_count"))
    if kind not in _BADGES or count is None or count < kind:
        return None  # nothing is added
    return _BADGES[kind](min(count, 99))
