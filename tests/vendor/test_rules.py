"""The format of `rules.toml`, the dated facts of a vendor."""

from datetime import date

import pytest

from pushgateway.model.errors import PluginError
from pushgateway.model.reason import Reason
from pushgateway.vendor.rules import FieldRule, load_rules, parse_rules

GOOD = """
brand = "acme"
[sources]
doc = { title = "Acme's document", date = 2020-02-02, url = "https://acme.example/doc" }
[dialects.one]
title = "the first"
[dialects.one.hosts]
main = { url = "https://push.acme.example", SEEN }
[dialects.one.operations]
send = { method = "POST", path = "/send", SEEN }
[dialects.one.fields]
style = { kind = "int", choices = [1, 2], SEEN }
text = { kind = "text", required = true, min = 1, max = 9, max_when = { "style=2" = 99 }, SEEN }
url = { kind = "text", required_when = ["style=2"], SEEN }
[dialects.one.numbers]
batch_size = { value = 7, unit = "pushes", SEEN }
[dialects.one.targets]
tokens = { broadcast = 2, unicast = 3, SEEN }
[dialects.one.categories]
IM = { group = "personal", meaning = "messages", private = true, SEEN }
ADS = { group = "public", meaning = "offers", SEEN, confidence = "one source" }
[dialects.one.intents]
chat = { category = "IM", SEEN }
marketing = { category = "ADS", SEEN }
[dialects.one.events]
came = { kind = "ARRIVED", meaning = "it came", SEEN }
[codes]
0 = { reason = "accepted", meaning = "fine", SEEN, dialects = ["one"] }
11 = { reason = "expired", meaning = "stale", SEEN, dialects = ["one"] }
-1 = { reason = "UNAVAILABLE", meaning = "down", retry_after = 5, SEEN, dialects = ["one"] }
""".replace("SEEN", 'source = "doc", seen = 2020-02-02')


def test_a_valid_file_becomes_values() -> None:
    """Every table becomes typed values, with source and date."""
    rules = parse_rules(GOOD)
    dialect = rules.dialects["one"]

    assert rules.brand == "acme"
    assert rules.sources["doc"].date == date(2020, 2, 2)
    assert dialect.hosts["main"].url == "https://push.acme.example"
    assert dialect.number("batch_size") == 7
    assert dialect.targets["tokens"].unicast == 3
    assert dialect.fields["style"].choices == (1, 2)
    assert rules.codes["-1"].retry_after == 5.0
    assert rules.codes["-1"].seen == date(2020, 2, 2)


def test_a_fact_has_the_confidence_of_its_source_by_default() -> None:
    """The confidence of the source applies to all its rows; a row may have its own."""
    categories = parse_rules(GOOD).dialects["one"].categories
    doubted = parse_rules(GOOD.replace('title = "Acme\'s document"', 'title = "A blog", confidence = "one source"'))

    assert parse_rules(GOOD).confidence(categories["IM"]) == "documented"
    assert parse_rules(GOOD).confidence(categories["ADS"]) == "one source"
    assert doubted.confidence(doubted.codes["0"]) == "one source"


def test_codes_have_the_reason_that_a_host_sees() -> None:
    """Every code has a `Reason`, also the special words; only success has none."""
    codes = parse_rules(GOOD).codes

    assert codes["0"].host_reason is None
    assert codes["11"].host_reason is Reason.CREDENTIALS
    assert codes["-1"].host_reason is Reason.UNAVAILABLE


def test_a_rule_depends_on_other_fields() -> None:
    """Maximum and `required` follow the conditions, and numbers match in any spelling."""
    fields = parse_rules(GOOD).dialects["one"].fields

    assert [fields["text"].maximum(beside) for beside in ({}, {"style": 1}, {"style": 2}, {"style": "2"})] == [
        9,
        9,
        99,
        99,
    ]
    assert [fields["url"].needed(beside) for beside in ({}, {"style": 1}, {"style": 2})] == [False, False, True]
    assert fields["text"].needed({})


