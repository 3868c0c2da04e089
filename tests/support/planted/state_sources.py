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
        "async with asyncio.timeout(self._limit):\n                answer",
        "async with asyncio.timeout(10 * self._limit):\n                answer",
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
        "for share in self._shares.values():\n                share.publish_closed()",
        "pass",
        f"{SHARING}::test_a_store_that_lost_everything_learns_closed_quotas_again",
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
