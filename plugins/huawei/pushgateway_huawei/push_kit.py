"""`PushKit`, what the brands `huawei` and `harmony` share: settings, signed access tokens, and receipts.

Pure but for the random salt in the signature of a service account. One instance is one certificate. Fields are built
from the rows of the brand's rules; what Push Kit says is read in `replies`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from pushgateway.vendor import (
    AccessToken,
    Batch,
    Exchange,
    FieldError,
    Notification,
    Rates,
    Receipt,
    Response,
    Secret,
    safe_repr,
)
from pushgateway.vendor.toolkit.access import signed_login
from pushgateway.vendor.toolkit.jwt import KeyFile, key_file_setting
from pushgateway.vendor.toolkit.multicast import MulticastVendor
from pushgateway.vendor.toolkit.settings import Hosts, host_setting, text_setting
from pushgateway_huawei.replies import ANSWER, check_signature, decode_receipts

AUDIENCE: Final = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
"""Whom a signed token is for (harmonyos-guides push-jwt-token)."""
KEY_FILE: Final = ("project_id", "key_id", "sub_account")
"""The texts of a service account's key file that are used."""


@safe_repr
@attrs.frozen(kw_only=True)
class PushKit(MulticastVendor):
    """One certificate of Push Kit: what both brands have."""

    contract: ClassVar[str] = "0.2"
    test: ClassVar[Mapping[str, Any]]
    """The field that makes a message a test message."""

    service_account: Secret | None = attrs.field(default=None, validator=key_file_setting(*KEY_FILE))
    """The JSON key file of a service account, such as `file:huawei.json`; needs `pushgateway-huawei[jwt]`."""
    client_id: str | None = attrs.field(default=None, validator=text_setting)
    """The client id of the app."""
    project_id: str | None = attrs.field(default=None, validator=text_setting)
    """The project of AppGallery Connect. None: that of the service account."""
    receipt_id: str | None = attrs.field(default=None, validator=text_setting)
    """The receipt configuration of the console that all messages use. None: the console's default."""
    callback_user: str | None = attrs.field(default=None, repr=False, validator=text_setting)
    """User name of the receipt configuration. With `callback_secret`, Huawei's signature proves receipts."""
    callback_secret: Secret | None = None
    """Secret of the receipt configuration."""
    test_messages: bool = False
    """True: all pushes are test messages, which have small quotas of their own."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of Huawei's; `http://` for loopback addresses only."""

    def __attrs_post_init__(self) -> None:
        if (self.callback_user is None) != (self.callback_secret is None):
            raise FieldError(
                "callback_user", "and callback_secret belong together: with one alone no signature is checked"
            )
        super().__attrs_post_init__()

    @functools.cached_property
    def account(self) -> KeyFile | None:
        """The service account."""
        if self.service_account is None:
            return None
        return KeyFile.read("service_account", self.service_account, KEY_FILE)

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The URLs of calls."""
        project = self.project_id or (self.account.texts["project_id"] if self.account else None)
        places = {"client_id": self.client_id, "project_id": project}
        own = {"push": self.host, "login": getattr(self, "login_host", None)}
        return Hosts(self.facts, own, **{name: value for name, value in places.items() if value})

    @property
    def rates(self) -> Rates:
        """The phones per second that every app has (larger ones set their own rate), and the connections that so many
        single pushes need over a round trip of 50 ms."""
        return Rates(pushes=self.facts.quotas["rate_of_every_app"].value, connections=300)

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """An access token that is signed here with the key of the service account, without a request."""
        account: Any = self.account  # a certificate without one has a login of its own
        header = {"kid": account.texts["key_id"], "typ": "JWT", "alg": "PS256"}
        claims = {"iss": account.texts["sub_account"], "aud": AUDIENCE}
        return signed_login(header, claims, account.sign, self.facts.number("jwt_lifetime"), now)

    def planned(self, note: Notification, batch: Batch | None) -> dict[str, Any]:
        """The receipt configuration, and whether it is a test message."""
        fields = {} if self.receipt_id is None else {self.names["receipt_id"]: self.receipt_id}
        return {**fields, **(self.test if self.test_messages else {})}

    @property
    def proves_receipts(self) -> bool:
        """Huawei signs receipts if the console's configuration has a user name and a secret."""
        return self.callback_user is not None and self.callback_secret is not None

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that Huawei posts to the address in its console: one per phone."""
        if self.callback_user is not None and self.callback_secret is not None:
            check_signature(headers, self.callback_user, self.callback_secret, now)
        return decode_receipts(certificate_id, body, self.facts.events)

    def receipt_answer(self, taken: bool) -> Response:
        """The answer that both versions of receipts expect; 503 if the host could not keep them."""
        return Response(200, {"content-type": "application/json"}, ANSWER) if taken else Response(503)
