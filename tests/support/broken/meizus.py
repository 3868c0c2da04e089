"""Broken copies of the Meizu plug-in: signed forms, failures named under a success, receipts with an access token."""

from __future__ import annotations

import functools

from broken.copies import MEIZU, breaks

spoils = functools.partial(breaks, base=MEIZU)

BROKEN = [
    spoils(
        "receipts",
        "another_receiver_refuses_them",
        "Meizu: receipts with any access token are read",
        "DID NOT RAISE",
        "    if token is not None and not hmac.compare_digest(",
        "    if token is None and not hmac.compare_digest(",
        file="replies.py",
    ),
    spoils(
        "codes",
        "codes_mean_what_the_documents_print",
        "Meizu: code 200 accepts every target, also those that it names as refused",
        "ACCEPTED",
        '    if value in (None, "", {}):\n',
        "    if True:\n",
        file="replies.py",
    ),
    spoils(
        "outcomes",
        "one_push_arrives",
        "Meizu: the app id is not signed",
        "should end ACCEPTED",
        'form = sign_form({"appId": self.app_id, **fields}, self.app_secret.reveal())',
        'form = {"appId": self.app_id, **sign_form(dict(fields), self.app_secret.reveal())}',
    ),
]
