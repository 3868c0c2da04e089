"""The sandbox refuses what Xiaomi refuses, with Xiaomi's codes; what no source confirms is an option."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from pushgateway_xiaomi.sandbox import ENDED, PACKAGE, PRIVATE, PUBLIC, SECRET, XiaomiSandbox

from pushgateway.sandbox import Fault
from pushgateway.vendor import ReceiptKind, Request, Response

NOW = 1_780_000_000.0
PUSH, EACH = "/v3/message/regid", "/v2/multi_messages/regids"


class Client:
    """A sandbox, and requests to it as a strict client writes them."""

    def __init__(self, tokens: int = 3, **options: Any) -> None:
        self.now = NOW
        self.sandbox = XiaomiSandbox(clock=lambda: self.now, tokens=tokens, **options)
        self.tokens = list(self.sandbox.tokens)

    def ask(self, path: str, fields: Mapping[str, Any], method: str = "POST", **headers: str) -> Response:
        """The reply to a form or query."""
        form = urlencode(fields)
        url = f"https://host{path}" + (f"?{form}" if method == "GET" else "")
        kind = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
        sent = {**kind, "authorization": f"key={SECRET}", **headers}
        answer = self.sandbox.answer(Request(method, url, sent, b"" if method == "GET" else form.encode()))
        assert answer.response is not None
        return answer.response

    def code(self, path: str, fields: Mapping[str, Any], method: str = "POST", **headers: str) -> int:
        """The code of the reply."""
        code: int = json.loads(self.ask(path, fields, method, **headers).content)["code"]
        return code

    def message(self, **fields: Any) -> dict[str, Any]:
        """A good message to the first phone; None leaves a field out."""
        made = {
            "registration_id": self.tokens[0],
            "title": "Lena",
            "description": "Lunch?",
            "restricted_package_name": PACKAGE,
            "pass_through": "0",
            "notify_id": "7",
            "extra.channel_id": PUBLIC,
            "extra.notify_effect": "1",
            **{name.replace("__", "."): value for name, value in fields.items()},
        }
        return {name: value for name, value in made.items() if value is not None}

    def push(self, **fields: Any) -> int:
        """The code of a push with these fields."""
        return self.code(PUSH, self.message(**fields))

    def each(self, *messages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The reply to different messages, given as forms have them."""
        items = []
        for number, fields in enumerate(messages):
            plain = {name: value for name, value in fields.items() if "." not in name and name != "registration_id"}
            extra = {name.removeprefix("extra."): value for name, value in fields.items() if name.startswith("extra.")}
            target = fields.get("registration_id", self.tokens[number])
            items.append({"target": target, "message": {**plain, "extra": extra, **more}})
        body: dict[str, Any] = json.loads(self.ask(EACH, {"messages": json.dumps(items), "time_to_send": 0}).content)
        return body

    def shown(self, phone: int = 0) -> list[str]:
        """The titles on a phone's screen."""
        return [one.title for one in self.sandbox.phones()[phone].shown]


def test_a_good_push_is_shown() -> None:
    """In Xiaomi's envelope, with the id of the message."""
    client = Client()
    body = json.loads(client.ask(PUSH, client.message()).content)

    assert (body["result"], body["code"], body["description"]) == ("ok", 0, "成功")
    assert body["data"]["id"]
    assert client.shown() == ["Lena"]


