"""The plug-in's calls other than sending against the sandbox: what the plug-in asks for, the sandbox does."""

from __future__ import annotations

import pytest
from driving import CALLS, Driver
from pictures import jpeg
from pushgateway_oppo import Alias
from pushgateway_oppo.notification import RULES

from pushgateway.vendor import Audience, Notification, Reason, Refused, Statistics

DIALECTS = list(RULES.dialects)
both = pytest.mark.parametrize("dialect", DIALECTS)


@both
@pytest.mark.parametrize("place", ["both", "header", "body"])
def test_every_call_gets_through_with_its_access_token(dialect: str, place: str) -> None:
    """For each value of the setting `access_token_in`, each encoding carries the access token where the sandbox finds
    it."""
    for name in RULES.dialects[dialect].operations:
        driver = Driver(dialect, {"access_token_in": place})

        CALLS[name](driver)

        assert driver.sandbox.ledger.calls[name] >= 1


@both
def test_an_alias_is_set_read_used_moved_and_removed(dialect: str) -> None:
    """A phone has the alias until another phone gets it or it is removed."""
    driver = Driver(dialect)
    oppo = driver.oppo

    assert driver.carry(oppo.get_alias(driver.one)) == Alias(driver.one, None)
    driver.carry(oppo.subscribe_alias(driver.one, "安"))
    assert driver.carry(oppo.get_alias(driver.one)) == Alias(driver.one, "安")
    driver.carry(oppo.subscribe_alias(driver.two, "安"))
    sent = driver.broadcast(Audience.of_aliases(["安"]))
    driver.carry(oppo.unsubscribe_alias(driver.two, "安"))

    assert sent.ok
    assert [delivery.token for delivery in driver.sandbox.ledger.deliveries] == [driver.two]
    assert driver.carry(oppo.get_alias(driver.two)).alias is None


@both
def test_tags_are_added_read_used_and_removed(dialect: str) -> None:
    """Each tag is listed once though V1.3 lists one twice; tags that fail are named as skipped."""
    driver = Driver(dialect)
    oppo = driver.oppo

    given = driver.carry(oppo.subscribe_tags(driver.one, ["sport", "news"]))
    taken = driver.carry(oppo.unsubscribe_tags(driver.one, ["news", "music"]))
    driver.broadcast(Audience.of_tags(["sport"]))

    assert (given.names, given.skipped) == (("sport", "news"), ())
    assert (taken.names, taken.skipped) == (("news",), ("music",))
    assert driver.carry(oppo.get_tags(driver.one)).names == ("sport",)
    assert [delivery.token for delivery in driver.sandbox.ledger.deliveries] == [driver.one]


@both
def test_statistics_of_a_broadcast(dialect: str) -> None:
    """The figures agree with the sandbox's ledger, by the ids of the outcome; in `current` with a path from the
    settings."""
    driver = Driver(dialect)
    driver.sandbox.mute(driver.two)
    outcome = driver.broadcast(Audience.of_tokens([driver.one, driver.two, "CN_dead"]))

    figures = driver.carry(driver.oppo.statistics(outcome.message_id, outcome.task_ids[0]))

    assert figures == Statistics(targets=3, valid=2, sent=1, arrived=1, shown=1, opened=0)
    assert driver.carry(driver.oppo.statistics(outcome.message_id)) == figures


def test_invalid_tokens_in_one_list_or_in_pages() -> None:
    """Uninstalled phones are listed, all at once or page by page, and a push to them is `UNREGISTERED`."""
    for size in (None, 1, 2, 3):
        driver = Driver("current", feedback_page=size)
        gone = list(driver.sandbox.tokens[:3])
        for token in gone:
            driver.sandbox.uninstall(token)

        invalid = driver.carry(driver.oppo.invalid_tokens())

        assert (list(invalid.tokens), invalid.total, invalid.complete) == (gone, 3, True)
        assert {outcome.reason for outcome in driver.push(*gone)} == {Reason.UNREGISTERED}


def test_the_quota_query_is_returned_uninterpreted() -> None:
    """The sandbox's own fields, all of them."""
    driver = Driver("current", daily_limit=5)
    driver.push(driver.one)

    assert driver.carry(driver.oppo.push_permit()).data == {"total": 5, "left": 4}


def test_a_big_picture_reaches_everyone() -> None:
    """Uploaded, named in a broadcast of style 3, and shown.

    A single push cannot have it, nor can an unknown id be used.
    """
    driver = Driver("current")
    picture = driver.carry(driver.oppo.upload_picture("big", jpeg(876, 324), 3600))

    def note(picture_id: str) -> Notification:
        return Notification("Final", "Starts now", overrides={"oppo": {"style": 3, "big_picture_id": picture_id}})

    sent = driver.broadcast(Audience.everyone(), note(picture.picture_id))
    (alone,) = driver.push(driver.one, note=note(picture.picture_id))
    with pytest.raises(Refused) as unknown:
        driver.broadcast(Audience.everyone(), note("66f0aaaaaaaaaaaaaaaaaaaa"))

    assert sent.ok
    assert driver.sandbox.ledger.deliveries[0].notification["big_picture_id"] == picture.picture_id
    assert alone.reason is Reason.UNSUPPORTED
    assert (unknown.value.code, unknown.value.reason) == ("51", Reason.INVALID_NOTIFICATION)


def test_uploads_have_a_daily_quota() -> None:
    """Code 34, until the next day."""
    driver = Driver("current", daily_pictures=1)
    driver.carry(driver.oppo.upload_picture("big", driver.picture()))
    with pytest.raises(Refused) as caught:
        driver.carry(driver.oppo.upload_picture("big", driver.picture()))

    assert (caught.value.code, caught.value.reason) == ("34", Reason.QUOTA_EXCEEDED)


@both
def test_every_call_about_a_dead_token_is_unregistered(dialect: str) -> None:
    """The call names this token alone, so the code is about it."""
    driver = Driver(dialect)
    driver.sandbox.uninstall(driver.one)
    oppo = driver.oppo
    calls = [oppo.subscribe_alias(driver.one, "a"), oppo.subscribe_tags(driver.one, ["a"]), oppo.get_tags(driver.one)]

    reasons = []
    for call in calls:
        with pytest.raises(Refused) as caught:
            driver.carry(call)
        reasons.append((caught.value.reason, caught.value.code))

    assert reasons == [(Reason.UNREGISTERED, "10000")] * 3


def test_verify_registration_id_is_sent_outside_the_notification() -> None:
    """In single pushes and in batches."""
    driver = Driver("current")
    note = Notification("Hi", "You have mail", overrides={"oppo": {"verify_registration_id": True}})

    outcomes = [*driver.push(driver.one, note=note), *driver.push(driver.one, driver.two, note=note)]

    assert all(outcome.ok for outcome in outcomes)
    assert [request.content.count(b"verify_registration_id") for request in driver.requests] == [1, 2]
