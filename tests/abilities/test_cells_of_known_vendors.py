"""`abilities_of` for vendors whose abilities are known, in `tests/support`; and for copies of them that are broken.

Each copy is installed as pip would install it, and asked through its entry points.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from broken.content import BROKEN
from broken.copies import BEAM, QUILL, VAULT, Base, Broken, Edit, installed
from plain_vendor import Plain
from plain_vendor_kit import PlainSandbox

from pushgateway.abilities.brand import Abilities, abilities_of
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.table import short
from pushgateway.certificates.plugins import Plugins
from pushgateway.model.errors import PluginError
from pushgateway.model.reason import Reason
from pushgateway.sandbox import Sandbox

Ask = Callable[..., Abilities]
DAMAGE = {
    one.name: one
    for one in BROKEN
    if one.base is BEAM and one.scenario == "test_each_feature_reaches_the_phone_or_is_refused_by_name"
}


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks a copy of a plug-in with these edits."""

    def asked(base: Base, *edits: Edit) -> Abilities:
        with installed(tmp_path / "copy", edits, base):
            (abilities,) = abilities_of(base.name, Plugins())
        return abilities

    return asked


def test_quill(ask: Ask) -> None:
    """Cut and refused texts at the limits of its rules, what it lacks by its kind, a field that needs another one
    beside it, and its broadcasts."""
    abilities = ask(QUILL)

    cells, shown = abilities.cells, {name: short(cell) for name, cell in abilities.cells.items()}
    assert (shown["title"], shown["body"]) == ("✂40", "✂200")
    assert (cells["title"].counted, cells["title"].beyond) == ("utf16", Verdict.CUT)
    assert (shown["OpenApp"], shown["OpenUrl"], shown["OpenIntent"]) == ("✓", "≤500", "✗")
    assert cells["OpenUrl"].detail == "click: must be at most 500"
    assert (cells["channel_id"].most, cells["channel_id"].counted) == (40, "points")
    assert (shown["ttl"], shown["receipt_url"], shown["receipt_parameter"]) == ("≤7d", "✓", "≤300")
    assert cells["receipt_parameter"].needs == ("receipt_url",)
    assert [shown[name] for name in ("subtitle", "picture", "Badge.set", "buttons")] == ["–"] * 4
    assert [shown[name] for name in ("store_offline=False", "show_from", "user_id", "overrides")] == ["✗"] * 4
    assert cells["user_id"].reason is Reason.UNSUPPORTED
    assert (shown["intent"], shown["parameters"]) == ("○", "○")
    assert (shown["Audience.everyone"], shown["Audience.of_tokens"], shown["Audience.of_tags"]) == ("✓", "✓", "✗")
    assert (shown["start_at"], shown["rate"]) == ("✗", "✗")


def test_beam(ask: Ask) -> None:
    """An intent that chooses a channel, overrides whose unknown fields are named, tags in every combination, and
    broadcasts at a time and with a rate."""
    abilities = ask(BEAM)

    carried = (
        "intent",
        "overrides",
        "of_tags(all_of=)",
        "of_tags(none_of=)",
        "Audience.of_aliases",
        "start_at",
        "rate",
    )
    assert [short(abilities.cells[name]) for name in carried] == ["✓"] * len(carried)
    assert short(abilities.cells["Audience.of_accounts"]) == "✗"
    assert (abilities.facts.batch_size, abilities.facts.mixed, abilities.facts.login) == (50, False, "none")
    assert abilities.facts.receipt_kinds == ["arrived", "limited", "unregistered"]


def test_vault(ask: Ask) -> None:
    """Contents that are saved, signed access tokens and receipts, a limit in bytes."""
    abilities = ask(VAULT)

    cells, facts = abilities.cells, abilities.facts
    assert (facts.saves, facts.least, facts.login, facts.receipts) == (True, 2, "signed", "signed")
    assert (facts.deduplicates, facts.dead_tokens, facts.recall, facts.check_tokens) == (
        "message",
        "receipt",
        True,
        True,
    )
    assert (facts.audiences, facts.dialect) == (["everyone", "accounts"], "v1")
    assert [short(cells[name]) for name in ("Alert.SILENT", "Alert.URGENT", "Badge.add(2)")] == ["✓", "✓", "✓"]
    assert (cells["data"].counted, cells["data"].beyond) == ("bytes", Verdict.REFUSED)
    assert short(cells["replace_key"]) == "≤100"


