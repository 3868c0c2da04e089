"""Runs `examples/prometheus.py` as it is, in a process of its own.

The metrics are read from the page that Prometheus scrapes.
"""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

WHOSE = {"brand": "oppo", "certificate": "7005"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@contextmanager
def running(root: Path) -> Iterator[subprocess.Popen[str]]:
    """The Prometheus example in a process that is killed at the end of the test."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(root / "examples" / "prometheus.py"), "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def reply_to(process: subprocess.Popen[str], line: str) -> str:
    """What the program prints after this line of input."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def scraped(url: str) -> Samples:
    """The metrics on the page: (name, labels except those of the certificate) -> value."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        text = reply.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items() - WHOSE.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """The key of a metric."""
    return f"pushgateway_{name}", frozenset(labels.items())


def test_prometheus_scrapes_what_became_of_pushes(root: Path) -> None:
    """The outcomes of pushes are on the page that Prometheus reads, and the end of the input ends the program."""
    with running(root) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        before = scraped(url)
        answers = [reply_to(process, line) for line in ("one", "two", "three", "!33 the day is used up")]
        after = scraped(url)
        rest, errors = process.communicate(timeout=30)

    assert answers == ["accepted", "accepted", "accepted", "rejected quota_exceeded"]
    assert not any(key[0].startswith("pushgateway_pushes") for key in before)
    assert after[of("pushes_total", status="accepted", reason="")] == 3
    assert after[of("pushes_total", status="rejected", reason="quota_exceeded")] == 1
    assert after[of("logins_total", reason="")] == 1
    assert after[of("request_seconds_count", operation="push", ending="reply")] == 4
    assert after[of("request_seconds_count", operation="login", ending="reply")] == 1
    assert after[of("batch_pushes_sum")] == 4
    assert after[of("push_seconds_count")] == 4
    assert (process.returncode, rest, errors) == (0, "", "")


def test_an_interrupt_ends_it_too(root: Path) -> None:
    """Ctrl-C closes the gateway and the page, without a traceback."""
    with running(root) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert reply_to(process, "one") == "accepted"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (0, "")
