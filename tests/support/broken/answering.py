"""Broken copies of `beam`: return codes, replies without a verdict, hosts, broadcasts and receipts.

`beam` has a static key, one notification in a request, and groups of refused tokens in its replies.
"""

from __future__ import annotations

import functools

from broken.copies import BEAM, breaks

spoils = functools.partial(breaks, base=BEAM)

BROKEN = [
    # Return codes
    spoils(
        "blame",
        "one_bad_text_among_a_thousand",
        "A refusal of the whole request is reported for each push as a busy server",
        "it ended",
        '    "6": Reason.INVALID_NOTIFICATION,\n',
        '    "6": Reason.UNAVAILABLE,\n',
    ),
    spoils(
        "blame",
        "a_text_that_is_refused_for_all",
        "A forbidden text is reported as dead tokens",
        "pushes ended",
        '    "6": Reason.INVALID_NOTIFICATION,\n',
        '    "6": Reason.UNREGISTERED,\n',
    ),
    spoils(
        "limits",
        "a_quota_that_ends_inside_a_batch",
        "Pushes past the day's end are reported as accepted",
        "the daily quota ended before one push",
        "    if code is not None:\n        return Outcome.rejected",
        '    if code == "5":\n        return Outcome.accepted(push, None)\n'
        "    if code is not None:\n        return Outcome.rejected",
    ),
    spoils(
        "limits",
        "a_quota_that_ends_inside_a_batch",
        "Pushes past the day's end are reported as muted phones",
        "the daily quota ended before one push",
        '"5": Reason.QUOTA_EXCEEDED}\n',
        '"5": Reason.MUTED}\n',
    ),
    spoils(
        "limits",
        "a_limit_is_raised_for_the_request",
        "The quota of the app is reported as muted phones",
        "push() raised MUTED",
        '    "5": Reason.QUOTA_EXCEEDED,\n    "6"',
        '    "5": Reason.MUTED,\n    "6"',
    ),
    spoils(
        "errors",
        "a_reply_with_targets_that_nobody_asked_for",
        "A token in the reply that was not in the request is a crash",
        "it raised KeyError",
        '        groups, ids = decode_groups(reply), reply.body.get("ids")\n        for place',
        '        groups, ids = decode_groups(reply), reply.body.get("ids")\n'
        "        places = {push.push_token.token: place for place, push in sent.items()}\n"
        "        _ = [places[token] for token in groups]\n        for place",
    ),
    spoils(
        "errors",
        "a_reply_with_targets_that_nobody_asked_for",
        "An unknown group of refused tokens is a crash",
        "it raised KeyError",
        "OF_A_TOKEN.get(code, Reason.INVALID_NOTIFICATION)",
        "OF_A_TOKEN[code]",
        "    for code, tokens in groups.items() if isinstance(groups, dict) else ():\n",
        "    for code, tokens in groups.items() if isinstance(groups, dict) else ():\n        _ = OF_A_TOKEN[code]\n",
    ),
    spoils(
        "errors",
        "a_broadcast_reply_that_makes_no_sense",
        "A missing task id in the reply to a broadcast is a crash",
        "it raised KeyError",
        '        task = reply.body.get("task")\n',
        '        task = reply.body["task"]\n',
    ),
    # Replies without a verdict
    spoils(
        "verdicts",
        "one_fault_on_the_way",
        "503 is reported as not delivered",
        "by the ledger its phone got it",
        '            reply = checked(read_reply((yield self.request("send", self.region(tokens[0]), fields))))\n',
        '            response = yield self.request("send", self.region(tokens[0]), fields)\n'
        "            if response.status >= 500:\n"
        '                return [Outcome.not_sent(push, Reason.UNAVAILABLE, "busy") for push in batch]\n'
        "            reply = checked(read_reply(response))\n",
    ),
    spoils(
        "verdicts",
        "one_fault_on_the_way",
        "503 is raised as a refusal, and repeated",
        "by the ledger its phone got it",
        '            reply = checked(read_reply((yield self.request("send", self.region(tokens[0]), fields))))\n',
        '            response = yield self.request("send", self.region(tokens[0]), fields)\n'
        "            if response.status >= 500:\n"
        "                raise Refused(Reason.UNAVAILABLE)\n"
        "            reply = checked(read_reply(response))\n",
    ),
    spoils(
        "verdicts",
        "one_fault_on_the_way",
        "A page of a proxy is reported as not sent",
        "by the ledger its phone got it",
        '            reply = checked(read_reply((yield self.request("send", self.region(tokens[0]), fields))))\n',
        '            response = yield self.request("send", self.region(tokens[0]), fields)\n'
        '            if response.content[:1] == b"<":\n'
        '                raise NoVerdict("a page", sent=False)\n'
        "            reply = checked(read_reply(response))\n",
    ),
    spoils(
        "verdicts",
        "one_fault_on_the_way",
        "It says that repeats are dropped, and they are not",
        "by the ledger its phone got it 2 times",
        '    brand: ClassVar[str] = "beam"\n',
        '    brand: ClassVar[str] = "beam"\n    deduplicates: ClassVar[bool] = True\n',
    ),
    # Hosts, secrets, size
    spoils(
        "hosts",
        "each_region_has_its_own_host",
        "All regions go to one host",
        "go to one host",
        'host = self.us_host if region == "us" else self.host',
        "host = self.host",
    ),
    spoils(
        "secrets",
        "no_secret_travels_in_the_url_of_another_call",
        "The key is in the URL of an operation",
        "is in the URL of a request of statistics",
        'yield self.request("stats", ',
        'yield self.request(f"stats?key={self.key.reveal()}", ',
    ),
    spoils(
        "secrets",
        "no_secret_travels_in_the_url_of_another_call",
        "The key is in the URL of a broadcast",
        "is in the URL of a request of broadcast",
        'yield self.request("cast", ',
        'yield self.request(f"{self.key.reveal()}/cast", ',
    ),
    spoils(
        "outcomes",
        "one_push_arrives",
        "The key travels under another header",
        "should end ACCEPTED",
        '{"x-key": self.key',
        '{"key": self.key',
    ),
    spoils(
        "size",
        "a_full_batch_is_one_request",
        "One request holds more tokens than the vendor takes",
        "it raised Refused",
        "SIZE, TITLE, TEXT, DATA, TTL = 50,",
        "SIZE, TITLE, TEXT, DATA, TTL = 51,",
    ),
    spoils(
        "dead tokens",
        "odd_tokens_hurt_nobody",
        "A token with the separator in it is split in two",
        "should end",
        ' and "," not in token and',
        " and",
    ),
    spoils(
        "verdicts",
        "a_push_that_the_reply_does_not_name",
        "Every token in no group of refused tokens is reported as accepted",
        "the reply does not name a push",
        "    if not isinstance(message_id, str):\n",
        "    if message_id is False:\n",
        "message_id[:99] or None",
        "None",
    ),
    # Broadcasts
    spoils(
        "broadcasts",
        "a_start_is_kept_or_refused",
        "The start of a broadcast is lost",
        "start_at was lost",
        "        if broadcast.start_at is not None:\n",
        "        if broadcast.start_at is broadcast:\n",
    ),
    spoils(
        "broadcasts",
        "a_start_is_kept_or_refused",
        "The start of a broadcast is in milliseconds",
        "start_at was lost",
        "str(int(broadcast.start_at.timestamp()))",
        "str(int(broadcast.start_at.timestamp() * 1000))",
    ),
    spoils(
        "broadcasts",
        "a_start_is_kept_or_refused",
        "The start of a broadcast is a local time without its zone",
        "start_at was lost",
        "str(int(broadcast.start_at.timestamp()))",
        "str(int(broadcast.start_at.timestamp()) + 8 * 3600)",
    ),
    spoils(
        "broadcasts",
        "a_rate_is_kept_or_refused",
        "The rate of a broadcast is lost",
        "goes out at full speed",
        "        if broadcast.rate is not None:\n",
        "        if broadcast.rate == 0:\n",
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "Tags that must all be there are taken for tags of which one is enough",
        "were meant",
        '{"any": audience.values, "all": audience.all_of,',
        '{"any": (*audience.values, *audience.all_of),',
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "Tags that must not be there are passed over",
        "were meant",
        ', "none": audience.none_of}',
        "}",
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "Any of several tags is taken for all of them",
        "were meant",
        '{"any": audience.values, "all": audience.all_of,',
        '{"all": (*audience.values, *audience.all_of),',
    ),
    spoils(
        "broadcasts",
        "several_aliases_reach_each_of_them",
        "Aliases are joined by a sign that is not the vendor's",
        "three aliases were meant",
        '"names": "|".join(values)}',
        '"names": ("," if broadcast.audience.kind is AudienceKind.ALIASES else "|").join(values)}',
    ),
    spoils(
        "broadcasts",
        "a_name_with_a_separator_is_one_name",
        "An alias with the separator in it is sent as two",
        "not its own",
        '    if any("|" in value for value in values):\n',
        "    if not values:\n",
    ),
    spoils(
        "content",
        "a_broadcast_says_what_it_was_given",
        "A broadcast drops the data",
        "data: ",
        "        fields |= encode_audience(broadcast, values)\n",
        '        fields.pop("payload", None)\n        fields |= encode_audience(broadcast, values)\n',
    ),
    spoils(
        "content",
        "a_broadcast_says_what_it_was_given",
        "A broadcast asks for receipts and gets none",
        "receipt_url was changed or lost",
        "        if note.receipt_url is not None or note.receipt_parameter is not None:\n            raise",
        '        if note.title == "":\n            raise',
    ),
    # Receipts
    spoils(
        "receipts",
        "a_receipt_of_every_kind_is_about_its_push",
        "Every receipt is reported as arrived",
        "the receipt says ARRIVED",
        "kind=EVENTS.get(what, ReceiptKind.OTHER)",
        "kind=ReceiptKind.ARRIVED",
    ),
    spoils(
        "receipts",
        "a_receipt_of_every_kind_is_about_its_push",
        "A phone that had its share is reported as a dead token",
        "the receipt says UNREGISTERED",
        '"full": ReceiptKind.LIMITED',
        '"full": ReceiptKind.UNREGISTERED',
    ),
    spoils(
        "receipts",
        "a_receipt_of_every_kind_is_about_its_push",
        "A receipt has the token in place of the message id",
        "another message id",
        'message_id=form.get("id") or None',
        'message_id=form.get("token") or None',
    ),
    spoils(
        "receipts",
        "rubbish_is_no_receipt",
        "A field that is missing in a posted form is a crash",
        "it raised KeyError",
        'form.get("at_ms", "")',
        'form["at_ms"]',
    ),
    spoils(
        "receipts",
        "rubbish_is_no_receipt",
        "A time in a posted form is converted without a check",
        "it raised ValueError",
        " or not (at.isascii() and at.isdigit() and len(at) == 13):",
        " or not at:",
    ),
    spoils(
        "outcomes",
        "the_message_id_comes_back",
        "The vendor's id of a push is lost",
        "the vendor gave an id",
        "message_id[:99] or None",
        "None",
    ),
    spoils(
        "dead tokens",
        "a_muted_phone_is_no_dead_one",
        "A phone that is switched off is reported as a dead token",
        "should end MUTED",
        '"2": Reason.MUTED',
        '"2": Reason.UNREGISTERED',
    ),
    spoils(
        "broadcasts",
        "a_long_list_with_dead_tokens",
        "A token that cannot be one is reported as a wrong notification in a broadcast",
        "of a broadcast should end",
        'Reason.UNREGISTERED, "token: cannot be one"',
        'Reason.INVALID_NOTIFICATION, "cannot be one"',
    ),
    spoils(
        "broadcasts",
        "a_name_with_a_separator_is_one_name",
        "An alias with a blank in it is dropped from the list",
        "not its own",
        "if audience.kind is not AudienceKind.TOKENS or is_token(value)]",
        "if is_token(value)]",
    ),
    spoils(
        "receipts",
        "statistics_are_counted_or_cleanly_unsupported",
        "The figures of a broadcast are lost",
        "has no figure",
        "return Statistics(arrived=count if isinstance(count, int) else None)",
        "return Statistics()",
    ),
    spoils(
        "errors",
        "a_broadcast_reply_that_makes_no_sense",
        "Any value in the place of a task id is used",
        "an id that is no str",
        "        if not isinstance(task, str):\n",
        "        if task is broadcast:\n",
    ),
]
