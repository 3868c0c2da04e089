"""Intents: what the rules and the certificate's table make of them, templates, and their warnings."""

import json
from typing import Any

import pytest
from encoding import (
    CURRENT,
    TOKEN,
    V13,
    encode_batch,
    encode_notification,
    encode_ordinary,
    encode_unicast,
    encoded_batch,
    message,
    sheet_of,
)
from exchanges import SETTINGS, first, form, push
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo import Oppo
from pushgateway_oppo.intents import OppoIntent, make_intents

from pushgateway.vendor import ConfigError, Intent, Notification, OpenActivity, Reason, Refused
from pushgateway.vendor.toolkit.json_text import Json

WORDS = [intent.value for intent in Intent]
CHAT = OppoIntent(
    category="IM",
    notify_level=2,
    channel_id="chat",
    template="66f0",
    title_parameters=("name",),
    content_parameters=("text",),
)


def note(intent: str = "chat", **fields: Any) -> Notification:
    return Notification(**{"title": "Ann", "body": "See you", "intent": intent, **fields})


def oppo(dialect: str = "current", **fields: Any) -> Oppo:
    return Oppo(**SETTINGS, dialect=dialect, **fields)


def sent(vendor: Oppo, notification: Notification) -> dict[str, Any]:
    """The notification's fields in the plug-in's request."""
    request = first(vendor.push([push(TOKEN, notification)]))
    fields: dict[str, Any] = json.loads(form(request)["message"])["notification"]
    return fields


def refused(vendor: Oppo, notification: Notification) -> tuple[Reason | None, str]:
    """Reason and detail of a push that has its outcome without a request."""
    with pytest.raises(StopIteration) as stopped:
        next(vendor.push([push(TOKEN, notification)]))
    (outcome,) = stopped.value.value
    return outcome.reason, outcome.detail


@pytest.mark.parametrize("word", WORDS)
def test_the_rules_have_a_category_for_every_intent(word: str) -> None:
    """Without a table an intent has the category of the rules, and no intent for everybody has a private one."""
    category = sent(oppo(), note(word))["category"]

    assert category == CURRENT.intents[word].category
    assert not (Intent(word).is_public and CURRENT.categories[category].private)
    assert CURRENT.intents[word].confidence == "inferred"


@pytest.mark.parametrize("word", WORDS)
def test_an_intent_adds_nothing_in_v13(word: str) -> None:
    """V1.3 has no categories."""
    plain = sent(oppo("v1.3"), Notification("Ann", "See you"))

    assert sent(oppo("v1.3"), note(word)) == plain


def test_the_certificates_table_wins_over_the_rules() -> None:
    """Category, level, channel, template and its parameters are those of the certificate's table."""
    fields = sent(oppo(intents={"chat": CHAT}), note(parameters={"name": "Ann", "text": "See you"}))

    assert fields == {
        "title": "Ann",
        "content": "See you",
        "category": "IM",
        "notify_level": 2,
        "channel_id": "chat",
        "private_msg_template_id": "66f0",
        "private_title_parameters": {"name": "Ann"},
        "private_content_parameters": {"text": "See you"},
    }


def test_a_notifications_own_fields_win_over_its_intent() -> None:
    """Its channel and its overrides win field by field.

    The intent's parameters are not filled into another template.
    """
    vendor = oppo(intents={"chat": CHAT})
    overrides = {"oppo": {"category": "TODO", "private_msg_template_id": "77"}}

    fields = sent(vendor, note(channel_id="mine", overrides=overrides))

    assert (fields["category"], fields["notify_level"], fields["channel_id"]) == ("TODO", 2, "mine")
    assert fields["private_msg_template_id"] == "77"
    assert "private_title_parameters" not in fields


def test_an_empty_category_in_the_table_sends_none() -> None:
    """So an app can set it that OPPO does not allow to use categories."""
    vendor = oppo(intents={"chat": OppoIntent(category="", channel_id="chat")})

    assert sent(vendor, note()) == {"title": "Ann", "content": "See you", "channel_id": "chat"}


