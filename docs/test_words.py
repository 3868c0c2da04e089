"""One word for one thing: pages and messages use the words of the glossary, and none of the retired words.

The English list is `ENGLISH` in `docs/tools/retired_words.py`, the Chinese one is below; each has a pattern and what to
write instead. Code in pages is not checked. A phrase in which such a word is right is one of the exceptions. Names,
docstrings and comments of Python code are checked by `tests/guards/test_words.py`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_texts import read as command_texts
from reading import read
from retired_words import ENGLISH
from twins import ROOT, english_pages, twin

ENGLISH_EXCEPTIONS = ("server room",)
"""Phrases of pages and messages in which a word of `ENGLISH` has its ordinary meaning."""

CHINESE = {
    "方言": "接口版本（dialect）",
    "通知渠道": "通知通道",
    "通知级别|提醒级别|提醒等级": "消息提醒等级",
    "登录": "鉴权",
    "推送令牌|失效令牌|访问令牌": "推送 token / 失效 token / 权限令牌",
    "主机": "服务地址",
    "区域": "地域",
    "观测者": "观察者",
    "日志簿": "推送流水",
    "剧本": "脚本",
    "怪罪": "归为",
    "饿死": "一直得不到发送",
    "换气": "让出事件循环",
    "叫醒|唤醒": "触发告警 / 继续运行",
    "听到|听不到|听说": "收到",
    "诚实": "不误报",
    "重发": "重试（网关）/ 再次发送（服务端）",
    "一张证书|张证书": "一个证书",
    "墙上时钟|挂钟": "系统时钟 / 实际时间",
    "一股脑|东西": "具体写出是什么",
    "点名": "指定目标",
    "悬而未决": "待确认",
    "闭合": "关闭（熔断器）",
    "断路器": "熔断器",
    "结论": "明确应答",
    "份额": "配额 / 限额",
    "离线保留时长": "离线消息有效期",
    "古怪": "异常",
    "抱怨": "返回“太快”",
    "当天用完|用完了": "当日配额已用尽",
    "陌生人": "不可信的输入",
    "垃圾内容": "无意义的内容",
    "不得而知": "没有公开",
    "朴素": "普通",
    "相信": "以……为准",
    "截短": "截断",
    "账本": "台账（ledger）",
    "检出目录|代码目录": "源码目录",
    "附加依赖": "可选依赖",
    "表情符号": "emoji",
    "闸门": "限速与熔断",
    "名单|一串": "列表",
    "源源不断": "持续产生",
    "证书表|证书的表": "证书的配置表",
    "头上": "具体写出影响谁",
    "整个调用": "整个请求",
}
"""Retired Chinese words: pattern -> the word of the glossary."""

CHINESE_EXCEPTIONS = ("用户登录", "登录验证码", "退出登录", "消息提醒等级", "区域设置", "主机名", "黑名单")
"""Phrases in which such a word is right: an IM user logs in (登录), or the right word contains a retired one."""


NOT_OURS = re.compile(r"不用：.*")
"""The part of a glossary entry that lists words not to be used."""
PAGES = {
    **dict.fromkeys((ROOT / "CONTRIBUTING.md", *english_pages()), "en"),
    **{twin(path): "zh" for path in english_pages()},
}


def faults(text: str, language: str) -> Iterator[str]:
    """A sentence for each retired word in a text without code: the word, and what to write."""
    words, exceptions = (ENGLISH, ENGLISH_EXCEPTIONS) if language == "en" else (CHINESE, CHINESE_EXCEPTIONS)
    for phrase in exceptions:
        text = text.replace(phrase, "")
    for pattern, right in words.items():
        bounded = rf"\b(?:{pattern})\b" if language == "en" else pattern
        yield from (f"{found[0]!r}: write {right}" for found in re.finditer(bounded, text, re.IGNORECASE))


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string in Python code that contains a blank and is not a docstring."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_documents_use_the_words_of_the_glossary(path: Path) -> None:
    """No page contains a retired word of its language."""
    found = [
        f"line {passage.line}: {fault}"
        for passage in read(path).passages
        for fault in faults(NOT_OURS.sub("", passage.text), PAGES[path])
    ]

    assert found == []


def test_the_command_uses_the_words_of_the_chinese_glossary() -> None:
    """The Chinese texts of the command contain no retired word."""
    texts = [str(message.string) for message in command_texts()]

    assert len(texts) > 100
    assert [f"{text!r}: {fault}" for text in texts for fault in faults(text, "zh")] == []


def test_every_word_of_the_lists_is_found() -> None:
    """Each pattern finds its word in a sentence, but not inside a longer word; the exceptions pass."""
    for language, words in (("en", ENGLISH), ("zh", CHINESE)):
        for pattern, right in words.items():
            for word in pattern.split("|"):
                plain = word.replace(r"\w+", "e").replace("?", "")
                assert f"{plain!r}: write {right}" in list(faults(f"The {plain}, 它的{plain}。", language)), word
    assert list(faults("Water in the server room; indoors, seashell, lawn, breathtaking, household.", "en")) == []
    assert list(faults("用户登录之后，登录验证码按消息提醒等级送达；退出登录后不再发送。", "zh")) == []


def test_the_glossary_names_what_is_not_used() -> None:
    """Every word that the Chinese glossary says not to use is on the list."""
    passages = read(ROOT / "docs" / "zh" / "glossary.md").passages
    unused = [
        word for one in passages for found in re.findall(r"不用：([^（]*)", one.text) for word in found.split("、")
    ]

    assert len(unused) >= 10
    assert [word for word in unused if not list(faults(word, "zh"))] == []


def test_messages_of_the_library_use_the_words_of_the_glossary() -> None:
    """Details, exceptions, log lines and texts of the command: no string with a blank contains a retired word."""
    sources = [*(ROOT / "pushgateway").rglob("*.py"), *ROOT.glob("plugins/*/pushgateway_*/**/*.py")]

    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {fault} in {text!r}"
        for path in sorted(sources)
        for line, text in sentences(path.read_text("utf-8"))
        for fault in faults(text, "en")
    ]

    assert len(sources) > 100
    assert found == []


def test_sentences_are_strings_that_are_no_docstrings() -> None:
    """The parts of an f-string count too; a docstring and a string without a blank do not."""
    code = '"""It hears."""\n\nNAME = "told"\nraise ValueError(f"it was told {NAME} today")\n'

    assert list(sentences(code)) == [(4, "it was told "), (4, " today")]