@pytest.mark.parametrize("key", ["", SECRET, f"Key={SECRET}", f"key={SECRET}x", f"KEY={SECRET}", "key="])
def test_a_wrong_key_is_refused(key: str) -> None:
    """The word `key` is in lower case; which HTTP status comes is an option."""
    client = Client()
    for status in (200, 401):
        client.sandbox.set_option("auth_status", status)
        response = client.ask(PUSH, client.message(), authorization=key)

        assert (response.status, json.loads(response.content)["code"]) == (status, 21301)
    assert client.sandbox.ledger.total == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"restricted_package_name": "com.other"}, 22022),
        ({"title": None}, 10017),
        ({"title": "  "}, 10017),
        ({"title": "x" * 50}, 10017),
        ({"title": "长" * 49}, 0),
        ({"description": "x" * 128}, 10017),
        ({"description": "x" * 127}, 0),
        ({"registration_id": None}, 10016),
        ({"registration_id": ",".join(f"t{n}" for n in range(1001))}, 10008),
        ({"extra__channel_id": "9"}, 27001),
        ({"extra__channel_id": None}, 0),
        ({"notify_id": "2147483648"}, 22103),
        ({"notify_id": "2147483647"}, 0),
        ({"notify_type": "8"}, 10017),
        ({"extra__notify_effect": "4"}, 10017),
        ({"extra__notify_effect": "2"}, 10017),
        ({"extra__notify_effect": "3", "extra__web_uri": "ftp://a"}, 10017),
        ({"extra__jobkey": "_a"}, 10017),
        ({"extra__jobkey": "x" * 21}, 10017),
        ({"extra__callback": "no url"}, 10025),
        ({"extra__callback": "https://a.example", "extra__callback__param": "x" * 65}, 65036),
        ({"time_to_live": "864000001"}, 10017),
        ({"payload": "x" * 4097}, 10017),
        ({"payload": "any text"}, 0),
        ({"time_to_send": str(int(NOW * 1000) + 8 * 86_400_000)}, 10017),
        ({"time_to_send": str(int(NOW * 1000) + 6 * 86_400_000)}, 0),
    ],
)
def test_what_is_wrong_has_its_code(fields: dict[str, Any], code: int) -> None:
    """The same in a form and in `messages`; a refused push reaches nobody."""
    client = Client()

    assert client.push(**fields) == code
    assert client.sandbox.ledger.total == (1 if code == 0 else 0)
    if "registration_id" not in fields and "time_to_send" not in fields:
        again = Client()
        assert again.each(again.message(**fields))["code"] == code
        assert again.sandbox.ledger.total == (1 if code == 0 else 0)


def test_calls_that_do_not_exist() -> None:
    """Path, method, encoding."""
    client = Client()

    assert client.code("/v9/message/regid", client.message()) == 10020
    assert client.code(PUSH, client.message(), "GET") == 10021
    answer = client.ask(PUSH, {}, **{"content-type": "application/json"})
    assert json.loads(answer.content)["code"] == 10016  # an empty body has no fields
    wrong = client.sandbox.answer(
        Request("POST", f"https://host{PUSH}", {"content-type": "application/json"}, b"{}")
    ).response
    assert wrong is not None
    assert json.loads(wrong.content)["code"] == 10007


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_all_versions_of_the_path(version: str) -> None:
    """v4 is undocumented and in use."""
    client = Client()

    assert client.code(f"/{version}/message/regid", client.message()) == 0


def test_a_list_may_be_joined_or_repeated() -> None:
    """The SDK repeats the field."""
    client = Client()
    rest = urlencode(client.message(registration_id=None))
    content = f"registration_id={client.tokens[0]}&registration_id={client.tokens[1]}&{rest}".replace("+", "%2B")
    headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"key={SECRET}"}
    client.sandbox.answer(Request("POST", f"https://host{PUSH}", headers, content.encode()))

    assert client.sandbox.ledger.total == 2


def test_dead_tokens() -> None:
    """All dead: refused. Some: accepted, and by option named in the reply."""
    client = Client()
    client.sandbox.uninstall(client.tokens[1])
    both = f"{client.tokens[0]},{client.tokens[1]}"

    assert client.push(registration_id=client.tokens[1]) == 20301
    assert "bad_regids" not in json.loads(client.ask(PUSH, client.message(registration_id=both)).content)["data"]
    client.sandbox.set_option("bad_regids", True)
    assert (
        json.loads(client.ask(PUSH, client.message(registration_id=both)).content)["data"]["bad_regids"]
        == (client.tokens[1])
    )
    client.sandbox.set_option("late_invalid", True)
    assert client.push(registration_id=client.tokens[1]) == 0


def test_private_channels_may_need_a_template() -> None:
    """By option: for all apps from 2026-12-31; approved templates have their variables."""
    client = Client(templates_required=True, templates={"P1": ["who"]})
    template = {"extra__channel_id": PRIVATE, "extra__template_id": "P1"}

    assert client.push(extra__channel_id=PRIVATE) == 27001
    assert client.push(**template, extra__template_param='{"who":"Ann"}') == 0
    assert client.push(**template, extra__template_param='{"whom":"Ann"}') == 27001
    assert client.push(**{**template, "extra__template_id": "P2"}, extra__template_param='{"who":"A"}') == 27001
    assert client.push(**template) == 27001
    assert client.push() == 0


def test_a_notification_without_effect_is_accepted_and_not_shown() -> None:
    """Custom notifications are not served since 2024-09-30."""
    client = Client()

    assert client.push(extra__notify_effect=None) == 0
    assert client.sandbox.ledger.total == 0