def test_conditions_know_booleans() -> None:
    """TOML's `true` and Python's True are the same condition."""
    rule = FieldRule(kind="int", required_when=("fast=true",), source="doc", seen=date(2020, 2, 2))

    assert (rule.needed({"fast": True}), rule.needed({"fast": False})) == (True, False)


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        ('unit = "pushes"', 'unit = "pushes", units = 1', "units"),
        ('value = 7, unit = "pushes"', 'value = "7", unit = "pushes"', "int, is str @ $.dialects['one'].numbers"),
        ("value = 7", "value = true", "must be int, is bool"),
        ('dialects = ["one"] }\n11', 'dialects = "one" }\n11', "must be a list of str @ $.codes['0'].dialects"),
        (
            "choices = [1, 2]",
            'choices = [1, "2"]',
            "must be a list of int or of str @ $.dialects['one'].fields['style'].choices",
        ),
        ('kind = "int", ch', 'kind = "number", ch', "$.dialects['one'].fields['style'].kind"),
        ('meaning = "down", ', "", "required field missing @ $.codes['-1'].meaning"),
        ('reason = "UNAVAILABLE"', 'reason = "GONE"', "$.codes['-1'].reason: must be one of UNREGISTERED"),
        ('path = "/send", source = "doc"', 'path = "/send", source = "dog"', "no such source: 'dog'"),
        ("seen = 2020-02-02, dialects", 'seen = "2020", dialects', "must be date, is str @ $.codes['0'].seen"),
        ("-1 = {", "-01 = {", "$.codes['-01']: must be a whole number"),
        ("https://push.acme.example", "http://push.acme.example", "hosts['main'].url: must be https://host"),
        ("https://push.acme.example", "https://push.acme.example/x", "hosts['main'].url: must be https://host"),
        ("min = 1, max = 9", "min = 10, max = 9", "fields['text'].min: is above max"),
        ('required_when = ["style=2"]', 'required_when = ["stile=2"]', "condition 'stile=2' names no field"),
        ('required_when = ["style=2"]', 'audiences = ["all"]', "fields['url'].audiences: 'all' must be one of"),
        ("tokens = {", "phones = {", "targets['phones']: must be one of accounts, aliases"),
        ('dialects = ["one"] }\n11', 'dialects = ["two"] }\n11', "$.codes['0'].dialects: no such dialect: 'two'"),
        ("[codes]", "[codes", "not TOML"),
        ('path = "/send",', 'path = "/send", host = "moon",', "operations['send'].host: no such host: 'moon'"),
        ('path = "/send",', 'path = "/send", encoding = "xml",', "operations['send'].encoding"),
        ("chat = {", "chatter = {", "intents['chatter']: must be one of chat, group_chat"),
        ('chat = { category = "IM"', 'chat = { category = "I"', "intents['chat'].category: no such category: 'I'"),
        ('marketing = { category = "ADS"', 'marketing = { category = "IM"', "'IM' is private, and marketing is for"),
        ('kind = "ARRIVED"', 'kind = "CAME"', "events['came'].kind: must be one of ARRIVED"),
        ('confidence = "one source"', 'confidence = "sure"', "categories['ADS'].confidence"),
        (
            'required_when = ["style=2"]',
            'says = "tite"',
            "fields['url'].says: 'tite' is no attribute of a Notification",
        ),
        ('required_when = ["style=2"]', "sends = 1", "fields['url'].says: is needed beside also, sends"),
        ('required_when = ["style=2"]', 'says = "title", also = ["body"]', "fields['url'].also: needs sends"),
        ('required_when = ["style=2"]', 'says = "title", scale = 1000', "fields['url'].scale: is for the kind int"),
        (
            'kind = "int", choices = [1, 2]',
            'kind = "int", says = "ttl", scale = 0.3',
            "['style'].scale: must be a whole",
        ),
        ('kind = "int", choices = [1, 2]', 'kind = "choice", choices = [1, 2]', "['style'].choices: must be texts"),
        ('kind = "int", choices = [1, 2]', 'kind = "text", choices = ["a"]', "['style'].choices: are for the kinds"),
        ('required_when = ["style=2"]', 'wire = "s"', "fields['url'].wire: must be text, number, date, or a"),
        ('required_when = ["style=2"]', 'wire = "date"', "fields['url'].wire: date is for the kind time"),
        ('required_when = ["style=2"]', 'pattern = "["', "fields['url'].pattern: is no regular expression"),
        ('required_when = ["style=2"]', 'counts = "letters"', "fields['url'].counts"),
        ('required_when = ["style=2"]', 'excludes = ["stile"]', "fields['url'].excludes: no such field: 'stile'"),
        ('required_when = ["style=2"]', 'required_with = ["stile"]', "['url'].required_with: no such field: 'stile'"),
        ('required_when = ["style=2"]', "values = { wifi = 1.5 }", "fields['url'].values"),
        ("url = {", '"text.url" = {', "fields['text']: is a field, and other fields are inside it"),
        ("retry_after = 5", 'hours = "7-23"', "['-1'].hours: must be hours such as 07:00-23:00"),
        ("retry_after = 5", 'hours = "07:00-24:00"', "['-1'].hours: must be hours such as 07:00-23:00"),
        (
            'chat = { category = "IM"',
            'chat = { category = "IM", fields = { x = 1 }',
            "['chat'].fields: no such field: 'x'",
        ),
        ('path = "/send",', 'path = "/{}/send",', "operations['send'].path: a place must be a name in braces"),
        ("[codes]", "[login_codes]\n007 = { reason = 'accepted' }\n[codes]", "login_codes['007'].meaning"),
    ],
)
def test_every_bad_row_is_named(good: str, bad: str, sentence: str) -> None:
    """A mistake in the file is reported with its path, as a broken plug-in."""
    assert good in GOOD

    with pytest.raises(PluginError) as caught:
        parse_rules(GOOD.replace(good, bad, 1), "acme/rules.toml")

    assert str(caught.value).startswith("acme/rules.toml: ")
    assert sentence in str(caught.value)


