"""Broken copies of the Honor plug-in: a time in each request, two lists of tokens, receipts by apps."""

from __future__ import annotations

import functools

from broken.copies import HONOR, breaks

spoils = functools.partial(breaks, base=HONOR)

BROKEN = [
    spoils(
        "outcomes",
        "one_push_arrives",
        "Honor: the time of a request is in seconds",
        "should end ACCEPTED",
        "str(int(now * 1000))",
        "str(int(now))",
    ),
    spoils(
        "codes",
        "codes_mean_what_the_documents_print",
        "Honor: a token that is dead has only failed",
        "a dead token has failed too",
        "        failed = [token for token in failed if token not in dead]\n",
        "        expired = [token for token in expired if token not in set(failed)]\n",
        file="replies.py",
    ),
    spoils(
        "codes",
        "codes_mean_what_the_documents_print",
        "Honor: a success that sent nothing is one",
        "a success that sent nothing",
        "accepted=None if is_clear else 0",
        "accepted=None",
        file="replies.py",
    ),
    spoils(
        "receipts",
        "a_receipt_of_every_kind_is_about_its_push",
        "Honor: a receipt for another app id than ours is read, and ours is not",
        "a true receipt was not read",
        "!= app_id:\n        return None\n    event, token = code_text(",
        "== app_id:\n        return None\n    event, token = code_text(",
        file="replies.py",
    ),
]
