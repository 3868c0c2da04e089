"""What phones show: replaced and recalled notifications, the number on the icon, repeats that a phone drops."""

from __future__ import annotations

from typing import Any

import pytest

from pushgateway.sandbox import Delivery, Phone, Phones
from pushgateway.sandbox.kit.phones import FORMER_REMEMBERED
from pushgateway.vendor import Badge

NOW = 1_700_000_000.0


def delivery(title: str, **fields: Any) -> Delivery:
    """A notification with this title."""
    return Delivery("a", title, "text", None, f"m-{title}", "push", NOW, {}, **fields)


def titles(phone: Phone) -> list[str]:
    """What the phone shows."""
    return [one.title for one in phone.shown]


def test_a_notification_replaces_one_with_its_key() -> None:
    """Others stay, and the replaced one is no longer on the screen."""
    phone = Phone("a")
    for title, key in (("1", "k"), ("2", "other"), ("3", ""), ("4", ""), ("5", "k")):
        phone.show(delivery(title, replaces=key))

    assert titles(phone) == ["2", "3", "4", "5"]
    assert [(gone.delivery.title, gone.why) for gone in phone.gone] == [("1", "replaced")]


def test_a_recalled_notification_is_gone() -> None:
    """Once; what is not there cannot be taken back."""
    phone = Phone("a")
    phone.show(delivery("1"))
    phone.show(delivery("2"))

    done = [phone.recall(lambda one: one.title == "1") for _ in range(2)]

    assert done == [True, False]
    assert (titles(phone), [gone.why for gone in phone.gone]) == (["2"], ["recalled"])


def test_memory_of_what_is_gone_is_bounded() -> None:
    """The newest five."""
    phone = Phone("a")
    for number in range(8):
        phone.show(delivery(str(number), replaces="k"))

    assert (titles(phone), [gone.delivery.title for gone in phone.gone]) == (["7"], ["2", "3", "4", "5", "6"])


def test_the_number_on_the_icon() -> None:
    """It is added to or set, and a notification without a badge leaves it."""
    phone, seen = Phone("a"), []
    for badge in (Badge.add(1), Badge.add(2), None, Badge.set(7), Badge.set(0)):
        phone.show(delivery("x", badge=badge))
        seen.append(phone.badge)

    assert seen == [1, 3, 3, 7, 0]


def test_an_account_has_several_phones() -> None:
    """A phone has one account; logging in elsewhere leaves the others."""
    phones = Phones()
    phones.register(["a", "b", "c"])
    for token, account in (("a", "ann"), ("b", "ann"), ("c", "bob"), ("b", "bob")):
        assert phones.set_account(token, account)

    assert [phone.token for phone in phones.by_account("ann")] == ["a"]
    assert [phone.token for phone in phones.by_account("bob")] == ["c", "b"]
    assert phones.uninstall("a")
    assert phones.set_account("c", None)
    assert (phones.by_account("ann"), phones.by_account("nobody")) == ((), ())
    assert [phone.token for phone in phones.by_account("bob")] == ["b"]
    assert phones.set_account("a", "ann") is False


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ((), "abcd"),
        ((["x"],), "ab"),
        ((["x", "z"],), "abc"),
        (([], ["x", "y"]), "b"),
        (([], [], ["x"]), "cd"),
        ((["x", "z"], ["y"], ["z"]), "b"),
    ],
)
def test_phones_by_tags(groups: tuple[list[str], ...], found: str) -> None:
    """One of, all of, none of; an empty group limits nothing."""
    phones = Phones()
    for token, tags in (("a", "x"), ("b", "xy"), ("c", "yz"), ("d", "")):
        phones.register([token])
        phones.set_tags(token, tags)

    assert "".join(phone.token for phone in phones.tagged(*groups)) == found


def test_reachable_phones() -> None:
    """All are registered and none is muted, also after it was muted, and after the app is gone and back."""
    phones = Phones()
    phones.register(["a", "b"])
    seen = [phones.all_reachable(["a", "b"]), phones.all_reachable(["a", "x"]), phones.all_reachable([])]
    phones.mute("a")
    seen.append(phones.all_reachable(["a"]))
    phones.mute("a", False)
    seen.append(phones.all_reachable(["a"]))
    phones.mute("b")
    phones.uninstall("b")
    seen.append(phones.all_reachable(["b"]))
    phones.register(["b"])
    seen.append(phones.all_reachable(["b"]))

    assert seen == [True, False, True, False, True, False, True]


def test_a_phone_drops_a_repeated_message_for_a_day() -> None:
    """By the id and the phone; afterwards it is new again."""
    phones = Phones()

    first = phones.first_time(["a", "b"], "k", NOW)
    again = phones.first_time(["b", "c"], "k", NOW + 86_399)
    other = phones.first_time(["a"], "k2", NOW)
    later = phones.first_time(["a", "c"], "k", NOW + 86_400)

    assert (list(first), list(again), list(other), list(later)) == (["a", "b"], ["c"], ["a"], ["a"])


def test_memory_of_repeats_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By phones and messages; those with the oldest id are forgotten, and the newest is kept however large it is."""
    monkeypatch.setattr("pushgateway.sandbox.kit.phones.REPEATS_REMEMBERED", 4)
    phones = Phones()
    for tokens, key in ((["a", "b"], "k1"), (["a"], "k2"), (["b"], "k3")):
        phones.first_time(tokens, key, NOW)
    at_limit = [list(phones.first_time(["a", "b"], key, NOW)) for key in ("k1", "k2")]
    after = list(phones.first_time(["a"], "k1", NOW))
    large = [list(phones.first_time(list("abcdef"), "k9", NOW)) for _ in range(2)]

    assert at_limit == [[], ["b"]]
    assert after == ["a"]
    assert large == [list("abcdef"), []]


def test_an_uninstalled_phone_is_remembered_for_people() -> None:
    """Its screen is empty, its token is dead, and it is a phone again when the token is registered again."""
    phones = Phones()
    phones.register(["a"])
    before = phones.get("a")
    assert before is not None
    before.show(delivery("1", badge=Badge.set(3)))
    phones.uninstall("a")

    former = phones.former("a")
    assert former is before
    assert (former.shown, former.badge, phones.get("a")) == ([], 0, None)
    phones.register(["a"])
    assert phones.former("a") is None
    assert phones.get("a") is not before


def test_memory_of_uninstalled_phones_is_bounded() -> None:
    """With one more than the limit the first is forgotten."""
    phones = Phones()
    phones.register(map(str, range(FORMER_REMEMBERED + 1)))
    for number in range(FORMER_REMEMBERED):
        phones.uninstall(str(number))
    full = phones.former("0")
    phones.uninstall(str(FORMER_REMEMBERED))

    assert full is not None
    assert phones.former("0") is None
    assert phones.former("1") is not None
