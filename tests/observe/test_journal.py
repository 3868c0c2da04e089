"""The journal: one line for each push, bounded in size, without token or content, and no push waits for it."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from toy_vendor import ToyServer, gateway, note

from pushgateway import FieldError, Journal, Proof, Push, PushToken, Reason, Receipt, ReceiptKind
from pushgateway.model.outcome import Outcome
from pushgateway.observe import journal as journals
from pushgateway.observe.journal import older, read_journal, token_digest
from pushgateway.observe.traces import Ended, Traces
from pushgateway.testing.virtual_time import run_virtual

TOKEN = PushToken(7005, "CN_0123456789abcdef")


def ended(number: int = 0, push_token: PushToken = TOKEN, reason: Reason | None = None) -> Ended:
    """The journal's record of a push."""
    kept: list[Ended] = []
    traces = Traces(1, now=lambda: 5.0, clock=lambda: 0.0)
    traces.subscribe(kept.append, lambda receipt: None)
    push = Push(push_token, note("TITLE", "BODY"), dedupe_id=f"d-{number}")
    outcome = Outcome.accepted(push, "m") if reason is None else Outcome.rejected(push, reason, code="7")
    traces.ended(outcome, 1.0, None)
    return kept[0]


def book(path: Path, **options: Any) -> Journal:
    return Journal(path, monotonic=lambda: 5.0, clock=lambda: 1_700_000_005.0, **options)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_each_push_of_a_batch_is_one_line(tmp_path: Path) -> None:
    """The lines are in order, also where no traces are kept."""
    path = tmp_path / "push.jsonl"
    push_tokens = [PushToken(1, f"t-{number}") for number in range(30)]

    async def send() -> None:
        async with gateway(ToyServer(), journal=journal, trace=0) as host:
            await host.multicast(push_tokens, note())

    with Journal(path) as journal:
        run_virtual(send())

    written = lines(path)
    assert [line["token"] for line in written] == list(map(token_digest, push_tokens))
    assert {(line["status"], line["attempts"]) for line in written} == {("accepted", 1)}
    assert len({line["dedupe_id"] for line in written}) == len({line["message_id"] for line in written}) == 30


def test_each_push_of_a_gateway_is_one_line(tmp_path: Path) -> None:
    """It holds the outcome with its reason, and the digest of the token; no token, title or body."""
    path = tmp_path / "push.jsonl"
    server = ToyServer()
    server.codes["dead"] = "2"

    async def send() -> None:
        async with gateway(server, journal=journal, trace=0) as host:
            await host.send(PushToken(1, "alive"), note("TITLE", "BODY"))
            await host.send(PushToken(1, "dead"), note("TITLE", "BODY"))
            assert host.trace("d") is None

    with Journal(path) as journal:
        run_virtual(send())

    good, bad = lines(path)
    assert (good["status"], good["reason"], good["gathered"], good["access"]) == ("accepted", None, 1, "fetched")
    assert (bad["status"], bad["reason"], bad["vendor_code"]) == ("rejected", "unregistered", "2")
    assert good["token"] == token_digest(PushToken(1, "alive")) != bad["token"]
    assert not any(word in path.read_text() for word in ("TITLE", "BODY", "alive", "dead"))


def test_a_line_says_when_and_how_long(tmp_path: Path) -> None:
    """Epoch seconds of when it was handed in, and seconds until its end."""
    with book(tmp_path / "j") as journal:
        journal.note(ended(reason=Reason.MUTED))

    (line,) = lines(tmp_path / "j")
    assert (line["at"], line["seconds"]) == (1_700_000_001.0, 4.0)


def test_accepted_pushes_can_be_left_out(tmp_path: Path) -> None:
    """A host with many pushes may record only those that were not accepted."""
    with book(tmp_path / "j", accepted=False) as journal:
        journal.note(ended(1))
        journal.note(ended(2, reason=Reason.MUTED))

    assert [line["dedupe_id"] for line in lines(tmp_path / "j")] == ["d-2"]


