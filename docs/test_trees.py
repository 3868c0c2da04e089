"""Checks that each English page has its Chinese page, and that both agree in what can be compared.

`docs/tools/twins.py` makes the checks and words the faults for the author of the page. Here it runs on the pages, and
on a small pair of pages that is broken in each possible way, to show that every check can fail.
"""

from pathlib import Path

import pytest
from reading import read
from twins import begin, english_pages, faults, main, tree_faults, twin

ROOT = Path(__file__).resolve().parents[1]
HOW = "python docs/tools/twins.py says it too"

ENGLISH = """\
# The lane

English | [简体中文](../zh/lane.md)

A lane waits 30 seconds by `timeout`. See [the rate](rate.md#the-rate) and [below](#who-goes-first).

<!-- table: kinds -->
| kind | means |
| --- | --- |
| `URGENT` | a call |
| `BULK` | marketing |
<!-- end -->

```python
assert 1 + 1 == 2  # English
```

## Who goes first

- **Calls** come first, [as told](https://example.com/calls). The [readme](../../README.md) says more.
"""
CHINESE = """\
# 车道

[English](../en/lane.md) | 简体中文

一条车道按 `timeout` 等待 30 秒。见[速率](rate.md#速率)和[下文](#谁先走)。

<!-- table: kinds -->
| 种类 | 含义 |
| --- | --- |
| `URGENT` | 来电 |
| `BULK` | 营销 |
<!-- end -->

```python
assert 1 + 1 == 2  # English
```

## 谁先走

- **来电**最先，[如前所述](https://example.com/calls)。更多见 [README](../../README.zh.md)。
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two pages and a README in two languages, without a fault."""
    pages = {
        "README.md": "# Push\n\nEnglish | [简体中文](README.zh.md)\n\nIt pushes.\n",
        "README.zh.md": "# 推送\n\n[English](README.md) | 简体中文\n\n它做推送。\n",
        "docs/en/lane.md": ENGLISH,
        "docs/zh/lane.md": CHINESE,
        "docs/en/rate.md": "# Rates\n\nEnglish | [简体中文](../zh/rate.md)\n\n## The rate\n\nAs it is.\n",
        "docs/zh/rate.md": "# 各种速率\n\n[English](../en/rate.md) | 简体中文\n\n## 速率\n\n就这样。\n",
    }
    for name, text in pages.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def test_every_page_has_its_twin() -> None:
    """A page without a translation is named, with the command that begins it."""
    assert tree_faults() == [], HOW


@pytest.mark.parametrize(
    "english", [path for path in english_pages() if twin(path).exists()], ids=lambda path: path.name
)
def test_twins_say_the_same(english: Path) -> None:
    """Headings, code blocks (exactly), tables, links, code words and figures agree; and the Chinese page is in
    Chinese.
    """
    assert faults(english) == [], HOW


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[English](../en/lane.md) | 简体中文", "", "docs/zh/lane.md: below the title stands, between empty lines: "),
        ("../en/lane.md) | ", "../en/rate.md) | ", "[English](../en/lane.md) | 简体中文"),
        ("## 谁先走", "### 谁先走", "English has ## Who goes first (line 18), Chinese has ### 谁先走 (line 18)"),
        ("## 谁先走", "谁先走", "English has ## Who goes first (line 18), Chinese has none any more"),
        ("# English\n", "# 英文\n", "English has the python of line 14, Chinese has python of line 14"),
        ("```python", "```text", "English has the python of line 14, Chinese has text of line 14"),
        ("<!-- end -->\n", "", "English has the comment of line 12, Chinese has python of line 13"),
        ("table: kinds", "table: sorts", "English has the comment of line 7, Chinese has comment of line 7"),
        ("| `BULK` | 营销 |\n", "", ":8: the table has 1 rows, in English 2"),
        ("| `BULK` | 营销 |", "| `BULK` | 营销 | 最后 |", ":11: the row has 3 cells, the table in English 2"),
        ("rate.md#速率", "rate.md#the-rate", "in '车道' there is no link to rate.md#速率"),
        ("rate.md#速率", "rate.md", "in '车道' is a link that English has not: rate.md"),
        ("#谁先走)", "#who-goes-first)", "in '车道' there is no link to #谁先走"),
        ("../../README.zh.md", "../../README.md", "in '谁先走' there is no link to ../../README.zh.md"),
        ("example.com/calls", "example.com", "in '谁先走' there is no link to https://example.com/calls"),
        ("`timeout`", "`时限`", "in '车道' `timeout` is lost"),
        ("`timeout`", "`timeout` 和 `ttl`", "in '车道' stands `ttl`, which English has not"),
        ("30 秒", "60 秒", "in '车道' the figure 30 is lost"),
        ("| 来电 |", "| a call from a friend |", ":10: is still in English: a call from a friend"),
        ("**来电**最先", "**来电（含视频）**最先", ":20: a `*` is shown as it is"),
    ],
)
def test_what_parts_is_named(tree: Path, old: str, new: str, sentence: str) -> None:
    """Each difference between a page and its translation is one sentence with page, place and the right value."""
    english, chinese = tree / "docs" / "en" / "lane.md", tree / "docs" / "zh" / "lane.md"
    assert faults(english, tree) == []
    chinese.write_text(CHINESE.replace(old, new, 1), "utf-8")

    found = faults(english, tree)

    assert CHINESE.count(old) >= 1
    assert any(sentence in fault and "docs/zh/lane.md" in fault for fault in found), found


