"""What phones show: pushes appear without a reload, after cutting; content is text; taps, recalls and receipts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phones_page import PhonesPage
from playwright.sync_api import expect

from pushgateway.cli.sandbox_page import Fleet
from pushgateway.sandbox import Sandbox

MARKUP = "<img src=x onerror='window.ran=1'> &lt;"


def test_a_push_of_the_form_appears_live(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A push that the form sends appears on the phone without a reload, and its outcome below the form."""
    token = boxes["oppo"].tokens[3]
    page.tab.evaluate("window.loaded = 'once'")

    outcomes = page.send("Ann", "See you at eight 🍜", "oppo", token)

    assert outcomes == ["accepted"]
    page.show("phones")
    assert page.card("oppo", token, "Ann").locator(".card-body").inner_text() == "See you at eight 🍜"
    assert page.tab.evaluate("window.loaded") == "once"
    assert page.brand("oppo").locator(".phone").first.get_attribute("data-token") == token
    assert page.tab.locator("#announcer").inner_text() == "OPPO: new notification “Ann”"


def test_phones_keep_their_places_under_the_pointer(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """While somebody points at a row, a push does not move its phones; afterwards the newest is the first."""
    token = boxes["oppo"].tokens[3]
    row = wide.brand("oppo").locator(".phone")
    wide.fill("Ann", "See you at eight", "oppo", token)
    before = row.evaluate_all("all => all.map(one => one.dataset.token)")
    row.first.hover()

    wide.tab.locator("[name=title]").press("Enter")  # the pointer stays where it is
    wide.card("oppo", token, "Ann").wait_for()
    during = row.evaluate_all("all => all.map(one => one.dataset.token)")
    wide.tab.mouse.move(0, 0)

    expect(row.first).to_have_attribute("data-token", token)
    assert during == before
    assert before.index(token) == 3


def test_one_push_for_every_brand(served: Callable[..., Fleet], opened: Callable[..., PhonesPage]) -> None:
    """The form sends one notification to a phone of every installed brand, and each shows it."""
    fleet = served(20)
    page = opened(fleet.page)
    page.tab.locator("[name=title]").fill("Duty")
    page.tab.locator("[name=body]").fill("Your shift begins at eight")
    page.tab.locator("#send-intent").select_option("chat")

    with page.tab.expect_response(lambda reply: reply.url.endswith("/do")):
        page.tab.locator("#send-button").click()
    expect(page.tab.locator("#send-result .send-outcome")).to_have_text(["accepted"] * len(fleet.sandboxes))

    for sandbox in fleet.sandboxes.values():
        assert page.card(sandbox.brand, sandbox.tokens[0], "Duty").count() == 1
    assert page.tab.locator("#brand-links a").count() == len(fleet.sandboxes) >= 5


def test_a_phone_shows_the_text_after_cutting(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A title that is too long is shown as the vendor's limit left it, and the outcome says that it was cut."""
    token = boxes["oppo"].tokens[0]
    wide.send("A title that is longer than fifty characters, so that it is cut", "Body", "oppo", token)

    says = wide.tab.locator("#send-result .send-says").inner_text()

    assert "Cut to the limit of OPPO: Title" in says
    wide.show("phones")
    shown = wide.phone("oppo", token).locator(".card-open").inner_text()
    assert shown == boxes["oppo"].phones()[0].shown[0].title
    assert shown.endswith("…")


def test_markup_is_text_everywhere(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """Markup in a title, a body, an alias or a picture's URL is shown as text, and no script of it ever runs."""
    sandbox = boxes["honor"]
    token = sandbox.tokens[0]
    sandbox.set_alias(token, MARKUP)
    page.fill(MARKUP, MARKUP, "honor", token)
    page.tab.locator("summary", has_text="Looks and sound").click()
    page.tab.locator("[name=picture]").fill('https://example.com/"><script>window.ran=1</script>.png')
    page.submit()
    page.show("activity")
    listed = page.tab.locator("#activity-view .send-title").inner_text()

    page.show("phones")
    page.open_card("honor", token, MARKUP)

    assert listed == MARKUP
    assert page.tab.locator("#panel-heading").inner_text() == MARKUP
    assert page.tab.locator("#note-body").inner_text() == MARKUP
    assert page.tab.locator("main img, #panel img").count() == 0
    assert page.tab.evaluate("window.ran") is None


def test_details_show_request_reply_and_receipts(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A click on a notification shows the request that caused it, the vendor's reply and its receipts."""
    token = boxes["honor"].tokens[0]
    page.send("Ann", "See you at eight", "honor", token)
    page.show("phones")

    page.open_card("honor", token, "Ann")

    request = page.tab.locator("#note-request .request-content").inner_text()
    assert '"See you at eight"' in request
    assert token in request
    assert page.tab.locator("#note-request .call >> nth=0").inner_text().startswith("POST http://127.0.0.1:")
    assert page.tab.locator("#note-request .reply-status").inner_text() == "HTTP 200"
    expect(page.tab.locator("#receipts b")).to_have_text(["Arrived on the phone"])
    expect(page.tab.locator("#receipts p")).to_have_text(["posted, and taken by the host · verified by the gateway"])
    assert page.tab.locator("#note-facts", has_text="opens the app").count() == 1


def test_a_tap_takes_the_notification_away(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A tap removes the notification from the screen, leaves it among those that are gone, and makes a receipt."""
    token = boxes["honor"].tokens[0]
    page.send("Ann", "See you at eight", "honor", token)
    page.show("phones")
    page.open_card("honor", token, "Ann")

    page.tab.locator("#tap").click()

    expect(page.tab.locator("#receipts b")).to_have_text(["Arrived on the phone", "Tapped by the user"])
    assert page.tab.locator("#details-says").inner_text() == "Tapped. The notification has left the screen."
    assert page.tab.locator("#tap").is_disabled()
    page.tab.locator("#close").click()
    phone = page.phone("honor", token)
    phone.locator("summary").click()
    assert phone.locator(".gone .card-gone").inner_text() == "Tapped"
    assert phone.locator(".shade > .cards > .card").count() == 0


def test_a_vendor_without_recall_says_so(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A recall that the vendor does not have leaves the notification on the phone and says why."""
    token = boxes["oppo"].tokens[0]
    wide.send("Ann", "See you at eight", "oppo", token)
    wide.show("phones")
    wide.open_card("oppo", token, "Ann")

    wide.tab.locator("#recall").click()

    expect(wide.tab.locator("#details-says")).to_have_text("Not recalled. OPPO has no such feature: use another one.")
    assert wide.tab.locator("#recall").is_enabled()


def test_a_recalled_notification_leaves_the_phone(
    served: Callable[..., Fleet], opened: Callable[..., PhonesPage]
) -> None:
    """A recall through the gateway takes the notification back from the phone of a vendor that can."""
    fleet = served(20, "xiaomi")
    (sandbox,) = fleet.sandboxes.values()
    page = opened(fleet.page)
    page.send("Ann", "See you at eight", "xiaomi", sandbox.tokens[0])
    page.open_card("xiaomi", sandbox.tokens[0], "Ann")

    page.tab.locator("#recall").click()

    expect(page.tab.locator("#details-says")).to_have_text("Recalled: the phone no longer shows it.")
    assert [gone.why for gone in sandbox.phones()[0].gone] == ["recalled"]


def test_a_later_notification_replaces_the_former(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """With the same replace key the phone shows the later notification only; the former one is folded below it."""
    token = boxes["honor"].tokens[0]
    wide.fill("One", "first", "honor", token)
    wide.tab.locator("summary", has_text="Tap and delivery").click()
    wide.tab.locator("[name=replace_key]").fill("room-7")
    wide.submit()
    wide.tab.locator("[name=title]").fill("Two")

    wide.submit()

    wide.show("phones")
    wide.card("honor", token, "Two").wait_for()
    phone = wide.phone("honor", token)
    assert phone.locator(".shade > .cards .card-open").all_inner_texts() == ["Two"]
    phone.locator("summary").click()
    assert phone.locator(".gone .card-gone").all_inner_texts() == ["Replaced"]


def test_looks_are_shown(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """Category, badge, picture and sound of a notification are on the phone; no picture is loaded from elsewhere."""
    token = boxes["honor"].tokens[0]
    asked: list[str] = []
    wide.tab.on("request", lambda request: asked.append(request.url))
    wide.fill("Ann", "See you at eight", "honor", token)
    wide.tab.locator("#send-intent").select_option("chat")
    wide.tab.locator("summary", has_text="Looks and sound").click()
    wide.tab.locator("[name=picture]").fill("https://pictures.example/parcel.png")
    wide.tab.locator("[name='badge.how']").select_option("set")
    wide.tab.locator("[name='badge.number']").fill("7")

    wide.submit()

    wide.show("phones")
    card = wide.card("honor", token, "Ann")
    assert card.locator(".chip.category").inner_text() == boxes["honor"].phones()[0].shown[0].category
    assert card.locator(".card-picture").inner_text() == "https://pictures.example/parcel.png"
    assert wide.phone("honor", token).locator(".app-badge").inner_text() == "7"
    assert [url for url in asked if not url.startswith(wide.url)] == []


def test_a_muted_phone_and_one_without_the_app(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """The buttons below a phone mute it and remove the app; the gateway then reports why nothing arrives."""
    muted, gone = boxes["oppo"].tokens[:2]
    wide.phone("oppo", muted).locator(".to-mute").click()
    wide.phone("oppo", gone).locator(".to-uninstall").click()
    expect(wide.phone("oppo", muted).locator(".device")).to_have_class("device muted")
    expect(wide.phone("oppo", gone).locator(".home-text")).to_have_text("App uninstalled")

    refused = wide.send("Ann", "See you at eight", "oppo", muted)
    wide.tab.locator("#send-to").select_option("others")
    wide.tab.locator("[name=tokens]").fill(gone)
    dead = wide.submit()

    assert refused == ["muted"]
    assert dead == ["dead token"]
    assert wide.phone("oppo", muted).locator(".to-mute").get_attribute("aria-pressed") == "true"


def test_a_new_phone_can_be_registered(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """ "New phone" registers one, which is the first of its row."""
    wide.brand("oppo").locator(".new-phone").click()

    expect(wide.brand("oppo").locator(".brand-counts")).to_contain_text("21 phones")

    newest = boxes["oppo"].tokens[-1]
    assert wide.brand("oppo").locator(".phone").first.get_attribute("data-token") == newest


def test_the_page_of_one_sandbox_has_no_form(chromium: Any, opened: Callable[..., PhonesPage]) -> None:
    """The page below a single sandbox's own address works without a gateway: no form, no outcomes, all phones."""
    from pushgateway.sandbox import find_sandbox
    from pushgateway.sandbox.serving.server import serve

    sandbox = find_sandbox("oppo")(tokens=3)
    with serve(sandbox) as served:
        page = opened(f"{served.url}/_sandbox/phones/")

        assert page.tab.locator(".phone").count() == 3
        assert not page.tab.locator("#panel").is_visible()
        assert not page.tab.locator(".outcomes").is_visible()
        page.phone("oppo", sandbox.tokens[0]).locator(".phone-open").click()
        expect(page.tab.locator("#phone-facts")).to_contain_text(sandbox.tokens[0])
        page.tab.context.close()
