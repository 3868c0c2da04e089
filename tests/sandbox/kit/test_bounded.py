"""Memory of limited size."""

from __future__ import annotations

from pushgateway.sandbox.kit.bounded import Bounded


def test_memory_is_bounded() -> None:
    """At the limit everything is remembered; one more, and the oldest is forgotten."""
    memory: Bounded[int] = Bounded(2)
    memory.put("a", 1)
    memory.put("b", 2)
    at_limit = memory.get("a"), memory.get("b"), len(memory)
    memory.put("c", 3)

    assert at_limit == (1, 2, 2)
    assert (memory.get("a"), memory.get("b"), memory.get("c"), len(memory)) == (None, 2, 3, 2)


def test_after_many_entries_the_newest_remain() -> None:
    """Each entry beyond the limit drops one, so the newest remain, in order."""
    memory: Bounded[int] = Bounded(1000)
    for number in range(50_000):
        memory.put(number, number)

    assert [memory.get(number) for number in (48_999, 49_000, 49_999)] == [None, 49_000, 49_999]
    assert len(memory) == 1000
    assert list(memory)[:2] == [49_000, 49_001]


def test_an_entry_is_removed_once() -> None:
    """The second time it is not there."""
    memory: Bounded[int] = Bounded()
    memory.put("a", 1)

    assert (memory.pop("a"), memory.pop("a"), len(memory)) == (1, None, 0)
