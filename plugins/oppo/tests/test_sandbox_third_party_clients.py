"""The sandbox accepts requests in the forms that other authors' clients send.

Each form was seen in one of them. Requests are written by hand, never by the plug-in. A form that no document has needs
a switch.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from oppo_client import DIALECTS, NOTE, Client

from pushgateway.sandbox.serving.server import serve
from pushgateway.vendor import Request

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest) -> Client:
    """A client that is logged in, in each dialect."""
    return Client(request.param)


def post(client: Client, operation: str, body: str | bytes, headers: Mapping[str, str]) -> Any:
    """The decoded reply to a body, which is sent unchanged."""
    content = body.encode() if isinstance(body, str) else body
    path = client.facts.operations[operation].path
    response = client.sandbox.answer(Request("POST", f"https://oppo.example{path}", headers, content)).response
    assert response is not None
    return json.loads(response.content)


def message(client: Client, **note: Any) -> dict[str, Any]:
    """A message to the first phone."""
    return {"target_type": 2, "target_value": client.sandbox.tokens[0], "notification": {**NOTE, **note}}


def test_the_token_in_the_header_alone(client: Client) -> None:
    """As the document of 2018 says, and push-oppo, Julive and JJpush send it."""
    body = urlencode({"message": json.dumps(message(client))})

    assert post(client, "unicast", body, {"content-type": FORM, "auth_token": client.access})["code"] == 0
    assert post(client, "unicast", body, {"content-type": FORM})["code"] == 29


def test_the_token_in_the_body_alone(client: Client) -> None:
    """As the current pages say, and OPPO's own SDK sends it; a wrong one is 11 and not 29."""
    text = json.dumps(message(client))

    good = post(client, "unicast", urlencode({"auth_token": client.access, "message": text}), {"content-type": FORM})
    bad = post(client, "unicast", urlencode({"auth_token": "stale", "message": text}), {"content-type": FORM})

    assert (good["code"], bad["code"]) == (0, 11)


@pytest.mark.parametrize("blank", ["+", "%20"])
def test_both_spellings_of_a_blank_are_decoded(client: Client, blank: str) -> None:
    """OPPO's SDK sends `+`, push-oppo `%20`: the phone shows a blank either way, and a real plus stays one."""
    text = quote(json.dumps(message(client, title="1 + 1", content="a b")), safe="").replace("%20", blank)

    reply = post(client, "unicast", f"message={text}", {"content-type": FORM, "auth_token": client.access})

    (delivery,) = client.sandbox.ledger.deliveries
    assert reply["code"] == 0
    assert (delivery.title, delivery.body) == ("1 + 1", "a b")


def test_unknown_fields_are_ignored(client: Client) -> None:
    """In the form, in the message and in the notification, as OPPO does."""
    odd = message(client, colour="red", requestId=7) | {"priority": 1}
    form = {"message": json.dumps(odd), "format": "json", "v": "1.0"}

    assert client.ask("unicast", form)["code"] == 0
    assert client.ask("save", {**NOTE, "colour": "red"})["code"] == 0


def test_the_sdks_version_on_every_call(client: Client) -> None:
    """OPPO's SDK sends `sdk_version` with the login and with every form."""
    version = {"sdk_version": "JAVA_SDK_V1.1.0"}

    client.login()
    sent = client.ask("unicast", {"message": json.dumps(message(client)), **version})
    saved = client.ask("save", {**NOTE, **version})

    assert (sent["code"], saved["code"]) == (0, 0)


@pytest.mark.parametrize("value", [False, "false"])
def test_off_line_false_is_kept(client: Client, value: object) -> None:
    """pushapi cannot leave the field unset and always sends `off_line` false, as a boolean or as text."""
    reply = client.unicast(client.sandbox.tokens[0], off_line=value)

    (delivery,) = client.sandbox.ledger.deliveries
    assert reply["code"] == 0
    assert delivery.notification["off_line"] == value


