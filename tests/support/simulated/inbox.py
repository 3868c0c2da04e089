"""How the host of a simulated day takes receipts: the app of `pushgateway.receipts`, and a handler that keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from asgi_client import Post

from pushgateway import Gateway, Receipt
from pushgateway.receipts import Busy, Receipts
from simulated.receipt_ledger import ReceiptLedger
from simulated.troubles import RECEIPTS, TroubleSchedule

ADDRESS = "https://im.example/push"
SECRET = "a receipt secret of many characters"


class Inbox:
    """The receiving end of all receipts."""

    def __init__(
        self,
        ledger: ReceiptLedger,
        schedule: TroubleSchedule,
        gateway: Callable[[], Gateway],
        number: Callable[[], int],
    ) -> None:
        """`gateway`: the one in use. `number`: its number."""
        self._ledger = ledger
        self._schedule = schedule
        self._number = number
        self._app = Receipts(gateway, self._keep)

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> bool:
        """The vendor posts to the host. True: the host says that it has taken the receipts."""
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        post = await Post(urlsplit(address).path, (body,), headers=named, root_path="/push").to(self._app)
        return post.status == 200

    async def _keep(self, receipts: Sequence[Receipt]) -> None:
        gateway, app = self._number(), receipts[0].push_token.certificate_id
        struck = self._schedule.strikes(asyncio.get_running_loop().time(), app, RECEIPTS[3:])
        if struck is not None:
            how = struck.chance.choice(["busy", "broken", "slow"])
            if how == "busy":
                raise Busy
            await asyncio.sleep(struck.chance.choice([0.0, 0.3]) if how == "broken" else 11.0)
            raise RuntimeError("no receipt can be kept")
        for receipt in receipts:
            self._ledger.came_out(receipt, gateway)
