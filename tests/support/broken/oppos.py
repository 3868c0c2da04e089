"""Broken copies of the OPPO plug-in: a real vendor's, with columns, caches and a fast path."""

from __future__ import annotations

import functools

from broken.copies import OPPO, breaks

spoils = functools.partial(breaks, base=OPPO)

_PUSHED = "        return self._columns.push(Batch.of(batch), ask, decode_unicast, decode_batch)\n"
"""The last line of `push`."""

_GATHERED = "    raw = sheet.gather(note, planned, intents)\n"
_TABLE = "    return IntentTable(RULES, dialect, table, WIRE, as_text=as_text)\n"
_CODES = "CODES: Final = CodeTable(RULES.codes)\n"

BROKEN = [
    spoils(
        "content",
        "each_phone_gets_its_own_features",
        "Notifications of one batch are known by their title alone",
        "was changed or lost on the way",
        "ordinary=FormEncoder(sheet, intents),",
        "ordinary=_ByTitle(sheet, intents),",
        "_PLAIN_LIST = re.compile(",
        "class _ByTitle(FormEncoder):\n"
        "    def encode(self, note):\n"
        "        known = self.__dict__.setdefault('known', {})\n"
        "        if note.title not in known:\n"
        "            known[note.title] = FormEncoder.encode(self, note)\n"
        "        return known[note.title]\n\n\n"
        "_PLAIN_LIST = re.compile(",
        file="requests.py",
    ),
    spoils(
        "codes",
        "no_code_of_a_whole_request_is_about_a_phone",
        "The quota of the app is MUTED in a row of the rules",
        "the app's quota is QUOTA_EXCEEDED",
        '33 = { reason = "QUOTA_EXCEEDED"',
        '33 = { reason = "MUTED"',
        file="rules.toml",
    ),
    spoils(
        "codes",
        "codes_mean_what_the_documents_print",
        "Flow control is reported as an outage in a row of the rules",
        "the documented reply means RATE_LIMITED",
        '-2 = { reason = "RATE_LIMITED"',
        '-2 = { reason = "UNAVAILABLE"',
        file="rules.toml",
    ),
    spoils(
        "codes",
        "codes_mean_what_the_documents_print",
        "A phone that is switched off is a dead token in a row of the rules",
        "the documented reply means MUTED",
        '10001 = { reason = "MUTED"',
        '10001 = { reason = "UNREGISTERED"',
        file="rules.toml",
    ),
    spoils(
        "codes",
        "no_code_of_a_whole_request_is_about_a_phone",
        "A code about one target that comes for the whole request retires all tokens",
        "living tokens would be retired",
        _CODES,
        "class _Blaming(CodeTable):\n"
        "    def refusal(self, reply, response):\n"
        "        row, refused = self.rows.get(reply.code), CodeTable.refusal(self, reply, response)\n"
        "        if row is not None and row.scope == 'target':\n"
        "            refused.reason = row.host_reason\n"
        "        return refused\n\n\n"
        "CODES: Final = _Blaming(RULES.codes)\n",
        file="replies.py",
    ),
    spoils(
        "codes",
        "a_code_of_one_target_is_that_ones_alone",
        "Every code about one target means a dead token",
        "it ended",
        _CODES,
        "class _Retiring(CodeTable):\n"
        "    def rejected(self, push, code, message=None, **more):\n"
        "        outcome = CodeTable.rejected(self, push, code, message, **more)\n"
        "        return attrs.evolve(outcome, reason=UNREGISTERED)\n\n\n"
        "CODES: Final = _Retiring(RULES.codes)\n",
        "from typing import Any, Final\n",
        "from typing import Any, Final\n\nimport attrs\n",
        "    Push,\n",
        "    Push,\n    Reason,\n",
        "_GROUP = ",
        "UNREGISTERED = Reason.UNREGISTERED\n_GROUP = ",
        file="replies.py",
    ),
    spoils(
        "access",
        "a_refused_login_says_nothing_about_a_push",
        "A login that is refused is reported as a wrong notification",
        "hosts would give up their messages",
        "        raise CODES.login_refusal(reply, response)\n",
        "        raise CODES.refusal(reply, response)\n",
        file="replies.py",
    ),
    spoils(
        "hosts",
        "each_region_has_its_own_host",
        "The mainland's pushes go to the overseas host",
        "go to one host",
        "MAINLAND: self.host, OVERSEAS",
        "MAINLAND: self.overseas_host, OVERSEAS",
        file="settings.py",
    ),
    spoils(
        "weight",
        "different_notifications_weigh_no_more_than_they_say",
        "The weight forgets the data",
        "weigh() and its token say",
        "return self._sheet.weigh(notification, self._intents)",
        "return self._sheet.weigh(attrs.evolve(notification, data={}), self._intents)",
    ),
    spoils(
        "weight",
        "different_notifications_weigh_no_more_than_they_say",
        "The weight is far too small",
        "weigh() and its token say",
        "return self._sheet.weigh(notification, self._intents)",
        "return min(self._sheet.weigh(notification, self._intents), 40)",
    ),
    spoils(
        "receipts",
        "its_receipts_are_read_or_cleanly_unsupported",
        "The parameter of a receipt is looked for under another name",
        "its own parameter is",
        'parameter=element.get("param")',
        'parameter=element.get("parameter")',
        file="receipts.py",
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "All of several tags are taken for one of them",
        "were meant",
        'groups = {"or": audience.values, "and": audience.all_of, "not": audience.none_of}',
        'groups = {"or": (*audience.values, *audience.all_of), "not": audience.none_of}',
        file="requests.py",
    ),
    spoils(
        "broadcasts",
        "several_aliases_reach_each_of_them",
        "Aliases are joined by a comma",
        "a broadcast to three aliases should be ACCEPTED",
        'else ";".join(values)\n',
        'else (";" if audience.kind is AudienceKind.TOKENS else ",").join(values)\n',
        file="requests.py",
    ),
    spoils(
        "intents",
        "a_template_gets_its_parameters",
        "The places of a template's text are filled with those of its title",
        "the places of the template were filled with",
        _TABLE,
        _TABLE.replace("return ", "made = ") + "    for usage in made.usages.values():\n"
        "        if len(usage.places) == 2:\n"
        "            title, text = usage.places\n"
        "            usage.places[text] = usage.places[title]\n"
        "    return made\n",
        file="intents.py",
    ),
    spoils(
        "content",
        "each_feature_reaches_the_phone_or_is_refused_by_name",
        "A phone that is offline gets it later though the host said no",
        "store_offline: ",
        _GATHERED,
        _GATHERED + "    if not note.store_offline and note.ttl != 0:\n        raw.pop('off_line')\n",
        file="notification.py",
    ),
    spoils(
        "content",
        "a_broadcast_says_what_it_was_given",
        "The display window of a broadcast ends where it begins",
        "show_until: ",
        _GATHERED,
        _GATHERED + "    if note.show_from and note.show_until:\n"
        "        raw['show_end_time'] = raw['show_start_time'] + 5\n",
        file="notification.py",
    ),
    spoils(
        "content",
        "a_broadcast_says_what_it_was_given",
        "Wi-Fi only is not sent to the vendor",
        "network: ",
        _GATHERED,
        _GATHERED + "    raw.pop('network_type', None)\n",
        file="notification.py",
    ),
    spoils(
        "blame",
        "a_refusal_of_the_whole_request_is_raised",
        "A refusal of the whole batch is reported for each push",
        "push() blamed all",
        _PUSHED,
        "        try:\n"
        "            return (yield from self._columns.push(Batch.of(batch), ask, decode_unicast, decode_batch))\n"
        "        except Refused as failed:\n"
        "            if type(failed) is not Refused or failed.reason is not Reason.INVALID_NOTIFICATION:\n"
        "                raise\n"
        "            return [Outcome.rejected(push, failed.reason, code=failed.code) for push in batch]\n",
        "    Reason,\n",
        "    Reason,\n    Refused,\n",
    ),
    spoils(
        "blame",
        "one_bad_text_among_a_thousand",
        "One forbidden text refuses a thousand pushes",
        "another push's text is forbidden",
        _PUSHED,
        "        try:\n"
        "            return (yield from self._columns.push(Batch.of(batch), ask, decode_unicast, decode_batch))\n"
        "        except Refused as failed:\n"
        "            return [failed.outcome(push) for push in batch]\n",
        "    Reason,\n",
        "    Reason,\n    Refused,\n",
    ),
    spoils(
        "intents",
        "each_intent_has_the_category_of_the_rules",
        "Every intent is sent under one category",
        "by the rules it is",
        _TABLE,
        "    table = {**{word: OppoIntent(category='SOCIAL') for word in RULES.dialects[dialect].intents}, **table}\n"
        + _TABLE,
        file="intents.py",
    ),
    spoils(
        "broadcasts",
        "a_rate_is_kept_or_refused",
        "The switch that a rate needs is not set",
        "goes out at full speed",
        '        fields["fix_speed"] = True\n',
        "",
        file="notification.py",
    ),
]
