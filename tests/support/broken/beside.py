"""Broken copies: operations, `rulings`, and replies about another target.

Most are copies of `beam`; what `beam` does not have is broken in OPPO's plug-in.
"""

from __future__ import annotations

from broken.copies import BEAM, OPPO, QUILL, breaks

BROKEN = [
    # Operations
    breaks(
        "calls",
        "calls_end_as_the_documents_print",
        "Arrived phones are counted as sent ones",
        "should end with",
        "return Statistics(arrived=count",
        "return Statistics(sent=count",
        base=BEAM,
    ),
    breaks(
        "errors",
        "a_reply_to_a_call_that_makes_no_sense",
        "A reply to a call without its figure is a crash",
        "the call statistics raised KeyError",
        'count = reply.body.get("arrived")',
        'count = reply.body["arrived"]',
        base=BEAM,
    ),
    breaks(
        "hosts",
        "a_call_about_a_phone_goes_to_the_phones_region",
        "Calls about phones abroad go to the home region",
        "its pushes of",
        "where = region or (self.region(token) if isinstance(token, str) else self.home_region)",
        "where = region or self.home_region",
        file="operations.py",
        base=OPPO,
    ),
    breaks(
        "errors",
        "a_call_about_an_odd_token_is_refused",
        "A call about an odd token is a crash",
        "it raised ValueError",
        "        raise Refused(reason, detail=problem)\n",
        "        raise ValueError(reason, problem)\n",
        file="aliases_and_tags.py",
        base=OPPO,
    ),
    # Receipts
    breaks(
        "receipts",
        "receipts_mean_what_the_documents_print",
        "The message of a receipt is lost",
        "message_id of receipt 0",
        'message_id=form.get("id") or None',
        "message_id=None",
        base=BEAM,
    ),
    # Rulings
    breaks(
        "advice",
        "its_rulings_are_what_happens",
        "No ruling says that a text is cut",
        "rulings say that nothing is cut",
        "*rulings.fields(fields),",
        "*(attrs.evolve(one, effect='applies') if one.effect == 'cut' else one for one in rulings.fields(fields)),",
        "import functools\n",
        "import functools\n\nimport attrs\n",
        file="rulings.py",
        base=OPPO,
    ),
    breaks(
        "advice",
        "its_rulings_are_what_happens",
        "No ruling says that a field is refused",
        "no ruling says so",
        "*rulings.fields(fields),",
        "*(attrs.evolve(one, effect='applies') if one.effect == 'refused' else one for one in rulings.fields(fields)),",
        "import functools\n",
        "import functools\n\nimport attrs\n",
        file="rulings.py",
        base=OPPO,
    ),
    breaks(
        "advice",
        "its_rulings_name_rows_of_the_rules",
        "A ruling names the key of its source in place of the title",
        "the ruling says",
        "*rulings.fields(fields),",
        "*(attrs.evolve(one, source='S4') for one in rulings.fields(fields)),",
        "import functools\n",
        "import functools\n\nimport attrs\n",
        file="rulings.py",
        base=OPPO,
    ),
    # Replies and cuts
    breaks(
        "verdicts",
        "a_reply_about_another_target",
        "A reply about another phone is taken for this one's",
        "about another living target",
        "message_id = ids.get(token) if isinstance(ids, dict) else None",
        "message_id = next(iter(ids.values()), None) if isinstance(ids, dict) else None",
        base=BEAM,
    ),
    breaks(
        "any text",
        "something_can_be_seen_of_a_text_that_is_cut",
        "A letter with more marks than fit is left out at the cut",
        "nothing of it can be seen",
        '    message: Message = {"id": push.dedupe_id, "title": title, "text": text}\n',
        '    title = "…" if title_cut and title.count("\\u0301") > 20 else title\n'
        '    message: Message = {"id": push.dedupe_id, "title": title, "text": text}\n',
        base=QUILL,
    ),
    breaks(
        "content",
        "each_feature_reaches_the_phone_or_is_refused_by_name",
        "A display window with one bound only is dropped silently",
        "show_from: ",
        "    raw = sheet.gather(note, planned, intents)\n",
        "    raw = sheet.gather(note, planned, intents)\n"
        "    if note.show_from is None or note.show_until is None:\n"
        "        for name in ('show_time_type', 'show_start_time', 'show_end_time'):\n"
        "            raw.pop(name, None)\n",
        file="notification.py",
        base=OPPO,
    ),
    breaks(
        "own text",
        "one_notification_for_many",
        "The fields cut from one notification for many are looked up in the wrong place",
        "truncated is",
        "ask, decode_unicast, decode_batch)",
        "ask, decode_unicast, lambda reply, sent, cut, out: decode_batch(reply, sent, [*cut[1:], ()], out))",
        base=OPPO,
    ),
]
