"""A figure of `rules.toml` is the only source of that figure: changed in a copy, it changes in all its readers.

The copy is the plug-in's folder with one line of `rules.toml` changed and no code. It runs in a process of its own,
because rules are loaded once. A new reader of the rules gets a line in `READERS`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pushgateway_oppo

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(pushgateway_oppo.__file__).resolve().parent

READERS = """
import json

from pushgateway_oppo import Oppo
from pushgateway_oppo.notification import RULES, SHEETS, encode_notification
from pushgateway_oppo.sandbox.field_checks import OppoChecks
from tables import field_rows

from pushgateway import Certificate, Gateway, Notification, Push, PushToken

facts = RULES.dialects["current"]
sent = encode_notification(Notification("x" * 100, "You have mail"), SHEETS["current"])
checks = OppoChecks(facts, broadcast=False)
taken = [size for size in range(1, 100) if checks.objection({"title": "x" * size, "content": "c"}) is None]
settings = {"app_key": "key", "master_secret": "secret", "dialect": "current"}
gateway = Gateway([Certificate(1, "oppo", settings)], vendors={"oppo": Oppo})
explained = gateway.explain(Push(PushToken(1, "CN_1"), Notification("x" * 100, "You have mail")))
rows = field_rows(RULES.dialects["v1.3"], facts)
print(json.dumps({
    "plugin": len(sent.fields["title"]),
    "sandbox": max(taken),
    "explain": next(ruling.verdict for ruling in explained.rulings if ruling.field == "title"),
    "docs": next(row[4] for row in rows if row[1] == "`title`"),
}))
"""
"""The longest title according to each reader: where the plug-in cuts, what the sandbox accepts, what `explain` and
the page say."""


def figures_of_readers(folder: Path) -> dict[str, object]:
    """The figures of all readers with the plug-in in `folder`."""
    path = os.pathsep.join([str(folder), str(ROOT / "docs"), *sys.path])
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", READERS],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, object] = json.loads(done.stdout)
    return figures


def test_one_number_is_changed_in_one_place(tmp_path: Path) -> None:
    """Plug-in, sandbox, `explain` and page all follow a changed line of the rules, without a change of code."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    rules = tmp_path / PACKAGE.name / "rules.toml"
    old, _, current = rules.read_text("utf-8").partition("[dialects.current.fields]\n")
    line = 'title = { kind = "text", says = "title", required = true, min = 1, max = 50'
    assert current.count(line) == 1
    before = figures_of_readers(tmp_path)

    rules.write_text(f"{old}[dialects.current.fields]\n{current.replace(line, line.replace('50', '41'))}", "utf-8")

    after = figures_of_readers(tmp_path)
    assert before == {
        "plugin": 50,
        "sandbox": 50,
        "explain": "cut to 50 characters, has 100",
        "docs": "1 to 50 characters",
    }
    assert after == {
        "plugin": 41,
        "sandbox": 41,
        "explain": "cut to 41 characters, has 100",
        "docs": "1 to 41 characters",
    }
