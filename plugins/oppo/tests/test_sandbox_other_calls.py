"""The OPPO sandbox's calls other than sending: aliases, tags, statistics, invalid tokens, quota and pictures.

Requests are written by hand and by the standard library, never by the plug-in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from oppo_client import NOTE, Client
from pictures import jpeg, png
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.model.errors import FieldError
from pushgateway.sandbox.kit.pictures import pixels
from pushgateway.vendor import Request

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class CallClient(Client):
    """A client that also makes the calls other than sending."""

    def call(self, operation: str, fields: Any = None, *, kind: str | None = None, method: str | None = None) -> Any:
        """The decoded reply; fields are encoded as the rules say, unless another content type is given."""
        row = self.facts.operations[operation]
        url, content = f"https://oppo.example{row.path}", b""
        fields = {} if fields is None else fields
        if row.encoding == "query":
            url += f"?{urlencode(fields)}"
        elif isinstance(fields, bytes):
            content = fields
        else:
            content = (json.dumps(fields) if row.encoding == "json" else urlencode(fields)).encode()
        given = {"form": FORM, "json": JSON}.get(row.encoding, "") if kind is None else kind
        headers = {"content-type": given, "auth_token": self.access}
        response = self.sandbox.answer(Request(method or row.method, url, headers, content)).response
        assert response is not None
        return json.loads(response.content)

    def code(self, operation: str, fields: Any = None, **more: Any) -> int:
        """The code of the reply."""
        return int(self.call(operation, fields, **more)["code"])

    def upload(self, content: bytes, kind: str = "big", ttl: str | None = "60") -> Any:
        """The reply to a picture, in a body written by hand."""
        parts = [] if ttl is None else [('form-data; name="picture_ttl"', ttl.encode())]
        parts.append(('form-data; name="file"; filename="p.bin"', content))
        head = "--xx\r\nContent-Disposition: {}\r\n\r\n"
        body = b"".join(head.format(name).encode() + value + b"\r\n" for name, value in parts) + b"--xx--\r\n"
        return self.call(f"upload_{kind}_picture", body, kind='multipart/form-data; boundary="xx"')


@pytest.fixture(params=["v1.3", "current"])
def client(request: pytest.FixtureRequest) -> CallClient:
    """A logged-in client in each dialect."""
    return CallClient(request.param)


@pytest.fixture
def today() -> CallClient:
    """A logged-in client in `current`, which has all calls."""
    return CallClient("current")


def test_the_last_alias_set_wins(client: CallClient) -> None:
    """A phone has one alias, and an alias one phone: the last call counts for both."""
    one, two, *_ = client.sandbox.tokens
    for token, alias in ((one, "ann"), (one, "bob"), (two, "bob")):
        assert client.code("subscribe_alias", {"registration_id": token, "alias": alias}) == 0

    assert [phone.alias for phone in client.sandbox.phones()[:2]] == [None, "bob"]
    assert client.broadcast("aliases", "ann", "bob")["data"]["10002"] == ["ann"]
    assert client.got() == [two]


def test_an_alias_call_is_refused_for_each_fault(client: CallClient) -> None:
    """A missing field is 40, an unknown phone 10000, an invalid alias 10002, an alias that no phone has 10003."""
    one = client.sandbox.tokens[0]
    cases: list[tuple[Mapping[str, Any], int]] = [
        ({"alias": "ann"}, 40),
        ({"registration_id": one}, 40),
        ({"registration_id": "CN_dead", "alias": "ann"}, 10000),
        ({"registration_id": one, "alias": "a;b"}, 10002),
        ({"registration_id": one, "alias": " "}, 10002),
    ]

    assert [client.code("subscribe_alias", fields) for fields, _ in cases] == [code for _, code in cases]
    assert client.code("unsubscribe_alias", {"registration_id": one, "alias": "ann"}) == 10003
    assert client.code("subscribe_alias", {"registration_id": one, "alias": "ann"}) == 0
    assert client.code("unsubscribe_alias", {"registration_id": one, "alias": "ann"}) == 0
    assert client.sandbox.phones()[0].alias is None


def test_in_v13_an_alias_is_taken_from_the_phone_that_has_it() -> None:
    """V1.3's call names phone and alias, and so does the reply; another phone's alias is not taken away."""
    client = CallClient("v1.3")
    one, two, *_ = client.sandbox.tokens
    pair = {"registration_id": one, "alias": "ann"}

    assert client.call("subscribe_alias", pair)["data"] == {"registrationId": one, "alias": "ann"}
    assert client.call("get_alias", pair)["data"] == {"registrationId": one, "alias": "ann"}
    assert client.code("unsubscribe_alias", {"registration_id": two, "alias": "ann"}) == 10003
    assert client.call("get_alias", {"registration_id": two})["data"] == {"registrationId": two, "alias": ""}


def test_json_is_read_strictly(today: CallClient) -> None:
    """Only JSON, only an object, only UTF-8; a number in place of a text is 41."""
    one = today.sandbox.tokens[0]
    good = json.dumps({"registration_id": one, "alias": "ann"}).encode()

    assert today.code("subscribe_alias", good, kind=FORM) == 25
    assert today.call("subscribe_alias", good, kind=FORM)["message"].endswith("content-type must be application/json")
    assert [today.code("subscribe_alias", body) for body in (b"[]", b"{", b"\xff", b"[" * 100_000)] == [25] * 4
    assert today.code("subscribe_alias", good, kind=f"{JSON}; charset=gbk") == 25
    assert today.code("subscribe_alias", b"") == 40
    assert today.code("subscribe_alias", {"registration_id": 5, "alias": "ann"}) == 41
    assert today.code("subscribe_alias", good, method="GET") == 12
    assert today.code("subscribe_alias", good, kind=f"{JSON}; charset=UTF-8") == 0


def test_tags_that_fail_are_skipped(client: CallClient) -> None:
    """The reply lists the others. Blank tags fail, and to be removed those that the phone does not have."""
    one = client.sandbox.tokens[0]
    mark = "," if client.facts.number("tag_separator") == 44 else ";"

    given = client.call("subscribe_tags", {"registration_id": one, "tags": mark.join(["a", " ", "b", "", "a"])})
    taken = client.call("unsubscribe_tags", {"registration_id": one, "tags": mark.join(["b", "c"])})

    assert [tag["tagName"] for tag in given["data"]["tags"]] == ["a", "b"]
    assert [tag["tagName"] for tag in taken["data"]["tags"]] == ["b"]
    assert given["data"]["tags"][1] == taken["data"]["tags"][0]  # a tag keeps its id
    assert client.sandbox.phones()[0].tags == {"a"}
    assert client.code("subscribe_tags", {"registration_id": one}) == 40
    assert client.code("subscribe_tags", {"registration_id": "CN_dead", "tags": "a"}) == 10000


def test_v13_lists_its_last_tag_twice(client: CallClient) -> None:
    """As the document's sample does; `current` lists each tag once."""
    one = client.sandbox.tokens[0]
    client.sandbox.set_tags(one, ["b", "a"])

    names = [tag["tagName"] for tag in client.call("get_tags", {"registration_id": one})["data"]["tags"]]

    assert names == (["a", "b", "b"] if client.facts.number("tag_separator") == 44 else ["a", "b"])