def test_title_and_body_are_template_parameters_by_default() -> None:
    """Parameters named `title` and `body` have the notification's texts, cut as those are cut."""
    row = OppoIntent(template="66f0", title_parameters=("title",), content_parameters=("body",))

    fields = sent(oppo(intents={"chat": row}), note(title="题" * 50, body="文" * 51))

    assert fields["private_title_parameters"] == {"title": "题" * 50}
    assert fields["private_content_parameters"] == {"body": "文" * 49 + "…"}
    assert fields["content"] == "文" * 49 + "…"


def test_a_template_title_without_parameters_has_no_field() -> None:
    """OPPO refuses an empty object for a template whose title is fixed, so the field is left out."""
    fields = sent(oppo(intents={"chat": OppoIntent(template="66f0", content_parameters=("body",))}), note())

    assert "private_title_parameters" not in fields
    assert fields["private_content_parameters"] == {"body": "See you"}


def test_parameters_are_sent_as_text_if_the_setting_says_so() -> None:
    """Clients disagree whether parameters are an object or text, so a setting chooses."""
    vendor = oppo(intents={"chat": CHAT}, template_parameters="text")

    fields = sent(vendor, note(parameters={"name": "安", "text": 3}))

    assert fields["private_title_parameters"] == '{"name":"安"}'
    assert json.loads(fields["private_content_parameters"]) == {"text": 3}


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"name": "Ann"}, 'parameters["text"]: is missing'),
        ({"name": "Ann", "text": None}, 'parameters["text"]: is missing'),
        (
            {"name": "Ann", "text": "x", "txet": "x"},
            'parameters["txet"]: the template of this intent has no such place',
        ),
        ({"name": "Ann", "text": ["x"]}, 'parameters["text"]: must be a text or a number, is list'),
        ({"name": "Ann", "text": True}, 'parameters["text"]: must be a text or a number, is bool'),
    ],
)
def test_wrong_parameters_are_named_before_sending(parameters: dict[str, Any], sentence: str) -> None:
    """A missing, unknown or unfit parameter is refused without a request, by its name and without its content."""
    reason, detail = refused(oppo(intents={"chat": CHAT}), note(parameters=parameters))

    assert reason is Reason.INVALID_NOTIFICATION
    assert detail.startswith(sentence)
    assert "Ann" not in detail


def test_parameters_without_a_template_are_ignored() -> None:
    """A notification for phones of many brands may have parameters for which this certificate has no template."""
    assert "private_title_parameters" not in sent(oppo(), note(parameters={"name": "Ann"}))


@pytest.mark.parametrize("word", ["marketing", "news"])
def test_an_intent_for_everybody_is_never_sent_as_private(word: str) -> None:
    """Neither by the settings nor by an override of one push."""
    reason, detail = refused(oppo(), note(word, overrides={"oppo": {"category": "IM"}}))

    assert (reason, detail) == (
        Reason.INVALID_NOTIFICATION,
        f'overrides["oppo"]["category"]: \'IM\' is private, and {word} is for everybody',
    )
    with pytest.raises(ConfigError, match=rf"intents\.{word}\.category: 'ORDER' is private.*use one of NEWS"):
        oppo(intents={word: OppoIntent(category="ORDER")})
    assert sent(oppo(), note(word, overrides={"oppo": {"category": "SOCIAL"}}))["category"] == "SOCIAL"


