import pytest

from schemas.script import Language
from stages.backends.protocols import Hearing
from stages.backends.word_errors import compared, repeated_share, units


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("I'm 25, aren't I?", "i am twenty-five, are not I"),
        ("It costs $3.50.", "It costs three dollars and fifty cents"),
        ("The colour of Mr. Smith's car", "the color of mister Smith's car"),
        ("It’s ten o’clock — at last!", "it's ten o'clock, at last"),
        ("We won't, they can't", "we will not they can not"),
        ("Um, well, uh, yes.", "well yes"),
        ("In 1999 there were 1,200 people", "in nineteen ninety nine there were one thousand two hundred people"),
    ],
)
def test_english_is_compared_as_words_however_it_is_written(heard: str, said: str) -> None:
    assert compared(heard, said, "en").error_rate == 0


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("我們說話的聲音", "我们说话的声音"),
        ("今天是25号。", "今天是二十五号"),
        ("现在３点半！", "现在三点半"),
        ("涨了50%", "涨了百分之五十"),
        ("，你好，　“世界”？", "你好世界"),
        ("2024年", "二零二四年"),
        ("他有2个苹果", "他有两个苹果"),
    ],
)
def test_mandarin_is_compared_in_characters_however_it_is_written(heard: str, said: str) -> None:
    assert compared(heard, said, "zh").error_rate == 0


def test_words_of_a_region_stay_what_they_sound_like() -> None:
    """zhconv's "zh-cn" would make 软件 of 軟體: other syllables."""
    assert units("軟體 OK", "zh") == ["软", "体", "o", "k"]


def test_a_hearing_holds_units_edits_and_lengths() -> None:
    assert compared("Good morning to you all", "good evening to you", "en") == Hearing(
        hypothesis="good morning to you all",
        reference="good evening to you",
        error_rate=0.5,
        length_ratio=1.25,
        repetition=0.0,
    )
    heard = compared("你号吗", "你好", "zh")
    assert (heard.hypothesis, heard.reference, heard.error_rate, heard.length_ratio) == ("你 号 吗", "你 好", 1.0, 1.5)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sides_without_units(language: Language) -> None:
    text = {"en": "hello there", "zh": "你好"}[language]
    both, deaf, ghost = (compared(*sides, language) for sides in (("!", "…"), ("", text), (text, "。")))
    assert (both.error_rate, both.length_ratio, both.repetition) == (0.0, 1.0, 0.0)
    assert (deaf.error_rate, deaf.length_ratio, deaf.hypothesis) == (1.0, 0.0, "")
    assert (ghost.error_rate, ghost.length_ratio, ghost.reference) == (2.0, 3.0, "")


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("", 0.0),
        ("ha", 0.0),
        ("ha ha ha ha", 0.75),
        ("ha ho ha", 0.0),
        ("i see i see i see", 4 / 6),
        ("well i see i see it", 2 / 6),
        ("a b c d e f g h a b c d e f g h", 0.5),
        ("a b c d e f g h i a b c d e f g h i", 0.0),
    ],
)
def test_what_is_said_again_at_once_is_counted(said: str, share: float) -> None:
    assert repeated_share(said.split()) == pytest.approx(share)


def test_only_loops_that_the_text_does_not_have_count_as_repetition() -> None:
    assert compared("ha ha ha ha ha", "ha ha ha ha ha", "en").repetition == 0
    assert compared("very very good", "very good", "en").repetition == pytest.approx(1 / 3)
    assert compared("好的好的好的好的", "好的", "zh").repetition == 0.75
    assert compared("good", "very very very good", "en").repetition == 0


def test_a_collapsed_hypothesis_shows_in_its_length() -> None:
    heard = compared("the", "the train leaves at nine in the morning", "en")
    assert heard.length_ratio < 0.2
    assert heard.error_rate > 0.8


def test_a_language_without_rules_is_named() -> None:
    with pytest.raises(ValueError, match="no rules to compare texts in 'fr'; there are for: en, zh"):
        units("bonjour", "fr")  # type: ignore[arg-type]