def test_the_plain_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that has nothing: texts of any length, all looks left out, everything else refused."""
    monkeypatch.setattr("pushgateway.abilities.brand.find_sandbox", lambda _: PlainSandbox)

    (abilities,) = abilities_of("plain", Plugins({"plain": Plain}))

    shown = {name: short(cell) for name, cell in abilities.cells.items()}
    looks = ("subtitle", "channel_id", "icon", "group", "show_in_foreground=False")
    assert [shown[name] for name in ("title", "body", "OpenApp")] == ["✓"] * 3
    assert {shown[name] for name in looks} == {"–"}
    assert {shown[name] for name in ("OpenUrl", "data", "ttl", "show_from, show_until", "Audience.everyone")} == {"✗"}
    assert abilities.facts.receipts == "none"


# What is wrong with a plug-in


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("The time to live goes out in seconds where the vendor wants milliseconds", {"ttl"}),
        ("The web page of a tap is lost", {"OpenUrl"}),
        ("The data arrives as texts", {'data={"k": [7]}'}),
        ("What the vendor lacks is dropped silently", {"store_offline=False", "Network.WIFI", "time_zone", "user_id"}),
        (
            "A second line that the vendor lacks is left out, and nothing says so",
            {"subtitle", "picture", "Badge.add(1)", "Badge.add(2)"},
        ),
    ],
)
def test_a_plug_in_that_says_what_is_not_so(ask: Ask, name: str, features: set[str]) -> None:
    """Where outcome and phone disagree, the cell says so and is no "carried"; the other cells stay right."""
    broken: Broken = DAMAGE[name]

    cells = ask(BEAM, *broken.edits).cells

    wrong = {feature for feature, cell in cells.items() if cell.verdict is Verdict.WRONG}
    assert features <= wrong
    assert any(broken.says in cells[feature].detail for feature in features)
    assert {short(cells[feature]) for feature in wrong} == {"!"}
    assert (short(cells["title"]), short(cells["Audience.everyone"])) == ("✂30", "✓")


def test_data_as_texts(ask: Ask) -> None:
    """A vendor that takes texts only as data gets other values as their JSON texts, and the cell says so."""
    text = "value if isinstance(value, str) else json.dumps(value, default=dict, separators=(',', ':'))"
    edit = Edit(
        "vendor.py",
        'fields["payload"] = json.dumps(dict(note.data), default=dict)',
        f'fields["payload"] = json.dumps({{name: {text} for name, value in note.data.items()}})',
    )

    cells = ask(BEAM, edit).cells

    assert (short(cells["data"]), short(cells['data={"k": [7]}'])) == ("≤499", "✓t")


def test_a_text_that_is_cut_and_not_named(ask: Ask) -> None:
    """A cut that no outcome names is no limit, it is wrong."""
    edit = Edit("vendor.py", '(("title",) if title_cut else ()) + ', "")

    cell = ask(BEAM, edit).cells["title"]

    assert cell.verdict is Verdict.WRONG
    assert cell.detail == "title was changed or lost on the way (31 characters, shown 30): nothing says so"


def test_a_plug_in_that_fails_for_one_feature(ask: Ask) -> None:
    """It costs that cell, and the text of its exception is not shown."""
    edit = Edit("vendor.py", 'fields["keep_ms"] = str(note.ttl * 1000)', 'raise KeyError("hush-hush")')

    cells = ask(BEAM, edit).cells

    assert [name for name, cell in cells.items() if cell.verdict is Verdict.WRONG] == ["ttl"]
    assert "broke its contract" in cells["ttl"].detail
    assert "hush" not in cells["ttl"].detail
    assert short(cells["channel_id"]) == "≤500"


def test_refused_keys_cost_one_cell(ask: Ask) -> None:
    """A feature after which the vendor refuses the keys closes the circuit breaker, and the next one has a new
    gateway."""
    edit = Edit(
        "vendor.py", '{"x-key": self.key.reveal(),', '{"x-key": "" if "keep_ms" in fields else self.key.reveal(),'
    )

    cells = ask(BEAM, edit).cells

    assert [name for name, cell in cells.items() if cell.verdict is Verdict.WRONG] == ["ttl"]
    assert cells["ttl"].detail == "rejected, credentials; code 8"
    assert short(cells["channel_id"]) == "≤500"


def test_a_channel_that_is_lost(ask: Ask) -> None:
    """The default channel in its place is no channel of the push."""
    edit = Edit("vendor.py", 'fields["channel"] = note.channel_id or (', 'fields["channel"] = (')

    cell = ask(BEAM, edit).cells["channel_id"]

    assert (cell.verdict, cell.detail) == (
        Verdict.WRONG,
        "channel_id was changed or lost on the way, and is not named in omitted",
    )


@pytest.mark.parametrize(("value", "verdict"), [("note.channel_id", Verdict.CARRIED), ("None", Verdict.WRONG)])
def test_channels_that_the_certificate_must_name(ask: Ask, value: str, verdict: Verdict) -> None:
    """Where a brand refuses all others, one that an intent chooses is asked. The default one would prove nothing."""
    start = "    if not title.strip() or not text.strip():\n"
    known = "    if note.channel_id not in (None, PRIVATE, PUBLIC):\n        return Reason.INVALID_NOTIFICATION, ''\n"
    chosen = 'fields["channel"] = note.channel_id or ('

    cells = ask(
        BEAM,
        Edit("vendor.py", start, known + start),
        Edit("vendor.py", chosen, chosen.replace("note.channel_id", value)),
    ).cells

    assert cells["channel_id"].verdict is verdict


def test_a_broadcast_that_loses_its_time(ask: Ask) -> None:
    """It is accepted and shown, and nevertheless wrong."""
    edit = Edit("vendor.py", 'fields["at"] = str(int(broadcast.start_at.timestamp()))', "pass")

    cells = ask(BEAM, edit).cells

    assert (cells["start_at"].verdict, cells["start_at"].detail) == (Verdict.WRONG, "start_at was lost on the way")
    assert short(cells["rate"]) == "✓"


def test_what_only_the_vendor_refuses_is_wrong(ask: Ask) -> None:
    """A plug-in that leaves a limit to the vendor would cost the whole request."""
    edit = Edit("vendor.py", '"channel": "channel_id", "note"', '"note"')

    cell = ask(QUILL, edit).cells["channel_id"]

    assert (cell.verdict, cell.detail) == (Verdict.WRONG, "rejected, invalid_notification; code 40")


class Locked(PlainSandbox):
    """A sandbox that cannot be made."""

    def __init__(self, **_: Any) -> None:
        raise ModuleNotFoundError("hush-hush")


def no_sandbox(_: str) -> type[Sandbox]:
    """What is found for a brand without one."""
    raise PluginError("there is no sandbox")


def locked_sandbox(_: str) -> type[Sandbox]:
    """What is found for a brand with a sandbox that needs a missing package."""
    return Locked


@pytest.mark.parametrize(
    ("find", "sentence"),
    [
        (no_sandbox, "there is no sandbox"),
        (locked_sandbox, "the sandbox for brand 'plain' cannot be made: ModuleNotFoundError"),
    ],
)
def test_a_brand_without_a_sandbox(
    monkeypatch: pytest.MonkeyPatch, find: Callable[[str], type[Sandbox]], sentence: str
) -> None:
    """Its facts are known, by made-up settings; its cells are not, and the reason is said."""
    monkeypatch.setattr("pushgateway.abilities.brand.find_sandbox", find)

    (abilities,) = abilities_of("plain", Plugins({"plain": Plain}))

    assert (abilities.cells, abilities.problem) == ({}, sentence)
    assert (abilities.facts.batch_size, abilities.facts.receipt_kinds) == (1, None)
    assert short(abilities.cells.get("title")) == "?"


def test_a_cell_for_json(ask: Ask) -> None:
    """Names and numbers, no objects."""
    cell = ask(QUILL).cells["OpenUrl"]

    assert cell.as_json() == {
        "verdict": "carried",
        "reason": "invalid_notification",
        "detail": "click: must be at most 500",
        "least": None,
        "most": 500,
        "counted": "",
        "beyond": "refused",
        "shared": False,
        "needs": (),
        "step": 1,
        "as_texts": False,
        "alone": False,
        "in_broadcasts": False,
    }
    assert Cell(verdict=Verdict.LEFT_OUT).as_json()["verdict"] == "left out"
