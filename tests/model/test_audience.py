"""`Audience` and `Broadcast`: whom a broadcast is for, when it starts and how fast; which values are accepted, and
which are refused by name."""

from datetime import UTC, datetime
from typing import Any

import pytest
from error_texts import field_of
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.notification import Notification

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTE = Notification("title", "body")


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "5"])
def test_a_broadcasts_rate_is_a_whole_number(wrong: Any) -> None:
    """One phone per second is the slowest."""
    assert field_of(lambda: Broadcast(1, NOTE, Audience.everyone(), rate=wrong)) == "Broadcast.rate"
    assert Broadcast(1, NOTE, Audience.everyone(), rate=1).rate == 1


def test_the_start_of_a_broadcast_needs_a_time_zone() -> None:
    """A start without a zone would be hours off for some servers."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the mistake

    assert field_of(lambda: Broadcast(1, NOTE, Audience.everyone(), start_at=naive)) == "Broadcast.start_at"
    assert Broadcast(1, NOTE, Audience.everyone(), start_at=NOON).start_at == NOON


@given(st.lists(st.text("ab_:-", max_size=3), min_size=1))
def test_a_token_given_twice_counts_once(tokens: list[str]) -> None:
    """Nobody gets the broadcast twice, and the order is the host's."""
    audience = Audience.of_tokens(iter(tokens))

    assert list(audience.values) == sorted(set(tokens), key=tokens.index)


@pytest.mark.parametrize("wrong", ["token", b"token", None, 5, [], [5], [None], [["a"]], ["a", 5]])
def test_lists_of_tokens_are_checked(wrong: Any) -> None:
    """One str is not a list of its letters, an empty list is refused, and an element that is no text is no token."""
    assert field_of(lambda: Audience.of_tokens(wrong)) == "Audience.of_tokens"
    assert field_of(lambda: Audience.of_aliases(wrong)) == "Audience.of_aliases"
    assert field_of(lambda: Audience.of_tags(wrong)) == "Audience.of_tags"
    assert field_of(lambda: Audience.of_tags(all_of=wrong)) == "Audience.of_tags"


def test_tags_need_one_group() -> None:
    """Any one group makes an audience; no group would mean everyone, which the host has to say explicitly."""
    excluding = Audience.of_tags(none_of=["a"])

    assert (excluding.kind, excluding.values, excluding.all_of, excluding.none_of) == (
        AudienceKind.TAGS,
        (),
        (),
        ("a",),
    )
    assert field_of(Audience.of_tags) == "Audience.of_tags"
    assert Audience.everyone().values == ()