def test_a_dialect_may_have_dots_in_plain_names() -> None:
    """Form fields such as `extra.callback` and `extra.callback.param` are not inside each other."""
    nested = GOOD.replace("url = {", '"text.url" = {', 1)
    title = next(line for line in GOOD.splitlines() if line.startswith("title = "))

    fields = next(iter(parse_rules(nested.replace(title, f'{title}\ndots = "plain"', 1)).dialects.values())).fields

    assert {"text", "text.url"} <= fields.keys()


def test_a_field_beside_the_notification_may_have_dots_in_its_name() -> None:
    """It is never nested, so `note` and `note.text` do not collide."""
    beside = (
        'note = { kind = "text", scope = "message", SEEN }\n"note.text" = { kind = "text", scope = "message", SEEN }\n'
    )
    seen = 'source = "doc", seen = 2020-02-02'
    rules = parse_rules(GOOD.replace("style = {", beside.replace("SEEN", seen) + "style = {", 1))

    assert {"note", "note.text"} <= rules.dialects["one"].fields.keys()


def test_a_code_may_be_about_what_was_saved() -> None:
    """So that the core saves it anew."""
    rules = parse_rules(
        GOOD
        + '12 = { reason = "UNAVAILABLE", scope = "saved", meaning = "gone", SEEN, dialects = [] }'.replace(
            "SEEN", 'source = "doc", seen = 2020-02-02'
        )
    )

    assert rules.codes["12"].about == "saved"


def test_all_mistakes_are_reported_together() -> None:
    """Two bad rows give two sentences."""
    text = GOOD.replace('source = "doc"', 'source = "dog"', 2)

    with pytest.raises(PluginError) as caught:
        parse_rules(text)

    assert str(caught.value).count("no such source") == 2


def test_a_package_without_rules_is_broken() -> None:
    """A plug-in without its file is reported as broken, by its own exception."""
    with pytest.raises(PluginError, match=r"pushgateway_missing/rules\.toml: cannot be read"):
        load_rules("pushgateway_missing")


