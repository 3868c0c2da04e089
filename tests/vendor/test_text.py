"""Counting, cleaning, cutting and quoting of text."""

import json
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.vendor.text import (
    Counts,
    clean,
    cut,
    fit,
    form_encode,
    form_quote,
    from_visible,
    is_visible,
    most_quoted,
    size,
    utf16_units,
    whole,
)

FAMILY = "👨‍👩‍👧‍👦"  # seven code points, eleven UTF-16 units, one cluster
FLAG = "🇨🇳"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
HARD_TEXT = st.lists(
    st.sampled_from(
        [
            *"a你。 \n",
            FAMILY,
            FLAG,
            "🇨",
            "👍🏽",
            "e\u0301",
            "\u0301",
            "각",
            "\u1112\u1161\u11ab",
            "क्षि",
            "\u200d",
            "\r\n",
        ]
    )
).map("".join)


def clusters(text: str) -> list[str]:
    return regex.findall(r"\X", text)


def test_the_two_ways_of_counting() -> None:
    """A family emoji is seven code points in OPPO's documents and eleven units in its SDK."""
    counts = len(FAMILY), utf16_units(FAMILY), len("abc"), utf16_units("abc"), utf16_units("\ud83d")

    assert counts == (7, 11, 3, 3, 1)


def test_clean_keeps_what_belongs_to_the_text() -> None:
    """Newline, tab, emoji joiners and bidirectional marks stay; such a text is not even copied."""
    text = f"你好\n\t{FAMILY}\u202eא"

    assert clean(text) is text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b", "ab"),
        ("a\r\nb", "a\nb"),
        ("a\x1b\x7f\x85b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_clean_by_policy(text: str, cleaned: str) -> None:
    """Control characters are removed, lone surrogates become U+FFFD, a divided pair becomes its character."""
    assert clean(text) == cleaned


@given(ANY_TEXT)
def test_clean_text_can_be_encoded_and_stays(text: str) -> None:
    """The result of `clean` can be encoded, and cleaning it again changes nothing."""
    once = clean(text)

    assert once.encode("utf-8").decode("utf-8") == once
    assert clean(once) == once
    assert clean(once) == clean(whole(once))


@pytest.mark.parametrize(
    ("text", "limit", "result"),
    [
        ("abcde", 5, ("abcde", False)),
        ("abcdef", 5, ("abcd…", True)),
        ("一二三四五", 5, ("一二三四五", False)),
        ("一二三四五六", 5, ("一二三四…", True)),
        ("😀😀", 4, ("😀😀", False)),
        ("😀😀😀", 4, ("😀…", True)),
        (FAMILY, 11, (FAMILY, False)),
        (FAMILY, 10, ("👨\u200d👩\u200d👧…", True)),
        (FAMILY, 3, ("👨…", True)),
        (FAMILY, 2, ("…", True)),
        (f" {FAMILY}", 7, (" 👨\u200d👩…", True)),
        (f"a{FAMILY}", 10, ("a…", True)),
        (f"{FLAG}{FLAG}", 7, (f"{FLAG}…", True)),
        ("e" + "\u0301" * 1000, 10, ("e" + "\u0301" * 8 + "…", True)),
        ("\u0301" * 1000, 10, ("…", True)),
        ("一二三四\u302a五", 5, ("一二三…", True)),
        ("一二三\uff76\uff9e五", 5, ("一二三…", True)),
        ("ab", 1, ("…", True)),
        ("ab", 0, ("", True)),
        ("", 0, ("", False)),
    ],
)
def test_cut_at_the_limit_and_one_over(text: str, limit: int, result: tuple[str, bool]) -> None:
    """A text at the limit is unchanged; above it whole clusters are removed, with the ellipsis inside the limit."""
    assert cut(text, limit) == result


@given(st.one_of(ANY_TEXT, HARD_TEXT), st.integers(0, 40))
def test_cut_keeps_within_the_limit_and_whole_clusters(text: str, limit: int) -> None:
    """The result is within the limit by both counts, and starts with as many whole clusters as fit; the first visible
    cluster is divided only when nothing would be visible otherwise."""
    result, was_cut = cut(text, limit)

    assert len(result) <= limit
    assert utf16_units(result) <= limit
    assert cut(result, limit) == (result, False)
    assert was_cut == (len(text) > limit or utf16_units(text) > limit)
    if was_cut:
        shown = text[: len(result) - (limit > 0)]
        kept = clusters(shown)
        following = clusters(text)[: len(kept) + 1]
        if kept == following[:-1]:
            assert limit == 0 or utf16_units("".join(following)) + 1 > limit
        else:
            assert kept[:-1] == following[: len(kept) - 1]
            assert not is_visible("".join(kept[:-1]))
            assert is_visible(shown)


@given(ANY_TEXT, st.integers(0, 40))
def test_fit_is_clean_then_cut(text: str, limit: int) -> None:
    """The combined function gives the same as cleaning everything first."""
    assert fit(text, limit) == cut(clean(text), limit)


def test_fit_finds_text_after_many_control_characters() -> None:
    """Removed characters do not count: the text after them still fits."""
    assert fit("\x00" * 5000 + "hello", 10) == ("hello", False)


class CountingText(str):
    """A text that records how much of it was ever copied."""

    __slots__ = ("taken",)

    def __getitem__(self, part: object) -> str:
        piece = str.__getitem__(self, part)  # type: ignore[call-overload]
        self.taken = getattr(self, "taken", 0) + len(piece)
        return piece


@pytest.mark.parametrize("unit", ["a", "你", "😀", FAMILY, "\u0301"])
def test_a_huge_text_takes_no_longer_than_its_limit(unit: str) -> None:
    """Of five million characters only a few hundred are read."""
    huge = CountingText(unit * (5_000_000 // len(unit)))

    result, was_cut = fit(huge, 50)

    assert was_cut
    assert len(result) <= 50
    assert huge.taken <= 400


@given(ANY_TEXT)
def test_a_quoted_text_is_decoded_exactly(text: str) -> None:
    """The other side reads what was quoted, for every text that can be encoded."""
    form = b"x=" + form_quote(text)

    assert parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True) == [("x", whole(text))]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_quoted_as_the_standard_library_does(text: str) -> None:
    """The fast path gives the same result."""
    assert form_quote(text) == form_quote(text.encode()) == quote_plus(text).encode()


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=5))
def test_a_form_is_decoded_exactly(fields: dict[str, str]) -> None:
    """Separators, signs and line breaks in names and values inject nothing."""
    expected = [(whole(name), whole(value)) for name, value in fields.items()]

    form = form_encode(fields).decode("ascii")

    assert (parse_qsl(form, keep_blank_values=True) if fields else []) == expected