@pytest.mark.parametrize(
    ("dialect", "table", "sentence"),
    [
        (CURRENT, {"chats": OppoIntent()}, "intents.chats: must be one of chat, group_chat"),
        (CURRENT, {"chat": OppoIntent(category="MI")}, "intents.chat.category: must be one of IM, ACCOUNT"),
        (CURRENT, {"chat": OppoIntent(notify_level=3)}, "intents.chat.notify_level: must be one of 1, 2, 16"),
        (CURRENT, {"chat": OppoIntent(notify_level=2, category="")}, "intents.chat.notify_level: needs category"),
        (CURRENT, {"chat": OppoIntent(channel_id=" ")}, "intents.chat.channel_id: must not be blank"),
        (CURRENT, {"chat": OppoIntent(template="")}, "intents.chat.template: must not be blank"),
        (CURRENT, {"chat": OppoIntent(title_parameters=("a",))}, "intents.chat.title_parameters: needs template"),
        (
            CURRENT,
            {"chat": OppoIntent(template="6", content_parameters=("a", "a"))},
            "intents.chat.content_parameters: must hold different names",
        ),
        (
            V13,
            {"chat": OppoIntent(category="IM")},
            'intents.chat.category: dialect = "v1.3" has no such field; dialect = "current" has it',
        ),
    ],
)
def test_a_wrong_table_is_reported_by_intent_and_setting(
    dialect: Any, table: dict[str, OppoIntent], sentence: str
) -> None:
    """Each fault is one sentence that names intent and setting, and says what is allowed."""
    (problem,) = make_intents(table, sheet_of(dialect).name).problems()

    assert problem.startswith(sentence)


def test_all_faults_of_a_table_are_reported_together() -> None:
    """Not only the first one."""
    with pytest.raises(ConfigError) as wrong:
        oppo(intents={"chat": OppoIntent(category="MI", notify_level=3), "news": OppoIntent(category="IM")})

    assert len(wrong.value.problems) == 3


@pytest.mark.parametrize(
    ("fields", "quota"),
    [
        ({}, "IM"),
        ({"channel_id": "mine"}, "IM"),
        ({"overrides": {"oppo": {"category": "TODO"}}}, "TODO"),
        ({"intent": "news"}, "news-channel"),
        ({"intent": "news", "channel_id": "mine"}, "mine"),
        ({"intent": "news", "overrides": {"oppo": {"channel_id": "theirs"}}}, "theirs"),
        ({"intent": "marketing"}, "MARKETING"),
        ({"intent": None}, ""),
        ({"intent": None, "channel_id": "mine"}, "mine"),
    ],
)
def test_the_quota_is_that_of_the_category_or_channel_sent(fields: dict[str, Any], quota: str) -> None:
    """A push counts against the quota of the category under which it is sent, or else of its channel."""
    vendor = oppo(intents={"news": OppoIntent(category="", channel_id="news-channel")})

    assert vendor.quota(note(**{"intent": "chat", **fields})) == quota
    assert oppo("v1.3").quota(note(**{"intent": "chat", **fields})) == ""


TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
ROW = st.builds(
    OppoIntent,
    category=st.sampled_from([None, "", "SOCIAL"]),
    channel_id=st.sampled_from([None, "chat", "聊天"]),
    template=st.just("66f0"),
    title_parameters=st.sampled_from([(), ("name",), ("title",), ('na"me',)]),
    content_parameters=st.sampled_from([(), ("text", "body"), ("title",)]),
)
BARE = st.builds(OppoIntent, category=st.sampled_from([None, "", "SOCIAL"]), channel_id=st.sampled_from([None, "聊天"]))
VALUE = st.one_of(TEXT, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none(), st.booleans())
PARAMETERS = st.dictionaries(st.sampled_from(["name", 'na"me', "text", "title", "other"]), VALUE, max_size=3)
CHANNEL = st.sampled_from([None, "own", "自"])


