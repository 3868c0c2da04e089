"""Takes the pictures of the page of phones in the README: `.tox/browser/bin/python docs/tools/screenshot.py`.

It starts the sandboxes of all installed brands, sends them through a gateway what an app sends on an ordinary day, and
takes a picture of the page in English and one in Chinese. It needs what `tox -e browser` installs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from pushgateway.cli.sandbox_page import Fleet, installed_sandboxes, serve_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).resolve().parents[1]
PICTURES = {"phones.png": "en", "phones-zh.png": "zh"}
"""By file: the language of the page, and of what is sent."""
WIDTH, HEIGHT = 1280, 1080
"""The window, in CSS pixels."""
LARGEST = 300_000
"""Bytes of a picture, at most: people load the README over slow lines."""

USERS: Mapping[str, tuple[str, str, str, str]] = {
    "en": ("ann", "bob", "carol", "dave"),
    "zh": ("林晓", "阿博", "小梅", "老周"),
}
DAYS: Mapping[str, tuple[tuple[int, dict[str, Any]], ...]] = {
    "en": (
        (3, {"title": "Autumn sale", "body": "20 % off everything until Sunday.", "intent": "marketing"}),
        (2, {"title": "Incoming call", "body": "Mei is calling you", "intent": "call", "ttl": 30}),
        (2, {"title": "Mei", "body": "Missed you – call me back when you can", "intent": "chat"}),
        (1, {"title": "Release team", "body": "Bo: the build is green", "intent": "group_chat", "replace_key": "team"}),
        (1, {"title": "Release team (2)", "body": "Bo: shall we ship it?", "intent": "mention", "replace_key": "team"}),
        (1, {"title": "Parcel on its way", "body": "It arrives between 14:00 and 16:00.", "intent": "order"}),
        (0, {"title": "New friend", "body": "Dave wants to be your friend", "intent": "friend"}),
        (0, {"title": "Bob", "body": "Are we still on for dinner at eight? 🍜", "intent": "chat", "data": {"chat": 7}}),
    ),
    "zh": (
        (3, {"title": "秋季特惠", "body": "全场八折，周日截止。", "intent": "marketing"}),
        (2, {"title": "语音来电", "body": "小梅邀请你语音通话", "intent": "call", "ttl": 30}),
        (2, {"title": "小梅", "body": "刚才没打通，方便时回个电话", "intent": "chat"}),
        (1, {"title": "发布小组", "body": "阿博：构建已通过", "intent": "group_chat", "replace_key": "team"}),
        (1, {"title": "发布小组（2 条）", "body": "阿博：现在发布吗？", "intent": "mention", "replace_key": "team"}),
        (1, {"title": "包裹正在派送", "body": "预计今天 14:00–16:00 送达。", "intent": "order"}),
        (0, {"title": "新的好友申请", "body": "老周请求添加你为好友", "intent": "friend"}),
        (0, {"title": "阿博", "body": "今晚八点还一起吃饭吗？🍜", "intent": "chat", "data": {"chat": 7}}),
    ),
}
"""By language: which user gets what, oldest first."""
BADGED = ("chat", "group_chat", "mention", "friend")
"""Intents that raise the number on the app's icon."""


def send_day(fleet: Fleet, language: str) -> None:
    """Send to four phones of each brand what its users get in a day. One of Honor's users has switched notifications
    off, and Honor's server begins to fail."""
    with httpx.Client(base_url=fleet.page, timeout=30, trust_env=False) as page:

        def command(**fields: Any) -> None:
            page.post("do", json=fields).raise_for_status()

        for sandbox in fleet.sandboxes.values():
            for token, user in zip(sandbox.tokens, USERS[language], strict=False):
                sandbox.set_alias(token, user)
            for place, notification in DAYS[language]:
                badge = {"badge": {"how": "add", "number": 1}} if notification["intent"] in BADGED else {}
                command(do="send", brand=sandbox.brand, tokens=[sandbox.tokens[place]], **notification, **badge)
        honor = next(sandbox for sandbox in fleet.sandboxes.values() if sandbox.brand == "honor")
        command(do="mute", brand="honor", token=honor.tokens[1], muted=True)
        command(do="fault", brand="honor", fault="wrong", on=True)
        command(do="send", brand="honor", tokens=[honor.tokens[0]], **DAYS[language][0][1])


def take(browser: Browser, fleet: Fleet, name: str) -> int:
    """Take one picture, with the details of the newest notification of the first phone. Returns its size in bytes."""
    locale = "zh-CN" if PICTURES[name] == "zh" else "en-GB"
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale=locale, reduced_motion="reduce")
    page = context.new_page()
    page.goto(fleet.page)
    page.locator(".card-open").first.click()
    page.locator("#note-request .request-shown").wait_for()
    page.locator("#receipts li").first.wait_for()
    page.locator("#panel-heading").blur()
    page.mouse.move(0, 0)
    picture = page.screenshot(path=FOLDER / name)
    context.close()
    return len(picture)


def pictures() -> Iterator[tuple[str, int]]:
    """Take all pictures: the name and the size in bytes of each."""
    from playwright.sync_api import sync_playwright

    with ThreadPoolExecutor(1) as elsewhere, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, language in PICTURES.items():
            # In a thread of their own: Playwright runs an event loop in this one, where the gateway refuses to be made.
            serving = serve_all(installed_sandboxes(20))
            fleet = elsewhere.submit(serving.__enter__).result()
            try:
                send_day(fleet, language)
                yield name, take(browser, fleet, name)
            finally:
                elsewhere.submit(serving.__exit__, None, None, None).result()
        browser.close()


def main() -> int:
    """Take all pictures; the exit code is 1 if one is too large."""
    sizes = dict(pictures())
    for name, size in sizes.items():
        sys.stdout.write(f"docs/{name}: {size:,} bytes\n")
    return int(any(size > LARGEST for size in sizes.values()))


if __name__ == "__main__":
    sys.exit(main())