def test_a_chinese_page_shows_the_chinese_picture(tree: Path) -> None:
    """Where a picture has a Chinese one beside it, the Chinese page shows that; any other is the same in both."""
    english, chinese = tree / "README.md", tree / "README.zh.md"
    for name in ("phones.png", "phones-zh.png", "curve.png"):
        (tree / "docs" / name).write_bytes(b"")
    english.write_text(english.read_text("utf-8") + "\n![a](docs/phones.png) ![b](docs/curve.png)\n", "utf-8")
    text = chinese.read_text("utf-8")
    chinese.write_text(text + "\n![甲](docs/phones-zh.png) ![乙](docs/curve.png)\n", "utf-8")
    right = faults(english, tree)
    chinese.write_text(text + "\n![甲](docs/phones.png) ![乙](docs/curve.png)\n", "utf-8")

    assert right == []
    assert "README.zh.md: in '推送' there is no link to docs/phones-zh.png" in faults(english, tree)


def test_a_copy_is_no_translation(tree: Path) -> None:
    """A page that is a copy of the English one fails, even though everything else agrees."""
    english = tree / "docs" / "en" / "rate.md"
    copied = english.read_text("utf-8").replace(
        "English | [简体中文](../zh/rate.md)", "[English](../en/rate.md) | 简体中文"
    )
    (tree / "docs" / "zh" / "rate.md").write_text(copied, "utf-8")

    assert any("of its letters are Chinese: translate it" in fault for fault in faults(english, tree))


def test_pages_that_are_alone_are_named(tree: Path) -> None:
    """A new English page needs its translation; a translation without an English page is named."""
    (tree / "docs" / "en" / "receipts.md").write_text("# Receipts\n", "utf-8")
    (tree / "docs" / "en" / "rate.md").unlink()
    found = tree_faults(tree)

    assert found == [
        "docs/zh/receipts.md is missing: `python docs/tools/twins.py receipts.md` begins it, then translate its words",
        "docs/zh/rate.md has no English page",
    ]


def test_a_twin_is_begun(tree: Path) -> None:
    """The command writes a page with its links and language lines adapted, so that only the text is left to
    translate.
    """
    english = tree / "docs" / "en" / "receipts.md"
    english.write_text("# Receipts\n\nSee [rates](rate.md#the-rate), [all](../../README.md) and `x`.\n", "utf-8")
    chinese = begin(english, tree)

    assert read(english).links[0].target == "../zh/receipts.md"
    assert [link.target for link in read(chinese).links] == [
        "../en/receipts.md",
        "rate.md#速率",
        "../../README.zh.md",
    ]
    assert tree_faults(tree) == []
    assert [fault.partition("%")[2] for fault in faults(english, tree) if "%" in fault] != []
    with pytest.raises(FileExistsError, match=r"docs/zh/receipts\.md is there already"):
        begin(english, tree)


def test_the_command_says_what_is_left(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins the named pages. Without a name it prints every fault and exits with 1 if there is one."""
    (tree / "docs" / "en" / "receipts.md").write_text("# Receipts\n\nThey come later.\n", "utf-8")
    codes = [main([], tree), main(["receipts.md"], tree), main([], tree)]
    printed = capsys.readouterr().out.splitlines()
    (tree / "docs" / "zh" / "receipts.md").write_text(
        "# 回执\n\n[English](../en/receipts.md) | 简体中文\n\n以后再说。\n", "utf-8"
    )

    assert codes == [1, 0, 1]
    assert printed[0].startswith("docs/zh/receipts.md is missing")
    assert printed[1] == "docs/zh/receipts.md"
    assert "translate it" in printed[-1]
    assert main([], tree) == 0
    assert capsys.readouterr().out == "every page has its twin, and they say the same\n"
