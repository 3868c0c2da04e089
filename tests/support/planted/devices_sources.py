"""Faults planted in the devices: bindings, the question before each request, dead tokens, the command."""

from planted.source_plant import SourcePlant

UNBINDING = "tests/devices/test_unbinding.py::test_nothing_begins_after_the_end_has_returned"
GATEWAY = "tests/devices/test_gateway.py"
COMMAND = "tests/cli/test_devices.py"

PLANTS = [
    SourcePlant(
        "an answer about a binding counts for too long",
        "pushgateway/devices/confirmations.py",
        "until = asyncio.get_running_loop().time() + GOOD_FOR\n",
        "until = asyncio.get_running_loop().time() + 10 * GOOD_FOR\n",
        UNBINDING,
    ),
    SourcePlant(
        "unbind does not wait for the answers of other processes",
        "pushgateway/devices/confirmations.py",
        "            until += GOOD_FOR\n",
        "            pass\n",
        UNBINDING,
    ),
    SourcePlant(
        "an unbind that finds nothing returns at once, although another call has ended the binding just now",
        "pushgateway/devices/devices.py",
        "        await self._confirmations.wait_until_ended(\n            lambda _, owner",
        "        if ended:\n          await self._confirmations.wait_until_ended(\n            lambda _, owner",
        UNBINDING,
    ),
    SourcePlant(
        "a take-over whose answer was lost is not waited for when it is made again",
        "pushgateway/devices/devices.py",
        "if bound.ended or (bound.former_at is not None and abs(now - bound.former_at) < RECENT):",
        "if bound.ended:",
        UNBINDING,
    ),
    SourcePlant(
        "unbind forgets a question that is under way",
        "pushgateway/devices/confirmations.py",
        "        self._counting.append((until, question.owned))",
        "        pass",
        UNBINDING,
    ),
    SourcePlant(
        "a request leaves although its time is over",
        "pushgateway/transport/pool.py",
        "if sending.leave_before is not None and now() >= sending.leave_before:",
        "if False:",
        "tests/transport/test_leaving.py::test_a_request_whose_time_is_over_is_not_sent",
    ),
    SourcePlant(
        "a push for a former user is sent",
        "pushgateway/engine/delivery.py",
        "if owner and owner.binding in answer.gone",
        "if owner and owner.binding in ()",
        f"{GATEWAY}::test_a_push_of_before_the_logout_is_not_sent",
    ),
    SourcePlant(
        "pushes are sent when the devices cannot be asked",
        "pushgateway/engine/delivery.py",
        'return self._without_owned(f"{UNCONFIRMED}: {unavailable}")',
        "return request",
        f"{GATEWAY}::test_a_store_that_is_down_leaves_the_push_unsent",
    ),
    SourcePlant(
        "a store that does not answer holds up each request anew",
        "pushgateway/devices/devices.py",
        "if asyncio.get_running_loop().time() < self._asked_again_at:",
        "if False:",
        f"{GATEWAY}::test_a_store_that_does_not_answer_holds_up_one_request_in_a_while",
    ),
    SourcePlant(
        "any refusal retires the token",
        "pushgateway/engine/pushes/completion.py",
        "if owner is not None and outcome.reason is Reason.UNREGISTERED:",
        "if owner is not None and not outcome.ok:",
        f"{GATEWAY}::test_no_other_refusal_costs_a_token",
    ),
    SourcePlant(
        "a token is retired although it was reported since",
        "pushgateway/devices/memory.py",
        "if binding is not None and binding.owner.generation == verdict.generation:",
        "if binding is not None:",
        f"{GATEWAY}::test_a_token_that_was_reported_since_the_push_was_made_stays",
    ),
    SourcePlant(
        "a take-over does not wait for the answers about the former user",
        "pushgateway/devices/memory.py",
        "ended = frozenset(one.owner.binding for one in former if one.user != user)",
        "ended = frozenset[int]()",
        UNBINDING,
    ),
    SourcePlant(
        "tokens are retired however many the vendor calls dead",
        "pushgateway/devices/verdicts.py",
        "        self._drop_unsure()\n",
        "",
        f"{GATEWAY}::test_a_vendor_that_calls_all_tokens_dead_costs_none",
    ),
    SourcePlant(
        "a fifth of dead tokens is too many",
        "pushgateway/devices/dead_share.py",
        "dead > MOST * tried",
        "dead >= MOST * tried",
        "tests/devices/test_dead_share.py::test_more_than_a_fifth_of_at_least_a_hundred_is_too_many",
    ),
    SourcePlant(
        "verdicts are lost while the store is down",
        "pushgateway/devices/verdicts.py",
        "            return False\n        for verdict in some:",
        "            pass\n            retired = ()\n        for verdict in some:",
        f"{GATEWAY}::test_verdicts_wait_while_the_store_is_down",
    ),
    SourcePlant(
        "a receipt retires a token that was reported a moment before",
        "pushgateway/devices/devices.py",
        "before=receipt.at - SURE",
        "before=receipt.at",
        "tests/devices/test_devices.py::test_a_receipt_changes_only_what_it_proves",
    ),
    SourcePlant(
        "a database's own words are in its errors",
        "pushgateway/databases/sql.py",
        "return kind(f\"{name}: {known or f'the database has failed ({type(trouble.orig).__name__} {code})'}\")",
        'return kind(f"{name}: {trouble.orig}")',
        "tests/databases/test_sql.py::test_a_server_that_is_not_there_is_an_error_without_password",
    ),
    SourcePlant(
        "the command's unbind does not wait for the service that says it is the only one to send",
        "pushgateway/cli/devices.py",
        "config.devices(shared=True)",
        "config.devices()",
        f"{COMMAND}::test_unbind_waits_for_the_service_that_is_the_only_one_to_send",
    ),
    SourcePlant(
        "an empty device unbinds all devices of a user",
        "pushgateway/cli/devices.py",
        "if device is None else",
        "if not device else",
        f"{COMMAND}::test_an_empty_device_is_not_all_devices",
    ),
    SourcePlant(
        "a date in the future prunes all devices",
        "pushgateway/cli/devices.py",
        "    if at >= now:\n",
        "    if at > now + 1e12:\n",
        f"{COMMAND}::test_a_time_that_all_devices_are_before_is_refused",
    ),
]
