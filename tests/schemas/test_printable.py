import pytest

from schemas.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 你好 é", "plain 你好 é"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202e\u200b\u2066", "\\u202e\\u200b\\u2066"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_moves_or_hides_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"), [("x" * 11, "x" * 9 + "…"), ("x" * 10, "x" * 10), ("\x00" * 9, "\\x00\\x00\\…")]
)
def test_no_more_than_the_limit_is_shown(text: str, shown: str) -> None:
    assert printable(text, 10) == shown
