import pytest

from schemas.script import Language
from stages.backends.unspoken_text import count_units, unfit


@pytest.mark.parametrize(
    ("text", "language", "problem"),
    [
        ("a scar; an old debt", "en", None),
        ("一道疤，一笔旧账。", "zh", None),
        ("", "en", None),
        ("one two three four five six seven eight nine", "en", "has 9 words or characters, limit 8"),
        ("一二三四五六七八九", "zh", "has 9 words or characters, limit 8"),
        ("a\x07bell", "en", "holds '\\x07', which does not show"),
        ("z\u0335lgo", "en", "holds '\u0335', marks that belong to no letter"),
        ("a **brave** man", "en", "holds '**brave**', which is mark-up"),
        ("好酒【陈年】", "zh", "holds '【陈年】', which is mark-up"),
        ("a [laugh] man", "en", "holds '[laugh]', which is mark-up"),
        ("ask at a.b@c.org", "en", "holds 'a.b@c.org', which is an address"),
        ("a language model", "en", "holds 'language model', which is talk of prompts or models"),
        ("一个卖酒的", "en", "is not in 'en': '一个卖酒的'"),
        ("wine", "zh", "is not in 'zh': 'wine'"),
    ],
)
def test_plain_words_of_the_language(text: str, language: Language, problem: str | None) -> None:
    assert unfit(text, language, 8) == problem


def test_what_is_copied_from_the_prompt() -> None:
    copied = "Concrete beats grand: a scar, a debt, a smell of tar"
    assert unfit(copied, "en", 20) == ("holds 'concrete beats grand a scar a debt a', which is copied from the prompt")


def test_units() -> None:
    assert count_units("one, two-three four", "en") == 3
    assert count_units("一，二 3a。", "zh") == 4
