"""Faults planted in the outbox: its table, its worker, what outcomes mean, and what is stored."""

from planted.source_plant import SourcePlant

STORES = "tests/outbox/test_stores.py::TestInlineSQLite"
WORKER = "tests/outbox/test_worker.py"
VERDICTS = "tests/outbox/test_verdicts.py"

PLANTS = [
    SourcePlant(
        "a worker that has lost its lease settles nevertheless",
        "pushgateway/outbox/tables.py",
        'held = f"WHERE id = :id AND lease = :lease AND {among}"',
        'held = f"WHERE id = :id AND :lease = :lease AND {among}"',
        f"{STORES}::test_a_lost_lease_is_leased_again_and_fenced",
    ),
    SourcePlant(
        "a lost lease is not noted, so that the push is not known to be doubtful",
        "pushgateway/outbox/tables.py",
        '.replace("doubtful,", "CASE WHEN lease <> 0 THEN 1 ELSE doubtful END,")',
        '.replace("doubtful,", "doubtful,")',
        f"{STORES}::test_a_lost_lease_is_leased_again_and_fenced",
    ),
    SourcePlant(
        "one id with another content is taken for the same push",
        "pushgateway/outbox/tables.py",
        "if one.digest is not None and known[one.dedupe_id] != one.digest]:",
        "if one.digest is not None and one.dedupe_id not in known]:",
        f"{STORES}::test_a_call_puts_all_or_nothing",
    ),
    SourcePlant(
        "ids of the host are forgotten when the result was taken",
        "pushgateway/outbox/tables.py",
        'f"DELETE FROM {TABLE} {these} AND dead = 0 AND digest IS NULL"',
        'f"DELETE FROM {TABLE} {these} AND dead = 0"',
        f"{STORES}::test_ids_of_the_host_are_remembered_for_a_time",
    ),
    SourcePlant(
        "what was withdrawn while a worker had it is tried again",
        "pushgateway/outbox/tables.py",
        "doubtful = :doubtful, attempts = :attempts WHERE id = :id AND lease = :lease AND state = 0",
        "state = 0, doubtful = :doubtful, attempts = :attempts WHERE id = :id AND lease = :lease",
        f"{STORES}::test_withdrawn_while_a_worker_has_it",
    ),
    SourcePlant(
        "what may have been sent expires as not sent",
        "pushgateway/outbox/tables.py",
        '(f"{expired} AND doubtful = 0 AND lease = 0", EXPIRED),',
        "(expired, EXPIRED),",
        f"{STORES}::test_expired_ones_end_in_bulk",
    ),
    SourcePlant(
        "low priorities have no share",
        "pushgateway/outbox/store.py",
        "space = max(ask.most - held - len(found), max(ask.most // 8, 1) - here)",
        "space = ask.most - held - len(found)",
        f"{STORES}::test_priorities_and_fairness",
    ),
    SourcePlant(
        "a push without a verdict is given up where repeats are dropped",
        "pushgateway/outbox/verdicts.py",
        'if outcome.status is Status.UNKNOWN and not deduplicates and unknown == "give_up":',
        'if outcome.status is Status.UNKNOWN and unknown == "give_up":',
        f"{VERDICTS}::test_without_a_verdict_the_vendor_or_the_policy_decides",
    ),
    SourcePlant(
        "the doubt of a try is forgotten",
        "pushgateway/outbox/verdicts.py",
        "doubtful = bool(entry.doubtful) or outcome.status is Status.UNKNOWN",
        "doubtful = bool(entry.doubtful)",
        f"{VERDICTS}::test_without_a_verdict_the_vendor_or_the_policy_decides",
    ),
    SourcePlant(
        "a vendor's retry_after is ignored",
        "pushgateway/outbox/verdicts.py",
        "return grown if retry_after is None else max(grown, retry_after + pause * jitter)",
        "return grown",
        f"{VERDICTS}::test_a_retry_after_is_the_least",
    ),
    SourcePlant(
        "a worker sends again what it still holds itself",
        "pushgateway/outbox/worker.py",
        "held = self._held.get(entry.dedupe_id)\n            if held is not None:",
        "held = self._held.get(entry.dedupe_id)\n            if False:",
        f"{WORKER}::test_a_lease_that_ends_while_the_push_is_being_sent",
    ),
    SourcePlant(
        "after a jump of the clock leases of living workers are taken over",
        "pushgateway/outbox/worker.py",
        "return monotonic >= self._no_take_over_until",
        "return True",
        f"{WORKER}::test_a_jump_of_the_clock_takes_nothing_over",
    ),
    SourcePlant(
        "outcomes are dropped while the store does not work",
        "pushgateway/outbox/worker.py",
        "while not await self._settle(known):\n                    await self._store_works.pause()",
        "await self._settle(known)",
        f"{WORKER}::test_a_store_that_stops_working",
    ),
    SourcePlant(
        "results are forgotten before they were handed over",
        "pushgateway/outbox/worker.py",
        "            self._handler_works.note(str(error) if isinstance(error, NotTaken) else where(error))\n"
        "            return False\n",
        "            self._handler_works.note(str(error) if isinstance(error, NotTaken) else where(error))\n",
        f"{WORKER}::test_a_handler_that_fails",
    ),
    SourcePlant(
        "a content with an unknown field is sent in part",
        "pushgateway/outbox/content.py",
        "    if given:\n        raise Unreadable",
        "    if False:\n        raise Unreadable",
        "tests/outbox/test_content.py::test_what_cannot_be_read_is_said_without_quoting_it",
    ),
    SourcePlant(
        "every commit of the outbox leaves the disk behind",
        "pushgateway/outbox/sqlite.py",
        'synchronous: Literal["FULL", "NORMAL"] = "FULL",',
        'synchronous: Literal["FULL", "NORMAL"] = "NORMAL",',
        "tests/outbox/test_power_cut.py::test_a_return_means_that_the_disk_was_waited_for",
    ),
    SourcePlant(
        "a webhook that answers with an error counts as taken",
        "pushgateway/outbox/webhook.py",
        "if not 200 <= response.status < 300:",
        "if not 200 <= response.status < 600:",
        "tests/outbox/test_webhook.py::test_not_taken",
    ),
    SourcePlant(
        "the time is not signed",
        "pushgateway/outbox/webhook.py",
        'f"{name}.{timestamp}.".encode() + body',
        'f"{name}.".encode() + body',
        "tests/outbox/test_webhook.py::test_the_signature_is_that_of_the_standard",
    ),
]
