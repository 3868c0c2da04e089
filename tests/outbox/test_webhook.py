"""`Webhook`: what is posted, how it is signed, and what counts as taken."""

import asyncio
import base64
import hashlib
import hmac
import json

import attrs
import pytest

from pushgateway import FieldError, Outcome, Push, PushToken, Reason
from pushgateway.model.errors import NotTaken
from pushgateway.model.notification import Notification
from pushgateway.model.push import Owner
from pushgateway.model.secret import Secret
from pushgateway.outbox import Result, Webhook
from pushgateway.outbox.webhook import message_id, signed_headers
from pushgateway.vendor import NoVerdict, Request, Response

KEY = bytes(range(24))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
PUSH = Push(PushToken(7005, "令牌"), Notification("title", "body"), dedupe_id="id-1", context={"row": 5})
ACCEPTED = Result(
    outcome=Outcome.accepted(PUSH, "m-1"), owner=Owner("ann", "phone-1", 7, 2), put_at=1000.5, tries=2, number=9
)
REFUSED = Result(outcome=Outcome.rejected(PUSH, Reason.UNREGISTERED, code="5", message="文"), dead=True)


class Receiver:
    """A transport that answers with `answer` and keeps the requests."""

    def __init__(self, answer: int | Exception = 200) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.closed = False

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Response(self.answer)

    async def aclose(self) -> None:
        self.closed = True


def posted(*results: Result, answer: int | Exception = 204, now: float = 1614265330.9) -> Request:
    receiver = Receiver(answer)
    hook = Webhook("https://im.example/results", SECRET, transport=receiver, clock=lambda: now)
    asyncio.run(hook(results))
    (request,) = receiver.requests
    return request


def test_what_is_posted() -> None:
    """A result is posted with what it is about, whose it is and how it ended; empty fields are left out."""
    request = posted(ACCEPTED, REFUSED)

    address = {"dedupe_id": "id-1", "certificate_id": "7005", "token": "令牌", "context": {"row": 5}}
    assert (request.method, request.url) == ("POST", "https://im.example/results")
    assert json.loads(request.content) == {
        "type": "push.results",
        "data": [
            {
                **address,
                "user": "ann",
                "device": "phone-1",
                "binding": 7,
                "generation": 2,
                "put_at": 1000.5,
                "tries": 2,
                "dead": False,
                "status": "accepted",
                "message_id": "m-1",
                "attempts": 1,
            },
            {
                **address,
                "put_at": 0.0,
                "tries": 0,
                "dead": True,
                "status": "rejected",
                "reason": "unregistered",
                "vendor_code": "5",
                "vendor_message": "文",
                "attempts": 1,
            },
        ],
    }


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification (id, time, body and secret) gives the signature that it names."""
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_request_is_signed() -> None:
    """The three headers are about exactly this body, in whole seconds."""
    request = posted(ACCEPTED)

    name, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    digest = hmac.new(KEY, f"{name}.{timestamp}.".encode() + request.content, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert timestamp == "1614265330"


def test_the_id_stays_the_same() -> None:
    """The same results posted again have the same id; others, or more of them, have another one."""
    again = posted(ACCEPTED, now=1700000000.0).headers["webhook-id"]
    put_again = attrs.evolve(ACCEPTED, put_at=1000.75)
    others = {
        message_id(some) for some in ([REFUSED], [ACCEPTED, REFUSED], [attrs.evolve(ACCEPTED, tries=3)], [put_again])
    }

    assert posted(ACCEPTED).headers["webhook-id"] == again
    assert len(others | {again}) == 5


@pytest.mark.parametrize("status", [200, 204, 299])
def test_taken(status: int) -> None:
    """2xx means that the receiver has kept them."""
    assert posted(ACCEPTED, answer=status).method == "POST"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (199, "the webhook answered 199"),
        (300, "the webhook answered 300"),
        (410, "the webhook answered 410"),
        (500, "the webhook answered 500"),
        (NoVerdict("timeout"), "the webhook did not answer (timeout)"),
    ],
)
def test_not_taken(answer: int | Exception, said: str) -> None:
    """Any other answer and none at all raise `NotTaken`, so that the results are posted again."""
    with pytest.raises(NotTaken) as error:
        posted(ACCEPTED, answer=answer)

    assert str(error.value) == said


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_at_their_limits(size: int) -> None:
    """24 to 64 bytes are taken."""
    secret = f"whsec_{base64.b64encode(bytes(size)).decode()}"

    assert repr(Webhook("https://im.example", secret, transport=Receiver())) == "Webhook(…)"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 5, None])
def test_wrong_secrets(secret: object) -> None:
    """Anything else is refused without being quoted."""
    with pytest.raises(FieldError, match=r"^Webhook\.secret: must be whsec_ and the Base64 of 24 to 64 random bytes$"):
        Webhook("https://im.example", secret, transport=Receiver())  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [23, 65])
def test_secrets_beyond_their_limits(size: int) -> None:
    """23 bytes are too few, 65 too many."""
    with pytest.raises(FieldError):
        Webhook("https://im.example", f"whsec_{base64.b64encode(bytes(size)).decode()}", transport=Receiver())


def test_a_plain_url_is_refused() -> None:
    """Tokens do not go over a network unencrypted."""
    with pytest.raises(FieldError, match=r"Webhook\.url"):
        Webhook("http://im.example", SECRET, transport=Receiver())


def test_closing_leaves_a_transport_of_the_host_open() -> None:
    """A transport that was given is not closed; its own is."""
    receiver = Receiver()

    async def scene() -> None:
        await Webhook("https://im.example", SECRET, transport=receiver).aclose()
        await Webhook("https://im.example", SECRET).aclose()

    asyncio.run(scene())

    assert not receiver.closed