@pytest.mark.parametrize(
    "nothing",
    [
        *("", " \n\t", "\x00\x1b", "\u200b", "\u200d\u2060\ufeff", "\u00ad", "\u3164", "\u115f\u1160", "\uffa0"),
        *("\u2800", "\u3000\xa0\u2003", "\u0301\u0302", "\ufe0f", "\U000e0101", "\U000e0041", "\u180e", "\u034f"),
        *("\u061c\u202e\u2066", "\u17b4\u17b5", "\U0001d159", "\U0001d173", "\ufff9\ufffb", "\u2028\u2029", "\u20e3"),
    ],
)
def test_invisible_text_counts_as_empty(nothing: str) -> None:
    """Blanks, zero-width characters, fillers, marks without a letter, selectors and tags are invisible; with one letter
    it is a text."""
    assert not is_visible(nothing)
    assert from_visible(nothing) == ""
    assert is_visible(f"{nothing}a")
    assert is_visible(f"你{nothing}")
    assert from_visible(f"{nothing}你{nothing}a") == f"你{nothing}a"


@pytest.mark.parametrize(
    "seen", ["a", "你", ".", "…", "한", "ᄀ", "😀", FAMILY, "🇨", "\ufffd", "\u0600", "\ue000", "e\u0301"]
)
def test_visible_characters_are_text(seen: str) -> None:
    """A letter, a sign, a part of a flag, the replacement for a broken character, and an app's own signs are
    visible."""
    assert is_visible(seen)
    assert is_visible(f"\u200b{seen}")


@given(st.text(st.characters(exclude_categories=())))
def test_a_text_is_visible_if_one_of_its_characters_is(text: str) -> None:
    """This holds whatever is around that character, and also for the rest of the text from there on."""
    assert is_visible(text) == any(is_visible(letter) for letter in text) == (from_visible(text) != "")
    assert text.endswith(from_visible(text))


def test_bytes_are_quoted_as_their_text() -> None:
    """Bytes that are no UTF-8 become U+FFFD, as in a text; nothing fails."""
    assert form_quote("值 &".encode()) == form_quote("值 &")
    assert unquote_plus(form_quote(b"a\xffb").decode("ascii")) == "a\ufffdb"


@pytest.mark.parametrize("text", ['"', "\\", '"\\' * 20, "\x00", "a", "值", "😀", "😀值a\x85", "\u2028"])
def test_no_text_takes_more_bytes_than_were_counted(text: str) -> None:
    """This holds for clean texts as JSON in a form."""
    assert len(form_quote(json.dumps(clean(text), ensure_ascii=False)[1:-1])) <= most_quoted(text)


def test_a_short_text_is_cleaned_too() -> None:
    """This holds far below its limit, where most texts are."""
    assert fit("a\x00b", 100) == ("ab", False)
    assert fit("a\ud800", 100) == ("a\ufffd", False)


def test_a_long_text_is_cut_after_it_was_cleaned() -> None:
    """Removed characters do not count, wherever they are."""
    text = "a" + "\x00" * 500 + "b" * 3 + "\x00" * 500

    assert fit(text, 10) == ("abbb", False)
    assert fit(text + "b" * 10, 10) == ("abbbbbbbb…", True)


@given(st.one_of(ANY_TEXT, HARD_TEXT), st.integers(0, 60), st.sampled_from(["utf16", "points", "bytes"]))
def test_a_text_is_cut_as_the_vendor_counts(text: str, limit: int, counts: Counts) -> None:
    """By UTF-16 units, code points or bytes: what is kept fits, and nothing that fits is cut."""
    kept, was_cut = cut(text, limit, counts=counts)

    assert size(kept, counts) <= limit
    assert was_cut == (size(text, counts) > limit)


def test_the_three_ways_of_counting() -> None:
    """An emoji is two units, one point, four bytes; a lone surrogate counts as the character that replaces it."""
    assert [size("你😀", counts) for counts in ("utf16", "points", "bytes")] == [3, 2, 7]
    assert size("\ud800", "bytes") == len("\ufffd".encode())