def test_a_field_says_what_it_carries() -> None:
    """A row has the attribute that it carries, its name in nested JSON, and how the value is written."""
    added = """[dialects.one.fields]
"android.ttl" = { says = "ttl", kind = "int", min = 1, max = 360, scale = 3600, round = "up", wire = "{}h", SEEN }
"android.level" = { says = "alert", kind = "choice", choices = ["LOW"], values = { silent = "LOW" }, SEEN }
"android.window" = { says = "show_from", also = ["show_until"], sends = true, kind = "bool", SEEN }
""".replace("SEEN", 'source = "doc", seen = 2020-02-02')
    fields = parse_rules(GOOD.replace("[dialects.one.fields]\n", added)).dialects["one"].fields

    ttl, level, window = (fields[f"android.{name}"] for name in ("ttl", "level", "window"))

    assert (ttl.says, ttl.scale, ttl.round, ttl.wire) == ("ttl", 3600.0, "up", "{}h")
    assert (level.choices, level.values) == (("LOW",), {"silent": "LOW"})
    assert (window.says, window.also, window.sends) == ("show_from", ("show_until",), True)


def test_a_path_has_places() -> None:
    """A place of a path is filled with a quoted text; a path without places stays as it is."""
    text = GOOD.replace('path = "/send"', 'path = "/v1/{client_id}/messages:send"')
    send = parse_rules(text).dialects["one"].operations["send"]

    assert send.places == ("client_id",)
    assert send.url_path(client_id="a/b") == "/v1/a%2Fb/messages:send"
    assert parse_rules(GOOD).dialects["one"].operations["send"].url_path() == "/send"
    with pytest.raises(KeyError):
        send.url_path()


def test_codes_of_targets_and_logins_have_tables_of_their_own() -> None:
    """One code may mean two things: of a request and of one target, or in a login. Words are codes."""
    row = 'meaning = "m", source = "doc", seen = 2020-02-02, dialects = ["one"] }'
    more = f"""
[target_codes]
11 = {{ reason = "MUTED", scope = "target", {row}
tokenFormatError = {{ reason = "UNREGISTERED", scope = "target", {row}
[login_codes]
11 = {{ reason = "CREDENTIALS", {row}
"""
    rules = parse_rules(
        GOOD + f'80100000 = {{ reason = "partial", {row}\n5 = {{ reason = "MUTED", scope = "content", {row}\n' + more
    )

    assert rules.codes["11"].reason == "expired"
    assert rules.codes_of("target_codes")["11"].host_reason is Reason.MUTED
    assert rules.codes_of("target_codes")["-1"].host_reason is Reason.UNAVAILABLE
    assert rules.codes_of("target_codes")["tokenFormatError"].about == "target"
    assert rules.codes_of("login_codes")["11"].host_reason is Reason.CREDENTIALS
    assert (rules.codes["80100000"].host_reason, rules.codes["80100000"].about) == (None, "")
    assert rules.codes["5"].about == "content"


def test_the_code_for_a_reason() -> None:
    """Of a whole request and not of one target; one about the content before others, else the first."""
    row = 'meaning = "m", source = "doc", seen = 2020-02-02, dialects = ["one"] }'
    rules = parse_rules(
        f"""{GOOD}
1 = {{ reason = "INVALID_NOTIFICATION", scope = "target", {row}
2 = {{ reason = "INVALID_NOTIFICATION", {row}
3 = {{ reason = "INVALID_NOTIFICATION", scope = "content", {row}
4 = {{ reason = "UNAVAILABLE", {row}
"""
    )

    assert rules.code_for(Reason.INVALID_NOTIFICATION) == "3"
    assert rules.code_for(Reason.UNAVAILABLE, "one") == "-1"
    assert rules.code_for(Reason.UNAVAILABLE, "two") is None
    assert rules.code_for(Reason.CREDENTIALS) is None


def test_targets_are_optional() -> None:
    """A vendor without broadcasts has no table of targets."""
    text = (
        GOOD.replace("[dialects.one.targets]\n", "")
        .replace("tokens = {", "most = {")
        .replace("broadcast = 2, unicast = 3", 'value = 1, unit = "x"')
    )

    assert parse_rules(text).dialects["one"].targets == {}


def test_a_vendor_has_a_name_for_sentences() -> None:
    """Sentences call the vendor by `title`, or else by its brand."""
    assert parse_rules(GOOD).vendor == "acme"
    assert parse_rules('title = "ACME"' + GOOD).vendor == "ACME"
