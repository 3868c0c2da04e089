"""A client of the OPPO sandbox, shared by several test modules.

It writes requests by hand and by the standard library, never by the plug-in: an encoder and a checker that share code
would share their mistakes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.vendor import Request
from pushgateway.vendor.rules import load_rules

RULES = load_rules("pushgateway_oppo")
DIALECTS = sorted(RULES.dialects)
NOON_IN_BEIJING = 1_700_020_800.0 - 1_700_020_800.0 % 86_400 + 4 * 3600
NOTE: dict[str, Any] = {"title": "Hi", "content": "You have mail"}


class Client:
    """A sandbox with a clock that tests set, and a client that is logged in."""

    def __init__(self, dialect: str = "v1.3", **options: Any) -> None:
        self.now = NOON_IN_BEIJING
        self.sandbox = OppoSandbox(clock=lambda: self.now, dialect=dialect, **options)
        self.facts = RULES.dialects[dialect]
        self.access = ""
        self.login()

    def login(self) -> None:
        """Fetch an access token."""
        settings = self.sandbox.settings("")
        stamp = str(int(self.now * 1000))
        text = f"{settings['app_key']}{stamp}{settings['master_secret']}"
        form = {"app_key": settings["app_key"], "timestamp": stamp, "sign": hashlib.sha256(text.encode()).hexdigest()}
        self.access = self.ask("auth", form)["data"]["auth_token"]

    def ask(self, operation: str, form: Mapping[str, Any]) -> Any:
        """The decoded reply to a form."""
        url = f"https://oppo.example{self.facts.operations[operation].path}"
        headers = {"content-type": "application/x-www-form-urlencoded", "auth_token": self.access}
        response = self.sandbox.answer(Request("POST", url, headers, urlencode(form).encode())).response
        assert response is not None
        return json.loads(response.content)

    def unicast(self, target: str, **note: Any) -> Any:
        """Push to one phone."""
        message = {"target_type": 2, "target_value": target, "notification": {**NOTE, **note}}
        return self.ask("unicast", {"message": json.dumps(message)})

    def batch(self, messages: Sequence[Any], **note: Any) -> Any:
        """Push a batch; a text in place of a message is a token."""
        whole = [
            {"target_type": 2, "target_value": one, "notification": {**NOTE, **note}} if isinstance(one, str) else one
            for one in messages
        ]
        return self.ask("unicast_batch", {"messages": json.dumps(whole)})

    def save(self, **note: Any) -> str:
        """Save content for broadcasts; returns its id."""
        return str(self.ask("save", {**NOTE, **note})["data"]["message_id"])

    def broadcast(self, kind: str, *values: str, saved: str | None = None) -> Any:
        """Broadcast to an audience of this kind."""
        form = {"message_id": saved or self.save(), "target_type": self.facts.targets[kind].broadcast}
        return self.ask("broadcast", form | ({"target_value": ";".join(values)} if values else {}))

    def got(self) -> list[str]:
        """The tokens of all deliveries, in order."""
        return [delivery.token for delivery in self.sandbox.ledger.deliveries]
