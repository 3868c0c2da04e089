"""Says which rules apply to a push, for `explain`.

Pure. The toolkit's `Rulings` does what is the same for all vendors; here are OPPO's regions and registration ids.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from pushgateway.vendor import Broadcast, Push, Ruling
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.intents import IntentTable
from pushgateway.vendor.toolkit.rulings import Rulings
from pushgateway_oppo.notification import gather, planned_fields
from pushgateway_oppo.tokens import region_of, token_problem


def rulings_of(
    asked: Push | Broadcast, sheet: Sheet, intents: IntentTable, region: str, quota: str
) -> Sequence[Ruling]:
    """The rulings for a push or a broadcast in a dialect: host, token, fields, intent, quota and rate.

    `region` is where it goes, `quota` the name of the quota that it counts against.
    """
    rulings = Rulings(asked, sheet, intents)
    planned = None if isinstance(asked, Push) else planned_fields(asked)
    fields = functools.partial(gather, sheet=sheet, intents=intents, planned=planned)
    return [
        *_of_token(rulings, asked, region),
        *rulings.fields(fields),
        *rulings.of_intent("category", "private_msg_template_id"),
        *rulings.of_quotas_and_rates(quota),
        *rulings.of_batch(),
    ]


def _of_token(rulings: Rulings, asked: Push | Broadcast, region: str) -> Iterator[Ruling]:
    token = asked.push_token.token if isinstance(asked, Push) else None
    if region in rulings.sheet.dialect.hosts:
        named = token is None or region_of(token) is not None
        verdict = f"belongs to the region {region}" if named else f"names no region: goes to the home region {region}"
        yield rulings.ruling("token", verdict, "hosts", region)
    longest = rulings.sheet.dialect.number("token_bytes")
    if token is not None and (problem := token_problem(token, longest)):
        verdict = f"refused: {problem.removeprefix('token: ')}"
        yield rulings.ruling("token", verdict, "numbers", "token_bytes", "refused")
