"""Faults planted in the shared state: its stores, its guard, and what the engine makes of it."""

from planted.source_plant import SourcePlant

STORES = "tests/state/test_stores.py"
GUARD = "tests/state/test_guard.py"
SHARING = "tests/engine/test_sharing.py"
LOGINS = "tests/engine/test_shared_logins.py"
RECEIPTS = "tests/engine/test_shared_receipts.py"

PLANTS = [
    SourcePlant(
        "more portions are granted than there is of the rate",
        "pushgateway/state/redis.py",
        "math.max(0, math.min(portion, rate - taken))",
        "math.max(0, portion)",
        f"{STORES}::test_a_portion_is_never_more_than_the_others_leave",
    ),
    SourcePlant(
        "the portion of a killed process is never free again",
        "pushgateway/state/sqlite.py",
        'for table in ("processes", "portions"):',
        'for table in ("processes",):',
        f"{STORES}::test_a_killed_process_is_forgotten_with_its_portion",
    ),
    SourcePlant(
        "a clock that was set back holds everything for an hour more",
        "pushgateway/state/sqlite.py",
        '"ends > :now AND since <= :now"',
        '"ends > :now"',
        "tests/state/test_sqlite.py::test_a_clock_that_was_set_back_holds_nothing_for_longer",
    ),
    SourcePlant(
        "a process that has lost its turn to log in replaces the access token of all",
        "pushgateway/state/redis.py",
        "if redis.call('GET', KEYS[3]) ~= ARGV[1] then\n  return\nend",
        "",
        f"{STORES}::test_the_turn_of_a_killed_process_ends",
    ),
    SourcePlant(
        "a receipt belongs to nobody until it is kept",
        "pushgateway/state/memory.py",
        "return Claim.BUSY if found.owner else Claim.KNOWN",
        "return Claim.NEW if found.owner else Claim.KNOWN",
        f"{STORES}::test_a_receipt_belongs_to_one_process_until_it_is_kept",
    ),
    SourcePlant(
        "a store that hangs is waited for ten times as long",
        "pushgateway/state/guard.py",
        "due = loop.time() + self._limit",
        "due = loop.time() + 10 * self._limit",
        f"{GUARD}::test_a_call_that_fails_is_none_and_reported_once",
    ),
    SourcePlant(
        "a store that is gone is asked by every call",
        "pushgateway/state/guard.py",
        "if is_probe and (self._probing or loop.time() < self._retry_at):",
        "if is_probe and self._probing:",
        f"{GUARD}::test_a_store_that_is_gone_is_probed_by_one_call_at_a_time",
    ),
    SourcePlant(
        "each failed call is an event",
        "pushgateway/state/guard.py",
        "if not was_gone:",
        "if True:",
        f"{GUARD}::test_a_store_that_is_gone_is_probed_by_one_call_at_a_time",
    ),
    SourcePlant(
        "a process with nothing to send keeps its portion",
        "pushgateway/engine/sharing.py",
        "if now - self._last_used < IDLE:",
        "if True:",
        f"{SHARING}::test_a_process_with_nothing_to_send_holds_nothing",
    ),
    SourcePlant(
        "a process whose network is gone keeps its part of the rate",
        "pushgateway/engine/flow_control/gate.py",
        "if rates > max(0.0, self._breaker.delay(now), self._pause_until - now):",
        "if rates > 0:",
        "tests/engine/test_gate.py::test_other_processes_learn_what_waits_for_a_rate_and_nothing_else",
    ),
    SourcePlant(
        "when the store is gone each process takes the whole rate",
        "pushgateway/engine/sharing.py",
        "portion = max(rate.most / processes, share.granted or 0.0)",
        "portion = rate.most",
        f"{SHARING}::test_a_store_that_is_gone_costs_no_push_and_is_reported_once",
    ),
    SourcePlant(
        "a closed quota is lost with the store",
        "pushgateway/engine/sharing.py",
        "share.publish_closed(answer.closed, now)",
        "pass",
        f"{SHARING}::test_a_store_that_lost_everything_learns_closed_quotas_again",
    ),
    SourcePlant(
        "a closed quota whose one report has failed is not reported again",
        "pushgateway/engine/sharing.py",
        "self._version = -1  # the next answer",
        "pass  # the next answer",
        f"{SHARING}::test_a_closed_quota_that_could_not_be_published_is_published_later",
    ),
    SourcePlant(
        "a process that is closed cuts its last reports off",
        "pushgateway/engine/sharing.py",
        "self._call(self._publish(key, seconds))",
        "self._begin(self._publish(key, seconds))",
        f"{SHARING}::test_a_quota_that_was_used_up_just_before_the_end_is_known_to_the_others",
    ),
    SourcePlant(
        "each of very many processes sends a hundredth of the rate",
        "pushgateway/engine/sharing.py",
        "least = min(LEAST, 1 / (len(share.others) + 1))",
        "least = LEAST",
        f"{SHARING}::test_very_many_processes_do_not_exceed_the_rate",
    ),
    SourcePlant(
        "pushes are refused for an access token of the store that has ended",
        "pushgateway/engine/session/vendor_session.py",
        "is_ours = renewals == RENEWALS or self.access.is_own(key, access)",
        "is_ours = True",
        f"{LOGINS}::test_what_the_store_has_missed_costs_no_push",
    ),
    SourcePlant(
        "a process that is closed while it logs in keeps its turn",
        "pushgateway/engine/session/shared_logins.py",
        'await self._end(key, LoginResult(text="", seconds=0.0))',
        "pass",
        f"{LOGINS}::test_a_process_that_is_closed_while_it_logs_in_delays_nobody",
    ),
    SourcePlant(
        "a process waits for its own turn when the answer of the store was lost",
        "pushgateway/state/memory.py",
        'if login.owner not in ("", owner) and',
        "if login.owner and",
        f"{LOGINS}::test_an_answer_that_is_lost_costs_no_turn",
    ),
    SourcePlant(
        "a receipt is lost with a request that was cancelled while the store was asked",
        "pushgateway/engine/receipts.py",
        "self.forget(found.receipts)\n                raise",
        "raise",
        f"{RECEIPTS}::test_a_receipt_is_not_lost_with_a_request_that_was_cancelled",
    ),
    SourcePlant(
        "the access token that was refused is taken from the store again",
        "pushgateway/engine/session/access_tokens.py",
        "self._unwanted[key] = mark_of(access)",
        'self._unwanted[key] = ""',
        f"{LOGINS}::test_an_access_token_that_was_ended_is_renewed_once",
    ),
    SourcePlant(
        "the turn of a slow login ends while it is under way",
        "pushgateway/engine/session/shared_logins.py",
        "await asyncio.sleep(EXTENDED)",
        "await asyncio.sleep(1e6)",
        f"{LOGINS}::test_a_slow_login_keeps_its_turn",
    ),
    SourcePlant(
        "one late answer of the store costs a login",
        "pushgateway/engine/session/shared_logins.py",
        "RETRYING = 1.2",
        "RETRYING = 0.0",
        f"{LOGINS}::test_one_late_answer_of_the_store_costs_no_login",
    ),
    SourcePlant(
        "a receipt that another process may still lose is answered as taken",
        "pushgateway/receipts/app.py",
        "if pause is None and received.should_repeat:",
        "if False:",
        f"{RECEIPTS}::test_one_receipt_posted_to_all_at_once_is_stored_once",
    ),
]
