"""Which phones changed last."""

from pushgateway.sandbox.kit.changes import Changes


def test_the_last_change_counts_and_the_newest_comes_first() -> None:
    """A phone that changes again moves to the front; a change elsewhere only moves the number."""
    changes = Changes()
    for token in ("a", "b", "a", "c"):
        changes.note(token)
    before = changes.number
    changes.note()

    assert changes.since() == ["c", "a", "b"]
    assert (before, changes.number) == (4, 5)
    assert changes.since(before) == []


def test_only_what_changed_since_is_listed() -> None:
    """At most so many, the newest ones."""
    changes = Changes()
    changes.note("a")
    seen = changes.number
    for token in ("b", "c", "d"):
        changes.note(token)

    assert changes.since(seen) == ["d", "c", "b"]
    assert changes.since(seen, 2) == ["d", "c"]
    assert changes.since(changes.number) == []


def test_memory_is_bounded() -> None:
    """With one phone more than fit, the one that changed first is forgotten."""
    changes = Changes(most=3)
    for token in ("a", "b", "c"):
        changes.note(token)
    full = changes.since()
    changes.note("d")

    assert full == ["c", "b", "a"]
    assert changes.since() == ["d", "c", "b"]
