"""OPPO's rate per second, and the daily quota that a notification counts against."""

from typing import Any

import pytest
from exchanges import SETTINGS
from pushgateway_oppo import Oppo
from pushgateway_oppo.notification import RULES

from pushgateway.vendor import Notification, Rates


def test_the_rate_is_the_figure_of_the_dialect() -> None:
    """V1.3 has none; `current` has the row of the rules for the smallest apps."""
    today = Oppo(**SETTINGS, dialect="current")

    assert Oppo(**SETTINGS, dialect="v1.3").rates == Rates()
    assert today.rates == Rates(pushes=RULES.dialects["current"].quotas["rate_below_10m"].value)


@pytest.mark.parametrize(
    ("more", "v13", "today"),
    [
        ({}, "", ""),
        ({"channel_id": "chat"}, "", "chat"),
        ({"channel_id": "chat", "overrides": {"oppo": {"category": "IM"}}}, "", "IM"),
        ({"overrides": {"oppo": {"channel_id": "news"}}}, "", "news"),
        ({"overrides": {"xiaomi": {"channel_id": "news"}}}, "", ""),
    ],
)
def test_public_and_private_messages_have_quotas_of_their_own(more: dict[str, Any], v13: str, today: str) -> None:
    """If the daily quota of one is used up, the other must go on. V1.3 has one quota for all."""
    notification = Notification("t", "b", **more)

    assert Oppo(**SETTINGS, dialect="v1.3").quota(notification) == v13
    assert Oppo(**SETTINGS, dialect="current").quota(notification) == today


def test_the_quota_day_begins_at_midnight_in_china() -> None:
    """As the rules say for both dialects."""
    offsets = {dialect.number("daily_reset_offset") for dialect in RULES.dialects.values()}

    assert {Oppo.day_offset} == offsets