def test_tags_may_have_to_be_created_first(today: CallClient) -> None:
    """With `created_tags_only` unknown tags are skipped; a tag created twice is 32, a group with an unknown tag 31."""
    one = today.sandbox.tokens[0]
    today.sandbox.set_option("created_tags_only", True)
    fields = {"registration_id": one, "tags": "sport;news"}
    before = today.call("subscribe_tags", fields)["data"]["tags"]

    codes = [
        today.code("add_tag_group", {"group": "hobbies", "tags": "sport", "desc": ""}),
        today.code("add_tag", {"name": "sport", "desc": "what they play"}),
        today.code("add_tag", {"name": "sport"}),
        today.code("add_tag", {"name": ""}),
        today.code("add_tag", {"name": "x", "desc": 5}),
        today.code("add_tag_group", {"group": "hobbies", "tags": "sport"}),
    ]

    assert before == []
    assert codes == [31, 0, 32, 40, 41, 0]
    assert [tag["tagName"] for tag in today.call("subscribe_tags", fields)["data"]["tags"]] == ["sport"]


def test_statistics_agree_with_the_ledger() -> None:
    """Targets, known ones, and those that got it; for one task, or for all tasks of one content. Nothing is opened."""
    client = CallClient("v1.3")
    one, two, three, *rest = client.sandbox.tokens
    client.sandbox.mute(two)
    client.sandbox.uninstall(three)
    saved = client.save()
    first = client.broadcast("tokens", one, two, three, "CN_never", one, saved=saved)["data"]
    second = client.broadcast("everyone", saved=saved)["data"]

    def figures(**query: str) -> list[int]:
        data = client.call("statistics", query)["data"]
        names = ("targetCount", "validCount", "sendCount", "arriveCount", "showCount", "openCount")
        return [data[name] for name in names]

    everybody = 2 + len(rest)
    assert figures(task_id=first["task_id"]) == [4, 2, 1, 1, 1, 0]
    assert figures(task_id=second["task_id"], message_id=saved) == [everybody, everybody, *[1 + len(rest)] * 3, 0]
    assert figures(message_id=saved) == [4 + everybody, 2 + everybody, *[2 + len(rest)] * 3, 0]
    assert client.sandbox.ledger.total == 2 + len(rest)


