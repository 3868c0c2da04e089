"""The journal: one line for each push, bounded, without a token or a content, and nobody waits for it."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_vendor import ToyServer, gateway, note

from pushgateway import FieldError, Journal, Push, PushToken, Reason, Receipt, ReceiptKind
from pushgateway.model.outcome import Outcome
from pushgateway.observe import journal as journals
from pushgateway.observe.journal import older, read_journal, token_digest
from pushgateway.observe.traces import Ended, Traces
from pushgateway.testing.virtual_time import run_virtual

TOKEN = PushToken(7005, "CN_0123456789abcdef")


def ended(number: int = 0, push_token: PushToken = TOKEN, reason: Reason | None = None) -> Ended:
    """What is kept of a push."""
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


def test_each_push_of_a_batch_is_a_line(tmp_path: Path) -> None:
    """In order, also where no traces are kept."""
    path = tmp_path / "push.jsonl"
    push_tokens = [PushToken(1, f"t-{number}") for number in range(30)]

    async def send() -> None:
        async with gateway(ToyServer(), journal=journal, trace=0) as host:
            await host.multicast(push_tokens, note())

    with Journal(path) as journal:
        run_virtual(send())

    told = lines(path)
    assert [line["token"] for line in told] == list(map(token_digest, push_tokens))
    assert {(line["status"], line["attempts"]) for line in told} == {("accepted", 1)}
    assert len({line["dedupe_id"] for line in told}) == len({line["message_id"] for line in told}) == 30


def test_each_push_of_a_gateway_is_a_line(tmp_path: Path) -> None:
    """What became of it and why, with the digest of its token; no token, title or body."""
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


def test_only_losses_where_that_is_asked_for(tmp_path: Path) -> None:
    """A host with many pushes may leave out what was accepted."""
    with book(tmp_path / "j", accepted=False) as journal:
        journal.note(ended(1))
        journal.note(ended(2, reason=Reason.MUTED))

    assert [line["dedupe_id"] for line in lines(tmp_path / "j")] == ["d-2"]


def test_receipts_are_lines_too(tmp_path: Path) -> None:
    """With the vendor's word and our kind, under the same digest."""
    traces = Traces(1, now=lambda: 5.0, clock=lambda: 0.0)
    receipt = Receipt(push_token=TOKEN, kind=ReceiptKind.ARRIVED, event="push_arrive", message_id="m", at=7.0)
    with book(tmp_path / "j") as journal:
        traces.subscribe(journal.note, journal.note_receipt)
        traces.received(receipt)

    (line,) = read_journal(tmp_path / "j", TOKEN)
    assert (line["at"], line["receipt"], line["event"]) == (7.0, "arrived", "push_arrive")


def test_the_file_is_bounded(tmp_path: Path) -> None:
    """Full, it becomes the older one, and that is the only one: never more than twice the bound."""
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
    """Lines of others, torn lines and what is no JSON are passed over; oldest first."""
    other, elsewhere = PushToken(7005, "CN_other"), PushToken(7006, TOKEN.token)
    path = tmp_path / "j"
    with book(path) as journal:
        for number, token in enumerate((TOKEN, other, elsewhere, TOKEN)):
            journal.note(ended(number, token))
    with path.open("a") as file:
        file.write(f'{{"token": "{token_digest(TOKEN)}", "certif\n[1]\n"token": "{token_digest(TOKEN)}"\n')

    assert [line["dedupe_id"] for line in read_journal(path, TOKEN)] == ["d-0", "d-3"]
    assert token_digest(TOKEN) != token_digest(elsewhere)


def test_no_file_is_told() -> None:
    """Who reads a journal that is not there has made a mistake."""
    with pytest.raises(FieldError, match="journal: there is no such file"):
        list(read_journal("nowhere.jsonl", TOKEN))


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    """Not only when the first push ends."""
    with pytest.raises(FieldError, match=r"Journal\.path: cannot be written \(FileNotFoundError\)"):
        Journal(tmp_path / "nowhere" / "j")


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound it is kept, one more is dropped and counted: a slow disk costs lines, never memory or a push."""
    monkeypatch.setattr(journals, "WAITING", 3)
    journal = book(tmp_path / "j")
    monkeypatch.setattr(journal, "_begin", lambda: None)

    for number in range(4):
        journal.note(ended(number))

    assert journal.dropped == 1


def test_a_full_disk_hurts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written is counted, one line in the log says so, and the next is tried again."""
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


@pytest.mark.parametrize("room", range(0, 700, 23))
def test_a_torn_line_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """A disk that is full after any number of bytes, in the middle of a line or at its end: whole lines can be read,
    the next one stands in a line of its own, and `dropped` counts exactly what is not in the file."""
    path = tmp_path / "j"
    journal = book(path)
    write = os.write
    left = room

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

    found = [told["dedupe_id"] for told in read_journal(path, TOKEN)]
    assert found == [f"d-{number}" for number in range(3 - journal.dropped)] + ["d-3"]


def test_a_line_torn_by_a_crash_costs_itself(tmp_path: Path) -> None:
    """What a process that was killed has left does not swallow the first line of the next one."""
    path = tmp_path / "j"
    path.write_bytes(b'{"at": 1.0, "tok')

    with book(path) as journal:
        journal.note(ended(1))

    assert [told["dedupe_id"] for told in read_journal(path, TOKEN)] == ["d-1"]
    assert journal.dropped == 0


def test_a_file_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    """One that was there before may have any mode; what is no file, such as a pipe, is refused."""
    path = tmp_path / "j"
    path.touch(0o644)
    path.chmod(0o644)
    os.mkfifo(tmp_path / "pipe", 0o644)

    book(path)
    with pytest.raises(FieldError, match="regular file"):
        book(tmp_path / "pipe")

    assert path.stat().st_mode & 0o777 == 0o600


def test_each_process_writes_its_own_lines(tmp_path: Path) -> None:
    """What waited when the process was forked is written by the parent alone; the child writes what comes after."""
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
    assert sorted(told["dedupe_id"] for told in read_journal(path, TOKEN)) == ["d-0", "d-1", "d-2"]


def test_a_thread_that_cannot_be_had_costs_no_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without room for another thread: the line is counted as dropped, and nothing is raised."""
    journal = book(tmp_path / "j")

    def none_left(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(journals.threading, "Thread", none_left)
    journal.note(ended(0))

    assert journal.dropped == 1


def test_a_process_that_ends_without_a_close_loses_no_line(tmp_path: Path) -> None:
    """The interpreter's end waits a moment for the disk."""
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


def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    """Nobody else may read it, and its repr shows no path."""
    journal = book(tmp_path / "j")

    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    assert repr(journal) == "Journal('j')"


def test_what_is_no_journal_is_refused() -> None:
    """A path alone would never be closed."""
    with pytest.raises(FieldError, match=r"Gateway\.journal: must be a Journal, is str"):
        gateway(ToyServer(), journal="push.jsonl")