def test_the_ttl_of_a_public_channel() -> None:
    """Lowered to a day, or by option refused."""
    client = Client()
    assert client.push(time_to_live="864000000") == 0
    assert client.sandbox.ledger.deliveries[0].ttl == 86_400
    client.sandbox.set_option("long_ttl", "refuse")

    assert client.push(time_to_live="86400000") == 0
    assert client.push(time_to_live="86401000") == 10017
    assert client.push(time_to_live="864000000", extra__channel_id=PRIVATE) == 0


def test_the_code_of_a_long_text_is_an_option() -> None:
    """No source shows it."""
    assert Client(size_code="65009").push(title="x" * 50) == 65009


def test_how_far_ahead_is_an_option() -> None:
    """Seven days by the API page, thirty by a note of 2026."""
    later = str(int(NOW * 1000) + 20 * 86_400_000)

    assert Client(schedule_days=30).push(time_to_send=later) == 0
    assert Client().push(time_to_send=later) == 10017


def test_the_daily_quota() -> None:
    """Used up: 200001. In different messages the rest is dropped and counted by channel. Private ones have none."""
    client = Client(daily_limit=3)
    client.push()
    body = client.each(client.message(), client.message(registration_id=client.tokens[1]))
    over = client.each(*(client.message(registration_id=token) for token in client.tokens))

    assert "channel_exceed_quota" not in body["data"]
    assert over["data"]["channel_exceed_quota"] == f"{PUBLIC}:3"
    assert client.push() == 200001
    assert client.push(extra__channel_id=PRIVATE) == 0
    client.now += 86_400
    assert client.push() == 0


def test_a_quota_that_ends_inside_a_request() -> None:
    """The last messages are dropped."""
    client = Client(daily_limit=2)
    body = client.each(*(client.message(registration_id=token) for token in client.tokens))

    assert body["data"]["channel_exceed_quota"] == f"{PUBLIC}:1"
    assert [client.sandbox.ledger.count(token) for token in client.tokens] == [1, 1, 0]


def test_requests_per_second() -> None:
    """Requests are counted, not phones."""
    client = Client(per_second=2)

    assert [client.push(extra__jobkey=f"k{number}") for number in range(3)] == [0, 0, 200002]
    client.now += 1
    assert client.push() == 0


def test_what_a_phone_may_get_in_a_day() -> None:
    """By class; a receipt says so."""
    client = Client(phone_limit=1)
    asked = {"extra__callback": "https://a.example/r", "extra__callback__type": "243"}
    for _ in range(2):
        assert client.push(**asked) == 0

    assert client.sandbox.ledger.total == 1
    (request,) = client.sandbox.callbacks()
    assert "device_quota" in request.content.decode()


def test_phones_show_a_jobkey_once_and_replace_by_number() -> None:
    """Both on the phone: the server accepts every one of them with an id of its own."""
    client = Client()
    assert client.push(title="one", extra__jobkey="k") == client.push(title="two", extra__jobkey="k") == 0
    assert client.shown() == ["one"]
    client.push(title="three", notify_id="7")
    client.push(title="four", notify_id="8")

    assert client.shown() == ["three", "four"]


def test_recall() -> None:
    """By number, on the phones named; what is not there is 65028. The former calls are gone since 2026-12-01."""
    client = Client()
    client.push()
    taken = {"registration_ids": client.tokens[0], "restricted_package_name": PACKAGE, "notify_id": "7"}

    assert client.code("/v3/message/regid/revoke", {**taken, "notify_id": "x"}) == 22103
    assert client.code("/v3/message/regid/revoke", taken) == 0
    assert client.shown() == []
    assert client.code("/v3/message/regid/revoke", taken) == 65028
    client.push()
    assert client.code("/v1/message/regid/revoke", taken) == 0
    client.now = ENDED
    assert client.code("/v1/message/regid/revoke", taken) == 10020
    client.sandbox.set_option("gone", "404")
    assert client.ask("/v2/message/revoke", {**taken, "msg_id": "m"}).status == 404


def test_recall_by_alias_and_account() -> None:
    """The other two calls of V3."""
    client = Client()
    client.sandbox.set_alias(client.tokens[0], "ann")
    client.sandbox.set_account(client.tokens[1], "u1")
    client.push(registration_id=",".join(client.tokens[:2]))

    for path, name, value in (("alias", "aliases", "ann"), ("user_account", "user_accounts", "u1")):
        fields = {name: value, "restricted_package_name": PACKAGE, "notify_id": "7"}
        assert client.code(f"/v3/message/{path}/revoke", fields) == 0
    assert (client.shown(0), client.shown(1)) == ([], [])


