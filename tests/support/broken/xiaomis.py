"""Broken copies of the Xiaomi plug-in: a static key, dead tokens by receipt, topics, templates, channels."""

from __future__ import annotations

import functools

from broken.copies import XIAOMI, breaks

spoils = functools.partial(breaks, base=XIAOMI)

BROKEN = [
    spoils(
        "content",
        "each_feature_reaches_the_phone_or_is_refused_by_name",
        "Xiaomi: the time to live goes out in seconds in place of milliseconds",
        "ttl: ",
        'time_to_live = { kind = "int", says = "ttl", scale = 0.001',
        'time_to_live = { kind = "int", says = "ttl", scale = 1',
        file="rules.toml",
    ),
    spoils(
        "secrets",
        "no_secret_travels_in_a_url",
        "Xiaomi: the key stands in the URL too",
        "app_secret is in the URL",
        'return in_header(request, "authorization", f"key={self.app_secret.reveal()}")',
        "key = self.app_secret.reveal()\n"
        "        request = Request(request.method, f'{request.url}?key={key}', request.headers, request.content)\n"
        '        return in_header(request, "authorization", f"key={key}")',
    ),
    spoils(
        "blame",
        "one_bad_text_among_a_thousand",
        "Xiaomi: a code of the whole request is reported of each of its pushes",
        "another push's text is forbidden",
        "        response = yield self._request(name, form)\n        return read_pushes(",
        "        response = yield self._request(name, form)\n"
        "        try:\n            read_accepted(response)\n"
        "        except Refused as refused:\n            return [refused.outcome(push) for push in sent]\n"
        "        return read_pushes(",
    ),
    spoils(
        "codes",
        "no_code_of_a_whole_request_is_about_a_phone",
        "Xiaomi: the quota of the app is MUTED in a row of the rules",
        "the app's quota is QUOTA_EXCEEDED",
        '200001 = { reason = "QUOTA_EXCEEDED"',
        '200001 = { reason = "MUTED"',
        file="rules.toml",
    ),
    spoils(
        "errors",
        "a_reply_with_targets_that_nobody_asked_for",
        "Xiaomi: a list of bad tokens of another shape is a crash",
        "it raised",
        "_BAD: _regids(data.get(_BAD)),",
        '_BAD: str.split(data[_BAD], ","),',
        file="replies.py",
    ),
    spoils(
        "intents",
        "a_template_gets_its_parameters",
        "Xiaomi: the variables of a template are lost where a request holds different ones",
        "the places of the template were filled with",
        "    if PARAMETERS in encoded.own:\n",
        "    if PARAMETERS is encoded.own:\n",
        file="notification.py",
    ),
    spoils(
        "intents",
        "marketing_is_never_sent_as_private",
        "Xiaomi: marketing leaves under a private channel",
        "left under the category or channel",
        "        is_public = note.intent is not None and note.intent.is_public\n",
        "        is_public = False\n",
        file="notification.py",
    ),
    spoils(
        "content",
        "the_gateways_receipt_address_travels",
        "Xiaomi: the gateway's address for receipts is left out of a list",
        "callback was not used",
        "    fields |= {} if encoded.rest.asks else callback\n",
        "    fields |= {}\n",
        file="notification.py",
    ),
    spoils(
        "content",
        "two_notifications_do_not_replace_each_other",
        "Xiaomi: all notifications have one notify_id",
        "bear the same id on the phone",
        "    number = str(int(digest[20:], 16) >> 1)\n",
        '    number = "1"\n',
        file="notification.py",
    ),
    spoils(
        "dedupe",
        "a_repeated_push_is_shown_once",
        "Xiaomi: all messages have one jobkey",
        "another notification was taken for a repeat",
        "    return number, message_id if len(message_id) <= 20 and _JOBKEY.fullmatch(message_id) else digest[:20]\n",
        '    return number, "job"\n',
        file="notification.py",
    ),
    spoils(
        "weight",
        "different_notifications_weigh_no_more_than_they_say",
        "Xiaomi: the weight is far too small",
        "weigh() and its token say",
        "self._encoder.sheet.weigh(notification, self.table) + 500",
        "min(self._encoder.sheet.weigh(notification, self.table), 40)",
    ),
    spoils(
        "broadcasts",
        "a_start_is_kept_or_refused",
        "Xiaomi: the start of a broadcast is lost",
        "start_at was lost or in another unit",
        "    start, rate = (None, None) if isinstance(asked, Push) else (asked.start_at, asked.rate)\n",
        "    start, rate = (None, None) if isinstance(asked, Push) else (None, asked.rate)\n",
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "Xiaomi: all of several topics are taken for one of them",
        "were meant",
        '"UNION" if any_of else "INTERSECTION"',
        '"UNION" if any_of else "UNION"',
    ),
    spoils(
        "broadcasts",
        "several_aliases_reach_each_of_them",
        "Xiaomi: aliases are joined by a semicolon",
        "a broadcast to three aliases took",
        'return name, {field: ",".join(values)}',
        'return name, {field: ";".join(values)}',
    ),
    spoils(
        "dead tokens",
        "a_dead_token_is_named_by_its_receipt",
        "Xiaomi: the receipt of a dead token says that it arrived",
        "the receipts of a dead and of live phones say",
        '16 = { kind = "UNREGISTERED"',
        '16 = { kind = "ARRIVED"',
        file="rules.toml",
    ),
    spoils(
        "receipts",
        "a_receipt_of_every_kind_is_about_its_push",
        "Xiaomi: a click is read as a notification that was switched off",
        "the vendor reported CLICKED",
        '2 = { kind = "CLICKED"',
        '2 = { kind = "MUTED"',
        file="rules.toml",
    ),
    spoils(
        "limits",
        "a_quota_that_ends_inside_a_batch",
        "Xiaomi: a quota that ended within a request is taken for success",
        "the daily quota ended before one push of a batch",
        "    if _BAD not in data and _EXCEEDED not in data:\n",
        "    if _BAD not in data:\n",
        file="replies.py",
    ),
    spoils(
        "content",
        "each_feature_reaches_the_phone_or_is_refused_by_name",
        "Xiaomi: the page of a tap is lost",
        "click: ",
        '        rows |= {OpenApp: Click({"extra.notify_effect": "1"}), OpenUrl: to_page}\n',
        '        rows |= dict.fromkeys((OpenApp, OpenUrl), Click({"extra.notify_effect": "1"}))\n',
        file="notification.py",
    ),
    spoils(
        "compartments",
        "usual_pushes_share_a_compartment",
        "Xiaomi: each text is a compartment of its own",
        "are in 20 compartments",
        "        return self.channel(notification)\n",
        "        return notification.title\n",
    ),
]