def test_needless_json_escapes_are_decoded(client: Client) -> None:
    """Go writes `&`, `<` and `>` as \\u0026 and so on, Java Chinese as \\u4f60: the phone shows the characters."""
    text = json.dumps(message(client, title="a & b", content="你好 <3")).replace("&", "\\u0026").replace("<", "\\u003c")
    assert "\\u0026" in text

    reply = client.ask("unicast", {"message": text})

    (delivery,) = client.sandbox.ledger.deliveries
    assert reply["code"] == 0
    assert (delivery.title, delivery.body) == ("a & b", "你好 <3")


def test_https_needs_the_sandboxs_own_ca() -> None:
    """A client that trusts the CA file is served; another one ends with the handshake.

    OPPO's SDKs trust any certificate.
    """
    client = Client()
    form = urlencode({"app_key": "sandbox-app-key"})
    with serve(client.sandbox, tls=True) as served:
        port = urlsplit(served.url).port
        trusting = ssl.create_default_context(cafile=str(served.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=10)
        connection.request("POST", "/server/v1/auth", form, {"content-type": FORM})
        code = json.loads(connection.getresponse().read())["code"]
        connection.close()
        distrusting = http.client.HTTPSConnection("127.0.0.1", port, context=ssl.create_default_context(), timeout=10)
        with pytest.raises(ssl.SSLCertVerificationError):
            distrusting.request("POST", "/server/v1/auth", form, {"content-type": FORM})
        distrusting.close()

    assert code == 17  # the signature is missing: the request was read


def test_keys_in_camel_case_need_a_switch() -> None:
    """OPPO's unicast sample prints them so, its table in snake_case; what OPPO's server accepts is unknown."""
    client = Client("current")
    note = {"clickActionType": 9, "appMessageId": "m-1", "auditResponse": {"ok": True}, "colourOfSky": "blue"}
    one = client.sandbox.tokens[0]

    unknown = client.unicast(one, **note)["code"]
    client.sandbox.set_option("camel_case", True)
    refused = client.unicast(one, **note)
    taken = client.unicast(one, **{**note, "clickActionType": 0})

    assert (unknown, refused["code"], taken["code"]) == (0, 41, 0)
    assert refused["message"].endswith(": click_action_type")
    assert client.sandbox.ledger.deliveries[-1].notification == {
        **NOTE,
        "click_action_type": 0,
        "app_message_id": "m-1",
        "auditResponse": {"ok": True},
        "colourOfSky": "blue",
    }


def test_the_device_hosts_token_in_json_or_header() -> None:
    """Two clients send it as a header, one as a field of the JSON: either is accepted, and a number is refused."""
    client = Client("current")
    fields = {"registration_id": client.sandbox.tokens[0], "alias": "ann"}
    kind = {"content-type": "application/json"}

    codes = [
        post(client, "subscribe_alias", json.dumps(fields), {**kind, "auth_token": client.access})["code"],
        post(client, "subscribe_alias", json.dumps({**fields, "auth_token": client.access}), kind)["code"],
        post(client, "subscribe_alias", json.dumps({**fields, "auth_token": 7}), kind)["code"],
        post(client, "subscribe_alias", json.dumps(fields), kind)["code"],
    ]

    assert codes == [0, 0, 11, 29]
    assert client.sandbox.phones()[0].alias == "ann"


def test_the_feedback_hosts_token_in_query_or_header() -> None:
    """One family of clients puts it into the URL, another into a header."""
    client = Client("current")
    url = f"https://oppo.example{client.facts.operations['invalid_tokens'].path}"

    def code(query: str, headers: Mapping[str, str]) -> Any:
        response = client.sandbox.answer(Request("GET", url + query, headers)).response
        assert response is not None
        return json.loads(response.content)["code"]

    assert code(f"?auth_token={client.access}", {}) == 0
    assert code("", {"auth_token": client.access}) == 0
    assert [code("", {}), code("?auth_token=stale", {})] == [29, 11]
