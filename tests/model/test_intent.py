"""`Intent`: what a push is for, and how that decides its place in the queue."""

import pytest

from pushgateway import FieldError, Intent, Notification, Priority, Push, PushToken


def test_an_intent_may_be_given_by_its_word() -> None:
    """A host that reads the word from elsewhere needs no table; an unknown word is refused with the list of words."""
    with pytest.raises(FieldError, match="chat, group_chat, mention") as caught:
        Notification("t", "b", intent="gossip")

    assert [Notification("t", "b", intent=intent.value).intent for intent in Intent] == list(Intent)
    assert Notification("t", "b").intent is None
    assert "gossip" not in str(caught.value)


@pytest.mark.parametrize("intent", [None, *Intent])
def test_the_queue_follows_the_intent(intent: Intent | None) -> None:
    """A call comes before a chat and marketing after it, unless the host gives a priority, however the push is made."""
    note = Notification("t", "b", intent=intent)
    wanted = {Intent.CALL: Priority.URGENT, Intent.MARKETING: Priority.BULK, Intent.NEWS: Priority.BULK}
    expected = wanted.get(intent, Priority.NORMAL) if intent else Priority.NORMAL
    push = Push(PushToken(1, "t"), note)

    assert push.priority is Push.with_defaults(PushToken(1, "t"), note, "id").priority is expected
    assert push.with_dedupe_id("other").priority is expected
    assert Push(PushToken(1, "t"), note, priority=Priority.NORMAL).priority is Priority.NORMAL