def test_statistics_are_refused_for_each_fault() -> None:
    """No id is 40; an unknown id, a unicast's, or two that do not belong together 31; POST is 12."""
    client = CallClient("v1.3")
    alone = client.unicast(client.sandbox.tokens[0])["data"]["messageId"]
    task = client.broadcast("everyone")["data"]["task_id"]
    queries = ({}, {"message_id": ""}, {"message_id": "x"}, {"message_id": alone}, {"message_id": "x", "task_id": task})

    assert [client.code("statistics", query) for query in queries] == [40, 40, 31, 31, 31]
    assert client.code("statistics", {"task_id": task}, method="POST") == 12


def test_invalid_tokens_lists_uninstalled_phones(today: CallClient) -> None:
    """In the order of removal, in every reply; a phone that registers again is not listed any more."""
    one, two, three, *_ = today.sandbox.tokens
    assert today.call("invalid_tokens")["data"] == {"registration_ids": [], "totalCount": 0}
    for token in (two, one, three):
        today.sandbox.uninstall(token)
    today.sandbox.uninstall("CN_never")
    today.sandbox.register([one])

    for _ in range(2):
        assert today.call("invalid_tokens")["data"] == {"registration_ids": [two, three], "totalCount": 2}


def test_invalid_tokens_in_pages(today: CallClient) -> None:
    """With `feedback_page` each reply lists so many, each id once, and the count is of those that are left."""
    gone = list(today.sandbox.tokens[:5])
    for token in gone:
        today.sandbox.uninstall(token)
    today.sandbox.set_option("feedback_page", 2)

    pages = [today.call("invalid_tokens")["data"] for _ in range(4)]

    assert [page["registration_ids"] for page in pages] == [gone[:2], gone[2:4], gone[4:], []]
    assert [page["totalCount"] for page in pages] == [5, 3, 1, 0]
    with pytest.raises(FieldError, match="feedback_page: must be a whole number from 1 on, or null"):
        today.sandbox.set_option("feedback_page", 0)


def test_the_quota_query_returns_what_is_left_of_the_day(today: CallClient) -> None:
    """Null without a limit; with one it goes down with every push, and not below 0."""
    unlimited = today.call("push_permit")["data"]
    today.sandbox.set_option("daily_limit", 2)
    permits = [today.call("push_permit")["data"]]
    for token in today.sandbox.tokens[:3]:
        today.unicast(token)
        permits.append(today.call("push_permit")["data"])

    assert unlimited == {"total": None, "left": None}
    assert permits == [{"total": 2, "left": left} for left in (2, 1, 0, 0)]