@given(st.sampled_from(WORDS), st.one_of(ROW, BARE), TEXT, TEXT, CHANNEL, PARAMETERS, st.booleans())
def test_fast_and_full_encoder_agree_on_intents(
    word: str, row: OppoIntent, title: str, body: str, channel: str | None, parameters: Any, as_text: bool
) -> None:
    """What the fast encoder accepts of an intent and its template, the full encoder writes with the same fields."""
    intents = make_intents({word: row}, "current", as_text=as_text)
    notification = note(
        word, title=title, body=body, channel_id=channel, parameters=parameters, click=OpenActivity("a.B")
    )

    quoted = encode_ordinary(notification, CURRENT, {}, intents)

    if quoted is not None:
        content = encode_notification(notification, CURRENT, None, None, intents)
        long = {name: json.loads(v.text) if isinstance(v, Json) else v for name, v in content.fields.items()}
        assert one(notification, intents) == json.loads(json.dumps(long).encode())


def one(notification: Notification, intents: Any) -> Any:
    run = encode_batch([push(TOKEN, notification)], CURRENT, intents)
    with pytest.raises(StopIteration) as stopped:
        next(run)
    return message(encode_unicast(stopped.value.value, CURRENT)[1])["notification"]


def test_the_fast_encoder_accepts_an_intent_and_its_template() -> None:
    """Parameters that are missing, unknown or of an unusual type are left to the full encoder."""
    intents = make_intents({"chat": CHAT}, "current")
    parameters = {"name": "n", "text": "t"}

    assert encode_ordinary(note(), CURRENT, {}) is not None
    assert encode_ordinary(note(parameters=parameters), CURRENT, {}, intents) is not None
    for wrong in ({}, {"name": "n"}, {**parameters, "more": "m"}, {**parameters, "text": True}):
        assert encode_ordinary(note(parameters=wrong), CURRENT, {}, intents) is None
    assert len(encoded_batch([push(TOKEN, note())], CURRENT).sent) == 1


@given(
    st.sampled_from(WORDS),
    TEXT,
    TEXT,
    st.dictionaries(st.sampled_from(["name", "te\"x'", "title"]), TEXT),
    st.booleans(),
)
def test_the_weight_with_an_intent_is_an_upper_bound(
    word: str, title: str, body: str, parameters: Any, as_text: bool
) -> None:
    """A push adds at most `weigh` bytes, with template, parameters and channel; the core adds token and id."""
    row = OppoIntent(
        template="66f0" * 16,
        channel_id='ch"at' * 9,
        title_parameters=("name", "title"),
        content_parameters=("te\"x'", "body"),
    )
    vendor = oppo(intents={word: row}, template_parameters="text" if as_text else "object")
    notification = note(word, title=title, body=body, parameters={"name": "n", "te\"x'": "t", **parameters})
    try:
        encode_notification(notification, CURRENT, None, None, vendor._intents)
    except Refused:
        return

    request = first(vendor.push([push(TOKEN, notification)]))

    assert len(request.content) <= vendor.weigh(notification) + len(TOKEN)


def test_advice_names_missing_templates_and_channels() -> None:
    """Private intents without a template and intents without a channel; those of the table one by one."""
    sentences = oppo(intents={"chat": CHAT, "call": OppoIntent(channel_id="call"), "news": OppoIntent()}).advice()

    assert [sentence.partition(" is missing")[0] for sentence in sentences] == [
        "intents.call.template",
        "intents.{group_chat, mention, recall, friend, system, order}.template",
        "intents.news.channel_id",
        "intents.{group_chat, mention, recall, friend, system, order, marketing}.channel_id",
    ]
    full = {word: OppoIntent(channel_id="c", template="6") for word in WORDS}
    assert oppo(intents=full).advice() == ()


def test_a_dialect_without_categories_and_channels_has_a_warning() -> None:
    """V1.3, the default, has neither, and OPPO's current API needs both: `check`, the log and `explain` warn."""
    former = oppo("v1.3")

    assert former.advice() == (former.caution,)
    for word in (
        "category",
        "channel",
        "intent has no effect",
        'dialect = "v1.3" has no such',
        'dialect = "current" has',
    ):
        assert word in former.caution
    assert oppo("current").caution == ""
