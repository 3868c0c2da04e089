"""Faults planted in the text of the engine: values, settings, plug-ins and the sync gateway."""

from planted.source_plant import SourcePlant

PLANTS = [
    SourcePlant(
        "a sync program ends without waiting for its sends",
        "pushgateway/background.py",
        "        background.begin_ending(EXIT_GRACE, told)\n    for told in waits:",
        "        pass\n    for told in waits[:0]:",
        "tests/test_engine_truths.py::test_the_end_of_a_process_waits_for_sends_under_way",
    ),
    SourcePlant(
        "an outcome of many loses its context",
        "pushgateway/outcome.py",
        "        columns = (batch.push_tokens, batch.dedupe_ids, batch.contexts, message_ids, truncated)",
        "        columns = (batch.push_tokens, batch.dedupe_ids, [None] * len(pushes), message_ids, truncated)",
        "tests/test_outcome.py::test_many_accepted_at_once_are_as_one_by_one",
    ),
    SourcePlant(
        "a negative pause is told",
        "pushgateway/outcome.py",
        "return None if value is None else max(0.0, float(value))",
        "return None if value is None else float(value)",
        "tests/test_outcome.py::test_nobody_waits_for_the_past[-0.001-0.0]",
    ),
    SourcePlant(
        "a refusal before any request ends REJECTED",
        "pushgateway/outcome.py",
        "status=Status.REJECTED if sent else Status.NOT_SENT,",
        "status=Status.REJECTED,",
        "tests/test_outcome.py::test_each_maker_gives_its_ending",
    ),
    SourcePlant(
        "a token with a byte order mark is taken",
        "pushgateway/model.py",
        '        if not letter.isprintable() or letter == " ":',
        '        if letter == " ":',
        "tests/test_model.py::test_what_no_token_can_hold_is_named_by_its_place",
    ),
    SourcePlant(
        "a quoted token is taken",
        "pushgateway/model.py",
        "        if text[place] in _QUOTATION_MARKS:",
        "        if False:",
        "tests/test_model.py::test_what_no_token_can_hold_is_named_by_its_place",
    ),
    SourcePlant(
        "a timeout of nothing is taken",
        "pushgateway/model.py",
        "not 0 < value <= LONGEST:",
        "not 0 <= value <= LONGEST:",
        "tests/test_model.py::test_a_timeout_is_a_positive_number[0]",
    ),
    SourcePlant(
        "a display window that ends before it begins is taken",
        "pushgateway/model.py",
        "self.show_from >= self.show_until:",
        "self.show_from > self.show_until:",
        "tests/test_model.py::test_a_display_window_has_a_length",
    ),
    SourcePlant(
        "a time without a zone is taken",
        "pushgateway/model.py",
        "if not isinstance(value, datetime) or value.utcoffset() is None:",
        "if not isinstance(value, datetime):",
        "tests/test_model.py::test_a_wrong_type_in_a_notification_names_its_field[show_from-wrong18]",
    ),
    SourcePlant(
        "a push that is copied loses its context",
        "pushgateway/model.py",
        "            draft.context = push.context\n",
        "            draft.context = None\n",
        "tests/test_model.py::test_the_same_push_under_another_id",
    ),
    SourcePlant(
        "True counts as a ttl of one second",
        "pushgateway/model.py",
        "if self.ttl is not None and (isinstance(self.ttl, bool) or self.ttl < 0):",
        "if self.ttl is not None and self.ttl < 0:",
        "tests/test_model.py::test_a_wrong_type_in_a_notification_names_its_field[ttl-True]",
    ),
    SourcePlant(
        "a list in data stays the host's",
        "pushgateway/frozen.py",
        "return tuple(made) if isinstance(value, tuple) else FrozenList(made)",
        "return tuple(made) if isinstance(value, tuple) else made",
        "tests/test_frozen.py::test_what_a_notification_holds_refuses_every_change[data]",
    ),
    SourcePlant(
        "data may hold itself",
        "pushgateway/frozen.py",
        "        if len(path) >= DEEPEST:",
        "        if False:",
        "tests/test_frozen.py::test_the_limits_of_what_is_handed_in",
    ),
    SourcePlant(
        "0.0 and -0.0 are the same",
        "pushgateway/frozen.py",
        "return math.copysign(1.0, one) == math.copysign(1.0, other)",
        "return True",
        "tests/test_frozen.py::test_values_of_another_type_reach_their_own_phone[data-False]",
    ),
]