def test_receipts_are_lines_too(tmp_path: Path) -> None:
    """They have the vendor's word and our kind, under the same digest, and what proves them; a replacement is a digest
    too."""
    traces = Traces(1, now=lambda: 5.0, clock=lambda: 0.0)
    receipt = Receipt(push_token=TOKEN, kind=ReceiptKind.ARRIVED, event="push_arrive", message_id="m", at=7.0)
    other = PushToken(7005, "the-new-token")
    dead = attrs.evolve(receipt, kind=ReceiptKind.UNREGISTERED, proof=Proof.VENDOR, replacement=other)
    with book(tmp_path / "j") as journal:
        traces.subscribe(journal.note, journal.note_receipt)
        traces.received(receipt)
        traces.received(dead)

    line, last = read_journal(tmp_path / "j", TOKEN)
    assert (line["at"], line["receipt"], line["event"]) == (7.0, "arrived", "push_arrive")
    assert (line["proof"], "replacement" in line) == ("none", False)
    assert (last["proof"], last["replacement"]) == ("vendor", token_digest(other))


def test_the_file_is_bounded(tmp_path: Path) -> None:
    """When it is full it becomes the older file, of which there is one: together never more than twice the bound."""
    path = tmp_path / "j"
    for number in range(40):
        with book(path, max_bytes=2000) as journal:
            journal.note(ended(number))

    sizes = [path.stat().st_size, older(path).stat().st_size]
    assert max(sizes) <= 2000
    assert len(list(tmp_path.iterdir())) == 2
    found = [line["dedupe_id"] for line in read_journal(path, TOKEN)]
    assert found == [f"d-{number}" for number in range(40 - len(found), 40)]
    assert len(found) > 2


def test_reading_finds_one_phone_of_one_certificate(tmp_path: Path) -> None:
    """Lines of others, torn lines and invalid JSON are skipped; the oldest comes first."""
    other, elsewhere = PushToken(7005, "CN_other"), PushToken(7006, TOKEN.token)
    path = tmp_path / "j"
    with book(path) as journal:
        for number, token in enumerate((TOKEN, other, elsewhere, TOKEN)):
            journal.note(ended(number, token))
    with path.open("a") as file:
        file.write(f'{{"token": "{token_digest(TOKEN)}", "certif\n[1]\n"token": "{token_digest(TOKEN)}"\n')

    assert [line["dedupe_id"] for line in read_journal(path, TOKEN)] == ["d-0", "d-3"]
    assert token_digest(TOKEN) != token_digest(elsewhere)


def test_reading_a_missing_journal_is_an_error() -> None:
    """A reader that names a file that does not exist has made a mistake."""
    with pytest.raises(FieldError, match="journal: there is no such file"):
        list(read_journal("nowhere.jsonl", TOKEN))


def test_a_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    """The error comes when the journal is made, not when the first push ends."""
    with pytest.raises(FieldError, match=r"Journal\.path: cannot be written \(FileNotFoundError\)"):
        Journal(tmp_path / "nowhere" / "j")


def test_the_number_of_waiting_lines_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound a line is kept, one more is dropped and counted: a slow disk costs lines, never memory or a push."""
    monkeypatch.setattr(journals, "WAITING", 3)
    journal = book(tmp_path / "j")
    monkeypatch.setattr(journal, "_begin", lambda: None)

    for number in range(4):
        journal.note(ended(number))

    assert journal.dropped == 1


def test_a_full_disk_does_not_affect_pushes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines that cannot be written are counted, one line in the log says so, and the next is tried again."""
    path = tmp_path / "j"
    journal = book(path)
    whole = journal._open

    def no_space() -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "_open", no_space)
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            journal.note(ended(number))
            journal.close()
    monkeypatch.setattr(journal, "_open", whole)
    journal.note(ended(2))
    journal.close()
    journal.close()

    assert journal.dropped == 2
    assert [record.getMessage() for record in caplog.records] == ["the journal cannot be written: OSError"]
    assert [line["dedupe_id"] for line in lines(path)] == ["d-2"]