@pytest.mark.parametrize("make", [png, jpeg])
def test_an_uploaded_picture_can_be_used_while_it_is_kept(today: CallClient, make: Any) -> None:
    """A broadcast may name it until its ttl ends, and only as the kind that it is."""
    big = today.upload(make(984, 369), ttl="60")["data"]["big_picture_id"]
    small = today.upload(make(144, 144), "small")["data"]["small_picture_id"]

    def save(**note: Any) -> int:
        return int(today.ask("save", {**NOTE, **note})["code"])

    shown = [save(style=3, big_picture_id=big, small_picture_id=small), save(style=3, big_picture_id=small)]
    today.now += 60

    assert shown == [0, 51]
    assert [save(style=3, big_picture_id=big), save(small_picture_id=small), save(small_picture_id="x")] == [51] * 3


def test_an_upload_is_refused_for_each_fault(today: CallClient) -> None:
    """A missing file is 40; a file that is no picture, too large or of other pixels 51; a wrong ttl 41; the daily quota
    34."""
    good = png(876, 324)
    bad = (b"GIF89a", b"\x89PNG\r\n\x1a\n", good[:20], png(877, 324), jpeg(876, 324, frame=0xC4), b"\xff\xd8\xff\xd8")

    assert [today.upload(content)["code"] for content in bad] == [51] * len(bad)
    assert today.upload(b"")["code"] == 40
    assert [today.upload(good, ttl=ttl)["code"] for ttl in ("0", "-1", "x", "1.5")] == [41] * 4
    assert [today.upload(good, ttl=ttl)["code"] for ttl in (None, "", "1")] == [0, 0, 0]
    today.sandbox.set_option("daily_pictures", 4)
    assert [today.upload(good)["code"] for _ in range(2)] == [0, 34]
    today.now += 86_400
    today.login()
    assert today.upload(good)["code"] == 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"a=b"),
        ("multipart/form-data", b"--xx--\r\n"),
        ("multipart/form-data; boundary=xx", b""),
        ("multipart/form-data; boundary=xx", b"--xx\r\nno head"),
        ("multipart/form-data; boundary=xx", b"--xx\r\ncontent-disposition: form-data\r\n\r\n\r\n--xx--"),
        ("multipart/form-data; boundary=xx", b'--xx\r\ncontent-disposition: form-data; name="a"\r\n--xx--'),
        ("multipart/form-data; boundary=xx", b'--xx\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xff\r\n--xx--'),
    ],
)
def test_bodies_that_are_no_uploads(today: CallClient, kind: str, body: bytes) -> None:
    """An incomplete multipart body is 25, whatever is missing."""
    assert today.code("upload_big_picture", body, kind=kind) == 25


def test_a_file_may_hold_anything_but_its_boundary(today: CallClient) -> None:
    """Line ends, other boundaries and bytes that are no text are kept."""
    odd = png(144, 144) + b"\r\n--x\r\n\r\n\xff\x00--xx-"

    assert today.upload(odd, "small")["code"] == 0


@pytest.mark.parametrize(
    ("file", "size"),
    [
        (png(3, 4), (3, 4)),
        (jpeg(3, 4), (3, 4)),
        (jpeg(3, 4, frame=0xC2), (3, 4)),
        (b"", (0, 0)),
        (b"\xff\xd8", (0, 0)),
        (b"\xff\xd8\x00", (0, 0)),
        (b"\xff\xd8\xff\xe0\x00\x01", (0, 0)),
    ],
)
def test_pixels_are_read_from_the_header(file: bytes, size: tuple[int, int]) -> None:
    """For PNG and JPEG; (0, 0) for anything else."""
    assert pixels(file) == size


def test_calls_without_a_known_path_need_a_path() -> None:
    """A call for which no source shows a path is unknown to the sandbox, unless `paths` gives one."""
    bare, known = OppoSandbox(dialect="current"), OppoSandbox(dialect="current", paths={"get_alias": "/x"})

    assert [bare.operation(Request("POST", path)) for path in ("/", "", "/x")] == ["unknown"] * 3
    assert known.operation(Request("POST", "https://oppo.example/x")) == "get_alias"
    assert known.settings("http://127.0.0.1:1")["paths"] == {"get_alias": "/x"}