def test_audiences() -> None:
    """Aliases, accounts, topics with their three operations, everyone."""
    client = Client(tokens=4)
    for token, tags in zip(client.tokens, (["a"], ["a", "b"], ["b"], []), strict=True):
        client.sandbox.set_tags(token, tags)
    client.sandbox.set_alias(client.tokens[0], "ann")
    client.sandbox.set_account(client.tokens[1], "u1")

    def reached(path: str, **target: str) -> list[int]:
        client.sandbox.ledger.clear()
        code = client.code(path, {**client.message(registration_id=None), **target})
        assert code in (0, 20301), code
        return [place for place, token in enumerate(client.tokens) if client.sandbox.ledger.count(token)]

    several = "/v3/message/multi_topic"
    assert reached("/v3/message/alias", alias="ann,nobody") == [0]
    assert reached("/v2/message/user_account", user_account="u1") == [1]
    assert reached("/v3/message/topic", topic="a") == [0, 1]
    assert reached(several, topics="a;$;b", topic_op="UNION") == [0, 1, 2]
    assert reached(several, topics="a;$;b", topic_op="INTERSECTION") == [1]
    assert reached(several, topics="a;$;b", topic_op="EXCEPT") == [0]
    assert reached("/v2/message/all") == [0, 1, 2, 3]
    assert reached("/v3/message/topic", topic="nothing") == []
    wrong = client.message(registration_id=None)
    assert client.code(several, {**wrong, "topics": "a;$;b", "topic_op": "NOR"}) == 10017
    assert client.code(several, {**wrong, "topics": ";$;".join("abcdef"), "topic_op": "UNION"}) == 65035
    assert client.code(several, {**wrong, "topics": "a;$;", "topic_op": "UNION"}) == 65013


# Receipts


def posted(client: Client) -> list[dict[str, Any]]:
    """The receipts that are due, each with the id of its message."""
    found = []
    for request in client.sandbox.callbacks():
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        (data,) = parse_qs(request.content.decode())["data"]
        found += [{"id": key, **element} for key, element in json.loads(data).items()]
    return found


def test_receipts_are_asked_for_by_their_bits() -> None:
    """Each type is a bit of the sum; a message that asks for none has none."""
    client = Client()
    kinds = [ReceiptKind.CLICKED, ReceiptKind.MUTED]
    for token, kind in zip(client.tokens[1:], kinds, strict=True):
        client.sandbox.target_receipts[token] = kind
    everyone = ",".join(client.tokens)
    for types, wanted in (("1", [1]), ("2", [2]), ("35", [1, 2, 32]), ("16", [])):
        client.push(registration_id=everyone, extra__callback="https://a.example/r", extra__callback__type=types)
        assert [one["type"] for one in posted(client)] == wanted
    client.push(registration_id=everyone)
    assert posted(client) == []


def test_a_tap_is_reported_if_it_was_asked_for() -> None:
    """Type 2 of a push to tokens whose sender wants such receipts; a message to an alias has none."""
    client = Client()
    token = client.tokens[0]
    client.sandbox.set_alias(token, "ann")
    wanted = {"extra__callback": "https://a.example/r", "extra__callback__type": "2", "extra__callback__param": "p"}
    client.push(registration_id=token, notify_id="1", **wanted)
    client.push(registration_id=token, notify_id="2", extra__callback="https://a.example/r", extra__callback__type="1")
    alias = {name.replace("__", "."): value for name, value in wanted.items()}
    client.code("/v3/message/alias", {**client.message(registration_id=None), "alias": "ann", **alias})
    before = posted(client)
    shown = [one.message_id for one in client.sandbox.phones()[0].shown]
    taps = [client.sandbox.tap(token, message_id) for message_id in shown]

    (receipt,) = posted(client)
    assert [one["type"] for one in before] == [1]
    assert (len(shown), taps) == (3, [True] * 3)
    assert (receipt["id"], receipt["targets"], receipt["type"], receipt["param"]) == (shown[0], token, 2, "p")


