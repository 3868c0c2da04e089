"""`pushgateway vendors`: the list of plug-ins, and the table of what the brands carry."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from broken.copies import BEAM, QUILL, Edit, installed
from click.testing import CliRunner, Result

from pushgateway.certificates import plugins
from pushgateway.certificates.plugins import Plugins
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit


def run(*arguments: str) -> Result:
    """The result of a command that is run in this process."""
    return CliRunner().invoke(command, arguments)


def only(monkeypatch: pytest.MonkeyPatch, *brands: str) -> None:
    """Let the command find the plug-ins of these brands only."""
    found = plugins.installed()
    monkeypatch.setattr(plugins, "installed", lambda _group=plugins.VENDORS: {name: found[name] for name in brands})


# The list


def test_each_broken_plugin_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that cannot be imported and two plug-ins of one brand are one sentence each, and the working one is
    still shown."""
    bad = [("acme", "no_such_module:Acme"), ("twin", "one:Twin"), ("twin", "two:Twin")]
    group = plugins.VENDORS
    points = [EntryPoint(name, value, group) for name, value in [*bad, ("oppo", "pushgateway_oppo:Oppo")]]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == plugins.VENDORS else ())

    result = run("vendors")

    assert result.exit_code == Exit.FAILED
    assert "could not be imported: ModuleNotFoundError" in result.stdout
    assert "two plug-ins are installed for brand 'twin'" in result.stdout
    assert "up to 1,000 pushes in a request" in result.stdout
    assert "Traceback" not in result.output


def test_a_plugin_that_fails_in_vendors_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a plug-in raises when its capabilities are read, the others are still shown, and the text of its exception is
    not printed."""

    def broken(self: object) -> None:
        raise ValueError("hush-hush")

    monkeypatch.setattr(Plugins().vendor("oppo"), "batching", property(broken))

    result = run("vendors")

    assert result.exit_code == Exit.FAILED
    assert "the plug-in for brand 'oppo' could not say what it can: ValueError" in result.stdout
    assert "hush" not in result.output


def test_no_plugins_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without a plug-in says how to get one."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: ())

    result = run("vendors")

    assert result.exit_code == Exit.OK
    assert "pip install ./plugins/oppo" in result.stdout


# The table


def test_the_table_of_one_brand(tmp_path: Path) -> None:
    """Rows in their groups, the marks that are used, and nothing about other brands."""
    with installed(tmp_path / "copy", (), QUILL):
        result = run("vendors", "--table", "--brand", "quill")

    lines = result.stdout.splitlines()
    cells = {line[:27].strip(): line[27:] for line in lines}
    assert result.exit_code == Exit.OK
    assert lines[0].split() == ["quill"]
    assert (cells["title"], cells["picture"], cells["user_id"], cells["pushes in a request"]) == (
        "✂40",
        "–",
        "✗",
        "100",
    )
    assert [line for line in lines if not line.startswith(" ")][:2] == ["what is shown", "what a tap does"]
    assert any(line.startswith("✂ ") and "Outcome.truncated" in line for line in lines)
    assert not any(line.startswith("≈ ") for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_the_table_of_all_brands_fits_into_a_hundred_columns() -> None:
    """Two lines of heads, a column of nine for each brand and dialect, whatever is installed."""
    result = run("vendors", "--table")

    lines = result.stdout.splitlines()
    table = lines[: lines.index("")]
    assert result.exit_code == Exit.OK
    assert set(lines[0].split()) == plugins.installed().keys()
    assert max(map(len, table)) <= max(100, 27 + 9 * len(lines[0].split()))


def test_a_narrow_terminal_gets_several_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many columns as fit, then the others below, each with all rows."""
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")

    result = run("vendors", "--table", "--brand", "oppo", "--brand", "huawei")

    rows = [line for line in result.stdout.splitlines() if "store_offline=False" in line]
    assert len(rows) == 2
    assert max(map(len, rows)) <= 50


def test_the_table_for_programs() -> None:
    """`--json`: for each dialect its facts, and of each feature the verdict, limits and sentences; without `--table`
    only the facts."""
    (plain,) = json.loads(run("vendors", "--brand", "oppo", "--json").stdout)["vendors"]
    (table,) = json.loads(run("vendors", "--table", "--brand", "oppo", "--json").stdout)["vendors"]

    assert plain["can"]["batch_size"] == 1000
    assert "abilities" not in plain
    assert table["can"] == plain["can"]
    assert [one["dialect"] for one in table["abilities"]] == ["v1.3", "current"]
    title = table["abilities"][1]["features"]["title"]
    assert (title["verdict"], title["most"], title["counted"], title["beyond"]) == ("carried", 50, "utf16", "cut")
    assert table["abilities"][0]["can"]["login"] == "request"


def test_a_wrong_cell_is_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    """A plug-in that loses a field fails the command, and the sentence names brand and feature."""
    edit = Edit("vendor.py", 'fields["channel"] = note.channel_id or (', 'fields["channel"] = (')
    with installed(tmp_path / "copy", (edit,), BEAM):
        result = run("vendors", "--table", "--brand", "beam")

    assert result.exit_code == Exit.FAILED
    assert "! beam, channel_id: channel_id was changed or lost on the way" in result.stdout
    assert "Traceback" not in result.output


def test_a_broken_plug_in_leaves_the_table_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no column but a sentence, without the text of its exception."""

    def broken(self: object) -> None:
        raise ValueError("hush-hush")

    monkeypatch.setattr(Plugins().vendor("xiaomi"), "rates", property(broken))

    result = run("vendors", "--table", "--brand", "xiaomi", "--brand", "huawei")

    assert result.exit_code == Exit.FAILED
    assert result.stdout.splitlines()[0].split() == ["huawei"]
    assert "the plug-in for brand 'xiaomi' could not say what it can: ValueError" in result.stdout
    assert "hush" not in result.output
