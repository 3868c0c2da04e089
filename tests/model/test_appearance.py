"""How a notification looks and sounds: badge, alert, buttons, and the fields of `Notification` that hold them."""

from typing import Any

import pytest

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.click import OpenApp, OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Badge.add(0), "Badge.add"),
        (lambda: Badge.add(100), "Badge.add"),
        (lambda: Badge.add(True), "Badge.add"),
        (lambda: Badge.set(-1), "Badge.set"),
        (lambda: Badge.set(100), "Badge.set"),
        (lambda: Badge.set("3"), "Badge.set"),  # type: ignore[arg-type]
        (lambda: Badge("clear", 0), "Badge.how"),  # type: ignore[arg-type]
        (lambda: Button(5), "Button.text"),  # type: ignore[arg-type]
        (lambda: Button("Answer", "https://im.example"), "Button.click"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_badge_or_button_names_its_field(make: Any, field: str) -> None:
    """Numbers outside 0 to 99 and wrong types are found where the host wrote them."""
    with pytest.raises(FieldError) as caught:
        make()

    assert caught.value.field == field


def test_badges_cover_the_range_of_the_vendors() -> None:
    """Huawei: `add_num` 1 to 99, `set_num` 0 to 99."""
    assert [Badge.add().number, Badge.add(99).number, Badge.set(0).number, Badge.set(99).number] == [1, 99, 0, 99]


def test_notifications_differ_by_each_field_of_appearance() -> None:
    """Two notifications that look different are not equal, so they never share one encoding."""
    plain = Notification("t", "b")
    others = [
        Notification("t", "b", badge=Badge.add(1)),
        Notification("t", "b", badge=Badge.set(1)),
        Notification("t", "b", replace_key="room-17"),
        Notification("t", "b", alert=Alert.SILENT),
        Notification("t", "b", alert=Alert.URGENT),
        Notification("t", "b", sound="ring.mp3"),
        Notification("t", "b", long_body="longer"),
        Notification("t", "b", picture="https://im.example/a.png"),
        Notification("t", "b", icon="https://im.example/a.png"),
        Notification("t", "b", buttons=(Button("Answer"),)),
        Notification("t", "b", buttons=(Button("Answer", OpenUrl("https://im.example")),)),
        Notification("t", "b", group="room-17"),
        Notification("t", "b", show_in_foreground=False),
        Notification("t", "b", user_id="room-17"),
    ]

    assert [one for one in others if one == plain] == []
    assert len({id(one) for one in others for other in others if one == other}) == len(others)
    assert all(sum(one == other for other in others) == 1 for one in others)


def test_a_list_of_buttons_is_copied() -> None:
    """A host that changes its list later changes nothing of the notification."""
    given = [Button("Answer")]

    note = Notification("t", "b", buttons=given)  # type: ignore[arg-type]
    given.append(Button("Ignore"))

    assert note.buttons == (Button("Answer", OpenApp()),)


def test_no_repr_shows_a_text() -> None:
    """What may be logged holds neither the text of a button nor a URL, a key or a user."""
    note = Notification(
        *("SECRET", "SECRET"),
        **dict.fromkeys(("replace_key", "sound", "long_body", "picture", "icon", "group", "user_id"), "SECRET"),  # type: ignore[arg-type]
        buttons=(Button("SECRET", OpenUrl("https://SECRET")),),
    )

    assert "SECRET" not in repr(note) + repr(note.buttons)