def test_a_dead_token_names_the_one_that_took_its_place() -> None:
    """Type 16 with the new regid of the phone."""
    client = Client()
    new = client.sandbox.replace(client.tokens[1])
    client.push(
        registration_id=",".join(client.tokens[:2]),
        extra__callback="https://a.example/r",
        extra__callback__type="17",
        extra__callback__param="m-1",
        extra__jobkey="k",
    )
    arrived, dead = posted(client)

    assert (arrived["targets"], arrived["barStatus"], arrived["jobkey"]) == (client.tokens[0], "Enable", "k")
    assert dead["replaceTarget"] == {client.tokens[1]: new}
    assert (dead["type"], dead["errorCode"], dead["param"]) == (16, 1, "m-1")
    assert client.push(registration_id=new) == 0


# Other calls


def test_topics_of_a_phone() -> None:
    """Subscribed by regid or by alias, and asked for."""
    client = Client()
    client.sandbox.set_alias(client.tokens[1], "ann")
    one = {"registration_id": client.tokens[0], "topic": "news"}

    assert client.code("/v2/topic/subscribe", one) == 0
    assert client.code("/v2/topic/subscribe/alias", {"aliases": "ann", "topic": "news"}) == 0
    assert client.code("/v2/topic/subscribe", {**one, "topic": ""}) == 65013
    asked = client.ask("/v1/topic/all", {"registration_id": client.tokens[1]}, "GET")
    assert json.loads(asked.content)["data"] == {"list": ["news"]}
    assert client.code("/v2/topic/unsubscribe", one) == 0
    asked = client.ask("/v1/topic/all", {"registration_id": client.tokens[0]}, "GET")
    assert json.loads(asked.content)["data"] == {"list": []}


def test_queries_of_a_phone() -> None:
    """Alias, account, presence, region; an unknown alias is 22006 (page 1705)."""
    client = Client()
    token = client.tokens[0]
    client.sandbox.set_alias(token, "ann")
    client.sandbox.set_account(token, "u1")

    def data(path: str, fields: dict[str, str], method: str = "GET") -> Any:
        return json.loads(client.ask(path, fields, method).content).get("data")

    assert data("/v1/alias/all", {"registration_id": token}) == {"list": ["ann"]}
    assert data("/v1/account/all", {"registration_id": token}) == {"list": ["u1"]}
    assert data("/v2/regid/presence", {"registration_id": token}) == {token: "online"}
    assert data("/v1/feedback/get_region_by_regid", {"regIds": token}, "POST") == {token: "China"}
    assert data("/v1/alias/get_regid_by_alias", {"aliasName": "ann"}) == {"list": [token]}
    assert client.code("/v1/alias/get_regid_by_alias", {"aliasName": "bob"}, "GET") == 22006
    assert client.code("/v1/topic/all", {"registration_id": "nobody"}, "GET") == 20301
    assert client.code("/v1/topic/all", {}, "GET") == 10016


def test_figures_of_a_message() -> None:
    """By its id; another is 65028."""
    client = Client()
    message_id = json.loads(client.ask(PUSH, client.message(registration_id=",".join(client.tokens))).content)["data"][
        "id"
    ]
    found = json.loads(client.ask("/v1/trace/message/status", {"msg_id": message_id}, "GET").content)["data"]["data"]

    assert (found["id"], found["resolved"], found["delivered"], found["click"]) == (message_id, 3, 3, 0)
    assert client.code("/v1/trace/message/status", {"msg_id": "m"}, "GET") == 65028
    assert client.code("/v1/trace/quota/get", {}, "GET") == 0


def test_figures_of_old_messages_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million messages of a long test must not fill the memory."""
    monkeypatch.setattr("pushgateway_xiaomi.sandbox.MESSAGES_TRACED", 2)
    client = Client()

    ids = [json.loads(client.ask(PUSH, client.message()).content)["data"]["id"] for _ in range(3)]

    codes = [client.code("/v1/trace/message/status", {"msg_id": one}, "GET") for one in ids]
    assert codes == [65028, 0, 0]


def test_faults_aim_at_the_calls_that_push() -> None:
    """By the names of the rules."""
    client = Client()
    client.sandbox.faults.add(Fault(kind="code", code="10009", operation="push"))

    assert client.each(client.message())["code"] == 0
    assert [client.push(), client.push()] == [10009, 0]


@pytest.mark.parametrize("content", ["", "[", "[]", "{}", "[7]", '[{"target":"t"}]', '[{"target":"","message":{}}]'])
def test_messages_that_cannot_be_read(content: str) -> None:
    """The whole request is refused."""
    client = Client()

    assert client.code(EACH, {"messages": content}) in (10016, 10017)
