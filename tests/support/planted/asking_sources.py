"""Faults planted in how vendors are asked: the host's clock, access tokens that are signed here, proofs of settings."""

from planted.source_plant import SourcePlant

SESSION = "pushgateway/engine/session/vendor_session.py"
CLOCK = "tests/engine/test_clock_skew.py::"
LOGIN = "tests/engine/test_vendor_session_login.py::"

COALESCING = "tests/engine/test_coalescing.py::"
CONNECTIONS = "tests/engine/test_connections.py::"

PLANTS = [
    SourcePlant(
        "one vendor that does not answer may hold all connections",
        "pushgateway/engine/options.py",
        "min(named.connections or self.usual_connections, most_for_one())",
        "named.connections or self.usual_connections",
        f"{CONNECTIONS}test_a_plug_ins_number_leaves_connections_to_others",
    ),
    SourcePlant(
        "those who follow a push of their notification are sent one by one",
        "pushgateway/engine/endpoint.py",
        "        if settings.rests and not isinstance(part, HalvedBatch):\n            self._note_left(part, now)\n",
        "",
        f"{COALESCING}test_those_who_follow_a_push_of_their_notification_gather",
    ),
    SourcePlant(
        "an urgent push gathers with others",
        "pushgateway/engine/endpoint.py",
        "in_haste = run.priority is Priority.URGENT or ",
        "in_haste = ",
        f"{COALESCING}test_who_cannot_wait_does_not_gather",
    ),
    SourcePlant(
        "a full batch of followers waits for its time",
        "pushgateway/engine/endpoint.py",
        "if in_haste or size_of(resting) >= self.settings.batch_size:",
        "if in_haste:",
        f"{COALESCING}test_a_full_batch_of_followers_leaves_at_once",
    ),
    SourcePlant(
        "what gathers is lost at a reload",
        "pushgateway/engine/pushes/queue.py",
        "        for runs in self.resting.values():\n            yield from runs\n",
        "",
        f"{COALESCING}test_followers_go_out_with_new_settings_after_a_reload",
    ),
    SourcePlant(
        "a closing gateway does not wait for what gathers",
        "pushgateway/engine/pushes/queue.py",
        "sum(line.size + sum(map(size_of, line.resting.values())) for line in self._lines.values())",
        "sum(line.size for line in self._lines.values())",
        f"{COALESCING}test_followers_have_their_outcome_when_the_gateway_closes",
    ),
    SourcePlant(
        "a quota that is closed for some hours is closed until midnight",
        "pushgateway/engine/flow_control/gate.py",
        "self._use_up(now, quota, permit, error.retry_after)",
        "self._use_up(now, quota, permit, None)",
        "tests/engine/test_gate.py::test_a_quota_is_closed_for_as_long_as_the_vendor_says",
    ),
    SourcePlant(
        "a quota that is closed for some hours to the pushes of a request is closed until midnight",
        "pushgateway/engine/flow_control/gate.py",
        "                    closed_for = outcome.retry_after\n",
        "                    pass\n",
        "tests/engine/test_gate.py::test_a_quota_is_closed_for_as_long_as_the_vendor_says",
    ),
    SourcePlant(
        "a push that can share with nobody waits for others",
        "pushgateway/engine/settings.py",
        "options.linger if is_mixed else 0.0",
        "options.linger",
        f"{COALESCING}test_a_push_that_can_share_with_nobody_does_not_linger",
    ),
    SourcePlant(
        "where only one notification shares a request each push of a group is sent alone",
        "pushgateway/engine/settings.py",
        "if options.linger > 0 else 1",
        "if options.linger > 0 and self.vendor.batching.mixed else 1",
        f"{COALESCING}test_a_group_of_single_sends_shares_a_request_without_linger",
    ),
    SourcePlant(
        "what was made by a wrong clock is used again",
        SESSION,
        "            self.access.forget(key, access, contended=False)\n        return True",
        "            pass\n        return True",
        f"{CLOCK}test_a_clock_that_is_two_hours_off_heals[Signing-push-7200.0]",
    ),
    SourcePlant(
        "a token that was signed by a wrong clock and is refused as expired is signed by it again",
        SESSION,
        "if region not in self._signed_here or error < SKEW:",
        "if error >= 0:",
        f"{CLOCK}test_a_token_signed_by_a_wrong_clock_may_be_refused_as_expired[7200.0]",
    ),
    SourcePlant(
        "an access token that was signed here counts as proof of the settings",
        SESSION,
        "                self._signed_here.add(region)\n",
        "                pass\n",
        f"{LOGIN}test_what_proves_the_settings",
    ),
    SourcePlant(
        "tokens that are signed anew are taken for those of another process",
        SESSION,
        "access, contended=not is_signed_here)",
        "access)",
        f"{CLOCK}test_a_token_that_is_signed_anew_again_and_again_is_no_sign_of_another_process",
    ),
    SourcePlant(
        "after a signed token was refused twice the vendor is asked again for each push",
        "pushgateway/engine/session/results.py",
        'return refusal.about == "login" or isinstance(refusal, SignatureRefused)',
        'return refusal.about == "login"',
        f"{CLOCK}test_a_signed_token_that_is_refused_twice_is_refused_credentials[False]",
    ),
    SourcePlant(
        "at a vendor without login it is asked for each push whether there is one",
        SESSION,
        "                self._without_login.add(region)\n",
        "",
        f"{LOGIN}test_whether_there_is_a_login_is_asked_once",
    ),
    SourcePlant(
        "a timer that fires late costs a part of the rate",
        "pushgateway/engine/flow_control/rate.py",
        "due = self._next if now - self._next <= LATE else now",
        "due = max(self._next, now)",
        f"{CONNECTIONS}test_a_rate_makes_up_for_what_was_late",
    ),
    SourcePlant(
        "what was not sent in an idle time is sent in a burst",
        "pushgateway/engine/flow_control/rate.py",
        "due = self._next if now - self._next <= LATE else now",
        "due = max(self._next, now - 1.0)",
        f"{CONNECTIONS}test_after_a_pause_a_rate_is_not_made_up_for",
    ),
    SourcePlant(
        "a vendor without mixed batches gets eight requests at once",
        "pushgateway/engine/options.py",
        "(batching.mixed or named.connections is None)",
        "batching",
        f"{CONNECTIONS}test_different_texts_go_out_at_the_vendors_rate[send_each]",
    ),
    SourcePlant(
        "more requests are sent at once than the host's own transport has connections",
        "pushgateway/engine/options.py",
        "return wanted if self.most_connections is None else min(wanted, self.most_connections)",
        "return wanted",
        f"{CONNECTIONS}test_whose_number_counts",
    ),
    SourcePlant(
        "the transport does not learn how many requests are sent at once",
        "pushgateway/engine/lanes.py",
        "            self._transport.resize(key, lane.settings.connections)",
        "            pass",
        f"{CONNECTIONS}test_whose_number_counts",
    ),
    SourcePlant(
        "a reload does not change the number of connections",
        "pushgateway/engine/endpoint.py",
        "        self.workers.resize(self.settings.connections)\n",
        "",
        f"{CONNECTIONS}test_a_reload_changes_the_number",
    ),
    SourcePlant(
        "slots that were taken away are handed over to those who wait",
        "pushgateway/transport/slots.py",
        "while self._waiting and self._free > 0:",
        "while self._waiting:",
        "tests/transport/test_parts.py::test_a_number_of_slots_may_change_while_they_are_used",
    ),
]
