"""Faults planted in the text of the engine: message ids, saved contents and what else the pushes of a batch share."""

from planted.source_plant import SourcePlant

TESTS = "tests/engine/test_message_ids.py::"

PLANTS = [
    SourcePlant(
        "a repeat has another message id",
        "pushgateway/engine/endpoint.py",
        "    new = [run for run in runs if not run.has_message_ids]\n",
        "    new = list(runs)\n",
        f"{TESTS}test_the_parts_of_a_refused_request_keep_its_id[False]",
    ),
    SourcePlant(
        "equal notifications have one message id however often they are sent",
        "pushgateway/engine/pushes/ids.py",
        "        parts = dedupe_ids\n",
        "        parts = (notification.title, notification.body)\n",
        f"{TESTS}test_an_equal_notification_that_is_sent_twice_is_shown_twice[False]",
    ),
    SourcePlant(
        "a message id that the host gave differs from request to request",
        "pushgateway/engine/pushes/ids.py",
        "    if notification.dedupe_id:\n        parts",
        "    if False:\n        parts",
        f"{TESTS}test_the_hosts_id_of_a_message_makes_one_id_for_all_requests",
    ),
    SourcePlant(
        "a repeat shares a request with fresh pushes",
        "pushgateway/engine/lane.py",
        "                group = of_message(share, message_id)\n",
        "                pass\n",
        f"{TESTS}test_a_push_whose_id_is_set_shares_no_request_with_another_id",
    ),
    SourcePlant(
        "a batch that is cut again loses its limit when its pushes have message ids",
        "pushgateway/engine/pushes/queue.py",
        "        return part._replace(of=of_message(part.of, message_id))\n",
        "        return OneMessage(message_id, part.of)\n",
        "tests/engine/test_queue.py::test_a_part_of_one_message_keeps_its_limit",
    ),
    SourcePlant(
        "a mark for receipts costs a push its message id",
        "pushgateway/engine/pushes/runs.py",
        "        if before.has_message_ids:\n",
        "        if False:\n",
        f"{TESTS}test_a_mark_on_each_push_changes_no_message_id",
    ),
    SourcePlant(
        "message ids are lost when a batch is split",
        "pushgateway/model/batch.py",
        "        ids = None if self._message_ids is None else self._message_ids[where]\n",
        "        ids = None\n",
        f"{TESTS}test_the_parts_of_a_refused_request_keep_its_id[False]",
    ),
    SourcePlant(
        "message ids are lost when pushes are picked from a batch",
        "pushgateway/model/batch.py",
        "            picked._message_ids = [self._message_ids[place] for place in chosen]\n",
        "            pass\n",
        f"{TESTS}test_the_parts_of_a_refused_request_keep_its_id[False]",
    ),
]
