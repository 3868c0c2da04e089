"""Faults planted in the text of the engine: receipts, traces, the journal, the log and metrics."""

from planted.source_plant import SourcePlant

PLANTS = [
    SourcePlant(
        "a receipt of another certificate is taken",
        "pushgateway/hearing.py",
        "not isinstance(one, Receipt) or one.push_token.certificate_id != key",
        "not isinstance(one, Receipt)",
        "tests/test_hearing.py::test_a_plugin_that_breaks_its_contract_is_blamed_without_its_words",
    ),
    SourcePlant(
        "receipts are remembered without bound",
        "pushgateway/hearing.py",
        "        if len(window) > WINDOW:\n            window.popitem(last=False)\n",
        "",
        "tests/test_hearing.py::test_the_window_is_bounded_and_forgets_the_oldest",
    ),
    SourcePlant(
        "a receipt that could not be kept is a repeat when it comes again",
        "pushgateway/hearing.py",
        "            self._heard[receipt.proof].pop(self._mark(receipt, receipt.kind), None)",
        "            pass",
        "tests/test_hearing.py::test_what_could_not_be_kept_is_new_again",
    ),
    SourcePlant(
        "a seal does not bind the token",
        "pushgateway/seals.py",
        'return _PUSH + f"{name}\\0{token}".encode("utf-8", "surrogatepass")',
        'return _PUSH + f"{name}".encode("utf-8", "surrogatepass")',
        "tests/test_seals.py::test_nothing_of_it_may_be_changed",
    ),
    SourcePlant(
        "receipts under an old secret are forged",
        "pushgateway/seals.py",
        "if any(hmac.compare_digest(key.mac(text), given) for key in self._keys):",
        "if hmac.compare_digest(self._keys[0].mac(text), given):",
        "tests/test_seals.py::test_an_old_secret_is_still_believed_and_no_longer_used",
    ),
    SourcePlant(
        "an address under an old secret is refused",
        "pushgateway/seals.py",
        "return any(hmac.compare_digest(path, given) for path in self._paths)",
        "return hmac.compare_digest(self._paths[0], given)",
        "tests/test_seals.py::test_an_old_secret_is_still_believed_and_no_longer_used",
    ),
    SourcePlant(
        "a notification's own receipt URL is overwritten",
        "pushgateway/seals.py",
        "        note = push.notification\n"
        "        if note.receipt_url is not None or note.receipt_parameter is not None:\n"
        "            return push",
        "        note = push.notification",
        "tests/test_seals.py::test_the_hosts_own_words_go_before_ours",
    ),
    SourcePlant(
        "a broadcast's parameter proves a phone",
        "pushgateway/seals.py",
        "            Proof.MESSAGE: _BROADCAST + name",
        "            Proof.PUSH: _BROADCAST + name",
        "tests/test_seals.py::test_what_goes_out_comes_back_with_its_dedupe_id",
    ),
    SourcePlant(
        "a vendor's id that is not proved confirms a push",
        "pushgateway/confirming.py",
        "                ids = [receipt.dedupe_id]  # the vendor",
        "                pass  # the vendor",
        "tests/test_confirming.py::test_memory_is_bounded_and_given_back",
    ),
    SourcePlant(
        "receipts that came early are kept without bound",
        "pushgateway/confirming.py",
        "        while len(self._early) > REMEMBERED:",
        "        while False:",
        "tests/test_confirming.py::test_memory_is_bounded_and_given_back",
    ),
    SourcePlant(
        "a trace begins when the push left",
        "pushgateway/tracing.py",
        '    yield begun, "queued", ""',
        '    yield (leg.left_at if leg is not None else begun), "queued", ""',
        "tests/test_tracing.py::test_an_attempt_that_failed_is_told",
    ),
    SourcePlant(
        "a forked process writes with the thread of its parent",
        "pushgateway/journal.py",
        "if self._thread is None or self._pid != os.getpid():",
        "if self._thread is None:",
        "tests/test_engine_truths.py::test_a_forked_process_writes_with_a_thread_of_its_own",
    ),
    SourcePlant(
        "a forked journal begins with its parent's count",
        "pushgateway/journal.py",
        "self._queue, self._pid, self.dropped = queue.SimpleQueue(), os.getpid(), 0",
        "self._queue, self._pid = queue.SimpleQueue(), os.getpid()",
        "tests/test_engine_truths.py::test_a_forked_process_writes_with_a_thread_of_its_own",
    ),
    SourcePlant(
        "what waited in the parent is written twice after a fork",
        "pushgateway/journal.py",
        "self._queue, self._pid, self.dropped = queue.SimpleQueue(), os.getpid(), 0",
        "self._pid, self.dropped = os.getpid(), 0",
        "tests/test_journal.py::test_each_process_writes_its_own_lines",
    ),
    SourcePlant(
        "lives that found no room are not counted",
        "pushgateway/journal.py",
        "        if self._queue.qsize() >= WAITING:\n            self.dropped += 1",
        "        if self._queue.qsize() >= WAITING:\n            pass",
        "tests/test_journal.py::test_what_waits_is_bounded",
    ),
    SourcePlant(
        "lines that could not be written are not counted",
        "pushgateway/journal.py",
        "            self.dropped += lost\n",
        "",
        "tests/test_journal.py::test_a_full_disk_hurts_nobody",
    ),
    SourcePlant(
        "a journal's torn line is glued to the next one",
        "pushgateway/journal.py",
        'if os.read(handle, 1) != b"\\n":',
        "if False:",
        "tests/test_journal.py::test_a_torn_line_costs_itself[23]",
    ),
]