@pytest.mark.parametrize("free", range(0, 700, 23))
def test_a_torn_line_affects_no_other_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """If the disk is full after any number of bytes, in the middle of a line or at its end, whole lines can be read,
    the next one begins on a line of its own, and `dropped` counts exactly what is not in the file."""
    path = tmp_path / "j"
    journal = book(path)
    write = os.write
    left = free

    def short(handle: int, content: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        count = write(handle, content[:left])
        left -= count
        return count

    journal._queue.put(ended(0))  # waits, so that all are one write
    journal._queue.put(ended(1))
    monkeypatch.setattr(journals.os, "write", short)
    journal.note(ended(2))
    journal.close()
    monkeypatch.setattr(journals.os, "write", write)
    journal.note(ended(3))
    journal.close()

    found = [line["dedupe_id"] for line in read_journal(path, TOKEN)]
    assert found == [f"d-{number}" for number in range(3 - journal.dropped)] + ["d-3"]


def test_a_line_torn_by_a_crash_affects_no_other_line(tmp_path: Path) -> None:
    """The rest of a line of a killed process does not make the first line of the next process unreadable."""
    path = tmp_path / "j"
    path.write_bytes(b'{"at": 1.0, "tok')

    with book(path) as journal:
        journal.note(ended(1))

    assert [line["dedupe_id"] for line in read_journal(path, TOKEN)] == ["d-1"]
    assert journal.dropped == 0


def test_a_readable_file_is_made_private(tmp_path: Path) -> None:
    """A file that was there before may have any mode and gets the owner's only; something that is no file, such as a
    pipe, is refused."""
    path = tmp_path / "j"
    path.touch(0o644)
    path.chmod(0o644)
    os.mkfifo(tmp_path / "pipe", 0o644)

    book(path)
    with pytest.raises(FieldError, match="regular file"):
        book(tmp_path / "pipe")

    assert path.stat().st_mode & 0o777 == 0o600


def test_each_process_writes_its_own_lines(tmp_path: Path) -> None:
    """Lines that waited at the fork are written by the parent only; the child writes those that come after it."""
    path = tmp_path / "j"
    journal = book(path)
    journal._queue.put(ended(0))
    child = os.fork()
    if child == 0:
        journal.note(ended(1))
        journal.close()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    journal.note(ended(2))
    journal.close()

    assert code == 0
    assert sorted(line["dedupe_id"] for line in read_journal(path, TOKEN)) == ["d-0", "d-1", "d-2"]


def test_a_failed_start_of_the_thread_costs_no_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that cannot start another thread, the line is counted as dropped, and nothing is raised."""
    journal = book(tmp_path / "j")

    def none_left(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(journals.threading, "Thread", none_left)
    journal.note(ended(0))

    assert journal.dropped == 1


def test_a_process_that_ends_without_a_close_loses_no_line(tmp_path: Path) -> None:
    """The end of the interpreter waits a moment for the disk."""
    path = tmp_path / "j"
    program = (
        "from pushgateway import Journal, PushToken, Receipt, ReceiptKind\n"
        f"journal = Journal({str(path)!r})\n"
        f"token = PushToken(7005, {TOKEN.token!r})\n"
        "for number in range(500):\n"
        "    receipt = Receipt(push_token=token, kind=ReceiptKind.ARRIVED, event='arrive', dedupe_id=f'd{number}')\n"
        "    journal.note_receipt(receipt)"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    assert len(list(read_journal(path, TOKEN))) == 500


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Its mode excludes all others, and the journal's repr shows no path."""
    journal = book(tmp_path / "j")

    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    assert repr(journal) == "Journal('j')"


def test_an_object_that_is_no_journal_is_refused() -> None:
    """A path alone is refused, because no one would close the file."""
    with pytest.raises(FieldError, match=r"Gateway\.journal: must be a Journal, is str"):
        gateway(ToyServer(), journal="push.jsonl")
