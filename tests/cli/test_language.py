"""The language of the command, and texts broken into lines by their width.

No network except the demo's sandbox on loopback. The language is chosen once for each process, so each language has a
process of its own here. That every text has its Chinese is tested by docs/test_command_texts.py.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

import pytest
from rich.cells import cell_len

from pushgateway.cli.language import use_language
from pushgateway.cli.wrapping import wrap

CHINESE = re.compile("[\u4e00-\u9fff]")
_HELPS = """
import sys
from pushgateway.cli.language import translate_help, use_language
use_language(sys.argv[1:])
from click import Context
from pushgateway.cli.command import pushgateway
translate_help(pushgateway)
for name, command in pushgateway.commands.items():
    print(command.get_help(command.context_class(command, info_name=name)))
"""


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the given variables, and without any others that choose a language or a width."""
    chosen = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in chosen}
    return kept | {"PYTHONIOENCODING": "utf-8", "TERM": "xterm"} | more


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The result of the command, run in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pushgateway.cli", *arguments],
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "chinese"),
    [
        ((), {"LANG": "zh_CN.UTF-8"}, True),
        ((), {"LANG": "zh_TW.UTF-8"}, True),
        ((), {"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, True),
        (("--lang", "zh"), {"LANG": "C.UTF-8"}, True),
        (("--lang=en",), {"LANG": "zh_CN.UTF-8"}, False),
        ((), {"LANG": "de_DE.UTF-8"}, False),
        ((), {}, False),
    ],
)
def test_the_locale_chooses_the_language_and_lang_wins(
    arguments: tuple[str, ...], variables: Mapping[str, str], chinese: bool
) -> None:
    """A Chinese locale gets Chinese, every other locale English; `--lang` overrides the locale."""
    shown = run(*arguments, "vendors", **variables)

    assert shown.returncode == 0
    assert ("  鉴权 " in shown.stdout, "  login " in shown.stdout) == (chinese, not chinese)


def test_the_table_of_brands_in_chinese() -> None:
    """Titles, words and the legend are Chinese, names of the code are not, and the columns stay in line."""
    english, chinese = (run("--lang", lang, "vendors", "--table", "--brand", "xiaomi").stdout for lang in ("en", "zh"))

    words = [line for line in english.splitlines() if re.search("[a-z]", line)]
    assert ("what is shown" in english, "what is shown" in chinese, "显示内容" in chinese) == (True, False, True)
    assert len(chinese.splitlines()) == len(english.splitlines())
    assert len(CHINESE.findall(chinese)) > len(words)
    assert "  replace_key              ✓" in chinese.splitlines()
    assert "  单个请求的推送数         1,000" in chinese.splitlines()


def test_lang_may_follow_the_command_and_a_wrong_one_is_refused() -> None:
    """`--lang zh` works also at the end of a line; a language that does not exist is a usage error."""
    behind, wrong = run("vendors", "--lang", "zh"), run("--lang", "fr", "vendors")

    assert "鉴权" in behind.stdout
    assert wrong.returncode == 2
    assert "'fr' is not one of 'en', 'zh'" in wrong.stderr


def test_a_text_after_two_dashes_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token may be spelled `--lang`."""
    monkeypatch.delenv("LANGUAGE", raising=False)

    assert use_language(["send", "7005", "--", "--lang", "zh"]) == ["send", "7005", "--", "--lang", "zh"]
    assert "LANGUAGE" not in os.environ


def test_every_option_and_command_is_explained_in_chinese() -> None:
    """No help text is left in English, and no line of help is wider than 80 columns."""
    shown = subprocess.run(
        [sys.executable, "-c", _HELPS, "--lang", "zh"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    ).stdout
    explained = re.findall(r"^  -.*(?:\n {10,}.*)*", shown, re.MULTILINE)

    assert len(explained) > 50
    assert [one for one in explained if not CHINESE.search(one)] == []
    assert max(map(cell_len, shown.splitlines())) <= 80


def test_json_is_the_same_in_every_language() -> None:
    """A program that reads `--json` does not depend on the locale of the machine."""
    assert run("vendors", "--json", LANG="zh_CN.UTF-8").stdout == run("vendors", "--json", LANG="C.UTF-8").stdout


def test_json_shows_chinese_unescaped_where_the_output_can_take_it() -> None:
    """Titles stay readable in a log; if the output takes ASCII only, the output is still JSON."""
    code = "from pushgateway.cli.console import as_json; as_json({'title': '今晚 😀'})"

    def printed(encoding: str) -> bytes:
        variables = environment(PYTHONIOENCODING=f"{encoding}:backslashreplace")
        return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=True).stdout

    assert printed("utf-8").decode() == '{"title": "今晚 😀"}\n'
    assert json.loads(printed("ascii")) == {"title": "今晚 😀"}


def on_a_terminal(*arguments: str, **variables: str) -> tuple[int, str]:
    """(exit code, output) of the command on a terminal of 80 columns."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another program from here on
        command = [sys.executable, "-m", "pushgateway.cli", *arguments]
        os.execve(sys.executable, command, environment(**variables))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    output = b""
    try:
        while part := os.read(terminal, 65536):
            output += part
    except OSError:  # the other end was closed
        pass
    finally:
        os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), output.decode().replace("\r", "")


def test_the_demo_breaks_no_word_at_80_columns() -> None:
    """In Chinese on a terminal of 80 columns the demo stays within it, and no word is cut in two."""
    code, output = on_a_terminal("demo", "--count", "10", LANG="zh_CN.UTF-8", TERM="dumb")

    assert code == 0
    assert max(map(cell_len, output.splitlines())) <= 80
    assert "所有数字都与沙箱的台账一致" in output
    assert {"unregistered", "muted", "pushgateway", "OPPO", "HTTP"} <= set(re.findall("[A-Za-z_]+", output))


def test_the_table_of_the_demo_is_live_on_a_terminal() -> None:
    """It is drawn several times in the same place, which takes moving the cursor up."""
    code, output = on_a_terminal("demo", "--count", "10", "--brand", "oppo", LANG="C.UTF-8")

    assert code == 0
    assert output.count("per s") > 1
    assert "\x1b[1A" in output


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 13, ["one two three"]),
        ("one two three", 12, ["one two", "three"]),
        ("厂商已接受", 4, ["厂商", "已接", "受"]),
        ("用OPPO推送", 8, ["用OPPO推", "送"]),
        ("厂商推送OPPO", 9, ["厂商推送", "OPPO"]),
        ("保留，勿删", 5, ["保", "留，", "勿删"]),
        ("见（一）", 6, ["见", "（一）"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("", 10, [""]),
        ("  two blanks", 12, ["  two blanks"]),
    ],
)
def test_lines_are_broken_by_width_and_between_words(text: str, width: int, lines: list[str]) -> None:
    """A Chinese character takes two columns; a Latin word stays whole; punctuation stays with what it belongs to."""
    assert wrap(text, width) == lines
